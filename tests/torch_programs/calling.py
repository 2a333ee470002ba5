"""How functions are called: in place, through views, in several passes, under autocast, again, by custom ones."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


def in_place():
    """In place: relu_, add_, index_put_, setitem."""
    a, b = nn.Linear(5, 6), nn.Linear(6, 3)
    model, x, y = nn.ModuleList([a, b]), torch.randn(4, 5), torch.randn(4, 3)

    def loss():
        h = a(x)
        h.relu_()
        h = h * 2
        h.add_(1.0).mul_(0.5)
        h[:, 0] = 0.0
        h[1] = h[2] * 2
        out = b(h)
        out.index_put_((torch.tensor([0, 1]), torch.tensor([1, 2])), torch.tensor([0.5, -0.5]))
        out[out < -1] = -1.0
        return F.mse_loss(out, y)

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def views():
    """Views changed in place."""
    model, x = nn.Linear(5, 6), torch.randn(4, 5)

    def loss():
        h = model(x) * 1.0
        left, right = h[:, :3], h.view(4, 2, 3)[:, 1]
        left.mul_(2)
        right += left
        h.view(-1)[::2].neg_()
        return (h**2).mean() + left.sum() * 0.1 + h.t().contiguous().tanh().sum()

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def accumulation():
    """Two backward calls, one update."""
    model, optimizer = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1)), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(2, 4, 5), torch.randn(2, 4, 1)

    def step():
        total = 0.0
        for i in range(2):
            loss = F.mse_loss(model(x[i]), y[i]) / 2
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        return total

    return [model], [optimizer], step


def retain():
    """Backward twice, retain_graph."""
    a, b = nn.Linear(4, 5), nn.Linear(5, 1)
    model, x = nn.ModuleList([a, b]), torch.randn(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        h = torch.tanh(a(x))
        one, two = b(h).pow(2).mean(), h.abs().mean()
        one.backward(retain_graph=True)
        two.backward()
        optimizer.step()
        return (one + two).item()

    return [model], [optimizer], step


def autocast():
    """Autocast bfloat16, scaler off."""
    model = nn.Sequential(nn.Linear(12, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 4))
    x, y, optimizer = torch.randn(8, 12), torch.randint(0, 4, (8,)), torch.optim.AdamW(model.parameters())
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return [model], [optimizer], step


def scaled():
    """Autocast float16, scaler on."""
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    x, y, optimizer = torch.randn(8, 12), torch.randint(0, 4, (8,)), torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return [model], [optimizer], step


def checkpointed(reentrant):
    model = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Dropout(0.2)) for _ in range(3)])
    x, y = torch.randn(4, 6), torch.randn(4, 6)

    def loss():
        h = x.clone().requires_grad_()
        for block in model:
            h = torch.utils.checkpoint.checkpoint(block, h, use_reentrant=reentrant)
        return F.mse_loss(h, y)

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def custom():
    """Custom autograd.Function."""

    class Step(torch.autograd.Function):
        """Straight through: rounds, and lets the gradient pass."""

        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, g):
            return g

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x**3 * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g * ctx.scale, None

    model, x = nn.Linear(4, 4), torch.randn(5, 4)
    return plain(
        model,
        torch.optim.SGD(model.parameters(), lr=0.01),
        lambda: (Cube.apply(Step.apply(model(x) * 3), 0.1) ** 2).mean(),
    )


def checkpoint():
    """Checkpoint."""
    return checkpointed(False)


def checkpoint_reentrant():
    """Checkpoint, reentrant."""
    return checkpointed(True)
