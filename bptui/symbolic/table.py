"""A sum of products as a table. Of a long one only the rows at its ends are written out, so that any length costs the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bptui.model.ops.base import Array
from bptui.model.spans import Line, line
from bptui.symbolic.types import Step, Table, Term

_TAIL = 2


def table(
    result: Line,
    total: float,
    values: Sequence[Array],
    label: Callable[[int], str],
    symbols: Callable[[int], tuple[Line, ...]],
    heads: tuple[str, Sequence[Line]],
    rows: int,
    after: Sequence[tuple[str, Line, float]] = (),
    partial: str = "",
) -> Table:
    """`values`: per factor its numbers, term by term; `label` and `symbols` write out one term; `heads`: of the index and the
    factors. `after`: what is added to the sum, or what it is divided by."""
    count = len(values[0])
    with np.errstate(all="ignore"):
        products = np.prod(values, axis=0) if len(values) > 1 else np.asarray(values[0])
        running = np.cumsum(products)

    def term(n: int) -> Term:
        factors = tuple(zip(symbols(n), (float(v[n]) for v in values), strict=True))
        return Term(label(n), factors, float(products[n]), float(running[n]))

    shown = range(count) if count <= rows else range(rows - _TAIL)
    tail = range(count - _TAIL, count) if count > rows else range(0)
    steps, value = [], float(running[-1]) if count else 0.0
    with np.errstate(all="ignore"):
        for sign, symbol, number in after:
            value = float(np.divide(value, number)) if sign == "/" else value + (number if sign == "+" else -number)
            steps.append(Step(sign, symbol, number, value))
    index, factors = heads
    return Table(
        result,
        total,
        tuple(term(n) for n in shown),
        count - len(shown) - len(tail),
        tuple(term(n) for n in tail),
        (line((index, "dim")), *factors, line(("product", "dim")), line(("sum", "dim"))),
        tuple(steps),
        partial,
    )
