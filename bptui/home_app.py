"""The App that begins at home: what can be opened is imported and listed here, which the debugger's first frame does
without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from textual.screen import Screen

from bptui.app import BptuiApp, on_screen
from bptui.model.base.errors import UserError
from bptui.screens.home import Home
from bptui.screens.home_items import items, picture
from bptui.screens.theme import Theme
from bptui.surroundings import ALONE, Surroundings

if TYPE_CHECKING:
    from bptui.keeper import Keeper
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

Opens = Callable[[str], Callable[[Theme, bool], Screen[None]] | None]
"""From a line to the screen that it opens, in some colours, with or without more than ASCII; None for a network, which
the debugger opens."""


class HomeApp(BptuiApp):
    """Home first, and again after each debugger. `opener` makes a name and a loader of what was chosen or typed."""

    def __init__(
        self, opener: Callable[[str], tuple[str, Callable[[], Network]]],
        keeper_of: Callable[[str], Keeper | None] = lambda _: None, screen_of: Opens = lambda _: None,
        around: Surroundings = ALONE,
    ) -> None:  # fmt: skip
        super().__init__("", self._open, around=around)
        self._keeper_of, self._screen_of = keeper_of, screen_of
        self.home = Home(items, self._ask, self.colours, self.unicode, picture)
        self._opener, self._asked, self._title = opener, "", ""

    def get_default_screen(self) -> Home:  # type: ignore[override]  # the debugger comes later, over it
        """The screen under the debugger."""
        return self.home

    def _begin(self) -> None:
        """After the first frame: what every network needs, so that the chosen one opens at once."""
        self.run_worker(
            partial(import_module, "bptui.model.debugger.session"), thread=True, exit_on_error=False, name="warm"
        )

    def _ask(self, text: str) -> None:
        self._asked = text
        try:
            screen = self._screen_of(text)
        except UserError as error:
            self.home.refuse(error)
            return
        if screen is None:
            super()._begin()
            return
        self.home.opened()
        self.push_screen(screen(self.colours, self.unicode))

    def _open(self) -> Network:
        self._title, load = self._opener(self._asked)
        network = load()
        self._keeper, self._around = self._keeper_of(self._asked), self._around._replace(opens=self._asked)
        return network

    def _fail(self, error: UserError) -> None:
        self.home.refuse(error)

    def _opened(self, session: Session) -> Awaitable[None]:
        self.home.opened()
        return self.open_debugger(self._title, session)


def home(
    opener: Callable[[str], tuple[str, Callable[[], Network]]], keeper_of: Callable[[str], Keeper | None],
    screen_of: Opens, around: Surroundings,
) -> int:  # fmt: skip
    """Home on the screen; returns the exit code."""
    return on_screen(HomeApp(opener, keeper_of, screen_of, around))
