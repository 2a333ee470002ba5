"""A recorded run, or a script with a first line of its own, again: read here, played on the screen, visible or not.

Every line is one of `bptui.recorder`, or a command line as one types it; `expect` lines may stand between them. What is
recorded of a line is held to what comes of it: where it led, the loss, what was refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose, isnan
from typing import TYPE_CHECKING, Any

from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text
from bptui.model.base.printable import one_line
from bptui.model.base.schema import Key, Table, kind_of, text, this_format
from bptui.model.debugger.commands import registry
from bptui.model.debugger.script import MAX_LENGTH, Origin
from bptui.recorder import FORMAT, place

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_FILE, MAX_LINES = 2**24, 100_000
LONGEST, PACE = 3.0, 1.0
"""Seconds of the longest pause of a recording that is kept to; those between two lines of which nothing is recorded."""
CLOSE = 1e-6
"""How near a loss has to be: another kernel of the BLAS sums in another order."""


@dataclass(frozen=True)
class Entry:
    """A line of the file, `line` from 1: a command line or a key; its seconds from the start, None where none are said;
    what was recorded of it; `caption` is the comment above it."""

    line: int
    do: str = ""
    key: str = ""
    t: float | None = None
    at: str = ""
    loss: float | None = None
    error: str = ""
    caption: str = ""
    size: tuple[int, int] | None = None

    @property
    def expects(self) -> bool:
        """Does it only look?"""
        return self.do.startswith("expect")


@dataclass(frozen=True)
class Replay:
    """A file to replay: `target`, the words of the shell that open its network; the size of its screen."""

    name: str
    target: Sequence[str]
    size: tuple[int, int]
    entries: Sequence[Entry]

    def origin(self, entry: Entry) -> Origin:
        """Where an entry stands."""
        return Origin(self.name, entry.line)

    def pauses(self, pace: float | None) -> Sequence[float]:
        """Seconds before each entry: those that were recorded, the longest ones cut; `pace` where that is said."""
        if pace is not None:
            return [0.0 if entry.expects or entry.size else pace for entry in self.entries]
        times = [entry.t for entry in self.entries]
        before = [0.0, *times[:-1]]
        return [
            0.0
            if entry.expects or entry.size
            else PACE
            if now is None or then is None
            else min(LONGEST, max(0.0, now - then))
            for entry, then, now in zip(self.entries, before, times, strict=True)
        ]


def judge(session: Session, entry: Entry, error: UserError | None) -> UserError | None:
    """What is wrong with what came of an entry; None where it is as it was recorded."""
    if error is not None and not entry.error:
        return error
    if entry.error and error is None and not _left_out(session, entry):
        return UserError("replay", "this was refused when it was recorded", entry.error)
    if entry.at and place(session) != entry.at:
        return UserError("replay", f"this leads to {place(session)}", f"recorded: {entry.at}")
    if entry.loss is not None:
        loss = session.recorded.loss
        if not (isclose(loss, entry.loss, rel_tol=CLOSE) or (isnan(loss) and isnan(entry.loss))):
            return UserError("replay", f"the loss is {loss!r} here", f"recorded: {entry.loss!r}")
    return None


def _left_out(session: Session, entry: Entry) -> bool:
    command, _ = registry.lookup(session, entry.do)
    return command is not None and command.word in registry.OUTSIDE


# ------------------------------------------------------------------------------------------------------------ reading


def read(name: str) -> Replay:
    """A file, with all of its lines checked."""
    lines = read_text(name, "replay", MAX_FILE).splitlines()
    if len(lines) > MAX_LINES:
        raise UserError("replay", f"{name} has {len(lines):,} lines", f"at most {MAX_LINES:,}")
    if not lines or not lines[0].startswith("{"):
        right = 'a first line such as {"format": 1, "target": ["run", "xor"]}'
        raise UserError(f"{name} line 1", "it does not say what is replayed", right)
    head = _table(lines[0], f"{name} line 1").read(HEAD)
    entries, captions = [], list[str]()
    for number, row in enumerate(lines[1:], 2):
        entry = _entry(row, number, name)
        if entry.do.startswith("#"):
            captions.append(entry.do.lstrip("# "))
        elif entry.do or entry.key or entry.size:
            entries.append(replace(entry, caption=one_line(" ".join(captions))))
            captions.clear()
    return Replay(name, head["target"], head["size"], entries)


def _entry(row: str, number: int, name: str) -> Entry:
    where = f"{name} line {number}"
    if len(row) > 3 * MAX_LENGTH:
        raise UserError(where, f"{len(row):,} characters", f"at most {3 * MAX_LENGTH:,}")
    if not row.startswith("{"):
        return Entry(number, do=row.strip())
    read = _table(row, where).read(ENTRY)
    if sum(map(bool, (read["do"], read["key"], read["size"]))) != 1:
        raise UserError(where, "it has to say one of do, key and size", '{"do": "step"}')
    del read["for"]
    return Entry(number, **read)


def _table(row: str, where: str) -> Table:
    return Table(from_json(row, where), where)


def _words(value: Any) -> Sequence[str]:
    words = value if isinstance(value, list) else [value]
    if not words or any(not isinstance(word, str) for word in words) or (len(words) > 1 and words[0] not in OPENERS):
        raise ValueError(f"found {kind_of(value)}, expected a target, or the words of the shell: {_EXAMPLE}")
    return words if len(words) > 1 else ["run", *words]


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or any(type(n) is not int or not 1 <= n <= 500 for n in value):
        raise ValueError(f"found {kind_of(value)}, expected columns and rows, as [80, 24]")
    return value[0], value[1]


def _number(value: Any) -> float:
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"found {kind_of(value)}, expected a number")
    return float(value)


def _line(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        raise ValueError(f"found {kind_of(value)}, expected a text of at most {MAX_LENGTH:,} characters")
    return value.strip()


OPENERS = ("run", "eval")
_EXAMPLE = '["run", "xor"]'
HEAD: Mapping[str, Key] = {
    "format": Key(this_format(FORMAT), required=True), "target": Key(_words, required=True),
    "size": Key(_size, (80, 24)),
}  # fmt: skip
ENTRY: Mapping[str, Key] = {
    "size": Key(_size), "t": Key(_number), "do": Key(_line, ""), "key": Key(text, ""), "at": Key(text, ""),
    "loss": Key(_number),
    "error": Key(text, ""), "for": Key(text, ""),
}  # fmt: skip
