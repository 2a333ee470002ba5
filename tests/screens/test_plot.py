"""The plotter: where a dot lies in its cell, what lies over it, scales and axes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.spans import Span, plain
from bptui.screens import plot
from bptui.screens.plot import Plot, Scale
from bptui.screens.render import length


def test_a_cell_holds_two_by_four_dots_counted_from_the_bottom() -> None:
    page = Plot(2, 1)
    assert (page.wide, page.tall) == (4, 4)
    page.dot(0, 0)
    page.dot(3, 3)
    assert plain(page.lines()[0]) == "\u2840\u2808"  # the lowest dot at the left; the highest at the right


@given(st.integers(-9, 20), st.integers(-9, 20), st.integers(-9, 20), st.integers(-9, 20), st.booleans())
def test_a_line_has_both_its_ends_and_stays_on_its_page(x0: int, y0: int, x1: int, y1: int, unicode: bool) -> None:
    page, ends = Plot(5, 3, unicode), Plot(5, 3, unicode)
    page.line(x0, y0, x1, y1)
    ends.dot(x0, y0)
    ends.dot(x1, y1)
    for row, both in zip(page.lines(), ends.lines(), strict=True):
        assert length(row) == 5
        for drawn, end in zip(plain(row), plain(both), strict=True):
            if end != " ":
                assert drawn == end == "*" if not unicode else ord(drawn) & ord(end) == ord(end)


def test_characters_lie_over_dots_and_blanks_give_them_their_style() -> None:
    page = Plot(4, 1, unicode=False)
    page.put(0, 0, "  ", "value")
    page.spans(2, 0, (Span("a", "text"),))
    for x in range(4):
        page.dot(x, 0, "dim" if x == 3 else "")
    assert page.lines() == [(Span("**", "value"), Span("a", "text"), Span("*", "dim"))]
    assert not page.blank(0, 0)
    assert Plot(1, 1).blank(0, 0)


@pytest.mark.parametrize(
    ("scale", "middle"), [(Scale(1.0, 100.0, True), 10.0), (Scale(-1e308, 1.5e308, False), 2.5e307)]
)
def test_the_middle_of_a_scale(scale: Scale, middle: float) -> None:
    ends = scale.part(np.array([scale.low, middle, scale.high, math.nan]))
    assert np.allclose(ends, [0, 0.5, 1, math.nan], equal_nan=True)


@given(st.integers(12, 100), st.data())
def test_an_axis_is_as_wide_as_its_page(width: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, width - 1))
    line, below = plot.axis(width, at, f"{at}", ("0", f"{width - 1}"), unicode=True)
    assert plain(line).index("▲") == plot.LABEL + 1 + at
    assert length(line) == plot.LABEL + 1 + width >= length(below)
    assert f"{at}" in plain(below).split()


def test_a_curve_reaches_its_ends_and_breaks_where_there_is_no_number() -> None:
    page = Plot(9, 3, unicode=False)
    values = np.array([0.0, math.nan, 2.0])
    scale = plot.scale_of(values)
    assert scale == (0.0, 2.0, False)
    plot.curve(page, plot.buckets(values, page.wide), scale)
    assert [plain(row) for row in page.lines()] == ["        *", " " * 9, "*" + " " * 8]
