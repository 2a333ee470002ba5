"""A lesson from end to end in a browser: home, every page with its question, the certificate, home again, the end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bptui.teach import catalogue
from bptui.teach.course import Course
from bptui.teach.reading import read

from .rig import CHROMIUM, Page, browser, serving

pytest.importorskip("textual_serve", reason="the extra `serve` is not installed")

NUMBER = 4
FRONT = next(front for front in catalogue.lessons() if front.number == NUMBER)


def answer(course: Course) -> list[str]:
    """The keys of the right answer to the page's question; the course of the test is told it, too."""
    question = course.question
    if question is None:
        return []
    if question.is_choice:
        text = str(next(n for n, option in enumerate(question.options, 1) if option.right))
    else:
        assert course.asking is not None
        text = f"{course.asking.number(question.expression):.10g}"
    assert course.answer(text).right
    return [text, "enter"]


async def copied(page: Page) -> str:
    """What stands on the browser's clipboard."""
    await page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    return str(await page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
async def test_a_lesson_from_end_to_end_in_chromium(tmp_path: Path) -> None:
    course = Course(read(FRONT.path))
    kept = {"BPTUI_STATE": str(tmp_path / "state")}
    async with serving(env=kept) as (url, _), browser(tmp_path / "chromium") as page:
        await page.open(url)
        await page.until(r"▶ +1 +How a network learns")
        await page.press(*["down"] * (NUMBER - 1))
        await page.until(rf"▶ +{NUMBER} +{FRONT.title}")
        await page.press("enter")
        for number in range(FRONT.pages):
            course.turn(number)
            seen = await page.until(rf"7 {re.escape(course.page.title)} .* {number + 1}/{FRONT.pages}\b")
            assert "failed" not in seen
            assert not re.search(r"\[\?|\]1\d;", seen), "an answer of the browser's terminal was taken for keys"
            if number == 2:
                await page.resize(740, 450)  # about 80x24: the same page, the other layout
                assert await page.until(r"\A(.*\n){20,27}.* help.*\Z")
            if keys := answer(course):
                await page.press(*keys)
                await page.until("right")
            await page.press("enter")
        assert FRONT.title in await page.until("kept on this machine only")
        await page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        await page.press("y")
        await page.until("copied")
        assert FRONT.title in await copied(page)
        await page.press("escape", "q")
        await page.until(rf"{NUMBER} +{FRONT.title}.*✓ done")
        await page.press("q")
        await page.until("bptui has ended")
