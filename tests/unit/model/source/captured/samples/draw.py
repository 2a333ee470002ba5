"""Tensors for samples."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

nan, inf = float("nan"), float("inf")


class Draw:
    """Tensors in float64, by a seed of their own."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(11)

    def __call__(self, *shape: int) -> Any:
        """Both signs."""
        return torch.randn(shape, generator=self.random, dtype=torch.float64)

    def positive(self, *shape: int) -> Any:
        return self(*shape).abs() + 0.1

    def ties(self, *shape: int) -> Any:
        """Few numbers, so that some are equal, 0 among them."""
        return torch.randint(-1, 2, shape, generator=self.random).double()

    def below(self, count: int, *shape: int) -> Any:
        """Whole numbers."""
        return torch.randint(0, count, shape, generator=self.random)
