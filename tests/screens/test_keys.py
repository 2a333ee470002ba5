"""Every key does what the registry says, in every panel; footer, help and palette are made from it."""

from __future__ import annotations

import asyncio
import base64
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, Paste

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.registry import COMMANDS, find
from bptui.screens import copying
from bptui.screens import help as manual
from bptui.screens.command_line import CommandLine
from bptui.screens.keys import (
    DEBUGGING,
    LINE,
    PAGES,
    PALETTE,
    PANEL,
    PLACES,
    PRESENT,
    RUNNING,
    Place,
    footer_keys,
    keys_text,
)
from bptui.screens.panels import footer
from tests.forgotten import is_made
from tests.keys_page import page
from tests.paths import DOCS
from tests.screens.rig import debug


def test_no_key_stands_for_two_commands_and_arrows_are_free() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {key for row in PANEL.rows for key in row.keys}
    assert not any(key.startswith("alt+") for key in keys)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_key_of_a_place_means_one_thing_and_is_written(place: Place) -> None:
    keys = [key for row in place.rows for key in row.keys]
    assert len(keys) == len(set(keys))
    assert not any(key.startswith("alt+") for key in keys)
    assert all(not row.by or len(row.by) == len(row.keys) for row in place.rows)
    written = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
    seen = "\n".join(plain(row) for row in (manual.pages(118) if place in DEBUGGING else manual.place_keys(place, 118)))
    for row in place.rows:
        assert f"| {row.summary} |" in written
        assert keys_text(row) in seen
        assert row.summary in seen


def test_the_page_of_keys_is_made_from_the_rows() -> None:
    is_made(DOCS / "keys.md", page(), "tests.keys_page")


def test_every_key_of_the_line_does_something() -> None:
    for key in (key for row in LINE.rows for key in row.keys):
        line = CommandLine(history=["before", "again"])
        line.open(text="goto layer")
        line.press("left", None, lambda _: [])
        line.press("up", None, lambda _: [])
        line.press("left", None, lambda _: [])
        before = (line.text, line.at)
        end = line.press(key, None, lambda _: ["again and again"])
        assert end or (line.text, line.at) != before, key


async def test_every_key_over_the_panels_and_in_present_mode_does_something() -> None:
    async with debug("xor") as screen:
        debugger = screen.app.debugger
        for key in (key for row in PAGES.rows for key in row.keys):
            await screen.press("question_mark", "pagedown")
            before = screen.text
            await screen.press(key)
            assert screen.text != before, key
            await screen.press("escape")
        assert not debugger.ui.pages
        for row in PRESENT.rows:
            for key in row.keys:
                await screen.run("goto 2")
                await screen.press("P")
                before = screen.text
                await screen.press(key)
                assert screen.text != before, key
                assert screen.session.view.present == (row.word != "leave")
                await screen.press("escape")
        for key in (key for row in PALETTE.rows for key in row.keys):
            await screen.press("ctrl+p", "down")
            before = debugger.canvas.rows
            await screen.press(key)
            assert debugger.canvas.rows != before, key
            debugger.palette = debugger.typing = None


async def test_every_key_does_something_while_a_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with debug("xor") as screen:
        debugger = screen.app.debugger
        done: list[str] = []
        monkeypatch.setattr(debugger.runner, "cancel", lambda: done.append("cancel"))
        monkeypatch.setattr(debugger, "leave", lambda: done.append("leave"))
        monkeypatch.setattr(debugger.runner, "job", Future())
        for row in RUNNING.rows:
            for key in row.keys:
                debugger.on_key(Key(key, None))
                assert done.pop() == row.word
        monkeypatch.undo()


def test_everything_has_a_way_without_ctrl() -> None:
    """ctrl and F keys are second ways: the first key of a command, or its word, does it too."""
    for command in COMMANDS:
        assert command.word
        assert all(not key.startswith("f1") for key in command.keys[:1])


async def test_every_key_of_the_registry_answers_in_every_panel(full: bool) -> None:
    """Whatever has the focus, each key works, and none breaks a panel. By default each key meets two of the four, the
    next key the other two: what a panel does with a key that it does not have is one code."""
    async with debug("xor", 120, 36) as screen:
        debugger = screen.app.debugger
        for place, focus in enumerate("1234"):
            for n, key in enumerate(key for command in COMMANDS for key in command.keys if command.word != "quit"):
                if (n + place) % 2 and not full:
                    continue
                debugger.press(focus)
                debugger.press(key)
                await screen.settle()
                assert "defect" not in screen.text, (focus, key, screen.text)
                assert "panel failed" not in screen.text, (focus, key, screen.text)
                debugger.typing = debugger.palette = None


