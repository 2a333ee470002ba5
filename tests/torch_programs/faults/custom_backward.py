"""An activation of one's own, whose backward forgets a term of the product rule."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

REPAIRED = "repaired" in sys.argv


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        s = torch.sigmoid(z)
        ctx.save_for_backward(z, s)
        return z * s

    @staticmethod
    def backward(ctx, upstream):
        z, s = ctx.saved_tensors
        if REPAIRED:
            return upstream * (s + z * s * (1 - s))
        return upstream * s


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 10), nn.Linear(10, 1)

    def forward(self, x):
        return self.outer(Swish.apply(self.inner(x)))


torch.manual_seed(0)
x, y = torch.randn(20, 5), torch.randn(20, 1)
model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    optimizer.step()
