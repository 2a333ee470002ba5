"""The learning rate: the five regimes of the dart, derived; what is promised, and what a step does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.source.network import from_formula, load
from bptui.teach.explore.descent import Cut
from bptui.teach.explore.rate import Slice


def cut(name: str, rate: float, along: str = "") -> Cut:
    made = Slice(load(name), rate)
    made.choose(along)
    return made.cut()


@pytest.mark.parametrize(
    ("rate", "regime", "losses"),
    [
        (0.05, "falls", [0.81, 0.2025]),
        (0.1, "hits", [0.81, 0.0, 0.0]),
        (0.15, "overshoots", [0.81, 0.2025]),
        (0.2, "swings", [0.81] * 8),
        (0.25, "flies away", [0.81, 1.8225, 4.100625, 9.22640625]),
    ],
)
def test_the_five_regimes_of_the_dart(rate: float, regime: str, losses: list[float]) -> None:
    found = cut("darts", rate)
    assert found.regimes[:2] == (0.1, 0.2)
    assert (found.regimes.how, found.regimes.line) == ("curvature", True)
    assert found.regimes.of(rate) == regime
    assert found.losses[: len(losses)] == pytest.approx(losses, rel=1e-9)
    assert found.gradients == pytest.approx((-3.6, -1.8))


def test_of_w_alone_the_rates_are_others() -> None:
    for rate, regime in ((0.125, "hits"), (0.25, "swings"), (0.3, "flies away")):
        found = cut("darts", rate, "w")
        assert found.regimes[:2] == (0.125, 0.25)
        assert found.regimes.of(rate) == regime
        assert found.gradients == pytest.approx((-3.6,))


@given(st.floats(0.01, 0.4), st.sampled_from(["darts", "lesson-2-2-1", "xor", "mazur"]))
@settings(max_examples=25, deadline=None)
def test_a_step_is_what_it_says(rate: float, name: str) -> None:
    made = Slice(load(name), rate)
    here = made.cut()
    squares = -here.slope
    assert here.promised == pytest.approx(-rate * squares)
    assert here.after == pytest.approx(here.loss + here.really, rel=1e-9, abs=1e-15)
    assert made.at(0.0) == pytest.approx(here.loss)
    tiny = 1e-7 * max(1.0, here.loss / squares)
    assert (made.at(tiny) - here.loss) / -tiny == pytest.approx(squares, rel=1e-3)  # the tangent is one
    made.take()
    there = made.cut()
    assert there.loss == pytest.approx(here.losses[1], rel=1e-12)
    assert made.back()
    assert made.cut() == here
    assert not made.back()


@pytest.mark.parametrize("name", ["xor", "classifier", "deep-relu"])
def test_what_is_searched_for_is_least_and_back(name: str) -> None:
    made = Slice(load(name))
    found = made.cut()
    assert found.regimes.how == "search"
    least, back = found.regimes[:2]
    assert made.at(least) < found.loss
    assert made.at(least) <= min(made.at(least * 0.9), made.at(least * 1.1))
    assert made.at(back * 0.999) <= found.loss <= made.at(back * 1.001)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=2), st.floats(0.2, 3), st.floats(0.2, 3))
@settings(max_examples=25, deadline=None)
def test_of_a_parabola_with_two_curvatures_going_on_leaves_the_line(at: list[float], a: float, b: float) -> None:
    values = {"p": at[0] + 3, "q": at[1] + 3, "a": a, "b": b}
    made = Slice(from_formula("L = a*p**2 + b*q**2", values, ["p", "q"]), 0.1)
    found = made.cut().regimes
    assert found.how == "curvature"
    assert made.at(found.least) <= min(made.at(found.least * 0.99), made.at(found.least * 1.01))
    assert made.at(found.back) == pytest.approx(made.cut().loss, rel=1e-6)
    if not math.isclose(a, b, rel_tol=1e-3):
        assert not found.line


def test_what_has_nothing_to_train() -> None:
    with pytest.raises(UserError, match="nothing is trained"):
        Slice(from_formula("L = x**2", {"x": 2.0}))
    with pytest.raises(UserError, match="x is not trained"):
        Slice(load("darts")).choose("x")


def test_the_debugger_opens_where_it_stands() -> None:
    made = Slice(load("darts"), 0.05)
    made.take()
    network = made.opened()
    assert network.optimizer.learning_rate == 0.05
    recording = network.program().record()
    assert recording.loss == pytest.approx(0.2025)
    assert np.allclose(recording.required("w"), 0.68)
