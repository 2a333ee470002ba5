"""Back and forward among the places of a session: as in a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from tests.sessions import snapshot

XOR = load("xor")
JUMPS = ("goto backward", "goto step 3 update", "next", "finish", "train 2", "set lr = lr*2", "undo", "step 3")


@pytest.fixture
def session():
    return Session(XOR)


@given(st.lists(st.sampled_from(JUMPS), max_size=6))
def test_back_visits_the_places_in_reverse_and_forward_again(lines):
    session, places = Session(XOR), []

    def here():  # the place, whatever answer is open
        return snapshot(session)[:5]

    for text in lines:
        before = here()
        run(session, text)
        if here() != before and len(session.trail.past) > len(places):
            places.append(before)
    end, visited = here(), []
    while run(session, "back").ok:
        visited.append(here())
    assert visited == places[::-1]
    while run(session, "forward").ok:
        pass
    assert here() == end


def test_a_step_is_no_jump(session):
    run(session, "goto backward")
    for text in ("step", "step", "reverse-step"):
        run(session, text)
    run(session, "back")
    assert session.stop == 0
    run(session, "forward")
    assert session.stop == session.walk.timeline.index(session.cursor) == 5


def test_what_was_selected_is_selected_again(session):
    run(session, "select layer1.weight[1,3]")
    run(session, "goto update")
    run(session, "select")
    run(session, "back")
    assert session.node.name == "layer1.weight"
    assert session.element == (1, 3)


def test_a_new_jump_ends_what_lay_ahead(session):
    run(session, "goto end")
    run(session, "back")
    run(session, "goto backward")
    assert not run(session, "forward").ok
    assert not run(session, "back 9").moved or session.stop == 0
    assert "nowhere" in run(session, "back").text
