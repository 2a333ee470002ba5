"""How far a reader has come: one JSON file in the folder of bptui's state, written at each page, never sent.

    {"format": 1, "lessons": {"4": {"page": 10, "answers": {"your-turn-second-unit": "once"}}}}

`page` counts from 1; a lesson whose end was reached has `"done": true`. Lessons of one's own are kept under their path.
Imports no NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bptui.model.base import documents, files, folders
from bptui.model.base.errors import UserError
from bptui.model.base.printable import json_text

FORMAT = 1
MAX_BYTES = 2**22
Answered = Literal["once", "later", "shown"]
"""How a question was done: at the first try and without a hint, after more, or not by the reader."""
ANSWERED: tuple[Answered, ...] = ("once", "later", "shown")


@dataclass(frozen=True)
class Reached:
    """Of one lesson: the page where one is (from 1), how questions were answered, and whether its end was reached."""

    page: int = 1
    answers: Mapping[str, Answered] = field(default_factory=dict)
    done: bool = False


class Progress:
    """The progress of all lessons. `told` is what went wrong with its file, a line, "" for nothing; nothing of that
    keeps anyone from learning."""

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / "progress.json"
        self.told = ""
        self._lessons: dict[str, Reached] = self._read()

    def of(self, key: str) -> Reached | None:
        """How far one has come in a lesson (`Front.key`); None where it was never opened."""
        return self._lessons.get(key)

    @property
    def last(self) -> str:
        """The lesson in which one was last, "" for none."""
        return next(reversed(self._lessons), "")

    def keep(self, key: str, reached: Reached) -> str:
        """Keep it; what went wrong, a line, "" for nothing. What another bptui has written meanwhile stays."""
        merged = {**self._lessons, **self._read()} if self.path is not None else self._lessons
        merged.pop(key, None)
        merged[key] = reached
        self._lessons = merged
        if self.path is None:
            return ""
        rows = {key: _written(each) for key, each in merged.items()}
        try:
            files.replace(self.path, json_text({"format": FORMAT, "lessons": rows}) + "\n")
        except OSError as error:
            self.told = f"progress is not kept: {self.path}: {(error.strerror or str(error)).lower()}"
            return self.told
        return ""

    def _read(self) -> dict[str, Reached]:
        if self.path is None or not os.path.isfile(self.path):
            return {}
        try:
            found = documents.from_json(files.read_text(self.path, "progress", MAX_BYTES), "progress")
            return _lessons(found)
        except UserError as error:
            aside = self.path.with_name(f"{self.path.name}.broken")
            with suppress(OSError):
                os.replace(self.path, aside)
            self.told = f"{error}; it is set aside as {aside}, and a new one begun"
            return {}


def progress() -> Progress:
    """The progress of who runs bptui."""
    return Progress(folders.state_folder())


def _written(reached: Reached) -> dict[str, Any]:
    row: dict[str, Any] = {"page": reached.page, "answers": dict(reached.answers)}
    return {**row, "done": True} if reached.done else row


def _lessons(found: Any) -> dict[str, Reached]:
    """What a file of format 1 says; UserError for what is none."""
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("lessons"), dict):
        raise UserError("progress", "it is not what bptui writes")
    return {str(key): _reached(row) for key, row in found["lessons"].items()}


def _reached(row: Any) -> Reached:
    answers, page = (row.get("answers", {}), row.get("page", 1)) if isinstance(row, dict) else (None, None)
    if not isinstance(page, int) or isinstance(page, bool) or not 1 <= page <= 1_000:
        raise UserError("progress", "it is not what bptui writes")
    if not isinstance(answers, dict) or not all(how in ANSWERED for how in answers.values()):
        raise UserError("progress", "it is not what bptui writes")
    return Reached(page, {str(key): how for key, how in answers.items()}, row.get("done") is True)
