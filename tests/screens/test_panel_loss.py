"""The Loss panel: numbers, a curve, a strip; any row of losses in any size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.screens import plot
from bptui.screens.panels import loss
from bptui.screens.render import RenderOptions, length
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, texts, within

FALLING = np.exp(-np.arange(500) / 60)


def test_numbers_of_the_current_step_the_smallest_and_the_last() -> None:
    rows = texts(loss.draw(FALLING, 120, 80, 12, RenderOptions()))
    assert rows[0] == " loss 0.135335   at step 120   min 0.0002444 at 499   last 0.0002444"
    assert "last" not in texts(loss.draw(FALLING, 499, 80, 12, RenderOptions()))[0], "it is the loss that stands first"


def test_the_scale_is_logarithmic_where_the_losses_span_decades() -> None:
    made = plot.scale_of(FALLING)
    assert made is not None
    assert made.log
    assert float(made.part(np.sqrt(made.low * made.high))) == 0.5
    assert not plot.scale_of(np.array([1.0, 2.0])).log  # type: ignore[union-attr]
    assert not plot.scale_of(np.array([-1.0, 1000.0])).log  # type: ignore[union-attr]


def test_the_current_step_is_marked_under_the_curve() -> None:
    rows = texts(loss.draw(FALLING, 250, 61, 14, RenderOptions()))
    axis, steps = rows[-2], rows[-1]
    assert abs(axis.index("▲") - (10 + 50 // 2)) <= 1
    assert "250" in steps
    assert steps.endswith("499")


def test_what_comes_after_the_current_step_is_dim() -> None:
    strip = loss.strip(FALLING, 250, 10, RenderOptions())
    assert [span.style for span in strip] == ["value"] * 5 + ["value bold"] + ["dim"] * 4
    assert plain(strip)[0] == "█"


def test_losses_that_are_not_finite_are_marked() -> None:
    broken = FALLING.copy()
    broken[300:] = np.nan
    rows = loss.draw(broken, 10, 60, 12, RenderOptions())
    assert any("not finite from step 300 on" in plain(row) for row in rows)
    assert any(span.style == "fail" and "✗" in span.text for row in rows for span in row)
    assert "✗" in plain(loss.strip(broken, 10, 20, RenderOptions()))


def test_every_step_counts_also_where_many_share_a_column() -> None:
    spike = np.ones(10_000)
    spike[7_777] = 5.0
    assert max(high for _, high, _ in plot.buckets(spike, 40)) == 5.0
    assert len(plot.buckets(spike, 40)) == 40


def test_a_session_before_any_training() -> None:
    session = at("lesson-2-2-1", 0)
    rows = texts(loss.lines(Scene(session, 40, 10, RenderOptions())))
    assert rows[0].startswith(" loss 0.0195033")
    assert not any("▲" in row for row in rows)  # of one loss there is no curve
    assert ":train 100" in " ".join(rows)
    assert "1 training step" in plain(loss.title(Scene(session, 40, 1, RenderOptions()))[1])


LOSSES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40)


@settings(max_examples=120, deadline=None)
@given(LOSSES, st.integers(0, 50), st.integers(1, 120), st.integers(1, 30), st.booleans())
def test_any_losses_in_any_size(values: list[float], at_step: int, width: int, height: int, unicode: bool) -> None:
    look = RenderOptions(unicode=unicode)
    rows = loss.draw(np.array(values, dtype=np.float64), at_step, width, height, look)
    if width >= 40:
        assert all(length(row) <= width for row in rows)
    assert length(loss.strip(np.array(values), at_step, width, look)) <= width


def test_lines_never_exceed() -> None:
    session = at("xor", 0)
    session.train(30)
    for width in range(0, 100, 7):
        for height in range(0, 20, 3):
            assert within(
                loss.lines(Scene(session, width, height, RenderOptions(unicode=bool(width % 2)))), width, height
            )
