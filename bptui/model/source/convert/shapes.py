"""The shapes of what goes through the layers of a model that was read, without the samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Table
from bptui.model.engine.build import Builder
from bptui.model.source.convert.piece import POSITIONS, Piece
from bptui.model.source.layers import reads_whole_numbers, stack
from bptui.model.source.layers.context import Making

SEQUENCES = ("rnn", "lstm", "gru", "attention", "transformer", "transformer_encoder", "transformer_decoder",
             "positions", "mean_positions")  # fmt: skip
"""Kinds that read (samples, positions, features)."""
SIDES = (28, 32, 64, 96, 128, 224, 256, 299, *range(1, 300))
"""Sides of an image that are tried where no one says one, the usual ones first."""
LARGEST, MOST = 2**27, 2**31
"""Numbers of one tensor of a model, and of all of them, up to which it has shapes: it need not be one that can run."""


def shape_of(pieces: Sequence[Piece]) -> tuple[int, ...] | None:
    """The shape of one input that goes through all pieces: of images the first usual side that does."""
    told = (
        piece for piece in pieces if piece.layers and (piece.reads or piece.layers[0]["kind"].startswith("embedding"))
    )
    first = next(told, None)
    if first is None:
        return None
    kind = first.layers[0]["kind"]
    if kind in ("embedding", "embedding_bag"):
        return (POSITIONS,)
    if any(table["kind"] in SEQUENCES for piece in pieces for table in piece.layers) and not kind.startswith("conv"):
        return (POSITIONS, first.reads)
    if kind.startswith("conv"):
        axes = int(kind[-2])
        shapes = ((first.reads, *[side] * axes) for side in SIDES)
        return next((shape for shape in shapes if flow(pieces, shape)), None)
    flat = (first.reads,)
    return flat if flow(pieces, flat) else None


def flow(pieces: Sequence[Piece], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of what comes out, as the layers say it, without numbers; None where it does not go through. A piece
    without counterpart is passed by."""
    builder = Builder()
    builder.largest, builder.most = LARGEST, MOST
    tables = [Table(table, "convert") for piece in pieces for table in piece.layers]
    try:
        x = builder.leaf("x", "input", shape=(1, *shape), whole=reads_whole_numbers(tables))
        making = Making(builder, 0, stack, results={"x": x}, positions=shape[0] if shape else 0, drawn=False)
        for piece in pieces:
            for number, table in enumerate(piece.layers):
                axis = 1 if table["kind"].startswith("conv") else -1
                if not number and piece.reads not in (0, x.shape[axis]):
                    return None
                x = stack(making, [Table({"name": f"part{making.number}", **table}, "convert")], x, "")
    except (UserError, IndexError):
        return None
    return x.shape[1:] if 0 not in x.shape else None


def each(value: Any, axes: int) -> Sequence[int]:
    return value if isinstance(value, list | tuple) else [value] * axes
