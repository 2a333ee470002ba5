"""A Markdown file becomes a Lesson. All that is wrong with it is told at once: `FILE:LINE: directive: what (right)`.

What is read here is form alone, without NumPy: names of nodes, shapes and numbers are looked at by
`bptui.teach.names`, which opens the networks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bptui.model.base import documents
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text
from bptui.model.base.printable import printable
from bptui.model.base.schema import Key, Table, text
from bptui.teach.blocks import FENCE, Blocks
from bptui.teach.lesson import Front, Lesson, Page
from bptui.teach.rows import Rows

MAX_BYTES, MAX_PAGES = 2**20, 100
TITLE = 24
"""Characters of a page's title: it is the title of a panel of 37 columns."""


class LessonErrors(UserError):
    """A lesson that does not open: `errors`, a line each, in the order of the file."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = tuple(sorted(errors, key=_line_of))
        first = self.errors[0]
        super().__init__(first.where, first.what, first.right)


def _line_of(error: UserError) -> int:
    found = re.search(r":(\d+)(?::|$)", error.where)
    return int(found[1]) if found else 0


# ----------------------------------------------------------------------------------------------------------- the front
def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10_000:
        raise ValueError("expected a whole number from 0")
    return value


def _counts(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("expected a list of whole numbers")
    return tuple(map(_count, value))


FRONT = {
    "lesson": Key(_count, 0, "its number"),
    "title": Key(text, "", "what it is called; the only key that is needed", required=True),
    "about": Key(text, "", "a line for the list of lessons"),
    "minutes": Key(_count, 0, "how long it takes"),
    "after": Key(_counts, (), "the lessons that it builds on, as [3]"),
    "rows": Key(_counts, (), "what it covers, as [13, 14]"),
}
"""The keys between the two `+++`."""


def content(path: Path) -> str:
    """The text of a lesson's file, made printable."""
    return printable(read_text(path, "learn", MAX_BYTES, "a shorter lesson"), keep="\n")


def front(path: Path) -> Front:
    """What is known of a lesson before it is opened, and how many pages it has; the file itself is the key of its
    progress. UserError where the file or its front is not readable."""
    reader = _Reader(path, content(path))
    made = reader.front("")
    if reader.errors:
        raise LessonErrors(reader.errors)
    fenced, pages = False, 0
    for row in reader.rows[reader.at :]:
        fenced ^= FENCE.fullmatch(row) is not None
        pages += row.startswith("## ") and not fenced
    return replace(made, pages=pages)


def read(path: Path, key: str = "") -> Lesson:
    """The lesson of a file. LessonErrors where anything in it is not of the format."""
    return parse(content(path), path, key)


def parse(source: str, path: Path, key: str = "") -> Lesson:
    """The lesson of a text; `path` says its name in messages, and where files beside it are."""
    made, errors = form(printable(source, keep="\n"), path, key)
    if errors:
        raise LessonErrors(errors)
    return made


def form(source: str, path: Path, key: str = "") -> tuple[Lesson, list[UserError]]:
    """What is a lesson in a printable text, and what is not of the format."""
    reader = _Reader(path, source)
    return reader.lesson(key), reader.errors


# ----------------------------------------------------------------------------------------------------------- the reader
class _Reader(Rows):
    """Reads the front and the pages."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(path.name, source)
        self.path = path
        self._keys: set[str] = set()

    def front(self, key: str) -> Front:
        """The table between the two `+++`, which is all that comes before the title."""
        while self.at < len(self.rows) and not self.rows[self.at].strip():
            self.at += 1
        key = key or str(self.path.absolute())
        empty = Front(self.path.stem, self.path, key=key)
        if self.at == len(self.rows) or self.rows[self.at].rstrip() != "+++":
            self.wrong(self.at + 1, "", "the front is missing", '+++, title = "…", +++ in the first lines')
            return empty
        start = self.at + 1
        ends = [i for i in range(start, len(self.rows)) if self.rows[i].rstrip() == "+++"]
        if not ends:
            self.wrong(start, "", "an unclosed +++", "a second one after the keys")
            self.at = len(self.rows)
            return empty
        self.at = ends[0] + 1
        try:
            found = Table(documents.toml("\n".join(self.rows[start : ends[0]]), "+++"), "+++").read(FRONT)
        except UserError as error:
            self.note(self._line_in_front(error, start, ends[0]), error)
            return empty
        return Front(
            " ".join(found["title"].split()), self.path, found["lesson"], " ".join(found["about"].split()),
            found["minutes"], found["after"], found["rows"], key=key,
        )  # fmt: skip

    def _line_in_front(self, error: UserError, start: int, end: int) -> int:
        """The line of a key that an error is about, else that of the first `+++`."""
        key = error.where.rpartition(": ")[2]
        named = re.search(r"unknown key '(\w+)", error.what)
        key = named[1] if named else key
        rows = (i + 1 for i in range(start, end) if re.match(rf"\s*{re.escape(key)}\s*=", self.rows[i]))
        told = re.search(r"at line (\d+)", error.what)
        return next(rows, start + int(told[1]) if told else start)

    def lesson(self, key: str) -> Lesson:
        """The whole file."""
        made = self.front(key)
        stray = False
        while self.at < len(self.rows) and not self.rows[self.at].startswith("## "):
            row = self.rows[self.at]
            self.at += 1
            if row.strip() and not row.startswith("# ") and not stray and self.at > 1 and not self._hopeless():
                stray = True
                self.wrong(self.at, "", 'text before the first page ("## …")')
        pages: list[Page] = []
        while self.at < len(self.rows):
            pages.append(self._page())
        if not pages and not self.errors:
            self.wrong(len(self.rows), "", "there is no page", '"## " and a title begin one')
        if len(pages) > MAX_PAGES:
            self.wrong(pages[MAX_PAGES].line, "", f"{len(pages)} pages", f"at most {MAX_PAGES}")
        return Lesson(replace(made, pages=len(pages)), tuple(pages))

    def _hopeless(self) -> bool:
        """Is the front itself not readable, so that what follows it is no text of pages?"""
        return any("the front is missing" in error.what for error in self.errors)

    def _page(self) -> Page:
        line, title = self.at + 1, self.rows[self.at][3:].strip()
        self.at += 1
        if not title:
            self.wrong(line, "", "a page without a title", '"## " and a title')
        if len(title) > TITLE:
            self.wrong(line, "", f"the title has {len(title)} characters", f"{TITLE} at most")
        page = Blocks(self)
        while self.at < len(self.rows) and not self.rows[self.at].startswith("## "):
            page.next()
        if page.teacher:
            self.wrong(page.teacher, "::teacher", "no paragraph after it")
        return Page(
            title, self._key(title), line, tuple(page.opens), page.question, tuple(page.explains),
            tuple(page.before), tuple(page.after), tuple(page.notes),
        )  # fmt: skip

    def _key(self, title: str) -> str:
        stem = "-".join(re.findall(r"[^\W_]+", title.lower())) or "page"
        key = next(
            k for n in range(1, len(self._keys) + 2) if (k := stem if n == 1 else f"{stem}-{n}") not in self._keys
        )
        self._keys.add(key)
        return key
