"""rnn, lstm, gru over sequences (samples, positions, features): one cell per position, all with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bptui.model.graph import Node
from bptui.model.keys import Key
from bptui.model.layers.place import BIAS_INIT, GIVEN, INIT, TRAIN, Kind, Place, settings_of
from bptui.model.layers.sequence import AXES
from bptui.model.ops.common import flag, integer

JOIN = 8
"""How many tensors one concat takes."""


def _recurrent(op: str, gates: int) -> Callable[[Place, Node], tuple[Node, str]]:
    """A builder: weights as PyTorch has them, (gates·units, features), drawn from U(-1/√units, 1/√units)."""

    def build(place: Place, x: Node) -> tuple[Node, str]:
        place.rank(x, AXES)
        samples, positions, features = x.shape
        units = place.settings["units"]
        fan = (units, units)
        weights = [
            place.parameter("w_ih", (gates * units, features), "W", "torch_uniform", fan=fan),
            place.parameter("w_hh", (gates * units, units), "U", "torch_uniform", fan=fan),
            place.parameter("b_ih", (gates * units,), "b", "torch_uniform", fan=fan),
            place.parameter("b_hh", (gates * units,), "c", "torch_uniform", fan=fan),
        ]
        settings = {key: place.settings[key] for key in settings_of(op)}
        h = place.leaf("h0", "const", np.zeros((samples, units)), symbol="h")
        cell = place.leaf("c0", "const", np.zeros((samples, units)), symbol="c") if op == "lstm_cell" else None
        hidden = []
        for t in range(positions):
            now = place.use("slice", x, part=f"x{t + 1}", symbol="x", index=f"[:, {t}]")
            if cell is None:
                h = place.use(op, now, h, *weights, part=f"h{t + 1}", symbol="h", **settings)
            else:
                both = place.use(op, now, h, cell, *weights, part=f"hc{t + 1}", **settings)
                h = place.use("slice", both, part=f"h{t + 1}", symbol="h", index=f"[:, :{units}]")
                if t + 1 < positions:
                    cell = place.use("slice", both, part=f"c{t + 1}", symbol="c", index=f"[:, {units}:]")
            hidden.append(h)
        summary = f"{op.removesuffix('_cell')} {units}, {positions} positions"
        return (_sequence(place, hidden) if place.settings["sequence"] else h), summary

    return build


def _sequence(place: Place, hidden: list[Node]) -> Node:
    """(samples, positions, units) of the hidden states, joined a few at a time."""
    samples, units = hidden[0].shape
    parts = [place.use("reshape", h, part=f"{h.label}_row", shape=(samples, 1, units)) for h in hidden]
    level = 0
    while len(parts) > 1:
        level += 1
        groups = [parts[i : i + JOIN] for i in range(0, len(parts), JOIN)]
        parts = [
            group[0] if len(group) == 1 else place.use("concat", *group, part=f"join{level}_{n}", axis=1)
            for n, group in enumerate(groups, 1)
        ]
    return parts[0]


def _kind(doc: str, op: str, gates: int) -> Kind:
    keys = {
        "units": Key(integer(1), None, "units = 8, for example", required=True),
        "sequence": Key(flag, False, "true: the hidden states of all positions, not only of the last"),
        **settings_of(op),
        **dict.fromkeys(("w_ih", "w_hh", "b_ih", "b_hh"), GIVEN),
        "init": INIT,
        "bias_init": BIAS_INIT,
        "train": TRAIN,
    }
    return Kind(doc, keys, _recurrent(op, gates))


KINDS: Mapping[str, Kind] = {
    "rnn": _kind("a plain recurrent layer", "rnn_cell", 1),
    "lstm": _kind("long short-term memory; gates i, f, g, o", "lstm_cell", 4),
    "gru": _kind("gated recurrent units; gates r, z, n", "gru_cell", 3),
}
