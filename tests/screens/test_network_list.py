"""Network and Timeline as pure functions: drawn by row, the Moment always in sight, at any number of operations."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, plain
from bptui.model.debugger import locations
from bptui.model.debugger.commands import registry
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.session import Session
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.network import Network, from_formula, load
from bptui.screens.panels import cells, listing, network, rows, timeline
from bptui.screens.render import RenderOptions, length
from bptui.screens.scene import Scene
from bptui.screens.screen_commands import ScreenCommands
from tests.screens import panel_rig
from tests.screens.rig import debug


def test_one_sample_is_shown_by_its_numbers():
    """`:sample 2` on xor: x and y are that sample's, not `4 samples`."""
    session = panel_rig.at("xor", 0)
    assert "4 samples" in "".join(panel_rig.texts(network.lines(Scene(session, 51, 29))))
    session.view.sample = 2
    drawn = panel_rig.texts(network.lines(Scene(session, 51, 29)))
    assert not any("samples" in row for row in drawn)
    x = next(row for row in drawn if row.split()[:1] == ["x"])
    assert [float(word) for word in x.split()[-2:]] == session.state.value(session.graph.by_name["x"])[2].tolist()


def chain(count: int) -> Network:
    """A network of `count` operations in layers of ten."""
    build = Builder()
    weight = made = build.leaf("w", "param", np.array([0.5, 0.25]))
    for i in range(count - 1):
        made = build.use("tanh", made, scope=f"layer{i // 10}", name=f"layer{i // 10}.t{i}")
    graph = build.finish(build.use("sum", made, name="loss", scope="loss"))
    assert weight.id == 0
    return Network("chain", graph, Optimizer(learning_rate=0.1))


@pytest.fixture(scope="module")
def long() -> Session:
    return Session(chain(3000))


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]


@pytest.mark.parametrize("size", [(24, 6), (40, 8), (42, 17), (51, 29), (51, 70)])
def test_the_moment_is_in_sight_wherever_it_is(long: Session, size: tuple[int, int]) -> None:
    for place in ("start", "25%", "49%", "60%", "99%", "end"):
        long.goto(place)
        rows = network.lines(Scene(long, *size, RenderOptions()))
        assert len(rows) <= size[1]
        assert any(span.style.startswith("chip-") for row in rows for span in row), place


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200])
def test_the_hairpin_has_its_cursor_at_every_width(long: Session, width: int) -> None:
    for session in (long, Session(load("lesson-2-2-1")), Session(load("deep-sigmoid"))):
        for place in ("start", "20%", "50%", "70%", "end"):
            session.goto(place)
            rows = timeline.lines(Scene(session, width, 3, RenderOptions()))
            assert len(rows) == 3
            assert all(length(row) <= width for row in rows)
            if width >= 60:
                assert sum(c in "▶◀◆" for row in texts(rows) for c in row) == 1
            assert length(timeline.strip(Scene(session, width, 1, RenderOptions()))) == width


def test_only_the_rows_in_sight_are_made(long: Session) -> None:
    """What is asked of the state does not grow with the number of operations."""
    asked: list[int] = []
    state = long.state
    original = type(state).stage

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(state, name)

        def stage(self, node: object) -> object:
            asked.append(1)
            return original(state, node)  # type: ignore[arg-type]

    long._state = Counting()  # type: ignore[assignment]
    try:
        network.lines(Scene(long, 42, 17, RenderOptions()))
    finally:
        long._state = None
    assert 0 < len(asked) <= 20


def test_rows_that_are_kept_are_the_rows_that_would_be_made() -> None:
    """At every Moment, forward and back, on the same recording: kept rows never show another Moment's numbers."""
    session = Session(load("lesson-2-2-1"))
    registry.run(session, "break layer1.a")
    for line in ["step"] * 14 + ["reverse-step"] * 9:
        registry.run(session, line)
        for look in (RenderOptions(), RenderOptions(focused=True)):
            kept = network.lines(Scene(session, 51, 29, look))
            rows._drawn.cache_clear()
            assert network.lines(Scene(session, 51, 29, look)) == kept


