"""Layers of network files: one row per kind, with its keys and how it is built of operations.

The names of what a layer makes start with its own: `layer1.weight`, `layer1.z`, `layer1.a`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptui.model import ops
from bptui.model.arrays import array, room, shape_text
from bptui.model.build import Builder, settle
from bptui.model.errors import UserError, did_you_mean
from bptui.model.graph import Layer, Node, Role
from bptui.model.initializers import Source, drawn, fans
from bptui.model.keys import Key, Table, any_value, kind_of, names, one_of, text
from bptui.model.ops.base import Op, Shape
from bptui.model.ops.common import flag, integer

LINEAR = ("linear", "none", "identity")
"""Words for no activation."""


@dataclass
class Place:
    """Where a layer is built: the Builder, the layer's name and number, its table, and what it has trained so far."""

    builder: Builder
    table: Table
    name: str
    number: int
    seed: int
    settings: Mapping[str, Any]
    parameters: int = 0
    nodes: list[Node] = field(default_factory=list)

    def use(self, op: str, *inputs: Node | float, part: str, symbol: str = "", **attributes: Any) -> Node:
        """An operation of this layer, called `layer.part`."""
        return self.builder.use(
            op,
            *inputs,
            name=f"{self.name}.{part}",
            scope=self.name,
            symbol=symbol or part,
            column=self.table.path,
            **attributes,
        )

    def parameter(self, part: str, shape: Shape, symbol: str, default: str, *, inputs_first: bool = True) -> Node:
        """`layer.weight` and the like: given under its own key, or drawn as `init` (of biases `bias_init`) says."""
        where = self.table.at(part)
        room(shape, where)
        given = self.settings.get(part)
        trained = self.settings.get("train")
        if trained is not None:
            for word in trained:
                if word not in self.settings or word in NOT_TRAINED:
                    known = [key for key in self.settings if key in PARAMETERS]
                    raise UserError(
                        self.table.at("train"),
                        f"'{word}' is no parameter",
                        did_you_mean(word, known, "known: " + ", ".join(known)),
                    )
        role: Role = "param" if trained is None or part in trained else "input"
        if given is not None:
            value = array(given, where, dtype=self.builder.dtype)
            if value.shape != shape:
                raise UserError(where, f"found shape {shape_text(value.shape)}", f"expected {shape_text(shape)}")
        else:
            key = "init" if part == "weight" or f"{part}_init" not in self.settings else f"{part}_init"
            value = self.initial(key, shape, default, inputs_first)
        self.parameters += 1
        return self.builder.leaf(
            f"{self.name}.{part}",
            role,
            value,
            scope=self.name,
            symbol=symbol,
            column=where.partition(": ")[2],
        )

    def initial(self, key: str, shape: Shape, default: str, inputs_first: bool) -> Any:
        """Numbers drawn by an initializer: `init = "he_uniform"` or `init = {kind = "normal", std = 0.1}`."""
        source = Source(self.seed, self.number, self.parameters)
        setting = self.settings.get(key)
        return drawn(default if setting is None else setting, self.table, key, shape, fans(shape, inputs_first), source)

    def activate(self, z: Node) -> Node:
        """`layer.a`, or z itself where the layer is linear."""
        name, attributes = self.settings["activation"]
        if name in LINEAR:
            return z
        return self.use(name, z, part="a", **attributes)


PARAMETERS = ("weight", "bias", "table", "query", "key", "value", "output")
NOT_TRAINED = ("units", "activation", "init", "bias_init", "train", "use_bias")


def activations() -> tuple[str, ...]:
    """Every operation that maps one tensor to one of the same shape, and can do so without being told more."""
    one = [
        row.name
        for row in ops.OPS.values()
        if len(row.inputs) == 1
        and (row.elementwise or row.name in ("softmax", "log_softmax"))
        and not any(attribute.required for attribute in row.attributes.values())
    ]
    return (*LINEAR, *one)


def activation(value: Any) -> tuple[str, Mapping[str, Any]]:
    """`"relu"`, or `{kind = "leaky_relu", negative_slope = 0.1}`."""
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
        raise ValueError(
            f'expected an activation\'s name, or a table such as {{kind = "elu", alpha = 0.5}}, found {kind_of(value)}'
        )
    name = one_of(*activations())(table["kind"])
    attributes = {key: item for key, item in table.items() if key != "kind"}
    if name in LINEAR:
        if attributes:
            raise ValueError(f"'{name}' has no settings")
        return name, {}
    row = ops.OPS[name]
    try:
        settle(row, attributes, name)
    except UserError as problem:
        raise ValueError(str(problem)) from None
    return name, attributes


