"""The neuron that is chosen, and its formula with the weights plugged in."""

from __future__ import annotations

from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.screens.render import length
from bptui.teach.play.course import Frame


class Choice(NamedTuple):
    """layer  from 0; the last is the output · unit  in it · source  which of its weights, the bias after them"""

    layer: int = 0
    unit: int = 0
    source: int = 0

    def within(self, frame: Frame) -> Choice:
        """The same, or the nearest that a network has."""
        layer = max(0, min(self.layer, len(frame.names) - 1))
        weight = frame.weight(layer)
        inputs, units = weight.shape if weight is not None else (1, 1)
        more = frame.bias(layer) is not None
        return Choice(layer, max(0, min(self.unit, units - 1)), max(0, min(self.source, inputs - 1 + more)))

    def moved(self, frame: Frame, down: int, right: int) -> Choice:
        """Another neuron: up and down in its layer, left and right to the next one."""
        made = Choice(self.layer + right, self.unit + down, self.source).within(frame)
        return made._replace(source=0) if made[:2] != self[:2] else made

    def parameter(self, frame: Frame) -> tuple[str, tuple[int, ...]]:
        """(name, index) of the chosen weight or bias."""
        name, weight = frame.names[self.layer], frame.weight(self.layer)
        if weight is None or self.source >= len(weight):
            return f"{name}.bias", (self.unit,)
        return f"{name}.weight", (self.source, self.unit)


def moves(frame: Frame, choice: Choice) -> Line:
    """`layer1.weight[0,1] is 0.7712; its gradient -0.0123 makes it 0.7745`."""
    name, index = choice.parameter(frame)
    now, slope, after = (
        float(array[index]) if (array := found.get(name)) is not None else None
        for found in (frame.parameters, frame.gradients, frame.after)
    )
    head = (Span(f"{name}{numbers.index(index)} is ", "dim"), Span(numbers.significant(now, 4), "parameter"))
    if slope is None or after is None:
        return (*head, Span(", and is not trained", "dim"))
    told = (Span("; its gradient ", "dim"), Span(numbers.significant(slope, 4), "gradient"))
    return (*head, *told, Span(" makes it ", "dim"), Span(numbers.significant(after, 4), "parameter bold"))


def slope(frame: Frame, choice: Choice) -> Line:
    """`∂L/∂w -0.0123`, of the chosen weight."""
    name, index = choice.parameter(frame)
    if name not in frame.gradients:
        return ()
    return (Span("∂L/∂w ", "dim"), Span(numbers.significant(float(frame.gradients[name][index]), 3), "gradient bold"))


def name_of(frame: Frame, layer: int, unit: int) -> str:
    """`h1[0]` of a hidden neuron, `out` of the only output."""
    if layer < len(frame.names) - 1:
        return f"h{layer + 1}[{unit}]"
    return "out" if frame.seen.layers[-1].shape[1] == 1 else f"out[{unit}]"


def formula(frame: Frame, choice: Choice, width: int) -> Line:
    """`h1[1] = tanh(1.45·x1 - 0.74·x2 + 0.78)` in at most `width` cells; what has no room is counted."""
    table = frame.setup.layers[choice.layer]
    activation = table.get("activation", "linear")
    word = activation if isinstance(activation, str) else str(activation.get("kind"))
    linear = word in ("linear", "none", "identity")
    head: list[Span] = [Span(name_of(frame, choice.layer, choice.unit), "value"), Span(" = ")]
    head += [] if linear else [Span(word, "text bold"), Span("(")]
    close = "" if linear else ")"
    parts = _terms(frame, choice)
    body: list[Span] = []
    for n, part in enumerate(parts):
        left = len(parts) - n
        more = f" + {left} more{close}" if left > 1 else close
        if length([*head, *body, *part]) + (len(more) if left > 1 else len(close)) > width:
            return (*head, *body, Span(f"{' + ' if body else ''}{left} more{close}", "dim"))
        body += part
    return (*head, *body, Span(close))


def _terms(frame: Frame, choice: Choice) -> list[list[Span]]:
    weight, bias = frame.weight(choice.layer), frame.bias(choice.layer)
    column = [] if weight is None else [float(x) for x in weight[:, choice.unit]]
    inputs = frame.sight.inputs
    sources = inputs if not choice.layer else [name_of(frame, choice.layer - 1, k) for k in range(len(column))]
    found: list[tuple[float, str]] = list(zip(column, sources, strict=False))
    if bias is not None:
        found.append((float(bias[choice.unit]), ""))
    made: list[list[Span]] = []
    for n, (value, source) in enumerate(found):
        sign = "-" if value < 0 else "+"
        lead = f" {sign} " if n else "-" if value < 0 else ""
        style = "parameter reverse" if n == choice.source else "parameter"
        spans = [Span(lead), Span(_short(abs(value)), style)]
        if source:
            spans += [Span("·"), Span(f"({source})" if "*" in source else source, "value" if choice.layer else "text")]
        made.append(spans)
    return made


def _short(value: float) -> str:
    """Two decimals, or what tells it from 0."""
    text = f"{value:.2f}"
    return text if float(text) != 0 and len(text) < 8 else numbers.significant(value, 2)
