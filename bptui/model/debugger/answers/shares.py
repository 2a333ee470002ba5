"""What each sample of a batch has of the loss: the loss's own operations, run on one sample alone.

No second formula: everything between the prediction and the loss is planned once more for a batch of one
(`engine/probe.py`) and run for each sample; what does not go through the prediction (a penalty on the weights, the
variance of all targets) stays what it is. The losses of the samples must add up to the loss, or their mean must be
equal to it; where neither is so, there are none, and it is said why.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.probe import Probe
from bptui.model.engine.recording import NotRecorded, Recording

MOST = 1_024
"""Samples of a batch of which each has its loss."""
CLOSE = {8: 1e-9, 4: 1e-4, 2: 2e-2}
"""By bytes of a number: relative to the loss, how near the sum (or the mean) of the samples' must come to it."""


class Shares(NamedTuple):
    """losses  (samples,), each as if the sample were alone; None where there are none, and `why`.
    mean    their mean is the loss, not their sum
    total   their sum, 0 where one of them is negative or not finite: then none is a part of it."""

    losses: Array | None
    mean: bool = True
    why: str = ""
    total: float = 0.0


@lru_cache(4)
def shares(recording: Recording, prediction: int, samples: int, mean: bool) -> Shares:
    """The loss of each sample of a recorded training step. `mean`: which of both is tried first; a single sample is its
    own sum and mean."""
    if samples > MOST:
        return Shares(None, why=f"a loss for each sample is computed for up to {MOST:,} samples")
    try:
        alone = _Alone(recording, recording.graph.nodes[prediction], samples)
        losses = np.array([alone.loss(sample) for sample in range(samples)])
    except NotRecorded as missing:
        return Shares(None, why=str(missing))
    except ValueError:
        return Shares(None, why="what follows the prediction cannot be run on one sample")
    total = float(recording.loss)
    near = CLOSE.get(np.asarray(recording.value(prediction)).dtype.itemsize, CLOSE[8])
    with np.errstate(all="ignore"):
        made = {True: losses.mean(), False: losses.sum()}
        for how in (mean, not mean):
            if np.isclose(made[how], total, rtol=near, atol=0, equal_nan=True):
                parts = np.isfinite(losses).all() and (losses >= 0).all()
                return Shares(losses, how, total=float(losses.sum()) if parts else 0.0)
    return Shares(None, why="it is neither the sum nor the mean of the losses of single samples")


class _Alone:
    """What leads from the prediction to the loss, planned for one sample."""

    def __init__(self, recording: Recording, prediction: Node, samples: int) -> None:
        graph = recording.graph
        inner = _between(graph, prediction)
        computed = {node.id for node in inner}
        read = {i for node in inner for i in node.inputs if i not in computed}
        self.given = {i: np.asarray(recording.required(i)) for i in read}
        self.cut = {i for i in read if _of_batch(graph, graph.nodes[i], samples)}
        self.arrays = {i: array[:1] if i in self.cut else array for i, array in self.given.items()}
        self.probes: list[Probe] = []
        single = {array.dtype for array in self.given.values() if array.dtype.kind == "f"} == {np.dtype(np.float32)}
        dtype = np.float32 if single else np.float64
        for node in inner:
            assert node.op is not None
            if node.op.opaque:
                raise NotRecorded(f"of {node.name} only numbers were recorded, not what it computes")
            inputs = [self.arrays[i] for i in node.inputs]
            shape = node.op.shape([array.shape for array in inputs], node.attributes)
            probe = Probe(replace(node, shape=shape), inputs, dtype)
            self.arrays[node.id] = probe.forward()
            self.probes.append(probe)
        self.end = graph.loss

    def loss(self, sample: int) -> float:
        """The loss of a batch of this sample alone."""
        for i in self.cut:
            self.arrays[i] = self.given[i][sample : sample + 1]
        for probe in self.probes:
            for buffer, i in zip(probe.inputs, probe.node.inputs, strict=True):
                buffer[...] = self.arrays[i]
            self.arrays[probe.node.id] = probe.forward()
        return float(self.arrays[self.end])


def _between(graph: Graph, prediction: Node) -> list[Node]:
    """The operations that the prediction goes through on its way to the loss, in their order."""
    between = graph.after({prediction.id}) & graph.before(graph.loss) - {prediction.id}
    return [node for node in graph.ops if node.id in between]


def _of_batch(graph: Graph, node: Node, samples: int) -> bool:
    """Is its first axis that of the samples: is it given by the data with that length, or computed from what is?"""
    behind = (graph.nodes[i] for i in graph.before(node.id))
    return node.shape[:1] == (samples,) and any(
        each.role in ("input", "target") and not each.scope and each.shape[:1] == (samples,) for each in behind
    )
