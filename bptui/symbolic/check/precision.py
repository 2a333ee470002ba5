"""How many digits a number has lost, and where: a budget of the rounding errors of one operation at one element.

Three numbers are compared. The engine's own; the exact one (50 digits) of the same operation at the inputs that the
engine had; and the one of a reference that carries more digits all the way from the given numbers: for a float32
network its shadow, the same graph run in float64 from the same float32 numbers; for a float64 network the whole step
at 50 digits, where that is affordable.

    digits   of a number v against a reference r: -log10(|v - r|/|r|), at most those of the type (-log10 of its unit
             roundoff, eps/2: 7.2 for float32, 16.0 for float64); what is missing there is lost
    before   what the inputs had lost, weighted by how much each counts: Σ|∂y/∂x·δx| / Σ|∂y/∂x·x|
    here     what is lost of the result beyond that
    condition   Σ|∂y/∂x·x| / |y|: how far this operation can magnify the relative error of its inputs; 1 for a sum
             without cancellation, 2 for a product (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd
             ed., 1.6 and 4.2)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import mpmath
import numpy as np

from bptui.model.base import kinds
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.local import Local
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.rounding import rerun
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import Binding, bind_arrays, estimate_cells, exact
from bptui.symbolic.calculus.exact import Digits
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.card.names import UPSTREAM
from bptui.symbolic.card.sparsity import support
from bptui.symbolic.types import Failure, Rule

TERMS = 15_000
"""Scalar terms up to which a whole step is taken at 50 digits: half a second at most."""


# ------------------------------------------------------------------------------------------------------- references
def shadow(recording: Recording) -> Recording:
    """The same graph in float64, from exactly the float32 numbers that this training step was given."""
    return rerun(recording, "float64", lambda _, value: value.astype(np.float64))


class Fifty:
    """The whole step at 50 digits: node after node, only of what is asked for."""

    def __init__(self, recording: Recording, digits: int = 50) -> None:
        self.recording, self.digits = recording, digits
        self._values: dict[int, Any] = {}
        self._grads: dict[int, Any] = {}
        self._parts: dict[tuple[int, int], Any] = {}
        self._derived: dict[tuple[Any, str, str], Any] = {}

    @cached_property
    def terms(self) -> int:
        """Scalar terms of the forward pass; a backward pass has as many for each input."""
        total = 0
        for node in self.recording.graph.ops:
            binding = self._binding(node)
            total += estimate_cells(binding.definition.body, binding, node.shape) * (1 + len(node.inputs))
        return total

    def _binding(self, node: Node) -> Binding:
        return _bind(self.recording, node)

    def value(self, node: Node) -> Any:
        """As an array of mpmath numbers; whole numbers and what is given as they are."""
        graph = self.recording.graph
        for each in graph.nodes[: node.id + 1]:
            if each.id not in self._values:
                self._values[each.id] = self.recording.value(each) if each.op is None else self._forward(each)
        return self._values[node.id]

    def _forward(self, node: Node) -> Any:
        binding = self._binding(node)
        digits = Digits(binding.definition, self._tensors(node, binding), binding.sizes, self.digits)
        return self._all(node.shape, lambda at: digits(binding.definition.body, _index(binding.definition.out, at)))

    def _tensors(self, node: Node, binding: Binding) -> dict[str, Any]:
        own = {t.name: self._values[i] for t, i in zip(binding.definition.inputs, node.inputs, strict=True)}
        return {**binding.parameters, **own}

    def _all(self, shape: Index, of: Callable[[Index], Any]) -> Any:
        out = np.empty(shape, object)
        with mpmath.workdps(self.digits):
            for at in np.ndindex(*shape):
                out[at] = of(at)
        return out

    def grad(self, node: Node) -> Any:
        """As an array of mpmath numbers."""
        graph = self.recording.graph
        if node.id not in self._grads:
            self.value(graph.nodes[graph.loss])
            for each in reversed(graph.nodes[node.id :]):
                if each.id not in self._grads and (each.wants_grad or each.id == graph.loss):
                    self._grads[each.id] = self._gathered(graph, each)
        return self._grads[node.id]

    def _gathered(self, graph: Graph, node: Node) -> Any:
        if node.id == graph.loss:
            return np.array(mpmath.mpf(1), object)
        parts = [self.contribution(i, position) for i, position in graph.consumers[node.id]]
        return self._all(node.shape, lambda at: mpmath.fsum(part[at] for part in parts))

    def contribution(self, consumer: int, position: int) -> Any:
        """As an array of mpmath numbers."""
        key = consumer, position
        if key not in self._parts:
            node = self.recording.graph.nodes[consumer]
            binding, upstream = self._binding(node), self.grad(node)
            for each in (node, *(self.recording.graph.nodes[i] for i in node.inputs)):
                self.value(each)
            found = self._rule(node, position, binding)
            tensors = {**self._tensors(node, binding), UPSTREAM: upstream}
            tensors[binding.definition.output] = self._values[consumer]
            digits = Digits(binding.definition, tensors, binding.sizes, self.digits)
            shape = self.recording.graph.nodes[node.inputs[position]].shape
            self._parts[key] = self._all(shape, lambda at: digits(found.vjp, _index(found.q, at)))
        return self._parts[key]

    def _rule(self, node: Node, position: int, binding: Binding) -> Any:
        assert node.op is not None
        signature = binding.definition.signature
        key = signature, node.op.define(signature), node.op.input_names[position]
        if key not in self._derived:
            self._derived[key] = derive(signature, key[2], node.op)
        return self._derived[key]


Reference = Recording | Fifty
"""Values and contributions of one training step with more digits than the engine has."""


def reference(recording: Recording) -> Reference | None:
    """What the numbers of a step are held against; None where it is a float64 network too large for 50 digits, or
    a step that this engine did not run."""
    if not recording.complete:
        return None
    if recording.dtype(recording.graph.loss) == "float32":
        return shadow(recording)
    found = Fifty(recording)
    return found if found.terms <= TERMS else None


# ---------------------------------------------------------------------------------------------------------- budgets
def of_value(recording: Recording, node: Node, element: Index, against: Reference | None) -> ErrorBudget | None:
    """What the operation of `node` loses at one element of its output; None where nothing can be measured, and of a
    step that this engine did not run."""
    if node.op is None or not recording.complete:
        return None
    got = recording.required(node)
    if not got.size or not math.isfinite(float(got[element])):
        return None
    binding = _bind(recording, node)
    truth = exact(binding.definition.body, binding, _index(binding.definition.out, element))
    graph = recording.graph
    one = np.zeros(node.shape)
    one[element] = 1.0
    probe = Probe(node, [recording.required(i) for i in node.inputs])
    weight = error = mpmath.mpf(0)
    for position, source in enumerate(node.inputs):
        if graph.nodes[source].whole or not node.op.differentiable(position):
            continue
        slope, given = probe.vjp(position, one), recording.required(source)
        if np.isnan(slope).any():  # 0·inf of elements that this one does not read
            read = Local(recording, node).row(position, int(np.ravel_multi_index(element, node.shape)))
            slope = np.zeros(slope.shape)
            slope.reshape(-1)[read.at] = read.values
        weight += float(np.sum(np.abs(_share(slope, wide(given)))))
        if against is not None:
            error += _spread(slope, given, against.value(graph.nodes[source]))
    better = None if against is None else required(against.value(node), "a value")[element]
    return _budget(_Rounded(float(got[element]), recording.dtype(node)), truth, weight, error, better, against)


def of_contribution(
    recording: Recording,
    node: Node,
    position: int,
    element: Index,
    rule: Rule | Failure | None,
    against: Reference | None,
) -> ErrorBudget | None:
    """The same of what `node` adds to the gradient of its input at `position`, at one element of that input. `before`
    is what ∂L/∂node had lost: what the local derivative loses, because of its values or by itself, is lost here."""
    got, upstream = recording.contribution(node.id, position), recording.grad(node)
    if got is None or upstream is None or not isinstance(rule, Rule) or not got.size or not recording.complete:
        return None
    assert node.op is not None
    if not math.isfinite(float(got[element])):
        return None
    binding = _bind(recording, node)
    derived = derive(binding.definition.signature, node.op.input_names[position], node.op)
    truth = exact(derived.vjp, binding.upstream(upstream), _index(derived.q, element))
    found = support(BoundDefinition(recording, node), rule, element)
    if found is None:
        return None
    places, local = found
    here = _read_by(wide(upstream), places, local)
    weight, error = mpmath.mpf(float(np.sum(np.abs(_share(local, here))))), mpmath.mpf(0)
    better = None
    if against is not None:
        error = _spread(local, here, _read_by(np.asarray(against.grad(node)), places, local))
        better = required(against.contribution(node.id, position), "a contribution")[element]
    kind = recording.dtype(node.inputs[position])
    made = _budget(_Rounded(float(got[element]), kind), truth, weight, error, better, against)
    return None if made is None else replace(made, source="upstream")


def _read_by(upstream: Array, places: tuple[Array, ...], local: Array) -> Array:
    """The upstream gradient of the outputs that read an element; none where nothing reads it."""
    return upstream[places] if places else upstream.reshape(1)[: np.size(local)]


def of_sum(recording: Recording, node: Node, element: Index, against: Reference | None) -> ErrorBudget | None:
    """The same of the sum of all contributions to a gradient."""
    parts, got = recording.contributions(node), recording.grad(node)
    if got is None or not recording.complete or len(parts) < 2:
        return None
    if not got.size or not math.isfinite(float(got[element])):
        return None
    given = np.array([float(required(part.array, "a contribution")[element]) for part in parts])
    truth = mpmath.fsum(mpmath.mpf(x) for x in given)
    error, better = mpmath.mpf(0), None
    if against is not None:
        whole = [
            required(against.contribution(part.consumer, part.position), "a contribution")[element] for part in parts
        ]
        error = _spread(np.ones(len(parts)), given, np.array(whole, object))
        better = required(against.grad(node), "a gradient")[element]
    weight = mpmath.mpf(float(np.sum(np.abs(given))))
    return _budget(_Rounded(float(got[element]), recording.dtype(node)), truth, weight, error, better, against)


class _Rounded(NamedTuple):
    """A number, and the kind that it was rounded to."""

    number: float
    kind: str


def _budget(
    got: _Rounded, truth: Any, weight: Any, error: Any, better: Any, against: Reference | None
) -> ErrorBudget | None:
    if (
        math.isnan(float(weight))
        or not math.isfinite(float(truth))
        or (better is not None and not math.isfinite(float(better)))
    ):
        return None
    mine, kind = got
    roundoff = kinds.eps(kind) / 2
    with mpmath.workdps(60):
        size = abs(truth)
        condition = float(weight / size) if size else math.inf if weight else 0.0
        ulps = float(abs(truth - mine)) / kinds.ulp(float(truth), kind)
        found = ErrorBudget(kind, -math.log10(roundoff), ulps, condition)
        if better is None or against is None:
            return found
        better = mpmath.mpf(better)
        off = abs(better - mine) / abs(better) if better else mpmath.mpf(mine != 0)
        before = error / weight if weight else mpmath.mpf(0)
        return replace(
            found,
            before=_lost(before, roundoff),
            total=_lost(off, roundoff),
            against="50 digits" if isinstance(against, Fifty) else "the float64 shadow",
        )


def _lost(relative: Any, roundoff: float) -> float:
    """Digits of the type that a relative error costs: all of them at 1 and more, none below the unit roundoff."""
    if relative <= roundoff:
        return 0.0
    return min(-math.log10(roundoff), float(mpmath.log10(relative)) - math.log10(roundoff))


def _share(slope: Array, x: Array) -> Array:
    """∂y/∂x·x; 0 where y does not depend on x, be x infinite."""
    with np.errstate(invalid="ignore"):  # inf·0 at a pole
        return np.where(slope != 0, slope * x, 0)


def _spread(slope: Array, given: Array, better: Any) -> Any:
    """Σ|∂y/∂x·δx|, where δx is what is wrong with x."""
    better = np.asarray(better)
    if better.dtype != object:
        with np.errstate(invalid="ignore"):
            return mpmath.mpf(float(np.sum(np.abs(_share(slope, wide(given) - better)))))
    total, flat = mpmath.mpf(0), better.reshape(-1)
    with mpmath.workdps(60):
        for s, x, b in zip(np.ravel(slope), np.ravel(given), flat, strict=True):
            total += abs(float(s) * (float(x) - b)) if s else 0
    return total


def _bind(recording: Recording, node: Node) -> Binding:
    assert node.op is not None
    values = [wide(recording.required(i)) for i in node.inputs]
    return bind_arrays(node.op, values, node.attributes, wide(recording.required(node)))


def _index(symbols: Any, element: Index) -> Mapping[Any, int]:
    return {s: int(i) for s, i in zip(symbols, element, strict=True) if s.is_Symbol}
