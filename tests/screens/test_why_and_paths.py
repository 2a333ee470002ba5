"""The answers to why and paths: in the place of the Operation panel, at every size, driven by the keys alone."""

import re

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.answers import path_lines
from bptui.model.debugger.view import Answer
from bptui.screens.frame import scene_of
from bptui.screens.panels import paths as paths_panel
from bptui.screens.panels import present_paths, why_table
from bptui.screens.panels import why as why_panel
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.derivations import service
from tests.screens.panel_rig import at, formula, texts, within
from tests.screens.rig import debug
from tests.unit.model.debugger.test_paths import TWICE, TWICE_VALUES

SIZES = [(37, 17), (68, 29), (60, 16), (120, 29), (200, 45), (37, 5), (20, 3)]


def twice():
    session = formula(TWICE, TWICE_VALUES)
    session.goto("end")
    return session


def drawn(panel, session, width, height, text="", unicode=True, row=0, column=0):
    name = "why" if panel is why_panel else "paths"
    session.view.answer = Answer(name, text, row, column)
    return panel.lines(Scene(session, width, height, RenderOptions(unicode), rules=service()))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("panel", [why_panel, paths_panel], ids=["why", "paths"])
def test_an_answer_fits_every_room(panel, width, height):
    sessions = [(twice(), "W[0,0]"), (at("xor", 12), "layer1.weight[1,7]"), (at("xor", 12), "loss")]
    sessions += [
        (at("deep-sigmoid", 30), "layer1.weight[0,0]"),
        (at("xor", 0), "layer1.weight[0,0]"),
        (at("lesson-2-2-1", 3), "layer1.a"),
    ]
    for session, text in sessions:
        for row in (0, 2, 99):
            for unicode in (True, False):
                made = drawn(panel, session, width, height, text, unicode, row, row)
                assert within(made, width, height)
                assert any(plain(line).strip() for line in made)
                assert unicode or all(plain(line).isascii() for line in made)


def test_samples_stand_down_consumers_across_and_sums_on_both_sides():
    rows = texts(drawn(why_panel, twice(), 37, 17, "grad(W[0,0])"))
    assert any(row.split() == ["sample", "p", "t1", "sum"] for row in rows)
    table = [row.replace("▶", " ").split() for row in rows]
    cells = [row for row in table if row and row[0] in ("[0]", "[1]", "[2]", "[3]")][:4]
    below = next(row for row in table if row and row[0] == "sum")
    assert [row[0] for row in cells] == ["[0]", "[2]", "[3]", "[1]"]
    for n in (1, 2, 3):
        assert sum(float(row[n]) for row in cells) == pytest.approx(float(below[n]), abs=5.1e-6)
    for row in [*cells, below]:
        assert float(row[1]) + float(row[2]) == pytest.approx(float(row[3]), abs=5.1e-6)
    assert any("✓ equal" in row for row in rows)
    assert "[1] adds 0: h[1,0] is 0," in "\n".join(rows)


def test_a_list_has_shares_and_the_chosen_term_written_out():
    rows = texts(drawn(why_panel, at("xor", 3), 68, 20, "value(layer1.z[1,3])"))
    assert any(row.startswith("▶ [1]") and "65%" in row for row in rows)
    assert any("x[1,1] × W[1,3] = 1 × 0.560658 = 0.560658" in row for row in rows)


def test_what_takes_long_is_left_to_the_command():
    session = at("lenet", 0)
    session.goto("end")
    rows = texts(drawn(paths_panel, session, 80, 17, "layer1.weight[0,0,0,0]"))
    assert "p works them out" in rows[0]
    path_lines.paths_of(session, "layer1.weight[0,0,0,0]")
    rows = texts(drawn(paths_panel, session, 80, 17, "layer1.weight[0,0,0,0]"))
    assert any("and 32," in row for row in rows)


