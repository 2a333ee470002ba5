"""What a derivation says, before anybody has written it down: sections of cards, with what is said of them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bptui.model.base import numbers
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.facts import Card, Fact
from bptui.symbolic.types import CheckRow

ROLES = {"input": "given", "target": "given", "param": "trained", "const": "a constant", "state": "carried on"}
"""What a number that no operation computes is, by the role of its node."""


@dataclass(frozen=True)
class Grid:
    """A table of words and numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One heading.

    cards   of one Moment: of each input, or of several elements; what two of them have in common is said once
    sums    what all contributions together come to;  checks  what was checked
    budget  the digits that the number has lost, where that can be measured
    grid    a table that is no card's;  note  a sentence
    """

    heading: str
    cards: tuple[Card, ...] = ()
    sums: tuple[Fact, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    budget: ErrorBudget | None = None
    grid: Grid | None = None
    note: str = ""

    @property
    def checked(self) -> Grid:
        """The checks as a table; of several inputs, which one each is about."""
        several = len({row.input for row in self.checks}) > 1

        def cells(row: CheckRow) -> tuple[str, ...]:
            error, allowed = ("" if x is None else numbers.significant(x, 2) for x in (row.error, row.tolerance))
            kind = f"{row.row} by {row.input}" if several and row.input else row.row
            return kind, row.verdict, error, "" if row.error is None else allowed, row.note

        return Grid(("check", "verdict", "error", "allowed", "note"), tuple(map(cells, self.checks)))

    def told(self) -> Iterator[tuple[Card, bool]]:
        """Each card, and whether its operation and its rules have yet to be said."""
        before: Card | None = None
        for card in self.cards:
            yield card, before is None or (before.title, before.rules) != (card.title, card.rules)
            before = card


@dataclass(frozen=True)
class Document:
    """A derivation as a whole."""

    heading: str
    sections: tuple[Section, ...]
