"""Home: the list, its keys, what is typed there, and the way to the debugger and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from bptui import arguments, cli
from bptui.app import HomeApp
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.source.examples import catalogue
from bptui.screens import home
from bptui.screens.keys import HOME, keys_text
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
        example = self.app.home.state.example
        return "" if example is None else example.name

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
        for example in catalogue():
            assert f" {example.name} " in at.text
            assert example.about in at.text
        assert at.chosen == "darts"
        await at.press("j", "down", "k", "x")
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
        await at.press("enter", "colon", *"theme light", "enter", "q")
        assert at.app.home.canvas._theme.name == "light"


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 20), (40, 12), (24, 6), (10, 3)])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_size_keeps_the_grid(size: tuple[int, int], unicode: bool) -> None:
    """Rows are as wide and as many as the screen; the chosen example is always seen."""
    state = home.State(catalogue(), home.RenderOptions(unicode=unicode))
    for state.chosen in range(len(catalogue())):
        rows = [plain(row) for row in home.lines(state, *size)]
        assert len(rows) <= size[1]
        assert all(len(row) == size[0] for row in rows)
        assert unicode or "".join(rows).isascii()
        assert size == (10, 3) or catalogue()[state.chosen].name in "".join(rows)


def test_no_example_is_hidden_behind_a_key() -> None:
    assert not {example.name[0] for example in catalogue()} & {key for row in HOME.rows for key in row.keys}


async def test_every_key_of_home_does_something() -> None:
    """A press of it, at the top of the list or in its middle, changes what is seen."""
    for row in HOME.rows:
        for key in row.keys:
            async with at_home() as at:
                await at.press("slash", "r", "enter", "down", "down")
                before = at.text
                await at.press(key)
                assert at.text != before or at.app.screen is not at.app.home or not at.app.is_running, key


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
    assert arguments.opened(text) == words


@pytest.mark.parametrize("text", ["", "=", "L = ", "'L = x", "L = x x=", "--train", "nosuch.toml", "L=os() x=1",
                                  "--values=3 x=2", "\x00=1"])  # fmt: skip
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as told:
        cli._opened(text)[1]()
    assert "\n" not in str(told.value)


def test_the_first_frame_needs_no_numpy() -> None:
    code = (
        "import sys, bptui.app; from bptui.screens import home; from bptui.model.source.examples import catalogue\n"
        "assert len(home.lines(home.State(catalogue()), 80, 24)) == 24\n"
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
