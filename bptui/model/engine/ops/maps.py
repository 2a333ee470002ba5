"""How the rows of elementwise operations are made: one number in, one number out, for each element.

`unary` makes a row whose NumPy sees 1-D views; `binary` one whose two inputs broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Definition, Hint, Op
from bptui.model.engine.ops.common import broadcast, contiguous, flat, full, same

UnaryForward = Callable[[Emit, Array, Array, Attributes], Any]
"""(emit, x, y, attributes) → saved: emit what fills y."""
UnaryVjp = Callable[[Emit, Array, Array, Array, Array, Attributes, Any], None]
"""(emit, g, x, y, d, attributes, saved): emit what fills d = g · ∂y/∂x."""


def unary(
    name: str,
    definition: Definition,
    forward: UnaryForward,
    vjp: UnaryVjp,
    doc: str,
    *,
    hint: Hint | None = None,
    attributes: Mapping[str, Attribute] | None = None,
    analytic: bool = True,
    convention: str = "",
    symbol: str = "",
) -> Op:
    """An elementwise operation of one input `x`."""

    def run(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
        x, y = flat(inputs[0], out)
        return forward(emit, x, y, attributes)

    def back(
        emit: Emit,
        upstream: Array,
        inputs: Sequence[Array],
        out: Array,
        attributes: Attributes,
        into: Sequence[Array | None],
        saved: Any,
    ) -> None:
        if into[0] is not None:
            # What forward saved has the form of x there: its scratch arrays are 1-D where x was seen as 1-D.
            x, y = flat(inputs[0], out)
            g, d = contiguous(emit, upstream).reshape(x.shape), into[0].reshape(x.shape)
            vjp(emit, g, x, y, d, attributes, saved)

    return Op(
        name,
        ("x",),
        definition,
        same(("x",)),
        run,
        back,
        doc,
        attributes or {},
        hint,
        elementwise=True,
        analytic=analytic,
        convention=convention,
        symbol=symbol,
    )


BinaryVjp = Callable[[Emit, Array, Array, Array, Array, Array | None, Array | None], Sequence[Array | None] | None]
"""(emit, g, a, b, y, da, db): emit what fills da and db, in y's shape; or return what already is the contribution."""


def binary(
    name: str,
    definition: str,
    forward: Callable[[Emit, Array, Array, Array], Any],
    vjp: BinaryVjp,
    doc: str,
    *,
    symbol: str = "",
    analytic: bool = True,
    convention: str = "",
    hint: Hint | None = None,
) -> Op:
    """An elementwise operation of two inputs `a`, `b`, which broadcast."""

    def run(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
        a, b, y = _views(inputs[0], inputs[1], out)
        return forward(emit, a, b, y)

    def back(
        emit: Emit,
        upstream: Array,
        inputs: Sequence[Array],
        out: Array,
        attributes: Attributes,
        into: Sequence[Array | None],
        saved: Any,
    ) -> Sequence[Array | None] | None:
        a, b, y = _views(inputs[0], inputs[1], out)
        g = contiguous(emit, upstream).reshape(y.shape)
        da, db = (None if array is None else array.reshape(y.shape) for array in into)
        given = vjp(emit, g, a, b, y, da, db)
        return None if given is None else [None if array is None else array.reshape(out.shape) for array in given]

    return Op(
        name,
        ("a", "b"),
        definition,
        broadcast(("a", "b")),
        run,
        back,
        doc,
        {},
        hint,
        elementwise=True,
        broadcasts=True,
        spread=full,
        analytic=analytic,
        convention=convention,
        symbol=symbol,
    )


def _views(a: Array, b: Array, out: Array) -> tuple[Array, Array, Array]:
    """1-D views where the shapes are equal or one operand is 0-d: a broadcasting ufunc is three times as slow."""
    arrays = [array for array in (a, b, out) if array.ndim]
    if out.ndim > 1 and all(array.shape == out.shape and array.flags.c_contiguous for array in arrays):
        return tuple(array.reshape(-1) if array.ndim else array for array in (a, b, out))  # type: ignore[return-value]
    return a, b, out
