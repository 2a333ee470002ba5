"""Gated linear units beside glu (Shazeer 2020, GLU Variants Improve Transformer): the first half of x times a function
of the second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bptui.model.base.types import Attributes
from bptui.model.engine.ops.base import Attribute, Composite, Definition, Signature
from bptui.model.engine.ops.common import at, integer, one_axis
from bptui.model.engine.ops.hard import halves_shape, halves_text

Use = Callable[..., Any]


def _gated(activation: str | None) -> Callable[[Use, Sequence[Any], Attributes], Any]:
    def build(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
        (x,) = inputs
        halves_shape([x.shape], attributes)
        axis = one_axis(attributes["axis"], x.shape)
        half, before = x.shape[axis] // 2, (slice(None),) * axis
        value = use("slice", x, name="value", index=(*before, slice(None, half)))
        gate = use("slice", x, name="gate", index=(*before, slice(half, None)))
        if activation is not None:
            gate = use(activation, gate, name=activation)
        return use("mul", value, gate, name="y")

    return build


def _defined(gate: Callable[[str], str]) -> Definition:
    def definition(signature: Signature) -> str:
        out, first, second = halves_text(signature)
        return f"{at('y', out)} = {first}*{gate(second)}"

    return definition


GATES: dict[str, tuple[str | None, str, Callable[[str], str]]] = {
    "bilinear_glu": (None, "the second half itself", lambda b: b),
    "reglu": ("relu", "the relu of the second", lambda b: f"({b} if {b} > 0 else 0)"),
    "geglu": ("gelu", "the gelu of the second", lambda b: f"{b}*(1 + erf({b}/sqrt(2)))/2"),
    "swiglu": ("silu", "the silu of the second", lambda b: f"{b}/(1 + exp(-{b}))"),
}

COMPOSITES = tuple(
    Composite(
        name,
        ("x",),
        _gated(activation),
        _defined(gate),
        f"The first half of x along an axis times {told}.",
        {"axis": Attribute(-1, integer())},
    )
    for name, (activation, told, gate) in GATES.items()
)
