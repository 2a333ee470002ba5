"""A rule written as mathematics becomes the calls of a plan.

`lambda g, y, x: g * y * (1 - y)` is called once, when a graph is planned, with stand-ins for the arrays. What is
done to a stand-in is noted, not computed; `fill` (bptui.model.engine.fill) then emits the calls that compute it at each
training step, each into its place: the array asked for, or scratch that nobody reads any more. The same expression
written twice is one call, also where the forward rule has it and a vjp again: its array is then kept until the vjp.

    trace = Trace(emit)
    x = trace.given(array)                      # a stand-in for an array that is there when the calls run
    fill(trace, [(np.exp(x) / (x + 1), out)])   # emits exp, add, divide

What a stand-in knows:
    every ufunc of one output, with broadcasting (np.exp(x), x + 1, x > 0, np.maximum(a, b));
    np.add.reduce(x, axis, keepdims=…), and that of any of them
    np.where(c, a, b)
    x.sum, np.sum, np.max, np.min, np.prod (axis, keepdims), np.argmax, np.argmin (axis), np.take_along_axis,
        np.concatenate
    views: x.reshape, x.T, x.real, np.reshape, np.transpose, np.swapaxes, np.expand_dims,
        np.moveaxis, np.broadcast_to, x[basic index]
    x[whole numbers]: the entries of axis 0 that an array (or a stand-in) of whole numbers names; a tuple of such
    a @ b (two axes or more), np.matmul, np.dot of vectors and matrices, np.einsum(text, …), np.tensordot
    noted(fill, shape, *inputs): any other function, that fills its last argument
    planned(plan, shape, *inputs): calls that it emits
Anything else raises TypeError, when the plan is made. A number stands for a 0-d array of the program's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.writing import (
    CLIP,
    LARGE,
    MANY,
    called,
    dotted,
    fill_along,
    fill_einsum,
    fill_joined,
    fill_place,
    fill_tensordot,
    filled_by,
    kept_unless,
    kept_where,
    multiplied,
    reduced,
    scaled_unless,
    selected,
    sign_set,
    signed_by,
    taken,
    written,
)


class Standin(NDArrayOperatorsMixin):
    """An array that is there when the calls run: `shape` and `dtype` are known, its numbers are not.

    write    emits what fills it from `inputs`; None for a given array
    kind     "given", "view" (of its only input), "elementwise" or "whole" (its output may not lie over an input)
    array    where its numbers lie, once that is settled
    """

    __slots__ = ("array", "dtype", "inputs", "kind", "shape", "trace", "write")

    def __init__(
        self, trace: Trace, shape: Shape, dtype: np.dtype[Any], kind: str, write: Any, inputs: Sequence[Any]
    ) -> None:
        self.trace, self.shape, self.dtype, self.kind, self.write = trace, shape, dtype, kind, write
        self.inputs: tuple[Any, ...] = tuple(inputs)
        self.array: Array | None = None

    __hash__ = object.__hash__

    @property
    def selects(self) -> bool:
        """Is it an np.where that reads its second input after `out` was written, or takes longer in its place?"""
        if self.kind != "elementwise":
            return False
        function = self.write.args[0]
        return function in (selected, kept_unless, scaled_unless) or (function is kept_where and self.size < LARGE)

    # ------------------------------------------------------------------------------------------- as NumPy's arrays
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    T = property(lambda self: np.transpose(self))

    @property
    def real(self) -> Any:
        """The real part; a real array itself."""
        if self.dtype.kind != "c":
            return self
        return self.trace.note("view", np.real, (self,), (), self.shape, np.empty(0, self.dtype).real.dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "reduce":
            return self._reduce(ufunc, inputs[0], **options)
        if method != "__call__" or options or ufunc.nout != 1:
            return NotImplemented
        if ufunc.signature is not None:
            return _matmul(self.trace, *inputs) if ufunc is np.matmul else NotImplemented
        return self.trace.elementwise(ufunc, *inputs)

    def _reduce(self, ufunc: np.ufunc, x: Any, axis: Any = 0, keepdims: bool = False, **options: Any) -> Any:
        if options.get("dtype") is not None or options.get("out") is not None:
            return NotImplemented
        axes = _axes(axis, x.ndim)
        shape = _without(x.shape, axes, keepdims)
        dtype = ufunc.resolve_dtypes((x.dtype, x.dtype, None))[-1]
        return x.trace.note("whole", reduced, (x,), (ufunc, axes, bool(keepdims)), shape, dtype)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        known = _FUNCTIONS.get(function)
        return NotImplemented if known is None else known(self.trace, *args, **options)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum over axes."""
        return self._reduce(np.add, self, axis, keepdims)

    def reshape(self, *shape: Any) -> Any:
        """A view of another shape; a copy where there is none."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return np.reshape(self, wanted)  # type: ignore[call-overload]

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        arrays = [part for part in parts if isinstance(part, Standin | np.ndarray)]
        if not arrays:
            shape = np.broadcast_to(np.empty((), np.bool_), self.shape)[key].shape
            return self.trace.note("view", lambda array: array[key], (self,), (_frozen(parts),), shape, self.dtype)
        whole = all(array.dtype.kind in "iu" for array in arrays)
        if not whole or len(arrays) != len(parts) or len({array.shape for array in arrays}) != 1:
            raise TypeError("an index is of slices and numbers, or of arrays of whole numbers of one shape")
        shape = (*arrays[0].shape, *self.shape[len(parts) :])
        return noted(taken, shape, self, *arrays)

    def __len__(self) -> int:
        return self.shape[0]


class Trace:
    """The stand-ins of one rule and its derivatives, and what is known of them."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self._known: dict[Any, Standin] = {}

    def given(self, array: Array) -> Standin:
        """A stand-in for an array that is there."""
        standin = self.awaited(array.shape, array.dtype)
        standin.array = array
        return standin

    def awaited(self, shape: Shape, dtype: Any = None) -> Standin:
        """A stand-in for an array that will be named later: its `array` is set before `fill`."""
        return Standin(self, shape, np.dtype(self.emit.dtype if dtype is None else dtype), "given", None, ())

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is noted inside is not found again outside: it is computed where it is read, and not kept."""
        known = dict(self._known)
        yield
        self._known = known

    def operand(self, item: Any) -> Any:
        """What a call reads: a stand-in (one is made for an array), or a number."""
        if isinstance(item, Standin):
            return item
        return self.given(item) if isinstance(item, np.ndarray) and item.ndim else _number(item)

    def note(
        self, kind: str, function: Any, inputs: Sequence[Any], options: tuple[Any, ...], shape: Shape, dtype: Any
    ) -> Standin:
        """The stand-in for `function` of `inputs`: the one that is there, or a new one.

        A "view" is made by function(input); any other by function(emit, inputs, out, *options).
        """
        name = getattr(function, "__code__", function)  # two lambdas of one line are one function
        key = (kind, name, tuple(id(i) if isinstance(i, Standin) else (type(i), i) for i in inputs), options)
        if key not in self._known:
            write = function if kind == "view" else partial(written, function, options)
            self._known[key] = Standin(self, tuple(shape), np.dtype(dtype), kind, write, inputs)
        return self._known[key]

    def elementwise(self, function: Any, *inputs: Any) -> Standin:
        """A ufunc, or np.where, of what broadcasts."""
        operands: tuple[Any, ...] = tuple(map(self.operand, inputs))
        shape = _broadcast(operands)
        if function is np.where:
            condition, a, b = operands
            dtype = np.result_type(*(self._kind(item) for item in (a, b)))
            whole = [isinstance(x, Standin) and x.shape == shape and x.dtype == dtype for x in (a, b)]
            bits = isinstance(condition, Standin) and condition.dtype == np.bool_ and dtype.kind == "f"
            if _none(a) and whole[1] and bits and prod(shape) >= LARGE:
                return self.note("elementwise", kept_unless, (condition, b), (), shape, dtype)
            if _none(a) and isinstance(b, Standin):
                condition, a, b = self.elementwise(np.logical_not, condition), b, a
                whole.reverse()
            if _none(b) and whole[0] and bits:
                return self.note("elementwise", kept_where, (condition, a), (), shape, dtype)
            factor = times(b, a)
            if whole[0] and bits and isinstance(factor, float) and 0 < factor <= 2:
                return self.note("elementwise", scaled_unless, (condition, a), (factor,), shape, dtype)
            return self.note("elementwise", selected, (condition, a, b), (), shape, dtype)
        dtype = function.resolve_dtypes((*(self._kind(item) for item in operands), None))[-1]
        if function is np.minimum and isinstance(operands[1], float):
            operands = _bounds(operands[0], operands[1]) or operands
            function = np.minimum if len(operands) == 2 else CLIP
        return self.note("elementwise", called, operands, (function,), shape, dtype)

    def _kind(self, item: Any) -> Any:
        return item.dtype if isinstance(item, Standin) else self.emit.dtype if isinstance(item, float) else type(item)


def _matmul(trace: Trace, *factors: Any) -> Any:
    a, b = map(trace.operand, factors)
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
        raise TypeError(f"the shapes {a.shape} and {b.shape} do not fit a product of matrices")
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return trace.note("whole", multiplied, (a, b), (), shape, np.result_type(a.dtype, b.dtype))


def noted(
    fill: Callable[..., None], shape: Shape, *inputs: Any, dtype: Any = None, options: tuple[Any, ...] = ()
) -> Any:
    """A stand-in for what `fill(*inputs, *options, out)` writes, of this shape; at least one input is a stand-in.
    `options` are hashable; the dtype is that of the first input, unless it is said."""
    return _of("whole", filled_by, inputs, (fill, options), shape, dtype)


def planned(plan: Callable[..., None], shape: Shape, *inputs: Any, dtype: Any = None, options: Any = ()) -> Any:
    """The same for what `plan(emit, inputs, out, *options)` emits: what does not change from step to step, as a view of
    an array is none, is made once there."""
    return _of("whole", plan, inputs, options, shape, dtype)


def each(fill: Callable[..., None], *inputs: Any, dtype: Any = None) -> Any:
    """The same for a function of broadcasting elements, which may run over any part of them: `fill(*inputs, out)`."""
    return _of("elementwise", filled_by, inputs, (fill, ()), None, dtype)


def _of(kind: str, function: Any, inputs: Sequence[Any], options: Any, shape: Shape | None, dtype: Any) -> Standin:
    """What is noted in the trace of the first stand-in; without a shape, of that to which the inputs broadcast."""
    trace = next((item.trace for item in inputs if isinstance(item, Standin)), None)
    if trace is None:
        raise TypeError("a function that fills its last argument is for arrays that are there when the calls run")
    operands = [trace.operand(item) for item in inputs]
    wanted = _broadcast(operands) if shape is None else shape
    return trace.note(kind, function, operands, options, wanted, operands[0].dtype if dtype is None else dtype)


def _broadcast(operands: Sequence[Any]) -> Shape:
    return np.broadcast_shapes(*(item.shape for item in operands if isinstance(item, Standin)))


def minus_size(x: Any) -> Any:
    """-|x| of real numbers, in one call: the sign's bit is set."""
    if not isinstance(x, Standin):
        return -np.absolute(x)
    return x.trace.note("elementwise", sign_set, (x,), (), x.shape, x.dtype)


