"""Panel 5, Loss: the loss of every training step so far, on a log scale where it spans decades, and where we are."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.commands.registry import COMMANDS
from bptui.screens.keys import keys_text
from bptui.screens.panels.figures import shown
from bptui.screens.panels.heat import flow
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, clip, to_ascii

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

DECADES = 2.0
"""From so many powers of ten on the scale is logarithmic."""
LABEL = 9
BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille cell: four rows of two columns, from U+2800."""


class Scale(NamedTuple):
    """Losses from `low` to `high` (both finite), logarithmic or not."""

    low: float
    high: float
    log: bool

    def part(self, values: Any) -> Any:
        """0 for `low` to 1 for `high`; NaN stays NaN."""
        with np.errstate(all="ignore"):
            if self.log:
                low, high = math.log10(self.low), math.log10(self.high)
                at = (np.log10(values) - low) / (high - low)
            else:
                # halves first: the span of two huge losses is not finite
                span = self.high / 2 - self.low / 2
                at = (values / 2 - self.low / 2) / span if span > 0 else np.where(np.isfinite(values), 0.5, values)
        return np.clip(at, 0.0, 1.0)


def scale_of(losses: Any) -> Scale | None:
    """The scale of the finite losses; None where there is none."""
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    return Scale(low, high, low > 0 and math.log10(high) - math.log10(low) >= DECADES)


