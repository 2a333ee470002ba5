"""The network that was played last: what is kept of a Frame, and the map that home shows of it. Imports NumPy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bptui.model.base.spans import Line
from bptui.screens.play import levels, output
from bptui.screens.render import RenderOptions
from bptui.teach.play import settings, views
from bptui.teach.play.course import Frame
from bptui.teach.play.kept import Kept
from bptui.teach.play.setup import Setup

DTYPE = "<f8"


def named(setup: Setup) -> str:
    """What is played with, in a word."""
    return views.CALLED.get(setup.title, setup.title)


def kept_of(frame: Frame) -> Kept:
    """What is kept of what is seen: where something was changed on the way the step is 0."""
    setup, of = frame.setup, output.range_of(frame)
    rows = [settings.BY_NAME[name] for name in settings.OWN]
    lines = tuple(f"{row.name} {row.text(setup)}" for row in rows if row.read(setup) is not None)
    folder = setup.document.folder
    return Kept(
        named(setup), 0 if frame.on_the_way else frame.step,
        setup.document.where, "" if folder is None else str(folder.resolve()), setup.document.content, lines,
        len(frame.seen.output), frame.seen.output.astype(DTYPE).tobytes(),
        (float(of.middle), float(of.reach), of.steps, of.two),
    )  # fmt: skip


class Map:
    """The map of what was kept, without its points, in a room of any size."""

    def __init__(self, kept: Kept) -> None:
        self._output = np.frombuffer(kept.output, DTYPE).reshape(kept.size, kept.size)
        self._levels = levels.Range(*kept.levels)
        self.lines = lru_cache(4)(self._lines)

    def _lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """The largest square that fits: half as many rows as columns."""
        return output.plane(self._output, self._levels, *output.square(width, height), look)