async def test_lowercase_and_uppercase_are_mirror_images() -> None:
    async with debug("xor") as screen:
        await screen.press("n")
        middle = screen.session.cursor
        for command in COMMANDS:
            if command.twin and command.key and command.key in "sn":
                twin = next(c for c in COMMANDS if c.word == command.twin)
                await screen.press(command.keys[0], twin.keys[0])
                assert screen.session.cursor == middle
        await screen.press("space", "backspace")
        assert screen.session.cursor == middle


async def test_arrows_move_the_element_and_never_the_moment() -> None:
    async with debug("xor", 120, 36) as screen:
        moment = screen.session.cursor
        await screen.press("right", "down", "l", "j")
        assert screen.session.element == (2, 2)
        assert "element [2,2]" in screen.text
        await screen.press("up", "left", "k", "h", "h")
        assert screen.session.element == (0, 0)
        await screen.press("1", "down", "down")
        assert screen.session.node.name != screen.session.here.name
        assert screen.session.cursor == moment
        await screen.press("escape")
        assert screen.session.node.name == screen.session.here.name


async def test_digits_and_tab_move_the_focus() -> None:
    async with debug("xor", 120, 36) as screen:
        await screen.press("3")
        assert "━ 3 Tensor" in screen.text
        await screen.press("tab")
        assert "━ 4 Timeline" in screen.text
        await screen.press("shift+tab", "shift+tab")
        assert "━ 2 Operation" in screen.text
        await screen.press("z")
        assert "1 Network" not in screen.text
        await screen.press("z")
        assert "1 Network" in screen.text


async def test_the_command_line_completes_remembers_and_corrects() -> None:
    async with debug("xor") as screen:
        await screen.run("goto backward")
        assert screen.session.cursor.phase == "backward"
        await screen.press("colon", "up")
        assert ":goto backward" in screen.rows[-1].replace(" :", ":")
        await screen.press("escape")
        await screen.run("finsh")
        assert "did you mean 'finish'?" in screen.rows[-1]
        await screen.press("colon")
        await screen.type("got")
        await screen.press("tab")
        await screen.type("layer2.z")
        await screen.press("enter")
        assert screen.session.here.name == "layer2.z"


def test_a_line_is_edited_as_in_a_shell() -> None:
    line = CommandLine()
    line.open()
    line.insert("goto layer1")
    for key in ("ctrl+w", "ctrl+a"):
        line.press(key, None, lambda _: [])
    line.insert("x")
    assert (line.text, line.at) == ("xgoto ", 1)
    line.press("ctrl+k", None, lambda _: [])
    assert line.text == "x"
    line.insert("\x1b[31m\n" + "y" * 5000)
    assert len(line.text) <= 1000
    assert line.text.isprintable()
    assert line.press("escape", None, lambda _: []) == "close"
    assert all(len(plain(line.line(width))) == width for width in (10, 40, 80))


def test_completion_takes_what_is_common_first() -> None:
    line = CommandLine()
    line.open(text="go")
    line.press("tab", None, lambda _: ["goto layer1.a", "goto layer1.z"])
    assert line.text == "goto layer1."
    assert line.matches
    line.press("tab", None, lambda _: [])
    assert line.text == "goto layer1.a"
    line.press("shift+tab", None, lambda _: [])
    assert line.text == "goto layer1.z"
    assert "layer1.z" in plain(line.choices(40, 3)[0])


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_footer_is_made_from_the_registry(width: int) -> None:
    text = plain(footer.usual(width))
    assert len(text) == width
    middle, ends = footer_keys(width)
    assert text.endswith("".join(f"{key} {word}  " for key, word in ends).rstrip() + " ")
    assert text.startswith(" s/S step")
    shown = [word for key, word in middle if f" {key} {word} " in text]
    assert shown == [word for _, word in middle][: len(shown)]


def test_the_help_is_whole_in_any_width() -> None:
    """Nothing of it is cut: every summary's words are there, in rows that fit."""
    for width in (22, 38, 58, 78, 118):
        rows = [plain(row) for row in manual.pages(width)]
        assert max(map(len, rows)) <= width
        words = " ".join(rows).split()
        assert all(word in words for command in COMMANDS for word in command.summary.split())
        assert max(len(plain(row)) for row in manual.about("goto", width)) <= width


