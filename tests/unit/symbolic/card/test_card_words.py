"""What a card says of an element: which outputs read it, over which window, under which letters."""

import re

import numpy as np
import pytest

from bptui.model.base.spans import Span, plain
from bptui.model.debugger.session import Session
from bptui.model.engine import ops
from bptui.model.source.network import from_formula
from bptui.screens.card import sums
from bptui.screens.render import length
from bptui.symbolic.card import card_for
from bptui.symbolic.card.names import letters
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import to_spans
from bptui.symbolic.formula.read import from_text


def backward(service, text, values, node, source, element):
    """The card of what `node` adds to the gradient of `source` at one element."""
    session = Session(from_formula(text, values))
    timeline = session.recording.timeline
    for stop in range(timeline.count("forward") + 1, timeline.count("forward") + timeline.count("backward")):
        session.move(stop)
        if session.here.name == node:
            break
    session.select(session.recording.graph.by_name[source], element)
    card_for(session, service)
    assert service.wait()
    return card_for(session, service)


def rules(made):
    return {fact.label: plain(fact.text) for fact in made.rules if fact.kind != "definition"}


IMAGE = {"x": np.arange(25.0).reshape(1, 1, 5, 5) / 10, "w": np.arange(9.0).reshape(1, 1, 3, 3) / 10}


@pytest.mark.parametrize(("place", "readers"), [((0, 0), 1), ((0, 2), 3), ((2, 2), 9), ((4, 3), 2)])
def test_an_element_of_an_image_has_a_row_for_every_window_it_lies_in(service, place, readers):
    made = backward(service, "y = conv2d(x, w); L = sum(y**2)", IMAGE, "y", "x", (0, 0, *place))
    if readers == 1:
        assert made.table is None
        assert made.equation is not None
    else:
        assert len(made.table.head) + made.table.elided + len(made.table.tail) == readers


def test_both_correlations_with_their_ranges(service):
    text = "y = conv2d(x, w, stride=2); L = sum(y**2)"
    by_x = rules(backward(service, text, IMAGE, "y", "x", (0, 0, 0, 0)))["gradient"]
    assert by_x == ("∂L/∂x[p,q,r,s] = Σ_o,h,u [0 ≤ r - 2·h < A and 0 ≤ s - 2·u < B] ∂L/∂y[p,o,h,u]·w[o,q,r-2·h,s-2·u]")
    by_w = rules(backward(service, text, IMAGE, "y", "w", (0, 0, 0, 0)))["gradient"]
    assert by_w == "∂L/∂w[p,q,r,s] = Σ_n,h,u ∂L/∂y[n,p,h,u]·x[n,q,2·h+r,2·u+s]"


def test_what_is_nowhere_the_maximum_is_said_to_be_so(service):
    made = backward(
        service, "y = max_pool2d(x, kernel_size=2); L = sum(y)", {"x": [[1.0, 2.0], [2.0, 0.0]]}, "y", "x", (0, 0)
    )
    assert made.table is None
    assert any("nowhere the first maximum" in plain(text) for text in (fact.text for fact in made.facts))


def test_an_index_never_looks_like_a_tensor(service):
    values = {"z": np.ones((2, 3)), "c": np.arange(6.0).reshape(2, 3)}
    made = backward(service, "p = softmax(z); L = sum(p*c)", values, "p", "z", (0, 0))
    assert rules(made)["gradient"] == "∂L/∂z[q,r] = p[q,r]·(∂L/∂p[q,r] - Σ_j ∂L/∂p[q,j]·p[q,j])"


def test_letters_of_sizes_go_with_their_indices():
    shown = {"weight": Span("W"), "x": Span("x")}
    body = t.Div(t.Element("x", (t.Name("w"),)), t.Name("W"))
    found = letters(shown, [body], ("w",))
    assert found["W"] == found["w"].upper()
    assert found["w"] not in ("w", "x")
    assert letters(shown, [t.Element("x", (t.Name("i"),))], ("i",)) == {}


def test_a_rule_is_not_told_twice_where_upstream_is_the_seed(service):
    made = backward(service, "L = mse(a, b)", {"a": [1.0, 2.0], "b": [0.0, 1.0]}, "L", "a", (0,))
    assert list(rules(made)) == ["local"]


def test_many_terms_leave_out_those_that_are_0(service):
    text = "y = conv2d(x, w); L = sum(y)"
    x = np.zeros((1, 1, 6, 6))
    x[0, 0, 2:4, 2:4] = 1.0
    made = backward(service, text, {"x": x, "w": np.ones((1, 1, 3, 3))}, "y", "w", (0, 0, 0, 0))
    table = made.table
    assert [term.product for term in table.head] == [1.0] * 4
    assert (table.elided, table.zeros) == (12, 12)
    assert any("12 more, all of them 0" in plain(row) for row in sums.table(table, 60, 12))


