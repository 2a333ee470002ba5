"""rnn, lstm, gru over sequences (samples, positions, features): one cell per position, all with the same weights.

Several layers stand on each other, each in one direction or in both. Where samples end earlier, a state stays as it is
from there on, and what comes out is 0: PyTorch's packed sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer, real
from bptui.model.engine.unrolled import Cells, State
from bptui.model.source.layers.context import BIAS_INIT, GIVEN, INIT, TRAIN, Kind, LayerContext, settings_of
from bptui.model.source.layers.positions import AXES, LENGTHS, emptied, joined, there
from bptui.model.source.layers.start import CELL, ENDS, START, finish, starts

MAX_LAYERS = 16
PARAMETERS = {"w_ih": "W", "w_hh": "U", "b_ih": "b", "b_hh": "c", "w_hr": "P"}
"""Of a cell, with their symbols."""


def _weights(context: LayerContext, gates: int, features: int, hidden: int, suffix: str) -> list[Node | float]:
    """As PyTorch has them, (gates·units, features), drawn from U(-1/√units, 1/√units)."""
    units = context.settings["units"]
    rows = gates * units
    shapes = {"w_ih": (rows, features), "w_hh": (rows, hidden), "b_ih": (rows,), "b_hh": (rows,)}
    if hidden != units:
        shapes["w_hr"] = (hidden, units)
    made: list[Node | float] = []
    for name, shape in shapes.items():
        if context.settings["use_bias"] or name[0] == "w":
            part = f"{name}{suffix}"
            made.append(context.parameter(part, shape, PARAMETERS[name], "torch_uniform", fan=(units, units)))
        elif hidden != units:
            made.append(0.0)  # in the place of a bias, before the projection
    return made


def _recurrent(op: str, gates: int) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of layers of one kind of cell."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        context.rank(x, AXES)
        positions, layers, both = x.shape[1], context.settings["layers"], context.settings["bidirectional"]
        if not positions:
            raise context.fail("", f"its input has shape {x.shape}", "a sequence of one position at least")
        ways = ("", "_reverse") if both else ("",)
        seen = there(context, x)
        columns = []
        if seen is not None:
            x = emptied(context, x, seen)
            columns = [
                context.use("slice", seen, part=f"there{t + 1}", symbol="there", index=f"[:, {t}:{t + 1}]")
                for t in range(positions)
            ]
        inputs = [context.use("slice", x, part=f"x{t + 1}", symbol="x", index=f"[:, {t}]") for t in range(positions)]
        attributes: dict[str, Any] = {key: context.settings[key] for key in settings_of(op)}
        levels = ["" if level == 1 else f"_{level}" for level in range(1, layers + 1)]
        begin = iter(starts(context, op == "lstm_cell", x.shape[0], [f"{s}{way}" for s in levels for way in ways]))
        ends: list[State] = []
        for level, suffix in enumerate(levels, 1):
            made = []
            for way in ways:
                state, end = next(begin), f"{suffix}{way}"
                weights = _weights(context, gates, inputs[0].shape[1], state.h.shape[1], end)
                cells = Cells(context.named, op, weights, attributes, bool(way), columns, end)
                made.append(cells.run(inputs, state))
            ends += [state for _, state in made]
            inputs = made[0][0]
            if both and (level < layers or context.settings["sequence"]):
                pairs = zip(inputs, made[1][0], strict=True)
                inputs = [_beside(context, pair, f"h{t}{suffix}_both") for t, pair in enumerate(pairs, 1)]
            if level < layers:
                inputs = _dropped(context, inputs, suffix)
        finish(context, ends)
        words = f"{'bidirectional ' * both}{op.removesuffix('_cell')} {context.settings['units']}"
        summary = f"{words}{f' x {layers}' if layers > 1 else ''}, {positions} positions"
        if context.settings["sequence"]:
            return joined(context, inputs, 1), summary
        last = [state.h for state in ends[-len(ways) :]]
        return (_beside(context, last, "last_both") if both else last[0]), summary

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
        mask = context.mask(f"mask{t}{suffix}", h.shape, p)
        made.append(context.use("dropout", h, mask, part=f"h{t}{suffix}_dropped", symbol="h", p=p))
    return made


def _kind(doc: str, op: str, gates: int) -> Kind:
    lstm = op == "lstm_cell"
    given = [name for name in PARAMETERS if lstm or name != "w_hr"]
    keys = {
        "units": Key(integer(1), None, "units = 8, for example", required=True),
        "sequence": Key(flag, False, "true: the hidden states of all positions, not only of the last"),
        "layers": Key(
            integer(1, MAX_LAYERS), 1, "how many stand on each other; each reads all positions of the one below"
        ),
        "bidirectional": Key(flag, False, "true: also from the last position to the first, side by side"),
        "dropout": Key(real(0, 1, open_high=True), 0.0, "how much is dropped between two layers"),
        "use_bias": Key(flag, True, "false leaves the biases out"),
        **({"proj_size": Key(integer(1), None, "h is a projection of this size, smaller than units")} if lstm else {}),
        "lengths": LENGTHS,
        "h0": START,
        **({"c0": CELL} if lstm else {}),
        "states": ENDS,
        **settings_of(op),
        **dict.fromkeys(given, GIVEN),
        **{f"{name}_reverse": GIVEN for name in given},
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
