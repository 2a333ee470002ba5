"""The lengths that a strong Wolfe line search tries, one after the other, from what it has seen by then.

It is followed from the recorded losses and slopes: first away from the start until an interval has a length in it that
meets both conditions (Nocedal and Wright, Numerical Optimization, algorithm 3.5), then within the interval (3.6), with
the safeguards of PyTorch's `_strong_wolfe`. The lowest point of a cubic is taken from its polynomial, not by the
formula that the engine has. Where rounding decides which way it goes, nothing more is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bptui.model.engine.line_search import C1, C2

EPS = 2.0**-52
SLACK = 64
"""So many times the change that rounding of losses and slopes makes may a length be off."""
NEAR = 32
"""So many roundings apart are numbers of which it is not known which is larger."""


class Look(NamedTuple):
    """The loss at a length, and the slope there."""

    t: float
    loss: float
    slope: float


class Expected(NamedTuple):
    """A length, and how far it may be off; of the last one how the search ends there (None: it goes on)."""

    t: float
    allowed: float
    ended: int | None = None


class Unclear(Exception):
    """Rounding decides."""


class Limits(NamedTuple):
    """most: looks after the first · size: the largest element of the direction · narrow: the search ends where the
    interval is narrower in that element."""

    most: int
    size: float
    narrow: float


def follow(start: Look, looks: Sequence[Look], limits: Limits) -> Iterator[Expected]:
    """What each look after the first has to be at, and at last where the search ends. Fewer where it is unclear, or
    where a look is missing."""
    try:
        yield from _followed(start, looks, limits)
    except Unclear:
        return


def _followed(start: Look, looks: Sequence[Look], limits: Limits) -> Iterator[Expected]:
    before, new, used = start, looks[0], 0
    while True:
        if used == limits.most:
            yield _end(start if start.loss <= new.loss else new, 1)
            return
        if not _fallen(start, new) or (used > 1 and not _larger(before.loss, new.loss)):
            break
        if _flat(start, new):
            yield _end(new, 0)
            return
        if new.slope >= 0:
            break
        yield _lowest(before, new, new.t + 0.01 * (new.t - before.t), 10 * new.t)
        used += 1
        if used == len(looks):
            return
        before, new = new, looks[used]
    yield from _within(start, (before, new), looks[used + 1 :], limits._replace(most=limits.most - used))


def _within(start: Look, ends: tuple[Look, Look], looks: Sequence[Look], limits: Limits) -> Iterator[Expected]:
    """The looks within an interval."""
    low, high = _ordered(*ends)
    stuck = False
    for used in range(limits.most + 1):
        if used == limits.most:
            yield _end(low, 1)
            return
        if abs(high.t - low.t) * limits.size < limits.narrow:
            yield _end(low, 2)
            return
        left, right = sorted((low.t, high.t))
        made, margin = _lowest(low, high, left, right), 0.1 * (right - left)
        room = min(right - made.t, made.t - left)
        if abs(room - margin) <= made.allowed and margin:
            raise Unclear
        if room >= margin:
            stuck = False
        elif stuck or room <= 0:
            stuck = False
            if abs((right - made.t) - (made.t - left)) <= made.allowed:
                raise Unclear
            made = made._replace(t=right - margin if right - made.t < made.t - left else left + margin)
        else:
            stuck = True
        yield made
        if used == len(looks):
            return
        new = looks[used]
        if not _fallen(start, new) or not _larger(low.loss, new.loss):
            low, high = _ordered(low, new)
        elif _flat(start, new):
            yield _end(new, 0)
            return
        else:
            low, high = new, low if new.slope * (high.t - low.t) >= 0 else high


def _end(at: Look, ended: int) -> Expected:
    return Expected(at.t, 0.0, ended)


def _larger(a: float, b: float) -> bool:
    """a > b. Unclear where they are equal but for rounding, and not equal."""
    if a != b and abs(a - b) <= NEAR * EPS * max(abs(a), abs(b)):
        raise Unclear
    return a > b


def _fallen(start: Look, new: Look) -> bool:
    return not _larger(new.loss, start.loss + C1 * new.t * start.slope)


def _flat(start: Look, new: Look) -> bool:
    return not _larger(abs(new.slope), -C2 * start.slope)


def _ordered(one: Look, two: Look) -> tuple[Look, Look]:
    """The one with the lower loss first."""
    if one.loss == two.loss:
        raise Unclear
    return (one, two) if one.loss < two.loss else (two, one)


def _lowest(one: Look, two: Look, left: float, right: float) -> Expected:
    """Where the cubic through two points is lowest, within bounds, and how far rounding of what it is made of moves
    that."""
    at = _least(one, two, left, right)
    moved = 1e-10 * abs(right - left) + NEAR * EPS * max(abs(left), abs(right))
    for sign in (-1, 1):
        for part in ("loss", "slope"):
            other = two._replace(**{part: getattr(two, part) * (1 + 4 * sign * EPS)})
            moved = max(moved, SLACK * abs(_least(one, other, left, right) - at))
    if not np.isfinite(moved):
        raise Unclear
    return Expected(at, moved)


def _least(one: Look, two: Look, left: float, right: float) -> float:
    """f(x) = f1 + a·x + b·x² + c·x³ from the first point (x = 0) to the second (x = 1); f' = 0 and f'' > 0 at
    x = -a/(b + √(b² - 3·a·c)); the middle of the bounds where it has no such point."""
    width = two.t - one.t
    a, rise = one.slope * width, two.loss - one.loss
    b, c = 3 * rise - 2 * a - two.slope * width, -2 * rise + a + two.slope * width
    square = b * b - 3 * a * c
    if abs(square) <= 1e-12 * (b * b + abs(3 * a * c)):
        raise Unclear
    if square < 0:
        return (left + right) / 2
    root = float(np.sqrt(square))
    cancels = abs(b + root) <= 1e-9 * abs(b)
    x = (root - b) / (3 * c) if cancels else -a / (b + root)
    return float(min(max(one.t + x * width, left), right))
