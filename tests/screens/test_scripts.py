"""Scripts on the screen: the same lines as in plain mode, one after the other, and still awake meanwhile."""

from __future__ import annotations

from pathlib import Path

from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from tests.screens.rig import debug
from tests.unit.model.debugger.test_script import run


async def test_a_script_does_what_it_does_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.bp"
    path.write_text("define far\nstep $arg0\nend\ngoto backward\nfar 2\ndisplay loss\nset lr = 0.5\n")
    async with debug("xor") as screen:
        await screen.run(f"source {path}")
        there = Session(load("xor"))
        run(there, f"source {path}")
        assert screen.session.snapshot() == there.snapshot()
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


async def test_a_long_script_can_be_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.bp"
    path.write_text("step\nreverse-step\n" * 4_000)
    async with debug("xor") as screen:
        screen.app.debugger.run(f"source {path}")  # returns after a blink
        assert screen.app.debugger.runner.busy
        await screen.pilot.press("escape")
        await screen.settle()
        assert not screen.app.debugger.runner.busy
        await screen.press("s")
        assert screen.session.stop in (1, 2)