def test_forward_nothing_of_the_gradient_is_shown() -> None:
    session = Session(load("lesson-2-2-1"))
    rows = texts(network.lines(Scene(session, 51, 29, RenderOptions())))
    assert all(row[34:].strip() in ("", "∂L/∂value") for row in rows)
    assert next(row for row in rows if " a " in row[:6])[17:].strip() == "·  not yet"
    session.goto("backward")
    rows = texts(network.lines(Scene(session, 51, 29, RenderOptions())))
    assert "1.0000" in next(row for row in rows if "loss" in row and "L" in row[:5])
    assert "·       ·" in next(row for row in rows if "weight" in row)


def test_what_was_written_now_is_bold() -> None:
    session = Session(load("lesson-2-2-1"))
    session.goto("backward layer1.a")
    rows = network.lines(Scene(session, 51, 29, RenderOptions()))
    bold = [plain(row) for row in rows if any(s.style == "gradient bold" for s in row)]
    assert [row.split()[0] for row in bold] == ["z"]


def test_a_breakpoint_is_marked() -> None:
    session = Session(load("lesson-2-2-1"))
    registry.run(session, "break layer2.z")
    assert any("■" in text and " z " in text for text in texts(network.lines(Scene(session, 51, 29, RenderOptions()))))


def test_a_large_tensor_is_blocks_of_its_root_mean_squares() -> None:
    table = np.zeros((100, 64))
    table[50:75, 40:48], table[7, 3] = -3.0, 2.0
    small = cells.blocks(table, 4, 8)
    assert small.shape == (4, 8)
    assert small[2, 5] == pytest.approx(-3.0)
    assert small[0, 0] == pytest.approx(2.0 / np.sqrt(200))
    assert np.count_nonzero(small) == 2, "what is 0 everywhere is exactly 0"
    assert np.isnan(cells.blocks(np.where(table < 0, np.nan, table), 4, 8)[2, 5])
    assert cells.blocks(np.where(table < 0, -np.inf, table), 4, 8)[2, 5] == -np.inf
    assert np.isfinite(cells.blocks(table * 1e300, 4, 8)).all()
    assert cells.blocks(table[:4, :8], 4, 8) is not None


@pytest.mark.parametrize("name", ["lenet", "resnet-block", "lstm", "transformer"])
def test_wide_no_shape_and_no_operation_is_cut(name: str) -> None:
    session = Session(load(name))
    for place in ("start", "50%", "end"):
        session.goto(place)
        assert not [row for row in texts(network.lines(Scene(session, 51, 200, RenderOptions()))) if "…" in row[:17]]


def test_numbers_stand_under_their_heads() -> None:
    """Where a row has one number, the heads stand over it; in the folded view both are whole."""
    for example, view in (("darts", "operations"), ("deep-sigmoid", "layers")):
        session = Session(load(example))
        registry.run(session, f"view {view}")
        session.goto("end")
        for width in (42, 51):
            head, *rest = (row for row in texts(network.lines(Scene(session, width, 17, RenderOptions()))) if row)
            ends = head.index("value") + 5, head.index("∂L/∂value") + 9
            assert all(row[end - 1].isdigit() for row in rest if "loss" in row or " L " in row for end in ends)


def test_the_screen_does_all_that_is_asked_of_a_front_end() -> None:
    asked = [name for name in vars(FrontEnd) if name.startswith("do_")]
    assert asked
    assert [name for name in asked if getattr(ScreenCommands, name) is getattr(FrontEnd, name)] == []


@pytest.mark.parametrize("name", ["lenet", "resnet-block", "lstm", "transformer"])
def test_no_two_names_of_a_layer_are_cut_to_the_same(name: str) -> None:
    graph = load(name).graph
    shown: dict[tuple[str, str], set[str]] = {}
    for node in listing.sorted_nodes(graph):
        part = node.label.rpartition(".")[2]  # the same part of two cells of an LSTM reads the same in both
        shown.setdefault((node.scope, listing.brief(node.label, 6)), set()).add(part)
    assert all(len(brief) <= 6 for _, brief in shown)
    assert all(len(parts) == 1 for parts in shown.values()), shown


