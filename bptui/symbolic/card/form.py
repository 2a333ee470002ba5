"""How a card is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from bptui.symbolic.types import CheckRow


@dataclass(frozen=True)
class Form:
    """What a card is to be like.

    raw      the derivative as SymPy gave it;  unicode  `∂`, or `d` for terminals that have no other letters
    rows     terms of a sum that a table holds; of longer sums the first and the last ones
    checks   what has been checked of it
    """

    raw: bool = False
    unicode: bool = True
    rows: int = 8
    checks: tuple[CheckRow, ...] = ()
