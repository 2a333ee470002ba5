"""What an operation does where there is a choice is what its row says, and what PyTorch does (measured, torch 2.13)."""

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.symbolic.check import check_step
from tests.unit.model.engine.ops.executor import run, run_composite

KINKS = [
    # op, inputs, attributes, gradients for upstream 1
    ("relu", ([-1.0, 0.0, 2.0],), {}, ([0, 0, 1],)),
    ("abs", ([-1.0, 0.0, 2.0],), {}, ([-1, 0, 1],)),
    ("leaky_relu", ([-1.0, 0.0, 2.0],), {"negative_slope": 0.1}, ([0.1, 0.1, 1],)),
    ("elu", ([0.0, 1.0],), {"alpha": 0.5}, ([0.5, 1],)),
    ("relu6", ([0.0, 3.0, 6.0, 7.0],), {}, ([0, 1, 0, 0],)),
    ("hardtanh", ([-2.0, -1.0, 0.0, 1.0],), {}, ([0, 0, 1, 0],)),
    ("clip", ([-2.0, -1.0, 0.0, 1.0, 2.0],), {"min": -1, "max": 1}, ([0, 1, 1, 1, 0],)),
    ("sqrt", ([0.0, 4.0],), {}, ([np.inf, 0.25],)),
    ("maximum", ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), {}, ([0.5, 0, 1], [0.5, 1, 0])),
    ("minimum", ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), {}, ([0.5, 1, 0], [0.5, 0, 1])),
    ("maximum", ([0.0, -0.0], [-0.0, 0.0]), {}, ([0.5, 0.5], [0.5, 0.5])),
    ("minimum", ([0.0, -0.0], [-0.0, 0.0]), {}, ([0.5, 0.5], [0.5, 0.5])),
    ("max", ([[2.0, 5.0, 5.0], [1.0, 1.0, 0.0]],), {"axis": 1}, ([[0, 1, 0], [1, 0, 0]],)),
    ("min", ([[2.0, 1.0, 1.0]],), {}, ([[0, 1, 0]],)),
    ("norm", ([0.0, 0.0],), {}, ([0, 0],)),
    ("prod", ([0.0, 2.0, 3.0],), {}, ([6, 0, 0],)),
    ("prod", ([0.0, 0.0, 3.0],), {}, ([0, 0, 0],)),
    ("pow", ([0.0, 0.0, 2.0], [0.0, 2.0, 0.0]), {}, ([0, 0, 0], [0, 0, np.log(2)])),
    ("power", ([0.0, 3.0],), {"exponent": 0}, ([0, 0],)),
    ("max_pool2d", ([[1.0, 1.0], [1.0, 0.0]],), {"kernel_size": 2}, ([[1, 0], [0, 0]],)),
    ("mae", ([1.0, 2.0], [1.0, 1.0]), {"reduction": "sum"}, ([0, 1], [0, -1])),
    ("hinge", ([1.0, 0.5], [1.0, 1.0]), {"reduction": "sum"}, ([0, -1], [0, -0.5])),
    ("huber", ([2.0, 5.0], [0.0, 0.0]), {"reduction": "sum", "delta": 2.0}, ([2, 2], [-2, -2])),
    ("hinge_embedding", ([1.0, 1.0, 0.5, 2.0], [-1.0, 1.0, 0.0, -1.0]), {"reduction": "sum"}, ([-1, 1, 0, 0], None)),
    ("margin_ranking", ([1.0, 2.0], [1.0, 2.0], [1.0, -1.0]), {"reduction": "sum"}, ([-1, 1], [1, -1], [0, 0])),
    ("mape", ([1.0, 2.0], [1.0, 4.0]), {"reduction": "sum"}, ([0, -0.25], [0, 0.125])),
    ("multi_margin", ([1.0, 2.0, 3.0], 1), {"p": 1}, ([0, -1 / 3, 1 / 3], None)),
    ("multi_margin", ([1.0, 2.0, 3.0], 1), {"p": 2}, ([0, -4 / 3, 4 / 3], None)),
    ("multilabel_margin", ([0.0, 1.0, 2.0], [2, -1, 0]), {"reduction": "sum"}, ([0, 0, 0], None)),
    ("multilabel_margin", ([0.5, 1.0, 1.5], [2, 2, -1]), {"reduction": "sum"}, ([0, 2 / 3, -2 / 3], None)),
    ("multilabel_margin", ([0.5, 1.0, 1.5], [-1, 0, 1]), {"reduction": "sum"}, ([0, 0, 0], None)),
    ("poisson_nll", ([0.0, 0.0], [0.0, 1.0]), {"reduction": "sum", "full": True}, ([1, 0], [0, 0])),
    ("sigmoid_focal", ([800.0, -800.0], [1.0, 0.0]), {"reduction": "sum"}, ([0, 0], None)),
    ("focal", ([[800.0, 0.0]], [0]), {}, ([[0, 0]], None)),
    ("focal", ([[800.0, 0.0]], [0]), {"gamma": 0.5}, ([[0, 0]], None)),
    ("kl_div", ([-1.0, -2.0], [0.0, 1.0]), {"reduction": "sum"}, ([0, -1], None)),
    ("take", ([5.0, 6.0], [0, 0, 1]), {}, ([2, 1], None)),
    ("cross_entropy", ([0.0, 0.0], 1), {}, ([0.5, -0.5], None)),
]


