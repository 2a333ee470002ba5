"""The neurons view of panel 1: columns of neurons, the weights (and their gradients) in front of what they feed.

Small networks of dense layers only; `fits` says why another is not shown. One sample of the batch is seen: that of the
selected element. Lines are bright for the selected neuron alone; of more than four sources only its weights are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bptui.model.base import arithmetic, numbers
from bptui.model.base.spans import Line, Span
from bptui.screens.panels.figures import figure, kind_of, shown, symbol_of
from bptui.screens.panels.text import wrap
from bptui.screens.panels.wiring import Column, Place, Row, columns, number_of, places
from bptui.screens.plot import Plot
from bptui.screens.render import RenderOptions, clip, length, to_ascii
from bptui.symbolic.facts import Card

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

SMALLEST = (46, 11)
"""Columns and rows that one layer with its sources takes."""
BOX, INPUT = 16, 12
FIELD = 8
GAP, WIDEST = 14, 24
"""Between two columns: lines, a weight, the cursor; at least and at most."""
SOURCES = 4
"""With more sources than this only the selected neuron shows its weights."""
CURSOR = {"forward": ("▶", "value bold"), "backward": ("◀", "gradient bold")}


def fits(session: Session, width: int, height: int) -> str:
    """Why the network is not shown as neurons; "" where it is."""
    found = columns(session.graph)
    if isinstance(found, str):
        return found
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return f"it needs {SMALLEST[0]}x{SMALLEST[1]}, here is {width}x{height}"
    return ""


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right the selected neuron, and which sample is seen."""
    session = scene.session
    found = columns(session.graph)
    if isinstance(found, str):
        return (Span("neurons", "dim"),), ()
    at, neuron = selected(session, found)
    name = f"{found[at].name} [{neuron}]" if at < len(found) else "loss"
    size = found[0].out.shape[0] if len(found[0].out.shape) == 2 else 1
    sample = (Span(f"sample {sample_of(session)} of {size}  ", "dim"),) if size > 1 else ()
    return (Span("neurons", "dim"),), (*sample, Span("selected ", "dim"), Span(name, "text bold"))


def sample_of(session: Session) -> int:
    """Which sample of the batch is seen: the chosen one, else that of the selected element."""
    if isinstance(session.view.sample, int):
        return int(session.view.sample)
    node = session.node
    return int(session.element[0]) if node.role != "param" and len(session.element) == 2 else 0


def selected(session: Session, found: tuple[Column, ...]) -> tuple[int, int]:
    """(column, neuron) of the selected element; the column after the last is the loss."""
    node = session.node
    for at, column in enumerate(found):
        if column.holds(node):
            return at, min(column.count - 1, session.element[-1] if session.element else 0)
    return len(found), 0


def lines(scene: Scene) -> list[Line]:
    """Names, the columns, and the equation of this Moment below."""
    session, width, height, look, card = scene[:5]
    if width < 1 or height < 1:
        return []
    why = fits(session, width, height)
    if why:
        text: Line = (Span("no neurons view: ", "dim"), Span(why, "text"), Span("  v view", "dim"))
        rows = [(Span(" "), *row) for row in wrap(text, max(1, width - 2))]
    else:
        found = columns(session.graph)
        assert not isinstance(found, str)
        rows = [*_View(session, found, width, height - 2, look).lines(), _equation(session, card, width), ()]
    rows = [clip(row, width) for row in rows[:height]]
    return rows if look.unicode else [to_ascii(row) for row in rows]


