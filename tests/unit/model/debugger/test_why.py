"""Why: the terms of a number add up to it, as recorded and as printed; what is 0 or absent says why."""

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base import numbers
from bptui.model.base.arithmetic import Row, Sum, printed_sum
from bptui.model.base.crosstab import crosstab
from bptui.model.debugger.answers import contributions, why_lines
from bptui.model.debugger.answers.contributions import shown_grad
from bptui.model.debugger.answers.explained import Explained, gradient_of, value_of
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.findings.finding import Finding
from bptui.model.debugger.session import Session
from bptui.model.source.examples import catalogue
from bptui.model.source.network import from_formula, from_mapping, load
from tests.unit.model.debugger.formulas import networks

TWICE = "h = tanh(x@W)\np = h@W.T\nL = mse(p, x)"
TWICE_VALUES = {"x": [[1, 0.5], [0.5, -1], [-1, 0.8], [0.2, 0.3]], "W": [[0.6, -0.4], [0.3, 0.8]]}
NONE = frozenset()


def twice() -> Session:
    return Session(from_formula(TWICE, TWICE_VALUES, ["W"]))


def close(got, expected, size):
    return math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-12 * max(1.0, size))


def gradient_holds(recording, node, element) -> Explained:
    """Rows, columns and both sums of a gradient's table."""
    made = gradient_of(recording, node.id, element, NONE, 0)
    exact = float(recording.grad(node)[element])
    size = math.fsum(abs(row.sum) for row in made.rows)
    assert close(math.fsum(row.sum for row in made.rows), exact, size)
    sizes = [abs(row.sum) for row in made.rows]
    assert sizes == sorted(sizes, reverse=True)
    columns = [column for column in made.columns() if column is not None]
    assert close(math.fsum(columns), exact, size)
    for row in made.rows:
        cells = [cell.number for cell in row.cells if cell is not None]
        assert close(math.fsum(cells), row.sum, size)
        if row.sum == 0 and all(cell == 0 for cell in cells):
            assert row.zero
    direct = {use: head for use, head in enumerate(made.heads) if not head.through}
    recorded = [part for part in recording.contributions(node) if part.array is not None]
    for n, head in direct.items():
        parts = [float(p.array[element]) for p in recorded if p.consumer == head.consumer.id]
        if len([h for h in direct.values() if h.consumer.id == head.consumer.id]) == len(parts) == 1:
            assert close(made.columns()[n], parts[0], size)
    return made


def value_holds(recording, node, element) -> Explained:
    made = value_of(recording, node.id, element)
    exact = float(recording.value(node)[element])
    assert made.number == exact or exact == pytest.approx(made.number, abs=1e-12)
    if made.relation in ("sum", "product"):
        size = math.fsum(abs(row.sum) for row in made.rows)
        assert close(math.fsum(row.sum for row in made.rows) + made.rest[1], exact, size)
        for row in made.rows:
            factors = math.prod(cell.number for cell in row.cells if cell is not None)
            assert close(abs(factors), abs(row.sum), abs(row.sum))
    for row in made.rows:
        for cell in row.cells:
            if cell is not None and cell.producer is not None and len(row.cells) == 1 == len(cell.shown):
                maker = recording.value(cell.producer.node)[cell.producer.element]
                assert cell.number == pytest.approx(float(maker))
    return made


def drawn(data, node):
    return tuple(data.draw(st.integers(0, n - 1)) for n in node.shape)


@settings(max_examples=40, deadline=None)
@given(networks(), st.data())
def test_the_terms_of_any_number_add_up_to_it(network, data):
    recording = network.history().recording(0)
    graph = network.graph
    node = data.draw(st.sampled_from([each for each in graph.nodes if each.wants_grad and each.id != graph.loss]))
    if graph.consumers[node.id]:
        gradient_holds(recording, node, drawn(data, node))
    node = data.draw(st.sampled_from(graph.ops))
    value_holds(recording, node, drawn(data, node))


@pytest.mark.parametrize("name", [row.name for row in catalogue()])
def test_in_every_example_they_do(name):
    network = load(name)
    recording = network.history().recording(0)
    random = np.random.default_rng(0)
    nodes = network.graph.nodes
    for i in random.choice(len(nodes), min(12, len(nodes)), replace=False):
        node = nodes[i]
        element = tuple(int(random.integers(n)) for n in node.shape)
        if node.wants_grad and network.graph.consumers[i] and i != network.graph.loss:
            gradient_holds(recording, node, element)
        if node.op is not None:
            value_holds(recording, node, element)