def times_sign(g: Any, x: Any) -> Any:
    """g·sign(x) of real numbers, where the sign of NaN is 0."""
    if isinstance(x, Standin) and x.size >= MANY:
        return x.trace.note("elementwise", signed_by, (g, x), (), x.shape, x.dtype)
    return np.where(x == x, g * np.sign(x), 0)


# --------------------------------------------------------------------------------------------------- NumPy's functions
def _none(number: Any) -> bool:
    """Is it the number +0?"""
    return isinstance(number, float) and number == 0 and not np.signbit(number)


def times(product: Any, one: Any) -> Any:
    """What an operand was multiplied by to make an elementwise product; None where it is no product of it."""
    if getattr(product, "kind", "") != "elementwise" or product.write.args != (called, (np.multiply,)):
        return None
    first, second = product.inputs
    return second if first is one else first if second is one else None


def _bounds(low: Any, above: float) -> tuple[Any, ...]:
    """x and two numbers, where min(max(x, the first), the second) is asked for; else nothing."""
    if getattr(low, "kind", "") != "elementwise" or low.write.args != (called, (np.maximum,)):
        return ()
    x, below = low.inputs
    return (x, below, above) if isinstance(below, float) and isinstance(x, Standin) else ()


def _number(item: Any) -> Any:
    """A number as a call reads it: whole numbers and bools count as numbers of the program's dtype."""
    return float(item) if not isinstance(item, complex | np.complexfloating) else complex(item)


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in (axis if isinstance(axis, tuple) else (axis,))))


