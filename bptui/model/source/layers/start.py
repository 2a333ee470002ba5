"""The states of recurrent layers: where they start, and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.errors import did_you_mean
from bptui.model.base.schema import Key, kind_of
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag
from bptui.model.engine.unrolled import State
from bptui.model.source.layers.context import LayerContext
from bptui.model.source.layers.positions import joined

WORDS = "zeros", "learned"


def _start(value: Any) -> Any:
    if not isinstance(value, str | list):
        raise ValueError(f'expected "zeros", "learned", numbers, or the name of a layer, found {kind_of(value)}')
    return value


START = Key(
    _start,
    "zeros",
    'what h is before the first position: "zeros", "learned", the name of an earlier layer of this kind whose state in '
    "the end it is, or numbers: (layers and directions, units), or (layers and directions, samples, units)",
)
CELL = Key(START.check, None, "as h0, of the cell's state (default: as h0 where that is a word)")
ENDS = Key(flag, False, "true: also h_n (and c_n), the states in the end: (layers and directions, samples, units)")


def starts(context: LayerContext, lstm: bool, samples: int, suffixes: Sequence[str]) -> list[State]:
    """What each row of cells starts from."""
    settings = context.settings
    units = settings["units"]
    hidden = settings.get("proj_size") or units
    if hidden > units or (settings.get("proj_size") == units):
        raise context.fail("proj_size", f"{hidden} of {units} units", "a projection is smaller than units")
    h = _given(context, "h0", settings["h0"], (samples, hidden), suffixes)
    if not lstm:
        return [State(each) for each in h]
    word = settings["c0"]
    if word is None:
        word = settings["h0"] if isinstance(settings["h0"], str) else "zeros"
    return [State(*pair) for pair in zip(h, _given(context, "c0", word, (samples, units), suffixes), strict=True)]


def _given(context: LayerContext, key: str, given: Any, shape: tuple[int, int], suffixes: Sequence[str]) -> list[Node]:
    symbol, made = key[0], []
    context.builder.afford(shape, context.table.at("units"))
    if isinstance(given, str) and given not in WORDS:
        return _of_another(context, key, given, shape, suffixes)
    numbers = None if isinstance(given, str) else _numbers(context, key, given, shape, len(suffixes))
    for n, suffix in enumerate(suffixes):
        part = f"{key}{suffix}"
        if given == "learned":
            trained = context.trained(f"learned_{part}", np.zeros(shape[1]), symbol)
            made.append(context.use("broadcast_to", trained, part=part, symbol=symbol, shape=shape))
        else:
            value = np.zeros(shape) if numbers is None else np.broadcast_to(numbers[n], shape)
            made.append(context.leaf(part, "const", value, symbol=symbol))
    return made


def _numbers(context: LayerContext, key: str, given: Any, shape: tuple[int, int], rows: int) -> Any:
    """Numbers of the file: one start for all samples, or one for each of a training step's."""
    value = array(given, context.table.at(key), dtype=context.builder.dtype)
    fits = (rows, shape[1]), (rows, *shape)
    if value.shape not in fits:
        right = " or ".join(map(shape_text, fits))
        raise context.fail(key, f"found shape {shape_text(value.shape)}", f"expected {right}")
    return value


def _of_another(
    context: LayerContext, key: str, name: str, shape: tuple[int, int], suffixes: Sequence[str]
) -> list[Node]:
    """The states in which another layer ended."""
    ends: dict[str, Sequence[State]] = context.making.ends
    if name not in ends:
        known = f"known: {', '.join((*WORDS, *ends))}"
        raise context.fail(
            key, f"'{name[:40]}' is no recurrent layer before it", did_you_mean(name, [*WORDS, *ends], known)
        )
    if len(ends[name]) != len(suffixes):
        raise context.fail(
            key, f"'{name}' ends in {len(ends[name])} states", f"{len(suffixes)}: layers and directions are as here"
        )
    made = []
    for suffix, state in zip(suffixes, ends[name], strict=True):
        node = state.h if key == "h0" else state.cell(context.named, f"c0{suffix}")
        if node is None:
            raise context.fail(key, f"'{name}' has no cell's state", 'the name of an lstm, or "zeros"')
        if node.shape != shape:
            raise context.fail(key, f"'{name}' ends in shape {shape_text(node.shape)}", f"{shape_text(shape)}, as here")
        made.append(node)
    return made


def finish(context: LayerContext, ends: Sequence[State]) -> None:
    """Keep the states in the end for layers that start there, and make h_n and c_n where they are asked for."""
    context.making.ends[context.name] = ends
    if context.settings["states"]:
        joined(context, [state.h for state in ends], 0, "h_n")
        cells = [state.cell(context.named, f"c_end{n}") for n, state in enumerate(ends, 1)]
        if found := [cell for cell in cells if cell is not None]:
            joined(context, found, 0, "c_n")
