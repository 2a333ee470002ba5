"""Bars: as long as they are said to be, to an eighth of a cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.screens.bars import EIGHTHS, bar, scale
from bptui.screens.render import RenderOptions, length

EDGES = st.floats(-3, 25)
LOOK = RenderOptions()


@given(EDGES, EDGES)
def test_a_bar_is_as_long_as_its_ends_are_apart(start: float, end: float) -> None:
    row = bar(start, end, 20, "value", LOOK)
    assert length(row) == 20
    filled = 0
    for span in row:
        for glyph in span.text:
            filled += 8 - EIGHTHS.index(glyph) if "reverse" in span.style else EIGHTHS.index(glyph)
    first, last = (max(0, min(160, round(8 * x))) for x in sorted((start, end)))
    assert filled == last - first or (filled == 1 and first == last and start != end)


@given(EDGES, EDGES)
def test_in_ascii_it_has_whole_cells(start: float, end: float) -> None:
    row = bar(start, end, 20, "value", LOOK._replace(unicode=False))
    assert length(row) == 20
    first, last = (max(0, min(160, round(8 * x))) / 8 for x in sorted((start, end)))
    assert abs(plain(row).count("#") - (last - first)) <= 1


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=4), st.integers(1, 100))
def test_the_scale_is_the_finest_round_one_that_fits(sizes: list[float], room: int) -> None:
    cell = scale(sizes, room)
    assert max(sizes) / cell <= room * (1 + 1e-6)
    assert f"{cell:.0e}"[0] in "125"
    assert max(sizes) / cell > room / 2.6


@pytest.mark.parametrize(
    ("sizes", "room", "cell"), [([3.69, 0.1], 37, 0.1), ([1.261], 27, 0.05), ([1.89], 37, 0.1), ([], 9, 1)]
)
def test_scales_of_the_pages(sizes: list[float], room: int, cell: float) -> None:
    assert scale(sizes, room) == cell
