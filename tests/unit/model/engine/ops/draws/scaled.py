"""Lengths of any order, gates, dropouts of channels, bags of rows, and what is divided by a length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import numpy as np

from bptui.model.engine.ops.lookup import divides_rightly
from tests.unit.model.engine.ops.draws.base import (
    Case,
    Random,
    an_axis,
    chance,
    numbers,
    pick,
    shape_of,
    some_axes,
)

ORDERS = (0.0, 1.0, 0.5, 1.5, 2.0, 3.0, -1.0, inf, -inf)


def _order(p: float) -> Any:
    """As a formula has it: infinity as a text."""
    return p if np.isfinite(p) else str(p)


def norm(random: Random) -> Case:
    x, p = numbers(random, shape_of(random, 1, empty=False)), pick(random, *ORDERS)
    if p < 0:
        x = x + 3.0  # PyTorch's gradient of 1/0 is NaN
    given: dict[str, Any] = {"p": _order(p)}
    if chance(random):
        given["axis"] = some_axes(random, x.ndim)
    given["keepdims"] = chance(random)
    return Case("norm", {"x": x}, lambda torch, x: torch.linalg.vector_norm(
        x, p, dim=given.get("axis"), keepdim=given["keepdims"]), given)  # fmt: skip


def normalize(random: Random) -> Case:
    x, p = numbers(random, shape_of(random, 2, 4, empty=False)) + 3.0, pick(random, 1.0, 1.5, 3.0, inf)
    axis = an_axis(random, x.ndim)
    given = {"axis": axis, "p": _order(p)}
    return Case("normalize", {"x": x}, lambda torch, x: torch.nn.functional.normalize(x, p, axis), given)


def gate(op: str, function: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        shape = list(shape_of(random, 1))
        axis = an_axis(random, len(shape))
        shape[axis] *= 2

        def call(torch: Any, x: Any) -> Any:
            a, b = x.split(shape[axis] // 2, axis) if shape[axis] else (x, x)
            return a * function(torch)(b)

        return Case(op, {"x": numbers(random, tuple(shape))}, call, {"axis": axis})

    return make


def channels(op: str, count: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        shape = (*shape_of(random, 1, 2, empty=False), *(int(random.integers(1, 4)) for _ in range(count)))
        p, kept = pick(random, 0.0, 0.25, 0.9), shape[:-count]
        inputs = {"x": numbers(random, shape), "mask": random.integers(0, 2, kept).astype(float)}

        def call(torch: Any, x: Any, mask: Any) -> Any:
            spread = mask.reshape(*kept, *(1,) * count)
            if not op.endswith("alpha_dropout"):
                return x * spread / (1 - p)
            low = 1.7580993408473766
            a = ((low * low * p + 1) * (1 - p)) ** -0.5
            return x * (spread * a) + (spread - 1) * low * a + low * a * p

        return Case(op, inputs, call, {"p": p})

    return make


def alpha_dropout(random: Random) -> Case:
    made = channels("alpha_dropout", 1)(random)
    x, mask = made.inputs.values()
    return Case("alpha_dropout", {"x": x, "mask": np.broadcast_to(mask[..., None], x.shape).copy()},
                lambda torch, x, mask: made.torch(torch, x, mask[..., 0]), made.given)  # fmt: skip


def weight_norm(random: Random) -> Case:
    v = numbers(random, shape_of(random, 1, 4, empty=False)) + 3.0
    axis = an_axis(random, v.ndim) if chance(random, 0.8) else None
    shape = () if axis is None else tuple(n if at == axis % v.ndim else 1 for at, n in enumerate(v.shape))
    return Case("weight_norm", {"v": v, "g": numbers(random, shape)}, lambda torch, v, g: torch._weight_norm(
        v, g, -1 if axis is None else axis % v.ndim), {"axis": axis})  # fmt: skip


def response(random: Random) -> Case:
    x = numbers(random, (*shape_of(random, 2, 2, empty=False), *shape_of(random, 1, 2, empty=False)))
    given: dict[str, Any] = {"size": int(random.integers(1, 6))}
    for name, value in (("alpha", 0.3), ("beta", 0.6), ("k", 1.5)):
        if chance(random):
            given[name] = value
    return Case("local_response_norm", {"x": x},
                lambda torch, x: torch.nn.functional.local_response_norm(x, **given), given)  # fmt: skip


def lp_pool(op: str, count: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        given: dict[str, Any] = {"kernel_size": int(random.integers(1, 4)), "p": pick(random, 1.0, 2.0, 3.0)}
        if chance(random):
            given["stride"] = int(random.integers(1, 4))
        if chance(random):
            given["ceil_mode"] = True
        x = random.uniform(0.1, 2.0, (2, 3, *(int(random.integers(3, 7)) for _ in range(count))))
        theirs = {key: value for key, value in given.items() if key != "p"}
        return Case(op, {"x": x}, lambda torch, x: getattr(torch.nn.functional, op)(x, given["p"], **theirs), given)

    return make


def bags(random: Random) -> Case:
    table = numbers(random, (int(random.integers(1, 7)), int(random.integers(1, 5))))
    mode = pick(random, "mean", "sum", "max")
    shape = tuple(int(random.integers(1, 5)) for _ in range(2))
    inputs = {"table": table, "i": random.integers(0, len(table), shape)}
    weighted, begun = mode == "sum" and chance(random), chance(random)
    if begun:
        inputs["i"] = inputs["i"].reshape(-1)
    if weighted or begun:
        inputs["weight"] = numbers(random, inputs["i"].shape) if weighted else np.ones(())
    if begun:
        inputs["offsets"] = np.sort(np.append(0, random.integers(0, inputs["i"].size + 1, 3)))

    given: dict[str, Any] = {"mode": mode}
    if chance(random, 0.4):
        given["padding_idx"] = int(random.integers(len(table)))
    if chance(random, 0.3):
        given |= {"max_norm": pick(random, 0.5, 1.5), "norm_type": pick(random, 1.0, 2.0, 3.0)}
    if mode != "max" and divides_rightly(inputs["i"]) and chance(random, 0.6):
        given["scale_grad_by_freq"] = True

    def call(torch: Any, table: Any, i: Any, weight: Any = None, offsets: Any = None) -> Any:
        made = torch.nn.functional.embedding_bag(
            i, table * 1, offsets, per_sample_weights=weight if weighted else None, **given
        )
        return made if weight is None or weighted else made * weight

    return Case("embedding_bag", inputs, call, given)


def softplus(random: Random) -> Case:
    given = {"beta": pick(random, 0.5, 1.0, 2.0), "threshold": pick(random, 0.5, 1.0, 20.0)}
    x = random.uniform(-2, 2, shape_of(random))
    return Case("softplus", {"x": x}, lambda torch, x: torch.nn.functional.softplus(x, **given), given)


def rrelu(random: Random) -> Case:
    given = {"lower": pick(random, 0.1, 0.2), "upper": pick(random, 0.3, 0.5)} if chance(random) else {}
    return Case("rrelu", {"x": numbers(random, shape_of(random))},
                lambda torch, x: torch.nn.functional.rrelu(x, **given), given)  # fmt: skip


def cubic(random: Random) -> Case:
    x = numbers(random, (2, 3, int(random.integers(1, 6)), int(random.integers(1, 6))))
    size = (int(random.integers(1, 8)), int(random.integers(1, 8)))
    given = {"size": size, "mode": "cubic", "align_corners": chance(random)}
    return Case("interpolate", {"x": x}, lambda torch, x: torch.nn.functional.interpolate(
        x, size, mode="bicubic", align_corners=given["align_corners"]), given)  # fmt: skip


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "norm of any order": norm,
    "normalize of any order": normalize,
    "softplus with a threshold": softplus,
    "interpolate by curves": cubic,
    "bilinear_glu": gate("bilinear_glu", lambda torch: lambda b: b),
    "reglu": gate("reglu", lambda torch: torch.relu),
    "geglu": gate("geglu", lambda torch: torch.nn.functional.gelu),
    "swiglu": gate("swiglu", lambda torch: torch.nn.functional.silu),
    **{f"dropout{count}d": channels(f"dropout{count}d", count) for count in (1, 2, 3)},
    "feature_alpha_dropout": channels("feature_alpha_dropout", 2),
    "alpha_dropout": alpha_dropout,
    "weight_norm": weight_norm,
    "local_response_norm": response,
    **{f"lp_pool{count}d": lp_pool(f"lp_pool{count}d", count) for count in (1, 2, 3)},
    "embedding_bag": bags,
    "rrelu": rrelu,
}
