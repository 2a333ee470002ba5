"""Recurrent layers, as their cells over time, and packed sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import condition, part, rearranged, values, whole
from bptui.model.source.captured.known.joining import joined, stacked
from bptui.model.source.captured.known.registry import Entry, known

State = list[Any]
"""[h], or [h, c] of an LSTM."""


def _cell(u: Call, kind: str, x: Any, state: State, weights: Sequence[Any]) -> State:
    """The state after one step. weights: of the input, of h, and the biases of both, if any; of an LSTM whose h is a
    projection, its weight at last."""
    if kind == "lstm":
        if len(weights) == 3:  # no biases, and a projection
            weights = [*weights[:2], u.number(0.0), u.number(0.0), weights[2]]
        y = u.use("lstm_cell", x, *state, *weights)
        hidden, units = (s.shape[-1] for s in state)
        return [part(u, y, -1, slice(0, hidden)), part(u, y, -1, slice(hidden, hidden + units))]
    if kind == "gru":
        return [u.use("gru_cell", x, state[0], *weights)]
    return [u.use("rnn_cell", x, state[0], *weights, nonlinearity=kind.removeprefix("rnn_"))]


@known("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def one_cell(u: Call, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> list[Node]:
    weights = [w for w in (w_ih, w_hh, b_ih, b_hh) if w is not None]
    return _cell(u, u.name.removesuffix("_cell"), input, hx if isinstance(hx, list) else [hx], weights)


@dataclass
class Layers:
    """What a recurrent call was given beside its input. masks: what the dropout after each layer but the last kept, as
    (time, samples, features); for packed sequences (all steps of all samples, features)."""

    kind: str
    weights: Sequence[Any]
    biases: bool
    count: int
    dropout: float
    both: bool
    projected: bool = False

    def of(self, layer: int, way: int) -> Sequence[Any]:
        """The weights of a layer, one way."""
        per = (4 if self.biases else 2) + self.projected
        n = (layer * (2 if self.both else 1) + way) * per
        return self.weights[n : n + per]


def _run(u: Call, steps: list[Any], state: State, layers: Layers) -> tuple[list[Any], list[State]]:
    """The last layer's outputs over time, and the states that each layer ends in, one way after the other. Samples that
    are shorter stop earlier: of later steps there are fewer samples, the first ones."""
    ends = []
    for layer in range(layers.count):
        ways = []
        for way in range(2 if layers.both else 1):
            n = layer * (2 if layers.both else 1) + way
            outs, end = _over_time(u, steps, [part(u, s, 0, n) for s in state], layers, (layer, way))
            ways.append(outs)
            ends.append(end)
        steps = [u.use("concat", a, b, axis=-1) for a, b in zip(*ways, strict=True)] if layers.both else ways[0]
        if layers.dropout and layer < layers.count - 1:
            steps = _dropped(u, steps, layer, layers.dropout)
    return steps, ends


def _over_time(
    u: Call, steps: list[Any], state: State, layers: Layers, which: tuple[int, int]
) -> tuple[list[Any], State]:
    """One layer one way: its outputs in the order of time, and its last state."""
    weights, samples = layers.of(*which), state[0].shape[0]
    outs: list[Any] = [None] * len(steps)
    first, now, done = state, state, []
    if which[1]:  # backwards: samples join in where they end
        now = [part(u, s, 0, slice(0, steps[-1].shape[0])) if steps[-1].shape[0] < samples else s for s in state]
    for t in reversed(range(len(steps))) if which[1] else range(len(steps)):
        count, had = steps[t].shape[0], now[0].shape[0]
        if count < had:
            done.append([part(u, s, 0, slice(count, had)) for s in now])
            now = [part(u, s, 0, slice(0, count)) for s in now]
        elif count > had:
            now = [
                u.use("concat", s, part(u, f, 0, slice(had, count)), axis=0) for s, f in zip(now, first, strict=True)
            ]
        now = _cell(u, layers.kind, steps[t], now, weights)
        outs[t] = now[0]
    for rest in reversed(done):
        now = [u.use("concat", a, b, axis=0) for a, b in zip(now, rest, strict=True)]
    return outs, now


def _dropped(u: Call, steps: list[Any], layer: int, p: float) -> list[Any]:
    """The outputs of a layer on their way to the next one."""
    if len(u.masks) <= layer:
        u.lacks(f"{u.name}: what the dropout between its layers kept was not recorded")
    drawn, start, found = u.ref(u.masks[layer]), 0, []
    flat = sum(s.shape[0] for s in steps)
    if drawn.shape not in ((flat, steps[0].shape[-1]), (len(steps), *steps[0].shape)):
        u.lacks(f"{u.name}: the dropout between its layers draws in a shape of its own")
    for step in steps:
        rows = slice(start, start + step.shape[0])
        start = rows.stop

        def kept(rows: slice = rows) -> Array:
            return np.asarray(values(u, drawn) != 0).reshape(flat, -1)[rows]

        found.append(u.use("dropout", step, condition(u, step.shape, kept), p=p))
    return found


def _recurrent(kind: str) -> Entry:
    def padded(
        u: Call, input: Any, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float, train: bool,
        bidirectional: bool, batch_first: bool,
    ) -> list[Node]:  # fmt: skip
        layers = Layers(kind, params, has_biases, num_layers, dropout if train else 0.0, bidirectional, _projected(hx))
        axis = 1 if batch_first else 0
        steps = [part(u, input, axis, t) for t in range(input.shape[axis])]
        outs, ends = _run(u, steps, hx if isinstance(hx, list) else [hx], layers)
        return [stacked(u, outs, axis), *_last(u, ends)]

    def packed(
        u: Call, data: Any, batch_sizes: Any, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool,
    ) -> list[Node]:  # fmt: skip
        layers = Layers(kind, params, has_biases, num_layers, dropout if train else 0.0, bidirectional, _projected(hx))
        stops = np.cumsum(values(u, batch_sizes)).tolist()
        steps = [part(u, data, 0, slice(*pair)) for pair in zip([0, *stops], stops, strict=False)]
        outs, ends = _run(u, steps, hx if isinstance(hx, list) else [hx], layers)
        return [joined(u, outs, 0), *_last(u, ends)]

    def entry(u: Call, input: Any, *given: Any, **more: Any) -> list[Node]:
        """Of padded sequences, or of packed ones: then the second argument says how many samples each step has."""
        return (packed if whole(given[0]) else padded)(u, input, *given, **more)

    return entry


def _projected(hx: Any) -> bool:
    """Is h a projection of what an LSTM's cell makes, of another size than c?"""
    return isinstance(hx, list) and hx[0].shape[-1] != hx[1].shape[-1]


