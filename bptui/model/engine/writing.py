"""How each call that was noted is emitted: `write(emit, inputs, out)` emits what fills `out`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Call, Calls, Emit

MANY = 512
"""From this size on the number of elements counts, below it the number of calls."""

LARGE = 4096
"""From this size on a call more, which takes 0.2 µs, is worth the sixth of another that it saves."""


def written(function: Any, options: tuple[Any, ...], emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    function(emit, arrays, out, *options)


def called(emit: Emit, arrays: Sequence[Any], out: Array, ufunc: Any) -> None:
    numbers = sum(map(_stands, arrays))
    if ufunc in NAMED and out.dtype.kind == "f" and (numbers == 1 or (not numbers and out.size < MANY)):
        x, bound = sorted(arrays, key=_stands)
        none = emit.const(inf if ufunc is np.maximum else -inf)
        emit(CLIP, x, *((bound, none) if ufunc is np.maximum else (none, bound)), out)
    elif ufunc in SLOW:
        if out.size >= MANY:
            arrays = [_filled(emit, array, out) for array in arrays]
        if ufunc in NAMED:
            emit(ufunc, *arrays, out=out)
        else:
            emit(ufunc, *arrays, out)
    elif ufunc in CLASSES and not out.flags.c_contiguous:
        found = emit.temp(out.shape, out.dtype)
        emit(ufunc, *arrays, found)
        emit(np.copyto, out, found)
    else:
        emit(ufunc, *arrays, out)


def plain(write: Any) -> Any:
    """The ufunc that all of a noted call consists of, whatever its arrays are; None for any other."""
    function, options = write.args
    return options[0] if function is called and options[0] not in (*SLOW, *CLASSES) else None


CLASSES = (np.isnan, np.isinf, np.isfinite, np.signbit)
"""Into an output with gaps, as `mask` makes one, NumPy 2.4.6 writes wrong answers of these, from eight elements on."""

NAMED = (np.maximum, np.minimum)
"""To these NumPy wants `out` given by name, which takes as long as half a call. Where it is no matter what they make of
NaN, or of -0 beside 0, np.fmax and np.fmin do without."""

CLIP = getattr(np._core.umath, "clip", np.clip)  # type: ignore[attr-defined]
"""The ufunc behind np.clip since NumPy 1.17, which has no public name: min(max(x, a), b), which takes half the time of
np.maximum for few numbers (`out` needs no name), and as long for many: it does not mind that the bounds are numbers."""

SLOW = (*NAMED, np.fmax, np.fmin)
"""Against a number these take five times as long as against an array of it."""


def _stands(array: Array) -> bool:
    """Is it a number that stands in the rule?"""
    return not array.ndim and not array.flags.writeable


def _filled(emit: Emit, array: Array, out: Array) -> Array:
    """An array of a number that stands in the rule; another 0-d array stays, its number changes."""
    if not _stands(array):
        return array
    return emit.full(array, out) if isinstance(emit, Collected) else np.full(out.shape, array, out.dtype)


def selected(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    """np.where into `out`: what is not chosen leaves no trace, be it nan or inf."""
    condition, a, b = arrays
    if out.size < MANY or {a.dtype, b.dtype} != {out.dtype} or out.dtype.kind != "f":
        if not np.may_share_memory(b, out):
            emit(np.copyto, out, b)
        emit(np.copyto, out, a, where=condition)
        return
    kind = bits(out)  # the bits in which a is another than b: without branches, five times as fast on mixed signs
    apart = emit.temp(out.shape, kind)
    emit(np.bitwise_xor, a.view(kind), b.view(kind), apart)
    _keep(emit, condition, apart, apart)
    emit(np.bitwise_xor, apart, b.view(kind), out.view(kind))


def _keep(emit: Emit, condition: Array, numbers: Array, out: Array) -> None:
    """Whole numbers where the condition holds, else 0: times 1 or 0; of many in 64 bits with all of these or none."""
    if out.size < LARGE or out.itemsize < 8 or condition.dtype != np.bool_:
        emit(np.multiply, numbers, condition, out)
        return
    every = emit.temp(condition.shape, np.int8)
    emit(np.negative, condition.view(np.int8), every)
    emit(np.bitwise_and, numbers, every, out)


def scaled_unless(emit: Emit, arrays: Sequence[Any], out: Array, factor: float) -> None:
    """np.where(condition, a, a·factor), for a factor above 0 and up to 2: of many elements a times 1 or the factor.

    That is made of the condition as condition·(1 - factor) + factor, which is 1 to the last bit: the rounding of the
    difference is at most half of what the sum can tell from 1.
    """
    condition, a = arrays
    small = emit.const(factor)
    if out.size < MANY:
        emit(np.multiply, a, small, out)
        emit(np.copyto, out, a, where=condition)
        return
    factors = emit.temp(out.shape)
    emit(np.copyto, factors, condition.view(np.int8))  # a product with bools takes twice as long as this and a product
    emit(np.multiply, factors, np.asarray(emit.const(1.0) - small), factors)
    emit(np.add, factors, small, factors)
    emit(np.multiply, a, factors, out)


def bits(like: Array | Emit) -> np.dtype[Any]:
    """The whole numbers that are as long as those of an array or a program."""
    return np.dtype(f"i{like.dtype.itemsize}")


def kept_where(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    """np.where(condition, a, 0) by the bits of `a`, whose product NumPy forms in twice the time over itself."""
    condition, a = arrays
    under = condition.base
    if under is not None and under.dtype == bits(out) and under.size == condition.size:
        condition = under.reshape(condition.shape)
    _keep(emit, condition, a.view(bits(out)), out.view(bits(out)))


def kept_unless(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    """np.where(condition, 0, a) of `LARGE` arrays or larger ones: the bits that stay lie where the result will."""
    condition, a = arrays
    every = (emit.temp(out.shape) if np.may_share_memory(a, out) else out).view(bits(out))
    emit(np.subtract, condition.view(np.int8), np.array(1, np.int8), every)
    emit(np.bitwise_and, a.view(bits(out)), every, out.view(bits(out)))


def sign_set(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    """-|x|."""
    kind = bits(out)
    emit(np.bitwise_or, arrays[0].view(kind), np.array(np.iinfo(kind).min, kind), out.view(kind))


def signed_by(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    """g·sign(x), where that is x > 0 less x < 0: np.sign takes longer than all of this, and has NaN of NaN."""
    g, x = arrays
    above, below = emit.temp((2, *out.shape), np.bool_)
    zero, sign = emit.const(0.0), above.view(np.int8)
    emit(np.greater, x, zero, above)
    emit(np.less, x, zero, below)
    emit(np.subtract, sign, below.view(np.int8), sign)
    emit(np.multiply, g, sign, out)


def mask(emit: Emit, shape: Shape) -> Array:
    """A scratch array of bools. Each lies in a whole number as long as the program's, which is then 1 or 0: of a few
    elements the product above takes half the time without a cast, which more than makes up for the gaps."""
    if prod(shape) >= MANY or emit.dtype.kind != "f":
        return emit.temp(shape, np.bool_)
    numbers = emit.temp((prod(shape),), bits(emit))
    numbers[...] = 0
    first = 0 if sys.byteorder == "little" else numbers.itemsize - 1
    return numbers.view(np.bool_)[first :: numbers.itemsize].reshape(shape)


def reduced(emit: Emit, arrays: Sequence[Any], out: Array, ufunc: Any, axes: tuple[int, ...], keepdims: bool) -> None:
    (x,) = arrays
    if len(axes) == x.ndim and x.flags.c_contiguous:
        emit(ufunc.reduce, x.reshape(-1), 0, None, out.reshape(()))
    else:
        emit(ufunc.reduce, x, axes, None, out, keepdims)


def multiplied(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    emit(np.matmul, *arrays, out)


def dotted(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    emit(arrays[0].dot, arrays[1], out)


def filled_by(emit: Emit, arrays: Sequence[Any], out: Array, fill: Any, options: tuple[Any, ...]) -> None:
    emit(fill, *arrays, *options, out)


def taken(source: Array, *rest: Any) -> None:
    *index, out = rest
    out[...] = source[tuple(index)]


def emit_viewed(emit: Emit, arrays: Sequence[Any], out: Array, view: Any) -> None:
    emit(viewed, view, *arrays, out)


def emit_copied(emit: Emit, arrays: Sequence[Any], out: Array) -> None:
    emit(np.copyto, out, *arrays)


def viewed(view: Any, source: Array, out: Array) -> None:
    out[...] = view(source)


def fill_place(function: Any, x: Array, axis: int | None, keepdims: bool, out: Array) -> None:
    function(x, axis, out, keepdims=keepdims)


def fill_along(x: Array, index: Array, axis: int, out: Array) -> None:
    out[...] = np.take_along_axis(x, index, axis)


def fill_joined(*arrays: Any) -> None:
    *parts, axis, out = arrays
    np.concatenate(parts, axis, out)


def fill_einsum(text: str, *arrays: Any) -> None:
    np.einsum(text, *arrays[:-1], out=arrays[-1])


def fill_tensordot(axes: Any, a: Array, b: Array, out: Array) -> None:
    out[...] = np.tensordot(a, b, axes)


# --------------------------------------------------------------------------------------------------------------- blocks
class Collected(Calls):
    """The calls of the blocks; constants and full arrays of one are made once."""

    def __init__(self, emit: Emit) -> None:
        super().__init__(emit.dtype)
        self._made: dict[Any, Array] = {}

    def temp(self, shape: Shape, dtype: Any = None) -> Array:
        """Scratch, which all blocks share."""
        key = shape, np.dtype(dtype or self.dtype)
        if key not in self._made:
            self._made[key] = super().temp(shape, dtype)
        return self._made[key]

    def full(self, value: Array, like: Array) -> Array:
        """An array of one number, for the calls that are faster on arrays."""
        key = value.item(), like.shape, like.dtype
        if key not in self._made:
            self._made[key] = np.full(like.shape, value, like.dtype)
        return self._made[key]


def run_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call()