@pytest.mark.parametrize("most", range(4, 15))
def test_what_is_left_out_of_a_sum_is_counted(service, most):
    """Shown and left out are all of the terms, and of those that are 0, in any room; "more" only beside a term."""
    x = [[0.0], [1.0], [0.0], [2.0], [3.0], [0.0], [4.0]]
    table = backward(service, "y = x @ w; L = sum(y)", {"x": x, "w": [[1.0]]}, "y", "w", (0, 0)).table
    rows = [plain(row) for row in sums.table(table, 60, most)]
    seen = [float(row.split("=")[1].split()[0]) for row in rows if "×" in row]
    gap = next((row for row in rows if "⋯" in row), "⋯ 0 more")
    gone, zeros = (
        int(n) for n in re.fullmatch(r"(\d+) (?:more|terms)(?:, (\d+) of them 0)?", gap.strip("⋯ ")).groups("0")
    )
    assert len(seen) + gone == 7
    assert seen.count(0.0) + zeros == 3
    assert ("terms" in gap) == (not seen)


@pytest.mark.parametrize("width", range(30, 80, 3))
def test_heads_that_are_too_long_stand_above_each_other_and_no_term_is_lost(service, width):
    made = backward(
        service, "y = a @ b; L = sum(y)", {"a": np.ones((2, 1, 3, 4)), "b": np.ones((3, 4, 2))}, "y", "a", (1, 0, 2, 3)
    )
    rows = sums.table(made.table, width, 30)
    assert all(length(row) <= width for row in rows)
    assert sum("×" in plain(row) for row in rows) == 6
    text = " ".join(plain(row) for row in rows)
    assert all(head in text for head in ("∂L/∂y[1,m,2,j]", "b[m,3,j]", "∂L/∂a[1,0,2,3]"))
    foot, short, least, wanted = sums.sizes(made.table, width)
    assert foot < short <= least <= wanted == len(rows)


def test_conditions_on_one_index_are_a_range():
    def both(low, high):
        return plain(to_spans(t.Logic("and", (low, high))))

    a, zero, n = t.Name("a"), t.integer(0), t.Name("A")
    assert both(t.Compare(">=", a, zero), t.Compare("<", a, n)) == "0 ≤ a < A"
    half = t.Div(a, t.integer(2), floor=True)
    assert both(t.Compare("<", half, n), t.Compare(">=", a, zero)) == "0 ≤ a//2 < A"
    assert both(t.Compare(">=", a, t.integer(1)), t.Compare("<", half, n)) == "a ≥ 1 and a//2 < A"
    before = t.Compare(">=", a, t.Neg(t.integer(1)))
    assert both(before, t.Compare("<", a, t.integer(3))) == "0 ≤ a + 1 < 4"
    assert both(before, t.Compare("<", a, n)) == "-1 ≤ a < A"


def test_whole_numbers_of_an_index_are_counted_out():
    where = from_text("y[i] = x[2*i + a - 1, 3 - 2*i]")[0].value
    assert plain(to_spans(t.substitute(where, {"i": 2}))) == "x[a+3,-1]"
    assert plain(to_spans(t.substitute(where, {"i": 0}))) == "x[a-1,3]"


def test_settings_that_are_alike_are_said_once():
    assert ops.OPS["max_pool2d"].attributes["kernel_size"].check(2) == (2, 2)
    session = Session(from_formula("y = max_pool2d(x, kernel_size=2); L = sum(y)", {"x": np.eye(4)}))
    assert "kernel_size=2)" in plain(card_for(session).title)


def test_scores_of_attention_say_what_their_rows_and_columns_are():
    values = {name: np.ones((3, 2)) for name in "qkv"}
    session = Session(from_formula("y = scaled_dot_product_attention(q, k, v); L = sum(y)", values))
    said = {}
    for stop in range(session.recording.timeline.count("forward")):
        session.move(stop)
        lines = {fact.label: plain(fact.text) for fact in card_for(session).facts}
        said[session.here.name] = lines.get("axes")
    assert said["y.scores"] == "rows (i) are queries, columns (j) keys"
    assert said["y.weights"] == "rows (i) are queries, columns (j) keys"
    assert said["y"] is None


def test_the_brief_title_has_the_names_of_the_formulas():
    session = Session(from_formula("y = layer_norm(x); L = sum(y)", {"x": [[1.0, 2.0], [3.0, 5.0]]}))
    made = card_for(session)
    assert plain(made.title) == "y.mean = mean(x, axis=1, keepdims=True)"
    assert plain(made.brief) == "mean = mean(x, axis=1, keepdims=True)"
