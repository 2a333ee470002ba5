"""Numbers as text: the widths hold, what is shown is true, and it pastes into Python."""

import ast
import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bptui.model.base import numbers as n
from bptui.model.base.spans import plain
from bptui.model.debugger import lines
from bptui.model.debugger.answers import prediction_lines
from tests.paths import ROOT

finite = st.floats(-1e307, 1e307)  # the last decade may round up to inf


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (-0.09876, " -0.0988"),
        (0.51, "  0.5100"),
        (0.0, "  0     "),
        (-0.0, "  0     "),
        (None, "  ·     "),
        (-1.23e-7, " -1.2e-7"),
        (3.4e5, "   3.4e5"),
        (123.4567, "   1.2e2"),
        (math.nan, "     NaN"),
        (math.inf, "     inf"),
        (-math.inf, "    -inf"),
        (9.99999, " 10.0000"),
        (-99.99994, "-99.9999"),
        (-2.5e-300, " -2e-300"),
    ],
)
def test_a_field_as_the_style_has_it(x, text):
    assert n.field(x) == text


def test_hidden_stands_where_the_units_do():
    assert n.field(n.CONCEALED) == "  ?     "


@given(finite, st.integers(7, 16), st.integers(0, 8))
def test_a_field_keeps_its_width_and_its_sign_column(x, width, decimals):
    text = n.field(x, width, decimals)
    assert len(text) == width
    assert text.isascii()
    assert text[0] in " -"


@given(st.one_of(finite, st.none(), st.just(math.nan), st.just(-math.inf)), st.integers(1, 6), st.integers(0, 9))
def test_a_narrow_field_never_shows_a_wrong_number(x, width, decimals):
    text = n.field(x, width, decimals)
    assert len(text) == width
    if set(text) - set("# ·"):
        assert float(text) == pytest.approx(x, rel=0.5, abs=0.6, nan_ok=True)


@given(finite, st.integers(1, 8))
def test_a_field_reads_back_within_what_it_shows(x, decimals):
    text = n.field(x, 12, decimals).strip()
    assert math.copysign(1, float(text)) == math.copysign(1, x) or x == 0
    if "e" in text:
        digits = len(text.lstrip("-").partition("e")[0].replace(".", ""))
        assert float(text) == pytest.approx(x, rel=0.5001 * 10 ** (1 - digits))
    else:
        assert abs(float(text) - x) <= 0.5001 * 10.0**-decimals
    assert (float(text) == 0) == (x == 0)


@given(st.lists(finite, max_size=6))
def test_one_count_of_decimals_serves_a_tensor(values):
    decimals = n.decimals_for(np.array(values))
    assert 2 <= decimals <= 4
    fits = [x for x in values if 10**-decimals <= abs(x) < 9999.99]
    assert not any("e" in n.field(x, 8, decimals) for x in fits)


def test_decimals_shrink_to_the_largest_number_and_ignore_what_cannot_fit():
    assert n.decimals_for(None) == n.decimals_for(np.array([])) == n.decimals_for(1.0) == 4
    assert n.decimals_for([0.1, -123.4]) == 3
    assert n.decimals_for([0.1, 1234.5]) == 2
    assert n.decimals_for([0.1, 1e9, np.nan, np.inf]) == 4


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (-0.09875026, "-0.0987503"),
        (0.5, "0.5"),
        (-3.6000000000000005, "-3.6"),
        (-3.6000000001, "-3.60000"),
        (3.0, "3"),
        (0.0, "0"),
        (1234567.0, "1.23457e6"),
        (-1.2345678e-7, "-1.23457e-7"),
        (999999.9, "1.00000e6"),
        (0.9999999, "1.00000"),
        (math.nan, "NaN"),
        (None, "·"),
        (1e100, "1e100"),
    ],
)
def test_significant_digits(x, text):
    assert n.significant(x) == text


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_all_significant_digits_give_the_number_back(x):
    assert float(n.significant(x, 17)) == x
    assert math.isclose(float(n.significant(x, 15)), x, rel_tol=1e-14)


