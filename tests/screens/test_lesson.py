"""Every lesson on the screen, from its first page to its end by its documented keys: answered right, wrong, skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bptui import cli, showing
from bptui.app import ScreenApp
from bptui.home_app import HomeApp
from bptui.model.base.spans import plain
from bptui.screens.lesson import LessonScreen
from bptui.screens.panels import LESSON as PANEL
from bptui.surroundings import Surroundings
from bptui.teach import catalogue
from bptui.teach.course import Course
from bptui.teach.lesson import Front
from bptui.teach.progress import Progress
from bptui.teach.sheet import sheet
from tests.screens.rig import piloted

SIZES = [(80, 24), (60, 20)]
LESSONS = [pytest.param(front, id=f"lesson{front.key}") for front in catalogue.lessons()]
FOUR = next(front for front in catalogue.lessons() if front.number == 4)


class At:
    """The app under test."""

    def __init__(self, app: ScreenApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> LessonScreen:
        """The lesson's screen."""
        assert isinstance(self.app.first, LessonScreen)
        return self.app.first

    @property
    def course(self) -> Course:
        """The reader's way."""
        assert self.screen.reading is not None
        return self.screen.reading.course

    @property
    def text(self) -> str:
        """What is seen."""
        return "\n".join(plain(row) for row in self.screen.canvas.rows)

    async def press(self, *keys: str) -> None:
        """Press keys and wait for what they started."""
        for key in keys:
            await self.pilot.press(key)
            while self.screen.runner.busy:
                await self.pilot.pause(0.005)

    async def derived(self) -> None:
        """Wait for what SymPy derives of itself, and until it is drawn."""
        assert self.screen.explainer is not None
        assert await asyncio.to_thread(self.screen.explainer.service.wait, 60.0)
        await self.pilot.pause()


