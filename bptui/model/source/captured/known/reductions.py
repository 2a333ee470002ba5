"""Functions that reduce axes, or run along one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    Tensor,
    axes,
    axis,
    condition,
    converted,
    finite,
    is_finite,
    line,
    rearranged,
    reshaped,
    tensor,
    values,
)
from bptui.model.source.captured.known.indexing import along
from bptui.model.source.captured.known.registry import Entry, known, taking
from bptui.model.source.captured.known.shapes import turned

F = "torch.nn.functional."


@known("sum", "mean")
def total(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    return u.use(u.name, converted(u, input, dtype), axis=axes(input, dim), keepdims=keepdim)


@known("prod")
def prod(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    """PyTorch's gradient is the product divided by each factor, where none is 0: NaN for one that is not finite. So is
    that of 1/(1/x), which is x. Where one is 0, it is the product of the others, as ours is."""
    if is_finite(u, input, u.results[0]):
        return total(u, input, dim, keepdim, dtype=dtype)
    numbers, none = values(u, input), int(np.count_nonzero(values(u, input) == 0))
    if (none > 1 and dim is None) or np.isfinite(numbers).all():
        u.lacks("prod of what is not finite, or whose product is not")
    if none:
        return total(u, input, dim, keepdim, dtype=dtype)
    odd = condition(u, input.shape, lambda: ~np.isfinite(values(u, input)))
    divided = u.use("where", odd, u.use("reciprocal", u.use("reciprocal", input)), input)
    return total(u, divided, dim, keepdim, dtype=dtype)


def _nan_left_out(u: Call, input: Any, dtype: Any) -> tuple[Node, Any]:
    """x with 0 in the place of NaN, and where it is none."""

    def fine() -> Any:
        return ~np.isnan(values(u, input))

    return u.use("where", condition(u, input.shape, fine), converted(u, input, dtype), 0.0), fine


@known("nansum")
def nansum(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    return u.use("sum", _nan_left_out(u, input, dtype)[0], axis=axes(input, dim), keepdims=keepdim)


@known("nanmean")
def nanmean(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    x, fine = _nan_left_out(u, input, dtype)
    over = axes(input, dim)
    y = u.use("sum", x, axis=over, keepdims=keepdim)
    return u.use("div", y, u.constant(y.shape, lambda: np.asarray(np.sum(fine(), over, np.float64, keepdims=keepdim))))


# -------------------------------------------------------------------------------------------------- var, std, norm
def _moments(u: Call, kind: str, x: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool) -> Node:
    """`var(x, True)` is unbiased and over all, `var(x, 1)` is over axis 1."""
    if u.name.endswith("_mean"):
        finite(u, x, nan=True)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    settings = {} if kind == "mean" else {"correction": correction}
    return u.use(kind, x, axis=axes(x, dim), keepdims=keepdim, **settings)


def _spread(*kinds: str) -> Entry:
    def entry(
        u: Call, input: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
    ) -> list[Node]:
        return [_moments(u, kind, input, dim, unbiased, correction, keepdim) for kind in kinds]

    return entry


known("var")(_spread("var"))
known("std")(_spread("std"))
known("var_mean")(_spread("var", "mean"))
known("std_mean")(_spread("std", "mean"))


@known("norm")
def norm(u: Call, input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Node:
    order = 2.0 if p in ("fro", None) else p
    if order == "nuc":
        return matrix_norm(u, input, "nuc", [0, 1] if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(order, str):
        u.lacks(f"norm {p}")
    return u.use("norm", converted(u, input, dtype), axis=axes(input, dim), keepdims=keepdim, p=float(order))


@known("torch.linalg.vector_norm")
def vector_norm(u: Call, x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    return u.use("norm", converted(u, x, dtype), axis=axes(x, dim), keepdims=keepdim, p=float(ord))


@known("torch.linalg.matrix_norm")
def matrix_norm(
    u: Call, A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Node:
    """By Frobenius; by sums of |x| over one axis, of which the largest or smallest counts; by singular values."""
    rows, columns = (axis(A, d) for d in dim)
    if ord == "fro":
        return u.use("norm", converted(u, A, dtype), axis=(rows, columns), keepdims=keepdim)
    if 0 in A.shape:  # of no elements it is 0
        return u.use("sum", A, axis=(rows, columns), keepdims=keepdim)
    if dtype is not None or isinstance(A, Node):
        u.lacks(f"matrix_norm {ord} in another kind of number, or of complex ones")
    finite(u, A)
    if ord in (2, -2, "nuc"):
        order = [n for n in range(len(A.shape)) if n not in (rows, columns)]
        name = ord if isinstance(ord, str) else str(int(ord))
        y = u.use("singular_norm", turned(u, A, (*order, rows, columns)), ord=name)
        return reshaped(u, y, u.results[0].shape)
    summed, other = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = u.use("sum", u.use("abs", A), axis=summed, keepdims=True)
    y = extreme(u, np.max if ord > 0 else np.min, sums, other, True,
                lambda: np.sum(np.abs(values(u, A)), summed, keepdims=True))  # fmt: skip
    return y if keepdim else reshaped(u, y, u.results[0].shape)


@known("torch.linalg.norm")
def linalg_norm(u: Call, A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Node:
    """Without an order that of all elements; with one, of a vector where one axis is meant, else of a matrix."""
    two = len(dim) == 2 if isinstance(dim, list) else dim is None and len(A.shape) == 2
    if two and ord is not None:
        return matrix_norm(u, A, ord, dim or [-2, -1], keepdim, dtype=dtype)
    return vector_norm(u, A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


# ---------------------------------------------------------------------------------------------------- softmax
@known("logsumexp", "torch.special.logsumexp")
def logsumexp(u: Call, input: Any, dim: Any, keepdim: bool = False) -> Node:
    return u.use("logsumexp", input, axis=axes(input, dim), keepdims=keepdim)


def _softmax(u: Call, input: Any, dim: int | None, dtype: Any, _stacklevel: int = 3) -> Node:
    """Without an axis, as PyTorch chose it before it was to be named; of a single number, along none."""
    x = converted(u, input, dtype)
    if dim is None:
        dim = 0 if len(x.shape) in (0, 1, 3) else 1
    x, op = (u.use("neg", x), "softmax") if u.name == "softmin" else (x, u.name)
    return reshaped(u, u.use(op, line(u, x), axis=dim), tuple(x.shape))


known(F + "softmax", F + "log_softmax", F + "softmin")(taking(_softmax, "input", dim=None, _stacklevel=3, dtype=None))
known("softmax", "log_softmax", "torch.special.softmax", "torch.special.log_softmax")(
    taking(_softmax, "input", "dim", dtype=None)
)


# ----------------------------------------------------------------------------------------------------- extremes
def extreme(u: Call, pick: Any, x: Tensor, over: Any, keepdim: bool, read: Any, nan: bool = True) -> Node:
    """The one that `pick` (np.max, np.min) takes, whose gradient all that are equal share: it is their mean. `read`
    gives the numbers of x. nan: where it is NaN those that are NaN share it; else all elements have NaN, as with
    `amax`."""
    rank = len(x.shape)
    reduced = range(rank) if over is None else over if isinstance(over, tuple) else (over,)
    inside = tuple(1 if n in reduced else size for n, size in enumerate(x.shape))
    outside = inside if keepdim else tuple(size for n, size in enumerate(x.shape) if n not in reduced)

    def found() -> Any:
        array = read()
        best = pick(array, over, keepdims=True)
        return (array == best) | ((np.isnan(array) | (not nan)) & np.isnan(best))

    def count() -> Any:
        array = read()
        lost = np.any(np.isnan(array), over, keepdims=keepdim) & (not nan)
        return np.where(lost, np.nan, np.sum(found(), over, np.float64, keepdims=keepdim)).reshape(outside)

    total = u.use("sum", u.use("where", condition(u, x.shape, found), x, 0.0), axis=over, keepdims=keepdim)
    return u.use("div", total, u.constant(outside, count))


def _extreme_of(u: Call, input: Any, dim: Any, keepdim: bool) -> Node:
    """Of two tensors, of all elements, or along an axis, with the places where they were."""
    if tensor(dim):
        return u.use("maximum" if u.name == "max" else "minimum", input, dim)
    if dim is None:
        return extreme(u, getattr(np, u.name), input, None, False, u.reader(input))
    return chosen(u, input, dim, keepdim)


@known("max", "min")
def largest(u: Call, input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Node:
    return _extreme_of(u, input, dim if other is None else other, keepdim)


@known("amax", "amin")
def amax(u: Call, input: Any, dim: Any = (), keepdim: bool = False) -> Node:
    over = axes(input, list(dim) if isinstance(dim, tuple) else dim)
    return extreme(u, getattr(np, u.name), input, over, keepdim, u.reader(input), False)


@known("aminmax")
def aminmax(u: Call, input: Any, *, dim: Any = None, keepdim: bool = False) -> list[Node]:
    return [extreme(u, pick, input, axes(input, dim), keepdim, u.reader(input), False) for pick in (np.min, np.max)]


def chosen(u: Call, input: Any, dim: int, keepdim: bool = True) -> Node:
    """The elements that were chosen along an axis: a second result has their places."""
    if len(u.results) < 2:
        u.lacks(f"{u.name}: the places were not recorded")
    places = u.results[1]
    if not input.shape:
        return u.same(input)
    shape = places.shape if keepdim else (*places.shape[: axis(input, dim)], 1, *places.shape[axis(input, dim) :])
    return along(u, input, places, axis(input, dim), shape)


@known("median", "nanmedian")
def median(u: Call, input: Any, dim: Any = None, keepdim: bool = False) -> Node:
    """Of all elements: those that are equal to it share the gradient."""
    if dim is not None:
        return chosen(u, input, dim, keepdim)
    return extreme(u, lambda array, over, keepdims: values(u, u.results[0]), input, None, False, u.reader(input))


known("mode")(taking(chosen, "input", dim=-1, keepdim=False))
known("cummax", "cummin")(taking(chosen, "input", "dim"))
known("kthvalue")(taking(lambda u, x, k, dim, keepdim: chosen(u, x, dim, keepdim), "input", "k", dim=-1, keepdim=False))
known("topk")(taking(lambda u, x, k, dim, **_: chosen(u, x, dim), "input", "k", dim=-1, largest=True, sorted=True))
known("sort")(taking(lambda u, x, dim, **_: chosen(u, x, dim), "input", dim=-1, descending=False, stable=None))


@known("msort")
def msort(u: Call, input: Any) -> Node:
    def order(places: Any) -> Any:
        return np.take_along_axis(places, np.argsort(values(u, input), 0, kind="stable"), 0)

    return rearranged(u, input, order)


# ------------------------------------------------------------------------------------------------- along an axis
def _running(u: Call, x: Tensor, dim: int, dtype: Any = None) -> Node:
    if u.name == "cumprod" or (u.name == "logcumsumexp" and not x.shape):
        finite(u, x)  # of the logarithm of one number PyTorch's gradient is 1, whatever it is
    return reshaped(u, u.use(u.name, line(u, converted(u, x, dtype)), axis=dim), tuple(x.shape))


cumsum = known("cumsum")(taking(_running, "input", "dim", dtype=None))
known("cumprod")(taking(_running, "input", "dim", dtype=None))
known("logcumsumexp")(taking(_running, "input", "dim"))


@known("diff")
def diff(u: Call, input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Node:
    if n == 0:
        return u.same(input)
    given = [x for x in (prepend, input, append) if x is not None]
    y = u.use("concat", *given, axis=dim) if len(given) > 1 else u.same(input)
    before = (slice(None),) * axis(input, dim)
    for _ in range(min(n, y.shape[axis(y, dim)])):
        size = y.shape[axis(y, dim)]
        after = u.use("slice", y, index=(*before, slice(min(1, size), size)))
        y = u.use("sub", after, u.use("slice", y, index=(*before, slice(0, max(0, size - 1)))))
    return y


@known("trace")
def trace(u: Call, input: Any) -> Node:
    return u.use("trace", input)


@known("bptui.all_reduce")
def all_reduce(u: Call, gradients: list[Any]) -> Node:
    """The mean over ranks, as DistributedDataParallel takes it (its default; no communication hook)."""
    total = gradients[0]
    for gradient in gradients[1:]:
        total = u.use("add", total, gradient)
    return u.use("div", total, float(len(gradients)))
