"""Probabilities that sum to 1 over the samples of the batch, not over the classes."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y = torch.randn(30, 8), torch.arange(30) % 5
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    p = F.softmax(model(x), dim=1 if REPAIRED else 0)
    loss = F.nll_loss(torch.log(p), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
