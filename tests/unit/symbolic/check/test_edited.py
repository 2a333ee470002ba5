"""An edited course is as right as any other: each derivative, each update of an optimizer that took over on the way."""

import pytest

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.symbolic.check.step import check_node
from bptui.symbolic.check.update import check_update

TAKEN_OVER = ("optimizer = adam", 'optimizer = {kind = "sgd", momentum = 0.9, learning_rate = 0.1}', "clip_norm = 0.01")


@pytest.mark.parametrize("optimizer", TAKEN_OVER)
def test_every_check_of_an_edited_course_agrees(optimizer):
    session = Session(load("lesson-2-2-1"))
    run(session, "goto step 5 loss")
    for text in (optimizer, "layer1.activation = tanh", "layer2.weight[0,0] = 0.3", "x[0,1] = -0.5"):
        run(session, f"set {text}")
    run(session, "train 2")
    recording = session.recording
    rows = [row for node in recording.graph.ops for row in check_node(recording, node)]
    rows += [row for node in recording.graph.kept for row in check_update(recording, node)]
    assert {row.verdict for row in rows} == {"ok"}
    assert len(rows) > 30
