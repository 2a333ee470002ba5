"""The neurons view: its text, what is shown of more than fits, and why other networks are not shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.dense_chain import Column, columns
from bptui.screens.panels import neuron_picture, neurons
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, derived, formula, network, texts, within
from tests.screens.rig import debug


def test_the_lesson_as_in_style() -> None:
    session = at("lesson-2-2-1", 7)
    rows = texts(neurons.lines(Scene(session, 80, 17, RenderOptions(), derived(session))))
    for part in (
        "╭─ x[0] ───╮",
        "│   0.5000 │",
        "╭─ layer1 [0] ─╮",
        "│ z     0.0400 │",
        "│ a     0.5100 │",
        "│ ∂a   -0.0988 │",
        "◀│ ∂z   -0.0247 │",
        "│ z     0      │",
        "0.5000 ╭─ layer2 [0] ─╮",
        "-0.1007 │ z     0.5025 │",
        "╰───────┬──────╯",
        "╭─ loss ┴──────╮",
        "│ y     0.7000 │",
        "│ L     0.0195 │",
    ):
        assert any(part in row for row in rows), part
    assert rows[15] == "  a[0] = sigmoid(z[0])       -0.098750 × 0.249900 = -0.024678   ∂L/∂z"
    left, right = neurons.title(Scene(session, 80, 1, RenderOptions()))
    assert plain(left) == "neurons"
    assert plain(right) == "selected layer1 [0]"


def test_weights_stand_before_what_they_feed_with_their_gradient_below() -> None:
    session = at("lesson-2-2-1", 7)
    rows = texts(neurons.lines(Scene(session, 80, 17, RenderOptions())))
    weight = next(n for n, row in enumerate(rows) if "0.4950" in row)
    assert "-0.0988" in rows[weight + 1]


def test_the_selected_neuron_is_bright() -> None:
    session = at("lesson-2-2-1", 7, (0, 1))
    rows = neurons.lines(Scene(session, 80, 17, RenderOptions()))
    titles = {span.text.strip("─ ╭╮"): span.style for row in rows for span in row if "layer1 [" in span.text}
    assert titles == {"layer1 [0]": "value", "layer1 [1]": "value bold"}
    bright = [span.text.strip() for row in rows for span in row if span.style == "parameter bold"]
    assert bright == ["0.4950", "-0.0600", "0.1000", "0"]


def test_gradients_appear_when_they_arrive() -> None:
    session = at("lesson-2-2-1", 3)
    assert not any("-0.19" in row for row in texts(neurons.lines(Scene(session, 80, 17, RenderOptions()))))
    session.move(5)
    assert any("∂z   -0.1975" in row for row in texts(neurons.lines(Scene(session, 80, 17, RenderOptions()))))


def test_ascii_names_the_source_instead_of_drawing_lines() -> None:
    rows = texts(neurons.lines(Scene(at("lesson-2-2-1", 7), 80, 17, RenderOptions(unicode=False))))
    assert all(row.isascii() for row in rows)
    assert any("x[0]  0.0200 /- layer1 [0]" in row for row in rows)
    assert any("b  0" in row for row in rows)
    assert any("a[1]  0.4950" in row for row in rows)


def test_more_neurons_than_rows_leave_the_selected_one_a_box() -> None:
    session = at("xor", 1, (2, 5))
    rows = texts(neurons.lines(Scene(session, 80, 17, RenderOptions())))
    assert any("╭─ layer1 [5] ─╮" in row for row in rows)
    assert sum("─ layer1 [" in row for row in rows) == 1
    assert plain(neurons.title(Scene(session, 80, 1, RenderOptions()))[1]) == "sample 2 of 4  selected layer1 [5]"


def test_more_layers_than_columns_are_counted() -> None:
    session = at("deep-relu", 3)
    heads = texts(neurons.lines(Scene(session, 80, 17, RenderOptions())))[0]
    assert heads.startswith("< 1 more")
    assert heads.endswith("2 more >")
    assert "layer2  relu" in heads


def test_why_a_formula_is_not_shown() -> None:
    session = at("two-paths", 0)
    assert neurons.fits(session, 80, 17) == "there is no dense layer in it"
    assert texts(neurons.lines(Scene(session, 80, 17, RenderOptions()))) == [
        " no neurons view: there is no dense layer in it  v view"
    ]


@pytest.mark.parametrize("name", ["lstm", "lenet", "resnet-block", "xor", "two-paths"])
def test_the_next_view_has_something_to_show(name: str) -> None:
    """`v` does not go to a page that says why it is empty; by its name one may ask for it."""
    session = at(name, 0)
    seen = set()
    for _ in range(5):
        registry.run(session, "view")
        seen.add(session.view.mode)
        assert session.view.mode != "neurons" or not neurons.fits(session, 200, 60)
    assert ("neurons" in seen) is (name == "xor")
    registry.run(session, "view neurons")
    assert session.view.mode == "neurons"


def test_what_is_between_two_layers_is_named() -> None:
    x = [[1.0, 2.0]]
    session = formula("h = softmax(x @ w + b); L = sum(h)", {"x": x, "w": [[1.0, 0.0], [0.0, 1.0]], "b": [0.0, 0.0]})
    assert neurons.fits(session, 80, 17)


def test_too_small_says_so() -> None:
    assert "needs" in neurons.fits(at("xor", 0), 30, 17)
    assert not neurons.fits(at("xor", 0), 42, 15)  # beside the Operation panel at 80 columns


def test_a_bias_stands_with_the_weights_with_its_gradient() -> None:
    session = at("lesson-2-2-1", 9)
    rows = texts(neurons.lines(Scene(session, 80, 17, RenderOptions())))
    bias = next(n for n, row in enumerate(rows) if row.count("b  0") and "loss" in row)
    assert "-0.1975" in rows[bias + 1]
    session = at("xor", 11, (2, 5))
    many = texts(neurons.lines(Scene(session, 120, 30, RenderOptions())))
    assert any("b " in row for row in many)


@pytest.mark.parametrize("name", ["lesson-2-2-1", "xor", "mazur", "deep-relu"])
def test_arrows_go_where_they_point(name: str) -> None:
    """Right is the next column, left the one before, down the neuron below: to every neuron there is."""
    session = at(name, 2)
    found = columns(session.graph)
    assert not isinstance(found, str)
    scene = Scene(session, 80, 17, RenderOptions())
    for _ in range(len(found) + 1):
        neurons.move(scene, 0, -1)
    for at_column, column in enumerate(found):
        while neurons.selected(session, found)[1]:
            assert not neurons.move(scene, -1, 0)
        for neuron in range(column.count):
            assert neurons.selected(session, found) == (at_column, neuron)
            assert any("[" in row for row in texts(neurons.lines(scene)))
            why = neurons.move(scene, 1, 0)
            assert bool(why) == (neuron == column.count - 1)
        assert not neurons.move(scene, 0, 1)
    assert neurons.selected(session, found) == (len(found), 0)
    assert neurons.move(scene, 0, 1) == "the end"
    assert neurons.move(scene, 1, 0) == "loss is one number"


def test_a_move_keeps_the_sample() -> None:
    session = at("xor", 1, (2, 5))
    scene = Scene(session, 80, 17, RenderOptions())
    for down, right in ((0, 1), (0, -1), (1, 0), (0, -1), (0, 1)):
        neurons.move(scene, down, right)
        assert neurons.sample_of(session) == 2


def test_a_branch_shows_its_changes_in_the_place_of_gradients() -> None:
    session = at("lesson-2-2-1", 4)
    registry.run(session, "set layer1.bias[0] = 0.5")
    rows = texts(neurons.lines(Scene(session, 80, 17, RenderOptions())))
    assert any("+0.5000" in row for row in rows)
    value = session.comparison.difference(0).value(session.graph.by_name["layer1.z"]).change  # type: ignore[union-attr]
    assert any("Δz" in row and f"{value[0, 0]:+.4f}" in row for row in rows)
    assert not any("∂" in row for row in rows[:-2])
    session.view.change = False
    assert any("∂z" in row for row in texts(neurons.lines(Scene(session, 80, 17, RenderOptions()))))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 200])
@pytest.mark.parametrize("height", [6, 9, 14, 30])
def test_every_neuron_is_placed_or_counted(count: int, height: int) -> None:
    found = columns(network("xor").graph)
    assert not isinstance(found, str)
    column = Column("h", "", count, found[1].rows, found[1].out, found[1].weight)
    for chosen in {0, count // 2, count - 1}:
        placed, above, below = neuron_picture.places(column, chosen, height)
        assert above + len(placed) + below == count
        assert [place.neuron for place in placed] == list(range(above, count - below))
        assert any(place.neuron == chosen and place.box for place in placed)
        rows = [y for p in placed for y in range(p.top, p.top + (len(column.rows) + 2 if p.box else 1))]
        assert len(rows) == len(set(rows))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["lesson-2-2-1", "xor", "mazur", "classifier"]),
    st.integers(0, 12),
    st.integers(0, 170),
    st.integers(0, 50),
    st.booleans(),
)
def test_any_moment_in_any_size(name: str, stop: int, width: int, height: int, unicode: bool) -> None:
    session = at(name, stop)
    assert within(neurons.lines(Scene(session, width, height, RenderOptions(unicode=unicode))), width, height)


@pytest.mark.parametrize("size", [(80, 24), (76, 22), (120, 36)])
async def test_no_key_destroys_the_view(size: tuple[int, int]) -> None:
    async with debug("lesson-2-2-1", *size) as screen:
        await screen.run("view neurons")
        for key in ("tab", "tab", "2", "i", "escape", "3", "4", "1", "right", "down"):
            await screen.press(key)
            assert "layer1 [" in screen.text, key
