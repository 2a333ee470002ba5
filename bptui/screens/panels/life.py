"""Panel 3 where NaN or inf comes up in a captured step: its life, in the place of the tensor until that is gone to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.answers.life import Fact, life
from bptui.screens.panels.figures import marked
from bptui.screens.panels.text import wrap
from bptui.screens.render import boxed, clip

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

NAME = 9
"""Cells of the name of a station."""
WORTH = ("born", "reaches", "from", "reborn", "masked", "spreads", "remedy")
"""The stations, those that say most first."""
NUMBER = 3
"""The panel in whose place it stands: with the focus that is there again."""


def stands(session: Session) -> bool:
    """Is it there: does this Moment of a captured step make the first number that is not finite of finite ones?"""
    captured = session.network.modules is not None and not session.branch.number
    return captured and session.view.focus != NUMBER and session.finding is not None


def title(scene: Scene) -> tuple[Line, Line]:
    """What it is the life of, and which of those that are known by now."""
    session = scene.session
    known = sorted(session.nonfinite.known)
    place = session.timeline.index(session.cursor)
    born = session.finding
    word = numbers.special(born.number) if born is not None else ""
    at = known.index(place) + 1 if place in known else 1
    right = (Span(f"{at}", "text bold"), Span(f" of {max(1, len(known))}", "dim"), Span("  x", "text bold"))
    return (Span(word, "fail"),), right


def lines(scene: Scene) -> list[Line]:
    """A row for each of its stations, more where there is room; where there is little, those that say most."""
    session, width, height = scene.session, scene.width, scene.height
    born = session.finding
    if born is None or height < 1:
        return []
    facts = life(session, born)
    kept = sorted(facts, key=lambda fact: WORTH.index(fact.name))[:height]
    told = [fact for fact in facts if fact in kept]
    rows: list[Line] = []
    for n, fact in enumerate(told):
        spare = height - len(rows) - (len(told) - n)
        for name, row in zip((fact.name, *[""] * spare), _wrapped(fact, width - NAME - 2, 1 + spare), strict=False):
            rows.append((Span(f" {name:<{NAME}}", "dim"), *marked(row)))
    return boxed(rows, width, height, scene.options)


def _wrapped(fact: Fact, width: int, most: int) -> list[Line]:
    """Its text in at most so many rows."""
    whole = (Span(fact.text, "fail bold" if fact.bad else "text"),)
    rows = wrap(whole, width)
    return rows[:most] if most > 1 or len(rows) == 1 else [clip(whole, width)]
