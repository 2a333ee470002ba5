"""0, ±inf, nan, huge, tiny, ties: values and gradients are PyTorch's, in both dtypes, and the size does not matter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.calls import Backward, Calls
from bptui.model.engine.fill import BLOCK, MANY_BLOCKS
from tests.forgotten import same_rows
from tests.unit.model.engine.ops.executor import attributes_of

torch = pytest.importorskip("torch")
F = torch.nn.functional

VALUES = {
    "float64": (0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 0.5, -0.5, 6.0, 2.0, np.inf, -np.inf, np.nan, 1e200, -1e200, 1e308,
               -1e308,                1e-300, -1e-300, 30.0, -30.0, 800.0, -800.0),
    "float32": (0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 0.5, -0.5, 6.0, 2.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 3e38,
               -3e38,                1e-38, -1e-38, 30.0, -30.0, 200.0, -200.0),
}  # fmt: skip
BLOCKS = MANY_BLOCKS * BLOCK + 64
"""So many numbers that they run block by block."""
SIZES = (64, 600, 5000, BLOCKS)
"""A few numbers; enough that the number of elements counts, and that another selection is faster; several blocks."""


@dataclass(frozen=True)
class Law:
    """An operation, what PyTorch calls it, its attributes; where `apart` of its inputs ours is another on purpose."""

    op: str
    theirs: Callable[..., Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    apart: Callable[..., Any] | None = None

    def __str__(self) -> str:
        return f"{self.op}{self.attributes or ''}"


def far(x: Any, *rest: Any) -> Any:
    """Where PyTorch computes inf·0 or leaves the range of its numbers on the way: ours is the limit."""
    return np.abs(x) > 1e29


class Digamma(torch.autograd.Function):
    """PyTorch's, with another derivative: its own trigamma has 9 digits. (Hurwitz' zeta knows none below 0.)"""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * torch.special.zeta(2, ctx.saved_tensors[0])


class Polygamma(torch.autograd.Function):
    """The same of polygamma, (-1)ⁿ⁺¹·n!·ζ(n + 1, x); of the zeta PyTorch's is nan at infinity, where the limit is 0."""

    @staticmethod
    def of(n: int, x: Any) -> Any:
        return torch.digamma(x) if n == 0 else (-1) ** (n + 1) * math.factorial(n) * torch.special.zeta(n + 1, x)

    @staticmethod
    def forward(ctx: Any, x: Any, n: int) -> Any:
        ctx.save_for_backward(x)
        ctx.n = n
        return Polygamma.of(n, x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * Polygamma.of(ctx.n + 1, ctx.saved_tensors[0]), None


def far_but_finite(x: Any) -> Any:
    return far(x) & np.isfinite(x)


class Stable(torch.autograd.Function):
    """log(cosh(d)), which PyTorch has only with the overflow of cosh."""

    @staticmethod
    def forward(ctx: Any, d: Any) -> Any:
        ctx.save_for_backward(d)
        size = d.abs()
        far = size + torch.log1p(torch.exp(-2 * size)) - np.log(2)
        return torch.where(size < 1e-3, size * size / 2 - size**4 / 12, far)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * torch.tanh(ctx.saved_tensors[0])


ONE = [
    Law("neg", torch.neg), Law("exp", torch.exp), Law("log", torch.log), Law("sqrt", torch.sqrt),
    Law("rsqrt", torch.rsqrt, apart=lambda x: (x == 0) & np.signbit(x)),
    Law("reciprocal", torch.reciprocal), Law("square", torch.square), Law("abs", torch.abs),
    Law("sin", torch.sin), Law("cos", torch.cos), Law("sinh", torch.sinh), Law("cosh", torch.cosh),
    Law("expm1", torch.expm1), Law("log1p", torch.log1p), Law("erf", torch.erf), Law("tanh", torch.tanh),
    Law("sigmoid", torch.sigmoid), Law("relu", F.relu), Law("relu6", F.relu6, apart=np.isnan),
    Law("hardtanh", F.hardtanh, apart=np.isnan),
    Law("leaky_relu", F.leaky_relu), Law("hardshrink", F.hardshrink, apart=np.isnan),
    Law("softshrink", F.softshrink, apart=np.isnan),
    Law("clip", lambda x: torch.clamp(x, -1, 0.5), {"min": -1.0, "max": 0.5}),
    Law("clip", lambda x: torch.clamp(x, min=0.5), {"min": 0.5, "max": None}),
    Law("clip", lambda x: torch.clamp(x, max=0.5), {"min": None, "max": 0.5}),
    Law("clip", lambda x: torch.clamp(x, 0.5, -0.5), {"min": 0.5, "max": -0.5}),
    Law("power", lambda x: torch.pow(x, 2), {"exponent": 2.0}),
    Law("power", lambda x: torch.pow(x, 3), {"exponent": 3.0}),
    Law("power", lambda x: torch.pow(x, 0), {"exponent": 0.0}),
    Law("softplus", F.softplus),
    Law("softplus", lambda x: F.softplus(x, 2, 1e3), {"beta": 2.0}, lambda x: np.abs(x) > 40),
    Law("softplus", lambda x: F.softplus(x, 2, 3), {"beta": 2.0, "threshold": 3.0}),
    Law("rrelu", F.rrelu), Law("rrelu", lambda x: F.rrelu(x, 0.1, 0.5), {"lower": 0.1, "upper": 0.5}),
    Law("log_sigmoid", F.logsigmoid), Law("hardsigmoid", lambda x: F.relu6(x + 3) / 6),
    Law("hardswish", F.hardswish, apart=lambda x: far(x) | np.isnan(x)),
    Law("elu", F.elu, apart=np.isnan), Law("selu", F.selu, apart=np.isnan),
    Law("celu", F.celu, apart=np.isnan), Law("silu", F.silu), Law("mish", F.mish),
    Law("gelu", F.gelu, {"approximate": "none"}, far),
    Law("gelu", lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}, far_but_finite),
    Law("softsign", F.softsign), Law("tanhshrink", F.tanhshrink), Law("tan", torch.tan),
    Law("asin", torch.asin), Law("acos", torch.acos), Law("atan", torch.atan, apart=far), Law("erfc", torch.erfc),
    Law("asinh", torch.asinh), Law("acosh", torch.acosh, apart=lambda x: x == -1), Law("atanh", torch.atanh),
    Law("lgamma", torch.lgamma), Law("digamma", Digamma.apply, apart=lambda x: (x < 0) | np.isinf(x)),
    *(Law("polygamma", lambda x, n=n: Polygamma.apply(x, n), {"n": n}, apart=lambda x: (x < 0) | np.isinf(x))
      for n in (0, 1, 2)),
    Law("detach", torch.detach), Law("sign", torch.sign), Law("floor", torch.floor), Law("ceil", torch.ceil),
    Law("trunc", torch.trunc), Law("round", torch.round),
    *(Law(name, lambda x, name=name: getattr(torch, name)(x).to(x.dtype))
      for name in ("isnan", "isinf", "isfinite", "logical_not")),
    *(Law("cast", lambda x, kind=kind: x.to(getattr(torch, kind)).to(x.dtype), {"dtype": kind})
      for kind in ("float64", "float32", "float16", "bfloat16")),
]  # fmt: skip


