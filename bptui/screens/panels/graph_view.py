"""The graph view of panel 1: operations from left to right, each wire with its value above it and its gradient below.

For formulas and small networks; `fits` says why another is not shown. Where the picture is larger than the panel, it is
a window in which the cursor's node (with the focus: the selected one) is always in sight. Of a tensor the wire has one
element, that of `Session.element_of`, and its index above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.prose import shorten
from bptui.model.base.spans import CHIPS, Line, Span
from bptui.screens.panels import select_node
from bptui.screens.panels.below import Below, partly
from bptui.screens.panels.circuit import Circuit, Item, named, too_large
from bptui.screens.panels.circuit_frame import Frame, circuit, frame
from bptui.screens.panels.equation import equation
from bptui.screens.panels.figures import figure, kind_of, no_view, scalar
from bptui.screens.panels.rows import diverged
from bptui.screens.panels.wires import draw
from bptui.screens.plot import Plot
from bptui.screens.render import boxed

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

SMALLEST = (24, 5)
NUMBER = 8
"""Cells of a number, where they are there."""


def fits(session: Session, width: int, height: int) -> str:
    """Why the graph is not shown; "" where it is."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return f"it needs {SMALLEST[0]}x{SMALLEST[1]}, here is {width}x{height}"
    return too_large(session.graph)


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right what is selected."""
    session, sample, size = scene.session, scene.session.view.sample, scene.session.network.samples
    one = (Span(f"sample {min(sample, size - 1)} of {size}  ", "dim"),) if isinstance(sample, int) and size else ()
    name = (*one, Span("selected ", "dim"), Span(session.selected_name, "text bold"))
    return (Span("graph", "dim"),), () if too_large(session.graph) else name


def key_item(session: Session, made: Circuit, focused: bool) -> Item:
    """What must be in sight: the cursor's, with the focus what is selected."""
    found = made.item((session.node if focused else session.here).id) or made.item(session.here.id)
    return found or made.items[session.graph.loss]


def lines(scene: Scene) -> list[Line]:
    """The circuit, and the equation of this Moment below."""
    session, width, height, look, card = scene[:5]
    why = fits(session, width, height)
    if why:
        rows = no_view("graph", why, width)
    else:
        made = circuit(session.graph, width, height - 1)
        body = height - 1 - (made.rows < height - 1)
        at = key_item(session, made, look.focused)
        page = Page(scene, made, frame(session.graph, made, at, width, body), body)
        rows = [*page.lines(), *[()] * (height - 1 - body), equation(session, card, width)]
    return boxed(rows, width, height, look)


