"""Which optimizers a program has, and which of them is which: one that was made anew of the parameters of one that is
gone plays its part."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass
class _Part:
    """ref: who plays it now; parameters: the ids of what that one moves."""

    ref: weakref.ref[torch.optim.Optimizer]
    parameters: frozenset[int]


class Optimizers:
    """Those that were made, in their order. renewed: how often one took the part of another that was gone."""

    def __init__(self) -> None:
        self._made: list[weakref.ref[torch.optim.Optimizer]] = []
        self._parts: list[_Part] = []
        self.renewed = 0

    def __bool__(self) -> bool:
        return bool(self._made)

    def __iter__(self) -> Iterator[torch.optim.Optimizer]:
        self._made = [reference for reference in self._made if reference() is not None] or self._made[-1:]
        return (found for reference in self._made if (found := reference()) is not None)

    def made(self, optimizer: torch.optim.Optimizer) -> None:
        """One was made."""
        self._made.append(weakref.ref(optimizer))

    def parts(self) -> set[int]:
        """The parts of all that are there."""
        return {self.part(optimizer) for optimizer in self}

    def part(self, optimizer: torch.optim.Optimizer) -> int:
        """The part that it plays: its own, or that of one that is gone and moved the same parameters."""
        for number, part in enumerate(self._parts):
            if part.ref() is optimizer:
                return number
        parameters = frozenset(id(parameter) for group in optimizer.param_groups for parameter in group["params"])
        for number, part in enumerate(self._parts):
            if part.ref() is None and part.parameters & parameters:
                part.ref, part.parameters = weakref.ref(optimizer), parameters
                self.renewed += 1
                return number
        self._parts.append(_Part(weakref.ref(optimizer), parameters))
        return len(self._parts) - 1
