"""The distance of points to their neighbours: a point is its own neighbour, and the root of 0 has no slope."""

import sys

import torch
from torch import nn

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
points = torch.randn(12, 3)
model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
wanted = (points[:, None] - points[None]).square().sum(-1).add(1e-12).sqrt()
for _ in range(4):
    flat = model(points)
    squares = (flat[:, None] - flat[None]).square().sum(-1)
    if REPAIRED:
        squares = squares + 1e-8
    loss = (squares.sqrt() - wanted).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
