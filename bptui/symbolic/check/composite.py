"""Are the parts of a composite what the composite says? Its definition in one go, and the backward rule that SymPy
derives from it, against what the graph of its parts computes.

forward   the definition's value against the result of the parts
symbolic  the derived rule against the sum of what the parts passed to an input: what was recorded, and, by the same
          parts planned by themselves, for a random ∂L/∂result

Each part rounds, so a result may be off by more than one rounding where something cancels on the way (the mean of
equal numbers taken off). How much is measured before anything is rejected: the same parts, with a random relative
error in each of their values (J. Vignes, Discrete stochastic arithmetic, Numerical Algorithms 37, 2004), say how far
errors of that size come; the rounding of the recorded numbers is the same in proportion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Index
from bptui.model.engine.calls import Backward
from bptui.model.engine.composites import CompositeUse
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.ops import OPS
from bptui.model.engine.ops.base import Op
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.probe import wide
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.symbolic.calculus.evaluate import Binding
from bptui.symbolic.check.comparison import Comparison, Passed
from bptui.symbolic.check.node import NodeCheck
from bptui.symbolic.types import CheckRow

ERROR = 2.0**-36
"""The relative error that is put into each value: far above rounding, far below what would bend a curve."""
DRAWS = 3
SAFETY = 64.0
"""Times the largest of so many draws: one of them may be 0 by chance."""


def check_whole(
    recording: Recording, composite: CompositeUse, wrt: int | None = None, element: Index | None = None
) -> tuple[CheckRow, ...]:
    """The rows of a composite: of its value, and of each of its inputs, or only of that at position `wrt` (none where
    that is -1); `element`: of that input, to look at more closely. They name the composite as their operation."""
    return tuple(_Whole(recording, composite).rows(wrt, element))


class _Whole(NodeCheck):
    def __init__(self, recording: Recording, composite: CompositeUse) -> None:
        super().__init__(recording, composite.node)
        self.composite = composite
        self.drawn = self.random.normal(size=self.node.shape)

    @cached_property
    def parts(self) -> Parts:
        """The same parts by themselves, in float64."""
        return Parts(self.recording, self.composite)

    @property
    def gone(self) -> str:
        """Why nothing is said."""
        return f"numbers of its parts have left the range of {self.out.dtype}"

    @cached_property
    def left(self) -> bool:
        """Has a value or a gradient on the way overflowed, or lost its digits below the least number? The whole goes
        another way, on which it may not have."""
        recording, number = self.recording, np.finfo(self.out.dtype)
        for part in self.composite.parts:
            for array in (recording.value(part), recording.grad(part)):
                if array is None or array.dtype.kind != "f":
                    continue
                size = np.abs(array[array != 0])
                if not np.isfinite(array).all() or np.any(size < number.tiny / number.eps):
                    return True
        return False

    def vjp(self, position: int, upstream: Array) -> Array:
        """The parts are what the whole is computed with."""
        return self.parts.vjp(position, upstream)

    def overwriting(self, position: int | None = None) -> None:
        """What is written over is told of each part by itself."""

    def forward(self, binding: Binding) -> CheckRow:
        """As of a node; a result that is larger than the definition allows is wrong, too."""
        try:
            return super().forward(binding)
        except IndexError as error:
            return self.row("forward", "FAIL", note=f"the result has another shape than the definition: {error}")
        except ValueError as error:
            return self.row("forward", "FAIL", note=f"its parts cannot be computed by themselves: {error}")

    def input(self, binding: Binding, position: int, element: Index | None) -> Iterator[CheckRow]:
        """Differences are taken of the parts, each by itself: here only the rule of the whole is looked at."""
        name = self.op.input_names[position]
        contribution, upstream = self.contribution(position), self.recording.grad(self.node)
        if contribution is None or upstream is None:
            yield self.unpassed(name)
            return
        upstream = wide(upstream)
        try:
            yield self.symbolic(binding, position, contribution, upstream, self.drawn, element)
        except IndexError as error:
            yield self.row("symbolic", "skipped", name, note=f"the derivation has no number here: {error}")
        except ValueError as error:
            yield self.row("symbolic", "FAIL", name, note=f"its parts cannot be computed by themselves: {error}")

    def contribution(self, position: int) -> Array | None:
        """What all parts together pass to an input; 0 where none of them reads it."""
        source = self.node.inputs[position]
        found = self.composite.passed(self.recording.contributions(source), position)
        passed = [part.array for part in found if part.array is not None]
        if not passed:
            return np.zeros(self.values[position].shape)
        with np.errstate(all="ignore"):
            return np.asarray(np.sum(np.stack(passed), axis=0))

    def compare(self, c: Comparison) -> CheckRow:
        """As of a node; what is wrong by more than that is wrong by more than the rounding of the parts, too."""
        made = super().compare(c)
        if made.verdict != "FAIL":
            return made
        if self.left:
            return self.row(c.row, "skipped", c.input, note=self.gone)
        spread = self.rounding(c.input, c.upstream)
        spread = spread if c.places is None else spread[c.places]
        return super().compare(dataclasses.replace(c, tolerance=dataclasses.replace(c.tolerance, more=spread)))

    def closely(self, row: CheckRow, passed: Passed, element: Index | None) -> CheckRow:
        """As of a node, with the rounding of the parts."""
        made = super().closely(row, passed, element)
        if made.verdict != "FAIL" or made.at is None or made.error is None or made.tolerance is None:
            return made
        if self.left:
            return self.row("symbolic", "skipped", row.input, note=self.gone)
        allowed = made.tolerance + float(self.rounding(made.input, passed.upstream)[made.at])
        return made if made.error > allowed else row

    def rounding(self, wrt: str, upstream: Array | None) -> Array:
        """How far the roundings of the parts come: in the result, or in the gradient of an input."""
        if upstream is None:
            return self.parts.spread(np.zeros(self.node.shape), None, self.tolerance.rounding)
        return self.parts.spread(upstream, self.op.input_names.index(wrt), self.tolerance.rounding)


class Parts:
    """The parts of one composite planned by themselves, at the recorded inputs: for any ∂L/∂result."""

    def __init__(self, recording: Recording, composite: CompositeUse) -> None:
        self.recording, self.composite = recording, composite
        self._runs: dict[Any, tuple[Array, Mapping[int, Array]]] = {}

    def vjp(self, position: int, upstream: Array) -> Array:
        """What the parts pass to an input of the composite."""
        return self.run(upstream)[1][position]

    def run(self, upstream: Array, draw: int | None = None) -> tuple[Array, Mapping[int, Array]]:
        """(the result, what is passed to each input); with the errors of one draw in all values."""
        key = upstream.tobytes(), draw
        if key not in self._runs:
            self._runs[key] = self._run(upstream, draw)
        return self._runs[key]

    def spread(self, upstream: Array, position: int | None, rounding: float) -> Array:
        """How far errors of `rounding` in each value come: in the result, or in what is passed to an input."""
        plain = self._of(self.run(upstream), position)
        with np.errstate(all="ignore"):
            far = [np.abs(self._of(self.run(upstream, n), position) - plain) for n in range(DRAWS)]
            found = np.max(far, axis=0) * (SAFETY * rounding / ERROR)
        return np.where(np.isfinite(found), found, np.inf)

    @staticmethod
    def _of(run: tuple[Array, Mapping[int, Array]], position: int | None) -> Array:
        return run[0] if position is None else run[1][position]

    def _run(self, upstream: Array, draw: int | None) -> tuple[Array, Mapping[int, Array]]:
        made = Copy(None if draw is None else np.random.default_rng(draw))
        asked, graph = self.composite.call, self.recording.graph
        row, own = self.composite.node.op, {part.id: part for part in self.composite.parts}
        assert row is not None
        given = {
            position: made.leaf(graph.nodes[i], self.recording.required(i), row.differentiable(position))
            for position, i in enumerate(asked.inputs)
        }
        found: dict[int, Node] = {}
        for part in self.composite.parts:
            inputs = []
            for place, source in enumerate(part.inputs):
                position = asked.reads.get((part.id, place))
                if position is not None:
                    inputs.append(given[position])
                elif source in own:
                    inputs.append(found[source])
                else:
                    inputs.append(made.leaf(graph.nodes[source], self.recording.required(source), False))
            assert part.op is not None
            found[part.id] = made.use(part.op, inputs, part.attributes, part.shape)
        result = found[self.composite.result.id]
        weights = made.leaf(self.composite.result, upstream, False)
        product = made.use(OPS["mul"], [result, weights], {}, result.shape)
        loss = made.use(OPS["sum"], [product], {n: a.default for n, a in OPS["sum"].attributes.items()}, ())
        recording = Program(Graph(tuple(made.nodes), loss.id), Optimizer("sgd"), dtype="float64").record()
        passed: dict[int, Array] = {}
        for position, leaf in given.items():
            gradient = recording.grad(leaf) if leaf.wants_grad else None
            passed[position] = np.zeros(leaf.shape) if gradient is None else gradient
        return recording.required(result), MappingProxyType(passed)


class Copy:
    """A graph that is being made, with an error in each value where there is a `random` to draw it from."""

    def __init__(self, random: np.random.Generator | None) -> None:
        self.nodes: list[Node] = []
        self.random = random

    def leaf(self, like: Node, value: Any, wanted: bool) -> Node:
        """A given value: the numbers that a node had."""
        value = np.array(wide(value))
        wanted = wanted and not like.whole
        if wanted and self.random is not None:
            value *= self.factor(value.shape)
        value.setflags(write=False)
        role = "input" if wanted else "const"
        return self.add(role=role, shape=value.shape, value=value, wants_grad=wanted, whole=like.whole)

    def use(self, op: Op, inputs: Sequence[Node], attributes: Mapping[str, Any], shape: Index) -> Node:
        """One operation."""
        wanted = any(node.wants_grad and op.differentiable(n) for n, node in enumerate(inputs))
        ids = tuple(node.id for node in inputs)
        op = op if self.random is None else self.erring(op)
        return self.add(role="op", op=op, inputs=ids, attributes=attributes, shape=shape, wants_grad=wanted)

    def factor(self, shape: Index) -> Array:
        """1 plus an error, for each number."""
        assert self.random is not None
        return np.asarray(1 + ERROR * self.random.uniform(-1, 1, shape))

    def erring(self, op: Op) -> Op:
        """The operation with an error in its value, which its backward rule may use, and in all that it passes on."""

        def forward(emit: Any, inputs: Any, out: Array, attributes: Any) -> Any:
            saved = op.forward(emit, inputs, out, attributes)
            emit(np.multiply, out, self.factor(out.shape), out)
            return saved

        def vjp(emit: Any, ctx: Backward) -> Any:
            ready = op.vjp(emit, ctx)
            for n, array in enumerate(ctx.into):
                if array is not None and (ready is None or ready[n] is None):
                    emit(np.multiply, array, self.factor(array.shape), array)
            return ready

        return dataclasses.replace(op, forward=forward, vjp=vjp)

    def add(self, **settings: Any) -> Node:
        """The next node."""
        node = Node(id=len(self.nodes), name=f"n{len(self.nodes)}", **settings)
        self.nodes.append(node)
        return node
