"""Local derivatives between elements are the Jacobian that the vjps make up, whichever way they are asked for."""

import numpy as np
import pytest

from bptui.model.engine.graph import Node
from bptui.model.engine.local import Local
from bptui.model.source.network import from_formula
from tests.unit.model.engine.ops.samples import uses

MOST = 60
"""Elements up to which a whole Jacobian is made."""


class Given:
    """What Local asks of a recording."""

    def __init__(self, values):
        self.values = values

    def required(self, node):
        return self.values[node]


def local(use):
    row, inputs = use.row, use.inputs()
    attributes = {
        name: each.check(use.attributes[name]) if name in use.attributes else each.default
        for name, each in row.attributes.items()
    }
    shape = tuple(row.shape([np.shape(x) for x in inputs], attributes))
    node = Node(len(inputs), "y", "op", shape, row, tuple(range(len(inputs))), attributes)
    return Local(Given(inputs), node)


SMALL = [use for use in uses() if all(0 < np.prod(shape, dtype=int) <= MOST for shape in use.shapes)]
EVERY = 3
"""One use in so many is taken."""


@pytest.mark.parametrize("part", range(4))
def test_rows_columns_and_what_is_reached_are_one_jacobian(part):
    for use in SMALL[part * EVERY :: 4 * EVERY]:
        operation = local(use)
        count = operation.out_size
        if count > MOST:
            continue
        for position in operation.positions:
            size = operation.in_size(position)
            random = np.random.default_rng(0)
            upstream = random.normal(size=operation.node.shape)
            whole, named = np.zeros((count, size)), np.zeros((count, size), bool)
            together = dict(operation.rows(position, np.arange(count)))
            assert sorted(together) == list(range(count)), str(use)
            for output in range(count):
                at, values = operation.row(position, output)
                whole[output, at], named[output, at] = values, True
                assert together[output].at.tolist() == at.tolist(), str(use)
                assert np.allclose(together[output].values, values, atol=1e-12, equal_nan=True), str(use)
            expected = operation.probe.vjp(position, upstream).reshape(-1)
            assert np.allclose(upstream.reshape(-1) @ whole, expected, atol=1e-12, equal_nan=True), str(use)
            for element in random.integers(0, size, 2):
                outputs = operation.reached(position, np.array([element]))
                assert set(np.flatnonzero(named[:, element])) <= set(outputs.tolist()), str(use)
                column = operation.column(position, element, outputs)
                assert np.allclose(column, whole[outputs, element], atol=1e-12, equal_nan=True), str(use)


MOVERS = {"reshape", "transpose", "slice", "concat", "stack", "broadcast_to", "pad", "take", "embedding"}


def test_what_only_moves_numbers_is_told_from_what_computes():
    for use in SMALL[::EVERY]:
        operation = local(use)
        moved = operation.moved
        if use.op in MOVERS and use.op != "slice" and "max_norm" not in use.attributes:
            assert moved is not None, str(use)
        if moved is not None:
            made, (positions, elements) = operation.probe.forward().reshape(-1), moved
            for output, (position, element) in enumerate(zip(positions, elements, strict=True)):
                if position >= 0:
                    assert made[output] == operation.probe.inputs[position].reshape(-1)[element], str(use)
    for name in ("relu", "sigmoid", "neg", "add", "matmul", "affine", "softmax", "max_pool2d", "abs", "hardtanh"):
        for use in SMALL:
            if use.op == name and np.prod(use.shapes[0], dtype=int) > 1 and "kernel_size" not in use.attributes:
                assert local(use).moved is None, str(use)


def test_what_is_not_finite_elsewhere_does_not_reach_an_element():
    values = {"u": [[1.0, -1.0], [2.0, 3.0]], "W": [[1.0], [1.0]]}
    network = from_formula("x = log(u)\ny = x @ W\nL = sum(y)", values)
    recording = network.history().recording(0)
    operation = Local(recording, recording.graph.by_name["y"])
    at, values = operation.row(1, 1)  # the second row of y: no NaN in it
    assert at.tolist() == [0, 1]
    assert values == pytest.approx([np.log(2.0), np.log(3.0)])


def test_of_two_matrices_one_is_not_finite():
    """A number of the other's factor, which has no value at most numbers: some near the recorded ones are tried."""
    a = np.array([[[np.inf, 0.0], [0.0, 1.0]], [[4.0, 2.0], [2.0, 5.0]]])
    step = from_formula("y = cholesky(a); L = sum(y)", {"a": a}).program().record()
    found = Local(step, step.graph.by_name["y"]).row(0, 4)
    assert dict(zip(found.at.tolist(), found.values, strict=True))[4] == pytest.approx(0.25)
