"""The rows of a lesson's file, gone through once: what is wrong is noted with its line, what stands there is read."""

from __future__ import annotations

import re

from bptui.model.base import syntax
from bptui.model.base.errors import UserError
from bptui.teach import directives, markup
from bptui.teach.lesson import Directive, Prose

MAX_ERRORS = 100
_DIRECTIVE = re.compile(r"::(\S*)[ \t]*(.*)")


def located(name: str, line: int, error: UserError) -> UserError:
    """An error of a line of a lesson."""
    where = f"{name}:{line}: {error.where}" if error.where else f"{name}:{line}"
    return UserError(where, error.what, error.right)


class Rows:
    """`at` is the next row, `errors` what was wrong so far, `opened`: was there an `::open`, so that there is something
    to speak of?"""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.rows = source.split("\n")
        self.at = 0
        self.errors: list[UserError] = []
        self.opened = False

    def wrong(self, line: int, where: str, what: str, right: str = "") -> None:
        """Note what is wrong in a line; after many it is enough."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(located(self.name, line, UserError(where, what, right)))

    def note(self, line: int, error: UserError) -> None:
        self.wrong(line, error.where, error.what, error.right)

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
        if not self.opened:
            self.wrong(line, "", f"{where} before any ::open", "::open xor")
        try:
            syntax.parse(source, syntax.EXPRESSION)
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
            self.opened |= word == "open"
            return None
        if word == "open":
            self.opened = True
        elif not self.opened and word not in ("stage", "teacher"):
            self.wrong(line, "", f"::{word} before any ::open", "::open xor")
        if word in ("hide", "let") or (word == "wait" and not argument.startswith("at ")):
            self.expression(directives.let(argument)[1] if word == "let" else argument, made.written, line)
        return made
