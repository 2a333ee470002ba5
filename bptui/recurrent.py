"""rnn, gru and lstm over sequences from Python: their cells one position after the other, on Tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Attributes
from bptui.model.engine import unrolled
from bptui.model.engine.arrays import array, shape_text
from bptui.tensors import Tensor, apply, data


def rnn(x: Any, *weights: Any, h0: Any = None, lengths: Any = None, reverse: bool = False, **more: Any) -> Any:
    """(hidden states of all positions, the last one) of `rnn_cell` over x, (samples, positions, features).

    weights  w_ih, w_hh, and perhaps b_ih, b_hh, as the cell has them
    h0       (samples, units) before the first position, 0 by default
    lengths  how many positions each sample has: the state stays as it is behind them, and 0 comes out; nothing flows
             from what stands there
    reverse  from the last position to the first
    """
    return _over("rnn_cell", x, weights, [h0], lengths, reverse, more)


def gru(x: Any, *weights: Any, h0: Any = None, lengths: Any = None, reverse: bool = False) -> Any:
    """The same of `gru_cell`; see `rnn`."""
    return _over("gru_cell", x, weights, [h0], lengths, reverse, {})


def lstm(
    x: Any, *weights: Any, h0: Any = None, c0: Any = None, lengths: Any = None, reverse: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """The same of `lstm_cell`, whose last c comes third; with w_hr behind the biases, h is a projection. See `rnn`."""
    made: tuple[Tensor, Tensor, Tensor] = _over("lstm_cell", x, weights, [h0, c0], lengths, reverse, {})
    return made


def _over(
    op: str, x: Any, weights: Sequence[Any], given: Sequence[Any], lengths: Any, reverse: bool, more: Attributes
) -> Any:
    where = f"bptui.{op.removesuffix('_cell')}"
    x, *weights = (item if isinstance(item, Tensor | int | float) else data(item) for item in (x, *weights))
    if not isinstance(x, Tensor):
        raise UserError(where, "x is a number", "expected (samples, positions, features)")
    if len(weights) < 2 or not isinstance(weights[1], Tensor) or len(weights[1].shape) != 2:
        raise UserError(where, "w_ih and w_hh are missing", f"write {where}(x, w_ih, w_hh, b_ih, b_hh)")
    rows, hidden = weights[1].shape
    start = [
        data(np.zeros((*x.shape[:1], size))) if state is None else state if isinstance(state, Tensor) else data(state)
        for state, size in zip(given, (hidden, rows // 4), strict=False)
    ]
    there = None
    if lengths is not None:
        ends = array(lengths, f"{where} lengths")
        if ends.shape != x.shape[:1]:
            raise UserError(
                where, f"lengths have shape {shape_text(ends.shape)}", f"expected {shape_text(x.shape[:1])}"
            )
        there = data((np.arange(x.shape[1] if len(x.shape) > 1 else 0) < ends[:, None]).astype(float))

    def use(kind: str, *inputs: Any, name: str, symbol: str = "", **attributes: Any) -> Tensor:
        return apply(kind, *inputs, **attributes)

    try:
        out, end = unrolled.over(unrolled.Cells(use, op, weights, more, reverse), x, unrolled.State(*start), there)
    except ValueError as problem:
        raise UserError(where, str(problem)) from None
    last = [end.h, end.cell(use, "c")]
    return (out, *(state for state in last if state is not None))
