"""What a graph is as a network: its weighted layers in order, their activations, its output, its loss. A loss that is
written out (squared or absolute differences, what lacks to a margin, logarithms times targets) is known, too.

Read from the operations alone, so that a formula, a network made in Python and a network file are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bptui.model.base.types import Array
from bptui.model.debugger.findings.walk import Walk
from bptui.model.engine import ops
from bptui.model.engine.composites import made_by
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Compares

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


WEIGHTED = ("affine", "matmul", *(f"correlate{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))
"""Operations that multiply by a weight."""
MOVES = ("reshape", "transpose", "slice", "take", "broadcast_to", "concat", "stack", "pad")
"""Operations that only move numbers."""
POOLS = ("mean", *(f"{kind}avg_pool{n}d" for kind in ("", "adaptive_") for n in (1, 2, 3)))
"""Means over windows or axes: what lies between two numbers stays between them."""
LINEAR_BETWEEN = (*MOVES, *POOLS, "dropout", "sum", "neg")
"""Operations that keep what is linear linear."""
ACTIVATIONS = (
    "sigmoid", "tanh", "relu", "leaky_relu", "leaky", "elu", "selu", "gelu", "silu", "softplus", "log_sigmoid", "mish",
    "softsign", "hardtanh", "relu6", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "tanhshrink", "celu",
    "softmax", "log_softmax", "masked_softmax", "exp", "prelu",
)  # fmt: skip
SCORED = ("mul", "div", "add", "sub", "where", "neg", "dropout", "cast", *MOVES)
"""Operations between the scores of an attention and their softmax."""
RECURRENT = ("rnn_cell", "lstm_cell", "gru_cell")
NORMS = ("batch_norm", "layer_norm", "rms_norm", "instance_norm", "group_norm")
LOSSES = ops.comparing()
REGRESSION = ops.comparing(prediction=("number",))
LABELS = ops.comparing(target=("class",))
"""Losses that take class numbers."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One weighted operation with what belongs to it.

    weight, bias  its parameters, or what stands in their place; bias None where it has none
    shape  of the weight as it is multiplied by: (in, out), whichever way it is kept
    z   what it computes, the bias added · a  what its activation makes of z, z itself where it has none
    activation  the operation that made a, "linear" where there is none
    x   what it multiplies
    """

    weight: Node
    shape: tuple[int, ...]
    bias: Node | None
    x: Node
    z: Node
    a: Node
    activation: str
    recurrent: bool

    @property
    def place(self) -> str:
        """Its layer; in a formula the weight's own name."""
        return self.weight.scope or self.weight.name

    @property
    def fans(self) -> tuple[int, int]:
        """(fan_in, fan_out): how many numbers a unit sums, and how many units read one."""
        shape = self.shape
        if len(shape) < 2:
            return (shape[0] if shape else 1), 1
        size = 1
        for length in shape[2:]:
            size *= length
        if len(shape) == 2 and not self.recurrent:
            return shape[0], shape[1]
        return shape[1] * size, shape[0] * size


def unit_axis(layer: Layer, values: Array) -> int:
    """The axis along which a layer's units lie: channels of a convolution, else the last."""
    assert layer.z.op is not None
    return 1 if layer.z.op.name.startswith("correlate") else values.ndim - 1


@dataclass(frozen=True)
class Output:
    """What the loss compares: `node` the prediction, `z` what its last activation is made of, `activation` that one
    (or "linear"), `made` the node of the activation."""

    node: Node
    z: Node
    activation: str
    made: Node


@dataclass(frozen=True)
class Loss:
    """kind  a row of LOSSES; "mse" or "bce" also where it is written by hand · node  where · by_hand
    prediction, target  what it compares, None where that is not to be seen · reduction  mean or sum."""

    kind: str
    node: Node
    prediction: Node | None
    target: Node | None
    reduction: str
    by_hand: bool = False

    @property
    def compares(self) -> Compares:
        """What it compares."""
        found = ops.get(self.kind).compares
        assert found is not None
        return found


