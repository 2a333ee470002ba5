"""Rows of a table that are not read as they are (embedding, embedding_bag): held to a norm, with a gradient that is
divided by how often a row is read, one of them for no position."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import at, flag, integer, literal, optional, positive

BESIDE = 1e-7
"""What PyTorch adds to a norm that it divides by."""


def _order(value: Any) -> float:
    return inf if value in (inf, "inf") else positive(value)


ATTRIBUTES = {
    "padding_idx": Attribute(None, optional(integer(0))),
    "max_norm": Attribute(None, optional(positive)),
    "norm_type": Attribute(2.0, _order),
    "scale_grad_by_freq": Attribute(False, flag),
}
TOLD = (
    "Rows whose norm (of order norm_type) is above max_norm are read as rows of that norm; scale_grad_by_freq divides "
    "what a position adds to the gradient by how many positions read its row"
)
HELD = (
    "a row that is held to max_norm has the gradient of the row that is read; PyTorch writes that row into the table, "
    "here the table stays as it is"
)
PADDED = "the row padding_idx has no gradient, and is 0 only where it was set to 0, as PyTorch's is at first"


class Lookup(NamedTuple):
    """The settings of one use."""

    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool

    @staticmethod
    def of(attributes: Attributes) -> Lookup:
        return Lookup(*(attributes[name] for name in Lookup._fields))

    @property
    def plain(self) -> bool:
        """Are rows read as they are?"""
        return self.padding_idx is None and not self.otherwise

    @property
    def otherwise(self) -> bool:
        """Does its gradient pass otherwise than its value moves, the padding aside?"""
        return self.max_norm is not None or self.scale_grad_by_freq

    # -------------------------------------------------------------------------------------------------------- as text
    @property
    def helpers(self) -> str:
        """What a definition says before: the rows that are read, held to the norm."""
        if self.max_norm is None:
            return ""
        element, most = "table[r,d]", literal(self.max_norm)
        held = f"h[r,d] = {element} + detach(({most}/(s[r] + {BESIDE}) - 1)*{element} if s[r] > {most} else 0)"
        return f"s[r] = {_norm(element, self.norm_type)}; {held}; "

    def element(self, place: str, column: str, others: Sequence[str], run: Sequence[str]) -> str:
        """An element of the row at a place `i[…]`; others: the indices of all places, as `run` runs over them."""
        row = f"{'table' if self.max_norm is None else 'h'}[{place},{column}]"
        if not self.scale_grad_by_freq:
            return row
        over = "".join(f" for {i} in {size.upper()}" for i, size in zip(run, others, strict=True))
        count = f"sum(1{over} if {at('i', run)} == {place})" if run else "1"
        return f"(detach({row}) + ({row} - detach({row}))/{count})"

    # ----------------------------------------------------------------------------------------------------- as numbers
    def held(self, table: Array) -> Array:
        """The rows as they are read."""
        if self.max_norm is None:
            return table
        norms = np.linalg.norm(table, self.norm_type, axis=1, keepdims=True)
        return np.where(norms > self.max_norm, table * (self.max_norm / (norms + BESIDE)), table)

    def shared(self, passed: Array, places: Array, every: Array) -> Array:
        """What the rows at `places` get, a row each, of which `every` place of the use may read the same."""
        if not self.scale_grad_by_freq or not places.size:
            return passed
        return np.asarray(passed / np.bincount(every.reshape(-1))[places][:, None])


def divides_rightly(i: Array) -> bool:
    """Does PyTorch's embedding_bag divide by how often each row is read? On a processor it takes, for the n-th row that
    is read, the count of the n-th position in the order of the rows (aten/src/ATen/native/EmbeddingBag.cpp)."""
    rows, counts = np.unique(i, return_counts=True)
    taken = np.sort(i.reshape(-1))[: len(rows)]
    return bool((counts[np.searchsorted(rows, taken)] == counts).all())


def _norm(element: str, p: float) -> str:
    """Of a row, over d."""
    if p == 2:
        return f"sqrt(sum({element}**2 for d in D))"
    if p in (1, inf):
        return f"{'sum' if p == 1 else 'max'}(abs({element}) for d in D)"
    return f"sum(abs({element})**{literal(p)} for d in D)**(1/{literal(p)})"
