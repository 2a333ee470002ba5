"""Which nodes of a graph hold complex numbers: tensors whose last axis is (real, imaginary), see `ops/complex.py`."""

from __future__ import annotations

from bptui.model.engine.graph import Graph

KEEPS = frozenset({
    "add", "sub", "neg", "mul", "div", "reshape", "slice", "transpose", "broadcast_to", "put", "concat", "detach",
})  # fmt: skip
"""Operations whose result is complex where an input is, and has an axis of parts."""


def complex_nodes(graph: Graph) -> frozenset[int]:
    """The ids of the nodes that an operation's row says to be complex, and of what is made of them by `KEEPS`."""
    return graph.once(_find)


def _find(graph: Graph) -> frozenset[int]:
    found: set[int] = set()
    if not any(node.op is not None and node.op.complex for node in graph.ops):
        return frozenset()
    for node in graph.ops:
        op = node.op
        assert op is not None
        said = [i for name, i in zip(op.input_names, node.inputs, strict=False) if name in op.complex]
        found.update(said, [node.id] if "y" in op.complex else [])
    for node in graph.ops:
        if node.op is not None and node.op.name in KEEPS and node.shape[-1:] == (2,) and found & set(node.inputs):
            found.add(node.id)
    return frozenset(found)
