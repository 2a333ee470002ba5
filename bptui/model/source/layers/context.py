"""Where a layer is built: its table and name, and the tools with which a kind of layer makes nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.schema import Key, Table, any_value, kind_of, names, one_of
from bptui.model.base.types import Array, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.build import Builder, Label
from bptui.model.engine.graph import Layer, Node, Role
from bptui.model.engine.use import settle
from bptui.model.source.initializers import RANDOM, Source, drawn, fans
from bptui.model.source.layers.penalty import LAYER, Penalized

LINEAR = ("linear", "none", "identity")
"""Words for no activation."""


LAYOUTS = ("in_out", "out_in")
"""How the given weight of a dense layer may lie: a row per input, or a row per unit."""


def layout_words(layout: str) -> str:
    """A layout as it is said."""
    return {"in_out": "(in, out), a row per input", "out_in": "(out, in), a row per unit"}[layout]


@dataclass
class Making:
    """A network that is being made: the Builder, the seed, and the layers so far. Layers in layers count on. `layout`
    is that of given weights, `notes` what is to be said of them; `weights` those that are trained.

    stack  makes layers one after the other: (this, their tables, what they read, the prefix of their names) → result
    results   what each layer made, by its name; x is the input
    lengths   how many of the inputs' `positions` each sample has, where the data say so
    ends      by the name of a recurrent layer, the states in which it ended
    drawn     have parameters numbers? Else they have shapes alone, and nothing can be run
    """

    builder: Builder
    seed: int
    stack: Callable[[Making, Sequence[Table], Node, str], Node]
    layout: str = LAYOUTS[0]
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    weights: list[Penalized] = field(default_factory=list)
    number: int = 0
    results: dict[str, Node] = field(default_factory=dict)
    lengths: Node | None = None
    positions: int = 0
    ends: dict[str, Any] = field(default_factory=dict)
    drawn: bool = True


@dataclass
class LayerContext:
    """One layer: `name` is what its nodes' names start with, `number` what its random numbers depend on, `given` the
    parameters whose numbers its table has."""

    making: Making
    table: Table
    name: str
    number: int
    settings: Mapping[str, Any]
    given: Sequence[str] = ()
    parameters: list[str] = field(default_factory=list)

    @property
    def builder(self) -> Builder:
        """What makes the nodes."""
        return self.making.builder

    def fail(self, key: str, what: str, right: str = "") -> UserError:
        """A UserError that names file and key."""
        return UserError(self.table.at(key), what, right)

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

    def named(self, op: str, *inputs: Node | float, name: str, **more: Any) -> Node:
        """`use`, for those who call a part its name."""
        return self.use(op, *inputs, part=name, **more)

    def leaf(self, part: str, role: Role, value: Any = None, symbol: str = "", **options: Any) -> Node:
        """A leaf of this layer that is no parameter: a mask, a running state, a constant."""
        label = Label(f"{self.name}.{part}", self.name, symbol, self.table.path)
        return self.builder.leaf(label, role, value, **options)

    def parameter(
        self,
        part: str,
        shape: Shape,
        symbol: str,
        default: str | Mapping[str, Any],
        *,
        fan: tuple[int, int] | None = None,
        turns: bool = False,
        blank: int | None = None,
    ) -> Node:
        """`layer.weight` and the like: given under its own key, or drawn as `init` (of biases `bias_init`) says.

        Where others of the layer are given, nothing is drawn that was not asked for: a bias is 0, a weight is a
        UserError. `turns`: it is (in, out), and may be given as (out, in). `blank`: the row that is 0 when drawn."""
        where = self.table.at(part)
        self.builder.afford(shape, where)
        if not self.making.drawn:
            return self.leaf(part, "param", symbol=symbol, shape=shape)
        given = self.settings.get(part)
        bias = part.startswith("b")
        init = "bias_init" if bias else "init"
        if given is not None:
            value = array(given, where, dtype=self.builder.dtype)
            if turns:
                value = self._turned(part, value, shape)
            if value.shape != shape:
                raise UserError(where, f"found shape {shape_text(value.shape)}", f"expected {shape_text(shape)}")
        else:
            if self.given and isinstance(default, str) and default in RANDOM and self.settings.get(init) is None:
                if not bias:
                    right = f'{part} of shape {shape_text(shape)}, too, or {init} = "zeros"'
                    raise UserError(where, f"is not given, although {self.given[0]} is", right)
                default = "zeros"
            value = self.initial(init, shape, default, fan or fans(shape))
            if blank is not None:
                value = np.where(np.arange(len(value))[:, None] == blank, 0.0, value)
        return self.trained(part, value, symbol)

    def trained(self, part: str, value: Array, symbol: str) -> Node:
        """A parameter with these numbers, unless `train` names others."""
        self.parameters.append(part)
        trained = self.settings.get("train")
        role: Role = "param" if trained is None or part in trained else "input"
        label = Label(f"{self.name}.{part}", self.name, symbol, self.table.at(part).partition(": ")[2])
        made = self.builder.leaf(label, role, value)
        if role == "param" and (part.startswith("w") or part.endswith("weight")):
            self.making.weights.append(Penalized(made, {key: self.settings.get(key) for key in LAYER}))
        return made

    def _turned(self, part: str, value: Array, shape: Shape) -> Array:
        """A given weight as (in, out), however its file has it. Where it would fit the other way, too, that is noted;
        where it only fits the other way, it is a UserError that says so."""
        making, name = self.making, f"{self.name}.{part}"
        mine, other = sorted(LAYOUTS, key=lambda layout: layout != making.layout)
        switch = f'weight_layout = "{other}" takes {layout_words(other)}'
        way = slice(None, None, -1 if mine == "out_in" else 1)
        expected = shape[way]
        if value.shape != expected and value.shape == expected[::-1]:
            right = f"expected {shape_text(expected)}, as {layout_words(mine)}; {switch}"
            raise self.fail(part, f"found shape {shape_text(value.shape)}", right)
        if value.shape != expected:
            raise self.fail(part, f"found shape {shape_text(value.shape)}", f"expected {shape_text(expected)}")
        if mine == "out_in":
            making.notes.append(f"{name} is given as {layout_words(mine)}, and shown as (in, out)")
            return np.ascontiguousarray(value.T)
        if shape[0] == shape[1] and not np.array_equal(value, value.T):
            making.notes.append(f"{name} is square, and taken as {layout_words(mine)}; {switch}")
        return value

    def initial(self, key: str, shape: Shape, default: str | Mapping[str, Any], fan: tuple[int, int]) -> Array:
        """Numbers drawn by an initializer, new ones for each parameter of the layer."""
        setting = self.settings.get(key)
        source = Source(self.making.seed, self.number, len(self.parameters))
        return drawn(default if setting is None else setting, self.table, key, shape, fan, source)

    def check_activation(self) -> None:
        """A UserError where the activation is not one, or has not these settings."""
        name, attributes = self.settings.get("activation", ("linear", {}))
        own = [row.name for row in self.builder.own.values() if len(row.inputs) == 1]
        try:
            one_of(*activations(), *own)(name)
        except ValueError as problem:
            raise self.fail("activation", str(problem)) from None
        if name not in LINEAR:
            settle(self.builder.find(name, self.table.at("activation")), attributes, self.table.at("activation"))
        elif attributes:
            raise self.fail("activation", f"'{name}' has no settings")

    def settings_for(self, op: str) -> dict[str, Any]:
        """What the layer is told of an operation's attributes."""
        return {key: self.settings[key] for key in settings_of(op)}

    def activate(self, z: Node) -> Node:
        """`layer.a`, or z itself where the layer is linear."""
        name, attributes = self.settings["activation"]
        return z if name in LINEAR else self.use(name, z, part="a", **attributes)

    def check_trained(self) -> None:
        """A UserError where `train` names what is no parameter of this layer."""
        for word in self.settings.get("train") or ():
            if word not in self.parameters:
                known = "known: " + (", ".join(self.parameters) or "none")
                raise self.fail("train", f"'{word}' is no parameter", did_you_mean(word, self.parameters, known))

    def earlier(self, key: str, name: str) -> Node:
        """What an earlier layer made, by its name; `x` is the input of the network."""
        known = self.making.results
        if name not in known:
            told = did_you_mean(name, known, "known: " + ", ".join(known))
            raise self.fail(key, f"'{name[:40]}' is no layer before it", told)
        return known[name]

    def mask(self, part: str, shape: Shape, p: float) -> Node:
        """What is dropped of numbers of that shape, drawn anew at each training step."""
        return self.leaf(part, "random", shape=shape, symbol="m", attributes={"p": p})

    def rank(self, x: Node, axes: str, more: bool = False) -> None:
        """A UserError where the input has not these axes, such as "samples, channels, height, width", or `more`."""
        count = axes.removesuffix(", …").count(",") + 1
        if len(x.shape) < count or (len(x.shape) > count and not more):
            raise self.fail("", f"its input has shape {shape_text(x.shape)}", f"expected ({axes})")


