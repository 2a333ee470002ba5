"""Shares of rows, some of which are all 0: their 0/0 is left out of the loss before anything is computed from it."""

import sys

import torch
from torch import nn

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x = torch.randn(16, 4)
counts = torch.randint(0, 3, (16, 2)).float()
counts[::5] = 0
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    total = counts.sum(1, keepdim=True)
    shares = counts / (total.clamp(min=1) if REPAIRED else total)
    wanted = torch.where(total > 0, shares, torch.zeros_like(shares))
    loss = (model(x) - wanted).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
