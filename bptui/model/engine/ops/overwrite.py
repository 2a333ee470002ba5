"""Numbers along an axis to the places that an index names, where they are not added up: scatter, scatter_reduce."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, choice, flag, letters, one_axis
from bptui.model.engine.ops.scatter import AXIS, bounds, places_of, scatter_shape, where_inside
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

REDUCTIONS = ("sum", "mean", "prod", "amax", "amin")


class Names:
    """What a definition calls things: the output's indices, one that runs along the axis, and another beside it."""

    def __init__(self, signature: Signature) -> None:
        *self.out, self.run, self.rival = letters(signature.out_rank + 2, avoid="i")
        self.axis = one_axis(signature["axis"], signature.out_rank)
        self.x = at("x", self.out)

    def along(self, name: str, run: str) -> str:
        """An element of i or src at a place of the axis."""
        return at(name, [run if n == self.axis else place for n, place in enumerate(self.out)])

    def arrived(self, run: str) -> str:
        """When that one goes to the output's place."""
        return f"{self.along('i', run)} == {self.out[self.axis]}"

    def written(self, value: str) -> str:
        """The definition, where the index reaches."""
        return f"{at('y', self.out)} = {where_inside(value, self.x, self.out, self.axis)}"

    def over(self, term: str, more: str = "", run: str = "", kind: str = "sum") -> str:
        """A sum (or product) over all that go to the output's place."""
        run = run or self.run
        return f"{kind}({term} for {run} in {run.upper()} if {self.arrived(run)}{more})"


# -------------------------------------------------------------------------------------------------------------- scatter
def _scatter_definition(signature: Signature) -> str:
    """The last that goes to a place; where none does, x. later: how many after it go to the same place, counted over
    letters of its own, since the index may have less than x beside the axis."""
    n = Names(signature)
    beside = letters(2 * len(n.out) + 2, avoid="i")[len(n.out) + 2 :]
    (own, other) = ([run if axis == n.axis else i for axis, i in enumerate(beside)] for run in (n.run, n.rival))
    same = f"{at('i', other)} == {at('i', own)}"
    helper = f"{at('later', own)} = sum(1 for {n.rival} in {n.rival.upper()} if {n.rival} > {n.run} and {same}); "
    last = f"({n.along('src', n.run)} if {n.along('later', n.run)} == 0 else 0)"
    return helper + n.written(f"{n.over(last)} if {n.over('1')} > 0 else {n.x}")


def _write(x: Array, i: Array, src: Array, axis: int, out: Array) -> None:
    out[...] = x
    out[places_of(i, axis)] = src


def _kept(g: Array, i: Array, axis: int, out: Array) -> None:
    """g, and 0 where something was written."""
    out[...] = g
    out[places_of(i, axis)] = 0


def _last(g: Array, i: Array, axis: int, out: Array) -> None:
    """g where it was written to, for the last that was; 0 for those before."""
    places, order = places_of(i, axis), np.arange(i.size).reshape(i.shape)
    marks = np.zeros(g.shape, np.intp)
    marks[places] = order
    out[...] = np.where(marks[places] == order, g[places], 0)


_SCATTER = Rule(
    lambda x, i, src, axis: noted(_write, x.shape, x, i, src, options=(one_axis(axis, x.shape),)),
    lambda g, y, x, i, src, axis: noted(_kept, x.shape, g, i, options=(one_axis(axis, x.shape),)),
    None,
    lambda g, y, x, i, src, axis: noted(_last, src.shape, g, i, options=(one_axis(axis, x.shape),)),
)


# ------------------------------------------------------------------------------------------------------- scatter_reduce
def _reduce_definition(signature: Signature) -> str:
    """Of what goes to a place, and of x there too where that is included; x where nothing goes."""
    n, kind, own = Names(signature), signature["reduce"], signature["include_self"]
    src, some = n.along("src", n.run), f"{n.over('1')} > 0"
    if kind in ("sum", "prod"):
        sign, all_of_it = ("+", n.over(src)) if kind == "sum" else ("*", n.over(src, kind="prod"))
        if not own:
            return n.written(f"{all_of_it} if {some} else {n.x}")
        nothing = "0" if kind == "sum" else "1"
        return f"{at('y', n.out)} = {n.x} {sign} {where_inside(all_of_it, nothing, n.out, n.axis)}"
    if kind == "mean":
        if own:
            return n.written(f"({n.x} + {n.over(src)})/(1 + {n.over('1')})")
        return n.written(f"{n.over(src)}/{n.over('1')} if {some} else {n.x}")
    # the mean of all that are as large as the largest: each has its part of the gradient
    sign = ">" if kind == "amax" else "<"
    better, rival = n.over("1", f" and {n.along('src', n.rival)} {sign} {{0}}", n.rival), n.along("src", n.run)
    best = f" and {better.format(rival)} == 0" + (f" and not {n.x} {sign} {rival}" if own else "")
    if not own:
        return n.written(f"{n.over(src, best)}/{n.over('1', best)} if {some} else {n.x}")
    mine = f"{better.format(n.x)} == 0"
    top = f"(({n.x} if {mine} else 0) + {n.over(src, best)})"
    return n.written(f"{top}/((1 if {mine} else 0) + {n.over('1', best)})")


