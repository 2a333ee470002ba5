"""docs/teaching.md: both classes are given by their keys, each command is run, the lesson of one's own is walked."""

from __future__ import annotations

import re
import shlex
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from bptui.app import BptuiApp, ScreenApp
from bptui.cli import main
from bptui.model.base.spans import plain
from bptui.model.source.network import load
from bptui.screens import explore
from bptui.screens.lesson_class import ClassLesson
from bptui.screens.play.opening import playground
from bptui.teach import catalogue
from bptui.teach.course import Course
from bptui.teach.names import known
from tests.paths import DOCS
from tests.screens.rig import StageApp, loaded, piloted

PAGE = (DOCS / "teaching.md").read_text(encoding="utf-8")
KEYS = {"pgdn": "pagedown", "pgup": "pageup", "esc": "escape"}
SIZES = {"A class of 45 minutes": (120, 36), "The same length, at 80x24": (80, 24)}


class Row(NamedTuple):
    """A row of a class: its minute, what the teacher does, what is then seen."""

    minute: int
    does: list[str]
    seen: list[str]


def rows(title: str) -> list[Row]:
    """The table under a heading."""
    part = PAGE.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| (\d+) \| (.*?) \|(.*?)\|.*\|$", part, re.MULTILINE)
    return [
        Row(int(minute), re.findall("`([^`]+)`", does), re.findall("`([^`]+)`", seen)) for minute, does, seen in found
    ]


def app(command: str) -> BptuiApp:
    """What a command line opens."""
    _, word, *rest = shlex.split(command)
    if word == "learn" and "--present" in rest:
        return ScreenApp(partial(ClassLesson, f"lesson {rest[0]}", catalogue.find(rest[0])))
    if word == "explore":
        return StageApp(rest[0], lambda: explore.board(rest[0], None))
    if word == "play":
        return StageApp("play", playground(None, 20))
    assert word == "run"
    return BptuiApp(rest[0], lambda: load(rest[0]))


def text(shown: BptuiApp) -> str:
    """All that is seen, blanks and frames left out."""
    canvas = shown.first.canvas if isinstance(shown, ScreenApp) else shown.debugger.canvas  # type: ignore[attr-defined]
    return " ".join(" ".join(plain(row) for row in canvas.rows).split())


async def until(pilot: Pilot[None], shown: BptuiApp, wanted: str) -> None:
    for _ in range(400):
        if " ".join(wanted.split()) in text(shown):
            return
        await pilot.pause(0.01)
    raise AssertionError((wanted, text(shown)))


async def give(part: list[Row], size: tuple[int, int]) -> None:
    """What is done with one program, from the row on that opens it."""
    opened = part[0].does[-1].removeprefix("$ ")
    shown = app(opened)
    async with piloted(shown, *size) as pilot:
        if type(shown) is BptuiApp:
            await loaded(shown)
        for number, row in enumerate(part):
            for what in row.does if number else ():
                if what.startswith("$") or not shown.is_running:
                    break
                keys = ["colon", *({" ": "space"}.get(c, c) for c in what[1:]), "enter"] if what[0] == ":" else [what]
                await pilot.press(*(KEYS.get(key, key) for key in keys))
                await shown.workers.wait_for_complete()
                while not isinstance(shown, StageApp) and shown.debugger.runner.busy:
                    await pilot.pause()
                await pilot.pause()
            for seen in row.seen:
                await until(pilot, shown, seen)


@pytest.mark.parametrize("title", SIZES)
async def test_a_class_is_given_as_it_is_written(title: str) -> None:
    table = rows(title)
    assert len(table) > 15
    minutes = [row.minute for row in table]
    assert minutes == sorted(minutes)
    assert minutes[0] == 0
    assert 40 < minutes[-1] < 45
    begins = [n for n, row in enumerate(table) if any(what.startswith("$") for what in row.does)]
    assert begins[0] == 0
    for first, last in zip(begins, [*begins[1:], len(table)], strict=True):
        leaving = [table[last]._replace(does=table[last].does[:1], seen=[])] if last < len(table) else []
        await give([*table[first:last], *leaving], SIZES[title])


def test_the_keys_in_front_of_a_class_are_those_of_the_registry() -> None:
    part = PAGE.split("## In front of a class", 1)[1].split("\n## ", 1)[0]
    keys = (DOCS / "keys.md").read_text(encoding="utf-8").split("## In present mode", 1)[1].split("\n## ", 1)[0]
    for key, there in (("pgdn", "`pagedown`"), ("pgup", "`pageup`"), ("1", "1…4"), ("esc", "`escape`")):
        assert f"`{key}`" in part
        assert there in keys
    assert "`autoplay [SECONDS" in (DOCS / "keys.md").read_text(encoding="utf-8")


async def test_autoplay_and_notes() -> None:
    shown = app("bptui learn 4 --present")
    async with piloted(shown) as pilot:
        await until(pilot, shown, "the prediction must")
        await pilot.press("colon", *({" ": "space"}.get(c, c) for c in "autoplay 0.5"), "enter")
        await until(pilot, shown, "✓ 1 rise")
        await pilot.press("space")
        await until(pilot, shown, "the pages stand still")


BLOCKS = [row for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for row in block.splitlines()]


def test_each_command_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lesson,) = re.findall(r"````markdown\n(.*?)````", PAGE, re.DOTALL)
    (tmp_path / "prices.md").write_text(lesson, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    commands = 0
    for row in BLOCKS:
        if row.startswith("$ "):
            commands += 1
            assert main(shlex.split(row)[2:]) == 0
            printed = capsys.readouterr().out.splitlines()
            assert printed
        elif row != "…":
            assert row in printed
    assert commands == 6


def test_the_lesson_of_the_page_is_walked_right_and_says_what_it_knows() -> None:
    (lesson,) = re.findall(r"````markdown\n(.*?)````", PAGE, re.DOTALL)
    course = Course(known(lesson, Path("prices.md")))
    assert plain(course.answer("0.25").reason) == "That is the first one only."
    assert course.answer("20.5").right
    assert "Ask first for a guess by eye" in plain(course.notes()[0])
    course.next()
    assert len(course.hidden) == 2
    assert plain(course.answer("2").reason) == "b gets each miss once. What gets the second one three times?"
    course.answer("1")
    course.next()
    assert course.answer("1").right
    assert "It is 6.93." in plain(course.explains()[0][0])
