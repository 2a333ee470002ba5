"""The symbols that definitions and derivatives are made of, with the assumptions that SymPy needs to be right.

Every symbol is real (without that, the derivative of |x| becomes re/im/Derivative), every index whole and not negative,
every size whole and positive, and a bound index is a Dummy: a derivative can then never capture it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair

Expr = Any
"""A SymPy expression (SymPy ships no types)."""

ONE = sp.Integer(1)

UNREAL = (sp.I, sp.zoo, sp.nan, sp.oo, -sp.oo)
"""What SymPy makes of constants that have no real value: sqrt(-2), log(0)."""
NO_NUMBER = ("a part of it is a constant without a real value", "as sqrt(2), log(2)")

UPSTREAM = "G"
"""The name of ∂L/∂y in a VJP; capital, so no input can have it."""


def index(name: str) -> Expr:
    """A free index: of the output, or of the input that is derived for."""
    return sp.Symbol(name, integer=True, nonnegative=True)


def bound(name: str, nonnegative: bool = True) -> Expr:
    """An index bound by a sum. A new one at each call."""
    return sp.Dummy(name, integer=True, nonnegative=True) if nonnegative else sp.Dummy(name, integer=True)


def size(name: str) -> Expr:
    """The size of an index (`K`) or of an axis (`x.shape[1]`)."""
    return sp.Symbol(name, integer=True, positive=True)


def scalar(name: str) -> Expr:
    """A 0-d tensor, or an attribute of the operation."""
    return sp.Symbol(name, real=True)


def element(name: str, indices: Sequence[Expr], integer: bool = False, nonnegative: bool = False) -> Expr:
    """An element of a tensor; without indices the 0-d tensor itself. `integer`: the tensor holds integers, which may
    be negative (a label that is left out), unless each is `nonnegative` (an index)."""
    if not indices:
        return index(name) if integer else scalar(name)
    if nonnegative:
        return sp.IndexedBase(name, integer=True, nonnegative=True)[tuple(indices)]
    base = sp.IndexedBase(name, integer=True) if integer else sp.IndexedBase(name, real=True)
    return base[tuple(indices)]


def name_of(leaf: Expr) -> str:
    """The tensor's name of an element."""
    return str(leaf.base.label.name) if isinstance(leaf, sp.Indexed) else str(leaf.name)


def indices_of(leaf: Expr) -> tuple[Expr, ...]:
    """The indices of an element; none for a 0-d tensor."""
    return tuple(leaf.indices) if isinstance(leaf, sp.Indexed) else ()


def _plain(value: Any) -> Expr:
    """Python's whole numbers and truth values as SymPy's; nothing else is converted."""
    if isinstance(value, bool):
        return sp.true if value else sp.false
    return sp.Integer(value) if isinstance(value, int) else value


class _Unfolded:
    """SymPy draws a Piecewise out of a sum when one is made, also out of an inner sum: its bound index then stands
    free, and the sum is another one. The sums and products here are made as they are written, and only flattened."""

    limits: Any
    function: Any
    neutral = 0
    """Of this term alone nothing comes, however often."""

    def __new__(cls, function: Expr, *limits: Any) -> Expr:
        function = _plain(function)
        ranges = [sp.Tuple(*limit) for limit in limits]
        if function == cls.neutral:
            return function
        if type(function) is cls:
            ranges, function = [*function.limits, *ranges], function.function
        made = sp.Expr.__new__(cls, function, *ranges)
        made.is_commutative = True
        return made


class Sum(_Unfolded, sp.Sum):  # type: ignore[misc]
    """Σ of `function` over (index, low, high), the first the innermost. Made with this, tested for with `sp.Sum`."""


class Product(_Unfolded, sp.Product):  # type: ignore[misc]
    """Π of `function`, as `Sum`."""

    neutral = 1


class Piece(ExprCondPair):  # type: ignore[misc]
    """A branch and its condition, as written: SymPy's own draws a choice that is compared out of the condition, and out
    of a sum in it, whose bound index then stands free."""

    def __new__(cls, value: Expr, condition: Expr) -> Expr:
        return sp.Tuple.__new__(cls, _plain(value), _plain(condition))


class Piecewise(sp.Piecewise):  # type: ignore[misc]
    """`a if condition else b`, as written: SymPy's own turns conditions round, and puts equations into branches."""

    def __new__(cls, *pieces: Any) -> Expr:
        kept = []
        for piece in pieces:
            value, condition = _plain(piece[0]), _plain(piece[1])
            if condition == sp.false:
                continue
            kept.append(Piece(value, condition))
            if condition == sp.true:
                break
        if not kept:
            return sp.nan
        return kept[0].args[0] if kept[0].args[1] == sp.true else sp.Expr.__new__(cls, *kept)


def guarded(value: Expr, conditions: Sequence[Expr]) -> Expr:
    """The value where all conditions hold, else 0."""
    return Piecewise((value, sp.And(*conditions)), (0, True)) if conditions else value


