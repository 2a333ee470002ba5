"""Operations that show the same numbers under another shape: reshape, transpose, broadcast_to."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, full, letters, one_axis, optional, wholes
from bptui.model.engine.rule import Rule


# -------------------------------------------------------------------------------------------------------------- reshape
def _reshape_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), wanted = shapes, attributes["shape"]
    known = prod(size for size in wanted if size != -1)
    if wanted.count(-1) > 1:
        raise ValueError(f"x has shape {x}, and shape {wanted} has more than one -1")
    if -1 in wanted:
        if known == 0 or prod(x) % known:
            raise ValueError(f"x has shape {x}, which cannot become {wanted}")
        return tuple(prod(x) // known if size == -1 else size for size in wanted)
    if prod(x) != known:
        raise ValueError(f"x has shape {x} ({prod(x)} elements), which cannot become {wanted} ({known})")
    return tuple(wanted)


def _reshape_definition(signature: Signature) -> str:
    """The position in row-major order, taken apart again by the sizes of x: `x[(i*J + j)//N, (i*J + j)%N]`."""
    rank, out = signature.ranks[0], letters(signature.out_rank)
    if not rank or not out:
        return f"{at('y', out)} = {at('x', ['0'] * rank)}"
    place = ""
    for n, index in enumerate(out):
        inner = f"({place})" if n > 1 else place
        place = f"{inner}*{index.upper()} + {index}" if n else index
    if rank == 1:
        return f"{at('y', out)} = {at('x', [place])}"
    if len(out) > 1:
        place = f"({place})"
    found = []
    for axis in range(rank):
        below = "*".join(f"x.shape[{later}]" for later in range(axis + 1, rank))
        digit = f"{place}//({below})" if below.count("x") > 1 else f"{place}//{below}" if below else place
        found.append(digit if axis == 0 else f"({digit})%x.shape[{axis}]" if below else f"{digit}%x.shape[{axis}]")
    return f"{at('y', out)} = {at('x', found)}"


_RESHAPE = Rule(lambda x, shape: np.reshape(x, shape), lambda g, y, x, shape: np.reshape(g, x.shape))


# ------------------------------------------------------------------------------------------------------------ transpose
def _order(axes: tuple[int, ...] | None, shape: Sequence[int] | int) -> tuple[int, ...]:
    rank = shape if isinstance(shape, int) else len(shape)
    if axes is None:
        return tuple(reversed(range(rank)))
    order = tuple(one_axis(axis, shape) for axis in axes)
    if sorted(order) != list(range(rank)):
        raise ValueError(f"axes {axes} must name each of the {rank} axes of x once")
    return order


def _transpose_definition(signature: Signature) -> str:
    order = _order(signature["axes"], signature.ranks[0])
    out = letters(len(order))
    return f"{at('y', out)} = {at('x', [out[order.index(axis)] for axis in range(len(order))])}"


_TRANSPOSE = Rule(
    lambda x, axes: np.transpose(x, _order(axes, x.shape)),
    lambda g, y, x, axes: np.transpose(g, np.argsort(_order(axes, x.shape))),
)


# --------------------------------------------------------------------------------------------------------- broadcast_to
def _broadcast_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    wanted: Shape = attributes["shape"]
    try:
        found = np.broadcast_shapes(shapes[0], wanted)
    except ValueError:
        found = ()
    if found != wanted:
        raise ValueError(f"x has shape {shapes[0]}, which does not broadcast to {wanted}")
    return wanted


def _broadcast_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    own = out[signature.out_rank - signature.ranks[0] :]
    return f"{at('y', out)} = {at('x', ['0' if n in signature.stretched[0] else i for n, i in enumerate(own)])}"


_BROADCAST = Rule(lambda x, shape: np.broadcast_to(x, shape), lambda g, y, x, shape: g)


OPS = (
    Op(
        "reshape",
        ("x",),
        _reshape_definition,
        _reshape_shape,
        *_RESHAPE.pair,
        "The same numbers in row-major order under another shape; one size may be -1.",
        {"shape": Attribute(None, lambda value: wholes(value, -1), static=False, required=True)},
    ),
    Op(
        "transpose",
        ("x",),
        _transpose_definition,
        lambda shapes, attributes: tuple(shapes[0][axis] for axis in _order(attributes["axes"], shapes[0])),
        *_TRANSPOSE.pair,
        "The axes in another order, by default reversed: `x.T` in a formula.",
        {"axes": Attribute(None, optional(wholes))},
    ),
    Op(
        "broadcast_to",
        ("x",),
        _broadcast_definition,
        _broadcast_shape,
        *_BROADCAST.pair,
        "x repeated along axes of size 1 and along new leading axes.",
        {"shape": Attribute(None, lambda value: wholes(value, 0), static=False, required=True)},
        broadcasts=True,
        shape_before_unbroadcast=full,
    ),
)
