"""`bptui learn FILE --check`: a lesson walked without a screen, every directive, number and height of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bptui.model.base.arithmetic import gives, last_place
from bptui.model.base.errors import UserError
from bptui.model.base.prose import wrap
from bptui.model.base.spans import Line, plain
from bptui.teach import filling, sheet
from bptui.teach.course import Course, Try
from bptui.teach.directives import WIDE
from bptui.teach.judging import Judge, Typed, Verdict
from bptui.teach.lesson import Block, Code, Items, Lesson, Prose, Question
from bptui.teach.rows import located

TYPED = 4
"""From so many decimals on a number in prose is one that should be computed."""
_DECIMAL = re.compile(rf"(?<![\w.,])-?\d+\.\d{{{TYPED},}}(?:e-?\d+)?(?![\w.]*\w)")
_EQUATION = re.compile(
    r"(?<![\w.)\]])\(?-?\d[\d.]*(?:e-?\d+)?\)?(?:\s*[×·+\-/]\s*\(?-?\d[\d.]*(?:e-?\d+)?\)?)+\s*=\s*(-?\d[\d.]*(?:e-?\d+)?)(?![\w.]*\w)"
)


BEFORE, AFTER = "before the answer", "after the answer"


class Shown(NamedTuple):
    """A paragraph of a page: its line in the file, as it is shown, and as it was written."""

    line: int
    text: Line
    prose: Prose


def check(lesson: Lesson) -> list[UserError]:
    """All that is wrong with a lesson whose names are right, each with the line of the file."""
    course = Course(lesson)
    found: list[UserError] = []
    for number in range(len(lesson.pages)):
        course.turn(number)
        found += _Page(course).wrong()
    return found


class _Page:
    """One page, walked: opened, answered wrongly in each known way, and shown."""

    def __init__(self, course: Course) -> None:
        self.course, self.page = course, course.page
        self.name = course.lesson.front.path.name
        self.errors: list[UserError] = []

    def note(self, line: int, where: str, what: str, right: str = "") -> None:
        self.errors.append(located(self.name, line, UserError(where, what, right)))

    def wrong(self) -> list[UserError]:
        """What is wrong with it."""
        course, page = self.course, self.page
        self._failed()
        self._directives()
        opened = self._shown(page.opens, False)
        self._height(BEFORE)
        if (question := page.question) is not None:
            opened += self._asked(question)
            self._judged(question)
            before = course.failed
            course.show()
            self._failed(before)
        shown = [*opened, *self._shown(page.explains, True)]
        if page.question is not None:
            self._height(AFTER)
        shown += [Shown(page.line, text, note) for text, note in zip(course.notes(), page.notes, strict=True)]
        self._numbers(shown)
        self._typed(shown)
        self._equations(shown)
        return self.errors

    def _failed(self, before: tuple[str, ...] = ()) -> None:
        for told in self.course.failed:
            lines = [each.line for each in self.page.directives if told.startswith(f"{each.written}: ")]
            if told not in before:
                self.note(lines[0] if lines else self.page.line, "", told)

    def _directives(self) -> None:
        """What a directive means that is carried out later, or never."""
        for each in self.page.directives:
            if each.word == "hide" and self.page.question is None:
                self.note(each.line, each.written, "hidden for good: nothing is asked on this page", "::ask choice")
            elif each.word == "wait" and each.argument in self.course.waits:
                try:
                    self.course.holds(each.argument)
                except UserError as error:
                    self.note(each.line, each.written, error.what, error.right)

    def _shown(self, blocks: tuple[Block, ...], after: bool) -> list[Shown]:
        """Every prose of some blocks."""
        found: list[Shown] = []
        for block in blocks:
            each = () if isinstance(block, Code) else block.items if isinstance(block, Items) else (block.prose,)
            found += [Shown(block.line, self.course.text(prose, after), prose) for prose in each]
        return found

    def _asked(self, question: Question) -> list[Shown]:
        """The question, its answers and reasons, with the asked number hidden where it stands in them before that is
        to be known."""
        course = self.course
        for prose in (question.prose, *(option.prose for option in question.options), *question.hints):
            if any("reverse" in span.style for span in course.text(prose)):
                self.note(
                    question.line, "::ask", f"'{plain(course.text(prose))[:60]}' tells what is asked", "without it"
                )
        for block in self._shown(self.page.opens, False):
            if any("reverse" in span.style for span in block.text):
                self.note(block.line, "", "the text tells what is asked, or hidden", "after the question")
        parts = [(question.line, question.prose), *((question.line, hint) for hint in question.hints)]
        parts += [(option.line, prose) for option in question.options for prose in (option.prose, option.reason)]
        parts += [(own.line, own.reason) for own in question.own]
        return [Shown(line, course.text(prose), prose) for line, prose in parts]

    def _judged(self, question: Question) -> None:
        """Is the right answer right, and each wrong one that is named told apart from it, with room for its reason?"""
        course, asking = self.course, self.course.asking
        if question.is_choice:
            reasons = [course.text(option.reason) for option in question.options if not option.right]
        elif asking is None:
            return
        else:
            try:
                judge = Judge(asking, question, course.text)
                told = {each.reason for each in judge.own}
            except UserError as error:
                self.note(question.line, f"::ask number {question.expression}", error.what, error.right)
                return
            for own in question.own:
                if course.text(own.reason) not in told:
                    self.note(own.line, f"- = {own.expression}", *self._untold(judge, own.expression))
            if not judge.judge(plain(course.right)).right:
                what = f"the answer as it is shown, {plain(course.right)}, is not judged right"
                self.note(question.line, f"::ask number {question.expression}", what, "another number")
            reasons = [each.reason for each in judge.wrong()]
        for reason in reasons:
            self._reason(question, reason)

    def _untold(self, judge: Judge, expression: str) -> tuple[str, str]:
        try:
            number = judge.formulas.number(expression)
        except UserError as error:
            return error.what, error.right
        shown = filling.number(number)
        if Typed(number).exact(judge.right):
            return f"it is {shown}, which is right", "other numbers, or leave it out"
        return f"it is {shown}, as another one is", "never told: leave one out"

    def _reason(self, question: Question, reason: Line) -> None:
        """The band with the question, the answer and a reason has the page for itself at least."""
        asked, kept = self.course.asked, list(self.course.asked.tries)
        asked.tries.append(Try("-0.1234", Verdict(False, reason)))
        rows = [row for row in sheet.whole(self.course) if row.band and not row.spare]
        asked.tries[:] = kept
        if len(rows) > sheet.HEIGHT:
            self.note(
                question.line, "::ask", f"{len(rows)} rows at 80x24 with '{plain(reason)[:40]}'", f"{sheet.HEIGHT} fit"
            )

    def _height(self, when: str) -> None:
        if self.course.stage[0] in WIDE:
            self._strip(when)
        rows = sheet.squeezed(sheet.whole(self.course), sheet.HEIGHT)
        if len(rows) > sheet.HEIGHT:
            self.note(self.page.line, "", f"{len(rows)} rows at 80x24, {sheet.HEIGHT} fit", when)

    def _strip(self, when: str) -> None:
        """Under a stage that takes all columns there are two rows of prose, one for the question, one for answers."""
        course, question = self.course, self.page.question
        blocks = course.explains() if when == AFTER else course.opens()
        parts = [("prose", sheet.running(blocks, sheet.STRIP - 2), sheet.PROSE)]
        if question is not None and when != AFTER:
            parts.append(("question", wrap(course.text(question.prose), sheet.STRIP - 2), 1))
            if question.is_choice:
                parts.append(("answers", wrap(sheet.options(course, question), sheet.STRIP - 2), 1))
        for what, rows, most in parts:
            if len(rows) > most:
                told = f"{len(rows)} rows of {what} under ::stage {course.stage[0]} at 80x24, {most} fit"
                self.note(self.page.line, "", told, when)

    def _numbers(self, shown: list[Shown]) -> None:
        """Every expression has a number."""
        for each in shown:
            for span in each.text:
                if span.style.startswith("kink") and span.text.startswith("? ("):
                    expression = span.text[3:-1]
                    self.note(each.line, f"`= {expression}`", *self._why(expression))

    def _why(self, expression: str) -> tuple[str, str]:
        for formulas in (self.course.asking, self.course.telling):
            try:
                if formulas is not None:
                    formulas.number(expression)
            except UserError as error:
                return error.what, error.right
        return "nothing is open", "::open xor"

    def _typed(self, shown: list[Shown]) -> None:
        """Numbers that are typed with many decimals, and are none that the page computes."""
        known = list(self._computed(shown))
        for each in shown:
            for piece in each.prose:
                for found in _DECIMAL.findall(piece.text) if piece.kind == "text" else ():
                    if not any(gives(number, found, tie=True) for _, number in known):
                        self.note(each.line, "", *_mistake(found, known))

    def _computed(self, shown: list[Shown]) -> Iterator[tuple[str, float]]:
        """The numbers of a page by their expressions: those of its prose and questions, and those of the network."""
        question = self.page.question
        texts = [piece.text for each in shown for piece in each.prose if piece.kind == "number"]
        if question is not None and question.expression:
            texts += [question.expression, *(own.expression for own in question.own)]
        for formulas in (self.course.asking, self.course.telling):
            if formulas is None:
                continue
            for text in dict.fromkeys(texts):
                try:
                    yield text, formulas.number(text)
                except UserError:
                    continue
            yield from formulas.all_numbers()

    def _equations(self, shown: list[Shown]) -> None:
        """What stands there as `a × b = c` is so with the numbers as they are printed."""
        for each in shown:
            for found in _EQUATION.finditer(plain(each.text)):
                text, result = found[0].rstrip("."), found[1].rstrip(".")  # an equation may end its sentence
                worth = _worked(text.rpartition("=")[0])
                if worth is not None and not gives(worth, result, tie=True):
                    decimals = max(0, -last_place(result))
                    right = f"more decimals: `= … to {decimals + 1}`"
                    self.note(
                        each.line, "", f"'{text}' is {filling.number(worth, decimals + 1)} as it is printed", right
                    )


def _worked(text: str) -> float | None:
    """What a chain of printed numbers comes to: products first. None where it is more than that."""
    text = re.sub(r"\((-?[\d.e-]+)\)", r"\1", text.replace("·", "×"))
    parts = re.split(r"\s+([+\-])\s+|(?<=[\d.])([+])(?=\d)", text)
    terms = [part for part in parts if part]
    total, sign = 0.0, 1.0
    for term in terms:
        if term in "+-":
            sign = 1.0 if term == "+" else -1.0
            continue
        worth = 1.0
        for n, factor in enumerate(re.split(r"\s*([×/])\s*", term.strip())):
            if factor in ("×", "/"):
                over = factor == "/"
                continue
            try:
                number = float(factor)
            except ValueError:
                return None
            worth = number if not n else worth / number if over and number else worth * number
        total += sign * worth
    return total


def _mistake(typed: str, known: list[tuple[str, float]]) -> tuple[str, str]:
    """`"0.5026" is typed, prediction is 0.5025: write = prediction`."""
    number = float(typed)
    near = min(known, key=lambda each: abs(each[1] - number), default=None)
    if near is None or abs(near[1] - number) > 0.05 * abs(number):
        return f'"{typed}" is typed, and no number of the page', "write = EXPR"
    decimals = -last_place(typed)
    return f'"{typed}" is typed, {near[0]} is {filling.number(near[1], decimals)}: write = {near[0]}', ""
