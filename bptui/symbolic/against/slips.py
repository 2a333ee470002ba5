"""What one does wrong in a backward pass by hand, each as a rule that computes what comes of it in this network.

From what people report (sources in docs/against.md): the activation's derivative left out or taken at the wrong number,
one of several paths, the sum where the mean belongs, one sample of the batch, weights that were updated too early, a
weight that was not transposed, softmax taken element by element, statistics of a normalisation taken as constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import prod

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.engine.graph import Graph, Node
from bptui.symbolic.against import rules
from bptui.symbolic.against.backward import Backward, Rule, Slip, positions

EVERYWHERE = "everywhere"
SQUARES = ("mse", "half_mse", "half_sse")
DISTANCES = (*SQUARES, "mae", "bce")
"""Losses of a prediction and a target of one shape."""
MAX_DIAGONAL = 512
"""Elements of a tensor whose own derivatives are taken one by one."""
BENDS = ("relu", "leaky_relu", "relu6", "abs", "hardtanh", "prelu")
REDUCTIONS = ("mean", "var", "std", "sum", "max", "norm")


def slips(graph: Graph) -> Iterator[Slip]:
    """All that are possible in a network, the usual ones first; one at a time, and one kind everywhere at once."""
    kinds = (
        _other_loss, _no_slope, _no_factor, _one_path, _one_sample, _reduced, _wrong_point, _early, _not_transposed,
        _diagonal, _constant_statistics, _last_index, _at_the_corner, _sign,
    )  # fmt: skip
    for kind in kinds:
        found = list(kind(graph))
        yield from found
        for text, group in groupby(sorted(found, key=_family), key=_family):
            members = list(group)
            if len(members) > 1 and text:
                yield _everywhere(members)


def _family(slip: Slip) -> str:
    return slip.text.partition(": ")[2] if slip.kind in TOGETHER else ""


TOGETHER = (
    "missing σ′", "σ′ twice", "σ′ at the wrong number", "updated too early", "not transposed", "one sample",
    "mean for sum",
)  # fmt: skip
"""Kinds that one does in every layer alike: their texts say the node, `: `, and what is done there."""


def _everywhere(members: list[Slip]) -> Slip:
    return Slip(members[0].kind, f"{EVERYWHERE}: {members[0].text.partition(': ')[2]}", merged(members))


def merged(members: Sequence[Slip]) -> Mapping[int, Rule]:
    """The rules of several slips that are made together; of two for one input the first."""
    found: dict[int, list[Rule]] = {}
    for slip in members:
        for at, rule in slip.rules.items():
            found.setdefault(at, []).append(rule)

    def first(rules: list[Rule]) -> Rule:
        def rule(b: Backward, node: Node, position: int, upstream: Array) -> Array | None:
            made = (each(b, node, position, upstream) for each in rules)
            return next((array for array in made if array is not None), None)

        return rule

    return {at: first(rules) for at, rules in found.items()}


def _at(node: Node, position: int, rule: Rule) -> Mapping[int, Rule]:
    """A rule for one input of a node."""
    return {node.id: lambda b, n, p, g: rule(b, n, p, g) if p == position else None}


def _alone(graph: Graph, node: Node) -> int | None:
    """The one input that gets a gradient of the node's own shape, where the others get none; None otherwise."""
    wanted = list(positions(graph, node))
    return wanted[0] if len(wanted) == 1 and graph.nodes[node.inputs[wanted[0]]].shape == node.shape else None


def _no_slope(graph: Graph) -> Iterator[Slip]:
    """∂y/∂x of an activation taken as 1."""
    for node in graph.ops:
        position = _alone(graph, node)
        op = node.op
        if position is None or op is None or not op.elementwise or len(op.inputs) > 1 or op.name in ("neg",):
            continue
        text = f"{node.name}: the derivative of {op.name} was left out"
        yield Slip("missing σ′", text, _at(node, position, rules.passed))
        text = f"{node.name}: the derivative of {op.name} was taken twice"
        yield Slip("σ′ twice", text, _at(node, position, rules.twice))


def _no_factor(graph: Graph) -> Iterator[Slip]:
    """A number, or the other factor of a product, that one forgets on the way back."""
    for node in graph.ops:
        assert node.op is not None
        name = node.op.name
        for position in positions(graph, node):
            source = graph.nodes[node.inputs[position]]
            if source.shape != node.shape:
                continue
            if name in ("mul", "div") and len(node.inputs) == 2:
                other = graph.nodes[node.inputs[1 - position]]
                what = (
                    significant(float(np.asarray(other.value)))
                    if other.role == "const" and not other.shape
                    else other.name
                )
                said = f"1/{what}" if name == "div" and position == 0 else what
                if name == "mul" or position == 0:
                    yield Slip(
                        "missing factor",
                        f"the factor {said} of {node.name} was left out",
                        _at(node, position, rules.passed),
                    )
            if name in ("power", "square"):
                exponent = float(node.attributes.get("exponent", 2.0))
                if exponent not in (0.0, 1.0):
                    less = rules.scaled(1 / exponent)
                    text = f"the exponent {significant(exponent)} of {node.name} was not brought down: "
                    text += "d(x**n) is n*x**(n-1)"
                    yield Slip("missing 2" if exponent == 2 else "missing exponent", text, _at(node, position, less))
            if name == "dropout":
                yield Slip("missing mask", f"the mask of {node.name} was left out", _at(node, position, rules.passed))