@given(
    st.integers(1, 8).flatmap(
        lambda rows: st.integers(1, 3).flatmap(
            lambda columns: st.lists(
                st.lists(st.one_of(st.just(0.0), st.floats(-1e4, 1e4)), min_size=columns, max_size=columns),
                min_size=rows, max_size=rows,
            )
        )
    )
)  # fmt: skip
def test_a_table_adds_up_on_both_sides_from_what_is_printed(cells):
    total = math.fsum(x for row in cells for x in row)
    made = crosstab(cells, total, 9)
    assert all(len(text) <= 9 for row in made.cells for text in row)
    if made.sign != "=":
        return
    largest = max((abs(float(text)) for text in (*made.rows, *made.columns, made.total)), default=0.0)
    pairs = [*zip(made.cells, made.rows, strict=True), *zip(zip(*made.cells, strict=True), made.columns, strict=True)]
    for parts, text in [*pairs, (made.rows, made.total), (made.columns, made.total)]:
        place = Decimal(1).scaleb(Decimal(text).as_tuple().exponent)
        away = abs(sum(map(Decimal, parts)) - Decimal(text))
        assert away <= place / 2 or float(away) <= 1e-12 * max(1.0, largest)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=40), st.integers(0, 2**16))
def test_a_float32_sum_is_what_is_printed_of_its_terms_or_0(cells, seed):
    """However little of it is left: the last term takes away what the others add, as in a mean of what was centred."""
    cells = np.array([*cells, -np.sum(np.array(cells, np.float32))], np.float32)
    recorded = float(np.sum(np.random.default_rng(seed).permutation(cells), dtype=np.float32))
    eps = float(np.finfo(np.float32).eps)
    terms = [float(x) for x in cells]
    rows = [Row((x,), x, running) for x, running in zip(terms, np.cumsum(terms), strict=True)]
    printed = printed_sum(Sum(rows, (), (), recorded, eps), numbers.significant)
    table = crosstab([[x] for x in terms], recorded, 12, eps)
    for told, sign, parts in (
        (printed.total, printed.sign, [product for _, product, _ in printed.rows]),
        (table.total, table.sign, [row[0] for row in table.cells]),
    ):
        added, size = float(sum(map(Decimal, parts))), sum(map(abs, map(float, parts)))
        if float(told) == 0:
            assert abs(added) <= 2048 * eps * size
            continue
        away, unit = abs(added - float(told)), 10.0 ** Decimal(told).as_tuple().exponent
        assert away <= (unit / 2 * (1 + 1e-6) if sign == "=" else abs(float(told)) / 10)


def test_a_usual_table_is_true_and_short():
    made = gradient_of(twice().recording, twice().graph.by_name["W"].id, (0, 0), NONE, 0)
    texts = why_lines.table_texts(made, made.rows)
    assert texts.sign == "="
    assert len(texts.total) <= 8


def test_a_weight_that_is_used_twice_by_four_samples():
    session = twice()
    run(session, "goto end")
    told = run(session, "why grad(W[0,0])").text
    assert re.search(r"sample +p +t1 +sum +share", told)
    assert re.search(r"\[0\] +-0\.0983? *-?", told)
    assert "[1] adds 0: h[1,0] is 0, ∂L/∂t1[1,0] too" in told
    assert "t2 (transpose) only moves it" in told
    made = gradient_holds(session.recording, session.graph.by_name["W"], (0, 0))
    assert made.index == "sample"
    assert [round(row.sum, 4) for row in made.rows] == [-0.1675, -0.0866, -0.0128, 0]
    assert [round(x, 4) for x in made.columns()] == [-0.1471, -0.1199]


def test_what_only_moves_is_skipped_and_its_number_is_the_producers():
    session = twice()
    recording, graph = session.recording, session.graph
    made = value_of(recording, graph.by_name["p"].id, (0, 1))
    assert [node.name for node in made.skipped] == ["t2"]
    sources = {cell.producer for row in made.rows for cell in row.cells}
    assert {graph.nodes[producer.node].name for producer in sources} == {"h", "W"}
    for row in made.rows:
        for cell in row.cells:
            assert cell.number == float(recording.value(cell.producer.node)[cell.producer.element])


