"""Composites in a graph, and when a session shows one as one operation."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import look
from bptui.model.debugger.session import Session
from bptui.model.engine.composites import composite_of, composites
from bptui.model.source import network

FORMULA = "h = layer_norm(x, g, b); L = mean(h*h)"
VALUES = {"x": [[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}


def made():
    return network.from_formula(FORMULA, VALUES, ["g", "b"])


def test_the_parts_of_a_composite_are_one_fold():
    graph = made().graph
    composite = composite_of(graph, graph.by_name["h"])
    assert composite is not None
    assert composite.kind == "layer_norm"
    assert composite.result is graph.by_name["h"]
    assert [node.name for node in composite.inputs] == ["x", "g", "b"]
    assert [composite.place(part) for part in composite.parts] == list(range(9))
    assert composite_of(graph, graph.by_name["L"]) is None
    assert composite_of(graph, graph.by_name["x"]) is None
    assert composites(graph) is composites(graph)


def test_what_became_one_operation_is_no_fold():
    graph = network.from_formula("L = sum(conv1d(x, w))", {"x": [[[1.0, 2.0, 3.0]]], "w": [[[1.0, -1.0]]]}, ["w"]).graph
    assert not composites(graph)


@pytest.mark.parametrize("name", ["transformer", "lstm", "lenet", "resnet-block"])
def test_parts_follow_each_other_and_belong_to_one_fold(name):
    graph = network.load(name).graph
    for composite in set(map(id, composites(graph).values())):
        parts = next(f for f in composites(graph).values() if id(f) == composite).parts
        ids = [node.id for node in graph.ops if node in parts]
        assert ids == [part.id for part in parts]
        assert len({part.composite for part in parts}) == 1


def test_where_layers_are_looked_at_a_composite_is_one_operation():
    session = Session(made())
    assert session.composite is None
    session.view.mode = "layers"
    assert session.composite is not None
    assert session.composite.result.name == "h"
    session.select("L")
    assert session.composite is None


def visited(session, move):
    """What is shown at each stop of a move through training step 0: phase, node, and the composite if one is."""
    seen = []
    while session.cursor.step == 0 and (not seen or move().moved):
        composite = session.composite
        seen.append((session.cursor.phase, session.here.name, composite and composite.kind))
    return seen[:-1] if session.cursor.step else seen


def test_next_comes_to_a_composite_as_to_one_operation_that_is_done():
    session = Session(made())
    seen = visited(session, session.next)
    assert ("forward", "h", "layer_norm") in seen
    assert ("backward", "h.mean", "layer_norm") in seen  # the last of its parts that passes something on
    assert not any(phase == "forward" and name.startswith("h.") for phase, name, _ in seen[1:])
    session.goto("h")
    assert session.composite is None  # it was not `next` that came there
    session.goto("start")
    session.next()
    assert session.node.name == session.about.name == "h"
    assert session.about.op.name == "layer_norm"
    assert [session.about.inputs[i] for i in session.inputs] == [session.graph.by_name[n].id for n in "xgb"]
    session.reverse_step()
    assert session.composite is None
    assert session.here.name == "h.scaled"


def test_view_opens_what_next_came_to():
    session = Session(made())
    session.next()
    assert session.composite is not None
    assert "operations" in plain(look.view(session, "").lines[0])
    assert session.composite is None
    assert session.view.mode == "operations"
    look.view(session, "")
    assert session.view.mode == "layers"
    assert session.composite is not None


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_each_time_step_of_a_recurrent_layer_is_a_stop(kind):
    table = {
        "data": {"inputs": [[0, 1, 2]], "targets": [[1.0]]},
        "layers": [
            {"kind": "embedding", "size": 3, "units": 2},
            {"kind": kind, "units": 2},
            {"kind": "dense", "units": 1},
        ],
        "loss": {"kind": "mse"},
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    }
    session = Session(network.from_mapping(table, "test"))
    cells = [seen for seen in visited(session, session.next) if seen[2] == f"{kind}_cell"]
    part = "h" if kind != "lstm" else "hc"
    assert [name for phase, name, _ in cells if phase == "forward"] == [f"layer2.{part}{t}" for t in (1, 2, 3)]
    back = [name for phase, name, _ in cells if phase == "backward"]
    assert [name.partition(".")[2].partition(".")[0] for name in back] == [f"{part}{t}" for t in (3, 2, 1)]
