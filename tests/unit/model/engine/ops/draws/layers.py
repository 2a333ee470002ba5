"""Normalisations, convolutions, pools, dropout, attention, recurrent cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    stretched,
)


def _eps(random: Random) -> dict[str, float]:
    return {"eps": float(pick(random, 1e-5, 1e-3, 0.1, 1e-12))} if chance(random) else {}


def last_axes(op: str) -> Callable[[Random], Case]:
    """layer_norm and rms_norm: over as many of the last axes as the weight has."""

    def make(random: Random) -> Case:
        x = random.normal(size=shape_of(random, 1, empty=False))
        x = np.concatenate([x, x**2 + 1], -1)  # one number alone has no variance
        over = x.shape[int(random.integers(x.ndim)) :]
        inputs, given = {"x": x}, _eps(random)
        names = {"layer_norm": ("weight", "bias"), "rms_norm": ("weight",)}[op]
        for name in names[: int(random.integers(len(names) + 1))]:
            inputs[name] = numbers(random, over)
        if len(inputs) == 1:
            over = x.shape[-1:]
        eps = given.get("eps", 1e-5 if op == "layer_norm" else 1e-6)
        return Case(op, inputs, lambda torch, x, *rest: getattr(torch.nn.functional, op)(
            x, over, *rest, *([None] * (len(names) - len(rest))), eps), given)  # fmt: skip

    return make


def batch_norm(random: Random) -> Case:
    channels = int(random.integers(1, 5))
    x = random.normal(size=(int(random.integers(2, 5)), channels, *shape_of(random, 0, 3, empty=False)))
    given: dict[str, Any] = _eps(random)
    inputs, training = {"x": x}, chance(random)
    for name in ("weight", "bias")[: int(random.integers(3)) if training else 2]:
        inputs[name] = numbers(random, channels)
    if not training:
        given["training"] = False
        inputs |= {"running_mean": numbers(random, channels), "running_var": positive(random, channels)}

    def call(torch: Any, x: Any, weight: Any = None, bias: Any = None, mean: Any = None, var: Any = None) -> Any:
        mean, var = (None if stat is None else stat.detach() for stat in (mean, var))
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, training, eps=given.get("eps", 1e-5))

    return Case("batch_norm", inputs, call, given)


def group_norm(random: Random) -> Case:
    groups, size = int(random.integers(1, 4)), int(random.integers(1, 4))
    x = random.normal(size=(int(random.integers(1, 4)), groups * size, *shape_of(random, 1, 2, empty=False), 2))
    inputs, given = {"x": x}, {"groups": groups, **_eps(random)}
    for name in ("weight", "bias")[: int(random.integers(3))]:
        inputs[name] = numbers(random, groups * size)
    return Case("group_norm", inputs, lambda torch, x, *rest: torch.nn.functional.group_norm(
        x, groups, *rest, *([None] * (2 - len(rest))), given.get("eps", 1e-5)), given)  # fmt: skip


def _steps(random: Random, count: int, least: int, most: int) -> Any:
    one = int(random.integers(least, most + 1))
    return one if chance(random) else tuple(int(random.integers(least, most + 1)) for _ in range(count))


def _each(value: Any, count: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * count


def conv(op: str, count: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        groups = pick(random, 1, 1, 2, 3)
        inside, out = groups * int(random.integers(1, 3)), groups * int(random.integers(1, 3))
        kernel = tuple(int(random.integers(1, 4)) for _ in range(count))
        given: dict[str, Any] = {"groups": groups} if groups > 1 else {}
        for name, low, high in (("stride", 1, 3), ("padding", 0, 2), ("dilation", 1, 2)):
            if chance(random):
                given[name] = _steps(random, count, low, high)
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, _each(given.get("dilation", 1), count), strict=True)]
        if chance(random, 0.3):
            given["padding"] = pick(random, "same", "valid")
            if given["padding"] == "same":
                given["stride"] = 1
        size = tuple(r + int(random.integers(0, 4)) for r in reach)
        inputs = {"x": numbers(random, (int(random.integers(0, 4)), inside, *size)),
                  "weight": numbers(random, (out, inside // groups, *kernel))}  # fmt: skip
        if chance(random):
            inputs["bias"] = numbers(random, out)
        return Case(op, inputs, lambda torch, *x: getattr(torch.nn.functional, op)(*x, **given), given)

    return make


def conv_transpose(op: str, count: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        groups = pick(random, 1, 1, 2)
        inside, out = groups * int(random.integers(1, 3)), int(random.integers(1, 3))
        kernel = tuple(int(random.integers(2, 4)) for _ in range(count))
        given: dict[str, Any] = {"groups": groups} if groups > 1 else {}
        for name, low, high in (("stride", 1, 3), ("padding", 0, 1), ("dilation", 1, 2)):
            if chance(random):
                given[name] = _steps(random, count, low, high)
        if chance(random):
            most = [max(a, b) for a, b in zip(_each(given.get("stride", 1), count),
                                              _each(given.get("dilation", 1), count), strict=True)]  # fmt: skip
            given["output_padding"] = tuple(int(random.integers(0, n)) for n in most)
        size = tuple(int(random.integers(2, 5)) for _ in range(count))
        inputs = {"x": numbers(random, (int(random.integers(0, 3)), inside, *size)),
                  "weight": numbers(random, (inside, out, *kernel))}  # fmt: skip
        if chance(random):
            inputs["bias"] = numbers(random, out * groups)
        return Case(op, inputs, lambda torch, *x: getattr(torch.nn.functional, op)(*x, **given), given)

    return make


def pool(op: str, count: int) -> Callable[[Random], Case]:
    """Ties inside windows are frequent: numbers are often multiples of a half."""

    def make(random: Random) -> Case:
        kernel = _steps(random, count, 1, 3)
        given: dict[str, Any] = {"kernel_size": kernel}
        if chance(random):
            given["stride"] = _steps(random, count, 1, 3)
        if chance(random):
            given["padding"] = tuple(int(random.integers(0, k // 2 + 1)) for k in _each(kernel, count))
        if chance(random):
            given["ceil_mode"] = chance(random)
        if op.startswith("avg") and chance(random):
            given["count_include_pad"] = chance(random)
        if op.startswith("avg") and count > 1 and chance(random):
            given["divisor_override"] = pick(random, 3, 7, -2)
        reach = _each(kernel, count)
        if op.startswith("max") and chance(random, 0.3):
            given["dilation"] = _steps(random, count, 1, 2)
            spans = zip(reach, _each(given["dilation"], count), strict=True)
            reach = tuple(d * (k - 1) + 1 for k, d in spans)
        size = tuple(n + int(random.integers(0, 5)) for n in reach)
        x = numbers(random, (*shape_of(random, 1, 2, empty=False)[:1], 2, *size)[int(random.integers(2)) :])
        return Case(op, {"x": x}, lambda torch, x: getattr(torch.nn.functional, op)(x, **given), given)

    return make


def adaptive(op: str, count: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        x = numbers(random, (2, 3, *(int(random.integers(1, 9)) for _ in range(count))))
        wanted = _steps(random, count, 1, 6)
        if isinstance(wanted, tuple) and count > 1 and chance(random, 0.3):
            wanted = (None, *wanted[1:])
        theirs = tuple(n or x.shape[2 + at] for at, n in enumerate(wanted)) if isinstance(wanted, tuple) else wanted
        return Case(op, {"x": x}, lambda torch, x: getattr(torch.nn.functional, op)(x, theirs), {"output_size": wanted})

    return make


def dropout(random: Random) -> Case:
    shape, p = shape_of(random), pick(random, 0.0, 0.25, 0.5, 0.9)
    mask = (random.random(shape) >= p).astype(float)
    return Case("dropout", {"x": numbers(random, shape), "mask": mask}, lambda torch, x, m: x * m / (1 - p), {"p": p})


def attention(random: Random) -> Case:
    lead = shape_of(random, 0, 3, empty=False)
    queries, keys, size, values = (int(random.integers(1, 6)) for _ in range(4))
    inputs = {"q": numbers(random, (*lead, queries, size)), "k": numbers(random, (*lead, keys, size)),
              "v": numbers(random, (*lead, keys, values))}  # fmt: skip
    given: dict[str, Any] = {"scale": 0.7} if chance(random, 0.3) else {}
    if chance(random, 0.4):
        given["causal"] = True
    elif chance(random):
        mask = random.integers(0, 2, stretched(random, (*lead, queries, keys)) or (1,)).astype(float)
        mask[..., :1] = 1  # what may look at nothing has no softmax
        inputs["mask"] = mask
    elif chance(random):  # numbers that are added, and have a gradient
        inputs |= {"mask": np.ones(()), "drop": np.ones(())}
        inputs["bias"] = numbers(random, stretched(random, (*lead, queries, keys)) or (1,))
    if len(lead) == 2 and chance(random):
        given["grouped"] = True
        inputs["q"] = numbers(random, (lead[0], lead[1] * 3, queries, size))
        inputs = {name: x for name, x in inputs.items() if name in "qkv"}

    def call(torch: Any, q: Any, k: Any, v: Any, mask: Any = None, drop: Any = None, bias: Any = None) -> Any:
        look = None if mask is None or not mask.ndim else (mask != 0).broadcast_to((*q.shape[:-1], k.shape[-2]))
        look = look if bias is None else bias.broadcast_to((*q.shape[:-1], k.shape[-2]))
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, look, is_causal=given.get("causal", False), scale=given.get("scale"),
            enable_gqa=given.get("grouped", False),
        )  # fmt: skip

    return Case("scaled_dot_product_attention", inputs, call, given)


def cell(op: str, gates: int) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        lead = (int(random.integers(1, 4)),)
        size, hidden = int(random.integers(1, 5)), int(random.integers(1, 5))
        states = ("h", "c") if op == "lstm_cell" else ("h",)
        inputs = {"x": numbers(random, (*lead, size)), **{s: numbers(random, (*lead, hidden)) for s in states}}
        inputs |= {"w_ih": numbers(random, (gates * hidden, size)), "w_hh": numbers(random, (gates * hidden, hidden))}
        if chance(random, 0.7):
            inputs |= {"b_ih": numbers(random, gates * hidden), "b_hh": numbers(random, gates * hidden)}

        def call(torch: Any, x: Any, *rest: Any) -> Any:
            if op == "lstm_cell":
                h, c, *weights = rest
                return torch.cat(torch._VF.lstm_cell(x, (h, c), *weights), -1)
            return getattr(torch._VF, op)(x, *rest)

        return Case(op, inputs, call)

    return make


def normalize(random: Random) -> Case:
    x = numbers(random, shape_of(random, 2, 4, empty=False))
    axis = an_axis(random, x.ndim)
    x[np.broadcast_to(np.sum(x**2, axis, keepdims=True) == 0, x.shape)] = 1.0
    return Case("normalize", {"x": x}, lambda torch, x: torch.nn.functional.normalize(x, dim=axis), {"axis": axis})


def cosine_similarity(random: Random) -> Case:
    first = normalize(random)
    a, axis = first.inputs["x"], first.given["axis"]
    b = random.permutation(a.reshape(-1)).reshape(a.shape) + random.uniform(3, 4, a.shape)
    return Case("cosine_similarity", {"a": a, "b": b},
                lambda torch, a, b: torch.nn.functional.cosine_similarity(a, b, dim=axis), {"axis": axis})  # fmt: skip


def instance_norm(random: Random) -> Case:
    made = group_norm(random)
    inputs = {"x": made.inputs["x"], **{name: made.inputs[name] for name in ("weight", "bias") if name in made.inputs}}
    given = {name: value for name, value in made.given.items() if name == "eps"}
    return Case("instance_norm", inputs, lambda torch, x, w=None, b=None: torch.nn.functional.instance_norm(
        x, weight=w, bias=b, eps=given.get("eps", 1e-5)), given)  # fmt: skip


def matrix_norm(random: Random) -> Case:
    x = random.uniform(-2, 2, shape_of(random, 2, 4, empty=False))
    order, kept = pick(random, "fro", 1, "inf", -1, "-inf", 2, -2, "nuc"), chance(random)
    named = order if order in ("fro", "nuc") else float(order)
    return Case("matrix_norm", {"x": x}, lambda torch, x: torch.linalg.matrix_norm(x, named, keepdim=kept),
                {"ord": order, "keepdims": kept})  # fmt: skip


def cdist(random: Random) -> Case:
    rows, columns, size = (int(n) for n in random.integers(1, 5, 3))
    batch = shape_of(random, 0, 2, empty=False)
    a, b = (numbers(random, (*stretched(random, batch), n, size)) for n in (rows, columns))
    p = pick(random, 2, 1, 3, 1.5, 0.5, 0)
    if p == 1:
        b = b + 0.1234  # ties of |x| at 0 aside
    return Case("cdist", {"a": a, "b": b}, lambda torch, a, b: torch.cdist(
        a, b, p, compute_mode="donot_use_mm_for_euclid_dist"), {"p": p})  # fmt: skip


def bilinear(random: Random) -> Case:
    lead, (rows, columns, out) = shape_of(random, 0, 2, empty=False), (int(n) for n in random.integers(1, 5, 3))
    inputs = {"a": numbers(random, (*lead, rows)), "b": numbers(random, (*lead, columns)),
              "weight": numbers(random, (out, rows, columns))}  # fmt: skip
    if chance(random):
        inputs["bias"] = numbers(random, (out,))
    return Case("bilinear", inputs, lambda torch, *x: torch.nn.functional.bilinear(*x))


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "layer_norm": last_axes("layer_norm"),
    "rms_norm": last_axes("rms_norm"),
    "batch_norm": batch_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "normalize": normalize,
    "cosine_similarity": cosine_similarity,
    "matrix_norm": matrix_norm,
    "cdist": cdist,
    "bilinear": bilinear,
    "conv1d": conv("conv1d", 1),
    "conv2d": conv("conv2d", 2),
    **{f"conv_transpose{count}d": conv_transpose(f"conv_transpose{count}d", count) for count in (1, 2, 3)},
    "conv3d": conv("conv3d", 3),
    **{f"{kind}_pool{count}d": pool(f"{kind}_pool{count}d", count) for kind in ("max", "avg") for count in (1, 2, 3)},
    **{
        f"adaptive_{kind}_pool{count}d": adaptive(f"adaptive_{kind}_pool{count}d", count)
        for kind in ("avg", "max")
        for count in (1, 2, 3)
    },
    "dropout": dropout,
    "scaled_dot_product_attention": attention,
    "gru_cell": cell("gru_cell", 3),
    "lstm_cell": cell("lstm_cell", 4),
}  # fmt: skip
