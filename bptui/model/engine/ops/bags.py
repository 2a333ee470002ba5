"""Rows of a table put together by sample: embedding_bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Bounds, Op, Signature
from bptui.model.engine.ops.common import at, choice
from bptui.model.engine.ops.logic import hot
from bptui.model.engine.ops.lookup import ATTRIBUTES, HELD, TOLD, Lookup


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    table, i, *rest = shapes
    if len(table) != 2:
        raise ValueError(f"table has shape {table}: it must have two axes (entries, size)")
    bags = len(rest) > 1
    if len(i) != (1 if bags else 2):
        told = "one axis, since offsets say where bags begin" if bags else "two axes (samples, positions), or offsets"
        raise ValueError(f"i has shape {i}: it must have {told}")
    if not bags and attributes["mode"] != "sum" and not i[1]:
        raise ValueError(f"i has shape {i}: a sample of no positions has no {attributes['mode']}")
    if bags and len(rest[1]) != 1:
        raise ValueError(f"offsets has shape {rest[1]}: it must have one axis (samples)")
    if rest and rest[0] not in ((), i):
        raise ValueError(
            f"i has shape {i} and weight has shape {rest[0]}: weight must have that shape, or be one number"
        )
    if rest and rest[0] and attributes["mode"] != "sum":
        raise ValueError(f"weight has shape {rest[0]}: a weight for each position is for mode = 'sum'")
    return (rest[1][0] if bags else i[0], table[1])


def _bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    found: dict[str, Any] = {"i": (0, shapes[0][0])}
    if len(shapes) > 3:
        found["offsets"] = (0, shapes[1][0] + 1)
    return found


def _definition(signature: Signature) -> str:
    bags, lookup = len(signature.ranks) > 3, Lookup.of(dict(signature.attributes))
    own = ["l"] if bags else ["n", "l"]
    place, weight = at("i", own), len(signature.ranks) > 2
    element = lookup.element(place, "d", own, ["k"] if bags else ["m", "k"])
    of_each = "" if not weight else f"*{at('weight', own)}" if signature.ranks[2] else "*weight"
    tests = ["sum(1 for m in N if offsets[m] <= l) == n + 1"] if bags else []
    tests += [] if lookup.padding_idx is None else [f"{place} != {lookup.padding_idx}"]
    inside = f" if {' and '.join(tests)}" if tests else ""
    over, count = f" for l in L{inside}", f"sum(1 for l in L{inside})"
    match signature["mode"]:
        case "sum":
            return f"{lookup.helpers}y[n,d] = sum({element}{of_each}{over})"
        case "mean":
            share = f"({count} if {count} > 0 else 1)" if tests else "L"
            return f"{lookup.helpers}y[n,d] = sum({element}{over})/{share}{of_each}"
    largest = f"max({element}{over})"
    value = f"({largest} if {count} > 0 else 0)" if tests else largest
    return f"{lookup.helpers}y[n,d] = {value}{of_each}"


class _Bags(NamedTuple):
    """Which positions are in which bag: positions and bags side by side, and how many each has."""

    positions: Array
    bags: Array
    counts: Array

    @staticmethod
    def of(i: Array, offsets: Array | None, padding: int | None) -> _Bags:
        """All of a row; or those from which back so many offsets lie, the first bag's being 1. None of the padding."""
        if offsets is None:
            bags = np.repeat(np.arange(i.shape[0]), i.shape[1])
        else:
            bags = np.searchsorted(np.sort(offsets), np.arange(i.size), "right") - 1
        positions = np.flatnonzero((bags >= 0) & (True if padding is None else i.reshape(-1) != padding))
        count = i.shape[0] if offsets is None else len(offsets)
        return _Bags(positions, bags[positions], np.bincount(bags[positions], minlength=count))


