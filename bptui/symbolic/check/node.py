"""The check of one operation: its definition against the engine's value, and its derived rule against what the engine
passes on, worst element first; see `bptui.symbolic.check.step` for the rows.

An error counts against  rtol·max(|got|, |expected|) + atol·max|expected|:  an element next to which others are a
billion times larger cannot be better than they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base import kinds
from bptui.model.base.errors import UserError
from bptui.model.base.kinds import KINDS, rounded
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import unmasked
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import Binding, bind_arrays, estimate_cells
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.difference import EPS
from bptui.symbolic.check.expected import Expected
from bptui.symbolic.check.slopes import Slopes
from bptui.symbolic.check.tolerance import EXACT, Tolerance, coarsest
from bptui.symbolic.types import CheckRow, RowName, Verdict

CELLS = 30_000_000
"""Up to here a whole tensor is compared; beyond, `SAMPLES` elements of it."""
SAMPLES = 64
SAMPLED = "elements; one that is wrong is missed with probability"
TERMS = 5_000
"""An element whose sum has more terms is taken to 50 digits only where it is asked for: 40 µs for each term."""
SUSPECTS = 32
"""So many of the worst and as many of the other elements that float64 tells apart are looked at at 50 digits."""
Index = tuple[int, ...]
FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an operation that is wrong may raise where it is asked once more, with other numbers or for one gradient."""


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


