"""The check of one operation: its definition against the engine's value, and its derived rule against what the engine
passes on, worst element first; see `bptui.symbolic.check.step` for the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.kinds import KINDS, rounded
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import unmasked
from bptui.model.engine.ops import OPS
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import Binding, bind_arrays, estimate_cells
from bptui.symbolic.check.beyond import DIGITS, slope
from bptui.symbolic.check.comparison import Compared, Comparison, Passed
from bptui.symbolic.check.expected import Expected
from bptui.symbolic.check.slopes import Slopes
from bptui.symbolic.check.tolerance import DIFFERENCE, EXACT
from bptui.symbolic.types import CheckRow, RowName

CELLS = 30_000_000
"""Up to here a whole tensor is compared; beyond, `SAMPLES` elements of it."""
SAMPLES = 64
SAMPLED = "elements; one that is wrong is missed with probability"
FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an operation that is wrong may raise where it is asked once more, with other numbers or for one gradient."""


class NodeCheck(Compared):
    """The rows of one node of one recording."""

    def __init__(self, recording: Recording, node: Node) -> None:
        recording = unmasked(recording)
        super().__init__(recording, node, np.random.default_rng((0, node.id)))
        self.recording = recording
        self.out = np.asarray(recording.required(node))

    def rows(self, wrt: int | None, element: Index | None) -> Iterator[CheckRow]:
        """forward, then the rows of each input, or only of that at position `wrt` (none where that is -1)."""
        wanted = [p for p in self.recording.graph.passed_to(self.node) if wrt in (None, p)]
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
        return f" at {count} of {of:,} {SAMPLED} {significant(1 - count / of, 5)}"

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
        for row in Slopes(self.node, self.probe, position, drawn, self.random, chance).rows(at, use):
            yield self.beyond(row, binding, position, use if row.row == "difference" else drawn)

    def beyond(self, row: CheckRow, binding: Binding, position: int, upstream: Array) -> CheckRow:
        """The row of differences; one that fails of an operation of one's own is left to the digits beyond float64."""
        name = self.op.input_names[position]
        if row.verdict != "FAIL" or row.at is None or self.op.name in OPS:
            return row
        truth, got = slope(binding, name, row.at, upstream), float(self.vjp(position, upstream)[row.at])
        if truth is None:
            return row
        derived = derive(binding.definition.signature, name, self.op)
        rule = Expected(derived.vjp, binding.upstream(upstream), derived.q, self.values[position].shape)
        if abs(got - truth) > float(DIFFERENCE.allowed(got, truth, abs(truth))) + self.rounded(rule, row.at):
            return row
        note = f"float64 does not show the slope, {DIGITS} digits do: {significant(truth)}"
        return replace(row, verdict="skipped", note=note)

    def contribution(self, position: int) -> Array | None:
        """What was recorded that the node passed to an input, None where it does not reach the loss."""
        return self.recording.contribution(self.node.id, position)

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
