"""A page of a lesson for a class: its question and the answers to choose from, its equation, no prose. A page without
a question has its last paragraph."""

from __future__ import annotations

import re
from functools import partial

from bptui.model.base.numbers import HIDDEN
from bptui.model.base.spans import COLOURS, Line, line, plain
from bptui.screens.board import Board
from bptui.screens.panels import presented
from bptui.screens.panels.choices import Choice, Mistake, choices
from bptui.screens.panels.present import Number, Slide, draw
from bptui.screens.panels.text import strip
from bptui.screens.render import RenderOptions, crop, middle
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for
from bptui.teach.course import Course
from bptui.teach.lesson import Code

BOARD = (60, 11)
"""Columns and rows from which on an explorer is drawn on a page."""
_END = re.compile(r"[.!?](?= [A-Z0-9`])")
_POINTS = re.compile(r"\b(?:[Aa]t|[Oo]n) the (?:left|right)\b")


def lines(scene: Scene, board: Board | None) -> list[Line]:
    """All rows but the footer's; `board` is the explorer that the page shows, if any."""
    return draw(slide(scene, board), scene.width, scene.height, scene.options)


def slide(scene: Scene, board: Board | None = None) -> Slide:
    """The page that is open."""
    assert scene.lesson is not None
    course, session = scene.lesson.course, scene.session
    moment, count = session.cursor, session.timeline.count(session.cursor.phase)
    style = f"{COLOURS[moment.phase]} bold"
    where = line(("at ", "dim"), (f"{moment.phase} {moment.index + 1}", style), (f"/{count}", "dim"))

    made = Slide(
        line((f"{course.lesson.name}   {course.lesson.front.title}", "dim")),
        line((str(course.number + 1), "text bold"), (f"/{len(course.lesson.pages)}", "dim")),
        where,
        figure=None if board is None else partial(_board, board, scene.options),
    )  # fmt: skip
    question = course.question
    if question is None:
        blocks = [*course.opens(), *course.explains()]
        end = blocks[-1][-1] if blocks else ()
        return made._replace(reason=end if board is not None else _unpointed(end), shown=True)
    shown = course.state in ("right", "shown")
    after = course.explains(ahead=True)
    made = _numbers(made, scene, course)
    if made.figure is None and made.equation is None and made.number is None and (code := _code(course)):
        made = made._replace(figure=partial(_listed, code))
    return made._replace(
        question=course.text(question.prose), choices=_choices(course), shown=shown,
        marked=session.view.says, reason=sentence(after[0][0]) if after and after[0] else (),
    )  # fmt: skip


def _board(board: Board, look: RenderOptions, width: int, height: int) -> list[Line] | None:
    return board.lines(width, height, look) if width >= BOARD[0] and height >= BOARD[1] else None


def _code(course: Course) -> tuple[str, ...]:
    """The rows of code before the question of a page."""
    return tuple(row for block in course.page.opens if isinstance(block, Code) for row in block.lines)


def _listed(code: tuple[str, ...], width: int, height: int) -> list[Line] | None:
    """Rows under each other, in the middle; None where they have no room."""
    wide = max(map(len, code))
    return [middle(line(row.ljust(wide)), width) for row in code] if wide <= width and len(code) <= height else None


def _numbers(made: Slide, scene: Scene, course: Course) -> Slide:
    """The equation, where the page shows the operation; else the number that is asked."""
    session, unicode = scene.session, scene.options.unicode
    if "operation" in course.stage:
        card = card_for(session, scene.rules, unicode)
        if card.equation is not None:
            full = card_for(session.revealed(), scene.rules, unicode).equation
            rules = [fact.text for fact in card.rules if fact.kind in ("local", "gradient") and fact.sides]
            return made._replace(formulas=(card.brief or card.title, *rules[:1]), equation=card.equation, full=full,
                                 timeline=presented.strip(session, scene.width))  # fmt: skip
    if course.question is None or course.question.is_choice:
        return made
    text = plain(course.right)
    shown = course.state in ("right", "shown")
    return made._replace(number=Number((), course.label, "=", text if shown else HIDDEN, text))


def _choices(course: Course) -> tuple[Choice, ...]:
    """Of a choice its options; of a number question the right number among what others are known to come to."""
    question, judge = course.question, course.judge
    assert question is not None
    if question.is_choice:
        return tuple(
            Choice(plain(course.text(each.prose)), "" if each.right else _brief(course.text(each.reason)))
            for each in question.options
        )
    if judge is None:
        return ()
    known = (Mistake(each.number, _brief(each.reason)) for each in judge.wrong())
    return choices(judge.right, plain(course.right), known)


def _brief(text: Line) -> str:
    return plain(sentence(text)).rstrip(".") or "not yet"


def sentence(text: Line) -> Line:
    """The first sentence that can be told to a class."""
    kept = _unpointed(text)
    found = _END.search(plain(kept))
    return crop(kept, 0, found.end()) if found is not None else kept


def _unpointed(text: Line) -> Line:
    """Without the sentences that point at a panel: none stands beside a page for a class."""
    told, ends = plain(text), [found.end() for found in _END.finditer(plain(text))]
    parts = [(start, end) for start, end in zip([0, *ends], [*ends, len(told)], strict=True)]
    kept = [part for part in parts if not _POINTS.search(told[slice(*part)])]
    out = tuple(span for part in kept for span in crop(text, *part))
    return strip(out, right=False)
