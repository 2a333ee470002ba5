"""d(u, x) inside of a loss: its value is a difference of u, its gradients are those of PyTorch's double backward, and
each of its operations is derived and checked like any other."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.rule import Rule
from bptui.model.source.formula import parse
from bptui.model.source.network import from_mapping, load
from bptui.symbolic.check import check_step
from tests.unit.model.engine.ops.samples import uses

DRAWN = np.random.default_rng(0)


def drawn(*shape):
    return DRAWN.normal(size=shape) * 0.7


NET = {"x": drawn(5, 1), "W1": drawn(1, 4), "b1": drawn(4), "W2": drawn(4, 1), "b2": drawn(1)}
GIVEN = {"x": drawn(3, 4), "y": drawn(3, 4), "w": drawn(4, 2), "s": np.array(0.7), "b": drawn(4)}
IMAGES = {"x": drawn(2, 3, 5, 6), "k": drawn(4, 3, 3, 2), "bk": drawn(4), "k2": drawn(2, 4, 2, 2)}


def read(text, values):
    """The graph of a formula with those of some values that it speaks of."""
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return parse(text, {name: value for name, value in values.items() if name in names})


def recorded(text, values):
    return Program(read(text, values), Optimizer("sgd", 0.1)).record()


def torch_functions(torch):
    """The operations by their names, as PyTorch has them."""

    def layer_norm(
        x, weight, bias
    ):  # PyTorch's own (2.x) has a wrong third derivative: that of these operations differs
        away = x - x.mean(-1, keepdim=True)
        return away * torch.rsqrt((away * away).mean(-1, keepdim=True) + 1e-5) * weight + bias

    functional = torch.nn.functional
    named = (
        "tanh",
        "sigmoid",
        "sin",
        "cos",
        "exp",
        "log",
        "sqrt",
        "erf",
        "atan",
        "sum",
        "mean",
        "tan",
        "square",
        "abs",
    )
    layers = ("softplus", "silu", "gelu", "relu", "elu", "mish", "selu", "leaky_relu", "linear", "cross_entropy")
    return {
        **{name: getattr(torch, name) for name in (*named, "maximum", "einsum", "where", "prod", "trace")},
        **{name: getattr(functional, name) for name in (*layers, "conv1d", "conv2d", "normalize")},
        "d": lambda u, x: torch.autograd.grad(u.sum(), x, create_graph=True)[0],
        "norm": lambda x, axis=None: torch.linalg.vector_norm(x, dim=axis),
        "softmax": lambda x: torch.softmax(x, -1),
        "log_softmax": lambda x: torch.log_softmax(x, -1),
        "log_sigmoid": functional.logsigmoid,
        "logsumexp": lambda x, axis: torch.logsumexp(x, axis),
        "cumsum": lambda x, axis: torch.cumsum(x, axis),
        "var": lambda x: x.var(unbiased=False),
        "concat": lambda *parts, axis=0: torch.cat(parts, axis),
        "affine": lambda x, w, b: x @ w + b,
        "layer_norm": layer_norm,
        "avg_pool2d": functional.avg_pool2d,
        "embedding": lambda table, i: functional.embedding(i, table),
        "pad": lambda x, pad_width: functional.pad(x, [n for pair in reversed(pad_width) for n in pair]),
        "reshape": lambda x, shape: x.reshape(shape),
    }


def same_as_torch(text, values, relative=1e-8):
    """The loss and every gradient are those of PyTorch's double backward."""
    torch = pytest.importorskip("torch")
    step = recorded(text, values)
    kinds = {"f": True, "i": False}
    given = {
        name: torch.tensor(value, requires_grad=kinds[np.asarray(value).dtype.kind]) for name, value in values.items()
    }
    scope = {**torch_functions(torch), **given}
    exec(text, {"__builtins__": {}}, scope)  # the formulas of this file, which are Python
    scope["L"].backward()
    assert step.loss == pytest.approx(scope["L"].item(), rel=relative)
    for name, node in step.graph.by_name.items():
        if node.op is None and name in given and given[name].requires_grad:
            expected, found = given[name].grad, step.grad(name)
            expected = np.zeros(node.shape) if expected is None else expected.numpy()
            found = np.zeros(node.shape) if found is None else found
            np.testing.assert_allclose(found, expected, rtol=relative, atol=relative * max(1.0, np.abs(expected).max()))
    return step


