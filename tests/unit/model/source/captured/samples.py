"""Calls of PyTorch's functions, a function per family: shapes that are not square, both signs, ties, keywords and
positions, functions and methods, axes from the end, single numbers, broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

nan, inf = float("nan"), float("inf")


class Draw:
    """Tensors in float64, by a seed of their own."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(11)

    def __call__(self, *shape: int) -> Any:
        """Both signs."""
        return torch.randn(shape, generator=self.random, dtype=torch.float64)

    def positive(self, *shape: int) -> Any:
        return self(*shape).abs() + 0.1

    def ties(self, *shape: int) -> Any:
        """Few numbers, so that some are equal, 0 among them."""
        return torch.randint(-1, 2, shape, generator=self.random).double()

    def below(self, count: int, *shape: int) -> Any:
        """Whole numbers."""
        return torch.randint(0, count, shape, generator=self.random)


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
        F.normalize(x), F.normalize(x, p=1.0, dim=0), F.normalize(x, dim=(0, 1)), F.pairwise_distance(x, x + 1)
        (
            F.pairwise_distance(x, x * 2, p=1.0, keepdim=True),
            F.cosine_similarity(x, x * x + 1),
            F.cosine_similarity(x, x[:1], dim=-1),
        )
        torch.cumsum(x, 0), x.cumprod(1), torch.logcumsumexp(x, -1)
    (
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


def shapes(t: Draw) -> None:
    x, y = t(2, 3, 4), t(3, 4)
    x.view(6, 4), x.view(-1, 2), x.reshape((4, 6)), torch.reshape(x, (24,)), x.view_as(t(4, 6)), x.reshape_as(t(6, 4))
    (
        x.flatten(),
        torch.flatten(x, 1),
        x.unflatten(2, (2, 2)),
        torch.ravel(x),
        x[:1].squeeze(0),
        torch.squeeze(t(1, 3, 1)),
    )
    x.unsqueeze(-1), torch.atleast_1d(t()), torch.atleast_2d(t(3)), torch.atleast_3d(t(3, 2)), torch.unsqueeze(y, 1)
    (
        x.transpose(0, -1),
        torch.swapaxes(x, 0, 1),
        x.swapdims(1, 2),
        y.t(),
        y.T,
        x.mT,
        x.mH,
        y.H,
        torch.adjoint(x),
        y.adjoint(),
    )
    (
        x.permute(2, 0, 1),
        x.permute((1, -1, 0)),
        torch.permute(x, (0, 2, 1)),
        torch.movedim(x, 0, -1),
        x.moveaxis((0, 1), (2, 0)),
    )
    (
        y.expand(2, 3, 4),
        t(3, 1).expand(-1, 4),
        t(1, 4).expand_as(y),
        torch.broadcast_to(t(4), (3, 4)),
        torch.broadcast_tensors(t(3, 1), t(4)),
    )
    (
        y.repeat(2, 3),
        y.repeat(2, 1, 3),
        torch.tile(y, (2,)),
        y.tile(2, 1, 2),
        t().repeat(3),
        y.repeat_interleave(2),
        torch.repeat_interleave(y, 3, dim=1),
    )
    (
        torch.repeat_interleave(y, torch.tensor([1, 0, 2]), dim=0),
        torch.meshgrid(t(2), t(3), indexing="ij"),
        torch.meshgrid(t(2), t(3), t(4), indexing="xy"),
    )
    (
        torch.roll(y, 1),
        torch.roll(x, (1, -2), (0, 2)),
        y.roll(2, dims=1),
        x.flip(0),
        torch.flip(x, (1, 2)),
        y.fliplr(),
        torch.flipud(y),
    )
    (
        torch.rot90(y),
        x.rot90(-1, (1, 2)),
        F.pixel_shuffle(t(2, 8, 3, 2), 2),
        F.pixel_unshuffle(t(2, 2, 4, 6), 2),
        F.channel_shuffle(t(2, 6, 3), 2),
    )
    (
        y.diagonal(),
        torch.diagonal(x, 1, 1, 2),
        torch.linalg.diagonal(x, offset=-1),
        torch.diag_embed(y),
        y.diag_embed(1, 0, 2),
    )
    (
        torch.diag(t(3)),
        torch.diag(y, 1),
        t(3).diag(-1),
        torch.tril(y),
        y.triu(1),
        x.tril(-1),
        torch.triu(torch.full((3, 3), inf).double()),
    )
    (
        torch.split(x, 2, 2),
        x.split(1),
        x.split([1, 2], dim=1),
        x.split_with_sizes([1, 3], 2),
        torch.chunk(x, 2, -1),
        x.chunk(5, 2),
    )
    (
        torch.tensor_split(x, 3, 2),
        x.tensor_split((1, 2), dim=1),
        x.hsplit(3),
        torch.vsplit(x, 2),
        torch.dsplit(x, [1, 3]),
        x.unbind(),
        torch.unbind(x, -1),
    )
    torch.unsafe_split(x, 2, 2), torch.unsafe_chunk(x, 2, 2), torch.unsafe_split_with_sizes(x, [1, 2], 1)
    x.narrow(2, 1, 2), torch.narrow(x, 1, -2, 1), torch.narrow_copy(x, 0, 1, 1)
    (
        torch.cat([y, t(2, 4)]),
        torch.cat((y, t(3, 2)), dim=-1),
        torch.concat([y, t(0), y]),
        torch.cat([t(2, 1) for _ in range(19)], 1),
    )
    (
        torch.concatenate([y, y], axis=1),
        torch.stack([y, y]),
        torch.stack([y] * 11, -1),
        torch.stack([y], dim=1),
        torch.hstack([y, y]),
        torch.hstack([t(2), t(3)]),
    )
    (
        torch.vstack([t(4), y]),
        torch.row_stack([t(4), y]),
        torch.dstack([y, y]),
        torch.column_stack([t(3), y]),
        torch.block_diag(y, t(2), t()),
    )
    (
        F.pad(y, (1, 2)),
        F.pad(x, (1, 0, 2, 1), value=3.0),
        F.pad(x, (-1, 1, 0, -1)),
        F.pad(x, (1, 2), mode="reflect"),
        F.pad(x, (2, 1), "replicate"),
    )
    (
        F.pad(x, (2, 1), mode="circular"),
        F.pad(t(1, 2, 3, 4), (1, 2, 2, 1), mode="reflect"),
        torch.constant_pad_nd(y, (1, 1), 0.5),
    )
    (
        y.unfold(1, 2, 1),
        x.unfold(-1, 3, 2),
        F.unfold(t(2, 3, 5, 4), 2),
        F.unfold(t(2, 3, 5, 6), (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)),
        F.unfold(t(2, 4, 4), 3),
    )


def indexing(t: Draw) -> None:
    x, i, j = t(3, 4, 5), torch.tensor([2, 0, 2]), torch.tensor([[1, -1], [0, 3]])
    (
        x[0],
        x[-1],
        x[0, 2],
        x[1:],
        x[:, 1:3],
        x[..., -1],
        x[None],
        x[:, None, 2],
        x[::2, 1::2],
        x[1, ..., 3],
        x[:, -3:-1],
        x[..., 1:99],
    )
    (
        x[i],
        x[:, j],
        x[i, i],
        x[i, 1:3, i],
        x[0, :, i],
        x[:, 0, i],
        x[[0, 2]],
        x[[2, 1, 0], :, 1],
        x[x[..., 0] > 0],
        x[x > 0],
        x[0, j],
    )
    (
        x[torch.tensor(1)],
        x[:, x[0, :, 0] > 0, 2],
        x[i][:, None],
        x[[0, 1, 2]],
        x[i[:, None], i[None, :]],
        x[None, i],
        x[torch.tensor([-1, -3])],
    )
    (
        x.select(1, 2),
        torch.select(x, -1, -1),
        torch.index_select(x, 1, i),
        x.index_select(-1, i),
        torch.gather(x, 2, t.below(5, 3, 4, 2)),
    )
    (
        x.gather(0, t.below(3, 2, 3, 5)),
        torch.take_along_dim(x, t.below(4, 1, 2, 1), 1),
        torch.take_along_dim(x, i),
        torch.take(x, j % 4),
    )
    torch.masked_select(x, t(4, 5) > 0), x.masked_select(x > 0)
    for value in (2.5, t(), t(5), t(4, 5), t(1, 1, 5)):
        for index in (
            0,
            (0, 2),
            slice(1, None),
            (Ellipsis, slice(0, 5)),
            (slice(None), 1),
            torch.tensor([2, 0]),
            x[:, :, 0] > 0,
        ):
            if not torch.is_tensor(value) or value.dim() < 2 or isinstance(index, int | slice):
                y = x.clone()
                y[index] = value
    y = x.clone()
    y[[0, 2]] = t(4, 5)
    (
        torch.index_put(x, (torch.tensor([0, 1]), torch.tensor([2, 3])), t(2, 5)),
        x.clone().index_put_((torch.tensor([1]),), t(4, 5)),
    )
    (
        torch.index_fill(x, 1, torch.tensor([0, 2]), 1.5),
        x.index_fill(0, i, t()),
        torch.index_copy(x, 1, torch.tensor([3, 0]), t(3, 2, 5)),
    )
    (
        torch.select_scatter(x, t(3, 5), 1, 2),
        torch.slice_scatter(x, t(3, 2, 5), 1, 1, 3),
        torch.diagonal_scatter(t(3, 4), t(3)),
    )
    (
        torch.masked_scatter(x, t(4, 5) > 0, t(70)),
        x.masked_scatter(x > 0, t(60)),
        torch.scatter(x, 1, t.below(4, 2, 1, 5), 2.5),
    )
    (
        torch.scatter(x, 0, torch.tensor([[[2, 1, 0]], [[0, 2, 1]]]), t(2, 1, 3)),
        x.scatter(2, torch.tensor([[[0], [1]]]), t(3, 4, 5)),
    )
    torch.index_add(x, 1, i, t(3, 3, 5)), x.index_add(0, torch.tensor([0, 0]), t(2, 4, 5), alpha=0.5)
    (
        x.index_put((torch.tensor([1, 1]),), t(4, 5), accumulate=True),
        x.index_put((torch.tensor([1, 1]), torch.tensor([0, 0])), t(5), True),
    )
    torch.scatter_add(x, 1, t.below(4, 2, 3, 5), t(3, 3, 5)), t(4).scatter_add(0, torch.tensor([1, 1, 3]), t(3))


SCALED = (
    ("nearest", (2, 3, 5)),
    ("nearest", (2, 3, 4, 5)),
    ("linear", (2, 3, 5)),
    ("bilinear", (2, 3, 4, 5)),
    ("bicubic", (1, 2, 4, 5)),
    ("trilinear", (1, 2, 3, 2, 4)),
    ("nearest-exact", (2, 3, 4)),
    ("area", (2, 3, 4, 5)),
)


def layers(t: Draw) -> None:
    for n, shape in ((1, (2, 4, 9)), (2, (2, 4, 7, 6)), (3, (2, 4, 5, 4, 3))):
        conv, transposed = getattr(F, f"conv{n}d"), getattr(F, f"conv_transpose{n}d")
        x, w = t(*shape), t(6, 2, *(3, 2, 2)[:n])
        (
            conv(x, w, t(6), groups=2),
            conv(x, w, None, 2, 1, 1, 2),
            conv(x, t(3, 4, *(1,) * n), padding="same"),
            conv(x[0], t(3, 4, *(2,) * n), t(3)),
        )
        (
            conv(x, t(3, 4, *(2,) * n), dilation=2, padding=2),
            transposed(x, t(4, 3, *(2,) * n), t(6), stride=2, output_padding=1, groups=2),
        )
        transposed(x[0], t(4, 3, *(2,) * n), padding=1, dilation=2)
        pool, average = getattr(F, f"max_pool{n}d"), getattr(F, f"avg_pool{n}d")
        (
            pool(x, 2),
            pool(x, 3, 1, 1),
            pool(x[0], 2, ceil_mode=True),
            pool(x, 2, return_indices=True),
            pool(t.ties(*shape), 2, stride=1),
        )
        (
            average(x, 2),
            average(x, 3, 2, 1, ceil_mode=True),
            average(x[0], 3, stride=2, padding=1, count_include_pad=False),
        )
        getattr(F, f"adaptive_avg_pool{n}d")(x, 3), getattr(F, f"adaptive_avg_pool{n}d")(x[0], (2,) * n)
        getattr(F, f"adaptive_max_pool{n}d_with_indices")(x, 2), getattr(F, f"max_pool{n}d_with_indices")(x, 2)
        if n > 1:
            F.adaptive_avg_pool2d(t(2, 3, 5, 4), (None, 2))
        (
            F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), t(4), t(4), True),
            F.batch_norm(x, None, None, training=True),
        )
        (
            F.batch_norm(x, t(4), t.positive(4), eps=1e-3),
            F.batch_norm(x, t(4), t.positive(4), weight=t(4), bias=t(4), training=False),
        )
        (
            F.batch_norm(x, t(4), t.positive(4), t(4), None, True, 0.3),
            torch.batch_norm(x, t(4), t(4), None, None, True, 0.1, 1e-5, False),
        )
        (
            F.instance_norm(x),
            F.instance_norm(x, None, None, t(4), t(4), eps=1e-3),
            F.instance_norm(x, t(4), t.positive(4), momentum=0.2),
        )
        (
            F.instance_norm(x, t(4), t.positive(4), use_input_stats=False),
            F.group_norm(x, 2),
            F.group_norm(x, 2, t(4), t(4), 1e-3),
            F.group_norm(x, 4, None, t(4)),
        )
    x = t(3, 4, 5)
    (
        F.layer_norm(x, (5,)),
        F.layer_norm(x, (4, 5), t(4, 5), t(4, 5), 1e-3),
        F.layer_norm(x, [4, 5]),
        F.layer_norm(x, (5,), None, t(5)),
        torch.layer_norm(x, (5,)),
    )
    (
        F.rms_norm(x, (5,)),
        F.rms_norm(x, (4, 5), t(4, 5)),
        F.rms_norm(x, (5,), t(5), 1e-3),
        F.rms_norm(x, (4, 5)),
        F.rms_norm((x * 1e-4).float(), (5,)),
    )
    (
        torch._weight_norm(t(3, 4), t(3, 1)),
        torch._weight_norm(t(3, 4, 2), t(1, 4, 1), 1),
        torch.norm_except_dim(t(3, 4), 2, 0),
        torch.norm_except_dim(t(3, 4), 2, -1),
    )
    i = torch.tensor([[0, 3, 1], [2, 2, 0]])
    (
        F.embedding(i, t(4, 5)),
        F.embedding(i, t(4, 5), padding_idx=2),
        F.embedding(i, t(4, 5), -1),
        torch.embedding(t(4, 5), i),
        torch.embedding(t(4, 5), i, 0),
    )
    (
        F.embedding_bag(i, t(4, 5)),
        F.embedding_bag(i, t(4, 5), mode="sum", per_sample_weights=t(2, 3)),
        F.embedding_bag(i, t(4, 5), mode="max"),
    )
    for mode, shape in SCALED:
        x, n = t(*shape), len(shape) - 2
        (
            F.interpolate(x, size=(7, 3, 5)[:n], mode=mode),
            F.interpolate(x, scale_factor=2.0, mode=mode),
            F.interpolate(x, scale_factor=1.7, mode=mode),
        )
        F.interpolate(x, scale_factor=0.6, mode=mode, recompute_scale_factor=True)
        if "linear" in mode or "cubic" in mode:
            F.interpolate(x, size=(7, 3, 1)[:n], mode=mode, align_corners=True)
    q, k, v = t(2, 4, 3, 5), t(2, 4, 6, 5), t(2, 4, 6, 7)
    attend = F.scaled_dot_product_attention
    (
        attend(q, k, v),
        attend(q, k, v, is_causal=True),
        attend(q, k, v, t(3, 6) > 0),
        attend(q, k, v, attn_mask=t(2, 1, 3, 6)),
        attend(q, k, v, scale=0.3),
    )
    (
        attend(q, k, v, dropout_p=0.4),
        attend(q, k, v, t(3, 6) > 0, 0.4),
        attend(q[0, 0], k[0, 0], v[0, 0]),
        attend(q, k[:, :2], v[:, :2], enable_gqa=True),
    )
    attend(q, k, v, torch.where(t(3, 6) > -0.5, 0.0, -inf).double()), attend(q, k, v, t(3, 6), 0.3)


