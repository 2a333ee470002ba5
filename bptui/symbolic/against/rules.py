"""What a slip does in the place of a right rule: each computes what it would add to a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.probe import Probe
from bptui.symbolic.against.backward import Backward, Rule
from bptui.symbolic.card.update import follow, statements
from bptui.symbolic.card.update import inputs as inputs_of_update
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.read import from_hint
from bptui.symbolic.formula.tree import bare


def passed(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """∂output/∂input taken as 1."""
    return upstream


def twice(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """The derivative once more: as where p - t is multiplied with p·(1 - p)."""
    return b.right(node, position, b.right(node, position, upstream))


def scaled(factor: float) -> Rule:
    """What is right, times a number."""
    return lambda b, node, position, upstream: b.right(node, position, upstream) * factor


def of(other: Node) -> Rule:
    """The rule of another node with the same inputs."""
    probes: list[Probe] = []

    def rule(b: Backward, node: Node, position: int, upstream: Array) -> Array:
        if not probes:
            probes.append(Probe(other, [b.value(i) for i in other.inputs]))
        return probes[0].vjp(position, upstream)

    return rule


def masked(axis: int, at: int) -> Rule:
    """What is right of one place along an axis of the output, and nothing of the others."""
    where: tuple[Any, ...] = (*[slice(None)] * axis, at)

    def rule(b: Backward, node: Node, position: int, upstream: Array) -> Array:
        kept = np.zeros_like(upstream)
        kept[where] = upstream[where]
        return b.right(node, position, kept)

    return rule


def at_output(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """σ′(a) for σ′(z)."""
    return Probe(node, [b.value(node)]).vjp(position, upstream)


def by_hint(hint: str) -> Rule:
    """The short form of the derivative, a·(1 - a), with the input in the place of the output."""
    tree = bare(from_hint(hint))

    def rule(b: Backward, node: Node, position: int, upstream: Array) -> Array | None:
        x = b.value(node.inputs[position])
        try:
            return np.asarray(upstream * evaluate(tree, {**node.attributes, "x": x, "y": x}, {}))
        except KeyError:  # a part of the definition by name
            return None

    return rule


def after_update(weights: tuple[int, ...], others: tuple[int, ...]) -> Rule:
    """Back through the inputs at `weights` as they are after their update, to the inputs at `others`."""

    def rule(b: Backward, node: Node, position: int, upstream: Array) -> Array | None:
        if position not in others or any(_together(b, node.inputs[i]) for i in weights):
            return None
        inputs = [b.value(source) for source in node.inputs]
        for i in weights:
            inputs[i] = _updated(b, b.graph.nodes[node.inputs[i]], b.right(node, i, upstream))
        return Probe(node, inputs).vjp(position, upstream)

    return rule


def _together(b: Backward, weight: int) -> bool:
    """Is the update of a weight one of all parameters, which another gradient of it alone does not say?"""
    return b.recording.update_rule(weight).rule.room is not None


def _updated(b: Backward, weight: Node, gradient: Array) -> Array:
    """The weight after its update by the gradient that this pass has for it."""
    known = {**inputs_of_update(b.recording, weight), "g": gradient}
    with np.errstate(all="ignore"):
        return np.asarray(follow(statements(b.recording.update_rule(weight)), known)["p_new"], np.float64)


def turned(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """The other factor of a matrix product transposed."""
    inputs = [b.value(source) for source in node.inputs]
    inputs[1 - position] = np.ascontiguousarray(inputs[1 - position].T)
    return Probe(node, inputs).vjp(position, upstream)


def diagonal(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """What each element does to itself, without what it does to the others."""
    slope = np.zeros(node.shape)
    for at in np.ndindex(node.shape):
        one = np.zeros(node.shape)
        one[at] = 1.0
        slope[at] = b.right(node, position, one)[at]
    return upstream * slope


def assigned(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """Rows that are written and not added up: of a repeated index the last stays."""
    found = np.zeros(b.graph.nodes[node.inputs[0]].shape)
    found[b.value(node.inputs[1]).astype(np.intp)] = upstream
    return found


def one_at_zero(b: Backward, node: Node, position: int, upstream: Array) -> Array:
    """What is right, with the slope 1 at a corner at exactly 0."""
    return np.where(b.value(node.inputs[position]) == 0, upstream, b.right(node, position, upstream))
