"""What laws about a Session compare."""

from __future__ import annotations

from typing import Any

from bptui.model.debugger.session import Session


def snapshot(session: Session) -> tuple[Any, ...]:
    """Everything that decides what is on the screen, as one comparable value."""
    return (
        session.branch.number, session.cursor, session.node.id, session.element, session.input, session.selection.read,
        tuple(vars(session.view).values()),
    )  # fmt: skip
