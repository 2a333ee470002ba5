"""What home lists: lessons with progress, the playground, the examples with their stories, what was opened last."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bptui.model.base.spans import Line, Span
from bptui.model.source.examples import catalogue
from bptui.recent import recent
from bptui.screens.home_list import EXAMPLES, PLAYGROUND, RECENT, Item

PLAY = "choose data, layers, activation, rate; watch it learn; step into it"


def items() -> tuple[Sequence[Item], int]:
    """All of it, and where the cursor starts: at the lesson one is in, else at the first that is not done."""
    taught = _lessons()
    rows = [*taught, Item(PLAYGROUND, "play", "play", PLAY)]
    for example in catalogue():
        source: Line = (Span("numbers  ", "dim"), Span(example.source))
        story = tuple((Span(text),) for text in example.story)
        more: tuple[Line, ...] = ((Span(example.about),), (), *story, (), source) if example.source else story
        rows.append(Item(EXAMPLES, example.name, example.name, example.about, more=more))
    now = time.time()
    for row in recent():
        right: Line = (Span(row.day(now), "dim"),)
        rows.append(Item(RECENT, row.opens, row.name, row.where, right=right, gone=row.gone))
    begun = next((n for n, item in enumerate(taught) if "/" in "".join(span.text for span in item.right)), None)
    left = next((n for n, item in enumerate(taught) if not item.done), 0)
    return rows, left if begun is None else begun


def _lessons() -> list[Item]:
    """The lessons, as far as there are any."""
    return []
