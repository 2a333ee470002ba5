"""The card of a composite says what its parts say, and nothing else."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.engine.composites import composite_of
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source import network
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.rules import to_rule
from bptui.symbolic.card import card
from bptui.symbolic.card.composite import Derivation, part_of, summed, whole
from bptui.symbolic.check import check_node
from bptui.symbolic.types import CheckRow, Failure

FORMULA = "h = layer_norm(x, g, b); L = mean(h*h)"
VALUES = {"x": [[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], "g": [1.0, 1.1, 0.9], "b": [0.1, 0.2, 0.3]}


@pytest.fixture(scope="module")
def recording():
    return network.from_formula(FORMULA, VALUES, ["g", "b"]).program().record()


def of(recording, phase, index, element=(1, 2), wrt=None, rule=None):
    composite = composite_of(recording.graph, recording.graph.by_name["h"])
    state = State(recording, Moment(recording.step, phase, index))
    return composite, whole(state, composite, element, None if wrt is None else Derivation(wrt, element, rule))


def test_forward_shows_each_part_with_its_formula_and_its_number_once_it_is_there(recording):
    composite, made = of(recording, "forward", 1)
    assert plain(made.title) == "h = layer_norm(x, g, b, eps=1e-5)"
    assert made.inside.at == 1
    assert [part.name for part in made.inside.parts][:3] == ["mean", "centered", "squares"]
    assert made.inside.parts[-1].name == "h"
    assert plain(made.inside.parts[1][1]) == "centered = x - mean"
    centered = float(recording.value(composite.parts[1])[1, 2])
    assert plain(made.inside.parts[1][2]) == f"{centered:.4f}"
    assert plain(made.inside.parts[0][2]) == f"[1,0] {float(recording.value(composite.parts[0])[1, 0]):.4f}"
    assert plain(made.inside.parts[2][2]) == "·"
    assert plain(made.inside.ends[-1].text) == "h[1,2] = ·"


def test_the_whole_has_its_own_definition_with_a_row_for_each_helper_and_its_numbers(recording):
    composite, made = of(recording, "forward", 8)
    assert plain(made.rules[0].text) == "h[i,j] = (x[i,j] - m[i])/sqrt(v[i] + eps)·g[j] + b[j]"
    helpers = [(fact.label, plain(fact.text)[:4]) for fact in made.rules[1:]]
    assert helpers == [("where", "m[i]"), ("and", "v[i]")]
    value = float(recording.value(composite.result)[1, 2])
    assert plain(made.facts[-1].text).endswith(f"= {value:.4f}")


def test_the_rule_of_the_whole_is_the_derived_one(recording):
    composite = composite_of(recording.graph, recording.graph.by_name["h"])
    signature = composite.node.op.signature([(2, 3), (3,), (3,)], composite.node.attributes)
    rule = to_rule(derive(signature, "x", composite.node.op), define(signature, composite.node.op), composite.node.op)
    last = recording.timeline.count("backward") - 1
    _, made = of(recording, "backward", last, wrt=0, rule=rule)
    label, formula, how = made.rules[-1].label, made.rules[-1].text, made.rules[-1].note.full
    assert label == "gradient"
    assert plain(formula).startswith("∂L/∂x[p,q] = ∂L/∂h[p,q]·g[q]/sqrt(eps + v[p]) - ")
    assert "derived in" in plain(how)
    assert made.table.total == pytest.approx(float(recording.grad("x")[1, 2]))
    products = [term.product for term in (*made.table.head, *made.table.tail)]
    assert sum(products) == pytest.approx(made.table.total)


def test_where_nothing_is_derived_the_card_says_that_the_gradient_comes_from_the_parts(recording):
    last = recording.timeline.count("backward") - 1
    _, made = of(recording, "backward", last, wrt=0, rule=Failure("took longer than 2 s"))
    assert plain(made.rules[-1].note.full) == "took longer than 2 s: the gradient is what its parts pass on"


def test_backward_sums_what_the_parts_pass_on(recording):
    last = recording.timeline.count("backward") - 1
    _, made = of(recording, "backward", last)
    told = {plain(fact.left): plain((*fact.result, *fact.note.full)) for fact in made.inside.ends}
    for name, at in (("h", (1, 2)), ("x", (1, 2)), ("g", (2,)), ("b", (2,))):
        grad = float(recording.grad(name)[at])
        index = ",".join(map(str, at))
        assert float(told[f"∂L/∂{name}[{index}]"]) == pytest.approx(grad, abs=1e-4)


def test_backward_says_what_is_not_in_yet(recording):
    centered = recording.graph.by_name["h.centered"]
    index = recording.timeline.backward.index(recording.graph.by_name["h.normalized"])
    composite, made = of(recording, "backward", index)
    row = made.inside.parts[composite.place(centered)]
    assert plain(row[2]).startswith("1 of 2 in")
    assert plain(made.inside.ends[1].text).endswith("·")


def test_a_part_says_of_what_it_is_a_part(recording):
    node = recording.graph.by_name["h.squares"]
    state = State(recording, Moment(recording.step, "forward", recording.timeline.forward.index(node)))
    assert card(state, node).part == "part 3 of 9 of layer_norm"
    assert part_of(None, node) == ""


def test_its_checks_are_its_own_and_one_row_for_all_of_the_parts(recording):
    composite = composite_of(recording.graph, recording.graph.by_name["h"])
    rows = {part.name: check_node(recording, part) for part in composite.parts}
    forward, backward = summed(rows, composite, None), summed(rows, composite, 0)
    assert [(row.row, row.input) for row in forward] == [("forward", ""), ("parts", "")]
    assert forward[1].note == "9 of 9 agree"
    assert (backward[0].row, backward[0].input) == ("symbolic", "x")
    assert all(row.verdict == "ok" and row.op == "layer_norm" for row in (*forward, *backward))
    wrong = CheckRow("h.squares", "square", "x", "symbolic", "FAIL", 1.0, 0.1, (0, 0), 2.0, 1.0, "2 × the expected")
    failed = summed({**rows, "h.squares": (wrong,)}, composite, 0)
    assert failed[-1].verdict == "FAIL"
    assert failed[-1].note.endswith("h.squares, symbolic: 2 × the expected")
    assert "8 parts to come" in summed({"h.squares": (wrong,)}, composite, 0)[0].note


@pytest.mark.parametrize("name", ["transformer", "lstm", "lenet", "resnet-block"])
def test_every_composite_of_an_example_has_a_card_at_every_moment(name):
    recording = network.load(name).program().record()
    graph, timeline = recording.graph, recording.timeline
    kinds = {}
    for node in graph.ops:
        composite = composite_of(graph, node)
        if composite is not None:
            kinds.setdefault(composite.kind, composite)
    assert kinds
    for composite in kinds.values():
        for part in (composite.parts[0], composite.parts[-1]):
            for phase in ("forward", "backward"):
                nodes = timeline.nodes(phase)
                if part not in nodes:
                    continue
                state = State(recording, Moment(recording.step, phase, nodes.index(part)))
                made = whole(state, composite, (0,) * len(composite.result.shape))
                assert len(made.inside.parts) == len(composite.parts)
                assert all(plain(formula) for _, formula, _ in made.inside.parts)
                assert made.rules[0].text
                assert made.inside.ends