def _without(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    if keepdims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _frozen(parts: Sequence[Any]) -> Any:
    return tuple((part.start, part.stop, part.step) if isinstance(part, slice) else part for part in parts)


def _view(function: Any) -> Any:
    """A function whose result is a view of its first argument."""

    def noted_view(trace: Trace, x: Any, *rest: Any, **options: Any) -> Any:
        shape = function(np.broadcast_to(np.empty((), np.bool_), x.shape), *rest, **options).shape
        key = (function, repr(rest), repr(options))
        return trace.note("view", lambda array: function(array, *rest, **options), (x,), key, shape, x.dtype)

    return noted_view


def _reduction(ufunc: Any) -> Any:
    return lambda trace, x, axis=None, keepdims=False: x._reduce(ufunc, x, axis, keepdims)


def _place_of(function: Any) -> Any:
    def found(trace: Trace, x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        shape = _without(x.shape, _axes(axis, x.ndim), keepdims)
        return noted(partial(fill_place, function), shape, x, dtype=np.intp, options=(axis, keepdims))

    return found


def _concatenate(trace: Trace, parts: Sequence[Any], axis: int = 0) -> Any:
    first = parts[0]
    axis %= first.ndim
    size = sum(part.shape[axis] for part in parts)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return noted(fill_joined, shape, *parts, options=(axis,))


def _take_along(trace: Trace, x: Any, index: Any, axis: int) -> Any:
    shape = tuple(
        n if at == axis % x.ndim else size for at, (size, n) in enumerate(zip(x.shape, index.shape, strict=True))
    )
    return noted(fill_along, shape, x, index, options=(axis,))


def _dot(trace: Trace, a: Any, b: Any) -> Any:
    if not (1 <= a.ndim <= 2 and 1 <= b.ndim <= 2) or a.shape[-1] != b.shape[0]:
        raise TypeError(f"np.dot is for vectors and matrices that fit, not the shapes {a.shape} and {b.shape}")
    return trace.note("whole", dotted, (a, b), (), (*a.shape[:-1], *b.shape[1:]), np.result_type(a.dtype, b.dtype))


def _einsum(trace: Trace, text: str, *operands: Any) -> Any:
    inputs, _, output = text.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, item in zip(inputs.split(","), operands, strict=True):
        sizes.update(zip(letters, item.shape, strict=True))
    return noted(partial(fill_einsum, text), tuple(sizes[letter] for letter in output), *operands)


def _tensordot(trace: Trace, a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        axes = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    first, second = (
        _axes(each if isinstance(each, int) else tuple(each), x.ndim) for each, x in zip(axes, (a, b), strict=True)
    )
    shape = (*_without(a.shape, first, False), *_without(b.shape, second, False))
    return noted(partial(fill_tensordot, axes), shape, a, b)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: lambda trace, *items: trace.elementwise(np.where, *items),
    np.sum: _reduction(np.add),
    np.prod: _reduction(np.multiply),
    np.max: _reduction(np.maximum),
    np.min: _reduction(np.minimum),
    np.argmax: _place_of(np.argmax),
    np.argmin: _place_of(np.argmin),
    np.take_along_axis: _take_along,
    np.concatenate: _concatenate,
    np.dot: _dot,
    np.einsum: _einsum,
    np.tensordot: _tensordot,
    **{f: _view(f) for f in (np.reshape, np.transpose, np.swapaxes, np.expand_dims, np.broadcast_to, np.moveaxis)},
}
