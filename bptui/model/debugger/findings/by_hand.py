"""A loss that is written out: a mean or sum of squared or absolute differences, of what lacks to a margin, or of
logarithms times targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.engine.graph import Node

if TYPE_CHECKING:
    from bptui.model.debugger.findings.structure import Structure

Compared = tuple[str, Node, Node]
"""(kind of loss, prediction, target)."""


def compared(structure: Structure, node: Node) -> Compared | None:
    """What is compared where an operation is the part of a loss by which it is known, else None."""
    if node.op is None:
        return None
    name, inner = node.op.name, structure.graph.nodes[node.inputs[0]] if node.inputs else node
    twice = name == "mul" and len(set(node.inputs)) == 1
    if name == "square" or twice or (name == "power" and node.attributes.get("exponent") == 2):
        return _difference(structure, "mse", inner)
    if name == "abs":
        return _difference(structure, "mae", inner)
    if name == "relu" or (name == "clip" and node.attributes.get("min") == 0):
        return _margin(structure, inner)
    return _logarithm(structure, node) if name == "log" else None


def _difference(structure: Structure, kind: str, node: Node) -> Compared | None:
    """What is given and what is subtracted from it, or the other way round."""
    if node.op is None or node.op.name != "sub":
        return None
    first, second = structure.inputs(node)
    if structure.is_data(second):
        return kind, first, second
    return (kind, second, first) if structure.is_data(first) else None


def _margin(structure: Structure, node: Node) -> Compared | None:
    """1 - score·sign."""
    if node.op is None or node.op.name != "sub":
        return None
    one, product = structure.inputs(node)
    if one.op is not None or one.role != "const" or product.op is None or product.op.name != "mul":
        return None
    first, second = structure.inputs(product)
    if structure.is_data(first) == structure.is_data(second):
        return None
    return ("hinge", first, second) if structure.is_data(second) else ("hinge", second, first)


def _logarithm(structure: Structure, node: Node) -> Compared | None:
    """The logarithm of a probability, times a target."""
    source = structure.graph.nodes[node.inputs[0]]
    if source.op is not None and source.op.name in ("sub", "add"):  # 1 - p, p + eps
        source = next((n for n in structure.inputs(source) if n.op is not None), source)
    for reader in structure.readers(node):
        if reader.op is None or reader.op.name != "mul":
            continue
        target = next((n for n in structure.inputs(reader) if n.id != node.id), None)
        if target is not None and any(structure.is_data(n) for n in structure.before(target)):
            return "bce", source, next(n for n in structure.before(target) if structure.is_data(n))
    return None


def reduction(structure: Structure, node: Node) -> str:
    """mean or sum, of a loss that is written out; a sum over a number is a mean."""
    while node.op is not None and node.op.name in ("mul", "neg", "add", "div"):
        computed = [source for source in structure.inputs(node) if source.op is not None]
        if node.op.name == "div" or not computed:
            return "mean"
        node = computed[0]
    return "sum" if node.op is not None and node.op.name == "sum" else "mean"
