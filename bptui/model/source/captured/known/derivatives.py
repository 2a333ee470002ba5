"""A derivative that is derived again: `torch.autograd.grad(…, create_graph=True)`."""

from __future__ import annotations

from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Lacks
from bptui.model.source.captured.known.registry import DERIVATIVE, complex_known, known


@complex_known(DERIVATIVE)
@known(DERIVATIVE)
def grad(u: Call, outputs: Any, inputs: Any, grad_outputs: Any = None) -> list[Node]:
    """The backward pass of the outputs as operations. They read what autograd read; all else is computed again: what
    lies inside of other events, and the result of a function whose rule PyTorch writes in terms of its argument."""
    given = list(outputs) if isinstance(outputs, list) else [outputs]
    by = list(inputs) if isinstance(inputs, list) else [inputs]
    seeds = grad_outputs if isinstance(grad_outputs, list) else [grad_outputs]
    starts = [
        (u.node(each), None if seed is None else u.node(seed))
        for each, seed in zip(given, [*seeds, *[None] * (len(given) - len(seeds))], strict=True)
    ]
    read = {u.shop.nodes[value].id for value in u.event.notes.get("reads", ()) if value in u.shop.nodes}
    found = [_by(u, starts, u.node(each), read) for each in by]
    return [node for node in found if node is not None]


def _by(u: Call, starts: list[tuple[Node, Node | None]], x: Node, read: set[int]) -> Node | None:
    """By one input; None where no output depends on it."""

    def readable(node: Node) -> bool:
        return node.op is None or not node.wants_grad or node.id in read

    builder = u.shop.builder
    total: Node | None = None
    for out, seed in starts:
        if not builder.derivatives.depends(out, x):
            continue
        name, first = u.shop.fresh(u.name, u.event.module), builder.count
        try:
            part = builder.derivatives.of(out, x, name=name, scope=u.event.module, seed=seed, alone=readable)
        except UserError as problem:
            raise Lacks(problem.what) from None
        made = map(builder.node, range(first, builder.count))
        if u.results[0].dtype == "float64" and any(map(_slope_of_digamma, made)):
            raise Lacks("digamma in float64: PyTorch's slope has 9 digits")
        total = part if total is None else u.use("add", total, part)
    return total


def _slope_of_digamma(node: Node) -> bool:
    """Is it, or is its gradient?"""
    return node.op is not None and (
        node.op.name == "digamma" or (node.op.name == "polygamma" and node.attributes["n"] < 2)
    )
