"""The rows of the check that know nothing of definitions: differences of the engine's own forward, one element by
itself and a random direction, and a complex step. A direction that fails is bisected to an element.

A direction sees all elements at once: with Gaussian v an error e of the gradient shows as <e, v>, which is normal with
deviation |e|, so that |<e, v>| stays below a tolerance τ with a probability of at most √(2/π)·τ/|e|.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.probe import Probe
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.difference import EPS, Slope, along, clear, complex_slope, crossing, kinked, reachable
from bptui.symbolic.check.tolerance import COMPLEX, DIFFERENCE
from bptui.symbolic.types import CheckRow, RowName, Verdict

ROUGH = "too rough for differences"
Measure = Callable[[Array], tuple[float, float]]
"""(what the engine's gradient says, what the forward says) along a direction."""


class Measured(NamedTuple):
    """What the engine's gradient says along a direction, or `at` one element; `scale` is the sum of the sizes of its
    terms, `floor` the rounding that ∂L/∂output leaves in it."""

    got: float
    scale: float
    floor: float
    at: Index | None = None


class Slopes:
    """One input of one operation. `upstream` is a random ∂L/∂output, `chance`: say what a direction may miss."""

    def __init__(
        self, node: Node, probe: Probe, position: int, upstream: Array, random: np.random.Generator, chance: bool
    ) -> None:
        assert node.op is not None
        self.node, self.op, self.probe, self.position = node, node.op, probe, position
        self.name, self.upstream, self.random, self.chance = node.op.input_names[position], upstream, random, chance
        self.shape: Index = probe.inputs[position].shape

    def rows(self, at: Index, upstream: Array) -> Iterator[CheckRow]:
        """difference at one element, with the ∂L/∂output given; direction; complex step."""
        yield self.difference(at, upstream)
        yield self.direction()
        if self.op.analytic:
            yield self.complex()

    def row(self, row: RowName, verdict: Verdict, **rest: Any) -> CheckRow:
        return CheckRow(self.node.name, self.op.name, self.name, row, verdict, **rest)

    def difference(self, at: Index, upstream: Array) -> CheckRow:
        """One element by itself."""
        direction = np.zeros(self.shape)
        direction[at] = 1.0
        got = float(self.probe.vjp(self.position, upstream)[at])
        reach, corners, _ = way = clear(self.probe, self.position, direction, upstream)
        if way.rough or (self.op.analytic and corners.any()):
            note = ROUGH if way.rough else "next to a pole"
            return self.row("difference", "skipped", at=at, got=got, note=note)
        found = along(self.probe, self.position, direction, upstream, reach)
        floor = self.floor(upstream, direction)
        return self.judged("difference", Measured(got, abs(got), floor, at), found, corner=bool(corners.any()))

    def direction(self) -> CheckRow:
        """All elements at once; outputs that have a corner along the way are left out of the sum, and counted."""
        probe, position, upstream = self.probe, self.position, self.upstream
        direction = self.random.normal(size=self.shape)
        all_of_it = np.count_nonzero(direction)
        direction, way = reachable(probe, position, direction, upstream)
        reach, corners, _ = way
        notes = []
        if fixed := all_of_it - np.count_nonzero(direction):
            notes = [f"{fixed} of {direction.size} elements too large to be moved left out"]
        if not direction.any() or (corners.all() and (self.op.analytic or way.rough)):
            why = ROUGH if way.rough else "next to a pole"
            return self.row("direction", "skipped", note="; ".join([*notes, why]))
        if corners.any() and not corners.all():
            upstream = np.where(corners, 0.0, upstream)
            notes.append(f"{int(corners.sum())} of {corners.size} outputs next to a kink left out")
        row, direction, gradient = self.moved(direction, upstream, reach, notes)
        if row.verdict == "FAIL":
            tied = crossing(probe, position, direction, self.random) & (upstream != 0)
            if tied.any() and not (upstream * ~tied).any():
                return replace(row, verdict="KINK", note="equal elements change places along the direction")
            if tied.any():
                upstream = np.where(tied, 0.0, upstream)
                notes.append(f"{int(tied.sum())} of {tied.size} outputs left out, where equal elements change places")
                row, direction, gradient = self.moved(direction, upstream, reach, notes)
        if row.verdict != "FAIL":
            return self.chanced(row, gradient)

        def measure(part: Array) -> tuple[float, float]:
            return float(np.sum(gradient * part)), along(probe, position, part, upstream, reach).value

        return self.located(row, direction, measure)

    def moved(
        self, direction: Array, upstream: Array, reach: float, notes: Sequence[str]
    ) -> tuple[CheckRow, Array, Array]:
        """(the row, the direction, the gradient) of all elements at once, where the gradient is finite."""
        direction, gradient = self.finite(direction, upstream)
        terms = gradient * direction
        found = along(self.probe, self.position, direction, upstream, reach)
        got, scale, floor = float(np.sum(terms)), float(np.sum(np.abs(terms))), self.floor(upstream, direction)
        made = self.judged("direction", Measured(got, scale, floor), found, "; ".join(notes))
        return made, direction, gradient

    def finite(self, direction: Array, upstream: Array) -> tuple[Array, Array]:
        """The direction and the engine's gradient, both 0 where the gradient is not finite."""
        gradient = self.probe.vjp(self.position, upstream)
        there = np.isfinite(gradient)
        return np.where(there, direction, 0.0), np.where(there, gradient, 0.0)

    def complex(self) -> CheckRow:
        """The same by a step into the imaginary."""
        probe, position = self.probe, self.position
        direction = self.random.normal(size=self.shape)
        imaginary = Probe(self.node, probe.inputs, np.complex128)
        row, upstream = self.stepped(imaginary, direction, self.upstream), self.upstream
        if row.verdict == "FAIL":  # where the forward has a corner (a norm of 0), it is not analytic
            corners = kinked(probe, position, direction)
            if corners.any():
                upstream = np.where(corners, 0.0, upstream)
                row = self.stepped(imaginary, direction, upstream)
        if row.verdict != "FAIL":
            return self.chanced(row, probe.vjp(position, upstream)) if row.verdict == "ok" else row
        gradient = probe.vjp(position, upstream)

        def measure(part: Array) -> tuple[float, float]:
            return float(np.sum(gradient * part)), complex_slope(imaginary, position, part, upstream)

        return self.located(row, np.where(np.isfinite(gradient), direction, 0.0), measure)

    def stepped(self, imaginary: Probe, direction: Array, upstream: Array) -> CheckRow:
        """One complex step along a direction."""
        direction, gradient = self.finite(direction, upstream)
        try:
            expected = complex_slope(imaginary, self.position, direction, upstream)
        except (TypeError, ValueError):
            return self.row("complex step", "n/a", note="the engine's form takes no complex numbers")
        terms = gradient * direction
        got, scale = float(np.sum(terms)), float(np.sum(np.abs(terms)))
        if not math.isfinite(got) or not math.isfinite(expected):
            return self.row("complex step", "skipped", note="not finite")
        allowed = float(COMPLEX.allowed(got, expected, scale)) + 64 * EPS * scale + self.floor(upstream, direction)
        error = abs(got - expected)
        verdict: Verdict = "ok" if error <= allowed else "FAIL"
        return self.row("complex step", verdict, error=error, tolerance=allowed, got=got, expected=expected)

    def floor(self, upstream: Array, direction: Array) -> float:
        """What cancels inside of an element (p - 1 of a class that is certain) leaves the rounding of ∂L/∂output."""
        return 8 * EPS * float(np.max(np.abs(upstream), initial=0.0) * np.max(np.abs(direction), initial=0.0))

    def judged(self, row: RowName, measured: Measured, found: Slope, note: str = "", corner: bool = False) -> CheckRow:
        """What differences say of a number. `corner`: an output is known to have one here, however large others are."""
        got, scale, floor, at = measured
        numbers: dict[str, Any] = {"at": at, "got": got, "expected": found.value}
        if not math.isfinite(got) or not math.isfinite(found.value):
            return self.row(row, "skipped", note="not finite", **numbers)
        allowed = float(DIFFERENCE.allowed(got, found.value, max(scale, abs(found.value)) or 1.0)) + 4 * found.error
        allowed += floor + found.rounding * 1e-4  # what rounding leaves of a central difference at its best step
        numbers |= {"error": abs(got - found.value), "tolerance": allowed}
        if not math.isfinite(allowed):
            return self.row(row, "skipped", note="not finite", **numbers)
        sides = f"left {significant(found.left)}, right {significant(found.right)}, the engine uses {significant(got)}"
        if found.kink:
            inside = found.between(got, allowed + found.rounding)
            return self.row(row, "KINK" if inside else "FAIL", note=sides, **numbers)
        if numbers["error"] <= allowed:
            proves = not scale or allowed <= scale  # next to 1e24, a derivative of 0.2 is as good as any other
            if proves:
                return self.row(row, "ok", note=note, **numbers)
            return self.row(row, "skipped", note=ROUGH, **numbers)
        if corner and found.between(got, allowed):
            return self.row(row, "KINK", note=sides, **numbers)
        rough = 4 * found.error > 1e-3 * max(abs(got), abs(found.value), scale)
        if rough:
            return self.row(row, "skipped", note=ROUGH, **numbers)
        cause = likely(np.array([got]), np.array([found.value]), None, (self.node.shape, self.shape))
        return self.row(row, "FAIL", note=cause, **numbers)

    def chanced(self, row: CheckRow, gradient: Array) -> CheckRow:
        """The row with what it may have missed, where the whole tensor was not compared."""
        largest = float(np.max(np.abs(gradient), where=np.isfinite(gradient), initial=0.0))
        if not self.chance or row.verdict != "ok" or not largest or row.tolerance is None:
            return row
        missed = min(1.0, math.sqrt(2 / math.pi) * row.tolerance / (1e-3 * largest))
        said = f"misses an element that is wrong by 1/1000 of the largest with probability {significant(missed, 1)}"
        return replace(row, note="; ".join(part for part in (row.note, said) if part))

    def located(self, row: CheckRow, direction: Array, measure: Measure) -> CheckRow:
        """The failing row with the element to which bisection leads, its numbers, and the block around all that fails.

        The error along a direction is the sum of those along its halves, so that one half is measured and the other
        follows. The half with the larger error is taken; while the other has none, the block shrinks with it.
        """
        flat = direction.reshape(-1)
        low, high = 0, flat.size
        first, last, alone = low, high, True
        assert row.got is not None
        assert row.expected is not None
        whole = row.got - row.expected
        nothing, count = abs(whole) * 1e-6 + (row.tolerance or 0.0), 0
        while high - low > 1:
            middle = (low + high) // 2
            part = np.zeros(flat.size)
            part[low:middle] = flat[low:middle]
            got, expected = measure(part.reshape(self.shape))
            left = got - expected
            right, count = whole - left, count + 1
            alone = alone and min(abs(left), abs(right)) <= nothing
            low, high, whole = (low, middle, left) if abs(left) >= abs(right) else (middle, high, right)
            if alone:
                first, last = low, high
        part = np.zeros(flat.size)
        part[low] = 1.0
        at = tuple(int(i) for i in np.unravel_index(low, self.shape)) if self.shape else ()
        got, expected = measure(part.reshape(self.shape))
        if not (math.isfinite(got) and math.isfinite(expected) and got != expected):
            return row
        said = f"bisected in {count} steps"
        if last - first > 1:
            ends = (tuple(int(i) for i in np.unravel_index(n, self.shape)) for n in (first, last - 1))
            said += " within " + " … ".join(f"[{','.join(map(str, end))}]" for end in ends)
        note = "; ".join(part for part in (row.note, said) if part)
        return replace(row, at=at, got=got, expected=expected, error=abs(got - expected), note=note)
