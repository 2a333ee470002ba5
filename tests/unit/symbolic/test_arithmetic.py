"""An equation as printed is true: worked out with its printed numbers, it gives the printed result in its last place.

The law of every card, explanation and panel, read from their text by a calculator that knows nothing of bptui.
"""

from __future__ import annotations

import re

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.source.examples import ORDER
from bptui.model.source.network import from_formula
from bptui.screens.card.fit import every
from bptui.screens.panels import neurons, presented
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for, text
from bptui.symbolic.explain import WRITERS, derivation
from bptui.symbolic.facts import Card
from tests.derivations import service
from tests.screens.panel_rig import derived, formula, network
from tests.screens.test_cards_whole import USES, cards
from tests.unit.symbolic import present_page
from tests.unit.symbolic.calculator import Calculator
from tests.unit.symbolic.steps import step_of

PANELS = ((37, 13), (66, 18), (60, 17))
"""Operation at 80x24, at 120x36, and at 60x20."""
ROOMS = ((80, 24), (80, 9))
"""Present mode with its numbers in large digits, and without."""
NEURONS = (60, 80, 200)
STEPS = (0, 100)
FEW = 5


def work_out(made: Card, calculator: Calculator) -> None:
    """All that plain mode and the Operation panel, in its sizes, show of a card."""
    told = [plain(row) for row in text.text(made)]
    calculator.page(told)
    for width, height in PANELS:
        for rows in every(made, width, height):
            calculator.page([plain(each) for each in rows])


def seen_too(session: Session, made: Card, calculator: Calculator) -> None:
    """Present mode with large digits and without, and the line below the neurons."""
    for width, height in ROOMS:
        rows = presented.lines(Scene(session, width, height, RenderOptions(unicode=False), rules=service()))
        present_page.hold([plain(row) for row in rows], calculator)
    for width in NEURONS:
        row = plain(neurons.lines(Scene(session, width, 17, RenderOptions(), made))[-2:][0])
        calculator.page([row])


def explain_too(recording, place: str, calculator: Calculator) -> None:
    """`bptui explain` in its three forms."""
    document = derivation(recording, "it", place)
    for form, write in WRITERS.items():
        said = write(document)
        if form == "latex":
            calculator.latex(said)
            continue
        rows = [row.replace("|", " ").replace("`", " ") for row in said.splitlines()]
        calculator.page(rows)
        calculator.rows([unnamed(row) for row in rows])


def unnamed(row: str) -> str:
    """A row of an explanation's table without the names of its factors: `x[0,0] = 0.5   W[0,1] = 2   1   1`."""
    parts = list(re.finditer(r"\S = (-?[\d.e-]+)(?=\s)", row))
    if len(parts) < 2:
        return row
    return "  " + " × ".join(part[1] for part in parts) + " = " + "  ".join(row[parts[-1].end() :].split())


