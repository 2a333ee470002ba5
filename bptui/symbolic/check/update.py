"""The update row of the check: an optimizer's definition against what the engine made of a parameter.

Where the optimizer clips, the gradient that it used is looked at first; a running state has to be what its node says.
What builds on a state builds on the engine's: a state that is wrong (or has overflowed) is told once, where it arises.
An error counts against the change that the update makes: next to it, the rounding of the parameter itself is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.graph import Node
from bptui.model.ops.base import Array
from bptui.model.optimizers import CLIP_EPS
from bptui.model.values import Recording
from bptui.symbolic.card.update import follow, inputs, results, statements
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.probe import wide
from bptui.symbolic.check.tolerance import EXACT, SINGLE
from bptui.symbolic.types import CheckRow, Verdict


def check_update(recording: Recording, node: Node) -> tuple[CheckRow, ...]:
    """The optimizer's definition against the new value of a parameter and of each of its states; of a running state
    (role `state`) its next value."""
    if node.role == "state":
        source = recording.value(node.attributes.get("next", node.id))
        return tuple(_rows(node, "state", "", recording.before(node), recording.after(node), wide(source)))
    optimizer = recording.optimizer
    before, after = inputs(recording, node), results(recording, node)
    with np.errstate(all="ignore"):
        given, made = ({k: wide(np.asarray(v)) for k, v in numbers.items()} for numbers in (before, after))
        expected = follow(statements(optimizer), given, made)
    rows: list[CheckRow] = []
    if optimizer.clips:
        used = recording.update_grad(node)
        rows += _rows(node, optimizer.kind, "g", np.zeros_like(used), used, clipped(recording, node))
    for name, got in after.items():
        rows += _rows(node, optimizer.kind, name, before[name.removesuffix("_new")], got, expected[name])
    return tuple(rows)


def clipped(recording: Recording, node: Node) -> Array:
    """The gradient that the update has to use: each element within ±clip_value, then all parameters' gradients together
    no longer than clip_norm: g·min(1, clip_norm/(√Σg² + 1e-6))."""
    optimizer = recording.optimizer

    def bounded(param: Node) -> Array:
        gradient = recording.grad(param)
        assert gradient is not None
        limit = np.inf if optimizer.clip_value is None else optimizer.clip_value
        return np.clip(wide(gradient), -limit, limit)

    own = bounded(node)
    if optimizer.clip_norm is None:
        return own
    with np.errstate(all="ignore"):
        squares = sum(float(np.sum(bounded(param) ** 2)) for param in recording.graph.params)
        return np.multiply(own, min(1.0, optimizer.clip_norm / (squares**0.5 + CLIP_EPS)))


def _rows(node: Node, kind: str, name: str, before: Array, got: Array, expected: Array) -> Iterator[CheckRow]:
    """One comparison, none of what is empty."""
    old, want, have = wide(np.asarray(before)), np.asarray(expected, float), wide(got)
    if not have.size:
        return
    number = np.finfo(np.asarray(got).dtype)
    rounding = float(number.eps)
    with np.errstate(all="ignore"):
        want = (EXACT if rounding < 1e-10 else SINGLE).bounded(have, want)
        change = np.abs(want - old)
        allowed = 8 * rounding * np.maximum(np.abs(want), np.abs(old)) + float(number.tiny)  # squares underflow
        allowed += (1e-3 if rounding > 1e-10 else 1e-9) * change
        error = np.where((have == want) | (np.isnan(have) & np.isnan(want)), 0.0, np.abs(have - want))
        badness = np.where(error == 0, 0.0, np.where(np.isnan(error), np.inf, error) / allowed)
    worst = np.unravel_index(int(np.argmax(badness)), have.shape)
    verdict: Verdict = "ok" if badness[worst] <= 1 else "FAIL"
    cause = likely(have - old, want - old) if verdict == "FAIL" else ""
    at = tuple(int(i) for i in worst)
    found = float(error[worst]), float(allowed[worst]), at, float(have[worst]), float(want[worst]), cause
    yield CheckRow(node.name, kind, name, "update", verdict, *found)
