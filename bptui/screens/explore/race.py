"""Explorer race: the loss over two weights in half blocks, four optimizers from one start, the loss of each by step."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.spans import Line, Span
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.explore.page import at, count, figure, mark, one_of, right, short, without
from bptui.screens.explore.rate import next_rate, rate_of
from bptui.screens.keys import EXPLORE_RACE
from bptui.screens.panels.choices import Choice
from bptui.screens.panels.text import wrap
from bptui.screens.pixels import legend, pixels
from bptui.screens.plot import Axes, Plot
from bptui.screens.render import RenderOptions, beside, boxed, fit, length, under
from bptui.teach.explore.race import LETTERS, NAMES, PROBLEMS, SAID, Map, Race, Track, network_of, problem_of

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

SIDE, LABELS = 35, 5
"""Cells of the right column; of the labels at the left of the map."""
PACE = 0.08
"""Seconds from step to step while it runs."""
MOST_STEPS = 2_000
MOST_PIXELS = 4_000_000
"""Parameters times pixels: of a larger network the map is coarser."""
ORDER = ("1st", "2nd", "3rd", "4th")


class RaceBoard(Board):
    """network  of the user's, None for the explorer's own problems;  by  two weights of it, as `w,b`"""

    name, place = "race", EXPLORE_RACE

    def __init__(self, network: Network | None = None, by: str = "") -> None:
        own = None if network is None else problem_of(network)
        self._network, self._by = network if own is None else None, by
        if self._network is not None:  # there is nothing to choose from
            self.place = without(EXPLORE_RACE, "problem")
        self._number = own or 0
        self._pixels: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self.chosen, self.step, self.running = 1, 0, False
        if self._network is not None:
            self.race = Race(self._network, self._by)
        else:
            problem = PROBLEMS[self._number]
            self.race = Race(network_of(problem), problem=problem)

    @property
    def asks(self) -> Ask:
        """What a class is asked."""
        question = f"Whose loss is least after {self.race.steps} steps?"
        return Ask(question, frozenset(("loss",)), "space", self._answers())

    def _answers(self) -> tuple[Choice, ...]:
        """The four; none as long as one of them still trains."""
        tracks = [self.race.known(n) for n in range(len(LETTERS))]
        ends = [float(track.losses[-1]) for track in tracks if track is not None]
        if len(ends) < len(LETTERS):
            return ()
        least = min((x for x in ends if math.isfinite(x)), default=None)
        if least is None:
            return ()
        why = ("" if end == least else f"it ends at {figure(end)}, and the least is {figure(least)}" for end in ends)
        return tuple(Choice(name, each) for name, each in zip(NAMES, why, strict=True))

    # ------------------------------------------------------------------------------------------------------- keys

    def status(self) -> tuple[Line, Line]:
        """`explorer  optimizer race   step 28 of 40`, and the problem."""
        left: Line = (Span("explorer", "dim"), Span("  optimizer race   "), Span("step ", "dim"),
                Span(str(self.step), "text bold"), Span(f" of {self.race.steps}", "dim"))  # fmt: skip
        if self.running:
            left = (*left, Span("  ▶", "value bold"))
        about = self.race.problem.about if self.race.problem is not None else self.race.network.name
        return left, (Span(about),)

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """> and < step, space runs, up and down choose, left and right change the chosen one's rate, o the problem."""
        down, across = by
        if word == "step":
            if not 0 <= self.step + down <= self.race.steps:
                return "at the start" if down < 0 else f"at the last step; steps {2 * self.race.steps} goes further"
            self.step, self.running = self.step + down, False
        elif word == "run":
            self.running = not self.running
            if self.running and self.step == self.race.steps:
                self.step = 0
        elif word == "choose":
            self.chosen = max(0, min(self.chosen + down, len(LETTERS) - 1))
        elif word == "rate":
            self._rate(next_rate(self.race.rates[self.chosen], across))
        elif word == "problem":
            self._number = (self._number + down) % len(PROBLEMS)
            self._begin()
        elif word == "start":
            self._begin()
        return ""

    def _rate(self, rate: float) -> None:
        self.race.rates[self.chosen] = rate

    def run(self, text: str) -> Reply:
        """`steps 200`, `step 28`, `rate 0.1` (of the chosen one), `choose adam`, `problem valley`."""
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        if word == "steps":
            self.race.steps = count("steps", rest, 1, MOST_STEPS)
            self.step = min(self.step, self.race.steps)
        elif word == "step":
            self.step = count("step", rest, 0, self.race.steps)
        elif word == "rate":
            self._rate(rate_of(rest))
        elif word == "choose":
            self.chosen = one_of("choose", rest, NAMES)
        elif word == "problem" and self._network is None:
            self._number = one_of("problem", rest, [problem.name for problem in PROBLEMS])
            self._begin()
        else:
            raise self.unknown(word, "step 28, steps 200, rate 0.1, choose adam")
        return Reply()

    def opening(self) -> Session:
        """The debugger on the chosen optimizer's training, at this step."""
        from bptui.model.debugger.session import Session

        self.running = False  # the race waits here for who comes back
        session = Session(self.race.opened(self.chosen))
        if self.step:
            session.train(self.step)
        return session

    def work(self) -> Work | None:
        """The chosen one's training, the others', the map; then, while it runs, step after step."""
        if any(self.race.known(n) is None for n in range(len(LETTERS))) or self._missing:
            return self._compute
        return self._go if self.running and self.step < self.race.steps else None

    @property
    def _missing(self) -> bool:
        """Is the map not there that was last drawn?"""
        return self._pixels is not None and self.race.known_map(*self._pixels) is None

    def _compute(self, progress: Progress) -> None:
        def tick() -> None:
            progress.report(0.0, "the race")

        for number in (self.chosen, *range(len(LETTERS))):
            self.race.track(number, tick)
        if self._pixels is not None:
            self.race.map(*self._pixels, tick)

    def _go(self, progress: Progress) -> None:
        end = time.monotonic() + PACE
        while time.monotonic() < end:
            progress.report(0.0, "running")
            time.sleep(0.01)
        if self.running and self.step < self.race.steps:
            self.step += 1
            self.running = self.step < self.race.steps

    def urgent(self) -> bool:
        """Any key ends what runs: it is asked for again."""
        return True

    # ------------------------------------------------------------------------------------------------------ drawing

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """The map with its paths at the left, four curves at the right."""
        side = min(SIDE if width < 116 else 47, max(24, width // 2))
        wide = width - side - 1
        plane = self.race.plane
        names = plane.names if plane is not None else ("…", "…")
        if plane is not None and max(map(len, names)) > 12:
            names = (names[0].rpartition(".")[2], names[1].rpartition(".")[2])
        cut = ", a cut" if plane is not None and not plane.exact else ""
        over = "two directions" if self.race.chosen is None else f"{names[0]} and {names[1]}"
        title = layout.rule(layout.Title(1, f"Loss over {over}{cut}"), wide)
        other = layout.rule(layout.Title(2, "Loss by step, log"), side, focused=True, edge=True)
        top = (*title, Span("┬", "rule"), *other)
        tall = max(0, height - 1)
        rows = beside(self._map(wide, tall, look, names), self._curves(side, tall, look), wide, tall)
        return boxed([top, *rows], width, height, look)

    def _map(self, wide: int, tall: int, look: RenderOptions, names: tuple[str, str]) -> list[Line]:
        columns, cells = max(4, wide - LABELS - 1), max(2, tall - 2)
        coarse = 1
        while self.race.size * columns * cells * 2 / coarse**2 > MOST_PIXELS:
            coarse += 1
        self._pixels = max(2, columns // coarse), max(2, 2 * cells // coarse)
        found, plane = self.race.known_map(*self._pixels), self.race.plane
        if found is None or plane is None:
            return [(Span("     ·", "dim"),)]
        levels = found.levels
        if coarse > 1 or levels.shape != (2 * cells, columns):
            pick_y = np.arange(2 * cells) * levels.shape[0] // (2 * cells)
            pick_x = np.arange(columns) * levels.shape[1] // columns
            levels = levels[np.ix_(pick_y, pick_x)]
        page = Axes(Plot(columns, cells, False), plane.across, plane.up)
        lines = pixels(levels, look, "value", self._marks(found, page, look))
        labels = {0: short(plane.up[1], 2), cells // 2: short(sum(plane.up) / 2, 2), cells - 1: short(plane.up[0], 2)}
        rows: list[Line] = []
        for y, line in enumerate(lines):
            text = labels.get(y, "")[: LABELS - 1].rjust(LABELS - 1)
            if y == 1 and cells > 4:
                rows.append((Span(names[1][: LABELS - 1].ljust(LABELS), "parameter"), *line))
            else:
                rows.append((Span(text, "dim"), Span(" "), *line))
        ends = plane.across
        middle = (Span(short(sum(ends) / 2, 2), "dim"),)
        rows.append(at((LABELS, (Span(short(ends[0], 2), "dim"),)), (LABELS + columns // 2 - 1, middle),
                       (LABELS + columns // 2 + 6, (Span(names[0][:12], "parameter"),)),
                       right(LABELS + columns, (Span(short(ends[1], 2), "dim"),))))  # fmt: skip
        rows.append(self._legend(found, wide, look))
        return rows

    def _legend(self, found: Map, wide: int, look: RenderOptions) -> Line:
        """`@ start  + least   loss below ██ 0.1 …`."""
        head: Line = (
            Span(" @", "text bold"),
            Span(" start  ", "dim"),
            Span(_least(look), "text bold"),
            Span(" least  ", "dim"),
        )
        above = f"{short(found.above, 3)} + " if found.above else ""
        tail: list[Span] = [Span("below ", "dim")]
        bounds = list(enumerate(found.bounds))
        shown = bounds if wide >= 60 else bounds[::2]
        blocks = [legend(5 - n, look) for n, _ in shown]
        # of two levels that are one shade the larger bound is that of both
        told = [each for each, block, outer in zip(shown, blocks, [*blocks[1:], None], strict=True) if block != outer]
        for n, bound in told:
            tail += [legend(5 - n, look), Span(f" {above if not n else ''}{short(bound)} ", "dim")]
        return next(row for row in ((*head, *tail), (Span(" "), *tail), head) if length(row) <= wide or row is head)

    def _marks(self, found: Map, page: Axes, look: RenderOptions) -> dict[tuple[int, int], Span]:
        """The chosen one's path, the letters at the heads, the start, the least loss."""
        marks: dict[tuple[int, int], Span] = {page.cell(*found.least): Span(_least(look), "text bold")}
        tracks = [self.race.known(n) for n in range(len(LETTERS))]
        chosen = tracks[self.chosen]
        if "path" in self.hide:
            return marks
        if chosen is not None:
            before: tuple[int, int] | None = None
            for k in range(self.step + 1):
                here = self._cell(chosen, k, page)
                if here is None:
                    break
                for cell in _between(before, here) if before is not None else ():
                    marks.setdefault(cell, Span("·", "text bold"))
                marks[here] = Span("o", "text bold")
                before = here
        for n, track in enumerate(tracks):
            head = self._cell(track, self.step, page) if track is not None else None
            if head is not None and n != self.chosen:
                marks[head] = Span(LETTERS[n], "text bold")
        if chosen is not None:
            if (start := self._cell(chosen, 0, page)) is not None:
                marks[start] = Span("@", "text bold")
            if self.step and (head := self._cell(chosen, self.step, page)) is not None:
                marks[head] = Span(LETTERS[self.chosen], "parameter bold reverse")
        return marks

    def _cell(self, track: Track, step: int, page: Axes) -> tuple[int, int] | None:
        """The cell of a racer's place; None where it has left the map."""
        place = track.places[min(step, len(track.places) - 1)]
        if not np.isfinite(place).all():
            return None
        (low, high), (under, over) = page.across, page.up
        return page.cell(*place.tolist()) if low <= place[0] <= high and under <= place[1] <= over else None

    def _curves(self, side: int, tall: int, look: RenderOptions) -> list[Line]:
        """For each: letter, name, rate, loss, its curve; at the end who is first now."""
        tracks = [self.race.known(n) for n in range(len(LETTERS))]
        last = 1 if tall > len(LETTERS) * 2 else 0
        each = max(1, (tall - last) // len(LETTERS))
        ranks = self._ranks()
        ends = _decades([track.losses for track in tracks if track is not None])
        rows: list[Line] = []
        for n, track in enumerate(tracks):
            rows.append(self._head(n, track, side, ranks))
            if each >= 3:
                said = wrap((Span(SAID[n], "dim"),), side - 7) if each >= 8 else []
                rows += self._curve(track, side, each - 2 - len(said), ends, look)
                rows += [at((6, row)) for row in said]
            rows += [()] * (each * (n + 1) - len(rows))
        if last:
            rows += [()] * (tall - last - len(rows))
            order: list[Span] = [Span(" first now " if side >= SIDE else " first ", "dim")]
            for place, n in enumerate(sorted(range(len(LETTERS)), key=lambda n: ranks[n]), 1):
                order += [Span(f" {place} ", "dim"), Span(LETTERS[n], "text bold"), Span(" ")]
            rows.append(tuple(order) if all(tracks) and "loss" not in self.hide else ())
        return rows

    def _ranks(self) -> list[int]:
        """The place of each by its loss now, from 0."""
        losses = []
        for n in range(len(LETTERS)):
            track = self.race.known(n)
            loss = float(track.losses[min(self.step, len(track.losses) - 1)]) if track is not None else math.inf
            losses.append(loss if math.isfinite(loss) else math.inf)
        order = sorted(range(len(LETTERS)), key=lambda n: (losses[n], n))
        return [order.index(n) for n in range(len(LETTERS))]

    def _head(self, n: int, track: Track | None, side: int, ranks: list[int]) -> Line:
        """` M  momentum   rate 0.05    0.3162`."""
        chosen = n == self.chosen
        chip = Span(f" {LETTERS[n]} ", "parameter bold reverse" if chosen else "text bold")
        rate: Line = (Span("rate " if side >= SIDE else "", "dim"), Span(short(self.race.rates[n], 3), "text"))
        told: Line = (Span("·", "dim"),)
        if track is not None:
            loss = float(track.losses[min(self.step, len(track.losses) - 1)])
            kind = "value bold" if not ranks[n] else "value"
            told = (Span(figure(loss), kind if math.isfinite(loss) else "fail reverse"),)
        if "loss" in self.hide:
            told = mark("value")
        ranked = side > 40 and track is not None and "loss" not in self.hide
        place: Line = (Span(ORDER[ranks[n]], "dim"),) if ranked else ()
        line = at((1, chip), (5, (Span(NAMES[n], "text bold" if chosen else "text"),)), (15, rate), (28, place),
                  right(side - 1, told))  # fmt: skip
        return under(fit(line, side), "on-cursor") if chosen else line

    def _curve(
        self, track: Track | None, side: int, tall: int, ends: tuple[float, float], look: RenderOptions
    ) -> list[Line]:
        """The loss of one up to this step, on the decades of all; a mark where it is no number any more."""
        page = Plot(max(4, side - 8), tall, look.unicode)
        if track is not None and "loss" not in self.hide:
            axes = Axes(page, (0.0, float(self.race.steps)), ends)
            shown = track.losses[: self.step + 1].astype(float)
            with np.errstate(all="ignore"):
                heights = np.clip(np.log10(np.maximum(shown, 10.0 ** ends[0])), ends[0], ends[1])
            axes.draw(np.arange(len(shown)), np.where(np.isfinite(shown), heights, np.nan), "value")
            broken = np.flatnonzero(~np.isfinite(shown))
            if broken.size:
                page.put(axes.cell(float(broken[0]), ends[1])[0], 0, "✗", "fail")
        labels = {0: _power(ends[1]), tall - 1: _power(ends[0])} if tall > 1 else {0: ""}
        return [(Span(labels.get(y, "").rjust(5), "dim"), Span(" "), *line) for y, line in enumerate(page.lines())]


def _least(look: RenderOptions) -> str:
    """The mark of the least loss: in ASCII `+` is a shade."""
    return "+" if look.unicode else "X"


def _decades(losses: list[np.ndarray]) -> tuple[float, float]:
    """The powers of ten around all losses, six apart at most."""
    every = np.concatenate(losses) if losses else np.ones(1)
    every = every[np.isfinite(every) & (every > 0)]
    if not every.size:
        return -1.0, 1.0
    start = max((float(each[0]) for each in losses if each[0] > 0 and np.isfinite(each[0])), default=float(every.max()))
    high = math.ceil(float(np.log10(min(every.max(), 100 * start))) - 1e-9)
    low = max(math.floor(float(np.log10(every.min())) + 1e-9), high - 6)
    return float(min(low, high - 1)), float(high)


def _power(k: float) -> str:
    return short(10.0**k) if -3 < k < 4 else f"1e{int(k)}"


def _between(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    """The cells between two."""
    count = max(abs(b[0] - a[0]), abs(b[1] - a[1]))
    return [(a[0] + round((b[0] - a[0]) * k / count), a[1] + round((b[1] - a[1]) * k / count)) for k in range(1, count)]