async def test_class_numbers_are_shown_as_they_are() -> None:
    """Labels are names, not sizes: no heat cells."""
    async with debug("classifier", 80, 24) as screen:
        await screen.press(*"sssss")
        row = next(row for row in screen.rows if row.startswith("  y "))
        labels = screen.session.state.value("y")
        assert labels is not None
        shown = row[8:42].split()
        assert shown[-1] == "…"
        assert shown[:-1] == [str(int(label)) for label in labels[: len(shown) - 1]]


async def test_a_layer_says_what_it_is_and_the_list_where_it_is() -> None:
    async with debug("classifier", 80, 24) as screen:
        assert " layer3  dense 2, linear " in screen.text
        assert " loss  cross_entropy(z, y) " in screen.text
        assert " 1-16 of 18 " in screen.rows[2]
        await screen.press("v")
        assert "layer3  dense 2… " in screen.text
        assert "    linear " in screen.text
        assert screen.rows[-1].startswith(" s/S step"), "what is seen is not said in the footer's place"


def test_a_timeline_without_room_for_all_names_still_takes_the_room_there_is() -> None:
    session = Session(load("classifier"))
    names, forward, _ = (plain(row) for row in timeline.lines(Scene(session, 80, 3, RenderOptions())))
    assert [word for word in names.split() if word.startswith("layer")] == ["layer1", "layer2", "layer3"]
    assert len(forward.split("╮")[0]) > 50


def counted(session: Session) -> int:
    """How many tensors have a row."""
    return sum(entry.node is not None for entry in network.shown(session, 40).entries)


