"""All ways of one number to the loss: a path goes from element to element, its product is that of the local derivatives
on it, and the gradient is the sum of the products. Backward is this sum with what paths share multiplied once.

How many there are, and what they come to, is counted from the loss back, vertex by vertex, so that 10^30 of them are as
quick as ten; so are the largest of them. Only the numbers between the element and the loss cost anything.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bptui.model.base import kinds
from bptui.model.base.errors import UserError
from bptui.model.base.numbers import CONCEALED, concealed
from bptui.model.base.places import ravel
from bptui.model.base.types import Array, Index
from bptui.model.debugger.answers.contributions import locals_of, size_of, total
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.local import Locals
from bptui.model.engine.recording import Recording

SHOWN = 8
"""Paths that are told one by one."""
LISTED = 4_096
"""Paths that are added up one by one; of more the sum is taken vertex by vertex."""
TICK = 1_000
"""Numbers that are gone over before anybody is asked whether to go on."""
MAX_VERTICES = 120_000
MAX_EDGES = 1_000_000
MAX_WORK = 1_000_000_000
"""Between the element and the loss: numbers, local derivatives, and numbers that the vjps for them go over."""

Tick = Callable[[float], None]
Vertex = tuple[int, int]
"""A node and a flat position in it."""


class Edge(NamedTuple):
    """From an element to one of the elements that an operation makes of it; `moves`: it only moves numbers."""

    source: Vertex
    target: Vertex
    position: int
    local: float
    moves: bool


@dataclass(frozen=True)
class Path:
    """One way to the loss, and its product."""

    edges: tuple[Edge, ...]
    product: float

    @property
    def factors(self) -> tuple[Edge, ...]:
        """Its edges without those that only move numbers: their local derivative is 1."""
        return tuple(edge for edge in self.edges if not edge.moves)


@dataclass(frozen=True)
class Paths:
    """All paths from node[element] to the loss.

    count, zeros  how many there are, how many of them come to 0
    best    the largest by size, at most SHOWN
    sum     of all products;  rest  of those that are not among the best
    gradient  what the backward pass recorded, None where it did not
    shared  the edges that all paths have in common
    eps     the distance from 1 to the next number of the coarsest kind on the way;  size  the sum of all sizes
    least   the smallest number above 0 of that kind: what is less is lost on the way
    unsure  what of the sum may be rounding inside of the local derivatives, where it is not the gradient at once
    """

    node: Node
    element: Index
    count: int
    zeros: int
    best: tuple[Path, ...]
    sum: float
    rest: float
    gradient: float | None
    shared: tuple[Edge, ...]
    eps: float
    size: float
    least: float = 0.0
    unsure: float = 0.0

    @property
    def allowed(self) -> float:
        """How far the sum may be from the gradient: the part of all that is added that the check allows of a derivative
        (`symbolic.check.tolerance`), and what factors have lost that are differences of numbers much larger than they
        (softmax's y*(1 - y), where y is next to 1)."""
        return (1e-9 if self.eps < 1e-12 else max(1e-4, 16 * self.eps)) * self.size + self.unsure + 16 * self.least

    @property
    def equal(self) -> bool | None:
        """Is the sum the gradient, as far as rounding lets it be? None where there is none to compare with, or NaN and
        inf on the way say nothing of it."""
        if self.gradient is None or concealed(self.gradient) or concealed(self.sum):
            return None
        if not math.isfinite(self.size) or not math.isfinite(self.gradient):
            same = self.sum == self.gradient or (math.isnan(self.sum) and math.isnan(self.gradient))
            return True if same else None
        return abs(self.sum - self.gradient) <= self.allowed

    def without_gradient(self) -> Paths:
        """The same with its sum kept back; the product of an only path is that, too."""
        best = tuple(replace(path, product=CONCEALED) for path in self.best) if self.count == 1 else self.best
        return replace(self, best=best, sum=CONCEALED, gradient=None if self.gradient is None else CONCEALED)


def paths(recording: Recording, node: Node, element: Index, tick: Tick = lambda part: None) -> Paths:
    """The paths of an element. Raises NotRecorded, and UserError where too many numbers lie between it and the loss;
    `tick` is called now and then with the part that is done, and may raise to end it."""
    flat = ravel(element, node.shape)
    start, local = (node.id, flat), locals_of(recording)
    found = _Found(_edges(local, start, tick), (recording.graph.loss, 0), tick)
    count = found.count.get(start, 0)
    best = tuple(found.best(start)) if count else ()
    everything = found.sum.get(start, 0.0)
    if count <= LISTED and count:
        products = [path.product for path in found.all(start)]
        everything = total(products)
    shown = total([path.product for path in best])
    recorded = recording.grad(node)
    met = {recording.dtype(each) for each in (node, *between(recording.graph, node.id))}
    coarsest = max((*(met & {*kinds.KINDS}), "float64"), key=kinds.eps)
    made = Paths(
        node,
        element,
        count,
        count - found.nonzero.get(start, 0),
        best,
        everything,
        0.0 if count <= len(best) else everything - shown,
        None if recorded is None else float(recorded[element]),
        found.shared(start) if count else (),
        kinds.eps(coarsest),
        found.size.get(start, 0.0),
        kinds.ulp(0.0, coarsest),
    )
    return made if made.equal is not False else replace(made, unsure=found.unsure(start, local))


def between(graph: Graph, node: int) -> list[Node]:
    """The operations that lie between a node and the loss, in execution order."""
    after = {node}
    for each in graph.ops:
        if any(source in after and (each.id, at) in graph.consumers[source] for at, source in enumerate(each.inputs)):
            after.add(each.id)
    before = {graph.loss}
    for each in reversed(graph.ops):
        if each.id in before:
            before.update(s for at, s in enumerate(each.inputs) if (each.id, at) in graph.consumers[s])
    return [each for each in graph.ops if each.id in after and each.id in before and each.id != node]


def _edges(local: Locals, start: Vertex, tick: Tick) -> dict[Vertex, list[Edge]]:
    """The edges out of every element that the start reaches, by element, in execution order."""
    uses, active = _reached(local, start, tick)
    found: dict[Vertex, list[Edge]] = {(i, int(e)): [] for i, elements in active.items() for e in elements}
    edges = 0
    for n, use in enumerate(uses):
        operation = local.of(use.node)
        moves = operation.moved is not None and use.node != local.graph.loss
        wanted = np.zeros(operation.in_size(use.position), bool)
        wanted[active[use.source]] = True
        for output, entries in operation.rows(use.position, use.outputs):
            tick(n / len(uses) / 2)
            for e, value in zip(*entries, strict=True):
                if wanted[e]:
                    source, target = (use.source, int(e)), (use.node, output)
                    found[source].append(Edge(source, target, use.position, float(value), moves and value == 1))
                    edges += 1
        if edges > MAX_EDGES:
            raise _too_many(local.graph, start, f"{MAX_EDGES:,} local derivatives")
    return found


class _Use(NamedTuple):
    """The elements of an operation's output that are reached through one of its inputs."""

    node: int
    position: int
    source: int
    outputs: Array


def _reached(local: Locals, start: Vertex, tick: Tick) -> tuple[list[_Use], dict[int, Array]]:
    """The operations between, and the elements of every node that the start reaches."""
    graph = local.graph
    active: dict[int, Array] = {start[0]: np.array([start[1]])}
    uses, vertices, work = [], 1, 0
    for node in between(graph, start[0]):
        operation, reached = local.of(node.id), np.zeros(0, int)
        for position, source in enumerate(node.inputs):
            if source not in active or (node.id, position) not in graph.consumers[source]:
                continue
            tick(0.0)
            outputs = operation.reached(position, active[source])
            reached = np.union1d(reached, outputs).astype(int)
            uses.append(_Use(node.id, position, source, outputs))
            if not operation.op.elementwise:
                work += len(outputs) * (operation.out_size + operation.in_size(position))
        vertices += len(reached)
        if vertices > MAX_VERTICES or work > MAX_WORK:
            raise _too_many(graph, start, f"{vertices:,} numbers")
        active[node.id] = reached
    return uses, active


def _too_many(graph: Graph, start: Vertex, count: str) -> UserError:
    return UserError(
        "paths",
        f"more than {count} lie between {graph.nodes[start[0]].name} and the loss",
        "a number nearer to the loss; why adds its gradient up consumer by consumer",
    )


class _Found:
    """What the edges come to, from the loss back: how many paths lead on from each element, what they add up to, and
    how large the largest is. `edges` of an element: those that lead to the loss."""

    def __init__(self, edges: dict[Vertex, list[Edge]], loss: Vertex, tick: Tick) -> None:
        self.loss, self.edges, self.vertices = loss, dict[Vertex, list[Edge]](), list(edges)
        self.count, self.nonzero = {loss: 1}, {loss: 1}
        self.sum, self.size, self._most = {loss: 1.0}, {loss: 1.0}, {loss: 0.0}
        with np.errstate(all="ignore"):
            for n, vertex in enumerate(reversed(edges)):
                if n % TICK == 0:
                    tick(0.5 + n / len(edges) / 2)
                if vertex != loss:
                    self._add(vertex, [edge for edge in edges[vertex] if edge.target in self.count])

    def _add(self, vertex: Vertex, edges: list[Edge]) -> None:
        if not edges:
            return
        self.edges[vertex] = edges
        self.count[vertex] = sum([self.count[edge.target] for edge in edges])
        self.nonzero[vertex] = sum([self.nonzero[edge.target] for edge in edges if edge.local != 0])
        self.sum[vertex] = total([edge.local * self.sum[edge.target] for edge in edges])
        self.size[vertex] = total([abs(edge.local) * self.size[edge.target] for edge in edges])
        self._most[vertex] = max([_log(edge.local) + self._most[edge.target] for edge in edges])

    def unsure(self, start: Vertex, local: Locals) -> float:
        """How far the sum may be off by what the rules of the operations have rounded away inside of each local
        derivative, 0 among them: those are no edges."""
        reached: dict[int, list[int]] = {}
        for node, element in self.vertices:
            reached.setdefault(node, []).append(element)
        off = dict.fromkeys(self.vertices, 0.0)
        for node in sorted(reached, reverse=True):
            for element in reached[node]:
                edges = self.edges.get((node, element), ())
                off[node, element] += sum(abs(edge.local) * off[edge.target] for edge in edges)
            for position, source in enumerate(local.graph.nodes[node].inputs if node != start[0] else ()):
                if source not in reached or not local.of(node).op.differentiable(position):
                    continue
                for output in reached[node]:
                    if size := self.size.get((node, output), 0.0):
                        rounding = local.of(node).unsure(position, output)
                        for element in reached[source]:
                            off[source, element] += float(rounding[element]) * size
        return off.get(start, 0.0)

    def best(self, start: Vertex) -> list[Path]:
        """The largest paths by the size of their products. What is behind each element is known, so that the search
        follows none but them."""
        found: list[Path] = []
        count = itertools.count()
        waiting: list[tuple[float, int, Vertex, float, tuple[Edge, ...]]] = [(0.0, 0, start, 0.0, ())]
        while waiting and len(found) < SHOWN:
            _, _, vertex, before, edges = heapq.heappop(waiting)
            if vertex == self.loss:
                found.append(_path(edges))
                continue
            for edge in self.edges[vertex]:
                size = before + _log(edge.local)
                # of equals the last one first: what has begun is followed to its end
                item = -(size + self._most[edge.target]), -next(count), edge.target, size, (*edges, edge)
                heapq.heappush(waiting, item)
        return sorted(found, key=lambda path: -size_of(path.product))

    def all(self, start: Vertex) -> Iterator[Path]:
        """All of them, one by one."""
        waiting: list[tuple[Vertex, tuple[Edge, ...]]] = [(start, ())]
        while waiting:
            vertex, before = waiting.pop()
            if vertex == self.loss:
                yield _path(before)
            else:
                waiting += [(edge.target, (*before, edge)) for edge in self.edges[vertex]]

    def shared(self, start: Vertex) -> tuple[Edge, ...]:
        """The edges that every path goes over."""
        whole, into, found = self.count[start], {start: 1}, []
        for vertex in reversed(self.edges):
            here = into.get(vertex, 0)
            for edge in self.edges[vertex] if here else ():
                into[edge.target] = into.get(edge.target, 0) + here
                if here * self.count[edge.target] == whole:
                    found.append(edge)
        return tuple(found)


def _path(edges: list[Edge] | tuple[Edge, ...]) -> Path:
    return Path(tuple(edges), math.prod(edge.local for edge in edges))


_FAR = 1e9
"""Larger than the logarithm of any product."""


def _log(x: float) -> float:
    """The logarithm of a size: of NaN and inf before all others, of 0 behind them."""
    if not math.isfinite(x):
        return _FAR
    return math.log(abs(x)) if x else -_FAR
