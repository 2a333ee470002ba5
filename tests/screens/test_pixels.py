"""Half-block maps: which half of a cell has which colour, and what stands there without colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bptui.model.base.spans import Span, plain
from bptui.screens.pixels import SHADES, pixels
from bptui.screens.render import RenderOptions, length
from bptui.screens.theme import THEMES

COLOURS, SIXTEEN, ASCII = RenderOptions(), RenderOptions(ansi=True), RenderOptions(unicode=False, ansi=True)
MAPS = arrays.arrays(np.int64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 5))


@given(MAPS)
def test_each_half_of_a_cell_has_the_colour_of_its_pixel(levels: np.ndarray) -> None:
    theme = THEMES["dark"]
    ramp = [theme.style("text").bgcolor, *(theme.style(f"heat-value-{n}").bgcolor for n in range(5))]
    padded = np.vstack([levels, np.zeros((len(levels) % 2, levels.shape[1]), int)])
    for y, row in enumerate(pixels(levels, COLOURS)):
        assert length(row) == levels.shape[1]
        cells = [(glyph, theme.style(span.style)) for span in row for glyph in span.text]
        for x, (glyph, style) in enumerate(cells):
            upper = style.color if glyph == "▀" else style.bgcolor
            lower = style.color if glyph == "▄" else style.bgcolor
            assert (upper, lower) == (ramp[padded[2 * y, x]], ramp[padded[2 * y + 1, x]])


@given(MAPS)
def test_without_colours_a_cell_is_the_shade_of_its_upper_pixel(levels: np.ndarray) -> None:
    for y, row in enumerate(pixels(levels, SIXTEEN)):
        assert plain(row) == "".join(SHADES[n] for n in levels[2 * y])
    assert all(plain(row).isascii() for row in pixels(levels, ASCII))


@pytest.mark.parametrize("name", list(THEMES))
def test_a_mark_is_seen_on_every_level(name: str) -> None:
    theme = THEMES[name]
    look = RenderOptions(ansi=theme.ansi)
    marks = {(x, 0): Span("S", "text bold") for x in range(6)}
    (row,) = pixels([[0, 1, 2, 3, 4, 5], [0] * 6], look, marks=marks)
    assert plain(row) == "SSSSSS"
    for span in row:
        style = theme.style(span.style)
        assert style.color != style.bgcolor or style.color is None