SMOOTH = ("tanh", "sigmoid", "sin", "exp", "softplus", "silu", "gelu")


@pytest.mark.parametrize("act", [*SMOOTH, "mish", "erf", "atan", "elu", "selu", "log_sigmoid", "square", "tan"])
def test_second_derivatives_of_a_network(act):
    same_as_torch(f"u = {act}(x @ W1 + b1) @ W2 + b2; ux = d(u, x); uxx = d(ux, x); L = mean((uxx + u)**2 + ux)", NET)


@pytest.mark.parametrize("act", SMOOTH)
def test_third_derivatives_of_a_network(act):
    text = f"u = {act}(x @ W1 + b1) @ W2; ux = d(u, x); uxx = d(ux, x); uxxx = d(uxx, x); L = mean((uxxx*ux + u)**2)"
    same_as_torch(text, NET)


@pytest.mark.parametrize("act", ["relu", "leaky_relu", "abs"])
def test_of_a_kink_the_second_derivative_is_0(act):
    step = same_as_torch(f"u = {act}(x @ W1 + b1) @ W2; ux = d(u, x); uxx = d(ux, x); L = mean((uxx + u)**2 + ux)", NET)
    assert not step.value("uxx").any()


VALUES = (
    "x/y*x", "x*y*x + x*b", "exp(x)/(1 + y**2)", "sum(x**3)", "mean(x**2*y)", "sqrt(x*x + 1)", "log(x*x + 2)*s",
    "norm(x)", "norm(x, axis=-1)*s", "log_softmax(x*y)*y*x", "softmax(x)*x", "layer_norm(x, b, b)*x", "x[1:, ::2]**3",
    "x[1]*x", "concat(x*x*x, y*x)*1.5", "x.T @ x*x[0]", "(x @ w)**3", "linear(x, w.T)**3", "affine(x, w, b[:2])**3",
    "var(x)*x", "prod(x)", "maximum(x, y)**3", "(x*x + 1)**s", "x**3", "cumsum(x*x, axis=-1)*x", "normalize(x)*x",
    "pad(x*x, pad_width=((1, 0), (0, 2)))**2", "reshape(x*x, shape=(4, 3)) @ x", "einsum('ij,kj->ik', x, y)**3",
    "gelu(x, approximate='tanh')*y", "logsumexp(x, axis=-1)*x[:, 0]",
    "trace(x @ x.T)*s", "where(x > y, x*x*x, y*x)", "s - x*x*x*s", "sin(x*y)*x", "(x @ x.T)**2",
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_first_and_second_derivatives_by_operation(value):
    same_as_torch(f"u = {value}; ux = d(u, x); L = mean((ux - 0.3)**2)", GIVEN)
    same_as_torch(f"u = {value}; ux = d(u, x); uxx = d(ux, x); L = mean((uxx - 0.3)**2 + ux)", GIVEN)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("u = tanh(x @ w)**2; g = d(u, w); L = sum(g*g)", GIVEN),  # by a parameter
        ("D = tanh(x @ w) @ w.T; L = mean((norm(d(sum(D), x), axis=-1) - 1)**2)", GIVEN),  # a gradient penalty
        ("u = sin(x*y)*x; L = sum(d(d(u, x), y)**2)", GIVEN),  # mixed
        ("h = tanh(x @ w); u = h*h; L = sum(d(u, h)**2)", GIVEN),  # by a value that is computed
        ("h = tanh(conv2d(x, k, bk)); D = conv2d(h, k2); L = (norm(d(sum(D), x)) - 1)**2", IMAGES),
        ("h = avg_pool2d(tanh(conv2d(x, k)), kernel_size=(3, 1)); L = mean(d(h*h*h, x)**2)", IMAGES),
        ("z = tanh(x @ w); l = cross_entropy(z, t); L = sum(d(l, x)**2)", {**GIVEN, "t": np.array([0, 1, 0])}),
        ("z = tanh(embedding(w, t)); L = sum(d(z, w)**2)", {**GIVEN, "t": np.array([0, 3, 3])}),
    ],
)
def test_penalties_parameters_mixed_images_and_labels(text, values):
    same_as_torch(text, values)


