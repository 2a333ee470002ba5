"""Tensors as rows of numbers."""

import numpy as np

from bptui.model.base.spans import plain
from bptui.model.debugger import lines
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import load


def test_two_numbers_never_read_as_one():
    for array in (np.full(2, -90.0), np.full((2, 2), -90.0), np.full((2, 2, 2), -1234.5)):
        for row in map(plain, lines.tensor(array)):
            assert "-90.0000-" not in row
            assert "-1234.50-" not in row
    assert plain(lines.tensor(np.array([0.5, -0.25]))[0]) == "  0.5000 -0.2500"


def test_a_shape_has_no_decimals():
    session = Session(load("xor"))
    assert run(session, "print layer1.weight.T.shape").text == "layer1.weight.T.shape = [8,2]"
    assert run(session, "print shape").text == "shape = [4,8]"
