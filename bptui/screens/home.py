"""The screen of home: what there is to learn, to play with and to step through, and a line for something of one's own.

As the debugger: one canvas, a pure function from what is known to rows (home_list), keys from one table. No NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from bptui.model.base.errors import UserError
from bptui.model.base.files import offered
from bptui.model.base.spans import Line, Span
from bptui.screens import help as manual
from bptui.screens.canvas import Canvas, in_thread_of, taken
from bptui.screens.command_line import CommandLine
from bptui.screens.home_list import LESSONS, Item, Picture, State, lines
from bptui.screens.keys import HOME, LEAVES
from bptui.screens.render import RenderOptions
from bptui.screens.theme import Theme, named

OPENED = (".toml", ".json", ".bptui")
"""How files end that can be opened."""
KEYS = "Keys"
"""The title of the list of keys."""


class Home(Screen[None]):
    """The list on the screen. `items` says what there is, and where the cursor starts; `open_` is called with the line
    that opens what was chosen, or that was typed; `picture` makes the playground's, in a thread, after the first frame,
    and again when one comes back."""

    CSS_PATH = "styles/debugger.tcss"
    AUTO_FOCUS = "Canvas"

    def __init__(
        self, items: Callable[[], tuple[Sequence[Item], int]], open_: Callable[[str], None], theme: Theme,
        unicode: bool = True, picture: Callable[[], Picture | None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._items, self._picture = items, picture
        self.state = State(look=RenderOptions(unicode=unicode, ansi=theme.ansi))
        self.canvas = Canvas(self._paint, theme)
        self.opening = ""
        self._open, self._refused = open_, ""
        self._typing: CommandLine | None = None
        self._line, self._search = CommandLine(), CommandLine()
        self._list(True)

    def _list(self, begin: bool = False) -> None:
        """What there is now; the cursor stays on what was chosen, but at the beginning."""
        before = self.state.item
        items, start = self._items()
        self.state.items = tuple(items)
        if begin:
            self.state.chosen = start
        elif before is not None:
            opens = [(item.part, item.opens) for item in self.state.rows]
            same = (before.part, before.opens)
            self.state.chosen = opens.index(same) if same in opens else min(self.state.chosen, max(0, len(opens) - 1))

    def compose(self) -> ComposeResult:
        """One widget, as the debugger."""
        yield self.canvas

    def on_mount(self) -> None:
        """Paint first."""
        self.call_after_refresh(self.set_timer, 0.02, self._pictured)

    def _pictured(self) -> None:
        self.run_worker(self._make_picture, thread=True, exit_on_error=False, name="picture")

    def _make_picture(self) -> None:
        made = self._picture()
        in_thread_of(self, partial(self._show_picture, made))

    def _show_picture(self, made: Picture | None) -> None:
        self.state.picture = made
        self.canvas.repaint()

    def on_canvas_resized(self) -> None:
        """What is shown over the list is wrapped anew."""
        if self.state.help:
            self._help("" if self.state.help.title == KEYS else self.state.help.title)

    def _paint(self, width: int, height: int) -> list[Line]:
        self.state.bottom = self._typing.line(width) if self._typing is not None else ()
        return lines(self.state, width, height)

    def retheme(self, theme: Theme) -> None:
        """The colours that were chosen on another screen; and what has changed meanwhile."""
        self._list()
        self._pictured()
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
        """Why it cannot be opened; what was asked for stands in the line when that is opened again."""
        self.opening, self._refused = "", self.opening
        self.say(Span(str(error), "fail"))

    def on_key(self, event: events.Key) -> None:
        """Every key; while something is being opened, only those that leave."""
        key = taken(event)
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
        state, (word, by) = self.state, HOME.find(key)
        item = state.item
        if state.help:
            if not state.help.press(key, max(1, self.size.height - 3)):
                state.help.rows = ()
        elif word == "open" and item is not None:
            self._choose(item)
        elif word == "class":
            if item is None or item.part != LESSONS:
                self.say(Span("P opens a lesson for a class: choose one"))
            else:
                self.open(f"{item.opens} --present")
        elif word == "line":
            self._begin(self._line, ":", self._refused)
        elif word == "filter":
            self._begin(self._search, "/")
        elif word == "help":
            self._help("")
        elif word == "move":
            state.move(*by, self.size.width)
        elif word == "part":
            if not state.go(int(key) - 1):
                self.say(Span("nothing stands there yet"))
        elif word == "turn":
            state.turn(by[0])
        elif word == "all":
            state.wanted, state.chosen, self._refused = "", 0, ""
        elif word == "interrupt":
            self.say(Span("q quits"))
        elif character and character.isalpha() and not state.jump(character):
            self.say(Span(f"no example begins with {character}: / finds by a word, ? shows the keys"))

    def _choose(self, item: Item) -> None:
        if item.gone:
            self.say(Span(f"{item.name}: its file has gone", "fail"))
        else:
            self.open(item.opens)

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
                self.run(typing.text.strip())

    def _complete(self, text: str) -> list[str]:
        return [*(item.opens for item in self.state.items if item.opens.startswith(text)), *offered(text, OPENED)]

    def run(self, text: str) -> None:
        """A line: the few words of every screen, else what is to be opened."""
        word, _, rest = text.partition(" ")
        try:
            if word in LEAVES and not rest:
                self.app.exit()
            elif word == "help":
                self._help(rest.strip())
            elif word == "theme":
                app = cast(Any, self.app)
                self.retheme(app.take_theme(named(rest.strip(), app.colours.name)))
            else:
                self.open(text)
        except UserError as error:
            self.say(Span(str(error), "fail"))

    def _help(self, word: str) -> None:
        width = max(1, self.size.width - 3)
        rows = manual.about(word, width) if word else manual.place_keys(HOME, width)
        self.state.help.show(rows, word or KEYS)

    def open(self, text: str) -> None:
        """Ask for something to be opened."""
        self.opening = text
        self.say(Span("opening ", "dim"), Span(text[:200], "text bold"))
        self._open(text)
