"""A Markdown file becomes a Lesson. All that is wrong with it is told at once: `FILE:LINE: directive: what (right)`.

What is read here is form alone, without NumPy: names of nodes, shapes and numbers are looked at by
`bptui.teach.names`, which opens the networks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bptui.model.base import documents, syntax
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text
from bptui.model.base.printable import printable
from bptui.model.base.schema import Key, Table, text
from bptui.teach import directives, markup
from bptui.teach.lesson import (
    Block,
    Code,
    Directive,
    Front,
    Items,
    Lesson,
    Option,
    Own,
    Page,
    Paragraph,
    Piece,
    Prose,
    Question,
)  # fmt: skip

MAX_BYTES, MAX_PAGES = 2**20, 100
TITLE = 24
"""Characters of a page's title: it is the title of a panel of 37 columns."""
MAX_ERRORS = 100
EXPRESSION = syntax.Limits(characters=2_000, parts=400, digits=300)
"""As `bptui.model.debugger.expressions` has them."""

_DIRECTIVE = re.compile(r"::(\S*)[ \t]*(.*)")
_OPTION = re.compile(r"- \[( |x|X)\][ \t]+(.*)")
_OWN = re.compile(r"- =[ \t]*(.*?)[ \t]+:[ \t]+(.*)")
_HINT = re.compile(r">[ \t]?(.*)")
_REASON = re.compile(r"[ \t]+>[ \t]?(.*)")
_ITEM = re.compile(r"-[ \t]+(.*)")
_FENCE = re.compile(r"```\S*[ \t]*")


class LessonErrors(UserError):
    """A lesson that does not open: `errors`, a line each, in the order of the file."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = tuple(sorted(errors, key=_line_of))
        first = self.errors[0]
        super().__init__(first.where, first.what, first.right)


def _line_of(error: UserError) -> int:
    found = re.search(r":(\d+)(?::|$)", error.where)
    return int(found[1]) if found else 0


def located(name: str, line: int, error: UserError) -> UserError:
    """An error of a line of a lesson."""
    where = f"{name}:{line}: {error.where}" if error.where else f"{name}:{line}"
    return UserError(where, error.what, error.right)


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
    return printable(read_text(str(path), "learn", MAX_BYTES, "a shorter lesson"), keep="\n")


def front(path: Path, key: str = "") -> Front:
    """What is known of a lesson before it is opened, and how many pages it has. `key` is that of its progress, by
    default the file itself. UserError where the file or its front is not readable."""
    reader = _Reader(path, content(path))
    made = reader.front(key)
    if reader.errors:
        raise LessonErrors(reader.errors)
    fenced, pages = False, 0
    for row in reader.rows[reader.at :]:
        fenced ^= _FENCE.fullmatch(row) is not None
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
class _Reader:
    """Goes through the rows once; `at` is the next one, `errors` what was wrong so far."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.name = path, path.name
        self.rows = source.split("\n")
        self.at = 0
        self.errors: list[UserError] = []
        self._opened = False
        self._keys: set[str] = set()

    def wrong(self, line: int, where: str, what: str, right: str = "") -> None:
        """Note what is wrong in a line; after many it is enough."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(located(self.name, line, UserError(where, what, right)))

    def note(self, line: int, error: UserError) -> None:
        self.wrong(line, error.where, error.what, error.right)

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
        page = _Blocks(self)
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

    # what stands in a line
    def prose(self, source: str, line: int) -> Prose:
        """A paragraph's pieces; expressions in it are looked at."""
        found = markup.prose(" ".join(source.split()))
        for piece in markup.expressions(found):
            self.expression(piece.text, f"`= {piece.text}`", line)
            if piece.decimals is not None and piece.decimals > markup.MAX_DECIMALS:
                self.wrong(line, f"`= {piece.text}`", f"to {piece.decimals}", f"{markup.MAX_DECIMALS} decimals at most")
        return found

    def expression(self, source: str, where: str, line: int) -> None:
        """Can it be read as an expression at all, and is there something that it could be about?"""
        if not self._opened:
            self.wrong(line, "", f"{where} before any ::open", "::open xor")
        try:
            syntax.parse(source, EXPRESSION)
        except syntax.Unreadable as problem:
            self.wrong(line, where, problem.what, problem.right)
        else:
            if not source.strip():
                self.wrong(line, where, "an expression is missing", "`= loss`")

    def directive(self, row: str, line: int) -> Directive | None:
        """A directive that is none of a question; None where it is wrong."""
        word, argument = _DIRECTIVE.match(row).groups()  # type: ignore[union-attr]  # the row begins with ::
        made = Directive(word, argument.strip(), line)
        try:
            directives.check(made.word, made.argument)
        except UserError as error:
            self.note(line, error)
            self._opened |= word == "open"
            return None
        if word == "open":
            self._opened = True
        elif not self._opened and word not in ("stage", "teacher"):
            self.wrong(line, "", f"::{word} before any ::open", "::open xor")
        if word in ("hide", "let") or (word == "wait" and not argument.startswith("at ")):
            self.expression(directives.let(argument)[1] if word == "let" else argument, made.written, line)
        return made