def held(calculator: Calculator) -> None:
    """Nothing is wrong, something was worked out, and in panels of these sizes no equation is only about true."""
    assert not calculator.wrong, "\n".join(calculator.wrong[:30])
    assert calculator.count
    assert not calculator.about


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ORDER)
def test_every_card_of_an_example(name, step, full):
    session, calculator = Session(network(name)), Calculator()
    if step:
        session.train(step)
    start, count = session.stop, session.timeline.length
    few = {*range(0, count, max(1, count // FEW)), count - 1}
    for place, n in enumerate(range(count) if full or count <= 14 else sorted(few)):
        session.move(start + n)
        ends = sorted({session.element, tuple(size - 1 for size in session.node.shape)})
        session.select_element(ends[place % len(ends)])
        card_for(session, service())
        assert service().wait()
        made = card_for(session, service())
        work_out(made, calculator)
        seen_too(session, made, calculator)
    held(calculator)


def test_a_lone_0_among_tiny_numbers_touches_none() -> None:
    """`= -1.05e-50` was the product -1.05e-5 and the running sum 0."""
    session, calculator = Session(network("lstm")), Calculator()
    for step, n in ((0, 173), (100, 152)):
        session.train(step) if step else None
        session.move(step * session.timeline.length + n)
        session.select_element((15, 15))
        work_out(derived(session), calculator)
    held(calculator)


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("name", ORDER)
def test_every_explanation_of_an_example(name, full):
    recording, calculator = network(name).program().record(), Calculator()
    nodes = recording.graph.nodes
    for node in nodes if full or len(nodes) < 12 else nodes[:: len(nodes) // FEW]:
        last = [size - 1 for size in node.shape]
        explain_too(recording, node.name + (str(last) if last else ""), calculator)
    held(calculator)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("L = maximum(a, b)", {"a": 0.50002, "b": 0.50001}),
        ("L = relu(a - b)", {"a": 0.500020001, "b": 0.50002}),
        ("L = clip(a, min=0.5, max=1)", {"a": 0.50000001}),
        ("L = hardtanh(a)", {"a": 0.99999999}),
        ("L = leaky_relu(a)", {"a": -1e-300}),
    ],
)
def test_what_is_nearly_equal_is_told_apart(text, values):
    session, calculator = formula(text, values), Calculator()
    for n in range(session.timeline.length):
        session.move(n)
        made = derived(session)
        work_out(made, calculator)
        seen_too(session, made, calculator)
    held(calculator)


LARGE = {
    "x": [[186888.0, -104459.0], [-125440.0, 54917.0], [31982.0, 134822.0]],
    "W": [[5761.0, -6167.0], [-5473.0, -3379.0]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values", "train"),
    [
        ("L = mean(tanh(x @ W))", LARGE, ["W"]),
        ("L = mean(gelu(x @ W)**2)", LARGE, ["W"]),
        ("t = softplus(x); L = sum(t*t)", {"x": [[6156.81, 1.2e7], [-3.2e8, 4.4e11]]}, []),
        ("L = sum(abs(x - w)*1e80)", {"x": [1.01811e7, 3.2e4], "w": [2.0, -7e9]}, ["w"]),
    ],
)
def test_numbers_of_any_size_have_no_more_digits_than_they_have(text, values, train):
    """`the same as t1[0,0], 1.0e7` stood under 1.01811e7; a term of 1e88 was written out in 88 digits; the index of a
    row touched a number of ten characters."""
    session, calculator = Session(from_formula(text, values, train)), Calculator()
    for step in (0, 1):
        session.train(step) if step else None
        for n in range(session.timeline.length):
            session.move(step * session.timeline.length + n)
            session.select_element(tuple(size - 1 for size in session.node.shape))
            made = derived(session)
            work_out(made, calculator)
            seen_too(session, made, calculator)
            told = [plain(row) for width, height in PANELS for rows in every(made, width, height) for row in rows]
            told += map(plain, presented.lines(Scene(session, 80, 24, RenderOptions(unicode=False), rules=service())))
            assert not [row for row in told if re.search(r"\d{18}|\.\d{16}|^\s*\d+-\d+\.\d+e", row)]
    assert not calculator.wrong, "\n".join(calculator.wrong[:30])


@pytest.mark.corpus(rows=8)
@pytest.mark.parametrize("use", range(len(USES)), ids=lambda n: str(USES[n]))
def test_every_card_of_an_operation(use):
    calculator = Calculator()
    for made in cards(use):
        work_out(made, calculator)
    assert not calculator.wrong, "\n".join(calculator.wrong[:30])
    assert not calculator.about


@pytest.mark.corpus(rows=8)
@pytest.mark.parametrize("use", USES, ids=str)
def test_every_explanation_of_an_operation(use):
    calculator = Calculator()
    recording, _ = step_of(use.row, tuple(use.inputs()), use.attributes)
    for name in ("made", "in0"):
        last = [size - 1 for size in recording.graph.by_name[name].shape]
        explain_too(recording, name + (str(last) if last else ""), calculator)
    assert not calculator.wrong, "\n".join(calculator.wrong[:30])
