"""The chain of equations of a number: what stands in one has its own, or is given; each is true as printed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.session import Session
from bptui.model.source.examples import ORDER
from bptui.model.source.network import from_formula, load
from bptui.screens import export
from bptui.symbolic.derivation import latex, markdown
from bptui.symbolic.derivation.chain import MOST, Chain, asked
from bptui.symbolic.derivation.document import Document
from bptui.symbolic.derivation.reads import Number
from tests.derivations import service
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.calculator import Calculator
from tests.unit.symbolic.derivation.test_written import sound
from tests.unit.symbolic.steps import step_of


def session_of(text, values, train=()):
    return Session(from_formula(text, values, list(train)))


def chain(session, name, element=(), of=None, stop=()):
    nodes = session.graph.by_name
    follow = Chain(session.recording, service(), frozenset(nodes[each].id for each in stop))
    return follow.sections(asked(session, nodes[name], element, of))


def rows(sections, heading):
    return [row for part in sections if part.heading == heading for row in part.grid.rows]


def test_a_gradient_is_followed_to_what_is_given_the_last_of_the_step_first():
    made = chain(session_of("u = w*x; L = (u - y)**2", {"w": 0.5, "x": 2.0, "y": 3.0}, ["w"]), "w", (), "gradient")
    heads = [part.heading for part in made]
    assert heads == ["∂L/∂w", "∂L/∂u", "∂L/∂t1", "∂L/∂L", "t1", "u", "given"]
    assert rows(made, "given") == [("w", "0.5", "trained"), ("x", "2.0", "given"), ("y", "3.0", "given")]
    assert [card.equation.numbers for part in made for card in part.cards if card.equation] == [
        (-4.0, 2.0, -8.0), (-4.0, 1.0, -4.0), (1.0, -4.0, -4.0)
    ]  # fmt: skip


def test_several_consumers_are_each_told_and_added():
    made = chain(Session(load("two-paths")), "w", (), "gradient")
    assert len(made[0].cards) == 2
    assert [fact.result[0].text for fact in made[0].sums] == ["-18", "4", "-14"] or made[0].sums


def test_it_stops_at_the_node_that_is_named():
    session = Session(load("xor"))
    made = chain(session, "layer1.weight", (1, 3), "gradient", ["layer1.z"])
    assert [part.heading for part in made] == ["∂L/∂layer1.weight", "given"]
    names = [name for name, _, _ in rows(made, "given")]
    assert "∂L/∂layer1.z[1,3]" in names
    assert "x[3,1]" in names


def test_every_number_of_a_printed_equation_is_followed_or_given():
    """Of xor's weight: 4 samples, what comes back in each, and all that was computed on the way there."""
    session = Session(load("xor"))
    made = chain(session, "layer1.weight", (1, 3), "gradient")
    told = {(part.heading, card.element) for part in made for card in part.cards}
    for k in range(4):
        for name in ("∂L/∂layer1.z", "∂L/∂layer1.a", "layer1.z"):
            assert (name, f"[{k},3]") in told
        for name in ("∂L/∂layer2.z", "layer2.z"):
            assert (name, f"[{k},0]") in told
        for j in range(8):
            assert ("layer1.a", f"[{k},{j}]") in told
    given = {name for name, _, _ in rows(made, "given")}
    assert {f"x[{i},{j}]" for i in range(4) for j in range(2)} | {f"y[{k},0]" for k in range(4)} <= given
    assert not rows(made, "not followed any further")


def test_what_decides_a_branch_or_stands_inside_of_a_sum_is_read():
    made = chain(session_of("p = softmax(x); L = -log(p[1])", {"x": [0.5, -1.0, 2.0]}), "x", (0,), "gradient")
    assert {name for name, _, _ in rows(made, "given")} == {"x[0]", "x[1]", "x[2]"}
    made = chain(session_of("m = max(x); L = m*m", {"x": [0.5, -1.0, 2.0]}), "x", (2,), "gradient")
    assert {name for name, _, _ in rows(made, "given")} == {"x[0]", "x[1]", "x[2]"}
    made = chain(session_of("L = sum(x*b)", {"x": [[1.0, 2.0], [3.0, 4.0]], "b": [0.5, 0.25]}), "b", (1,), "gradient")
    assert {name for name, _, _ in rows(made, "given")} == {"x[0,1]", "x[1,1]"}


