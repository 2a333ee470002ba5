"""Complex numbers in a model: Fourier layers."""

from __future__ import annotations

import torch
from torch import nn


class Spectral(nn.Module):
    """A block of a Fourier neural operator: the lowest frequencies times complex weights."""

    def __init__(self, channels: int, modes: int) -> None:
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.randn(channels, channels, modes, dtype=torch.cfloat) / channels)
        self.beside = nn.Conv1d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(x)
        kept = torch.einsum("bix,iox->box", spectrum[:, :, : self.modes], self.weight)
        out = torch.zeros(*spectrum.shape, dtype=torch.cfloat)
        out[:, :, : self.modes] = kept
        return torch.fft.irfft(out, n=x.size(-1)) + self.beside(x)


def fourier_operator():
    """Two Fourier layers, with Adam, which moves complex weights by their parts."""
    model = nn.Sequential(Spectral(3, 4), nn.GELU(), Spectral(3, 4))
    x, y = torch.randn(2, 3, 12), torch.randn(2, 3, 12)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)

    def step():
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return [model], [optimizer], step


def filtered():
    """A filter over two axes, phases and sizes."""
    response = nn.Parameter(torch.randn(4, 4, dtype=torch.cfloat))
    image = torch.randn(5, 4, 6, requires_grad=True)
    optimizer = torch.optim.SGD([response, image], 0.1, momentum=0.9)

    def step():
        optimizer.zero_grad()
        spectrum = torch.fft.rfft2(image) * response
        back = torch.fft.irfft2(spectrum, s=(4, 6))
        loss = back.square().mean() + spectrum.abs().mean() + spectrum.conj().imag.mean()
        loss.backward()
        optimizer.step()
        return loss

    return [], [optimizer], step
