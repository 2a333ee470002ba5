"""Numbers of a step that are nothing but rounding, so that no screen shows them as numbers: `0.28 - 0.28 = -2.2e-16`.

A number has no correct digit if it changes by as much as itself when every given number moves by a few units of its
last place (as in stochastic arithmetic: J. Vignes, Math. Comput. Simul. 35, 1993). The step is run once more from such
numbers, and only where a number that is looked at is suspiciously small. The recording itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bptui.model.base import kinds
from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import unmasked
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording

MOVE = 8
"""Units of the last place by which a given number moves at most."""
SMALL = 64
"""Units of the last place of the largest given number: what is smaller may be rounding."""
MOST = 4096
"""Elements of an array that is looked at, and of one that the largest number is looked for in."""
BYTES, NODES = 2_000_000, 2_000
"""Of a larger recording, and of one of more nodes, no second one is made: it takes longer than a key may."""


def as_given(recording: Recording, change: Callable[[Node, Array], Array]) -> Graph:
    """The graph with the numbers that the training step was given, each array changed. A mask is not drawn again, a
    batch not chosen."""

    def given(node: Node) -> Node:
        value = recording.required(node)
        value = value if node.whole else change(node, value)
        return replace(node, value=value, role="input" if node.role == "random" else node.role)

    nodes = tuple(node if node.op is not None else given(node) for node in recording.graph.nodes)
    return replace(recording.graph, nodes=nodes)


def rerun(recording: Recording, dtype: str, change: Callable[[Node, Array], Array]) -> Recording:
    """The same training step in another precision, from those numbers."""
    return Program(as_given(recording, change), Optimizer(), dtype=dtype).record()


def settled(recording: Recording, array: Array | None, again: Callable[[Recording], Array | None]) -> Array | None:
    """The array with 0 in the place of what is rounding; the same object where there is none. `again`: the same array
    of another recording of the step."""
    recording = unmasked(recording)
    if not isinstance(recording, ArenaRecording) or array is None:
        return array  # what somebody else ran cannot be run again
    if not 0 < array.size <= MOST or array.dtype.kind != "f":
        return array
    size = np.abs(array)
    small = (size < _limit(recording)) & (size > 0)
    if not small.any():
        return array
    with np.errstate(all="ignore"):
        if (moved := _moved(recording)) is None or (other := again(moved)) is None:
            return array
        rounding = small & (np.abs(other - array) >= size / 2)
    return np.where(rounding, array.dtype.type(0), array) if rounding.any() else array


@lru_cache(2)
def loss_of(recording: Recording) -> float:
    """The loss of a step; 0 where it is nothing but rounding."""
    loss = settled(recording, np.asarray(recording.loss), lambda other: np.asarray(other.loss))
    return recording.loss if loss is None else float(loss)


@lru_cache(2)
def _limit(recording: ArenaRecording) -> float:
    """What is smaller may be rounding."""
    given = (recording.value(node) for node in recording.graph.leaves if not node.whole)
    sizes = [np.abs(np.ravel(array)[:MOST]) for array in given if array.size]
    largest = max((float(size[np.isfinite(size)].max(initial=0.0)) for size in sizes), default=0.0)
    return SMALL * kinds.eps(recording.dtype(recording.graph.loss)) * largest


@lru_cache(2)
def _moved(recording: ArenaRecording) -> Recording | None:
    """The step from numbers that moved by some units of their last place; None where it cannot be run again."""
    if recording.nbytes > BYTES or len(recording.graph.nodes) > NODES:
        return None
    eps = kinds.eps(recording.dtype(recording.graph.loss))

    def move(node: Node, value: Array) -> Array:
        by = np.random.default_rng(node.id).uniform(-MOVE, MOVE, value.shape)
        return np.asarray(value * (1 + eps * by), value.dtype)

    try:
        return rerun(recording, recording.required(recording.graph.loss).dtype.name, move)
    except UserError:
        return None
