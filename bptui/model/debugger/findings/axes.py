"""Axes that are not what is meant: every prediction compared with every target, probabilities that sum to 1 along
another axis than that of the classes, numbers that were read in another order instead of swapped axes. (Rule 14.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from bptui.model.base import numbers
from bptui.model.debugger.findings.change import Change, remedy, setting
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.structure import MOVES, REGRESSION, unit_axis
from bptui.model.debugger.findings.subject import Subject, zero
from bptui.model.engine.graph import Node

OFF = 0.01
"""How far the probabilities of the classes may be from a sum of 1: half precision is nearer."""


def axes(subject: Subject) -> Iterator[Finding]:
    """Two inputs of the loss that were both stretched; a softmax over the samples, or over any axis that is not the
    classes'; a reshape that stands for swapped axes."""
    yield from _stretched(subject)
    yield from _attention(subject)
    yield from _lengths(subject)
    yield from list(_classes(subject)) or list(_sums(subject)) or _units(subject)
    yield from _reread(subject)


# ------------------------------------------------------------------------------------------------- stretched
def _stretched(subject: Subject) -> Iterator[Finding]:
    """Predictions against targets, where both are stretched: behind the last layer, what is computed of the samples and
    what is given. (An outer product of samples and weights, distances of given points, pairs of scores are no such.)"""
    structure = subject.structure
    loss = subject.graph.nodes[subject.graph.loss]
    last = max((layer.z.id for layer in structure.layers if layer.z.wants_grad), default=-1)
    targets = None if subject.targets is None else structure.through(subject.targets.node, MOVES)
    for node in sorted(structure.before(loss), key=lambda each: each.id):
        if node.op is None or node.id <= last or len(node.inputs) < 2 or node.op.name in ("matmul", "affine"):
            continue
        if not (node.op.elementwise or node.op.broadcasts or node.op.name in REGRESSION):
            continue
        sides = [structure.through(side, ("broadcast_to",)) for side in structure.inputs(node)[:2]]
        over = np.broadcast_shapes(*(side.shape for side in sides)) if node.op.name in REGRESSION else node.shape
        if not all(_is_stretched(side.shape, over) for side in sides) or _asked_for(sides):
            continue
        given = next(
            (side for side in sides if structure.through(side, MOVES) is targets or _given(subject, side)), None
        )
        if given is None or not _predicts(subject, sides[sides[0] is given], given, over):
            continue
        told = " and ".join(f"{side.name} {numbers.shape(side.shape)}" for side in sides)
        yield Finding(
            "output-range",
            "error",
            tuple(dict.fromkeys(("loss", structure.place(given), node.name))),
            f"{told} are stretched to {numbers.shape(over)}: every prediction is compared with every target",
            node=node.name,
            measured=Measured(
                float(np.prod(over)),
                float(max(np.prod(side.shape) for side in sides)),
                "PyTorch's warning (pytorch #16045)",
            ),
            evidence=("a reshape makes both shapes the same",),
        )
        return


def _is_stretched(shape: tuple[int, ...], over: tuple[int, ...]) -> bool:
    """Does it broadcast to `over`, and is smaller? (An operand of `solve` does not.)"""
    if len(shape) > len(over):
        return False
    sizes = list(zip((1,) * (len(over) - len(shape)) + shape, over, strict=True))
    return all(a in (1, b) for a, b in sizes) and any(a != b for a, b in sizes)


def _asked_for(sides: Sequence[Node]) -> bool:
    """Were both given an axis of size 1 there, as for the distances of all pairs?"""
    ranks = {len(side.shape) for side in sides}
    return len(ranks) == 1 and all(side.op is not None and side.op.name in MOVES for side in sides)


def _given(subject: Subject, node: Node) -> bool:
    """Is it given by the data, one number or more for each sample of several?"""
    return subject.structure.is_data(node) and prod(node.shape) > 1


def _predicts(subject: Subject, side: Node, given: Node, over: tuple[int, ...]) -> bool:
    """Is a side of a comparison computed of samples with parameters, and are there as many of them as of what is given,
    all of which it meets? Known targets may be fewer than predictions."""
    structure, targets = subject.structure, subject.targets
    if targets is not None and structure.through(given, MOVES) is structure.through(targets.node, MOVES):
        return True
    if side.op is None or not side.wants_grad or prod(side.shape) != prod(given.shape):
        return False
    leaves = list(structure.before(side))
    computed = any(node.role == "param" or (node.op is None and node.scope) for node in leaves)
    return computed and any(node.id != given.id and _given(subject, node) for node in leaves)


