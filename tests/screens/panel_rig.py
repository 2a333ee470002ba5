"""Sessions, cards and laws for the tests of panels: no Textual, a panel is a function."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from bptui.model.base.spans import Line, plain
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network, from_formula, load
from bptui.screens.render import length
from bptui.symbolic.card import Form, card_for, card_of, subject
from bptui.symbolic.facts import Card
from bptui.symbolic.types import CheckRow
from tests.derivations import service


@cache
def network(name: str) -> Network:
    """An example, read once."""
    return load(name)


def at(name: str, stop: int, element: Sequence[int] = ()) -> Session:
    """A session of an example at a Moment's number, with an element selected."""
    session = Session(network(name))
    session.move(stop)
    if element:
        session.select_element(element)
    return session


def formula(text: str, values: dict[str, Any]) -> Session:
    """A session of a formula at its first Moment."""
    return Session(from_formula(text, values))


def derived(session: Session, checked: bool = False) -> Card:
    """The card of where a session stands, with its derivation, and with its checks if wanted."""
    rows: tuple[CheckRow, ...] = ()
    asked = object()  # not the session's id, which another has when it is gone
    card_for(session, service())
    if checked:
        service().checks(session.recording, session.node, asked)
    assert service().wait()
    if checked:
        found = service().checks(session.recording, session.node, asked)
        assert isinstance(found, tuple)
        rows = found
    return card_of(session, subject(session, service()), service(), Form(session.view.raw, checks=rows))


def texts(rows: Sequence[Line]) -> list[str]:
    """Rows without their styles."""
    return [plain(row).rstrip() for row in rows]


def within(rows: Sequence[Line], width: int, height: int) -> bool:
    """No more rows, and none longer, than there is room for."""
    return len(rows) <= height and all(length(row) <= width for row in rows)


def squeezed(text: str) -> str:
    """Without its white space, which a narrower room sets otherwise."""
    return "".join(text.split())
