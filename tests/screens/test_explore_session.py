"""An explorer over what is debugged shows the numbers that are there, trained or set by hand."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from bptui.screens.explore import on_session
from bptui.screens.render import RenderOptions
from bptui.teach.explore.leaves import at_step

LOOK = RenderOptions(unicode=True, ansi=False)


def done(session: Session, *lines: str) -> Session:
    for line in lines:
        registry.run(session, line)
    return session


def test_a_parameter_that_was_set_is_what_the_chain_begins_with() -> None:
    session = done(Session(load("chain")), "set x = 1")
    rows = "\n".join(plain(row) for row in on_session("chain", session).lines(80, 17, LOOK))
    assert "9.0000" in rows
    assert "18.0000" in rows
    done(session, "undo")
    assert at_step(session) is session.network


def test_so_is_an_input_of_a_formula() -> None:
    session = done(Session(from_formula("z = 3*x; y = 2*z", {"x": 1.0})), "set x = 5")
    assert at_step(session).graph.by_name["x"].value == 5


def test_and_what_training_has_made_of_a_parameter() -> None:
    session = done(Session(load("darts")), "train 1")
    found = at_step(session).graph.by_name
    assert found["w"].value == pytest.approx(0.86)
    assert found["b"].value == pytest.approx(0.28)


def test_in_a_backward_pass_the_flow_is_turned() -> None:
    session = done(Session(load("chain")), "goto backward u")
    assert "◀ backward" in plain(on_session("chain", session).lines(80, 17, LOOK)[0])
    done(session, "goto forward u")
    assert "forward ▶" in plain(on_session("chain", session).lines(80, 17, LOOK)[0])
