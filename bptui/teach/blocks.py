"""The blocks of a page: prose, lists, code, directives, and the question with its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bptui.teach.lesson import (
    Block,
    Code,
    Directive,
    Items,
    Option,
    Own,
    Paragraph,
    Piece,
    Prose,
    Question,
)
from bptui.teach.rows import Rows

_OPTION = re.compile(r"- \[( |x|X)\][ \t]+(.*)")
_OWN = re.compile(r"- =[ \t]*(.*?)[ \t]+:[ \t]+(.*)")
_HINT = re.compile(r">[ \t]?(.*)")
_REASON = re.compile(r"[ \t]+>[ \t]?(.*)")
_ITEM = re.compile(r"-[ \t]+(.*)")
FENCE = re.compile(r"```\S*[ \t]*")


class Blocks:
    """What stands on one page, block by block."""

    def __init__(self, reader: Rows) -> None:
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
        elif FENCE.fullmatch(row):
            self._fence()
        else:
            self._text()

    def _put(self, block: Block) -> None:
        (self.opens if self.question is None else self.explains).append(block)

    def _ends(self, row: str) -> bool:
        """Does a row end the block before it?"""
        return not row.strip() or row.startswith(("::", "## ")) or FENCE.fullmatch(row) is not None

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
        ends = [i for i in range(line, len(reader.rows)) if FENCE.fullmatch(reader.rows[i])]
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

    def __init__(self, reader: Rows, where: str, line: int) -> None:
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
