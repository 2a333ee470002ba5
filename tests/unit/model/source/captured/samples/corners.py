"""Of settings and sizes that are rare: what PyTorch's operator database asks for besides."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from tests.unit.model.source.captured.samples.draw import Draw, inf  # noqa: E402


def corners(t: Draw) -> None:
    x, one = t(3, 4), t()
    for along in (torch.cumsum, torch.cumprod, torch.logcumsumexp):
        along(one, 0)
    F.normalize(one, dim=0), F.cosine_similarity(one, t(), dim=0), F.pairwise_distance(x, t(3, 4), p=-1.0)
    torch.var(x, 1, correction=0.5), torch.std(x, correction=-2), torch.var_mean(x, 0, correction=1.3)
    F.layer_norm(x + torch.arange(4.0).double() * 3, (4,), eps=-0.5)
    F.hardshrink(x, -0.5), torch.angle(x), torch.conj_physical(x)
    (
        torch.linalg.matrix_power(t(2, 3, 3), 0),
        torch.addr(t(3), t(3), t(3), beta=0),
        torch.addmm(t(4), x, t(4, 4), beta=0),
    )
    torch.tensordot(t(1, 1, 1), t(2, 1, 2), dims=([0, 1], [2, 0])), torch.tensordot(x, t(3, 1), dims=([0, 1], [0, 1]))
    for order in (2, -2, "nuc"):
        torch.linalg.matrix_norm(t(2, 3, 4), order), torch.linalg.norm(t(3, 2, 4), order, (2, 0), keepdim=True)
    torch.norm(t(3, 4), "nuc"), torch.linalg.matrix_norm(torch.eye(3).double(), 2)
    torch.linalg.norm(t(0, 3), 1), torch.linalg.matrix_norm(t(2, 0, 3), inf, keepdim=True)
    _distances(t)
    _classes(t)
    _twice(t)
    _tables(t)
    _complex(t)
    t.positive(3, 4).polygamma(2)
    x[range(3), x.argmax(1)], x[torch.arange(3), x.argmax(1)], x.gather(1, x.argmax(1, keepdim=True))


def _tables(t: Draw) -> None:
    """Rows that are held to a norm, that share a gradient, that stand for no position."""
    i, j, starts = torch.tensor([[0, 3, 1], [2, 2, 0]]), torch.tensor([0, 3, 1, 2, 2]), torch.tensor([0, 2, 2])
    F.embedding_bag(j, t(4, 5), starts, mode="max", padding_idx=1), F.embedding(i, t(4, 5), max_norm=1.5)
    F.embedding(i, t(4, 5), padding_idx=0, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)
    for mode in ("sum", "mean"):
        F.embedding_bag(j, t(4, 5), starts, mode=mode, max_norm=1.5)
        F.embedding_bag(torch.tensor([[0, 1], [1, 0]]), t(2, 5), mode=mode, scale_grad_by_freq=True)
    with torch.no_grad():
        torch.embedding_renorm_(t(4, 5), i, 1.0, 2.0)


def _complex(t: Draw) -> None:
    """Matrices of complex numbers, and transforms of real numbers to real ones."""

    def pair(*shape: int) -> Any:
        return torch.view_as_complex(t(*shape, 2))

    a, b, linalg = pair(2, 3, 3), pair(2, 3, 4), torch.linalg
    torch.inverse(a), linalg.inv(pair(1, 1)), linalg.inv_ex(a), linalg.solve(a, b)
    linalg.solve(a, pair(2, 3)), linalg.solve(pair(3, 3), pair(3)), linalg.solve(a, pair(2, 4, 3), left=False)
    for upper in (False, True):
        for left in (False, True):
            other = b if left else pair(2, 4, 3)
            linalg.solve_triangular(a, other, upper=upper, left=left, unitriangular=upper == left)
    torch.det(a), linalg.det(pair(4, 4)), linalg.slogdet(a), torch.logdet(pair(3, 3)), torch.matrix_power(a, -3)
    x, y, v = pair(3, 4), pair(2, 3), pair(4)
    torch.linalg.vector_norm(x), torch.linalg.vector_norm(x, 3, dim=0), torch.linalg.norm(x), torch.norm(x, 1, 1)
    x.sum(dtype=torch.complex128), pair().sum(), pair().mean(0)
    x.mH, x.mT, x.T, x.H, x.t(), torch.flip(x, (0,)), torch.roll(x, 2, 1), x.repeat(2, 1), torch.tile(x, (2,))
    torch.diagonal(x), torch.diag_embed(x), torch.tril(x), torch.cumsum(x, 1), torch.diff(x), torch.trace(x)
    torch.split(x, 2, 1), torch.chunk(x, 3), torch.unbind(x), torch.stack((x, x * 2)), torch.hstack((x, t(3, 1)))
    (
        torch.gather(x, 1, t.below(4, 3, 2)),
        x.index_select(1, t.below(4, 3)),
        torch.index_add(x, 0, t.below(3, 2), pair(2, 4)),
    )
    torch.where(t(3, 4) > 0, x, 0.5), torch.where(t(3, 4) > 0, t(3, 4), x), F.pad(x, (1, 2)), torch.divide(x, 2.0)
    torch.dot(v, pair(4)), torch.vdot(v, pair(4)), torch.outer(v, pair(3)), torch.inner(x, pair(2, 4)), torch.kron(y, x)
    F.linear(x, pair(5, 4)), torch.tensordot(x, pair(4, 2), 1), F.conv1d(pair(1, 2, 6), pair(3, 2, 2), padding=1)
    torch.fft.irfft(t(3, 4)), torch.fft.irfft2(t(3, 4)), torch.fft.irfftn(t(2, 3, 4), norm="ortho")


def _distances(t: Draw) -> None:
    rows, others = t(2, 3, 4), t(2, 5, 4)
    for p in (0.0, 0.5, inf):
        torch.cdist(rows, others, p=p)
    equal = rows.clone()
    equal[0, 1, 2] = others[0, 3, 2]
    torch.cdist(equal, others, p=0.5), torch.cdist(rows, rows, p=0.0)
    torch.cdist(rows, others, compute_mode="use_mm_for_euclid_dist"), torch.cdist(t(27, 3), t(2, 3))


def _classes(t: Draw) -> None:
    scores, label = t(5), torch.tensor(2)
    F.multi_margin_loss(scores, torch.tensor([2]), p=2), F.multi_margin_loss(t(), torch.tensor(0))
    (
        F.nll_loss(scores, label, ignore_index=2, reduction="sum"),
        F.nll_loss(scores, label, ignore_index=2, reduction="none"),
    )
    F.multilabel_margin_loss(t(), torch.tensor(0)), F.multilabel_margin_loss(t(), torch.tensor(0), reduction="none")
    for reduction in ("mean", "sum", "none"):
        F.cross_entropy(t(3, 5, 2), t(3, 5, 2), t(5).abs(), reduction=reduction, label_smoothing=0.25)
    F.avg_pool2d(t(2, 5, 6), 3, 2, 1, divisor_override=7), F.avg_pool3d(t(1, 1, 3, 4, 2), 2, divisor_override=-2)
    F.rrelu(t(3, 4), 0.1, 0.4, training=True)


def _twice(t: Draw) -> None:
    """Numbers of which several go to one place."""
    x, i = t(4, 3), torch.tensor([1, 3, 1])
    torch.index_copy(x, 0, i, t(3, 3)), torch.index_copy(t(), 0, torch.tensor([0]), t())
    torch.put(x, torch.tensor([3, 5, -9]), t(3)), torch.index_put(x, (i, torch.tensor([2, 0, 2])), t(3))
    for value in (t(3, 3), t(3), t(), 2.5):
        y = x.clone()
        y[i] = value
    y = x.clone()
    y[i, 1:] = t(3, 2)
    (
        torch.scatter(x, 0, torch.tensor([[1, 0, 3], [1, 2, 3]]), t(2, 3)),
        torch.scatter(x, 1, torch.zeros(4, 2).long(), 1.5),
    )
    for reduce in ("mean", "prod", "amax", "amin"):
        for own in (True, False):
            torch.index_reduce(x, 0, i, t(3, 3), reduce, include_self=own)
            torch.index_reduce(t(), 0, torch.tensor([0]), t(), reduce, include_self=own)
    with torch.no_grad():
        for reduce in ("add", "multiply"):
            x.clone().scatter_(0, torch.tensor([[1, 0, 3], [1, 2, 3]]), t(2, 3), reduce=reduce)
            x.clone().scatter_(0, torch.tensor([[1, 0, 3], [1, 2, 3]]), 1.5, reduce=reduce)