async def test_paths_of_mazur_as_in_the_picture() -> None:
    async with debug("mazur", 80, 24) as screen:
        await screen.run("goto backward layer1.z")
        await screen.run("select layer1.weight[0,0]")
        await screen.press("p")
        await screen.derived()
        text = screen.text
        assert "2 Paths  layer1.weight[0,0] to the loss" in text
        assert "1 of 2" in text
        assert "W[0,0] ━━━━━━ z[0] ━━━━━━━━ a[0]" in text
        for words in (
            ["◀", "1", "0.0500", "×", "0.2413", "×", "0.4000", "×", "0.1868", "×", "0.7414", "=", "0.0006684"],
            ["2", "0.0500", "×", "0.2413", "×", "0.5000", "×", "0.1755", "×", "-0.2171", "=", "-0.0002298"],
        ):
            assert any(row.split() == words for row in screen.rows)
        assert "a·(1 - a)" in text
        assert any(row.split()[-2:] == ["0.0004386", "✓"] for row in screen.rows if row.split())
        assert "They share 0.0500 × 0.2413: the backward pass multiplies that once." in text
        assert "(a - y) · a·(1 - a) · W · a·(1 - a) · x" in text
        await screen.press("down")
        assert "2 of 2" in screen.text
        await screen.press("o")
        assert "2 of 2" in screen.text
        await screen.press("right", "right", "enter")
        assert screen.session.node.name == "layer2.z"
        assert screen.session.element == (0, 1)
        assert "2 Paths  layer1.weight[0,0]" in screen.text
        await screen.press("escape")
        assert "2 Operation" in screen.text


async def test_enter_in_why_goes_from_producer_to_producer() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.run("goto backward layer1.z")
        await screen.run("select layer1.weight[1,7]")
        await screen.press("i")
        assert "2 Why  ∂L/∂layer1.weight[1,7]" in screen.text
        visited = []
        for _ in range(5):
            await screen.press("enter")
            visited.append((screen.session.node.name, screen.session.element))
        assert visited[:3] == [("layer1.z", (1, 7)), ("layer1.a", (1, 7)), ("layer2.z", (1, 0))]
        assert screen.session.here.name == "loss"


async def test_i_again_tells_the_other_number() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.run("goto backward layer1.z")
        await screen.press("i")
        first = screen.text
        await screen.press("i")
        assert screen.text != first
        await screen.press("i")
        assert screen.text == first


async def test_a_path_for_a_whole_room() -> None:
    async with debug("lesson-2-2-1", 80, 24) as screen:
        await screen.run("goto backward layer1.z")
        await screen.press("P")
        await screen.run("paths layer1.weight[0,0]")
        await screen.derived()
        assert "∂L/∂W[0,0] = (z - y) · W · a·(1 - a) · x" in screen.text
        assert "(-0.1975) · 0.5000 · 0.2499 · 0.5000 = ? " in screen.text  # it is what is asked
        await screen.press("s")
        assert "(-0.1975) · 0.5000 · 0.2499 · 0.5000 = -0.01234" in screen.text
        assert "┏━┓" in screen.text
        await screen.press("escape")
        assert screen.session.view.present
        assert "(z - y) · W" not in screen.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 20), (40, 12)])
async def test_a_path_asks_a_class_with_answers_to_choose_from(size: tuple[int, int]) -> None:
    async with debug("two-paths", *size) as screen:
        await screen.run("goto backward")
        await screen.press("P")
        await screen.run("paths w")
        await screen.derived()
        text = " ".join(screen.text.split())
        assert "What comes through this way?" in text
        assert "path 1 of 2" in text or size == (40, 12)
        made = present_paths.slide(scene_of(screen.session, screen.app.debugger.ui, *size))
        assert [choice.mistake for choice in made.choices].count("") == 1
        right = next(choice.text for choice in made.choices if not choice.mistake)
        assert f"= {right}" not in text
        await screen.press("1")
        assert "▸  1 " in screen.text
        await screen.press("pagedown")
        assert "✓" in screen.text
        await screen.press("down")  # another path is another question
        assert screen.session.view.asks
        assert "✓" not in screen.text
        await screen.press("escape")
        assert "What comes through" not in screen.text


def test_the_points_of_a_column_stand_under_each_other_where_they_have_room() -> None:
    column = ["0.0300000", "0.0100000", "0", "0.04", "-1.2e-7", "NaN"]
    made = why_table.pointed(column)
    assert made[:5] == ["0.0300000", "0.0100000", "0        ", "0.04     ", "-1.2e-7"]
    assert [text.strip() for text in made] == column
    assert why_table.pointed(["12345678", "0.03"]) == ["12345678", "0.03"]


@pytest.mark.parametrize("width", [38, 68])
def test_the_terms_of_a_number_and_their_sum_have_their_points_in_one_column(width: int) -> None:
    rows = [plain(row) for row in drawn(why_panel, at("lesson-2-2-1", 0), width, 17, "layer1.z[0,0]")]
    terms = [row for row in rows if re.match(r".{2}(\[\d\]|b\[0\]|sum) ", row)][:4]
    assert len(terms) == 4
    points = {row.index(".") for row in terms if "." in row.split("%")[0]}
    units = {row.index(" 0 ") + 2 for row in terms if " 0 " in row}
    assert len(points) == 1
    assert units <= points
