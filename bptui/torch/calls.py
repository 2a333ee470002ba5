"""How PyTorch is asked for what an operation computes: calls that several operations share, and those that take more
than its name."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any

from bptui.model.engine.ops.lookup import Lookup, divides_rightly
from bptui.model.engine.ops.slices import read_index
from bptui.torch.composites import alpha_dropout as alpha_dropout  # the rows find these here, with the other calls
from bptui.torch.composites import functional as functional
from bptui.torch.composites import masked_softmax as masked_softmax
from bptui.torch.indexing import Unlike
from bptui.torch.spectral import Call, Settings


def plain(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(*x)


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def reduced(name: str, *settings: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        axes = axes_of(x[0], s["axis"])
        if not axes:
            return getattr(torch, name)(x[0])
        return getattr(torch, name)(x[0], dim=axes, keepdim=s["keepdims"], **{key: s[key] for key in settings})

    return call


def one_axis(name: str) -> Call:
    """For what PyTorch reduces over one axis only, and picks the first of equals: axes are brought together."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        axes = [axis % max(1, x[0].ndim) for axis in axes_of(x[0], s["axis"])]
        rest = [axis for axis in range(x[0].ndim) if axis not in axes]
        joined = x[0].permute(*rest, *axes).reshape(*(x[0].shape[axis] for axis in rest), -1)
        found = getattr(torch, name)(joined, dim=-1)
        found = found if name == "prod" else found.values
        kept = [1 if axis in axes else size for axis, size in enumerate(x[0].shape)]
        return found.reshape(kept) if s["keepdims"] else found

    return call


