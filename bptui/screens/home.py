"""Home: what there is to step through, and a line for a file or a formula of one's own.

As the debugger: one canvas, a pure function from what is known to rows, keys from one table. Needs no NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, line
from bptui.model.source.examples import Example
from bptui.screens import layout
from bptui.screens.canvas import Canvas
from bptui.screens.command_line import CommandLine
from bptui.screens.help import place_keys
from bptui.screens.keys import HOME, name_of
from bptui.screens.panels import footer
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, fit, length, to_ascii, under
from bptui.screens.theme import Theme

ABOUT = "step a neural network through training, forward and back in time"
FORMULA = "L = (y - w*x)**2 x=2 y=2 w=0.5 --train w"
NAME = 15
"""Columns of an example's name."""


@dataclass
class State:
    """What home knows.

    chosen   the place of the cursor among `rows`;  wanted  the word that rows are filtered by
    message  an answer in the place of the footer, in as many rows as it takes, until the next key
    bottom   the line that is typed in
    help     the keys are shown
    """

    examples: tuple[Example, ...] = ()
    look: RenderOptions = field(default_factory=RenderOptions)
    chosen: int = 0
    wanted: str = ""
    message: Line = ()
    bottom: Line = ()
    help: bool = False

    @property
    def rows(self) -> tuple[Example, ...]:
        """The examples that are listed."""
        words = self.wanted.casefold().split()
        return tuple(e for e in self.examples if all(word in f"{e.name} {e.about}".casefold() for word in words))

    @property
    def example(self) -> Example | None:
        """The chosen one."""
        rows = self.rows
        return rows[min(self.chosen, len(rows) - 1)] if rows else None

    def move(self, by: int) -> None:
        """Choose another, and stop at the ends."""
        self.chosen = max(0, min(self.chosen + by, len(self.rows) - 1))

    def jump(self, letter: str) -> None:
        """To the next example whose name begins with the letter."""
        rows = self.rows
        for k in range(1, len(rows) + 1):
            at = (self.chosen + k) % len(rows)
            if rows[at].name.startswith(letter.lower()):
                self.chosen = at
                return


