"""What is nothing but rounding is shown as 0, and nothing else is; the recording keeps it."""

from __future__ import annotations

import numpy as np

from bptui.model.engine.state import State
from bptui.model.source.network import from_formula


def at(text, values, place):
    recording = from_formula(text, values).program().record()
    return State(recording, recording.timeline.at(0, place))


def test_a_difference_of_equal_numbers_and_what_follows_from_it():
    text, values = "L = (y - w*x - b)**2", {"y": 0.4, "x": 1.0, "w": 0.3, "b": 0.1}
    recording = from_formula(text, values).program().record()
    state = State(recording, recording.timeline.at(0, recording.timeline.length - 1))
    assert 0 < abs(state.value("t3")) < 1e-15
    assert state.shown("t3") == 0
    assert state.shown(recording.graph.loss) == state.shown_loss == 0
    assert state.shown_gradient("t3").array == 0


def test_small_numbers_that_are_right_stay():
    state = at("p = softmax(x); L = sum(p*c)", {"x": [0.0, -40.0, -60.0], "c": [1.0, 2.0, 3.0]}, 0)
    exact = state.value("p")
    assert exact[2] < 1e-25
    assert np.array_equal(state.shown("p"), exact)
    tiny = at("L = sum(x*c)", {"x": [1e-20, 1.0], "c": [1e-5, 1.0]}, 0)
    assert np.array_equal(tiny.shown("t1"), tiny.value("t1"))


def test_an_exact_small_difference_has_digits():
    state = at("d = x - y; L = sum(d)", {"x": [1.0, 2.0], "y": [1.0 - 1e-9, 2.0]}, 0)
    assert np.array_equal(state.shown("d"), state.value("d"))
