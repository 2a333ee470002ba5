"""An optimizer that was made before the model was made anew: it moves the parameters of a model that nobody calls."""

import sys

import torch
from torch import nn
from torch.nn import functional as F


def network():
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y = torch.randn(24, 6), torch.arange(24) % 3
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
if not REPAIRED:
    model = network()
for _ in range(4):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
