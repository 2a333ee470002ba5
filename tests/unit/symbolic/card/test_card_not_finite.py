"""What a card says of a finite number has no NaN in it, though what it does not read is infinite."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.symbolic.explain import WRITERS, derivation

INF = np.inf
CASES = [  # formula, values, what is explained: all finite
    ("y = interpolate(x, size=5, mode='linear'); L = sum(y*g)",
     {"x": [[[INF, 0.5, 0.3, 0.25]]], "g": [1.0, 1.0, 2.0, 1.0, 1.0]}, ["y[0,0,2]", "y[0,0,4]", "x[0,0,1]"]),
    ("y = interpolate(x, size=5, mode='cubic'); L = sum(y*g)",
     {"x": [[[1.0, 0.5, 0.3, 0.25]]], "g": [1.0, 1.0, 1.0, 1.0, INF]}, ["y[0,0,4]", "x[0,0,0]"]),
    ("y = embedding_bag(x, [[0, 1], [1, 2]], mode='sum'); L = sum(y*g)",
     {"x": [[1.0], [2.0], [3.0]], "g": [[INF], [1.0]]}, ["y[0,0]", "x[2,0]"]),
    ("y = masked_fill(x, m, 0.0); L = sum(y*g)",
     {"x": [[1.0], [2.0]], "m": [1.0, 0.0], "g": [INF, 2.0]}, ["x[0,0]", "y[0,0]"]),
    ("y = glu(x); L = sum(y*g)", {"x": [[1.0, 2.0], [0.5, 0.1]], "g": [[INF], [2.0]]}, ["x[1,0]", "x[1,1]"]),
    ("y = fft(x); L = sum(y)", {"x": [[1.0, INF], [2.0, 1.0], [3.0, 1.0]]}, ["y[0,0]", "x[1,1]"]),
    ("y = conv_transpose1d(x, w, padding=1); L = sum(y*g)",
     {"x": [[[1.0, 2.0]]], "w": [[[INF, 1.0, 3.0]]], "g": [1.0, 1.0]}, ["y[0,0,1]", "x[0,0,0]"]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].partition("(")[0][4:])
def test_no_nan_in_what_is_said_of_a_finite_number(case):
    text, values, places = case
    recording = Program(parse(text, {k: np.array(v) for k, v in values.items()}), Optimizer("sgd", 0.1)).record()
    for place in places:
        name, _, at = place.rstrip("]").partition("[")
        node, element = recording.graph.by_name[name], tuple(map(int, at.split(",")))
        told = WRITERS["text"](derivation(recording, "it", place))
        value, gradient = told.partition("\nGRADIENT")[::2]
        for number, said in ((recording.value(node), value), (recording.grad(node), gradient)):
            if number is not None and np.isfinite(number[element]):
                assert "NaN" not in said, said
                assert "FAIL" not in said, said
