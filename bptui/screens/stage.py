"""The screen of a board (an explorer, the playground): keys, `:` line, help, and the thread in which it computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.commands.row import shown
from bptui.model.debugger.reply import Reply, say
from bptui.screens import layout
from bptui.screens.board import Board
from bptui.screens.canvas import Canvas, in_background, in_thread_of, taken
from bptui.screens.classroom import Classroom
from bptui.screens.command_line import CommandLine
from bptui.screens.help import about, place_keys
from bptui.screens.keys import LEAVES, PAGES, STAGE, Place
from bptui.screens.long_answer import LongAnswer
from bptui.screens.panels import footer, status
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, drawable, fit, under
from bptui.screens.theme import CHOICES, Theme, named
from bptui.screens.worker import Worker


class Stage(Screen[None]):
    """`make` makes the board, in a thread, after the first frame. `title` is shown until then."""

    CSS_PATH = "styles/debugger.tcss"
    AUTO_FOCUS = "Canvas"

    def __init__(self, title: str, make: Callable[[], Board], theme: Theme, unicode: bool = True) -> None:
        super().__init__()
        self._title, self._make = title, make
        self.look = RenderOptions(unicode=unicode, ansi=theme.ansi)
        self.canvas = Canvas(self._paint, theme)
        self.board: Board | None = None
        self.message: Line = ()
        self.pages = LongAnswer()
        self.worker = Worker(self.canvas, partial(in_thread_of, self), self._ended)
        self._line = CommandLine()
        self._typing = False
        self.classroom = Classroom(self.set_interval, self._turn)

    def compose(self) -> ComposeResult:
        """One widget, as the debugger."""
        yield self.canvas

    def on_mount(self) -> None:
        """Paint first, then make the board."""
        self.call_after_refresh(self.set_timer, 0.02, partial(in_background, self, self._make, self._begin, "board"))

    def on_screen_resume(self) -> None:
        """The debugger over it was left."""
        if self.board is not None:
            self.board.returned()
            self.changed()

    def _begin(self, board: Board) -> None:
        self.board = board
        self.changed()

    # ------------------------------------------------------------------------------------------------ drawing

    def _paint(self, width: int, height: int) -> list[Line]:
        if width < layout.SMALLEST[0] or height < layout.SMALLEST[1]:
            return layout.too_small(width, height)
        rows: list[Line] = []
        if self.board is not None:
            self.board.width = width
        asked = self.classroom.rows(self.board, width, height)
        room = height - 2 - len(asked)
        if self.pages:
            here, which = self.pages.seen(room - 1)
            rows += [layout.title_rule(self.pages.title, which, width), *((Span("  "), *row) for row in here)]
        elif self.board is not None:
            try:
                rows += self.board.lines(width, room, self.look)
            except Exception as defect:
                text = f" this failed: {type(defect).__name__}: {defect}"
                rows += [(Span(part, "fail"),) for part in _cut(text, width)]
        left, right = self.board.status() if self.board is not None else ((Span(self._title, "dim"),), ())
        rows = [status.of_board(left, right, width), *rows, *[()] * height]
        rows = [fit(row, width) for row in rows[: height - 1]]
        if asked:
            rows[-len(asked) :] = [fit(row, width) for row in asked]
        rows.append(self._last(width))
        return drawable(rows, self.look)

    def _last(self, width: int) -> Line:
        if self._typing:
            return self._line.line(width)
        if self.message:
            return under(fit((Span(" "), *self.message), width), "on-band")
        if self.pages:
            return under(footer.hints(PAGES.footer(), width), "on-band")
        own = self.board.place.footer() if self.board is not None else ()
        pairs = STAGE.footer()
        if self.board is not None and self.classroom.asks(self.board) is not None:
            return under(footer.hints((*self.classroom.keys(self.board), *own[:2]), width, pairs[-2:]), "on-band")
        first = self.board.place.first if self.board is not None else 0
        middle = (*own[:first], *reversed(pairs[:-2]), *own[first:])
        return under(footer.hints(middle, width, pairs[-2:]), "on-band")

    def changed(self) -> None:
        """Draw what is different now, and compute what is wanted now."""
        if self.board is not None and not self.worker.closed:
            self.worker.ask(self.board)
            self.board.held = self.worker.job is not None
        self.canvas.repaint()
        if self.board is not None:
            self.board.held = False

    def on_canvas_resized(self) -> None:
        """In another size a map has other pixels."""
        self.changed()

    def _ended(self, error: UserError | None) -> None:
        """A work of the board has ended: what came of it, and what there is to compute now."""
        if error is not None:
            self.refuse(error)
        elif self.board is not None and (news := self.board.news()):
            self.say(say(news))
        if self.board is not None:
            self.worker.ask(self.board)
        self.canvas.repaint(cast(Any, self.app).arrivals.budget)

    def say(self, reply: Reply) -> None:
        """One line in the place of the footer, more over the board."""
        lines = [part for row in reply.lines for part in wrap(row, max(1, self.size.width - 3))]
        self.message = lines[0] if len(lines) == 1 else ()
        title = self._title if self.board is None else self.board.name
        self.pages.show(lines if len(lines) > 1 else (), title)
        self.canvas.repaint()

    def refuse(self, error: UserError) -> None:
        """What cannot be had, in one line."""
        self.say(Reply(((Span(str(error), "fail"),),), ok=False))

    def retheme(self, theme: Theme) -> None:
        """Other colours."""
        self.look = self.look._replace(ansi=theme.ansi)
        self.canvas.retheme(theme)

    # ------------------------------------------------------------------------------------------------ keys

    def on_key(self, event: events.Key) -> None:
        """Every key: of the line that is typed, of what lies over the board, of the board, of the stage."""
        key = taken(event)
        if self._typing:
            end = self._line.press(key, event.character, self._complete)
            self._typing = not end
            if end == "done" and self._line.text.strip():
                self.run(self._line.text.strip())
        else:
            self.press(key)
        self.changed()

    def _complete(self, text: str) -> Sequence[str]:
        own = self.board.complete(text) if self.board is not None else ()
        return [*own, *(f"theme {name}" for name in CHOICES if f"theme {name}".startswith(text))]

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text belongs to the line; without one it is dropped, so that it never runs as keys."""
        event.stop()
        if self._typing:
            self._line.insert(event.text)
            self.canvas.repaint()

    def press(self, key: str) -> None:
        """A key, by the registry's name."""
        if self.pages:
            room = max(1, self.size.height - 3 - len(self.classroom.rows(self.board, *self.size)))
            if not self.pages.press(key, room):
                self.pages.rows = ()
            return
        said, self.message = bool(self.message), ()
        board = self.board
        word, by = board.place.find(key) if board is not None else ("", (0, 0))
        if board is not None and (told := self.classroom.press(board, key)) is not None:
            self.say(say(told) if told else Reply())
            return
        if board is not None and word:
            text = board.press(word, by, key)
            if text.startswith(":"):
                self._open(text[1:])
            elif text:
                self.say(say(text))
            return
        word, _ = STAGE.find(key)
        if word == "leave":
            self.leave()
        elif word == "line":
            self._open("")
        elif word == "help":
            self._help()
        elif word == "debug":
            self.debug()
        elif word == "present":
            told = self.classroom.present(board, not self.classroom.on)
            self.say(say(told) if told else Reply())
        elif word == "interrupt" and not said:
            self.say(say("q leaves"))
        elif len(shown(key)) == 1:
            self.say(say(f"{shown(key)} is no key here: ? shows them"))

    def _turn(self) -> None:
        """Pages of a class that turn by themselves: the next one, unless something else is being done."""
        if self.board is not None and not (self._typing or self.pages):
            self.classroom.turn(self.board)
            self.changed()

    def _open(self, text: str) -> None:
        self._line.open(":", text)
        self._typing = True

    def _help(self, word: str = "") -> None:
        """What the keys do here, or what a word means."""
        places: list[Place] = [STAGE] if self.board is None else [self.board.place, STAGE]
        width = max(1, self.size.width - 3)
        rows = [row for place in places for row in ((), *place_keys(place, width))][1:]
        self.pages.show(about(word, width) if word else rows, word or "Keys")

    def run(self, text: str) -> None:
        """A `:` line: the few of every screen, then the board's own."""
        word, _, rest = text.partition(" ")
        try:
            if word in LEAVES:
                self.leave()
            elif word == "help":
                self._help(rest.strip())
            elif word == "theme":
                self._theme(rest.strip())
            elif word == "autoplay":
                self.classroom.play(self.board, rest)
            elif self.board is not None:
                self.say(self.board.run(text))
        except UserError as error:
            self.refuse(error)

    def _theme(self, name: str) -> None:
        app = cast(Any, self.app)
        self.retheme(app.take_theme(named(name, app.colours.name)))

    def debug(self) -> None:
        """The debugger at the very point where the board stands; q there comes back."""
        if self.board is None:
            return
        try:
            session = self.board.opening()
        except UserError as error:
            self.refuse(error)
        else:
            self.run_worker(cast(Any, self.app).open_debugger(session.network.name, session), exclusive=True)

    def stop(self) -> None:
        """End what is computed, and wait for nothing; once, it is kept."""
        if self.board is not None and not self.worker.closed:
            self.board.keep()
        self.classroom.autoplay.stop()
        self.worker.close()
        if self.board is not None:
            self.board.close()

    def leave(self) -> None:
        """Back to where it was opened."""
        if not self.worker.closed:
            self.stop()
            cast(Any, self.app).leave()


def _cut(text: str, width: int) -> list[str]:
    return [text[i : i + width - 1] for i in range(0, len(text), max(1, width - 1))]
