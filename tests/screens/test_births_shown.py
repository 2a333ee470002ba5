"""NaN and inf as they are seen: the chip, the cross on the timeline, the count in the status line, the numbers."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.screens.keys import footer_keys
from bptui.screens.panels import network, operation, status, tensor, timeline
from bptui.screens.panels.status import Counts
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for
from tests.screens.panel_rig import at, formula

LOOK = RenderOptions()


def second_birth() -> Session:
    session = formula(
        "diff = u - v; s = diff**2; d = sqrt(s); L = mean(d)", {"u": [1, 2, 0.5, 3], "v": [0.5, 2.5, 0.5, 1]}
    )
    run(session, "x")
    run(session, "x")
    return session


def test_the_timeline_has_a_cross_behind_and_a_chip_here():
    rows = timeline.lines(Scene(second_birth(), 100, 3, LOOK))
    found = [span.text for span in rows[2] if span.style == "fail"]
    assert found == ["✗"]
    assert any(span.style == "chip-fail" and "◀" in span.text for span in rows[2])


def test_numbers_that_are_not_finite_are_reversed_everywhere():
    session = second_birth()
    cells = [
        span for row in network.lines(Scene(session, 51, 20, LOOK)) for span in row if "fail" in span.style.split()
    ]
    assert {span.text.strip() for span in cells} == {"N", "I"}
    numbers = [
        span for row in tensor.lines(Scene(session, 60, 4, LOOK)) for span in row if span.style == "fail reverse"
    ]
    assert "inf" in [span.text.strip() for span in numbers]


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("a = log(x); L = sum(a)", {"x": [0.0]}, ["-inf"]),
        ("a = exp(log(x)); L = sum(a)", {"x": [-1.0]}, ["NaN", "NaN"]),
    ],
)
def test_and_in_an_equation_that_is_written_out(text, values, wanted):
    session = formula(text, values)
    run(session, "step 1" if len(wanted) > 1 else "info")
    row = next(row for row in operation.lines(Scene(session, 60, 12, LOOK, card_for(session))) if "] = " in plain(row))
    assert [span.text for span in row if span.style == "fail reverse on-band"] == wanted


def test_the_status_line_counts_them():
    row = status.row(second_birth(), 100, Counts(9, 0))
    assert [span.text for span in row if span.style == "fail reverse bold"] == ["✗2"]


def test_the_status_line_keeps_its_places_whatever_is_counted():
    """It shifted where counts grew, and by the chip of what does not agree."""
    session = at("xor", 3)
    for width in (60, 80, 120):
        rows = [
            plain(status.row(session, width, Counts(*counts))) for counts in ((5, 0), (32, 1), (408, 12), (12345, 345))
        ]
        assert len({(row.index("loss"), row.index("✓"), row.index("✗")) for row in rows}) == 1
        assert plain(status.row(session, width)).index("loss") == rows[0].index("loss")


def test_a_loss_that_is_not_a_number_is_reversed():
    row = status.row(formula("a = log(x); L = sum(a)", {"x": [-1.0]}), 100)
    assert any(span.text == "NaN" and span.style == "fail reverse" for span in row)


def test_a_narrow_footer_begins_with_what_matters_most():
    words = [word for _, word in footer_keys(80)[0]]
    assert words[:6] == ["step", "layer", "stop", "break", "why", "view"]
