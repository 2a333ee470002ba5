"""What a card says where an operation has branches, ties or poles, and how it writes products and choices out."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from tests.screens.panel_rig import derived, formula

X = [[0.5, -1.25, 0.8], [1.0, 2.0, 2.0], [0.0, 0.0, 0.0]]


def card_of(text, values, element, phase="forward"):
    """The card of `h` in a formula, at an element of it."""
    session = formula(f"{text}; L = sum(h*h)", values)
    session.goto("h")
    if phase == "backward":
        session.goto("backward")
        session.until("h")
    session.select_element(element)
    return derived(session)


def said(card):
    return [f"{fact.label} {plain(fact.text)}".strip() for fact in card.facts]


@pytest.mark.parametrize(
    ("text", "element", "line"),
    [
        ("h = clip(x, min=-0.5, max=0.8)", (0, 0), "element h[0,0] = 0.5000  since 0.5000 > -0.5 and 0.5000 < 0.8"),
        ("h = clip(x, min=-0.5, max=0.8)", (0, 2), "element h[0,2] = 0.8000  since 0.8000 > -0.5 and x = 0.8"),
        ("h = relu(x)", (2, 0), "element h[2,0] = 0  since x = 0"),
        ("h = leaky_relu(x)", (0, 1), "element h[0,1] = 0.01·(-1.2500) = -0.0125  since -1.2500 < 0"),
        ("h = maximum(x, x)", (0, 0), "element h[0,0] = (0.5000 + 0.5000)/2 = 0.5000"),
        ("h = prod(x, axis=1)", (0,), "element h[0] = prod(x[0,j] for j) = 0.5000·(-1.2500)·0.8000 = -0.5000"),
    ],
)
def test_which_branch_was_taken_and_why(text, element, line):
    assert any(row.startswith(line) for row in said(card_of(text, {"x": X}, element)))


@pytest.mark.parametrize(
    ("text", "on", "off", "words"),
    [
        ("h = max(x, axis=1)", (1,), (0,), "among equals the first gets all of the gradient"),
        ("h = norm(x, axis=1)", (2,), (0,), "the gradient at length 0 is 0"),
        ("h = sqrt(x)", (2, 0), (0, 0), "the derivative at 0 is inf"),
        ("h = relu(x)", (2, 0), (0, 0), "the derivative at 0 is 0"),
    ],
)
def test_a_convention_is_said_where_it_counts(text, on, off, words):
    assert f"convention {words}" in said(card_of(text, {"x": X}, on))
    assert f"convention {words}" not in said(card_of(text, {"x": X}, off))


def test_a_condition_that_is_given_is_no_kink():
    values = {"m": [[0, 1, 1]] * 3, "x": X, "b": [1.0, 2.0, 3.0]}
    rows = said(card_of("h = where(m, x, b)", values, (0, 0)))
    assert rows[0] == "element h[0,0] = 1.0000  since m = 0"
    assert not any(row.startswith("convention") for row in rows)


def test_a_rule_that_names_argmax_says_what_it_is():
    card = card_of("h = max(x, axis=1)", {"x": X}, (1,), "backward")
    assert "where argmax_j[i] = first j of the largest x[i,j]" in [
        f"{fact.label} {plain(fact.text)}" for fact in card.rules
    ]


def test_branches_of_one_value_are_one_and_bounds_as_written():
    card = card_of("h = clip(x, min=-0.5, max=0.8)", {"x": X}, (0, 0), "backward")
    assert plain(card.rules[1].text) == "∂h/∂x = 0 if x < -0.5 or x > 0.8 else 1"


def test_the_author_s_order_is_kept_where_it_is_sympy_s_own_form():
    card = card_of("h = pow(x, b)", {"x": [[1.5, 2.0]], "b": [1.2, 0.3]}, (0, 0), "backward")
    assert plain(card.rules[1].text) == "∂h/∂x = 0 if x == 0 and b == 0 else b·x**(b - 1)"
    assert card.equation is not None
    assert [(symbol.text, x) for symbol, x in card.equation.at] == [("x", 1.5), ("b", 1.2)]


def test_what_is_taken_for_a_derivative_that_is_not_there_stands_in_its_place():
    """norm at length 0: x/L is 0/0, the engine passes on 0."""
    made = card_of("h = norm(x, axis=1)", {"x": X}, (2,), "backward").equation
    assert made.numbers[1:] == (0.0, 0.0)
    assert plain(made.local.note.full).endswith(", taken as 0")
    other = card_of("h = norm(x, axis=1)", {"x": X}, (0,), "backward").equation
    assert "taken" not in plain(other.local.note.full)


@pytest.mark.parametrize(("padding", "told"), [(0, False), (1, True)])
def test_of_a_setting_that_is_not_used_a_convention_says_nothing(padding, told):
    x = [[[1.0, 1.0, 1.0, 1.0]]]
    made = card_of(f"h = max_pool1d(x, kernel_size=2, padding={padding})", {"x": x}, (0, 0, 1))
    assert any("padding never wins" in row for row in said(made)) is told
    assert any(row.startswith("convention among equals the first") for row in said(made))


def test_of_a_sum_that_is_nothing_two_terms_say_as_much_as_all():
    made = card_of("h = x @ w", {"x": [[0.0] * 6], "w": [[0.5]] * 6}, (0, 0)).table
    assert (len(made.head), made.elided, made.rest) == (2, 4, "4 more, all of them 0")
    assert len(made.full.head) == 6
    few = card_of("h = x @ w", {"x": [[0.0] * 3], "w": [[0.5]] * 3}, (0, 0)).table
    assert (len(few.head), few.elided) == (3, 0)


def test_a_part_from_the_start_is_written_without_the_start():
    assert plain(card_of("h = x[0:2]", {"x": X}, (0, 0)).rules[0].text) == "h[i,j] = x[i,j]"


@pytest.mark.parametrize(
    ("text", "told"), [("h = 2*rfft(x)", False), ("h = rfft(x)*rfft(x)", True), ("h = fft(c)/fft(c)", True)]
)
def test_a_product_of_complex_numbers_by_their_parts_says_that_it_is_none(text, told):
    """`*` multiplies tensors as they are, whose last axis is (real, imaginary)."""
    made = card_of(text, {"x": [0.5, -1.25, 0.75], "c": [[1.0, 0.25], [0.5, 2.0]]}, (0, 0))
    assert any("cmul" in row for row in said(made)) is told


def test_a_definition_that_is_a_number_is_not_told_twice():
    """`h[0] = 0`, and not `h[0] = 0 = 0`."""
    session = formula("h = broadcast_to(0.0, shape=(3,)); L = sum(h*x[0])", {"x": X})
    session.goto("h")
    assert "element h[0] = 0" in said(derived(session))