async def test_help_and_palette_hold_every_command() -> None:
    text = "\n".join(plain(line) for line in manual.pages(79))
    assert all(f" {command.word}" in text for command in COMMANDS)
    assert max(len(line) for line in text.split("\n")) <= 79
    async with debug("xor") as screen:
        await screen.press("question_mark")
        assert "Keys and commands" in screen.text
        await screen.press("pagedown", "escape")
        assert "Keys and commands" not in screen.text
        await screen.run("help goto")
        assert "goto NODE" in screen.text
        await screen.press("escape", "ctrl+p")
        await screen.type("theme")
        await screen.press("enter")
        assert "theme light" in screen.rows[-1]


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 12), (24, 12)])
async def test_the_palette_cuts_nothing_without_saying_so(size: tuple[int, int]) -> None:
    """Of each command as much as has room, and `…`; the chosen one is told to its end."""
    async with debug("xor", *size) as screen:
        await screen.press("ctrl+p")
        for command in COMMANDS:
            rows = [row.rstrip() for row in screen.rows]
            at = next(
                n for n, row in enumerate(rows) if row.startswith(f"  {command.word} ") or row[2:] == command.word
            )
            told = " ".join(" ".join(rows[at:-1]).split())
            assert " ".join(command.summary.split()) in told, (command.word, rows)
            for other in COMMANDS:
                row = next((row for row in rows if row.startswith(f"  {other.word} ")), "")
                if other is not command and len(row) > 33:
                    assert row.endswith((other.summary, "…")), row
            await screen.press("down")


async def test_the_palette_is_edited_as_a_line_and_takes_pasted_text() -> None:
    async with debug("xor") as screen:
        palette_of = screen.app.debugger
        await screen.press("ctrl+p")
        await screen.type("step focus")
        await screen.press("ctrl+w", "left", "left", "left", "backspace")
        assert palette_of.palette.editor.text == "sep "
        await screen.press("ctrl+u", "ctrl+k")
        palette_of.on_paste(Paste("theme\nx"))
        assert palette_of.palette.editor.text == "theme x"
        await screen.press("backspace", "backspace", "enter")
        assert "theme light" in screen.rows[-1]
        await screen.press("ctrl+p", "backspace")
        assert palette_of.palette is None


@pytest.mark.parametrize(
    ("pasted", "line"),
    [
        ("u = w*x\rL = u**2\r", "u = w*x; L = u**2"),
        ("goto end\r\n", "goto end"),
        ("set w = [[1, 2],\n  [3, 4]]", "set w = [[1, 2], [3, 4]]"),
        ("L = a +\nb;\nc", "L = a + b; c"),
        ("\n\n", "  "),
    ],
)
def test_lines_that_are_pasted_stay_apart_in_one(pasted: str, line: str) -> None:
    editor = CommandLine()
    editor.insert(pasted)
    assert editor.text == line
    editor.open("/")
    editor.insert(pasted)
    assert ";" not in editor.text.replace("b;", "b")


async def test_help_is_searched_by_a_word() -> None:
    async with debug("xor") as screen:
        await screen.press("question_mark", "slash")
        await screen.type("PREDICT")
        await screen.press("enter")
        shown = screen.app.debugger
        at = shown.ui.pages.sought[1]
        assert "predict" in plain(shown.ui.pages.rows[at]).lower()
        assert any(row[1:] and row.strip() == plain(shown.ui.pages.rows[at]).strip() for row in screen.rows)
        assert any("underline" in span.style for span in shown.ui.pages.rows[at])
        await screen.press("slash", "enter")
        assert shown.ui.pages.sought[1] > at
        assert "predict" in plain(shown.ui.pages.rows[shown.ui.pages.sought[1]]).lower()
        await screen.press("slash")
        await screen.type("zzz")
        await screen.press("enter")
        assert screen.rows[-1].strip() == "no row has zzz"
        await screen.press("down")
        assert "/ find" in screen.rows[-1]
        assert shown.ui.pages
        await screen.press("escape", "slash")  # without help it is the search for nodes
        await screen.type("layer2")
        await screen.press("enter")
        assert not shown.ui.pages