def _sign(graph: Graph) -> Iterator[Slip]:
    """A minus that one forgets: of a difference's second part, of a negation."""
    for node in graph.ops:
        assert node.op is not None
        for position in positions(graph, node):
            if (node.op.name == "sub" and position == 1) or node.op.name == "neg":
                source = graph.nodes[node.inputs[position]].name
                yield Slip(
                    "sign",
                    f"the minus before {source} in {node.name} was left out",
                    _at(node, position, rules.scaled(-1)),
                )


def _other_loss(graph: Graph) -> Iterator[Slip]:
    """The gradient of a loss that is nearly the same: its sum, its half."""
    loss = graph.nodes[graph.loss]
    for node in graph.ops:
        assert node.op is not None
        if "reduction" not in node.attributes or (node.id != graph.loss and node.shape != ()):
            continue
        names = DISTANCES if node.op.name in DISTANCES else (node.op.name,)
        for name in names:
            for reduction in ("mean", "sum"):
                other = replace(node, op=ops.OPS[name], attributes={**node.attributes, "reduction": reduction})
                if (name, reduction) == (node.op.name, node.attributes["reduction"]) or node.attributes[
                    "reduction"
                ] == "none":
                    continue
                ours = f"{node.op.name}, a {node.attributes['reduction']}"
                text = f"the gradient of {_loss(name, reduction)}; {loss.name} here is {ours}"
                yield Slip("another loss", text, {node.id: rules.of(other)})


def _loss(name: str, reduction: str) -> str:
    if name in SQUARES:
        half = "half " if name.startswith("half") else ""
        return f"{half}the {reduction} of the squares"
    return f"the {reduction} of {name}"


def _one_path(graph: Graph) -> Iterator[Slip]:
    """A value that is used several times: one of its contributions left out, or only one taken."""
    for node in graph.nodes:
        pairs = graph.consumers[node.id]
        for pair in pairs if len(pairs) > 1 else ():
            via = _via(graph, pair)
            yield Slip("missing path", f"the path of {node.name} through {via} was left out", _without(graph, [pair]))
            if len(pairs) > 2:
                others = [other for other in pairs if other != pair]
                text = f"of {len(pairs)} paths of {node.name} only that through {via} counts"
                yield Slip("one path only", text, _without(graph, others))


def _via(graph: Graph, pair: tuple[int, int]) -> str:
    consumer, position = graph.nodes[pair[0]], pair[1]
    twice = consumer.inputs.count(consumer.inputs[position]) > 1
    return f"{consumer.name}{f' (input {position + 1})' if twice else ''}"


def _without(graph: Graph, pairs: list[tuple[int, int]]) -> Mapping[int, Rule]:
    def nothing(b: Backward, node: Node, position: int, upstream: Array) -> Array | None:
        shape = graph.nodes[node.inputs[position]].shape
        return np.zeros(shape) if (node.id, position) in pairs else None

    return dict.fromkeys([consumer for consumer, _ in pairs], nothing)


def _one_sample(graph: Graph) -> Iterator[Slip]:
    """Of what is summed over a batch, the last (the first) alone: a loop that assigns where it should add."""
    for node, position in _summing(graph):
        for axis, size in enumerate(node.shape):
            for at, word in ((size - 1, "last"), (0, "first")) if size > 1 else ():
                source = graph.nodes[node.inputs[position]].name
                text = f"{source}: only the {word} of the {size} along axis {axis} counts"
                yield Slip("one sample", text, _at(node, position, rules.masked(axis, at)))


def _summing(graph: Graph) -> Iterator[tuple[Node, int]]:
    """Where the gradient of a leaf is a sum over axes of what it goes into: matrix products, what was broadcast."""
    for leaf in graph.nodes:
        for consumer, position in graph.consumers[leaf.id] if leaf.op is None else ():
            node = graph.nodes[consumer]
            if node.shape and (node.shape != leaf.shape or (node.op is not None and not node.op.elementwise)):
                yield node, position


