"""Recurrent networks."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


class Tagger(nn.Module):
    def __init__(self, cell, packed=False, **options):
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.cell, self.packed = cell(8, 6, batch_first=True, **options), packed
        self.head = nn.Linear(options.get("proj_size", 6) * (2 if options.get("bidirectional") else 1), 3)

    def forward(self, words, lengths):
        x = self.embed(words)
        if self.packed:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            out, _ = self.cell(x)
            out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
            return self.head(out.sum(1))
        out, _ = self.cell(x)
        return self.head(out[:, -1])


def tagger(cell, **options):
    model, y = Tagger(cell, **options), torch.randint(0, 3, (4,))
    words, lengths = torch.randint(1, 20, (4, 5)), torch.tensor([5, 3, 2, 4])
    return plain(
        model,
        torch.optim.Adam(model.parameters(), lr=1e-2),
        lambda: F.cross_entropy(model(words, lengths), y),
        clip=0.5,
    )


def lstm_cell():
    """LSTM cell by hand."""
    cell, head = nn.LSTMCell(4, 5), nn.Linear(5, 1)
    model, x, y = nn.ModuleList([cell, head]), torch.randn(6, 3, 4), torch.randn(3, 1)

    def loss():
        h = c = torch.zeros(3, 5)
        for t in range(6):
            h, c = cell(x[t], (h, c))
        return F.mse_loss(head(h), y)

    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), loss)


def lstm():
    """LSTM classifier."""
    return tagger(nn.LSTM)


def lstm_both_ways():
    """LSTM, 2 layers, both ways, dropout."""
    return tagger(nn.LSTM, num_layers=2, bidirectional=True, dropout=0.3)


def gru():
    """GRU classifier."""
    return tagger(nn.GRU)


def rnn():
    """RNN classifier."""
    return tagger(nn.RNN, nonlinearity="relu")


def packed():
    """LSTM, packed sequences."""
    return tagger(nn.LSTM, packed=True)


def projected():
    """LSTM, packed, both ways, its states projected, no biases."""
    return tagger(nn.LSTM, packed=True, proj_size=3, bidirectional=True, bias=False)