def _counts(i: Array, axis: int, shape: Shape, own: bool) -> Array:
    """How many go to each place."""
    found = np.full(shape, float(own))
    np.add.at(found, places_of(i, axis), 1)
    return found


UFUNCS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -np.inf, "amin": np.inf}
"""Of what has nothing in it yet."""


def _begun(x: Array, i: Array, axis: int, reduce: str, own: bool) -> Array:
    """x, or what has nothing in it yet where something goes and x does not count."""
    found = np.array(x)
    if not own:
        found[places_of(i, axis)] = START[reduce]
    return found


def _reduce(x: Array, i: Array, src: Array, axis: int, reduce: str, own: bool, out: Array) -> None:
    out[...] = _begun(x, i, axis, reduce, own)
    UFUNCS[reduce].at(out, places_of(i, axis), src)
    if reduce == "mean":
        out[...] = out / np.maximum(_counts(i, axis, x.shape, own), 1)


def _factor_others(x: Array, i: Array, src: Array, axis: int, own: bool) -> tuple[Array, Array]:
    """(for x, for each of src): the product of all the others that go to its place. Zeros are counted apart: what is
    divided by is none."""
    places = places_of(i, axis)
    first, nothing = _begun(x, i, axis, "prod", own), x == 0
    zeros = np.where(first == 0, 1, 0)
    np.add.at(zeros, places, src == 0)
    rest = np.where(first == 0, 1, first)
    np.multiply.at(rest, places, np.where(src == 0, 1, src))
    mine = np.where(zeros - nothing == 0, rest / np.where(nothing, 1, x), 0)
    theirs = np.where(zeros[places] - (src == 0) == 0, rest[places] / np.where(src == 0, 1, src), 0)
    return mine, theirs


def _own_share(
    g: Array, y: Array, x: Array, i: Array, src: Array, axis: int, reduce: str, own: bool, out: Array
) -> None:
    """∂L/∂x."""
    if reduce in ("sum", "mean"):
        out[...] = g / np.maximum(_counts(i, axis, x.shape, own), 1) if reduce == "mean" else g
    elif reduce == "prod":
        out[...] = g * _factor_others(x, i, src, axis, own)[0] if own else g
    else:
        out[...] = _among_equals(x, y, g / np.maximum(_equals(y, x, i, src, axis, own), 1)) if own else g
    if not own:
        out[places_of(i, axis)] = 0


def _their_share(
    g: Array, y: Array, x: Array, i: Array, src: Array, axis: int, reduce: str, own: bool, out: Array
) -> None:
    """∂L/∂src."""
    places = places_of(i, axis)
    if reduce == "sum":
        out[...] = g[places]
    elif reduce == "mean":
        out[...] = g[places] / np.maximum(_counts(i, axis, x.shape, own), 1)[places]
    elif reduce == "prod":
        out[...] = g[places] * _factor_others(x, i, src, axis, own)[1]
    else:
        shared = g[places] / np.maximum(_equals(y, x, i, src, axis, own), 1)[places]
        out[...] = _among_equals(src, y[places], shared)


def _among_equals(x: Array, y: Array, share: Array) -> Array:
    """The share of what is as large as the largest, 0 of the others; where that is NaN nothing equals it: NaN."""
    return np.where(x == y, share, np.where(np.isnan(y), np.nan, 0))


def _equals(y: Array, x: Array, i: Array, src: Array, axis: int, own: bool) -> Array:
    """How many are as large as the largest that goes to a place."""
    places = places_of(i, axis)
    found = np.where(x == y, float(own), 0.0)
    np.add.at(found, places, src == y[places])
    return found


def _options(x: Any, given: Any) -> tuple[int, str, bool]:
    return one_axis(given["axis"], x.shape), given["reduce"], given["include_self"]


_REDUCE = Rule(
    lambda x, i, src, **given: noted(_reduce, x.shape, x, i, src, options=_options(x, given)),
    lambda g, y, x, i, src, **given: noted(_own_share, x.shape, g, y, x, i, src, options=_options(x, given)),
    None,
    lambda g, y, x, i, src, **given: noted(_their_share, src.shape, g, y, x, i, src, options=_options(x, given)),
)


OPS = (
    Op(
        "scatter",
        ("x", "i", "src"),
        _scatter_definition,
        scatter_shape,
        *_SCATTER.pair,
        "x, with each element of src written along an axis to the place that i names for it; i may have less than x on "
        "the other axes.",
        AXIS,
        indices=("i",),
        convention="positions count from 0; of several that go to one place the last stays, and it alone has a "
        "gradient (PyTorch does not say which stays, and gives it to all)",
        bounds=bounds,
    ),
    Op(
        "scatter_reduce",
        ("x", "i", "src"),
        _reduce_definition,
        scatter_shape,
        *_REDUCE.pair,
        "x, with the elements of src that go to one place along an axis reduced there: their sum, mean, product, "
        "largest or smallest, with x there as one of them or (include_self=False) in the place of it.",
        {
            **AXIS,
            "reduce": Attribute(None, choice(*REDUCTIONS), required=True),
            "include_self": Attribute(True, flag),
        },
        indices=("i",),
        analytic=False,
        convention="positions count from 0; of equal largest ones each has its part of the gradient",
        bounds=bounds,
    ),
)
