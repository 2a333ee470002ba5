"""Calls with complex numbers, which a record has as pairs on a last axis (`pairs.py`). What PyTorch counts as axes are
those before it. An entry here is asked where one of the values of a call is complex; that of `known` where none is.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from bptui.model.base.types import Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known import copies, indexing, joining, shapes, writing
from bptui.model.source.captured.known.common import Tensor, alike, finite, reshaped, spread, stretched, tensor, values
from bptui.model.source.captured.known.matrices import product
from bptui.model.source.captured.known.registry import complex_known, known, taking, uses
from bptui.model.source.captured.pairs import OF


def is_complex(x: Any) -> TypeGuard[Ref]:
    """Is it a recorded complex value?"""
    return isinstance(x, Ref) and x.complex


def _lead(x: Any) -> Shape:
    """The shape that PyTorch has for it."""
    return tuple(x.shape[:-1]) if is_complex(x) else tuple(x.shape)


def _pairs(u: Call, x: Any) -> Tensor:
    """A real tensor or number as complex ones."""
    if is_complex(x) or isinstance(x, Node):
        return x
    if not tensor(x) and not isinstance(x, int | float):
        u.lacks(f"{u.name} with a {type(x).__name__}")
    return u.use("complex", x)


def pairs(u: Call, x: Any) -> Node:
    """The same as a node."""
    return u.node(_pairs(u, x))


def _axes(u: Call, x: Any, dim: Any) -> tuple[int, ...]:
    rank = len(_lead(x))
    named = range(rank) if dim is None or dim == [] else dim if isinstance(dim, list) else [dim]
    return tuple(one % max(1, rank) for one in named)


# ---------------------------------------------------------------------------------------------- what they are made of
@complex_known("view_as_real", "view_as_complex", "resolve_conj", "resolve_neg", "clone", "contiguous", "cpu", "cuda")
def same(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    return u.same(input)


complex_known("detach", "data")(uses("detach"))
complex_known("bptui.same")(copies.same)


@complex_known("to", "cfloat", "cdouble", "type", "type_as")
def to(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """In the kind of number of the result, which may be complex where this is not, and the other way round."""
    y, result = copies.to(u, input), u.results[0]
    if result.complex and not is_complex(input):
        return u.use("complex", y)
    return y if result.complex else u.use("real", y)


@complex_known("complex")
def complex_(u: Call, real: Any, imag: Any) -> Node:
    return u.use("complex", *alike(u, real, imag))


@complex_known("polar")
def polar(u: Call, abs: Any, angle: Any) -> Node:
    size, turn = alike(u, abs, angle)
    return u.use("complex", u.use("mul", size, u.use("cos", turn)), u.use("mul", size, u.use("sin", turn)))


for _op, *_names in (("real", "real"), ("imag", "imag"), ("angle", "angle"), ("conj", "conj", "conj_physical"),
                     ("neg", "neg", "negative", "__neg__")):  # fmt: skip
    complex_known(*_names)(uses(_op))


@complex_known("abs", "absolute", "__abs__")
def size(u: Call, input: Any) -> Node:
    """Its gradient at 0 is 0."""
    finite(u, input)
    return u.use("norm", input, axis=-1)


# ------------------------------------------------------------------------------------------------------- arithmetic
@complex_known("add", "__add__", "__radd__", "sub", "subtract", "__sub__")
def add(u: Call, input: Any, other: Any, *, alpha: Any = 1) -> Node:
    if alpha != 1:
        u.lacks(f"{u.name} with alpha")
    finite(u, input, other)  # PyTorch's product with alpha = 1 makes NaN of inf
    return u.use("sub" if "sub" in u.name else "add", _pairs(u, input), _pairs(u, other))


complex_known("__rsub__")(taking(lambda u, a, b: add(u, b, a), "input", "other"))


def _beside(u: Call, x: Any) -> Any:
    """A real tensor with an axis of size 1 where the parts are; a number as it is."""
    return reshaped(u, x, (*x.shape, 1)) if tensor(x) else x


@complex_known("mul", "multiply", "__mul__", "__rmul__")
def mul(u: Call, input: Any, other: Any) -> Node:
    if is_complex(input) and is_complex(other):
        return u.use("cmul", input, other)
    finite(u, input, other, nan=True)  # PyTorch's product with a real number has it as a complex one: inf·0 is NaN
    a, b = (input, other) if is_complex(input) else (other, input)
    if not tensor(b) and not isinstance(b, int | float):
        u.lacks(f"{u.name} with a {type(b).__name__}")
    return u.use("mul", a, _beside(u, b))


@complex_known("div", "true_divide", "__truediv__", "__div__")
def div(u: Call, input: Any, other: Any, *, rounding_mode: Any = None) -> Node:
    if rounding_mode is not None:
        u.lacks("a complex quotient that is rounded")
    finite(u, input, other, nan=not is_complex(other))
    if not is_complex(other):
        if tensor(other) and np.any(values(u, other) == 0):
            u.lacks("a complex quotient by a real 0")
        return u.use("div", input, _beside(u, other))
    return quotient(u, pairs(u, input), other)


def quotient(u: Call, a: Node, b: Tensor) -> Node:
    """a/b of complex numbers: times the conjugate of b, over the square of its size."""
    below = u.use("sum", u.use("square", b), axis=-1, keepdims=True)
    return u.use("div", u.use("cmul", a, u.use("conj", b)), below)


@complex_known("sum", "mean")
def total(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    if dtype is not None and OF.get(dtype["dtype"]) != input.dtype:
        u.lacks(f"{u.name} in another kind of number")
    finite(u, input)
    x = pairs(u, input)
    return u.use(u.name, x, axis=_axes(u, input, dim), keepdims=keepdim) if len(x.shape) > 1 else x


@complex_known("matmul", "torch.linalg.matmul", "__matmul__", "mm", "spmm", "bmm", "mv")
def matmul(u: Call, input: Any, other: Any) -> Node:
    """Four products of real matrices."""
    (a, b), (c, d) = ([u.use(name, _pairs(u, x)) for name in ("real", "imag")] for x in (input, other))
    re = u.use("sub", product(u, a, c), product(u, b, d))
    return u.use("complex", re, u.use("add", product(u, a, d), product(u, b, c)))


@complex_known("einsum")
def einsum(u: Call, equation: Any, *operands: Any) -> Node:
    given = spread(operands)
    if not isinstance(equation, str) or len(given) != 2:
        u.lacks("einsum of complex numbers, but of two operands")
    return u.use("ceinsum", *(_pairs(u, x) for x in given), equation=equation)


# ------------------------------------------------------------------------------------------------------------- places
@complex_known(
    "reshape", "view", "view_as", "reshape_as", "flatten", "unflatten", "unsqueeze", "squeeze", "ravel"
)  # fmt: skip
def in_order(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """The same numbers in the same order."""
    return reshaped(u, input, u.results[0].shape)


@complex_known("permute")
def permute(u: Call, input: Any, *dims: Any) -> Node:
    return shapes.turned(u, input, (*_axes(u, input, spread(dims)), len(input.shape) - 1))


@complex_known("transpose", "swapaxes", "swapdims")
def transpose(u: Call, input: Any, dim0: int, dim1: int) -> Node:
    (a, b), order = _axes(u, input, [dim0, dim1]), list(range(len(input.shape)))
    order[a], order[b] = order[b], order[a]
    return shapes.turned(u, input, tuple(order))


@complex_known("expand", "expand_as", "broadcast_to")
def expand(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    return stretched(u, input, u.results[0].shape)


def _indexed(index: Any) -> Any:
    """An index that leaves the last axis: only `...` would reach it."""
    items = index if isinstance(index, list) else [index]
    return [*items, slice(None)] if any(item is Ellipsis for item in items) else index


@complex_known("__getitem__")
def getitem(u: Call, input: Any, index: Any) -> Node:
    return indexing.getitem(u, input, _indexed(index))


@complex_known("__setitem__")
def setitem(u: Call, input: Any, index: Any, value: Any) -> Node:
    return writing.setitem(u, input, _indexed(index), _pairs(u, value))


@complex_known("cat", "concat", "concatenate")
def cat(u: Call, tensors: Any, dim: int = 0) -> Node:
    parts = [_pairs(u, x) for x in tensors]
    return joining.joined(u, parts, _axes(u, tensors[0], dim)[0])


# --------------------------------------------------------------------------------------------------------- transforms
def _norm(norm: Any) -> str:
    return "backward" if norm is None else str(norm)


def _transform(u: Call, kind: str, x: Any, n: Any, axis: int, norm: Any) -> Node:
    finite(u, x)
    given = x if kind == "rfft" or isinstance(x, Node) else _pairs(u, x)
    return u.use(kind, given, n=n, axis=axis, norm=_norm(norm))


@complex_known(*(f"torch.fft.{name}" for name in ("fft", "ifft", "rfft", "irfft")))
@known("torch.fft.irfft")
def along(u: Call, input: Any, n: Any = None, dim: int = -1, norm: Any = None) -> Node:
    return _transform(u, u.name, input, n, _axes(u, input, dim)[0], norm)


def _several(u: Call, x: Any, s: Any, dim: Any, norm: Any) -> Node:
    """Axis by axis, the last first; what becomes real does so at the end."""
    kind = u.name.rstrip("2n")
    axes = _axes(u, x, dim if dim is not None or s is None else list(range(-len(s), 0)))
    sizes = [None if size == -1 else size for size in s] if s is not None else [None] * len(axes)
    steps = list(zip(axes, sizes, strict=True))
    last = kind.replace("r", "")
    order = steps if kind == "irfft" else steps[::-1]
    for place, (axis, n) in enumerate(order):
        own = kind if place == (len(order) - 1 if kind == "irfft" else 0) else last
        x = _transform(u, own, x, n, axis, norm)
    return u.node(x)


@complex_known(*(f"torch.fft.{name}2" for name in ("fft", "ifft", "rfft", "irfft")))
@known("torch.fft.irfft2")
def over_two(u: Call, input: Any, s: Any = None, dim: Any = (-2, -1), norm: Any = None) -> Node:
    return _several(u, input, s, [dim] if isinstance(dim, int) else list(dim), norm)


@complex_known(*(f"torch.fft.{name}n" for name in ("fft", "ifft", "rfft", "irfft")))
@known("torch.fft.irfftn")
def over_all(u: Call, input: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Node:
    return _several(u, input, s, dim, norm)