class _Call(NamedTuple):
    """One use, when it runs."""

    table: Array
    i: Array
    weight: Array
    offsets: Array | None
    mode: str
    lookup: Lookup

    @staticmethod
    def of(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> _Call:
        weight = inputs[2] if len(inputs) > 2 else np.ones(())
        offsets = inputs[3] if len(inputs) > 3 else None
        return _Call(inputs[0], inputs[1], weight, offsets, attributes["mode"], Lookup.of(attributes))

    @property
    def bags(self) -> _Bags:
        return _Bags.of(self.i, self.offsets, self.lookup.padding_idx)

    def rows(self, found: _Bags) -> Array:
        """The row at each position of a bag."""
        taken: Array = self.lookup.held(self.table)[self.i.reshape(-1)[found.positions]]
        return taken

    def weights(self, found: _Bags) -> Array:
        """The weight of each position of a bag, as a column."""
        return np.broadcast_to(self.weight, self.i.shape).reshape(-1)[found.positions, None]

    def largest(self, found: _Bags) -> tuple[Array, Array]:
        """(which bags are not empty, where in the rows the first largest of each lies, by column)."""
        some = np.flatnonzero(found.counts)
        starts = (np.cumsum(found.counts) - found.counts)[some]
        rows = self.rows(found)
        places = [
            start + rows[start : start + found.counts[bag]].argmax(0) for bag, start in zip(some, starts, strict=True)
        ]
        return some, np.array(places, np.intp).reshape(len(some), self.table.shape[1])

    def fill(self, out: Array) -> None:
        """The value."""
        found = self.bags
        if self.mode == "sum":
            out[...] = 0
            np.add.at(out, found.bags, self.rows(found) * self.weights(found))
        else:
            some, reduced = self.reduced(found)
            out[...] = 0
            out[some] = reduced * self.weight

    def reduced(self, found: _Bags) -> tuple[Array, Array]:
        """(which bags are not empty, the mean or the largest of each of them), without the weight, one for all."""
        rows = self.rows(found)
        if self.mode == "max":
            some, places = self.largest(found)
            return some, np.take_along_axis(rows, places, 0)
        some, total = np.flatnonzero(found.counts), np.zeros((len(found.counts), rows.shape[1]), rows.dtype)
        np.add.at(total, found.bags, rows)
        return some, total[some] / found.counts[some, None]

    def back(self, g: Array, d_table: Array | None, d_weight: Array | None) -> None:
        """What it adds to the gradients of table and weight."""
        found = self.bags
        if d_table is not None:
            at = self.i.reshape(-1)[found.positions]
            d_table[...] = 0
            np.add.at(d_table, at, self.lookup.shared(self.passed(g, found), at, self.i))
        if d_weight is not None and self.mode != "sum":
            some, reduced = self.reduced(found)
            d_weight[...] = (g[some] * reduced).sum()
        elif d_weight is not None:
            each = np.zeros(self.i.size, g.dtype)
            np.add.at(each, found.positions, (g[found.bags] * self.rows(found)).sum(1))
            d_weight[...] = each.sum() if not d_weight.ndim else each.reshape(d_weight.shape)

    def passed(self, g: Array, found: _Bags) -> Array:
        """What each position of a bag passes to its row. What was not the largest is not multiplied: 0·∞ counts."""
        if self.mode == "sum":
            return np.asarray(g[found.bags] * self.weights(found))
        if self.mode == "mean":
            return np.asarray((g * self.weight / np.maximum(found.counts, 1)[:, None])[found.bags])
        some, places = self.largest(found)
        passed = np.zeros((len(found.positions), g.shape[1]), g.dtype)
        np.put_along_axis(passed, places, g[some] * self.weight, 0)
        return passed


def _forward(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    emit(_Call.of(inputs, attributes).fill, out)


def _vjp(emit: Emit, ctx: Backward) -> None:
    weight = ctx.into[2] if len(ctx.into) > 2 else None
    emit(_Call.of(ctx.inputs, ctx.attributes).back, ctx.upstream, ctx.into[0], weight)


# ----------------------------------------------------------------------------------------------------- over nodes
def _passed(g: Any, table: Any, i: Any, offsets: Any, mode: str, padding_idx: int | None) -> tuple[Any, Any]:
    """The rows of the table at all positions, (positions, size), and what of g comes to each; without weights."""
    (bags, size), count = g.shape, prod(i.shape)
    rows = np.take(table, i, 0).reshape((count, size))
    if offsets is None:
        inside = np.repeat(np.eye(bags), i.shape[1], axis=1)
    else:  # a position is in bag n where so many offsets lie before it, n's own among them
        before = np.where(offsets <= np.arange(count)[:, None], 1.0, 0.0).sum(1)
        inside = np.where(before == np.arange(1, bags + 1)[:, None], 1.0, 0.0)
    if padding_idx is not None:
        inside = np.where((i == padding_idx).reshape((1, count)), 0.0, inside)
    if mode == "mean":
        g = g / np.maximum(inside.sum(1).reshape((bags, 1)), 1.0)
    if mode != "max":
        return rows, np.swapaxes(inside, 0, 1) @ g
    there = inside.reshape((bags, count, 1)) > 0
    wins = np.argmax(np.where(there, rows, -np.inf), 1, keepdims=True) == np.arange(count)[:, None]
    given = np.where(wins, g.reshape((bags, 1, size)), 0)
    return rows, np.where(there, given, 0).sum(0)


def _table_over_nodes(g: Any, y: Any, table: Any, i: Any, weight: Any = None, offsets: Any = None, **given: Any) -> Any:
    count = prod(i.shape)
    _, passed = _passed(g, table, i, offsets, given["mode"], given["padding_idx"])
    if weight is not None:
        passed = passed * (weight.reshape((count, 1)) if weight.shape else weight)
    return np.swapaxes(hot(i, classes=table.shape[0]).reshape((count, table.shape[0])), 0, 1) @ passed


def _weight_over_nodes(g: Any, y: Any, table: Any, i: Any, weight: Any, offsets: Any = None, **given: Any) -> Any:
    rows, passed = _passed(g, table, i, offsets, given["mode"], given["padding_idx"])
    return (passed * rows).sum(1).reshape(i.shape) if weight.shape else (passed * rows).sum()


def _row(name: str, doc: str, convention: str, straight_through: bool) -> Op:
    return Op(
        name,
        ("table", "i", "weight?", "offsets?"),
        _definition,
        _shape,
        _forward,
        _vjp,
        doc,
        {"mode": Attribute("mean", choice("mean", "sum", "max")), **ATTRIBUTES},
        analytic=False,
        straight_through=straight_through,
        indices=("i", "offsets"),
        convention=convention,
        bounds=_bounds,
        dispatch=None if straight_through else _of_its_settings,
        over_nodes=() if straight_through else (_table_over_nodes, None, _weight_over_nodes),
    )


def _of_its_settings(shapes: Sequence[Shape], attributes: Attributes) -> str | None:
    return "held_embedding_bag" if Lookup.of(attributes).otherwise else None


OPS = (
    _row(
        "embedding_bag",
        "The rows of a table at the positions i, put together by sample: their mean, sum or largest. A sample is a row "
        "of i, or, where i has one axis, the positions from its offset up to the next one's; positions of padding_idx "
        f"are left out. {TOLD}.",
        "a bag of nothing is 0; weight is one number for each position (mode = 'sum'), or one for all",
        False,
    ),
    _row(
        "held_embedding_bag",
        "An embedding_bag whose rows are held to a norm, or share a gradient by how often they are read.",
        HELD,
        True,
    ),
)
