"""A network of dense layers alone, from the inputs to the loss: what the neurons view draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from bptui.model.engine.graph import Graph, Node

Part = Literal["value", "gradient"]


class Row(NamedTuple):
    """One number of a neuron: its label, and whose value or gradient it is."""

    label: str
    node: Node
    part: Part


@dataclass(frozen=True)
class Column:
    """The neurons of one layer, or the inputs.

    out      the node that the next column reads
    weight   (sources, neurons); None for the inputs
    bias     (neurons,), or one number for all of them; None for the inputs
    about    what stands beside the name: the activation
    """

    name: str
    about: str
    count: int
    rows: tuple[Row, ...]
    out: Node
    weight: Node | None = None
    bias: Node | None = None

    def holds(self, node: Node) -> bool:
        """Is the node a part of this column?"""
        parts = [row.node for row in self.rows] + [each for each in (self.weight, self.bias) if each is not None]
        return any(part.id == node.id for part in parts)


def columns(graph: Graph) -> tuple[Column, ...] | str:
    """The inputs and the dense layers from them to the loss; or why the network is not such a chain."""
    loss = graph.nodes[graph.loss]
    found: list[Column] = []
    seen: set[int] = {loss.id}
    layers = [node for node in graph.ops if node.op is not None and node.op.name == "affine"]
    if not layers:
        return "there is no dense layer in it"
    for z in layers:
        source, weight, bias = (graph.nodes[i] for i in z.inputs)
        if not found:
            if source.op is not None or not source.shape:
                return f"its first dense layer reads {source.name}, not the inputs"
            found.append(Column(source.name, "", source.shape[-1], (Row("", source, "value"),), source))
        elif source.id != found[-1].out.id:
            return f"{z.name} does not read the layer before it"
        if weight.op is not None or len(z.shape) > 2:
            return f"{z.name} is not a dense layer on samples"
        seen.add(z.id)
        after = [graph.nodes[i] for i, _ in graph.consumers[z.id]]
        a = next((n for n in after if n.op is not None and n.op.elementwise and n.inputs == (z.id,)), None)
        rows: tuple[Row, ...] = (Row("z", z, "value"), Row("∂z", z, "gradient"))
        about, out = "linear", z
        if a is not None and a.op is not None and a.id != loss.id:
            seen.add(a.id)
            rows = (Row("z", z, "value"), Row("a", a, "value"), Row("∂a", a, "gradient"), Row("∂z", z, "gradient"))
            about, out = a.op.name, a
        found.append(Column(z.scope or z.name, about, z.shape[-1], rows, out, weight, bias))
    other = next((n for n in graph.ops if n.id not in seen), None)
    if other is not None and other.op is not None:
        return f"{other.name} is {other.op.name}, not a part of a dense layer"
    if found[-1].out.id not in loss.inputs:
        return "the loss does not read the last layer"
    return tuple(found)
