"""Numbers along an axis to the places that an index names, where they are not added up: scatter, scatter_reduce."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, choice, flag, letters, one_axis, zeros
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


def write(x: Array, i: Array, src: Array, axis: int, out: Array) -> None:
    """x with src at the places that i names along an axis."""
    out[...] = x
    out[places_of(i, axis)] = src


def _last(g: Array, i: Array, axis: int, out: Array) -> None:
    """g where it was written to, for the last that was; 0 for those before."""
    places, order = places_of(i, axis), np.arange(i.size).reshape(i.shape)
    marks = np.zeros(g.shape, np.intp)
    marks[places] = order
    out[...] = np.where(marks[places] == order, g[places], 0)


_SCATTER = Rule(
    lambda x, i, src, axis: noted(write, x.shape, x, i, src, options=(one_axis(axis, x.shape),)),
    lambda g, y, x, i, src, axis: noted(write, x.shape, g, i, zeros(src), options=(one_axis(axis, x.shape),)),
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


UFUNCS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -np.inf, "amin": np.inf}
"""Of what has nothing in it yet."""


class _Going:
    """The numbers of src that go to places of x, to be reduced there; `own`: x there is one of them."""

    def __init__(self, x: Array, i: Array, src: Array, axis: int, reduce: str, own: bool) -> None:
        self.x, self.src, self.reduce, self.own = x, src, reduce, own
        self.places = places_of(i, axis)

    def begun(self) -> Array:
        """x, or what has nothing in it yet where something goes and x does not count."""
        found = np.array(self.x)
        if not self.own:
            found[self.places] = START[self.reduce]
        return found

    def counts(self, of_x: Any = True, of_src: Any = 1) -> Array:
        """How many go to each place, at least 1; of those that are told."""
        found = np.where(np.broadcast_to(of_x, self.x.shape), float(self.own), 0.0)
        np.add.at(found, self.places, of_src)
        return np.maximum(found, 1)

    def equals(self, y: Array) -> Array:
        """How many are as large as the largest that goes to a place."""
        return self.counts(self.x == y, self.src == y[self.places])

    def fill(self, out: Array) -> None:
        """y."""
        out[...] = self.begun()
        UFUNCS[self.reduce].at(out, self.places, self.src)
        if self.reduce == "mean":
            out[...] = out / self.counts()

    def others(self) -> tuple[Array, Array]:
        """(for x, for each of src): the product of all the others that go to its place. Zeros are counted apart: what
        is divided by is none."""
        x, src, places = self.x, self.src, self.places
        first, nothing = self.begun(), x == 0
        zeros = np.where(first == 0, 1, 0)
        np.add.at(zeros, places, src == 0)
        rest = np.where(first == 0, 1, first)
        np.multiply.at(rest, places, np.where(src == 0, 1, src))
        mine = np.where(zeros - nothing == 0, rest / np.where(nothing, 1, x), 0)
        theirs = np.where(zeros[places] - (src == 0) == 0, rest[places] / np.where(src == 0, 1, src), 0)
        return mine, theirs

    def own_share(self, g: Array, y: Array, out: Array) -> None:
        """∂L/∂x."""
        if self.reduce == "mean":
            g = g / self.counts()
        elif self.reduce == "prod" and self.own:
            g = g * self.others()[0]
        elif self.reduce != "sum" and self.own:
            g = _among_equals(self.x, y, g / self.equals(y))
        out[...] = g
        if not self.own:
            out[self.places] = 0

    def their_share(self, g: Array, y: Array, out: Array) -> None:
        """∂L/∂src."""
        if self.reduce == "mean":
            out[...] = g[self.places] / self.counts()[self.places]
        elif self.reduce in ("sum", "prod"):
            out[...] = g[self.places] if self.reduce == "sum" else g[self.places] * self.others()[1]
        else:
            out[...] = _among_equals(self.src, y[self.places], (g / self.equals(y))[self.places])


def _among_equals(x: Array, y: Array, share: Array) -> Array:
    """The share of what is as large as the largest, 0 of the others; where that is NaN nothing equals it: NaN."""
    return np.where(x == y, share, np.where(np.isnan(y), np.nan, 0))


def _reduce(*going: Any) -> None:
    _Going(*going[:-1]).fill(going[-1])


def _own_share(g: Array, y: Array, *going: Any) -> None:
    _Going(*going[:-1]).own_share(g, y, going[-1])


def _their_share(g: Array, y: Array, *going: Any) -> None:
    _Going(*going[:-1]).their_share(g, y, going[-1])


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
