"""Do the names in a lesson mean anything? Each `::open` is opened, each expression held against its graph.

No training step is run. Where an `::open` cannot be opened, or `::set` may have made another graph, names are not
looked at: the page tells what fails when it opens, and `--check` walks all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from bptui.model.base import syntax
from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.graph import Graph
from bptui.teach import costs, directives, formulas, opening, reading, rows
from bptui.teach.lesson import Block, Code, Directive, Items, Lesson, Page, Prose
from bptui.teach.markup import expressions

_ZERO: Array = np.zeros(())


def opened(path: Path, key: str = "") -> Lesson:
    """The lesson of a file, its names looked at. LessonErrors with everything that is wrong in it."""
    return known(reading.content(path), path, key)


def known(source: str, path: Path, key: str = "") -> Lesson:
    """The same of a text that is printable already."""
    lesson, errors = reading.form(source, path, key)
    if found := [*errors, *wrong(lesson)]:
        raise reading.LessonErrors(found)
    return lesson


def wrong(lesson: Lesson) -> list[UserError]:
    """What is called by a name that is nothing there, or has an index that is outside."""
    names = _Names(lesson)
    for page in lesson.pages:
        names.page(page)
    return names.errors[: rows.MAX_ERRORS]


class _Names:
    """`graph` is what the directives up to here have opened, None where that is not certain."""

    def __init__(self, lesson: Lesson) -> None:
        self.file, self.folder = lesson.front.path.name, lesson.front.path.parent
        self.graph: Graph | None = None
        self.kept: set[str] = set()
        self.errors: list[UserError] = []
        self._known: dict[str, Graph | None] = {}

    def page(self, page: Page) -> None:
        """All that stands on a page, in the order in which it is evaluated."""
        for directive in page.before:
            self._directive(directive)
        self._blocks(page.opens)
        if (question := page.question) is not None:
            where = "::ask choice" if question.is_choice else f"::ask number {question.expression}"
            self._prose(question.prose, question.line)
            if question.expression:
                self._look(question.expression, question.line, where)
            for own in question.own:
                self._look(own.expression, own.line, f"- = {own.expression}")
                self._prose(own.reason, own.line)
            for option in question.options:
                self._prose(option.prose, option.line)
                self._prose(option.reason, option.line)
            for hint in question.hints:
                self._prose(hint, question.line)
        for directive in page.after:
            self._directive(directive)
        self._blocks(page.explains)
        for note in page.notes:
            self._prose(note, page.line)

    def _directive(self, directive: Directive) -> None:
        word, argument = directive.word, directive.argument
        if word == "open":
            self.graph = self._open(argument)
        elif word == "hide" and self.graph is not None:
            self._try(
                directive.line, directive.written, lambda graph: formulas.hidden(argument, graph, self._more(graph))
            )
        elif word == "let":
            name, expression = directives.let(argument)
            self._look(expression, directive.line, directive.written)
            self.kept.add(name)
        elif word == "wait" and not argument.startswith("at "):
            self._look(argument, directive.line, directive.written)
        elif word in ("set", "edit", "remedy") and self.graph is not None:
            name = argument.partition("=")[0].partition("[")[0].strip()
            if name not in self.graph.by_name and name != "lr":
                self.graph = None

    def _open(self, target: str) -> Graph | None:
        if target not in self._known:
            try:
                self._known[target] = opening.network(target, self.folder).graph
            except UserError:
                self._known[target] = None
        return self._known[target]

    def _blocks(self, blocks: tuple[Block, ...]) -> None:
        for block in blocks:
            for prose in block.items if isinstance(block, Items) else () if isinstance(block, Code) else (block.prose,):
                self._prose(prose, block.line)

    def _prose(self, prose: Prose, line: int) -> None:
        for piece in expressions(prose):
            self._look(piece.text, line, f"`= {piece.text}`")

    def _look(self, expression: str, line: int, where: str) -> None:
        with suppress(syntax.Unreadable):  # that is told by who reads its form
            syntax.parse(expression, syntax.EXPRESSION)
            self._looked(expression, line, where)

    def _looked(self, expression: str, line: int, where: str) -> None:
        self._try(line, where, lambda graph: formulas.check(expression, graph, self._more(graph)))

    def _try(self, line: int, where: str, look: Callable[[Graph], object]) -> None:
        if self.graph is None:
            return
        try:
            look(self.graph)
        except UserError as error:
            self.errors.append(rows.located(self.file, line, UserError(where, error.what, error.right)))

    def _more(self, graph: Graph) -> Mapping[str, Array]:
        new = (f"new({node.name})" for node in graph.params)
        return dict.fromkeys((*self.kept, *new, *costs.NAMES), _ZERO)