def lines(state: State, width: int, height: int) -> list[Line]:
    """All rows of the screen."""
    if width < layout.SMALLEST[0] or height < layout.SMALLEST[1]:
        return layout.too_small(width, height)
    below = _details(state, width) if height >= 10 and not (state.help and height < 20) else []
    below = below[: max(0, height - 3 - min(len(state.examples), height // 2))]
    room = height - 3 - len(below)
    name, counted = ("Keys", "") if state.help else ("Examples", _counted(state, room))
    out = [_head(width), layout.title_rule(name, counted, width)]
    out += (
        [(Span("  "), *row) for row in place_keys(HOME, max(1, width - 3))][:room]
        if state.help
        else _list(state, width, room)
    )
    listed = min(room, len(state.examples) + 1)
    out += [()] * (2 + listed - len(out))
    out += below
    out += [()] * (height - 1 - len(out))
    last = _last(state, width)
    out = [*out[: max(0, height - len(last))], *last]
    out = [fit(row, width) for row in out[:height]]
    return out if state.look.unicode else [to_ascii(row) for row in out]


def _head(width: int) -> Line:
    name = Span(" bptui", "text bold")
    for about in (ABOUT, "step a neural network through training", "debug a training step", ""):
        if len(about) + 9 <= width:
            return under(fit((name, Span(f"  {about}", "dim")), width), "on-band")
    return under(fit((name,), width), "on-band")


def _counted(state: State, room: int) -> str:
    rows = len(state.rows)
    if state.wanted:
        return f"{rows} of {len(state.examples)} with '{state.wanted}'"
    return f"{_top(state, room) + 1}-{_top(state, room) + room} of {rows}" if rows > room else ""


def _top(state: State, room: int) -> int:
    """The first row that is shown: the chosen one is always seen, with one after it where there is one."""
    return max(0, min(state.chosen - room + 2, len(state.rows) - room))


def _list(state: State, width: int, room: int) -> list[Line]:
    rows = state.rows
    if not rows:
        return [line(("  nothing matches; escape shows all", "dim"))]
    top, out = _top(state, room), []
    for at, example in enumerate(rows[top : top + room], top):
        here = at == state.chosen
        name = f" {example.name:<{NAME - 1}}"
        row = fit((Span(" ▶" if here else "  ", "chip-forward" if here else "text"),
                   Span(name, "text bold"), Span(f" {example.about}", "text" if here else "dim")), width)  # fmt: skip
        out.append(under(row, "on-cursor") if here else row)
    return out


def _details(state: State, width: int) -> list[Line]:
    """What is said of the chosen example, and how to come to something of one's own."""
    example = state.example
    out: list[Line] = []
    inner = max(1, width - 3)
    if example is not None:
        out.append(layout.title_rule(example.name, "", width, heavy=False))
        if len(example.about) > width - NAME - 3:
            out += [(Span("  "), *row) for row in wrap((Span(example.about),), inner)]
        source = (Span("numbers  ", "dim"), Span(example.source, "text"))
        out += [(Span("  "), *row) for row in wrap(source, inner, 9)][:2]
    word = (Span("o", "text bold"), Span(" opens a network file or a formula: ", "dim"), Span(FORMULA, "text"))
    if length(word) <= inner:
        out += [(Span("  "), *word)]
    return out


def _last(state: State, width: int) -> list[Line]:
    """The line that is typed in, an answer in as many rows as it takes, or the keys."""
    if state.bottom:
        return [state.bottom]
    if state.message:
        rows = wrap(state.message, max(1, width - 2))
        return [under(fit((Span(" "), *row), width), "on-band") for row in rows]
    pairs = HOME.footer()
    return [under(footer.hints(pairs[:-2], width, pairs[-2:]), "on-band")]


class Home(Screen[None]):
    """The list on the screen. `open` is called with what to debug: an example's name, or the line that was typed."""

    CSS_PATH = "styles/debugger.tcss"
    AUTO_FOCUS = "Canvas"

    def __init__(
        self, examples: Sequence[Example], open_: Callable[[str], None], theme: Theme, unicode: bool = True
    ) -> None:
        super().__init__()
        self.state = State(tuple(examples), RenderOptions(unicode=unicode, ansi=theme.ansi))
        self.canvas = Canvas(self._paint, theme)
        self.opening = ""
        self._open, self._refused = open_, ""
        self._typing: CommandLine | None = None
        self._line, self._search = CommandLine(), CommandLine()

    def compose(self) -> ComposeResult:
        """One widget, as the debugger."""
        yield self.canvas

    def _paint(self, width: int, height: int) -> list[Line]:
        self.state.bottom = self._typing.line(width) if self._typing is not None else ()
        return lines(self.state, width, height)

    def retheme(self, theme: Theme) -> None:
        """The colours that were chosen in the debugger."""
        self.state.look = self.state.look._replace(ansi=theme.ansi)
        self.canvas.retheme(theme)

    def say(self, *spans: Span) -> None:
        """One line in the place of the footer."""
        self.state.message = spans
        self.canvas.repaint()

    def opened(self) -> None:
        """It lies over this screen now."""
        self.opening, self._refused, self.state.message = "", "", ()

    def refuse(self, error: UserError) -> None:
        """Why it cannot be debugged; what was asked for stands in the line when it is opened again."""
        self.opening, self._refused = "", self.opening
        self.say(Span(str(error), "fail"))

    def on_key(self, event: events.Key) -> None:
        """Every key; while something is being opened, only those that leave."""
        event.stop()
        event.prevent_default()
        key = name_of(event.key, event.character)
        if self._typing is not None:
            self._type(key, event.character)
        elif HOME.find(key)[0] == "leave":
            self.app.exit()
        elif not self.opening:
            self.state.message = ()
            self.press(key, event.character)
        self.canvas.repaint()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text belongs to the line; without one it opens it."""
        event.stop()
        if self._typing is None:
            self._begin(self._line, ":")
        assert self._typing is not None
        self._typing.insert(event.text)
        self.canvas.repaint()

    def press(self, key: str, character: str | None) -> None:
        """A key, by the table."""
        state, (word, (down, _)) = self.state, HOME.find(key)
        if state.help:
            state.help = False
        elif word == "open" and state.example is not None:
            self.open(state.example.name)
        elif word == "line":
            self._begin(self._line, ":", self._refused)
        elif word == "filter":
            self._begin(self._search, "/")
        elif word == "help":
            state.help = True
        elif word == "move":
            state.move(down)
        elif word == "all":
            state.wanted, state.chosen = "", 0
        elif word == "interrupt":
            self.say(Span("q quits"))
        elif character and character.isalpha():
            state.jump(character)

    def _begin(self, typing: CommandLine, prefix: str, text: str = "") -> None:
        self._typing = typing
        typing.open(prefix, text)

    def _type(self, key: str, character: str | None) -> None:
        typing = self._typing
        assert typing is not None
        end = typing.press(key, character, self._complete)
        if typing is self._search:
            self.state.wanted = "" if end == "close" else typing.text.strip()
            self.state.chosen = 0
        if end:
            self._typing = None
            if end == "done" and typing is self._line and typing.text.strip():
                self.open(typing.text.strip())

    def _complete(self, text: str) -> list[str]:
        return [example.name for example in self.state.examples if example.name.startswith(text)]

    def open(self, text: str) -> None:
        """Ask for something to debug."""
        self.opening = text
        self.say(Span("opening ", "dim"), Span(text[:200], "text bold"))
        self._open(text)
