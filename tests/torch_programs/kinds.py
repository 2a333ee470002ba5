"""Kinds of training: variational, adversarial, reinforced, contrastive."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


def vae():
    """VAE."""
    enc, mu, var, dec = nn.Linear(20, 16), nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(4, 20)
    model, x = nn.ModuleList([enc, mu, var, dec]), torch.rand(8, 20)

    def loss():
        h = F.relu(enc(x))
        mean, log_var = mu(h), var(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_var)
        reconstruction = F.binary_cross_entropy(torch.sigmoid(dec(z)), x, reduction="sum")
        return reconstruction - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())

    return plain(model, torch.optim.Adam(model.parameters()), loss)


def gan():
    """GAN, two updates."""
    g = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 6), nn.Tanh())
    d = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    og, od = torch.optim.Adam(g.parameters(), betas=(0.5, 0.999)), torch.optim.Adam(d.parameters(), betas=(0.5, 0.999))
    real, criterion = torch.randn(8, 6), nn.BCEWithLogitsLoss()

    def step():
        fake = g(torch.randn(8, 4))
        od.zero_grad()
        a = criterion(d(real), torch.ones(8, 1))
        a.backward()
        b = criterion(d(fake.detach()), torch.zeros(8, 1))
        b.backward()
        od.step()
        og.zero_grad()
        c = criterion(d(fake), torch.ones(8, 1))
        c.backward()
        og.step()
        return (a + b + c).item()

    return [g, d], [og, od], step


def dqn():
    """DQN."""
    q, target = (
        nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)),
        nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)),
    )
    state, after, action = torch.randn(10, 4), torch.randn(10, 4), torch.randint(0, 2, (10, 1))
    reward, done = torch.randn(10), (torch.rand(10) > 0.8).float()

    def loss():
        values = q(state).gather(1, action).squeeze(1)
        best = target(after).max(1)[0].detach()
        return F.smooth_l1_loss(values, reward + 0.99 * best * (1 - done))

    _, optimizers, step = plain(q, torch.optim.RMSprop(q.parameters(), lr=1e-3), loss)
    return [q, target], optimizers, step


def policy():
    """Policy gradient."""
    model, states = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)), torch.randn(12, 4)
    rewards = torch.randn(12)

    def loss():
        choice = torch.distributions.Categorical(logits=model(states))
        action = choice.sample()
        returns = (rewards - rewards.mean()) / (rewards.std() + 1e-8)
        return -(choice.log_prob(action) * returns).mean() - 0.01 * choice.entropy().mean()

    return plain(model, torch.optim.Adam(model.parameters(), lr=0.01), loss)


def contrastive():
    """Contrastive, InfoNCE."""
    model, x = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)), torch.randn(8, 6)

    def loss():
        a = F.normalize(model(x + 0.1 * torch.randn_like(x)), dim=-1)
        b = F.normalize(model(x + 0.1 * torch.randn_like(x)), dim=-1)
        logits = a @ b.t() / 0.07
        return (F.cross_entropy(logits, torch.arange(8)) + F.cross_entropy(logits.t(), torch.arange(8))) / 2

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.01), loss)


def simclr():
    """SimCLR with a diagonal mask, cosine similarity."""
    model, x = nn.Linear(6, 4), torch.randn(8, 6)

    def loss():
        z = model(x)
        s = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=-1) / 0.5
        s = s.masked_fill(torch.eye(8, dtype=torch.bool), -9e15)
        return (
            -torch.log(torch.exp(s.roll(4, 0).diagonal()) / torch.exp(s).sum(1)).mean() + torch.logsumexp(s, 1).mean()
        )

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def factorisation():
    """Matrix factorisation, embedding bag."""
    model = nn.ModuleDict(
        {"user": nn.Embedding(10, 4), "bag": nn.EmbeddingBag(20, 4, mode="mean"), "bias": nn.Embedding(10, 1)}
    )
    user, items, rating = torch.randint(0, 10, (6,)), torch.randint(0, 20, (6, 3)), torch.randn(6)

    def loss():
        scores = (model["user"](user) * model["bag"](items)).sum(1) + model["bias"](user).squeeze(-1)
        return F.mse_loss(scores, rating) + 1e-3 * sum(p.pow(2).sum() for p in model.parameters())

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def tied():
    """Tied autoencoder, L1 penalty."""
    w = nn.Parameter(torch.randn(4, 10) * 0.1)
    model, x = nn.ParameterList([w]), torch.randn(7, 10)
    return plain(
        model,
        torch.optim.SGD([w], lr=0.1),
        lambda: ((torch.tanh(x @ w.t()) @ w - x) ** 2).mean() + 1e-3 * w.abs().sum(),
    )


def several():
    """Several losses, weights, masks."""
    trunk, a, b = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 1)
    model, x, y, z = (
        nn.ModuleList([trunk, a, b]),
        torch.randn(9, 6),
        torch.randint(0, 3, (9,)),
        torch.rand(9, 1).round(),
    )
    log_var = nn.Parameter(torch.zeros(2))
    model.register_parameter("log_var", log_var)

    def loss():
        h = trunk(x).clamp(min=0)
        one = F.cross_entropy(a(h), y, reduction="none")
        two = F.binary_cross_entropy_with_logits(b(h), z, pos_weight=torch.tensor(2.0), reduction="none").squeeze(1)
        mask = (y != 1).float()
        one = (one * mask).sum() / mask.sum()
        hard = two[two > two.median()].mean()
        top = two.topk(3).values.mean()
        return torch.exp(-log_var[0]) * one + torch.exp(-log_var[1]) * (hard + top) + log_var.sum()

    return plain(model, torch.optim.Adam(model.parameters(), lr=0.01), loss)
