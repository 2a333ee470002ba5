"""The terms of a captured step's loss: one that falls without end, and a target that the gradient goes through, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.settings import maximizes
from bptui.model.debugger.findings.structure import MOVES, REGRESSION, WEIGHTED
from bptui.model.debugger.findings.subject import Subject
from bptui.model.engine.graph import Node

SAME, EACH = 1e-4, 4
"""How far, in their own size, gradients may be from each other that are one number; numbers of each target
that say something by their sign."""
GROWS = ("exp", "square")
"""What grows faster than anything linear; a power of 2 is one, too."""
STRAIGHT = (*MOVES, "mul", "div", "neg", "add", "sub", "dropout", "cast", "sum", "mean")
"""Operations that are linear where at most one side of them is computed with parameters."""
PARTS = ("slice", "chunk", "split", "unbind")
"""Operations that take a part: mean and variance are two of what one layer gives."""


def terms(subject: Subject) -> Iterator[Finding]:
    """A square or an exponential of weights or of what a layer gives, that makes the loss smaller; probabilities that
    are pushed away from their targets; those that are cut off at 0 and 1; a target made of given numbers and of the
    network's own, through which the gradient goes, too."""
    if not maximizes(subject):
        yield from _endless(subject)
        yield from _away(subject)
    yield from _clipped(subject)
    yield from _followed(subject)


# ------------------------------------------------------------------------------------------------- without an end
def _endless(subject: Subject) -> Iterator[Finding]:
    """Squares and exponentials of parameters and outputs of layers whose gradient is one number below 0 all over. Those
    beside which another one of the same pulls the other way are no such."""
    found: list[tuple[Node, _Source, float]] = []
    held: set[int] = set()
    for node in subject.graph.ops:
        if not _grows(node) or node.id not in subject.reached or not node.wants_grad:
            continue
        source, gradient = _straight_from(subject, node), subject.recording(0).grad(node)
        if source is None:
            continue
        pull = _one(gradient)
        if pull is not None and pull < 0:
            found.append((node, source, pull))
        elif gradient is None or np.any(gradient):
            held.add(source.part)
    ends = [each for each in found if each[1].part not in held]
    if not ends:
        return
    node, first, pull = ends[0]
    yield Finding(
        "unbounded-loss", "warning", tuple(dict.fromkeys(("loss", *(source.place for _, source, _ in ends)))),
        f"the loss falls the larger {node.name} of {first.name} is, all over alike: it has no lower end",
        node=node.name, phase="backward",
        measured=Measured(pull, 0.0, "the sign of its gradient, the same for all numbers"),
        evidence=tuple(f"∂L/∂{each.name} = {numbers.significant(slope, 3)}, computed of {source.name}"
                       for each, source, slope in ends[:4]),
        advice=("the other sign before this term",),
    )  # fmt: skip


def _grows(node: Node) -> bool:
    if node.op is None:
        return False
    twice = node.op.name == "mul" and len(node.inputs) == 2 and len(set(node.inputs)) == 1
    return twice or node.op.name in GROWS or (node.op.name == "power" and node.attributes.get("exponent") == 2)


class _Source(NamedTuple):
    """What is squared: its place and name, and the id of what is taken of it."""

    place: str
    name: str
    part: int


def _straight_from(subject: Subject, node: Node) -> _Source | None:
    """The layer, or the parameter, that what is squared comes from in a straight line: beside constants, and nothing
    that is given, since a difference from a target is no such."""
    structure = subject.structure
    made = {layer.z.id: layer for layer in structure.layers}
    source, part = subject.graph.nodes[node.inputs[0]], -1
    while source.id not in made and source.role != "param":
        computed = [side for side in structure.inputs(source) if side.op is not None or side.role != "const"]
        if source.op is None or source.op.name not in (*STRAIGHT, *PARTS) or len(computed) != 1:
            return None
        part = source.id if source.op.name in PARTS else part
        source = computed[0]
    place = made[source.id].place if source.id in made else structure.place(source)
    return _Source(place, source.name, source.id if part < 0 else part)


def _one(gradient: Array | None) -> float | None:
    """The number that a gradient is everywhere, None where it is not one."""
    if gradient is None or gradient.size < 2 or not np.isfinite(gradient).all():
        return None
    wide = gradient.astype(np.float64)
    middle = float(wide.mean())
    return middle if middle and float(np.ptp(wide)) <= SAME * abs(middle) else None


