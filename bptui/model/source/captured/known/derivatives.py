"""A derivative that is derived again: `torch.autograd.grad(…, create_graph=True)`."""

from __future__ import annotations

from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Lacks
from bptui.model.source.captured.known.registry import DERIVATIVE, known


@known(DERIVATIVE)
def grad(u: Call, outputs: Any, inputs: Any, grad_outputs: Any = None) -> list[Node]:
    """The backward pass of the outputs as operations. What lies inside of other events is computed again: the numbers
    that this one reads are those that were recorded, and autograd reads no others."""
    given = list(outputs) if isinstance(outputs, list) else [outputs]
    by = list(inputs) if isinstance(inputs, list) else [inputs]
    seeds = grad_outputs if isinstance(grad_outputs, list) else [grad_outputs]
    starts = [
        (u.node(each), None if seed is None else u.node(seed))
        for each, seed in zip(given, [*seeds, *[None] * (len(given) - len(seeds))], strict=True)
    ]
    found = [_by(u, starts, u.node(each)) for each in by]
    return [node for node in found if node is not None]


def _by(u: Call, starts: list[tuple[Node, Node | None]], x: Node) -> Node | None:
    """By one input; None where no output depends on it."""
    builder, held = u.shop.builder, {node.id for node in u.shop.nodes.values()}
    total: Node | None = None
    for out, seed in starts:
        if not builder.depends(out, x):
            continue
        name = u.shop.fresh(u.name, u.event.module)
        try:
            part = builder.derivative(
                out, x, name=name, scope=u.event.module, seed=seed, alone=lambda n: n.op is None or n.id in held
            )
        except UserError as problem:
            raise Lacks(problem.what) from None
        total = part if total is None else u.use("add", total, part)
    return total
