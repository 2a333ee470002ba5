"""Activations: the engine's value and slope; the derivative that SymPy derives is that slope."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.spans import plain
from bptui.model.engine.ops import get
from bptui.model.engine.ops.base import Op
from bptui.model.source.network import load
from bptui.symbolic.service import Service
from bptui.teach.explore.activations import Activation, of_network, usual


def test_all_in_numbers_at_one_and_a_half() -> None:
    found = {each.name: each.at(1.5) for each in usual()}
    expected = {
        "sigmoid": (0.8176, 0.1491, 5.4e-9), "tanh": (0.9051, 0.1807, 3.7e-8), "relu": (1.5, 1, 1),
        "leaky_relu": (1.5, 1, 1), "elu": (1.5, 1, 1), "gelu": (1.3998, 1.1275, 3.3193),
        "silu": (1.2264, 1.0413, 1.4988), "softplus": (1.7014, 0.8176, 0.1334),
    }  # fmt: skip
    assert list(found) == list(expected)
    for name, (value, slope, many) in expected.items():
        point = found[name]
        assert (point.value, point.slope) == pytest.approx((value, slope), abs=6e-5), name
        assert point.in_a_row == pytest.approx(many, rel=0.02), name


@pytest.mark.parametrize("each", usual(), ids=lambda each: each.name)
def test_the_slope_is_that_of_the_curve(each: Activation) -> None:
    curve = each.curve()
    inner = np.gradient(curve.value, curve.z)
    smooth = np.abs(curve.z) > 0.1  # relu and its like have a kink at 0
    assert np.allclose(inner[smooth][1:-1], curve.slope[smooth][1:-1], atol=2e-3)


def test_a_sigmoids_slope_is_a_quarter_at_most_at_zero() -> None:
    op = get("sigmoid")
    assert isinstance(op, Op)
    curve = Activation(op).curve()
    assert curve.slope.max() == 0.25
    assert curve.z[np.argmax(curve.slope)] == 0


def test_formulas_are_derived() -> None:
    service = Service()
    op = get("sigmoid")
    assert isinstance(op, Op)
    sigmoid = Activation(op)
    sigmoid.formulas(service)
    assert service.wait()
    found = sigmoid.formulas(service)
    assert plain(found.definition) == "a = 1/(1 + exp(-z))"
    assert plain(found.left) + " = " + plain(found.slope) == "∂a/∂z = a·(1 - a)"
    assert "proved" in plain(found.how[0])
    service.close()


def test_a_networks_own() -> None:
    own, z = of_network(load("swoosh"))
    assert [each.op.name for each in own] == ["swoosh"]
    assert z is not None
    assert own[0].at(1.5).value == pytest.approx(1.5 / (1 + np.exp(-1.5 * 1.5)))
    assert of_network(load("darts")) == ([], None)