def ours(op: str, inputs: list[Any], g: Any, attributes: dict[str, Any]) -> list[Any]:
    row = ops.OPS[op]
    given = {name: attributes.get(name, attribute.default) for name, attribute in row.attributes.items()}
    emit = Calls(g.dtype)
    out = np.zeros(row.shape([x.shape for x in inputs], given), g.dtype)
    saved = row.forward(emit, inputs, out, given)
    shapes = [row.contribution(n, [x.shape for x in inputs], out.shape) for n in range(len(inputs))]
    into = [np.zeros(shape, g.dtype) if row.differentiable(n) else None for n, shape in enumerate(shapes)]
    ready = row.vjp(emit, Backward(g.reshape(out.shape), inputs, out, given, into, saved)) or [None] * len(into)
    with np.errstate(all="ignore"):
        for call in emit.calls:
            call()
    return [out, *(b if a is None else a for a, b in zip(ready, into, strict=True))]


def theirs(call: Any, inputs: list[Any], g: Any) -> list[Any]:
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    out = call(*leaves)
    if out.requires_grad:
        out.backward(torch.tensor(g).reshape(out.shape))
    return [x if x is None else x.detach().numpy() for x in (out, *(leaf.grad for leaf in leaves))]


def compared(law: Law, inputs: list[Any], dtype: str, rtol: float) -> list[Any]:
    """Ours, after it was compared with PyTorch's."""
    g = np.full(np.broadcast_shapes(*(x.shape for x in inputs)), 2.0, dtype)
    shape = ops.OPS[law.op].shape([x.shape for x in inputs], {**defaults(law.op), **law.attributes})
    found, expected = ours(law.op, inputs, g if shape else g[:1].reshape(()), law.attributes), None
    expected = theirs(law.theirs, inputs, g if shape else g[:1].reshape(()))
    free = np.zeros(inputs[0].shape, bool) if law.apart is None else law.apart(*inputs)
    for a, b in zip(found, expected, strict=True):
        if a is None or b is None:
            assert a is b, law
            continue
        same = np.isclose(a, b, rtol=rtol, atol=rtol * 1e-3, equal_nan=True) | (
            free if a.shape == free.shape else False
        )
        assert same.all(), [(str(law), *(x[~same][:5] for x in inputs), a[~same][:5], b[~same][:5])]
    return found


