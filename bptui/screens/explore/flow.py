"""Explorer flow: the gradient of each layer's weights on a log track, of two networks; one switch on the same seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.explore import curves
from bptui.screens.explore.page import at, count, mark, one_of, right, short
from bptui.screens.explore.page import size as small
from bptui.screens.keys import EXPLORE_FLOW
from bptui.screens.panels.choices import Choice, among
from bptui.screens.render import RenderOptions, beside, boxed, clip, fit, length, under
from bptui.teach.explore.flow import FIGURE, LESSON, RELATIVE, STEPS, Course, Flow, Layer, Mark, Preset, courses

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

MARKS: dict[Mark, tuple[str, str]] = {"healthy": ("✓", "ok"), "warning": ("!", "kink"), "critical": ("✗", "fail")}
TRACK = {"healthy": "━", "warning": "─", "critical": "·"}
LOW, HIGH = -4, 2
"""Powers of ten at the ends of a track."""
NAME, NUMBER = 9, 10
"""Cells before a track; cells of a number and its mark after it."""
FEWEST = 6
"""Cells of a track, at the least."""
HEADS = 8
"""Cells of a rule beside its name and what it says at the right."""


class FlowBoard(Board):
    """The network as it is at the left, with the chosen switch at the right."""

    name, place = "flow", EXPLORE_FLOW

    def __init__(self, network: Network) -> None:
        self._network = network
        self.courses = courses(network)
        self.chosen, self.step, self.shown = min(1, len(self.courses) - 1), 0, 0
        self.pair[0].see(0, lambda done, total: None)
        self.pair[1].see(0, lambda done, total: None)

    @property
    def preset(self) -> Preset:
        """What is healthy."""
        return RELATIVE if self.shown == 0 else LESSON

    @property
    def figure(self) -> bool:
        """Are the bars of the lesson's figure shown, in the place of networks?"""
        return self.shown == 2

    @property
    def pair(self) -> tuple[Course, Course]:
        """The two networks that are shown."""
        return self.courses[0], self.courses[self.chosen]

    @property
    def asks(self) -> Ask:
        """What a class is asked."""
        question = "Does the gradient arrive at the first layer, left and right?"
        return Ask(question, frozenset(("verdict",)), "down", self._answers())

    def _answers(self) -> tuple[Choice, ...]:
        """Where it arrives; none as long as one of the two is not known, or there is only one."""
        flows = self._figure() if self.figure else [course.flow(self.step) for course in self.pair]
        known = [flow.verdict(self.preset) for flow in flows if flow is not None and flow.known and flow.layers]
        if len(known) < 2 or len(self.courses) < 2:
            return ()
        left, right = (verdict == "arrives" for verdict in known)
        texts = ("in both", "left only", "right only", "in neither")
        return among(texts, 2 * (not left) + (not right), f"left: {known[0]}, right: {known[1]}")

    # ------------------------------------------------------------------------------------------------------- keys

    def status(self) -> tuple[Line, Line]:
        """`explorer  gradient flow   step 0   backward`, and the rule."""
        left: Line = (Span("explorer", "dim"), Span("  gradient flow   "), Span("step ", "dim"),
                Span(str(self.step), "text bold"), Span("   backward", "gradient"))  # fmt: skip
        if self.figure:
            left = (*left[:2], Span("a lesson's figure"))
        return left, (Span("rule ", "dim"), Span(self.preset.name, "text bold"))

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """up and down choose a switch, > and < train, p changes what is healthy."""
        down, _ = by
        if word == "choose":
            self.chosen = max(0, min(self.chosen + down, len(self.courses) - 1))
        elif word == "train":
            if self.step + down < 0:
                return "at training step 0, the first"
            self.step += down
        elif word == "preset":
            self.shown = (self.shown + down) % 3
        elif word == "start":
            self.chosen, self.step, self.shown = min(1, len(self.courses) - 1), 0, 0
        return ""

    def run(self, text: str) -> Reply:
        """`preset lesson`, `step 100`, `switch tanh`."""
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        if word == "preset":
            self.shown = one_of("preset", rest, ("relative", "lesson", "figure"))
        elif word == "step":
            self.step = count("step", rest, 0, 100_000)
        elif word == "switch":
            found = [n for n, course in enumerate(self.courses) if course.name.startswith(rest)]
            if not rest or not found:
                raise UserError("switch", f"there is no '{rest[:40]}'", "; ".join(c.name for c in self.courses))
            self.chosen = found[0]
        else:
            raise self.unknown(word, "preset lesson, step 100, switch tanh")
        return Reply()

    def opening(self) -> Session:
        """The debugger on the right network, in the backward pass of its first layer."""
        from bptui.model.debugger.session import Session

        session = Session(self.pair[1].network)
        if self.step:
            session.train(self.step)
        weight = next((n for n in session.graph.params if len(n.shape) >= 2), session.graph.params[0])
        first = session.graph.nodes[session.graph.consumers[weight.id][0][0]]
        session.goto(f"backward {first.name}")
        return session

    def work(self) -> Work | None:
        """The flows that are shown first, then every switch's training, the chosen one before the others."""
        if any(course.flow(self.step) is None for course in self.pair):
            return self._see
        waiting = [*self.pair, *self.courses]
        left = next((course for course in waiting if course.reached is None or course.flow(0) is None), None)
        return None if left is None else lambda progress: self._train(left, progress)

    def _see(self, progress: Progress) -> None:
        for course in self.pair:
            course.see(self.step, lambda done, total: progress.report(done / max(total, 1), "training"))

    def _train(self, course: Course, progress: Progress) -> None:
        def tick(done: int, total: int) -> None:
            progress.report(done / max(total, 1), f"training: {course.name}")

        course.see(0, tick)
        if course.reached is None:
            course.train(tick)

    def urgent(self) -> bool:
        """What is shown comes before what is trained."""
        return any(course.flow(self.step) is None for course in self.pair)

    # ------------------------------------------------------------------------------------------------------ drawing

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Two networks beside each other, the switches below."""
        last = (self.pair[0].flow(0) or Flow((), math.nan)).layers
        what = f", mean size{f', against {last[-1].name}' if self.preset.relative and last else ''}"
        right = (Span("∂L/∂weight", "gradient"), Span(what, "dim"))
        title = layout.rule(layout.Title(1, "Flow", right=right), width, focused=True)
        under_it = len(_remarks()) if self.figure else len(self.courses) + 1
        flows = self._figure() if self.figure else [course.flow(self.step) or _unknown(course) for course in self.pair]
        names = [f"{name}, its figure" for name in FIGURE] if self.figure else [c.name for c in self.pair]
        count = max((len(flow.layers) for flow in flows if flow is not None), default=1)
        room = max(4, height - 1 - min(under_it, max(0, height - 8)))
        spare = room - (count + 5) - (count - 1)
        tall = min(room, count + 5 if spare < curves.LEAST else 2 * count + 4)
        wide = width // 2 - 1
        left = self._side(flows[0], names[0], wide, tall, False)
        other = (
            self._side(flows[1], names[1], width - wide - 1, tall, True) if len(self.courses) > 1 or self.figure else []
        )
        rows = beside(left, other, wide, tall) if other else left
        if self.figure:
            return boxed([title, *rows, *_remarks()], width, height, look)
        rule, *switches = self._switches(width, height - len(rows) - 2)
        rows = [title, *rows, layout.join(rule, wide), *switches]
        return boxed([*rows, *self._losses(wide, width, height - len(rows), look)], width, height, look)

    def _losses(self, wide: int, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Where there is room left, the loss of both networks over the steps that were trained."""
        pair = self.pair if len(self.courses) > 1 else self.pair[:1]
        told = [curves.Told(each.name, each.losses, self.step, each.name in self.hide) for each in pair]
        return curves.lines(told, wide, width, height, look)

    def _figure(self) -> list[Flow | None]:
        """The figure's bars, as if they were layers: counted from the loss, as they can only be."""
        return [
            Flow(tuple(Layer(f"L{n}", size, 0.0) for n, size in enumerate(bars, 1)), math.nan)
            for bars in FIGURE.values()
        ]

    def _side(self, flow: Flow | None, name: str, width: int, tall: int, second: bool) -> list[Line]:
        """One network: its verdict, a track for each layer, the scale, where the layers lie."""
        inner = width - 1
        if flow is None or not flow.layers:
            return [(Span(f" {name}", "text bold"),), (), (Span("  ·", "dim"),)]
        sizes, track = flow.sizes(self.preset), max(FEWEST, inner - NAME - NUMBER - 1)
        head = self._verdict(flow)
        free = inner - length(head) - 3
        name = name if len(name) <= free else name.partition(",")[0]
        rows: list[Line] = [at((1, clip((Span(name, "text bold"),), free)), right(inner, head))]
        listed = list(zip(flow.layers, sizes, strict=True))
        spare = tall - len(listed)
        ends = 3 if spare >= 5 else 2 if spare >= 3 else max(0, spare - 1)
        if ends == 3:
            rows.append(())
        room = max(1, tall - len(rows) - min(ends, 2))
        if len(listed) > room:
            kept = max(1, room - 1)
            first = (kept + 1) // 2
            shown: list[tuple[Layer, float] | None] = [*listed[:first], None, *listed[len(listed) - (kept - first) :]]
        else:
            shown = [*listed]
        airy = room >= 2 * len(shown) - 1
        for n, each in enumerate(shown):
            if airy and n:
                rows.append(())
            if each is None:
                rows.append((Span(f"  … {len(listed) - len(shown) + 1} more", "dim"),))
            else:
                rows.append(self._row(each[0], each[1], track, inner))
        if ends:
            rows.append(self._scale(track))
        if ends > 1:
            rows.append(self._bands(inner) if second else self._ends(flow))
            if flow.explodes and len(rows) < tall:
                said = f" a step changes the weights by {short(100 * flow.update, 2)} %"
                rows.append(clip((Span(said, "fail"),), inner))
        return rows

    def _verdict(self, flow: Flow) -> Line:
        if "verdict" in self.hide:
            return mark("text")
        if not flow.known:
            return (Span("·", "dim"),)
        verdict = flow.verdict(self.preset)
        if self.figure:
            worst: dict[str, Mark] = {
                "vanishing": "critical",
                "exploding": "critical",
                "weak": "warning",
                "large": "warning",
            }
            sign = MARKS[worst.get(verdict, "healthy")]
            words = "all healthy" if verdict == "arrives" else "not all healthy"
            return (Span(f"{sign[0]} ", sign[1]), Span(words, sign[1]))
        if verdict == "arrives":
            return (Span("✓ arrives", "ok"),)
        kind = "kink" if verdict in ("weak", "large") else "fail"
        return (Span(f"{'!' if kind == 'kink' else '✗'} {verdict}", f"{kind} bold"),)

    def _row(self, layer: Layer, size: float, track: int, inner: int) -> Line:
        """`layer3    ······──●━━━━━───   0.0378  !`."""
        judged: Mark = self.preset.judge(size)
        told = layer.name not in self.hide and "verdict" not in self.hide
        kind = MARKS[judged][1] if told else "text"
        cells: list[Span] = []
        place = self._place(size, track)
        for x in range(track):
            here = self.preset.judge(10 ** (LOW + (x + 0.5) * (HIGH - LOW) / track))
            cells.append(Span(TRACK[here], "rule" if here != "healthy" else "dim"))
        if place is not None and layer.name not in self.hide:
            cells[place] = Span("●", f"{kind} bold")
        if math.isnan(layer.size) and math.isnan(layer.update):  # not there yet
            return at(
                (1, clip((Span(layer.name),), NAME - 2)), (NAME, tuple(cells)), (NAME + track + 7, (Span("·", "dim"),))
            )
        figure = mark("gradient", 8) if layer.name in self.hide else (Span(small(size).rjust(8), "gradient"),)
        shown = (_sign(judged),) if told else ()
        return at(
            (1, clip((Span(layer.name),), NAME - 2)), (NAME, tuple(cells)), (NAME + track, figure), right(inner, shown)
        )

    def _place(self, size: float, track: int) -> int | None:
        """The cell of a size: at an end of the track where it lies beyond."""
        if math.isnan(size) or size < 0:
            return None
        power = LOW if size <= 10.0**LOW else HIGH if size >= 10.0**HIGH else math.log10(size)
        return max(0, min(track - 1, int((power - LOW) / (HIGH - LOW) * track + 1e-9)))

    def _scale(self, track: int) -> Line:
        """1e-4, 0.01, 1, 100 under their places; on a short track its ends."""
        parts: list[tuple[int, str]] = []
        for power, text in ((-4, "1e-4"), (2, "100"), (0, "1"), (-2, "0.01")):
            x = NAME + round((power - LOW) / (HIGH - LOW) * track)
            start = x if power == LOW else x - len(text) if power == HIGH else x - len(text) // 2
            if all(start + len(text) <= other or other + len(word) <= start for other, word in parts):
                parts.append((start, text))
        return at(*((start, (Span(text, "dim"),)) for start, text in sorted(parts)))

    def _ends(self, flow: Flow) -> Line:
        if self.figure:
            return (Span(" L1: next to the loss, as counted there", "dim"),)
        first, last = flow.layers[0].name, flow.layers[-1].name
        return (Span(f" {first}: input side.  {last}: loss side", "dim"),)

    def _bands(self, inner: int) -> Line:
        """`bands  ✗ 0.01 ! 0.1 ✓ 10 ! 100 ✗`."""
        preset, spans = self.preset, [Span(" bands  ", "dim")]
        order: tuple[Mark, ...] = ("critical", "warning", "healthy", "warning", "critical")
        for judged, edge in zip(order, (preset.least, preset.low, preset.high, preset.most, None), strict=True):
            spans.append(_sign(judged))
            spans.append(Span(f" {short(edge)} " if edge is not None else "", "dim"))
        return clip(spans, inner)

    def _switches(self, width: int, room: int) -> list[Line]:
        """Each switch: what became of it, what layer1 gets, and the loss after STEPS. Where there is no room for all,
        those around the chosen one, and which these are."""
        flow = self.courses[0].flow(0)
        first = flow.layers[0].name if flow is not None else "layer1"
        name, after = "One switch, the same seed", f"loss after {STEPS:,}"
        gets: Line = (Span(f"{first} gets", "gradient"), Span("   ")) if len(self.courses) > 1 else ()
        if len(name) + length(gets) + len(after) + HEADS > width:
            after = after.removeprefix("loss ")
        count, shown = len(self.courses), max(1, room)
        start = max(0, min(self.chosen - shown // 2, count - shown))
        kept = range(start, min(count, start + shown))
        which = (Span(f"{kept.start + 1}-{kept.stop} of {count}", "dim"),) if len(kept) < count else ()
        rule = layout.rule(layout.Title(2, name, which, (*gets, Span(after, "value"))), width)
        return [rule, *(self._switch(n, self.courses[n], width) for n in kept)]

    def _switch(self, n: int, course: Course, width: int) -> Line:
        chosen = n == self.chosen
        style = "text bold" if chosen else "dim" if n == 0 else "text"
        flow = course.flow(0)
        sizes = flow.sizes(self.preset) if flow is not None else None
        gets: Line = (Span("·", "dim"),) if sizes is None else (Span(small(sizes[0]), "gradient"),)
        hidden = course.name in self.hide
        loss: Line = (Span("·", "dim"),)
        told = course.outcome
        if course.reached is not None:
            loss = (Span(small(course.reached), "value"),)
            if course.trained < STEPS:
                told = f"after {course.trained} steps: {told}"
        if hidden:
            gets, loss, told = mark("gradient"), mark("value"), ""
        sign = _sign("healthy" if course.learned else "critical")
        verdict: Line = () if course.reached is None or hidden else (sign,)
        ends = width - 15, width - 4, width - 2
        name = clip((Span(course.name, style),), 24)
        room = ends[0] - 8 - 28
        said = (Span(told, "dim"),) if len(told) <= room else ()
        chip = Span("▶ " if chosen else "  ", "value reverse bold" if chosen else "text")
        figures = right(ends[0], gets), right(ends[1], loss), right(ends[2], verdict)
        line = at((0, chip), (3, name), (28, said), *figures)
        return under(fit(line, width), "on-cursor") if chosen else line


def _sign(judged: Mark) -> Span:
    """The mark of a verdict, a bad one in bold."""
    sign, kind = MARKS[judged]
    return Span(sign, f"{kind} bold" if kind == "fail" else kind)


def _remarks() -> list[Line]:
    """What is to be said of the figure."""
    return [
        (),
        (Span(" Layers are counted from the loss there: of sigmoids the gradient is largest beside it.", "dim"),),
        (Span(" The second one stands there for exploding gradients. Nothing in it explodes.", "dim"),),
    ]


def _unknown(course: Course) -> Flow | None:
    """The layers of a network whose numbers at this training step are not there yet, so that nothing moves."""
    first = course.flow(0)
    return (
        None if first is None else Flow(tuple(Layer(each.name, math.nan, math.nan) for each in first.layers), math.nan)
    )