def buckets(losses: Any, count: int) -> list[tuple[float, float, bool]]:
    """The losses in at most `count` columns: smallest and largest finite one of each, whether any was not finite."""
    size = len(losses)
    count = max(1, min(count, size))
    edges = np.linspace(0, size, count + 1).astype(int)
    out = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = losses[a:b]
        finite = part[np.isfinite(part)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
        out.append((low, high, finite.size < part.size))
    return out


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: how many training steps, and the kind of scale."""
    losses = _losses(scene.session)
    made = scale_of(losses)
    kind = ", log scale" if made is not None and made.log else ""
    count = len(losses)
    return (), (Span(f"{count:,} training step{'' if count == 1 else 's'}{kind}", "dim"),)


def move(scene: Scene, down: int, right: int) -> str:
    """There is nothing to select in it."""
    return "the curve of the loss: > and < go to the next and the previous training step"


def lines(scene: Scene) -> list[Line]:
    """What the losses are in numbers, then their curve over the training steps, the current one marked."""
    session, width, height, look = scene[:4]
    if width < 1 or height < 1:
        return []
    rows = _drawn(_losses(session).tobytes(), session.cursor.step, width, height, look)
    rows = [clip(row, width) for row in rows[:height]]
    return rows if look.unicode else [to_ascii(row) for row in rows]


def _losses(session: Session) -> Any:
    """All losses that are known; that of the current step is, even before training has gone on from it."""
    losses = np.asarray(session.history.losses, dtype=np.float64)
    if len(losses) <= session.cursor.step:
        losses = np.append(losses, float(session.recording.loss))
    return losses


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
    return rows + _curve(losses, at, width, tall, look)


def _first(loss: float, width: int) -> list[Line]:
    """Of one training step there is no curve: its loss, and how there come to be more."""
    train = next(command for command in COMMANDS if command.word == "train")
    many = f"{train.word} 100"
    said = (Span("one training step, no curve yet: ", "dim"), Span(keys_text(train), "text bold"),
            Span(" trains one more, ", "dim"), Span(f":{many}", "text bold"), Span(" a hundred", "dim"))  # fmt: skip
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
    if finite.size < losses.size:
        first = int(np.flatnonzero(~np.isfinite(losses))[0])
        parts.append((Span("✗ ", "fail"), Span(f"not finite from step {first:,} on", "text")))
        if finite.size and finite[-1] > first:
            parts[-1] = (Span("✗ ", "fail"), Span(f"{losses.size - finite.size:,} not finite, first {first:,}", "text"))
    return [(Span(" "), *row) for row in flow(parts, width - 1, 3)]


def _curve(losses: Any, at: int, width: int, tall: int, look: RenderOptions) -> list[Line]:
    """Braille (or `*` in ASCII): each column of dots from the smallest to the largest loss of its steps."""
    made = scale_of(losses)
    wide = width - LABEL - 2
    per = 2 if look.unicode else 1
    columns = buckets(losses, wide * per)
    step = 4 if look.unicode else 1
    dots = tall * step
    grid = [[0] * wide for _ in range(tall)]
    broken: set[int] = set()
    # few steps are spread over the whole width, and joined
    spread = (wide * per - 1) / (len(columns) - 1) if len(columns) > 1 else 0.0
    before: tuple[int, int] | None = None
    for n, (low, high, bad) in enumerate(columns):
        x = round(n * spread)
        if bad:
            broken.add(x // per)
        if made is None or math.isnan(low):
            before = None
            continue
        bottom, top = (round(float(made.part(np.float64(v))) * (dots - 1)) for v in (low, high))
        for y in range(bottom, top + 1):
            _dot(grid, x, dots - 1 - y, per, step)
        middle = (bottom + top) // 2
        if before is not None:
            steps = max(x - before[0], abs(middle - before[1]))
            for k in range(1, steps):
                y = round(before[1] + (middle - before[1]) * k / steps)
                _dot(grid, before[0] + round((x - before[0]) * k / steps), dots - 1 - y, per, step)
        before = (x, middle)
    here = round(at * (len(columns) / len(losses)) * spread) // per if len(columns) > 1 else 0
    here = min(wide - 1, here)
    high_text = low_text = ""
    if made is not None:
        decimals = numbers.decimals_for([made.low, made.high])
        high_text, low_text = (numbers.field(v, 8, decimals) for v in (made.high, made.low))
    rows: list[Line] = []
    for y, cells in enumerate(grid):
        label = high_text if y == 0 else low_text if y == tall - 1 and low_text != high_text else ""
        row: list[Span] = [Span(label.rjust(LABEL), "dim"), Span("│", "rule")]
        text = [_glyph(bits, look) for bits in cells]
        for x, glyph in enumerate(text):
            style = "value bold" if x == here else "value" if x < here else "dim"
            if y == 0 and x in broken:
                glyph, style = "✗", "fail"
            elif x == here and glyph == " ":
                glyph, style = "│", "rule"
            if row[-1].style == style and x:
                row[-1] = Span(row[-1].text + glyph, style)
            else:
                row.append(Span(glyph, style))
        rows.append(tuple(row))
    mark = "▲" if look.unicode else "^"
    axis = (
        Span(" " * LABEL),
        Span("└" + "─" * here, "rule"),
        Span(mark, "text bold"),
        Span("─" * (wide - here - 1), "rule"),
    )
    return [*rows, axis, _steps(len(losses), at, here, wide)]


def _steps(count: int, at: int, here: int, wide: int) -> Line:
    """`0`, the current step under its mark, and the last step."""
    texts = [(0, "0", "dim"), (wide - len(f"{count - 1:,}"), f"{count - 1:,}", "dim")]
    text = f"{at:,}"
    start = max(0, min(here - len(text) // 2, wide - len(text)))
    kept = [t for t in texts if t[0] + len(t[1]) < start or t[0] > start + len(text)]
    out: list[Span] = [Span(" " * (LABEL + 1))]
    x = 0
    for begin, word, style in sorted([*kept, (start, text, "text bold")]):
        if begin < x:
            continue
        out += [Span(" " * (begin - x)), Span(word, style)]
        x = begin + len(word)
    return tuple(out)


def _dot(grid: list[list[int]], x: int, y: int, per: int, step: int) -> None:
    bit = DOTS[y % 4][x % 2] if step == 4 else 1
    grid[y // step][x // per] |= bit


def _glyph(bits: int, look: RenderOptions) -> str:
    if not bits:
        return " "
    return chr(0x2800 + bits) if look.unicode else "*"


def strip(losses: Any, at: int, width: int, look: RenderOptions) -> Line:
    """The curve in one row of bars; the current step's is bold, what lies after it dim, what is not finite `✗`."""
    losses = np.asarray(losses, dtype=np.float64)
    if width < 1 or not losses.size:
        return ()
    made = scale_of(losses)
    columns = buckets(losses, width)
    here = min(len(columns) - 1, at * len(columns) // len(losses))
    bars = BARS if look.unicode else ASCII_BARS
    out: list[Span] = []
    for x, (_, high, bad) in enumerate(columns):
        style = "value bold" if x == here else "value" if x < here else "dim"
        if bad or made is None:
            glyph, style = ("✗" if look.unicode else "x"), "fail"
        else:
            glyph = bars[min(len(bars) - 1, int(float(made.part(np.float64(high))) * len(bars)))]
        out.append(Span(glyph, style))
    return tuple(out)
