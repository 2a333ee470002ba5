"""Operations of one's own: `[ops.NAME]` of a network file, `NAME = op("…")` in a formula, `bptui.op("…")`.

A definition (docs/definitions.md) is all that is given. What its backward rule is has to be derived, so the row is made
by `bptui.symbolic.own.make`. The numbers never import the proof: this is the one place that asks for it, by name, and
only when an operation is defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from bptui.model import ops
from bptui.model.errors import UserError
from bptui.model.ops.base import Op

MAKER = "bptui.symbolic.own"
MAX_DEFINITION = 2_000


def make(
    name: str,
    definition: str,
    where: str,
    settings: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
) -> Op:
    """The row of an operation called `name`; a UserError where the definition does not parse or cannot be derived.

    settings  its attributes with their defaults, numbers;  inputs  their order, where it is not that of the text
    """
    if not name.isidentifier() or len(name) > 64:
        raise UserError(where, f"'{name[:64]}' is not a name", "letters, digits and _")
    if name in ops.OPS or name in ops.COMPOSITES:
        raise UserError(where, f"there is an operation '{name}' already", "give yours a name of its own")
    if len(definition) > MAX_DEFINITION:
        raise UserError(where, f"{len(definition):,} characters", f"at most {MAX_DEFINITION:,}")
    try:
        maker = import_module(MAKER)
    except ModuleNotFoundError as missing:
        if missing.name not in ("sympy", "mpmath"):
            raise
        raise UserError(where, "an operation of your own needs SymPy to derive it", "pip install sympy") from None
    row: Op = maker.make(name, definition, where, settings or {}, inputs)
    return row