def recurrent(t: Draw) -> None:
    for kind, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        for layers, both, biases, first in ((1, False, True, False), (2, True, True, True), (2, False, False, True)):
            ways, weights = 2 if both else 1, []
            for layer in range(layers):
                for _ in range(ways):
                    weights += [t(gates * 3, 4 if layer == 0 else 3 * ways), t(gates * 3, 3)] + (
                        [t(gates * 3), t(gates * 3)] if biases else []
                    )
            x, h = t(2, 5, 4), t(layers * ways, 2 if first else 5, 3)
            state = (h, h * 2) if kind == "lstm" else h
            run = getattr(torch._VF, kind)
            run(x, state, weights, biases, layers, 0.0, True, both, first)
            run(x, state, weights, biases, layers, 0.4, layers > 1, both, first)
            packed, sizes = t(9, 4), torch.tensor([4, 3, 1, 1])
            h = t(layers * ways, 4, 3)
            state = (h, h * 2) if kind == "lstm" else h
            run(packed, sizes, state, weights, biases, layers, 0.0, True, both)
            run(packed, sizes, state, weights, biases, layers, 0.4, True, both)
        x, h = t(2, 4), t(2, 3)
        state = (h, h * 2) if kind == "lstm" else h
        cell = getattr(torch._VF, kind + "_cell")
        (
            cell(x, state, t(gates * 3, 4), t(gates * 3, 3)),
            cell(x, state, t(gates * 3, 4), t(gates * 3, 3), t(gates * 3), t(gates * 3)),
        )
    lengths = torch.tensor([4, 2, 1])
    data, sizes = torch._VF._pack_padded_sequence(t(4, 3, 5), lengths, False)
    (
        torch._VF._pack_padded_sequence(t(3, 4, 5), lengths, True),
        torch._VF._pad_packed_sequence(data, sizes, True, -2.5, 6),
    )
    torch._VF._pad_packed_sequence(data, sizes, False, 0.0, 4)


