"""The calls of a plan, and how a broadcast is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.arena import bounded

Call = Callable[[], Any]
LINE, PAGE, HUGE = 64, 4096, 1 << 21
"""Bytes of a cache line, of a page, and of the large pages that Linux gives to large arrays of NumPy."""


class Emit(Protocol):
    """The plan that is being written: what `forward` and `vjp` say their calls to."""

    dtype: np.dtype[Any]
    noted: dict[Any, Any]
    """What rules have noted for this plan, by what it depends on."""

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Run `function(*args, **kwargs)` here at each training step. Its result is dropped: it fills an argument."""

    def temp(self, shape: Shape, dtype: Any = None) -> Array:
        """A scratch array; keeps its content until the end of the step, is not recorded."""

    def const(self, value: float) -> Array:
        """A 0-d array of the program's dtype (a 0-d operand is the fastest factor for a ufunc on 1-d views)."""


class Backward(NamedTuple):
    """What the backward rule of one use of an operation (`Op.vjp`) reads, and what it fills.

    upstream    ∂L/∂out, in the shape of `out`
    inputs, out, attributes  as the forward rule had them; saved  what it returned
    into        by the input's position: the array for its contribution, None where no gradient is wanted. At least one
                is wanted. It has the shape of the input, or, where the operation broadcasts, the shape before that is
                undone (`Op.contribution`): the engine sums over the stretched axes and adds up the contributions
    """

    upstream: Array
    inputs: Sequence[Array]
    out: Array
    attributes: Attributes
    into: Sequence[Array | None]
    saved: Any = None

    @property
    def d(self) -> Array:
        """The array to fill, where only the first input has a gradient."""
        assert self.into[0] is not None
        return self.into[0]


class Calls:
    """The Emit of a plan: what is emitted is appended, bound to its arguments."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.calls: list[Call] = []
        self.noted: dict[Any, Any] = {}
        self._scratch = 0

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Run this at each training step."""
        self.calls.append(partial(function, *args, **kwargs) if args or kwargs else function)

    def forget(self) -> None:
        """The plan is written: what rules have noted here, and in turn leads here, must not keep its memory alive."""
        self.calls, self.noted = [], {}

    def temp(self, shape: Shape, dtype: Any = None) -> Array:
        """A scratch array, which keeps its content until the end of the step and is not recorded."""
        kind = np.dtype(self.dtype if dtype is None else dtype)
        self._scratch += prod(shape) * kind.itemsize
        bounded(self._scratch, 1, "network")
        return aligned(shape, kind)

    def const(self, value: float) -> Array:
        """A 0-d array of the program's dtype."""
        return np.array(value, self.dtype)


def aligned(shape: Shape, kind: np.dtype[Any]) -> Array:
    """Zeros; a page of them or more starts at a cache line, where vectorised loops are up to a third faster; a large
    page or more at one, so that all of it lies in such: memory is read and written by up to a tenth faster."""
    size = prod(shape) * kind.itemsize
    if size < PAGE:
        return np.zeros(shape, kind)
    start = LINE if size < HUGE else HUGE
    block = np.zeros(size + start, np.uint8)
    first = -block.ctypes.data % start
    return block[first : first + size].view(kind).reshape(shape)


def emit_sum_to(emit: Emit, full: Array, out: Array) -> None:
    """Fill `out` with `full` summed over the axes in which `out` was stretched to the shape of `full`.

    Leading axes are summed by one product with a row of ones, which is 2 to 4 times as fast as add.reduce.
    """
    lead = full.ndim - out.ndim
    kept = (1,) * lead + out.shape
    axes = tuple(axis for axis, size in enumerate(full.shape) if axis < lead or kept[axis] != size)
    rows = prod(full.shape[axis] for axis in axes)
    if rows == 1:
        emit(np.copyto, out, full.reshape(out.shape))
    elif not full.flags.c_contiguous or not full.size:
        emit(np.add.reduce, full, axes, None, out.reshape(kept), True)
    elif all(size == 1 or axis in axes for axis, size in enumerate(full.shape[: axes[-1]])):
        emit(np.ones(rows, full.dtype).dot, full.reshape(rows, -1), out.reshape(-1))
    elif all(size == 1 or axis in axes for axis, size in enumerate(full.shape) if axis > axes[0]):
        emit(np.add.reduce, full.reshape(-1, rows), 1, None, out.reshape(-1))
    else:
        emit(np.add.reduce, full, axes, None, out.reshape(kept), True)