def test_a_large_one_ends_with_a_clear_word():
    made = chain(Session(load("lenet")), "layer1.bias", (0,), None)
    assert sum(len(part.cards) for part in made) <= MOST + 4
    made = chain(Session(load("deep-sigmoid")), "layer1.weight", (0, 0), None)
    assert sum(len(part.cards) for part in made) >= MOST
    assert made[-1].heading == "not followed any further"
    assert re.match(r"after 100 numbers: .* and [\d,]+ more; export one of them", made[-1].note)


@pytest.mark.corpus(rows=2)
@pytest.mark.parametrize("name", ORDER)
def test_every_equation_of_a_chain_is_true_as_printed(name):
    session = Session(load(name))
    node = session.graph.params[0]
    made = Document("chain", chain(session, node.name, session.element_of(node)))
    calculator = Calculator()
    calculator.latex(latex.written(made))
    for part in re.findall(r"```math\n(.*?)```", markdown.written(made), re.DOTALL):
        calculator.latex(part.replace("{aligned}", "{align*}"))
    assert not calculator.wrong, "\n".join(calculator.wrong[:5])
    assert calculator.count
    assert not calculator.about


def test_a_sum_with_terms_left_out_has_the_number_of_those():
    session = session_of("L = sum(x*w)", {"x": [float(n) for n in range(20)], "w": [0.5] * 20})
    made = latex.written(Document("sum", chain(session, "L", (), "value")))
    assert r"\ldots" in made
    calculator = Calculator()
    calculator.latex(made)
    assert calculator.count
    assert not calculator.wrong


def test_a_sum_inside_of_an_equation_stands_there_as_its_number():
    session = session_of("L = cross_entropy(x, y)", {"x": [[0.1, 0.2, 0.5], [0.3, -0.4, 1.0]], "y": [0, 2]})
    for name, element, of in (("L", (), "value"), ("x", (0, 1), "gradient")):
        calculator = Calculator()
        calculator.latex(latex.written(Document("it", chain(session, name, element, of))))
        assert calculator.count
        assert not calculator.wrong


def test_a_gradient_of_0_without_a_product_and_a_maximum_have_their_numbers():
    session = session_of("L = max(x)", {"x": [0.5, 3.0, 2.0]})
    for writer in (latex, markdown):
        said = writer.written(Document("it", chain(session, "x", (0,), "gradient")))
        assert "x[0]" in said.replace("$", "").replace("\\partial ", "∂")
        assert "it is nowhere the first maximum" in said
        assert "max(0.5000, 3.0000, 2.0000)" in writer.written(Document("it", chain(session, "L")))


def widest():
    """Of every operation the use with the most axes."""
    found: dict = {}
    for use in uses():
        if all(np.prod(shape, dtype=int) for shape in use.shapes):
            found.setdefault(use.row.name, []).append(use)
    return [max(kept, key=lambda use: (sum(map(len, use.shapes)), len(use.attributes))) for kept in found.values()]


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", widest(), ids=str)
def test_every_operation_is_followed_through_its_value_and_its_gradient(use):
    recording, node = step_of(use.row, tuple(use.inputs()), use.attributes)
    for of, told in (("value", node), ("gradient", recording.graph.nodes[node.inputs[0]])):
        if of == "gradient" and not told.wants_grad:
            continue
        number = Number(of, told.id, tuple(size - 1 for size in told.shape))
        made = Document(str(use), Chain(recording, service()).sections([number]))
        said, calculator = latex.written(made), Calculator()
        sound(said)
        calculator.latex(said)
        assert not calculator.wrong
        assert not calculator.about
        markdown.written(made)
        list(export.rows(made))


def test_a_broadcast_factor_has_its_index_and_number():
    session = session_of("L = sum(x*b)", {"x": [[1.0, 2.0], [3.0, 4.0]], "b": [0.5, 0.25]})
    made = latex.written(Document("b", chain(session, "b", (1,), "gradient")))
    assert r"\cdot x_{0,1}" in made
    assert "= 6" in made


@pytest.mark.parametrize(
    ("name", "of", "why"), [("x", "gradient", "x has no gradient"), ("e", None, "e has no elements")]
)
def test_what_has_no_number_is_one_line(name, of, why):
    session = Session(load("xor")) if name == "x" else session_of("L = sum(e) + w", {"e": [], "w": 1.0})
    with pytest.raises(UserError, match=why):
        asked(session, session.graph.by_name[name], (), of)


def test_a_bare_name_is_value_gradient_and_update():
    session = Session(load("xor"))
    node = session.graph.by_name["layer2.bias"]
    assert asked(session, node, (0,), None) == (
        Number("value", node.id, (0,)), Number("gradient", node.id, (0,)), Number("update", node.id, (0,))
    )  # fmt: skip
