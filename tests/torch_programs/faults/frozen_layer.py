"""A layer that was frozen for fine-tuning, although nothing was ever loaded into it."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y = torch.randn(24, 6), torch.arange(24) % 3
model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3))
if not REPAIRED:
    model[0].requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