SQUARE = DRAWN.normal(size=(2, 4, 4)) * 0.3 + np.eye(4)
SPACES = {
    "a": SQUARE, "b": drawn(2, 4, 3), "v": drawn(4), "p": np.abs(drawn(3, 4)) + 0.6, "z": drawn(2, 3, 5, 2),
    "r": drawn(2, 5), "image": drawn(1, 2, 6, 5), "line": drawn(2, 3, 7), "cube": drawn(1, 2, 4, 3, 4),
    "table": drawn(6, 3), "i": np.array([[0, 3, 3], [5, 1, 0]]), "k": np.array([0, 3, 3, 5, 1]),
    "o": np.array([0, 2, 2]), "weights": drawn(2, 3), "one": np.array(2),
}  # fmt: skip
"""By what it is derived, the formula, and the same in PyTorch (whose embedding_bag has no second derivative)."""
PIECES = [
    ("a", "inv(a)*a", "torch.linalg.inv(a)*a"),
    ("a", "det(a)**2", "torch.linalg.det(a)**2"),
    ("a", "logdet(a @ a)**2", "torch.logdet(a @ a)**2"),
    ("a", "solve(a, b)**2", "torch.linalg.solve(a, b)**2"),
    ("b", "solve(a, b*b)", "torch.linalg.solve(a, b*b)"),
    ("a", "solve(a[0], v)**2", "torch.linalg.solve(a[0], v)**2"),
    ("v", "solve(a, v)**3", "torch.linalg.solve(a, v.expand(2, 4))**3"),
    ("a", "solve_triangular(a, b)**2", "torch.linalg.solve_triangular(a, b, upper=False)**2"),
    ("a", "solve_triangular(a, b, upper=True, unitriangular=True)**2",
     "torch.linalg.solve_triangular(a, b, upper=True, unitriangular=True)**2"),
    ("b", "solve_triangular(a, b*b, transposed=True)*b",
     "torch.linalg.solve_triangular(a.mT, b*b, upper=True)*b"),
    ("a", "cholesky(a @ transpose(a, axes=(0, 2, 1)))**2", "torch.linalg.cholesky(a @ a.mT)**2"),
    ("a", "cholesky(a @ transpose(a, axes=(0, 2, 1)), upper=True)*a",
     "torch.linalg.cholesky(a @ a.mT, upper=True)*a"),
    ("p", "digamma(p)*p", "torch.digamma(p)*p"),
    ("p", "polygamma(p, n=2)*p", "torch.polygamma(2, p)*p"),
    ("p", "lgamma(p)**2", "torch.lgamma(p)**2"),
    ("z", "fft(z*z)**2", "F.fft(z*z)**2"),
    ("z", "fft(z*z, n=3, axis=1, norm='ortho')**2", "F.fft(z*z, n=3, dim=1, norm='ortho')**2"),
    ("z", "ifft(z*z, n=7, axis=0)**2", "F.ifft(z*z, n=7, dim=0)**2"),
    ("r", "rfft(r*r, n=4)**3", "F.rfft(r*r, n=4)**3"),
    ("r", "rfft(r*r)**2", "F.rfft(r*r)**2"),
    ("z", "irfft(z*z, n=6)**3", "F.irfft(z*z, n=6)**3"),
    ("z", "irfft(z*z, axis=1)**2", "F.irfft(z*z, dim=1)**2"),
    ("x", "max(x)**3*x", "x.max()**3*x"),
    ("x", "max(x*x, axis=1, keepdims=True)*x", "(x*x).amax(1, keepdim=True)*x"),
    ("x", "min(x, axis=(0, 1))**3", "x.amin((0, 1))**3"),
    ("image", "max(image, axis=(1, 3))**3", "image.amax((1, 3))**3"),
    ("image", "max_pool2d(image*image, kernel_size=2)**2", "f.max_pool2d(image*image, 2)**2"),
    ("image", "max_pool2d(image, kernel_size=(3, 2), stride=(1, 2), padding=1)**3",
     "f.max_pool2d(image, (3, 2), (1, 2), 1)**3"),
    ("image", "max_pool2d(image, kernel_size=2, stride=2, dilation=2, ceil_mode=True)**3",
     "f.max_pool2d(image, 2, 2, dilation=2, ceil_mode=True)**3"),
    ("line", "max_pool1d(line*line, kernel_size=3, stride=2)**2", "f.max_pool1d(line*line, 3, 2)**2"),
    ("cube", "max_pool3d(cube, kernel_size=2, stride=1)**3", "f.max_pool3d(cube, 2, 1)**3"),
    ("image", "adaptive_max_pool2d(image, output_size=(4, 2))**3", "f.adaptive_max_pool2d(image, (4, 2))**3"),
    ("line", "adaptive_max_pool1d(line, output_size=3)**3", "f.adaptive_max_pool1d(line, 3)**3"),
    ("image", "interpolate(image*image, size=(4, 7), mode='linear')**2",
     "f.interpolate(image*image, size=(4, 7), mode='bilinear')**2"),
    ("image", "interpolate(image, size=(9, 9))**3", "f.interpolate(image, size=(9, 9))**3"),
    ("table", "embedding_bag(table*table, i)**2", "(table*table)[i].mean(1)**2"),
    ("table", "embedding_bag(table, i, mode='max')**3", "table[i].amax(1)**3"),
    ("table", "embedding_bag(table, k, 1.0, o, mode='sum')**3", 
     "torch.stack([table[k[:2]].sum(0), 0*table[0], table[k[2:]].sum(0)])**3"),
    ("weights", "embedding_bag(table, i, weights*weights, mode='sum')**2",
     "(table[i]*(weights*weights)[..., None]).sum(1)**2"),
    ("v", "cross_entropy(v*v, one)*v", "f.cross_entropy(v*v, one)*v"),
    ("table", "table[one]**3", "table[one]**3"),
    ("a", "tril(a)**3 + triu(a, k=1)", "a.tril()**3 + a.triu(1)"),
]  # fmt: skip


