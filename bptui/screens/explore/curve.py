"""A curve with a point on it, and the axis at its left: of an activation and of its slope."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bptui.model.base.spans import Line, Span
from bptui.screens.explore.page import figure, short
from bptui.screens.plot import Axes, Plot
from bptui.screens.render import RenderOptions
from bptui.teach.explore.activations import HIGH, LOW

AXIS = 8
"""Columns of the axis."""


def curve_at(
    zs: Any, ys: Any, point: tuple[float, float] | None, style: str, size: tuple[int, int], look: RenderOptions
) -> list[Line]:
    """The curve over LOW to HIGH in (columns beside the axis, rows), labelled at both ends of the axis, and the point
    with its number where it lies in sight; None for a point that is hidden."""
    width, tall = size
    page = Plot(width, tall, look.unicode)
    finite = ys[np.isfinite(ys)] if np.isfinite(ys).any() else np.zeros(1)
    low, high = min(0.0, float(finite.min())), max(float(finite.max()), 1e-9)
    axes = Axes(page, (LOW, HIGH), (low, high))
    axes.draw(zs, ys, style)
    if point is not None and LOW <= point[0] <= HIGH and math.isfinite(point[1]):
        x, y = axes.cell(*point)
        for below in range(max(0, y) + 1, tall):
            if page.blank(x, below):
                page.put(x, below, "┊" if look.unicode else ":", "rule")
        page.put(x, y, "●", f"{style} bold")
        text = figure(point[1])
        page.put(x + 2 if x + 2 + len(text) <= width else x - 1 - len(text), y, text, f"{style} bold")
    labels = {0: short(high, 3)[: AXIS - 2], tall - 1: short(low, 2)[: AXIS - 2]}
    return [
        (Span(labels.get(y, "").rjust(AXIS - 2)), Span(" "), Span("│", "rule"), *line)
        for y, line in enumerate(page.lines())
    ]