class Structure(Walk):
    """A graph read as a network."""

    # ------------------------------------------------------------------------------------------------- walking
    def kind(self, node: Node) -> str:
        """The composite that a node is a part of, else its operation, "" for a leaf."""
        if node.composite:
            return node.composite.partition(" as ")[0]
        return "" if node.op is None else node.op.name

    def through(self, node: Node, names: tuple[str, ...]) -> Node:
        """Back over operations of these names with one input that is computed."""
        while node.op is not None and node.op.name in names and node.inputs:
            node = self.graph.nodes[node.inputs[0]]
        return node

    def sources(self, node: Node) -> Iterator[Node]:
        """A node and what it was made of, back over what normalises, moves, drops or rounds numbers."""
        while True:
            yield node
            call = self.graph.composite_calls.get(node.composite) if self.kind(node) in NORMS else None
            if call is not None:
                node = self.graph.nodes[call.inputs[0]]
            elif node.op is not None and node.op.name in (*MOVES, "dropout", "cast"):
                node = self.graph.nodes[node.inputs[0]]
            else:
                return

    def passed(self, layer: Layer) -> Node | None:
        """What a layer reads, before it is normalised, where a way leads around the layer: `x` of `x + f(norm(x))`."""
        for node in self.sources(layer.x):
            if node.op is not None and any(reader.op and reader.op.name == "add" for reader in self.readers(node)):
                return node
        return None

    # -------------------------------------------------------------------------------------------------- layers
    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The weighted operations in execution order, each weight once."""
        found: dict[int, Layer] = {}
        for node in self.graph.ops:
            layer = self._layer(node)
            if layer is not None and layer.weight.id not in found:
                found[layer.weight.id] = layer
        return tuple(found.values())

    def _layer(self, node: Node) -> Layer | None:
        assert node.op is not None
        if node.op.name not in WEIGHTED:
            return None
        inputs = self.inputs(node)
        weight, x, shape = self.through(inputs[1], MOVES), inputs[0], inputs[1].shape
        if not self._is_parameter(weight) or len(weight.shape) < 2:
            other = self.through(x, MOVES)
            if not self._is_parameter(other) or len(other.shape) < 2:
                return None
            weight, x, shape = other, inputs[1], inputs[0].shape
        bias = self.through(inputs[2], MOVES) if len(inputs) > 2 else None
        z = node
        if bias is None:
            z, bias = self._biased(node)
        activation, a = self.activated(z)
        return Layer(
            weight,
            shape if len(shape) == len(weight.shape) else weight.shape,
            bias,
            x,
            z,
            a,
            activation,
            self.kind(node) in RECURRENT,
        )

    def _biased(self, node: Node) -> tuple[Node, Node | None]:
        """The sum with a bias, where that is what follows."""
        readers = self.readers(node)
        if len(readers) == 1 and readers[0].op is not None and readers[0].op.name == "add":
            for other in self.inputs(readers[0]):
                if other.id != node.id and self._is_parameter(other) and len(other.shape) <= 1:
                    return readers[0], other
        return node, None

    def _is_parameter(self, node: Node) -> bool:
        """Is it trained, or would be if it were not frozen?"""
        return node.op is None and (node.role == "param" or (node.role == "input" and bool(node.scope)))

    def activated(self, z: Node) -> tuple[str, Node]:
        """The activation that follows, over normalisations and dropout; ("linear", z) where none does."""
        node = z
        for _ in range(64):
            readers = [reader for reader in self.readers(node) if reader.wants_grad or reader.op is not None]
            chosen = next((r for r in readers if r.op is not None and r.op.name in ACTIVATIONS), None)
            if chosen is not None and self.kind(chosen) not in RECURRENT:
                return (chosen.op.name if chosen.op else "linear"), chosen
            norm = [reader for reader in readers if self.kind(reader) in NORMS]
            if norm:
                last = [n for n in self.graph.nodes if n.composite == norm[0].composite][-1]
                if last.id == node.id:
                    return "linear", z
                node = last
                continue
            follows = [r for r in readers if r.op is not None and r.op.name in ("dropout", "reshape")]
            if len(follows) != 1:
                return "linear", z
            node = follows[0]
        return "linear", z

    def scores(self, softmax: Node) -> Node | None:
        """The product of queries and keys that the softmax of an attention is of; None of any other softmax."""
        made = self.through(self.graph.nodes[softmax.inputs[0]], SCORED)
        product = made.op is not None and made.op.name in ("matmul", "einsum") and len(made.inputs) == 2
        return made if product and all(n.op is not None for n in self.inputs(made)) else None

    @cached_property
    def asking(self) -> tuple[Node, ...]:
        """What makes the queries and keys of attentions: the results of layers."""
        found = []
        for node in self.graph.ops:
            if node.op is not None and node.op.name in ("softmax", "masked_softmax"):
                product = self.scores(node)
                if product is not None:
                    found += [self.through(side, (*MOVES, *SCORED)) for side in self.inputs(product)]
        return tuple(found)

    # ------------------------------------------------------------------------------------------- loss and output
    @cached_property
    def loss(self) -> Loss | None:
        """What is compared with what, where the graph says so."""
        last = self.graph.nodes[self.graph.loss]
        for node in self.before(last):
            use = made_by(self.graph, node)
            node = node if use is None else use.node
            if node.op is not None and node.op.name in LOSSES and len(node.inputs) > 1:
                prediction, target = self.inputs(node)[:2]
                return Loss(node.op.name, node, prediction, target, str(node.attributes.get("reduction", "mean")))
        found = next((found for node in self.before(last) if (found := compared(self, node))), None)
        return None if found is None else Loss(found[0], last, *found[1:], reduction(self, last), by_hand=True)

    @cached_property
    def output(self) -> Output | None:
        """The prediction with its last activation."""
        loss = self.loss
        if loss is None or loss.prediction is None:
            return None
        node = self.through(loss.prediction, (*MOVES, *POOLS, "dropout"))
        if node.op is not None and node.op.name == "log":
            inner = self.through(self.graph.nodes[node.inputs[0]], MOVES)
            if inner.op is not None and inner.op.name == "softmax":
                return Output(loss.prediction, self.graph.nodes[inner.inputs[0]], "log_softmax", inner)
        if node.op is not None and node.op.name in ACTIVATIONS and self.kind(node) not in RECURRENT:
            return Output(loss.prediction, self.graph.nodes[node.inputs[0]], node.op.name, node)
        return Output(loss.prediction, node, "linear", node)

    @cached_property
    def last(self) -> Layer | None:
        """The weighted layer that makes the output."""
        if self.output is None:
            return None
        made = self.graph.before(self.output.z.id)
        found = [layer for layer in self.layers if layer.z.id in made]
        return found[-1] if found else None

    @cached_property
    def hidden(self) -> tuple[Layer, ...]:
        """The weighted layers before the last."""
        return tuple(layer for layer in self.layers if self.last is None or layer.z.id < self.last.z.id)

    def place(self, node: Node) -> str:
        """How findings name where a node is: its layer, the key of the file, or its own name in a formula."""
        if node.scope:
            return node.scope
        return node.column if isinstance(node.column, str) and node.column else node.name

    def places(self, node: Node) -> tuple[str, ...]:
        """The same with the node's own name, where that says more."""
        return tuple(dict.fromkeys((self.place(node), node.name)))

    def attribute(self, node: Node, name: str, default: Any = None) -> Any:
        """A setting of an operation."""
        return node.attributes.get(name, default)
