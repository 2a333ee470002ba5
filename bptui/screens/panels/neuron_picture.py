"""The picture of the neurons view: where each column of boxes stands, its ports, the lines to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.dense_chain import Column, Row
from bptui.model.engine.graph import Node
from bptui.screens.panels.below import Below, partly
from bptui.screens.panels.figures import figure, kind_of, symbol_of
from bptui.screens.plot import Plot
from bptui.screens.render import RenderOptions

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


class Place(NamedTuple):
    """Where a neuron stands in its column: its number, its first row, and whether it has a box or one row."""

    neuron: int
    top: int
    box: bool


def places(column: Column, chosen: int, height: int) -> tuple[list[Place], int, int]:
    """The neurons of a column in `height` rows, and how many are left out above and below.

    Boxes for all, where they have room; else a box for the chosen one and a row for each other; else those around it.
    """
    tall = len(column.rows) + 2
    count = column.count
    chosen = max(0, min(chosen, count - 1))
    if count * tall <= height:
        slot = height // count
        inset = min(1, (slot - tall) // 2)
        return [Place(n, n * slot + inset, True) for n in range(count)], 0, 0
    room = max(0, height - tall)
    if count - 1 > room:
        room = max(0, room - 2)
    first = max(0, min(chosen - room // 2, count - 1 - room))
    last = min(count, first + room + 1)
    found, y = [], int(first > 0)
    for n in range(first, last):
        found.append(Place(n, y, n == chosen))
        y += tall if n == chosen else 1
    return found, first, count - last


def number_of(array: Any, sample: int, neuron: int) -> float | None:
    """The number of a neuron in an array of (samples, neurons), or of (neurons,)."""
    if array is None or not array.size:
        return None
    if array.ndim == 2:
        return float(array[min(sample, array.shape[0] - 1), neuron])
    return float(array[neuron]) if array.ndim == 1 else None


BOX, INPUT = 16, 12
FIELD = 8
TIGHT, GAP, WIDEST = 10, 14, 24
"""Between two columns: lines, a weight, the cursor; where two columns have no other room, usually, at most."""
BESIDE = 2 * FIELD + 4
"""A gap in which a weight's gradient has room beside it."""
SOURCES = 4
"""With more sources than this only the selected neuron shows its weights."""
CURSOR = {"forward": ("▶", "value bold"), "backward": ("◀", "gradient bold")}


class Standing(NamedTuple):
    """What is selected: column (after the last: the loss), neuron in it; and the sample that is seen."""

    column: int
    neuron: int
    sample: int


class Port(NamedTuple):
    """What a neuron is fed by: an element of its weight with the place of its source, or (no source) its bias."""

    node: Node
    at: tuple[int, ...]
    source: Place | None


