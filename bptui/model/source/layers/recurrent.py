"""rnn, lstm, gru over sequences (samples, positions, features): one cell per position, all with the same weights.

Several layers stand on each other, each in one direction or in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer, real
from bptui.model.source.layers.context import BIAS_INIT, GIVEN, INIT, TRAIN, Kind, LayerContext, settings_of
from bptui.model.source.layers.sequence import AXES

JOIN = 8
"""How many tensors one concat takes."""
MAX_LAYERS = 16
PARAMETERS = {"w_ih": "W", "w_hh": "U", "b_ih": "b", "b_hh": "c"}
"""Of a cell, with their symbols."""


@dataclass(frozen=True)
class _Cells:
    """A row of cells, one per position: which operation, how many blocks of rows in its weights, what the names of its
    nodes end with ("", "_2", "_reverse", "_2_reverse"), whether it starts at the last position."""

    op: str
    gates: int
    suffix: str
    reverse: bool

    def run(self, context: LayerContext, inputs: Sequence[Node]) -> list[Node]:
        """The hidden states, by position. Weights as PyTorch has them, (gates·units, features), drawn from
        U(-1/√units, 1/√units)."""
        op, suffix, units = self.op, self.suffix, context.settings["units"]
        samples, features = inputs[0].shape
        rows = self.gates * units
        shapes = {"w_ih": (rows, features), "w_hh": (rows, units), "b_ih": (rows,), "b_hh": (rows,)}
        weights = [
            context.parameter(f"{name}{suffix}", shape, PARAMETERS[name], "torch_uniform", fan=(units, units))
            for name, shape in shapes.items()
            if context.settings["use_bias"] or name.startswith("w")
        ]
        settings: dict[str, Any] = {key: context.settings[key] for key in settings_of(op)}
        h = context.leaf(f"h0{suffix}", "const", np.zeros((samples, units)), symbol="h")
        cell = None
        if op == "lstm_cell":
            cell = context.leaf(f"c0{suffix}", "const", np.zeros((samples, units)), symbol="c")
        hidden = []
        for t, now in enumerate(reversed(inputs) if self.reverse else inputs, 1):
            end = f"{t}{suffix}"
            if cell is None:
                h = context.use(op, now, h, *weights, part=f"h{end}", symbol="h", **settings)
            else:
                both = context.use(op, now, h, cell, *weights, part=f"hc{end}", **settings)
                h = context.use("slice", both, part=f"h{end}", symbol="h", index=f"[:, :{units}]")
                if t < len(inputs):
                    cell = context.use("slice", both, part=f"c{end}", symbol="c", index=f"[:, {units}:]")
            hidden.append(h)
        return hidden[::-1] if self.reverse else hidden


def _recurrent(op: str, gates: int) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of layers of one kind of cell."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        context.rank(x, AXES)
        positions, layers, both = x.shape[1], context.settings["layers"], context.settings["bidirectional"]
        if not positions:
            raise context.fail("", f"its input has shape {x.shape}", "a sequence of one position at least")
        inputs = [context.use("slice", x, part=f"x{t + 1}", symbol="x", index=f"[:, {t}]") for t in range(positions)]
        ends: list[Node] = []
        for level in range(1, layers + 1):
            suffix = "" if level == 1 else f"_{level}"
            forth = _Cells(op, gates, suffix, False).run(context, inputs)
            back = _Cells(op, gates, f"{suffix}_reverse", True).run(context, inputs) if both else []
            ends = [forth[-1], *back[:1]]
            inputs = forth
            if both and (level < layers or context.settings["sequence"]):
                pairs = zip(forth, back, strict=True)
                inputs = [_beside(context, pair, f"h{t}{suffix}_both") for t, pair in enumerate(pairs, 1)]
            if level < layers:
                inputs = _dropped(context, inputs, suffix)
        words = f"{'bidirectional ' * both}{op.removesuffix('_cell')} {context.settings['units']}"
        summary = f"{words}{f' x {layers}' if layers > 1 else ''}, {positions} positions"
        if context.settings["sequence"]:
            return _sequence(context, inputs), summary
        return (_beside(context, ends, "last_both") if both else ends[0]), summary

    return build


def _beside(context: LayerContext, parts: Sequence[Node], part: str) -> Node:
    """Hidden states of the two directions side by side: (samples, 2·units)."""
    return context.use("concat", *parts, part=part, symbol="h", axis=1)


def _dropped(context: LayerContext, inputs: list[Node], suffix: str) -> list[Node]:
    """What goes from one layer to the next, with dropout where it is asked for."""
    p = context.settings["dropout"]
    if not p:
        return inputs
    made = []
    for t, h in enumerate(inputs, 1):
        mask = context.leaf(f"mask{t}{suffix}", "random", shape=h.shape, symbol="m", attributes={"p": p})
        made.append(context.use("dropout", h, mask, part=f"h{t}{suffix}_dropped", symbol="h", p=p))
    return made


def _sequence(context: LayerContext, hidden: list[Node]) -> Node:
    """(samples, positions, features) of the hidden states, joined a few at a time."""
    samples, units = hidden[0].shape
    parts = [context.use("reshape", h, part=f"{h.label}_row", shape=(samples, 1, units)) for h in hidden]
    level = 0
    while len(parts) > 1:
        level += 1
        groups = [parts[i : i + JOIN] for i in range(0, len(parts), JOIN)]
        parts = [
            group[0] if len(group) == 1 else context.use("concat", *group, part=f"join{level}_{n}", axis=1)
            for n, group in enumerate(groups, 1)
        ]
    return parts[0]


def _layers(value: Any) -> int:
    number = integer(1)(value)
    if number > MAX_LAYERS:
        raise ValueError(f"must be at most {MAX_LAYERS}, not {number}")
    return number


def _kind(doc: str, op: str, gates: int) -> Kind:
    keys = {
        "units": Key(integer(1), None, "units = 8, for example", required=True),
        "sequence": Key(flag, False, "true: the hidden states of all positions, not only of the last"),
        "layers": Key(_layers, 1, "how many stand on each other; each reads all positions of the one below"),
        "bidirectional": Key(flag, False, "true: also from the last position to the first, side by side"),
        "dropout": Key(real(0, 1, open_high=True), 0.0, "how much is dropped between two layers"),
        "use_bias": Key(flag, True, "false leaves the biases out"),
        **settings_of(op),
        **dict.fromkeys(PARAMETERS, GIVEN),
        **{f"{name}_reverse": GIVEN for name in PARAMETERS},
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
