"""One of the parts into which an axis is cut: split, chunk, unbind. A statement has them all: `a, b = split(x, 2)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, integer, letters, one_axis, optional, wholes, zeros
from bptui.model.engine.ops.slices import index_text, put
from bptui.model.engine.rule import Rule

PART = Attribute(None, optional(integer()))
"""Which one, counted from 0, or from the end. Left out where there is only one."""

Where = Callable[[Shape, Attributes], Sequence[tuple[int, int]]]
"""(shape of x, attributes) → (start, stop) of each part along the axis."""


def _axis(attributes: Attributes, shape: Sequence[int] | int) -> int:
    return one_axis(attributes["axis"], shape)


# ---------------------------------------------------------------------------------------------------- where parts are
def _split(x: Shape, attributes: Attributes) -> Sequence[tuple[int, int]]:
    """Parts of one size, the last may be smaller; or parts of the sizes that are said."""
    size, sizes = x[_axis(attributes, x)], attributes["size"]
    if isinstance(sizes, int):
        return [(start, min(size, start + sizes)) for start in range(0, max(1, size), sizes)]
    if sum(sizes) != size:
        raise ValueError(f"x has shape {x}: size {list(sizes)} adds up to {sum(sizes)}, not to {size} of the axis")
    stops = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    return list(zip([0, *stops], stops, strict=False))


def _sizes(value: Any) -> int | tuple[int, ...]:
    """One size for all parts, or a list of them."""
    return integer(1)(value) if not isinstance(value, tuple | list) else wholes(value, 0)


def _chunk(x: Shape, attributes: Attributes) -> Sequence[tuple[int, int]]:
    """So many parts of one size but for the last; fewer, where the size, rounded up, fills the axis before."""
    size = x[_axis(attributes, x)]
    each = -(-size // attributes["chunks"])
    if not each:
        return [(0, 0)] * attributes["chunks"]
    return [(start, min(size, start + each)) for start in range(0, size, each)]


def _unbind(x: Shape, attributes: Attributes) -> Sequence[tuple[int, int]]:
    return [(n, n + 1) for n in range(x[_axis(attributes, x)])]


# ---------------------------------------------------------------------------------------------------------- definitions
def _start(signature: Signature) -> str:
    """Where a part begins, as a number or of the size of the axis."""
    part = signature["part"] or 0
    axis = _axis(dict(signature.attributes), signature.ranks[0])
    if signature.op == "split":
        sizes = signature["size"]
        if isinstance(sizes, int):
            size = f"x.shape[{axis}]"
            return str(part * sizes) if part >= 0 else f"(({size} + {sizes - 1})//{sizes} - {-part})*{sizes}"
        return str(sum(sizes[:part]))
    count = signature["chunks"]
    each = f"((x.shape[{axis}] + {count - 1})//{count})" if count > 1 else f"x.shape[{axis}]"
    if part < 0:
        return f"((x.shape[{axis}] + {each} - 1)//{each} - {-part})*{each}"
    return "0" if not part else each if part == 1 else f"{part}*{each}"


def _part_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axis = _axis(dict(signature.attributes), signature.ranks[0])
    return f"{at('y', out)} = {at('x', [f'{_start(signature)} + {i}' if n == axis else i for n, i in enumerate(out)])}"


def _unbind_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axis, part = _axis(dict(signature.attributes), signature.ranks[0]), signature["part"] or 0
    place = str(part) if part >= 0 else f"x.shape[{axis}] - {-part}"
    return f"{at('y', out)} = {at('x', [*out[:axis], place, *out[axis:]])}"


# ----------------------------------------------------------------------------------------------------------------- rows
def _row(name: str, attribute: Mapping[str, Attribute], where: Where, definition: Any, doc: str) -> Op:
    alone = name == "unbind"

    def which(x: Shape, attributes: Attributes) -> tuple[int, int]:
        """Where the part lies."""
        parts, part = where(x, attributes), attributes["part"]
        if part is None and len(parts) != 1:
            raise ValueError(f"x has shape {x}: it gives {len(parts)} parts", f"write a, b = {name}(…), or part=0")
        if not -len(parts) <= (part or 0) < len(parts):
            raise ValueError(f"x has shape {x}: there is no part {part} of {len(parts)}")
        return parts[part or 0]

    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        (x,) = shapes
        axis, (start, stop) = _axis(attributes, x), which(x, attributes)
        return (*x[:axis], *([] if alone else [stop - start]), *x[axis + 1 :])

    def index(x: Shape, attributes: Attributes) -> tuple[Any, ...]:
        start, stop = which(x, attributes)
        return (*(slice(None),) * _axis(attributes, x), start if alone else slice(start, stop))

    def forward(x: Any, **attributes: Any) -> Any:
        return x[(*index(x.shape, attributes), ...)]

    def vjp(g: Any, y: Any, x: Any, **attributes: Any) -> Any:
        return put(zeros(x), g, index=index_text(index(x.shape, attributes)))

    return Op(
        name, ("x",), definition, shape, *Rule(forward, vjp).pair, doc,
        {**attribute, "axis": Attribute(0, integer()), "part": PART},
        results=lambda shapes, attributes: len(where(shapes[0], attributes)),
    )  # fmt: skip


OPS = (
    _row(
        "split",
        {"size": Attribute(None, _sizes, required=True)},
        _split,
        _part_definition,
        "One of the parts of x along an axis, of one size (the last may be smaller) or of the sizes of a list.",
    ),
    _row(
        "chunk",
        {"chunks": Attribute(None, integer(1), required=True)},
        _chunk,
        _part_definition,
        "One of so many parts of x along an axis; there are fewer where parts of that size fill it before.",
    ),
    _row("unbind", {}, _unbind, _unbind_definition, "One of the places of x along an axis, which has gone then."),
)
