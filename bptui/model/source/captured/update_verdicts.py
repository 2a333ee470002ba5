"""The updates of a captured step held against this engine: a parameter and its states after an update, against the
optimizer's rule from what was recorded before.

A rule is elementwise, so a parameter is looked at in blocks: what is held in memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bptui.model.base.places import unravel
from bptui.model.base.types import Array
from bptui.model.engine.apart import BLOCK, largest
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Calls
from bptui.model.engine.optimizers import Flat, Optimizer
from bptui.model.engine.recording import NotRecorded
from bptui.model.source.captured.distance import Distance, overflow
from bptui.model.source.captured.record import FLOATS
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.captured.verdicts import SINGLE, Row

NEAR = 4
"""So many ulps of an updated number are rounding."""


def check_update(recording: CapturedRecording, node: int) -> tuple[Row, ...]:
    """The rows of each update of a parameter: its new value, and each state's."""
    turns = range(len(recording.timeline.places("update", node)))
    return tuple(row for turn in turns for row in _update(recording, node, turn))


def _update(recording: CapturedRecording, node: int, turn: int) -> Iterator[Row]:
    try:
        optimizer = recording.update_rule(node, turn)
    except NotRecorded as why:
        yield Row(node, "update", "", "opaque", note=str(why))
        return
    before, grad = recording.before(node, turn), recording.update_grad(node, turn)
    states = [recording.state(node, name, turn=turn) for name in optimizer.states]
    if before is None or grad is None or any(state is None or state.shape != before.shape for state in states):
        yield Row(node, "update", "", "skipped", note="what it starts from was not kept")
        return
    made = [recording.after(node, turn), *(recording.state(node, name, True, turn) for name in optimizer.states)]
    after = [None if array is None or array.shape != before.shape else array for array in made]
    own = _Own(optimizer, [before, *(state for state in states if state is not None)], grad)
    found = own.beside(after, FLOATS.get(recording.dtype(node), SINGLE))
    for name, recorded, off in zip(("", *optimizer.states), after, found, strict=True):
        if recorded is None:
            yield Row(node, "update", name, "skipped", note="its new value was not kept")
        else:
            at = unravel(off.at[0], np.shape(recorded)) if off.at else ()
            yield Row(node, "update", name, "ok" if off.ulps <= NEAR else "FAIL", *off._replace(at=at))


class _Own:
    """What a rule makes of a parameter and its states in float64, block by block, as often as it is asked for.

    before  the parameter and its states before the update, in the order of the rule; grad  what it used"""

    def __init__(self, optimizer: Optimizer, before: Sequence[Array], grad: Array) -> None:
        self._given = [np.asarray(array).reshape(-1) for array in (*before, grad)]
        self._count, self._size = len(before), self._given[-1].size
        self._room = np.zeros((2 * len(before) + 1, min(BLOCK, self._size)))
        (p, *_, g), emit = self._room[: len(before) + 1], Calls(self._room.dtype)
        states, new = self._room[1 : len(before)], self._room[len(before) + 1 :]
        optimizer.emit(emit, Flat(p, g, states, new[0], new[1:], Clock()))
        self._calls = emit.calls

    def _blocks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Where, before, and after, a row for the parameter and one for each state; the next block overwrites them."""
        for start in range(0, self._size, BLOCK):
            where = slice(start, min(start + BLOCK, self._size))
            here = slice(0, where.stop - start)
            for row, array in zip(self._room, self._given, strict=False):
                row[here] = array[where]
            for call in self._calls:
                call()
            yield where, self._room[: self._count, here], self._room[self._count + 1 :, here]

    def beside(self, recorded: Sequence[Array | None], eps: float) -> list[Distance]:
        """The distance of an update, element by element: in ulps of the number itself and 8 of the largest change, so
        that a rate that is a little wrong shows beside a large parameter. (The largest: where momentum and gradient
        cancel, the change of one element is smaller than what was rounded on the way to it.)"""
        found, flat = [Distance(0.0, (), 0.0, 0.0)] * self._count, [
            None if array is None else np.asarray(array).reshape(-1) for array in recorded
        ]  # fmt: skip
        with np.errstate(all="ignore"):
            changes = np.zeros(self._count)
            for _, old, new in self._blocks():
                changes = np.maximum(changes, [largest(change) for change in new - old])
            for where, old, new in self._blocks():
                for n, array in enumerate(flat):
                    if array is not None:
                        off = _farthest(np.asarray(array[where], np.float64), new[n], old[n], eps, changes[n])
                        if not found[n].at or off.ulps > found[n].ulps:
                            found[n] = off._replace(at=(where.start + off.at[0],))
        return found


def _farthest(recorded: Array, own: Array, old: Array, eps: float, change: float) -> Distance:
    """The element of a block that is farthest away."""
    same = (own == recorded) | (np.isnan(own) & np.isnan(recorded)) | (
        np.isinf(recorded) & (np.abs(own) >= overflow(SINGLE)))  # fmt: skip
    allowed = eps * (np.maximum(np.abs(own), np.abs(old)) + 8 * change) + np.finfo(np.float32).tiny
    error = np.where(same, 0.0, np.abs(own - recorded) / allowed)
    error[np.isnan(error)] = np.inf
    at = int(np.argmax(error))
    return Distance(float(error[at]), (at,), float(recorded[at]), float(own[at]))
