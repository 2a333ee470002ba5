"""The one widget of the debugger: it draws rows that a pure function made, and refreshes those that changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from bptui.model.base.errors import as_user_error
from bptui.model.base.spans import Line
from bptui.screens.driver import sanitize
from bptui.screens.keys import name_of
from bptui.screens.render import fit
from bptui.screens.theme import Theme

Paint = Callable[[int, int], Sequence[Line]]
Made = TypeVar("Made")


def in_thread_of(screen: Screen[Any], what: Callable[[], None]) -> None:
    """Run something in the screen's own thread, from any other, if there still is one."""
    if screen.is_running and screen.app.is_running:
        screen.app.call_later(what)


def in_background(screen: Screen[Any], make: Callable[[], Made], then: Callable[[Made], None], name: str) -> None:
    """Make something in a thread, and go on with it in the screen's own; where it cannot be made, the app says why."""

    def job() -> None:
        try:
            made = make()
        except Exception as problem:
            in_thread_of(screen, partial(cast(Any, screen.app).refuse, as_user_error(problem)))
        else:
            in_thread_of(screen, partial(then, made))

    screen.run_worker(job, thread=True, name=name)


def taken(event: events.Key) -> str:
    """A key by the registry's name. Nothing else happens with it."""
    event.stop()
    event.prevent_default()
    return name_of(event.key, event.character)


class Canvas(Widget, can_focus=True):
    """Rows of the whole screen. It holds what was drawn last, and nothing of the debugger."""

    class Resized(Message):
        """Rows were drawn in another size. What they are drawn from may have to be computed for it."""

    def __init__(self, paint: Paint, theme: Theme) -> None:
        super().__init__()
        self._paint, self._theme = paint, theme
        self._rows: list[Line] = []
        self._late: list[int] = []

    @property
    def late(self) -> bool:
        """Are there rows that a slow line has not been given yet?"""
        return bool(self._late)

    def flush(self, budget: int) -> None:
        """Rows that are late, as many as the budget takes."""
        late, self._late = self._late, []
        if not self._send(late, budget):
            self.refresh()

    def repaint(self, budget: int | None = None) -> None:
        """Draw again; only rows that differ are given to the terminal. With a budget of bytes, those that it does not
        take are late."""
        width, height = self.size
        if not width or not height:
            return
        if self.screen is not self.app.screen:  # another screen lies over it: all of it is drawn when that is left
            self._rows, self._late = [], []
            return
        rows = list(self._paint(width, height))
        old, self._rows = self._rows, rows
        if len(old) != len(rows):
            self._late = []
            self.refresh()
            return
        changed = [y for y, (a, b) in enumerate(zip(old, rows, strict=True)) if a != b]
        if budget is not None and self._late:
            changed = [*self._late, *(y for y in changed if y not in self._late)]
            self._late = []
        if changed and not self._send(changed, budget):
            self._late = []
            self.refresh(*[Region(0, y, width, 1) for y in changed])

    def _send(self, changed: list[int], budget: int | None = None) -> bool:
        """The changed rows to the terminal at once, where this is all that stands on it; else False."""
        app: Any = self.app
        if not getattr(app, "direct", False) or self._repaint_regions:
            return False
        if self.screen is not app.screen or self.region != app.size.region:  # is_current is also what lies under it
            return False
        width, last = self.size.width, len(self._rows) - 1
        if budget is not None:  # what answers a key goes before what is late
            changed = sorted(changed, key=lambda y: y not in (0, last))
        self._styles_cache.set_dirty(*[Region(0, y, width, 1) for y in changed])
        sent = app.send_rows([(y, self._rows[y]) for y in changed], self._theme, budget)
        now = set(changed[:sent])
        self._late = [*(y for y in self._late if y not in now), *changed[sent:]]
        return True

    @property
    def rows(self) -> tuple[Line, ...]:
        """What was drawn last."""
        return tuple(self._rows)

    def retheme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self._rows = []
        self.repaint()

    def on_resize(self) -> None:
        """The rows of another size are other rows."""
        self._rows = []
        self.repaint()
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """One row, filled up with blanks in the page's colour."""
        width, style = self.size.width, self._theme.style
        row = fit([sanitize(span) for span in self._rows[y]] if y < len(self._rows) else (), width)
        return Strip([Segment(text, style(words)) for text, words in row if text], width)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All of it."""
        return container.width
