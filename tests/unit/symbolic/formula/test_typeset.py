"""Long formulas on the page: broken before their signs, nothing lost, and about as wide as they are thought to be."""

from __future__ import annotations

import pytest

from bptui.symbolic.formula import latex
from bptui.symbolic.formula.printing import Names
from bptui.symbolic.formula.read import from_hint
from bptui.symbolic.formula.typeset import rows
from bptui.symbolic.formula.width import measure

LONG = " + ".join(f"a[{n}]*b[{n}]" for n in range(40))
TEXTS = [
    "a + b",
    LONG,
    f"-({LONG})/(3*n)",
    f"log({LONG})",
    f"({LONG})*c[1] - d[2]",
    LONG.replace(" + ", " - "),
    f"sqrt({LONG})",
]


def signs(text):
    """What a formula says, without what only breaks it."""
    for word in (r"\left", r"\right", r"\bigl", r"\bigr", r"\quad {}", r"\cdot", " ", "(", ")"):
        text = text.replace(word, "")
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_no_term_is_lost_and_rows_are_short(text):
    tree = from_hint(text)
    made = rows(tree, Names(), 60)
    whole = latex.to_latex(tree, Names())
    for n in range(40):
        assert f"a_{{{n}}}" not in whole or sum(f"a_{{{n}}}" in row for row in made) == 1
    assert sum(map(len, map(signs, made))) >= 0.8 * len(signs(whole))
    assert len(made) == 1 or all(measure(row) <= 64 for row in made)
    assert len(made) > 1 or measure(whole) <= 60 or text.startswith("sqrt")


def test_a_short_formula_stays_in_its_row():
    assert rows(from_hint("a[1]*b[1] + c"), Names(), 60) == [r"a_{1} \cdot b_{1} + c"]


def test_a_sum_with_a_divisor_is_broken_in_brackets():
    first, *_, last = rows(from_hint(f"({LONG})/n"), Names(), 60)
    assert first.startswith(r"\frac{1}{n} \cdot \bigl(a_{0} \cdot b_{0} + ")
    assert last.endswith(r"\bigr)")


def test_widths_are_those_of_the_page():
    assert measure("1234567890") == pytest.approx(11)
    assert measure(r"\frac{1234}{1}") < measure("12345")
    assert measure("a_{12}") < measure("a12")


def test_long_conditions_stand_one_below_the_other():
    tests = " and ".join(f"a[{n}] > b[{n}]*c[{n}]" for n in range(12))
    for text in (f"d[1]*(e if {tests} else 0)", f"sum(x[i] for i in range(3) if {tests})"):
        tree = from_hint(text)
        whole = latex.to_latex(tree, Names())
        (made,) = rows(tree, Names(), 100)
        assert measure(whole) > 100 > measure(made)
        assert made.count(r"\wedge") == whole.count(r"\wedge") == 11
        assert rows(tree, Names(), 1000) == [whole]
