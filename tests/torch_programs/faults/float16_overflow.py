"""Similarities of features that are fine in float32, and beyond the largest float16 under autocast."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv
torch.manual_seed(0)
x = torch.randn(12, 8) * 200
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
for _ in range(3):
    with torch.autocast("cpu", dtype=torch.float16):
        features = model(x + 2 * torch.randn_like(x))
        if REPAIRED:
            features = F.normalize(features, dim=1)
        similar = features @ features.T
    loss = F.cross_entropy(similar.float(), torch.arange(12) // 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
