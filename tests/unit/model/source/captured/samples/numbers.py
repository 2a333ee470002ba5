"""Of numbers, element by element, in matrices, and reduced."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from tests.unit.model.source.captured.samples.draw import Draw, inf, nan  # noqa: E402


def elementwise(t: Draw) -> None:
    for name in [
        "log",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "square",
        "abs",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "sigmoid",
        "tanh",
        "exp",
        "expm1",
        "log1p",
        "erf",
        "neg",
        "exp2",
        "log2",
        "log10",
        "logit",
        "deg2rad",
        "rad2deg",
        "positive",
        "frac",
        "floor",
        "ceil",
        "trunc",
        "sign",
        "round",
        "absolute",
        "negative",
        "fix",
        "sgn",
    ]:
        function = getattr(torch, name)
        for x in (
            t(3, 4).sigmoid() if name in ("logit", "log", "rsqrt") else t(2, 3),
            t.positive().tanh(),
            t.positive(0, 2),
        ):
            function(x)
    for name in ["erf", "erfc", "exp2", "expm1", "log1p", "logit", "round", "expit"]:
        getattr(torch.special, name)(t(3, 4).sigmoid().float() if name == "erfc" else t(3, 4).sigmoid())
    for name in ["relu", "silu", "mish", "relu6", "hardswish", "selu"]:
        getattr(F, name)(t(3, 4) * 4, inplace=False)
        getattr(F, name)(t.ties(3, 4))
        getattr(F, name)(t(3, 4), inplace=True)
    for x in (t(4, 3), t.ties(2, 3), t(), torch.tensor([nan, inf, -inf, 0.0], dtype=torch.float64)):
        F.leaky_relu(x), F.leaky_relu(x, 0.2), F.elu(x), F.elu(x, alpha=0.5), F.celu(x), F.celu(x, 1.5)
        F.gelu(x), F.gelu(x, approximate="tanh"), F.hardtanh(x), F.hardtanh(x, -0.5, max_val=0.2), torch.clamp(x, -1, 1)
        F.hardshrink(x), F.softshrink(x, 0.3), F.threshold(x, 0.1, -7.0), F.relu(x), F.rrelu(x), F.logsigmoid(x)
        F.softplus(x), F.softplus(x, beta=2, threshold=1), torch.special.expit(x), F.tanhshrink(x), F.softsign(x)
        torch.nan_to_num(x), torch.nan_to_num(x, 1.0, neginf=-3.0), torch.clamp_min(x, 0.0), x.clamp_max(0.0)
        x.clamp(min=0), x.clip(max=0.5), abs(x), -x, +x, F.relu_(x.clone())
    F.softplus(t(5) * 30), F.glu(t(3, 4)), F.glu(t(4, 3), dim=0), F.prelu(t(2, 3, 4), t(3)), F.prelu(t(2, 3), t(1))
    F.hardsigmoid(t(3, 4).float() * 4), torch.erfc(t(3, 4).float()), torch.round(t(3) * 9, decimals=1)
    torch.clamp(t(3, 4), t(4), t(3, 1)), torch.clamp(t(3), min=t(3)), torch.clamp(t.ties(3, 4), t.ties(4), t.ties(3, 4))
    torch.where(t(3, 4) > 0, t(4), t(3, 1)), t(3, 4).where(t(4) > 0, t(3, 4)), torch.where(t(3) > 0, t(3), 0.5)
    t(3, 4).masked_fill(t(4) > 0, 2.5), t(3, 4).masked_fill_(t(3, 1) > 0, -inf), t(3).masked_fill(t(3) > 0, t())
    for f in (F.dropout, F.alpha_dropout, F.feature_alpha_dropout, F.dropout1d, F.dropout2d, F.dropout3d):
        shape = {F.dropout1d: (2, 5, 4), F.dropout2d: (2, 5, 3, 4), F.dropout3d: (2, 5, 2, 3, 2)}.get(f, (4, 3, 5))
        f(t(*shape), 0.3, training=True), f(t(*shape), training=False), f(t(*shape), p=1.0, training=True)
    torch.dropout(t(4, 5), 0.4, True), torch.feature_dropout(t(4, 5, 2), 0.4, True), F.dropout(t(4, 5), 0.2, True, True)


def arithmetic(t: Draw) -> None:
    for a, b in ((t(3, 4), t(3, 4)), (t(3, 1), t(4)), (t(), t(2, 3)), (t.ties(3, 4), t.ties(4)), (t(0, 3), t(3))):
        for name in [
            "add",
            "sub",
            "mul",
            "div",
            "maximum",
            "minimum",
            "fmax",
            "fmin",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "copysign",
            "rsub",
        ]:
            getattr(torch, name)(a, b)
        torch.add(a, b, alpha=0.5), torch.sub(a, other=b, alpha=-2), torch.rsub(a, b, alpha=3), torch.fmod(a, b + 3)
        torch.remainder(a, b + 3), torch.pow(a.abs() + 0.1, b), torch.lerp(a, b, 0.3), torch.div(a, b + 3)
        torch.div(a, b + 3, rounding_mode="floor"), torch.xlogy(a, b.abs() + 0.1), torch.special.xlogy(a.abs(), b)
        torch.addcmul(a, b, a), torch.addcdiv(a, b, a + 9, value=0.3), torch.lerp(a, b, b), torch.true_divide(a, b)
        a + b, a - b, a * b, a / (b + 3), a % (b + 3), a.multiply(b), a.subtract(b), a.divide(b)
    x = t(3, 4)
    x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x, x**2, 2**x, x % 0.7, -x, x**3.0, x.abs() ** 0.5, x**0, x**-1
    torch.pow(x, 2), torch.pow(2, x), torch.float_power(x.abs(), 1.5), x.float_power(2), torch.xlogy(x, 2.0)
    x.clone().add_(1), x.clone().mul_(t(4)), x.clone().div_(3), x.clone().sub_(t(3, 1), alpha=2), x.clone().pow_(2)
    x.add(t.below(3, 4)), x * (x > 0), x.clone().addcmul_(t(4), t(3, 1), value=2), torch.multiply(x, True)
    torch.copysign(x, -2.0)
    y = x.clone()
    y += 1
    y *= t(4)
    y -= 0.5
    y /= 3


def matrices(t: Draw) -> None:
    for a, b in (
        ((3, 4), (4, 5)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((4,), (2, 4, 3)),
    ):
        torch.matmul(t(*a), t(*b)), t(*a) @ t(*b)
    (
        torch.mm(t(2, 3), t(3, 4)),
        t(2, 3).mm(t(3, 4)),
        torch.bmm(t(2, 3, 4), t(2, 4, 1)),
        torch.mv(t(2, 3), t(3)),
        torch.dot(t(4), t(4)),
    )
    (
        torch.vdot(t(4), t(4)),
        torch.inner(t(2, 3), t(4, 3)),
        torch.inner(t(), t(3)),
        torch.outer(t(3), t(4)),
        torch.ger(t(3), t(2)),
    )
    F.linear(t(2, 3), t(4, 3), t(4)), F.linear(t(3), t(4, 3)), F.linear(t(2, 5, 3), t(4, 3)), F.linear(t(2, 3), t(3))
    torch.addmm(t(4), t(2, 3), t(3, 4)), torch.addmm(t(2, 4), t(2, 3), t(3, 4), beta=0.5, alpha=2)
    (
        torch.addmv(t(2), t(2, 3), t(3)),
        torch.addr(t(2, 3), t(2), t(3), alpha=0.1),
        torch.baddbmm(t(2, 3, 5), t(2, 3, 4), t(2, 4, 5)),
    )
    torch.addbmm(t(3, 5), t(2, 3, 4), t(2, 4, 5), beta=2), torch.chain_matmul(t(2, 3), t(3, 4), t(4, 1))
    torch.linalg.multi_dot([t(2, 3), t(3, 4), t(4, 1)]), torch.tensordot(t(2, 3, 4), t(3, 4, 5), dims=2)
    torch.tensordot(t(2, 3, 4), t(4, 2), dims=([0, 2], [1, 0])), torch.kron(t(2, 3), t(3, 2)), torch.kron(t(2), t(2, 3))
    F.bilinear(t(4, 2), t(4, 3), t(5, 2, 3), t(5)), torch.bilinear(t(2, 4, 2), t(2, 4, 3), t(5, 2, 3))
    torch.einsum("ij,jk->ik", t(2, 3), t(3, 4)), torch.einsum("bhqd,bhkd", t(2, 2, 3, 4), t(2, 2, 5, 4))
    torch.einsum("...ij->...ji", t(2, 3, 4)), torch.einsum("ii->i", t(3, 3)), torch.einsum("i, j", [t(3), t(2)])
    torch.einsum("ij,jk,kl->il", t(2, 3), t(3, 4), t(4, 2)), torch.einsum("ij->", t(2, 3))
    torch._grouped_mm(t(5, 4).float(), t(3, 4, 8).float(), offs=torch.tensor([2, 2, 5], dtype=torch.int32))
    torch.cross(t(2, 3), t(2, 3), dim=1), torch.linalg.cross(t(2, 3), t(1, 3)), torch.cross(t(3, 2), t(3, 2))
    torch.linalg.vecdot(t(2, 3), t(2, 3)), torch.linalg.matmul(t(2, 3), t(3, 2)), t(2, 3).__rmatmul__(t(4, 2))


def reductions(t: Draw) -> None:
    for x in (t(3, 4), t(2, 3, 4), t.ties(3, 4)):
        for name in ["sum", "mean", "prod"]:
            f = getattr(torch, name)
            f(x), f(x, 1), f(x, dim=-1, keepdim=True), getattr(x, name)(0, keepdims=True), f(x, axis=0)
        torch.sum(x, (0, -1)), x.mean((0, 1), keepdim=True), torch.sum(x, []), torch.nansum(x, 0), torch.nanmean(x)
        for name in ["var", "std", "var_mean", "std_mean"]:
            f = getattr(torch, name)
            (
                f(x),
                f(x, 0),
                f(x, False),
                f(x, 1, False),
                f(x, dim=(0, 1), correction=0, keepdim=True),
                f(x, [0], True, True),
            )
        for name in ["amax", "amin"]:
            f = getattr(torch, name)
            f(x), f(x, 0), f(x, (0, -1)), f(x, dim=-1, keepdim=True)
        torch.max(x), torch.min(x), x.max(1), x.min(dim=0, keepdim=True), torch.max(x, x * 0), torch.min(x, other=x * 0)
        torch.aminmax(x), torch.aminmax(x, dim=0), torch.median(x), torch.median(x, 1), x.nanmedian(), torch.mode(x, 0)
        torch.topk(x, 2), x.topk(2, dim=0, largest=False), torch.sort(x), x.sort(0, descending=True), torch.msort(x)
        torch.kthvalue(x, 2, -1), torch.cummax(x, 0), torch.cummin(x, dim=-1), torch.sort(x, stable=True, dim=0)
        (
            torch.norm(x),
            torch.norm(x, 1, 0),
            x.norm(2, -1, True),
            torch.norm(x, p=3.0),
            torch.norm(x, inf),
            torch.norm(x, -inf, 1),
        )
        (
            torch.linalg.norm(x),
            torch.linalg.vector_norm(x, 3, dim=0),
            torch.linalg.vector_norm(x, inf, (0, 1)),
            x.norm(dim=1),
        )
        (
            torch.linalg.matrix_norm(x),
            torch.linalg.norm(x, 1, 0),
            torch.linalg.norm(x, dim=(0, 1)),
            torch.linalg.norm(x, "fro", (0, 1)),
            torch.linalg.matrix_norm(x, 1),
            torch.linalg.norm(x, -inf, (0, 1)),
            torch.linalg.matrix_norm(x, inf, (1, 0), True),
        )
        torch.logsumexp(x, 1), x.logsumexp((0, 1), keepdim=True), torch.special.logsumexp(x, 0)
        (
            F.softmax(x, -1),
            torch.softmax(x, 0),
            x.softmax(dim=1),
            F.softmin(x, 0),
            F.log_softmax(x, dim=1),
            x.log_softmax(-1),
        )
        (
            torch.log_softmax(x, 0),
            torch.special.softmax(x, 0),
            torch.special.log_softmax(x, -1),
            F.softmax(x, 0, dtype=torch.float64),
        )
        torch.diff(x), torch.diff(x, 2, 0), torch.cdist(x, x * 2 + 1), torch.cdist(x, x + 1, p=1.0)
        torch.cdist(x, x * 2 + 1, p=3.0)
        F.normalize(x), F.normalize(x, p=1.0, dim=0), F.normalize(x, dim=(0, 1)), F.pairwise_distance(x, x + 1)
        (
            F.pairwise_distance(x, x * 2, p=1.0, keepdim=True),
            F.cosine_similarity(x, x * x + 1),
            F.cosine_similarity(x, x[:1], dim=-1),
        )
        torch.cumsum(x, 0), x.cumprod(1), torch.logcumsumexp(x, -1)
    (
        torch.dist(t(3, 4), t(4)),
        torch.dist(t(3), t(3), 1),
        torch.trace(t(3, 4)),
        torch.sum(t()),
        torch.max(t()),
        F.softmax(t(), 0),
        torch.sort(t()),
        torch.norm(torch.zeros(3).double(), 3),
    )
    (
        torch.nansum(torch.tensor([[nan, 1.0], [2.0, nan]], dtype=torch.float64), 1),
        torch.diff(t(3, 4), prepend=t(3, 1), append=t(3, 2)),
    )
    (
        torch.amax(torch.tensor([[nan, 1.0, 2.0], [0.0, 1.0, 1.0]], dtype=torch.float64), 1),
        torch.sum(t(3, 4).half(), 0, dtype=torch.float32),
    )
    F.softmax(t(3, 4, 2)), F.softmax(t(3, 4)), torch.max(torch.tensor([nan, 1.0, nan], dtype=torch.float64))