# ------------------------------------------------------------------------------------- probabilities of the classes
def _classes(subject: Subject) -> Iterator[Finding]:
    structure, output = subject.structure, subject.structure.output
    if output is None or output.activation not in ("softmax", "log_softmax") or len(output.made.shape) < 2:
        return
    axis = output.made.attributes.get("axis", -1)
    if axis in (0, -len(output.made.shape)) and output.made.shape[0] > 1:
        yield Finding(
            "output-activation",
            "error",
            tuple(dict.fromkeys((structure.place(output.made), "loss", output.made.name))),
            f"{output.activation} over axis 0: the probabilities of the samples sum to 1, not those of the classes",
            node=output.made.name,
            measured=Measured(0.0, source="TheDeepChecker (pitfalls)"),
            evidence=(f"axis = {axis} of {numbers.shape(output.made.shape)}; axis = 1 is the classes'",),
            remedies=(remedy("over the classes", Change(f"{output.made.scope}.activation", _axis(subject))),)
            if output.made.scope and setting(subject.network, f"{output.made.scope}.activation")
            else (),
        )


def _axis(subject: Subject) -> dict[str, object]:
    output = subject.structure.output
    assert output is not None
    return {"kind": output.activation, "axis": 1}


def _sums(subject: Subject) -> Iterator[Finding]:
    """Logarithms of shares by a softmax that a likelihood takes, and that do not sum to 1 over the classes."""
    structure, loss, output = subject.structure, subject.structure.loss, subject.structure.output
    if loss is None or output is None or loss.prediction is None or output.activation != "log_softmax":
        return
    if (loss.compares.prediction, loss.compares.target) != ("logs", "class") or len(loss.prediction.shape) < 2:
        return
    value = subject.recording(0).value(loss.prediction)
    if value is None or not np.isfinite(value).all():
        return
    sums = np.exp(value.astype(np.float64)).sum(1)
    if np.abs(sums - 1).max() <= OFF:
        return
    axis = output.made.attributes.get("axis", -1)
    yield Finding(
        "output-activation", "error",
        tuple(dict.fromkeys((structure.place(output.made), "loss", output.made.name))),
        f"{output.activation} along axis {axis} of {numbers.shape(output.made.shape)}: the probabilities of the "
        f"classes sum to {numbers.significant(float(sums.min()), 3)} to "
        f"{numbers.significant(float(sums.max()), 3)}, not to 1",
        node=output.made.name,
        measured=Measured(float(np.abs(sums - 1).max()), OFF, "the definition of a probability"),
        evidence=(f"{loss.kind} reads {numbers.shape(value.shape)}, classes along axis 1",),
        advice=("the softmax along the axis of the classes",),
    )  # fmt: skip


