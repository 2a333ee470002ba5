"""A recorder whose numbers stay in memory, and programs around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from bptui.model.source.captured.record import Event, Record, Step, Update
from bptui.torch.capturing.numbers import Keep
from bptui.torch.capturing.recorder import Recorder

OPENED = ("multi_head_attention_forward", "gumbel_softmax", "unique", "meshgrid", "cosine_embedding_loss")
"""Functions that bptui does not know, as far as these tests are concerned."""


class Blobs:
    """Numbers in memory."""

    def __init__(self) -> None:
        self.found: list[tuple[Any, str]] = []

    def blob(self, data: Any, kind: str) -> int:
        self.found.append((np.frombuffer(data, np.uint8), kind))
        return len(self.found) - 1


class Remembered(Record):
    """A record whose numbers are in memory."""

    def __init__(self, step: Step, blobs: Blobs) -> None:
        self.step, self.blobs = step, blobs

    def array(self, value: int) -> Any:
        found = self.step.values[value]
        if found.blob < 0:
            return None
        raw, kind = self.blobs.found[found.blob]
        assert kind == found.dtype, (kind, found.dtype)
        if not raw.size:
            return torch.zeros(found.shape, dtype=getattr(torch, found.dtype))
        whole = torch.from_numpy(raw.copy()).view(getattr(torch, found.dtype))
        return whole.as_strided(found.shape, found.strides, found.offset).clone()

    @property
    def nbytes(self) -> int:
        return sum(raw.nbytes for raw, _ in self.blobs.found)

    def named(self, name: str, number: int = 0) -> Event:
        """The event of a function, by the end of its name."""
        return [event for event in self.step.events if event.name.endswith(name)][number]

    def names(self) -> list[str]:
        """Of all events, the last part of their names."""
        return [event.name.removeprefix("torch.").rpartition(".")[2] for event in self.step.events]

    def moved(self, number: int = -1) -> list[Any]:
        """The rows of an update, of all its groups."""
        update: Update = self.step.updates[number]
        return [row for group in update.groups for row in group.rows]


def known(name: str) -> bool:
    """Does a function stay one event?"""
    return not name.endswith(OPENED)


def recorded(
    step: Callable[[], object],
    models: Iterable[torch.nn.Module] = (),
    knows: Callable[[str], bool] = known,
    keep: Keep = Keep(),  # noqa: B008 - it is frozen
    *,
    fails: bool = False,
) -> Remembered:
    """What is recorded of a step. fails: is the recording to end early?"""
    blobs = Blobs()
    recorder = Recorder(blobs, knows, models, keep).begin()
    try:
        step()
    finally:
        found = recorder.end()
    if not fails and recorder.ended is not None:
        raise recorder.ended
    assert (recorder.ended is not None) == fails
    return Remembered(found, blobs)