class Pairs:
    """PyTorch's transforms of complex numbers as (real, imaginary)."""

    def __getattr__(self, name):
        torch = pytest.importorskip("torch")

        def run(x, **options):
            given = x if name == "rfft" else torch.view_as_complex(x)
            found = getattr(torch.fft, name)(given, **options)
            return found if name == "irfft" else torch.view_as_real(found)

        return run


@pytest.mark.corpus(every=12)
@pytest.mark.parametrize(("by", "ours", "theirs"), PIECES, ids=[ours for _, ours, _ in PIECES])
@pytest.mark.parametrize("order", [1, 2])
def test_matrices_transforms_pools_and_bags(by, ours, theirs, order):
    """Once and twice derived inside of the loss, and then by the loss."""
    torch = pytest.importorskip("torch")
    values = {**GIVEN, **SPACES}
    ends = {1: "L = mean((u1 - 0.3)**2)", 2: f"u2 = d(u1*{by}, {by}); L = mean((u2 - 0.3)**2)"}
    text = f"u = {ours}; u1 = d(u, {by}); {ends[order]}"
    step = recorded(text, values)
    given = {n: torch.tensor(v, requires_grad=np.asarray(v).dtype.kind == "f") for n, v in values.items()}
    scope = {**torch_functions(torch), **given, "torch": torch, "F": Pairs(), "f": torch.nn.functional}
    exec(text.replace(ours, theirs), {"__builtins__": {}}, scope)  # the formulas of this file, which are Python
    scope["L"].backward()
    loose = 1e-6 if "gamma(" in ours and "polygamma" not in ours else 1e-8  # PyTorch's trigamma has 9 digits
    assert step.loss == pytest.approx(scope["L"].item(), rel=loose)
    for name, node in step.graph.by_name.items():
        if node.op is None and name in given and given[name].requires_grad and given[name].grad is not None:
            expected, found = given[name].grad.numpy(), step.grad(name)
            found = np.zeros(node.shape) if found is None else found
            np.testing.assert_allclose(found, expected, rtol=loose, atol=loose * max(1.0, np.abs(expected).max()))
    assert {row.verdict for row in check_step(step).rows} <= {"ok", "skipped", "KINK", "n/a"}


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


