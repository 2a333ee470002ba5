"""Where Keras has another axis last: channels of images stand behind the samples here, features of sequences last. What
is over one of them is turned to where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from bptui.model.source.convert.keras_rows import TURN, first_channels, last_channels
from bptui.model.source.convert.piece import Piece, Unknown, layer
from bptui.model.source.convert.shapes import each, flow

SEQUENCE, IMAGE = 2, 3
"""Axes without the samples: (positions, features), and from (channels, height, width) on."""
OVER_LAST = ("dense", "layer_norm", "rms_norm")
OVER_CHANNELS = ("batch_norm", "group_norm", "prelu")


def turned(pieces: Sequence[Piece], axes: int | None, shape: tuple[int, ...] | None) -> list[Piece]:
    """The pieces with what turns their axes, and with padding `same` in numbers, where one input has so many axes, and
    this shape (None: it is not said)."""
    found = []
    for piece in pieces:
        tables: list[Mapping[str, Any]] = []
        why = piece.why
        for table in piece.layers:
            made = _in_place(table, axes)
            try:
                made = [each for turn in made for each in _padded(turn, shape)]
            except Unknown as problem:
                made, why = [], str(problem)
            tables += made
            axes, shape = _behind(table, axes), flow([Piece("", tuple(made))], shape) if shape else None
        found.append(replace(piece, layers=tuple(tables), why=why))
    return [*_once(found)]


def _padded(table: Mapping[str, Any], shape: tuple[int, ...] | None) -> Sequence[Mapping[str, Any]]:
    """A layer whose windows are as many as one in `stride` of the places: what stands before it. The odd one of what is
    added stands behind (https://keras.io/api/layers/convolution_layers/convolution2d/)."""
    kind = table["kind"]
    if table.get("padding") != "same" or ("conv" in kind and "stride" not in table):
        return [table]
    if shape is None:
        raise Unknown("padding same with strides depends on the size of the input, which is not said")
    places = len(shape) - 1
    kernel, dilation = (each(table.get(key, 1), places) for key in ("kernel_size", "dilation"))
    stride = each(table.get("stride", table["kernel_size"] if "pool" in kind else 1), places)
    pairs = []
    for size, k, d, s in zip(shape[1:], kernel, dilation, stride, strict=True):
        missing = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        pairs.append([missing // 2, missing - missing // 2])
    rest = {key: item for key, item in table.items() if key != "padding"}
    if not any(map(sum, pairs)):
        return [rest]
    return [layer("pad", pad_width=pairs, value=-inf if "pool" in kind else None), rest]


def _in_place(table: Mapping[str, Any], axes: int | None) -> Sequence[Mapping[str, Any]]:
    kind = table["kind"]
    if axes is None:
        return [table]
    if kind in OVER_CHANNELS and axes == SEQUENCE:
        return [TURN, table, TURN]
    if axes >= IMAGE and (kind in OVER_LAST):
        return [last_channels(axes), table, first_channels(axes)]
    if axes >= IMAGE and kind == "reshape":
        return [last_channels(axes), table]
    if axes >= IMAGE and kind == "activation" and table["activation"] in ("softmax", "log_softmax"):
        return [{**table, "activation": {"kind": table["activation"], "axis": 1}}]
    return [table]


def _elementwise(table: Mapping[str, Any]) -> bool:
    activation = table.get("activation")
    word = activation.get("kind") if isinstance(activation, Mapping) else activation
    return table["kind"] == "dropout" or (table["kind"] == "activation" and "softmax" not in str(word))


def _behind(table: Mapping[str, Any], axes: int | None) -> int | None:
    """How many axes there are behind a layer."""
    kind = table["kind"]
    if kind in ("flatten", "mean_positions") or kind.startswith("global"):
        return 1
    if kind in ("rnn", "lstm", "gru"):
        return SEQUENCE if table.get("sequence") else 1
    if kind in ("embedding", "repeat_vector"):
        return SEQUENCE
    if kind in ("reshape", "permute"):
        return len(table["shape" if kind == "reshape" else "axes"])
    if kind.endswith("d") and kind[-2].isdigit():  # convolutions and pools
        return int(kind[-2]) + 1
    return axes


def _once(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Without what is turned and turned back at once, or around what does the same wherever axes stand."""
    kept: list[Piece] = []
    for piece in pieces:
        layers = list(piece.layers)
        if len(layers) == 1 and _elementwise(layers[0]) and kept and kept[-1].layers and kept[-1].layers[-1] == TURN:
            layers = [TURN, *layers, TURN]
        while layers and layers[0] == TURN and kept and kept[-1].layers and kept[-1].layers[-1] == TURN:
            kept[-1] = replace(kept[-1], layers=kept[-1].layers[:-1])
            layers.pop(0)
        kept.append(replace(piece, layers=tuple(layers)))
    yield from kept
