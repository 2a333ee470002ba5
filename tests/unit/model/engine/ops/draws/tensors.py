"""Elementwise operations, matrix products, reductions, shapes, indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import factorial
from typing import Any

import numpy as np

from tests.unit.model.engine.ops.draws.base import (
    Case,
    Random,
    an_axis,
    chance,
    numbers,
    pick,
    positive,
    shape_of,
    some_axes,
    stretched,
)


def of_one(
    op: str, call: Callable[..., Any], draw: Callable[..., Any] = numbers, **attributes: Callable[[Random], Any]
) -> Callable[[Random], Case]:
    """An elementwise operation of x."""

    def make(random: Random) -> Case:
        given = {name: value(random) for name, value in attributes.items() if chance(random, 0.7)}
        x = draw(random, shape_of(random))
        return Case(op, {"x": x}, lambda torch, x: call(torch, x, **given), given)

    return make


def of_two(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        out = shape_of(random)
        shapes = [out, stretched(random, out)]
        random.shuffle(shapes)
        a, b = (numbers(random, shape) for shape in shapes)
        if op == "div":
            b = np.where(b == 0, 0.5, b)
        if op in ("xlogy", "atan2"):
            b = np.abs(b) + 0.1
        call = {"equal": "eq"}.get(op, op)
        return Case(op, {"a": a, "b": b}, lambda torch, a, b: getattr(torch, call)(a, b).to(torch.float64))

    return make


def where(random: Random) -> Case:
    out = shape_of(random)
    c = random.integers(0, 2, stretched(random, out)).astype(float)
    a, b = numbers(random, out), numbers(random, stretched(random, out))
    return Case("where", {"c": c, "a": a, "b": b}, lambda torch, c, a, b: torch.where(c != 0, a, b))


def power(random: Random) -> Case:
    exponent = pick(random, 2, 3, 1, 0, -1, -2, 0.5, 1.5, -0.5, 2.0)
    x = numbers(random, shape_of(random)) if exponent in (0, 1, 2, 3) else positive(random, shape_of(random))
    return Case("power", {"x": x}, lambda torch, x: torch.pow(x, exponent), {"exponent": exponent})


def clip(random: Random) -> Case:
    low, high = sorted(pick(random, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 0.3) for _ in range(2))
    given = pick(random, {"min": low}, {"max": high}, {"min": low, "max": high})
    x = numbers(random, shape_of(random))
    return Case("clip", {"x": x}, lambda torch, x: torch.clamp(x, **given), given)


def cast(random: Random) -> Case:
    """Of numbers of float32: PyTorch goes from float64 to 16 bits over those, and would round twice. (A single number
    is left out: what it meets there is a number of a formula, which changes no kind.)"""
    kind = pick(random, "float64", "float32", "float16", "bfloat16")
    x = numbers(random, shape_of(random) or (3,)).astype(np.float32).astype(float) * pick(random, 1, 1e-7, 3e4)
    x = x.astype(np.float32).astype(float)

    return Case("cast", {"x": x}, lambda torch, x: x.to(getattr(torch, kind)).to(x.dtype), {"dtype": kind})


def slope(random: Random) -> float:
    return float(pick(random, 0.1, 0.01, 0.5, 1.5, -0.25))


def matmul(random: Random) -> Case:
    n, k, m = (int(random.integers(1, 6)) for _ in range(3))
    if chance(random, 0.3):
        a, b = pick(random, ((k,), (k,)), ((n, k), (k,)), ((k,), (k, m)), ((2, 1, n, k), (k,)), ((k,), (3, k, m)))
    else:
        lead = shape_of(random, 0, 2)
        a, b = (*stretched(random, lead), n, k), (*lead, k, m)
    return Case("matmul", {"a": numbers(random, a), "b": numbers(random, b)}, lambda torch, a, b: a @ b)


def linear(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1))
    out = int(random.integers(1, 5))
    inputs = {"x": x, "weight": numbers(random, (out, x.shape[-1]))}
    if chance(random, 0.7):
        inputs["bias"] = numbers(random, out)
    return Case("linear", inputs, lambda torch, *given: torch.nn.functional.linear(*given))


def reduced(op: str, call: Callable[..., Any], *, whole: bool = True, filled: bool = False) -> Callable[[Random], Case]:
    """A reduction; `call(torch, x, dim, keepdim, **given)` with all axes written out. filled: not over nothing."""

    def make(random: Random) -> Case:
        x = numbers(random, shape_of(random, 0 if whole else 1, empty=not filled))
        given: dict[str, Any] = {}
        if x.ndim and chance(random, 0.8):
            given["axis"] = some_axes(random, x.ndim)
        if chance(random):
            given["keepdims"] = chance(random)
        if op in ("var", "std") and chance(random) and x.size:
            axis = given.get("axis", tuple(range(x.ndim)))
            count = int(np.prod([x.shape[a] for a in (axis if isinstance(axis, tuple) else (axis,))], dtype=int))
            given["correction"] = pick(random, int(random.integers(0, min(3, count))), -0.5, 0.25)
        axis = given.get("axis", tuple(range(x.ndim)))
        dim, keepdim = axis if isinstance(axis, tuple) else (axis,), given.get("keepdims", False)
        return Case(op, {"x": x}, lambda torch, x: call(torch, x, dim, keepdim, **_only(given, "correction")), given)

    return make


def _only(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _flat(torch: Any, x: Any, dim: tuple[int, ...], keepdim: bool, name: str) -> Any:
    """What PyTorch reduces over one axis: the axes are brought together in their order, so that the first of equals is
    the first in memory."""
    axes = sorted(axis % x.ndim for axis in dim) if x.ndim else []
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    joined = x.permute((*rest, *axes)).reshape(*(x.shape[axis] for axis in rest), -1 if x.numel() else _count(x, axes))
    found = getattr(torch, name)(joined, dim=-1)
    found = found if name == "prod" else found.values
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    return found.reshape(kept) if keepdim else found


def _count(x: Any, axes: list[int]) -> int:
    return int(np.prod([x.shape[axis] for axis in axes], dtype=int))


def _everywhere(name: str) -> Callable[..., Any]:
    def call(torch: Any, x: Any, dim: tuple[int, ...], keepdim: bool, **given: Any) -> Any:
        if not x.ndim:
            return getattr(torch, name)(x, **given) if name != "logsumexp" else torch.logsumexp(x, 0)
        return getattr(torch, name)(x, dim=dim, keepdim=keepdim, **given)

    return call


def _norm(torch: Any, x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    return torch.linalg.vector_norm(x, dim=dim or None, keepdim=keepdim)


def _var(torch: Any, x: Any, dim: tuple[int, ...], keepdim: bool, correction: int = 0, name: str = "var") -> Any:
    return getattr(torch, name)(x, dim=dim, keepdim=keepdim, correction=correction) if x.ndim else x * 0


def prelu(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 4))
    channels = x.shape[1] if x.ndim > 1 else 1
    weight = numbers(random, pick(random, (1,), (channels or 1,)))
    return Case("prelu", {"x": x, "weight": weight}, lambda torch, x, w: torch.nn.functional.prelu(x, w))


def glu(random: Random) -> Case:
    shape = list(shape_of(random, 1, 4))
    axis = an_axis(random, len(shape))
    shape[axis] *= 2
    x = numbers(random, tuple(shape))
    return Case("glu", {"x": x}, lambda torch, x: torch.nn.functional.glu(x, axis), {"axis": axis})


def reshape(random: Random) -> Case:
    x = numbers(random, shape_of(random))
    count, to = x.size, []
    while count > 1 and len(to) < 4:
        factor = pick(random, *[n for n in range(1, count + 1) if count % n == 0])
        to.append(factor)
        count //= factor
    to = [0, 2] if x.size == 0 else [*to, count]
    if to and x.size and chance(random, 0.3):
        to[int(random.integers(len(to)))] = -1
    shape = tuple(to)
    return Case("reshape", {"x": x}, lambda torch, x: x.reshape(shape), {"shape": shape})


def transpose(random: Random) -> Case:
    x = numbers(random, shape_of(random, 0, 5))
    if chance(random, 0.3):
        return Case("transpose", {"x": x}, lambda torch, x: x.permute(tuple(reversed(range(x.ndim)))))
    order = tuple(int(a) - (x.ndim if chance(random, 0.3) else 0) for a in random.permutation(x.ndim))
    return Case("transpose", {"x": x}, lambda torch, x: x.permute(order), {"axes": order})


def _span(random: Random, size: int) -> slice:
    low, high = sorted(int(n) for n in random.integers(0, size + 1, 2))
    ends = [pick(random, low, low - size if low < size else low, None), pick(random, high, None)]
    return slice(*ends, pick(random, None, 1, 2, 3))


def slice_(random: Random) -> Case:
    """PyTorch has no negative steps: those are written as a flip."""
    x = numbers(random, shape_of(random, 1, empty=False))
    entries: list[Any] = []
    for size in x.shape[: int(random.integers(1, x.ndim + 1))]:
        entries.append(an_axis(random, size) if chance(random, 0.3) else _span(random, size))
    flipped = isinstance(entries[0], slice) and chance(random, 0.2)
    told = [":".join("" if n is None else str(n) for n in (e.start, e.stop, e.step)) if isinstance(e, slice) else str(e)
            for e in entries]  # fmt: skip
    if flipped:
        told[0], entries[0] = "::-1", slice(None)
    if chance(random, 0.2):
        told.append("...")
    at = tuple(entries)
    call = (lambda torch, x: x.flip(0)[at]) if flipped else (lambda torch, x: x[at])
    return Case("slice", {"x": x}, call, {"index": f"[{', '.join(told)}]"})


def take(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    axis = an_axis(random, x.ndim)
    i = random.integers(0, x.shape[axis], shape_of(random, 0, 2))
    before = (slice(None),) * (axis % x.ndim)
    return Case("take", {"x": x, "i": i}, lambda torch, x, i: x[(*before, i)], {"axis": axis})


def embedding(random: Random) -> Case:
    table = numbers(random, (int(random.integers(1, 7)), int(random.integers(1, 5))))
    i = random.integers(0, len(table), shape_of(random, 0, 3))
    given: dict[str, Any] = {"padding_idx": int(random.integers(len(table)))} if chance(random, 0.3) else {}
    if chance(random, 0.3):
        given |= {"max_norm": pick(random, 0.5, 1.5), "norm_type": pick(random, 1.0, 2.0, 3.0)}
    if chance(random, 0.3):
        given["scale_grad_by_freq"] = True
    return Case("embedding", {"table": table, "i": i},
                lambda torch, t, i: torch.nn.functional.embedding(i, t * 1, **given), given)  # fmt: skip


def concat(random: Random) -> Case:
    shape = list(shape_of(random, 1))
    axis, inputs = an_axis(random, len(shape)), {}
    for name in "abcdefgh"[: int(random.integers(2, 9))]:
        shape[axis] = int(random.integers(0 if chance(random, 0.2) else 1, 4))
        inputs[name] = numbers(random, tuple(shape))
    return Case("concat", inputs, lambda torch, *parts: torch.cat(parts, axis), {"axis": axis})


def stack(random: Random) -> Case:
    shape = shape_of(random, 0, 3)
    axis = an_axis(random, len(shape) + 1)
    inputs = {name: numbers(random, shape) for name in "abcdefgh"[: int(random.integers(2, 9))]}
    return Case("stack", inputs, lambda torch, *parts: torch.stack(parts, axis), {"axis": axis})


def broadcast_to(random: Random) -> Case:
    shape = shape_of(random)
    x = numbers(random, stretched(random, shape))
    return Case("broadcast_to", {"x": x}, lambda torch, x: x.expand(shape), {"shape": shape})


def along(op: str) -> Callable[[Random], Case]:
    """softmax, log_softmax: far from 0 in some draws."""

    def make(random: Random) -> Case:
        x = numbers(random, shape_of(random, 1)) * pick(random, 1, 1, 100)
        given = {"axis": an_axis(random, x.ndim)} if chance(random, 0.8) else {}
        return Case(op, {"x": x}, lambda torch, x: getattr(torch, op)(x, given.get("axis", -1)), given)

    return make


def _functional(name: str) -> Callable[..., Any]:
    return lambda torch, x, **given: getattr(torch.nn.functional, name)(x, **given)


def _digamma(torch: Any, x: Any) -> Any:
    """With another derivative than PyTorch's, which has 9 digits."""
    still = x.detach()
    return torch.digamma(still) + torch.special.zeta(2, still) * (x - still)


