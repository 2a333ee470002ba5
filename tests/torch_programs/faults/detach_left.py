"""An encoder whose features were detached to look at them, and went on so."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU())
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        features = self.encoder(x)
        if not REPAIRED:
            features = features.detach()
        return self.head(features)


torch.manual_seed(0)
x, y = torch.randn(24, 6), torch.arange(24) % 3
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(4):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
