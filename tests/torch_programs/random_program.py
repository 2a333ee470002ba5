"""Programs drawn at random: tensors are computed with, viewed, written into: in place, by hand, in secret."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch.nn import functional as F

SHAPES = (4, 6), (6, 4), (2, 12), (24,), (2, 3, 4)


class Drawn:
    """A step that is drawn from a seed, the same each time that it is called.

    honest  nothing is written behind autograd's back, so that its gradients are right
    seen    the losses"""

    def __init__(self, seed: int, *, honest: bool = False) -> None:
        self.seed = seed
        self.statements = [make for make in STATEMENTS if not (honest and make is behind)]
        generator = torch.Generator().manual_seed(seed)
        self.parameters = [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES[:3]]
        self.data = torch.randn(4, 6, generator=generator)
        self.optimizer = torch.optim.SGD(self.parameters, 0.01, momentum=0.9)
        self.seen: list[float] = []

    def __call__(self) -> None:
        draw = random.Random(self.seed)
        self.optimizer.zero_grad()
        tensors = [*self.parameters, self.data.clone()]
        for _ in range(25):
            make = draw.choice(self.statements)
            try:
                found = make(draw, tensors)
            except RuntimeError as problem:  # what autograd forbids
                if "leaf" not in str(problem) and "view" not in str(problem) and "inplace" not in str(problem):
                    raise
                continue
            if found is not None:
                tensors.append(found)
        loss = sum((t.tanh().mean() for t in tensors if t.requires_grad), torch.zeros(()))
        try:
            loss.backward()
        except RuntimeError as problem:  # something that backward needs was written over
            if "modified by an inplace operation" not in str(problem):
                raise
            return
        self.seen.append(float(loss.detach()))
        self.optimizer.step()

    def state(self) -> list[torch.Tensor]:
        """All that it has made: losses, parameters, momenta."""
        moments = [state["momentum_buffer"] for state in self.optimizer.state.values() if state]
        return [torch.tensor(self.seen), *(t.detach().clone() for t in [*self.parameters, *moments])]


def _any(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    return draw.choice(tensors[-6:] + tensors[:4])


def _like(draw: random.Random, tensors: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """One of the tensors in the shape of x: each has 24 numbers, or is made to."""
    other = _any(draw, tensors)
    return other.reshape(x.shape) if other.numel() == x.numel() else torch.full_like(x, 0.5)


def unary(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    return draw.choice((torch.tanh, torch.sigmoid, F.gelu, torch.neg, torch.abs, F.softplus))(_any(draw, tensors))


def binary(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    return draw.choice((torch.add, torch.mul, torch.sub))(x, _like(draw, tensors, x))


def viewed(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    if x.numel() == 24:
        return x.view(draw.choice(SHAPES)) if x.is_contiguous() else x.reshape(draw.choice(SHAPES))
    return x.unsqueeze(0)


def turned(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    return x.transpose(0, -1)


def sliced(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    return x[: max(1, x.shape[0] // 2)]


def changed(draw: random.Random, tensors: list[torch.Tensor]) -> None:
    x = _any(draw, tensors)
    kind = draw.randrange(4)
    if kind == 0:
        x.mul_(0.5)
    elif kind == 1:
        x.add_(_like(draw, tensors, x).detach().clone())
    elif kind == 2:
        x[0] = 0.25
    else:
        x[-1:].add_(1.0)


def by_hand(draw: random.Random, tensors: list[torch.Tensor]) -> None:
    x = tensors[draw.randrange(3)]
    with torch.no_grad():
        x -= 0.01 * x


def behind(draw: random.Random, tensors: list[torch.Tensor]) -> None:
    x = tensors[draw.randrange(3)]
    draw.choice((lambda: x.data.mul_(0.9), lambda: x.detach().add_(0.01), lambda: setattr(x, "data", x.data.clone())))()


def cut(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    return draw.choice((x.detach, x.clone, x.contiguous))()


def asked(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    return _any(draw, tensors).detach().clone().requires_grad_()


def watched(draw: random.Random, tensors: list[torch.Tensor]) -> None:
    x = _any(draw, tensors)
    if x.requires_grad and not x._is_view():  # (of a view whose base was changed PyTorch 2.13 itself crashes)
        x.register_hook(draw.choice((lambda grad: None, lambda grad: grad * 0.5)))


def looked(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return _any(draw, tensors) * 2


def joined(draw: random.Random, tensors: list[torch.Tensor]) -> torch.Tensor:
    x = _any(draw, tensors)
    return torch.stack([x, _like(draw, tensors, x)])[0]


STATEMENTS: list[Callable[[random.Random, list[torch.Tensor]], torch.Tensor | None]] = [
    *(unary, unary, binary, binary, viewed, turned, sliced, changed, changed),
    *(by_hand, behind, cut, asked, watched, looked, joined),
]