class NodeCheck:
    """The rows of one node of one recording."""

    def __init__(self, recording: Recording, node: Node, seed: int) -> None:
        assert node.op is not None
        recording = unmasked(recording)
        self.recording, self.node, self.op = recording, node, node.op
        self.values = [np.asarray(recording.required(i)) for i in node.inputs]
        self.out = np.asarray(recording.required(node))
        met = node.inputs if self.op.name == "cast" else (*node.inputs, node.id)  # a cast's definition rounds, too
        self.tolerance = coarsest(recording.dtype(i) for i in met)
        self.random = np.random.default_rng((seed, node.id))

    def row(self, row: RowName, verdict: Verdict, wrt: str = "", **rest: Any) -> CheckRow:
        """A row of this node."""
        return CheckRow(self.node.name, self.op.name, wrt, row, verdict, **rest)

    def rows(self, wrt: int | None, element: Index | None) -> Iterator[CheckRow]:
        """forward, then the rows of each input, or only of that at position `wrt` (none where that is -1)."""
        graph = self.recording.graph
        wanted = [
            p for p, i in enumerate(self.node.inputs)
            if self.op.differentiable(p) and graph.nodes[i].wants_grad and wrt in (None, p)
        ]  # fmt: skip
        try:
            binding = bind_arrays(self.op, [wide(v) for v in self.values], self.node.attributes, wide(self.out))
        except (UserError, ValueError, KeyError) as error:
            yield self.row("forward", "FAIL", note=f"the definition does not fit: {error}")
            return
        forward = self.forward(binding)
        yield forward if forward.verdict == "FAIL" else self.overwriting() or self.unrounded() or forward
        if forward.verdict == "FAIL" and forward.at is None:
            return  # the definition has no number for each element of this shape, nor has its derivative
        for position in wanted:
            name = self.op.input_names[position]
            if not self.values[position].size:
                yield self.row("symbolic", "n/a", name, note="empty")
                continue
            made = self.overwriting(position) or self.unrounded(position)
            if made is not None:
                yield made
            elif not self.out.size:
                yield self.nothing(position)
            else:
                yield from self.input(binding, position, element if position == wrt else None)

    @cached_property
    def probe(self) -> Probe:
        """The engine by itself, at these inputs."""
        return Probe(self.node, self.values)

    def overwriting(self, position: int | None = None) -> CheckRow | None:
        """The row of an operation that writes over what others read, or that cannot be computed again: its forward, or
        its vjp for one input."""
        row: RowName = "forward" if position is None else "symbolic"
        wrt = "" if position is None else self.op.input_names[position]
        try:
            found = self.probe.overwritten(position)
        except FAULTS as fault:
            return self.row(row, "FAIL", wrt, note=f"cannot be computed by itself: {fault}")
        if found is None:
            return None
        note, error = f"writes over {found.what}, which others read", abs(found.got - found.expected)
        numbers: dict[str, Any] = {"at": found.at, "got": found.got, "expected": found.expected, "error": error}
        return self.row(row, "FAIL", wrt or found.what, tolerance=0.0, note=note, **numbers)

    def unrounded(self, position: int | None = None) -> CheckRow | None:
        """The row of numbers that are not of their node's kind: of the value, or of what is passed to one input."""
        row: RowName = "forward" if position is None else "symbolic"
        source = self.node if position is None else self.recording.graph.nodes[self.node.inputs[position]]
        kind, found = source.kind, self.out if position is None else self.contribution(position)
        if not kind or found is None:
            return None
        got, right = np.asarray(found, float), rounded(found, KINDS[kind])
        wrong = np.argwhere((got != right) & ~np.isnan(got))
        if not len(wrong):
            return None
        at, name = tuple(int(i) for i in wrong[0]), "" if position is None else self.op.input_names[position]
        numbers = {"got": float(got[at]), "expected": float(right[at]), "error": float(abs(got[at] - right[at]))}
        return self.row(row, "FAIL", name, at=at, tolerance=0.0, note=f"is not rounded to {kind}", **numbers)

    def nothing(self, position: int) -> CheckRow:
        """The row of an input of an output without elements: nothing is passed on."""
        name, contribution = self.op.input_names[position], self.contribution(position)
        if contribution is None:
            return self.unpassed(name)
        got = wide(contribution)
        note = "the output is empty: nothing is passed on"
        return self.compare(Comparison("symbolic", name, got, np.zeros(got.shape), self.tolerance, note))

    def unpassed(self, name: str) -> CheckRow:
        """The row of an input to which nothing was recorded as passed: right only where the loss is not reached."""
        if not self.recording.complete:
            return self.row("symbolic", "n/a", name, note="what it passes on was not recorded")
        if self.node.wants_grad:
            return self.row("symbolic", "FAIL", name, note="nothing is passed on, though the loss is reached")
        return self.row("symbolic", "skipped", name, note="does not reach the loss")

    def vjp(self, position: int, upstream: Array) -> Array:
        """What the engine passes to an input for another ∂L/∂output than the recorded one."""
        return self.probe.vjp(position, upstream)

    # -------------------------------------------------------------------------------------------------- forward
    def forward(self, binding: Binding) -> CheckRow:
        """The definition's value against the engine's."""
        definition, shape = binding.definition, self.node.shape
        places = self.places(estimate_cells(definition.body, binding, shape), shape)

        source = Expected(definition.body, binding, definition.out, shape, places)
        try:
            expected, got = source.numbers(), self.out if places is None else self.out[places]
        except (IndexError, KeyError, ValueError, TypeError) as error:
            return self.row("forward", "FAIL", note=f"the definition has no number here: {error}")
        note = "equal to the definition" + self.sampled(places, shape)
        return self.compare(Comparison("forward", "", got, expected, self.tolerance, note, source))

    def places(self, cells: int, shape: Index) -> tuple[Array, ...] | None:
        """Index arrays of the elements to compare; None for all of them."""
        if cells <= CELLS or not shape:
            return None
        flat = self.random.choice(math.prod(shape), min(SAMPLES, math.prod(shape)), replace=False)
        return tuple(np.asarray(axis) for axis in np.unravel_index(np.sort(flat), shape))

    def sampled(self, places: tuple[Array, ...] | None, shape: Index) -> str:
        """What to say of a comparison of some of the elements."""
        if places is None:
            return ""
        count, of = len(places[0]), math.prod(shape)
        return f" at {count} of {of:,} {SAMPLED} {1 - count / of:.5g}"

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
            error = np.where(same, 0.0, np.abs(got - expected))
            error = np.where(np.isnan(error), np.inf, error)
            sources = [upstream] if upstream is not None else [v for v in self.values if v.dtype.kind == "f"]
            allowed = tolerance.between(got, expected, sources, row == "forward", c.size)
            badness = np.where(error == 0, 0.0, error / allowed)
        if c.source is not None and np.any(badness > 1):
            expected, error = np.array(expected), np.array(error)
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
        then, too, or nothing. Fills `expected` and `error` with what it finds."""
        for n in self.suspects(badness):
            index = tuple(int(i) for i in np.unravel_index(n, got.shape))
            number = float(source.exact(index))
            if not math.isfinite(number):
                return badness
            expected[index], error[index] = number, abs(got[index] - number)
            if not error[index] <= allowed[index]:
                return np.where(np.arange(got.size).reshape(got.shape) == n, np.inf, 0.0)
        return np.where(badness > 1, 0.0, badness)

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

    # ------------------------------------------------------------------------------------------------ one input
    def input(self, binding: Binding, position: int, element: Index | None) -> Iterator[CheckRow]:
        """The derived rule for an input, then differences of the engine's forward."""
        name = self.op.input_names[position]
        contribution = self.contribution(position)
        upstream = self.recording.grad(self.node)
        if contribution is None or upstream is None:
            yield self.unpassed(name)
            return
        upstream = wide(upstream)
        drawn = self.random.normal(size=self.node.shape)
        symbolic = self.symbolic(binding, position, contribution, upstream, drawn, element)
        yield symbolic
        if self.op.straight_through:
            note = "the gradient passes otherwise than the value moves, by convention"
            yield self.row("difference", "n/a", name, note=note)
            return
        at = element if element is not None else symbolic.at
        if at is None or len(at) != self.values[position].ndim:
            at = tuple(0 for _ in self.values[position].shape)
        use = upstream if np.isfinite(upstream).all() and upstream.any() else drawn
        finite = np.isfinite(self.out)  # next to a pole or an overflow, the others can still be checked
        use, drawn = np.where(finite, use, 0.0), np.where(finite, drawn, 0.0)
        chance = SAMPLED in symbolic.note
        yield from Slopes(self.node, self.probe, position, drawn, self.random, chance).rows(at, use)

    def contribution(self, position: int) -> Array | None:
        """What was recorded that the node passed to an input, None where it does not reach the loss."""
        for found in self.recording.contributions(self.node.inputs[position]):
            if (found.consumer, found.position) == (self.node.id, position):
                return found.array
        return None

    def symbolic(
        self, binding: Binding, position: int, got: Array, upstream: Array, drawn: Array, element: Index | None
    ) -> CheckRow:
        """The derived VJP against what was passed to an input, `got`, and against what is for `drawn`, a random
        ∂L/∂output."""
        name, shape = self.op.input_names[position], self.values[position].shape
        signature = binding.definition.signature
        try:
            derived = derive(signature, name, self.op)
        except (UserError, NotImplementedError, KeyError, ValueError) as error:
            return self.row("symbolic", "skipped", name, note=f"no derivation: {error}")
        places = self.places(estimate_cells(derived.vjp, binding.upstream(upstream), shape), shape)
        note = self.sampled(places, shape).strip()
        live = bool(upstream.any())
        # a gradient that cancels (a bias before a batch_norm, a converged training) is known to the rounding of its
        # terms: the same sum with each term by a random factor says how large they are
        with np.errstate(all="ignore"):
            apart = np.abs(self.vjp(position, upstream * drawn))
        size = float(np.max(apart, where=np.isfinite(apart), initial=0.0))
        rows = []
        for own, gradient, tolerance, least in (
            (got, upstream, self.tolerance, size), (self.vjp(position, drawn), drawn, EXACT, 0.0)
        ):  # fmt: skip
            if gradient is upstream and not (live and np.isfinite(self.out).all()) and not np.any(got):
                continue  # what does not reach the loss, or has gradient 0, passes 0 on whatever its derivative is
            source = Expected(derived.vjp, binding.upstream(gradient), derived.q, shape, places)
            try:
                expected, mine = source.numbers(), np.asarray(own) if places is None else np.asarray(own)[places]
            except (IndexError, KeyError, ValueError, TypeError) as error:
                return self.row("symbolic", "skipped", name, note=f"the derivation has no number here: {error}")
            rows.append(
                self.compare(Comparison("symbolic", name, mine, expected, tolerance, note, source, gradient, least))
            )
        first = next((row for row in rows if row.verdict == "FAIL"), rows[0])
        if first.verdict != "FAIL":
            passed = Passed(derived.vjp, derived.q, binding.upstream(upstream), got, upstream, size)
            return self.closely(first, passed, element)
        if places is None and not self.uses_upstream(position, drawn):
            return replace(first, note="∂L/∂output is not used")
        return first

    def uses_upstream(self, position: int, upstream: Array) -> bool:
        """Does what is passed on depend on ∂L/∂output?"""
        return not np.allclose(self.vjp(position, upstream), self.vjp(position, 2 * upstream))

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
        reference = Expected(rule, binding, symbols, flat.shape).exact(at)
        mine = float(np.asarray(got)[at])
        if any(np.isnan(value).any() for value in self.values if value.dtype.kind == "f"):
            return row
        if not math.isfinite(float(reference)) or not math.isfinite(mine):
            return row
        error = abs(float(reference - mine))
        kind = self.recording.dtype(self.node.inputs[self.op.input_names.index(row.input)])
        ulp = kinds.ulp(largest, kind) if largest else 0.0
        allowed = float(self.tolerance.allowed(mine, float(reference), max(largest, size) or 1.0))
        # p - 1 of a class that is certain: what cancels inside of an element leaves the rounding of ∂L/∂output
        rounding = max(EPS, float(np.finfo(np.asarray(got).dtype).eps))
        allowed += 8 * rounding * float(np.max(np.abs(upstream), where=np.isfinite(upstream), initial=0.0))
        found: dict[str, Any] = {"error": error, "tolerance": allowed, "at": at, "got": mine}
        found["expected"] = float(reference)
        if error > allowed:
            return self.row("symbolic", "FAIL", row.input, note="only at 50 digits", **found)
        said = f"{error / ulp:.1f} ulp from 50 digits" if ulp else "exactly 0"
        return replace(row, note="; ".join(part for part in (said, row.note) if part), **found)
