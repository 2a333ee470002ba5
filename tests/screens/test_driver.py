"""The cell diff: the same screen as without it, in as few bytes as the changed cells need."""

from __future__ import annotations

import random
import re

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from bptui.screens.driver import CellDiff
from bptui.screens.theme import THEMES
from tests.screens.rig import debug

WORDS = ["text", "dim", "value bold", "gradient", "text reverse", "rule on-band", "heat-value-3", "text underline",
         "fail reverse bold", "chip-backward", "gradient bold on-cursor"]  # fmt: skip


def terminal(width: int, height: int) -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(width, height)
    return screen, pyte.Stream(screen)


def looks(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """What one sees: the pen of a blank is only seen by its background, or where it is reversed or underlined."""
    out = []
    for y in range(screen.lines):
        row: list[tuple[object, ...]] = []
        for x in range(screen.columns):
            c = screen.buffer[y][x]
            if c.data == " " and not c.reverse and not c.underscore:
                row.append((" ", c.bg))
            else:
                row.append((c.data, c.fg, c.bg, c.bold, c.reverse, c.underscore))
        out.append(row)
    return out


def full(rows: list[list[Segment]]) -> str:
    """All rows, each segment with its whole style, as Textual writes them."""
    out = []
    for y, row in enumerate(rows):
        out.append(f"\x1b[{y + 1};1H")
        out += [(s.style or Style()).render(s.text, color_system=ColorSystem.TRUECOLOR) for s in row]
    return "".join(out)


cell_text = st.text(alphabet="ab ─━●◀·  ", min_size=1, max_size=9)
segment = st.tuples(cell_text, st.sampled_from(WORDS), st.sampled_from(["dark", "light", "ansi-dark", "none"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.lists(segment, min_size=1, max_size=5), min_size=4, max_size=4), min_size=1, max_size=4))
def test_diff_on_and_off_give_the_same_screen(frames: list[list[list[tuple[str, str, str]]]]) -> None:
    width, height = 24, 4
    with_diff, one = terminal(width, height)
    without, two = terminal(width, height)
    diff = CellDiff(width, height, ColorSystem.TRUECOLOR)
    for frame in frames:
        rows = []
        for parts in frame:
            made, used = [], 0
            for text, words, theme in parts:
                made.append(Segment(text[: width - used], THEMES[theme].style(words)))
                used += len(made[-1].text)
            rows.append([*made, Segment(" " * (width - used), THEMES["dark"].style("text"))])
        one.feed(diff.update((y, 0, row) for y, row in enumerate(rows)))
        two.feed(full(rows))
        same = looks(with_diff) == looks(without)
        assert same


def test_nothing_changed_is_nothing_sent() -> None:
    diff = CellDiff(10, 2, ColorSystem.TRUECOLOR)
    row = [Segment("0123456789", THEMES["dark"].style("text"))]
    assert diff.update([(0, 0, row)])
    assert diff.update([(0, 0, row)]) == ""


def test_a_wide_glyph_is_written_whole() -> None:
    diff = CellDiff(10, 1, ColorSystem.TRUECOLOR)
    screen, stream = terminal(10, 1)
    style = THEMES["dark"].style("text")
    stream.feed(diff.update([(0, 0, [Segment("a数b", style)])]))
    assert screen.display[0].startswith("a数b")
    stream.feed(diff.update([(0, 0, [Segment("aXYb", style)])]))
    assert screen.display[0].startswith("aXYb")


def test_no_colour_has_no_colour_codes() -> None:
    diff = CellDiff(200, 1, None)
    theme = THEMES["none"]
    sent = diff.update([(0, 0, [Segment(f"{i} ", theme.style(words)) for i, words in enumerate(WORDS)])])
    codes = {code for found in re.findall(r"\x1b\[([0-9;]*)m", sent) for code in found.split(";") if code}
    assert codes <= {"0", "1", "2", "4", "7", "22", "24", "27"}


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_session_looks_the_same_with_and_without_the_diff(size: tuple[int, int]) -> None:
    """A walk through xor in the real app: what the diff left on the terminal is what the canvas drew."""
    draw = random.Random(1)
    async with debug("xor", *size) as screen:
        shown, stream = terminal(*size)
        whole, other = terminal(*size)
        diff = CellDiff(*size, ColorSystem.TRUECOLOR)
        for _ in range(12):
            keys = ["s", "n", "S", "down", "right", "1", "3", "greater_than_sign", "question_mark"]
            await screen.press(draw.choice(keys))
            canvas = screen.app.debugger.canvas
            strips = [list(canvas.render_line(y)) for y in range(size[1])]
            stream.feed(diff.update((y, 0, strip) for y, strip in enumerate(strips)))
            other.feed(full(strips))
            assert looks(shown) == looks(whole)
