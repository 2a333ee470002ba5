"""First networks."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


def xor():
    """Xor mlp, Adam."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = nn.Linear(2, 8), nn.Linear(8, 1)

        def forward(self, x):
            return self.out(torch.relu(self.hidden(x)))

    x, y = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([[0.0], [1], [1], [0]])
    model, criterion = Net(), nn.MSELoss()
    return plain(model, torch.optim.Adam(model.parameters(), lr=0.01), lambda: criterion(model(x), y))


def mnist():
    """Mnist mlp, SGD momentum."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
    x, y = torch.rand(32, 1, 28, 28), torch.randint(0, 10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    return plain(model, optimizer, lambda: F.cross_entropy(model(x), y))


def lenet():
    """LeNet, RMSprop."""

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(torch.tanh(self.conv1(x)), 2)
            x = F.avg_pool2d(F.relu(self.conv2(x)), 2)
            x = x.view(x.size(0), -1)
            x = F.relu(self.fc2(F.relu(self.fc1(x))))
            return F.log_softmax(self.fc3(x), dim=1)

    model, x, y = LeNet(), torch.rand(8, 1, 28, 28), torch.randint(0, 10, (8,))
    return plain(model, torch.optim.RMSprop(model.parameters(), lr=1e-3), lambda: F.nll_loss(model(x), y))


def activations():
    """Activations and losses."""
    kinds = [
        nn.GELU(),
        nn.SiLU(),
        nn.ELU(),
        nn.LeakyReLU(0.1),
        nn.Softplus(),
        nn.Hardswish(),
        nn.Mish(),
        nn.PReLU(),
        nn.SELU(),
        nn.Hardtanh(),
        nn.GELU("tanh"),
        nn.LogSigmoid(),
        nn.Softsign(),
        nn.ReLU6(),
        nn.CELU(),
        nn.GLU(),
    ]
    model = nn.ModuleList([nn.Linear(6, 6) for _ in kinds] + kinds + [nn.Linear(3, 4)])
    x, y, p = torch.randn(5, 6), torch.randn(5, 4), torch.rand(5, 4)

    def loss():
        h = x
        for i, kind in enumerate(kinds):
            h = kind(model[i](h))
        out = model[-1](h)
        return (
            F.smooth_l1_loss(out, y)
            + F.huber_loss(out, y, delta=0.5)
            + F.l1_loss(out, y)
            + F.binary_cross_entropy_with_logits(out, p)
            + F.binary_cross_entropy(torch.sigmoid(out), p)
            + F.kl_div(F.log_softmax(out, -1), p.softmax(-1), reduction="batchmean")
            + F.mse_loss(out, y, reduction="sum")
            + F.cosine_embedding_loss(out, y, torch.ones(5))
            + F.triplet_margin_loss(out, y, y.flip(0))
            + F.margin_ranking_loss(out[:, 0], out[:, 1], torch.ones(5))
        )

    return plain(model, torch.optim.Adagrad(model.parameters(), lr=0.01), loss)
