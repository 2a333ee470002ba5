"""Home: the list, its keys, what is typed there, and the way to the debugger and back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bptui import cli, home_line
from bptui.home_app import HomeApp
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Span, plain
from bptui.model.source.examples import catalogue
from bptui.recent import Recent, recent, remember
from bptui.screens.home_list import Item, State, lines
from bptui.screens.keys import HOME, keys_text
from bptui.screens.render import RenderOptions
from tests.screens.rig import piloted

LINE = "L = (y - w*x)**2 x=2 y=2 w=0.5"


class At:
    """The app under test."""

    def __init__(self, app: HomeApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        """What home shows."""
        return "\n".join(plain(row) for row in self.app.home.canvas.rows)

    @property
    def chosen(self) -> str:
        """The name of the chosen example."""
        item = self.app.home.state.item
        return "" if item is None else item.name

    async def press(self, *keys: str) -> None:
        """Press keys and wait for what they started."""
        for key in keys:
            await self.pilot.press({" ": "space"}.get(key, key))
            await self.app.workers.wait_for_complete()
            await self.pilot.pause()


@asynccontextmanager
async def at_home(width: int = 80, height: int = 24) -> AsyncIterator[At]:
    app = HomeApp(cli._opened)
    async with piloted(app, width, height) as pilot:
        yield At(app, pilot)


async def test_the_list_and_the_way_to_the_debugger_and_back() -> None:
    async with at_home() as at:
        await at.press("3")
        for example in catalogue():
            assert f"{example.name} " in at.text
        assert at.chosen == "darts"
        assert catalogue()[0].about in at.text
        await at.press("j", "k", "x")
        assert at.chosen == "xor"
        await at.press("enter")
        assert at.app.screen is at.app.debugger
        assert at.app.session is not None
        assert at.app.session.network.name == "xor"
        await at.press("s", "q")
        assert at.app.screen is at.app.home
        assert at.app.is_running
        assert at.chosen == "xor"
        await at.press("enter", "s")
        assert at.app.session is not None
        assert at.app.session.stop == 1
        await at.press("q", "q")
        assert not at.app.is_running


async def test_a_formula_a_mistake_and_its_correction() -> None:
    async with at_home() as at:
        await at.press("o", *"xorr", "enter")
        assert at.app.screen is at.app.home
        assert "did you mean 'xor'?" in at.text.splitlines()[-1]
        await at.press("o", "backspace", "enter")
        assert at.app.screen is at.app.debugger
        await at.press("q", "colon", *LINE, "enter")
        assert at.app.session is not None
        assert at.app.session.recording.loss == 1.0


async def test_the_line_completes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "mine.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    async with at_home() as at:
        await at.press("o", *"mi", "tab")
        assert at.text.splitlines()[-1].strip() == ":mine.toml"
        await at.press("ctrl+u", *"transf", "tab")
        assert at.text.splitlines()[-1].strip() == ":transformer"


async def test_filter_help_and_escape() -> None:
    async with at_home() as at:
        await at.press("slash", *"moons")
        assert [e.name for e in at.app.home.state.rows] == ["classifier", "swoosh"]
        await at.press("enter", "down")
        assert at.chosen == "swoosh"
        await at.press("slash", *"zzz")
        assert "nothing matches" in at.text
        await at.press("enter", "enter", "escape", "question_mark")
        assert all(text.split()[0] in at.text for row in HOME.rows for text in (row.summary, keys_text(row)))
        await at.press("escape")
        assert "darts " in at.text


async def test_the_theme_of_the_debugger_is_homes_too() -> None:
    async with at_home() as at:
        await at.press("3", "enter", "colon", *"theme light", "enter", "q")
        assert at.app.home.canvas._theme.name == "light"


async def test_its_line_knows_the_few_words_of_every_screen() -> None:
    """help of any word, theme, quit; escape forgets what was refused."""
    async with at_home() as at:
        await at.press("colon", *"help sigmoid", "enter")
        assert "1/(1 + exp(-x))" in at.text
        assert "sigmoid" in at.text.splitlines()[1]
        await at.press("escape", "colon", *"help sigmoyd", "enter")
        assert "did you mean 'sigmoid'?" in at.text.splitlines()[-1]
        await at.press("colon", *"theme light", "enter")
        assert at.app.home.canvas._theme.name == "light"
        await at.press("colon", *"theme lihgt", "enter")
        assert "did you mean 'light'?" in at.text.splitlines()[-1]
        await at.press("colon", *"xorr", "enter", "escape", "colon")
        assert at.text.splitlines()[-1].strip() == ":"
        await at.press(*"q", "enter")
    assert at.app.return_code == 0


LESSONS = tuple(
    Item(0, f"learn {n}", f"A lesson, number {n}", "about what it is", str(n), (Span(f"{n}/17"),), n < 4)
    for n in range(1, 11)
)
ALL = (*LESSONS, Item(1, "play", "play", "choose"), *(Item(2, e.name, e.name, e.about) for e in catalogue()),
       Item(3, "L = w*x w=1 x=2", "L = w*x w=1 x=2", "forward 1/1"))  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 20), (40, 12), (24, 6), (10, 3)])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_size_keeps_the_grid(size: tuple[int, int], unicode: bool) -> None:
    """Rows are as wide and as many as the screen; what is chosen is always seen."""
    state = State(ALL, RenderOptions(unicode=unicode))
    for state.chosen in range(len(ALL)):
        rows = [plain(row) for row in lines(state, *size)]
        assert len(rows) <= size[1]
        assert all(len(row) == size[0] for row in rows)
        assert unicode or "".join(rows).isascii()
        assert size == (10, 3) or ALL[state.chosen].name[: 14 if size[0] > 24 else 8] in "".join(rows)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_down_comes_to_the_last_and_up_to_the_first(width: int) -> None:
    state = State(ALL)
    seen = [state.item.part if state.item else -1]
    for _ in range(len(ALL)):
        state.move(1, 0, width)
        assert state.item is not None
        seen.append(state.item.part)
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}
    for _ in range(len(ALL)):
        state.move(-1, 0, width)
    assert state.chosen == 0


def test_examples_side_by_side_are_gone_through_by_rows() -> None:
    state = State(ALL)
    assert state.go(2)
    names = []
    for down, right in ((0, 1), (1, 0), (1, 0), (0, -1), (-1, 0)):
        state.move(down, right, 80)
        names.append(state.item.name if state.item else "")
    at = [e.name for e in catalogue()]
    assert names == [at[1], at[6], at[11], at[10], at[5]]


def test_what_was_opened_last_is_kept_and_told_by_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPTUI_STATE", str(tmp_path))
    file = tmp_path / "mine.toml"
    file.write_text("x")
    for opens in ("xor", str(file), "xor"):
        remember(opens, "backward 4/5")
    rows = recent()
    assert [row.name for row in rows] == ["xor", "mine.toml"]
    folder = tmp_path / "step.bptui"  # a captured step is a folder: found again from anywhere
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    remember("step.bptui", "forward 1/9")
    assert recent()[0][:1] == (str(folder),)
    assert recent()[0].name == "step.bptui"
    (tmp_path / "recent.json").unlink()
    for opens in (str(file), "xor"):
        remember(opens, "backward 4/5")
    file.unlink()
    assert [row.gone for row in recent()] == [False, True]
    noon = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
    days = [Recent("xor", "", noon - days * 86_400).day(noon) for days in (0, 1, 3, 30)]
    assert days == ["today", "yesterday", "Wednesday", "2026-10-29"]
    for bad in (
        "[",
        "{}",
        '{"format": 1, "recent": [[1, 2, 3, 4]]}',
        '{"format": 1, "recent": [["a", "b", 1e300, ""]]}',
    ):
        (tmp_path / "recent.json").write_text(bad)
        assert recent() == ()


async def test_a_file_that_has_gone_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPTUI_STATE", str(tmp_path))
    file = tmp_path / "mine.toml"
    file.write_text("x")
    remember(str(file), "forward 1/2")
    file.unlink()
    async with at_home() as at:
        assert "gone" in at.text
        await at.press("4", "enter")
        assert "mine.toml: its file has gone" in at.text


def test_no_example_is_hidden_behind_a_key() -> None:
    assert not {example.name[0] for example in catalogue()} & {key for row in HOME.rows for key in row.keys}


async def test_every_key_of_home_does_something(full: bool) -> None:
    """A press of it, at the top of the list or in its middle, changes what is seen; of each row the first, or all."""
    for row in HOME.rows:
        for key in row.keys[: None if full else 1]:
            async with at_home() as at:
                await at.press("slash", "r", "enter", "3", "right", "right")
                before = at.text
                await at.press(key)
                assert at.text != before or at.app.screen is not at.app.home or not at.app.is_running, key


async def test_the_footer_says_what_enter_does_and_a_dead_key_is_told() -> None:
    async with at_home() as at:
        for part, word in (("1", " enter begin "), ("2", " enter play "), ("3", " enter debug ")):
            await at.press(part)
            assert word in at.text.splitlines()[-1]
        await at.press("z")
        assert "no example begins with z" in at.text
        await at.press("slash", *"qqq", "enter")
        assert "enter" not in at.text.splitlines()[-1]
        await at.press("question_mark")
        assert "esc close" in at.text.splitlines()[-1]


async def test_tab_goes_from_part_to_part() -> None:
    async with at_home() as at:
        parts = []
        for key in ("tab", "tab", "tab", "shift+tab"):
            await at.press(key)
            assert at.app.home.state.item is not None
            parts.append(at.app.home.state.item.part)
        assert parts == [1, 2, 0, 2]  # nothing was opened yet: after the examples come the lessons


async def test_all_keys_can_be_read_where_they_have_no_room() -> None:
    async with at_home(60, 20) as at:
        await at.press("question_mark")
        seen = at.text
        await at.press("pagedown")
        assert all(row.summary.split()[-1] in seen + at.text for row in HOME.rows)
        await at.press("escape")
        assert "The chain rule" in at.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("xor", ["run", "xor"]),
        ("bptui run my net.toml", ["run", "my net.toml"]),
        (LINE, ["eval", "L = (y - w*x)**2", "x=2", "y=2", "w=0.5"]),
        ('eval "L = (y - w*x)**2" x=2 y=2 w=0.5', ["eval", "L = (y - w*x)**2", "x=2", "y=2", "w=0.5"]),
        ("L=sum(a @ b) a=[[1, 2]] b=[[1], [0]]", ["eval", "L=sum(a @ b)", "a=[[1, 2]]", "b=[[1], [0]]"]),
        ("h = w*x; L = h**2 w=1 x=2 --train w --lr 0.2",
         ["eval", "h = w*x; L = h**2", "w=1", "x=2", "--train", "w", "--lr", "0.2"]),
        ("L = mean(x, axis=0) x=[1, 2]", ["eval", "L = mean(x, axis=0)", "x=[1, 2]"]),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_a_command_line(text: str, words: list[str]) -> None:
    assert home_line.opened(text) == words


def test_a_home_is_written_as_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert home_line.opened("~/net.toml") == ["run", "/home/me/net.toml"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("check xor", "bptui check xor; here xor alone"),
        ("lesson 3", "learn 3"),
        ("xor --theme light", "xor alone; theme NAME is a line of its own"),
    ],
)
def test_words_of_the_shell_lead_to_what_is_typed_here(text: str, right: str) -> None:
    with pytest.raises(UserError) as told:
        home_line.opened(text)
    assert told.value.right == right


async def test_what_is_filtered_is_not_said_to_be_nothing() -> None:
    async with at_home(120, 36) as at:
        assert "nothing yet" in at.text
        await at.press("slash", *"relu")
        assert "none with 'relu'" in at.text
        assert "nothing yet" not in at.text


@pytest.mark.parametrize("text", ["", "=", "L = ", "'L = x", "L = x x=", "--train", "nosuch.toml", "L=os() x=1",
                                  "--values=3 x=2", "\x00=1"])  # fmt: skip
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as told:
        cli._opened(text)[1]()
    assert "\n" not in str(told.value)


def test_the_first_frame_needs_no_numpy() -> None:
    code = (
        "import sys, bptui.app; from bptui.screens import home_items, home_list\n"
        "assert len(home_list.lines(home_list.State(tuple(home_items.items()[0])), 80, 24)) == 24\n"
        "assert not {'numpy', 'sympy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("width", [40, 80])
async def test_what_is_wrong_is_told_to_its_end(width: int) -> None:
    async with at_home(width) as at:
        await at.press("o", *"L = sigmoid(x w + b) x=2 w=1 b=0", "enter")
        said = " ".join(at.text.split())
        assert "nothing stands between x and w" in said
        assert said.endswith(")")  # what would be right, in brackets


async def test_explorers_have_a_row_where_one_is_left_over() -> None:
    async with at_home(120, 36) as at:
        assert "o explore chain, rate, flow, activations, race" in at.text
        await at.press("slash", *"moons")
        assert "explore chain" not in at.text