def test_a_composite_has_one_row_and_opens_where_the_moment_is():
    text = "h = layer_norm(x, g, b); r = rms_norm(h, g); L = mean(r*h)"
    values = {"x": [[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}
    session = Session(from_formula(text, values, ["g", "b"]))
    look = RenderOptions()

    def told():
        return [plain(row).split() for row in network.lines(Scene(session, 50, 40, look))]

    assert ["r", "rms_norm"] in [row[:2] for row in told()]
    assert counted(session) == 3 + 9 + 1 + 2
    session.goto("L")
    assert ["h", "layer_norm"] in [row[:2] for row in told()]
    assert counted(session) == 3 + 1 + 1 + 2
    session.select("h.mean")
    assert counted(session) == 3 + 9 + 1 + 2
    session.select("h")
    assert counted(session) == 3 + 1 + 1 + 2
    session.view.mode = "layers"
    session.select("h.mean")
    assert counted(session) == 3 + 1 + 1 + 2


def test_the_running_statistics_of_batch_norm_have_one_row_and_open_where_the_moment_is() -> None:
    """They lead nowhere but to the layer's own state: operations that nobody looks for in the network."""
    session = Session(load("resnet-block"))
    running = [node.label for node in session.graph.ops if node.label.startswith("running_")]
    assert len(running) == 6
    session.goto("forward block.conv1.z")
    shown = texts(network.lines(Scene(session, 51, 120, RenderOptions())))
    assert sum(row.split()[:2] == ["stats", "running"] for row in shown) == 3
    session.goto("forward stem_norm.running_var_next")
    opened = texts(network.lines(Scene(session, 51, 120, RenderOptions())))
    assert sum(row.split()[:2] == ["stats", "running"] for row in opened) == 2
    assert sum("r_m_next" in row or "r_v_next" in row for row in opened) == 2
    assert not any("_next" in row for row in shown)


def test_a_timeline_with_a_panel_of_its_own_lists_the_moments() -> None:
    """The one of the cursor is always among them, marked, and they are in the order of time."""
    session = Session(load("xor"))
    registry.run(session, "break layer2.z")
    for place in range(session.timeline.length):
        session.goto(str(place + 1))
        drawn = texts(timeline.lines(Scene(session, 60, 12, RenderOptions())))[4:]
        numbers = [int(row[3:].split()[0]) for row in drawn]
        assert numbers == list(range(numbers[0], numbers[0] + 8))
        marked = [row for row in drawn if row[1] in "▶◀◆"]
        assert [int(row[3:].split()[0]) for row in marked] == [place + 1]
        assert session.here.name in marked[0]
        assert all("layer2.z" in row for row in drawn if row[1] == "■")
    long = texts(timeline.lines(Scene(session, 30, 12, RenderOptions())))[4:]
    assert all(len(row) <= 30 for row in long)
    assert any("…" in row for row in long)


def test_of_a_long_list_only_the_rows_in_sight_are_looked_at(monkeypatch) -> None:
    """At a step, and for an arrow: what is found out once for a graph is found."""
    text = "a0 = x\n" + "\n".join(f"a{i + 1} = tanh(a{i})" for i in range(1_000)) + "\nL = sum(a1000)"
    session = Session(from_formula(text, {"x": [1.0, 2.0]}))
    looked = 0
    entry = listing.Entries.__getitem__

    def counted(self, i):
        nonlocal looked
        looked += 1
        return entry(self, i)

    scene = Scene(session, 50, 30, RenderOptions(focused=True))
    network.lines(scene)
    monkeypatch.setattr(listing.Entries, "__getitem__", counted)
    for _ in range(5):
        session.step()
        network.lines(scene)
        network.move(scene, 1, 0)
        network.lines(scene)
    assert looked < 5 * 2 * 2 * 30


@pytest.mark.parametrize("room", [5, 6, 14])
@pytest.mark.parametrize("target", ["spring", "lstm", "transformer", "xor"])
def test_no_two_rows_are_called_alike(target: str, room: int) -> None:
    """Under one heading; and what stands there typed back is that node, or the message names it."""
    graph = load(target).graph
    derived = {graph.nodes[i].name for i in graph.derivatives}
    called: dict[tuple[str, str], str] = {}
    for node in graph.nodes:
        if node.role == "const":
            continue
        heading, shown = listing.group(graph, node), listing.shown_as(graph, node, room)
        assert len(shown) <= room
        assert called.setdefault(("" if heading in derived else heading, shown), node.name) == node.name


def test_of_names_that_end_alike_none_is_the_end_alone() -> None:
    build = Builder()
    parts = [build.leaf(name, "param", np.ones(2)) for name in ("0.weight", "0.bias", "2.weight", "kernel.scale")]
    graph = build.finish(build.use("sum", parts[0], name="loss"))
    shown = {node.name: listing.shown_as(graph, node, 6) for node in graph.nodes}
    assert shown["0.bias"] == "0.bias"
    assert shown["0.weight"] == "0.we…t"
    assert shown["2.weight"] == "2.we…t"
    assert shown["kernel.scale"] == "scale"


@pytest.mark.parametrize("shown", ["d_h", "dut_dt2", "d_h_s…", "h_m_m…", "ut.W1_T", "equat…"])
def test_what_a_row_is_called_can_be_typed(shown: str) -> None:
    graph = load("spring").graph
    wanted = {"d_h_s…": "utt.d_h_sub", "h_m_m…": "utt.h_mul_mul", "equat…": "equation"}.get(shown)
    if wanted is None:
        assert locations.node(graph, shown, "print").label == shown.removeprefix("ut.")
    else:
        with pytest.raises(UserError, match=wanted):
            locations.node(graph, shown, "print")


def test_what_several_layers_have_is_told_by_all_of_their_names() -> None:
    with pytest.raises(UserError, match=r"one of layer1\.z, layer2\.z"):
        locations.node(load("xor").graph, "z", "print")


@pytest.mark.parametrize(
    "text",
    [
        "a = x @ w; n = layer_norm(a); b = n*n; m = matrix_norm(w, ord='inf'); c = m*b; L = mean(c)",
        "a = x @ w; p = log_softmax(a); q = rms_norm(p); L = mse(q, x)",
    ],
)
def test_in_a_formula_operations_stand_in_the_order_in_which_they_run(text: str) -> None:
    """What is made of several operations stands where it runs, not above all."""
    graph = from_formula(text, {"x": [[1.0, 2.0], [0.5, -1.0]], "w": [[0.5, 0.25], [1.5, -1.0]]}, ["w"]).graph
    listed = [node.id for node in listing.sorted_nodes(graph) if node.op is not None]
    assert listed == sorted(listed)
