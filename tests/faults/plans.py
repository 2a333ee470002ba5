"""What an operation does beside its numbers: it writes over what others read, or fails where little is asked of it.

The recorded numbers do not show all of it: what was written over is what was recorded, and relu(x) in the place of x is
the same a second time. Mutants that nobody chose led to them (see the page).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.calls import Backward

from .plant import Planned as P

OPS = ops.OPS


def _into_input(op: str) -> Any:
    """The output, and the same into the input."""

    def forward(emit: Any, inputs: Any, out: Any, attributes: Any) -> Any:
        saved = OPS[op].forward(emit, inputs, out, attributes)
        emit(np.copyto, inputs[0], out)
        return saved

    return forward


def _elu(emit: Any, inputs: Any, out: Any, attributes: Any) -> Any:
    """The arguments of the last copy exchanged: what is above 0 becomes 0, in x."""
    saved = OPS["elu"].forward(emit, inputs, out, attributes)
    positive = emit.temp(out.shape, bool)
    emit(np.greater, inputs[0], 0, positive)
    emit(np.copyto, inputs[0], 0.0, where=positive)
    OPS["elu"].forward(emit, inputs, out, attributes)
    return saved


def _rounded(emit: Any, inputs: Any, out: Any, attributes: Any) -> Any:
    """Four decimals: next to the -1e9 of what is masked, that is little."""
    saved = OPS["causal_mask"].forward(emit, inputs, out, attributes)
    emit(np.round, out, 4, out)
    return saved


def _relu_masked(emit: Any, ctx: Backward) -> Any:
    """The mask into ∂L/∂y itself: a second time, it changes nothing."""
    mask = emit.temp(ctx.out.shape)
    emit(np.sign, ctx.out, mask)
    emit(np.multiply, ctx.upstream, mask, ctx.upstream)
    return [ctx.upstream]


def _sigmoid_scratch(emit: Any, ctx: Backward) -> Any:
    """The output as the scratch array."""
    OPS["sigmoid"].vjp(emit, ctx)
    emit(np.multiply, ctx.out, ctx.out, ctx.out)


def _first_only(emit: Any, ctx: Backward) -> Any:
    """The condition the wrong way round: only an input of which no gradient is wanted gets its share."""
    return [None for _ in ctx.into]


def _both(emit: Any, ctx: Backward) -> Any:
    """Right where all gradients are wanted, and only there."""
    for array, other in zip(ctx.into, reversed(ctx.inputs), strict=True):
        made = emit.temp(ctx.out.shape)
        emit(np.multiply, ctx.upstream, other, made)
        emit(np.copyto, array, made)


def _something(emit: Any, ctx: Backward) -> Any:
    """1 for each, where there is nothing to pass on."""
    for array in ctx.into:
        if array is not None:
            emit(np.copyto, array, 1.0)


def _kept(emit: Any, ctx: Backward) -> Any:
    """+= into a scratch array that nobody clears: right the first time."""
    sums = emit.temp(ctx.out.shape)
    made = emit.temp(ctx.out.shape)
    OPS["sigmoid"].vjp(emit, ctx._replace(into=[made]))
    emit(np.add, sums, made, sums)
    emit(np.copyto, ctx.into[0], sums)


FAULTS = [
    P("elu", "what is above 0 becomes 0 in the input", "elu", "forward", _elu),
    P("relu", "the input is overwritten by the output", "x", "forward", _into_input("relu")),
    P("causal_mask", "what is kept has four decimals", "scores", "forward", _rounded),
    P("relu", "the mask is multiplied into ∂L/∂y itself", "x", "vjp", _relu_masked),
    P("sigmoid", "the output is the rule's scratch array", "x", "vjp", _sigmoid_scratch),
    P("sigmoid", "a sum that is not cleared between two backward passes", "x", "vjp", _kept),
    P("mul", "works only where all gradients are wanted", "products", "vjp", _both),
    P("concat", "nothing is passed on, beside a part without elements", "joined to nothing", "vjp", _first_only),
    P("affine", "something is passed on, though there are no samples", "no samples", "vjp", _something),
]
