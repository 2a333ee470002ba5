"""What the rows share: checks of attributes, index letters for definitions of any rank, flat views of arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from math import isfinite, isinf
from typing import Any

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Signature
from bptui.model.engine.trace import noted

LARGEST = 2**63 - 1
"""Of whole numbers: those of NumPy."""


# ---------------------------------------------------------------------------------------------------- attributes
def whole(value: Any, least: int | None = None) -> int:
    """A whole number (not a bool), at least `least`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(int(value) if isinstance(value, float) and value.is_integer() else value)
    except TypeError:
        raise ValueError(f"must be a whole number, not {value!r}") from None
    if least is not None and number < least:
        raise ValueError(f"must be at least {least}, not {number}")
    if abs(number) > LARGEST:
        raise ValueError(f"too large: at most {LARGEST:,}")
    return number


def integer(least: int | None = None, most: int | None = None) -> Callable[[Any], int]:
    """A check for whole numbers, in [least, most]."""

    def check(value: Any) -> int:
        number = whole(value, least)
        if most is not None and number > most:
            raise ValueError(f"must be at most {most}, not {number}")
        return number

    return check


def real(low: float | None = None, high: float | None = None, open_high: bool = False) -> Callable[[Any], float]:
    """A check for finite numbers, in [low, high] or [low, high)."""

    def check(value: Any) -> float:
        if isinstance(value, bool | str | bytes) or np.ndim(value) != 0:
            raise ValueError(f"must be a number, not {value!r}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"must be a number, not {value!r}") from None
        if not isfinite(number):
            raise ValueError(f"must be a finite number, not {number}")
        if low is not None and number < low:
            raise ValueError(f"must be at least {significant(low)}, not {significant(number)}")
        if high is not None and (number > high or (open_high and number == high)):
            raise ValueError(
                f"must be {'below' if open_high else 'at most'} {significant(high)}, not {significant(number)}"
            )
        return number

    return check


def positive(value: Any) -> float:
    """A finite number above 0."""
    number = real(0)(value)
    if number == 0:
        raise ValueError("must be above 0, not 0")
    return number


def masking(value: Any) -> float:
    """A number that may be infinite (also as text): -inf stands for a score that is not looked at."""
    if isinstance(value, str) and value in ("inf", "-inf"):
        return float(value)
    return float(value) if isinstance(value, float) and isinf(value) else real()(value)


def bound(nothing: float) -> Callable[[Any], float | None]:
    """A check for a finite number, or None; the infinity that bounds nothing is None, too."""

    def check(value: Any) -> float | None:
        unbounded = value is None or (isinstance(value, float | str) and value in (nothing, str(nothing)))
        return None if unbounded else real()(value)

    return check


def optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """None, or what `check` lets pass."""
    return lambda value: None if value is None else check(value)


def choice(*words: str) -> Callable[[Any], str]:
    """A check for one of some words."""

    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be {' or '.join(repr(word) for word in words)}, not {value!r}")
        return str(value)

    return check


def flag(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"must be true or false, not {value!r}")
    return bool(value)


def wholes(value: Any, least: int | None = None) -> tuple[int, ...]:
    """A tuple of whole numbers; one number stands for a tuple of one."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (whole(value, least),)
    return tuple(whole(item, least) for item in value)


def each_axis(count: int, least: int) -> Callable[[Any], tuple[int, ...]]:
    """A check for one whole number for all of `count` spatial axes, or `count` of them."""

    def check(value: Any) -> tuple[int, ...]:
        numbers = wholes(value, least)
        if len(numbers) == 1:
            return numbers * count
        if len(numbers) != count:
            raise ValueError(f"must be one whole number or {count} of them, not {value!r}")
        return numbers

    return check


def axes_check(value: Any) -> int | tuple[int, ...] | None:
    """None (all axes), an axis, or several."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        return whole(value)
    return wholes(value)


AXIS = Attribute(None, axes_check)
KEEPDIMS = Attribute(False, flag)
EPS = Attribute(1e-5, real(), static=False)
LAST_AXIS = Attribute(-1, integer())


def one_axis(axis: int, shape: Sequence[int] | int, name: str = "x") -> int:
    """The axis counted from the front. `shape` may be a rank."""
    rank = shape if isinstance(shape, int) else len(shape)
    if not -rank <= axis < rank:
        of = f"{rank} axes" if isinstance(shape, int) else f"shape {tuple(shape)}"
        raise ValueError(f"axis {axis} is not there: {name} has {of}")
    return axis % rank


def many_axes(axis: int | tuple[int, ...] | None, shape: Sequence[int] | int) -> tuple[int, ...]:
    """The axes counted from the front, in order; all of them for None."""
    rank = shape if isinstance(shape, int) else len(shape)
    if axis is None:
        return tuple(range(rank))
    axes = [one_axis(a, shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {axis} names an axis of x twice")
    return tuple(sorted(axes))


# -------------------------------------------------------------------------------------------------------- shapes
def same(names: Sequence[str]) -> Callable[[Sequence[Shape], Attributes], Shape]:
    """All inputs have one shape, and the output has it too."""

    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        require_equal(names, shapes)
        return shapes[0]

    return shape


def along_axis(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of the one input, which has the axis."""
    one_axis(attributes["axis"], shapes[0])
    return shapes[0]


def require_equal(names: Sequence[str], shapes: Sequence[Shape]) -> None:
    """Raise where two shapes differ."""
    for name, shape in zip(names[1:], shapes[1:], strict=False):
        if shape != shapes[0]:
            raise ValueError(f"{names[0]} has shape {shapes[0]} and {name} has shape {shape}: they must be equal")


def broadcast(names: Sequence[str]) -> Callable[[Sequence[Shape], Attributes], Shape]:
    """The inputs broadcast against each other (NumPy's rule)."""

    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            told = " and ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=False))
            raise ValueError(f"the shapes of {told} do not broadcast") from None

    return shape


def full(position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
    """`Op.shape_before_unbroadcast` of an elementwise operation: each contribution has the output's shape."""
    return out


def affine_map(use: Callable[..., Any], x: Any, weight: Any, bias: Sequence[Any], name: str) -> Any:
    """`linear` in a composite. The bias, of which there is one or none, may be one number for all."""
    if bias and not bias[0].shape:
        return use("add", use("linear", x, weight, name=f"{name}_unbiased"), bias[0], name=name)
    return use("linear", x, weight, *bias, name=name)


# --------------------------------------------------------------------------------------------------- definitions
def letters(count: int, avoid: str = "", start: str = "ijklmnopqrstuvw") -> list[str]:
    """`count` index letters: i, j, k, …, then i0, i1, … for the very deep; none of `avoid` (one-letter inputs)."""
    found = [letter for letter in start if letter not in avoid]
    return found[:count] if count <= len(found) else [f"i{n}" for n in range(count)]


def leading(count: int, places: Sequence[str], taps: Sequence[str]) -> list[str]:
    """Letters of the axes before those of space, n and c first: none of those that space has."""
    return letters(count, avoid="".join((*places, *taps)), start="nclmopqrsuvwijk")


def at(name: str, indices: Sequence[str | int]) -> str:
    """An element: `x[i,j]`, or the bare name of a 0-d tensor."""
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def element(signature: Signature, position: int, name: str, batch: Sequence[str], *own: str) -> str:
    """An input at those of the output's batch indices that it has, 0 where it is stretched, and indices of its own."""
    lead, lost = signature.ranks[position] - len(own), signature.stretched[position]
    return at(name, [*("0" if n in lost else i for n, i in enumerate(batch[len(batch) - lead :])), *own])


def batches(a: Shape, b: Shape) -> Shape:
    """The axes of both but for the last two, which must broadcast."""
    try:
        return np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise ValueError(f"the batch axes of a {a} and b {b} do not broadcast") from None


def over(indices: Sequence[str], condition: str = "") -> str:
    """The ranges of a sum: ` for i in I for j in J`."""
    return "".join(f" for {i} in {i.upper()}" for i in indices) + (f" if {condition}" if condition else "")


def total(term: str, indices: Sequence[str], condition: str = "", function: str = "sum") -> str:
    """A sum over indices, or the term itself where there are none."""
    return f"{function}({term}{over(indices, condition)})" if indices else term


def numbered(places: Sequence[str], ranges: Sequence[str]) -> str:
    """The number of a place, row by row: `i*J + j`."""
    sizes = [index.upper() for index in ranges]
    return " + ".join("*".join([index, *sizes[n + 1 :]]) for n, index in enumerate(places))


def product(indices: Sequence[str]) -> str:
    """The number of elements of a range: `I`, or `(I*J)`."""
    sizes = "*".join(i.upper() for i in indices)
    return f"({sizes})" if len(indices) > 1 else sizes


def shifted(index: str, by: int) -> str:
    """`i`, `i + 2`, `i - 1`."""
    return f"{index} {'+' if by > 0 else '-'} {abs(by)}" if by else index


def equal_beside(names: tuple[str, str], shapes: tuple[Shape, Shape], axis: int) -> None:
    """ValueError where two tensors have other sizes beside the axis."""
    (name, first), (other, shape) = zip(names, shapes, strict=True)
    if len(shape) != len(first) or any(n != axis and size != first[n] for n, size in enumerate(shape)):
        both = f"{name} has shape {first} and {other} has shape {shape}"
        raise ValueError(f"{both}: all axes but axis {axis} must be equal")


def literal(value: float) -> str:
    """A number as it stands in a definition: 3, 0.5, (-0.5)."""
    text = repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    return f"({text})" if value < 0 else text


# --------------------------------------------------------------------------------------------------------- arrays
def contiguous(emit: Emit, array: Array) -> Array:
    """The array if a 1-D view of it can be made, else a scratch copy that is filled here at each step."""
    if array.flags.c_contiguous:
        return array
    copy = emit.temp(array.shape, array.dtype)
    emit(np.copyto, copy, array)
    return copy


def rows(array: Array) -> Array:
    """A contiguous array as a matrix: all axes but the last become one. A vector becomes one row."""
    return array.reshape(-1, array.shape[-1]) if array.shape[-1] else array.reshape(int(np.prod(array.shape[:-1])), 0)


def zeros(like: Any, shape: Shape | None = None) -> Array:
    """0 in each element of a shape, that of `like` where none is said, in its kind of numbers: one number in memory.
    What is read from x gives its gradient to zeros of x; what is written over gets zeros."""
    return np.broadcast_to(np.zeros((), like.dtype), like.shape if shape is None else shape)


def made(function: Callable[..., Any], shape: Shape, *inputs: Any, options: tuple[Any, ...] = ()) -> Any:
    """A stand-in for what a function of NumPy makes, `function(*inputs, *options)`, of this shape."""
    return noted(_fill, shape, *inputs, options=(*options, function))


def _fill(*given: Any) -> None:
    *rest, function, out = given
    out[...] = function(*rest)
