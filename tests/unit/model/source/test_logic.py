"""Masks that are computed: `and`, `or`, `not`, inf, and labels that are compared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse

X = [[1.0, 2.0, -3.0], [0.0, -1.0, 4.0]]


def value(text, name, **given):
    graph = parse(text, given)
    return Program(graph).record().value(graph.by_name[name].id)


@pytest.mark.parametrize(
    "test",
    [
        "x > 0 and x < 3",
        "x < 0 or x == 2 or x > 3",
        "not x > 0",
        "not (x > 0 and x < 3) or x == 1",
        "x > 0 and not x == 1 or x < -2",
        "x and x > -2",
        "-2 < x < 3",
        "not 0 <= x < 2 != x or x == 4",
    ],
)
def test_a_condition_is_pythons(test):
    expected = [[float(bool(eval(test, {"x": number}))) for number in row] for row in X]
    np.testing.assert_array_equal(value(f"m = {test}; L = sum(m*x)", "m", x=X), expected)


def test_the_last_of_a_chain_has_the_name():
    graph = parse("m = x > 0 and x < 3 and x != 1; L = sum(where(m, x, 0))", {"x": X})
    assert [node.op.name for node in graph.ops][-4:] == ["not_equal", "logical_and", "where", "sum"]
    assert graph.by_name["m"].op.name == "logical_and"


def test_a_chain_of_comparisons_computes_what_stands_between_them_once():
    graph = parse("m = 0 < exp(x) <= 2 < 3; L = sum(where(m, x, 0))", {"x": X})
    names = [node.op.name for node in graph.ops]
    assert names.count("exp") == 1
    assert names.count("logical_and") == 2
    assert graph.by_name["m"].op.name == "logical_and"


def test_inf_stands_for_what_is_not_looked_at():
    text = "a = softmax(masked_fill(x, x < 0, -inf)); L = sum(a*x)"
    found = value(text, "a", x=X)
    for row, given in zip(found, X, strict=True):
        kept = [np.exp(number) * (number >= 0) for number in given]
        np.testing.assert_allclose(row, np.array(kept) / sum(kept))
    assert value("y = pad(x, 1, value=-inf); L = sum(x)", "y", x=[1.0]).tolist() == [-np.inf, 1, -np.inf]
    assert value("L = inf*x", "L", x=2.0, inf=3.0) == 6
    assert value("L = inf*x", "L", x=2.0) == np.inf


def test_labels_may_be_compared_before_they_are_labels():
    text = "right = mean(argmax(z, axis=1) == labels); L = cross_entropy(z, labels) + sum(one_hot(labels, 3))"
    assert value(text, "right", z=X, labels=[1, 0]) == 0.5
    with pytest.raises(UserError, match=r"expected whole numbers, found 0\.5"):
        parse(text, {"z": X, "labels": [0.5, 1]})
    with pytest.raises(UserError, match="'labels' holds whole numbers, and 'a' takes floats"):
        parse("w = labels*mean(z); L = cross_entropy(z, labels)", {"z": X, "labels": [1, 0]})


def test_pythons_own_operators():
    """Python's and, or and not ask for one truth: a Tensor has & | ^ ~ for them."""
    some = [0.0, 1.0, -2.0]
    a, b = (np.array(part) for part in zip(*itertools.product(some, some), strict=True))
    x, y = bptui.param(a, name="x"), bptui.param(b, name="y")
    p, q = a != 0, b != 0
    for made, expected in (
        (x & y, p & q), (x | y, p | q), (x ^ y, p ^ q), (~x, ~p), (x > y, a > b), (x >= y, a >= b), (x < y, a < b),
        (x <= y, a <= b), ((x > 0) & (y < 0), (a > 0) & (b < 0)), (x > 0, a > 0),
    ):  # fmt: skip
        graph = bptui.network(bptui.sum(x * y * made)).graph
        node = [node for node in graph.ops if node.op is made.op][-1]
        np.testing.assert_array_equal(Program(graph).record().value(node.id), expected)
