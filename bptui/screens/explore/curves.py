"""The losses of trainings beside each other, on one scale: what is flat beside a curve that falls stays flat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span
from bptui.model.base.types import Array
from bptui.screens import layout
from bptui.screens.explore.page import mark
from bptui.screens.panels.figures import shown
from bptui.screens.panels.loss import curve
from bptui.screens.plot import scale_of
from bptui.screens.render import RenderOptions, beside

LEAST = 10
"""Rows of it, at the least."""


class Told(NamedTuple):
    """A training: its name, the loss of each step, (n,), none while it is not trained; the step that is looked at; is
    the loss asked for?"""

    name: str
    losses: Array
    step: int
    hidden: bool


def lines(trainings: Sequence[Told], wide: int, width: int, height: int, look: RenderOptions) -> list[Line]:
    """One or two trainings, the second one from column `wide` on; nothing where there are fewer than LEAST rows."""
    if height < LEAST:
        return []
    first, *others = trainings
    scale = scale_of(np.concatenate([each.losses for each in trainings if not each.hidden] or [first.losses]))
    pages = []
    for each, room in zip(trainings, (wide, width - wide - 1) if others else (width,), strict=True):
        if each.hidden:
            pages.append([(Span(" "), *mark("value"))])
        elif not each.losses.size:
            pages.append([(Span(" ·", "dim"),)])
        else:
            at = min(each.step, len(each.losses) - 1)
            loss = float(each.losses[at])
            told = (Span(" loss ", "dim"), shown(significant(loss), loss, "value bold"), Span("   at step ", "dim"),
                    Span(f"{at:,}", "text bold"))  # fmt: skip
            pages.append([told, (), *curve(each.losses, at, scale, (room - 1, height - 5), look)])
    name = (Span(first.name, "text"),)
    if not others:
        return [layout.rule(layout.Title(3, "Loss", name), width), *pages[0]]
    second = layout.title_rule(others[0].name, "", width - wide - 1, heavy=False)
    rule = (*layout.rule(layout.Title(3, "Loss", name), wide), Span("┬", "rule"), *second)
    return [rule, *beside(pages[0], pages[1], wide, height - 1)]
