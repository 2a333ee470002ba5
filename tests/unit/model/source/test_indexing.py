"""What an index reads, and the several results of a statement, in formulas and in Python."""

from __future__ import annotations

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.symbolic.card.names import title

X = np.arange(24.0).reshape(2, 3, 4) - 7.5
MASK = [[True, False, True], [False, True, True]]
INDICES = [
    "[[0, 1], [2, 0]]", "[[1, 0, 1]]", "[:, [2, 0]]", "[..., [3, 0, 3]]", "[[0, 1], :, [3, 1]]",
    "[:, [[0], [2]], [1, 3]]", "[1:, [0, 2], ::2]", "[0, [1, 2], [3, 3]]", "[:, None]", "[None, ..., None, 1]",
    "[:, None, [0, 2]]", "[[-1, 0], [-1, -3]]", "[[True, False]]", "[:, [True, False, True], 1:]", "[[]]", "[-1]",
    "[[1], [2], [3]]",
]  # fmt: skip


def value(text, name="y", **given):
    graph = parse(text, given)
    return graph, Program(graph).record().value(graph.by_name[name].id)


@pytest.mark.parametrize("index", INDICES)
def test_an_index_is_numpys(index):
    expected = X[eval(f"np.s_{index}", {"np": np})]
    _, found = value(f"y = x{index}; L = sum(y*y) + sum(x)", x=X.tolist())
    np.testing.assert_array_equal(found, expected)
    made = bptui.param(X)[eval(f"np.s_{index}", {"np": np})]
    graph = bptui.network(bptui.sum(made) + bptui.sum(bptui.param(X))).graph
    node = next(node for node in graph.ops if node.op is made.op)
    np.testing.assert_array_equal(Program(graph).record().value(node.id), expected)


def test_a_number_beside_lists_is_no_list():
    """PyTorch's x[0, :, [1, 2]] keeps the order of its axes; NumPy's puts that of the list in front."""
    torch = pytest.importorskip("torch")
    _, found = value("y = x[0, :, [1, 3, 1, 0, 2]]; L = sum(y)", x=X.tolist())
    np.testing.assert_array_equal(found, torch.tensor(X)[0, :, [1, 3, 1, 0, 2]])


@pytest.mark.parametrize("read", ["x[m]", "x[m, 1:]", "x[m, [0, 1, 3, 3]]"])
def test_a_mask_is_where_it_is_true(read):
    given = {"x": X.tolist(), "m": MASK}
    _, found = value(f"y = {read}; L = sum(y*y)", **given)
    np.testing.assert_array_equal(found, eval(read, {"x": X, "m": np.array(MASK)}))
    np.testing.assert_array_equal(value("y = x[m]; L = sum(y)", x=X.tolist(), m=np.array(MASK))[1], X[np.array(MASK)])


def test_given_places_may_be_several():
    text = "y = x[i, :, j]; z = x[i]; L = sum(y) + sum(z)"
    graph, found = value(text, x=X.tolist(), i=[0, 1, 1], j=[3, 0, 0])
    np.testing.assert_array_equal(found, X[[0, 1, 1], :, [3, 0, 0]])
    assert [node.op.name for node in graph.ops][:2] == ["index", "take"]
    assert "".join(span.text for span in title(graph, graph.by_name["y"])) == "y = index(x, i, j, index='[i, :, i2]')"


def test_a_list_that_stands_twice_is_one_constant():
    graph, _ = value("y = x[[0, 1], [2, 0]] + take(x, [0, 1])[:, 0]; L = sum(y)", x=X.tolist())
    assert [node.name for node in graph.nodes if node.whole] == ["[0, 1]", "[2, 0]"]


def test_several_results_have_a_name_each():
    text = "a, b = split(x, 2, axis=2); c, _ = unbind(x); d, e = chunk(a, 2, axis=1); L = sum(a*b) + sum(c)"
    graph, _ = value(text, "a", x=X.tolist())
    assert [node.name for node in graph.ops][:5] == ["a", "b", "c", "d", "e"]
    recording = Program(graph).record()
    for name, expected in {"a": X[..., :2], "b": X[..., 2:], "c": X[0], "d": X[:, :2, :2], "e": X[:, 2:, :2]}.items():
        np.testing.assert_array_equal(recording.value(graph.by_name[name].id), expected)
    assert "".join(span.text for span in title(graph, graph.by_name["b"])) == "b = split(x, size=2, axis=2)[1]"


def test_one_part_of_several():
    _, found = value("y = split(x, [1, 2], axis=1)[1]; L = sum(y)", x=X.tolist())
    np.testing.assert_array_equal(found, X[:, 1:])
    _, found = value("y = unbind(x, axis=-1)[-1]; L = sum(y)", x=X.tolist())
    np.testing.assert_array_equal(found, X[..., -1])
    x = bptui.param(X, name="x")
    a, b = bptui.split(x, size=2, axis=2, name="half")
    assert (a.name, b.name, a.shape) == ("half0", "half1", (2, 3, 2))
    assert bptui.chunk(x, chunks=2, axis=1, part=1).shape == (2, 1, 4)
    assert len(bptui.unbind(x)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a, b, c = split(x, 1); L = sum(a)", "1:1: split gives 2 parts, and 3 names stand before ="),
        ("a, b = x; L = sum(a)", "1:1: several names stand for the parts of one value"),
        ("a = split(x, 1); L = sum(a)", "it gives 2 parts"),
        ("a, b = relu(x); L = sum(a)", "1:8: relu gives one value"),
        ("a, b = split(x, [1, 3]); L = sum(a)", "adds up to 4, not to 2"),
        ("a, a = split(x, 1); L = sum(a)", "'a' is already defined at 1:1"),
        ("a, x = split(x, 1); L = sum(a)", "'x' is given and defined"),
        ("a, b[0] = split(x, 1); L = sum(a)", "a name stands before ="),
        ("L = sum(unbind(x)[2])", "there is no part 2 of 2"),
        ("L = sum(x[[2]])", "is 2 (expected 0 to 1)"),
        ("L = sum(x[[0, 1], [0, 1, 2]])", "do not broadcast"),
        ("L = sum(x[[True, False, True]])", "the mask has 3"),
        ("L = sum(x[[0.5]])", "expected whole numbers, found 0.5"),
        ("L = sum(x[[0], [0], [0], [0]])", "has 4 entries, and x has 3 axes"),
        ("L = sum(x[0, 0, 0][1])", "index [1] has 1 entry, and x has 0 axes"),
        ("L = sum(x['a'])", "an index has whole numbers"),
    ],
)
def test_what_does_not_fit(text, told):
    with pytest.raises(UserError) as problem:
        parse(text, {"x": X.tolist()})
    assert told in str(problem.value)
