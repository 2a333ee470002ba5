"""Formulas as lines of spans, in one row, in the colours of their kinds.

A `Names` maps what a definition calls its tensors to what the screen calls them (`x` → `layer1.z` in blue). Numbers are
put in while printing, never before: nothing is evaluated or reordered, so `a·(1 - a)` becomes `0.5100·(1 - 0.5100)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bptui.model.base.numbers import field as number_field
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span, merge
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Statement, Tree

Numbers = Callable[[str, tuple[int, ...] | None], float | str | None]
"""The number to print for a tensor's element (None as the place: the bare name), as a text where it is already in
its form, or None to print its symbol."""

_CHOICE, _OR, _AND, _NOT, _COMPARE, _ADD, _SIGMA, _MUL, _POWER, _ATOM = range(10)
_SUPERSCRIPT = {"2": "²", "3": "³"}
_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠"}
_LARGE = 100
"""From here on 4 decimals are more than 6 significant digits."""


@dataclass(frozen=True)
class Names:
    """How names are shown.

    symbols   tensor or attribute → Span (symbol, kind); a name that is not in it is shown as it is, in text colour
    letters   index → letter to show it by (the `q0`, `q1` of a derivative become `p`, `q`)
    bare      tensors that are shown without indices (the op is elementwise)
    numbers   see `Numbers`
    """

    symbols: Mapping[str, Span] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    bare: frozenset[str] = frozenset()
    numbers: Numbers | None = None

    def symbol(self, name: str) -> Span:
        """The span for a name."""
        return self.symbols.get(name) or Span(self.letters.get(name, name))

    def number(self, name: str, index: tuple[Tree, ...] | None) -> str | None:
        """What is printed in the place of a name, or of its element at an index of numbers; None for its symbol."""
        if self.numbers is None:
            return None
        place = None if index is None else tuple(int(i.value) if isinstance(i, t.Number) else -1 for i in index)
        value = self.numbers(name, place) if place is None or -1 not in place else None
        return value if value is None or isinstance(value, str) else number(value)


class Setting(float):
    """A number that someone wrote (a learning rate, eps): printed as it was written."""


def number(x: float) -> str:
    """A number inside of a formula: 4 decimals as everywhere, not padded; from 100 on 6 digits, a setting as it is."""
    if isinstance(x, Setting) or abs(x) >= _LARGE:
        return significant(x)
    return number_field(x).strip()


def to_spans(formula: Tree, names: Names | None = None, unicode: bool = True) -> Line:
    """A formula as one line."""
    return merge(_Printer(names or Names(), unicode).print(formula, _CHOICE))


def sides(statements: Sequence[Statement], names: Names | None = None, unicode: bool = True) -> tuple[Line, Line]:
    """A definition in the author's own form, left and right of its sign of equality: the output's statement, then its
    helpers after `where`."""
    printer, target = _Printer(names or Names(), unicode), statements[-1].target
    spans: list[Span] = printer.print(statements[-1].value, _CHOICE)
    for n, helper in enumerate(statements[:-1]):
        spans += [Span("  where " if n == 0 else ", ", "dim"), *printer.statement(helper)]
    return merge(printer.print(target, _ADD, numbers=False)), merge(spans)


def _from_zero(low: t.Compare, high: t.Compare) -> tuple[t.Compare, t.Compare]:
    """`-1 <= q - a < 3` as `0 <= q - a + 1 < 4`: the index itself, as it stands in the element that it guards."""
    least, most = _whole(low.right), _whole(high.right)
    if least is None or most is None or least >= 0:
        return low, high
    terms = high.left if isinstance(high.left, t.Add) else t.Add((high.left,), (False,))
    index = t.Add((*terms.terms, t.integer(-least)), (*terms.minus, False))
    return t.Compare(low.sign, index, t.integer(0)), t.Compare(high.sign, index, t.integer(most - least))


def _whole(tree: Tree) -> int | None:
    """The whole number that a side of a condition is."""
    if isinstance(tree, t.Neg):
        inner = _whole(tree.of)
        return None if inner is None else -inner
    return int(tree.value) if isinstance(tree, t.Number) and float(tree.value).is_integer() else None


def _same(a: t.Compare, b: t.Compare) -> bool:
    """Are two conditions about the same index? (`v >= 0` is `v//n >= 0`.)"""
    if a.left == b.left:
        return True
    low, high = (a, b) if a.sign == ">=" else (b, a)
    whole = isinstance(high.left, t.Div) and high.left.floor and high.left.top == low.left
    return whole and low.sign == ">=" and low.right == t.integer(0)


class _Printer:
    def __init__(self, names: Names, unicode: bool) -> None:
        self.names, self.unicode = names, unicode
        self.dot = "·" if unicode else "*"

    def statement(self, s: Statement) -> list[Span]:
        return [*self.print(s.target, _ADD, numbers=False), Span(" = "), *self.print(s.value, _CHOICE)]

    def print(self, tree: Tree, outer: int, numbers: bool = True) -> list[Span]:
        """`tree` as an operand of something that binds as tightly as `outer`; in parentheses where it binds less."""
        spans, level = self.parts(tree, numbers)
        return [Span("("), *spans, Span(")")] if level < outer else spans

    def parts(self, tree: Tree, numbers: bool) -> tuple[list[Span], int]:
        match tree:
            case t.Number(value, text):
                return [Span(text)], _ATOM if value >= 0 else _ADD
            case t.Name(name):
                return self.atom(name, None, numbers)
            case t.Element(base, index):
                return self.atom(base, index, numbers)
            case t.Size(base, axis):
                return [self.names.symbol(base), Span(f".shape[{axis}]")], _ATOM
            case t.Add(terms, minus):
                return self.add(terms, minus), _ADD
            case t.Neg(of):
                return [Span("-"), *self.print(of, _SIGMA)], _ADD
            case t.Mul(factors):
                spans: list[Span] = []
                for n, factor in enumerate(factors):
                    level = _SIGMA if n and n == len(factors) - 1 else _MUL
                    if isinstance(factor, t.Mod) or (n and isinstance(factor, t.Div) and factor.floor):
                        level = _POWER  # 2·(k % 2): without it the product would be divided
                    spans += [*([Span(self.dot)] if n else []), *self.print(factor, level)]
                return spans, _SIGMA if isinstance(factors[-1], t.Reduction) and factors[-1].sigma else _MUL
            case t.Div(top, bottom, floor):
                return [*self.print(top, _MUL), Span("//" if floor else "/"), *self.print(bottom, _POWER)], _MUL
            case t.Mod(top, bottom):
                return [*self.print(top, _MUL), Span(" % "), *self.print(bottom, _POWER)], _MUL
            case t.Power(base, exponent):
                return self.power(base, exponent)
            case t.Call(function, arguments):
                return self.call(function, arguments), _ATOM
            case t.Reduction():
                return self.reduction(tree)
            case t.IfElse(condition, yes, no):
                test = [Span(" if "), *self.print(condition, _OR), Span(" else ")]
                return [*self.print(yes, _OR), *test, *self.print(no, _CHOICE)], _CHOICE
            case t.Compare(sign, left, right):
                level = _MUL if isinstance(left, t.Reduction | t.Mul) else _ADD  # (Σ_i x[i]) > 0: not a sum of answers
                return [*self.print(left, level), Span(f" {self.sign(sign)} "), *self.print(right, _ADD)], _COMPARE
            case t.Logic("not", (part,)):
                return [Span("not "), *self.print(part, _COMPARE)], _NOT
            case t.Logic(word, parts):
                level = _AND if word == "and" else _OR
                said = self.between(parts) if word == "and" else [self.print(part, level + 1) for part in parts]
                said = [part for n, part in enumerate(said) if part not in said[:n]]  # of x**x both are of x
                out: list[Span] = []
                for n, part_of_it in enumerate(said):
                    out += [*([Span(f" {word} ")] if n else []), *part_of_it]
                return out, level
            case t.Delta(left, right):
                mark = "δ" if self.unicode else "delta"
                inside = [*self.place(left), Span(","), *self.place(right)]
                return [Span(f"{mark}["), *inside, Span("]")], _ATOM
            case t.Partial(top, bottom):
                d = "∂" if self.unicode else "d"
                sides = [self.print(side, _ATOM, numbers=False) for side in (top, bottom)]
                return [Span(d), *sides[0], Span(f"/{d}"), *sides[1]], _MUL
        raise TypeError(type(tree).__name__)

    def sign(self, sign: str) -> str:
        return _SIGNS.get(sign, sign) if self.unicode else sign

    def between(self, parts: tuple[Tree, ...]) -> list[list[Span]]:
        """Conditions that hold together: `r - a >= 0 and r - a < H` as `0 ≤ r - a < H`."""
        todo = list(t.conditions(parts))
        out: list[list[Span]] = []
        while todo:
            first = todo.pop(0)
            if isinstance(first, t.Compare) and first.sign in (">=", ">", "<", "<="):
                lower = first.sign in (">=", ">")
                signs = ("<", "<=") if lower else (">=", ">")
                other = next(
                    (c for c in todo if isinstance(c, t.Compare) and c.sign in signs and _same(first, c)), None
                )
                if other is not None:
                    todo.remove(other)
                    low, high = (first, other) if lower else (other, first)
                    assert isinstance(low, t.Compare)
                    assert isinstance(high, t.Compare)
                    low, high = _from_zero(low, high)
                    below = self.sign({">=": "<=", ">": "<"}[low.sign])
                    middle = [Span(f" {below} "), *self.print(high.left, _ADD), Span(f" {self.sign(high.sign)} ")]
                    out.append([*self.print(low.right, _ADD), *middle, *self.print(high.right, _ADD)])
                    continue
            out.append(self.print(first, _AND + 1))
        return out

    def atom(self, name: str, index: tuple[Tree, ...] | None, numbers: bool) -> tuple[list[Span], int]:
        symbol = self.names.symbol(name)
        if numbers and (text := self.names.number(name, index)) is not None:
            return [Span(text, symbol.style)], _ADD if text.startswith("-") else _ATOM
        level = _MUL if "/" in symbol.text else _ATOM
        if not index or name in self.names.bare:
            return [symbol], level
        inside = [s for n, i in enumerate(index) for s in ([Span(",")] if n else []) + self.place(i)]
        spans = [Span("["), *inside, Span("]")]
        if symbol.style.startswith("gradient"):
            spans = [Span(s.text, symbol.style) for s in spans]
        return [symbol, *spans], level

    def place(self, index: Tree) -> list[Span]:
        """An index, without blanks: `x[n,2·h+a]`."""
        return [Span(s.text.replace(" ", ""), s.style) for s in self.print(index, _ADD)]

    def add(self, terms: tuple[Tree, ...], minus: tuple[bool, ...]) -> list[Span]:
        spans: list[Span] = []
        for n, (term, taken) in enumerate(zip(terms, minus, strict=True)):
            if n:
                spans.append(Span(" - " if taken else " + "))
            elif taken:
                spans.append(Span("-"))
            atom = isinstance(term, t.Name | t.Element | t.Number)
            spans += self.print(term, _ATOM if isinstance(term, t.Add | t.Neg) else _ADD if atom and not n else _SIGMA)
        return spans

    def power(self, base: Tree, exponent: Tree) -> tuple[list[Span], int]:
        if isinstance(exponent, t.Number) and exponent.value == 0.5:
            return self.call("sqrt", (base,)), _ATOM
        inside = self.print(base, _ATOM)
        if self.unicode and isinstance(exponent, t.Number) and exponent.text in _SUPERSCRIPT:
            return [*inside, Span(_SUPERSCRIPT[exponent.text])], _POWER
        return [*inside, Span("**"), *self.print(exponent, _POWER)], _POWER

    def call(self, function: str, arguments: tuple[Tree, ...]) -> list[Span]:
        spans = [Span(f"{function}(")]
        for n, argument in enumerate(arguments):
            spans += [*([Span(", ")] if n else []), *self.print(argument, _CHOICE)]
        return [*spans, Span(")")]

    def reduction(self, reduction: t.Reduction) -> tuple[list[Span], int]:
        if reduction.sigma:
            mark = {"sum": "Σ", "prod": "Π"}.get(reduction.kind, reduction.kind) if self.unicode else reduction.kind
            spans: list[Span] = []
            plain = [r.index for r in reduction.ranges if not self.limits(r)]
            if plain:
                spans += [Span(f"{mark}_{','.join(self.names.symbol(index).text for index in plain)} ")]
            for r in reduction.ranges:
                if r.index not in plain:
                    spans += [Span(f"{mark}_"), *self.limits(r), Span(" ")]
            if reduction.conditions:
                spans += [Span("["), *self.print(t.Logic("and", reduction.conditions), _CHOICE), Span("] ")]
            return [*spans, *self.print(reduction.body, _SIGMA)], _SIGMA
        spans = [Span(f"{reduction.kind}("), *self.print(reduction.body, _CHOICE)]
        for r in reduction.ranges:
            spans += [Span(f" for {self.names.symbol(r.index).text}")]
            if r.high is not None:
                low = [] if r.low is None else [*self.print(r.low, _ADD), Span(", ")]
                spans += [Span(" in range("), *low, *self.print(r.high, _ADD), Span(")")]
        for condition in reduction.conditions:
            spans += [Span(" if "), *self.print(condition, _OR)]
        return [*spans, Span(")")], _ATOM

    def limits(self, r: t.Range) -> list[Span]:
        if r.high is None or r.full:
            return []
        low = [] if r.low is None else [*self.place(r.low), Span("≤" if self.unicode else "<=")]
        return [*low, Span(f"{self.names.symbol(r.index).text}<"), *self.place(r.high)]