def default_init(name: str) -> str:
    """He's for activations of the relu family, Glorot's for all others."""
    return "he_uniform" if name in ("relu", "relu6", "leaky_relu") else "xavier_uniform"


ACTIVATION = Key(activation, ("linear", {}), "what follows: relu, tanh, …, or a table {kind, its settings}")
TRAIN = Key(names, None, "which of its parameters are trained (default: all)")
INIT = Key(any_value, None, "how weights are drawn: a kind, or a table {kind, its parameters}")
BIAS_INIT = Key(any_value, None, "how biases are drawn (default: zeros)")
UNITS = Key(integer(1), None, "units = 8, for example", required=True)
GIVEN = Key(any_value, None, "given numbers instead of drawn ones")


def dense(place: Place, x: Node) -> tuple[Node, str]:
    """z = x @ W + b, then the activation."""
    units = place.settings["units"]
    if len(x.shape) < 2:
        raise UserError(place.table.at(), f"its input has shape {shape_text(x.shape)}", "expected (samples, features)")
    word = place.settings["activation"][0]
    weight = place.parameter("weight", (x.shape[-1], units), "W", default_init(word))
    if place.settings["use_bias"]:
        z = place.use("affine", x, weight, place.parameter("bias", (units,), "b", "zeros"), part="z")
    else:
        z = place.use("matmul", x, weight, part="z")
    summary = f"dense {units}" + ("" if word in LINEAR else f", {word}")
    return place.activate(z), summary


def flatten(place: Place, x: Node) -> tuple[Node, str]:
    """All axes but the first become one."""
    count = int(np.prod(x.shape[1:], dtype=np.int64))
    return place.use("reshape", x, part="a", shape=(x.shape[0], count)), f"flatten {count}"


@dataclass(frozen=True)
class Kind:
    """A kind of layer: its keys, and `build(place, input) -> (output, summary)`."""

    doc: str
    keys: Mapping[str, Key]
    build: Callable[[Place, Node], tuple[Node, str]]
    whole: bool = False


KINDS: Mapping[str, Kind] = {
    "dense": Kind(
        "every input with every unit: z = x @ W + b",
        {
            "units": UNITS, "activation": ACTIVATION, "init": INIT, "bias_init": BIAS_INIT, "weight": GIVEN,
            "bias": GIVEN,            "use_bias": Key(flag, True, "false leaves the bias out"), "train": TRAIN,
        },
        dense,
    ),
    "flatten": Kind("all axes but the first become one", {}, flatten),
}  # fmt: skip
"""The kinds of layers, by the word of the key `kind`."""


def build(builder: Builder, tables: list[Table], x: Node, seed: int) -> tuple[Node, list[Layer]]:
    """All layers, one after the other: the prediction, and a summary of each."""
    found: list[Layer] = []
    for number, table in enumerate(tables, 1):
        kind = table.get("kind", Key(one_of(*KINDS), None, "one of " + ", ".join(KINDS), required=True))
        row = KINDS[kind]
        name = table.get("name", Key(layer_name, f"layer{number}"))
        settings = table.read(row.keys, also=("kind", "name"))
        if any(layer.name == name for layer in found) or name in ("x", "y", "loss", "prediction"):
            raise UserError(table.at("name"), f"'{name}' is taken", "every layer has a name of its own")
        x, summary = row.build(Place(builder, table, name, number, seed, settings), x)
        found.append(Layer(name, summary))
    return x, found


def layer_name(value: Any) -> str:
    """A name that can stand before a dot."""
    word = text(value)
    if not word.isidentifier() or len(word) > 30:
        raise ValueError(f"'{word[:40]}' is not a name such as hidden or layer1")
    return word


def loss_kinds() -> Mapping[str, Op]:
    """Every operation that compares a prediction with a target: two inputs and a `reduction`."""
    return {row.name: row for row in ops.OPS.values() if "reduction" in row.attributes and len(row.inputs) == 2}
