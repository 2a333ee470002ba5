"""Panel 2, Operation: what this Moment computes, why, with which numbers, and whether it agrees with its derivation.

The eye must land on the band, `upstream × local = downstream`; everything else is quieter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.screens.card import draw, pages
from bptui.screens.keys import PAGE
from bptui.screens.panels import move_element, source
from bptui.screens.panels.figures import kind_of, symbol_of
from bptui.screens.render import drawable, length
from bptui.symbolic.card import subject
from bptui.symbolic.facts import Card, Fact

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph, Node
    from bptui.model.engine.ops.base import Op
    from bptui.screens.scene import Scene

CHIPS = {"forward": ("forward ▶", "value"), "backward": ("◀ backward", "gradient"), "update": ("update ◆", "parameter")}
NAME = 19
"""What a panel's own name and the ends of its rule take."""


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: which way the computation runs; and of several inputs by which one is derived (`o` is the next)."""
    session, width = scene.session, scene.width
    text, style = CHIPS[session.cursor.phase]
    node, inputs, at = session.node, session.inputs, session.input
    if session.cursor.phase != "backward" or len(inputs) < 2 or at is None or session.composite is not None:
        return (), (Span(text, style),)
    source = session.graph.nodes[node.inputs[at]]
    symbol = Span(symbol_of(source), kind_of(source))
    place = Span(f"{inputs.index(at) + 1}/{len(inputs)} ", "dim"), Span("o", "text bold"), Span(" ")
    room = width - NAME - len(text)
    for told in ((Span("by ", "dim"), symbol, Span(" "), *place), (symbol, Span(" "), *place), place, ()):
        if length(told) <= room:
            break
    return (), (*told, Span(text, style))


def move(scene: Scene, down: int, right: int) -> str:
    """They select another element; a page down turns the card to its next page."""
    if abs(down) != PAGE:
        return _move_read(scene, down) if down and _of_parameter(scene) else move_element(scene, down, right)
    scene.session.view.page += down // PAGE
    return ""


def enter(scene: Scene) -> str:
    """Of a captured step, open or close the module of this Moment."""
    session = scene.session
    return "fold" if session.network.modules is not None and not session.branch.number else ""


def _of_parameter(scene: Scene) -> bool:
    """Is the card about the gradient of a weight, whose rows are not those of the output? Then up and down move in the
    weight: each of its gradients is a sum over the output's rows."""
    session = scene.session
    at = session.input
    if session.cursor.phase != "backward" or at is None or session.composite is not None:
        return False
    if session.selection.pinned is not None or session.timeline.is_seed(session.cursor):
        return False
    source = session.graph.nodes[session.node.inputs[at]]
    return source.role == "param" and len(source.shape) > 1 and source.shape != session.node.shape


def _move_read(scene: Scene, down: int) -> str:
    """To the next of the weight's elements that the output's element reads."""
    session = scene.session
    before, first = subject(session, scene.rules), session.selection.read
    for read in range(first + 1, first + 2) if down > 0 else range(first - 1, -1, -1):
        session.selection.read = read  # of another weight there may have been more
        if subject(session, scene.rules) != before:
            return ""
    session.selection.read = first
    return "the end"


def lines(scene: Scene) -> list[Line]:
    """The card of this Moment and element. Without one (nothing is derived yet) what the row of the operation says."""
    if scene.defect:
        raise RuntimeError(scene.defect)
    session, width, height, look, card = scene[:5]
    made = outline(session) if card is None else card
    key = pages.KEY if scene.lesson is None else ""  # there it turns the page that is read
    called = source.lines(session, width, height)
    card_rows = draw(made, width, height - len(called), session.view.page, key)
    gap = height - len(called) - len(card_rows) if called else 0
    return drawable([*card_rows, *[()] * gap, *called], look)


def outline(session: Session) -> Card:
    """The card before anything is derived: operation, shape, element, and the definition as it was written."""
    node, graph = session.node, session.graph
    name = Span(node.name, f"{kind_of(node)} bold")
    head: list[Span] = [name]
    text: Line = ()
    if node.op is not None:
        head.append(Span(" = "))
        head += _call(node.op, node, graph)
        text = (Span(node.op.define(graph.signature(node))),)
    rules = (Fact("definition", "definition", sides=(text,)),) if text else ()
    return Card(tuple(head), numbers.shape(node.shape), numbers.index(session.element), rules, pending=True)


def _call(op: Op, node: Node, graph: Graph) -> list[Span]:
    """`sigmoid(layer1.z)`, or the operation's own way of writing it."""
    inputs = [graph.nodes[i] for i in node.inputs]
    form = op.symbol or f"{op.name}({', '.join(f'{{{i}}}' for i in range(len(inputs)))})"
    out: list[Span] = []
    while form:
        before, brace, rest = form.partition("{")
        if before:
            out.append(Span(before, "text bold"))
        place, _, form = rest.partition("}") if brace else ("", "", "")
        if place.isdigit() and int(place) < len(inputs):
            source = inputs[int(place)]
            out.append(Span(source.name if source.scope != node.scope else symbol_of(source), kind_of(source)))
    return out
