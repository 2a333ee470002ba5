"""A likelihood that is written out: of the logarithms of probabilities those of the targets are picked. Along which
axis the probabilities sum to 1, and whether the loss falls where they rise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.settings import maximizes
from bptui.model.debugger.findings.subject import Subject
from bptui.model.engine.graph import Node

OFF, SAME = 0.01, 1e-4
"""How far sums of probabilities may be from 1: half precision is nearer. How far, in their own size, gradients may be
from each other that are one number."""


class Pick(NamedTuple):
    """node picks, by given whole numbers or by a 1 among zeros, along `axis` of what `source` holds."""

    node: Node
    source: Node
    axis: int


def picks(subject: Subject) -> Iterator[Pick]:
    """What the loss picks by what is given."""
    structure = subject.structure
    for node in structure.before(subject.graph.nodes[subject.graph.loss]):
        if node.op is None or len(node.inputs) < 2:
            continue
        source, *others = structure.inputs(node)
        if node.op.name == "gather" and _chosen(subject, others[0]):
            yield Pick(node, source, int(node.attributes.get("axis", 0)) % max(len(source.shape), 1))
        elif node.op.name == "index" and len(others) == len(source.shape) == 2 and all(map(structure.is_data, others)):
            yield Pick(node, source, 1)
        elif node.op.name == "mul":
            sums = [r for r in structure.readers(node) if r.op is not None and r.op.name == "sum"]
            given = [side for side in (source, others[0]) if structure.is_data(side)]
            if len(sums) != 1 or len(given) != 1 or not _single(subject.recording(0).value(given[0])):
                continue
            axis, rank = sums[0].attributes.get("axis"), len(node.shape)
            axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
            if isinstance(axis, int) and rank > 1:
                yield Pick(node, others[0] if given[0] is source else source, axis % rank)


def _readers(subject: Subject, node: Node) -> Iterator[Node]:
    """Who reads a node, or what little is added to it."""
    for reader in subject.structure.readers(node):
        little = reader.op is not None and reader.op.name == "add"
        little = little and any(side.role == "const" for side in subject.structure.inputs(reader))
        yield from subject.structure.readers(reader) if little else (reader,)


def _chosen(subject: Subject, index: Node) -> bool:
    return bool(index.whole) and subject.structure.is_data(index)


def _single(given: Array | None) -> bool:
    """Is one of each row 1, and the others 0?"""
    return given is not None and given.ndim > 1 and bool(np.isin(given, (0, 1)).all() and (given.sum(-1) == 1).all())


def likelihood(subject: Subject) -> Iterator[Finding]:
    """Probabilities of targets, picked by hand: of a softmax along another axis than that of the classes; or of which
    the loss takes the mean of the logarithms, not of their negatives."""
    structure = subject.structure
    for pick in picks(subject):
        source = structure.through(pick.source, ("cast",))
        value = subject.recording(0).value(source)
        after = any(reader.op is not None and reader.op.name == "log" for reader in _readers(subject, pick.node))
        shares = _probabilities(value, after)
        if shares is None:
            continue
        sums = [float(np.abs(shares.sum(axis) - 1).max()) for axis in range(shares.ndim)]
        along = next((axis for axis, off in enumerate(sums) if off <= OFF and shares.shape[axis] > 1), None)
        square = len(set(shares.shape)) < shares.ndim
        if along is not None and sums[pick.axis] > OFF and not square:
            yield Finding(
                "output-activation", "error", tuple(dict.fromkeys((structure.place(source), "loss", source.name))),
                f"the probabilities sum to 1 along axis {along} of {numbers.shape(shares.shape)}, and the classes are "
                f"picked along axis {pick.axis}: those of one sample do not",
                node=source.name, measured=Measured(sums[pick.axis], OFF, "the definition of a probability"),
                evidence=(f"{pick.node.name} picks {numbers.shape(pick.node.shape)} of them",),
                advice=(f"the softmax along axis {pick.axis}",),
            )  # fmt: skip
            return
        gradient = subject.recording(0).grad(pick.node)
        logs = not after and value is not None and along is not None
        if logs and not maximizes(subject) and gradient is not None and gradient.size > 1 and _one(gradient):
            yield Finding(
                "unbounded-loss", "error", ("loss", pick.node.name),
                "the loss falls where the probability of the target falls: it is the mean of the logarithms, and has "
                "no lower end",
                node=pick.node.name, phase="backward",
                measured=Measured(float(gradient.max()), 0.0, "the sign of its gradient, the same for all samples"),
                evidence=(f"∂L/∂{pick.node.name} = {numbers.significant(float(gradient.max()), 3)} for each",),
                advice=("a minus before it: the negative log likelihood",),
            )  # fmt: skip
            return


def _probabilities(value: Array | None, after: bool) -> Array | None:
    """The probabilities that a value holds, or the logarithms of; None where it holds neither, and where no logarithm
    is taken."""
    if value is None or value.ndim < 2 or not np.isfinite(value).all():
        return None
    numbers64 = value.astype(np.float64)
    if after:
        return numbers64 if numbers64.min() >= 0 and numbers64.max() <= 1 + OFF else None
    return np.exp(numbers64) if numbers64.max() <= OFF else None


def _one(gradient: Array) -> bool:
    """Is it the same number above 0 wherever it is not 0?"""
    moved = gradient[gradient != 0].astype(np.float64)
    return bool(moved.size and moved.min() > 0 and np.ptp(moved) <= SAME * moved.max())
