"""A transformer, norms after the sums, drawn with a standard deviation of 0.02 as BERT is, before its training."""

import math

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(4)
torch.set_num_threads(1)
HIDDEN, LAYERS, HEADS, WORDS, LENGTH = 96, 4, 4, 60, 16


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.dropout = nn.Dropout(0.1)

    def heads(self, x):
        return x.view(*x.shape[:2], HEADS, HIDDEN // HEADS).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        scores = q @ k.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS)
        mixed = self.dropout(scores.softmax(-1)) @ v
        return mixed.transpose(1, 2).reshape(x.shape)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.mixed = Attention(), nn.Linear(HIDDEN, HIDDEN)
        self.intermediate, self.output = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, eps=1e-12), nn.LayerNorm(HIDDEN, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = self.norm1(self.dropout(self.mixed(self.attention(x))) + x)
        return self.norm2(self.dropout(self.output(F.gelu(self.intermediate(x)))) + x)


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, HIDDEN, padding_idx=0), nn.Embedding(LENGTH, HIDDEN)
        self.norm, self.dropout = nn.LayerNorm(HIDDEN, eps=1e-12), nn.Dropout(0.1)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.pooler, self.classifier = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 2)
        self.spare = nn.Linear(HIDDEN, WORDS)  # of another task: no loss depends on it
        self.apply(self.drawn)

    @staticmethod
    def drawn(module):
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.data.normal_(0, 0.02)
        if isinstance(module, nn.Linear):
            module.bias.data.zero_()

    def forward(self, ids):
        x = self.dropout(self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1]))))
        for layer in self.layers:
            x = layer(x)
        return self.classifier(self.dropout(torch.tanh(self.pooler(x[:, 0]))))


model = Bert()
optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
ids, labels = torch.randint(1, WORDS, (8, LENGTH)), torch.arange(8) % 2
for _ in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(ids), labels)
    loss.backward()
    optimizer.step()
