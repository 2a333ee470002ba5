"""Under a stage that takes all columns, at 80x24: whatever is said to an answer is read whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bptui.model.base.spans import plain
from bptui.teach import catalogue
from bptui.teach.judging import Judge
from bptui.teach.lesson import Front
from bptui.teach.progress import Progress, Reached
from bptui.teach.reading import read
from tests.screens.test_lesson import At, _keys, reading


def strip(at: At) -> str:
    return " ".join(" ".join(plain(row) for row in at.screen.canvas.rows[18:23]).split())


@asynccontextmanager
async def page(front: Front, number: int, folder: Path) -> AsyncIterator[At]:
    Progress(folder).keep(front.key, Reached(number, {}))
    async with reading(front, folder) as at:
        assert at.course.number == number - 1
        yield at


def pages(*words: str) -> list[tuple[Front, int]]:
    """The pages that open with such a stage, of one lesson each: a choice, a number."""
    found: dict[bool, tuple[Front, int]] = {}
    for front in catalogue.lessons():
        for number, each in enumerate(read(front.path).pages, 1):
            stages = [d.argument.split()[0] for d in each.before if d.word == "stage"]
            if each.question is not None and stages and stages[-1] in words:
                found.setdefault(each.question.is_choice, (front, number))
    return list(found.values())


@pytest.mark.parametrize(("front", "number"), pages("chain", "rate"), ids=str)
async def test_each_reason_and_each_hint_is_read_whole(front: Front, number: int, tmp_path: Path) -> None:
    async with page(front, number, tmp_path) as at:
        question, asking = at.course.question, at.course._stage.asking
        assert question is not None
        assert asking is not None
        if question.is_choice:
            for key, option in enumerate(question.options, 1):
                if not option.right:
                    await at.press(str(key), "enter")
                    assert f"not yet: {plain(at.course.text(option.reason))}" in strip(at)
        else:
            for each in Judge(asking, question, at.course.text).wrong():
                await at.press(*_keys(f"{each.number:.12g}"), "enter")
                assert f"not yet: {plain(each.reason)}" in strip(at)
        for hint in question.hints:
            await at.press("enter")
            assert plain(at.course.text(hint)) in strip(at)


@pytest.mark.parametrize(("front", "number"), pages("flow"), ids=str)
async def test_the_footer_names_each_key_once(front: Front, number: int, tmp_path: Path) -> None:
    """While up and down choose an answer they are no keys of the board, and the footer does not say so."""
    async with page(front, number, tmp_path) as at:
        last = plain(at.screen.canvas.rows[-1])
        assert last.count("up/down") == 1
        assert ("up/down choose" in last) == bool(at.screen.reading.options)  # type: ignore[union-attr]