def _polygamma(torch: Any, x: Any, n: int = 1) -> Any:
    """The same of the n-th derivative, (-1)ⁿ⁺¹·n!·ζ(n + 1, x)."""
    still, sign = x.detach(), (-1) ** (n + 1)
    slope = -sign * factorial(n + 1) * torch.special.zeta(n + 2, still)
    return sign * factorial(n) * torch.special.zeta(n + 1, still) + slope * (x - still)


def _plain(name: str) -> Callable[..., Any]:
    return lambda torch, x: getattr(torch, name)(x)


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    **{name: of_one(name, _plain(name)) for name in ("neg", "exp", "sin", "cos", "tanh", "sigmoid", "relu", "abs",
                                                    "square", "selu")},
    **{name: of_one(name, _plain(name), positive) for name in ("log", "sqrt", "reciprocal", "rsqrt")},
    **{name: of_one(name, _functional(name), lambda r, s: numbers(r, s, -8, 8))
       for name in ("silu", "relu6", "mish", "softsign")},
    "softplus": of_one("softplus", lambda torch, x, **given: torch.nn.functional.softplus(x, threshold=1e3, **given),
                       lambda r, s: numbers(r, s, -8, 8), beta=lambda r: float(pick(r, 0.5, 1.0, 2.0, 7.5))),
    "log_sigmoid": of_one("log_sigmoid", _functional("logsigmoid"), lambda r, s: numbers(r, s, -30, 30)),
    **{name: of_one(name, _plain(name)) for name in ("tan", "sinh", "cosh", "expm1", "erf", "erfc", "atan", "asinh")},
    **{name: of_one(name, _plain(name), lambda r, s: numbers(r, s, -0.9, 0.9)) for name in ("asin", "acos", "atanh")},
    "acosh": of_one("acosh", _plain("acosh"), lambda r, s: numbers(r, s, 1.1, 4)),
    "lgamma": of_one("lgamma", _plain("lgamma"), positive),
    **{name: of_two(name) for name in ("atan2", "logaddexp", "xlogy")},
    "digamma": of_one("digamma", _digamma, positive),
    "polygamma": of_one("polygamma", _polygamma, positive, n=lambda r: int(pick(r, 1, 2, 5))),
    "detach": of_one("detach", _plain("detach")),
    "cast": cast,
    **{name: of_one(name, _plain(name)) for name in ("sign", "floor", "ceil", "trunc", "round")},
    "log1p": of_one("log1p", _plain("log1p"), positive),
    **{name: of_one(name, _functional(name), lambda r, s: numbers(r, s, -4, 4))
       for name in ("hardswish", "tanhshrink")},
    "hardsigmoid": of_one("hardsigmoid", lambda torch, x: torch.nn.functional.relu6(x + 3) / 6,  # its own is float32
                          lambda r, s: numbers(r, s, -4, 4)),
    **{name: of_one(name, _functional(name), lambd=lambda r: float(pick(r, 0, 0.5, 1)))
       for name in ("hardshrink", "softshrink")},
    "celu": of_one("celu", _functional("celu"), alpha=lambda r: float(pick(r, 0.5, 1.0, 2.0))),
    "prelu": prelu,
    "glu": glu,
    "std": reduced("std", lambda *given, **more: _var(*given, **more, name="std"), filled=True),
    "elu": of_one("elu", _functional("elu"), alpha=slope),
    "hardtanh": of_one("hardtanh", _functional("hardtanh"), min_val=lambda r: -1.5, max_val=lambda r: 0.5),
    "leaky_relu": of_one("leaky_relu", _functional("leaky_relu"), negative_slope=slope),
    "gelu": of_one("gelu", _functional("gelu"), lambda r, s: numbers(r, s, -6, 6),
                   approximate=lambda r: pick(r, "none", "tanh")),
    "clip": clip,
    "power": power,
    **{name: of_two(name) for name in ("add", "sub", "mul", "div", "maximum", "minimum", "greater", "greater_equal",
                                      "less", "less_equal", "equal", "not_equal")},
    "where": where,
    "matmul": matmul,
    "linear": linear,
    "sum": reduced("sum", _everywhere("sum")),
    "mean": reduced("mean", _everywhere("mean"), filled=True),
    "var": reduced("var", _var, filled=True),
    "max": reduced("max", lambda torch, x, d, k: _flat(torch, x, d, k, "max"), filled=True),
    "min": reduced("min", lambda torch, x, d, k: _flat(torch, x, d, k, "min"), filled=True),
    "prod": reduced("prod", lambda torch, x, d, k: _flat(torch, x, d, k, "prod")),
    "norm": reduced("norm", _norm, filled=True),
    "logsumexp": reduced("logsumexp", _everywhere("logsumexp"), filled=True),
    "reshape": reshape,
    "transpose": transpose,
    "slice": slice_,
    "take": take,
    "embedding": embedding,
    "concat": concat,
    "stack": stack,
    "broadcast_to": broadcast_to,
    "softmax": along("softmax"),
    "log_softmax": along("log_softmax"),
}  # fmt: skip
