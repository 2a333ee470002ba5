"""The engine's own row of one operation, planned by itself, so that it can be asked for other numbers than the
recorded ones.

The finite differences of a check come from here and never from the definition: the two stay independent of each other.
So do the local derivatives between elements that `why` and `paths` are made of (`bptui.model.engine.local`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.calls import Backward, Calls, emit_sum_to
from bptui.model.engine.graph import Node


class Overwritten(NamedTuple):
    """An element that an operation wrote over, though it is not its own to fill: of what, where, and the numbers."""

    what: str
    at: tuple[int, ...]
    got: float
    expected: float


class _Vjp(NamedTuple):
    """The vjp for one input: its calls, the buffers of ∂L/∂output, of the contribution as the rule makes it, and of the
    contribution in the shape of the input."""

    calls: list[Any]
    upstream: Array
    made: Array
    result: Array


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
        self._vjps: dict[int, _Vjp] = {}

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
        return self._run(position, upstream).result.copy()

    def spread(self, position: int, upstream: Array) -> Array:
        """The same before a broadcast is undone: of an elementwise operation in the shape of its output."""
        return self._run(position, upstream).made.copy()

    def _run(self, position: int, upstream: Array) -> _Vjp:
        planned = self._planned(position)
        planned.upstream[...] = upstream
        with np.errstate(all="ignore"):
            for call in (*self._forward, *planned.calls):
                call()
        return planned

    def unsure(self, position: int, upstream: Array, units: int) -> Array:
        """By how much the contribution to one input changes where the output that the rule reads moves by some units of
        its last place, up and down in turn: a difference of terms that cancel has no digits below that."""
        sure = self.vjp(position, upstream)
        planned = self._planned(position)
        moves = np.where(np.arange(self.out.size) % 2, 1, -1).reshape(self.out.shape) * units * np.finfo(self.dtype).eps
        with np.errstate(all="ignore"):
            np.multiply(self.out, 1 + moves, self.out)
            for call in planned.calls:
                call()
            return np.asarray(np.abs(planned.result - sure))

    def overwritten(self, position: int | None = None) -> Overwritten | None:
        """What the forward (or the vjp for one input) writes over: an input, for a vjp also the output and ∂L/∂output.

        Asked with numbers of its own beside the given ones: what was recorded is what an overwriting has left, and
        relu(x) written over x is the same a second time. Some are 0, or so large or small that their squares end.
        """
        names, random = self.op.input_names, np.random.default_rng(0)
        free = [a.dtype.kind in "fc" and n not in self.op.fixed for a, n in zip(self._given, names, strict=False)]
        found = None
        for sizes in ((), (1.0,), (0.0, 1.0, 1e-160, 1e160)):
            for buffer, array, own in zip(self.inputs, self._given, free, strict=True):
                drawn = own and len(sizes) > 0
                buffer[...] = random.normal(size=array.shape) * random.choice(sizes, array.shape) if drawn else array
            watched = dict(zip(names, self.inputs, strict=False))
            calls = self._forward
            with np.errstate(all="ignore"):
                if position is not None:
                    planned = self._planned(position)
                    calls, upstream = planned.calls, planned.upstream
                    upstream[...] = random.normal(size=self.node.shape)
                    for call in self._forward:
                        call()
                    watched |= {"y": self.out, "∂L/∂y": upstream}
                before = {name: array.copy() for name, array in watched.items()}
                for call in calls:
                    call()
            found = found or _changed(before, watched)
        for buffer, array in zip(self.inputs, self._given, strict=True):
            buffer[...] = array
        return found

    def _planned(self, position: int) -> _Vjp:
        """The vjp for one input, planned once."""
        if position not in self._vjps:
            self._vjps[position] = self._plan(position)
        return self._vjps[position]

    def _plan(self, position: int) -> _Vjp:
        start = len(self._emit.calls)
        shapes = [array.shape for array in self.inputs]
        shape = self.op.contribution(position, shapes, self.node.shape)
        upstream = np.zeros(self.node.shape, self.dtype)
        into: list[Array | None] = [None] * len(shapes)
        made = into[position] = np.zeros(shape, self.dtype)
        ctx = Backward(upstream, self.inputs, self.out, self.node.attributes, into, self._saved)
        ready = self.op.vjp(self._emit, ctx)
        if ready is not None and ready[position] is not None:
            made = np.asarray(ready[position])
        result = np.zeros(shapes[position], self.dtype)
        if made.shape == result.shape:
            self._emit(np.copyto, result, made)
        else:
            emit_sum_to(self._emit, made, result)
        return _Vjp(self._emit.calls[start:], upstream, made, result)


def _changed(before: dict[str, Array], after: dict[str, Array]) -> Overwritten | None:
    """The first element that is not what it was; NaN is NaN."""
    for name, old in before.items():
        new = after[name]
        other = (new != old) & ~((new != new) & (old != old))
        if other.any():
            at = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(other)))[: new.ndim]
            return Overwritten(name, at, float(np.real(new[at])), float(np.real(old[at])))
    return None


def wide(array: Array) -> Array:
    """float64 for the numbers, whole numbers as they are."""
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