def test_every_operation_of_it_is_checked():
    step = recorded("u = tanh(x @ W1 + b1) @ W2; ux = d(u, x); uxx = d(ux, x); L = mean((uxx + u)**2)", NET)
    rows = check_step(step).rows
    made = {node.name for node in step.graph.ops if node.scope in ("ux", "uxx")}
    assert made <= {row.node for row in rows}
    assert {row.verdict for row in rows} <= {"ok", "skipped"}
    assert {"symbolic", "difference", "forward"} <= {row.row for row in rows if row.node.startswith("uxx")}


def test_a_rule_that_is_derived_is_an_operation_with_its_own_checks():
    step = recorded("h = tanh(conv2d(x, k)); D = conv2d(h, k2); L = (norm(d(sum(D), x)) - 1)**2", IMAGES)
    (made,) = {n.op.name for n in step.graph.ops if n.op.name.endswith("_by_x")}
    assert made == "correlate2d_by_x"
    rows = [row for row in check_step(step).rows if row.op == made]
    assert {"forward", "symbolic", "difference"} <= {row.row for row in rows}
    assert {row.verdict for row in rows} <= {"ok", "skipped"}


def test_a_composite_in_it_is_checked_as_a_whole():
    """Its parts are no business of a derivative: those that it needs are computed again."""
    text = "q = reshape(x, shape=(1, 3, 4)); a = scaled_dot_product_attention(q, q, q); L = sum(d(a*a, x)**2)"
    rows = check_step(recorded(text, GIVEN)).rows
    assert {row.verdict for row in rows} <= {"ok", "skipped"}
    assert [row for row in rows if row.op == "scaled_dot_product_attention" and row.row == "symbolic"]


def test_its_operations_stand_together_under_what_they_are():
    graph = read("h = tanh(x @ W1 + b1); u = h @ W2; ux = d(u, x); L = mean(ux**2)", NET)
    (heading,) = graph.layers
    assert heading.name == "ux"
    assert heading.summary == "d(u, x): the backward pass of u, as operations"
    inside = [node for node in graph.ops if node.scope == "ux"]
    assert inside[-1].name == "ux"
    assert "ux.d_h" in {node.name for node in inside}  # ∂u/∂h
    assert [n.op.name for n in inside if n.op.name == "tanh"] == []


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


def test_a_derivative_is_held_against_the_backward_pass_of_what_it_derives(monkeypatch):
    text = "u = tanh(x @ W1 + b1) @ W2; ux = d(u, x); L = mean(ux**2)"
    (row,) = [row for row in check_step(recorded(text, NET)).rows if row.row == "derivative"]
    assert (row.node, row.verdict) == ("ux", "ok")
    right = Rule.contribution
    monkeypatch.setattr(Rule, "contribution", lambda *given: right(*given) * 1.0001)  # a rule that becomes another
    (row,) = [row for row in check_step(recorded(text, NET)).rows if row.row == "derivative"]
    assert row.verdict == "FAIL"
    assert "d(u, x) is not what the backward pass of u gives" in row.reason


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


@pytest.mark.parametrize(
    "transform", ["fft(complex(x))", "ifft(complex(x, y), n=6)", "irfft(complex(x, y), n=5)", "rfft2(x)"]
)
def test_a_fourier_transform_in_it_has_its_second_derivative(transform):
    """It is what the backward pass of u gives."""
    step = recorded(f"z = {transform}; u = sum(z*z*z); ux = d(u, x); L = sum(ux*ux)", GIVEN)
    u = recorded(f"z = {transform}; u = sum(z*z*z); L = u", GIVEN)
    np.testing.assert_allclose(step.value("ux"), u.grad("x"), rtol=1e-9, atol=1e-12)
    assert check_step(step).ok


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_through_a_cast_it_is_rounded_as_the_gradient_is_and_of_the_programs_kind_again(kind):
    text = f"h = cast(x, '{kind}'); u = sum(cast(h, 'float64')*y*y)"
    step = recorded(f"{text}; ux = d(u, x); L = sum(ux*ux*0.1)", GIVEN)
    plain = recorded(f"{text}; L = u", GIVEN)
    assert step.graph.by_name["ux"].kind == ""
    assert np.array_equal(step.value("ux"), plain.grad("x"))
    torch = pytest.importorskip("torch")
    x, y = (torch.tensor(GIVEN[name], requires_grad=True) for name in ("x", "y"))
    u = (x.to(getattr(torch, kind)).to(torch.float64) * y * y).sum()
    (ux,) = torch.autograd.grad(u, x, create_graph=True)
    (ux * ux * 0.1).sum().backward()
    assert np.array_equal(step.value("ux"), ux.detach().numpy())
    np.testing.assert_allclose(step.grad("y"), y.grad.numpy(), rtol=1e-12)


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


