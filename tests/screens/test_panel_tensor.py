"""The Tensor panel: its texts, the selected element always in sight, nothing that breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.screens.panels import sheet, tensor
from bptui.screens.panels.sheet import Quantity
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, formula, texts, within

ANSI = RenderOptions(ansi=True)


def test_one_row_of_numbers_with_its_gradient_as_in_style() -> None:
    session = at("lesson-2-2-1", 7)
    assert texts(tensor.lines(Scene(session, 68, 10, RenderOptions())))[:4] == [
        "",
        "                    [0,0]       [0,1]",
        "  a              0.509999    0.500000",
        "  ∂L/∂a         -0.098750   -0.097763",
    ]
    assert texts(tensor.lines(Scene(session, 37, 3, RenderOptions()))) == [
        "              [0,0]     [0,1]",
        " a         0.509999  0.500000",
        " ∂L/∂a    -0.098750 -0.097763",
    ]


def test_the_selected_element_is_reversed_and_its_head_bold() -> None:
    session = at("lesson-2-2-1", 7, (0, 1))
    rows = tensor.lines(Scene(session, 68, 10, RenderOptions()))
    reversed_ = [span for row in rows for span in row if "reverse" in span.style]
    assert [span.text for span in reversed_] == ["  0.500000", " -0.097763"]
    assert [span.style for span in reversed_] == ["value bold reverse", "gradient bold reverse"]
    assert [span.text.strip() for span in rows[1] if "bold" in span.style] == ["[0,1]"]


def test_a_table_with_its_map_and_legend() -> None:
    session = at("xor", 0, (1, 3))
    rows = texts(tensor.lines(Scene(session, 68, 10, RenderOptions())))
    assert rows[0] == "        [0]     [1]     [2]     [3]     [4]     [5]     [6]     [7]"
    assert rows[1] == " [0] 0.2795  0.4243 -0.4794 -0.3079  0.2568  0.5872 -0.1455  0.5291"
    assert rows[5] == ""
    assert rows[6] == "        - -     -       0  ·           1.2894   - negative"
    assert rows[7] == "      - - []    -       min -1.2894  max 0.6589  zero 0 of 32"
    assert rows[9].endswith("! columns [2], [6] are never above 0")
    assert plain(tensor.title(Scene(session, 68, 1, RenderOptions()))[0]) == "layer1.z  (4,8)"
    assert plain(tensor.title(Scene(session, 68, 1, RenderOptions()))[1]) == "all samples"


def test_one_sample_and_the_mean() -> None:
    session = at("xor", 0, (1, 3))
    session.view.sample = 2
    rows = texts(tensor.lines(Scene(session, 148, 10, RenderOptions())))
    value = session.state.value(session.node)
    assert value is not None
    assert f"{value[2, 3]:.6f}" in rows[2]
    assert plain(tensor.title(Scene(session, 68, 1, RenderOptions()))[1]) == "sample 2 of 4"
    session.view.sample = "mean"
    rows = texts(tensor.lines(Scene(session, 148, 10, RenderOptions())))
    assert f"{value.mean(axis=0)[3]:.6f}" in rows[2]
    assert plain(tensor.title(Scene(session, 68, 1, RenderOptions()))[1]) == "mean of 4 samples"


def test_not_yet_and_no_gradient_before_its_time() -> None:
    session = at("xor", 0)
    session.select("layer2.z")
    assert texts(tensor.lines(Scene(session, 68, 4, RenderOptions()))) == ["  ·  not computed yet"]
    session.select("layer1.weight")
    assert not any("∂L" in row for row in texts(tensor.lines(Scene(session, 68, 10, RenderOptions()))))


def test_a_gradient_that_is_not_complete_says_so_everywhere() -> None:
    session = formula("p = a*b; q = p + a; L = q**2", {"a": 0.5, "b": -2.0})
    while session.state.gradient("a").arrived != 1:
        session.step()
    session.select("a")
    assert session.state.gradient("a").total == 2
    for width in (20, 37, 68):
        assert any("…" in row for row in texts(tensor.lines(Scene(session, width, 4, RenderOptions()))))
    assert any("… 1 of 2 in" in row for row in texts(tensor.lines(Scene(session, 68, 4, RenderOptions()))))
    assert "1 of 2 in" in plain(tensor.title(Scene(session, 68, 1, RenderOptions()))[1])


def test_an_updated_parameter_beside_what_it_was() -> None:
    session = at("lesson-2-2-1", 9)
    rows = texts(tensor.lines(Scene(session, 68, 20, RenderOptions())))
    assert any("0.0262" in row for row in rows)


def test_a_large_tensor_is_heat_around_the_selected_element_with_its_number() -> None:
    values = np.random.default_rng(0).normal(size=(784, 128))
    rows = texts(sheet.draw([Quantity("W", values, "parameter")], (400, 127), 68, 10, ANSI))
    assert rows[0].startswith(" [400,127]   W 1.91136")
    assert sum("[]" in row for row in rows) == 1
    assert any(row.startswith(" [400]") and "[]" in row for row in rows)
    assert any("of 784" in row for row in rows)
    assert any("of 128" in row for row in rows)


def test_filters_are_slices_side_by_side() -> None:
    values = np.random.default_rng(0).normal(size=(8, 3, 3, 3))
    rows = texts(sheet.draw([Quantity("W", values, "parameter")], (2, 1, 0, 2), 68, 10, ANSI))
    assert f"{values[2, 1, 0, 2]:.4f}" in rows[1]
    assert any("[2,0] to [2,2] of 3" in row for row in rows)
    assert sum("[]" in row for row in rows) == 1


def test_a_column_is_shown_as_a_row() -> None:
    values = np.arange(8.0).reshape(8, 1)
    rows = texts(sheet.draw([Quantity("W", values, "parameter")], (6, 0), 68, 10, ANSI))
    assert "[6,0]" in rows[1]
    assert "6.000000" in rows[2]


def test_empty_and_scalar() -> None:
    assert (
        "empty (0,3)"
        in texts(sheet.draw([Quantity("x", np.zeros((0, 3)), "text")], (0, 0), 68, 10, RenderOptions()))[0]
    )
    scalar = [Quantity("L", np.array(0.0195), "value"), Quantity("∂L/∂L", np.array(1.0), "gradient")]
    assert texts(sheet.draw(scalar, (), 68, 3, RenderOptions())) == [
        "  L              0.019500",
        "  ∂L/∂L          1.000000",
    ]


def test_what_is_not_finite_is_reversed() -> None:
    values = np.array([[np.nan, 1e10], [-np.inf, 1e-9]])
    rows = sheet.draw([Quantity("x", values, "value")], (0, 1), 68, 4, RenderOptions())
    bad = [span.text.strip() for row in rows for span in row if span.style == "fail reverse"]
    assert bad == ["NaN", "-inf"]


def test_a_name_without_room_is_cut_where_one_sees_it() -> None:
    """`∂L/∂pad` would be the gradient of something else."""
    made = [Quantity(name, np.ones((3, 3)), "value") for name in ("padded", "∂L/∂padded")]
    rows = texts(sheet.draw(made, (0, 0), 40, 12, RenderOptions()))
    assert [row.split()[0] for row in rows if "[0]" in row and "[1]" in row] == ["padded", "∂L/∂p…"]


def test_a_minus_never_touches_the_head_of_its_row() -> None:
    values = np.full((3, 3), -1.0)
    for width in range(28, 70):
        rows = texts(sheet.draw([Quantity("x", values, "value")], (1, 1), width, 4, RenderOptions()))
        assert not any("]-1.0" in row for row in rows)


SHAPES = (
    (),
    (1,),
    (3,),
    (50,),
    (0,),
    (1, 1),
    (4, 1),
    (2, 3),
    (4, 8),
    (30, 20),
    (3, 0),
    (2, 3, 4),
    (5, 3, 3, 3),
    (2, 2, 1, 1),
)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.integers(0, 150),
    st.integers(0, 30),
    st.sampled_from([RenderOptions(), ANSI, RenderOptions(unicode=False)]),
    st.sampled_from([0.0, 1.0, -1e9, 1e-12, np.nan, np.inf]),
    st.data(),
)
def test_any_shape_in_any_size(
    shape: tuple[int, ...], width: int, height: int, look: RenderOptions, odd: float, data: st.DataObject
) -> None:
    values = np.linspace(-1, 2, int(np.prod(shape))).reshape(shape)
    if values.size:
        values.flat[-1] = odd
    element = tuple(data.draw(st.integers(0, max(0, size - 1))) for size in shape)
    made = [Quantity("z", values, "value"), Quantity("∂L/∂z", values * 0.1, "gradient", "1 of 2 in")]
    if width and height:
        rows = sheet.draw(made, element, width, height, look)
        assert all(sum(len(span.text) for span in row) <= width for row in rows) or width < 24


@pytest.mark.parametrize("name", ["lesson-2-2-1", "xor"])
def test_every_moment_in_every_size(name: str) -> None:
    session = at(name, 0)
    for stop in range(session.timeline.length):
        session.move(stop)
        for width, height in ((68, 10), (37, 3), (60, 16), (148, 40), (1, 1), (7, 2)):
            assert within(tensor.lines(Scene(session, width, height, RenderOptions())), width, height)
