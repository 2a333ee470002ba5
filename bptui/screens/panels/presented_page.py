"""A page of a lesson for a class: its question and the answers to choose from, its equation, no prose. A page without
a question has its last paragraph."""

from __future__ import annotations

import re

from bptui.model.base.numbers import HIDDEN
from bptui.model.base.spans import Line, line, plain
from bptui.screens.board import Board
from bptui.screens.panels.choices import Choice, Mistake, choices
from bptui.screens.panels.present import Number, Slide, draw
from bptui.screens.panels.presented import strip
from bptui.screens.panels.timeline import COLOURS
from bptui.screens.render import crop
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for
from bptui.teach.course import Course

BOARD = (60, 11)
"""Columns and rows from which on an explorer is drawn on a page."""
_END = re.compile(r"[.!?](?= [A-Z0-9`])")


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

    def figure(width: int, height: int) -> list[Line] | None:
        assert board is not None
        return board.lines(width, height, scene.options) if width >= BOARD[0] and height >= BOARD[1] else None

    made = Slide(
        line((f"{course.lesson.name}   {course.lesson.front.title}", "dim")),
        line((str(course.number + 1), "text bold"), (f"/{len(course.lesson.pages)}", "dim")),
        where,
        figure=None if board is None else figure,
    )  # fmt: skip
    question = course.question
    if question is None:
        blocks = [*course.opens(), *course.explains()]
        return made._replace(reason=blocks[-1][-1] if blocks else (), shown=True)
    shown = course.state in ("right", "shown")
    after = course.explanation()
    return _numbers(made, scene, course)._replace(
        question=course.text(question.prose), choices=_choices(course), shown=shown,
        marked=session.view.says, reason=sentence(after[0][0]) if after and after[0] else (),
    )  # fmt: skip


def _numbers(made: Slide, scene: Scene, course: Course) -> Slide:
    """The equation, where the page shows the operation; else the number that is asked."""
    session, unicode = scene.session, scene.options.unicode
    if "operation" in course.stage:
        card = card_for(session, scene.rules, unicode)
        if card.equation is not None:
            full = card_for(session.revealed(), scene.rules, unicode).equation
            rules = [fact.text for fact in card.rules if fact.kind in ("local", "gradient") and fact.sides]
            return made._replace(formulas=(card.brief or card.title, *rules[:1]), equation=card.equation, full=full,
                                 timeline=strip(session, scene.width))  # fmt: skip
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
            Choice(plain(course.text(each.prose)), "" if each.right else _brief(course.text(each.reason)) or "not yet")
            for each in question.options
        )
    if judge is None:
        return ()
    known = (Mistake(each.number, _brief(each.reason)) for each in judge.wrong())
    return choices(judge.right, plain(course.right), known)


def _brief(text: Line) -> str:
    return plain(sentence(text)).rstrip(".")


def sentence(text: Line) -> Line:
    """The first sentence."""
    found = _END.search(plain(text))
    return crop(text, 0, found.end()) if found is not None else text