@asynccontextmanager
async def reading(front: Front, folder: Path | None = None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[At]:
    app = ScreenApp(partial(LessonScreen, "lesson", front, Progress(folder)))
    async with piloted(app, *size) as pilot:
        at = At(app, pilot)
        while at.screen.reading is None:
            await pilot.pause(0.005)
        yield at


def whole(at: At) -> None:
    """Nothing failed, and the page is told as it is set."""
    assert "failed" not in at.text
    assert not at.course.failed, at.course.page.title
    wide = at.screen.ui.board is not None or at.course.stage[0] in ("paths", "neurons")
    if at.screen.size.width == 80 and not wide:
        box = [row.line for row in sheet(at.course)]
        seen = " ".join(at.text.split())
        for row in box[:3]:
            assert " ".join(plain(row).split()) in seen


async def answer_right(at: At) -> None:
    """Answer the question of a page as it wants to be."""
    question = at.course.question
    if question is None or at.course.state in ("right", "shown"):
        return
    if question.is_choice:
        right = next(n for n, option in enumerate(question.options, 1) if option.right)
        await at.press(str(right), "enter")
    else:
        value = at.course._stage.asking.number(question.expression)  # type: ignore[union-attr]
        await at.press(*_keys(f"{value:.10g}"), "enter")
    assert at.course.state == "right", (at.course.page.title, at.text)


async def answer_wrong(at: At) -> None:
    """Answer wrong, take every hint, see the answer."""
    question = at.course.question
    if question is None or at.course.state in ("right", "shown"):
        return
    if question.is_choice:
        for number, option in enumerate(question.options, 1):
            if not option.right:
                await at.press(str(number), "enter")
                assert at.course.state == "not yet"
        await answer_right(at)
        assert at.course.answers[at.course.page.key] == "later"
        return
    await at.press(*_keys("77"), "enter")
    assert at.course.state == "not yet"
    assert "not yet" in at.text
    for _ in range(len(question.hints) + 1):
        await at.press("enter")
    assert at.course.state == "shown"
    assert "shown" in at.text


def _keys(text: str) -> list[str]:
    names = {"-": "minus", ".": "full_stop", "+": "plus"}
    return [names.get(character, character) for character in text]


@pytest.mark.corpus(every=9, rows=2)  # what the screen does with a page is one code for all lessons
@pytest.mark.parametrize(("how", "size"), [("right", (60, 20)), ("wrong", (80, 24)), ("skipped", (60, 20))], ids=str)
@pytest.mark.parametrize("front", LESSONS)
async def test_a_lesson_from_start_to_end(front: Front, how: str, size: tuple[int, int]) -> None:
    answer = {"right": answer_right, "wrong": answer_wrong}.get(how)
    async with reading(front, size=size) as at:
        for page in range(front.pages):
            assert at.course.number == page
            whole(at)
            if answer is not None:
                await answer(at)
                whole(at)
                await at.press("enter")
                if at.course.number == page and not at.course.finished:  # what it waits for is said once
                    assert "first:" in at.text
                    await at.press("enter")
            else:
                await at.press("pagedown")
        assert at.course.finished == (how != "skipped")
        if at.course.finished:
            assert front.title in at.text
            assert "kept on this machine only" in at.text
            await at.press("e", "A", "d", "a", "enter")
            assert size[1] < 24 or "done by Ada" in at.text
            await at.press("escape")
            assert at.course.page.title in at.text


async def test_away_and_back() -> None:
    async with reading(FOUR) as at:
        for _ in range(3):
            await at.press("pagedown")
        before = at.text
        await at.press("s", "s")
        assert "away" in at.text
        assert "esc to the page" in at.text.splitlines()[-1]
        await at.press("escape")
        assert at.text == before
        await at.press("escape")
        assert at.text == before
        await at.press("pagedown", "pageup")
        assert at.text == before
        await at.press("tab")
        assert "━ 1 Network" in at.text


async def test_the_line_of_an_answer() -> None:
    async with reading(FOUR) as at:
        for _ in range(9):
            await at.press("pagedown")
        await at.press(*_keys("-0.0978"))
        assert "= -0.0978" in at.text
        assert at.text.splitlines()[-1].split() == ["enter", "answer", "esc", "leave", "the", "line"]
        await at.press("escape")
        assert "-0.0978 " not in at.text.split("╭")[0].split("What arrives")[1].splitlines()[2]
        await at.press(*_keys("0"), "o", "enter")
        assert "'0o' is not a number" in at.text
        await at.press("escape", *_keys("5"), "enter")
        assert "two digits at least" in at.text


async def test_the_footer_says_when_enter_shows_the_answer() -> None:
    async with reading(FOUR) as at:
        for _ in range(9):
            await at.press("pagedown")
        question = at.course.question
        assert question is not None
        for word in (*["hint"] * len(question.hints), "show", "next"):
            assert at.text.splitlines()[-1].split()[:2] == ["enter", word]
            await at.press("enter")
        assert "11/17" in at.text


async def test_from_another_panel_enter_comes_back_to_a_question_and_goes_on_after_it() -> None:
    async with reading(FOUR) as at:
        view = at.screen.session.view
        for key in ("2", "5"):
            await at.press("tab", key)
            assert view.focus == int(key)
            assert "esc to the page" in at.text.splitlines()[-1]
            assert "enter" not in at.text.splitlines()[-1]
            await at.press("enter")
            assert view.focus == PANEL.number
            assert at.course.state == "asked"
        await at.press("1", "enter")
        assert at.course.state == "right"
        await at.press("5", "enter")
        assert "2/17" in at.text


async def test_deleting_what_is_not_there_does_not_lead_away() -> None:
    """A try that was not the right one is still seen, and the line under it is empty."""
    async with reading(FOUR) as at:
        for _ in range(9):
            await at.press("pagedown")
        await at.press(*_keys("0.55"), "enter")
        await at.derived()
        before = at.text
        await at.press("backspace", "delete", "ctrl+h")
        assert at.text == before
        await at.press("S")
        assert "away" in at.text


@pytest.mark.corpus(every=8)  # each lesson, at one of the sizes
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("front", LESSONS[:3])
async def test_what_is_said_of_a_line_leaves_the_line_there(front: Front, size: tuple[int, int]) -> None:
    """On every page with a number: however full it is, what was typed stands over what is said of it."""
    async with reading(front, size=size) as at:
        for _ in at.course.lesson.pages:
            question = at.course.question
            if question is not None and not question.is_choice and at.screen.ui.board is None:
                await at.press(*_keys("123.5"), "enter", "equals_sign", *_keys("1"), "comma", *_keys("5"), "enter")
                assert "a point, not a comma" in " ".join(at.text.split())
                assert "= 1,5" in at.text, at.course.page.title
                await at.press("escape")
                await at.press("pagedown")


async def test_the_loss_is_not_told_before_its_moment() -> None:
    """Lesson 1 asks where the dart hits, then what the loss is: row 0 does not say it after the first answer."""
    one = next(front for front in catalogue.lessons() if front.number == 1)
    async with reading(one) as at:
        await answer_right(at)
        assert at.course.state == "right"
        assert "loss ·" in at.text.splitlines()[0]
        await at.press("pagedown")
        assert "loss ?" in at.text.splitlines()[0]
        await answer_right(at)
        assert "loss 0.8100" in at.text.splitlines()[0]


async def test_in_ascii_a_square_is_no_question() -> None:
    """`½(f - 3)²` of lesson 3 keeps its meaning: `?` is a number that is asked."""
    three = next(front for front in catalogue.lessons() if front.number == 3)
    app = ScreenApp(partial(LessonScreen, "lesson", three, Progress(None)), Surroundings(unicode=False))
    async with piloted(app, 80, 24) as pilot:
        at = At(app, pilot)
        while at.screen.reading is None:
            await pilot.pause(0.005)
        assert "(h - 2)^2" in at.text
        assert "1/2(f - 3)^2" in at.text
        assert at.text.isascii()
        assert all(len(row) == 80 for row in at.text.splitlines())


async def test_a_formula_begins_with_its_sign() -> None:
    """Letters are keys until the line is open: the empty line says what opens it."""
    async with reading(FOUR) as at:
        for _ in range(9):
            await at.press("pagedown")
        assert "a number, or = and a formula" in at.text
        await at.press("equals_sign", *_keys("upstream"))
        assert "= upstream" in at.text


async def test_what_was_reached_is_kept(tmp_path: Path) -> None:
    async with reading(FOUR, tmp_path) as at:
        await answer_right(at)
        await at.press("enter", "enter")
    async with reading(FOUR, tmp_path) as at:
        assert at.course.number == 1
        await at.press("pageup")
        assert at.course.state == "right"
        await at.press("q")
        assert not at.app.is_running


async def test_at_the_end_of_ones_own_lesson_no_next_one_is_offered(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_text(
        '+++\ntitle = "Mine"\n+++\n\n# Mine\n\n## One\n'
        '::open eval "L = (y - w*x)**2" x=2 y=2 w=0.5 --train w\n\n'
        "::ask choice\nIs it?\n- [x] yes\n- [ ] no\n  > It is.\n"
    )
    async with reading(catalogue.find(str(file))) as at:
        await at.press("1", "enter", "enter")
        assert "1 question: 1 right at once" in at.text
        assert "next lesson" not in at.text
        await at.press("z")
        assert "z is no key here" in at.text


async def test_a_lesson_that_errs_does_not_open(tmp_path: Path) -> None:
    file = tmp_path / "mine.md"
    file.write_text('+++\ntitle = "Mine"\n+++\n# Mine\n\n## One\n::gto x\n\nText.\n')
    app = ScreenApp(partial(LessonScreen, "mine", Front("Mine", file, key="mine"), Progress(None)))
    async with piloted(app) as pilot:
        while app.is_running:
            await pilot.pause(0.005)
    assert "::gto: no such directive or command" in str(app.error)


async def test_who_leaves_a_lesson_is_told_where_to() -> None:
    async with reading(FOUR) as at:
        assert "q leave" in at.text.splitlines()[-1]
    app = HomeApp(cli._opened, screen_of=showing.screen_of)
    async with piloted(app, 80, 24) as pilot:
        await pilot.press("o", *"learn", "space", "4", "enter")
        while not isinstance(app.screen, LessonScreen) or app.screen.reading is None:
            await pilot.pause(0.005)
        await pilot.pause()
        assert "q home" in plain(app.screen.canvas.rows[-1])
        await pilot.press("q")
        assert app.screen is app.home
