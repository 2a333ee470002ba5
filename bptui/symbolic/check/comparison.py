"""Numbers that the engine has against those that are expected of it, worst element first: a row of the check.

An error counts against  rtol·max(|got|, |expected|) + atol·max|expected|:  an element next to which others are a
billion times larger cannot be better than they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base import kinds
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.ops import OPS
from bptui.model.engine.probe import wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.calculus.evaluate import Binding, estimate_cells
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.difference import EPS
from bptui.symbolic.check.expected import Expected
from bptui.symbolic.check.tolerance import Tolerance, apart, coarsest
from bptui.symbolic.types import CheckRow, RowName, Verdict

TERMS = 5_000
"""An element whose sum has more terms is taken to 50 digits only where it is asked for: 40 µs for each term."""
SUSPECTS = 32
"""So many of the worst and as many of the other elements that float64 tells apart are looked at at 50 digits."""


@dataclass(frozen=True)
class Comparison:
    """What the engine has, `got`, and the numbers that are expected of it.

    source    where they come from: no element is rejected without its 50 digits (exp(x) - 1 has 7 digits at 1e-9)
    upstream  ∂L/∂output, of a gradient;  size  how large the tensor would be if nothing cancelled in it
    """

    row: RowName
    input: str
    got: Array
    expected: Array
    tolerance: Tolerance
    note: str
    source: Expected | None = None
    upstream: Array | None = None
    size: float = 0.0

    @property
    def places(self) -> tuple[Array, ...] | None:
        """Index arrays of the elements that are compared, None for all of them."""
        return None if self.source is None else self.source.places


class Passed(NamedTuple):
    """What was passed to an input, and the rule that is derived for it over the `symbols` of its axes; `size` as in
    `Comparison`."""

    rule: Expr
    symbols: Sequence[Expr]
    binding: Binding
    got: Array
    upstream: Array
    size: float


class Compared:
    """One node of one recording, of whose numbers rows are made."""

    def __init__(self, recording: Recording, node: Node, random: np.random.Generator) -> None:
        assert node.op is not None
        self.node, self.op, self.random = node, node.op, random
        self.values = [np.asarray(recording.required(i)) for i in node.inputs]
        self.kinds = [recording.dtype(i) for i in node.inputs]
        own = [] if self.op.name == "cast" else [recording.dtype(node.id)]  # a cast's definition rounds, too
        self.tolerance = coarsest([*self.kinds, *own])

    def row(self, row: RowName, verdict: Verdict, wrt: str = "", **rest: Any) -> CheckRow:
        """A row of this node."""
        return CheckRow(self.node.name, self.op.name, wrt, row, verdict, **rest)

    def compare(self, c: Comparison) -> CheckRow:
        """The worst element decides. Equal NaN and inf agree; where only the definition overflows, nothing is
        compared."""
        row, wrt, tolerance, note, places, upstream = c.row, c.input, c.tolerance, c.note, c.places, c.upstream
        got, expected = np.asarray(c.got, float), np.asarray(c.expected, float)
        if not got.size:
            return self.row(row, "n/a", wrt, note="empty")
        with np.errstate(all="ignore"):
            expected = tolerance.bounded(got, expected)
            lost = np.isnan(expected) & np.isfinite(got)
            same = (got == expected) | lost | self.endless(got, expected, c)
            error = apart(got, expected, same)
            sources = [upstream] if upstream is not None else [v for v in self.values if v.dtype.kind == "f"]
            allowed = tolerance.between(got, expected, sources, row == "forward", c.size)
            badness = np.where(error == 0, 0.0, error / allowed)
        if c.source is not None and np.any(badness > 1):
            expected, error, allowed = np.array(expected), np.array(error), np.array(allowed)
            badness = self.confirmed(got, expected, error, allowed, badness, c.source)
        worst = np.unravel_index(int(np.argmax(badness)), got.shape)
        at = tuple(int(i) for i in worst) if places is None else tuple(int(axis[worst[0]]) for axis in places)
        found = {
            "error": float(error[worst]), "tolerance": float(allowed[worst]), "at": at,
            "got": float(got[worst]), "expected": float(expected[worst]),
        }  # fmt: skip
        if lost.any():
            said = f"{int(lost.sum())} not compared: the definition has no finite value there"
            note = f"{note.rstrip('; ')}; {said}" if note else said
        if badness[worst] <= 1:
            return self.row(row, "skipped" if lost.all() else "ok", wrt, note=note, **found)
        shapes = (self.node.shape, *(v.shape for v in self.values))
        cause = likely(got, expected, upstream, shapes) if places is None else ""
        return self.row(row, "FAIL", wrt, note=cause, **found)

    def confirmed(
        self,
        got: Array,
        expected: Array,
        error: Array,
        allowed: Array,
        badness: Array,
        source: Expected,
    ) -> Array:
        """What is left of `badness` where the suspects are expected to have their 50 digits: the first that is wrong
        then, too, or nothing. Fills `expected`, `error` and `allowed` with what it finds."""
        for n in self.suspects(badness):
            index = tuple(int(i) for i in np.unravel_index(n, got.shape))
            number = float(source.exact(index))
            if not math.isfinite(number):
                return badness
            expected[index], error[index] = number, abs(got[index] - number)
            if not error[index] <= allowed[index]:
                allowed[index] += self.rounded(source, index)
            if not error[index] <= allowed[index]:
                return np.where(np.arange(got.size).reshape(got.shape) == n, np.inf, 0.0)
        return np.where(badness > 1, 0.0, badness)

    def rounded(self, source: Expected, index: Index) -> float:
        """What rounding makes of an element of an operation of one's own, which is computed as its definition is
        written; those of the list have to keep the digits that there are."""
        return 0.0 if self.op.name in OPS else 4 * source.rounding(index, self.tolerance.rounding)

    def endless(self, got: Array, expected: Array, c: Comparison) -> Array:
        """Where numbers that are not finite are as good as those that are expected. Where they arise is a finding of
        its own (bptui.model.engine.nonfinite), not a wrong derivative."""
        same = (np.isnan(got) & np.isnan(expected)) | (np.isinf(got) & np.isinf(expected))  # 1/-0.0: no sign of zero
        same |= ~np.isfinite(got) & ~np.isfinite(expected)  # ∞ - ∞ is inf or NaN by the order of a sum
        if c.source is not None and any(np.isnan(array).any() for array in c.source.floats()):
            same |= c.source.undefined()
            if c.upstream is not None and c.places is None:  # nor has any a slope at NaN
                own = self.values[self.op.input_names.index(c.input)]
                for value in self.values if self.op.elementwise else (own,):
                    same |= np.isnan(value) if value.shape == got.shape and value.dtype.kind == "f" else False
        left = np.isnan(got) & ~same
        if left.any() and c.source is not None:
            same |= left & c.source.excused()
        return same

    def suspects(self, badness: Array) -> list[int]:
        """Places of elements that are wrong by float64: the worst first, then some of the others."""
        flat = badness.reshape(-1)
        found = np.flatnonzero(flat > 1)
        found = found[np.argsort(-flat[found], kind="stable")]
        rest = found[SUSPECTS:]
        more = self.random.choice(rest, min(SUSPECTS, len(rest)), replace=False)
        return [int(n) for n in (*found[:SUSPECTS], *more)]

    def closely(self, row: CheckRow, passed: Passed, element: Index | None) -> CheckRow:
        """The selected element, or the largest, once more at 50 digits, in ulps of the largest of the tensor."""
        rule, symbols, binding, got, upstream, size = passed
        flat = np.abs(wide(got))
        at = element
        if at is None or len(at) != flat.ndim:
            if not flat.size or not np.isfinite(flat).all():
                return row
            if estimate_cells(rule, binding, ()) > TERMS:
                return row
            at = tuple(int(i) for i in np.unravel_index(int(np.argmax(flat)), flat.shape)) if flat.ndim else ()
        largest = float(np.max(flat[np.isfinite(flat)], initial=0.0))
        source = Expected(rule, binding, symbols, flat.shape)
        reference = source.exact(at)
        mine = float(np.asarray(got)[at])
        if any(np.isnan(value).any() for value in self.values if value.dtype.kind == "f"):
            return row
        if not math.isfinite(float(reference)) or not math.isfinite(mine):
            return row
        error = abs(float(reference - mine))
        ulp = kinds.ulp(largest, self.kinds[self.op.input_names.index(row.input)]) if largest else 0.0
        allowed = float(self.tolerance.allowed(mine, float(reference), max(largest, size) or 1.0))
        # p - 1 of a class that is certain: what cancels inside of an element leaves the rounding of ∂L/∂output
        rounding = max(EPS, float(np.finfo(np.asarray(got).dtype).eps))
        allowed += 8 * rounding * float(np.max(np.abs(upstream), where=np.isfinite(upstream), initial=0.0))
        found: dict[str, Any] = {"error": error, "tolerance": allowed, "at": at, "got": mine}
        found["expected"] = float(reference)
        if error > allowed:
            found["tolerance"] = allowed = allowed + self.rounded(source, at)
        if error > allowed:
            return self.row("symbolic", "FAIL", row.input, note="only at 50 digits", **found)
        said = f"{error / ulp:.1f} ulp from 50 digits" if ulp else "exactly 0"
        return replace(row, note="; ".join(part for part in (said, row.note) if part), **found)
