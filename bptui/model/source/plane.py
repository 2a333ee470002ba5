"""Data sets over the plane from -6 to 6, in both directions, and the features that can be made of its two coordinates.

Four kinds and two regressions as in the TensorFlow Playground (Smilkov and Carter 2016): points are drawn
anew from the seed, so that those of the next seed are others of the same kind. `noise` is the standard deviation of
what is added to each point. A data set is a function (samples, noise, seed) → (points (samples, 2), targets
(samples,)); targets are class numbers, or, of the two regressions, numbers from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.types import Array
from bptui.model.engine.batches import draw
from bptui.model.source.initializers import Source, unit

DRAWN = 5
"""The purpose of a draw (see `bptui.model.engine.batches.draw`)."""
RADIUS = 5.0
"""How far the points reach from the origin; noise comes on top of it."""
EDGE = 0.3
"""Of quadrants: how far the points keep from the axes."""
TURNS = 1.75
HILLS = ((-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1))
"""Of hills: where each top is, and its height. Each falls to 0 at a distance of WIDTH."""
WIDTH = 2.0

Points = tuple[Array, Array]


def _drawn(samples: int, seed: int, stream: int) -> Array:
    """Numbers from 0 to 1."""
    return unit(draw(seed, DRAWN, 0, samples, stream))


def _noisy(points: Array, noise: float, seed: int) -> Array:
    return points + Source(seed, 2**40 + 1, DRAWN).normal(points.shape, 0, noise)


def _around(radius: Array, angle: Array) -> Array:
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)


def _square(samples: int, seed: int) -> Array:
    across, up = (RADIUS * (2 * _drawn(samples, seed, stream) - 1) for stream in (0, 1))
    return np.stack((across, up), axis=1)


def circle(samples: int, noise: float, seed: int) -> Points:
    """A disc of half the radius (class 1), and a ring around it from 0.7 of the radius on (class 0)."""
    labels = (np.arange(samples) + 1) % 2
    part = _drawn(samples, seed, 0)
    radius = RADIUS * np.where(labels == 1, 0.5 * part, 0.7 + 0.3 * part)
    return _noisy(_around(radius, 2 * np.pi * _drawn(samples, seed, 1)), noise, seed), labels


def quadrants(samples: int, noise: float, seed: int) -> Points:
    """Exclusive or over the plane: class 1 where the two coordinates have one sign, as the playground has it."""
    points = _square(samples, seed)
    points = points + np.where(points > 0, EDGE, -EDGE)
    return _noisy(points, noise, seed), (points[:, 0] * points[:, 1] > 0).astype(int)


def gauss(samples: int, noise: float, seed: int) -> Points:
    """Two clouds around (2, 2), class 1, and (-2, -2), class 0; their own standard deviation is 0.7."""
    labels = (np.arange(samples) + 1) % 2
    centres = np.where(labels == 1, 2.0, -2.0)[:, None] + np.zeros((1, 2))
    return _noisy(_noisy(centres, 0.7, seed + 2**32), noise, seed), labels


def spiral(samples: int, noise: float, seed: int) -> Points:
    """Two spirals of 1.75 turns, half a turn apart: the one that takes patience."""
    labels = (np.arange(samples) + 1) % 2
    along = _drawn(samples, seed, 0)
    angle = TURNS * along * 2 * np.pi + np.where(labels == 1, 0.0, np.pi)
    return _noisy(_around(RADIUS * along, np.pi / 2 - angle), noise, seed), labels


def plane(samples: int, noise: float, seed: int) -> Points:
    """A slope: (x1 + x2)/10, from -1 to 1."""
    points = _square(samples, seed)
    return _noisy(points, noise, seed), points.sum(axis=1) / (2 * RADIUS)


def hills(samples: int, noise: float, seed: int) -> Points:
    """Three hills and three hollows; where two meet, the one that is further from 0."""
    points = _square(samples, seed)
    tops = np.array(HILLS, np.float64)
    away = np.hypot(*(points[:, None, axis] - tops[None, :, axis] for axis in (0, 1)))
    heights = tops[:, 2] * np.clip(1 - away / WIDTH, 0, 1)
    steepest = np.abs(heights).argmax(axis=1)
    return _noisy(points, noise, seed), heights[np.arange(samples), steepest]


CLASSES: Mapping[str, Callable[[int, float, int], Points]] = {
    "circle": circle, "quadrants": quadrants, "gauss": gauss, "spiral": spiral,
}  # fmt: skip
SURFACES: Mapping[str, Callable[[int, float, int], Points]] = {"plane": plane, "hills": hills}
"""The targets of these are numbers, not classes."""
SAMPLES, NOISE = 200, 0.2
"""As they are drawn where nothing else is said."""

FEATURES: Mapping[str, Callable[[Array, Array], Array]] = {
    "x1": lambda a, b: a,
    "x2": lambda a, b: b,
    "x1**2": lambda a, b: a * a,
    "x2**2": lambda a, b: b * b,
    "x1*x2": lambda a, b: a * b,
    "sin(x1)": lambda a, b: np.sin(a),
    "sin(x2)": lambda a, b: np.sin(b),
}
"""What a network can be shown of a point, by name: a column of its inputs each."""


def featured(points: Array, names: Sequence[str], where: str) -> Array:
    """The columns of these names, of points (samples, 2); UserError for other points, for a name that is none, is there
    twice, or where there is no name at all."""
    if points.ndim != 2 or points.shape[1] != 2:
        told = "x".join(map(str, points.shape[1:])) or "one number"
        raise UserError(where, f"an input has {told} numbers", "features are made of two: x1 and x2")
    for number, name in enumerate(names):
        if name not in FEATURES:
            raise UserError(where, f"unknown '{name[:40]}'", did_you_mean(name, FEATURES, ", ".join(FEATURES)))
        if name in names[:number]:
            raise UserError(where, f"'{name}' is there twice", "each feature once")
    if not names:
        raise UserError(where, "is empty", ", ".join(FEATURES))
    return np.stack([FEATURES[name](points[:, 0], points[:, 1]) for name in names], axis=1)
