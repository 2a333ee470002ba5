"""Products of matrices: matmul and the dense layer's affine map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Composite, Op, Signature
from bptui.model.engine.ops.common import at, batches, element, letters, rows
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import planned

# -------------------------------------------------------------------------------------------------------- matmul


def _matmul_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    a, b = shapes
    for name, shape in (("a", a), ("b", b)):
        if not shape:
            raise ValueError(f"{name} has shape (): a matrix product needs at least one axis (use * for a number)")
    if a[-1] != b[-2 if len(b) > 1 else -1]:
        inner = "the second last axis of b" if len(b) > 1 else "b"
        raise ValueError(f"a has shape {a} and b has shape {b}: the last axis of a and {inner} must be equal")
    return batches(a, b) + a[-2:-1] + (b[-1:] if len(b) > 1 else ())


def _matmul_definition(signature: Signature) -> str:
    """y[l,i,j] = sum(a[l,i,k]*b[l,k,j] for k in K), with as many batch axes as there are."""
    rank_a, rank_b = signature.ranks
    row, column = (["i"] if rank_a > 1 else []), (["j"] if rank_b > 1 else [])
    batch = letters(signature.out_rank - len(row) - len(column), start="lmnopqrstuvw")

    a = element(signature, 0, "a", batch, *row, "k")
    b = element(signature, 1, "b", batch, "k", *column)
    return f"{at('y', batch + row + column)} = sum({a}*{b} for k in K)"


def _matmul_unreduced(position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
    """Stretched batch axes are undone by the engine; a plain matrix b under a batch a is contracted instead."""
    a, b = shapes
    if position == 1 and len(b) <= 2 and len(a) >= 2:
        return b
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    return batch + (a[-2:] if position == 0 else b[-2:])


@operation
def product(a: Any, b: Any) -> Any:
    """a @ b."""
    if a.ndim <= 2 and b.ndim <= 2:
        return np.dot(a, b)  # the method with out= has half of np.matmul's overhead
    shape = _matmul_shape([a.shape, b.shape], {})
    return planned(_product, shape, a, b)


def _product(emit: Emit, arrays: Sequence[Array], out: Array) -> None:
    """One matrix for every batch: all rows of the batch are rows of one product."""
    a, b = arrays
    if b.ndim == 2 and a.flags.c_contiguous and out.flags.c_contiguous and out.size:
        emit(rows(a).dot, b, rows(out))
    else:
        emit(np.matmul, a, b, out)


def _matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Vectors are seen as matrices of one row or one column, as NumPy defines them."""
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    return g, a, b


def _by_a(g: Any, y: Any, a: Any, b: Any, *_: Any) -> Any:
    if a.ndim == 1 and b.ndim == 2:
        return product(b, g)
    upstream, _, second = _matrices(g, a, b)
    d = product(upstream, np.swapaxes(second, -1, -2))
    return d.reshape((*d.shape[:-2], d.shape[-1])) if a.ndim == 1 else d


def _by_b(g: Any, y: Any, a: Any, b: Any, *_: Any) -> Any:
    """Of one matrix for every batch the contraction sums over all rows."""
    if a.ndim == 2 and b.ndim == 1:
        return product(np.swapaxes(a, -1, -2), g)
    upstream, first, second = _matrices(g, a, b)
    if second.ndim == 2:
        first, upstream = (x if x.ndim == 2 else rows(x) for x in (first, upstream))
    d = product(np.swapaxes(first, -1, -2), upstream)
    return d.reshape(d.shape[:-1]) if b.ndim == 1 else d


_MATMUL = Rule(product, _by_a, _by_b)


# -------------------------------------------------------------------------------------------------------- affine


def _affine_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, weight, bias = shapes
    if len(weight) != 2:
        raise ValueError(f"weight has shape {weight}: it must have two axes (in, out)")
    if not x or x[-1] != weight[0]:
        raise ValueError(f"x has shape {x} and weight has shape {weight}: the last axis of x must be {weight[0]}")
    if bias != weight[1:]:
        raise ValueError(f"bias has shape {bias} and weight has shape {weight}: bias must have shape {weight[1:]}")
    return x[:-1] + weight[1:]


def _affine_definition(signature: Signature) -> str:
    batch = letters(signature.ranks[0] - 1, avoid="jk")
    return f"{at('y', [*batch, 'j'])} = sum({at('x', [*batch, 'k'])}*weight[k,j] for k in K) + bias[j]"


def _affine_unreduced(position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
    """The bias is added to every row: its contribution is `upstream` itself, and the engine sums it over the rows."""
    return out if position == 2 else shapes[position]


def _affine(emit: Emit, arrays: Sequence[Array], out: Array) -> None:
    x, weight, bias = arrays
    y: Array = out.reshape(prod(out.shape[:-1]), weight.shape[1])
    emit(rows(x).dot, weight, y)
    if y.shape[0] == 1:  # without broadcasting, on 1-D views: a third of the time
        y = y.reshape(-1)
    emit(np.add, y, bias, y)


_AFFINE = Rule(
    lambda x, weight, bias: planned(_affine, (*x.shape[:-1], weight.shape[1]), x, weight, bias),
    _by_a,
    _by_b,
    lambda g, y, x, weight, bias: g,
)


# -------------------------------------------------------------------------------------------------------- linear


def _linear(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weight, *bias = inputs
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"x has shape {x.shape} and weight has shape {weight.shape}: weight must be (out, in), x must end in `in`"
        )
    turned = use("transpose", weight, name="weight_t", axes=(1, 0))
    return use("affine", x, turned, *bias, name="y") if bias else use("matmul", x, turned, name="y")


def _linear_definition(signature: Signature) -> str:
    rows_ = letters(signature.out_rank - 1, avoid="jk")
    bias = " + bias[j]" if len(signature.ranks) > 2 else ""
    return f"{at('y', [*rows_, 'j'])} = sum({at('x', [*rows_, 'k'])}*weight[j,k] for k in K){bias}"


OPS = (
    Op(
        "matmul",
        ("a", "b"),
        _matmul_definition,
        _matmul_shape,
        *_MATMUL.pair,
        "The matrix product, over the last two axes; leading axes are batches and broadcast.",
        broadcasts=True,
        inner=2,
        shape_before_unbroadcast=_matmul_unreduced,
        symbol="{0} @ {1}",
    ),
    Op(
        "affine",
        ("x", "weight", "bias"),
        _affine_definition,
        _affine_shape,
        *_AFFINE.pair,
        "A dense layer: x @ weight + bias, weight (in, out).",
        shape_before_unbroadcast=_affine_unreduced,
        symbol="{0} @ {1} + {2}",
    ),
)

COMPOSITES = (
    Composite(
        "linear",
        ("x", "weight", "bias?"),
        _linear,
        _linear_definition,
        "A dense layer with weight (out, in), as PyTorch has it: transpose, then affine.",
    ),
)
