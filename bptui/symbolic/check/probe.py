"""The engine's own row of one operation, planned by itself, so that it can be asked for other numbers than the
recorded ones.

The finite differences of a check come from here and never from the definition: the two stay independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.graph import Node
from bptui.model.ops.base import Array
from bptui.model.plan import Calls, emit_sum_to


class Probe:
    """`node`'s forward and vjp over buffers of its own, in float64 (or complex, for a complex step)."""

    def __init__(self, node: Node, inputs: Sequence[Array], dtype: Any = np.float64) -> None:
        assert node.op is not None
        self.node, self.op, self.dtype = node, node.op, np.dtype(dtype)
        self._emit = Calls(self.dtype)
        self.inputs = [self._buffer(array) for array in inputs]
        self._given = [array.copy() for array in self.inputs]
        self.out = np.zeros(node.shape, self.dtype)
        self._saved = self.op.forward(self._emit, self.inputs, self.out, node.attributes)
        self._forward = list(self._emit.calls)
        self._vjps: dict[int, tuple[list[Any], Array, Array]] = {}

    def _buffer(self, array: Array) -> Array:
        array = np.asarray(array)
        return np.array(array, self.dtype if array.dtype.kind in "fc" else array.dtype, order="C")

    def forward(self, position: int | None = None, value: Array | None = None) -> Array:
        """The output, with one input replaced by `value`. A view that the next call overwrites."""
        if position is not None:
            self.inputs[position][...] = value
        with np.errstate(all="ignore"):
            for call in self._forward:
                call()
        if position is not None:
            self.inputs[position][...] = self._given[position]
        return self.out

    def vjp(self, position: int, upstream: Array) -> Array:
        """The contribution to one input for any ∂L/∂output."""
        if position not in self._vjps:
            self._vjps[position] = self._plan(position)
        calls, buffer, result = self._vjps[position]
        buffer[...] = upstream
        with np.errstate(all="ignore"):
            for call in (*self._forward, *calls):
                call()
        return result.copy()

    def _plan(self, position: int) -> tuple[list[Any], Array, Array]:
        start = len(self._emit.calls)
        shapes = [array.shape for array in self.inputs]
        spread = shapes[position]
        if self.op.spread is not None:
            spread = self.op.spread(position, shapes, self.node.shape)
        upstream = np.zeros(self.node.shape, self.dtype)
        into: list[Array | None] = [None] * len(shapes)
        made = into[position] = np.zeros(spread, self.dtype)
        ready = self.op.vjp(self._emit, upstream, self.inputs, self.out, self.node.attributes, into, self._saved)
        if ready is not None and ready[position] is not None:
            made = np.asarray(ready[position])
        result = np.zeros(shapes[position], self.dtype)
        if made.shape == result.shape:
            self._emit(np.copyto, result, made)
        else:
            emit_sum_to(self._emit, made, result)
        return self._emit.calls[start:], upstream, result


def wide(array: Array) -> Array:
    """float64 for the numbers, whole numbers as they are."""
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
