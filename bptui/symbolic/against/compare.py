"""One tensor of somebody else's beside ours: brought to our layout, compared element by element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.source.own_numbers import Of, Own, float32_rounding
from bptui.symbolic.against.names import Match
from bptui.symbolic.check.tolerance import apart

RELATIVE, OF_LARGEST = 1e-6, 1e-9
"""What two float64 programs may differ by: in an element, and next to the largest of its tensor. Between the worst
agreement of right ones (PyTorch's and ours: 1e-12) and the smallest slip that anybody reported (an eps: 1e-5)."""
TURNED = "transposed"


@dataclass(frozen=True)
class Layout:
    """The own numbers in the shape of the node. `said`: what was done to them, "" for nothing."""

    numbers: Array
    slack: Array
    said: str = ""


@dataclass(frozen=True)
class Compared:
    """A match with its numbers. `theirs` and `ours` have one shape; `allowed` is the error that each element may have.

    first, worst  elements that differ: the first in C order, the one whose error is largest; () where none does
    """

    match: Match
    layout: Layout
    ours: Array
    allowed: Array

    @property
    def node(self) -> Node:
        """The node that it is of."""
        return self.match.node

    @property
    def of(self) -> Of:
        """value, grad or update."""
        return self.match.own.of

    @property
    def theirs(self) -> Array:
        """Somebody else's numbers."""
        return self.layout.numbers

    @property
    def differs(self) -> Array:
        """Which elements differ."""
        return different(self.theirs, self.ours, self.allowed)

    @property
    def equal(self) -> bool:
        """Do all of them agree?"""
        return not bool(self.differs.any())

    @property
    def error(self) -> Array:
        """How far apart they are, element by element; infinite where one of two is not finite."""
        return apart(self.theirs, self.ours)

    @property
    def first(self) -> tuple[int, ...]:
        """The first element that differs."""
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(self.differs)), self.ours.shape))

    @property
    def worst(self) -> tuple[int, ...]:
        """The element with the largest error."""
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(self.error)), self.ours.shape))

    def agrees(self, other: Array) -> bool:
        """Are these numbers theirs? (Of a hypothesis: what a slip would have made.)"""
        return not bool(different(self.theirs, other, allowance(self.layout.slack, other)).any())


def same(a: Array, b: Array) -> Array:
    """Equal, NaN and NaN too."""
    return np.asarray((a == b) | ((a != a) & (b != b)))


def different(theirs: Array, ours: Array, allowed: Array) -> Array:
    """Which elements are further apart than allowed."""
    with np.errstate(all="ignore"):
        return np.asarray(~(same(theirs, ours) | (np.abs(theirs - ours) <= allowed)))


def allowance(slack: Array, ours: Array) -> Array:
    """The error that each element may have: of arithmetic, and of how theirs was written."""
    size = np.abs(ours)
    largest = float(np.max(size, where=np.isfinite(size), initial=0.0))
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(size), RELATIVE * size + OF_LARGEST * largest, 0.0) + slack


def compare(recording: Recording, matches: Sequence[Match], where: str) -> tuple[Compared, ...]:
    """Every match beside ours, in the order of the file; a UserError for a shape that fits in no layout.

    A square weight says nothing of its layout: it is taken as the others are, else as it agrees with ours.
    """
    options = [_layouts(recording.graph, match, where, recording) for match in matches]
    weights = [o for match, o in zip(matches, options, strict=True) if match.node.role == "param"]
    turned = any(o[0].said for o in weights) and all(
        o[0].said or len(o) > 1 for o in weights if len(o[0].numbers.shape) > 1
    )
    return tuple(_chosen(recording, match, o, turned) for match, o in zip(matches, options, strict=True))


def _chosen(recording: Recording, match: Match, options: Sequence[Layout], turned: bool) -> Compared:
    found = number(recording, match.node, match.own.of)
    ours = np.asarray(found, dtype=np.float64)
    if found.dtype.kind == "f" and found.dtype.itemsize < 8:
        options = [replace(each, slack=each.slack + float32_rounding(ours)) for each in options]
    made = [Compared(match, layout, ours, allowance(layout.slack, ours)) for layout in options]
    equal = [one for one in made if one.equal]
    ordered = made[::-1] if turned and len(made) > 1 else made
    return (equal or ordered)[0]


def number(recording: Recording, node: Node, of: Of) -> Array:
    """Ours: the value, the gradient, or the parameter after its update."""
    if of == "update":
        found = recording.after(node) if node.role in ("param", "state") else None
    else:
        found = recording.value(node) if of == "value" else recording.grad(node)
    if found is None:
        raise NotRecorded(f"{node.name} has no {of}")
    return found


def _layouts(graph: Graph, match: Match, where: str, recording: Recording) -> list[Layout]:
    """All ways in which the own numbers fit the node, the plainest first."""
    own, shape = match.own, match.node.shape
    found = list(_fitting(own, shape))
    if found:
        return found
    what = f"'{own.name[:60]}' is {shape_text(own.numbers.shape)}, and {match.node.name} is {shape_text(shape)}"
    raise UserError(where, what, _like(graph, match, recording))


def _fitting(own: Own, shape: tuple[int, ...]) -> Iterator[Layout]:
    numbers, slack = own.numbers, np.broadcast_to(own.slack, own.numbers.shape)
    if numbers.shape == shape:
        yield Layout(numbers, slack)
        if numbers.ndim == 2 and shape[0] == shape[1] and shape[0] > 1:
            yield Layout(numbers.T, slack.T, TURNED)
        return
    if numbers.ndim > 1 and numbers.shape[::-1] == shape:
        yield Layout(numbers.T, slack.T, TURNED)
        return
    bare = [n for n in numbers.shape if n != 1]
    if bare == [n for n in shape if n != 1] and prod(shape) == numbers.size:
        yield Layout(numbers.reshape(shape), slack.reshape(shape), f"shape {shape_text(numbers.shape)}")


def _like(graph: Graph, match: Match, recording: Recording) -> str:
    """What numbers of such a shape may be: what stands before the sum over the samples, above all."""
    own = match.own
    for consumer, _ in graph.consumers[match.node.id] if own.of == "grad" else ():
        node = graph.nodes[consumer]
        grad = recording.grad(node)
        if grad is not None and grad.shape == own.numbers.shape:
            allowed = allowance(np.broadcast_to(own.slack, grad.shape), grad)
            if not different(own.numbers, grad, allowed).any():
                return f"it is the gradient of {node.name}: sum it over the samples"
    near = [n.name for n in graph.nodes if n.shape == own.numbers.shape and n.role != "const" and n.wants_grad]
    return f"of that shape: {', '.join(near[:5])}" if near else ""
