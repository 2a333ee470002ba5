"""Cards: the numbers are the recording's, the formulas the derivation's, and neither waits for the other."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.engine import ops
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source import formula, network
from bptui.symbolic.card import Form, card, card_for, subject
from bptui.symbolic.card.text import text as card_text
from bptui.symbolic.types import Failure
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.steps import graph_of, record, step_of


def at(recording, phase, name):
    """The state at the Moment of a node."""
    nodes = recording.timeline.nodes(phase)
    start = 1 if phase == "backward" else 0
    index = next(n for n in range(start, len(nodes)) if nodes[n].name == name)
    return State(recording, Moment(recording.step, phase, index))


def ready(service, state, name, element=(), wrt=None, **options):
    node = state.recording.graph.by_name[name]
    if wrt is not None:
        service.rule(state.recording.graph, node, wrt)
        assert service.wait(20)
    return card(state, node, element, wrt, service, Form(**options))


def labelled(made, label):
    return [plain(fact.labelled) for fact in made.facts if fact.label == label]


@pytest.fixture(scope="module")
def lesson():
    return network.load("lesson-2-2-1").program().record()


@pytest.fixture(scope="module")
def xor():
    return network.load("xor").program().record()


# ---------------------------------------------------------------------------------------- the settled pictures
def test_the_picture_of_a_backward_moment(lesson, service):
    made = ready(service, at(lesson, "backward", "layer1.a"), "layer1.a", (0, 0), 0)
    assert plain(made.title) == "layer1.a = sigmoid(layer1.z)"
    assert (made.shape, made.element) == ("(1,2)", "[0,0]")
    definition, local = made.rules
    assert plain(definition.text) == "a = 1/(1 + exp(-z))"
    assert (local.kind, plain(local.text)) == ("local", "∂a/∂z = a·(1 - a)")
    assert plain(local.note.full).startswith("✓ proved by cancel, ")
    assert plain(local.note.words[-1]) == "✓ proved"
    equation = made.equation
    assert [operand.head for operand in equation] == ["upstream", "local", "downstream"]
    assert [plain(operand.symbol) for operand in equation] == ["∂L/∂a", "∂a/∂z", "∂L/∂z"]
    assert equation.numbers == pytest.approx((-0.0987503, 0.2499000, -0.0246777), abs=1e-7)
    assert [plain(operand.note.full) for operand in equation] == ["from layer2.z", "0.5100·(1 - 0.5100)", "to layer1.z"]
    assert equation.contributions == (1, 1)
    assert {s.text: s.style for s in local.text}["a"] == "value"
    assert {s.style for s in equation.upstream.symbol} == {"gradient bold"}
    assert [(symbol.text, x) for symbol, x in equation.at] == [("a", pytest.approx(0.51, abs=1e-4))]


def test_the_picture_of_a_forward_moment(xor):
    made = card(at(xor, "forward", "layer1.z"), xor.graph.by_name["layer1.z"], (1, 3))
    assert plain(made.title) == "layer1.z = x @ layer1.weight + layer1.bias"
    assert plain(made.rules[0].text) == "z[i,j] = sum(x[i,k]·W[k,j] for k) + b[j]"
    table = made.table
    assert (table.heads.index, *map(plain, table.heads.factors)) == ("k", "x[1,k]", "W[k,3]")
    assert plain(table.heads.product) == "x[1,k]·W[k,3]"
    assert [plain(symbol) for symbol, _ in table.head[1].factors] == ["x[1,1]", "W[1,3]"]
    assert [(s.sign, plain(s.symbol)) for s in table.steps] == [("+", "b[3]")]
    assert plain(table.result) == "z[1,3]"
    assert table.total == float(xor.value("layer1.z")[1, 3])
    assert table.steps[-1].running == pytest.approx(table.total, rel=1e-12)
    styles = {s.text: s.style for s in made.rules[0].text}
    assert (styles["z"], styles["W"], styles["b"]) == ("value", "parameter", "parameter")


@given(st.floats(-60000, 60000, allow_subnormal=False), st.sampled_from(["float16", "bfloat16", "float32"]))
@settings(max_examples=60, deadline=None)
def test_the_card_of_a_cast_shows_what_it_rounded(x, kind):
    """Its two numbers as printed stand to each other as the numbers do. (5e-324 is its last place, and shown as 0.)"""
    recording = network.from_formula(f"t = cast(x, '{kind}'); L = t*1.0", {"x": x}).program().record()
    made = card(at(recording, "forward", "t"), recording.graph.by_name["t"])
    element = next(fact for fact in made.facts if fact.kind == "element")
    before = x if not element.sides else float(plain(element.sides[-1]).partition("(")[2].strip("()"))
    after, rounded = float(plain(element.result)), float(recording.value("t"))
    assert (before > after) - (before < after) == (x > rounded) - (x < rounded)


def test_next_says_what_relu_will_do(xor):
    values = xor.value("layer1.z")
    below = tuple(int(i) for i in np.argwhere(values < 0)[0])
    above = tuple(int(i) for i in np.argwhere(values > 0)[0])
    state, node = at(xor, "forward", "layer1.z"), xor.graph.by_name["layer1.z"]
    place = f"[{below[0]},{below[1]}]"
    assert labelled(card(state, node, below), "next") == [f"relu clamps it: z{place} < 0, so a{place} will be 0"]
    assert labelled(card(state, node, above), "next") == []


# ------------------------------------------------------------------------------------------------ all operations
@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", [u for u in uses() if not any(0 in s for s in u.shapes)], ids=str)
def test_every_operation_has_cards_whose_numbers_add_up(use, service):
    row = use.row
    recording, node = step_of(row, use.inputs(), {k: v for k, v in use.attributes.items() if k in row.attributes})
    if 0 in node.shape:
        return
    last = tuple(n - 1 for n in node.shape)
    made = card(at(recording, "forward", "made"), node, last)
    value = float(recording.value(node)[last])
    assert not any(".shape[" in plain(row) for row in card_text(made))  # of this node the sizes are known
    if made.table is not None:
        assert made.table.total == value
        ends = made.table.steps or made.table.tail or made.table.head
        end = ends[-1].running if ends else 0.0
        assert end == pytest.approx(value, rel=1e-9, abs=1e-12)
    state = at(recording, "backward", "made") if node.wants_grad else None
    for position, source in enumerate(node.inputs):
        if not row.differentiable(position):
            continue
        shape = recording.graph.nodes[source].shape
        element = tuple(n - 1 for n in shape)
        pending = card(state, node, element, position, Quiet())
        assert pending.pending
        made = ready(service, state, "made", element, position)
        assert not made.pending
        down = next(c.array for c in recording.contributions(source) if c.position == position)[element]
        if made.equation is not None:
            upstream, local, downstream = made.equation.numbers
            assert downstream == down
            assert upstream * local == pytest.approx(downstream, rel=1e-7, abs=1e-12)
        elif made.table is None:  # nothing of the output reads it
            assert down == 0
            assert "depend" in plain(made.facts[1].text)
        else:
            table = made.table
            assert table.total == down
            end = (table.tail or table.head)[-1].running if table.head else 0.0
            assert end == pytest.approx(float(down), rel=1e-7, abs=1e-12)
        text = "".join(plain((*rule.text, *rule.note.full)) for rule in made.rules)
        assert "<class" not in text
        for ascii_ in (card(state, node, element, position, service, Form(unicode=False)),):
            for rule in ascii_.rules:
                assert plain(rule.text).isascii()


class Quiet:
    """A service that never gets there, or that failed."""

    def __init__(self, answer=None):
        self.answer = answer

    def rule(self, graph, node, position):
        return self.answer


def test_while_it_is_derived_and_when_it_failed(lesson):
    state, node = at(lesson, "backward", "layer1.a"), lesson.graph.by_name["layer1.a"]
    pending = card(state, node, (0, 0), 0, Quiet())
    assert pending.pending
    assert "deriving…" in plain(pending.rules[1].text)
    assert pending.equation.numbers[0] == pytest.approx(-0.0987503, abs=1e-7)
    assert pending.equation.numbers[2] == pytest.approx(-0.0246777, abs=1e-7)
    failed = card(state, node, (0, 0), 0, Quiet(Failure("took longer than 2 s: numbers only")))
    assert not failed.pending
    assert plain(failed.rules[1].note.full) == "took longer than 2 s: numbers only"
    assert failed.equation.numbers[2] == pending.equation.numbers[2]


# --------------------------------------------------------------------------------------------------- single things
def formula_step(text, **values):
    graph = formula.parse(text, {name: np.asarray(value, float) for name, value in values.items()})
    return Program(graph, Optimizer("sgd", 0.1)).record()


def test_partial_contributions_are_counted(service):
    recording = formula_step("d = w*w; e = d + w; L = e*1.5", w=2.0)
    node = next(n for n in recording.graph.ops if n.name == "e")
    made = ready(service, at(recording, "backward", "e"), "e", (), 1)
    assert made.equation.downstream.head == "contribution to"
    assert made.equation.contributions == (1, 3)
    assert node.op.name == "add"
    last = ready(service, at(recording, "backward", "d"), "d", (), 1)
    assert last.equation.contributions == (3, 3)


def test_nothing_is_shown_before_its_moment(lesson, service):
    early = State(lesson, Moment(0, "forward", 0))
    made = card(early, lesson.graph.by_name["layer2.z"], (0, 0))
    assert made.table is None
    assert labelled(made, "value") == ["not yet"]
    seed = State(lesson, Moment(0, "backward", 0))
    made = ready(service, seed, "layer1.a", (0, 0), 0)
    assert made.equation is None
    assert labelled(made, "gradient") == ["not yet"]
    assert plain(made.rules[1].text) == "∂a/∂z = a·(1 - a)"


def test_the_seed(lesson):
    made = card(State(lesson, Moment(0, "backward", 0)), lesson.graph.nodes[lesson.graph.loss])
    assert plain(made.rules[1].text) == "∂L/∂L = 1"


def test_updates_say_the_optimizers_rule_with_numbers(lesson, xor):
    made = card(at(lesson, "update", "layer1.weight"), lesson.graph.by_name["layer1.weight"], (0, 0))
    assert plain(made.rules[0].text) == "W' = W - η·∂L/∂W"
    assert labelled(made, "W'") == ["0.0200 - 0.5·(-0.01234) = 0.0262"]
    made = card(at(xor, "update", "layer1.weight"), xor.graph.by_name["layer1.weight"], (1, 3))
    rules = [plain(fact.text) for fact in made.rules]
    assert rules[0].startswith("W' = W - η·")
    assert rules[1] == "m' = β1·m + (1 - β1)·∂L/∂W"
    assert rules[2] == "v' = β2·v + (1 - β2)·(∂L/∂W)²"
    after = float(xor.after("layer1.weight")[1, 3])
    assert labelled(made, "W'")[0].endswith(f"= {after:.4f}")
    early = State(xor, Moment(0, "forward", 0))
    assert "given" not in plain(card(early, xor.graph.by_name["layer1.weight"], (1, 3)).rules[0].text)


def test_clipping_is_said(lesson):
    recording = record(
        graph_of(ops.OPS["affine"], (np.ones((2, 3)), np.ones((3, 2)), np.ones(2))),
        Optimizer("sgd", 0.1, clip_norm=0.1),
    )
    made = card(at(recording, "update", "in1"), recording.graph.by_name["in1"], (0, 0))
    said = labelled(made, "clipped")[0]
    assert "limit 0.1" in said


def test_a_convention_is_said_where_it_matters(service):
    recording, _ = step_of(ops.OPS["relu"], (np.array([[0.0, 1.0]]),))
    state = at(recording, "backward", "made")
    assert labelled(ready(service, state, "made", (0, 0), 0), "convention") == [ops.OPS["relu"].convention]
    assert labelled(ready(service, state, "made", (0, 1), 0), "convention") == []


def test_raw_is_sympys_own_form(lesson, service):
    made = ready(service, at(lesson, "backward", "layer1.a"), "layer1.a", (0, 0), 0, raw=True)
    assert "exp(-z)" in plain(made.rules[1].text)
    assert "derived in" in plain(made.rules[1].note.full)


def test_index_operations_say_where_an_element_comes_from(service):
    x = np.arange(12.0).reshape(3, 4)
    recording, node = step_of(ops.OPS["transpose"], (x,))
    made = card(at(recording, "forward", "made"), node, (3, 1))
    assert "x[1,3]" in labelled(made, "element")[0]
    recording, node = step_of(ops.OPS["max"], (x,), {"axis": 1})
    made = card(at(recording, "forward", "made"), node, (2,))
    assert labelled(made, "element") == ["y[2] = max(8.0000, 9.0000, 10.0000, 11.0000) = x[2,3] = 11.0000"]


def test_softmax_has_a_row_for_every_output_that_reads_the_input(service):
    recording, node = step_of(ops.OPS["softmax"], (np.array([[0.0, 1.0, 2.0]]),))
    made = ready(service, at(recording, "backward", "made"), "made", (0, 1), 0)
    assert [term.index for term in made.table.head] == ["0", "1", "2"]
    assert node.op.name == "softmax"


def test_a_long_sum_costs_what_a_short_one_costs():
    taken = []
    for k in (8, 784):
        recording, node = step_of(ops.OPS["matmul"], (np.ones((2, k)), np.ones((k, 3))))
        state = at(recording, "forward", "made")
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            made = card(state, node, (1, 2))
            best = min(best, time.thread_time() - start)
        taken.append(best)
    assert made.table.elided == 784 - 8
    assert [term.index for term in made.table.tail] == ["782", "783"]
    assert made.table.tail[-1].running == 784
    assert taken[1] < 3 * taken[0] + 0.002


def test_non_finite_numbers_have_cards(service):
    with np.errstate(all="ignore"):
        recording, node = step_of(ops.OPS["log"], (np.array([[0.0, -1.0]]),))
    for element in ((0, 0), (0, 1)):
        card(at(recording, "forward", "made"), node, element)
        made = ready(service, at(recording, "backward", "made"), "made", element, 0)
        assert made.equation is not None


# -------------------------------------------------------------------------------------------------------- sessions
def test_every_moment_of_a_session_has_a_card(service):
    session = Session(network.load("xor"))
    service.warm(session.graph)
    assert service.wait(20)
    for stop in range(session.timeline.length):
        session.move(stop)
        made = card_for(session, service)
        assert plain(made.title)
        assert not made.pending
        assert made.phase == session.cursor.phase


def test_the_element_of_an_output_leads_to_one_that_it_reads(service):
    session = Session(network.load("xor"))
    service.warm(session.graph)
    assert service.wait(20)
    nodes = session.timeline.backward
    session.move(
        session.timeline.count("forward") + next(n for n in range(1, len(nodes)) if nodes[n].name == "layer1.z")
    )
    session.selection.element = (1, 3)
    node, element, wrt = subject(session, service)
    assert node.name == "layer1.z"
    assert session.graph.nodes[node.inputs[wrt]].name == "layer1.weight"
    assert element == (0, 3)
    session.selection.pinned = session.graph.by_name["layer1.weight"].id
    session.selection.element = (1, 5)
    assert subject(session, service) == (node, (1, 5), wrt)


def test_cards_need_no_sympy():
    code = (
        "import sys; from bptui.model.source import network; from bptui.model.debugger.session import Session;"
        "from bptui.symbolic.card import card_for; from bptui.symbolic.service import Service;"
        "s = Session(network.load('xor')); card_for(s); Service();"
        "assert 'sympy' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr == ""


@pytest.mark.parametrize(
    ("text", "element", "said"),
    [
        ("y = softmax(x)", (0,), True),
        ("y = softmax(x)", (1,), False),
        ("y = sigmoid(x)", (0,), True),
        ("y = exp(x)", (0,), True),
        ("y = relu(x)", (0,), False),  # 0 by its definition
        ("y = x*0", (0,), False),
    ],
)
def test_a_number_that_is_0_by_underflow_says_so(text, element, said):
    recording = network.from_formula(f"{text}\nL = sum(y)", {"x": [-800.0, 0.0]}, []).program().record()
    made = card(at(recording, "forward", "y"), recording.graph.by_name["y"], element)
    told = labelled(made, "underflow")
    assert told == (["above 0, but below 4.9e-324, the least that float64 has"] if said else [])


def test_a_condition_is_said_once():
    recording = network.from_formula("y = x**x\nL = sum(y)", {"x": [0.5, 2.0]}, []).program().record()
    made = card(at(recording, "forward", "y"), recording.graph.by_name["y"], (0,))
    assert plain(made.rules[0].text).count("==") == 1