@dataclass(frozen=True)
class Kind:
    """A kind of layer: its keys, `build(context, input) -> (output, summary)`; `whole`: its input is whole numbers."""

    doc: str
    keys: Mapping[str, Key]
    build: Callable[[LayerContext, Node], tuple[Node, str]]
    whole: bool = False


# ---------------------------------------------------------------------------------------------------------- keys
@cache
def activations() -> tuple[str, ...]:
    """Every operation that maps one tensor to one of the same shape, and need not be told more; none that says what is
    true of it."""
    one = [
        row.name
        for row in ops.OPS.values()
        if len(row.inputs) == 1
        and (row.elementwise or row.name in ("softmax", "log_softmax"))
        and (row.differentiable(0) or row.name == "detach")
        and not any(attribute.required for attribute in row.attributes.values())
    ]
    return (*LINEAR, *one)


def activation(value: Any) -> tuple[str, Mapping[str, Any]]:
    """`"relu"`, or `{kind = "leaky_relu", negative_slope = 0.1}`."""
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
        example = '{kind = "elu", alpha = 0.5}'
        raise ValueError(f"expected an activation's name, or a table such as {example}, found {kind_of(value)}")
    return table["kind"], {key: item for key, item in table.items() if key != "kind"}


def default_init(name: str) -> str:
    """He's for activations of the relu family, Glorot's for all others."""
    return "he_uniform" if name in ("relu", "relu6", "leaky_relu") else "xavier_uniform"


def settings_of(op: str, *without: str) -> dict[str, Key]:
    """The attributes of an operation as keys of a layer."""
    attributes = ops.get(op).attributes
    return {n: Key(a.check, a.default, required=a.required) for n, a in attributes.items() if n not in without}


ACTIVATION = Key(activation, ("linear", {}), "what follows: relu, tanh, …, or a table {kind, its settings}")
TRAIN = Key(names, None, "which of its parameters are trained (default: all)")
INIT = Key(any_value, None, "how weights are drawn: a kind, or a table {kind, its settings}")
BIAS_INIT = Key(any_value, None, "how biases are drawn (default: zeros)")
GIVEN = Key(any_value, None, "given numbers instead of drawn ones")
WEIGHTS: Mapping[str, Key] = {
    "init": INIT, "bias_init": BIAS_INIT, "weight": GIVEN, "bias": GIVEN, "train": TRAIN,
}  # fmt: skip
"""The keys of every layer with a weight and a bias."""
