"""zero_grad() between backward and step: the optimizer finds no gradient."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y = torch.randn(24, 6), torch.randn(24, 1)
model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    if REPAIRED:
        optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    if not REPAIRED:
        optimizer.zero_grad()
    optimizer.step()
