"""The shapes of what goes through the layers of a model that was read, without the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, prod
from typing import Any

from bptui.model.source.convert.piece import POSITIONS, Piece

SEQUENCES = ("rnn", "lstm", "gru", "attention", "transformer", "transformer_encoder", "transformer_decoder",
             "positions", "mean_positions")  # fmt: skip
"""Kinds that read (samples, positions, features)."""
SIDES = (28, 32, 64, 96, 128, 224, 256, 299, *range(1, 300))
"""Sides of an image that are tried where no one says one, the usual ones first."""


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
    """The shape of what comes out; None where it does not go through. A piece without counterpart is passed by."""
    named = {"x": shape}
    for piece in pieces:
        for table in piece.layers:
            try:
                shape = named[table["input"]] if "input" in table else shape
                made = through(table, shape, piece.reads)
                if made is None or min(made, default=1) < 1:
                    return None
            except (TypeError, ValueError, LookupError, ZeroDivisionError, OverflowError):
                return None
            shape = named[table.get("name", "")] = made
    return shape


def through(table: Mapping[str, Any], shape: tuple[int, ...], reads: int) -> tuple[int, ...] | None:
    """The shape behind one layer."""
    kind = table["kind"]
    if kind == "dense":
        return None if reads not in (0, shape[-1]) else (*shape[:-1], table["units"])
    if kind.startswith("conv_transpose"):
        k, s, p, d, o = (each(table.get(key, default), len(shape) - 1) for key, default in (
            ("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)))  # fmt: skip
        sizes = [(n - 1) * s[i] - 2 * p[i] + d[i] * (k[i] - 1) + o[i] + 1 for i, n in enumerate(shape[1:])]
        return None if reads not in (0, shape[0]) else (table["channels"], *sizes)
    if kind.startswith(("conv", "depthwise", "max_pool", "avg_pool", "lp_pool")):
        found = tuple(_window(table, i, n, len(shape) - 1) for i, n in enumerate(shape[1:]))
        made = (
            shape[0] * table.get("multiplier", 1) if kind.startswith("depthwise") else table.get("channels", shape[0])
        )
        return None if reads not in (0, shape[0]) else (made, *found)
    if kind.startswith("adaptive"):
        return (shape[0], *each(table["output_size"], len(shape) - 1))
    if kind.startswith("global"):
        return shape[:1]
    if kind == "flatten":
        return (prod(shape),)
    if kind == "embedding":
        return (*shape, table["units"])
    if kind in ("mean_positions", "embedding_bag"):
        return shape[1:] if kind == "mean_positions" else (table["units"],)
    if kind in _SHAPED:
        return tuple(_SHAPED[kind](table, shape))
    if kind in ("rnn", "lstm", "gru"):
        units = (table.get("proj_size") or table["units"]) * (2 if table.get("bidirectional") else 1)
        ok = len(shape) == 2 and reads in (0, shape[1])
        return None if not ok else (shape[0], units) if table.get("sequence") else (units,)
    return shape


def _sides(table: Mapping[str, Any], key: str, shape: tuple[int, ...], sign: int) -> Sequence[int]:
    """A shape with its last axes longer or shorter by a pair each."""
    pairs = table[key]
    return (*shape[: -len(pairs)], *(n + sign * sum(pair) for n, pair in zip(shape[-len(pairs) :], pairs, strict=True)))


def _reshaped(table: Mapping[str, Any], shape: tuple[int, ...]) -> Sequence[int]:
    known = prod(n for n in table["shape"] if n > 0)
    return [prod(shape) // known if n == -1 else n for n in table["shape"]]


def _times(table: Mapping[str, Any], shape: tuple[int, ...]) -> Sequence[int]:
    factor = each(table["factor"], len(shape) - 1)
    return (shape[0], *(n * times for n, times in zip(shape[1:], factor, strict=True)))


_SHAPED: Mapping[str, Callable[[Mapping[str, Any], tuple[int, ...]], Sequence[int]]] = {
    "permute": lambda table, shape: [shape[axis - 1] for axis in table["axes"]],
    "reshape": _reshaped,
    "pad": lambda table, shape: _sides(table, "pad_width", shape, 1),
    "crop": lambda table, shape: _sides(table, "crop_width", shape, -1),
    "upsample": _times,
    "interpolate": lambda table, shape: (shape[0], *each(table["size"], len(shape) - 1)),
    "repeat_vector": lambda table, shape: (table["positions"], *shape),
    "positions": lambda table, shape: (table.get("to", shape[0]) - table.get("from", 0), *shape[1:]),
    "pixel_shuffle": lambda table, shape: (shape[0] // table["factor"] ** 2, *(n * table["factor"] for n in shape[1:])),
    "pixel_unshuffle": lambda table, shape: (
        shape[0] * table["factor"] ** 2, *(n // table["factor"] for n in shape[1:])),
    "glu": lambda table, shape: (*shape[:-1], shape[-1] // 2),
}  # fmt: skip
"""Kinds that only move numbers: the shape behind one, of that before it."""


def each(value: Any, axes: int) -> Sequence[int]:
    return value if isinstance(value, list | tuple) else [value] * axes


def _window(table: Mapping[str, Any], axis: int, size: int, axes: int) -> int:
    """How many windows a convolution or a pool has along an axis."""
    kernel, dilation = (each(table.get(key, 1), axes)[axis] for key in ("kernel_size", "dilation"))
    pool = "conv" not in table["kind"]
    stride = each(table.get("stride", table["kernel_size"] if pool else 1), axes)[axis]
    if table.get("padding") == "same":
        return size
    steps = (size + 2 * each(table.get("padding", 0), axes)[axis] - dilation * (kernel - 1) - 1) / stride
    return (ceil(steps) if table.get("ceil_mode") else int(steps // 1)) + 1
