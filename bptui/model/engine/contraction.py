"""Sums of products over indices (einsum), as products of matrices. In which order, and how each operand is laid out for
them, depends on the shapes alone and is found once; a training step only carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import prod

import numpy as np

from bptui.model.base.types import Array, Shape

Term = tuple[str, ...]
"""The indices of an array."""


@dataclass(frozen=True)
class _Item:
    """An operand or what was made of some: its place among all of them, its indices and sizes."""

    place: int
    term: Term
    shape: Shape

    @property
    def sizes(self) -> dict[str, int]:
        """By index."""
        return dict(zip(self.term, self.shape, strict=True))


Call = Callable[[list[Array]], Array]
"""Makes one more array of those that there are."""
End = Callable[[list[Array], Array], None]
"""Fills the result from those that there are."""


def diagonal(array: Array, term: Term) -> Array:
    """A view with each index of the term once."""
    if len(set(term)) == len(term):
        return array
    number = {index: n for n, index in enumerate(dict.fromkeys(term))}
    found: Array = np.einsum(array, [number[index] for index in term], list(number.values()))
    return found


def contract(operands: Sequence[Array], terms: tuple[Term, ...], out: Array, wanted: Term) -> None:
    """Fill `out` with Σ of the product over all indices that it has not (`wanted`: those that it has, each once). An
    index of `out` that no operand has is one along which all is equal."""
    found = [diagonal(array, term) for array, term in zip(operands, terms, strict=True)]
    once = tuple(tuple(dict.fromkeys(term)) for term in terms)
    calls, end = _plan(once, tuple(array.shape for array in found), wanted)
    for call in calls:
        found.append(call(found))
    end(found, out)


@lru_cache(1024)
def _plan(terms: tuple[Term, ...], shapes: tuple[Shape, ...], out: Term) -> tuple[tuple[Call, ...], End]:
    """The calls, and the one that fills the result: the pair that leaves the smallest array is multiplied first."""
    items = [_Item(n, term, shape) for n, (term, shape) in enumerate(zip(terms, shapes, strict=True))]
    calls: list[Call] = []

    def add(call: Call, term: Term, shape: Shape) -> _Item:
        calls.append(call)
        return _Item(len(terms) + len(calls) - 1, term, shape)

    while True:
        for n, item in enumerate(items):
            others = {index for m, other in enumerate(items) if m != n for index in other.term}.union(out)
            if lonely := tuple(axis for axis, index in enumerate(item.term) if index not in others):
                kept = [(index, size) for index, size in item.sizes.items() if index in others]
                call = _summed(item.place, lonely)
                items[n] = add(call, tuple(index for index, _ in kept), tuple(size for _, size in kept))
        if len(items) == 1:
            break
        a, b = min(combinations(range(len(items)), 2), key=lambda pair: _growth(items, pair, out))
        rest = [item for n, item in enumerate(items) if n not in (a, b)]
        needed = {index for item in rest for index in item.term}.union(out)
        product = _product(items[a], items[b], needed, out)
        if not rest and product.term == out:
            return tuple(calls), product.fill
        items = [*rest, add(product.make, product.term, product.shape)]
    last = items[0]
    order = [last.term.index(index) for index in out if index in last.term]
    laid = _laid(last.place, order, [last.sizes.get(index, 1) for index in out])
    return tuple(calls), lambda found, target: np.copyto(target, laid(found))


def _growth(items: Sequence[_Item], pair: tuple[int, int], out: Term) -> int:
    """How many more numbers there are after a pair was multiplied than before."""
    kept = {index for n, item in enumerate(items) if n not in pair for index in item.term}.union(out)
    sizes = {index: size for n in pair for index, size in items[n].sizes.items()}
    made = prod(size for index, size in sizes.items() if index in kept)
    return made - sum(prod(items[n].shape) for n in pair)


@dataclass(frozen=True)
class _Product:
    """One product of matrices, `matrices` of them at once; its result has the indices of `term`."""

    left: Call
    right: Call
    matrices: Shape
    term: Term
    shape: Shape

    def make(self, found: list[Array]) -> Array:
        """A new array."""
        return np.asarray(np.matmul(self.left(found), self.right(found)).reshape(self.shape))

    def fill(self, found: list[Array], out: Array) -> None:
        """The same, into `out`."""
        if out.flags.c_contiguous:
            np.matmul(self.left(found), self.right(found), out.reshape(self.matrices))
        else:
            np.copyto(out, self.make(found))


def _product(a: _Item, b: _Item, needed: set[str], out: Term) -> _Product:
    """A product of two, summed over what both have and nothing needs after it. Of the two ways round, the one whose
    result lies as `out` does, where there is one."""
    both = [index for index in a.term if index in b.term and index in needed]
    gone = [index for index in a.term if index in b.term and index not in needed]
    rows, columns = ([i for i in own.term if i not in other.term] for own, other in ((a, b), (b, a)))
    if (*both, *columns, *rows) == out:
        a, b, rows, columns = b, a, columns, rows
    sizes = a.sizes | b.sizes
    term = (*both, *rows, *columns)
    matrices = tuple(prod(sizes[index] for index in part) for part in (both, rows, columns))
    left, right = _matrix(a, both, rows, gone), _matrix(b, both, gone, columns)
    return _Product(left, right, matrices, term, tuple(sizes[index] for index in term))


def _matrix(item: _Item, *parts: Sequence[str]) -> Call:
    """The operand with three axes: of the product's batch, its rows and its columns."""
    order = [item.term.index(index) for part in parts for index in part]
    return _laid(item.place, order, [prod(item.sizes[index] for index in part) for part in parts])


def _laid(place: int, order: Sequence[int], shape: Sequence[int]) -> Call:
    order, shape = tuple(order), tuple(shape)
    if order == tuple(range(len(order))):
        return lambda found: found[place].reshape(shape)
    return lambda found: found[place].transpose(order).reshape(shape)


def _summed(place: int, axes: tuple[int, ...]) -> Call:
    return lambda found: np.asarray(found[place].sum(axes))
