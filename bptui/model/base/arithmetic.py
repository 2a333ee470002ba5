"""How many digits the numbers of an equation get, so that it is true as it is printed.

The law: a reader who works out the printed operands with a calculator gets the printed result, in its last place. An
equation starts with the usual texts of its numbers; where those do not give the result, the operands get more digits,
all of them alike, up to all they have; where that does not do either (there is no room for them, or float32 lost them),
the result gets fewer. What cannot be made true in its room is written with `≈`.

A result that is smaller than what rounding its operands alone can make of it is rounding, and no number: `≈ 0`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from bptui.model.base.numbers import significant

Work = Callable[[Sequence[float]], float]
"""What an equation computes from its operands."""

EPS = 2.0**-52
"""The distance from 1 to the next float64. Of float32 it is 2**-23."""

_ALL = 17
"""Significant digits that give every float64 back."""
_LONG = 1e9
"""Sums from here on have six digits, in whatever decimals: no number gets more digits than it has."""
_ROUNDINGS = 4
"""Roundings of its operands up to which a result is told to be rounding: each operation has one, too."""
_ZERO = 1e-12
"""What is told as 0 beside numbers of the size 1."""
_SMALL = 1024
"""Units of the last place of its largest operand up to which a result may be rounding."""
_STEP = 2.0**-20
"""Relative step by which an operand is moved to see what the result makes of it."""
_EXACT = Context(prec=800, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Printed:
    """The texts of an equation's operands and of its result; `sign` between them is `=`, or `≈` for what is rounding
    or has no room."""

    operands: tuple[str, ...]
    result: str
    sign: str = "="


def equation(
    operands: Sequence[float],
    result: float,
    work: Work,
    usual: tuple[Sequence[str], str],
    room: int | None = None,
    eps: float = EPS,
) -> Printed:
    """The texts with which `work(operands) = result` is true; `usual` are those of the operands and of the result to
    begin with. No text is longer than `room`, unless the usual one is."""
    texts, final = tuple(usual[0]), usual[1]
    if not all(map(math.isfinite, (*operands, result))):
        return Printed(texts, final)
    if is_rounding(operands, result, work, eps):
        return Printed(texts, "0", "≈")
    for shorter in _fewer(result, final):
        raised = more_digits(operands, texts, work, shorter, room)
        if raised is not None:
            return Printed(raised, shorter)
    return Printed(texts, final, "≈")


def product(
    three: tuple[float, float | None, float], usual: Sequence[str], room: int | None = None
) -> tuple[tuple[str, str, str], str]:
    """The texts of `a × b = c` and its sign; as usual where b is not known yet."""
    a, b, c = three
    if b is None:
        first, second, last = usual
        return (first, second, last), "="
    made = equation((a, b), c, math.prod, (usual[:2], usual[2]), room)
    return (made.operands[0], made.operands[1], made.result), made.sign


def compared(pair: Sequence[float], usual: Sequence[str]) -> tuple[str, ...]:
    """The texts of two numbers that are compared: with as many digits as it takes for them to stand to each other as
    the numbers do. `0.5000 > 0.5000` is never printed."""
    every = [tuple(usual), *_levels(pair, usual, None)]
    return next((texts for texts in every if _order(*map(float, texts)) == _order(*pair)), every[-1])


def _order(x: float, y: float) -> int:
    return (x > y) - (x < y)


def more_digits(
    operands: Sequence[float], texts: Sequence[str], work: Work, final: str, room: int | None = None
) -> tuple[str, ...] | None:
    """The shortest texts of the operands that give `final`; None where not even the longest that fit do."""
    scale = max(map(abs, operands), default=0.0)

    def come_out(found: Sequence[str]) -> bool:
        return gives(work([float(text) for text in found]), final, scale, tie=False)

    if come_out(texts):
        return tuple(texts)
    every: Iterable[tuple[str, ...]] = _levels(operands, texts, room)
    longest = operands  # with all of their digits they are themselves
    if room is not None:
        every = list(every)
        longest = [float(text) for text in (every[-1] if every else texts)]
    if not gives(work(longest), final, scale):
        return None
    last = tuple(texts)
    for last in every:
        if come_out(last):
            break
    return last


def gives(value: float, text: str, scale: float = 1.0, tie: bool = True) -> bool:
    """Is `text` what `value` is in its last place? Of a lone 0: as far as numbers of the size `scale` tell. `tie`: what
    lies in the middle of two is either."""
    if not math.isfinite(value):
        return False
    if float(text) == 0:
        return abs(value) <= _ZERO * scale
    half = math.ldexp(10.0 ** last_place(text), -1)
    away = abs(value - float(text))
    return away <= half * (1 + 1e-9) + 4 * EPS * abs(value) if tie else away < half * (1 - 1e-6)


def last_place(text: str) -> int:
    """The power of ten of the last digit: -4 of `0.5100`, -8 of `1.2e-7`."""
    return int(Decimal(text).as_tuple().exponent)


def digits(text: str) -> int:
    """How many significant digits a text has: 3 of `0.0247`, 2 of `1.2e-7`."""
    return len(Decimal(text).as_tuple().digits)


def cancelled(total: float, exact: float, size: float, eps: float = EPS) -> bool:
    """Is a recorded sum nothing but rounding: is it as small as that, or small, and not even its first digit that of
    `exact`, which its terms add up to? `size` is what they come to without their signs, `eps` the distance from 1 to
    the next number of what it was recorded in."""
    unit = max(eps, EPS) * size
    if total == 0 or not math.isfinite(size) or abs(total) > _SMALL * unit:
        return False
    return abs(total) <= _ROUNDINGS * unit or abs(total - exact) > abs(total) / 20


def is_rounding(operands: Sequence[float], result: float, work: Work, eps: float = EPS) -> bool:
    """Could `result` be made of nothing but the rounding of the operands? It is compared with how much it moves when
    each operand moves by one unit of its last place."""
    largest = max(map(abs, operands), default=0.0)
    if result == 0 or abs(result) > _SMALL * eps * largest or len(operands) < 2:
        return False
    values, moved = list(operands), 0.0
    start = work(values)
    for n, x in enumerate(operands):
        values[n] = x * (1 + _STEP)
        change = work(values) - start
        values[n] = x
        moved += abs(change) if math.isfinite(change) else 0.0
    return abs(result) <= _ROUNDINGS * eps * moved / _STEP


def _levels(operands: Sequence[float], texts: Sequence[str], room: int | None) -> Iterator[tuple[str, ...]]:
    """Texts with more and more digits, each as many as its number has and its room lets it have."""
    found = list(texts)
    for n in range(min(map(digits, texts), default=_ALL) + 1, _ALL + 1):
        before = list(found)
        for k, x in enumerate(operands):
            if float(found[k]) != x and digits(found[k]) < n:
                text = significant(x, n)
                found[k] = text if room is None or len(text) <= room else found[k]
        if found != before:
            yield tuple(found)


def _fewer(x: float, text: str) -> Iterator[str]:
    """The text of a result, then with fewer digits, down to one."""
    yield text
    if x != 0:
        for n in range(digits(text) - 1, 0, -1):
            yield significant(x, n)


# ------------------------------------------------------------------------------------------------------------ sums
@dataclass(frozen=True)
class Row:
    """One product of a sum: its factors and what they come to."""

    factors: tuple[float, ...]
    product: float
    running: float


@dataclass(frozen=True)
class Sum:
    """A sum of products: the first rows, the last ones where others between are left out (else none), what is done with
    the sum afterwards ((`+`, `-` or `/`, number) each), and the result; `eps` as of `cancelled`."""

    head: Sequence[Row]
    tail: Sequence[Row]
    after: Sequence[tuple[str, float]]
    total: float
    eps: float = EPS


RowTexts = tuple[tuple[str, ...], str, str]
"""Of one row: its factors, their product, the running sum."""


@dataclass(frozen=True)
class PrintedSum:
    """Texts: (factors, product, running sum) of each row, head then tail; (number, what has become of the sum) of what
    comes after; the result. `decimals` of products and sums, `sign` before the result."""

    rows: tuple[RowTexts, ...]
    after: tuple[tuple[str, str], ...]
    total: str
    decimals: int
    sign: str = "="


def printed_sum(
    made: Sum, usual: Callable[[float], str], room: int | None = None, decimals: int | None = None
) -> PrintedSum:
    """The texts with which every row of a sum follows from the one before: each product from its factors, each running
    sum from the printed one above and the printed product, the result from the last. `usual` is the text of one number.

    Products and sums have one count of decimals, `decimals` to begin with; None, and where they are very large: as many
    as give the largest of them six digits, without zeros at the end of what is exact."""
    rows = (*made.head, *made.tail)
    every = [x for row in rows for x in (*row.factors, row.product, row.running)]
    every += [made.total, *(x for _, x in made.after)]
    if not all(map(math.isfinite, every)):
        return _untrue(made, usual, "=", room)
    size = math.fsum(abs(row.product) for row in rows) + sum(abs(x) for sign, x in made.after if sign != "/")
    rounding = cancelled(made.total, _exact(made), size, made.eps)
    total = 0.0 if rounding else made.total
    final = usual(total)
    scale = size * (_SMALL * max(made.eps, EPS) / _ZERO if rounding else 1)  # what is left of the terms may be that
    start = 5 - math.floor(math.log10(size)) if size and (decimals is None or size >= _LONG) else decimals or 0
    for text in _fewer(total, final):
        wanted = -last_place(text) if total else start
        first = max(wanted, start)
        for places in (*range(first, first + 7), *range(first - 1, wanted - 1, -1)):
            found = _chain(made, _Decimals(places, decimals is None, usual, room), text, scale)
            if found is not None:
                return found if not rounding else PrintedSum(found.rows, found.after, "0", places, "≈")
    return _untrue(made, usual, "≈", room)


def _exact(made: Sum) -> float:
    """What the terms of a sum come to."""
    found = made.tail[-1].running if made.tail else math.fsum(row.product for row in made.head)
    for sign, x in made.after:
        found = (found / x if x else math.nan) if sign == "/" else found + (x if sign == "+" else -x)
    return found


class _Decimals:
    """How the numbers of one sum are written: its count of decimals, and the room of a number."""

    def __init__(self, decimals: int, short: bool, usual: Callable[[float], str], room: int | None) -> None:
        self.decimals, self.short, self.usual, self.room = decimals, short, usual, room
        self.unit = Decimal(1).scaleb(-decimals)

    def text(self, x: Decimal) -> str:
        """`x` rounded to the decimals; a number that would be 0 keeps two digits."""
        rounded = x.quantize(self.unit, context=_EXACT)
        if not rounded:
            return "0" if not x else significant(float(x), 2)
        fixed = f"{rounded:f}"
        if self.short and "." in fixed and rounded == x:
            fixed = fixed.rstrip("0").rstrip(".")
        if self.decimals >= 0 and rounded.adjusted() > -5 and (self.room is None or len(fixed) <= self.room):
            return fixed
        mantissa, _, power = f"{rounded:.{max(0, rounded.adjusted() + self.decimals)}e}".partition("e")
        return f"{mantissa}e{int(power)}"

    def fits(self, text: str) -> bool:
        """Has a number of this text room?"""
        return self.room is None or len(text) <= self.room


def _chain(made: Sum, form: _Decimals, total: str, scale: float) -> PrintedSum | None:
    """The sum in one count of decimals; None where the result does not come out, or something has no room."""
    products: list[str] = []
    sums: list[str] = []
    exact = Decimal(0)  # without what the running sums are rounded by
    for n, row in enumerate((*made.head, *made.tail)):
        product = form.text(Decimal(row.product))
        before = Decimal(sums[-1]) if n else Decimal(0)
        if n and n == len(made.head):  # terms are left out before it
            before = exact = _EXACT.subtract(Decimal(row.running), Decimal(row.product))
        products.append(product)
        exact = _EXACT.add(exact, Decimal(product))
        sums.append(form.text(_EXACT.add(before, Decimal(product))))
    running, after = Decimal(sums[-1]) if sums else Decimal(0), []
    for sign, x in made.after:
        number = form.usual(x) if sign == "/" else form.text(Decimal(x))
        if sign == "/" and (not x or float(number) != x):
            return None
        running, exact = (_then(start, sign, Decimal(number)) for start in (running, exact))
        after.append((number, form.text(running)))
        running = Decimal(after[-1][1])
    if not gives(float(running), total, scale) or not gives(float(exact), total, scale):
        return None
    factors: list[tuple[str, ...]] = []
    for row, product in zip((*made.head, *made.tail), products, strict=True):
        usual = tuple(form.usual(x) for x in row.factors)
        one = (product,) if len(usual) < 2 else more_digits(row.factors, usual, math.prod, product, form.room)
        if one is None:
            return None
        factors.append(one)
    told = [*products, *sums, *(text for pair in after for text in pair), total]
    if not all(map(form.fits, told)):
        return None
    rows = zip(factors if form.short else _even(made, factors, products, form), products, sums, strict=True)
    return PrintedSum(tuple(rows), tuple(after), total, form.decimals)


def _even(made: Sum, factors: list[tuple[str, ...]], products: list[str], form: _Decimals) -> Sequence[tuple[str, ...]]:
    """The factors with one count of decimals per column, where they have room and stay true."""
    rows = (*made.head, *made.tail)
    if not rows or any(len(row.factors) != len(rows[0].factors) for row in rows) or len(rows[0].factors) < 2:
        return factors
    most = [max((len(text.partition(".")[2]) for text in column if "e" not in text), default=0)
            for column in zip(*factors, strict=True)]  # fmt: skip
    even = [
        tuple(t if "e" in t or x == 0 else f"{x:.{n}f}" for t, x, n in zip(texts, row.factors, most, strict=True))
        for texts, row in zip(factors, rows, strict=True)
    ]
    true = all(gives(math.prod(map(float, one)), text) for one, text in zip(even, products, strict=True))
    return even if true and all(form.fits(text) for one in even for text in one) else factors


def _then(start: Decimal, sign: str, number: Decimal) -> Decimal:
    return _EXACT.divide(start, number) if sign == "/" else _EXACT.add(start, number if sign == "+" else -number)


def _row(row: Row, usual: Callable[[float], str], room: int | None) -> RowTexts:
    """The texts of one row by itself: its product from its factors, where that has room."""
    factors, product = tuple(map(usual, row.factors)), usual(row.product)
    if len(factors) > 1 and all(map(math.isfinite, (*row.factors, row.product))):
        factors = more_digits(row.factors, factors, math.prod, product, room) or factors
    return factors, product, usual(row.running)


def _untrue(made: Sum, usual: Callable[[float], str], sign: str, room: int | None) -> PrintedSum:
    """The usual texts, for what is not finite or has no room."""
    rows = tuple(_row(r, usual, room) for r in (*made.head, *made.tail))
    running, after = made.tail[-1].running if made.tail else made.head[-1].running if made.head else 0.0, []
    for mark, x in made.after:
        if mark == "/":
            running = running / x if x else math.nan
        else:
            running += x if mark == "+" else -x
        after.append((usual(x), usual(running)))
    return PrintedSum(rows, tuple(after), usual(made.total), 4, sign)