@pytest.mark.parametrize(
    ("text", "values", "name", "said"),
    [
        ("L = sum(relu(x))", {"x": [-1.0, 2.0]}, "x[0]", "dead: relu is flat at x[0] = -1"),
        ("L = sum(sigmoid(x))", {"x": [800.0, 2.0]}, "x[0]", "saturated: sigmoid is 1 at x[0] = 800"),
        ("y = x*w\nL = sum(y)", {"x": [0.0, 0.0], "w": 2.0}, "w", "x[0] is 0"),
        ("y = where(m, x, 0.5)\nL = sum(y)", {"m": [0.0, 1.0], "x": [1.0, 2.0]}, "x[0]", "0"),
        ("L = max(x)", {"x": [1.0, 2.0]}, "x[0]", "takes another number than x[0]"),
        ("y = x - x\nL = sum(y)", {"x": [1.0]}, "x[0]", "what they add cancels"),
    ],
)
def test_why_a_gradient_is_zero(text, values, name, said):
    session = Session(from_formula(text, values))
    run(session, "goto end")
    told = run(session, f"why grad({name})").text
    assert " 0" in told
    assert said in told


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("why x[0,0]", "nobody asked for its gradient"),
        ("why layer1.weight[0,0]", "not yet"),
        ("why loss", "not computed yet"),
    ],
)
def test_why_a_number_is_absent(command, said):
    assert said in run(Session(load("xor")), command).text


def test_the_whole_sum_over_the_batch_is_told_of_a_weight():
    session = Session(load("xor"))
    run(session, "goto end")
    told = run(session, "why layer1.weight[1,7]").text
    for sample in range(4):
        assert f"[{sample}]" in told
    assert "[0] adds 0: x[0,1] is 0" in told


def test_the_terms_of_a_loss_are_those_of_its_samples():
    session = Session(load("xor"))
    made = value_holds(session.recording, session.graph.by_name["loss"], ())
    assert len(made.rows) == 4
    error = session.recording.value("layer2.z") - session.recording.value("y")
    assert [row.sum for row in made.rows] == pytest.approx(sorted((error**2).reshape(-1) / 4, reverse=True))


def test_nothing_but_rounding_is_a_zero_in_the_table_too():
    session = twice()
    recording = session.recording
    t1 = session.graph.by_name["t1"]
    assert shown_grad(recording, t1.id)[1, 0] == 0
    made = gradient_of(recording, session.graph.by_name["W"].id, (0, 0), NONE, 0)
    assert made.rows[-1].sum == 0


def test_why_at_a_finding_of_the_diagnosis_explains_its_number(monkeypatch):
    finding = Finding("dead-units", "warning", ("layer1",), "4 of 8 units are 0", "layer1.a", "backward", 0, (1, 3))
    monkeypatch.setattr(Session, "chosen_finding", finding)
    session = Session(load("xor-stuck"))
    assert "4 of 8" not in run(session, "why").text
    run(session, "goto backward layer1.a")
    assert session.node.name == "layer1.a"
    told = run(session, "why").text
    assert told.startswith("4 of 8 units are 0")
    assert "∂L/∂layer1.a[1,3]" in told
    run(session, "select layer1.z[0,0]")
    assert "4 of 8" not in run(session, "why").text


def test_what_a_mask_holds_back_is_said():
    network = from_mapping(
        {
            "data": {"inputs": [[1.0, 2.0], [3.0, 4.0]], "targets": [[1.0], [0.0]]},
            "layers": [
                {"kind": "dense", "units": 6, "activation": "tanh"},
                {"kind": "dropout", "p": 0.5},
                {"kind": "dense", "units": 1},
            ],
            "loss": {"kind": "mse"},
        },
        "test",
    )
    session = Session(network)
    run(session, "goto end")
    mask = next(node for node in session.graph.nodes if node.role == "random")
    at = tuple(int(i) for i in np.argwhere(session.recording.value(mask) == 0)[0])
    told = run(session, f"why grad(layer1.a[{at[0]},{at[1]}])").text
    assert "masked: " in told
    assert mask.name in told


def test_a_gradient_that_is_not_finite_says_of_which_factors():
    """0 × inf, where a logarithm's 0 was masked: the question of every NaN."""
    values = {"x": [[1.0, 2.0]], "keep": [[1.0, 0.0]], "w": [[0.5, 0.5], [0.25, 0.5]]}
    session = Session(from_formula("m = x@w + log(keep)\na = softmax(m)\nL = sum(a**2)", values, ["w"]))
    run(session, "goto end")
    said = run(session, "why grad(keep)[0,1]").text
    assert said == run(session, "why keep[0,1].grad").text
    assert re.search(r"NaN  from t\d  upstream 0 × local inf", said)


