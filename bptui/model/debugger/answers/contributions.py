"""What one element of a gradient is the sum of: a term for each element of each consumer that it feeds.

A term is upstream × local derivative. Operations that only move numbers are looked through: what they pass on comes
from behind them. Of very many terms only the sums of the groups (one sample each, say) are computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from bptui.model.base.places import ravel, unravel
from bptui.model.base.types import Array, Index
from bptui.model.debugger.answers.zeros import Edge, why_zero
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.local import Local, Locals
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.rounding import settled

MAX_TERMS = 2_000
"""Terms of one consumer that are computed one by one."""
DEPTH = 64
"""Numbers that are looked at on the way to the reason of a 0."""
MAX_WORK = 2_000_000
"""Numbers that the vjps for them may go over."""


@dataclass(frozen=True)
class Use:
    """One use of the element that adds to its gradient: a consumer, the position of the input there, and the operations
    on the way to it that only move numbers. `elements` are those of that input which hold the number."""

    consumer: int
    position: int
    through: tuple[int, ...]
    elements: tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """upstream × local = product, at an element of the consumer's output (of the largest, where it is of a group: then
    `local` is None). `zero` says in words why it is 0."""

    at: Index
    upstream: float
    local: float | None
    product: float
    zero: str = ""


@dataclass(frozen=True)
class Group:
    """The terms of one use that belong together: those of one sample, say. None where they are not in yet."""

    terms: tuple[Term, ...]

    @property
    def sum(self) -> float:
        """What they come to."""
        return total([term.product for term in self.terms])

    @property
    def largest(self) -> Term:
        """The one that says most."""
        return max(self.terms, key=lambda term: size_of(term.product))

    @property
    def zero(self) -> str:
        """Why all of it is 0, "" where it is not or the reasons are several."""
        found = {term.zero for term in self.terms}
        return found.pop() if len(found) == 1 and self.sum == 0 else ""


@dataclass(frozen=True)
class Contributed:
    """∂L/∂node[element], taken apart.

    uses    its consumers, in the order in which the backward pass comes to them: the columns
    axis    of the consumers' outputs, along which the terms are told apart: the rows; None where there is one
    keys    the rows, largest first (None for the only one): the index along `axis`
    groups  by row and column; None where nothing of that use lies in that row, or it is not in yet
    """

    node: Node
    element: Index
    uses: tuple[Use, ...]
    axis: int | None
    keys: tuple[int | None, ...]
    groups: tuple[tuple[Group | None, ...], ...]
    waiting: frozenset[int] = field(default=frozenset())

    def row(self, n: int) -> float:
        """What a row adds up to."""
        return total([group.sum for group in self.groups[n] if group is not None])

    def column(self, n: int) -> float | None:
        """What a consumer adds, None where that is not in yet."""
        if n in self.waiting:
            return None
        return total([row[n].sum for row in self.groups if row[n] is not None])  # type: ignore[union-attr]


def total(numbers: Sequence[float]) -> float:
    """Their sum, rounded once; NaN and inf as they come."""
    return math.fsum(numbers) if all(map(math.isfinite, numbers)) else float(sum(numbers))


def size_of(x: float) -> float:
    """How much a number says: what is not finite before everything else."""
    return math.inf if math.isnan(x) else abs(x)


def shown_grad(recording: Recording, node: int) -> Array | None:
    """∂L/∂node as it is shown: 0 in the place of what is nothing but rounding."""
    return settled(recording, recording.grad(node), lambda other: other.grad(node))


@lru_cache(2)
def locals_of(recording: Recording) -> Locals:
    """The operations of a recorded step, taken apart: kept while one looks at it."""
    return Locals(recording)


def contributed(recording: Recording, node: Node, element: Index, waiting: frozenset[tuple[int, int]]) -> Contributed:
    """What makes up ∂L/∂node[element]; `waiting`: the (consumer, position) of the node's own contributions that are not
    in yet. Raises NotRecorded where a number of it is absent, or an operation opaque."""
    local = locals_of(recording)
    flat = ravel(element, node.shape)
    uses = uses_of(local, node.id, (flat,), frozenset(waiting))
    shut = frozenset(n for n, use in enumerate(uses) if _first(use) in waiting)
    found = [None if n in shut else _terms_of(local, use) for n, use in enumerate(uses)]
    axis = _axis([places for each in found if each is not None for places in (each[0],)])
    split = [_split(local, uses[n], each, axis) if each is not None else {} for n, each in enumerate(found)]
    keys = list(dict.fromkeys(key for groups in split for key in groups))
    rows = [tuple(groups.get(key) for groups in split) for key in keys]
    sums = [total([group.sum for group in row if group is not None]) for row in rows]
    order = sorted(range(len(keys)), key=lambda n: -size_of(sums[n]))
    return Contributed(
        node, element, tuple(uses), axis, tuple(keys[n] for n in order), tuple(rows[n] for n in order), shut
    )


def uses_of(
    local: Locals, node: int, elements: tuple[int, ...], waiting: frozenset[tuple[int, int]] = frozenset()
) -> list[Use]:
    """Where some elements of a node go that adds to their gradient, movers looked through."""
    graph, found = local.graph, []
    for consumer, position in graph.consumers[node]:
        moved = None if (consumer, position) in waiting else moved_to(local, consumer, position, elements)
        if moved is None:
            found.append(Use(consumer, position, (), elements))
        elif moved:
            behind = uses_of(local, consumer, moved)
            found += [Use(use.consumer, use.position, (consumer, *use.through), use.elements) for use in behind]
    return found


def moved_to(local: Locals, consumer: int, position: int, elements: Sequence[int]) -> tuple[int, ...] | None:
    """Where an operation that only moves numbers puts some of an input, gradients included; None for any other."""
    if consumer == local.graph.loss or local.graph.nodes[consumer].op.opaque:  # type: ignore[union-attr]
        return None
    operation = local.of(consumer)
    if operation.moved is None:
        return None
    where, source = operation.moved
    to = np.flatnonzero((where == position) & np.isin(source, elements))
    back = operation.probe.vjp(position, np.ones(operation.node.shape)).reshape(-1)[list(elements)]
    return tuple(map(int, to)) if float(back.sum()) == len(to) else None


def _first(use: Use) -> tuple[int, int]:
    """(consumer, position) of a use that reads the node itself; (-1, -1) where operations that only move numbers lie
    between."""
    return (use.consumer, use.position) if not use.through else (-1, -1)


def _terms_of(local: Locals, use: Use) -> tuple[tuple[Array, ...], Array, Array | None]:
    """(places of the outputs, upstream there, local derivatives; None for these where they are too many)."""
    operation = local.of(use.consumer)
    shape = operation.node.shape
    outputs = operation.reached(use.position, np.array(use.elements))
    upstream = shown_grad(local.recording, use.consumer)
    given = np.asarray(required(upstream, f"the gradient of {operation.node.name}"), float)
    places = np.unravel_index(outputs, shape) if shape else ()
    work = len(outputs) * len(use.elements) * given.size
    few = operation.op.elementwise or (len(outputs) <= MAX_TERMS and work <= MAX_WORK)
    values = sum(operation.column(use.position, e, outputs) for e in use.elements) if few else None
    return tuple(places), given.reshape(-1)[outputs], None if values is None else np.asarray(values, float)


def _axis(places: list[tuple[Array, ...]]) -> int | None:
    """The first axis of the outputs along which there are several terms."""
    for axis in range(max((len(each) for each in places), default=0)):
        if any(len(each) > axis and len(each[axis]) and (each[axis] != each[axis][0]).any() for each in places):
            return axis
    return None


def _split(
    local: Locals, use: Use, found: tuple[tuple[Array, ...], Array, Array | None], axis: int | None
) -> dict[int | None, Group]:
    """The terms of a use by their index along an axis."""
    places, upstream, values = found
    operation, edge = local.of(use.consumer), Edge(use.consumer, use.position, use.elements[0])
    split = axis is not None and axis < len(places) and use.consumer in local.graph.once(_of_data)
    keys = places[axis] if split and axis is not None else None
    groups: dict[int | None, Group] = {}
    for key in [None] if keys is None else map(int, np.unique(keys)):
        picked = np.arange(len(upstream)) if keys is None else np.flatnonzero(keys == key)
        if not len(picked):
            continue
        if values is None:
            groups[key] = Group((_grouped(operation, use, places, upstream, picked),))
            continue
        with np.errstate(all="ignore"):
            products = values[picked] * upstream[picked]
        terms = []
        for n, product in zip(picked, products, strict=True):
            at = tuple(int(a[n]) for a in places)
            zero = why_zero(local, edge, at, float(upstream[n]), float(values[n])) if product == 0 else ""
            if zero and upstream[n] == 0 and values[n] != 0:
                zero = _behind(local, use.consumer, at, [DEPTH]) or zero
            terms.append(Term(at, float(upstream[n]), float(values[n]), float(product), zero))
        groups[key] = Group(tuple(terms))
    return groups


def _of_data(graph: Graph) -> frozenset[int]:
    """What is computed from inputs or targets: its axes may count samples. What is made of weights alone, such as a
    penalty on them, belongs to no sample."""
    return graph.after(node.id for node in graph.leaves if node.role in ("input", "target") and not node.scope)


def _behind(local: Locals, node: int, at: Index, left: list[int]) -> str:
    """Why ∂L/∂node[at] is 0, where one reason says it all; "" where there are several, or it lies too deep. `left`
    counts how many numbers are still looked at."""
    shape = local.graph.nodes[node].shape
    flat = ravel(at, shape)
    found: set[str] = set()
    for use in uses_of(local, node, (flat,)):
        operation, shape = local.of(use.consumer), local.graph.nodes[use.consumer].shape
        outputs = operation.reached(use.position, np.array(use.elements))
        upstream = shown_grad(local.recording, use.consumer)
        for output in map(int, outputs):
            left[0] -= 1
            if left[0] < 0 or upstream is None or len(use.elements) > 1:
                return ""
            place, given = unravel(output, shape), float(np.asarray(upstream, float).reshape(-1)[output])
            value = float(operation.column(use.position, use.elements[0], np.array([output]))[0])
            if value * given != 0:
                return ""
            reason = why_zero(local, Edge(use.consumer, use.position, use.elements[0]), place, given, value)
            found.add(reason if value == 0 else _behind(local, use.consumer, place, left) or reason)
    reason = found.pop() if len(found) == 1 else ""
    return "" if reason.startswith("∂L/∂") else reason


def _grouped(operation: Local, use: Use, places: tuple[Array, ...], upstream: Array, picked: Array) -> Term:
    """The sum of many terms at once: what the input gets where the rest of the upstream is 0."""
    masked = np.zeros(operation.node.shape)
    where = tuple(a[picked] for a in places)
    masked[where] = upstream[picked]
    passed = total([operation.passed(use.position, e, masked) for e in use.elements])
    if math.isnan(passed) and len(picked) <= MAX_TERMS // 8:  # perhaps of numbers of other groups: 0 times NaN is NaN
        flat = np.ravel_multi_index(where, operation.node.shape)
        with np.errstate(all="ignore"):
            columns = [operation.column(use.position, e, flat) * upstream[picked] for e in use.elements]
        passed = total([total(column.tolist()) for column in columns])
    top = int(picked[np.argmax(np.abs(upstream[picked]))])
    return Term(tuple(int(a[top]) for a in places), float(upstream[top]), None, passed)
