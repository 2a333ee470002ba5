"""Paths: their products add up to the gradient, the best are the largest, and what is printed can be worked out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.debugger.answers import path_lines
from bptui.model.debugger.answers import paths as paths_of
from bptui.model.debugger.answers.paths import SHOWN, paths
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.examples import catalogue
from bptui.model.source.network import from_formula, load
from tests.unit.model.debugger.formulas import networks

TWICE = "h = tanh(x@W)\np = h@W.T\nL = mse(p, x)"
TWICE_VALUES = {"x": [[1, 0.5], [0.5, -1], [-1, 0.8], [0.2, 0.3]], "W": [[0.6, -0.4], [0.3, 0.8]]}


def product(texts):
    return math.prod(map(float, texts))


def gives(value: float, text: str) -> bool:
    """Is `text` the value in its last place?"""
    place = 10.0 ** -(len(text.partition("e")[0].partition(".")[2]) - int(text.partition("e")[2] or 0))
    return abs(value - float(text)) <= place / 2 * (1 + 1e-6) + 1e-15


def holds(recording, node, element):
    """The law of one element."""
    made = paths(recording, node, element)
    gradient = float(recording.grad(node)[element])
    assert made.gradient == gradient
    assert made.equal
    assert math.isclose(made.sum, gradient, rel_tol=1e-9, abs_tol=1e-12 * max(1.0, made.size))
    sizes = [abs(path.product) for path in made.best]
    assert sizes == sorted(sizes, reverse=True)
    assert len(made.best) == min(made.count, SHOWN)
    shown = math.fsum(path.product for path in made.best)
    assert math.isclose(shown + made.rest, made.sum, rel_tol=1e-9, abs_tol=1e-12 * max(1.0, made.size))
    for path in made.best:
        assert path.product == pytest.approx(math.prod(edge.local for edge in path.edges), rel=1e-12)
        assert math.prod(edge.local for edge in path.factors) == pytest.approx(path.product, rel=1e-12)
    for edge in made.shared:
        assert all(edge in path.edges for path in made.best)
    if made.count <= 500:
        every = _every(recording, node, element)
        assert len(every) == made.count
        assert sum(product == 0 for product in every) == made.zeros
        assert sizes == pytest.approx(sorted(map(abs, every), reverse=True)[:SHOWN], rel=1e-12)
    return made


def _every(recording, node, element):
    """The products of all paths, followed one by one."""
    start = (node.id, int(np.ravel_multi_index(element, node.shape)) if node.shape else 0)
    edges = paths_of._edges(paths_of.locals_of(recording), start, lambda part: None)
    found, waiting = [], [(start, 1.0)]
    while waiting:
        vertex, product = waiting.pop()
        if vertex == (recording.graph.loss, 0):
            found.append(product)
        else:
            waiting += [(edge.target, product * edge.local) for edge in edges[vertex]]
    return found


@settings(max_examples=40, deadline=None)
@given(networks(), st.data())
def test_the_sum_over_all_paths_is_the_gradient(network, data):
    recording = network.history().recording(0)
    node = data.draw(st.sampled_from([each for each in network.graph.nodes if each.wants_grad]))
    element = tuple(data.draw(st.integers(0, n - 1)) for n in node.shape)
    holds(recording, node, element)


EXAMPLES = [row.name for row in catalogue() if row.name not in ("transformer", "resnet-block", "lenet", "lstm")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_of_every_small_example_it_is(name):
    network = load(name)
    recording = network.history().recording(0)
    random = np.random.default_rng(1)
    for node in [*network.graph.params[:2], *network.graph.params[-1:], network.graph.ops[0]]:
        if node.wants_grad and network.graph.consumers[node.id]:
            holds(recording, node, tuple(int(random.integers(n)) for n in node.shape))


def test_the_two_paths_of_mazur():
    made = paths(load("mazur").history().recording(0), load("mazur").graph.by_name["layer1.weight"], (0, 0))
    assert (made.count, made.zeros) == (2, 0)
    assert [round(path.product, 7) for path in made.best] == [0.0006684, -0.0002298]
    assert round(made.sum, 7) == 0.0004386
    assert [round(edge.local, 4) for edge in made.shared] == [0.05, 0.2413]


def test_a_weight_that_is_used_twice_has_paths_through_both_uses_and_moves_are_no_factors():
    network = from_formula(TWICE, TWICE_VALUES, ["W"])
    made = holds(network.history().recording(0), network.graph.by_name["W"], (0, 0))
    assert made.count == 12
    short = [path for path in made.best if len(path.edges) != len(path.factors)]
    assert short
    assert all(edge.local == 1 for path in short for edge in path.edges if edge.moves)
    assert {path_lines.through(network.graph, path.edges)[0] for path in short} == {"t2"}


def test_what_happens_to_be_zero_is_a_path_and_counted():
    network = load("xor-stuck")
    made = holds(network.history().recording(0), network.graph.by_name["layer1.weight"], (0, 0))
    assert (made.count, made.zeros, made.sum) == (4, 4, 0.0)


def test_too_many_to_count_one_by_one_are_counted_and_added_all_the_same():
    text = "h0 = x*w\n" + "\n".join(f"h{n + 1} = tanh(h{n}) + h{n}*0.5" for n in range(60)) + "\nL = sum(h60)"
    network = from_formula(text, {"x": 0.3, "w": 0.2}, ["w"])
    made = holds(network.history().recording(0), network.graph.by_name["w"], ())
    assert made.count == 2**60
    assert path_lines.count(made.count) == "1.1·10^18"
    assert path_lines.count(1032) == "1,032"


@pytest.mark.parametrize(
    ("text", "values", "name"),
    [
        ("y = sqrt(x)\nL = sum(y*y)", {"x": [0.0, 4.0]}, "x"),
        ("y = log(x)\nL = sum(y)", {"x": [0.0, 1.0]}, "x"),
        ("y = relu(x)\nz = max(y)\nL = z*z", {"x": [0.0, 0.0]}, "x"),
        ("y = abs(x)\nL = sum(y)", {"x": [0.0, 1.0]}, "x"),
    ],
)  # fmt: skip
def test_kinks_poles_and_ties_are_what_backward_says(text, values, name):
    network = from_formula(text, values, [name])
    recording = network.history().recording(0)
    for element in ((0,), (1,)):
        made = paths(recording, network.graph.by_name[name], element)
        assert made.equal
        assert made.sum == made.gradient or (math.isnan(made.sum) and math.isnan(made.gradient))


def test_a_wrong_gradient_is_not_called_equal():
    network = from_formula("y = x*w\nL = y*y", {"x": 2.0, "w": 3.0}, ["w"])
    made = paths(network.history().recording(0), network.graph.by_name["w"], ())
    assert made.equal
    wrong = made.__class__(**{**vars(made), "gradient": made.gradient * (1 + 1e-9)})
    assert not wrong.equal
    assert "FAIL" in "".join(span.text for row in path_lines.lines_of(network.graph, wrong) for span in row)


@settings(max_examples=40, deadline=None)
@given(networks(), st.data())
def test_what_is_printed_multiplies_and_adds_up(network, data):
    recording = network.history().recording(0)
    node = data.draw(st.sampled_from([each for each in network.graph.nodes if each.wants_grad]))
    made = paths(recording, node, tuple(data.draw(st.integers(0, n - 1)) for n in node.shape))
    texts = path_lines.printed(made)
    if texts.sign == "=" and math.isfinite(made.sum):
        for factors, result, _ in texts.rows:
            assert gives(product(factors), result)
        assert gives(math.fsum(float(result) for _, result, _ in texts.rows), texts.total)


def test_as_text():
    session = Session(load("mazur"))
    run(session, "goto end")
    told = run(session, "paths layer1.weight[0,0]").text
    assert told.startswith("2 paths from layer1.weight[0,0] to the loss")
    assert "layer1.z[0,0] → layer1.a[0,0] → layer2.z[0,1] → layer2.a[0,1] → loss" in told
    assert "both paths add  0.0004386" in told
    assert "the gradient ∂L/∂layer1.weight[0,0]  0.0004386  ✓" in told
    assert "They share 0.0500 × 0.2413" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("paths nothing", "no node is called 'nothing'"),
        ("paths x[5]", "index 5 is outside"),
        ("paths x[0,0]", "1 axes, the index has 2"),
    ],
)
def test_what_is_not_there_is_told(text, said):
    session = Session(from_formula("V = 3*U\nL = sum((y - x)**2)", {"x": [1.0], "y": [2.0], "U": 1.0}, ["x", "U"]))
    with pytest.raises(UserError) as told:
        run(session, text)
    assert said in str(told.value)


def test_where_none_leads_on_it_is_said_why():
    assert "nobody asked for its gradient" in run(Session(load("xor")), "paths x[0,0]").text
    session = Session(from_formula("V = 3*U\nL = sum(x**2)", {"x": [1.0], "U": 1.0}, ["x", "U"]))
    assert "does not reach the loss: it ends in V" in run(session, "paths U").text


def test_what_is_too_much_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(paths_of, "MAX_VERTICES", 1_000)
    session = Session(load("transformer"))
    node = session.graph.params[0]
    with pytest.raises(UserError, match="lie between"):
        run(session, f"paths {node.name}{numbers.index((0,) * len(node.shape))}")


def test_it_can_be_ended():
    session = Session(load("lenet"))
    asked = []

    def ask(part, what):
        asked.append((part, what))
        return len(asked) < 5

    session.progress.ask = ask
    reply = run(session, "paths layer1.weight[0,0,0,0]")
    assert not reply.ok
    assert len(asked) == 5
    assert "the paths of layer1.weight" in asked[0][1]