def test_nan_comes_first_and_stays_in_the_row_that_it_is_in():
    values = {"u": [[1.0, -1.0], [2.0, 3.0]], "W": [[1.0], [1.0]]}
    session = Session(from_formula("x = log(u)\ny = x @ W\nL = sum(y)", values))
    made = gradient_of(session.recording, session.graph.by_name["W"].id, (1, 0), NONE, 0)
    assert [row.label for row in made.rows] == ["0", "1"]
    assert math.isnan(made.rows[0].sum)
    assert made.rows[1].sum == pytest.approx(math.log(3))
    assert "NaN" in run(session, "why value(y[0,0])").text or session.state.value("y") is None


def test_a_mean_is_told_with_its_count():
    session = Session(from_formula("L = mean(x**2)", {"x": [1.0, 2.0, 3.0, 4.0]}))
    run(session, "goto end")
    assert "[3]  t1[3] × 1/4 = 16 × 0.25 = 4  53%" in run(session, "why value(L)").text.replace("0000", "")


def test_what_nothing_depends_on_is_said_of_its_element():
    session = Session(from_formula("y = 2*x\nL = sum(y[1:])", {"x": [1.0, 2.0]}))
    run(session, "goto end")
    assert "does not use this number" in run(session, "why grad(y[0])").text
    assert "no path to the loss" in run(session, "paths y[0]").text
    assert "1.0000  from L" in run(session, "why grad(y[1])").text


@pytest.mark.parametrize(
    "asked",
    ["grad(values[1])", "grad( values [1] )", "grad(values)[1]", "values.grad[1]", "values[1].grad", "∂L/∂values[1]"],
)
def test_a_gradient_is_asked_for_as_one_writes_it(asked):
    session = Session(from_formula("gradual = 2*values\nL = sum(gradual**2)", {"values": [1.0, 2.0]}))
    run(session, "goto end")
    assert run(session, f"why {asked}").text.startswith("  ∂L/∂values[1] = 16")
    assert run(session, "why values[0]").text.startswith("values[0] = 1")
    assert run(session, "why gradual[0]").text.startswith("gradual[0] = 2")
    assert "∂L" not in run(session, "why value(gradual[0])").lines[0][0].text


def test_of_very_many_terms_the_sums_of_samples_are_the_same(monkeypatch):
    values = {"u": [[1.0, -1.0], [2.0, 3.0], [4.0, 0.5]], "W": [[1.0, 2.0], [1.0, 0.5]]}
    session = Session(from_formula("x = log(u)\ny = x @ W\nL = sum(tanh(y))", values))
    node = session.graph.by_name["W"]
    one_by_one = gradient_of(session.recording, node.id, (1, 0), NONE, 0)
    monkeypatch.setattr(contributions, "MAX_WORK", 0)
    grouped = gradient_of(session.recording, node.id, (1, 0), NONE, 0)
    assert [row.label for row in grouped.rows] == [row.label for row in one_by_one.rows]
    sums = [row.sum for row in one_by_one.rows]
    assert [row.sum for row in grouped.rows] == pytest.approx(sums, nan_ok=True)
    assert sum(map(math.isnan, sums)) == 1


def test_a_consumer_that_leaves_a_number_out_adds_nothing_to_its_table():
    text = "y = 2*x\nL = mean(max(y[1:], axis=0) + 0*sum(x)) + sum(softmax(y)[1:])"
    session = Session(from_formula(text, {"x": [1.0, 2.0, 3.0]}))
    run(session, "goto end")
    for name in ("y", "x", "t1", "t2"):
        if name in session.graph.by_name and session.graph.by_name[name].shape:
            for n in range(session.graph.by_name[name].shape[0]):
                run(session, f"why grad({name}[{n}])")
                run(session, f"paths {name}[{n}]")


def test_a_bias_before_a_batch_norm_in_float32_gets_nothing():
    """Its gradient is a sum of which only rounding is left; 5.6e-9 was told of terms that add up to 4.7e-9."""
    content = {
        "dtype": "float32", "seed": 1, "data": {"dataset": "moons", "samples": 12},
        "layers": [
            {"kind": "dense", "units": 4}, {"kind": "batch_norm"},
            {"kind": "dense", "units": 1, "activation": "sigmoid"},
        ],
        "loss": {"kind": "bce"},
    }  # fmt: skip
    recording = from_mapping(content, "test").history().recording(0)
    bias = recording.graph.by_name["layer1.bias"]
    for at in range(4):
        made = gradient_of(recording, bias.id, (at,), NONE, 12)
        texts = why_lines.table_texts(made, made.rows[:8])
        assert (made.number, texts.total, texts.columns) == (0.0, "0", ("0",))
        assert "what they add cancels" in "".join(span.text for row in why_lines.reasons(made) for span in row)
