"""Panel 3 of the playground: the loss of every training step so far, and where one has looked, over the test points."""

from __future__ import annotations

import math

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.screens import plot
from bptui.screens.render import RenderOptions
from bptui.teach.play.course import Frame

LABEL = 8
AXIS = 7
"""Rows from which on there is an axis of training steps below."""


def title(frame: Frame, look: RenderOptions) -> Line:
    """At the right: which curve is which, where both are there."""
    if not len(frame.tests[0]):
        return ()
    line, dots = ("⣀⣀", "⢀ ⡀") if look.unicode else ("**", "x x")
    return (Span(line, "value"), Span(" loss  ", "dim"), Span(dots, "value"), Span(" test", "dim"))


def lines(frame: Frame, width: int, height: int, look: RenderOptions) -> list[Line]:
    """Both curves on one scale, from training step 0 to the last there is; the one that is shown is marked."""
    losses = np.asarray(frame.losses, np.float64)
    steps, tests = frame.tests
    axis = height >= AXIS
    room = height - axis
    columns = means(losses, 2 * max(1, width - LABEL - 1))
    scale = plot.scale_of(np.concatenate((np.array([each.low for each in columns]), tests)))
    if scale is None or width < LABEL + 4 or room < 2:
        return [(Span(f" loss {numbers.significant(frame.loss)}", "dim"),)]
    if not scale.log and scale.low > 0:
        scale = plot.Scale(0.0, scale.high, False)
    page = plot.Plot(width - LABEL - 1, room, look.unicode)
    count = len(losses)
    at = min(page.width - 1, int(frame.step / max(1, count - 1) * (page.width - 1)))
    if frame.step < count - 1:
        for y in range(room):
            page.put(at, y, "│", "rule")
    plot.curve(page, columns, scale, "value")
    if len(tests):
        _dotted(page, steps / max(1, count - 1), tests, scale)
    low, high = (numbers.significant(x, 2 if scale.log else 3) for x in (scale.low, scale.high))
    rows = []
    for y, row in enumerate(page.lines()):
        label = high if y == 0 else low if y == room - 1 and low != high else ""
        rows.append((Span(f" {label[: LABEL - 1]:<{LABEL - 1}}", "dim"), *row))
    if axis:
        end = f"{count - 1:,}"
        rows.append((Span(" " * (LABEL - 1)), Span("0", "dim"), Span(end.rjust(page.width - 1), "dim")))
    return rows


def means(losses: np.ndarray, count: int) -> list[plot.Bucket]:
    """The mean of the finite losses of each column: those of single batches jump."""
    count = max(1, min(count, len(losses)))
    edges = np.linspace(0, len(losses), count + 1).astype(int)[:-1]
    finite = np.isfinite(losses)
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.where(finite, losses, 0.0), edges)
        counts = np.add.reduceat(finite.astype(np.int64), edges)
        found = sums / counts
    return [plot.Bucket(x, x, False) for x in found.tolist()]


def _dotted(page: plot.Plot, parts: np.ndarray, values: np.ndarray, scale: plot.Scale) -> None:
    """Single dots, every third column: never told apart by colour alone."""
    for part, value in zip(parts.tolist(), values.tolist(), strict=True):
        if math.isfinite(value):
            x = int(part * (page.wide - 1)) // 3 * 3
            page.dot(x, round(float(scale.part(np.float64(value))) * (page.tall - 1)), "value bold")
