"""What the entries of several families have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Read, Ref, floating

Tensor: TypeAlias = Ref | Node
Number: TypeAlias = Ref | Node | float


def several(value: Any) -> Any:
    """Numbers as a tuple, one number as it is."""
    return tuple(value) if isinstance(value, list | tuple) else value


def tensor(x: Any) -> bool:
    """Is it a tensor, not a number?"""
    return isinstance(x, Ref | Node)


def shape_of(x: Any) -> Shape:
    """A number is a tensor of no axes."""
    return tuple(x.shape) if tensor(x) else ()


def whole(x: Any) -> bool:
    """Is it a recorded tensor of whole numbers?"""
    return isinstance(x, Ref) and "int" in x.dtype


def spread(args: Sequence[Any]) -> list[Any]:
    """Arguments that are given one by one or as one list: `permute(0, 1)`, `permute((0, 1))`."""
    return list(args[0]) if len(args) == 1 and isinstance(args[0], list) else list(args)


def axes(x: Tensor, dim: Any) -> int | tuple[int, ...] | None:
    """The axes of a reduction; None and no axes are all of them."""
    if dim is None or dim == []:
        return None
    return tuple(one % max(1, len(x.shape)) for one in (dim if isinstance(dim, list) else [dim])) if x.shape else None


def axis(x: Tensor, dim: int) -> int:
    """An axis counted from the front."""
    return dim % max(1, len(x.shape))


def values(u: Call, x: Any) -> Array:
    """The numbers of a recorded tensor, or of a number, for a reader."""
    if isinstance(x, Node):
        u.lacks(f"{u.name}: a number in between decides what it does")
    return u.array(x) if isinstance(x, Ref) else np.asarray(x)


def condition(u: Call, shape: Shape, read: Read) -> Node:
    """A leaf of 0 and 1 from truth values that are found when they are looked at."""
    return u.constant(shape, lambda: np.broadcast_to(np.asarray(read(), np.float64), shape), "condition")


def reshaped(u: Call, x: Tensor, shape: Shape) -> Node:
    """x under another shape; x itself where it has that shape."""
    return u.use("reshape", x, shape=shape) if tuple(x.shape) != tuple(shape) else u.same(x)


def line(u: Call, x: Tensor) -> Node:
    """x with an axis that a function may work along: a single number as a line of one."""
    return reshaped(u, x, (1,)) if not x.shape else u.same(x)


def stretched(u: Call, x: Any, shape: Shape) -> Node:
    """x broadcast to a shape; x itself where it has that shape."""
    return u.use("broadcast_to", x, shape=shape) if shape_of(x) != shape else u.node(x)


def alike(u: Call, *given: Any) -> list[Node]:
    """Tensors broadcast against each other."""
    shape = np.broadcast_shapes(*map(shape_of, given))
    return [stretched(u, x, shape) for x in given]


def at(dim: int, item: Any) -> tuple[Any, ...]:
    """The index of something along an axis: `x[:, item]`."""
    return (*(slice(None),) * dim, item)


def part(u: Call, x: Tensor, dim: int, item: int | slice) -> Node:
    """x at one place, or at a slice, of an axis."""
    return u.use("slice", x, index=at(axis(x, dim), item))


def rearranged(u: Call, x: Tensor, find: Callable[[Array], Array], shape: Shape | None = None) -> Node:
    """Elements of x at other places: `find` does to the places of x what is done to x, when they are looked at."""
    own, wanted = tuple(x.shape), u.results[0].shape if shape is None else shape

    def read() -> Array:
        return find(np.arange(prod(own)).reshape(own)).reshape(-1)

    flat = reshaped(u, x, (prod(own),))
    return reshaped(u, u.use("take", flat, u.whole((prod(wanted),), read), axis=0), wanted)


def overwritten(u: Call, new: Number, *old: Number) -> Node:
    """`new`, to whose shape the old ones broadcast; what was there before has a gradient of 0."""
    kept = [x for x in old if isinstance(x, Node) or (isinstance(x, Ref) and floating(x))]
    found = u.node(new)
    for x in kept:
        if u.node(x).wants_grad:
            found = u.use("where", 1.0, found, x)
    return found


_DIGITS = {"float64": 3, "float32": 2, "float16": 1, "bfloat16": 1}


def converted(u: Call, x: Any, dtype: Any) -> Any:
    """x in another kind of number, as `{"dtype": name}`: rounded, where that one cannot hold all that x's can."""
    if dtype is None or not isinstance(x, Ref) or not floating(x):
        return x
    wanted = dtype["dtype"]
    if wanted not in _DIGITS:
        u.lacks(f"{u.name} in {wanted}")
    return x if wanted == x.dtype or _DIGITS[wanted] > _DIGITS[x.dtype] else u.use("cast", x, dtype=wanted)


def is_finite(u: Call, *given: Any, nan: bool = False) -> bool:
    """Was no inf recorded, and no NaN unless `nan`?"""
    stats = [u.shop.record.step.values[x.id].stats for x in given if isinstance(x, Ref)]
    return not any(known is not None and (known.inf or (known.nan and not nan)) for known in stats)


def finite(u: Call, *given: Any, nan: bool = False) -> None:
    """Lacks where inf was recorded, or NaN unless `nan`: PyTorch's way of computing gives something else of it."""
    if not is_finite(u, *given, nan=nan):
        u.lacks(f"{u.name} of what is not finite")


def stepwise(u: Call, *inputs: Number) -> Node:
    """A function that is constant between its steps, with a gradient of 0: its recorded result."""
    result = u.results[0]
    return overwritten(u, u.constant(result.shape, u.reader(result)), *inputs)


def reduced(reduction: Any, size_average: Any = None, reduce: Any = None) -> str:
    """A loss's reduction by name; the two that PyTorch had before it win where they are given."""
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    return str(reduction)


def finished(u: Call, x: Node, reduction: str) -> Node:
    """The terms of a loss, reduced."""
    return x if reduction == "none" else u.use(reduction, x)
