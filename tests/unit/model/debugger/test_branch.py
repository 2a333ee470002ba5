"""An edit makes a branch: what was before is shared, what follows is replayed bit for bit; the way back is exact."""

from __future__ import annotations

import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load


def course(session: Session, steps: int) -> list[bytes]:
    """All bytes of the first training steps."""
    return [session.history.recording(step).memory for step in range(steps)]


@pytest.mark.parametrize("name", ["xor", "lstm"])
@pytest.mark.parametrize("at", [0, 1, 7])
def test_an_edit_and_back_restores_every_byte(name, at):
    session = Session(load(name))
    original = course(session, 12)
    run(session, f"goto step {at} backward")
    here = session.cursor
    assert run(session, "set lr = 0.5").moved
    assert session.cursor == here
    edited = course(session, 12)
    assert edited[:at] == original[:at]
    for step in range(at, 12):
        assert edited[step] != original[step]
    assert session.history.recording(at).optimizer.learning_rate == 0.5
    run(session, "undo")
    assert session.cursor == here
    assert course(session, 12) == original
    run(session, "redo")
    assert course(session, 12) == edited
    assert len(session.branches) == 2


def test_a_branch_is_what_training_with_the_edit_would_have_been():
    """From step 0 on, the branch of another learning rate is the network with that learning rate."""
    values = {"x": 2.0, "y": 2.0, "w": 0.5}
    session = Session(from_formula("L = (y - w*x)**2", values, ["w"], learning_rate=0.01))
    run(session, "set lr = 0.05")
    other = Session(from_formula("L = (y - w*x)**2", values, ["w"], learning_rate=0.05))
    assert course(session, 20) == course(other, 20)
    assert session.history.losses.tobytes() == other.history.losses.tobytes()


def test_the_steps_before_an_edit_are_the_parents_and_are_not_computed_again():
    session = Session(load("xor"))
    session.goto("step 5000")
    session.goto("step 50")
    before = session.history.recording(49)
    run(session, "set lr = 0.5")
    assert session.history.recording(49) is before
    assert session.history.losses[:50].tobytes() == session.branches[0].history.losses[:50].tobytes()
    run(session, "goto step 3000")
    run(session, "set lr = 0.125")
    assert session.history.losses[:3000].tobytes() == session.branch.parent.history.losses[:3000].tobytes()
    run(session, "undo")
    run(session, "goto step 20")
    run(session, "set lr = 0.25")  # an edit of what the parent shares
    assert session.branch.parent is session.branches[1]
    assert session.history.recording(20).optimizer.learning_rate == 0.25
    assert session.history.recording(19) is session.branches[0].history.recording(19)


def test_what_is_known_by_step_and_node_belongs_to_its_branch():
    session = Session(load("xor"))
    node = session.graph.by_name["layer1.a"].id
    session.branch.checked(0, node, True)
    assert session.is_finding(node, "backward")
    run(session, "mark here")
    run(session, "set lr = 0.5")
    assert not session.is_finding(node, "backward")
    run(session, "train 3")
    run(session, "jump here")
    assert session.branch is session.branches[0]
    assert session.is_finding(node, "backward")


def test_a_breakpoint_and_a_watch_hold_in_every_branch():
    session = Session(load("xor"))
    run(session, "break loss if step == 4")
    run(session, "watch lr")
    run(session, "set lr = 0.5")
    assert run(session, "continue").ok
    assert (session.cursor.step, session.here.name) == (4, "loss")
    run(session, "undo")
    run(session, "goto step 0 start")
    assert run(session, "continue").ok
    assert (session.cursor.step, session.here.name) == (4, "loss")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("set lr =", "not NAME = VALUE"), ("set lr = x", "must be a number, not 'x'"), ("set lr = -1", "at least 0"),
        ("set lr = nan", "must be a number, not 'nan'"), ("set lr == 1", "not NAME = VALUE"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_said(text, said):
    session = Session(load("xor"))
    with pytest.raises(UserError, match=said):
        run(session, text)
    assert len(session.branches) == 1
    assert not run(session, "undo").ok
    assert not run(session, "redo").ok