def take(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, i = x
    axis = s["axis"] % source.ndim
    found = source.movedim(axis, 0)[i]
    return found.movedim(tuple(range(i.ndim)), tuple(range(axis, axis + i.ndim)))


def along(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(x[0], dim=s["axis"])


def sliced(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    index = read_index(s["index"])
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in index):
        raise Unlike("PyTorch has no negative steps")
    return x[0][index]


COMPARISONS = {
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip


def compared(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(x[0], x[1]).to(x[0].dtype)


def cubic(torch: Any, x: Any, size: Sequence[int], corners: bool) -> Any:
    """PyTorch has it over two axes: others stay as they are."""
    if x.ndim == 3:
        made = torch.nn.functional.interpolate(x.unsqueeze(2), (1, *size), mode="bicubic", align_corners=corners)
        return made.squeeze(2)
    if x.ndim > 4:
        raise Unlike("PyTorch has cubic curves over two axes")
    return torch.nn.functional.interpolate(x, size, mode="bicubic", align_corners=corners)


def true(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(*x).to(x[0].dtype)


def place(name: str) -> Call:
    """Of equal ones PyTorch's is any."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        found = getattr(torch, name)(x[0], s["axis"], s["keepdims"])
        best = (torch.amax if name == "argmax" else torch.amin)(x[0], axes_of(x[0], s["axis"]), keepdim=True)
        if ((x[0] == best).sum(axes_of(x[0], s["axis"])) > 1).any():
            raise Unlike("PyTorch takes any of equal ones")
        return found.to(x[0].dtype)

    return call


def interpolate(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    axes = x[0].ndim - 2
    size = s["size"] * axes if len(s["size"]) == 1 else s["size"]
    if s["mode"] == "nearest":
        return torch.nn.functional.interpolate(x[0], size)
    if s["mode"] == "cubic":
        return cubic(torch, x[0], size, s["align_corners"])
    mode = ("linear", "bilinear", "trilinear")[axes - 1]
    return torch.nn.functional.interpolate(x[0], size, mode=mode, align_corners=s["align_corners"])


def of_matrices(name: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        (a,) = x
        try:
            if name == "logdet":
                return torch.logdet(a)
            if name == "slogdet":
                return torch.linalg.slogdet(a).logabsdet
            if name == "cholesky":
                return torch.linalg.cholesky((a + a.mT) / 2, upper=s["upper"])
            return getattr(torch.linalg, name)(a)
        except torch.linalg.LinAlgError:
            raise Unlike("PyTorch raises an error for such a matrix") from None

    return call


def columns(torch: Any, a: Any, b: Any) -> Any:
    """b as matrices, with the batch axes of both: fewer axes may be a batch of vectors for PyTorch."""
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return b[:, None].expand(*batch, -1, -1) if b.ndim == 1 else b.expand(*batch, *b.shape[-2:])


def solve(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    try:
        y = torch.linalg.solve(x[0], columns(torch, *x))
    except torch.linalg.LinAlgError:
        raise Unlike("PyTorch raises an error for a singular matrix") from None
    return y[..., 0] if x[1].ndim == 1 else y


def solve_triangular(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    a = x[0].mT if s["transposed"] else x[0]
    upper = s["upper"] != s["transposed"]
    y = torch.linalg.solve_triangular(a, columns(torch, *x), upper=upper, unitriangular=s["unitriangular"])
    return y[..., 0] if x[1].ndim == 1 else y


def put(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    made = x[0].clone()
    sliced(torch, [made], s)[...] = x[1]
    return made


def pad(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    if s["mode"] != "constant":  # axis by axis: PyTorch has three at most
        made, pairs = x[0], s["pad_width"] * (x[0].ndim if len(s["pad_width"]) == 1 else 1)
        for axis, pair in enumerate(pairs):
            if any(pair):
                line = made.movedim(axis, -1)
                long = torch.nn.functional.pad(line.reshape(1, -1, line.shape[-1]), pair, mode=s["mode"])
                made = long.reshape(*line.shape[:-1], -1).movedim(-1, axis)
        return made
    sides = [int(side) for pair in reversed(s["pad_width"]) for side in pair]
    return torch.nn.functional.pad(x[0], sides, value=s["value"])


def classes(name: str, *settings: str) -> Call:
    """A loss of scores and classes: PyTorch has the classes along axis 1, or 0 where there is only that."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        scores, target, given = x[0], x[1], {key: s[key] for key in (*settings, "reduction")}
        if s.get("ignore_index") is not None:
            given["ignore_index"] = s["ignore_index"]
        if len(x) > 2:
            given["weight"] = x[2]
        if s["axis"] is not None and scores.ndim > 1:
            scores = scores.movedim(s["axis"], 1)
            target = target.movedim(s["axis"], 1) if target.ndim == scores.ndim else target
        if name == "multi_margin_loss" and scores.ndim > 2:
            raise Unlike("PyTorch takes one or two axes")
        return getattr(torch.nn.functional, name)(scores, target, **given)

    return call


def convolve(name: str, *settings: str) -> Call:
    """Groups are an axis of their own here, (samples, groups, channels, …), and part of the channels there."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        source, weight, *bias = x
        given = {key: s[key] for key in ("stride", "dilation", *settings)}
        run = getattr(torch.nn.functional, name)
        if source.ndim == len(s["stride"]) + 2:
            return run(source, weight, *bias, **given)
        groups = source.shape[1]
        joined = [source.flatten(1, 2), weight.flatten(0, 1), *(part.flatten() for part in bias)]
        return run(*joined, **given, groups=groups).unflatten(1, (groups, -1))

    return call


def logits(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    pos_weight, weight = [*x[2:], None, None][:2]
    return torch.nn.functional.binary_cross_entropy_with_logits(
        x[0], x[1], weight=weight, pos_weight=pos_weight, reduction=s["reduction"]
    )


def softplus(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.softplus(x[0], s["beta"], 20.0 if s["threshold"] is None else s["threshold"])


def running(torch: Any, x: Sequence[Any], s: Settings, which: int) -> Any:
    """What batch_norm makes of its running mean (0) or variance (1), in place."""
    if x[0].numel() == x[0].shape[1]:
        raise Unlike("PyTorch has no variance of one number")
    kept = [torch.zeros_like(x[1]), torch.ones_like(x[1])]
    kept[which] = x[1].detach().clone()
    torch.nn.functional.batch_norm(x[0].detach(), *kept, training=True, momentum=s["momentum"])
    return kept[which]


def bags(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    table, i = x[:2]
    weight, offsets = [*x[2:], None, None][:2]
    if weight is not None and not weight.ndim:  # one number for all
        return bags(torch, [table, i, None, offsets], s) * weight
    if s["scale_grad_by_freq"] and not divides_rightly(i.numpy()):
        raise Unlike("PyTorch divides by how often another row is read")
    given = {"mode": s["mode"], "per_sample_weights": weight, **_lookup(s)}
    return torch.nn.functional.embedding_bag(i, table * 1, offsets, **given)


def rows(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.embedding(x[1], x[0] * 1, **_lookup(s))


def _lookup(s: Settings) -> dict[str, Any]:
    """The settings of an embedding. With max_norm PyTorch writes into the table: it gets one of its own."""
    return {name: s[name] for name in Lookup._fields}


def half(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.mse_loss(*x, reduction=s["reduction"]) / 2


def digamma(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """The gradient by Hurwitz' zeta: PyTorch's trigamma has 9 digits."""
    still = x[0].detach()
    slope = torch.where(still > 0, torch.special.zeta(2, still), torch.polygamma(1, still))
    return torch.digamma(still) + slope * (x[0] - still)


def polygamma(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """By Hurwitz' zeta where that is known, value and gradient: of n = 1 PyTorch's has 9 digits."""
    still, n = x[0].detach(), s["n"]
    if not n:
        return digamma(torch, x, s)

    def of(n: int) -> Any:
        found = (-1) ** (n + 1) * factorial(n) * torch.special.zeta(n + 1, still)
        return torch.where(still > 0, found, torch.polygamma(n, still))

    return of(n) + of(n + 1) * (x[0] - still)


def cast(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """The numbers put into a copy, so that the gradient passes as it is: on its way back PyTorch rounds it, too."""
    out = x[0].clone()
    out.data.copy_(x[0].detach().to(getattr(torch, s["dtype"])))
    return out
