"""Products of matrices."""

from __future__ import annotations

from string import ascii_letters
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.arithmetic import scaled
from bptui.model.source.captured.known.common import alike, axis, finite, overwritten, part, reshaped, spread, values
from bptui.model.source.captured.known.joining import joined
from bptui.model.source.captured.known.registry import known, taking, uses


@known("linear")
def linear(u: Call, input: Any, weight: Any, bias: Any = None) -> Node:
    """A weight of one axis is that of one unit, whose axis goes."""
    if len(weight.shape) == 2:
        return u.use("linear", input, weight, bias)
    y = product(u, input, weight)
    return y if bias is None else u.use("add", y, bias)


def product(u: Call, a: Any, b: Any) -> Node:
    """a @ b, of which each may have one axis: a row on the left, a column on the right."""
    left = reshaped(u, a, (1, *a.shape)) if len(a.shape) == 1 else a
    right = reshaped(u, b, (*b.shape, 1)) if len(b.shape) == 1 else b
    y = u.use("matmul", left, right)
    rows = y.shape[-2:-1] if len(a.shape) > 1 else ()
    columns = y.shape[-1:] if len(b.shape) > 1 else ()
    return reshaped(u, y, (*y.shape[:-2], *rows, *columns))


known("matmul", "torch.linalg.matmul", "vdot")(taking(product, "input", "other"))
known("mm", "spmm", "bmm")(taking(product, "input", "mat2"))
known("mv")(taking(product, "input", "vec"))
known("dot")(taking(product, "input", "tensor"))


@known("__rmatmul__")
def rmatmul(u: Call, input: Any, other: Any) -> Node:
    return product(u, other, input)


@known("torch.linalg.vecdot")
def vecdot(u: Call, x: Any, y: Any, *, dim: int = -1) -> Node:
    y = u.use("mul", x, y)
    return u.use("sum", y, axis=axis(y, dim))


@known("inner")
def inner(u: Call, input: Any, other: Any) -> Node:
    """Over the last axes of both; a number is a factor."""
    if not input.shape or not other.shape:
        return u.use("mul", input, other)
    return tensordot(u, input, other, [[-1], [-1]])


known("outer", "ger")(uses("outer", "input", "vec2"))


@known("chain_matmul", "torch.linalg.multi_dot")
def chain(u: Call, *matrices: Any) -> Node:
    given = spread(matrices)
    finite(u, *given, nan=True)  # which product is first decides whether inf becomes NaN
    y = u.same(given[0])
    for other in given[1:]:
        y = product(u, y, other)
    return y


@known("tensordot")
def tensordot(u: Call, a: Any, b: Any, dims: Any = 2) -> Node:
    """Over axes of a and b that are named in pairs, or over the last of a and the first of b."""
    if isinstance(dims, int):
        own, its = list(range(len(a.shape) - dims, len(a.shape))), list(range(dims))
    else:
        named = [given if isinstance(given, list) else [given] for given in dims]
        own, its = ([axis(x, d) for d in given] for x, given in zip((a, b), named, strict=True))
    first, beside = ascii_letters[: len(a.shape)], ascii_letters[len(a.shape) :]
    second = [first[own[its.index(n)]] if n in its else beside[n] for n in range(len(b.shape))]
    left = [i for n, i in enumerate(first) if n not in own] + [i for n, i in enumerate(second) if n not in its]
    return u.use("einsum", a, b, equation=f"{first},{''.join(second)}->{''.join(left)}")


@known("einsum")
def einsum(u: Call, equation: Any, *operands: Any) -> Node:
    """An equation is a definition; as a list of axes by numbers it is not read."""
    if not isinstance(equation, str):
        u.lacks("einsum with axes by numbers")
    given = spread(operands)
    if len(given) > 2:  # which product is first decides whether inf becomes NaN
        finite(u, *given, nan=True)
    return u.use("einsum", *given, equation=equation)


@known("_grouped_mm")
def grouped_mm(u: Call, self: Any, mat2: Any, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Node:
    """Rows in groups, each by a matrix of its own, as a mixture of experts has them. Where the groups end is read at
    once: it decides how many products there are."""
    if len(self.shape) != 2 or len(mat2.shape) != 3 or offs is None or bias is not None or out_dtype is not None:
        u.lacks("_grouped_mm but of rows in groups")
    stops = values(u, offs).tolist()
    found = []
    for n, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
        if start < stop:
            found.append(u.use("matmul", part(u, self, 0, slice(start, stop)), part(u, mat2, 0, n)))
    if not found or stops[-1] != self.shape[0]:
        u.lacks("_grouped_mm with rows of no group")
    return joined(u, found, 0)


# ------------------------------------------------------------------------------------------------- product and sum
def _plus(u: Call, input: Any, a: Any, b: Any, beta: float, alpha: float) -> Node:
    y = u.use("outer", a, b) if u.name == "addr" else product(u, a, b)
    y = scaled(u, u.use("sum", y, axis=0) if u.name == "addbmm" else y, alpha)
    if beta == 0:  # what it does not even read has a gradient of 0
        return overwritten(u, y, input)
    return u.use("add", y, scaled(u, input, beta))


for _name, _a, _b in (("addmm", "mat1", "mat2"), ("addmv", "mat", "vec"), ("addr", "vec1", "vec2"),
                      ("baddbmm", "batch1", "batch2"), ("addbmm", "batch1", "batch2")):  # fmt: skip
    known(_name)(taking(_plus, "input", _a, _b, beta=1, alpha=1))


@known("bilinear")
def bilinear(u: Call, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Node:
    """Σ_ij x1[i]·W[o,i,j]·x2[j]: first over i, then over j, which decides whether inf becomes NaN."""
    first = u.use("einsum", input1, weight, equation="...i,oij->...oj")
    y = u.use("einsum", first, input2, equation="...oj,...j->...o")
    return y if bias is None else u.use("add", y, bias)


def _cross(u: Call, a: Any, b: Any, dim: int | None) -> Node:
    """a₁b₂ - a₂b₁, and so on round; along the first axis of size 3 where none is named."""
    a, b = alike(u, a, b)
    dim = a.shape.index(3) if dim is None else dim

    def taken(x: Node, *order: int) -> Node:
        return u.use("take", x, u.whole((3,), lambda: np.array(order)), axis=dim)

    first = u.use("mul", taken(a, 1, 2, 0), taken(b, 2, 0, 1))
    return u.use("sub", first, u.use("mul", taken(a, 2, 0, 1), taken(b, 1, 2, 0)))


known("torch.linalg.cross")(taking(_cross, "input", "other", dim=-1))
known("cross")(taking(_cross, "input", "other", dim=None))


@known("kron")
def kron(u: Call, input: Any, other: Any) -> Node:
    """Each element of the first times all of the second."""
    rank = max(len(input.shape), len(other.shape))
    a, b = ((1,) * (rank - len(x.shape)) + tuple(x.shape) for x in (input, other))
    left = reshaped(u, input, tuple(n for size in a for n in (size, 1)))
    right = reshaped(u, other, tuple(n for size in b for n in (1, size)))
    return reshaped(u, u.use("mul", left, right), tuple(m * n for m, n in zip(a, b, strict=True)))