def _last(u: Call, ends: list[State]) -> list[Node]:
    """The states that the layers end in, each kind on its own."""
    return [stacked(u, kind, 0) for kind in zip(*ends, strict=True)]


for _kind in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
    known(_kind)(_recurrent(_kind))


@known("pack_padded_sequence", "_pack_padded_sequence")
def pack(u: Call, input: Any, lengths: Any, batch_first: bool) -> Node:
    """All samples' first steps, then all second ones of those that have one, and so on; the second result counts."""
    sizes: Ref = u.results[1]

    def find(p: Array) -> Array:
        steps = p.swapaxes(0, 1) if batch_first else p
        return np.concatenate([steps[t, :count] for t, count in enumerate(values(u, sizes))])

    return rearranged(u, input, find)


@known("pad_packed_sequence", "_pad_packed_sequence")
def unpack(u: Call, data: Any, batch_sizes: Any, batch_first: bool, padding_value: Any, total_length: Any) -> Node:
    shape = u.results[0].shape
    lead = shape[:2]

    def places() -> Array:
        found, start = np.full(lead, -1), 0
        steps = found.swapaxes(0, 1) if batch_first else found
        for t, count in enumerate(values(u, batch_sizes)):
            steps[t, :count] = np.arange(start, start + count)
            start += count
        return found

    y = u.use("take", data, u.whole(lead, lambda: np.maximum(places(), 0)), axis=0)
    there = condition(
        u, (*lead, *(1,) * (len(shape) - 2)), lambda: (places() >= 0).reshape(*lead, *(1,) * (len(shape) - 2))
    )
    return u.use("where", there, y, padding_value)
