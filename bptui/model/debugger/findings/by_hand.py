"""A loss that is written out: a mean or sum of squared or absolute differences, of what lacks to a margin, or of
logarithms times targets."""

from __future__ import annotations

from bptui.model.debugger.findings.walk import Walk
from bptui.model.engine.graph import Node

Compared = tuple[str, Node, Node]
"""(kind of loss, prediction, target)."""


def compared(walk: Walk, node: Node) -> Compared | None:
    """What is compared where an operation is the part of a loss by which it is known, else None."""
    if node.op is None:
        return None
    name, inner = node.op.name, walk.graph.nodes[node.inputs[0]] if node.inputs else node
    twice = name == "mul" and len(set(node.inputs)) == 1
    if name == "square" or twice or (name == "power" and node.attributes.get("exponent") == 2):
        return _difference(walk, "mse", inner)
    if name == "abs":
        return _difference(walk, "mae", inner)
    if name == "relu" or (name == "clip" and node.attributes.get("min") == 0):
        return _margin(walk, inner)
    return _logarithm(walk, node) if name == "log" else None


def _difference(walk: Walk, kind: str, node: Node) -> Compared | None:
    """What is given and what is subtracted from it, or the other way round."""
    if node.op is None or node.op.name != "sub":
        return None
    first, second = walk.inputs(node)
    if walk.is_data(second):
        return kind, first, second
    return (kind, second, first) if walk.is_data(first) else None


def _margin(walk: Walk, node: Node) -> Compared | None:
    """1 - score·sign."""
    if node.op is None or node.op.name != "sub":
        return None
    one, product = walk.inputs(node)
    if one.op is not None or one.role != "const" or product.op is None or product.op.name != "mul":
        return None
    first, second = walk.inputs(product)
    if walk.is_data(first) == walk.is_data(second):
        return None
    return ("hinge", first, second) if walk.is_data(second) else ("hinge", second, first)


def _logarithm(walk: Walk, node: Node) -> Compared | None:
    """The logarithm of a probability, times a target."""
    source = walk.graph.nodes[node.inputs[0]]
    if source.op is not None and source.op.name in ("sub", "add"):  # 1 - p, p + eps
        source = next((n for n in walk.inputs(source) if n.op is not None), source)
    for reader in walk.readers(node):
        if reader.op is None or reader.op.name != "mul":
            continue
        target = next((n for n in walk.inputs(reader) if n.id != node.id), None)
        if target is not None and any(walk.is_data(n) for n in walk.before(target)):
            return "bce", source, next(n for n in walk.before(target) if walk.is_data(n))
    return None


def reduction(walk: Walk, node: Node) -> str:
    """mean or sum, of a loss that is written out; a sum over a number is a mean."""
    while node.op is not None and node.op.name in ("mul", "neg", "add", "div"):
        computed = [source for source in walk.inputs(node) if source.op is not None]
        if node.op.name == "div" or not computed:
            return "mean"
        node = computed[0]
    return "sum" if node.op is not None and node.op.name == "sum" else "mean"