# ------------------------------------------------------------------------------------------------- probabilities
def _away(subject: Subject) -> Iterator[Finding]:
    """Probabilities of which the loss grows wherever the target is 1 and falls wherever it is 0."""
    structure = subject.structure
    for node in subject.graph.ops:
        if node.op is None or node.op.name not in ("sigmoid", "softmax") or node.id not in subject.reached:
            continue
        gradient = subject.recording(0).grad(node)
        if gradient is None or gradient.size < 2 * EACH or not np.isfinite(gradient).all():
            continue
        for target in _beside(subject, node):
            values = subject.recording(0).value(target)
            if values is None or values.shape != gradient.shape or not np.isin(values, (0, 1)).all():
                continue
            yes, no = gradient[values == 1], gradient[values == 0]
            if min(yes.size, no.size) < EACH or not (yes > 0).all() or not (no <= 0).all() or not (no < 0).any():
                continue
            yield Finding(
                "unbounded-loss", "warning", tuple(dict.fromkeys(("loss", *structure.places(node)))),
                f"the loss pushes every number of {node.name} away from its target: it is smallest where all are wrong",
                node=node.name, phase="backward",
                measured=Measured(float(yes.min()), 0.0, "the sign of its gradient, for all numbers"),
                evidence=(f"∂L/∂{node.name} is above 0 wherever {target.name} is 1, and below where it is 0",),
                advice=("1 - score, or -score: the loss is what is to become small",),
            )  # fmt: skip
            return


def _beside(subject: Subject, node: Node) -> Iterator[Node]:
    """The given numbers that something is computed with together with a node, moved or not."""
    structure = subject.structure
    waiting = [node]
    while waiting:
        for reader in structure.readers(waiting.pop()):
            if reader.op is not None and reader.op.name in (*MOVES, "cast"):
                waiting.append(reader)
            else:
                sides = (structure.through(side, (*MOVES, "cast")) for side in structure.inputs(reader))
                yield from (side for side in sides if structure.is_data(side))


def _clipped(subject: Subject) -> Iterator[Finding]:
    """Numbers that are cut off at 0 and 1 to be probabilities: what lies outside has no gradient."""
    loss, structure = subject.structure.loss, subject.structure
    if loss is None or loss.prediction is None or loss.compares.prediction != "probability":
        return
    made = structure.through(loss.prediction, MOVES)
    if made.op is None or made.op.name != "clip" or not made.wants_grad:
        return
    value = subject.recording(0).value(made.inputs[0])
    if value is None or not value.size:
        return
    outside = float(np.mean((value < 0) | (value > 1)))
    if not outside:
        return
    yield Finding(
        "output-activation", "warning", tuple(dict.fromkeys((structure.place(made), "loss", made.name))),
        f"{numbers.significant(100 * outside, 3)} % of what {made.name} gets lies outside of 0 to 1, and has no "
        f"gradient behind it: {loss.kind} takes probabilities",
        node=made.name, measured=Measured(outside, 0.0, "exact: the derivative of clip"),
        evidence=("from {} to {}".format(*(numbers.significant(float(end), 4) for end in (value.min(), value.max()))),),
        advice=("a sigmoid gives probabilities; or the loss that takes logits",),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- a target that follows
def _followed(subject: Subject) -> Iterator[Finding]:
    """Of a comparison of numbers, one side that adds what is given to what the network says of other inputs, with
    weights of the other side: the gradient goes through both, and moves the target, too."""
    structure = subject.structure
    for node in subject.graph.ops:
        if node.op is None or node.op.name not in REGRESSION or node.id not in subject.reached or len(node.inputs) < 2:
            continue
        prediction, target = structure.inputs(node)[:2]
        for one, other in ((prediction, target), (target, prediction)):
            shared = _shared(subject, one, other)
            if not other.wants_grad or not shared or not _sum_with_given(subject, other):
                continue
            yield Finding(
                "wrong-gradient", "warning", tuple(dict.fromkeys(("loss", *structure.places(other)))),
                f"{other.name} adds what is given to what the network itself says of other inputs, and has a gradient: "
                "the step moves the target, too",
                node=other.name, phase="backward",
                measured=Measured(float(len(shared)), 0.0, "exact; Sutton and Barto, semi-gradients"),

                evidence=(f"{', '.join(shared[:3])} are on both sides of {node.name}, each of other inputs",),
                advice=("the target under torch.no_grad(), or .detach()",),
            )  # fmt: skip
            return


def _shared(subject: Subject, one: Node, other: Node) -> Sequence[str]:
    """The weights that both sides multiply by, each of another input."""
    structure = subject.structure
    read: list[dict[int, set[int]]] = []
    for side in (one, other):
        found: dict[int, set[int]] = {}
        for node in structure.before(side):
            if node.op is not None and node.op.name in WEIGHTED:
                weight = structure.through(structure.inputs(node)[1], MOVES)
                if weight.op is None and weight.role == "param":
                    found.setdefault(weight.id, set()).add(node.inputs[0])
        read.append(found)
    return [
        subject.graph.nodes[weight].name
        for weight, inputs in read[0].items()
        if weight in read[1] and inputs.isdisjoint(read[1][weight])
    ]


def _sum_with_given(subject: Subject, node: Node) -> bool:
    """Is it a sum of numbers that are given, one for each sample, and of something computed?"""
    structure = subject.structure
    node = structure.through(node, (*MOVES, "cast"))
    if node.op is None or node.op.name != "add":
        return False
    sides = structure.inputs(node)
    given = [side for side in sides if structure.is_data(side) and side.shape and side.role != "const"]
    return len(given) == 1 and any(side.wants_grad for side in sides)
