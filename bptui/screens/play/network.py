"""Panel 1 of the playground: a map for each neuron, the weights as lines between them, the chosen one in brackets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.spans import Line, Span
from bptui.screens import pixels, plot
from bptui.screens.play import levels
from bptui.screens.play.chosen import Choice
from bptui.screens.render import RenderOptions, clip
from bptui.teach.play.course import Frame

SIZES = (
    (14, 7, 1, 32), (10, 5, 1, 20), (8, 4, 1, 18), (6, 3, 1, 0), (4, 2, 1, 0), (4, 2, 0, 0), (4, 1, 1, 0), (4, 1, 0, 0)
)  # fmt: skip
"""Columns and rows of a map, rows between two, and the rows of the panel from which on it may be so large."""
LEFT = 2
GAP = 5
"""Columns between two layers, at least: for the lines."""
FAINTEST = 0.1
"""Of the largest weight: smaller ones are not drawn."""
DASH = 3
"""Dots of a dash of a negative weight, and between two."""
NUMBERS = 9
"""Columns between two layers from which on weights stand as numbers beside the chosen neuron."""


class Column(NamedTuple):
    """One layer, or the inputs: values over the lattice (points, units) and how they are drawn."""

    name: str
    values: Any
    ranges: tuple[levels.Range, ...]
    labels: tuple[str, ...] = ()


def columns(frame: Frame) -> list[Column]:
    """Inputs, then the hidden layers."""
    sight = frame.sight
    shown = np.stack([sight.shown(name) for name in sight.inputs], axis=1)
    made = [Column("x", shown, tuple(levels.of_layer(part, "") for part in shown.T), sight.inputs)]
    for number, values in enumerate(frame.seen.layers[:-1]):
        activation = str(frame.setup.layers[number].get("activation", "linear"))
        made.append(Column(frame.names[number], values, (levels.of_layer(values, activation),) * values.shape[1]))
    return made


def title(frame: Frame, choice: Choice, look: RenderOptions) -> Line:
    """At the right: what the levels of the chosen layer's maps stand for."""
    made = columns(frame)
    at = min(choice.layer, len(made) - 2)
    return levels.legend(made[at + 1].ranges[0] if at >= 0 else made[0].ranges[0], look)


def lines(frame: Frame, choice: Choice, width: int, height: int, look: RenderOptions) -> list[Line]:
    """The maps, or, where they have no room, one row for each layer."""
    made = columns(frame)
    size = _size(made, height, width)
    if size is None:
        return _rows(frame, made, choice, width, height, look)
    return _Drawing(frame, made, choice, (width, height), size, look).lines()


def _size(made: list[Column], height: int, width: int) -> tuple[int, int] | None:
    """(columns, rows) of a map: the largest in which every layer has room, with a row between two if it can be."""
    most = max(column.values.shape[1] for column in made)
    for wide, tall, between, least in SIZES:
        if height >= least and most * (tall + between) - between <= height and LEFT + wide + GAP <= width:
            return wide, tall
    return None


