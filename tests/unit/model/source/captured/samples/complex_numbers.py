"""Of complex numbers."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.unit.model.source.captured.samples.draw import Draw  # noqa: E402


def complex_(t: Draw) -> None:
    def pair(*shape: int) -> Any:
        return torch.view_as_complex(t(*shape, 2))

    x, y, real = pair(3, 4), pair(3, 4), t(3, 4)
    torch.view_as_real(x), torch.complex(real, t(3, 4)), torch.polar(real.abs(), real), x.conj().resolve_conj()
    x.real, x.imag, torch.real(x), torch.imag(x), torch.conj(x), x.conj_physical(), x.abs(), torch.abs(y), abs(x)
    x.angle(), torch.angle(y), x.clone(), x.detach(), x.contiguous(), -x, x.neg()
    x + y, x - y, x + 2.0, 1.5 - x, x + real, real - x, torch.add(x, y), torch.sub(x, y), x * y, x * real, real * x
    2 * x, x * 0.5, torch.mul(x, pair(4)), x / y, x / real, x / 4.0, torch.div(x, y)
    x.sum(), x.sum(0), torch.mean(x, 1, True), x.sum((0, -1)), x @ pair(4, 2), torch.matmul(pair(2, 3, 4), pair(4, 5))
    torch.mm(x, pair(4, 2)), torch.bmm(pair(2, 3, 4), pair(2, 4, 2)), x @ t(4, 2).to(torch.complex128)
    torch.einsum("bix,iox->box", pair(2, 3, 4), pair(3, 5, 4)), torch.einsum("ij,jk->ik", x, pair(4, 2))
    x.reshape(4, 3), x.view(2, 6), x.flatten(), x.unsqueeze(0), x[None].squeeze(0), x.permute(1, 0), x.transpose(0, -1)
    pair(3, 1).expand(3, 4), x[1:], x[:, 2], x[..., :2], x[0, 1], torch.cat([x, y], -1), torch.cat([x, y])
    out = torch.zeros(3, 6, dtype=torch.complex128)
    out[:, :4] = x
    out[..., 5] = y[:, 0]
    for name in ("fft", "ifft"):
        f = getattr(torch.fft, name)
        f(x), f(x, 6, 0), f(x, n=2, norm="ortho"), f(real, dim=0, norm="forward"), getattr(torch.fft, name + "2")(x)
        getattr(torch.fft, name + "n")(pair(2, 3, 2)), getattr(torch.fft, name + "2")(real, s=(2, 5), norm="ortho")
    (
        torch.fft.rfft(real),
        torch.fft.rfft(real, 7, 0, "ortho"),
        torch.fft.rfft2(real),
        torch.fft.rfftn(t(2, 3, 4), dim=(0, 2)),
    )
    x.to(torch.complex64), real.cfloat(), real.cdouble(), real.type_as(x), real.type(torch.complex128)
    torch.fft.irfft(x), torch.fft.irfft(x, 5), torch.fft.irfft(x, n=9, dim=0, norm="forward"), torch.fft.irfft2(x)
    torch.fft.irfft2(x, s=(4, 5)), torch.fft.irfftn(pair(2, 3, 3))
