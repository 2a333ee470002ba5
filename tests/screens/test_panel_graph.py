"""The graph view: the picture of CS231n, and its laws over examples and drawn formulas in any size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import Line, plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.hidden import Target
from bptui.model.debugger.session import Session
from bptui.screens.panels import graph_view
from bptui.screens.panels.circuit import Circuit, at_left, near
from bptui.screens.panels.circuit_frame import circuit, frame
from bptui.screens.panels.figures import scalar
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, derived, formula, texts, within
from tests.screens.rig import debug

FITTING = ("boxes", "chain", "classifier", "cs231n-neuron", "darts", "deep-relu", "lenet", "lesson-2-2-1", "mazur",
           "two-paths", "xor")  # fmt: skip
SIZES = [(80, 17), (42, 17), (60, 16), (120, 29), (200, 43), (42, 15)]
BINARY = ("{} + {}", "{} - {}", "{} * {}", "{} * {}", "{} / (1 + {}**2)")
UNARY = ("exp(-{})", "sigmoid({})", "2 * {}", "{} + 0.5", "1 - {}", "-{}", "{}**2", "tanh({})")


@st.composite
def formulas(draw: st.DrawFn) -> Session:
    """Up to ten statements, each of what was there before: some numbers are read often, some never."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    values = {name: draw(st.sampled_from([-1.5, 0.25, 2.0, 3.0])) for name in names}
    text = []
    for n in range(draw(st.integers(1, 10))):
        one, other = (draw(st.sampled_from(names)) for _ in range(2))
        shape = draw(st.sampled_from(BINARY + UNARY))
        names.append(f"v{n}")
        text.append(f"v{n} = {shape.format(*(one, other)[: shape.count('{}')])}")
    return formula("\n".join(text), values)


def page(session: Session, width: int, height: int, focused: bool = True) -> tuple[graph_view.Page, list[Line]]:
    """The picture, drawn."""
    look = RenderOptions(focused=focused)
    scene = Scene(session, width, height, look)
    made = circuit(session.graph, width, height - 1)
    body = height - 1 - (made.rows < height - 1)
    where = frame(session.graph, made, graph_view.key_item(session, made, focused), width, body)
    found = graph_view.Page(scene, made, where, body)
    return found, found.lines()


def holds(session: Session, width: int, height: int) -> None:
    """The laws of the picture of a Moment."""
    for focused in (True, False):
        found, rows = page(session, width, height, focused)
        wanted = found.made.item((session.node if focused else session.here).id)
        assert wanted in found.shown
        y = found.row(wanted)
        assert 0 <= y < found.paper.height
    state = session.state
    for item in found.shown:
        node, (x, wide), y = session.graph.nodes[item.node], found.label(item), found.row(item)
        for row, array in ((y - 1, state.shown(node)), (y + 1, state.shown_gradient(node).array)):
            if not 0 <= row < len(rows) or x + wide > width:
                continue
            text, number = plain(rows[row])[x : x + wide].strip("↑↓"), scalar(array, session.element_of(node))
            if row > y and (session.cursor.phase == "forward" or not node.wants_grad):
                number, text = None, text.strip() and "·"
            if number is None or number != number or abs(number) == float("inf"):
                assert text.strip() in ("", "·", "NaN", "inf", "-inf")
            elif number == 0:
                assert text.strip(" …") == "0"
            else:
                assert float(text.strip(" …")) == pytest.approx(number, rel=0.06, abs=0.006)
                partial = row > y and not state.gradient(node).final
                assert ("…" in text) == partial


def apart(made: Circuit, found: graph_view.Page) -> None:
    """No label, gate or name of the picture meets another one, or a wire that is not its own."""
    taken: dict[tuple[int, int], int] = {}
    for item in found.shown:
        (x, wide), where = found.label(item), found.where
        cells = [(where.item(item) + k, item.row) for k in range(item.wide)]
        for row in (*range(item.row - item.above, item.row), item.row + 1):
            cells += [(x + k, row) for k in range(wide)]
        for cell in cells:
            assert cell not in taken, (item, taken[cell])
            taken[cell] = item.node
    for source, item in made.items.items():
        for column in range(max(item.column, found.where.first), min(made.until(source), found.where.last)):
            if column != item.column:
                start = found.where.x[column]
                for x in range(start, found.where.wire(column) + found.where.stub - 1):
                    assert (x, item.row) not in taken


def test_the_neuron_of_cs231n_reads_like_the_picture() -> None:
    session = at("cs231n-neuron", 0)
    session.goto("backward")
    session.move(session.stop + 8)
    rows = texts(graph_view.lines(Scene(session, 80, 17, RenderOptions(), derived(session))))
    gates = " ".join(re.findall(r"[(◀]([^()◀ ]+)[) ]─?", "\n".join(rows[:-2])))
    assert gates.split() == ["×", "+", "×", "+", "×-1", "exp", "+1", "1/x"]
    for value, gradient in (
        ("2.0000", "-0.1966"),
        ("-1.0000", "0.3932"),
        ("-3.0000", "-0.3932"),
        ("-2.0000", "-0.5898"),
    ):
        assert any(
            value in rows[n] and "─" in rows[n + 1] and rows[n + 2].strip().startswith(gradient)
            for n in range(len(rows) - 2)
        ), value
    wire = next(n for n, row in enumerate(rows) if "(exp)" in row)
    assert rows[wire - 1].split()[-5:] == ["1.0000", "-1.0000", "0.3679", "1.3679", "0.7311"]
    assert rows[wire + 1].split()[-5:] == ["0.1966", "-0.1966", "-0.5344", "-0.5344", "1.0000"]
    names = [row.split()[0] for row in rows if re.match(r" [wx]\d ", row)]
    assert names == ["w0", "x0", "w1", "x1", "w2"]


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_wire_has_the_number_of_the_session(name: str, size: tuple[int, int]) -> None:
    session = at(name, 0)
    for stop in range(0, session.timeline.length, 3):
        session.move(stop)
        holds(session, *size)


