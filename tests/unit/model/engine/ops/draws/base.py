"""A drawn use of an operation, and how numbers, shapes and axes are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Random = np.random.Generator


@dataclass(frozen=True)
class Case:
    """One use: inputs in order, attributes as a user writes them, and PyTorch's call (functional, tensors) → output."""

    op: str
    inputs: Mapping[str, Any]
    torch: Callable[..., Any]
    given: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = ", ".join(f"{k} {np.shape(v)}" for k, v in self.inputs.items())
        return f"{self.op}({shapes}; {', '.join(f'{k}={v!r}' for k, v in self.given.items())})"

    @property
    def call(self) -> str:
        """The use in a formula."""
        return f"{self.op}({', '.join([*self.inputs, *(f'{k}={v!r}' for k, v in self.given.items())])})"


def numbers(random: Random, shape: Any, low: float = -2.0, high: float = 2.0) -> Any:
    """Numbers between two; in a third of the draws multiples of a half: zeros, ties and kinks."""
    x = random.uniform(low, high, shape)
    return np.clip(np.round(2 * x) / 2, low, high) if random.random() < 1 / 3 else x


def positive(random: Random, shape: Any) -> Any:
    return random.uniform(0.1, 3.0, shape)


def chance(random: Random, p: float = 0.5) -> bool:
    return bool(random.random() < p)


def pick(random: Random, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def shape_of(random: Random, least: int = 0, most: int = 4, *, empty: bool = True) -> tuple[int, ...]:
    """A shape of a random rank; one in ten has an axis of size 0, many one of size 1."""
    rank = int(random.integers(least, most + 1))
    shape = [int(random.choice([1, 2, 3, 4, 5])) for _ in range(rank)]
    if empty and rank and chance(random, 0.1):
        shape[int(random.integers(rank))] = 0
    return tuple(shape)


def stretched(random: Random, out: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `out`."""
    shape = [1 if chance(random, 0.3) else size for size in out]
    return tuple(shape[int(random.integers(len(out) + 1)) :]) if chance(random, 0.4) else tuple(shape)


def an_axis(random: Random, rank: int) -> int:
    return int(random.integers(-rank, rank))


def some_axes(random: Random, rank: int) -> Any:
    """One axis, or a tuple of different ones, some counted from the end."""
    if chance(random):
        return an_axis(random, rank)
    axes = random.permutation(rank)[: int(random.integers(1, rank + 1))]
    return tuple(int(a) - rank if chance(random) else int(a) for a in axes)