def _reduced(graph: Graph) -> Iterator[Slip]:
    """The mean where the sum over a batch belongs, sum for mean and mean for sum in the formula."""
    for node, position in _summing(graph):
        source = graph.nodes[node.inputs[position]]
        for axis, size in enumerate(node.shape):
            if size > 1:
                text = f"{source.name}: the mean over the {size} along axis {axis} was taken for the sum"
                yield Slip("mean for sum", text, _at(node, position, rules.scaled(1 / size)))
    for node in graph.ops:
        if node.op is not None and node.op.name in ("mean", "sum"):
            for position in positions(graph, node):
                count = prod(graph.nodes[node.inputs[position]].shape) / max(prod(node.shape), 1)
                if count > 1:
                    other, factor = ("sum", count) if node.op.name == "mean" else ("mean", 1 / count)
                    text = f"the {other} of {significant(count)} numbers in the place of their "
                    text += f"{node.op.name} ({node.name})"
                    yield Slip(f"{other} for {node.op.name}", text, _at(node, position, rules.scaled(factor)))


def _wrong_point(graph: Graph) -> Iterator[Slip]:
    """σ′ taken at a = σ(z) instead of z, and a·(1 - a) with z in the place of a."""
    for node in graph.ops:
        position, op = _alone(graph, node), node.op
        if position is None or op is None or not op.elementwise or len(op.inputs) > 1:
            continue
        text = f"{node.name}: the derivative of {op.name} was taken at its output, not at its input"
        yield Slip("σ′ at the wrong number", text, _at(node, position, rules.at_output))
        hint = op.hint if isinstance(op.hint, str) else None
        if hint and "y" in hint:
            text = f"{node.name}: {hint}, the derivative of {op.name}, was taken with its input for y, its output"
            yield Slip("σ′ at the wrong number", text, _at(node, position, rules.by_hint(hint)))


def _early(graph: Graph) -> Iterator[Slip]:
    """Weights that were updated before the gradient went back through them."""
    for node in graph.ops:
        weights = [i for i, source in enumerate(node.inputs) if graph.nodes[source].role == "param"]
        others = [i for i in positions(graph, node) if i not in weights]
        if weights and others:
            text = f"{node.name}: the gradient went back through weights that were updated before"
            yield Slip("updated too early", text, {node.id: rules.after_update(tuple(weights), tuple(others))})


def _not_transposed(graph: Graph) -> Iterator[Slip]:
    """g @ W where g @ W.T belongs: possible where W is square."""
    for node in graph.ops:
        if node.op is None or node.op.name not in ("matmul", "affine") or len(node.inputs) < 2:
            continue
        for position in positions(graph, node):
            other = graph.nodes[node.inputs[1 - position]] if position < 2 else None
            if other is not None and len(other.shape) == 2 and other.shape[0] == other.shape[1] > 1:
                text = f"{node.name}: a weight was not transposed on the way back"
                yield Slip("not transposed", text, _at(node, position, rules.turned))


def _diagonal(graph: Graph) -> Iterator[Slip]:
    """Of softmax's derivative the diagonal alone: y·(1 - y), as if its elements did not depend on each other."""
    for node in graph.ops:
        position = _alone(graph, node)
        if position is None or node.op is None or node.op.elementwise or not 1 < prod(node.shape) <= MAX_DIAGONAL:
            continue
        text = f"{node.name}: {node.op.name} was taken element by element, without what one element does to the others"
        yield Slip("elements apart", text, _at(node, position, rules.diagonal))


def _constant_statistics(graph: Graph) -> Iterator[Slip]:
    """Mean and variance of a normalisation as constants."""
    for call in dict.fromkeys(node.composite for node in graph.ops if node.composite):
        parts = [node for node in graph.ops if node.composite == call and node.op and node.op.name in REDUCTIONS]
        pairs = [(node.id, position) for node in parts for position in positions(graph, node)]
        if pairs:
            names = ", ".join(node.name for node in parts)
            text = f"{call}: its statistics ({names}) were taken as constants"
            yield Slip("statistics as constants", text, _without(graph, pairs))


def _last_index(graph: Graph) -> Iterator[Slip]:
    """dE[labels] = g where dE[labels] += g belongs: of a row that is used twice, the last use alone."""
    for node in graph.ops:
        if node.op is not None and node.op.name in ("take", "embedding") and node.attributes.get("axis", 0) == 0:
            text = f"{node.name}: of a row that is taken several times only the last time counts (= in the place of +=)"
            yield Slip("repeated index", text, _at(node, 0, rules.assigned))


def _at_the_corner(graph: Graph) -> Iterator[Slip]:
    """relu'(0) = 1."""
    for node in graph.ops:
        position = _alone(graph, node)
        if position is not None and node.op is not None and node.op.name in BENDS:
            text = f"{node.name}: the derivative of {node.op.name} at exactly 0 is taken as 1"
            yield Slip("convention at 0", text, _at(node, position, rules.one_at_zero))
