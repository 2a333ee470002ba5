"""Heat cells: sign, zero, NaN, inf and the selected one are said without colour; the ramp is |v|/max, linear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bptui.model.base.spans import Line, plain
from bptui.screens.panels import heat
from bptui.screens.render import RenderOptions, length

ANSI = RenderOptions(ansi=True)


def cell(row: Line, x: int) -> tuple[str, str]:
    """Text and style of one cell of a row."""
    at = 0
    for span in row:
        if at <= 2 * x < at + len(span.text):
            return span.text[2 * x - at : 2 * x - at + 2], span.style
        at += len(span.text)
    raise IndexError(x)


def test_the_first_sample_of_the_picture() -> None:
    """Row 0 of layer1.z in the picture of xor, step 120."""
    row = [0.0814, -0.0119, -0.2633, 0, -0.2798, -0.3615, 0.0693, -0.0007]
    (shown,) = heat.cells(row, "value", RenderOptions(), top=3.3974)
    assert plain(shown) == "  - -  ·- -   - "
    (shown,) = heat.cells(row, "value", ANSI, top=3.3974)
    assert plain(shown) == " ░-░-░ ·-░-░ ░-░"


def test_the_ramp_is_linear_in_five_steps() -> None:
    (row,) = heat.cells([0.1, 0.19, 0.21, 0.5, 0.79, 0.81, 1.0], "parameter", RenderOptions())
    steps = [int(cell(row, x)[1].split()[0].rpartition("-")[2]) for x in range(7)]
    assert steps == [0, 0, 1, 2, 3, 4, 4]
    assert cell(row, 0)[1].startswith("heat-parameter-0")


@pytest.mark.parametrize(
    "look", [RenderOptions(), ANSI, RenderOptions(unicode=False), RenderOptions(unicode=False, ansi=True)]
)
def test_what_colour_must_not_say_alone(look: RenderOptions) -> None:
    (row,) = heat.cells([-1.0, 1.0, 0.0, -0.0, np.nan, np.inf, -np.inf], "gradient", look)
    texts = [cell(row, x)[0] for x in range(7)]
    assert texts[0][0] == "-"
    assert texts[1][0] == " "
    zero = "·" if look.unicode else "."
    assert [t.strip() for t in texts[2:]] == [zero, zero, "N", "I", "-I"]
    assert all(cell(row, x)[1] == "fail reverse" for x in (4, 5, 6))
    assert look.unicode or plain(row).isascii()


@pytest.mark.parametrize("look", [RenderOptions(), ANSI])
@pytest.mark.parametrize("value", [1.0, -1.0, 0.0, np.nan])
def test_the_selected_cell(look: RenderOptions, value: float) -> None:
    rows = heat.cells([[1.0, 2.0], [3.0, value]], "value", look, selected=(1, 1))
    assert cell(rows[1], 1)[0] == "[]"
    assert plain(rows[0]).count("[]") == 0


def test_the_legend_of_the_picture() -> None:
    array = np.array([[-3.3974, 0.0], [1.8093, 1.0]])
    rows = [plain(row) for row in heat.legend(array, "value", RenderOptions(), 38)]
    assert rows == ["0  ·           3.3974   - negative", "min -3.3974  max 1.8093  zero 1 of 4"]


def test_the_legend_counts_what_is_not_finite() -> None:
    rows = heat.legend(np.array([np.nan, np.inf, -np.inf, 1.0]), "value", ANSI, 60)
    assert "1 NaN" in plain(rows[1])
    assert "2 inf" in plain(rows[1])
    assert "max 1.0000" in plain(rows[1])


def test_more_than_two_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="two axes"):
        heat.cells(np.zeros((2, 2, 2)), "value", RenderOptions())


FLOATS = st.floats(width=64, allow_nan=True, allow_infinity=True)
TABLES = arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6), elements=FLOATS)


@settings(max_examples=80, deadline=None)
@given(TABLES, st.booleans(), st.booleans(), st.integers(0, 60))
def test_any_array_has_cells_of_two_columns(table: np.ndarray, unicode: bool, ansi: bool, width: int) -> None:
    look = RenderOptions(unicode=unicode, ansi=ansi)
    rows = heat.cells(table, "value", look)
    shape = np.atleast_2d(table).shape
    assert len(rows) == shape[0]
    assert all(length(row) == 2 * shape[1] for row in rows)
    assert all(length(row) <= width for row in heat.legend(table, "value", look, width))