@settings(max_examples=60, deadline=None)
@given(formulas(), st.integers(24, 140), st.integers(5, 40), st.integers(0, 40))
def test_the_laws_hold_for_any_formula(session: Session, width: int, height: int, stop: int) -> None:
    session.move(min(stop, session.timeline.length - 1))
    holds(session, width, height)


@settings(max_examples=100, deadline=None)
@given(formulas())
def test_no_two_labels_meet(session: Session) -> None:
    for height, made in ((1, near(session.graph)), (100, at_left(session.graph))):
        for width in (400, 40):
            found, _ = page(session, width, height + 1)
            if found.made == made:
                apart(made, found)
    assert page(session, 400, 101)[0].made == at_left(session.graph)
    assert page(session, 400, 2)[0].made == near(session.graph) or at_left(session.graph).rows <= 1


@pytest.mark.parametrize("name", FITTING)
def test_no_two_labels_of_an_example_meet(name: str) -> None:
    session = at(name, 0)
    for height in (1, 17, 100):
        found, _ = page(session, 600, height + 1)
        assert found.where.last == found.made.columns
        apart(found.made, found)


@pytest.mark.parametrize("name", FITTING)
def test_arrows_reach_every_node_along_the_wires(name: str) -> None:
    session = at(name, 0)
    scene = Scene(session, 80, 17, RenderOptions())
    made = circuit(session.graph, 80, 16)
    seen: set[int] = set()
    waiting = [session.graph.loss]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            session.select(node)
            why = graph_view.move(scene, down, right)
            to = session.node.id
            assert (to == node) == bool(why)
            if right > 0 and not why:
                assert node in session.graph.nodes[to].inputs
            if right < 0 and not why:
                assert to in session.graph.nodes[node].inputs
            if down and not why:
                assert (made.items[to].row - made.items[node].row) * down > 0
            waiting.append(to)
    assert seen == set(made.items)


def test_contributions_that_are_not_complete_are_shown_so() -> None:
    session = formula("y = x*x; z = x*y; L = z + x", {"x": 3.0})
    session.goto("backward z")
    rows = texts(graph_view.lines(Scene(session, 100, 20, RenderOptions())))
    assert any("…" in row for row in rows)
    assert any("2 of 4 in" in row for row in rows)  # from L and z, and twice from y to come


def test_what_is_too_large_says_what_to_do() -> None:
    session = at("transformer", 0)
    (row, *_) = texts(graph_view.lines(Scene(session, 120, 20, RenderOptions())))
    assert row == " no graph view: 53 operations are too many for a picture (48 at most): view layers  v view"
    assert "needs 24x5" in "".join(texts(graph_view.lines(Scene(session, 20, 20, RenderOptions()))))


def test_a_branch_shows_its_changes() -> None:
    session = at("cs231n-neuron", 8)
    registry.run(session, "set w2 = -2.9")
    rows = texts(graph_view.lines(Scene(session, 80, 17, RenderOptions())))
    assert any("+0.1000" in row for row in rows)


def test_ascii() -> None:
    rows = texts(graph_view.lines(Scene(at("cs231n-neuron", 12), 80, 17, RenderOptions(unicode=False))))
    assert all(row.isascii() and "?" not in row for row in rows)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([*FITTING, "transformer"]), st.integers(0, 12), st.integers(0, 170), st.integers(0, 50))
def test_any_moment_in_any_size(name: str, stop: int, width: int, height: int) -> None:
    session = at(name, stop)
    assert within(graph_view.lines(Scene(session, width, height, RenderOptions())), width, height)


@pytest.mark.parametrize("size", [(80, 24), (76, 22), (120, 36), (60, 20)], ids=str)
async def test_the_view_is_come_to_by_its_key_and_stays(size: tuple[int, int]) -> None:
    async with debug("cs231n-neuron", *size) as screen:
        await screen.press("v")
        assert screen.session.view.mode == "graph"
        assert "▶×" in screen.text
        for key in ("2", "tab", "1", "right", "right"):
            await screen.press(key)
        assert screen.session.node.name == "dot"
        assert "(+)" in screen.text


def test_a_hidden_number_is_a_question_mark_on_its_wire() -> None:
    session = at("cs231n-neuron", 12)
    session.view.hidden = frozenset({Target("e", "value"), Target("dot", "gradient")})
    found, rows = page(session, 80, 17)
    for name, below in (("e", False), ("dot", True)):
        item = found.made.items[session.graph.by_name[name].id]
        (x, wide), y = found.label(item), found.row(item) + (1 if below else -1)
        assert plain(rows[y])[x : x + wide].strip() == "?"
