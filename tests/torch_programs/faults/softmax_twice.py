"""A classifier that ends in a softmax, and is trained with a loss that has one."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.scores = nn.Linear(8, 16), nn.Linear(16, 5)

    def forward(self, x):
        scores = self.scores(F.relu(self.hidden(x)))
        return scores if REPAIRED else F.softmax(scores, dim=1)


torch.manual_seed(0)
x, y = torch.randn(30, 8), torch.arange(30) % 5
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for _ in range(4):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
