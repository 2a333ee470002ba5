"""The update row of the check: an optimizer's definition against what the engine made of a parameter.

Where the optimizer clips, the gradient that it used is looked at first; a running state has to be what its node says.
What builds on a state builds on the engine's: a state that is wrong (or has overflowed) is told once, where it arises.
An error counts against the change that the update makes: next to it, the rounding of the parameter itself is allowed.

The rule is asked twice, as that of an operation is: with what was recorded, and with numbers of its own. At the first
step the averages are 0, and what becomes of them could not be wrong; a short gradient is not clipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Calls
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import unmasked
from bptui.model.engine.optimizers import CLIP_EPS, Flat, Optimizer, emit_clip
from bptui.model.engine.probe import wide
from bptui.model.engine.recording import NotRecorded, Recording, required
from bptui.model.source.captured.recording import CapturedRecording
from bptui.symbolic.card.rate import expected as expected_rate
from bptui.symbolic.card.update import follow, followed, inputs, results, statements
from bptui.symbolic.check.captured import rows_of
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.search import check_search
from bptui.symbolic.check.tolerance import EXACT, Tolerance, coarsest
from bptui.symbolic.types import CheckRow, Verdict

DRAWN = 7
"""So many numbers of its own is a rule asked with: they are independent of each other."""
LATER = 8
"""So many updates after the recorded one it is asked: radam divides by its square from the sixth on."""


def check_update(recording: Recording, node: Node) -> tuple[CheckRow, ...]:
    """The optimizer's definition against the new value of a parameter and of each of its states, for each of its
    updates; of a running state (role `state`) its next value. What was not recorded is a row that says so."""
    recording = unmasked(recording)
    if isinstance(recording, CapturedRecording):
        return rows_of(recording, node)
    turns = range(len(recording.timeline.places("update", node.id))) if node.role == "param" else (0,)
    try:
        return tuple(row for turn in turns for row in _checked(recording, node, turn))
    except NotRecorded as why:
        return (CheckRow(node.name, recording.optimizer.kind, "", "update", "n/a", note=str(why)),)


def _checked(recording: Recording, node: Node, turn: int) -> tuple[CheckRow, ...]:
    kind = coarsest((recording.dtype(node),))
    if node.role == "state":
        source = recording.required(node.attributes.get("next", node.id))
        new = required(recording.after(node), f"{node.name} after the step")
        return tuple(_rows(node, "state", "", Compared(recording.required(node), new, wide(source), kind)))
    optimizer = recording.update_rule(node, turn)
    before, after = inputs(recording, node, turn), results(recording, node, turn)
    with np.errstate(all="ignore"):
        given, made = ({k: wide(np.asarray(v)) for k, v in numbers.items()} for numbers in (before, after))
        expected = follow(followed(recording, node, turn), given, made)
    rows: list[CheckRow] = []
    if (scheduled := recording.scheduled(node)) is not None:
        base, made_rate = scheduled[1].base, np.asarray(optimizer.learning_rate)
        rows += _rows(node, optimizer.kind, "lr", Compared(base, made_rate, expected_rate(*scheduled)))
    if optimizer.clips:
        used = before["g"]
        rows += _rows(node, optimizer.kind, "g", Compared(np.zeros_like(used), used, clipped(recording, node), kind))
    for name, got in after.items():
        old = before[name.removesuffix("_new")]
        rows += _rows(node, optimizer.kind, name, Compared(old, got, expected[name], kind))
    if optimizer.rule.room is not None:
        return (*rows, *check_search(recording, node))
    more = {row.input: row for row in _drawn(node, optimizer, recording.step) if row.verdict == "FAIL"}
    return tuple(more.get(row.input, row) if row.verdict == "ok" else row for row in rows)


def _drawn(node: Node, optimizer: Optimizer, step: int) -> Iterator[CheckRow]:
    """The rows for numbers of its own: averages that are not 0, some steps later, a gradient that is clipped and one
    that is not. Their places are those in a list of `DRAWN` numbers."""
    random, emit, clock = np.random.default_rng(step), Calls(np.dtype(np.float64)), Clock()
    clock.step = max(step, optimizer.first) + LATER
    p, g = random.normal(size=(2, DRAWN))
    states = random.uniform(0.1, 2.0, (len(optimizer.states), DRAWN))
    p_new, new, used, norm = np.zeros(DRAWN), np.zeros_like(states), np.zeros(DRAWN), np.zeros(())
    given = {"p": p.copy(), "g": g.copy(), **dict(zip(optimizer.states, states.copy(), strict=True))}
    optimizer.emit(emit, Flat(p, g, states, p_new, new, clock))
    length = float(np.sqrt(g @ g))
    limit = optimizer.clip_norm or optimizer.clip_value or 1.0
    with np.errstate(all="ignore"):
        for call in emit.calls:
            call()
        made = {**{f"{name}_new": new[n] for n, name in enumerate(optimizer.states)}, "p_new": p_new}
        expected = follow(statements(optimizer), {**given, **optimizer.symbols(clock.step)}, made)
        for name, got in made.items():
            compared = Compared(given[name.removesuffix("_new")], got, expected[name])
            yield _asked(_rows(node, optimizer.kind, name, compared))
        for factor in (0.1, 10.0) if optimizer.clips else ():
            gradient, emit = g * (factor * limit / length), Calls(np.dtype(np.float64))
            expected_g = clip(optimizer, gradient, [gradient])
            emit_clip(emit, optimizer, gradient, used, norm)
            for call in emit.calls:
                call()
            yield _asked(_rows(node, optimizer.kind, "g", Compared(np.zeros(DRAWN), used, expected_g)))


def _asked(rows: Iterator[CheckRow]) -> CheckRow:
    """The one row, with what it was asked with."""
    row = next(rows)
    note = "for numbers of its own, which are not 0" + (f": {row.note}" if row.note else "")
    return replace(row, note=note)


def clipped(recording: Recording, node: Node) -> Array:
    """The gradient that the update has to use: each element within ±clip_value, then all parameters' gradients together
    no longer than clip_norm: g·min(1, clip_norm/(√Σg² + 1e-6))."""
    trained = [param for param in recording.graph.params if recording.update_rule(param).kind != "frozen"]
    gradients = {param.id: recording.grad(param) for param in trained}
    every = [wide(required(gradient, "a gradient")) for gradient in gradients.values()]
    own = required(gradients[node.id], "its gradient")
    return clip(recording.optimizer, wide(own), every)


def clip(optimizer: Optimizer, own: Array, every: Sequence[Array]) -> Array:
    """A gradient as `clipped` says, where `every` are those of all parameters."""
    limit = np.inf if optimizer.clip_value is None else optimizer.clip_value
    own = np.clip(own, -limit, limit)
    if optimizer.clip_norm is None:
        return own
    with np.errstate(all="ignore"):
        squares = sum(float(np.sum(np.clip(gradient, -limit, limit) ** 2)) for gradient in every)
        return np.multiply(own, min(1.0, optimizer.clip_norm / (squares**0.5 + CLIP_EPS)))


class Compared(NamedTuple):
    """A number of an update: what it was before, what was made of it, what should have been; how far off it may be."""

    before: Any
    got: Array
    expected: Any
    tolerance: Tolerance = EXACT


def _rows(node: Node, kind: str, name: str, compared: Compared) -> Iterator[CheckRow]:
    """One comparison, none of what is empty."""
    before, got, expected, tolerance = compared
    old, want, have = wide(np.asarray(before)), np.asarray(expected, float), wide(got)
    if not have.size:
        return
    rounding = tolerance.rounding
    with np.errstate(all="ignore"):
        want = tolerance.bounded(have, want)
        change = np.abs(want - old)
        allowed = 8 * rounding * np.maximum(np.abs(want), np.abs(old)) + tolerance.least  # squares underflow
        allowed += (1e-3 if rounding > 1e-10 else 1e-9) * change
        error = np.where((have == want) | (np.isnan(have) & np.isnan(want)), 0.0, np.abs(have - want))
        badness = np.where(error == 0, 0.0, np.where(np.isnan(error), np.inf, error) / allowed)
    worst = np.unravel_index(int(np.argmax(badness)), have.shape)
    verdict: Verdict = "ok" if badness[worst] <= 1 else "FAIL"
    cause = likely(have - old, want - old) if verdict == "FAIL" else ""
    at = tuple(int(i) for i in worst)
    found = float(error[worst]), float(allowed[worst]), at, float(have[worst]), float(want[worst]), cause
    yield CheckRow(node.name, kind, name, "update", verdict, *found)