class Picture:
    """Columns of neurons on a page."""

    def __init__(
        self,
        session: Session,
        found: tuple[Column, ...],
        standing: Standing,
        width: int,
        height: int,
        look: RenderOptions,
    ) -> None:
        self.session, self.found, self.look = session, found, look
        self.paper = Plot(width, height, look.unicode)
        self.wires: list[tuple[bool, tuple[int, int, int, int]]] = []
        self.body = height - 1
        self.at, self.neuron, self.sample = standing
        self.below = Below.of(session)
        tight = width < 2 * BOX + GAP + 4
        self.margin, self.gap = (0, TIGHT) if tight else (4, GAP)
        self.first, self.last = self.window(width)
        self.x = self.columns(width)
        self.placed = {k: self.place(k) for k in range(self.first, self.last)}

    # ------------------------------------------------------------------------------------------------------ where
    def window(self, width: int) -> tuple[int, int]:
        """The columns that have room: as many as possible, the selected one and its sources among them."""
        last = min(self.at, len(self.found) - 1) + 1
        first = max(0, last - 2)
        while True:
            if last < len(self.found) and self.wide(first, last + 1) <= width - self.margin:
                last += 1
            elif first > 0 and self.wide(first - 1, last) <= width - self.margin:
                first -= 1
            else:
                return first, last

    def wide(self, first: int, last: int) -> int:
        return sum(self.box(k) for k in range(first, last)) + self.gap * (last - first - 1)

    def box(self, k: int) -> int:
        return INPUT if self.found[k].weight is None else BOX

    def columns(self, width: int) -> dict[int, int]:
        gaps = max(1, self.last - self.first - 1)
        spare = max(0, width - self.margin - self.wide(self.first, self.last))
        gap = min(WIDEST, self.gap + spare // gaps)
        left = self.margin // 2 + (spare - (gap - self.gap) * gaps) // 2
        found, x = {}, left if self.last - self.first > 1 else self.margin // 2
        for k in range(self.first, self.last):
            found[k] = x
            x += self.box(k) + gap
        return found

    def place(self, k: int) -> tuple[list[Place], int, int]:
        column = self.found[k]
        room = self.body
        if k == len(self.found) - 1:
            room = self.loss_row() if column.count == 1 else self.body - 5
        chosen = self.neuron if k == self.at else 0
        return places(column, chosen, room)

    def loss_row(self) -> int:
        """The first row of the loss' box: half way down under one neuron, at the end under several."""
        last = self.found[-1]
        tall = len(last.rows) + 2
        return max(self.body // 2, min(tall + 2, self.body - 4)) if last.count == 1 else self.body - 4

    # ----------------------------------------------------------------------------------------------------- drawing
    def lines(self) -> list[Line]:
        rest = len(self.found) - self.last
        before = f"< {self.first} more  " if self.first else ""
        after = f"  {rest} more >" if rest else ""
        for k in range(self.first, self.last):
            self.column(k, len(before), self.paper.width - len(after))
            if k > self.first:
                self.ports(k)
        if self.last == len(self.found):
            self.loss()
        for bright, ends in sorted(self.wires):  # where two cross, the bright one is seen
            self.paper.join(*ends, "text" if bright else "dim")
        self.paper.put(0, 0, before, "dim")
        self.paper.put(self.paper.width - len(after), 0, after, "dim")
        return self.paper.lines()

    def column(self, k: int, left: int, right: int) -> None:
        column, x = self.found[k], self.x[k]
        name = f"{column.name}  {column.about}".strip()
        at = max(left, min(x + (self.box(k) - len(name)) // 2, right - len(name)))
        self.paper.put(at, 0, name, "dim")
        found, above, below = self.placed[k]
        for place in found:
            if place.box:
                self.neuron_box(k, place)
            else:
                self.neuron_row(k, place)
        if above:
            self.paper.put(x + 1, 1, f"⋯ {above} more", "dim")
        if below:
            y = found[-1].top + (len(column.rows) + 2 if found[-1].box else 1)
            self.paper.put(x + 1, 1 + y, f"⋯ {below} more", "dim")

    def frame(self, x: int, y: int, wide: int, tall: int, name: Span, style: str) -> None:
        """A box with a name in its upper edge."""
        text = shorten(name.text, wide - 6)
        self.paper.put(x, y, "╭─ " + " " * len(text) + " " + "─" * (wide - len(text) - 5) + "╮", style)
        self.paper.put(x + 3, y, text, name.style)
        for row in range(1, tall - 1):
            self.paper.put(x, y + row, "│", style)
            self.paper.put(x + wide - 1, y + row, "│", style)
        self.paper.put(x, y + tall - 1, "╰" + "─" * (wide - 2) + "╯", style)

    def neuron_box(self, k: int, place: Place) -> None:
        column, x, y = self.found[k], self.x[k], place.top + 1
        mine = (k, place.neuron) == (self.at, self.neuron)
        kind = kind_of(column.out)
        name = f"{column.name} [{place.neuron}]" if column.weight is not None else f"{column.name}[{place.neuron}]"
        wide = self.box(k)
        self.frame(
            x, y, wide, len(column.rows) + 2, Span(name, f"{kind} bold" if mine else kind), "text" if mine else "rule"
        )
        for n, row in enumerate(column.rows, 1):
            self.paper.put(x + 2, y + n, row.label.replace("∂", self.below.sign), "dim")
            self.paper.spans(x + wide - 2 - FIELD, y + n, self.number(row, place.neuron, mine))
            if self.is_partial(row):
                self.paper.put(x + wide - 2, y + n, "…", "kink bold")
            if mine and self.marked(column, row):
                mark, style = CURSOR[self.session.cursor.phase]
                self.paper.put(x - 1, y + n, mark, style)

    def neuron_row(self, k: int, place: Place) -> None:
        column, x = self.found[k], self.x[k]
        row = next(r for r in reversed(column.rows) if r.part == "value")
        self.paper.put(x + 1, place.top + 1, f"[{place.neuron}]", "dim")
        self.paper.spans(x + self.box(k) - 2 - FIELD, place.top + 1, self.number(row, place.neuron, False))

    def number(self, row: Row, neuron: int, mine: bool) -> Line:
        """The number of a neuron; bold where it is the selected one, or was written by this Moment in its box."""
        state, node = self.session.state, row.node
        told = mine and (row.part in state.written(node) or (row.part == "value" and node.id == self.session.node.id))
        if row.part == "value":
            kind = kind_of(node)
            return figure(number_of(state.shown(node), self.sample, neuron), FIELD, 4, f"{kind} bold" if told else kind)
        array = self.below.array(node)
        if array is None and not self.below.awaited(node):
            return ()
        return self.below.figure(node, number_of(array, self.sample, neuron), FIELD, 4, told)

    def is_partial(self, row: Row) -> bool:
        return row.part == "gradient" and self.below.partial(row.node)

    def marked(self, column: Column, row: Row) -> bool:
        """Does the cursor stand before this row? Where this Moment wrote, else at the node that it is about."""
        if self.session.cursor.phase not in CURSOR or not column.holds(self.session.here):
            return False
        state = self.session.state
        wrote = [r for r in column.rows if r.part in state.written(r.node)]
        if wrote:
            return row == wrote[-1]
        return row == next((r for r in column.rows if r.node.id == self.session.here.id), None)

    # ------------------------------------------------------------------------------------------------------- ports
    def ports(self, k: int) -> None:
        column = self.found[k]
        found, _, _ = self.placed[k]
        many = self.found[k - 1].count > SOURCES or any(not place.box for place in found)
        chosen = self.neuron if k == self.at else 0
        for n, place in enumerate(found):
            if many and not (place.box and place.neuron == min(chosen, column.count - 1)):
                continue
            after = found[n + 1].top if n + 1 < len(found) and not many else self.body
            self.table(k, place, (0 if many else place.top, after))

    def ports_of(self, k: int, neuron: int) -> list[Port]:
        """Weight by weight what feeds a neuron, and last its bias."""
        column = self.found[k]
        assert column.weight is not None
        ports = [Port(column.weight, (source.neuron, neuron), source) for source in self.placed[k - 1][0]]
        if column.bias is not None:
            shape = column.bias.shape
            last = (neuron if shape[-1] == column.count else 0,) if shape else ()
            ports.append(Port(column.bias, (*(0,) * (len(shape) - 1), *last), None))
        return ports

    def table(self, k: int, place: Place, room: tuple[int, int]) -> None:
        """The weights and the bias of one neuron, each with its gradient below it, or beside it where there are many,
        in the rows from room[0] to room[1]."""
        ports, (low, high) = self.ports_of(k, place.neuron), room
        inside, count, free = len(self.found[k].rows) + 2, len(ports), high - low
        step = 2 if 2 * count <= inside else 3 if 3 * count - 1 <= free else 2 if 2 * count <= free else 1
        tall = step * (count - 1) + (2 if step > 1 else 1)
        top = place.top + max(0, (inside - tall + 1) // 2) if tall <= inside or step == 3 else place.top
        top = max(low, min(top, high - tall))
        left, right = self.x[k - 1] + self.box(k - 1), self.x[k] - 1 - FIELD
        beside = step == 1 and right + FIELD - left >= BESIDE
        mine = (k, place.neuron) == (self.at, self.neuron)
        for n, port in enumerate(ports):
            y = top + n * step + 1
            source = port.source
            bright = mine or (source is not None and (k - 1, source.neuron) == (self.at, self.neuron))
            below = step > 1 or (source is None and y < high)
            at = right - FIELD - 1 if beside else right
            self.paper.spans(at, y, self.weight(port, bright))
            if beside or below:
                self.paper.spans(right, y if beside else y + 1, self.under(port, bright))
            if source is not None and self.look.unicode:
                self.wires.append((bright, (left, self.row_of(k - 1, source) + 1, at - 1, y)))
            else:
                label = "" if source is None else f"{symbol_of(self.found[k - 1].out)}[{source.neuron}]"
                label = label or symbol_of(port.node)
                self.paper.put(at - len(label), y, label if at - len(label) >= left else "", "dim")

    def weight(self, port: Port, bright: bool) -> Line:
        """A weight, or a bias."""
        kind = kind_of(port.node)
        return figure(_at(self.session.state.shown(port.node), port.at), FIELD, 4, f"{kind} bold" if bright else kind)

    def under(self, port: Port, bright: bool) -> Line:
        """Its gradient, or its change; nothing while there is none."""
        array = self.below.array(port.node)
        if array is None:
            return ()
        x = _at(array, port.at)
        if self.below.partial(port.node):
            return partly(self.below.figure(port.node, x, FIELD - 1, 3, False))
        return self.below.figure(port.node, x, FIELD, 4, bright)

    def row_of(self, k: int, place: Place) -> int:
        """The row at which a neuron's output stands."""
        if not place.box:
            return place.top
        rows = self.found[k].rows
        return place.top + 1 + max(n for n, row in enumerate(rows) if row.part == "value")

    # -------------------------------------------------------------------------------------------------------- loss
    def loss(self) -> None:
        graph, state = self.session.graph, self.session.state
        node = graph.nodes[graph.loss]
        k = len(self.found) - 1
        x, y = self.x[k], self.loss_row() + 1
        mine = self.at == len(self.found)
        rows: list[tuple[str, Line]] = []
        target = next((graph.nodes[i] for i in node.inputs if graph.nodes[i].role == "target"), None)
        value = None if target is None else state.value(target)
        if target is not None and value is not None and value.size:
            flat = value[min(self.sample, len(value) - 1)] if value.ndim else value
            if flat.size == 1:
                rows.append((symbol_of(target), figure(float(flat.reshape(-1)[0]), FIELD, 4, kind_of(target))))
        total = state.value(node)
        number = None if total is None else float(total.reshape(-1)[0])
        style = "value bold" if "value" in state.written(node) else "value"
        rows.append((symbol_of(node), figure(number, FIELD, 4, style)))
        if self.below.held:
            change = _at(self.below.array(node), (0,) * len(node.shape))
            rows.append((f"Δ{symbol_of(node)}", self.below.figure(node, change, FIELD, 4, False)))
        self.frame(x, y, BOX, len(rows) + 2, Span("loss", "text bold" if mine else "text"), "text" if mine else "rule")
        for n, (label, spans) in enumerate(rows, 1):
            self.paper.put(x + 2, y + n, label, "dim")
            self.paper.spans(x + BOX - 2 - FIELD, y + n, spans)
        last = self.placed[k][0][-1]
        _, _, below = self.placed[k]
        bottom = last.top + 1 + (len(self.found[k].rows) + 1 if last.box else 0) + (1 if below else 0)
        middle = x + BOX // 2
        if bottom < y - 1 or (last.box and not below):
            if last.box and not below:
                self.paper.put(middle, bottom, "┬", "rule")
            for row in range(bottom + 1, y):  # a number, or how many are left out, has no edge to start from
                self.paper.put(middle, row, "│", "rule")
            self.paper.put(middle, y, "┴", "rule")


def _at(array: Any, index: tuple[int, ...]) -> float | None:
    return None if array is None else float(array[index])
