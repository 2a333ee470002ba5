"""The digits of a table whose rows and columns add up: the same law as of an equation (`base.arithmetic`).

A reader who adds the printed numbers of a row, of a column, or the printed sums of either side gets what is printed
there, in its last place. The table starts with the usual decimals; where some sum does not come out, the numbers get
more of them, the cells more than the sums and the sums more than the total; what has no room is told by `≈`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bptui.model.base import numbers
from bptui.model.base.arithmetic import EPS, cancelled, gives

Cells = Sequence[Sequence[float | None]]
Sums = tuple[Sequence[float | None], Sequence[float | None], float | None]
"""Of the rows, of the columns, of both."""
_MOST = 4
"""Decimals that a total may have besides its usual ones, or lack."""


@dataclass(frozen=True)
class Crosstab:
    """The texts of a table: its cells row by row, the sums at the right, those below, the total of both.

    power  what all of them are in units of: `1e-7`; 0 for plain numbers
    sign   `=`, or `≈` where the sums do not come out of what is printed
    """

    cells: tuple[tuple[str, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    total: str
    power: int = 0
    sign: str = "="


def crosstab(cells: Cells, total: float | None, room: int = numbers.WIDTH, eps: float = EPS) -> Crosstab:
    """The texts of a table of numbers (None: not there yet), of the sums of its rows and columns, and of `total`, which
    is what the sums of either side add up to; 0 for a sum that is nothing but rounding (`cancelled`, `eps` as there).
    No text is longer than `room`, its sign included."""
    rows = [_sum(row, eps) for row in cells]
    columns = [_sum(column, eps) for column in zip(*cells, strict=True)]
    known = [x for row in cells for x in row if x is not None]
    if total is not None and all(map(math.isfinite, known)):
        total = 0.0 if cancelled(total, math.fsum(known), math.fsum(map(abs, known)), eps) else total
    if total is not None and numbers.concealed(total):  # and so is what is the same number
        rows = [total] if len(rows) == 1 else rows
        columns = [total] if len(columns) == 1 else columns
    every = [x for row in cells for x in row if x is not None] + [x for x in (*rows, *columns, total) if x is not None]
    if not all(map(math.isfinite, every)):
        return _table(cells, (rows, columns, total), (numbers.DECIMALS,) * 3, 0, room)
    largest = max(map(abs, every), default=0.0)
    power = 0 if largest == 0 or 1e-2 <= largest < 1e4 else math.floor(math.log10(largest))
    scaled = [[_over(x, power) for x in row] for row in cells]
    sums = [_over(x, power) for x in rows], [_over(x, power) for x in columns], _over(total, power)
    found, usual = None, min(numbers.DECIMALS, max(0, room - 2 - len(f"{largest * 10.0**-power:.0f}")))
    for decimals in _levels(usual):
        made = _table(scaled, sums, decimals, power, room)
        found = found or made
        fits = all(len(text) <= room for line in (*made.cells, made.rows, made.columns, (made.total,)) for text in line)
        if fits and _true(made, largest * 10.0**-power):
            return made
    assert found is not None
    return Crosstab(found.cells, found.rows, found.columns, found.total, power, "≈")


def _levels(usual: int) -> Iterator[tuple[int, int, int]]:
    """(decimals of cells, of sums, of the total): alike, then more inside; then a shorter total."""
    for total in (*range(usual, usual + _MOST), *range(usual - 1, max(-1, usual - _MOST), -1)):
        for more, most in ((0, 0), (0, 1), (1, 1), (1, 2)):
            yield total + most, total + more, total


def _sum(numbers_: Sequence[float | None], eps: float) -> float | None:
    known = [x for x in numbers_ if x is not None]
    if not known:
        return None
    if not all(map(math.isfinite, known)):
        return sum(known)
    found = math.fsum(known)
    return 0.0 if cancelled(found, found, math.fsum(map(abs, known)), eps) else found


def _over(x: float | None, power: int) -> float | None:
    return x if x is None or not power else float(Decimal(x).scaleb(-power))


def _text(x: float | None, decimals: int, room: int) -> str:
    if x is None:
        return numbers.NOT_YET
    return numbers.field(x, max(room, 9), decimals).strip()


def _table(cells: Cells, sums: Sums, decimals: tuple[int, int, int], power: int, room: int) -> Crosstab:
    rows, columns, total = sums
    inner, outer, last = decimals
    return Crosstab(
        tuple(tuple(_text(x, inner, room) for x in row) for row in cells),
        tuple(_text(x, outer, room) for x in rows),
        tuple(_text(x, outer, room) for x in columns),
        _text(total, last, room),
        power,
    )


def _true(made: Crosstab, scale: float) -> bool:
    """Does every sum come out of what is printed?"""
    pairs = [(row, text) for row, text in zip(made.cells, made.rows, strict=True)]
    pairs += [(column, text) for column, text in zip(zip(*made.cells, strict=True), made.columns, strict=True)]
    if made.total != numbers.NOT_YET:
        pairs += [(made.rows, made.total), (made.columns, made.total)]
    for parts, text in pairs:
        known = [Decimal(part) for part in parts if part != numbers.NOT_YET]
        if known and not gives(float(sum(known)), text, scale, tie=False):
            return False
    return True
