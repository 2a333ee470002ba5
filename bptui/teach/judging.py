"""How an answer is judged: right, or what was computed instead.

The wrong answers that are known are computed from the network itself: the lesson's own first, then those that anyone
may come to (`bptui.teach.slips`). Where two of them are the same number here, neither is told: it would be a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import special
from bptui.model.base.printable import one_line
from bptui.model.base.spans import Line, line
from bptui.model.base.typed import whole
from bptui.teach.formulas import Formulas
from bptui.teach.lesson import Prose, Question

NEAR = 0.002
"""Relative: what was worked out with rounded numbers is still right."""
SAME, NOTHING = 1e-6, 1e-16
"""What is exact: the relative difference that float32 may leave, and what is nothing but rounding of a 0."""
DIGITS = 2
"""Significant ones that an answer has at least, unless it is exact."""

_NUMBER = re.compile(r"[+-]?(?P<digits>\d+\.?\d*|\.\d+)(?:e(?P<power>[+-]?\d{1,3}))?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_LIKE_A_NUMBER = re.compile(r"[+-]?(?:[\d.,]|[oOlI][\d.,])[\w.,]*")

Text = Callable[[Prose], Line]


class Verdict(NamedTuple):
    """right   is it?
    reason  what was computed instead, or what is wrong with the line; () where there is nothing to say
    counts  it was an answer: what is no number, or has too few digits, is typed again and costs nothing
    """

    right: bool
    reason: Line = ()
    counts: bool = True


class Typed(NamedTuple):
    """A number as it was typed. `digits`: significant ones, `place`: the power of ten of the last; None for both where
    a formula gave it."""

    number: float
    digits: int | None = None
    place: int | None = None

    def is_(self, other: float) -> bool:
        """Is it the other number: rounded to the digits typed, or within NEAR?"""
        away = abs(self.number - other)
        if self.place is not None and (self.digits or 0) >= DIGITS and away <= 0.5 * 10.0**self.place * (1 + 1e-9):
            return True
        return away <= NEAR * abs(other) or self.exact(other)

    def exact(self, other: float) -> bool:
        """Is it the other number, but for what arithmetic rounds?"""
        return abs(self.number - other) <= SAME * abs(other) + NOTHING


class Wrong(NamedTuple):
    """A wrong answer that is known, and what is said to it."""

    number: float
    reason: Line


def choice(question: Question, text: str, say: Text) -> Verdict:
    """Judge the number of an option, from 1."""
    number = whole(text.strip(), 1, len(question.options))
    if number is None:
        return Verdict(False, line(f"1 to {len(question.options)}"), False)
    chosen = question.options[number - 1]
    return Verdict(chosen.right, say(chosen.reason))


class Judge:
    """Judges answers to a number question at the page's moment."""

    def __init__(self, formulas: Formulas, question: Question, say: Text) -> None:
        self.formulas, self.question, self.say = formulas, question, say
        self.right = formulas.number(question.expression)

    def judge(self, text: str) -> Verdict:
        """What was typed: a number, or a formula without the asked name."""
        try:
            typed = self.read(text)
        except UserError as error:
            said = f"{error.where}{': ' if error.where else ''}{error.what}{f' ({error.right})' if error.right else ''}"
            return Verdict(False, line(one_line(said)), False)
        if typed.exact(self.right):
            return Verdict(True)
        few = typed.digits is not None and typed.digits < DIGITS
        nearer = any(abs(typed.number - each.number) < abs(typed.number - self.right) for each in self.own)
        if typed.is_(self.right) and not few and not nearer:
            # two digits may be rounded, or be another number that one comes to: 2.0 for 2.02, from 2.0
            slip = next((each for each in self._coarse(typed) if typed.exact(each.number)), None)
            return Verdict(True) if slip is None else Verdict(False, slip.reason)
        fits = (each for each in self.wrong() if (typed.exact if few else typed.is_)(each.number))
        if (found := next(fits, None)) is not None:
            return Verdict(False, found.reason)
        if few:
            return Verdict(False, line("two digits at least"), False)
        return Verdict(False, self.say(self.question.hints[0]) if self.question.hints else ())

    def read(self, text: str) -> Typed:
        """The number that was typed. UserError for what is none."""
        text = text.strip().removeprefix("=").strip().replace("−", "-").replace("–", "-")
        shown = text[:40]
        if not text:
            raise UserError("", "a number, or a formula")
        if _COMMA.fullmatch(text):
            raise UserError("", "a point, not a comma")
        if found := _NUMBER.fullmatch(text):
            return self._finite(_typed(text, found))
        try:
            expression = self.formulas.parse(text)
        except UserError as error:
            if _LIKE_A_NUMBER.fullmatch(text):
                raise UserError("", f"'{shown}' is not a number", "0.5, or a formula") from None
            raise UserError(f"'{shown}'", error.what, error.right) from None
        asked = self.formulas.target(self.question.expression)
        if asked is not None and self.formulas.names(expression, asked):
            raise UserError("", f"{self.question.expression} is what is asked", "a formula of other numbers")
        return self._finite(Typed(self.formulas.number(text)))

    def _finite(self, typed: Typed) -> Typed:
        if not math.isfinite(typed.number):
            raise UserError("", f"that is {special(typed.number)}", "asked is a finite number")
        return typed

    def _coarse(self, typed: Typed) -> Sequence[Wrong]:
        """What else a number may be that is right only because it has few digits."""
        return () if abs(typed.number - self.right) <= NEAR * abs(self.right) else self.general

    def wrong(self) -> Sequence[Wrong]:
        """The wrong answers that are known, in the order in which they are held against an answer."""
        return [*self.own, *self.general]

    @cached_property
    def _named(self) -> Sequence[Wrong]:
        """Those of the lesson, all of them that are wrong."""
        found = []
        for each in self.question.own:
            with suppress(UserError):  # told by --check
                found.append(Wrong(self.formulas.number(each.expression), self.say(each.reason)))
        return [each for each in found if not Typed(each.number).exact(self.right)]

    @cached_property
    def own(self) -> Sequence[Wrong]:
        """Those that the lesson names: none that is right, and none that another one is equal to."""
        return _apart(self._named, self._named)

    @cached_property
    def general(self) -> Sequence[Wrong]:
        """Those that anyone may come to; where one is equal to one of the lesson's, the lesson's stays."""
        from bptui.teach import slips

        found = [Wrong(slip.number, self.say(slip.reason)) for slip in slips.slips(self.formulas, self.question)]
        found = [each for each in found if not _equal(each.number, self.right)]
        return _apart(found, [*self._named, *found])


def _apart(some: Sequence[Wrong], others: Sequence[Wrong]) -> list[Wrong]:
    """Those that are not equal to another one."""
    return [
        each for each in some if not any(other is not each and _equal(each.number, other.number) for other in others)
    ]


def _equal(x: float, y: float) -> bool:
    return abs(x - y) <= NEAR * max(abs(x), abs(y)) + NOTHING


def _typed(text: str, found: re.Match[str]) -> Typed:
    digits, power = found["digits"], int(found["power"] or 0)
    after = len(digits.partition(".")[2])
    return Typed(float(text), len(digits.replace(".", "").lstrip("0")), power - after)
