"""Nothing moves while one steps, nor when a check comes in a second later: all examples, at sizes from 60 columns."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import product, zip_longest

import pytest

from bptui.model.debugger.session import Session
from bptui.model.source.examples import ORDER
from bptui.screens import frame
from bptui.screens.card import draw
from bptui.screens.explain import Explainer
from bptui.screens.panels import PANELS, standing
from bptui.symbolic.facts import Card
from tests.screens.panel_rig import at, derived, network, texts

SIZES = tuple(product((60, 68, 75, 76, 80, 88, 96, 104, 115, 116, 120), (20, 22, 24, 28, 30, 36)))
JOINTS = "│├┤┬┴┼"


def moments(name: str, some: int, full: bool) -> list[int]:
    """Of every phase of a training step."""
    count = Session(network(name)).timeline.length
    return sorted({*range(1, count, max(1, count // (12 if full else some))), count - 1})


def sizes(name: str, some: int, full: bool) -> list[tuple[int, int]]:
    """Some for each example, others for each: together, in full, all of them several times."""
    return random.Random(name).sample(SIZES, 4 * some if full else some)


@pytest.mark.corpus(rows=2)
@pytest.mark.parametrize("name", ORDER)
def test_no_joint_and_no_title_moves_while_stepping(name: str, full: bool) -> None:
    for size in sizes(name, 4, full):
        seen = set()
        for stop in moments(name, 5, full):
            session = at(name, stop)
            seen.add(places(texts(frame.paint(session, frame.Ui(name, card=derived(session)), *size)), session, size))
        assert len(seen) == 1, size


def places(rows: list[str], session: Session, size: tuple[int, int]) -> tuple[object, ...]:
    """Where the lines between the panels meet, their titles stand, and the Moment in the first row."""
    grid = frame.grid_of(session, *size)
    assert grid is not None
    own = {y for box in grid.boxes for y in range(box.y, box.y + box.height)}
    named = {panel.number: panel.name for panel in PANELS}
    titles = [(box.rule, rows[box.rule].find(f"{box.panel} {named[box.panel]}")) for box in grid.boxes if box.rule >= 0]
    across = [(x, y) for x, y, last in grid.dividers for y in range(y, last + 1) if rows[y][x] not in JOINTS]
    joints = [(x, y) for y in range(size[1]) if y not in own for x, c in enumerate(rows[y]) if c in JOINTS]
    return tuple(titles), tuple(across), tuple(joints), rows[0].find(session.cursor.phase)


def operation(session: Session, size: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of the Operation panel on a screen."""
    grid = frame.grid_of(session, *size)
    assert grid is not None
    box = next((box for box in grid.boxes if box.panel == standing("main").number), grid.boxes[0])
    return box.width, box.height


@pytest.mark.corpus(rows=2)
@pytest.mark.parametrize("name", ORDER)
def test_no_row_moves_when_the_details_of_checks_arrive(name: str, full: bool) -> None:
    """A second after the step: only the rows of the checks, and the word that there is more, change."""
    sessions = [at(name, stop) for stop in moments(name, 3, full)]
    for session, before, after in zip(sessions, *checked(sessions), strict=True):
        for size in {operation(session, size) for size in sizes(name, 12, full)}:
            rows = zip_longest(*(texts(draw(card, *size)) for card in (before, after)), fillvalue="")
            moved = [(old, new) for old, new in rows if old != new]
            assert all(told(new) or (told(old) and not new.strip()) for old, new in moved), (session.stop, size, moved)


def told(row: str) -> bool:
    """Is it a row of the checks (`· symbolic` before it is made), or the word that there is more?"""
    return "✓" in row or "⋯" in row or re.search(r"(^|\s)· \w", row) is not None


def checked(sessions: list[Session]) -> tuple[list[Card], list[Card]]:
    """The cards of the first Moments of a network before their checks, and with them, each checked once."""
    explainer = Explainer(sessions[0], lambda: None)

    def cards(ask: Callable[[], object]) -> Iterator[Card]:
        for explainer.session in sessions:
            ask()
            assert explainer.service.wait(60.0)
            yield explainer.card(True)

    try:
        return list(cards(lambda: explainer.card(True))), list(cards(explainer.check))
    finally:
        explainer.close()
