"""Squared errors that are summed over the batch, with a rate that suits their mean."""

import sys

import torch
from torch import nn

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x = torch.randn(64, 6)
y = x[:, :3].sum(1, keepdim=True)
model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    errors = (model(x) - y) ** 2
    loss = errors.mean() if REPAIRED else errors.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
