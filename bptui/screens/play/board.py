"""The playground as a board: its keys, its lines, and what stands where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.printable import printable
from bptui.model.base.spans import Line, Span, joined
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.session import Session
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.keys import PLAY, Place
from bptui.screens.panels.choices import counts
from bptui.screens.play import curve, last, network, output, sheet
from bptui.screens.play.chosen import Choice, slope
from bptui.screens.play.grid import NAMES, Room, assemble, grid
from bptui.screens.render import RenderOptions, between, length
from bptui.teach.play import kept, settings, words
from bptui.teach.play.course import Course, Frame
from bptui.teach.play.setup import STRIDES, Setup
from bptui.teach.play.writing import write

SETTINGS, NETWORK, OUTPUT, LOSS = 4, 1, 2, 3
PARTS = 30
"""Places of the plane, in each direction, that the arrows go through."""
NUDGE = 0.1
LINES = ("write", "step", "weight", "undo")
"""The lines that set nothing."""
MOST_COMPLETIONS = 100
RIGHT = "right"
"""The number that a class is asked for."""
TITLED = 12
"""Rows from which on a panel that is alone says in a row of its own what stands in its title else."""
FIRST_TO_GO = ("play", "data", "test", "state", "right", "branch")
"""What of the status is left out, one after the other, where the row is short."""
AROUND = 11
"""Columns of the status that are the program's name, and gaps."""


