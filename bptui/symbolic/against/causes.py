"""Why somebody else's gradient is another: every slip is computed in this network and held against their numbers.

A factor that is the same in all elements is said as a number; what it means is what was computed with the same result.
Where several slips give the same numbers, all are said: the numbers cannot tell them apart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import isfinite, prod
from typing import Literal, TypeVar

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.spans import plain
from bptui.model.base.types import Array, Index
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.engine.rounding import rerun
from bptui.symbolic.against.backward import Backward, Slip
from bptui.symbolic.against.compare import Compared, allowance, different
from bptui.symbolic.against.slips import EVERYWHERE, merged, slips
from bptui.symbolic.card.names import title

STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
MOVED = 64
"""Elements that are moved one by one."""
NEAR = 0.1
"""Differences are near the gradient: what is further off, as a part of the largest number, is none."""
ROUNDING = 16 * float(np.finfo(float).eps)


def by_differences(recording: Recording, c: Compared) -> str:
    """How their numbers come about by differences of the loss (by which step, one-sided or central), "" where they do
    not."""
    largest = float(np.max(np.abs(c.ours), initial=0.0))
    if not isinstance(recording, ArenaRecording) or c.node.op is not None or not 0 < c.ours.size <= MOVED:
        return ""
    if not float(np.max(c.error)) <= NEAR * largest:
        return ""
    for step in STEPS:
        for word, back in (("one-sided", 0.0), ("central", step)):
            if _agrees(recording, c, step, back, [c.worst]) and _agrees(
                recording, c, step, back, np.ndindex(c.ours.shape)
            ):
                better = ": central ones are nearer" if not back else ""
                return f"those are {word} differences with a step of {significant(step)}{better}"
    return ""


def _agrees(recording: Recording, c: Compared, step: float, back: float, places: Iterable[Index]) -> bool:
    slack = np.broadcast_to(c.layout.slack, c.ours.shape)
    for at in places:
        up, down = _loss(recording, c.node, at, step), _loss(recording, c.node, at, -back)
        made = np.asarray((up - down) / (step + back))
        allowed = allowance(slack[at], made) + ROUNDING * max(abs(up), abs(down)) / step
        if bool(different(np.asarray(c.theirs[at]), made, allowed).any()):
            return False
    return True


def _loss(recording: Recording, node: Node, at: tuple[int, ...], by: float) -> float:
    """The loss with one given number moved."""

    def change(leaf: Node, array: Array) -> Array:
        if leaf.id != node.id or by == 0:
            return array
        moved = np.array(array, np.float64)
        moved[at] += by
        return moved

    return rerun(recording, "float64", change).loss


T = TypeVar("T")
Earlier = Callable[[], Iterable[Recording]]
"""The training steps before, the latest first."""
SECONDS = 10.0
"""For all slips of a step together; the usual ones are looked at first."""
MOST = 3
"""Explanations that are told of one tensor."""
PAIRED = 40
"""Slips of which two at once are tried, where none explains it alone."""
DISTINCT = 2
"""Numbers that an unusual combination has to explain: with one number nearly any of them fits."""


@dataclass(frozen=True)
class Cause:
    """An explanation that gives exactly their numbers: what kind of slip, in words, and of which tensors (names)."""

    kind: str
    text: str
    explains: tuple[str, ...] = ()


@dataclass
class Why:
    """What was found out about a tensor that differs.

    factor   theirs is so many times ours in every element, None where it is not
    causes   slips that give exactly these numbers, the likeliest first; `others` so many more
    follows  theirs is right for other numbers of theirs, which differ: the slip is there and not here
    """

    factor: float | None = None
    causes: list[Cause] = field(default_factory=list)
    others: int = 0
    follows: str = ""


@dataclass(frozen=True)
class _Tried:
    """A slip and what it explains, by position among the wrong ones: exactly; times a number that means something; or
    `alone`, where it would have changed others, too, which are right: it was made at the end of a path, and not on it.
    """

    kind: str
    text: str
    hits: frozenset[int]
    how: Literal["exactly", "times", "alone"] = "exactly"


class Search:
    """The slips of one step, held against gradients that differ. `complete`: there was time for all of them."""

    def __init__(
        self, recording: Recording, compared: Sequence[Compared], seconds: float = SECONDS, earlier: Earlier = tuple
    ) -> None:
        grads = [c for c in compared if c.of == "grad"]
        self.recording, self.backward = recording, Backward(recording)
        self.wrong, self.right = [c for c in grads if not c.equal], [c for c in grads if c.equal]
        self.end, self.complete = time.monotonic() + seconds, True
        self.earlier = earlier
        self.meanings = list(_meanings(recording))

    def run(self) -> list[Why]:
        """What explains each of the wrong ones, in their order."""
        found = [Why(factor=ratio(c.theirs, c.ours, c)) for c in self.wrong]
        if not self.wrong:
            return found
        tried = [t for slip in self._in_time(slips(self.backward.graph)) for t in self._held(slip)]
        self._take(found, [t for t in tried if t.how == "exactly"])
        for at, why in enumerate(found):
            why.causes += [] if why.causes else list(self._by_itself(self.wrong[at], why.factor))
        self._take(found, [t for t in tried if t.how == "alone"])
        if any(not why.causes for why in found):
            singles = [s for s, _ in zip(slips(self.backward.graph), range(PAIRED), strict=False)]
            pairs = (_both(*pair) for pair in combinations(singles, 2))
            held = (t for pair in self._in_time(pairs) for t in self._held(pair))
            self._take(found, [t for t in held if t.how == "exactly" and self._distinct(t.hits) >= DISTINCT])
        self._take(found, [t for t in tried if t.how == "times"])
        return found

    def _in_time(self, items: Iterator[T]) -> Iterator[T]:
        for item in items:
            if time.monotonic() > self.end:
                self.complete = False
                return
            yield item

    def _distinct(self, hits: frozenset[int]) -> int:
        return sum(int(np.count_nonzero(self.wrong[at].theirs)) for at in hits)

    def _held(self, slip: Slip) -> Iterator[_Tried]:
        """What a slip explains, and how."""
        changed = self.backward.gradients(slip)
        alone = any(c.node.id in changed and not c.agrees(changed[c.node.id]) for c in self.right)
        exactly: set[int] = set()
        times: dict[float, set[int]] = {}
        for at, c in enumerate(self.wrong):
            made = changed.get(c.node.id)
            if made is None:
                continue
            if c.agrees(made):
                exactly.add(at)
            elif not alone and (factor := ratio(c.theirs, made, c)) is not None and self._meaning(factor):
                times.setdefault(factor, set()).add(at)
        if exactly and alone and slip.kind != "another loss":  # which is one for all gradients
            yield _Tried(slip.kind, f"{slip.text}, in this gradient alone", frozenset(exactly), "alone")
        elif exactly and not alone:
            yield _Tried(slip.kind, slip.text, frozenset(exactly))
        for factor, hits in times.items():
            if self._distinct(frozenset(hits)) >= DISTINCT:
                text = f"{slip.text}; and times {said(factor)} ({self._meaning(factor)})"
                yield _Tried(slip.kind, text, frozenset(hits), "times")

    def _take(self, found: list[Why], tried: Sequence[_Tried]) -> None:
        """Give each of the wrong ones that has no explanation the slips that explain it: those that explain most."""
        for at, why in enumerate(found):
            mine = [t for t in tried if at in t.hits]
            if why.causes or not mine:
                continue
            best = max(len(t.hits) for t in mine)
            names = {t: tuple(self.wrong[i].node.name for i in sorted(t.hits)) for t in mine}
            causes = [Cause(t.kind, t.text, names[t]) for t in mine if len(t.hits) == best]
            causes = list({cause.text: cause for cause in causes}.values())
            once = {cause.kind for cause in causes if not cause.text.startswith(EVERYWHERE)}
            causes = [cause for cause in causes if not (cause.kind in once and cause.text.startswith(EVERYWHERE))]
            told = [replace(cause, text=self._explained(cause.text)) for cause in causes[:MOST]]
            why.causes, why.others = told, len(causes) - len(told)

    def _explained(self, text: str) -> str:
        """The text with what the unnamed parts of a formula are: `the factor x of t1 …, where t1 = w * x`."""
        graph = self.recording.graph
        names = [name for name in dict.fromkeys(re.findall(r"\bt\d+\b", text)) if name in graph.by_name]
        parts = [plain(title(graph, graph.by_name[name])) for name in names]
        return f"{text}, where {', '.join(parts)}" if parts else text

    def _by_itself(self, c: Compared, factor: float | None) -> Iterator[Cause]:
        """What these numbers are in truth, and what a factor means, where no slip of the backward pass gives them."""
        recording, node = self.recording, c.node
        if not c.theirs.any():
            yield Cause("zero", "all of them are 0: nothing was written there, or the path to the loss was cut")
        if node.role == "param":
            before, after = recording.before(node), recording.after(node)
            used = recording.update_grad(node)
            if used is not None and c.agrees(used):
                yield Cause("clipped", "that is the gradient after clipping")
            if before is not None and after is not None and factor is None:
                step = np.asarray(after, np.float64) - np.asarray(before, np.float64)
                if c.agrees(step) or c.agrees(-step):
                    yield Cause("the update", "that is the change of the update, not the gradient")
            decay = _decay(recording, node)
            if decay and before is not None and c.agrees(c.ours + decay * np.asarray(before, np.float64)):
                yield Cause("weight decay", f"weight_decay*{node.name} was added: it is no part of the loss")
        if c.ours.ndim >= 3 and c.agrees(np.flip(c.ours, tuple(range(2, c.ours.ndim)))):
            yield Cause("turned", "the same numbers, the kernel turned by 180°")
        yield from self._added_up(c)
        if taken := by_differences(recording, c):
            yield Cause("differences", taken)
        for other in recording.graph.nodes:
            if other.id == node.id or other.shape != node.shape or factor is not None:
                continue
            for word, array in (("gradient", recording.grad(other)), ("value", recording.value(other))):
                if array is not None and np.asarray(array).any() and c.agrees(np.asarray(array, np.float64)):
                    yield Cause("another tensor", f"that is the {word} of {other.name}")
        if factor is not None and (meaning := self._meaning(factor)):
            yield Cause("factor", meaning)

    def _added_up(self, c: Compared) -> Iterator[Cause]:
        """The gradients of the training steps before added: zero_grad is missing."""
        total, count = c.ours, 1
        for before in self.earlier():
            grad = before.grad(c.node)
            if grad is None:
                return
            total, count = total + np.asarray(grad, np.float64), count + 1
            if c.agrees(total):
                yield Cause("added up", f"the gradients of {count} training steps added up: zero_grad() was left out")
                return

    def _meaning(self, factor: float) -> str:
        """What a factor usually means, "" where none is known."""
        return " or ".join(text for number, text in self.meanings if abs(number - factor) <= 1e-4 * abs(number))


def _both(a: Slip, b: Slip) -> Slip:
    return Slip("two slips", f"{a.text}; and {b.text}", merged([a, b]))


def ratio(theirs: Array, ours: Array, c: Compared) -> float | None:
    """The number that all of ours have to be multiplied with to be theirs; None where there is none but 0 or 1."""
    finite = np.isfinite(ours) & np.isfinite(theirs) & (ours != 0)
    if not finite.any():
        return None
    at = np.unravel_index(int(np.argmax(np.where(finite, np.abs(ours), -1.0))), ours.shape)
    with np.errstate(all="ignore"):
        found = float(theirs[at] / ours[at])
    if not isfinite(found) or found in (0.0, 1.0):
        return None
    near = round(found) if abs(found) >= 1 else 1 / round(1 / found) if abs(found) > 1e-6 else found
    for candidate in (float(near), found):
        if candidate not in (0.0, 1.0) and c.agrees(candidate * ours):
            return candidate
    return None


def said(factor: float) -> str:
    """`½`, `-1`, `1/40`, `3.7`."""
    if factor == 0.5:
        return "½"
    if abs(factor) < 1 and abs(1 / factor - round(1 / factor)) < 1e-9 * abs(1 / factor):
        return f"{'-' if factor < 0 else ''}1/{abs(round(1 / factor))}"
    return significant(factor)


def _meanings(recording: Recording) -> Iterator[tuple[float, str]]:
    """Numbers of this network that gradients are wrong by."""
    graph, rate = recording.graph, float(recording.rate)
    yield -1.0, "the sign: target - prediction for prediction - target, or the direction of the step"
    yield 2.0, "a 2 too much: the ½ before the square is forgotten, or a path counts twice"
    yield 0.5, "a 2 is missing: the derivative of the square, or a ½ too much"
    yield -2.0, "the sign, and a 2 too much"
    yield -0.5, "the sign, and a 2 that is missing"
    counts: dict[int, str] = {}
    for node in graph.nodes:
        if graph.loss in (c for c, _ in graph.consumers[node.id]) and node.shape:
            counts.setdefault(node.shape[0], f"{node.shape[0]}, the length of axis 0 of {node.name}: its samples")
            counts.setdefault(prod(node.shape), f"{prod(node.shape)}, all elements of {node.name}")
            for size in node.shape[1:]:
                counts.setdefault(size, f"{size}, an axis of {node.name}")
    for count, text in counts.items():
        if count > 1:
            yield from (
                (sign * count, f"{word}sum for mean: {text}") for sign, word in ((1, ""), (-1, "the sign, and "))
            )
            yield from (
                (sign / count, f"{word}divided once more by {text}") for sign, word in ((1, ""), (-1, "the sign, and "))
            )
            yield 2.0 * count, f"sum for mean and a 2 too much: {text}"
            yield count / 2, f"sum for mean and a ½ too much: {text}"
            yield 0.5 / count, f"divided by 2 and once more by {text}"
    yield rate, f"the learning rate {significant(rate)}: that is the change of the update"
    yield -rate, f"minus the learning rate {significant(rate)}: that is the change of the update"


def _decay(recording: Recording, node: Node) -> float:
    """The weight decay of a parameter; 0 where its rule is not known."""
    try:
        return float(recording.update_rule(node).weight_decay or 0.0)
    except NotRecorded:
        return 0.0
