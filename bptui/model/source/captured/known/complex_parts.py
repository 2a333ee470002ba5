"""Functions of complex numbers that are those of the real and of the imaginary part.

What only moves numbers or adds them does so with each part. What multiplies two tensors does so with four pairs of
parts: (a + bi)(c + di) = ac - bd + (ad + bc)i. The entries are those of real numbers, asked once for each part.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref, floating
from bptui.model.source.captured.known import images, indexing, joining, matrices, reductions, shapes, writing
from bptui.model.source.captured.known.common import finite, reshaped, tensor
from bptui.model.source.captured.known.complex_numbers import div, pairs
from bptui.model.source.captured.known.registry import COMPLEX, KNOWN, Entry, complex_known, taking

Each = Callable[[Any], Any]

MOVING: tuple[Entry, ...] = (
    shapes.movedim, shapes.broadcast_tensors, shapes.repeat, shapes.tile, shapes.repeat_interleave, shapes.meshgrid,
    shapes.roll, shapes.flip, KNOWN["fliplr"], KNOWN["flipud"], shapes.rot90, KNOWN["diagonal"],
    KNOWN["torch.linalg.diagonal"], KNOWN["diag_embed"], shapes.diag, shapes.triangle, joining.split,
    KNOWN["torch.Tensor.split"], KNOWN["split_with_sizes"], joining.chunk, joining.tensor_split, joining.named_split,
    joining.unbind, joining.narrow, KNOWN["stack"], joining.atleast, joining.ranked_stack, joining.column_stack,
    joining.block_diag, joining.windows, indexing.select, indexing.index_select, indexing.gather,
    indexing.take_along_dim, indexing.take, indexing.masked_select, writing.index_copy, writing.select_scatter,
    writing.slice_scatter, writing.diagonal_scatter, images.unfold, KNOWN["pixel_shuffle"], KNOWN["pixel_unshuffle"],
    images.channel_shuffle,
)  # fmt: skip
ADDING: tuple[Entry, ...] = (
    writing.index_add, writing.scatter_add, writing.put_flat, writing.index_put, images.fold, reductions.cumsum,
    reductions.diff, reductions.trace,
)  # fmt: skip
MULTIPLYING: tuple[Entry, ...] = (
    matrices.linear, matrices.inner, matrices.tensordot, matrices.kron, matrices.rmatmul, KNOWN["dot"], KNOWN["outer"],
    *(KNOWN[f"conv{n}d"] for n in (1, 2, 3)), *(KNOWN[f"conv_transpose{n}d"] for n in (1, 2, 3)),
)  # fmt: skip


def _mapped(each: Each, item: Any) -> Any:
    """An argument with its tensors of floats as `each` has them."""
    if isinstance(item, list):
        return [_mapped(each, part) for part in item]
    return each(item) if isinstance(item, Node) or (isinstance(item, Ref) and floating(item)) else item


def _real(u: Call) -> Call:
    """The call as if its results were real."""
    made = copy(u)
    made.results = [r._replace(shape=r.shape[:-1], complex=False) if r.complex else r for r in u.results]
    return made


def _part(u: Call, name: str) -> Each:
    return lambda x: u.use(name, pairs(u, x))


def _finite(u: Call) -> None:
    """Of inf PyTorch's products make NaN, its sums by way of them, too."""
    finite(u, *(u.ref(value) for value in u.event.inputs))


def by_parts(make: Entry) -> Entry:
    """An entry that does the same with the real and the imaginary part."""

    @wraps(make)
    def entry(u: Call, *args: Any, **kwargs: Any) -> Any:
        if "dtype" in kwargs and kwargs["dtype"] is not None:
            u.lacks(f"{u.name} in another kind of number")
        if make in ADDING:
            _finite(u)
        made = []
        for name in ("real", "imag"):
            each = _part(u, name)
            given = {key: _mapped(each, item) for key, item in kwargs.items()}
            made.append(make(_real(u), *(_mapped(each, item) for item in args), **given))
        re, im = made
        if isinstance(re, list):
            return [u.use("complex", *pair) for pair in zip(re, im, strict=True)]
        return u.use("complex", re, im)

    return entry


def by_pairs(make: Entry) -> Entry:
    """An entry for what multiplies its first two tensors."""

    @wraps(make)
    def entry(u: Call, a: Any, b: Any, *args: Any, **kwargs: Any) -> Node:
        if any(tensor(item) for item in (*args, *kwargs.values())):
            u.lacks(f"{u.name} of complex numbers and a third tensor")
        _finite(u)
        (ar, ai), (br, bi) = ([_part(u, name)(x) for name in ("real", "imag")] for x in (a, b))

        def of(x: Node, y: Node) -> Node:
            found: Node = make(_real(u), x, y, *args, **kwargs)
            return found

        return u.use("complex", u.use("sub", of(ar, br), of(ai, bi)), u.use("add", of(ar, bi), of(ai, br)))

    return entry


for _entries, _of in ((MOVING + ADDING, by_parts), (MULTIPLYING, by_pairs)):
    for _make in _entries:
        complex_known(*(name for name, entry in KNOWN.items() if entry is _make and name not in COMPLEX))(_of(_make))

complex_known("divide")(div)


def _of_sizes(make: Entry) -> Entry:
    """An entry for a norm: that of the absolute values."""

    @wraps(make)
    def entry(u: Call, x: Any, *args: Any, **kwargs: Any) -> Any:
        _finite(u)
        return make(u, u.use("norm", pairs(u, x), axis=-1), *args, **kwargs)

    return entry


for _name in ("torch.linalg.vector_norm", "torch.linalg.norm", "torch.linalg.matrix_norm", "norm"):
    complex_known(_name)(_of_sizes(KNOWN[_name]))


@complex_known("torch.nn.functional.pad")
def padded(u: Call, input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    if value:
        u.lacks("complex numbers padded by others than 0")
    return by_parts(joining.padded)(u, input, pad, mode)


complex_known("constant_pad_nd")(taking(padded, "input", "pad", value=0))


@complex_known("vdot")
def vdot(u: Call, input: Any, other: Any) -> Node:
    """The first one conjugated."""
    return by_pairs(matrices.product)(u, u.use("conj", pairs(u, input)), other)  # type: ignore[no-any-return]


@complex_known("t", "T", "mT", "adjoint", "H", "mH")
def turned(u: Call, input: Any) -> Node:
    """Rows and columns exchanged, for some of the names conjugated, too."""
    x, rank = pairs(u, input), len(input.shape) - 1
    order = [*range(rank)][::-1] if u.name in ("t", "T") else [*range(rank - 2), rank - 1, rank - 2]
    y = shapes.turned(u, x, (*order[:rank], rank)) if rank > 1 else x
    return u.use("conj", y) if u.name in ("adjoint", "H", "mH") else u.same(y)


@complex_known("torch.where")
def where(u: Call, condition: Any, input: Any, other: Any) -> Node:
    mask = u.mask(condition)
    return u.use("where", reshaped(u, mask, (*mask.shape, 1)), pairs(u, input), pairs(u, other))


complex_known("torch.Tensor.where")(
    taking(lambda u, x, which, other: where(u, which, x, other), "input", "condition", "other")
)
complex_known("masked_fill")(taking(lambda u, x, mask, value: where(u, mask, value, x), "input", "mask", "value"))
