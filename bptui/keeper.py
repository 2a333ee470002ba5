"""Between a front end and the folder of saved sessions: one is offered at the start, and kept at the end.

Nothing that goes wrong here keeps anyone from debugging: it is told in one line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bptui.model.base import files, folders
from bptui.model.base.errors import UserError
from bptui.model.debugger.script import MAX_LENGTH

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

LINES, MOST_TYPED = 200, 2**20
"""Lines of what was typed, and bytes of their file."""
MOST = 200
"""Sessions that are kept; the oldest ones leave."""


class Keeper:
    """The saved session of one target. `identity` is what makes it this one: an example's name, the path of a file, a
    formula."""

    def __init__(self, name: str, identity: str, folder: Path) -> None:
        from hashlib import sha256  # which loads OpenSSL: 3 ms before `bptui --version` answers

        stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in Path(name).stem)[:40]
        self.path = folder / "sessions" / f"{stem}-{sha256(identity.encode('utf-8', 'replace')).hexdigest()[:12]}.json"
        self._of = ""

    def begin(self, session: Session) -> str:
        """Offer a session what was kept; what is said of it, "" for nothing. A file that is no session is set aside."""
        from bptui.model.debugger import saved

        self._of = saved.fingerprint(session.network)
        if not os.path.isfile(self.path):
            return ""
        try:
            found = saved.read(self.path, self._of)
        except UserError as error:
            return f"{error}; it is set aside as {files.set_aside(self.path)}"
        session.saved = partial(saved.restore, session, found)
        return found.offer()

    def end(self, session: Session) -> str:
        """Keep a session, unless nothing was done in it; what went wrong, if anything."""
        from bptui.model.debugger import saved

        if saved.is_new(session) or not self._of:
            return ""
        try:
            saved.write(session, self.path, self._of)
            for old in sorted(self.path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-MOST]:
                old.unlink()
        except OSError as error:
            return f"the session could not be kept: {self.path}: {(error.strerror or str(error)).lower()}"
        return ""


class Typed:
    """What was typed in the `:` line, from one session to the next. Where it cannot be kept, it is not."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "typed"
        self.lines = self._read()

    def _read(self) -> list[str]:
        with suppress(UserError):
            lines = files.read_text(self._path, "typed", MOST_TYPED).splitlines()
            return [text for text in lines if text.isprintable() and 0 < len(text) <= MAX_LENGTH][-LINES:]
        return []

    def keep(self, lines: Sequence[str]) -> None:
        """Add what was typed since it was read to what others have added meanwhile."""
        new = list(lines[len(self.lines) :]) if list(lines[: len(self.lines)]) == self.lines else list(lines)
        if new:
            with suppress(OSError):
                files.replace(self._path, "".join(f"{text}\n" for text in [*self._read(), *new][-LINES:]))
            self.lines = list(lines)


def keeper(name: str, identity: str) -> Keeper | None:
    """The keeper of a target; None where nothing is kept."""
    folder = folders.state_folder()
    return None if folder is None else Keeper(name, identity, folder)


def typed() -> Typed | None:
    """What was typed earlier; None where nothing is kept."""
    folder = folders.state_folder()
    return None if folder is None else Typed(folder)
