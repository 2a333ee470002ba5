"""What a class is asked: the question, the answers to choose from, and what is told of them; on a page of its own
(`present`) or under something that is drawn."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from bptui.model.base import prose
from bptui.model.base.spans import Line, Span, joined
from bptui.screens.panels.choices import Choice
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit, length, middle, under

MARGIN = 2
"""Cells left blank at the side of the mistakes."""


class Asking(Protocol):
    """What asks: the question, the answers, which of them the class says (from 1, 0 for none), whether the right one is
    told, and why it is that."""

    @property
    def question(self) -> Line: ...
    @property
    def choices(self) -> tuple[Choice, ...]: ...
    @property
    def marked(self) -> int: ...
    @property
    def shown(self) -> bool: ...
    @property
    def reason(self) -> Line: ...


class Question(NamedTuple):
    """A question without a page around it."""

    question: Line
    choices: tuple[Choice, ...]
    marked: int
    shown: bool
    reason: Line = ()


def strong(spans: Line) -> Line:
    """Plain text in bold; what has a kind keeps it."""
    return tuple(Span(s.text, "text bold") if s.style == "text" else s for s in spans)


def listed(asking: Asking, width: int, columns: int) -> list[Line] | None:
    """The answers, under each other or in columns; None where they have no room so."""
    if not asking.choices:
        return []
    texts = [_answer(asking, n, columns) for n in range(len(asking.choices))]
    wide = max(map(length, texts))
    cells = [_cell(asking, n, fit(text, wide)) for n, text in enumerate(texts)]
    if columns == 1:
        if wide > width:
            return [row for text in texts for row in wrap(text, width, 4)]
        notes = _notes(asking, width, columns)
        left = max(0, min((width - wide) // 2, width - wide - notes))
        told = [each.mistake if notes and asking.shown else "" for each in asking.choices]
        return [
            (Span(" " * left), *cell, *((Span(f"   {note}", "dim"),) if note else ()))
            for cell, note in zip(cells, told, strict=True)
        ]
    wide = (wide + 3) * columns - 3
    if wide > width or len(texts) < columns:
        return None
    rows = (joined(Span("   "), cells[n : n + columns]) for n in range(0, len(cells), columns))
    return [middle(fit(row, wide), width) for row in rows]


def _notes(asking: Asking, width: int, columns: int) -> int:
    """Cells of the mistakes beside the answers, and of a margin: at the very edge they seem cut; 0 where they have no
    room there."""
    notes = max((len(each.mistake) for each in asking.choices), default=0)
    wide = max((length(_answer(asking, n, 1)) for n in range(len(asking.choices))), default=0)
    room = 3 + notes + MARGIN
    return room if columns == 1 and notes and wide + room <= width else 0


def _answer(asking: Asking, n: int, columns: int) -> Line:
    """`✓ 2   -0.0247`; the number of the one that the class says is reversed."""
    choice, said, blanks = asking.choices[n], asking.marked == n + 1, "   " if columns == 1 else " "
    right = not choice.mistake
    told = Span("✓ ", "ok") if right else Span("✗ ", "fail") if said else Span("  ")
    mark = told if asking.shown else Span("▸ ", "text bold") if said else Span("  ")
    style = "text bold" if not asking.shown or right else "dim"
    key = Span(f" {n + 1} ", "text bold reverse") if said else Span(f" {n + 1} ", "text bold")
    signed = any(each.text.startswith("-") for each in asking.choices) and choice.text[:1].isdigit()
    return (mark, key, Span(f"{blanks}{' ' * signed}{choice.text} ", style))  # digits under digits


def _cell(asking: Asking, n: int, text: Line) -> Line:
    """An answer on its background: the right one has one once it is shown, until then the one that the class chose."""
    right = not asking.choices[n].mistake
    return under(text, "on-cursor") if (right if asking.shown else asking.marked == n + 1) else text


def _reasons(asking: Asking, width: int, columns: int, marked: int) -> list[Line]:
    """What is shown with the answer: the reason, and the mistake behind a wrong answer that was chosen, unless that
    stands beside it."""
    said = [asking.reason] if asking.reason else []
    wrong = asking.choices[marked - 1] if 0 < marked <= len(asking.choices) else None
    if wrong is not None and wrong.mistake and not _notes(asking, width, columns):
        said.append((Span(f"{wrong.text}: ", "text"), Span(wrong.mistake, "text")))
    return said


def reply_rows(asking: Asking, width: int, columns: int) -> int:
    """How many rows that takes at most, whichever answer is chosen."""
    marks = range(len(asking.choices) + 1)
    return max(sum(len(prose.wrap(row, width)) for row in _reasons(asking, width, columns, marked)) for marked in marks)


def replies(asking: Asking, width: int, columns: int, kept: int) -> list[Line]:
    """The same in the rows that are kept for it; blank ones until the answer is shown."""
    said = _reasons(asking, width, columns, asking.marked) if asking.shown else []
    rows = [middle(row, width) for text in said for row in prose.wrap(text, width)]
    return [*rows, *[()] * (kept - len(rows))]


def below(asking: Asking, width: int, low: bool) -> list[Line]:
    """Question, answers and reason under a drawing, in as many rows before the answer is shown as after it. In a `low`
    room the reason stands in the question's place."""
    columns = next((n for n in (4, 3, 2) if len(asking.choices) >= n and listed(asking, width, n) is not None), 1)
    question = [middle(row, width) for row in prose.wrap(strong(asking.question), width)]
    kept = reply_rows(asking, width, columns)
    told, answers = replies(asking, width, columns, kept), listed(asking, width, columns) or []
    if not low:
        return [*question, *answers, *told]
    first = told if any(told) else question
    return [*first, *[()] * (max(len(question), kept) - len(first)), *answers]
