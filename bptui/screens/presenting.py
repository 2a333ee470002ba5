"""What the keys of present mode do, and pages that turn by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.reply import say
from bptui.screens.keys import PRESENT
from bptui.screens.screen_commands import ScreenCommands

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


class Presenting(ScreenCommands):
    """A front end that can present what it debugs, one page after the other."""

    def _turn_page(self) -> None:
        """Autoplay: the next page, unless something else is being done; at the last one it ends."""
        session = self.session
        if session is None or not session.view.present:
            self.autoplay.stop()
        elif not (self.runner.busy or self.typing is not None or self.palette is not None or self.ui.pages):
            if not session.view.asks and self._last_page(session):
                self.autoplay.stop()
            self._present("next", "")

    def _last_page(self, session: Session) -> bool:
        """Does nothing come after what is presented?"""
        return session.walk.within(session.stop + 1) == session.stop

    def _presenting(self, key: str) -> bool:
        """A key that present mode has for itself."""
        session = self.session
        if session is None or not session.view.present:
            return False
        if self._presents_paths() and key not in ("pagedown", "pageup", "space", "1", "2", "3", "4"):
            return False  # a path is chosen with the others, and closed
        if key == "space" and self.autoplay.running:
            self.autoplay.stop()
            self.say(say("the pages stand still; :autoplay turns them again"))
            return True
        word, _ = PRESENT.find(key)
        if word == "more" and session.view.topic != "lesson":
            return False  # an arrow chooses another element
        if word == "class" and not session.view.asks:
            self.say(say("the answer is told; pgup asks again"))
        elif word:
            self._present(word, key)
        return bool(word)

    def _present(self, word: str, key: str) -> None:
        """What a key of present mode does."""
        lines = {"leave": "present off", "next": "page", "back": "page-back", "class": f"says {key}"}
        self.run(lines[word])

    def _presents_paths(self) -> bool:
        """Does a path stand on the screen of a whole room?"""
        view = self.session.view if self.session is not None else None
        return view is not None and view.present and view.answer is not None and view.answer.panel == "paths"
