"""Activation functions: value and slope over a range, from the engine; definition and derivative, from SymPy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span
from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.engine.graph import Graph
from bptui.model.engine.ops.base import Op
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.source import formula
from bptui.model.source.network import Network, from_formula
from bptui.symbolic.card import Form, card
from bptui.symbolic.card.moment import Rules

USUAL = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
LOW, HIGH = -6.0, 6.0
SAMPLES = 241
"""Of the range: 0 is one of them."""
PLAIN = ("neg", "abs", "square", "power", "exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "reciprocal", "clip")
"""Elementwise operations that stand in losses and formulas, and are not what one calls an activation."""
IN_A_ROW = 10
"""How many of them a gradient passes for `slope^10`."""


@dataclass(frozen=True)
class Activation:
    """An elementwise operation of one input, with its settings."""

    op: Op
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called; with the settings that are not the usual ones."""
        told = ", ".join(
            f"{key}={significant(value)}" for key, value in self.attributes.items() if isinstance(value, float | int)
        )
        return f"{self.op.name}({told})" if told else self.op.name

    def graph(self, z: Any) -> Graph:
        """`a = f(z)`, the sum of a as the loss: the gradients of z are the slopes."""
        settings = "".join(f", {key}={json.dumps(value)}" for key, value in self.attributes.items())
        own = {} if self.op.name in ops.OPS else {self.op.name: self.op}
        text = f"a = {self.op.name}(z{settings})"
        if np.ndim(z):
            text += "; L = sum(a)"
        return formula.parse(text, {"z": z}, operations=own)

    def recorded(self, z: Any) -> Recording:
        """The engine's numbers at one or many z."""
        return Program(self.graph(z), Optimizer()).record()

    def at(self, z: float) -> Point:
        """Value and slope at one z."""
        recording = self.recorded(float(z))
        slope = recording.grad("z")
        return Point(self, float(recording.required("a")), float("nan") if slope is None else float(slope))

    def curve(self, low: float = LOW, high: float = HIGH, count: int = SAMPLES) -> Curve:
        """Value and slope over a range."""
        zs = np.linspace(low, high, count)
        recording = self.recorded(zs)
        slopes = recording.grad("z")
        assert slopes is not None
        return Curve(zs, np.asarray(recording.required("a")), np.asarray(slopes))

    def formulas(self, rules: Rules, raw: bool = False, unicode: bool = True) -> Formulas:
        """What it is and what its slope is, as formulas; a slope that is still being derived says so."""
        recording = self.recorded(0.5)
        graph = recording.graph
        made = card(State.of(recording, "backward", -1), graph.by_name["a"], (), 0, rules, Form(raw, unicode))
        definition, local = made.rules[0], made.rules[1]
        return Formulas(
            (*definition.left, Span(" = "), *definition.sides[0]),
            local.left,
            local.sides[0] if local.sides else (),
            local.note.words,
        )

    def network(self, z: float) -> Network:
        """`a = f(z)` at one z, to be debugged."""
        if self.op.name in ops.OPS and not self.attributes:
            return from_formula(f"a = {self.op.name}(z)", {"z": float(z)}, name=self.op.name)
        return Network(self.op.name, self.graph(float(z)), Optimizer())


class Point(NamedTuple):
    """An activation at one z."""

    activation: Activation
    value: float
    slope: float

    @property
    def in_a_row(self) -> float:
        """What is left of a gradient after IN_A_ROW of them, all at this z."""
        with np.errstate(all="ignore"):
            return float(np.float64(self.slope) ** IN_A_ROW)


class Curve(NamedTuple):
    """Value and slope at each z."""

    z: Array
    value: Array
    slope: Array


class Formulas(NamedTuple):
    """definition  `a = 1/(1 + exp(-z))`; left, slope  `∂a/∂z` and what it is; how  it was come by, in
    ever fewer words."""

    definition: Line
    left: Line
    slope: Line
    how: Sequence[Line]


def usual() -> list[Activation]:
    """The explorer's own."""
    return [Activation(op) for op in (ops.get(name) for name in USUAL) if isinstance(op, Op)]


def of_network(network: Network) -> tuple[list[Activation], float | None]:
    """The activations of a network, each once, and a z at which the first of them stands in it: what its first unit
    gets of its first sample; None where there is none. UserError where it has no activation is the caller's."""
    found: dict[tuple[str, tuple[tuple[str, Any], ...]], Activation] = {}
    first = None
    for node in network.graph.ops:
        op = node.op
        if op is None or not op.elementwise or len(op.inputs) != 1 or op.opaque or op.name in PLAIN:
            continue
        settings = {k: v for k, v in node.attributes.items() if k in op.attributes and v != op.attributes[k].default}
        key = op.name, tuple(sorted(settings.items()))
        if key not in found:
            found[key] = Activation(op, settings)
            first = first or node
    if first is None:
        return [], None
    value = network.program().record().value(first.inputs[0])
    z = float(np.asarray(value).reshape(-1)[0]) if value is not None and value.size else None
    return list(found.values()), z
