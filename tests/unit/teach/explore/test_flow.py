"""Gradient flow: the bounds of a preset, the ten bars of a figure, and what each switch does."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.source.network import from_formula, from_mapping, load
from bptui.teach.explore.flow import FIGURE, LESSON, RELATIVE, STEPS, Flow, Layer, Preset, courses, flow


@pytest.mark.parametrize(
    ("size", "mark"),
    [
        (0.1, "healthy"), (0.5, "healthy"), (0.3, "healthy"), (0.01, "warning"), (1.0, "warning"), (0.0999, "warning"),
        (0.5001, "warning"), (0.00999, "critical"), (1.001, "critical"), (0.0, "critical"), (math.nan, "critical"),
    ],
)  # fmt: skip
def test_the_bounds_of_the_lesson_belong_to_the_better_side(size: float, mark: str) -> None:
    assert LESSON.judge(size) == mark


def test_the_ten_bars_are_judged_as_they_are_drawn() -> None:
    assert [LESSON.judge(size) for size in FIGURE["sigmoid"]] == ["healthy", "warning", *["critical"] * 3]
    assert {LESSON.judge(size) for size in FIGURE["relu"]} == {"healthy"}


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.sampled_from([LESSON, RELATIVE]))
def test_a_size_between_two_that_are_healthy_is_healthy(a: float, b: float, preset: Preset) -> None:
    if preset.judge(a) == preset.judge(b) == "healthy":
        assert preset.judge((a + b) / 2) == "healthy"


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


def test_each_switch_really_trained() -> None:
    found = {}
    for course in courses(load("deep-sigmoid")):
        course.see(0, quiet)
        course.train(quiet)
        assert course.trained == STEPS
        here = course.flow(0)
        assert here is not None
        assert course.reached is not None
        found[course.name] = (here.sizes(RELATIVE)[0], course.reached, course.learned)
    expected = {
        "sigmoid, as it is": (2.0e-4, 0.6931, False), "relu, he init": (0.1962, 0.0007, True),
        "leaky_relu, he init": (0.1931, 0.0007, True), "tanh": (0.3426, 0.0047, True),
        "batch_norm": (0.0166, 0.0248, True), "residual from layer2 on": (7.8e-4, 0.6881, False),
        "he init alone": (0.0020, 0.6933, False), "clip the norm at 1.0": (2.0e-4, 0.6931, False),
        "adam in the place of sgd": (2.0e-4, 0.0086, True),
    }  # fmt: skip
    assert list(found) == list(expected)
    for name, (gets, loss, learned) in expected.items():
        assert found[name] == (pytest.approx(gets, rel=0.03), pytest.approx(loss, rel=0.1, abs=1e-4), learned), name


def test_what_explodes_is_seen_by_its_update() -> None:
    alike = Flow(tuple(Layer(f"layer{n}", 300.0, 40.0) for n in range(1, 6)), 79.0)
    assert {RELATIVE.judge(size) for size in alike.sizes(RELATIVE)} == {"healthy"}
    assert alike.verdict(RELATIVE) == "exploding"
    relu = load("deep-relu")
    assert relu.document is not None
    content = copy.deepcopy(dict(relu.document.content))
    for layer in content["layers"]:
        layer["init"] = {"kind": "normal", "std": 2.0}
    history = from_mapping(content, "deep-explode").history()
    assert [flow(history, step).verdict(RELATIVE) for step in range(3)] == ["exploding"] * 3
    assert history.losses[:3] == pytest.approx([79.17, 189.38, 290.25], abs=0.01)
    assert flow(relu.history(), 0).verdict(RELATIVE) == "arrives"
    assert flow(load("deep-sigmoid").history(), 0).verdict(RELATIVE) == "vanishing"


def test_other_networks() -> None:
    assert courses(load("lenet"))[0].name.endswith("as it is")
    with pytest.raises(UserError, match="no layers with weights"):
        flow(from_formula("L = (w - x)**2", {"w": 1.0, "x": 2.0}, ["w"]).history(), 0)
