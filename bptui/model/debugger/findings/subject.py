"""The Subject of a diagnosis: a network, the training steps that were run of it, and what rules ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from bptui.model.base.printable import few
from bptui.model.base.types import Array
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.finding import Finding
from bptui.model.debugger.findings.probe import CapturedStep, Prober, Step, probed
from bptui.model.debugger.findings.structure import MOVES, Structure
from bptui.model.debugger.progress import Progress
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import Key, Recording
from bptui.model.engine.schedules import Schedule, When
from bptui.model.source.captured.network import CapturedNetwork
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.network import Network

FEWEST = 8
"""Samples under which a share of them says nothing, unless they are all that there are."""

LONG = 20
"""Training steps under which nothing is said about how the loss goes."""


@dataclass(frozen=True)
class Data:
    """A leaf that is given by the data, with all its samples."""

    node: Node
    values: Array


def _as_captured(recording: CapturedRecording, graph: Graph) -> Graph:
    """The graph of a captured step as that of a network file: parameters with their first numbers, which are in the
    record, and what the model holds in the layer that holds it: `encoder.0.weight` in `encoder.0`."""
    parameters = set(recording.record.step.parameters.values())
    nodes = list(graph.nodes)
    for node in graph.nodes:
        if node.op is not None:
            continue
        held = parameters.intersection(recording.captured.values_of.get(node.id, ()))
        scope = node.name.rpartition(".")[0] if held else node.scope
        if held or node.role == "param":
            nodes[node.id] = replace(node, value=recording.value(node), scope=scope)
    return replace(graph, nodes=tuple(nodes))


class Subject:
    """What a rule may look at. Nothing of it is computed before it is asked for.

    steps  how many training steps there are; `recording(k)` for k below that
    graph  its graph, the parameters with the numbers that they have at first
    captured  the recording of a captured step, None of any other network
    found   what earlier rules have found: symptoms are told only where nothing else is
    absent  what was asked of a recording and is not in it: `the gradient of layer1.z`
    """

    def __init__(self, branch: Branch, steps: int, progress: Progress | None = None) -> None:
        self.branch, self.steps = branch, steps
        self.progress = progress or Progress()
        network = branch.network
        recorded = network.recording if isinstance(network, CapturedNetwork) else None
        self.captured = recorded if branch.parent is None else None
        self.graph = branch.graph if recorded is None else _as_captured(recorded, branch.graph)
        self.structure = Structure(self.graph, captured=recorded is not None)
        self.found: list[Finding] = []
        self.absent: set[str] = set()

    @property
    def explained(self) -> bool:
        """Has a rule found an error, or what is a warning?"""
        return any(finding.severity != "note" for finding in self.found)

    @property
    def network(self) -> Network:
        """What is diagnosed."""
        return self.branch.network

    @property
    def samples(self) -> int:
        """How many samples a batch has; 0 where the numbers are no samples."""
        if self.captured is None:
            return self.network.samples
        return max((len(data.values) for data in (self.inputs or self.joined) if data.values.ndim), default=0)

    @property
    def first(self) -> bool:
        """Is training step 0 the first of all? Of a captured step: it is known to be."""
        if self.captured is None:
            return True
        step = self.captured.record.step
        if (number := step.about.get("step")) is not None:
            return bool(number == 0)
        rows = [row for update in step.updates for group in update.groups for row in group.rows]
        return any(row.states_after for row in rows) and not any(row.states_before for row in rows)

    def when(self, step: int) -> str:
        """`training step 3`; of a captured step by the number that it had in its program, where that is known."""
        if self.captured is None:
            return f"training step {step}"
        number = self.captured.record.step.about.get("step")
        return "the captured step" if number is None else f"training step {number}"

    # ------------------------------------------------------------------------------------------------ numbers
    def recording(self, step: int = 0) -> Recording:
        """All numbers of a training step."""
        self.progress.tick()
        found = self.branch.history.recording(step)
        return found if found.complete else Noted(found, self.absent, self.reached)

    @cached_property
    def reached(self) -> frozenset[int]:
        """The ids of what the loss is computed from: nothing else has a gradient."""
        return self.graph.before(self.graph.loss)

    @cached_property
    def losses(self) -> Array:
        """The loss of each training step."""
        self.branch.history.advance(self.steps, lambda done, total: self.progress.tick())
        return np.asarray(self.branch.history.losses[: self.steps], np.float64)

    @cached_property
    def sampled(self) -> tuple[int, ...]:
        """Some of the training steps: the first ones, then ever fewer, and the last."""
        steps, at = [0], 1
        while at < self.steps - 1:
            steps.append(at)
            at *= 2
        return tuple(dict.fromkeys((*steps, self.steps - 1)))

    @cached_property
    def _prober(self) -> Prober:
        return Prober(self.network.program())

    def step(self, step: int) -> Step | None:
        """The step that the optimizer took in a training step, to be probed; None of a captured one."""
        recording = self.recording(step)
        if not isinstance(recording, ArenaRecording) or not self.graph.params:
            return None
        return self._prober.step(recording)

    @cached_property
    def taken(self) -> CapturedStep | None:
        """The step that the optimizer took in a captured training step, to be probed; None where that cannot be."""
        return None if self.captured is None else probed(self.captured)

    # --------------------------------------------------------------------------------------------------- data
    @cached_property
    def inputs(self) -> tuple[Data, ...]:
        """The inputs: what is given, is no parameter and no target, and has samples. Of a captured step: what layers
        read that is computed from no parameter."""
        if self.captured is not None:
            read = {layer.x.id: layer.x for layer in self.structure.layers}
            given = [x for x in read.values() if not any(node.scope for node in self.structure.leaves(x))]
            arrays = [(x, self.recording(0).value(x)) for x in given]
            # what is all one number is a state that something starts from, and no data
            return tuple(
                Data(x, v) for x, v in arrays if v is not None and v.ndim and v.size and np.any(v != v.flat[0])
            )
        target = self.structure.loss.target if self.structure.loss else None
        found = [n for n in self.graph.nodes if self.structure.is_data(n) and n.role == "input" and n is not target]
        samples = self.samples
        return tuple(
            Data(node, values)
            for node in found
            if (values := self._all(node)) is not None and samples and len(node.shape) and node.shape[0] == samples
        )

    @cached_property
    def joined(self) -> tuple[Data, ...]:
        """Of a captured step: what layers read that is given and joined with what is computed, as columns are with the
        rows of an embedding."""
        if self.captured is None:
            return ()
        parameters = set(self.captured.record.step.parameters.values())
        values_of = self.captured.captured.values_of
        waiting = [layer.x for layer in self.structure.layers]
        found: dict[int, Data] = {}
        while waiting:
            node = waiting.pop()
            for part in self.structure.inputs(node) if node.op is not None and node.op.name in MOVES else ():
                if not self.structure.is_data(part):
                    waiting.append(part)
                    continue
                held = any(parameters.intersection(values_of.get(leaf.id, ())) for leaf in self.structure.leaves(part))
                values = None if held else self.recording(0).value(part)
                if values is not None and values.ndim and values.size and np.any(values != values.flat[0]):
                    found[part.id] = Data(part, values)
        return tuple(found.values())

    @cached_property
    def targets(self) -> Data | None:
        """What the loss compares the prediction with."""
        loss = self.structure.loss
        if loss is None or loss.target is None:
            return None
        values = self._all(loss.target)
        return None if values is None else Data(loss.target, values)

    def _all(self, node: Node) -> Array | None:
        """All samples of a leaf, not only those of a batch."""
        batches = self.network.batches
        if batches is not None and node.name in batches.arrays:
            return batches.arrays[node.name]
        return self.recording(0).value(node)

    def places(self, data: Data) -> tuple[str, ...]:
        """How findings name what is given; of a captured step by the key that a network file has for it, and for inputs
        by the layers that read them, too."""
        named = self.structure.places(data.node)
        if self.captured is None:
            return named
        if self.targets is not None and data.node is self.targets.node:
            return ("data.targets", *named)
        readers = (layer.place for layer in self.structure.layers if layer.x is data.node)
        return tuple(dict.fromkeys(("data.inputs", *named, *readers)))

    @cached_property
    def predicting(self) -> frozenset[int]:
        """The ids of what the prediction is computed from, and of itself."""
        loss = self.structure.loss
        if loss is None or loss.prediction is None:
            return frozenset()
        return self.graph.before(loss.prediction.id)

    @property
    def fewest(self) -> int:
        """How many samples it takes to speak of shares of them; all that there are always do."""
        return FEWEST if self.network.batches is not None else 1

    @property
    def enough(self) -> bool:
        """Are there so many in a batch?"""
        return self.samples >= self.fewest


class Noted(Recording):
    """A recording that may lack arrays, and notes which of them were asked for. reached: what may have a gradient."""

    def __init__(self, of: Recording, absent: set[str], reached: frozenset[int]) -> None:
        self._of, self._absent, self._reached = of, absent, reached
        self.step, self.graph, self.timeline, self.optimizer = of.step, of.graph, of.timeline, of.optimizer

    def _noted(self, array: Array | None, what: str, node: Key) -> Array | None:
        if array is None:
            self._absent.add(f"{what} of {self.graph.nodes[self.id(node)].name}")
        return array

    def value(self, node: Key) -> Array | None:
        return self._noted(self._of.value(node), "the value", node)

    def grad(self, node: Key) -> Array | None:
        found = self._of.grad(node)
        may = self.graph.nodes[self.id(node)].wants_grad and self.id(node) in self._reached
        return self._noted(found, "the gradient", node) if may else found

    def contribution(self, consumer: int, position: int) -> Array | None:
        return self._of.contribution(consumer, position)

    def before(self, node: Key, turn: int = 0) -> Array | None:
        return self._noted(self._of.before(node, turn), "the value before the update", node)

    def after(self, node: Key, turn: int = 0) -> Array | None:
        found = self._of.after(node, turn)
        return self._noted(found, "the value after the update", node) if self.id(node) in self._reached else found

    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array | None:
        return self._of.state(node, name, after, turn)

    def update_grad(self, node: Key, turn: int = 0) -> Array | None:
        return self._of.update_grad(node, turn)

    def update_rule(self, node: Key, turn: int = 0) -> Optimizer:
        return self._of.update_rule(node, turn)

    def scheduled(self, node: Key) -> tuple[Schedule, When] | None:
        return self._of.scheduled(node)

    @property
    def rate(self) -> float:
        return self._of.rate

    @property
    def grad_norm(self) -> float | None:
        return self._of.grad_norm

    @property
    def finite(self) -> bool | None:
        return self._of.finite

    @property
    def suspects(self) -> Sequence[int] | None:
        return self._of.suspects

    def not_finite(self, what: Literal["value", "grad", "after"]) -> Sequence[int]:
        return self._of.not_finite(what)

    def masking(self) -> Sequence[int]:
        return self._of.masking()

    @property
    def nbytes(self) -> int:
        return self._of.nbytes


def rms(array: Array | None) -> float:
    """The root of the mean square, 0 of nothing."""
    if array is None or not array.size:
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(array.astype(np.float64)))))


def tenths(losses: Array) -> tuple[float, float]:
    """The means of the first and of the last tenth."""
    size = max(1, len(losses) // 10)
    return float(losses[:size].mean()), float(losses[-size:].mean())


def zero(array: Array | None) -> bool:
    """Is there nothing, or nothing but zeros?"""
    return array is None or not np.any(array)


def named(nodes: Sequence[Node], most: int = 3) -> str:
    """`encoder.0.weight, encoder.0.bias and 4 more`."""
    return few([node.name for node in nodes], most)
