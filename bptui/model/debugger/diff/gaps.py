"""How far apart two runs are in one tensor: a value, a gradient, what an update changed. Each pair of tensors is read
once; what is kept of it is a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.diff.calls import captured
from bptui.model.engine.apart import blocks, change, farthest, worst
from bptui.model.engine.recording import Recording
from bptui.model.source.captured.distance import FINE, overflow
from bptui.model.source.captured.record import FLOATS, Stats

What = Literal["value", "grad"]
INF = float("inf")


class Gap(NamedTuple):
    """relative  the largest |a - b| over the largest number of either tensor: inf where only one is NaN or infinite, or
    where they have not one shape; None where one of them was not recorded
    at, a, b   the element that is farthest, and what it is in either run · size: the largest number of either
    note       what else is to be said: shapes that differ
    """

    relative: float | None
    at: tuple[int, ...] = ()
    a: float = 0.0
    b: float = 0.0
    size: float = 0.0
    note: str = ""

    @property
    def shown(self) -> bool:
        """Is there a number in either run to be shown?"""
        return self.relative is not None and (self.relative < INF or not self.note)

    def beyond(self, tolerance: float) -> bool:
        """Is it a difference?"""
        return self.relative is not None and self.relative > tolerance


NOT_RECORDED = Gap(None, note="not recorded")


class Gaps:
    """Two runs, `a` and `b`; nodes are told by their ids in either. turned: a matrix may be the other's transpose,
    because they come from programs that lay out weights in another way."""

    def __init__(self, a: Recording, b: Recording, turned: bool) -> None:
        self.a, self.b, self.turned = a, b, turned
        self._found: dict[tuple[str, int, int, int], Gap] = {}

    def value(self, i: int, j: int) -> Gap:
        """The value of a node."""
        return self._once("value", i, j, 0, lambda: self._recorded("value", i, j))

    def gradient(self, i: int, j: int, beside: float = 0.0) -> Gap:
        """The complete gradient of a node. beside: the largest of the gradients that are added up to it, where it is
        such a sum: what is left of terms that cancel is rounding of those (a bias before a batch norm)."""
        found = self._once("gradient", i, j, 0, lambda: self._gradient(i, j))
        error = (found.relative or 0.0) * found.size
        if found.size and error <= FINE * max(self._eps(i, j)) * beside:
            found = found._replace(relative=error / beside if error else 0.0)
            self._found["gradient", i, j, 0] = found  # the update is judged by it, too
        return found

    def contribution(self, of: tuple[int, int], other: tuple[int, int]) -> Gap:
        """What a consumer adds to the gradient of its input: (its node id, position) in either run."""
        first, second = self.a.contribution(*of), self.b.contribution(*other)
        return self._tensors(first, second, of[0], other[0])

    def update(self, i: int, j: int, turn: int, tolerance: float) -> Gap:
        """What an update adds to a parameter. The rounding of a parameter in its kind of number is no difference; nor
        is what follows from gradients that are equal within the tolerance: a rule that divides by their size (Adam)
        makes much of little."""
        explained = not self.gradient(i, j).beyond(tolerance)
        return self._once("update", i, j, turn, lambda: self._change(i, j, turn, explained))

    def before(self, i: int, j: int, turn: int) -> Gap:
        """A parameter before an update."""
        return self._once(
            "before", i, j, turn, lambda: self._tensors(self.a.before(i, turn), self.b.before(j, turn), i, j)
        )

    def used(self, i: int, j: int, turn: int) -> Gap:
        """The gradient that an update used."""
        first, second = self.a.update_grad, self.b.update_grad
        return self._once("used", i, j, turn, lambda: self._tensors(first(i, turn), second(j, turn), i, j))

    def state(self, i: int, j: int, name: str, turn: int) -> Gap:
        """A state of the optimizer before an update."""
        return self._tensors(self.a.state(i, name, turn=turn), self.b.state(j, name, turn=turn), i, j)

    # -------------------------------------------------------------------------------------------------------- inside
    def _once(self, what: str, i: int, j: int, turn: int, find: Callable[[], Gap]) -> Gap:
        key = what, i, j, turn
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def _eps(self, i: int, j: int) -> tuple[float, float]:
        return (FLOATS.get(self.a.dtype(i), FLOATS["float64"]), FLOATS.get(self.b.dtype(j), FLOATS["float64"]))

    def _tensors(self, a: Array | None, b: Array | None, i: int, j: int) -> Gap:
        if a is None or b is None:
            return NOT_RECORDED
        fitted = self.fitted(np.asarray(a), np.asarray(b))
        if not fitted:
            return Gap(INF, note=f"{numbers.shape(np.shape(a))} against {numbers.shape(np.shape(b))}")
        return min((self._gap(np.asarray(a), other, i, j) for other in fitted), key=lambda gap: gap.relative or 0.0)

    def _gradient(self, i: int, j: int) -> Gap:
        flows = flowing(self.a, i), flowing(self.b, j)
        if flows[0] != flows[1]:
            return Gap(INF, note=f"a gradient in {'a' if flows[0] else 'b'}, none in {'b' if flows[0] else 'a'}")
        return self._recorded("grad", i, j)

    def _recorded(self, what: What, i: int, j: int) -> Gap:
        """The tensors of a node; where numbers were not kept, what was counted of them."""
        arrays = [getattr(self.a, what)(i), getattr(self.b, what)(j)]
        if all(array is not None for array in arrays):
            return self._tensors(arrays[0], arrays[1], i, j)
        found = counted(self.a, i, what, arrays[0]), counted(self.b, j, what, arrays[1])
        return NOT_RECORDED if found[0] is None or found[1] is None else _by_count(found[0], found[1])

    def fitted(self, a: Array, b: Array) -> list[Array]:
        """`b` in the shape of `a`, in each way in which it may be meant."""
        if a.shape == b.shape:
            square = self.turned and a.ndim == 2 and a.shape[0] == a.shape[1] > 1
            return [b, b.T] if square else [b]
        if self.turned and a.shape == b.shape[::-1] and a.ndim == 2:
            return [b.T]
        if [n for n in a.shape if n != 1] == [n for n in b.shape if n != 1]:
            return [b.reshape(a.shape)]
        return []

    def _gap(self, a: Array, b: Array, i: int, j: int) -> Gap:
        one, other = self._eps(i, j)
        if other > one:  # the shorter kind first: it may have overflowed where the other did not
            found = farthest(b, a, overflow(other))
            found = found._replace(a=found.b, b=found.a)
        else:
            found = farthest(a, b, overflow(one) if one > other else INF)
        return Gap(found.relative, found.at, found.a, found.b, found.size)

    def _change(self, i: int, j: int, turn: int, explained: bool) -> Gap:
        mine, other = (
            [run.before(node, turn), run.after(node, turn), run.grad(node) if explained else None]
            for run, node in ((self.a, i), (self.b, j))
        )
        count = 3 if mine[2] is not None and other[2] is not None else 2
        first = [np.asarray(array) for array in mine[:count] if array is not None]
        if len(first) < count or other[0] is None or other[1] is None:
            return NOT_RECORDED
        fitted = [self.fitted(x, np.asarray(y)) for x, y in zip(first, other[:count], strict=True)]
        if not all(fitted):
            return Gap(INF, note=f"{numbers.shape(first[0].shape)} against {numbers.shape(np.shape(other[0]))}")
        parts = blocks(*first, *(ways[0] for ways in fitted))
        with np.errstate(all="ignore"):
            found = worst(first[0].shape, (_moved(part[:count], part[count:], self._eps(i, j)) for part in parts))
        return Gap(found.relative, found.at, found.a, found.b, found.size)


def _moved(a: Sequence[Array], b: Sequence[Array], eps: tuple[float, float]) -> tuple[Array, Array, Array]:
    """What an update adds to some numbers in either run, and how far apart that is beyond what is explained. a, b: the
    numbers before and after, and their gradients where those explain a difference: a rule that divides by the size of a
    gradient passes on its relative error, at most twice (through its two moments)."""
    one, other = a[1] - a[0], b[1] - b[0]
    rounded = eps[0] / 2 * np.abs(a[1]) + eps[1] / 2 * np.abs(b[1])
    off = np.abs(change(other, one)) - np.nan_to_num(rounded, nan=0.0, posinf=0.0)
    if len(a) > 2:
        relative = np.abs(a[2] - b[2]) / np.minimum(np.abs(a[2]), np.abs(b[2]))
        off -= np.nan_to_num(2 * relative * np.maximum(np.abs(one), np.abs(other)), nan=0.0, posinf=INF)
    return one, other, np.maximum(off, 0.0)


def counted(run: Recording, node: int, what: What, array: Array | None) -> Stats | None:
    """What is known of a tensor without its numbers; of those, where they are there."""
    step = captured(run)
    if array is not None:
        return count(np.asarray(array, np.float64))
    return None if step is None else step.stats(node, what)


def count(array: Array) -> Stats:
    """What a recorder counts of a tensor."""
    finite = array[np.isfinite(array)]
    bad = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    if not finite.size:
        return Stats(*bad, 0.0, 0.0, 0.0)
    return Stats(*bad, float(np.abs(finite).mean()), float(finite.min()), float(finite.max()))


def _by_count(a: Stats, b: Stats) -> Gap:
    """The farthest of mean size, least and largest: the tensors are at least so far apart, or may be equal."""
    if (a.nan, a.inf) != (b.nan, b.inf):
        return Gap(INF, note=f"{a.nan} NaN and {a.inf} inf against {b.nan} and {b.inf}")
    found = farthest(np.array(a[2:], np.float64), np.array(b[2:], np.float64))
    which = ("mean size", "least", "largest")[found.at[0]]
    return Gap(found.relative, (), found.a, found.b, found.size, f"by what was counted, its {which}")


def flowing(run: Recording, node: int) -> bool:
    """Does a gradient come to a node: from those that read it, or because it is the loss?"""
    wanted = run.graph.nodes[node].wants_grad
    return wanted and (node == run.graph.loss or bool(run.timeline.arrivals(node)))
