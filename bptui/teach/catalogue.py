"""The lessons that bptui brings: their fronts, in order. Imports no NumPy: home lists them before."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.typed import whole
from bptui.teach import reading
from bptui.teach.lesson import Front

FOLDER = Path(__file__).parents[1] / "lessons"


@cache
def lessons() -> tuple[Front, ...]:
    """Number, title, about, minutes, pages and path of every lesson, by number."""
    found = (reading.front(path) for path in FOLDER.glob("*.md"))
    return tuple(sorted((_keyed(front) for front in found), key=lambda front: front.number))


def _keyed(front: Front) -> Front:
    from dataclasses import replace

    return replace(front, key=str(front.number))


def resumed(key: str) -> Front:
    """The lesson of a key of progress; the first one where there is none, or its file is gone."""
    try:
        return find(key or "1")
    except UserError:
        return lessons()[0]


def find(text: str) -> Front:
    """The lesson of a number, or of a Markdown file of one's own. UserError for everything else."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        found = next((front for front in lessons() if front.number == whole(text)), None)
        if found is None:
            known = ", ".join(str(front.number) for front in lessons())
            raise UserError("learn", f"there is no lesson {text[:20]}", f"there are {known}; bptui learn --list")
        return found
    path = Path(text)
    if path.suffix.lower() not in (".md", ".markdown"):
        titles = {front.title: front for front in lessons()}
        right = did_you_mean(text, titles, "its number, or a Markdown file: bptui learn --list")
        raise UserError("learn", f"'{text[:60]}' is neither a number nor a .md file", right)
    return reading.front(path)