class _View:
    def __init__(
        self, session: Session, found: tuple[Column, ...], width: int, height: int, look: RenderOptions
    ) -> None:
        self.session, self.found, self.look = session, found, look
        self.paper = Plot(width, height, look.unicode)
        self.wires: list[tuple[bool, tuple[int, int, int, int]]] = []
        self.body = height - 1
        self.at, self.neuron = selected(session, found)
        self.sample = sample_of(session)
        self.first, self.last = self.window(width)
        self.x = self.columns(width)
        self.placed = {k: self.place(k) for k in range(self.first, self.last)}

    # ------------------------------------------------------------------------------------------------------ where
    def window(self, width: int) -> tuple[int, int]:
        """The columns that have room: as many as possible, the selected one and its sources among them."""
        last = min(self.at, len(self.found) - 1) + 1
        first = max(0, last - 2)
        while True:
            if last < len(self.found) and self.wide(first, last + 1) <= width - 4:
                last += 1
            elif first > 0 and self.wide(first - 1, last) <= width - 4:
                first -= 1
            else:
                return first, last

    def wide(self, first: int, last: int) -> int:
        return sum(self.box(k) for k in range(first, last)) + GAP * (last - first - 1)

    def box(self, k: int) -> int:
        return INPUT if self.found[k].weight is None else BOX

    def columns(self, width: int) -> dict[int, int]:
        gaps = max(1, self.last - self.first - 1)
        spare = width - 4 - self.wide(self.first, self.last)
        gap = min(WIDEST, GAP + max(0, spare) // gaps)
        left = 2 + max(
            0, (width - 4 - self.wide(self.first, self.last) - (gap - GAP) * (gaps if spare > 0 else 0)) // 2
        )
        found, x = {}, left if self.last - self.first > 1 else 2
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
        text = name.text if len(name.text) <= wide - 6 else name.text[: wide - 7] + "…"
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
            self.paper.put(x + 2, y + n, row.label, "dim")
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
        if row.part == "gradient" and self.session.cursor.phase == "forward":
            return ()
        array = state.shown(node) if row.part == "value" else state.shown_gradient(node).array
        if row.part == "gradient" and array is None and not state.gradient(node).total:
            return ()
        x = number_of(array, self.sample, neuron)
        kind = kind_of(node) if row.part == "value" else "gradient"
        told = mine and (row.part in state.written(node) or (row.part == "value" and node.id == self.session.node.id))
        return figure(x, FIELD, 4, f"{kind} bold" if told else kind)

    def is_partial(self, row: Row) -> bool:
        if row.part == "value" or self.session.cursor.phase == "forward":
            return False
        found = self.session.state.gradient(row.node)
        return found.array is not None and not found.final

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

    def table(self, k: int, place: Place, room: tuple[int, int]) -> None:
        """The weights of one neuron, under each its gradient, in the rows from room[0] to room[1]."""
        sources = self.placed[k - 1][0]
        column = self.found[k]
        assert column.weight is not None
        inside, count = len(column.rows), len(sources)
        state, forward = self.session.state, self.session.cursor.phase == "forward"
        gradient = None if forward else state.shown_gradient(column.weight).array
        low, high = room
        step = 2 if 2 * count <= inside else 3 if 3 * count - 1 <= high - low else 2 if 2 * count <= high - low else 1
        tall = step * (count - 1) + (2 if step > 1 else 1)
        top = place.top + max(0, (inside + 2 - tall + 1) // 2) if tall <= inside + 2 or step == 3 else place.top
        top = max(low, min(top, high - tall))
        right = self.x[k] - 1 - FIELD
        left = self.x[k - 1] + self.box(k - 1)
        weights = state.shown(column.weight)
        mine = (k, place.neuron) == (self.at, self.neuron)
        for n, source in enumerate(sources):
            y = top + n * step
            if not low <= y < high:
                continue
            bright = mine or (k - 1, source.neuron) == (self.at, self.neuron)
            weight = "bold" if bright else ""
            at = (source.neuron, place.neuron)
            self.paper.spans(right, y + 1, figure(_at(weights, at), FIELD, 4, f"parameter {weight}".strip()))
            if gradient is not None and step > 1:
                self.paper.spans(right, y + 2, figure(_at(gradient, at), FIELD, 4, f"gradient {weight}".strip()))
            if self.look.unicode:
                self.wires.append((bright, (left, self.row_of(k - 1, source) + 1, right - 1, y + 1)))
            else:
                name = f"{symbol_of(self.found[k - 1].out)}[{source.neuron}]"
                self.paper.put(right - len(name), y + 1, name, "dim")

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


def _at(array: Any, index: tuple[int, int]) -> float | None:
    return None if array is None else float(array[index])


def _equation(session: Session, card: Card | None, width: int) -> Line:
    """`a[0] = sigmoid(z[0])       -0.098750 × 0.249900 = -0.024678   ∂L/∂z`, as much of it as has room."""
    left = _said(session) or (card.title if card is not None else (Span(session.node.name, "text bold"),))
    rights: list[Line] = [()]
    if card is not None and card.equation is not None:
        made = card.equation
        texts, sign = arithmetic.product(made.numbers, numbers.together(made.numbers, most=6), 12)
        styles = ("gradient bold", "text bold", "gradient bold")
        told = [shown(text, x, style) for text, x, style in zip(texts, made.numbers, styles, strict=True)]
        bare: Line = (told[0], Span(" × "), told[1], Span(f" {sign} "), told[2])
        named: Line = (*bare, Span("   "), *(Span(s.text, "dim") for s in made.downstream.symbol))
        waits = (*named, Span("  "), made.contributions.span), (*bare, Span("…", "kink bold"))
        rights = [named, bare] if made.contributions.complete else [*waits]
    elif card is not None and card.table is not None:
        total = card.table.total
        rights = [(*card.table.result, Span(" = "), shown(numbers.significant(total), total, "value bold"))]
    elif card is not None and card.facts:
        last = next((fact for fact in reversed(card.facts) if fact.kind == "update"), card.facts[0])
        rights = [last.text, last.labelled]
    room = width - 4
    for right in rights:
        if length(left) + 3 + length(right) <= room:
            column = max(length(left) + 3, min(27, room - length(right)))
            return (Span("  "), *left, *((Span(" " * (column - length(left))), *right) if right else ()))
    kept = next((line for line in (*rights, left) if line and length(line) <= room), clip(left, room))
    return (Span("  "), *kept)


def _said(session: Session) -> Line:
    """`a[0] = sigmoid(z[0])` for what works on each element by itself; else nothing."""
    node = session.node
    if node.op is None or not node.op.elementwise or len(node.inputs) != 1 or not node.shape:
        return ()
    source = session.graph.nodes[node.inputs[0]]
    at = f"[{session.element[-1]}]"
    return (
        Span(symbol_of(node), f"{kind_of(node)} bold"),
        Span(f"{at} = "),
        Span(node.op.name, "text bold"),
        Span("("),
        Span(symbol_of(source), f"{kind_of(source)} bold"),
        Span(f"{at})"),
    )