class Abs(sp.Abs):  # type: ignore[misc]
    """|u|. Where SymPy cannot tell that u is real (it may be a root of what is negative), its own becomes arguments and
    real parts of complex numbers; here what is not real has no value, and |u| stays |u|, its derivative sign(u).
    Of what is real it is SymPy's own."""

    @classmethod
    def eval(cls, u: Expr) -> Expr | None:
        return sp.Abs(u) if u.is_extended_real else None

    def _eval_derivative(self, x: Expr) -> Expr:
        return self.args[0].diff(x) * sign(self.args[0])

    def fdiff(self, argindex: int = 1) -> Expr:
        return sign(self.args[0])


class sign(sp.sign):  # type: ignore[misc]
    """The sign of u, as `Abs`; its derivative is 0."""

    @classmethod
    def eval(cls, u: Expr) -> Expr | None:
        return sp.sign(u) if u.is_extended_real else None

    def _eval_derivative(self, x: Expr) -> Expr:
        return sp.Integer(0)


class Round(sp.Function):  # type: ignore[misc]
    """The nearest whole number, of two as near the even one; its derivative is 0."""

    is_integer = True
    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return sp.Integer(0)


class detach(sp.Function):  # type: ignore[misc]
    """u as a number that was given: its derivative is said to be 0."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return sp.Integer(0)


class acosh(sp.Function):  # type: ignore[misc]
    """The number from 0 on whose cosh is u; SymPy's derivative of its own has a root of u - 1 and one of u + 1."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / sp.sqrt(self.args[0] ** 2 - 1)


class polygamma(sp.Function):  # type: ignore[misc]
    """polygamma(n, u), the n-th derivative of digamma."""

    is_real = True

    def fdiff(self, argindex: int = 2) -> Expr:
        n, u = self.args
        return polygamma(n + 1, u) if argindex == 2 else sp.Integer(0)


class digamma(sp.Function):  # type: ignore[misc]
    """The derivative of lgamma."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return polygamma(sp.Integer(1), self.args[0])


class lgamma(sp.Function):  # type: ignore[misc]
    """log|Γ(u)|, which SymPy's loggamma is not below 0."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return digamma(self.args[0])


class Rounded(sp.Function):  # type: ignore[misc]
    """The nearest number of a kind (`bptui.model.base.kinds`). It moves in steps; its derivative is said to be 1, so
    that the gradient passes a cast as it passes one in PyTorch."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> Expr:
        return sp.Integer(1)


class float32(Rounded):
    """To 24 binary digits."""


class float16(Rounded):
    """To 11 binary digits."""


class bfloat16(Rounded):
    """To 8 binary digits."""


ROUNDED = {kind.__name__: kind for kind in (float32, float16, bfloat16)}
FUNCTIONS: Mapping[str, Any] = {
    "exp": sp.exp, "log": sp.log, "sqrt": sp.sqrt, "abs": Abs, "sin": sp.sin, "cos": sp.cos, "tanh": sp.tanh,
    "sinh": sp.sinh, "cosh": sp.cosh, "erf": sp.erf, "sign": sign, "floor": sp.floor, "round": Round, "detach": detach,
    "asin": sp.asin, "acos": sp.acos, "atan": sp.atan, "atan2": sp.atan2, "asinh": sp.asinh, "atanh": sp.atanh,
    **{kind.__name__: kind for kind in (acosh, lgamma, digamma, polygamma)}, **ROUNDED,
}  # fmt: skip
"""What the functions of a definition are in SymPy's terms; but for max and min, which choose."""
CALLED: Mapping[Any, str] = {
    **{function: name for name, function in FUNCTIONS.items()},
    sp.Abs: "abs", sp.sign: "sign", sp.Max: "max", sp.Min: "min",
}  # fmt: skip
"""What a definition calls a function of SymPy's."""
RELATIONS: Mapping[str, Any] = {">": sp.Gt, "<": sp.Lt, ">=": sp.Ge, "<=": sp.Le, "==": sp.Eq, "!=": sp.Ne}


class FloorDiv(sp.Function):  # type: ignore[misc]
    """`a // b` on indices. SymPy's own floor rewrites its argument, in milliseconds; this one stays as written."""

    is_integer = True
    is_real = True

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        if b == 1:
            return a
        if a.is_Integer and b.is_Integer and b != 0:
            return sp.Integer(int(a) // int(b))
        return None

    def _eval_is_nonnegative(self) -> Any:
        return True if self.args[0].is_nonnegative and self.args[1].is_positive else None


class Remainder(sp.Function):  # type: ignore[misc]
    """`a % b` on indices, with the sign of b as in Python; stays as written."""

    is_integer = True
    is_real = True

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        if b == 1:
            return sp.Integer(0)
        if a.is_Integer and b.is_Integer and b != 0:
            return sp.Integer(int(a) % int(b))
        return None

    def _eval_is_nonnegative(self) -> Any:
        return True if self.args[1].is_positive else None


def rename(expression: Expr, mapping: dict[Expr, Expr]) -> Expr:
    """Exact replacement, all at once. Unlike `subs` it never parses text, and never evaluates a sum."""
    return expression.xreplace(mapping) if mapping else expression


def fresh(limits: Sequence[Any]) -> tuple[dict[Expr, Expr], tuple[Any, ...]]:
    """New bound symbols for a sum's limits: (renaming, renamed limits)."""
    renaming = {k: bound(k.name, bool(k.is_nonnegative)) for k, _, _ in limits}
    return renaming, tuple((renaming[k], rename(lo, renaming), rename(hi, renaming)) for k, lo, hi in limits)