class Playground(Board):
    """course  the training · focus  the panel of the arrows · choice  the neuron · at  the setting, (column, row)
    cross  the point of the plane, in parts of its width and height"""

    name = "play"

    def __init__(self, setup: Setup, fps: float) -> None:
        self.course, self._opened = Course(setup, fps), setup.document.content
        self.focus, self.choice, self.at = SETTINGS, Choice(), (2, 1)
        self.cross = (0.5, 0.5)
        self._shown: Frame | None = None
        self._drawn: tuple[object, list[Line]] = (None, [])
        self._predicted: tuple[tuple[float, float], Frame, float] | None = None

    @property
    def place(self) -> Place:  # type: ignore[override]  # the footer says how far one step goes
        """The keys, with the stride in the footer."""
        stride = self.course.setup.stride
        shorts = {"run": "pause" if self.course.running else "run", "steps": f"{stride:,} step{'s'[: stride != 1]}"}
        return Place(PLAY.name, tuple(row._replace(short=shorts.get(row.word, row.short)) for row in PLAY.rows))

    @property
    def asks(self) -> Ask | None:
        """How many points are on the right side: to be told from the map, before they are marked and counted."""
        right = self.frame.seen.right
        if right is None:
            return None
        question = f"How many of the {right[1]:,} points are on the right side now?"
        return Ask(question, frozenset({RIGHT}), "greater_than_sign", counts(*right))

    @property
    def frame(self) -> Frame:
        """What is seen."""
        assert self.course.frame is not None, "the first frame is made with the course"
        return self.course.frame

    # ------------------------------------------------------------------------------------------------ drawing

    def status(self) -> tuple[Line, Line]:
        """Data, training step, running or paused, branch; the losses and how many points are right, at the right. Where
        the row is short the step and the loss stay."""
        frame = self._shown if self.held and self._shown is not None else self.frame
        test, right = frame.seen.test, frame.seen.right
        parts: dict[str, Line] = {
            "play": (Span("play", "dim"),),
            "data": (Span(printable(last.named(frame.setup))[:16]),),
            "step": (Span("step ", "dim"), Span(f"{frame.step:,}", "text bold")),
            "state": (Span(self._state(), "dim"),),
            "branch": (Span(f" branch {frame.branch} ", "chip-update"),) if frame.branch else (),
            "loss": (Span("loss ", "dim"), _loss(frame.loss)),
            "test": (Span("test ", "dim"), _loss(test)) if test is not None else (),
            "right": (Span(f"{right[0]:,}", "text bold"), Span(f"/{right[1]:,}", "dim")) if right is not None else (),
        }
        if right is not None and RIGHT in self.hide:
            parts["right"] = (Span(" ? ", "value reverse"), Span(f"/{right[1]:,}", "dim"))
        for name in ("", *FIRST_TO_GO):
            parts[name] = ()
            left, end = (
                joined(Span("  "), [parts[each] for each in group if parts[each]])
                for group in (("play", "data", "step", "state", "branch"), ("loss", "test", "right"))
            )
            if length(left) + length(end) + AROUND <= self.width:
                break
        return left, end

    def _state(self) -> str:
        return "running" if self.course.running else "working" if self.course.busy else "paused"

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Four panels, or, where there is little room, the one that has the focus."""
        begun = perf_counter()
        frame = self._shown = self._shown if self.held and self._shown is not None else self.frame
        self.choice = self.choice.within(frame)
        wanted = (
            frame,
            self.course.setup,
            self.focus,
            self.choice,
            self.at,
            self.cross,
            self.hide,
            width,
            height,
            look,
        )
        if wanted != self._drawn[0]:
            self._drawn = wanted, self._draw(frame, width, height, look)
        if not self.course.drawn and frame is self.course.frame:
            self.course.cost += perf_counter() - begun
            self.course.drawn = True
        return list(self._drawn[1])

    def _draw(self, frame: Frame, width: int, height: int, look: RenderOptions) -> list[Line]:
        found = grid(width, height, self.focus)
        titled = found.single and height >= TITLED
        contents: dict[int, list[Line]] = {}
        for number, room in found.rooms.items():
            head = [between((), self._at_right(number, frame, room, look), room.width - 1)] if titled else []
            contents[number] = [*head, *self._panel(number, frame, Room(room.width, room.height - titled), look)]
        if found.single:
            return assemble(found, contents, {}, width)
        rules = {number: self._rule(number, frame, room, look) for number, room in found.rooms.items()}
        return assemble(found, contents, rules, width)

    def _panel(self, number: int, frame: Frame, room: Room, look: RenderOptions) -> list[Line]:
        if number == NETWORK:
            return network.lines(frame, self.choice, room.width, room.height, look)
        if number == OUTPUT:
            cross = self._point(frame) if self.focus == OUTPUT else None
            return output.lines(frame, room.width, room.height, look, cross, RIGHT not in self.hide)
        if number == LOSS:
            return curve.lines(frame, room.width, room.height, look)
        choice = self.choice if self.focus == NETWORK else self.choice._replace(source=-1)
        return sheet.lines(self.course.setup, frame, choice, self.at, room.width, room.height)

    def _rule(self, number: int, frame: Frame, room: Room, look: RenderOptions) -> Line:
        right = self._at_right(number, frame, room, look)
        left = slope(frame, self.choice) if number == NETWORK == self.focus else ()
        title = layout.Title(number, NAMES[number], left, right)
        return layout.rule(title, room.width, focused=number == self.focus, edge=number in (2, 4))

    def _at_right(self, number: int, frame: Frame, room: Room, look: RenderOptions) -> Line:
        """What a panel says at the right of its title."""
        right: Line = ()
        if number == NETWORK:
            right = network.title(frame, self.choice, look)
        elif number == OUTPUT:
            here = self.focus == OUTPUT
            point, predicted = (self._point(frame), self._prediction(frame)) if here else (None, 0.0)
            right = output.title(frame, room.width, point, predicted)
        elif number == LOSS and room.width > 40:
            right = curve.title(frame, look)
        return right

    def _point(self, frame: Frame) -> tuple[float, float]:
        return output.point_of(frame, self.cross)

    def _prediction(self, frame: Frame) -> float:
        point = self._point(frame)
        if self._predicted is None or self._predicted[0] != point or self._predicted[1] is not frame:
            self._predicted = point, frame, frame.sight.predict(frame.parameters, point)
        return self._predicted[2]

    # ------------------------------------------------------------------------------------------------ keys and lines

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """A key: what it asks for is done in the worker's thread."""
        course = self.course
        if word == "run":
            course.toggle()
        elif word == "steps":
            course.go(by[1] * course.setup.stride)
        elif word == "stride":
            self._stride(by[1])
        elif word == "panel":
            self.focus = (self.focus - 1 + by[1]) % len(NAMES) + 1
        elif word == "focus":
            self.focus = int(key)
        elif word == "start":
            course.to(0)
        elif word == "weight":
            last = self.choice._replace(source=10**6).within(self.frame).source
            self.choice = self.choice._replace(source=(self.choice.source + by[1]) % (last + 1))
        elif word == "nudge":
            course.nudge(*self.choice.parameter(self.frame), NUDGE * by[1])
        elif word == "edit":
            return ":weight "  # what it is stands in the line under the settings; what is typed takes its place
        elif word == "undo":
            course.undo()
        else:
            return self._move(*by)
        return ""

    def _move(self, down: int, right: int) -> str:
        if self.focus == NETWORK:
            self.choice = self.choice.moved(self.frame, down, right)
        elif self.focus == OUTPUT:
            x, y = (max(0.5, min(PARTS - 0.5, int(part * PARTS) + by + 0.5)) / PARTS
                    for part, by in zip(self.cross, (right, down), strict=True))  # fmt: skip
            self.cross = (x, y)
        elif self.focus == LOSS:
            self._past(right - down)
        elif down:
            self.at = sheet.moved(self.at, down)
        else:
            row = sheet.row_of(self.at)
            try:
                self._settle(row, row.next(self.course.setup, right))
            except UserError as end:
                return str(end)
        return ""

    def _past(self, by: int) -> None:
        """Along the curve: by a fiftieth of it."""
        frame = self.frame
        last = max(0, len(frame.losses) - 1)
        self.course.to(max(0, min(last, frame.step + by * max(1, last // 50))))

    def _stride(self, by: int) -> None:
        setup = self.course.setup
        above = [each for each in STRIDES if each > setup.stride]
        under = [each for each in STRIDES if each < setup.stride]
        to = (above or STRIDES[-1:])[0] if by > 0 else (under or STRIDES[:1])[-1]
        self._settle(settings.BY_NAME["stride"], replace(setup, stride=to))

    def _settle(self, row: settings.Setting, setup: Setup) -> None:
        self.course.settle(setup, row.anew, f"{row.name} = {row.text(setup)}")

    def _set_weight(self, value: float) -> None:
        name, index = self.choice.parameter(self.frame)
        self.course.edit(f"{name}[{','.join(map(str, index))}] = {value!r}")

    def run(self, text: str) -> Reply:
        """`write NAME.toml`, `undo`, `weight 0.5`, `step 240`, or a setting and its value."""
        word, _, rest = text.strip().partition(" ")
        if word == "write":
            return say(write(self.frame.setup, self.frame.branch, rest.strip()))
        if word == "undo":
            self.course.undo()
        elif word == "weight":
            self._set_weight(words.number(rest.split(), -1e6, 1e6, "weight"))
        elif word in ("step", "goto"):
            self.course.to(int(words.number(rest.split(), 0, 1e7, word)))
        else:
            row, setup = settings.said(self.course.setup, text)
            self._settle(row, setup)
        return Reply()

    # ------------------------------------------------------------------------------------------------ the worker

    def work(self) -> Work | None:
        """What is asked for, or the training that runs."""
        return self.course.work()

    def complete(self, text: str) -> Sequence[str]:
        """The settings, and the values that the arrows go through."""
        lines = [
            f"{row.name} {settings.written(each)}" for row in settings.SETTINGS for each in self._values(row, text)
        ]
        return [line for line in [*(row.name for row in settings.SETTINGS), *LINES, *lines] if line.startswith(text)]

    def _values(self, row: settings.Setting, text: str) -> Sequence[Any]:
        found = row.steps(self.course.setup) if text.startswith(row.name + " ") else ()
        return [each for each in found if each is not None][:MOST_COMPLETIONS]

    def news(self) -> str:
        """Why it stopped, or started again."""
        return self.course.news()

    def opening(self) -> Session:
        """The debugger at this very training step, in this branch."""
        return self.course.opening()

    def returned(self) -> None:
        """The debugger was left."""
        self.course.returned()

    def keep(self) -> None:
        """Home shows it from now on, unless nothing was done here."""
        frame = self.frame
        if frame.step or frame.branch or frame.setup.document.content != self._opened:
            kept.keep(last.kept_of(frame))

    def close(self) -> None:
        """Nothing goes on behind."""
        self.course.running = False


def _loss(value: float) -> Span:
    text = f"{value:.4f}" if 1e-4 <= abs(value) < 1e3 else numbers.significant(value, 2)
    return Span(text, "text bold" if value - value == 0 else "fail reverse")
