"""d(u, x) inside of a loss: its value is a difference of u and what the engine passes back; what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.network import from_mapping
from bptui.symbolic.check import check_step
from tests.unit.model.engine.derivatives import GIVEN, NET, drawn, read, recorded
from tests.unit.model.engine.ops.samples import uses


@pytest.mark.parametrize("value", ["tanh(x @ w)", "x[1]*x", "softmax(x)*x", "einsum('ij,kj->ik', x, y)*s"])
def test_it_is_the_difference_of_what_it_derives(value):
    step = recorded(f"u = {value}; ux = d(u, x); L = sum(ux*ux)", GIVEN)
    way, reach = drawn(3, 4), 1e-5
    low, high = (
        recorded(f"u = {value}; ux = d(u, x); L = sum(ux*ux)", {**GIVEN, "x": GIVEN["x"] + sign * reach * way})
        for sign in (-1, 1)
    )
    slope = (high.value("u").sum() - low.value("u").sum()) / (2 * reach)
    assert np.vdot(step.value("ux"), way) == pytest.approx(slope, rel=1e-7)


def test_the_problem_that_was_reported():
    """The loss and its gradients as PyTorch's double backward gives them (which writing u' by hand gave, too)."""
    values = {
        "x": [[0.1], [0.7], [1.5]], "W1": [[0.5, -0.8]], "b1": [0.1, 0.3], "W2": [[1.2], [-0.4]],
    }  # fmt: skip
    text = "u = tanh(x @ W1 + b1) @ W2; ux = d(u, x); L = mse(ux, cos(x)) + sum((tanh(b1) @ W2)**2)"
    step = recorded(text, values)
    assert step.loss == pytest.approx(0.05676404731906769, rel=1e-12)
    np.testing.assert_allclose(step.grad("W1"), [[-0.07288645, 0.05944335]], rtol=1e-6)
    np.testing.assert_allclose(step.grad("b1"), [-0.10343859, 0.06895732], rtol=1e-6)
    np.testing.assert_allclose(step.grad("W2"), [[0.04392206], [-0.06298872]], rtol=1e-6)


def test_from_python():
    x, w = bptui.data(NET["x"], name="x"), bptui.param(NET["W1"], name="W1")
    b, v = bptui.param(NET["b1"], name="b1"), bptui.param(NET["W2"], name="W2")
    u = bptui.tanh(x @ w + b) @ v
    loss = bptui.mean((bptui.d(bptui.d(u, x), x) + u) ** 2)
    step = recorded("u = tanh(x @ W1 + b1) @ W2; L = mean((d(d(u, x), x) + u)**2)", NET)
    found = bptui.grads(loss)
    for name in ("W1", "b1", "W2", "x"):
        np.testing.assert_allclose(found[name], step.grad(name), rtol=1e-12)
    assert not [name for name in found if name.rpartition(".")[2].startswith("t")]
    assert bptui.check(loss).ok
    with pytest.raises(UserError, match="a Tensor"):
        bptui.d(u, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u = x*x; L = d(u, y) + y", "d(u, y): 'u' does not depend on 'y'"),
        (
            "u = multilabel_margin(x, t2); L = sum(d(u, x)**2)",
            "'multilabel_margin' (u) has no backward rule made of operations",
        ),
        ("z = x[t]; L = sum(z*z) + sum(d(z, t))", "'t' holds whole numbers"),
        ("u = x*x; L = sum(d(u, 2))", "'u' does not depend on '2'"),
        ("u = x*x; L = d(u) + s", "d takes two values"),
        ("u = x*x; L = sum(grad(u, x))", "unknown operation 'grad' (write d(u, x))"),
        ("u = x*x; L = sum(d(u, x, y))", "d takes two values"),
    ],
)
def test_what_it_refuses(text, said):
    with pytest.raises(UserError) as problem:
        read(text, {**GIVEN, "t": np.array([0, 2]), "t2": np.array([[0, 2, -1, 0]] * 3)})
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_an_operation_of_ones_own_inside():
    text = 'swoosh = op("y = x/(1 + exp(-beta*x))", beta=1.5); u = swoosh(x); ux = d(u, x); L = sum(ux*ux)'
    step = recorded(text, {"x": np.array([0.3, -0.8])})
    x = step.value("x")
    s = 1 / (1 + np.exp(-1.5 * x))
    np.testing.assert_allclose(step.value("ux"), s + 1.5 * x * s * (1 - s), rtol=1e-12)
    assert {row.verdict for row in check_step(step).rows} <= {"ok", "skipped"}


def test_a_derivative_of_nothing_but_numbers():
    step = recorded("u = 3*x; ux = d(u, x); L = sum(x*ux)", {"x": np.array([1.0, 2.0])})
    assert step.loss == 9
    assert math.isfinite(step.loss)
    np.testing.assert_array_equal(step.grad("x"), [3, 3])


def test_of_a_value_by_itself_it_is_1():
    step = recorded("u = d(x, x)*x; L = sum(u*u)", {"x": np.array([1.0, 2.0])})
    assert step.loss == 5


def test_given_numbers_may_be_called_d():
    step = recorded("u = d*x; L = d(u, x)**2", {"d": 3.0, "x": 2.0})
    assert step.loss == 9
    assert step.grad("d") == 6


USES = [(use, n) for use in uses() for n in range(len(use.shapes)) if use.row.differentiable(n)]


@pytest.mark.corpus(every=100, rows=4)
@pytest.mark.parametrize(("use", "position"), USES, ids=lambda item: str(item))
def test_of_every_operation_it_is_what_the_engine_passes_back(use, position):
    """Or it is refused by name: what SymPy does not derive in its time, and the largest of several numbers."""
    builder = Builder()
    inputs = [
        builder.leaf(name, "input", value, whole=name in use.row.indices)
        for name, value in zip(use.row.input_names, use.inputs(), strict=False)
    ]
    y = builder.use(use.op, *inputs, name="out", **use.attributes)
    weights = builder.leaf("weights", "input", np.random.default_rng(1).normal(size=y.shape), wants_grad=False)
    u = builder.use("sum", builder.use("mul", builder.use("mul", y, weights), y))
    try:
        made = builder.derivatives.of(u, inputs[position], name="made")
    except UserError as problem:
        said = problem.what
    else:
        said = ""
    if said:
        assert f"'{use.row.name}'" in said
        return
    aside = builder.use("mul", builder.use("sum", builder.use("detach", made)), 0.0)
    step = Program(builder.finish(builder.use("add", u, aside)), Optimizer()).record()
    found = step.grad(inputs[position])
    expected = np.zeros(made.shape) if found is None else found
    np.testing.assert_allclose(step.value(made), expected, rtol=1e-8, atol=1e-10)


SMOOTH_ROWS = (
    "matmul", "affine", "einsum", "softmax", "logsumexp", "correlate2d", "avg_pool2d", "embedding", "concat",
    "fft", "ifft", "rfft", "irfft",
)  # fmt: skip


def test_what_networks_are_made_of_is_not_refused():
    for name in SMOOTH_ROWS:
        use = next(use for use in uses() if use.op == name)
        builder = Builder()
        inputs = [
            builder.leaf(n, "input", value, whole=n in use.row.indices)
            for n, value in zip(use.row.input_names, use.inputs(), strict=False)
        ]
        y = builder.use(name, *inputs, **use.attributes)
        assert builder.derivatives.of(y, inputs[0]).shape == inputs[0].shape


def test_data_without_a_gradient_may_be_derived_by():
    """Samples have no gradient of the loss, and u has one by them all the same."""
    text = "u = tanh(x @ W) @ V; g = d(u, x); L = mse(u, y) + mean((norm(g, axis=-1) - 1)**2)"
    network = from_mapping(
        {
            "name": "penalty", "formula": text, "train": ["W", "V"],
            "data": {"inputs": [[0.1, 0.2], [0.3, -0.5], [0.7, 0.4]], "targets": [[0], [1], [1]], "batch_size": 2},
            "values": {"W": [[0.3, -0.2], [0.5, 0.4]], "V": [[0.7], [-0.3]]},
        },
        "penalty",
    )  # fmt: skip
    step = network.program().record()
    assert step.grad("x") is None
    h = np.tanh(step.value("x") @ step.value("W"))
    np.testing.assert_allclose(step.value("g"), ((1 - h * h) * step.value("V").T) @ step.value("W").T, rtol=1e-12)
    assert {row.verdict for row in check_step(step).rows} <= {"ok", "skipped"}
