"""Explorer rate: the loss along minus the gradient, a step of this rate, and the losses of further steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.numbers import decimals_for, field
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.explore.page import Row, at, blank, centred, figure, fitted, mark, number, right, short, typed
from bptui.screens.keys import EXPLORE_RATE
from bptui.screens.panels.choices import among
from bptui.screens.plot import Axes, Plot
from bptui.screens.render import RenderOptions, beside, boxed, length
from bptui.teach.explore.descent import Cut, Regime
from bptui.teach.explore.rate import Slice

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

MANTISSAS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
RATES = tuple(float(f"{m}e{k}") for k in range(-6, 3) for m in MANTISSAS)
SIDE, AXIS = 20, 8
"""Cells of the right column; of the labels at the left of the curve."""
STYLES: dict[Regime, str] = {
    "falls": "ok", "hits": "ok", "least": "ok", "overshoots": "kink", "falls less": "kink", "swings": "kink",
    "flies away": "fail", "rises": "fail",
}  # fmt: skip


KEPT = ("it falls as promised, to a tenth", "it falls by less than promised", "it stays", "it rises")
"""What may come of a step, to choose from."""
STAYS = 0.01
"""Of what was promised: a change up to here is none."""


class RateBoard(Board):
    """network  what is trained;  along  the number that moves alone, "" for the gradient;  rate  0: its own"""

    name, place = "rate", EXPLORE_RATE

    def __init__(self, network: Network, along: str = "", rate: float = 0.0) -> None:
        self._network, self._along, self._rate = network, along, rate
        self.slice = self._slice()

    def _slice(self) -> Slice:
        made = Slice(self._network, self._rate)
        made.choose(self._along)
        if made.small:
            made.cut()
        return made

    @property
    def asks(self) -> Ask:
        """What a class is asked."""
        hidden = frozenset({"really", "losses", "ratio", "regimes"})
        cut = self.slice.known
        answers = () if cut is None else among(KEPT, _kept(cut), f"promised {figure(cut.promised)}, {_really(cut)}")
        return Ask("What does a step of this rate do to the loss?", hidden, "greater_than_sign", answers)

    # ------------------------------------------------------------------------------------------------------- keys

    def status(self) -> tuple[Line, Line]:
        """`explorer  learning rate   darts   step 0`, and the loss."""
        step = self.slice.here.step
        left = (Span("explorer", "dim"), Span("  learning rate   "), Span(self._network.name), Span("   step ", "dim"),
                Span(f"{step}", "text bold"))  # fmt: skip
        cut = self.slice.known
        loss = Span("·") if cut is None else Span(figure(cut.loss), "text bold")
        return left, (Span("loss ", "dim"), *(mark("value") if "loss" in self.hide else (loss,)))

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """left and right change the rate, > and < take the step and take it back, v cuts along something else."""
        down, across = by
        cut = self.slice
        said = ""
        if word == "rate":
            cut.rate = next_rate(cut.rate, across)
        elif word == "step" and down > 0:
            if cut.known is None:
                return "this step is still being computed"
            if not math.isfinite(cut.known.after):
                return "the loss is not finite there: < goes back"
            cut.take()
        elif word == "step":
            said = "" if cut.back() else "no step was taken"
        elif word == "slice":
            choices = cut.choices
            names = ["" if each is None else each.name for each in choices]
            now = cut.only.name if cut.only is not None else ""
            cut.choose(names[((names.index(now) if now in names else 0) + down) % len(names)])
        elif word == "start":
            self.slice = self._slice()
        self._see()
        return said

    def _see(self) -> None:
        if self.slice.small:
            self.slice.cut()

    def run(self, text: str) -> Reply:
        """`rate 0.2`, `slice w`, `slice gradient`."""
        word, _, rest = text.partition(" ")
        if word == "slice":
            self.slice.choose(rest.strip())
        elif word in ("rate", "lr"):
            self.slice.rate = rate_of(rest)
        else:
            raise self.unknown(word, "rate 0.2, slice NAME, slice gradient")
        self._see()
        return Reply()

    def opening(self) -> Session:
        """The debugger with these parameters and this rate, before the step."""
        from bptui.model.debugger.session import Session

        return Session(self.slice.opened())

    def work(self) -> Work | None:
        """The cut of a larger network."""
        return None if self.slice.known is not None else self._compute

    def _compute(self, progress: Progress) -> None:
        progress.report(0.0, "the loss along the gradient")
        self.slice.cut(progress.tick)

    def urgent(self) -> bool:
        """A key that changes what is cut needs what runs to end."""
        return self.slice.known is None

    # ------------------------------------------------------------------------------------------------------ drawing

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """The curve with its step at the left, the step in numbers at the right, below the losses of further steps."""
        cut = self.slice.known
        along = "the gradient" if self.slice.only is None else self.slice.only.name
        title = layout.rule(layout.Title(1, f"Loss along {along}"), width - SIDE - 1, focused=True)
        other = layout.rule(layout.Title(2, "This step"), SIDE, edge=True)
        top: Line = (*title, Span("┬", "rule"), *other)
        if cut is None:
            return boxed([top, (Span("  ·", "dim"),)], width, height, look)
        below = self._below(cut, width, look)
        if height < 14:
            below = below[: max(0, height - 9)]
        tall = height - 1 - len(below)
        wide = width - SIDE - 1
        left = self._plot(cut, wide, tall, look)
        rows = beside(left, self._side(cut, tall, look), wide, tall)
        return boxed([top, *rows, *below], width, height, look)

    def _below(self, cut: Cut, width: int, look: RenderOptions) -> list[Line]:
        """The losses of going on, and the regimes."""
        count = min(len(cut.losses), (width - 5) // 10)
        heads = [right(15 + 10 * n, (Span(str(self.slice.here.step + n), "text"),)) for n in range(count)]
        numbers = [
            right(15 + 10 * n, number(x, "value", ("losses" if n else "loss") in self.hide, 9))
            for n, x in enumerate(cut.losses[:count])
        ]
        rule = layout.rule(layout.Title(3, "With this rate"), width)
        rule = layout.join(rule, width - SIDE - 1)
        rows = [rule, at((1, (Span("step", "dim"),)), *heads), at((1, (Span("loss", "dim"),)), *numbers)]
        return [*rows, self._regimes(cut, width)]

    def _regimes(self, cut: Cut, width: int) -> Line:
        """The rates that divide the regimes; the one that this rate is in is reversed."""
        found, here = cut.regimes, cut.regimes.of(cut.rate)
        if "regimes" in self.hide:
            return (Span(" "), *mark("text"))
        a, b = short(found.least, 3), short(found.back, 3)
        if not math.isfinite(cut.slope) or not math.isfinite(cut.loss):
            return (Span(" the loss or its gradient is not finite here: no step can be judged", "fail"),)
        if not cut.slope:
            return (Span(" the gradient is 0 here: no step moves anything", "dim"),)
        if not math.isfinite(found.least):
            return (Span(" the loss falls as far as was searched, and has no least along this line", "dim"),)
        words: list[tuple[Regime, str, str]] = (
            [("falls", f"below {a}", "falls"), ("hits", a, "hits"), ("overshoots", f"to {b}", "overshoots"),
             ("swings", b, "swings"), ("flies away", "above", "flies away")]
            if found.line
            else [("falls", f"below {a}", "falls"), ("least", a, "least"), ("falls less", f"to {b}", "falls less"),
                  ("rises", "above", "rises")]
        )  # fmt: skip
        spans: list[Span] = [Span(" ")]
        for regime, at_rate, word in words:
            if regime == here:
                spans += [Span(f" {at_rate} {word} ", f"{STYLES[regime]} bold reverse"), Span(" ")]
            else:
                spans += [Span(f"{at_rate} ", "text"), Span(word, "dim"), Span("  ")]
        if length(tuple(spans)) > width:
            here_at, told = next((at_rate, word) for regime, at_rate, word in words if regime == here)
            spans = [Span(" "), Span(f" {here_at} {told} ", f"{STYLES[here]} bold reverse"), Span("  ")]
            for at_rate, word in ((a, "hits" if found.line else "least"), (b, "swings" if found.line else "back")):
                if word != told:
                    spans += [Span(f"{at_rate} ", "text"), Span(f"{word}  ", "dim")]
        how = "from the curvature" if found.how == "curvature" else "found by search"
        room = width - length(tuple(spans)) - 1
        told = how if len(how) <= room else "search" if found.how == "search" and room >= 6 else ""
        return (*spans, Span(told, "dim"))

    def _side(self, cut: Cut, tall: int, look: RenderOptions) -> list[Line]:
        """The step in numbers."""
        rows = [blank(3), Row(_pair("rate η", number(cut.rate, "text bold"))), blank(4)]
        if not self.slice.plain:
            rows[2:] = [Row((Span(" plain descent", "dim"),), 4), blank(4)]
        names = self.slice.numbers
        if names:
            for n, slope in zip(names, cut.gradients, strict=True):
                d = f"∂L/∂{n.name if len(n.name) < 8 else n.node.symbol or n.node.label}"
                rows.append(Row(_pair(d, number(slope, "gradient", d in self.hide), "gradient")))
        else:
            rows.append(Row(_pair("|∂L/∂θ|", number(math.sqrt(-cut.slope), "gradient"), "gradient")))
        rows.append(blank(4))
        if names:
            name = names[0].name if len(names[0].name) < 9 else names[0].node.symbol or names[0].node.label
            rows.append(Row(_pair(name, number(cut.before[0], "parameter", name in self.hide), "parameter"), 1))
            rows.append(Row(_pair("  new", number(cut.new[0], "parameter bold", f"new({name})" in self.hide)), 1))
            rows.append(blank(4))
        rows.append(Row(_pair("promised", number(cut.promised, "gradient", "promised" in self.hide))))
        rows.append(Row(_pair("really", number(cut.really, "value bold", "really" in self.hide))))
        ratio = number(cut.ratio, "text", "ratio" in self.hide) if cut.promised else (Span("·".rjust(8), "dim"),)
        rows.append(Row(_pair("of it", ratio), 1))
        rows += [blank(5), blank(5)]
        regime = cut.regimes.of(cut.rate)
        if "regimes" not in self.hide and cut.slope and math.isfinite(cut.slope):
            rows.append(Row((Span(" "), Span(f" {regime} ", f"{STYLES[regime]} reverse"))))
        return fitted(rows, tall)

    # ---------------------------------------------------------------------------------------------------- the curve

    def _plot(self, cut: Cut, wide: int, tall: int, look: RenderOptions) -> list[Line]:
        """The curve, the tangent, the step, and the axis with rates, and numbers where one number moves."""
        under = 3 if self.slice.numbers else 2
        page = Plot(max(4, wide - AXIS - 1), max(3, tall - under - 1), look.unicode)
        rates, losses = cut.curve
        low, high = float(rates[0]), float(rates[-1])
        finite = losses[np.isfinite(losses)]
        bottom = min(0.0 if cut.loss >= 0 else cut.loss, float(finite.min()) if finite.size else 0.0, cut.loss)
        top = max(cut.loss, cut.after if math.isfinite(cut.after) else cut.loss)
        top = min(top, bottom + 50 * (cut.loss - bottom)) if cut.loss > bottom else top
        top += 0.12 * (top - bottom or 1.0)
        axes = Axes(page, (low, high), (bottom, top))
        axes.draw(rates, losses, "value")
        if cut.slope and "promised" not in self.hide:
            end = min(high, (bottom - cut.loss) / cut.slope)
            axes.draw([0.0, end], [cut.loss, cut.loss + cut.slope * end], "gradient")
        hidden = bool({"really", "losses"} & self.hide)
        (x0, y0), (x1, y1) = axes.cell(0.0, cut.loss), axes.cell(cut.rate, cut.after if not hidden else cut.loss)
        off = not math.isfinite(cut.after) or y1 < 0
        y1 = max(0, y1)
        page.across(x0, x1, y0, "parameter", heavy=True)
        if not hidden:
            page.upright(x1, y0, y1, "parameter", heavy=True)
            page.put(x1, y1, "^" if off and not look.unicode else "↑" if off else "●", "parameter")
            left = x1 - 8 if x1 - 8 > x0 else x1 + 2
            if page.height > 6 and abs(y1 - y0) > 0:
                page.put(left, y1, "after", "dim")
        page.put(x0, y0, "●", "value")
        if page.height > 6 and y0 > 0:
            page.put(x0 + 2, max(0, y0 - 1), "now", "dim")
        labels = {
            page.height - 1: (short(bottom, 3), "dim"),
            y1: (_figure(cut.after), "parameter"),
            y0: (_figure(cut.loss), "value"),
        }
        if hidden:
            labels = {page.height - 1: (short(bottom, 3), "dim"), y0: (_figure(cut.loss), "value")}
        rows: list[Line] = [()]
        for y, line in enumerate(page.lines()):
            text, style = labels.get(y, ("", "dim"))
            rows.append(
                (
                    Span(text.rjust(AXIS - 1)[-AXIS + 1 :], f"{style} bold" if y == y1 and not hidden else style),
                    Span("│", "rule"),
                    *line,
                )
            )
        return [*rows, *self._axis(cut, axes, page.width)]

    def _axis(self, cut: Cut, axes: Axes, width: int) -> list[Line]:
        """The rates under the curve: 0, what divides the regimes, this one; what the number is there."""
        marks = [0.0, cut.rate]
        for rate in (cut.regimes.least, cut.regimes.back):
            if math.isfinite(rate) and axes.across[0] < rate < axes.across[1] and "regimes" not in self.hide:
                marks.append(rate)
        places: dict[int, float] = {}
        for rate in [cut.rate, *(m for m in marks if m != cut.rate)]:  # this one first: it is never left out
            x = axes.cell(rate, 0.0)[0]
            if all(abs(x - other) >= 7 for other in places):
                places[x] = rate
        line = "".join("┴" if x in places else "─" for x in range(width))
        rates: list[tuple[int, Line]] = [(1, (Span("rate", "text bold"),))]
        numbers: list[tuple[int, Line]] = []
        for x, rate in sorted(places.items()):
            style = "text bold" if rate == cut.rate else "dim"
            rates.append(centred(AXIS + x + 0.5, (Span(short(rate, 3), style),)))
            if self.slice.numbers:
                value = cut.before[0] - rate * cut.gradients[0]
                numbers.append(
                    centred(AXIS + x + 0.5, (Span(f"{value:.2f}" if math.isfinite(value) else "NaN", "parameter"),))
                )
        rows: list[Line] = [(Span(" " * (AXIS - 1)), Span("└" + line, "rule")), at(*rates)]
        if numbers:
            name = self.slice.numbers[0]
            rows.append(
                at((1, (Span((name.name if len(name.name) < 5 else name.node.symbol)[:5], "parameter"),)), *numbers)
            )
        return rows


def _pair(name: str, figure: Line, style: str = "dim") -> Line:
    """A name at the left of the side, a number at its right end."""
    return at((1, (Span(name, style if style != "dim" else "dim"),)), right(SIDE - 1, figure))


def _figure(x: float) -> str:
    return field(x, 8, decimals_for([x], 7)).strip()


def next_rate(rate: float, by: int) -> float:
    """The next rate of the ladder."""
    if by > 0:
        return next((r for r in RATES if r > rate * (1 + 1e-9)), rate)
    return next((r for r in reversed(RATES) if r < rate * (1 - 1e-9)), rate)


def rate_of(text: str) -> float:
    """A rate as it was typed."""
    return typed("rate", text, "rate 0.1", lambda value: 0 < value <= 1e6, "a number above 0, 1e6 at most")


def _kept(cut: Cut) -> int:
    """The place in KEPT of what this step does."""
    if not math.isfinite(cut.really):
        return 3
    if not cut.promised or abs(cut.really) <= STAYS * abs(cut.promised):
        return 2
    return 3 if cut.really > 0 else 0 if cut.really <= 0.9 * cut.promised else 1


def _really(cut: Cut) -> str:
    return f"really {figure(cut.really)}" if math.isfinite(cut.really) else "and the loss is no number any more"
