"""Does the engine do what the definition says, and pass on what its derivative says? Row by row, worst element first.

forward       the definition's value against the engine's
symbolic      the derived VJP against the engine's contribution: the recorded one and one for a random ∂L/∂output;
              the worst element (or the selected one) again at 50 digits
difference    the engine's contribution at one element against differences of the engine's own forward
direction     the same along a random direction through the whole input
complex step  the same by a step into the imaginary, where the operation is analytic: exact to rounding
sum           a gradient against the sum of its contributions, where the last of them arrives; ∂L/∂L = 1
update        the optimizer's definition against what the engine made of a parameter

An error counts against  rtol·max(|got|, |expected|) + atol·max|expected|:  an element next to which others are a
billion times larger cannot be better than they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptui.model.errors import UserError
from bptui.model.graph import Node
from bptui.model.network import Network
from bptui.model.ops.base import Array
from bptui.model.program import Program
from bptui.model.values import Recording
from bptui.symbolic.causes import likely
from bptui.symbolic.check_flow import check_flow
from bptui.symbolic.check_update import check_update
from bptui.symbolic.derive import derive
from bptui.symbolic.difference import Slope, along, clear, complex_slope
from bptui.symbolic.evaluate import Binding, bind_arrays, estimate_cells, exact, forward_all, value, vjp_all
from bptui.symbolic.probe import Probe, wide
from bptui.symbolic.types import CheckRow, Derived, Report, RowName, Verdict

__all__ = ["CELLS", "Report", "check_node", "check_step", "check_update", "report_json", "row_json"]

CELLS = 5_000_000
"""Up to here a whole tensor is compared; beyond, `SAMPLES` elements of it."""
SAMPLES = 64
Index = tuple[int, ...]


@dataclass(frozen=True)
class Tolerance:
    """Relative, and relative to the largest of the tensor (symbolic.md C.2: measured worst 1.4e-14; 0 false alarms)."""

    rtol: float
    atol: float

    def allowed(self, got: Any, expected: Any, scale: float) -> Any:
        """The error that is allowed for each pair."""
        return self.rtol * np.maximum(np.abs(got), np.abs(expected)) + self.atol * scale


EXACT = Tolerance(1e-9, 1e-12)
SINGLE = Tolerance(1e-4, 1e-5)
DIFFERENCE = Tolerance(1e-6, 1e-8)
COMPLEX = Tolerance(1e-11, 1e-13)


def check_step(
    of: Recording | Program | Network, progress: Callable[[int, int], bool] | None = None, seed: int = 0
) -> Report:
    """Every operation and every update of one training step: of a recording, or the next one of a program or a network.

    `progress(done, of)` returning False ends it early.
    """
    program = of.program() if isinstance(of, Network) else of
    recording = program.record() if isinstance(program, Program) else program
    graph = recording.graph
    todo: list[Node] = [*graph.ops, *graph.kept]
    rows: list[CheckRow] = []
    for n, node in enumerate(todo):
        rows += check_node(recording, node, seed=seed) if node.op is not None else check_update(recording, node)
        if progress is not None and not progress(n + 1, len(todo)):
            break
    return Report(tuple(rows))


def check_node(
    recording: Recording, node: Node, wrt: int | None = None, element: Index | None = None, seed: int = 0
) -> tuple[CheckRow, ...]:
    """All rows of one operation; of one of its inputs only where `wrt` is its position. `element`: of that input, to
    look at more closely. Nothing here raises for the sake of numbers; what cannot be checked is a row that says why."""
    return (*_Node(recording, node, seed).rows(wrt, element), *check_flow(recording, node, wrt))


class _Node:
    def __init__(self, recording: Recording, node: Node, seed: int) -> None:
        assert node.op is not None
        self.recording, self.node, self.op = recording, node, node.op
        self.values = [np.asarray(recording.value(i)) for i in node.inputs]
        self.out = np.asarray(recording.value(node))
        self.tolerance = SINGLE if self.out.dtype == np.float32 else EXACT
        self.random = np.random.default_rng((seed, node.id))

    def row(self, row: RowName, verdict: Verdict, wrt: str = "", **rest: Any) -> CheckRow:
        return CheckRow(self.node.name, self.op.name, wrt, row, verdict, **rest)

    def rows(self, wrt: int | None, element: Index | None) -> Iterator[CheckRow]:
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
        yield self.forward(binding)
        if not self.out.size or not all(v.size for v in self.values):
            yield from (self.row("symbolic", "n/a", self.op.input_names[p], note="empty") for p in wanted)
            return
        probe = Probe(self.node, self.values)
        for position in wanted:
            at = element if position == wrt else None
            yield from self.input(binding, probe, position, at)

    # -------------------------------------------------------------------------------------------------- forward
    def forward(self, binding: Binding) -> CheckRow:
        definition, shape = binding.definition, self.node.shape
        places = self.places(estimate_cells(definition.body, binding, shape), shape)
        try:
            if places is None:
                expected, got = forward_all(definition, binding), self.out
            else:
                expected = value(definition.body, binding, dict(zip(definition.out, places, strict=True)))
                got = self.out[places]
        except (IndexError, KeyError, ValueError, TypeError) as error:
            return self.row("forward", "FAIL", note=f"the definition has no number here: {error}")
        note = "equal to the definition" + self.sampled(places, shape)
        return self.compare("forward", "", got, expected, self.tolerance, note, places)

    def places(self, cells: int, shape: Index) -> tuple[Array, ...] | None:
        """Index arrays of the elements to compare; None for all of them."""
        if cells <= CELLS or not shape:
            return None
        flat = self.random.choice(math.prod(shape), min(SAMPLES, math.prod(shape)), replace=False)
        return tuple(np.asarray(axis) for axis in np.unravel_index(np.sort(flat), shape))

    def sampled(self, places: tuple[Array, ...] | None, shape: Index) -> str:
        return "" if places is None else f" at {len(places[0])} of {math.prod(shape):,} elements"

    def compare(
        self,
        row: RowName,
        wrt: str,
        got: Array,
        expected: Array,
        tolerance: Tolerance,
        note: str,
        places: tuple[Array, ...] | None = None,
        upstream: Array | None = None,
        size: float = 0.0,
    ) -> CheckRow:
        """The worst element decides. Equal NaN and inf agree; where only the definition overflows, nothing is
        compared. `size` is how large the tensor would be if nothing cancelled in it."""
        got, expected = np.asarray(got, float), np.asarray(expected, float)
        if not got.size:
            return self.row(row, "n/a", wrt, note="empty")
        with np.errstate(all="ignore"):
            finite = np.abs(expected[np.isfinite(expected)])
            scale = max(float(finite.max(initial=0.0)), size) or 1.0
            lost = np.isnan(expected) & np.isfinite(got)
            poles = np.isinf(got) & np.isinf(expected)  # 1/-0.0 and 1/0.0: the sign of a zero is not in a definition
            same = (got == expected) | (np.isnan(got) & np.isnan(expected)) | lost | poles
            error = np.where(same, 0.0, np.abs(got - expected))
            error = np.where(np.isnan(error), np.inf, error)
            allowed = tolerance.allowed(got, expected, scale)
            # what is left where all cancels: a result that is exactly 0 differs by the rounding of what it was made of
            sources = [upstream] if upstream is not None else [v for v in self.values if v.dtype.kind == "f"]
            largest = max((float(np.max(np.abs(v), where=np.isfinite(v), initial=0.0)) for v in sources), default=0.0)
            allowed = allowed + 8 * np.finfo(float).eps * largest
            allowed = np.where(np.isfinite(allowed), allowed, tolerance.atol * scale)
            badness = error / allowed
        worst = np.unravel_index(int(np.argmax(badness)), got.shape)
        at = tuple(int(i) for i in worst) if places is None else tuple(int(axis[worst[0]]) for axis in places)
        found = {
            "error": float(error[worst]), "tolerance": float(allowed[worst]), "at": at,
            "got": float(got[worst]), "expected": float(expected[worst]),
        }  # fmt: skip
        if lost.any():
            note += f"; {int(lost.sum())} not compared: the definition overflows there"
        if badness[worst] <= 1:
            return self.row(row, "skipped" if lost.all() else "ok", wrt, note=note, **found)
        shapes = (self.node.shape, *(v.shape for v in self.values))
        cause = likely(got, expected, upstream, shapes) if places is None else ""
        return self.row(row, "FAIL", wrt, note=cause, **found)

    # ------------------------------------------------------------------------------------------------ one input
    def input(self, binding: Binding, probe: Probe, position: int, element: Index | None) -> Iterator[CheckRow]:
        name = self.op.input_names[position]
        contribution = self.contribution(position)
        upstream = self.recording.grad(self.node)
        if contribution is None or upstream is None:
            yield self.row("symbolic", "skipped", name, note="does not reach the loss")
            return
        upstream = wide(upstream)
        drawn = self.random.normal(size=self.node.shape)
        symbolic = self.symbolic(binding, probe, position, contribution, upstream, drawn, element)
        yield symbolic
        at = element if element is not None else symbolic.at
        if at is None or len(at) != self.values[position].ndim:
            at = tuple(0 for _ in self.values[position].shape)
        use = upstream if np.isfinite(upstream).all() and upstream.any() else drawn
        finite = np.isfinite(self.out)  # next to a pole or an overflow, the others can still be checked
        use, drawn = np.where(finite, use, 0.0), np.where(finite, drawn, 0.0)
        yield self.difference(probe, position, at, use)
        yield self.direction(probe, position, drawn)
        if self.op.analytic:
            yield self.complex(probe, position, drawn)

    def contribution(self, position: int) -> Array | None:
        for found in self.recording.contributions(self.node.inputs[position]):
            if (found.consumer, found.position) == (self.node.id, position):
                return found.array
        return None

    def symbolic(
        self,
        binding: Binding,
        probe: Probe,
        position: int,
        got: Array,
        upstream: Array,
        drawn: Array,
        element: Index | None,
    ) -> CheckRow:
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
            apart = np.abs(probe.vjp(position, upstream * drawn))
        size = float(np.max(apart, where=np.isfinite(apart), initial=0.0))
        rows = []
        for own, gradient, tolerance, least in (
            (got, upstream, self.tolerance, size), (probe.vjp(position, drawn), drawn, EXACT, 0.0)
        ):  # fmt: skip
            if gradient is upstream and not (live and np.isfinite(self.out).all()) and not np.any(got):
                continue  # what does not reach the loss, or has gradient 0, passes 0 on whatever its derivative is
            try:
                if places is None:
                    expected, mine = vjp_all(derived, binding, gradient), np.asarray(own)
                else:
                    index = dict(zip(derived.q, places, strict=True))
                    expected, mine = value(derived.vjp, binding.upstream(gradient), index), np.asarray(own)[places]
            except (IndexError, KeyError, ValueError, TypeError) as error:
                return self.row("symbolic", "skipped", name, note=f"the derivation has no number here: {error}")
            rows.append(self.compare("symbolic", name, mine, expected, tolerance, note, places, gradient, least))
        first = next((row for row in rows if row.verdict == "FAIL"), rows[0])
        if first.verdict != "FAIL":
            return self.closely(first, derived, binding, got, upstream, element, size)
        if places is None and not _uses(probe, position, drawn):
            return replace(first, note="∂L/∂output is not used")
        return first

    def closely(
        self,
        row: CheckRow,
        derived: Derived,
        binding: Binding,
        got: Array,
        upstream: Array,
        element: Index | None,
        size: float,
    ) -> CheckRow:
        """The selected element, or the largest, once more at 50 digits, in ulps of the largest of the tensor."""
        flat = np.abs(wide(got))
        at = element
        if at is None or len(at) != flat.ndim:
            if not flat.size or not np.isfinite(flat).all():
                return row
            at = tuple(int(i) for i in np.unravel_index(int(np.argmax(flat)), flat.shape)) if flat.ndim else ()
        largest = float(np.max(flat[np.isfinite(flat)], initial=0.0))
        reference = exact(derived.vjp, binding.upstream(upstream), dict(zip(derived.q, at, strict=True)))
        mine = float(np.asarray(got)[at])
        if not math.isfinite(float(reference)) or not math.isfinite(mine):
            return row
        error = abs(float(reference - mine))
        ulp = float(np.spacing(np.asarray(largest, np.asarray(got).dtype))) if largest else 0.0
        allowed = float(self.tolerance.allowed(mine, float(reference), max(largest, size) or 1.0))
        found: dict[str, Any] = {
            "error": error,
            "tolerance": allowed,
            "at": at,
            "got": mine,
            "expected": float(reference),
        }
        if error > allowed:
            return self.row("symbolic", "FAIL", row.input, note="only at 50 digits", **found)
        said = f"{error / ulp:.1f} ulp from 50 digits" if ulp else "exactly 0"
        return replace(row, note="; ".join(part for part in (said, row.note) if part), **found)

    # ---------------------------------------------------------------------------------------------- differences
    def difference(self, probe: Probe, position: int, at: Index, upstream: Array) -> CheckRow:
        """One element by itself."""
        direction = np.zeros(self.values[position].shape)
        direction[at] = 1.0
        got = float(probe.vjp(position, upstream)[at])
        reach, _ = clear(probe, position, direction, upstream)
        found = along(probe, position, direction, upstream, reach)
        return self.sloped("difference", position, got, found, at, abs(got))

    def direction(self, probe: Probe, position: int, upstream: Array) -> CheckRow:
        """All elements at once; outputs that have a corner along the way are left out of the sum, and counted."""
        direction = self.random.normal(size=self.values[position].shape)
        reach, corners = clear(probe, position, direction, upstream)
        note = ""
        if corners.any() and not corners.all():
            upstream = np.where(corners, 0.0, upstream)
            note = f"{int(corners.sum())} of {corners.size} outputs at a kink left out"
        gradient = probe.vjp(position, upstream)
        finite = np.isfinite(gradient)
        direction, gradient = np.where(finite, direction, 0.0), np.where(finite, gradient, 0.0)
        got, scale = float(np.sum(gradient * direction)), float(np.sum(np.abs(gradient * direction)))
        return self.sloped(
            "direction", position, got, along(probe, position, direction, upstream, reach), None, scale, note
        )

    def sloped(
        self, row: RowName, position: int, got: float, found: Slope, at: Index | None, scale: float, note: str = ""
    ) -> CheckRow:
        name = self.op.input_names[position]
        numbers: dict[str, Any] = {"at": at, "got": got, "expected": found.value}
        if not math.isfinite(got) or not math.isfinite(found.value):
            return self.row(row, "skipped", name, note="not finite", **numbers)
        allowed = float(DIFFERENCE.allowed(got, found.value, max(scale, abs(found.value)) or 1.0)) + 4 * found.error
        allowed += found.rounding * 1e-4  # what rounding leaves of a central difference at its best step
        numbers |= {"error": abs(got - found.value), "tolerance": allowed}
        if not math.isfinite(allowed):
            return self.row(row, "skipped", name, note="not finite", **numbers)
        if found.kink:
            sides = f"left {found.left:.6g}, right {found.right:.6g}, the engine uses {got:.6g}"
            inside = found.between(got, allowed + found.rounding)
            return self.row(row, "KINK" if inside else "FAIL", name, note=sides, **numbers)
        if numbers["error"] <= allowed:
            return self.row(row, "ok", name, note=note, **numbers)
        rough = 4 * found.error > 1e-3 * max(abs(got), abs(found.value), scale)
        if rough:
            return self.row(row, "skipped", name, note="too rough for differences", **numbers)
        cause = likely(np.array([got]), np.array([found.value]), None, (self.node.shape, self.values[position].shape))
        return self.row(row, "FAIL", name, note=cause, **numbers)

    def complex(self, probe: Probe, position: int, upstream: Array) -> CheckRow:
        name = self.op.input_names[position]
        direction = self.random.normal(size=self.values[position].shape)
        gradient = probe.vjp(position, upstream)
        direction = np.where(np.isfinite(gradient), direction, 0.0)
        gradient = np.where(np.isfinite(gradient), gradient, 0.0)
        try:
            expected = complex_slope(Probe(self.node, self.values, np.complex128), position, direction, upstream)
        except (TypeError, ValueError):
            return self.row("complex step", "n/a", name, note="the engine's form takes no complex numbers")
        got, scale = float(np.sum(gradient * direction)), float(np.sum(np.abs(gradient * direction)))
        if not math.isfinite(got) or not math.isfinite(expected):
            return self.row("complex step", "skipped", name, note="not finite")
        allowed = float(COMPLEX.allowed(got, expected, scale)) + 64 * np.finfo(float).eps * scale
        error = abs(got - expected)
        verdict: Verdict = "ok" if error <= allowed else "FAIL"
        return self.row("complex step", verdict, name, error=error, tolerance=allowed, got=got, expected=expected)


def _uses(probe: Probe, position: int, upstream: Array) -> bool:
    """Does the vjp depend on ∂L/∂output?"""
    return not np.allclose(probe.vjp(position, upstream), probe.vjp(position, 2 * upstream))


def row_json(row: CheckRow) -> dict[str, Any]:
    """A row of `check --json`: non-finite numbers as the strings nan, inf, -inf."""

    def plain(x: Any) -> Any:
        if isinstance(x, float) and not math.isfinite(x):
            return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
        return list(x) if isinstance(x, tuple) else x

    names = ("node", "op", "input", "row", "verdict", "error", "tolerance", "at", "got", "expected", "note")
    return {name: plain(getattr(row, name)) for name in names}


def report_json(report: Report) -> dict[str, Any]:
    """What `bptui check --json` prints."""
    return {"format": 1, "ok": report.ok, "counts": report.counts, "checks": [row_json(row) for row in report.rows]}