def test_a_session_walks_changes_and_trains_through_it():
    """why, paths, what if, undo, and training steps there and back, with numbers by hand."""
    session = Session(load("spring"))

    def by_hand():
        step = session.recording
        h, w1, w2 = step.value("h"), step.value("W1"), step.value("W2")
        return (-2 * h * (1 - h * h) * w1 * w1) @ w2

    run(session, "goto utt")
    first = session.recording.value("utt").copy()
    np.testing.assert_allclose(first, by_hand(), rtol=1e-12)
    assert run(session, "why utt[3,0]").ok
    assert run(session, "paths W1[0,2]").ok
    assert run(session, "set W1[0,0] = 0.3").moved
    np.testing.assert_allclose(session.recording.value("utt"), by_hand(), rtol=1e-12)
    assert not np.array_equal(session.recording.value("utt"), first)
    run(session, "undo")
    np.testing.assert_array_equal(session.recording.value("utt"), first)
    run(session, "train 40")
    np.testing.assert_allclose(session.recording.value("utt"), by_hand(), rtol=1e-9)
    run(session, "untrain 40")
    np.testing.assert_array_equal(session.recording.value("utt"), first)


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


NAMED = (
    "h = tanh(x @ W1 + b1); u = h @ W2 + b2; ux = d(u, x); uxx = d(ux, x); uxxx = d(uxx, x); L = mean(uxxx**2 + ux)",
    "L = mean((d(d(tanh(x @ W1 + b1) @ W2, x), x) + x)**2)",
    "u = softmax(layer_norm(x @ W1, b1, b1)) @ W2; v = u*u; ux = d(u, x); vx = d(v, x); L = mean(ux*vx) + d(ux, b1)[0]",
    "d_h = x*x; h = tanh(d_h); u = h*h; ux = d(u, x); d_u = mean(ux); dux_dh = d(ux, x); L = mean(dux_dh)*d_u",
)


@pytest.mark.parametrize("text", NAMED)
def test_what_is_shown_is_one_row_and_can_be_typed(text):
    graph = read(text, NET)
    rows = [node for node in graph.nodes if node.role != "const"]
    assert len({node.label for node in rows}) == len(rows)
    assert {node.label: node.id for node in rows}.items() <= {
        name: node.id for name, node in graph.called.items()
    }.items()
    made = [node for node in graph.ops if "." in node.name and not node.composite]
    assert made
    assert not [node.name for node in made if node.label.startswith("t") and node.label[1:].isdigit()]


def test_a_gradient_is_called_after_its_node_and_a_part_of_a_rule_after_its_operation():
    graph = read(NAMED[0], NET)
    of = {node.name: node for node in graph.ops}
    assert [node.label for node in graph.ops if node.scope == "ux"] == [
        "W2_T", "d_t3", "d_h", "h_mul", "h_sub", "d_t2", "W1_T", "ux",
    ]  # fmt: skip
    assert of["ux.h_sub"].inputs[1] == of["ux.h_mul"].id
    assert {"uxx.d_d_t2", "uxx.d_h_sub", "uxx.dux_dh"} <= of.keys()  # ux has a d_h: that of u
    step = recorded(NAMED[0], NET)
    h, x = step.value("h"), step.value("ux.d_h")
    np.testing.assert_allclose(step.value("ux.d_t2"), (1 - h * h) * x)
