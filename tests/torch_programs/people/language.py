"""A transformer on words: autocast, gradient scaler, clipping, accumulation over two batches, a schedule."""

import math

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(1)
torch.set_num_threads(1)


class PositionalEncoding(nn.Module):
    def __init__(self, d, dropout=0.1, max_len=64):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, 1, d)
        pe[:, 0, 0::2] = torch.sin(position * div)
        pe[:, 0, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class Language(nn.Module):
    def __init__(self, words=20, d=16, heads=2, hidden=32, layers=2):
        super().__init__()
        self.pos = PositionalEncoding(d)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(d, heads, hidden, 0.1), layers, None, False)
        self.embedding = nn.Embedding(words, d)
        self.linear = nn.Linear(d, words)
        self.d = d
        self.embedding.weight.data.uniform_(-0.1, 0.1)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-0.1, 0.1)

    def forward(self, src, mask=None):
        return self.linear(self.encoder(self.pos(self.embedding(src) * math.sqrt(self.d)), mask))


model = Language()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=10)
scaler = torch.amp.GradScaler("cpu")
criterion = nn.CrossEntropyLoss()
mask = nn.Transformer.generate_square_subsequent_mask(7)
data = torch.randint(0, 20, (6, 8, 4))
model.train()
for step, batch in enumerate(data):
    x, y = batch[:7], batch[1:].reshape(-1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = criterion(model(x, mask).view(-1, 20), y) / 2
    scaler.scale(loss).backward()
    if step % 2:
        scaler.unscale_(optimizer)
        clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        scheduler.step()
