"""d(u, x) inside of a loss: its gradients are those of PyTorch's double backward, up to the third derivative."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.symbolic.check import check_step
from tests.unit.model.engine.derivatives import (
    DRAWN,
    GIVEN,
    IMAGES,
    NET,
    drawn,
    recorded,
    same_as_torch,
    torch_functions,
)

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
