"""What was opened last, newest first, in the folder of the state. Where it cannot be read or kept, there is none."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bptui.model.base import files, folders
from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.source.examples import FOLDER

FORMAT, MOST, MAX_FILE, MAX_TEXT = 1, 12, 2**18, 2_000
DAY = 86_400


class Recent(NamedTuple):
    """One thing that was opened.

    opens  the line that opens it again, as it is typed at home
    where  where it was left, in a few words
    when   seconds since 1970
    file   the path of its file, or of the folder of a captured step; "" where it needs none
    """

    opens: str
    where: str
    when: float
    file: str = ""

    @property
    def name(self) -> str:
        """What it is called in the list."""
        return Path(self.file).name if self.file else self.opens

    @property
    def gone(self) -> bool:
        """Has its file gone?"""
        return bool(self.file) and not os.path.exists(self.file)

    def day(self, now: float) -> str:
        """`today`, `yesterday`, the day of the week, or the date, where one is."""
        then, today = time.localtime(self.when), time.localtime(now)
        days = round((_midnight(today) - _midnight(then)) / DAY)
        if days <= 1:
            return "yesterday" if days == 1 else "today"
        return time.strftime("%A" if days < 7 else "%Y-%m-%d", then)


def _midnight(day: time.struct_time) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1))


def recent() -> tuple[Recent, ...]:
    """All that is known, newest first."""
    path = _path()
    if path is None or not os.path.isfile(path):
        return ()
    with suppress(UserError, ValueError, TypeError, KeyError, OverflowError, OSError):
        content = from_json(files.read_text(path, "recent", MAX_FILE), "recent")
        if content["format"] == FORMAT:
            return tuple(_row(item) for item in content["recent"][:MOST])
    return ()


def _row(item: Any) -> Recent:
    opens, where, when, file = item
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in (opens, where, file)):
        raise ValueError("a text was expected")
    when = float(when)
    time.localtime(when)
    return Recent(one_line(opens, MAX_TEXT), one_line(where, 80), when, file)


def remember(opens: str, where: str) -> None:
    """Put what a line opens first, with where it was left. What cannot be kept is not."""
    path = _path()
    if path is None:
        return
    file = ""
    with suppress(OSError, ValueError):
        known = os.path.isfile(FOLDER / f"{opens}.toml")  # an example goes before a file of its name
        file = str(Path(opens).resolve()) if not known and os.path.exists(opens) else ""
    row = Recent(file or opens, where, time.time(), file)
    rows = [row, *(each for each in recent() if each.opens != row.opens)][:MOST]
    with suppress(OSError):
        files.replace(path, json.dumps({"format": FORMAT, "recent": rows}) + "\n")


def _path() -> Path | None:
    folder = folders.state_folder()
    return None if folder is None else folder / "recent.json"
