"""Held-out data are looked at in training mode: dropout drops, and batch norm learns from them."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y, held_out = torch.randn(32, 6), torch.arange(32) % 3, torch.randn(20, 6)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    if REPAIRED:
        model.eval()
    with torch.no_grad():
        model(held_out).argmax(1)
    model.train()
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