@pytest.mark.parametrize(("name", "inputs", "given", "expected"), KINKS, ids=lambda value: str(value)[:30])
def test_gradient_at_the_kink(name, inputs, given, expected):
    out, gradients = run(ops.OPS[name], inputs, given)
    assert np.all(np.isfinite(out))
    for found, wanted in zip(gradients, expected, strict=True):
        if wanted is not None:
            np.testing.assert_allclose(found, wanted, rtol=1e-15)


def test_rows_with_a_choice_say_it():
    for name in (
        "relu",
        "abs",
        "leaky_relu",
        "elu",
        "maximum",
        "max",
        "max_pool2d",
        "clip",
        "hinge",
        "mae",
        "mse",
        "var",
    ):
        assert ops.OPS[name].convention


@pytest.mark.parametrize(
    ("name", "x", "value", "slope"),
    [
        ("sigmoid", -800.0, 0.0, 0.0),
        ("sigmoid", 40.0, 1.0, None),
        ("softplus", 800.0, 800.0, 1.0),
        ("softplus", -800.0, 0.0, 0.0),
        ("log_sigmoid", -800.0, -800.0, 1.0),
        ("silu", -800.0, 0.0, 0.0),
        ("mish", 800.0, 800.0, 1.0),
        ("mish", -800.0, 0.0, 0.0),
        ("gelu", -50.0, 0.0, 0.0),
        ("elu", 800.0, 800.0, 1.0),
        ("selu", -800.0, None, 0.0),
        ("tanh", 800.0, 1.0, 0.0),
    ],
)
def test_far_out(name, x, value, slope):
    """The plain formula would give inf or nan here."""
    out, (gradient,) = run(ops.OPS[name], [[x, x]])
    assert np.all(np.isfinite(out))
    assert np.all(np.isfinite(gradient))
    if value is not None:
        np.testing.assert_allclose(out, value, atol=1e-300)
    if slope is not None:
        np.testing.assert_allclose(gradient, slope, atol=1e-300)


def test_softmax_of_large_numbers():
    out, _ = run(ops.OPS["softmax"], [[[1000.0, 0.0, -1000.0]]])
    np.testing.assert_array_equal(out, [[1, 0, 0]])
    out, _ = run(ops.OPS["cross_entropy"], [[[1000.0, 0.0]], [1]])
    assert out == 1000
    out, _ = run(ops.OPS["logsumexp"], [[1000.0, 1000.0]])
    np.testing.assert_allclose(out, 1000 + np.log(2))


def test_the_mean_of_nothing_is_nan():
    for name in ("mean", "mse"):
        row = ops.OPS[name]
        out, _ = run(row, [np.zeros((0, 3))] * len(row.inputs))
        assert np.isnan(out)
    assert run(ops.OPS["sum"], [np.zeros((0, 3))])[0] == 0


def test_causal_attention_does_not_look_ahead():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(4, 3)) for _ in range(3))
    _, gradients = run_composite(
        "scaled_dot_product_attention", {"q": q, "k": k, "v": v}, {"causal": True}, np.eye(4)[0][:, None] * np.ones(3)
    )
    assert np.all(gradients["v"][1:] == 0)
    assert np.all(gradients["k"][1:] == 0)


def test_what_is_detached_is_a_number_and_straight_through_works():
    graph = parse("y = x + detach(round(x) - x); L = sum(y*y*detach(x))", {"x": [0.3, 1.7, -2.2]})
    recording = Program(graph).record()
    x, y = recording.value("x"), recording.value("y")
    np.testing.assert_allclose(y, [0, 2, -2], atol=1e-15)
    np.testing.assert_allclose(recording.grad("x"), 2 * y * x, atol=1e-15)


def test_a_cast_of_ones_own_operation_passes_the_gradient():
    graph = parse('half = op("y = float16(x)**2"); L = sum(half(x))', {"x": [0.3, 70000.0]})
    recording = Program(graph).record()
    np.testing.assert_array_equal(recording.grad("x"), 2 * np.array([np.float16(0.3), np.inf], float))
    rows = check_step(recording).rows
    assert "FAIL" not in {row.verdict for row in rows}