def defaults(op: str) -> dict[str, Any]:
    return {name: attribute.default for name, attribute in ops.OPS[op].attributes.items()}


def tolerance(dtype: str) -> float:
    return 1e-12 if dtype == "float64" else 2e-4


each_in_one = pytest.mark.corpus(every=2)
"""One rule computes in both dtypes: by default each law is held in one of them, another for each of these tests."""


@each_in_one
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("law", ONE, ids=str)
def test_one_input(law, dtype):
    values = np.array(VALUES[dtype], dtype)
    seen = set()
    for size in SIZES:
        found = compared(law, [np.resize(values, size)], dtype, tolerance(dtype))
        seen.add(repr([array[: len(values)].tolist() for array in found if array is not None]))
    assert len(seen) == 1, "the size matters"


@each_in_one
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("law", ONE, ids=str)
def test_many_numbers_have_the_bits_of_few(law, dtype):
    """Block by block, the slope beside the value, selected by their bits: the same numbers as one by one."""
    x, g = np.random.default_rng(3).normal(size=(2, BLOCKS)).astype(dtype)
    many = ours(law.op, [x], g, law.attributes)
    for count in (60, 1100, 5000):
        part = slice(BLOCKS // 2 - count, BLOCKS // 2)
        for a, b in zip(many, ours(law.op, [x[part]], g[part], law.attributes), strict=True):
            if a is not None:
                np.testing.assert_array_equal(a[part], b)


@pytest.mark.parametrize("op", ["elu", "selu", "celu", "hardswish", "relu6", "hardtanh", "hardshrink", "softshrink"])
def test_at_nan_the_gradient_is_one_of_pytorchs_two(op):
    """PyTorch's differs by whether the element was computed beside others or alone; the value is NaN."""
    call, seen = getattr(F, op), set()
    for size in (1, 64):
        y, d = theirs(call, [np.full(size, np.nan)], np.full(size, 2.0))
        assert np.isnan(y).all()
        seen |= set(map(repr, d.tolist()))
    y, d = ours(op, [np.array([np.nan])], np.array([2.0]), {})
    assert np.isnan(y[0])
    assert repr(float(d[0])) in seen
    assert len(seen) == 2


def test_every_elementwise_operation_has_its_law():
    rows = {name for name, row in ops.OPS.items() if row.elementwise}
    held = {law.op for law in (*ONE, *TWO)} | {"dropout", "alpha_dropout", "where", "masked_fill"}
    same_rows(held, rows, "a Law of its values and slopes at 0, inf and nan, in ONE or TWO of this file")


COMPARED = {
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip
TWO = [
    *(Law(name, lambda a, b, call=call: getattr(torch, call)(a, b).to(a.dtype)) for name, call in COMPARED.items()),
    *(Law(name, lambda a, b, name=name: getattr(torch, name)(a, b).to(a.dtype))
      for name in ("logical_and", "logical_or", "logical_xor")),
    Law("add", torch.add), Law("sub", torch.sub), Law("mul", torch.mul), Law("div", torch.div),
    Law("atan2", torch.atan2, apart=lambda a, b: far(a) | far(b)),
    Law("xlogy", torch.xlogy, apart=lambda a, b: far(a) | (a == 0) & (b == 0)), Law("logaddexp", torch.logaddexp),
    Law("maximum", torch.maximum), Law("minimum", torch.minimum),
    Law("pow", torch.pow, apart=lambda a, b: (a == 0) | (np.abs(a) > 1e29) | (np.abs(b) > 1e29) | np.isnan(a)),
    Law("leaky", lambda a, b: torch.where(a > 0, a, a * b), apart=lambda a, b: ~np.isfinite(a * b)),
]  # fmt: skip


@each_in_one
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("law", TWO, ids=str)
def test_two_inputs(law, dtype):
    pairs = np.array(list(itertools.product(VALUES[dtype], repeat=2)), dtype)
    seen = set()
    for size in (len(pairs), BLOCKS):
        found = compared(law, [np.resize(pairs[:, n], size) for n in (0, 1)], dtype, tolerance(dtype))
        seen.add(repr([array[: len(pairs)].tolist() for array in found if array is not None]))
    assert len(seen) == 1, "the size matters"


SELECTS = {
    "relu", "relu6", "hardtanh", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "clip", "leaky_relu", "elu",
    "celu", "maximum", "minimum", "leaky", "hinge", "detach", "sign", "floor", "ceil", "trunc", "round",
}  # fmt: skip


@pytest.mark.parametrize("upstream", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_not_chosen_passes_nothing_be_it_nan_or_inf(upstream, size):
    """0 of a mask times nan would be nan, and the hunt for it would lead to the wrong place."""
    some = np.array([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 0.5, -0.5, 6.0, 2.0, 30.0, -30.0])
    pairs, seen = np.array(list(itertools.product(some, repeat=2))), set()
    for law in (*ONE, *TWO, *LOSSES):
        if law.op not in SELECTS:
            continue
        seen.add(law.op)
        inputs = [np.resize(some, size)] if law in ONE else [np.resize(pairs[:, n], size) for n in (0, 1)]
        g = np.full(size, upstream)
        ours_, theirs_ = ours(law.op, inputs, g, law.attributes), theirs(law.theirs, inputs, g)
        for a, b in zip(ours_[1:], theirs_[1:], strict=True):
            if a is not None:
                np.testing.assert_array_equal(a, b, err_msg=str(law))
    assert seen == SELECTS


@pytest.mark.parametrize(
    "op", ["max_pool2d", "max", "min", "where", "causal_mask", "masked_softmax", "multi_margin", "masked_fill"]
)
def test_what_is_not_chosen_passes_nothing_in_a_window_or_a_row(op):
    x = np.arange(16.0).reshape(4, 4)
    inputs = {
        "where": [np.eye(4), x, -x],
        "masked_fill": [x, np.eye(4), np.array(-np.inf)],
        "masked_softmax": [x, np.eye(4)],
        "multi_margin": [x, np.arange(4)],
    }
    given = {"max_pool2d": {"kernel_size": 2}, "max": {"axis": 1}, "min": {"axis": 1}, "multi_margin": {"margin": 0.5}}
    row = ops.OPS[op]
    attributes = attributes_of(row, given.get(op))
    arrays = inputs.get(op, [x])
    shape = row.shape([array.shape for array in arrays], attributes)
    still, found = (
        next(d for d in ours(op, arrays, np.full(shape, upstream), attributes)[1:] if d is not None)
        for upstream in (1.0, np.nan)
    )
    assert np.isnan(found).any()
    if op != "masked_softmax":
        np.testing.assert_array_equal(np.isnan(found), still != 0)
    else:
        assert not found[np.eye(4) == 0].any()


@pytest.mark.parametrize("value", [-np.inf, np.nan, 0.0, 1e300])
def test_what_is_behind_a_mask_is_no_matter(value):
    """Its value and its gradient, nan and inf among them, are PyTorch's."""
    some = np.array(VALUES["float64"])
    x, mask = (np.array(part) for part in zip(*itertools.product(some, (0.0, 1.0)), strict=True))
    for upstream in (2.0, np.nan, np.inf):
        g, inputs = np.full(x.shape, upstream), [x, mask, np.array(value)]
        found = ours("masked_fill", inputs, g, {})
        found[3] = found[3].sum()
        expected = theirs(lambda x, mask, value: x.masked_fill(mask != 0, value), inputs, g)
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_place_of_what_is_equal_or_nan(name):
    for row in ([1.0, 3, 3, 0, 0], [np.nan, 5, np.nan], [-np.inf, np.inf, np.inf], [2.0], [0.0, -0.0]):
        (found, _) = ours(name, [np.array(row)], np.ones(()), {})
        assert found == getattr(torch, name)(torch.tensor(row)).item()


def against(call: Callable[..., Any]) -> Callable[..., Any]:
    """A loss with each element by itself."""
    return lambda p, t: call(p, t, reduction="none")


EACH = {"reduction": "none"}
LOSSES = [
    Law("mse", against(F.mse_loss), EACH), Law("mae", against(F.l1_loss), EACH),
    Law("huber", against(F.huber_loss), EACH), Law("smooth_l1", against(F.smooth_l1_loss), EACH),
    Law("soft_margin", lambda p, t: F.softplus(-p * t), EACH, lambda p, t: ~(np.abs(p * t) < 20)),
    Law("hinge", lambda p, t: F.relu(1 - p * t), EACH, lambda p, t: ~np.isfinite(p * t)),
    Law("hinge_embedding", against(F.hinge_embedding_loss), EACH),
    Law("log_cosh", lambda p, t: Stable.apply(p - t), EACH, lambda p, t: ~np.isfinite(p - t)),
    *(Law("poisson_nll", lambda p, t, log=log: F.poisson_nll_loss(p, t, log, reduction="none"),
          {**EACH, "log_input": log}, lambda p, t: far(t)) for log in (True, False)),
    Law("bce_with_logits", against(F.binary_cross_entropy_with_logits), EACH, lambda p, t: ~(np.abs(p) < 20)),
]  # fmt: skip


@each_in_one
@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("law", LOSSES, ids=str)
def test_losses(law, dtype):
    pairs = np.array(list(itertools.product(VALUES[dtype], repeat=2)), dtype)
    for size in (len(pairs), BLOCKS):
        compared(law, [np.resize(pairs[:, n], size) for n in (0, 1)], dtype, tolerance(dtype))


@pytest.mark.parametrize("correction", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("op", ["var", "std"])
def test_more_correction_than_elements(op, correction):
    for x in ([1.0, 3.0], [2.0, 2.0], [7.0]):
        attributes = {"axis": None, "keepdims": False, "correction": correction}
        (found, *_) = ours(op, [np.array(x)], np.ones(()), attributes)
        np.testing.assert_allclose(found, getattr(np, op)(x, ddof=correction), rtol=1e-15)


BCE = [
    (1 - 1e-12, 1.0),
    (1e-12, 0.0),
    (1e-12, 1.0),
    (0.3, 0.0),
    (0.999999, 0.25),
    (0.5, 0.5),
    (1e-30, 1e-3),
    (1.0, 1.0),
]


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize(("p", "t"), BCE)
def test_bce_has_all_its_digits(dtype, p, t):
    p, t = (np.array([number], dtype) for number in (p, t))
    (found, *_) = ours("bce", [p, t], np.ones(1, dtype), EACH)
    with mp.workdps(50):
        a, b = mp.mpf(float(p[0])), mp.mpf(float(t[0]))
        right = -b * mp.log(a) - ((1 - b) * mp.log(1 - a) if b != 1 else 0)
    assert abs(found[0] - float(right)) <= 4 * np.finfo(dtype).eps * float(right)


@pytest.mark.parametrize("x", [-40.0, -1.0, 0.5, 40.0])
@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
def test_weighted_logits_have_all_their_digits(x, t):
    (found, *_) = ours("bce_with_logits", [np.array([x]), np.array([t]), np.array([3.0])], np.ones(1), EACH)
    with mp.workdps(50):
        x, t = mp.mpf(x), mp.mpf(t)
        right = 3 * t * mp.log(1 + mp.exp(-x)) + (1 - t) * mp.log(1 + mp.exp(x))
    assert abs(found[0] - float(right)) <= 4 * np.finfo(float).eps * float(right)


@pytest.mark.parametrize("x", [2e103, -2e103, 1e200, -1e308, 1e308])
def test_gelu_far_out(x):
    (y, d) = ours("gelu", [np.array([x])], np.ones(1), {"approximate": "tanh"})
    assert y[0] == max(x, 0)
    assert d[0] == (x > 0)


def test_a_target_of_0_in_kl_div():
    (y, dp, dt) = ours(
        "kl_div", [np.array([-1.0, -2.0]), np.array([0.0, 0.5])], np.ones(2), {**EACH, "log_target": False}
    )
    np.testing.assert_allclose(y, [0, 0.5 * (np.log(0.5) + 2)])
    np.testing.assert_array_equal(dp, [0, -0.5])
    np.testing.assert_allclose(dt, [0, np.log(0.5) + 1 + 2])


@pytest.mark.parametrize("size", [3, BLOCKS])
def test_xlogy_where_both_are_0(size):
    """0 whatever b is, and so is its derivative by b: PyTorch's 0/0 is no number of this function."""
    a, b = np.resize([0.0, 0.0, 2.0], size), np.resize([0.0, 3.0, 4.0], size)
    (y, _, db) = ours("xlogy", [a, b], np.ones(size), {})
    np.testing.assert_allclose(y[:3], [0, 0, 2 * np.log(4)])
    np.testing.assert_array_equal(db[:3], [0, 0, 0.5])
