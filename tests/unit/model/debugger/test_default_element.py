"""The element that is explained before anybody has chosen one."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load


@pytest.mark.parametrize("name", ["lenet", "transformer", "lstm", "xor", "resnet-block"])
def test_it_has_something_to_say_where_there_is_anything(name):
    session = Session(load(name))
    recording = session.recording
    for node in session.graph.nodes:
        array = np.asarray(recording.grad(node) if node.role == "param" else recording.value(node))
        at = session.element_of(node)
        assert len(at) == array.ndim
        assert all(0 <= i < n for i, n in zip(at, array.shape, strict=True))
        readers = {i for i, _ in session.graph.consumers[node.id]}
        if array.any() and len(readers) != 1:  # what one other node reads follows what that makes of it
            assert array[at] != 0, node.name
            back = recording.grad(node)
            if back is not None and (array * back).any():
                assert back[at] != 0, node.name


def test_in_an_image_no_padding_is_in_sight():
    session = Session(load("lenet"))
    assert session.node.name == "layer1.z.padded"
    assert all(0 < i < n - 1 for i, n in zip(session.element[-2:], session.node.shape[-2:], strict=True))


def test_what_a_relu_clamps_is_not_chosen_before_what_it_lets_through():
    session = Session(from_formula("a = relu(x); L = sum(a)", {"x": [[-1.0, 2.0], [3.0, 4.0]]}))
    nodes = session.graph.by_name
    assert session.element_of(nodes["x"]) == session.element_of(nodes["a"]) == (0, 1)


def test_what_was_chosen_stays_and_what_is_first_does_not_move_with_the_numbers():
    session = Session(load("xor"))
    first = {node.id: session.element_of(node) for node in session.graph.nodes}
    session.train(20)
    assert first == {node.id: session.element_of(node) for node in session.graph.nodes}
    session.select_element((0, 0))
    session.step()
    assert session.element == (0, 0)


@pytest.mark.parametrize("value", [0.0, [], [[0.0, 0.0]], [[[0.0] * 3] * 3]])
def test_where_all_is_nothing_there_is_still_an_element(value):
    session = Session(from_formula("L = sum(x)", {"x": value}))
    node = session.graph.by_name["x"]
    assert len(session.element_of(node)) == len(node.shape)
