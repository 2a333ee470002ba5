"""Ways to train that are not the usual five lines: each is a function that gives the step."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def network():
    """A small network, and its data."""
    return (
        nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3)),
        torch.randn(5, 6),
        torch.arange(5) % 3,
    )


def closure():
    """Forward and backward in the closure of the update, as trainers do."""
    model, x, y = network()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def inside():
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        return loss

    return lambda: optimizer.step(inside)


def by_hand():
    """No optimizer: two steps, each by hand."""
    model, x, y = network()

    def step():
        for _ in range(2):
            F.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None

    return step


def frozen():
    """Two optimizers, each of whose parameters are frozen while the other's are trained."""
    g, _, _ = network()
    d = nn.Linear(3, 1)
    first, second = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
    x = torch.randn(5, 6)

    def step():
        for module, optimizer, sign in ((d, second, 1), (g, first, -1)):
            for p in [*g.parameters(), *d.parameters()]:
                p.requires_grad_(False)
            for p in module.parameters():
                p.requires_grad_(True)
            optimizer.zero_grad()
            (sign * d(g(x))).mean().backward()
            optimizer.step()

    return step


def fused():
    """An optimizer that changes its states without a new version of them."""
    model, x, y = network()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, fused=True)

    def step():
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return step


def changed():
    """Hooks that change gradients."""
    model, x, y = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model[0].weight.register_hook(lambda grad: grad.clamp(-1e-3, 1e-3))
    model[1].register_full_backward_hook(lambda module, handed, arrived: (handed[0] * 2,))

    def step():
        optimizer.zero_grad()
        h = model(x)
        h.register_hook(lambda grad: grad * 0.5)
        F.cross_entropy(h, y).backward()
        optimizer.step()

    return step


def clipped():
    """Weights that are clipped through `.data`, and a second pass."""
    model, x, y = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            for p in model.parameters():
                p.data.clamp_(-0.1, 0.1)

    return step


def hooked():
    """Hooks that look at gradients and leave them as they are."""
    model, x, y = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    seen = []
    model[0].weight.register_hook(lambda grad: seen.append(float(grad.norm())))
    model[1].register_full_backward_hook(lambda module, handed, arrived: None)

    def step():
        optimizer.zero_grad()
        h = model(x)
        h.register_hook(lambda grad: None)
        F.cross_entropy(h, y).backward()
        optimizer.step()

    return step


def read_then_written():
    """A view that is read, and then written into through a view of it."""
    layer, x = nn.Linear(4, 6), torch.randn(3, 4)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        h = layer(x) * 1.0
        view = h.view(3, 2, 3).transpose(0, 1)
        begin = view[:, :2]
        view[:, :2] = torch.zeros_like(begin).where(begin > 0, begin)
        (view.tanh().sum() + h.sum()).backward()
        optimizer.step()

    return step


def spectrum():
    """Through complex numbers, and beside them."""
    layer, x = nn.Linear(4, 6), torch.randn(3, 4)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        h = layer(x)
        (h + torch.fft.fftn(h, dim=(0, 1)).real).pow(2).mean().backward()
        optimizer.step()

    return step


def only_spectrum():
    """All of the loss comes out of complex numbers."""
    layer, x = nn.Linear(4, 6), torch.randn(3, 4)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        torch.fft.fft(layer(x)).abs().mean().backward()
        optimizer.step()

    return step


def two_kinds():
    """float32 numbers that are computed with in float64; and results of which one has no gradient."""
    model, x, _ = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        h = model(x)
        _, s, _ = torch.linalg.svd(h)
        (h.double().exp().log().mean() + s.sum()).backward()
        optimizer.step()

    return step
