"""After the first look at held-out data the model stays in evaluation mode: dropout and batch norm do nothing more."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x, y = torch.randn(32, 6), torch.arange(32) % 3
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        model(x).argmax(1)
    if REPAIRED:
        model.train()
