"""A run, written down while it happens: a line of JSON for each command or key, and where it led.

The first line says of what: `{"format": 1, "target": ["run", "xor"], "size": [80, 24]}`. Each other one:

    {"t": 3.2, "do": "goto backward", "at": "training step 0 backward 1/5 loss seed 1, loss[]", "loss": 0.8668}

t      seconds since the start                  do   a command line;  key  one that moves in a panel or a long answer
at     the Moment that it led to, and the selected element; the branch where it is not the first;  loss  of its step
size   of the screen, where another one than before: keys in a panel depend on it
error  why it was refused;  for  what was interrupted: `do` is where that led

A line is on the disk before the next command runs. What lines stand in a script or in a command of one's own are
written down one by one, so that a recording needs neither. What goes wrong in writing is told once, and keeps nobody
from debugging.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, reason
from bptui.model.base.spans import plain

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

FORMAT = 1
UNSAID = ("command", "palette")
"""Commands that open something on the screen in which one types: what is typed is recorded."""


def place(session: Session) -> str:
    """Where a session stands: the Moment, the selected element, the branch where it is not the first."""
    branch = f"branch {session.branch.number}, " if session.branch.number else ""
    return f"{branch}{' '.join(plain(session.where()).split())}, {session.node.name}{numbers.index(session.element)}"


class Recorder:
    """Writes to a new file; `target` are the words of the shell that open the same network."""

    def __init__(self, path: str, target: Sequence[str], size: tuple[int, int]) -> None:
        self._path, self._begun = path, monotonic()
        try:
            self._file: Any = open(path, "x", encoding="utf-8")  # noqa: SIM115  # as long as the program runs
        except FileExistsError:
            raise UserError("--record", f"{path} is there already", "another name; nothing is overwritten") from None
        except (OSError, ValueError) as error:
            raise UserError("--record", f"{path}: {reason(error)}") from None
        self.lost, self._size = "", size
        self._write({"format": FORMAT, "target": list(target), "size": list(size)})

    def command(self, session: Session, text: str, error: UserError | None = None) -> None:
        """A command line was carried out, or refused with `error`."""
        entry = {"do": text}
        if session.progress.cancelled:
            step, index = session.cursor.step, session.timeline.index(session.cursor) + 1
            entry = {"do": f"goto step {step} {index}", "for": text}
        if text.split() and text.split()[0] not in UNSAID:
            self._entry(session, entry if error is None else {**entry, "error": str(error)})

    def key(self, session: Session, key: str, size: tuple[int, int]) -> None:
        """A key was pressed that is no command, on a screen of this size."""
        if size != self._size:
            self._write({"size": list(size)})
            self._size = size
        self._entry(session, {"key": key})

    def _entry(self, session: Session, what: dict[str, str]) -> None:
        loss = session.recorded.loss
        self._write({"t": round(monotonic() - self._begun, 3), **what, "at": place(session),
                     "loss": loss if isfinite(loss) else str(loss)})  # fmt: skip

    def _write(self, entry: dict[str, Any]) -> None:
        if self.lost:
            return
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
        except OSError as error:
            self.lost = f"--record: {self._path}: {(error.strerror or str(error)).lower()}; nothing more is recorded"

    def close(self) -> str:
        """End it; what went wrong, if anything."""
        try:
            self._file.close()
        except OSError as error:
            self.lost = self.lost or f"--record: {self._path}: {(error.strerror or str(error)).lower()}"
        return self.lost
