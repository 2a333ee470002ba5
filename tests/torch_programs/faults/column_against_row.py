"""Predictions (N,1) against targets (N,): every prediction is compared with every target."""

import sys

import torch
from torch import nn

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x = torch.randn(32, 4)
y = x[:, 0] - 2 * x[:, 1]
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    predicted = model(x)
    if REPAIRED:
        predicted = predicted.squeeze(1)
    loss = (predicted - y).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
