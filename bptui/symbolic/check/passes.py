"""Forward and backward passes of a recorded step from other parameters, by a program of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.rounding import as_given


class Passes:
    """The step's own program, made anew from what was recorded: the same batch, masks, running states; another
    update. largest: of its values, whose rounding the loss has."""

    def __init__(self, recording: Recording, moved: Sequence[Node]) -> None:
        graph = as_given(recording, lambda _, value: np.array(value))
        self.program = Program(graph, Optimizer("sgd", 0.0), dtype=recording.dtype(moved[0]))
        self.moved = moved
        self._start = self.program.save()
        values = [np.abs(recording.required(node)) for node in graph.ops if node.shape == () or 0 not in node.shape]
        self.largest = max((float(np.max(value)) for value in values), default=1.0)

    def at(self, p: Array) -> tuple[float, Array]:
        """The loss from some parameters, and its gradient."""
        state, layout = self._start.copy(), self.program.layout
        begin = 0
        for node in self.moved:
            place = layout.values[node.id]
            assert place is not None
            size = int(np.prod(node.shape))
            place.within(state)[...] = p[begin : begin + size].reshape(node.shape)  # type: ignore[union-attr]
            begin += size
        self.program.load(state, 0)
        made = self.program.record()
        parts = [np.ravel(np.asarray(made.grad(node), np.float64)) for node in self.moved]
        return made.loss, np.concatenate(parts)