class _Drawing:
    """One picture of a network that has room for a map of each neuron."""

    def __init__(
        self, frame: Frame, made: list[Column], choice: Choice, room: tuple[int, int], size: tuple[int, int],
        look: RenderOptions,
    ) -> None:  # fmt: skip
        self.frame, self.made, self.choice, self.look = frame, made, choice, look
        (self.width, self.height), (self.wide, self.tall) = room, size
        self.page = plot.Plot(self.width, self.height, look.unicode)
        inputs = made[0].values.shape[1]
        self.beside = inputs * (self.tall + 1) > self.height  # no row over each input for its name
        self.left = 8 if self.beside else LEFT + (self.wide > 6)
        self.first, self.count = self._window()
        self.spacing = (self.width - self.left - 1) / self.count

    def _window(self) -> tuple[int, int]:
        """(the first column that is shown, how many): those around the chosen layer, where not all have room."""
        room = max(1, (self.width - self.left - 1) // (self.wide + GAP))
        count = min(len(self.made), room)
        first = max(0, min(self.choice.layer + 1 - count // 2, len(self.made) - count))
        return first, count

    def lines(self) -> list[Line]:
        """The page."""
        shown = range(self.first, self.first + self.count)
        for number in shown:
            self._weights(number)
        for number in shown:
            self._column(number)
        end = self.first + self.count
        for x, more, glyph in ((0, self.first > 0, "<"), (self.width - 1, end < len(self.made), ">")):
            if more:
                self.page.put(x, self.height // 2, glyph, "text bold")
        return self.page.lines()

    def _x(self, number: int) -> int:
        return self.left + int((number - self.first) * self.spacing)

    def _y(self, number: int, unit: int) -> int:
        """The first row of a map; of what stands past the last column, the row of its line."""
        if number == len(self.made):
            units: int = self.frame.seen.layers[-1].shape[1]
            return int((unit + 0.5) * self.height / units)
        units = self.made[number].values.shape[1]
        return int(np.ceil((unit + 0.5) * self.height / units - self.tall / 2 - 0.5))

    def _weights(self, number: int) -> None:
        """The lines from the neurons of a column to those of the next."""
        weight = self.frame.weight(number)
        if weight is None:
            return
        with np.errstate(all="ignore"):
            size = np.abs(np.nan_to_num(weight, nan=0.0, posinf=0.0, neginf=0.0))
        largest = float(size.max()) if size.size else 0.0
        across, down = self.page.wide // self.page.width, self.page.tall // self.page.height
        last = number + 1 >= self.first + self.count
        x0 = across * (self._x(number) + self.wide + 1)
        x1 = across * (self.width - 1 if last else self._x(number + 1) - 2) + across - 1
        order = np.argsort(size, axis=None)  # the largest last, so that they lie on top
        for source, target in zip(*np.unravel_index(order, size.shape), strict=True):
            part = size[source, target] / largest if largest else 0.0
            if part < FAINTEST:
                continue
            ink = f"ink-parameter-{min(4, int(part * 5))}"
            style = ink if not self.look.ansi else "parameter bold" if part > 0.6 else "parameter"
            y0 = self._dot(self._y(number, int(source)) + (self.tall - 1) / 2, down)
            end = number + 1 == len(self.made)
            y1 = self._dot(self._y(number + 1, int(target)) + (0 if end else (self.tall - 1) / 2), down)
            self._line((x0, y0), (x1, y1), style, bool(weight[source, target] < 0))

    def _dot(self, row: float, down: int) -> int:
        return self.page.tall - 1 - int((row + 0.5) * down)

    def _line(self, begin: tuple[int, int], end: tuple[int, int], style: str, dashed: bool) -> None:
        steps = max(abs(end[0] - begin[0]), 1)
        for k in range(steps + 1):
            if dashed and (k // DASH) % 2:
                continue
            self.page.dot(begin[0] + k, round(begin[1] + (end[1] - begin[1]) * k / steps), style)

    def _column(self, number: int) -> None:
        column, x = self.made[number], self._x(number)
        for unit in range(column.values.shape[1]):
            y = self._y(number, unit)
            grid = levels.sampled(
                column.values[:, unit].reshape(self.frame.sight.size, self.frame.sight.size), self.wide, 2 * self.tall
            )
            for k, row in enumerate(pixels.pixels(levels.levels(grid, column.ranges[unit]), self.look)):
                self._map_row(x, y + k, row)
            if column.labels:
                label = column.labels[unit]
                at = (0, y + self.tall // 2) if self.beside else (x, y - 1)
                self.page.put(*at, label[: max(7, self.wide + 2)], "dim")
            if self.choice[:2] == (number - 1, unit):
                self._brackets(number, x, y)

    def _map_row(self, x: int, y: int, row: Line) -> None:
        """Blanks of the background hide the lines under them, too: a map is a whole thing."""
        self.page.spans(x, y, row)

    def _brackets(self, number: int, x: int, y: int) -> None:
        for k in range(self.tall):
            self.page.put(x - 1, y + k, "[", "text bold")
            self.page.put(x + self.wide, y + k, "]", "text bold")
        weight = self.frame.weight(number - 1)
        if weight is None or self.spacing - self.wide < NUMBERS + 3 or len(weight) > self.tall:
            return
        apart = 2 if len(weight) * 2 - 1 <= self.tall else 1
        first = y + (self.tall - (len(weight) - 1) * apart - 1) // 2
        for k, value in enumerate(weight[:, self.choice.unit]):
            text = f"{value:.2f}" if np.isfinite(value) else str(value)
            marked = self.choice.source == k
            self.page.put(x - 2 - len(text), first + k * apart, text, f"parameter bold{' reverse' if marked else ''}")


def _rows(frame: Frame, made: list[Column], choice: Choice, width: int, height: int, look: RenderOptions) -> list[Line]:
    """Layers as rows of cells, one for each neuron: how large its value is over the plane, on average."""
    out: list[Line] = [(Span(" a cell is a neuron: its mean size on the plane", "dim"),), ()]
    for number, column in enumerate(made):
        with np.errstate(all="ignore"):
            size = np.nan_to_num(np.abs(column.values).mean(axis=0), posinf=0.0)
        top = float(size.max()) or 1.0
        count = len(size)
        word = "input" if number == 0 else "neuron"
        told = f"{count} {word}{'' if count == 1 else 's'}"
        room = max(4, width - 24)
        steps = np.clip((size / top * 4).astype(int) + 1, 1, 5) if count else size
        cells = [pixels.legend(int(level), look) for level in steps.tolist()]
        wide = 2 if 2 * count <= room else 1
        row = [Span(text[:wide], style) for text, style in cells[: room // wide]]
        if choice.layer == number - 1 and 0 <= choice.unit < len(row):
            row[choice.unit] = Span("[]"[:wide], "text bold reverse")
        out.append(clip((Span(f" {column.name[:9]:<10}", "text bold"), *row, Span(f"  {told}", "dim")), width))
        if len(made) * 2 + 2 <= height:
            out.append(())
    if len(out) > height:
        at = max(0, min(choice.layer + 3 - height // 2, len(out) - height))
        out = out[at : at + height]
    return out[:height]
