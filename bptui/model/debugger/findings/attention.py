"""Attentions that look at one place alone, because nothing divides their scores."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from bptui.model.base import numbers
from bptui.model.debugger.findings.captured import of
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.structure import MOVES
from bptui.model.debugger.findings.subject import Subject, rms
from bptui.model.engine.graph import Node

SURE, MOST, WIDE, BEGUN = 0.99, 0.5, 16, 20
"""A weight that leaves so little to the others; share of the queries that have one; numbers in a query from which on
their products are as large as that; training steps up to which none has learnt to be sure."""
BETWEEN = (*MOVES, "add", "sub", "where", "masked_fill", "dropout", "cast")
"""Operations between the scores of an attention and their softmax that divide by nothing."""


def unscaled(subject: Subject) -> Iterator[Finding]:
    """Scores that are sums of many products, divided by nothing, so that the softmax of most of them is 0 or 1."""
    structure = subject.structure
    number = of(subject).record.step.about.get("step")
    if isinstance(number, int) and number >= BEGUN:
        return  # (what is trained may look at one place, and mean it)
    for node in subject.graph.ops:
        if node.op is None or node.op.name not in ("softmax", "masked_softmax") or node.id not in subject.reached:
            continue
        product = structure.scores(node)
        if (
            product is None
            or node.shape[-1] < 3
            or structure.through(subject.graph.nodes[node.inputs[0]], BETWEEN) is not product
        ):
            continue
        sides = [structure.through(side, BETWEEN) for side in structure.inputs(product)]
        wide = _width(subject, product)
        if wide < WIDE or any(_divided(subject, side) for side in sides):
            continue
        weights = subject.recording(0).value(node)
        if weights is None or not np.isfinite(weights).all():
            continue
        share = float(np.mean(weights.max(-1) > SURE))
        if share < MOST:
            continue
        yield Finding(
            "saturated-units", "warning", structure.places(node),
            f"{numbers.significant(100 * share, 3)} % of the queries of {node.name} look at one place alone: their "
            f"scores are sums of {wide} products, divided by nothing",
            node=node.name, measured=Measured(share, MOST, "Vaswani et al. 2017, 3.2.1"),
            evidence=(f"rms({product.name}) = {numbers.significant(rms(subject.recording(0).value(product)), 3)}, "
                      f"√{wide} = {numbers.significant(sqrt(wide), 3)}",),
            advice=(f"scores / √{wide} before the softmax",),
        )  # fmt: skip
        return


def _width(subject: Subject, product: Node) -> int:
    """Of how many products each score is a sum."""
    first = subject.structure.inputs(product)[0]
    equation = str(product.attributes.get("equation", "")).replace(" ", "")
    if not equation:
        return first.shape[-1] if first.shape else 0
    given, _, result = equation.partition("->")
    letters = given.split(",")[0]
    size = 1
    for letter, length in zip(letters, first.shape, strict=False):
        size *= 1 if letter in result else length
    return size


def _divided(subject: Subject, node: Node) -> bool:
    """Is it made smaller by a constant, or brought to a length?"""
    if node.op is None:
        return False
    if node.op.name in ("mul", "div"):
        return True
    return subject.structure.kind(node) in ("normalize", "norm")
