"""Composites in a graph, and when a session shows one as one operation."""

from __future__ import annotations

import pytest

from bptui.model import network
from bptui.model.folds import fold_of, folds
from bptui.model.session import Session

FORMULA = "h = layer_norm(x, g, b); L = mean(h*h)"
VALUES = {"x": [[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}


def made():
    return network.from_formula(FORMULA, VALUES, ["g", "b"])


def test_the_parts_of_a_composite_are_one_fold():
    graph = made().graph
    fold = fold_of(graph, graph.by_name["h"])
    assert fold is not None
    assert fold.kind == "layer_norm"
    assert fold.result is graph.by_name["h"]
    assert [node.name for node in fold.inputs] == ["x", "g", "b"]
    assert [fold.place(part) for part in fold.parts] == list(range(9))
    assert fold_of(graph, graph.by_name["L"]) is None
    assert fold_of(graph, graph.by_name["x"]) is None
    assert folds(graph) is folds(graph)


def test_what_became_one_operation_is_no_fold():
    graph = network.from_formula("L = sum(conv1d(x, w))", {"x": [[[1.0, 2.0, 3.0]]], "w": [[[1.0, -1.0]]]}, ["w"]).graph
    assert not folds(graph)


@pytest.mark.parametrize("name", ["transformer", "lstm", "lenet", "resnet-block"])
def test_parts_follow_each_other_and_belong_to_one_fold(name):
    graph = network.load(name).graph
    for fold in set(map(id, folds(graph).values())):
        parts = next(f for f in folds(graph).values() if id(f) == fold).parts
        ids = [node.id for node in graph.ops if node in parts]
        assert ids == [part.id for part in parts]
        assert len({part.fold for part in parts}) == 1


def test_where_layers_are_looked_at_a_composite_is_one_operation():
    session = Session(made())
    assert session.fold is None
    session.view.mode = "layers"
    assert session.fold is not None
    assert session.fold.result.name == "h"
    session.select("L")
    assert session.fold is None
