"""A neural differential equation whose solver keeps its stages in one tensor, written behind autograd's back; weights
are drawn anew after an optimizer was made."""

import torch
from torch import nn

torch.manual_seed(3)
torch.set_num_threads(1)


class UncheckedAssign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scratch, value, index):
        ctx.index = index
        scratch.data[index] = value
        return scratch

    @staticmethod
    def backward(ctx, grad_scratch):
        return grad_scratch, grad_scratch[ctx.index], None


class Slope(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 2))
        for m in self.net.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0, std=0.5)
                nn.init.constant_(m.bias, val=0)

    def forward(self, t, y):
        return self.net(y)


STAGES = [(0.5, torch.tensor([0.5])), (0.75, torch.tensor([0.0, 0.75]))]
SOLUTION = torch.tensor([2 / 9, 3 / 9, 4 / 9])


def step(slope, y0, t0, dt):
    f0 = slope(t0, y0)
    k = torch.zeros(*f0.shape, 3)
    k = UncheckedAssign.apply(k, f0, (..., 0))
    for i, (alpha, beta) in enumerate(STAGES):
        yi = y0 + torch.sum(k[..., : i + 1] * (beta * dt), dim=-1).view_as(f0)
        k = UncheckedAssign.apply(k, slope(t0 + alpha * dt, yi), (..., i + 1))
    return y0 + torch.sum(k * (dt * SOLUTION), dim=-1).view_as(f0)


first = torch.optim.SGD([torch.zeros(2, requires_grad=True)], 0.1)  # never used; the step begins with it
slope = Slope()
optimizer = torch.optim.Adam(slope.parameters(), 1e-2)
start, target = torch.randn(5, 2), torch.randn(5, 2)
for _ in range(3):
    optimizer.zero_grad()
    y = start
    for n in range(2):
        y = step(slope, y, 0.1 * n, 0.1)
    loss = (y - target).abs().mean()
    loss.backward()
    optimizer.step()
