"""The texts of an equation's numbers give the printed result in its last place, at any size, sign and cancellation."""

from __future__ import annotations

import math
from decimal import Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bptui.model.base.arithmetic import Row, Sum, compared, equation, last_place, printed_sum, product
from bptui.model.base.numbers import significant, together
from bptui.symbolic.formula.printing import number

WIDE = Context(prec=1500)
SIZES = st.floats(-300, 300).map(lambda p: 10.0**p)
SIGNED = st.one_of(st.just(0.0), st.builds(lambda size, m: size * m, SIZES, st.sampled_from((1, -1, 3, -7))))
ORDINARY = st.floats(-1e4, 1e4, allow_subnormal=False)


def comes_out(value: Decimal, text: str) -> bool:
    """Is the text what the exact value is in its last place?"""
    away = WIDE.abs(WIDE.subtract(value, Decimal(text)))
    if float(text) == 0:
        return abs(value) < Decimal("1e-9")
    return away <= WIDE.multiply(Decimal(1).scaleb(last_place(text)), Decimal("0.500001"))


@pytest.mark.parametrize(
    ("operands", "result", "work", "shown"),
    [
        ((0.000298, 0.999, 101.0), 0.000298 / (1 - 0.999**101), lambda v: v[0] / (1 - v[1] ** v[2]), "0.0031"),
        ((-0.00012, 0.1536), -0.00012 * 0.1536, math.prod, "-1.8e-5"),
        ((0.0005, -11407.2), 0.0005 * 11407.2, lambda v: -v[0] * v[1], "5.7036"),
        ((0.28000001, 0.28), 0.28000001 - 0.28, lambda v: v[0] - v[1], "1.0e-8"),
        ((0.5, 0.25), 0.125, math.prod, "0.1250"),
    ],
)
def test_the_operands_get_digits_until_it_is_true(operands, result, work, shown):
    made = equation(operands, result, work, ([number(x) for x in operands], number(result)))
    assert (made.result, made.sign) == (shown, "=")
    assert number(work([float(text) for text in made.operands])) == shown


def test_what_rounding_alone_can_make_is_no_number():
    made = equation((0.28, 0.28 + 2.0**-54), -5.6e-17, lambda v: v[0] - v[1], (["0.2800", "0.2800"], "-5.6e-17"))
    assert (made.result, made.sign) == ("0", "≈")


def test_a_product_of_tiny_numbers_is_no_rounding():
    made = equation((1e-20, 3e-9), 3e-29, math.prod, (["1.0e-20", "3.0e-9"], "3.0e-29"))
    assert (made.result, made.sign) == ("3.0e-29", "=")


@given(SIGNED, SIGNED)
@example(3e-200, 7e-200)
@example(0.09875027, 0.2499)
def test_a_product_of_any_size(a, b):
    c = a * b
    if math.isfinite(c) and (c != 0 or 0 in (a, b)) and (c == 0 or abs(c) > 1e-290):
        for usual in ([significant(x) for x in (a, b, c)], together((a, b, c)), together((a, b, c), most=5)):
            (first, second, result), sign = product((a, b, c), usual)
            assert sign == "="
            assert comes_out(WIDE.multiply(Decimal(first), Decimal(second)), result)


@given(ORDINARY, ORDINARY)
@example(1234.5678, 1234.5670)
def test_a_difference_however_much_cancels(a, b):
    made = equation((a, b), a - b, lambda v: v[0] - v[1], ([number(a), number(b)], number(a - b)))
    if made.sign == "=":
        assert comes_out(WIDE.subtract(*map(Decimal, made.operands)), made.result)
    else:
        assert abs(a - b) < 1e-14 * max(abs(a), abs(b))


@given(st.lists(st.tuples(ORDINARY, ORDINARY), min_size=1, max_size=9), ORDINARY, st.sampled_from((None, 8, 12)))
def test_each_running_sum_follows_from_the_printed_one_before(factors, bias, room):
    rows, running = [], 0.0
    for a, b in factors:
        running += a * b
        rows.append(Row((a, b), a * b, running))
    made = printed_sum(Sum(rows, (), [("+", bias), ("/", 3.0)], (running + bias) / 3.0), number, room, decimals=4)
    if made.sign == "≈":
        assert room is not None or made.total == "0"
        return
    before = Decimal(0)
    for (first, second), one, total in ((texts, one, total) for texts, one, total in made.rows):
        assert comes_out(WIDE.multiply(Decimal(first), Decimal(second)), one)
        assert comes_out(WIDE.add(before, Decimal(one)), total) or Decimal(total) == before + Decimal(one)
        before = Decimal(total)
        assert room is None or all(len(text) <= room for text in (first, second, one, total))
    (added, after), (count, mean) = made.after
    assert comes_out(WIDE.add(before, Decimal(added)), after)
    assert count == "3.0000"
    assert comes_out(WIDE.divide(Decimal(after), Decimal(3)), mean)
    assert comes_out(Decimal(mean), made.total)


@given(ORDINARY, st.one_of(ORDINARY, st.floats(-1e-6, 1e-6)), st.booleans())
def test_what_is_compared_stands_to_each_other_as_its_numbers_do(x, y, near):
    y = x + y if near else y
    left, right = map(float, compared((x, y), (number(x), number(y))))
    assert (left > right, left < right) == (x > y, x < y)


def test_what_is_compared_has_no_more_digits_than_it_needs():
    assert compared((0.2795, 0.0), ("0.2795", "0")) == ("0.2795", "0")
    assert compared((0.50001, 0.5), ("0.5000", "0.5")) == ("0.50001", "0.5")
