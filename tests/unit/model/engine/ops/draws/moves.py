"""What moves numbers: reading and writing at places, running sums, …"""

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
    shape_of,
    some_axes,
    stretched,
)


def _placed(random: Random) -> tuple[Any, int, Any, tuple[int, ...]]:
    """A tensor, an axis, places along it, and the shape of what lies there."""
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    axis, count = an_axis(random, x.ndim), int(random.integers(0, 6))
    shape = tuple(count if n == axis % x.ndim else size for n, size in enumerate(x.shape))
    return x, axis, random.integers(0, x.shape[axis], count), shape


def index_add(random: Random) -> Case:
    x, axis, i, shape = _placed(random)
    inputs = {"x": x, "i": i, "src": numbers(random, shape)}
    return Case("index_add", inputs, lambda torch, x, i, src: torch.index_add(x, axis, i, src), {"axis": axis})


def put(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3, empty=False))
    entries: list[Any] = []
    for size in x.shape[: int(random.integers(1, x.ndim + 1))]:
        low, high = sorted(int(n) for n in random.integers(0, size + 1, 2))
        start = pick(random, low, low - size if low < size else low, None)
        entries.append(
            pick(random, slice(start, pick(random, high, None), pick(random, None, 2, 3)), an_axis(random, size))
        )
    told = [":".join("" if n is None else str(n) for n in (e.start, e.stop, e.step)) if isinstance(e, slice) else str(e)
            for e in entries]  # fmt: skip
    where = tuple(entries)

    def call(torch: Any, x: Any, src: Any) -> Any:
        made = x.clone()
        made[where] = src
        return made

    inputs = {"x": x, "src": numbers(random, x[where].shape)}
    return Case("put", inputs, call, {"index": f"[{', '.join(told)}]"})


def running(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        x = numbers(random, shape_of(random, 1)) * pick(random, 1, 1, 100 if op == "logcumsumexp" else 1)
        axis = an_axis(random, x.ndim)
        return Case(op, {"x": x}, lambda torch, x: getattr(torch, op)(x, axis), {"axis": axis})

    return make


def einsum(random: Random) -> Case:
    """Indices of sizes of their own, in any order, some twice in an operand, some in the output, with or without ..."""
    sizes = {letter: int(random.integers(1, 5)) for letter in "bhqkdyA"}
    beside, inputs, terms = shape_of(random, 1, 2), {}, []
    for name in ("first", "second", "third")[: int(random.integers(1, 4))]:
        term = [str(letter) for letter in random.choice(list(sizes), int(random.integers(0, 4)))]
        if chance(random, 0.7):
            term = list(dict.fromkeys(term))
        some = beside[int(random.integers(len(beside) + 1)) :] if chance(random, 0.3) else None
        at = int(random.integers(len(term) + 1))
        size = {letter: 1 if chance(random, 0.15) else sizes[letter] for letter in dict.fromkeys(term)}
        own = [size[letter] for letter in term]
        some = some and tuple(1 if chance(random, 0.15) else n for n in some)
        inputs[name] = numbers(random, (*own[:at], *(some or ()), *own[at:]))
        terms.append("".join(term[:at]) + ("..." if some is not None else "") + "".join(term[at:]))
    equation = ",".join(terms)
    if chance(random, 0.7):
        there = sorted(set(equation) - {",", "."})
        out = [str(letter) for letter in random.permutation(there)[: int(random.integers(0, 4))]] if there else []
        equation += "->" + ("..." if "." in equation else "") + "".join(out)
    return Case("einsum", inputs, lambda torch, *x: torch.einsum(equation, *x), {"equation": equation})


def flip(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1))
    axis = some_axes(random, x.ndim)
    return Case("flip", {"x": x}, lambda torch, x: torch.flip(x, np.atleast_1d(axis).tolist()), {"axis": axis})


def roll(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, empty=False))
    axis = some_axes(random, x.ndim)
    turns = [int(n) for n in random.integers(-6, 7, np.size(axis))]
    shift = tuple(turns) if isinstance(axis, tuple) else turns[0]
    return Case("roll", {"x": x}, lambda torch, x: torch.roll(x, shift, axis), {"shift": shift, "axis": axis})


def triangle(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        x, k = numbers(random, shape_of(random, 2)), int(random.integers(-3, 4))
        return Case(op, {"x": x}, lambda torch, x: getattr(torch, op)(x, k), {"k": k})

    return make


def diagonal(random: Random) -> Case:
    x = numbers(random, shape_of(random, 2))
    a, b = (int(axis) for axis in random.permutation(x.ndim)[:2])
    offset = int(random.integers(-min(2, x.shape[a]), min(2, x.shape[b]) + 1))
    given = {"offset": offset, "axis1": a - x.ndim if chance(random) else a, "axis2": b}
    return Case("diagonal", {"x": x}, lambda torch, x: torch.diagonal(x, given["offset"], a, b), given)


def trace(random: Random) -> Case:
    return Case("trace", {"x": numbers(random, shape_of(random, 2, 2))}, lambda torch, x: torch.trace(x))


def diag_embed(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1, 3))
    first, second = (int(n) for n in random.permutation(x.ndim + 1)[:2])
    given = {"offset": int(random.integers(-2, 3)), "axis1": first, "axis2": second - x.ndim - 1}
    return Case("diag_embed", {"x": x}, lambda torch, x: torch.diag_embed(x, *given.values()), given)


