"""What anyone may compute instead of a number, from the network's own numbers, with what is said to it."""

from __future__ import annotations

from typing import NamedTuple

from bptui.teach.formulas import Formulas
from bptui.teach.lesson import Prose, Question
from bptui.teach.markup import prose


class Slip(NamedTuple):
    """A number, and what was done to come to it."""

    number: float
    reason: Prose


def slips(formulas: Formulas, question: Question) -> list[Slip]:
    """The wrong answers to a number question that no lesson need name, in the order in which they are told."""
    right = formulas.number(question.expression)
    return [Slip(-right, prose("The sign is turned."))]
