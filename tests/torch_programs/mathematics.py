"""Sums over indices, differences, graphs, mixtures, convolutions of signals."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


def einsum():
    """Einsum attention, Gumbel, scatter."""
    q, k, v = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8)
    model, x, index = nn.ModuleList([q, k, v]), torch.randn(2, 5, 6), torch.randint(0, 3, (2, 5))

    def loss():
        a, b, c = (part(x).view(2, 5, 2, 4) for part in (q, k, v))
        w = torch.einsum("bihd,bjhd->bhij", a, b).softmax(-1)
        y = torch.einsum("bhij,bjhd->bihd", w, c).reshape(2, 5, 8)
        pooled = torch.zeros(2, 3, 8).scatter_add(1, index.unsqueeze(-1).expand(-1, -1, 8), y)
        nodes = torch.zeros(3, 8).index_add(0, index[0], y[0])
        gate = F.gumbel_softmax(y.mean(1), tau=0.7)
        return (
            (pooled**2).mean()
            + nodes.abs().sum() * 0.01
            + (gate * torch.arange(8.0)).sum()
            + torch.einsum("ij,ij->", y[0], y[1])
        )

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.01), loss)


def physics():
    """Physics: derivatives by finite differences, cumsum, outer."""
    model, t = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)), torch.linspace(0, 1, 12).unsqueeze(1)

    def loss():
        u = model(t)
        du = (u[2:] - u[:-2]) / (t[2:] - t[:-2])
        work = torch.cumsum(u.squeeze(-1), 0) * (t[1] - t[0]).item()
        basis = torch.outer(torch.sin(t.squeeze(-1)), torch.cos(t.squeeze(-1)))
        return (
            ((du + u[1:-1]) ** 2).mean() + (work[-1] - 1).abs() + torch.linalg.vector_norm(basis @ u) * 1e-3 + u.var()
        )

    return plain(model, torch.optim.Adam(model.parameters(), lr=0.01), loss)


def graph():
    """Graph network by hand."""
    layer, out = nn.Linear(4, 8), nn.Linear(8, 2)
    model, x = nn.ModuleList([layer, out]), torch.randn(6, 4)
    adjacency = (torch.rand(6, 6) > 0.5).float() + torch.eye(6)
    edges, y = adjacency.nonzero().t(), torch.randint(0, 2, (6,))

    def loss():
        d = adjacency.sum(1).pow(-0.5)
        h = F.relu((d[:, None] * adjacency * d[None, :]) @ layer(x))
        message = h[edges[0]] * 0.5
        h = h + torch.zeros_like(h).index_add_(0, edges[1], message)
        return F.cross_entropy(F.dropout(out(h), 0.1, training=True)[:4], y[:4])

    return plain(model, torch.optim.Adam(model.parameters()), loss)


def mixture():
    """Mixture of experts, top-k."""
    gate, experts = nn.Linear(6, 4), nn.ModuleList([nn.Linear(6, 6) for _ in range(4)])
    model, x = nn.ModuleList([gate, experts]), torch.randn(8, 6)

    def loss():
        weight, chosen = torch.topk(F.softmax(gate(x), -1), 2)
        weight = weight / weight.sum(-1, keepdim=True)
        out = torch.zeros_like(x)
        for i, expert in enumerate(experts):
            rows, slot = torch.where(chosen == i)
            out[rows] += weight[rows, slot, None] * expert(x[rows])
        return (out - x).pow(2).mean()

    return plain(model, torch.optim.Adam(model.parameters()), loss)


def conv1d():
    """Convolution 1d, weight norm, padding modes."""
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 4, 3, padding=1)),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(4, 4, 3, padding="same", dilation=2, groups=2),
        nn.InstanceNorm1d(4, affine=True),
        nn.AdaptiveAvgPool1d(2),
        nn.Flatten(),
        nn.Linear(8, 2),
        nn.Softmax(dim=-1),
    )
    x, y = torch.randn(3, 2, 16), torch.rand(3, 2)
    return plain(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        lambda: nn.MSELoss()(model(F.pad(x, (1, 1), mode="reflect")), y),
    )