class _Blocks:
    """What stands on one page, block by block."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.opens: list[Block] = []
        self.explains: list[Block] = []
        self.before: list[Directive] = []
        self.after: list[Directive] = []
        self.notes: list[Prose] = []
        self.question: Question | None = None
        self.teacher = 0
        """The line of a ::teacher whose paragraph is still to come, 0 for none."""

    def next(self) -> None:
        """Read the block that begins in the next row; an empty row is none."""
        reader = self.reader
        row, line = reader.rows[reader.at], reader.at + 1
        if not row.strip():
            reader.at += 1
        elif row.startswith("::ask") and row[5:6] in ("", " ", "\t"):
            self._ask()
        elif row.startswith("::"):
            reader.at += 1
            made = reader.directive(row, line)
            if made is not None and made.word == "teacher":
                self.teacher = line
            elif made is not None:
                (self.before if self.question is None else self.after).append(made)
        elif _FENCE.fullmatch(row):
            self._fence()
        else:
            self._text()

    def _put(self, block: Block) -> None:
        (self.opens if self.question is None else self.explains).append(block)

    def _ends(self, row: str) -> bool:
        """Does a row end the block before it?"""
        return not row.strip() or row.startswith(("::", "## ")) or _FENCE.fullmatch(row) is not None

    def _rows(self) -> list[str]:
        """The rows of the block that begins here."""
        reader = self.reader
        start = reader.at
        reader.at += 1
        while reader.at < len(reader.rows) and not self._ends(reader.rows[reader.at]):
            reader.at += 1
        return reader.rows[start : reader.at]

    def _fence(self) -> None:
        reader, line = self.reader, self.reader.at + 1
        ends = [i for i in range(line, len(reader.rows)) if _FENCE.fullmatch(reader.rows[i])]
        if not ends:
            reader.wrong(line, "", "an unclosed ```", "a second one after the code")
            reader.at = len(reader.rows)
            return
        self._put(Code(tuple(reader.rows[line : ends[0]]), line))
        reader.at = ends[0] + 1

    def _text(self) -> None:
        reader, line = self.reader, self.reader.at + 1
        rows = self._rows()
        first = rows[0]
        if first.startswith("#"):
            reader.wrong(line, "", f"'{first[:20]}' is no page", '"## " begins one; **…** for a term')
            return
        if _HINT.fullmatch(first) and not self.teacher:
            reader.wrong(line, "", "a hint that belongs to no question", "hints stand right under ::ask, no empty line")
            return
        if self.teacher:
            self.notes.append(reader.prose(" ".join(rows), line))
            self.teacher = 0
        elif _ITEM.fullmatch(first):
            self._put(Items(tuple(reader.prose(item, line) for item in _items(rows)), line))
        else:
            self._put(Paragraph(reader.prose(" ".join(rows), line), line))

    def _ask(self) -> None:
        reader, line = self.reader, self.reader.at + 1
        first, *rows = self._rows()
        _, kind, expression = (*first.split(None, 2), "", "")[:3]
        expression = expression.strip()
        if kind not in ("number", "choice"):
            reader.wrong(line, "::ask", f"'{kind[:20]}' is not asked", "::ask number EXPR, or ::ask choice")
            return
        if kind == "choice" and expression:
            reader.wrong(
                line, "::ask choice", f"'{expression[:40]}' is too much", "the question stands in the next line"
            )
        where = f"::ask {kind}"
        made = _Answers(reader, where, line)
        for number, row in enumerate(rows, line + 1):
            made.row(row, number)
        if kind == "number":
            if not expression:
                reader.wrong(line, where, "an expression is missing", "::ask number grad(loss)")
            else:
                reader.expression(expression, f"{where} {expression}", line)
            if made.options:
                reader.wrong(made.options[0].line, where, "an answer to choose from", "::ask choice has those")
        else:
            self._choice(made, where, line)
        text = " ".join(made.text)
        if not text.strip():
            reader.wrong(line, where, "the question is missing", "it stands in the next line")
        if self.question is not None:
            reader.wrong(line, "::ask", "a second question on this page", "one a page")
            return
        self.question = Question(
            expression or "?" if kind == "number" else "", reader.prose(text, line), line,
            tuple(made.own), tuple(made.options), tuple(made.hints),
        )  # fmt: skip

    def _choice(self, made: _Answers, where: str, line: int) -> None:
        reader = self.reader
        if made.own:
            reader.wrong(made.own[0].line, where, "a wrong answer that is a number", "::ask number has those")
        if not any(option.right for option in made.options):
            reader.wrong(line, where, "no answer has an [x]", "- [x] before the right one")
        if len(made.options) > 9:
            reader.wrong(line, where, f"{len(made.options)} answers", "9 at most")
        for option in made.options:
            if not option.right and not option.reason:
                reader.wrong(option.line, where, "a wrong answer without a reason", "  > why not, in the line after it")


class _Answers:
    """The rows of a question, one after the other: text, then answers with their reasons, then hints."""

    def __init__(self, reader: _Reader, where: str, line: int) -> None:
        self.reader, self.where, self.line = reader, where, line
        self.text: list[str] = []
        self.own: list[Own] = []
        self.options: list[Option] = []
        self.hints: list[Prose] = []

    def row(self, row: str, line: int) -> None:
        """Take in one row."""
        reader = self.reader
        if option := _OPTION.fullmatch(row):
            self.options.append(Option(reader.prose(option[2], line), option[1] != " ", (), line))
        elif own := _OWN.fullmatch(row):
            reader.expression(own[1], f"- = {own[1]}", line)
            self.own.append(Own(own[1].strip(), reader.prose(own[2], line), line))
        elif row.startswith("- ="):
            reader.wrong(line, self.where, f"'{row[:30]}' is no wrong answer", "- = EXPR : reason")
        elif row.startswith("- ["):
            reader.wrong(line, self.where, f"'{row[:30]}' is no answer", "- [x] text, or - [ ] text")
        elif hint := _HINT.fullmatch(row):
            self.hints.append(reader.prose(hint[1], line))
        elif reason := _REASON.fullmatch(row):
            self._reason(reason[1], line)
        elif self.own or self.options or self.hints:
            reader.wrong(line, self.where, "text after the answers", "an empty line before it")
        else:
            self.text.append(row)

    def _reason(self, row: str, line: int) -> None:
        if not self.options:
            self.reader.wrong(line, self.where, "a reason without an answer", "it stands under - [ ] text")
            return
        last = self.options[-1]
        more = self.reader.prose(row, line)
        self.options[-1] = replace(last, reason=(*last.reason, Piece(" "), *more) if last.reason else more)


def _items(rows: Sequence[str]) -> list[str]:
    """The items of a list; a row that does not begin one goes on with the one before."""
    found: list[str] = []
    for row in rows:
        item = _ITEM.fullmatch(row)
        if item:
            found.append(item[1])
        else:
            found[-1] += f" {row.strip()}"
    return found