def _units(subject: Subject) -> Iterator[Finding]:
    """Scores whose classes lie along another axis than the one that the loss reads, where both are as long."""
    loss, last = subject.structure.loss, subject.structure.last
    if loss is None or last is None or loss.prediction is None or loss.compares.target != "class":
        return
    shape, z = loss.prediction.shape, last.z
    if loss.prediction.id != z.id or len(shape) < 3 or z.op is None or unit_axis(last, np.empty(shape)) == 1:
        return
    if shape[1] != shape[-1]:  # (else the targets' shape tells)
        return
    yield Finding(
        "output-activation", "error", tuple(dict.fromkeys((last.place, "loss", z.name))),
        f"{loss.kind} reads the classes along axis 1 of {numbers.shape(shape)}; the units of {last.place} lie along "
        f"axis {len(shape) - 1}",
        node=z.name, measured=Measured(1.0, float(len(shape) - 1), "the definition of the loss"),
        evidence=(f"{loss.kind} takes (samples, classes, …)",), advice=("swap the two axes: transpose(1, 2)",),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ attention
def _attention(subject: Subject) -> Iterator[Finding]:
    """Weights of an attention that sum to 1 along another axis than the one over which values are then summed."""
    structure = subject.structure
    for node in subject.graph.ops:
        assert node.op is not None
        axis = node.attributes.get("axis", -1)
        if (
            node.op.name != "softmax"
            or not isinstance(axis, int)
            or len(node.shape) < 2
            or structure.scores(node) is None
        ):
            continue
        made = node
        while len(readers := structure.readers(made)) == 1 and structure.kind(readers[0]) in ("dropout", "cast"):
            made = readers[0]
        for reader in readers:
            summed = _summed(made, reader)
            if summed is not None and axis % len(made.shape) != summed:
                yield Finding(
                    "hidden-activation", "warning", structure.places(node),
                    f"{node.name} sums to 1 along axis {axis % len(made.shape)} of {numbers.shape(node.shape)}, and "
                    f"{reader.name} sums over axis {summed}: no mean of the values",
                    node=node.name,
                    measured=Measured(
                        float(axis % len(made.shape)),
                        float(summed),
                        "the definition of attention (Vaswani et al. 2017)",
                    ),
                    evidence=("the weights of one query are to sum to 1",),
                    advice=(f"softmax(…, dim={summed - len(made.shape)})",),
                )  # fmt: skip
                return


def _summed(made: Node, reader: Node) -> int | None:
    """The axis of the weights over which a product with values sums; None of what is no such product."""
    if reader.op is None:
        return None
    if reader.op.name == "matmul" and len(made.shape) == len(reader.shape):
        return len(made.shape) - (1 if reader.inputs[0] == made.id else 2)
    equation = str(reader.attributes.get("equation", "")).replace(" ", "")
    if reader.op.name != "einsum" or "." in equation or len(reader.inputs) != 2 or "->" not in equation:
        return None
    given, result = equation.split("->")
    letters = given.split(",")[reader.inputs.index(made.id)]
    gone = [at for at, letter in enumerate(letters) if letter not in result]
    return gone[0] if len(gone) == 1 and len(letters) == len(made.shape) else None


# -------------------------------------------------------------------------------------------------------- lengths
def _lengths(subject: Subject) -> Iterator[Finding]:
    """What is brought to the length 1 along one axis, and multiplied by others along another: no cosines."""
    structure = subject.structure
    for node in subject.graph.ops:
        if node.op is None or node.op.name != "matmul" or node.id not in subject.reached:
            continue
        for place, side in enumerate(structure.inputs(node)):
            along, of = len(side.shape) - (1 if place == 0 else 2), side
            while of.op is not None and of.op.name == "transpose" and isinstance(of.attributes.get("axes"), tuple):
                along, of = of.attributes["axes"][along], structure.inputs(of)[0]
            axis = _unit_length(subject, of)
            if along < 0 or axis is None or axis == along or min(of.shape[axis], of.shape[along]) < 2:
                continue
            if not any(structure.is_data(leaf) and leaf.shape for leaf in structure.leaves(of)):
                continue  # (weights of their own)
            yield Finding(
                "data-dependence", "warning", tuple(dict.fromkeys((*structure.places(of), node.name))),
                f"{of.name} has the length 1 along axis {axis} of {numbers.shape(of.shape)}, and {node.name} "
                f"multiplies along axis {along}: no cosines",
                node=of.name, measured=Measured(float(axis), float(along), "the definition of a cosine"),
                evidence=("the products of one sample with itself are not 1",), advice=(f"normalize(…, dim={along})",),
            )  # fmt: skip
            return


def _unit_length(subject: Subject, node: Node) -> int | None:
    """The axis along which a node was divided by its own length, None where it was not."""
    if node.op is None or node.op.name != "div":
        return None
    top, bottom = subject.structure.inputs(node)
    length = subject.structure.through(bottom, ("clip", "add", "broadcast_to"))
    if (
        length.op is None
        or length.op.name not in ("norm", "p_norm")
        or subject.graph.nodes[length.inputs[0]] is not top
    ):
        return None
    axis = length.attributes.get("axis")
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    return axis % len(node.shape) if isinstance(axis, int) else None


# ----------------------------------------------------------------------------------------------- read in another order
def _turned(subject: Subject, node: Node) -> bool:
    """Are its first two axes swapped next, as (positions, samples · heads, size) of an attention are? It split the last
    one, which may be as long as another."""
    readers = subject.structure.readers(node)
    return (
        len(node.shape) == 3
        and bool(readers)
        and all(
            each.op is not None and each.op.name == "transpose" and each.attributes.get("axes") == (1, 0, 2)
            for each in readers
        )
    )


def _heads(whole: tuple[int, ...], split: tuple[int, ...]) -> bool:
    """Is the last of three axes split, and a part of it before the second: (2, 7, 12) and (2, 3, 7, 4)?"""
    if len(whole) != 3 or len(split) != 4:
        return False
    return split[0] == whole[0] and split[2] == whole[1] != split[1] and split[1] * split[3] == whole[2]


def _reread(subject: Subject) -> Iterator[Finding]:
    """A reshape whose result has the axes of what it was made of in another order: the numbers stay where they are, so
    that none is at its place."""
    structure = subject.structure
    used = subject.reached
    for node in subject.graph.ops:
        if node.op is None or node.op.name != "reshape" or node.id not in used or not node.wants_grad:
            continue
        before = tuple(size for size in structure.inputs(node)[0].shape if size > 1)
        after = tuple(size for size in node.shape if size > 1)
        swapped = before != after and len(set(before)) == len(before) > 2 and sorted(before) == sorted(after)
        if not swapped and not _heads(before, after) and not _heads(after, before):
            continue
        if swapped and _turned(subject, node):
            continue
        if zero(subject.recording(0).grad(node)):
            continue
        yield Finding(
            "data-dependence", "warning", structure.places(node),
            f"{node.name} reads {numbers.shape(before)} as {numbers.shape(after)}: it swaps no axes, it counts the "
            "same numbers in another order",
            node=node.name,
            measured=Measured(float(prod(after)), 0.0, "exact: a reshape keeps the order of the numbers"),
            evidence=("what was one position's, or one channel's, is now that of several",),
            advice=("transpose or permute swaps axes; view and reshape do not",),
        )  # fmt: skip
        return
