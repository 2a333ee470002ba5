"""Explorer chain: boxes from a number to the end with their slopes, what a nudge does to each, and the product."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.explore.chain_page import ChainPage
from bptui.screens.explore.chain_sums import Shown
from bptui.screens.explore.page import Row, derived, figure, mark, spread, typed, without
from bptui.screens.keys import EXPLORE_CHAIN
from bptui.screens.panels.choices import Mistake, choices
from bptui.screens.render import RenderOptions, boxed
from bptui.symbolic.service import Service
from bptui.teach.explore.chain import PAIRS, Chain, Link, Reading, pair, through

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

STEP = 0.1
"""By what a key moves the start."""
NUDGES = tuple(m * 10.0**k for k in range(-6, 1) for m in (1, 2, 5))[:-2]
"""1e-6, 2e-6, 5e-6, … 1."""


class ChainBoard(Board):
    """network  of the user's, None for the explorer's own pairs;  by  the number in it that is nudged"""

    name, place = "chain", EXPLORE_CHAIN

    def __init__(self, network: Network | None = None, by: str = "") -> None:
        self._network, self._by = network, by
        if network is not None:  # there is nothing to choose from
            self.place = without(EXPLORE_CHAIN, "pair")
        self._number, self.backward = 0, False
        self._service = Service()
        self._derived: dict[tuple[int, str, int, int], Line] = {}
        self.chain = self._chain()

    def _chain(self) -> Chain:
        made = Chain(pair(self._number) if self._network is None else self._network, self._by)
        if made.small:
            made.read()
        return made

    @property
    def symbol(self) -> str:
        """What the start is called."""
        return self.chain.asked

    @property
    def asks(self) -> Ask | None:
        """The slope of the whole, once for each start."""
        if self.chain.known is None:
            return None
        reading = self.chain.known
        name = self._shown(reading).slope_name()
        answers = choices(reading.slope, figure(reading.slope), self._mistakes(reading))
        return Ask(f"What is {name}?", frozenset({name}), "right", answers)

    def _mistakes(self, reading: Reading) -> Iterator[Mistake]:
        """What else one may come to: of several ways one alone, of one way its slopes alone, or added."""
        first, *others = reading.ways
        if others:
            yield Mistake(through(first), "one way alone: ways add")
            yield Mistake(math.prod(map(through, reading.ways)), "ways multiplied, not added")
        elif len(first) > 1:
            yield Mistake(sum(link.slope for link in first), "added, not multiplied")
            yield Mistake(first[-1].slope, f"{self._shown(reading).slope_name(first[-1])} alone")
            yield Mistake(first[0].slope, f"{self._shown(reading).slope_name(first[0])} alone")
        yield Mistake(reading.stations[-1].value, "the value, not the slope")

    # ------------------------------------------------------------------------------------------------------- keys

    def status(self) -> tuple[Line, Line]:
        """`explorer  the chain rule   pair 1 of 4`, and the start's value."""
        where: Line = (Span("pair ", "dim"), Span(str(self._number + 1), "text bold"), Span(f" of {len(PAIRS)}", "dim"))
        if self._network is not None:
            where = (Span(self._network.name),)
        left = (Span("explorer", "dim"), Span("  the chain rule   "), *where)
        hidden = self.symbol in self.hide
        value = mark("text") if hidden else (Span(figure(self.chain.at), "text bold"),)
        return left, (Span(f"{self.symbol} ", "dim"), *value)

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """left and right move the start, + and - change the nudge, n and N the pair, f turns the flow."""
        down, across = by
        if word == "move":
            self._go(round(self.chain.at / STEP + across) * STEP if self._on_grid else self.chain.at + across * STEP)
        elif word == "nudge":
            near = min(range(len(NUDGES)), key=lambda n: abs(math.log(NUDGES[n] / abs(self.chain.nudge))))
            self._nudge(math.copysign(NUDGES[max(0, min(near + across, len(NUDGES) - 1))], self.chain.nudge))
        elif word == "pair":
            self._number = (self._number + down) % len(PAIRS)
            nudge, self.chain = self.chain.nudge, self._chain()
            self._nudge(nudge)
        elif word == "flow":
            self.backward = not self.backward
        elif word == "start":
            self.backward, self.chain = False, self._chain()
        return ""

    @property
    def _on_grid(self) -> bool:
        return abs(self.chain.at / STEP - round(self.chain.at / STEP)) < 1e-6

    def _go(self, value: float) -> None:
        self.chain.at = float(f"{value:.10g}")
        self._see()

    def _nudge(self, value: float) -> None:
        self.chain.nudge = value
        self._see()

    def _see(self) -> None:
        if self.chain.small:
            self.chain.read()

    def run(self, text: str) -> Reply:
        """`x 1.5`, `nudge 0.01`, `pair 2`, `by w` (of a network: the number that is nudged)."""
        word, _, rest = text.partition(" ")
        if word == "by" and self._network is not None:
            self.chain = Chain(self._network, rest.strip(), self.chain.nudge)
            self._by = rest.strip()
            self._see()
            return Reply()
        if word not in (self.symbol, "x", "nudge", "pair"):
            raise self.unknown(word, f"{self.symbol} 1.5, nudge 0.01, by NAME")
        within = "a number between -1e6 and 1e6"
        value = typed(word, rest, f"{word} 1.5", lambda value: abs(value) <= 1e6, within)
        if word == "pair":
            if self._network is not None or value not in range(1, len(PAIRS) + 1):
                raise UserError("pair", f"there is no pair {rest.strip()[:20]}", f"1 to {len(PAIRS)}")
            self._number = int(value) - 1
            self.chain = self._chain()
        elif word == "nudge":
            if value == 0:
                raise UserError("nudge", "found 0", "a number that is not 0")
            self._nudge(value)
        else:
            self._go(value)
        return Reply()

    def opening(self) -> Session:
        """The debugger on this formula, at this value of its start."""
        from bptui.model.debugger.session import Session

        return Session(self.chain.moved(self.chain.at))

    def work(self) -> Work | None:
        """A reading of a large network, then SymPy's derivations of the slopes."""
        reading = self.chain.known
        if reading is None:
            return self._compute
        links = [link for way in reading.ways for link in way]
        return self._derive if any(self._key(link) not in self._derived for link in links) else None

    def urgent(self) -> bool:
        """Another value does not wait for the one before."""
        return self.chain.known is None

    def _compute(self, progress: Progress) -> None:
        self.chain.read(lambda part: progress.report(part, "the chain"))

    def _derive(self, progress: Progress) -> None:
        chain, reading = self.chain, self.chain.known
        links = [link for way in reading.ways for link in way] if reading is not None else []
        for link in links:
            key = self._key(link)
            if key not in self._derived:
                chain.formula(link, self._service)
                derived(self._service, progress)
                self._derived[key] = chain.formula(link, self._service)

    def _key(self, link: Link) -> tuple[int, str, int, int]:
        return self._number, self.symbol, link.source, link.target

    def close(self) -> None:
        """Nothing is derived any more."""
        self._service.close()

    # ------------------------------------------------------------------------------------------------------ drawing

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Boxes, bars, the product, and what it says."""
        reading = self.chain.known
        several = reading is not None and len(reading.ways) > 1
        flow = (Span("flow ", "dim"), Span("◀ backward", "gradient") if self.backward else Span("forward ▶", "value"))
        name = "Chain, two ways" if several and reading and len(reading.ways) == 2 else "Chain"
        head = layout.rule(layout.Title(1, name, right=flow), width, focused=True)
        if reading is None:
            return boxed([head, (), (Span("  ·", "dim"),)], width, height, look)
        page = ChainPage(self._shown(reading), width, look)
        rows = [Row(head), *(page.ways() if several else page.boxes()), *page.bars(), *page.sums.band(), *page.notes()]
        return boxed(spread(rows, height), width, height, look)

    def _shown(self, reading: Reading) -> Shown:
        return Shown(self.chain, reading, self.backward, self.hide, lambda link: self._derived.get(self._key(link), ()))
