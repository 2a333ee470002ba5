"""A derivative that is derived again: `torch.autograd.grad(…, create_graph=True)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Apart, Call, Lacks, short
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
    reads = _Reads.of(u)
    found = [_by(u, starts, u.node(each), reads) for each in by]
    return [node for node in found if node is not None]


BY_RESULT = frozenset({
    "exp", "exp2", "expm1", "sqrt", "rsqrt", "reciprocal", "sigmoid", "tanh", "tan", "relu", "softmax", "log_softmax",
    "softmin", "logsumexp", "amax", "amin", "norm", "vector_norm", "matrix_norm", "pairwise_distance", "std", "det",
    "inv", "inverse", "solve", "solve_triangular", "cholesky", "pow", "__pow__", "__rpow__", "dist", "hypot",
})  # fmt: skip
"""Functions whose derivative PyTorch writes in terms of their result (tools/autograd/derivatives.yaml)."""
BCE_ADDS = 1e-12
"""What PyTorch's derivative of the slope of `binary_cross_entropy` adds to p and to 1 - p (FunctionsManual.cpp); the
slope itself divides by p·(1 - p)."""
OTHERWISE = frozenset({"prod", "cumprod", "logcumsumexp", "polar"})
"""Those of which it does, and bptui does not: what comes to the result on the way back is then another number."""


class _Reads(NamedTuple):
    """What autograd read: ids of the nodes that hold it; and by the result of a function, its name."""

    nodes: frozenset[int]
    functions: Mapping[int, str]

    @staticmethod
    def of(u: Call) -> _Reads:
        shop = u.shop
        held = {value: node.id for value, node in shop.nodes.items()}
        read = frozenset(held[value] for value in u.event.notes.get("reads", ()) if value in held)
        functions: dict[int, str] = {}
        for event in shop.record.step.events:
            for node in (held[out] for out in event.outs if out in held):
                functions.setdefault(node, short(event.name))  # what comes after it is a view of the same numbers
        return _Reads(read, functions)

    def readable(self, node: Node, own: bool) -> bool:
        """Where another function's rule reads a value, its own may have read its argument."""
        if node.op is None or not node.wants_grad:
            return True
        return node.id in self.nodes and not (own and self.functions.get(node.id) not in BY_RESULT)


def _by(u: Call, starts: list[tuple[Node, Node | None]], x: Node, reads: _Reads) -> Node | None:
    """By one input; None where no output depends on it."""
    builder = u.shop.builder
    total: Node | None = None
    for out, seed in starts:
        if not builder.derivatives.depends(out, x):
            continue
        name, first = u.shop.fresh(u.name, u.event.module), builder.count
        try:
            part = builder.derivatives.of(out, x, name=name, scope=u.event.module, seed=seed, alone=reads.readable)
        except UserError as problem:
            raise Lacks(problem.what) from None
        between = builder.derivatives.results[part.id].between
        for i in between:
            if reads.functions.get(i) in OTHERWISE:
                raise Lacks(f"a derivative of {reads.functions[i]}, which PyTorch derives by its result")
        made = [builder.node(i) for i in range(first, builder.count)]
        apart = [found for i in between if (found := _apart(u, builder.node(i))) is not None]
        u.shop.apart |= dict.fromkeys([node.id for node in made], max(apart)) if apart else {}
        if u.results[0].dtype == "float64" and any(map(_slope_of_digamma, made)):
            raise Lacks("digamma in float64: PyTorch's slope has 9 digits")
        total = part if total is None else u.use("add", total, part)
    return total


def _slope_of_digamma(node: Node) -> bool:
    """Is it, or is its gradient?"""
    return node.op is not None and (
        node.op.name == "digamma" or (node.op.name == "polygamma" and node.attributes["n"] < 2)
    )


def _apart(u: Call, node: Node) -> Apart | None:
    """By how much PyTorch's derivative of the slope of a node is another number: 1e-12 beside each of p and 1 - p,
    which are squared; of a p that a sigmoid gave, parts of 1/(p·(1 - p)) times the sum cancel. Lacks where that is no
    small part, and where its result is what is asked for, if it shows."""
    known, double = u.shop.apart.get(node.id), u.results[0].dtype == "float64"
    if known is not None and double:
        raise Lacks(f"{known.why}, here twice")
    if known is not None or node.op is None or node.op.name != "bce":
        return known
    values = u.shop.record.step.values
    stats = [values[v].stats for v, held in u.shop.nodes.items() if held.id == node.inputs[0]]
    near = min((min(s.least, 1 - s.largest) for s in stats if s is not None), default=0.0)
    why = f"PyTorch adds {significant(BCE_ADDS)} to p and to 1 - p where the slope of binary_cross_entropy is derived"
    if near < (2e-4 if double else 1e-6):
        raise Lacks(f"{why}, and they are as small as {significant(near, 2)}")
    return Apart(min(4 * BCE_ADDS / near**2, 1e-4), why)  # in float32 rounding does more than that