def losses(t: Draw) -> None:
    for reduction in ("mean", "sum", "none"):
        pair = t(3, 4), t(3, 4)
        for f in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
            (
                f(*pair, reduction=reduction),
                f(t.ties(3, 4), t.ties(3, 4), reduction=reduction),
                f(t(3, 1), t(4), reduction=reduction),
            )
        (
            F.smooth_l1_loss(*pair, beta=0.0, reduction=reduction),
            F.smooth_l1_loss(*pair, reduction=reduction, beta=0.3),
            F.huber_loss(*pair, reduction, 0.4),
        )
        sign = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
        F.soft_margin_loss(t(3), sign, reduction=reduction), F.hinge_embedding_loss(t(3) + 1, sign, reduction=reduction)
        (
            F.margin_ranking_loss(t(3), t(3), sign, 0.2, reduction=reduction),
            F.cosine_embedding_loss(t(3, 4), t(3, 4), sign, 0.1, reduction=reduction),
        )
        (
            F.triplet_margin_loss(t(3, 4), t(3, 4), t(3, 4), reduction=reduction),
            F.triplet_margin_loss(t(3, 4), t(3, 4), t(3, 4), 0.5, 1, swap=True, reduction=reduction),
        )
        (
            F.kl_div(t(3, 4).log_softmax(1), t(3, 4).softmax(1), reduction=reduction),
            F.kl_div(t(3, 4), t(3, 4), reduction=reduction, log_target=True),
        )
        p, y = t(3, 4).sigmoid(), (t(3, 4) > 0).double()
        (
            F.binary_cross_entropy(p, y, reduction=reduction),
            F.binary_cross_entropy(p, y, t.positive(4), reduction=reduction),
        )
        logits = F.binary_cross_entropy_with_logits
        (
            logits(t(3, 4), y, reduction=reduction),
            logits(t(3, 4), y, pos_weight=t.positive(4), reduction=reduction),
            logits(t(3, 4), y, t.positive(3, 1), reduction=reduction),
        )
        (
            F.poisson_nll_loss(t(3, 4), t.positive(3, 4) * 3, reduction=reduction),
            F.poisson_nll_loss(t.positive(3), t.positive(3) * 3, False, True, reduction=reduction),
        )
        labels, images = torch.tensor([0, 3, -100]), t.below(4, 3, 2, 2)
        (
            F.cross_entropy(t(3, 4), labels, reduction=reduction),
            F.cross_entropy(t(3, 4), labels % 4, t.positive(4), reduction=reduction),
        )
        (
            F.cross_entropy(t(3, 4, 2, 2), images, ignore_index=2, reduction=reduction, label_smoothing=0.1),
            F.cross_entropy(t(4), torch.tensor(2), reduction=reduction),
        )
        (
            F.cross_entropy(t(3, 4), t(3, 4).softmax(1), reduction=reduction, label_smoothing=0.2),
            F.nll_loss(t(3, 4), labels % 4, reduction=reduction),
        )
        (
            F.nll_loss(t(3, 4, 2, 2), images, t.positive(4), ignore_index=1, reduction=reduction),
            F.multi_margin_loss(t(3, 4), labels % 4, reduction=reduction),
        )
        F.multi_margin_loss(t(3, 4), labels % 4, margin=0.5, reduction=reduction)
    (
        F.kl_div(t(3, 4), t(3, 4).softmax(1), reduction="batchmean"),
        F.mse_loss(t(3), t(3), size_average=False),
        F.l1_loss(t(3), t(3), reduce=False),
    )
    (
        F.mse_loss(t(3), t.below(3, 3)),
        F.cross_entropy(t(3, 4), torch.tensor([0, 1, 2]), None, False),
        F.nll_loss(t(3, 4), torch.tensor([0, 1, 2]), None, True),
    )


def writing(t: Draw) -> None:
    x = t(3, 4)
    (
        x.clone(),
        x.t().contiguous(),
        x.detach(),
        x.data,
        x.to(torch.float64),
        x.double(),
        x.float(),
        x.half(),
        x.bfloat16(),
        x.to(torch.float32),
    )
    (
        x.type(torch.float32),
        x.type_as(x.float()),
        x.float().double(),
        x.clone().copy_(t(4)),
        x.clone().fill_(2.0),
        x.clone().zero_(),
        x.cpu(),
    )
    (
        torch.fill(x, 3.0),
        torch.clone(x),
        torch.real(x),
        x.real,
        x.resolve_neg(),
        torch.as_strided(x, (2, 2), (4, 2), 1),
        x.as_strided((2, 5), (2, 1)),
    )


FAMILIES: dict[str, Callable[[Draw], None]] = {
    f.__name__: f
    for f in (elementwise, arithmetic, matrices, reductions, shapes, indexing, layers, recurrent, losses, writing)
}
