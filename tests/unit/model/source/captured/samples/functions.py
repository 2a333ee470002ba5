"""Of angles and the gamma function."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.unit.model.source.captured.samples.draw import Draw  # noqa: E402


def functions(t: Draw) -> None:
    for shape in ((3, 4), ()):
        for name in ("asin", "arcsin", "acos", "arccos", "atan", "arctan"):
            getattr(torch, name)(t(*shape).tanh())
        torch.atan2(t(*shape), t(*shape))
        t(*shape).arctan2(t(4))
        torch.lgamma(t(*shape))
        for name in ("atanh", "arctanh", "asinh", "arcsinh"):
            getattr(torch, name)(t(*shape).tanh())
        for name in ("acosh", "arccosh"):
            getattr(torch, name)(t.positive(*shape) + 1)
        torch.special.gammaln(t.positive(*shape))
        for digamma in (torch.digamma, torch.special.digamma, torch.special.psi):
            digamma(t.positive(*shape).float())
        for n in (0, 1, 2, 3):
            torch.polygamma(n, t.positive(*shape).float())
        torch.special.polygamma(2, t.positive(*shape))
