"""A small transformer that sorts letters: reads a word, writes its letters in order. Words are of different lengths,
and padded with 0. In training step 7 its loss is fine, in step 8 it is NaN."""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LETTERS, LONGEST = 16, 2, 12, 6


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x, padding):
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (WIDTH / HEADS) ** 0.5
        scores = scores.masked_fill(padding[:, None, None, :], float("-inf"))
        weights = scores.softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 32), nn.GELU(), nn.Linear(32, WIDTH))

    def forward(self, x, padding):
        x = x + self.attention(self.norm1(x), padding)
        return x + self.mlp(self.norm2(x))


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters, self.places = nn.Embedding(LETTERS, WIDTH), nn.Embedding(LONGEST, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(WIDTH, LETTERS)

    def forward(self, words, padding):
        x = self.letters(words) + self.places(torch.arange(LONGEST))
        for block in self.blocks:
            x = block(x, padding)
        return self.head(x)


def words(step):
    """Eight words of 1 to 6 letters, as numbers from 1 on; in step 7 the data have an empty line."""
    random = torch.Generator().manual_seed(step)
    made = torch.randint(1, LETTERS, (8, LONGEST), generator=random)
    lengths = torch.randint(1, LONGEST + 1, (8,), generator=random)
    if step == 7:
        lengths[3] = 0
    return made * (torch.arange(LONGEST) < lengths[:, None])


def train_step(model, optimizer, x):
    padding = x == 0
    y = x.masked_fill(padding, LETTERS).sort(dim=1).values % LETTERS
    scores = model(x, padding)
    losses = F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none").view_as(x)
    loss = losses[~padding].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Sorter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(10):
        print(f"step {step}  loss {train_step(model, optimizer, words(step)):.2f}")
