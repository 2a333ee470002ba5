"""Panel 2 of the playground: the answer over the plane, and the points on it."""

from __future__ import annotations

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.base.types import Array
from bptui.screens import pixels
from bptui.screens.play import levels
from bptui.screens.render import RenderOptions
from bptui.teach.play.course import Frame

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def range_of(frame: Frame) -> levels.Range:
    """What the levels of the map stand for. Which of many classes it is has no two sides."""
    found = _range(frame)
    return found._replace(two=frame.setup.discretize and not _many(frame))


def _range(frame: Frame) -> levels.Range:
    answer = frame.sight.answer
    if answer.kind == "number":
        return levels.Range(answer.low / 2 + answer.high / 2, (answer.high - answer.low) / 2, steps=True)
    if answer.kind == "class" and answer.middle == 0.5:
        return levels.Range(0.5, 0.5)
    output = frame.seen.output
    if _many(frame):
        last = max(1, frame.seen.layers[-1].shape[1] - 1)
        return levels.Range(last / 2, last / 2, steps=True)
    finite = np.abs(output[np.isfinite(output)])
    return levels.Range(0.0, float(finite.max()) if finite.size and finite.max() > 0 else 1.0)


def _many(frame: Frame) -> bool:
    """Are there more than two classes? Then the map shows which one it is."""
    return frame.sight.answer.kind == "classes" and frame.seen.layers[-1].shape[1] > 2


def title(frame: Frame, width: int, cross: tuple[float, float] | None, predicted: float) -> Line:
    """At the right: what the marks mean, or the chosen point and what is predicted there."""
    if cross is not None:
        told = f" {predicted:.2f}" if width < ROOMY else f"  {numbers.significant(predicted, 4)}"
        return (Span(point_text(cross, width), "dim"), Span(told, "value bold"))
    if len(frame.sight.points) < frame.sight.all_points:
        return (Span(f"{len(frame.sight.points):,} of {frame.sight.all_points:,} points", "dim"),)
    if frame.sight.answer.kind == "number":
        answer = frame.sight.answer
        return (Span(f"{numbers.significant(answer.low, 2)} to {numbers.significant(answer.high, 2)}", "dim"),)
    if _many(frame):
        return (Span(f"classes a to {LETTERS[frame.seen.layers[-1].shape[1] - 1]}", "dim"),)
    if drawn_points(frame)[0] is not frame.sight.points:
        return (Span("test points", "dim"),)
    low = "-1" if float(frame.sight.targets.min()) < 0 else "0"
    return (Span("●", "text bold"), Span(" is 1  ", "dim"), Span("○", "text bold"), Span(f" is {low}", "dim"))


def point_text(point: tuple[float, float], width: int) -> str:
    """`(5.8, -0.2)`, without brackets where there is little room."""
    x, y = (numbers.significant(each, 2) if abs(each) >= 0.01 else "0" for each in point)
    return f"{x} {y}" if width < ROOMY else f"({x}, {y})"


ROOMY = 40
"""Columns from which on a title has room for a point and its prediction to four digits."""


def cell_of(frame: Frame, x: float, y: float, wide: int, tall: int) -> tuple[int, int] | None:
    """The (column, row) of a point of the plane; None outside of it."""
    (cx, cy), edge = frame.sight.centre, frame.sight.edge
    if not abs(x - cx) < edge or not abs(y - cy) < edge:
        return None
    return int((x - cx + edge) / (2 * edge) * wide), int((cy + edge - y) / (2 * edge) * tall)


def point_of(frame: Frame, part: tuple[float, float]) -> tuple[float, float]:
    """The point of the plane at parts of its width and height, from the left and from the top."""
    (cx, cy), edge = frame.sight.centre, frame.sight.edge
    return cx + (2 * part[0] - 1) * edge, cy + (1 - 2 * part[1]) * edge


def lines(
    frame: Frame, width: int, height: int, look: RenderOptions, cross: tuple[float, float] | None = None,
    judged: bool = True,
) -> list[Line]:  # fmt: skip
    """The map in half blocks, as large as there is room for a square; a cell holds one mark, a wrong point wins, where
    they are `judged`."""
    wide, tall = square(width, height)
    marks: dict[tuple[int, int], Span] = {}
    points, targets, wrong = drawn_points(frame)
    wrong = wrong if judged else np.zeros_like(wrong)
    order = np.argsort(wrong, kind="stable")
    glyphs = _glyphs(frame, targets)
    for k in order.tolist():
        cell = cell_of(frame, float(points[k, 0]), float(points[k, 1]), wide, tall)
        if cell is not None:
            marks[cell] = Span("✗", "fail reverse") if wrong[k] else Span(glyphs[k], "text bold")
    if cross is not None and (cell := cell_of(frame, *cross, wide, tall)) is not None:
        marks[cell] = Span("+", "text bold reverse")
    rows = plane(frame.seen.output, range_of(frame), wide, tall, look, marks)
    left = (width - wide) // 2
    return [(Span(" " * left), *row) if left else row for row in rows]


def square(width: int, height: int) -> tuple[int, int]:
    """(columns, rows) of the largest square of half-block pixels in a room."""
    tall = min(height, max(1, width // 2))
    return min(width, 2 * tall), tall


def plane(
    output: Array, of: levels.Range, wide: int, tall: int, look: RenderOptions, marks: pixels.Marks = pixels.NONE
) -> list[Line]:
    """The answer over the plane, (size, size), in so many columns and rows."""
    return pixels.pixels(levels.levels(levels.sampled(output, wide, 2 * tall), of), look, marks=marks)


def drawn_points(frame: Frame) -> tuple[Array, Array, Array]:
    """(points, targets, which are wrong) that are drawn: the test points where they are asked for and there are any."""
    sight = frame.sight
    if frame.setup.points == "test" and len(sight.test_points):
        return sight.test_points, sight.test_targets, frame.seen.test_wrong
    return sight.points, sight.targets, frame.seen.wrong


def _glyphs(frame: Frame, targets: Array) -> list[str]:
    """A mark for each point."""
    targets = targets.reshape(len(targets), -1)[:, 0]
    if _many(frame):
        return [LETTERS[int(label) % len(LETTERS)] for label in targets.tolist()]
    middle = frame.sight.answer.low / 2 + frame.sight.answer.high / 2 if frame.sight.answer.kind == "number" else None
    split = middle if middle is not None else 0.0 if frame.sight.targets.min() < 0 else 0.5
    return ["●" if value > split else "○" for value in targets.tolist()]
