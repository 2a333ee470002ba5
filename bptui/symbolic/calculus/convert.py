"""SymPy's expressions as formula trees, in an order that reads well: positive terms first, then as declared.

SymPy stores a sum or product without an order of its own. The order here is stable: terms with a minus last, numbers
after symbols, then the order in which the names were declared (`rank`), so `1 - a`, `x - t`, `x·W + b`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from bptui.model.base.numbers import significant
from bptui.symbolic.calculus.notation import CALLED, FloorDiv, Product, Remainder
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Number, Tree

_LETTERS = "klmnrsuvw"
_LAST = 10**6
_AXIS = re.compile(r"(\w+)\.shape\[(\d+)\]")
"""How the size of an axis is called (`bptui.symbolic.calculus.sizes`)."""


def from_sympy(expression: Any, rank: Sequence[str] = (), rename: Mapping[str, str] | None = None) -> Tree:
    """The tree of an expression. `rank`: names in declared order; `rename`: index → letter.

    Bound indices get letters that no other name of the expression has, in the order in which they are met.
    """
    return _Converter(expression, rank, dict(rename or {})).tree(expression)


class _Converter:
    def __init__(self, expression: Any, rank: Sequence[str], rename: dict[str, str]) -> None:
        self.rank = {name: n for n, name in enumerate(rank)}
        self.rename = rename
        self.bound: dict[Any, str] = {}
        free = {rename.get(s.name, s.name) for s in expression.free_symbols if isinstance(s, sp.Symbol)}
        self.taken = free | set(rename.values()) | set(rank)

    def tree(self, e: Any) -> Tree:
        if isinstance(e, sp.Add):
            content, rest = e.primitive()
            if content != 1 and content.q == 1 and rest.has(sp.Indexed):  # SymPy multiplies 2·(p - t) out
                return t.Mul((t.integer(int(content)), self.tree(rest)))
            terms = sorted(e.args, key=self.term_key)
            minus = tuple(self.negative(term) for term in terms)
            return t.Add(tuple(self.tree(-x if m else x) for x, m in zip(terms, minus, strict=True)), minus)
        if isinstance(e, sp.Mul):
            return self.product(e)
        if isinstance(e, sp.Pow):
            return self.power(e)
        if isinstance(e, sp.Indexed):
            return t.Element(str(e.base.label), tuple(self.tree(i) for i in e.indices))
        if isinstance(e, sp.Symbol):
            axis = _AXIS.fullmatch(str(e.name))
            return t.Size(axis[1], int(axis[2])) if axis else t.Name(self.name(e))
        if isinstance(e, sp.Number | sp.NumberSymbol):
            return self.number(e)
        if isinstance(e, sp.Sum):
            return self.reduction(e, "sum")
        if isinstance(e, sp.Product | Product):
            return self.reduction(e, "prod")
        if isinstance(e, sp.KroneckerDelta):
            left, right = sorted(e.args, key=lambda side: bool(side.is_number))  # `q = 1`, as one says it
            return t.Delta(self.tree(left), self.tree(right))
        if isinstance(e, sp.Piecewise):
            return self.pieces(e)
        if isinstance(e, Relational):
            sign, sides = {"=": "=="}.get(e.rel_op, e.rel_op), [e.lhs, e.rhs]
            if sign in ("==", "!=") and e.rhs in self.bound and e.lhs not in self.bound:
                sides.reverse()  # `j != q`: the index that runs is what is asked about
            return t.Compare(sign, *map(self.side, sides))
        if isinstance(e, sp.And | sp.Or):
            parts = tuple(self.tree(a) for a in sorted(e.args, key=sp.default_sort_key))
            return t.Logic("and" if isinstance(e, sp.And) else "or", parts)
        if isinstance(e, sp.Not):
            return t.Logic("not", (self.tree(e.args[0]),))
        if isinstance(e, FloorDiv):
            return t.Div(self.tree(e.args[0]), self.tree(e.args[1]), floor=True)
        if isinstance(e, Remainder):
            return t.Mod(self.tree(e.args[0]), self.tree(e.args[1]))
        if e in (sp.true, sp.false):
            return t.Compare("==", t.integer(1), t.integer(1 if e == sp.true else 0))
        if isinstance(e, sp.Heaviside):
            return t.IfElse(t.Compare(">", self.tree(e.args[0]), t.integer(0)), t.integer(1), t.integer(0))
        name = CALLED.get(e.func, str(e.func))
        return t.Call(name, tuple(self.tree(a) for a in e.args))

    def name(self, symbol: Any) -> str:
        if symbol in self.bound:
            return self.bound[symbol]
        return self.rename.get(str(symbol.name), str(symbol.name))

    def number(self, e: Any) -> Tree:
        if e is sp.pi or e is sp.E:
            return t.Name("pi") if e is sp.pi else t.Call("exp", (t.integer(1),))
        if isinstance(e, sp.Rational) and e.q != 1:
            decimal = float(e)
            if len(repr(decimal)) <= 8 and sp.Rational(repr(decimal)) == e and e.q >= 5 and e.q != 8:
                return Number(decimal, repr(decimal))
            if len(str(e.q)) > 4:
                return Number(decimal, repr(decimal))
            if e < 0:
                return t.Neg(t.Div(t.integer(int(-e.p)), t.integer(int(e.q))))
            return t.Div(t.integer(int(e.p)), t.integer(int(e.q)))
        if isinstance(e, sp.Integer):
            return t.integer(int(e)) if e >= 0 else t.Neg(t.integer(-int(e)))
        value = float(e)
        return Number(value, significant(value))

    def side(self, e: Any) -> Tree:
        """A side of a comparison: a number as a bound is written, 0.8 and not 4/5."""
        decimal = repr(float(e)) if isinstance(e, sp.Rational) and e.q != 1 else ""
        if not decimal or len(decimal) > 8 or sp.Rational(decimal) != e:
            return self.tree(e)
        shown = Number(abs(float(e)), decimal.lstrip("-"))
        return t.Neg(shown) if e < 0 else shown

    def negative(self, e: Any) -> bool:
        return not isinstance(e, sp.Add | sp.Indexed | sp.Symbol) and bool(e.could_extract_minus_sign())

    def term_key(self, e: Any) -> tuple[Any, ...]:
        has = bool(e.atoms(sp.Symbol, sp.Indexed))
        return (self.negative(e), self.place(e) if has else _LAST + 1, str(e))

    def place(self, e: Any) -> int:
        names = [str(a.base.label) if isinstance(a, sp.Indexed) else a.name for a in e.atoms(sp.Symbol, sp.Indexed)]
        return min((self.rank.get(n, _LAST) for n in names), default=_LAST)

    def product(self, e: Any) -> Tree:
        if self.negative(e):
            return t.Neg(self.tree(-e))
        top: list[Any] = []
        bottom: list[Any] = []
        for factor in e.args:
            if isinstance(factor, sp.Rational) and factor.q != 1 and not isinstance(self.number(factor), Number):
                bottom.append(sp.Integer(factor.q))
                if factor.p != 1:
                    top.append(sp.Integer(factor.p))
            elif isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp < 0:
                bottom.append(1 / factor)
            else:
                top.append(factor)
        upper = self.factors(top)
        return upper if not bottom else t.Div(upper, self.factors(bottom))

    def factors(self, factors: list[Any]) -> Tree:
        if not factors:
            return t.integer(1)
        ordered = sorted(factors, key=self.factor_key)
        return self.tree(ordered[0]) if len(ordered) == 1 else t.Mul(tuple(self.tree(f) for f in ordered))

    def factor_key(self, e: Any) -> tuple[Any, ...]:
        if isinstance(e, sp.KroneckerDelta):  # which elements belong together: after how much
            kind = 3
        else:
            wide = 4 if isinstance(e, sp.Sum | sp.Product | sp.Piecewise) else 1
            kind = 0 if e.is_number else 2 if isinstance(e, sp.Add) else wide
        return (kind, self.place(e), str(e))

    def power(self, e: Any) -> Tree:
        if e.exp.is_Rational and e.exp < 0:
            return t.Div(t.integer(1), self.tree(1 / e))
        if e.exp == sp.Rational(1, 2):
            return t.Call("sqrt", (self.tree(e.base),))
        return t.Power(self.tree(e.base), self.tree(e.exp))

    def reduction(self, e: Any, kind: str) -> Tree:
        """A sum or product; what it leaves out under a condition is written as one: Π_j [j != q] x[j]."""
        ranges = []
        for k, low, high in reversed(e.limits):
            self.bound[k] = self.letter(k)
            stop = high + 1
            full = low == 0 and isinstance(stop, sp.Symbol)
            ranges.append(t.Range(self.bound[k], None if low == 0 else self.tree(low), self.tree(stop), full))
        body = self.tree(e.function)
        if all(r.full for r in ranges):  # in the order in which the body names them
            inside = body.yes if isinstance(body, t.IfElse) else body
            met = [part.name for part in t.walk(inside) if isinstance(part, t.Name)]
            ranges.sort(key=lambda r: met.index(r.index) if r.index in met else len(met))
        neutral = t.integer(0 if kind == "sum" else 1)
        if isinstance(body, t.IfElse) and body.no == neutral:
            return t.Reduction(kind, body.yes, tuple(ranges), (body.condition,), sigma=True)
        return t.Reduction(kind, body, tuple(ranges), sigma=True)

    def letter(self, k: Any) -> str:
        """The letter of a bound index: its own where that is free."""
        own = self.rename.get(str(k.name), str(k.name))
        choices = [own, *_LETTERS, *(f"{own}{n}" for n in range(2, 99))]
        chosen: str = next(c for c in choices if c and c not in self.taken)
        self.taken.add(chosen)
        return chosen

    def pieces(self, e: Any) -> Tree:
        *first, last = e.args
        value = self.tree(last[0]) if last[1] == sp.true else t.Name("undefined")
        pairs = first if last[1] == sp.true else [*first, last]
        for expression, condition in reversed(pairs):
            test, shown = self.tree(condition), self.tree(expression)
            if isinstance(value, t.IfElse) and value.yes == shown:  # `0 if a else 0 if b else x`: `0 if a or b else x`
                more = value.condition
                rest = more.parts if isinstance(more, t.Logic) and more.word == "or" else (more,)
                value = t.IfElse(t.Logic("or", (test, *rest)), shown, value.no)
            else:
                value = t.IfElse(test, shown, value)
        return value