async def test_a_name_is_no_command_but_has_help_and_says_what_takes_it() -> None:
    async with debug("xor") as screen:
        for typed, meant in (
            ("loss", "(print loss)"),
            ("layer1.weight[0,1] = 3", "(set layer1.weight[0,1] = 3)"),
            ("lr <= 3", "(print lr <= 3)"),
            ("set lr 0.5", "(set lr = 0.5)"),
            ("reset", "undo"),
            ("nudge layer1.weight a", "'a' is not a number (nudge layer1.weight 0.1)"),
            ("explore", "chain|rate|flow"),
        ):
            await screen.press("colon")
            await screen.type(typed)
            await screen.press("enter")
            assert meant in screen.rows[-1]
        await screen.press("colon")
        await screen.type("help layer1.z")
        await screen.press("enter")
        assert any("layer1.z  (4,8)  of this network: made by affine" in row for row in screen.rows)
        await screen.press("escape", "colon")
        await screen.type("help layer1")
        await screen.press("enter")
        assert any("layer1  a layer of this network: dense 8, relu" in row for row in screen.rows)


async def test_search() -> None:
    async with debug("xor") as screen:
        await screen.press("slash")
        await screen.type("relu")
        await screen.press("enter")
        assert screen.session.node.name == "layer1.a"


async def test_copy_goes_to_the_terminals_clipboard() -> None:
    async with debug("lesson-2-2-1") as screen:
        await screen.press("y")
        assert screen.app.clipboard.strip()
        assert "copied" in screen.rows[-1]
        await screen.press("1", "Y")
        assert "weight" in screen.app.clipboard
        assert "│" not in screen.app.clipboard


def test_osc_52_is_wrapped_for_tmux_and_long_texts_go_to_a_file() -> None:
    plain_sequence = copying.osc52("½ a", {})
    assert base64.b64decode(plain_sequence[len("\x1b]52;c;") : -1]).decode() == "½ a"
    inside = copying.osc52("a", {"TMUX": "/tmp/x"})
    assert "\x1bPtmux;\x1b\x1b]52;c;" in inside
    assert inside.endswith("\x1b\\")
    assert not copying.fits("x" * 100_000)
    path = copying.to_file("text")
    try:
        assert path.read_text() == "text"
        assert path.stat().st_mode & 0o077 == 0
    finally:
        Path(path).unlink()


async def test_a_long_command_can_be_cancelled_and_the_screen_stays_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    async with debug("xor") as screen:
        debugger, session = screen.app.debugger, screen.session
        asked = threading.Event()
        advance = session.history.advance

        def watch(*arguments: Any, **options: Any) -> int:
            asked.set()
            return advance(*arguments, **options)

        monkeypatch.setattr(session.history, "advance", watch)
        await screen.pilot.press("colon")
        await screen.type("train 9000000")
        await screen.pilot.press("enter")
        assert await asyncio.to_thread(asked.wait, 20)
        job = debugger.runner.job
        assert job is not None
        debugger.on_key(Key("s", "s"))  # not a way to break it
        debugger.on_key(Key("ctrl+c", None))
        await asyncio.wrap_future(job)
        await screen.pilot.pause()
        assert debugger.runner.job is None
        assert 0 < session.cursor.step < 9_000_000
        assert "interrupted" in screen.rows[-1]


@pytest.mark.parametrize("stop", ["watch value // 0", "break loss", "break if loss < 0"])
async def test_stops_without_end_can_be_cancelled(stop: str) -> None:
    async with debug("xor-stuck") as screen:
        debugger = screen.app.debugger
        await screen.run(stop)
        await screen.pilot.press("colon")
        await screen.type("continue 1000000000")
        await screen.pilot.press("enter")
        job = debugger.runner.job
        if job is not None:  # a search that finds nothing in the steps that are planned may be done at once
            debugger.on_key(Key("ctrl+c", None))
            await asyncio.wait_for(asyncio.wrap_future(job), 20)
            await screen.pilot.pause()
        assert debugger.runner.job is None


async def test_ctrl_c_says_how_to_leave_and_q_leaves() -> None:
    async with debug("xor") as screen:
        await screen.press("ctrl+c")
        assert "q quits" in screen.rows[-1]
        await screen.run("q")
        assert screen.app.return_code in (0, None)
        assert not screen.app.is_running or screen.app._exit
    assert {"q", "ctrl+q"} <= {*find("quit").keys}
