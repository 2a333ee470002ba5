"""How far to go along a direction: the strong Wolfe line search of torch.optim.LBFGS (`_strong_wolfe`, by minFunc).

A length t is accepted where the loss has fallen enough, f(t) ≤ f(0) + C1·t·f'(0), and the slope has become flat,
|f'(t)| ≤ C2·|f'(0)| (Nocedal and Wright, Numerical Optimization, 3.7; the constants are PyTorch's). First an interval
is looked for that has such a length in it, then it is made narrower by the minima of cubics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array

C1, C2 = 1e-4, 0.9

ENDS = ("accepted", "evaluations used up", "interval too narrow")
"""How a search ends."""


class Point(NamedTuple):
    """The loss at a length t along the direction, its slope f'(t) = g·d, the gradient, and which evaluation it was."""

    t: Any
    loss: Any
    slope: Any
    gradient: Array
    number: int


class Along(NamedTuple):
    """A line from a point: `at(t)` evaluates, `start` is t = 0, `size` the largest element of the direction."""

    at: Callable[[Any], Point]
    start: Point
    size: Any


def _flat(start: Point, point: Point) -> bool:
    return bool(abs(point.slope) <= -C2 * start.slope)


def strong_wolfe(line: Along, t: Any, most: int, narrow: float) -> tuple[Point, int]:
    """The point to go to, begun at length t, and how the search ended (an index of `ENDS`). most: evaluations after the
    first; narrow: the search ends where the ends of the interval are no further apart, in the largest element."""
    start, new = line.start, line.at(t)
    before, tried = start, 0
    interval: list[Point] | None = None
    while tried < most:
        if new.loss > start.loss + C1 * new.t * start.slope or (tried > 1 and new.loss >= before.loss):
            interval = [before, new]
            break
        if _flat(start, new):
            return new, 0
        if new.slope >= 0:
            interval = [before, new]
            break
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        before, new = new, line.at(cubic(before, new, bounds))
        tried += 1
    if interval is None:
        return start if start.loss <= new.loss else new, 1
    return _narrowed(line, interval, tried, most, narrow)


def _narrowed(line: Along, interval: list[Point], tried: int, most: int, narrow: float) -> tuple[Point, int]:
    """The point of an interval that has one in it that meets the conditions."""
    start, stuck = line.start, False
    low, high = (0, 1) if interval[0].loss <= interval[1].loss else (1, 0)
    while tried < most:
        one, two = interval
        if abs(two.t - one.t) * line.size < narrow:
            return interval[low], 2
        t, least, longest = cubic(one, two), min(one.t, two.t), max(one.t, two.t)
        margin = 0.1 * (longest - least)
        if min(longest - t, t - least) < margin:  # close to an end: twice in a row, or at it, is no progress
            beyond = stuck or t >= longest or t <= least
            if beyond:
                t = longest - margin if abs(t - longest) < abs(t - least) else least + margin
            stuck = not beyond
        else:
            stuck = False
        new = line.at(t)
        tried += 1
        if new.loss > start.loss + C1 * t * start.slope or new.loss >= interval[low].loss:
            interval[high] = new
            low, high = (0, 1) if interval[0].loss <= interval[1].loss else (1, 0)
            continue
        accepted = _flat(start, new)
        if not accepted and new.slope * (interval[high].t - interval[low].t) >= 0:
            interval[high] = interval[low]
        interval[low] = new
        if accepted:
            return new, 0
    return interval[low], 1


def cubic(one: Point, two: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic with these losses and slopes at two points has its minimum, within bounds (the points); their
    middle where it has none."""
    least, longest = bounds if bounds is not None else (min(one.t, two.t), max(one.t, two.t))
    first = one.slope + two.slope - 3 * np.divide(one.loss - two.loss, one.t - two.t)
    square = first**2 - one.slope * two.slope
    if not square >= 0:
        return (least + longest) / 2
    root = np.sqrt(square)
    if one.t <= two.t:
        at = two.t - (two.t - one.t) * np.divide(two.slope + root - first, two.slope - one.slope + 2 * root)
    else:
        at = one.t - (one.t - two.t) * np.divide(one.slope + root - first, one.slope - two.slope + 2 * root)
    return min(max(at, least), longest)
