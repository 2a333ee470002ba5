"""How the rows of elementwise operations are made: one number in, one number out, for each element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bptui.model.base.types import Shape
from bptui.model.engine.ops.base import Attribute, Definition, Hint, Op
from bptui.model.engine.ops.common import broadcast, full, same
from bptui.model.engine.rule import Rule


def unary(
    name: str,
    definition: Definition,
    forward: Callable[..., Any],
    vjp: Callable[..., Any] | None,
    doc: str,
    *,
    attributes: Mapping[str, Attribute] | None = None,
    shape: Callable[..., Shape] | None = None,
    hint: Hint | None = None,
    **more: Any,
) -> Op:
    """An elementwise operation of one input: y = forward(x, **attributes), g · ∂y/∂x = vjp(g, y, x, **attributes).
    vjp is None where no gradient passes."""
    rule = Rule(forward, vjp)
    return Op(
        name, ("x",), definition, shape or same(("x",)), *rule.pair, doc, attributes or {}, hint,
        elementwise=True, **more,
    )  # fmt: skip


def binary(
    name: str,
    definition: str,
    forward: Callable[..., Any],
    vjps: tuple[Callable[..., Any] | None, Callable[..., Any] | None],
    doc: str,
    *,
    hint: Hint | None = None,
    **more: Any,
) -> Op:
    """An elementwise operation of two inputs, which broadcast: y = forward(a, b), and vjps of (g, y, a, b)."""
    rule = Rule(forward, *vjps)
    return Op(
        name, ("a", "b"), definition, broadcast(("a", "b")), *rule.pair, doc, {}, hint, elementwise=True,
        broadcasts=True, shape_before_unbroadcast=full, **more,
    )  # fmt: skip
