"""Where in a training step a number stops being finite: NaN and inf at the Moment that made them.

An inf arises where everything that went in was finite; NaN where no NaN went in, out of inf too (0 × inf, inf - inf).
Where they merely went on is no Birth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bptui.model import numbers
from bptui.model.ops.base import Array
from bptui.model.timeline import Moment
from bptui.model.values import Recording


class Birth(NamedTuple):
    """Something that is not finite, at the Moment that made it: of which numbers (`layer1.z`, `grad(layer1.z)`), where
    in them, and what it is. `position` is that of the input whose gradient it is in, None for a value."""

    name: str
    at: tuple[int, ...]
    number: float
    position: int | None = None

    @property
    def text(self) -> str:
        """`layer1.z[0,3] is NaN`."""
        return f"{self.name}{numbers.index(self.at)} is {numbers.special(self.number)}"


def births(recording: Recording) -> Mapping[int, Birth]:
    """The Births of a training step, by the number of their Moment in it; told at once where all numbers are finite."""
    found: dict[int, Birth] = {}
    if np.isfinite(np.frombuffer(recording.memory, recording.layout.dtype)).all():
        return found
    for place in range(recording.timeline.length):
        birth = _birth(recording, recording.timeline.at(recording.step, place))
        if birth is not None:
            found[place] = birth
    return found


def _birth(recording: Recording, moment: Moment) -> Birth | None:
    """What this Moment makes that is not finite, None if nothing."""
    node = recording.timeline.node(moment)
    if moment.phase == "update":
        before = [recording.before(node), recording.grad(node)]
        return _first(f"{node.name} after the update", recording.after(node), before)
    given = [recording.value(i) for i in node.inputs]
    if moment.phase == "forward":
        return _first(node.name, recording.value(node), given)
    if recording.timeline.is_seed(moment):
        return None
    for name, position, array in _added(recording, node.id):
        birth = _first(name, array, [recording.grad(node), *given], position)
        if birth is not None:
            return birth
    return None


def _added(recording: Recording, node: int) -> Iterator[tuple[str, int, Array]]:
    """What a node's Moment of the backward pass adds to the gradient of each of its inputs."""
    nodes = recording.graph.nodes
    for source in dict.fromkeys(nodes[node].inputs):
        for part in recording.contributions(source):
            if part.consumer == node:
                yield f"grad({nodes[source].name})", part.position, part.array


def _first(name: str, array: Array, given: Sequence[Array | None], position: int | None = None) -> Birth | None:
    if np.isfinite(array).all():
        return None
    sources = [source for source in given if source is not None]
    wrong = np.zeros(array.shape, bool)
    if not any(np.isnan(source).any() for source in sources):
        wrong = np.isnan(array)
    if not wrong.any() and all(np.isfinite(source).all() for source in sources):
        wrong = np.isinf(array)
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    return Birth(name, at, float(array[at]), position)