def outer(random: Random) -> Case:
    inputs = {name: numbers(random, shape_of(random, 1, 1)) for name in "ab"}
    return Case("outer", inputs, lambda torch, a, b: torch.outer(a, b))


def repeat(random: Random) -> Case:
    x = numbers(random, shape_of(random, 0, 3))
    repeats = tuple(int(n) for n in random.integers(0 if chance(random, 0.1) else 1, 4, int(random.integers(1, 5))))
    return Case("repeat", {"x": x}, lambda torch, x: torch.tile(x, repeats), {"repeats": repeats})


def repeat_interleave(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1))
    axis, repeats = an_axis(random, x.ndim), int(random.integers(1, 4))
    given = {"repeats": repeats, "axis": axis}
    return Case("repeat_interleave", {"x": x}, lambda torch, x: torch.repeat_interleave(x, repeats, axis), given)


def sort(random: Random) -> Case:
    x = numbers(random, shape_of(random, 1))
    given = {"axis": an_axis(random, x.ndim), "descending": chance(random)}
    call = {"dim": given["axis"], "descending": given["descending"], "stable": True}
    return Case("sort", {"x": x}, lambda torch, x: torch.sort(x, **call).values, given)


def topk(random: Random) -> Case:
    """Of different numbers: PyTorch takes any of equal ones."""
    shape = shape_of(random, 1)
    x = random.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)
    axis = an_axis(random, x.ndim)
    given = {"k": int(random.integers(0, x.shape[axis] + 1)), "axis": axis, "largest": chance(random)}
    call = (given["k"], axis, given["largest"])
    return Case("topk", {"x": x}, lambda torch, x: torch.topk(x, *call).values, given)


def shuffled(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        r = int(random.integers(1, 4))
        *lead, c, h, w = (int(n) for n in random.integers(1, 4, int(random.integers(3, 6))))
        shape = (*lead, c * r * r, h, w) if op == "pixel_shuffle" else (*lead, c, h * r, w * r)
        x = numbers(random, shape)
        return Case(op, {"x": x}, lambda torch, x: getattr(torch, op)(x, r), {"factor": r})

    return make


def interpolate(random: Random) -> Case:
    axes = int(random.integers(1, 4))
    x = numbers(random, tuple(int(n) for n in random.integers(1, 5, axes + 2)))
    size = tuple(int(n) for n in random.integers(1, 7, axes))
    given: dict[str, Any] = {"size": size}
    call: dict[str, Any] = {"mode": "nearest"}
    if chance(random, 0.7):
        given |= {"mode": "linear", "align_corners": chance(random)}
        call = {"mode": ("linear", "bilinear", "trilinear")[axes - 1], "align_corners": given["align_corners"]}
    return Case("interpolate", {"x": x}, lambda torch, x: torch.nn.functional.interpolate(x, size, **call), given)


def logical(op: str) -> Callable[[Random], Case]:
    def make(random: Random) -> Case:
        out = shape_of(random)
        inputs = {
            name: random.integers(-1, 2, shape).astype(float)
            for name, shape in zip("ab", (out, stretched(random, out)), strict=True)
        }
        return Case(op, inputs, lambda torch, a, b: getattr(torch, op)(a, b))

    return make


def placed(op: str) -> Callable[[Random], Case]:
    """Of different numbers: PyTorch takes any of equal ones."""

    def make(random: Random) -> Case:
        shape = shape_of(random, empty=False)
        x = random.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)
        given = {"axis": an_axis(random, x.ndim) if x.ndim and chance(random) else None, "keepdims": chance(random)}
        return Case(op, {"x": x}, lambda torch, x: getattr(torch, op)(x, *given.values()), given)

    return make


def one_hot(random: Random) -> Case:
    classes = int(random.integers(1, 5))
    labels = random.integers(0, classes, shape_of(random)).astype(float)
    call = lambda torch, labels: torch.nn.functional.one_hot(labels.long(), classes)  # noqa: E731
    return Case("one_hot", {"labels": labels}, call, {"classes": classes})


def masked_fill(random: Random) -> Case:
    out = shape_of(random)
    mask = random.integers(0, 2, stretched(random, out)).astype(float)
    inputs = {"x": numbers(random, out), "mask": mask, "value": numbers(random, ())}
    return Case("masked_fill", inputs, lambda torch, x, mask, value: x.masked_fill(mask != 0, value))


DRAWS: Mapping[str, Callable[[Random], Case]] = {
    **{name: logical(name) for name in ("logical_and", "logical_or", "logical_xor")},
    **{name: placed(name) for name in ("argmax", "argmin")},
    "one_hot": one_hot,
    "masked_fill": masked_fill,
    "einsum": einsum,
    **{name: shuffled(name) for name in ("pixel_shuffle", "pixel_unshuffle")},
    "interpolate": interpolate,
    "flip": flip,
    "roll": roll,
    **{name: triangle(name) for name in ("tril", "triu")},
    "diagonal": diagonal,
    "trace": trace,
    "diag_embed": diag_embed,
    "outer": outer,
    "repeat": repeat,
    "repeat_interleave": repeat_interleave,
    "sort": sort,
    "topk": topk,
    "index_add": index_add,
    "put": put,
    **{name: running(name) for name in ("cumsum", "cumprod", "logcumsumexp")},
}
