"""The loss over all alignments, where draws do not come: moments that are too few, probabilities of 0, its steps."""

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine.composites import composites
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse

LOGS = np.log(np.random.default_rng(0).dirichlet(np.ones(3), (2, 2)))


def test_each_moment_is_an_operation_by_itself():
    graph = parse("L = ctc(x, y)", {"x": LOGS, "y": [[1], [2]]})
    assert not composites(graph)
    assert [node.op.name for node in graph.ops].count("ctc_step") == 2


def test_it_is_the_sum_over_all_rows_that_become_the_labels():
    """Of two moments and one label: it twice, or beside a blank."""
    recording = Program(parse("L = ctc(x, y, reduction='none')[0]", {"x": LOGS, "y": [[1], [2]]})).record()
    p = np.exp(LOGS[:, 0])
    right = p[0, 1] * p[1, 1] + p[0, 1] * p[1, 0] + p[0, 0] * p[1, 1]
    np.testing.assert_allclose(recording.loss, -np.log(right), rtol=1e-14)


@pytest.mark.parametrize("lengths", ["", ", n, m"])
@pytest.mark.parametrize(("given", "expected"), [("", np.inf), (", zero_infinity=True", 0)])
def test_moments_that_are_too_few(lengths, given, expected):
    """Equal labels need a blank between them. Nothing is passed on, and the other sample is what it was."""
    text = f"each = ctc(x, y{lengths}{given}, reduction='none'); L = sum(each[1:])"
    values = {"x": LOGS, "y": [[1, 1], [1, 2]], **({"n": [2.0, 2.0], "m": [2, 2]} if lengths else {})}
    recording = Program(parse(text, values)).record()
    each = recording.value(recording.graph.by_name["each"].id)
    np.testing.assert_allclose(each, [expected, -LOGS[0, 1, 1] - LOGS[1, 1, 2]], rtol=1e-14)
    gradient = recording.grad(recording.graph.by_name["x"].id)
    assert not gradient[:, 0].any()
    np.testing.assert_allclose(gradient[:, 1], [[0, -1, 0], [0, 0, -1]], atol=1e-15)


def test_a_probability_of_0():
    """No row goes through it, and no NaN comes of it."""
    x = LOGS.copy()
    x[0, 0, 1] = -np.inf
    recording = Program(parse("L = ctc(x, y, reduction='none')[0]", {"x": x, "y": [[1], [2]]})).record()
    np.testing.assert_allclose(recording.loss, -x[0, 0, 0] - x[1, 0, 1], rtol=1e-14)
    gradient = recording.grad(recording.graph.by_name["x"].id)[:, 0]
    np.testing.assert_allclose(gradient, [[-1, 0, 0], [0, -1, 0]], atol=1e-15)


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [((2, 2, 3), [[1], [2], [1]], "moments, samples"), ((2, 2, 3), [[1], [3]], "is 3"), ((3,), [[1]], "log_probs")],
)
def test_shapes_and_classes_that_do_not_fit(x, y, told):
    with pytest.raises(UserError, match=told):
        Program(parse("L = ctc(x, y)", {"x": np.zeros(x), "y": y})).record()
