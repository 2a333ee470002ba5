"""Which elements of an output read an element of an input, and how strongly: a derivative's numbers, without its
zeros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import MAX_CELLS, BoundDefinition
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Rule


def support(reading: BoundDefinition, rule: Rule, q: Index) -> tuple[tuple[Array, ...], Array] | None:
    """(places of the outputs that read the input's element `q`, the local derivative there); None where it is too
    much."""
    if reading.bare:
        return _stretched(reading, rule, q)
    found = _local(reading, rule, rule.out, reading.node.shape, dict(zip(rule.q, q, strict=True)))
    if found is None:
        return None
    values, mask = found
    return (np.nonzero(mask), values[mask]) if mask.ndim else ((), values.reshape(1)[mask.reshape(1)])


def _local(
    reading: BoundDefinition, rule: Rule, letters: tuple[str, ...], shape: Index, at: Mapping[str, int]
) -> tuple[Array, Array] | None:
    """(the local derivative, where its structure lets it be other than 0) at every place of `letters`, the other
    indices being `at`; None where it is too much."""
    arrays, size = reading.rule_numbers(rule)
    if int(np.prod(shape, dtype=np.int64)) * _inner(rule.local, size) > MAX_CELLS:
        return None
    index = {**dict(zip(letters, np.ogrid[tuple(slice(0, n) for n in shape)], strict=True)), **at}
    values = np.broadcast_to(np.asarray(evaluate(rule.local, arrays, index, size), float), shape)
    return values, np.broadcast_to(_reads(rule.local, arrays, index, size, values), shape)


def _reads(
    tree: Tree, arrays: Mapping[str, Any], index: Mapping[str, Any], size: Mapping[str, int], values: Array
) -> Array:
    """Where the derivative is not 0 by its structure: a factor that happens to be 0 still is a row."""
    tests = list(_structure(tree))
    if not tests:
        if tree != t.integer(0) and not any(
            isinstance(part, t.Delta | t.IfElse | t.Reduction) for part in t.walk(tree)
        ):
            return np.asarray(True)
        return np.asarray((values != 0) | np.isnan(values) | (np.ndim(values) == 0))
    mask = np.asarray(True)
    for test in tests:
        mask = mask & (np.asarray(evaluate(test, arrays, index, size)) != 0)
    return mask


def _structure(tree: Tree) -> Iterator[Tree]:
    """The equations and conditions on indices that a product is 0 without."""
    if isinstance(tree, t.Delta):
        yield tree
    elif isinstance(tree, t.Mul):
        for factor in tree.factors:
            yield from _structure(factor)
    elif isinstance(tree, t.Neg):
        yield from _structure(tree.of)
    elif isinstance(tree, t.Div):
        yield from _structure(tree.top)
    elif _guarded(tree):
        assert isinstance(tree, t.IfElse)
        yield tree.condition
        yield from _structure(tree.yes)


def _guarded(tree: Tree) -> bool:
    """Is it `value if 0 <= q - h < A else 0`, with nothing but indices in the condition?"""
    if not isinstance(tree, t.IfElse) or tree.no != t.integer(0):
        return False
    return not any(isinstance(part, t.Element) for part in t.walk(tree.condition))


def held(tree: Tree) -> Tree:
    """The derivative where its equations and conditions hold: without them."""
    if isinstance(tree, t.Delta):
        return t.integer(1)
    if isinstance(tree, t.Mul):
        return t.product(map(held, tree.factors))
    if isinstance(tree, t.Neg):
        return t.Neg(held(tree.of))
    if isinstance(tree, t.Div):
        return t.Div(held(tree.top), tree.bottom, tree.floor)
    if _guarded(tree):
        assert isinstance(tree, t.IfElse)
        return held(tree.yes)
    return tree


def _stretched(reading: BoundDefinition, rule: Rule, q: Index) -> tuple[tuple[Array, ...], Array] | None:
    """The same for an elementwise operation that stretches this input: the outputs along the stretched axes."""
    shape = reading.node.shape
    if int(np.prod(shape, dtype=np.int64)) > MAX_CELLS:
        return None
    wrt = reading.op.input_names.index(rule.wrt)
    own = reading.inputs[wrt].shape
    lead = len(shape) - len(own)
    axes = [np.arange(n) if a < lead or own[a - lead] != n else np.array([q[a - lead]]) for a, n in enumerate(shape)]
    places = tuple(axis.reshape(-1) for axis in np.broadcast_arrays(*np.ix_(*axes))) if axes else ()
    known = {}
    for name, array in reading.arrays.items():
        dims = np.shape(array)
        picked = tuple(
            np.zeros_like(p) if n == 1 else p for p, n in zip(places[len(places) - len(dims) :], dims, strict=True)
        )
        known[name] = np.asarray(array)[picked]
    values = evaluate(rule.local, reading.with_helpers(known), {}, reading.size)
    return places, np.broadcast_to(np.asarray(values, float), places[0].shape if places else (1,)).copy()


def _inner(tree: Tree, size: Mapping[str, int]) -> int:
    """How many terms the sums inside of a derivative have for each of its elements."""
    most = 1
    for part in t.walk(tree):
        if isinstance(part, t.Reduction):
            terms = 1
            for r in part.ranges:
                terms *= size.get(r.high.name if isinstance(r.high, t.Name) else r.index.upper(), 16)
            most = max(most, terms)
    return most


def settle(tree: Tree) -> Tree:
    """A derivative whose indices are (partly) put in, with the equations that are decided taken out: δ[3,3] is 1."""

    def change(part: Tree) -> Tree | None:
        if isinstance(part, t.Delta):
            if part.left == part.right:
                return t.integer(1)
            if isinstance(part.left, t.Number) and isinstance(part.right, t.Number):
                return t.integer(0)
        if isinstance(part, t.Mul):
            factors = [t.rebuild(f, change) for f in part.factors]
            return t.integer(0) if t.integer(0) in factors else t.product(factors)
        return None

    return t.rebuild(tree, change)


def read_by(state: State, node: Node, wrt: int, element: Index, rule: Any, which: int = 0) -> Index:
    """An element of an input that `element` of the output reads: the first, or the `which`-th on; the last of fewer."""
    reading = BoundDefinition(state.recording, node)
    shape = reading.inputs[wrt].shape
    nearest = fit(element, shape)
    if reading.op.elementwise or not isinstance(rule, Rule) or not shape or 0 in (*shape, *node.shape):
        return nearest
    try:
        made = _local(reading, rule, rule.q, shape, dict(zip(rule.out, element, strict=True)))
    except NotRecorded:
        return nearest
    found = np.argwhere(made[1]) if made is not None else ()
    return tuple(int(i) for i in found[min(which, len(found) - 1)]) if len(found) else nearest
