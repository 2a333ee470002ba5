"""Trains a small transformer for three steps: what docs/diff.md captures, once as it is and once with a change."""

import sys

import torch
from torch import nn

EPS = float(sys.argv[sys.argv.index("--eps") + 1]) if "--eps" in sys.argv else 1e-5
RATE = float(sys.argv[sys.argv.index("--rate") + 1]) if "--rate" in sys.argv else 1e-3


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width, eps=EPS)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.down(torch.relu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.blocks = nn.Sequential(Block(32), Block(32))
        self.head = nn.Linear(32, 50)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.embed(words)))


torch.manual_seed(0)
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
words = torch.randint(0, 50, (4, 13))
for step in range(3):
    optimizer.zero_grad()
    scores = model(words[:, :-1])
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), words[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    print(f"step {step}  loss {loss.item():.4f}")
