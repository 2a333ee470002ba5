"""Panel 5, Loss: the loss of every training step so far, on a log scale where it spans decades, and where we are."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.commands.registry import COMMANDS
from bptui.model.engine.masked import kept_back
from bptui.screens import plot
from bptui.screens.keys import keys_text
from bptui.screens.panels.figures import shown
from bptui.screens.panels.heat import flow
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, boxed

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.:-=+*#"


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: how many training steps, and the kind of scale."""
    losses = _losses(scene.session)
    made = plot.scale_of(losses)
    kind = ", log scale" if made is not None and made.log else ""
    count = len(losses)
    return (), (Span(f"{count:,} training step{'' if count == 1 else 's'}{kind}", "dim"),)


def move(scene: Scene, down: int, right: int) -> str:
    """There is nothing to select in it."""
    return "the curve of the loss: > and < go to the next and the previous training step"


def lines(scene: Scene) -> list[Line]:
    """What the losses are in numbers, then their curve over the training steps, the current one marked."""
    session, width, height, look = scene[:4]
    losses, ends = _losses(session), session.history.ends
    if ends and len(losses) == 1:  # no other will ever be there: it is said why
        return boxed(_alone(float(losses[0]), (Span(ends, "dim"),), width), width, height, look)
    rows = _drawn(losses.tobytes(), session.cursor.step, width, height, look)
    return boxed(rows, width, height, look)


def _losses(session: Session) -> Any:
    """All losses that are known; that of the current step is, even before training has gone on from it."""
    return session.losses


@lru_cache(4)
def _drawn(losses: bytes, at: int, width: int, height: int, look: RenderOptions) -> list[Line]:
    """`draw`, kept: from moment to moment of one training step nothing changes in it. Not to be written to."""
    return draw(np.frombuffer(losses), at, width, height, look)


def draw(losses: Any, at: int, width: int, height: int, look: RenderOptions) -> list[Line]:
    """The panel for any row of losses; `at` is the index of the current training step."""
    losses = np.asarray(losses, dtype=np.float64)
    at = max(0, min(at, len(losses) - 1))
    if not losses.size:
        return [(Span(" no loss yet", "dim"),)]
    if losses.size == 1:
        return _first(float(losses[0]), width)[:height]
    said = _numbers(losses, at, width)
    if height < 6 or width < 24:
        strips = [(Span(" "), *strip(losses, at, width - 2, look))] if width >= 4 else []
        return [*said[: max(1, height - 1)], *strips][:height]
    rows = [*said, ()]
    tall = height - len(rows) - 2
    if tall < 1:
        return said[:height]
    return rows + curve(losses, at, plot.scale_of(losses), (width, tall), look)


def _first(loss: float, width: int) -> list[Line]:
    """Of one training step there is no curve: its loss, and how there come to be more."""
    train = next(command for command in COMMANDS if command.word == "train")
    many = f"{train.word} 100"
    said = (Span("one training step, no curve yet: ", "dim"), Span(keys_text(train), "text bold"),
            Span(" trains one more, ", "dim"), Span(f":{many}", "text bold"), Span(" a hundred", "dim"))  # fmt: skip
    return _alone(loss, said, width)


def _alone(loss: float, said: Line, width: int) -> list[Line]:
    numbers_of_it = (Span("loss ", "dim"), shown(numbers.significant(loss), loss, "value bold"))
    rows: list[Line] = [numbers_of_it, (), *wrap(said, width - 1)]
    return [(Span(" "), *row) for row in rows]


def _numbers(losses: Any, at: int, width: int) -> list[Line]:
    """This step's loss, the smallest and where, the last."""
    here = float(losses[at])
    parts: list[Line] = [(Span("loss ", "dim"), shown(numbers.significant(here), here, "value bold"))]
    parts.append((Span("at step ", "dim"), Span(f"{at:,}", "text bold")))
    finite = np.flatnonzero(np.isfinite(losses))
    if finite.size:
        best = int(finite[np.argmin(losses[finite])])
        smallest = numbers.significant(float(losses[best]), 4)
        parts.append((Span("min ", "dim"), Span(smallest, "value"), Span(f" at {best:,}", "dim")))
    last = float(losses[-1])
    if at < len(losses) - 1:  # else it is the one that stands first
        parts.append((Span("last ", "dim"), shown(numbers.significant(last, 4), last, "value")))
    broken = np.flatnonzero(~np.isfinite(losses) & ~kept_back(losses))
    if broken.size:
        first = int(broken[0])
        parts.append((Span("✗ ", "fail"), Span(f"not finite from step {first:,} on", "text")))
        if finite.size and finite[-1] > first:
            parts[-1] = (Span("✗ ", "fail"), Span(f"{broken.size:,} not finite, first {first:,}", "text"))
    return [(Span(" "), *row) for row in flow(parts, width - 1, 3)]


def curve(losses: Any, at: int, scale: plot.Scale | None, size: tuple[int, int], look: RenderOptions) -> list[Line]:
    """The curve over its axes, two rows more than `size` has: bold the current step, dim what lies after it, `✗` over
    what is not finite."""
    width, tall = size
    page = plot.Plot(width - plot.LABEL - 2, tall, look.unicode)
    columns = plot.buckets(losses, page.wide)
    apart, per = plot.spacing(len(columns), page.wide), page.wide // page.width
    here = min(page.width - 1, round(at * (len(columns) / len(losses)) * apart) // per)
    for y in range(tall):
        page.put(0, y, " " * here, "value")
        page.put(here, y, " ", "value bold")
        page.put(here + 1, y, " " * (page.width - here - 1), "dim")
    if scale is not None:
        plot.curve(page, columns, scale)
    for y in range(tall) if here else ():  # there the axis is
        if page.blank(here, y):
            page.put(here, y, "│", "rule")
    for n, column in enumerate(columns):
        if column.broken:
            page.put(round(n * apart) // per, 0, "✗", "fail")
    below = plot.axis(page.width, here, f"{at:,}", ("0", f"{len(losses) - 1:,}"), look.unicode)
    return [*plot.framed(page, scale), *below]


def strip(losses: Any, at: int, width: int, look: RenderOptions) -> Line:
    """The curve in one row of bars; the current step's is bold, what lies after it dim, what is not finite `✗`."""
    losses = np.asarray(losses, dtype=np.float64)
    if width < 1 or not losses.size:
        return ()
    made = plot.scale_of(losses)
    columns = plot.buckets(losses, width)
    here = min(len(columns) - 1, at * len(columns) // len(losses))
    bars = BARS if look.unicode else ASCII_BARS
    out: list[Span] = []
    for x, (_, high, bad) in enumerate(columns):
        style = "value bold" if x == here else "value" if x < here else "dim"
        if math.isnan(high) and not bad:
            glyph, style = numbers.HIDDEN, "value bold reverse"
        elif bad or made is None:
            glyph, style = ("✗" if look.unicode else "x"), "fail"
        else:
            glyph = bars[min(len(bars) - 1, int(float(made.part(np.float64(high))) * len(bars)))]
        out.append(Span(glyph, style))
    return tuple(out)
