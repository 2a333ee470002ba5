"""Of where numbers are."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from tests.unit.model.source.captured.samples.draw import Draw, inf  # noqa: E402


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
    (
        x.unsqueeze(-1),
        torch.atleast_1d(t()),
        torch.atleast_2d(t(3)),
        torch.atleast_3d(t(3, 2)),
        torch.atleast_2d([t(3), t(), t(2, 1)]),
        torch.unsqueeze(y, 1),
    )
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
        x.repeat_interleave(2, -2),
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
        F.fold(t(2, 12, 20), (5, 6), 2),
        F.fold(t(2, 12, 12), (5, 4), (2, 3), padding=1, stride=(2, 1)),
        F.fold(t(8, 9), (4, 4), 2),
        F.fold(t(1, 4, 6), (4, 5), 2, dilation=2),
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
    for reduce in ("sum", "mean", "prod", "amax", "amin"):
        torch.scatter_reduce(x, 1, t.below(4, 3, 6, 5), t(3, 6, 5), reduce=reduce)
        size = (
            3 if reduce in ("sum", "mean") else 4
        )  # PyTorch's backward takes no source larger than the index for others
        x.scatter_reduce(0, t.below(3, 2, size, 5), t(2, 4, 5), reduce, include_self=False)
    torch.index_reduce(x, 1, torch.tensor([3, 0, 3]), t(3, 3, 5), "prod"), x.index_reduce(0, i[:2], t(2, 4, 5), "mean")
    torch.put(x, torch.tensor([3, 59, -2]), t(3)), x.put(torch.tensor([[1], [1]]), t(2, 1), accumulate=True)
    (
        torch.scatter(t(), 0, torch.tensor(0), t()),
        torch.scatter_add(t(), 0, torch.tensor([0, 0]), t(2)),
        torch.index_add(t(), 0, torch.tensor([0]), t()),
    )
    torch.scatter_add(x, 1, t.below(4, 2, 3, 5), t(3, 3, 5)), t(4).scatter_add(0, torch.tensor([1, 1, 3]), t(3))


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