@given(finite, st.integers(2, 12))
def test_significant_reads_back_within_its_digits(x, digits):
    text = n.significant(x, digits)
    assert text.isascii()
    assert float(text) == pytest.approx(x, rel=0.5001 * 10.0 ** (1 - digits))
    assert len(text) <= digits + 12


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@example(0.1 + 0.2, 0.3)
@example(0.0, -0.0)
def test_two_numbers_that_differ_are_told_apart(x, y):
    first, second = n.apart(x, y)
    assert (first == second) == (repr(x) == repr(y))


def test_an_equation_has_one_count_of_decimals():
    assert n.together([-0.09875026, 0.2499000, -0.0246777]) == ["-0.0987503", "0.2499000", "-0.0246777"]
    assert n.together([0.0, None, math.inf]) == ["0", "·", "inf"]
    assert n.together([12345.678, 1e-12]) == ["12345.67800", "1.00000e-12"]
    assert n.together([1.0, 1.11022e-16, -1.11022e-16], most=5) == ["1.00000", "1.11e-16", "-1.11e-16"]
    assert n.together([1234.5678, -0.5], most=5) == ["1234.568", "-0.500"]


@given(st.lists(finite, max_size=4), st.integers(5, 9))
def test_an_equation_shows_true_numbers_in_the_room_it_has(values, most):
    for x, text in zip(values, n.together(values, most=most), strict=True):
        places = len(text.partition(".")[2])
        assert float(text) == pytest.approx(x, rel=0.06, abs=0 if "e" in text else 0.5001 * 10.0**-places)
        assert (float(text) == 0) == (x == 0)
        assert len(text.lstrip("-")) <= most + 3


@given(finite)
def test_a_copied_number_is_the_number(x):
    assert float(n.exact(np.float64(x))) == x


@given(st.floats(width=32, allow_nan=False))
def test_a_copied_single_is_the_single(x):
    assert np.float32(n.exact(np.float32(x))) == np.float32(x)


def test_places_and_shapes():
    assert n.index((1, 3)) == "[1,3]"
    assert n.index(()) == ""
    assert [n.shape(s) for s in ((4, 8), (8,), ())] == ["(4,8)", "(8,)", "()"]


@given(st.lists(st.floats(-1e13, 1e13), min_size=2, max_size=6))
@example([-90.0, -90.0])
@example([-1234.5678, 2.0, -90.0])
@example([-1.2e-10, -3.4e-10])
@example([34026.98, -24593.93])
@example([-32123.47, -27273.64, 1e300])
def test_a_sign_never_touches_the_number_before_it(numbers):
    for array in (numbers, [numbers, numbers[::-1]], [[numbers]]):
        for row in lines.tensor(np.array(array)):
            assert not re.search(r"\d-\d|\]-?\d\d", re.sub(r"e-", "e", plain(row))), plain(row)
    told = "".join(prediction_lines._fields(numbers))
    assert not re.search(r"\d-\d", re.sub(r"e-", "e", told)), told


# ------------------------------------------------------------------------------------- one place for numbers as text
WRITERS = {"numbers", "arithmetic"}
"""Modules that make a number's text: what they take from Python they put into our form."""


def _formats(path):
    """(line, format) of each number that a module of the package writes with Python's general or exponent form, unless
    it is read back at once, to round it."""
    text = path.read_text(encoding="utf-8")
    if not re.search(r"[:}\d][gGeE]\}", text):  # no format ends so; to parse all modules takes two seconds
        return
    tree = ast.parse(text)
    read_back = {
        id(value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "float"
        for string in call.args
        for value in ast.walk(string)
    }
    for value in ast.walk(tree):
        if isinstance(value, ast.FormattedValue) and value.format_spec is not None and id(value) not in read_back:
            last = value.format_spec.values[-1]
            if isinstance(last, ast.Constant) and re.search(r"(^|\d)[gGeE]$", last.value):
                yield f"{path.name}:{value.lineno} {last.value}"


def test_no_module_writes_a_number_in_a_form_of_its_own():
    """`1e+06`, `1e-07` and `nan` are Python's; ours are `1e6`, `1e-7` and `NaN`, from `significant`."""
    assert [
        found for path in (ROOT / "bptui").rglob("*.py") if path.stem not in WRITERS for found in _formats(path)
    ] == []