class Page:
    """A circuit on so many rows."""

    def __init__(self, scene: Scene, made: Circuit, where: Frame, height: int) -> None:
        self.scene, self.session, self.made, self.where = scene, scene.session, made, where
        self.paper = Plot(scene.width, height, scene.options.unicode)
        self.below = Below.of(scene.session)
        self.shown = [item for item in made.items.values() if where.first <= item.column < where.last]

    def lines(self) -> list[Line]:
        """Wires, gates on them, numbers beside them, last what has room only where nothing is."""
        draw(self.paper, self.session.graph, self.made, self.where, self.session.node.id)
        for item in self.shown:
            self.item(item)
            self.numbers(item)
        for item in self.shown:
            self.notes(item)
        self.edges()
        return self.paper.lines()

    def row(self, item: Item) -> int:
        """The row of an item's wire on the page."""
        return item.row - self.where.top

    def item(self, item: Item) -> None:
        """A gate, or the name of what is given; the cursor on it, a breakpoint at it."""
        session, node = self.session, self.session.graph.nodes[item.node]
        x, y = self.where.item(item), self.row(item)
        here, chosen = item.node == session.here.id, item.node == session.node.id
        style = "text bold" if chosen else "text" if item.gate else kind_of(node)
        if not item.gate and chosen:
            style = f"{kind_of(node)} bold"
        text = item.text
        if not item.gate:
            text = named(session.graph, node, session.element_of(node)).rjust(len(text))
            x += item.wide - 1 - len(text)
            self.paper.put(x, y, text, style)
        else:
            self.paper.put(x, y, "(", "text" if chosen else "dim")
            self.paper.put(x + 1, y, item.text, style)
            self.paper.put(x + item.wide - 1, y, ")", "text" if chosen else "dim")
        if here:
            phase = session.cursor.phase
            bad = session.is_finding(node.id, phase) and not session.timeline.is_seed(session.cursor)
            text = f"{CHIPS[phase]}{text}" + " " * item.gate
            self.paper.put(x - (not item.gate), y, text, "chip-fail" if bad else f"chip-{phase}")
        elif diverged(session) == node.name:
            self.paper.put(x if item.gate else x - 1, y, "≠", "kink")
        elif node.id in session.marked:
            self.paper.put(x if item.gate else x - 1, y, "■", "fail")

    def label(self, item: Item) -> tuple[int, int]:
        """The first cell of an item's numbers, and how many they have."""
        wide = min(NUMBER, self.where.stub + 1)
        return self.where.wire(item.column) - 1 + (self.where.stub + 1 - wide + 1) // 2, wide

    def numbers(self, item: Item) -> None:
        """The value above a wire, which element that is, below it the gradient."""
        session, state = self.session, self.session.state
        node = session.graph.nodes[item.node]
        at = session.element_of(node)
        (x, wide), y = self.label(item), self.row(item)
        kind, written = kind_of(node), state.written(node)
        if state.missing(node):
            self.paper.put(x, y - 1, "absent".rjust(wide), "dim")
        else:
            value = scalar(state.shown(node), at)
            style = f"{kind} bold" if "value" in written else kind
            if self.scene.options.focused and item.node == session.node.id:
                style += " reverse"
            self.paper.spans(x, y - 1, figure(value, wide, decimals(value, wide), style))
        if node.shape and item.gate:
            index, room = numbers.index(at), self.where.stub + 1
            short = f"{shorten(node.label, max(3, room - len(index)))}{index}"
            forms = (f"{node.name}{index}", named(session.graph, node, at), short, index)
            text = next((form for form in forms if len(form) <= room), index)
            self.paper.put(self.where.wire(item.column) + self.where.stub - len(text), y - 2, text, "dim")
        array = self.below.array(node)
        if (not node.wants_grad and not self.below.held) or (array is None and not self.below.awaited(node)):
            return
        number, bold = scalar(array, at), "gradient" in written
        if self.below.partial(node):
            kept = self.below.figure(node, number, wide - 1, min(3, decimals(number, wide - 1)), bold)
            self.paper.spans(x, y + 1, partly(kept))
        else:
            self.paper.spans(x, y + 1, self.below.figure(node, number, wide, decimals(number, wide), bold))

    def notes(self, item: Item) -> None:
        """Where nothing else stands there: what a computed number is called, over its value; under a gradient that is
        not complete, how many contributions are in."""
        node = self.session.graph.nodes[item.node]
        if item.gate and not node.shape:
            self.note(item, -2, (node.name,), "dim")
        if self.below.partial(node):
            gradient = self.session.state.gradient(node)
            count = f"{gradient.arrived} of {gradient.total}"
            self.note(item, 2, (f"{count} in", count), "kink bold")

    def note(self, item: Item, below: int, forms: tuple[str, ...], style: str) -> None:
        """One of these texts, so many rows below a wire, ending where its numbers do."""
        (x, wide), y = self.label(item), self.row(item) + below
        text = next((form for form in forms if len(form) <= wide + (below > 0)), "")
        column = [other for other in self.shown if other.column == item.column]
        taken = any(self.row(other) - other.above <= y <= self.row(other) + 1 for other in column)
        start = x + wide - len(text)
        cells = range(start - 1, min(start + len(text), self.paper.width))
        if text and not taken and 0 <= y < self.paper.height and all(self.paper.blank(cell, y) for cell in cells):
            self.paper.put(start, y, text, style)

    def edges(self) -> None:
        """`↑` and `↓` at the right where there is more above and below."""
        if self.where.top > 0:
            self.paper.put(self.paper.width - 1, 0, "↑", "text bold")
        if self.where.top + self.paper.height < self.made.rows:
            self.paper.put(self.paper.width - 1, self.paper.height - 1, "↓", "text bold")


def decimals(x: float | None, width: int) -> int:
    """As many as have room, four at most."""
    return numbers.decimals_for([x] if x is not None else None, width)


def move(scene: Scene, down: int, right: int) -> str:
    """Right to who reads the selected number, left to what it is made of, up and down to the neighbour."""
    session = scene.session
    if too_large(session.graph):
        return too_large(session.graph)
    made = circuit(session.graph, scene.width, scene.height - 1)
    at = key_item(session, made, focused=True)
    if right > 0:
        found = [made.items[reader] for reader in made.readers[at.node]]
    elif right < 0:
        found = list(made.sources(session.graph, at.node))
        latest = max((item.column for item in found), default=0)
        found = [item for item in found if item.column == latest]
    else:
        found = [item for item in made.items.values() if item.column == at.column and (item.row - at.row) * down > 0]
    if not found:
        return "the end"
    return select_node(session, min(found, key=lambda item: (abs(item.row - at.row), item.row)).node)
