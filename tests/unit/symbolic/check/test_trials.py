"""The lengths that a line search tries: those of the engine's are what is followed, and another is told."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bptui.model.engine.line_search import Along, Point, strong_wolfe
from bptui.symbolic.check.trials import Limits, Look, follow

NOTHING = np.zeros(0)
drawn = given(
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    st.sampled_from([0.01, 0.3, 1.0, 7.0]),
    st.integers(0, 12),
)


def falls(waves: list[float]) -> bool:
    """Does f(t) = Σ a·sin((k+1)·t + k) fall at 0?"""
    return sum(a * (k + 1) * np.cos(k) for k, a in enumerate(waves)) < -1e-3


def searched(waves: list[float], t: float, most: int) -> tuple[Point, list[Point], Point, int]:
    """The start, the looks, the end of a search along f, and how it ended."""

    def at(x: float) -> Point:
        loss = sum(a * np.sin((k + 1) * x + k) for k, a in enumerate(waves))
        slope = sum(a * (k + 1) * np.cos((k + 1) * x + k) for k, a in enumerate(waves))
        return Point(x, float(loss), float(slope), NOTHING, 0)

    start, looks = at(0.0), []

    def look(x: float) -> Point:
        looks.append(at(float(x)))
        return looks[-1]

    end, ended = strong_wolfe(Along(look, start, 1.0), t, most, 1e-9)
    return start, looks, end, ended


def told(start: Point, looks: list[Point], most: int) -> list[tuple[float, float, int | None]]:
    seen = [Look(each.t, each.loss, each.slope) for each in looks]
    return [tuple(each) for each in follow(Look(0.0, start.loss, start.slope), seen, Limits(most, 1.0, 1e-9))]


@settings(max_examples=200)
@drawn
def test_the_search_of_the_engine_is_followed(waves: list[float], t: float, most: int) -> None:
    assume(falls(waves))
    start, looks, end, ended = searched(waves, t, most)
    expected = told(start, looks, most)
    for look, (at, allowed, how) in zip(looks[1:], expected, strict=False):
        assert how is None
        assert abs(look.t - at) <= allowed
    if expected and expected[-1][2] is not None:  # rounding did not decide
        assert len(expected) == len(looks)
        assert (expected[-1][0], expected[-1][2]) == (end.t, ended)


@settings(max_examples=100)
@drawn
def test_another_length_is_told(waves: list[float], t: float, most: int) -> None:
    assume(falls(waves))
    start, looks, _, _ = searched(waves, t, most)
    assume(len(looks) > 1)
    expected = told(start, looks, most)
    assume(expected)
    at, allowed, how = expected[0]
    assert how is None
    assume(allowed < 1e-3 * abs(at))
    assert abs(looks[1].t * 1.01 - at) > allowed


def test_most_of_them_are_clear() -> None:
    """That rounding decides is rare: the law above says something."""
    random = np.random.default_rng(0)
    clear = count = 0
    while count < 200:
        waves = random.normal(size=4).tolist()
        if not falls(waves):
            continue
        start, looks, _, _ = searched(waves, float(random.choice([0.01, 1.0, 7.0])), 12)
        found = told(start, looks, 12)
        clear += bool(found) and found[-1][2] is not None
        count += 1
    assert clear > 150
