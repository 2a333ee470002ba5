"""Scripts on the screen: the same lines as in plain mode, one after the other, and still awake meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import threading
from pathlib import Path

import pytest

from bptui.keeper import Typed
from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.reply import Reply
from bptui.model.debugger.script import ScriptLine
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens.bindings import MAPS, Bindings
from bptui.screens.panels import PANELS
from bptui.surroundings import Surroundings
from tests.screens.rig import debug
from tests.sessions import snapshot
from tests.unit.model.debugger.test_script import run


async def test_a_script_does_what_it_does_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.bp"
    path.write_text("define far\nstep $arg0\nend\ngoto backward\nfar 2\ndisplay loss\nset lr = 0.5\n")
    async with debug("xor") as screen:
        await screen.run(f"source {path}")
        there = Session(load("xor"))
        run(there, f"source {path}")
        assert snapshot(screen.session) == snapshot(there)
        assert screen.session.branch.edits[-1].text == there.branch.edits[-1].text
        await screen.run("far 3")
        assert screen.session.stop == there.stop + 3


async def test_a_wrong_line_ends_it_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.bp"
    path.write_text("step\nprint nosuch\nstep\n")
    async with debug("xor", 120, 36) as screen:
        await screen.run(f"source {path}")
        assert screen.session.stop == 1
        assert "a.bp line 2: 'nosuch'" in screen.text
        assert not screen.app.debugger.runner.busy


async def test_what_is_expected_waits_for_what_is_derived(tmp_path: Path) -> None:
    path = tmp_path / "a.bp"
    path.write_text("step 7\nexpect ✓ difference\nexpect print step == 0\nstep\nexpect nothing of the kind\nstep\n")
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await screen.run(f"source {path}")
        while screen.app.debugger.runner.busy:
            await screen.settle()
        assert screen.session.stop == 8
        assert "a.bp line 5: expect: 'nothing of the kind' is not shown" in screen.text


async def test_a_long_script_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hundredth line is held until Escape was pressed: what comes after that line is not run."""
    path = tmp_path / "a.bp"
    path.write_text("train 1\n" * 800)
    lines, held, pressed, through = itertools.count(), threading.Event(), threading.Event(), registry.run

    def run(session: Session, line: ScriptLine | str) -> Reply:
        if next(lines) == 100:
            held.set()
            assert pressed.wait(60)
        return through(session, line)

    monkeypatch.setattr(registry, "run", run)
    async with debug("xor") as screen:
        screen.app.debugger.run(f"source {path}")  # returns after a blink
        while not held.is_set():
            await asyncio.sleep(0.002)
        await screen.pilot.press("escape")
        pressed.set()
        while screen.app.debugger.runner.busy:  # the line that was running when it came
            await screen.pilot.pause()
        ended = screen.session.stop
        assert 0 < ended <= 101 * screen.session.branch.walk.length
        await screen.press("s")
        assert screen.session.stop == ended + 1


async def test_a_script_that_is_ended_while_it_is_read_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escape comes while `source` itself is still at work."""
    path = tmp_path / "a.bp"
    path.write_text("step\n" * 3)
    held, pressed, through = threading.Event(), threading.Event(), registry.run

    def run(session: Session, line: ScriptLine | str) -> Reply:
        reply = through(session, line)
        held.set()
        assert pressed.wait(60)
        return reply

    monkeypatch.setattr(registry, "run", run)
    async with debug("xor") as screen:
        screen.app.debugger.run(f"source {path}")
        while not held.is_set():
            await asyncio.sleep(0.002)
        await screen.pilot.press("escape")
        pressed.set()
        while screen.app.debugger.runner.busy:
            await screen.pilot.pause()
        assert screen.session.stop == 0


async def test_another_key_map_is_that_of_keys_footer_help_and_palette() -> None:
    around = Surroundings(bindings=Bindings({**MAPS["vim"], "f5": "theme light", "T": "goto step "}))
    async with debug("xor", 120, 36, around=around) as screen:
        assert "w/b layer" in screen.rows[-1]
        await screen.press("w")
        assert screen.session.here.name == "layer2.z"
        await screen.press("b")
        assert screen.session.stop == 0
        await screen.press("f5")
        assert "theme light" in screen.rows[-1]
        await screen.press("T")
        assert ":goto step" in screen.rows[-1]
        await screen.press("escape", "question_mark")
        shown = [plain(row).split()[:2] for row in screen.app.debugger.ui.pages.rows]
        assert ["w", "next"] in shown
        assert ["n", "search-next"] in [[row[0], row[-1]] for row in shown if row] or [".", "n"] in shown
        await screen.press("escape")
        await screen.run("n")  # words stay: n is next
        assert screen.session.here.name == "layer2.z"


async def test_help_says_first_what_keys_do_in_the_panel_with_the_focus() -> None:
    async with debug("xor", 80, 24) as screen:
        for each in PANELS:
            await screen.press(str(each.number), "question_mark")
            assert f"In {each.name}, which has the focus" in screen.text
            assert all(said and said.split(".")[0][:30] in screen.text for _, said in each.keys)
            await screen.press("escape")


async def test_what_was_typed_is_found_again(tmp_path: Path) -> None:
    async with debug("xor", around=Surroundings(typed=Typed(tmp_path))) as screen:
        for text in ("goto end", "print loss", "goto start"):
            await screen.run(text)
        screen.app.keep()
    async with debug("xor", around=Surroundings(typed=Typed(tmp_path))) as screen:
        await screen.press("colon", "up")
        assert ":goto start" in screen.rows[-1]
        await screen.press("escape", "colon")
        await screen.type("print")
        await screen.press("ctrl+r")
        assert ":print loss" in screen.rows[-1]
        await screen.press("escape", "colon")
        await screen.type("goto")
        await screen.press("ctrl+r", "ctrl+r", "enter")
        assert screen.session.stop == 12


async def test_a_command_of_ones_own_is_typed_line_by_line() -> None:
    async with debug("xor") as screen:
        await screen.run("define twice")
        assert "twice>" in screen.rows[-1]
        for text in ("step $arg0", "step $arg0", "end"):
            await screen.type(text)
            await screen.press("enter")
        assert screen.rows[-1].strip() == "twice is a command of 2 lines now"
        assert screen.session.stop == 0
        await screen.press("colon")
        await screen.type("tw")
        await screen.press("tab")
        assert ":twice" in screen.rows[-1]
        await screen.type("3")
        await screen.press("enter")
        assert screen.session.stop == 6
        await screen.run("define more")
        await screen.press("escape")
        assert "more is not defined" in screen.rows[-1]
        await screen.press("s")
        assert screen.session.stop == 7
