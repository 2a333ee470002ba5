"""One number of an index expression at 50 digits, by mpmath: the reference of the check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from bptui.model.base.kinds import KINDS, Kind
from bptui.symbolic.calculus.definition import ArgMax, Definition, Matrix
from bptui.symbolic.calculus.notation import (
    ROUNDED,
    Abs,
    Expr,
    FloorDiv,
    Remainder,
    Round,
    acosh,
    detach,
    digamma,
    lgamma,
    name_of,
    polygamma,
    sign,
)

MAX_BITS = 2048
"""Binary digits of an exponent (float64: of a number). Exact numbers know no overflow, and exp(exp(exp(9))) no end."""
GUARD = 5
"""Digits that are carried beyond those that are asked for."""
MAX_TURN = 16_384
"""Binary digits of an angle; one with more has no sine: as many digits of π would be needed."""


def _pole(x: Any) -> bool:
    """Is it a place where the gamma function has a pole?"""
    return bool(mpmath.isint(x) and x <= 0)


def _of_order(n: int, x: Any) -> Any:
    """polygamma, which mpmath does not have at -inf and nan."""
    if _pole(x):
        return mpmath.inf * (-1) ** (n + 1)
    return mpmath.psi(n, x) if mpmath.isfinite(x) or x > 0 else mpmath.nan


def _rounded(x: Any, kind: Kind) -> Any:
    """`bptui.model.base.kinds.rounded` of one exact number."""
    if not x or not mpmath.isfinite(x):
        return x
    place = max(int(mpmath.mag(x)) - kind.digits, kind.least)
    found = mpmath.ldexp(mpmath.nint(mpmath.ldexp(x, -place)), place)
    return found if abs(found) < mpmath.ldexp(1, kind.most) else mpmath.inf * mpmath.sign(x)


_FUNCTIONS: Mapping[Any, Any] = {
    Abs: abs, sign: mpmath.sign,
    sp.exp: lambda x: _grows(mpmath.exp, x), sp.log: mpmath.log, sp.sin: lambda x: _turns(mpmath.sin, x),
    sp.cos: lambda x: _turns(mpmath.cos, x), sp.tanh: lambda x: _grows(mpmath.tanh, x),
    sp.sinh: lambda x: _grows(mpmath.sinh, x), sp.cosh: lambda x: _grows(mpmath.cosh, x),
    sp.erf: lambda x: _grows(mpmath.erf, x), sp.Abs: abs, sp.sign: mpmath.sign,
    sp.floor: mpmath.floor, sp.Max: max, sp.Min: min,
    sp.Gt: lambda a, b: a > b, sp.Lt: lambda a, b: a < b, sp.Ge: lambda a, b: a >= b, sp.Le: lambda a, b: a <= b,
    sp.Eq: lambda a, b: a == b, sp.Ne: lambda a, b: a != b,
    FloorDiv: lambda a, b: a // b, Remainder: lambda a, b: a % b, Round: mpmath.nint, detach: lambda x: x,
    sp.asin: mpmath.asin, sp.acos: mpmath.acos, sp.atan: mpmath.atan, sp.atan2: mpmath.atan2,
    sp.asinh: mpmath.asinh, acosh: mpmath.acosh, sp.atanh: mpmath.atanh,
    lgamma: lambda x: mpmath.inf if _pole(x) else mpmath.re(mpmath.loggamma(x)),
    digamma: lambda x: mpmath.nan if _pole(x) else mpmath.digamma(x),
    polygamma: lambda n, x: _of_order(int(n), x),
    **{function: partial(_rounded, kind=KINDS[name]) for name, function in ROUNDED.items()},
}  # fmt: skip


_OF_HALF_TURNS = {sp.sin: mpmath.sinpi, sp.cos: mpmath.cospi}


@lru_cache(1024)
def _half_turns(angle: Expr) -> Expr:
    return angle / sp.pi


class Digits:
    """Evaluates expressions of one definition over given tensors.

    tensors     name → array, or anything with `[tuple of ints]`, or a number for a 0-d tensor and for a parameter
    sizes       size symbol → int
    Intermediate helpers are kept, so that `m[i]` inside a sum over i's row is computed once.
    """

    def __init__(
        self, definition: Definition | None, tensors: Mapping[str, Any], sizes: Mapping[Expr, int], digits: int
    ) -> None:
        self.definition, self.tensors, self.sizes, self.digits = definition, tensors, sizes, digits
        self.kept: dict[tuple[str, tuple[int, ...]], Any] = {}

    def __call__(self, expression: Expr, indices: Mapping[Expr, int]) -> Any:
        """The value as an mpf: nan where the expression has no real value, inf at a pole."""
        with mpmath.workdps(self.digits + GUARD):
            return _real(self._of(expression, {k: int(v) for k, v in indices.items()}))

    def _of(self, e: Expr, env: dict[Expr, int]) -> Any:
        if isinstance(e, sp.Symbol):
            if e in env:
                return env[e]
            return self.sizes[e] if e in self.sizes else self._element(e.name, ())
        if isinstance(e, sp.Indexed):
            return self._element(name_of(e), tuple(int(self._of(i, env)) for i in e.indices))
        if isinstance(e, sp.Integer):
            return int(e)
        if isinstance(e, sp.Rational):
            return mpmath.mpf(int(e.p)) / int(e.q)
        if isinstance(e, sp.Float):
            return mpmath.mpf(float(e))
        if e is sp.pi or e is sp.E:
            return mpmath.mpf(mpmath.pi if e is sp.pi else mpmath.e)
        if not e.args and e.is_number:
            return mpmath.mpf(float(e)) if e.is_extended_real else mpmath.nan
        if isinstance(e, sp.Sum):
            return mpmath.fsum(self._of(e.function, inner) for inner in self._each(list(e.limits), env))
        if isinstance(e, sp.Product):
            return mpmath.fprod(self._of(e.function, inner) for inner in self._each(list(e.limits), env))
        if isinstance(e, sp.KroneckerDelta):
            return int(self._of(e.args[0], env) == self._of(e.args[1], env))
        if isinstance(e, sp.Piecewise):
            return next((self._of(value, env) for value, condition in e.args if self._of(condition, env)), mpmath.nan)
        if isinstance(e, sp.Mul):
            return self._product(e, env)
        if isinstance(e, sp.Add):
            values = [self._of(a, env) for a in e.args]
            return sum(values) if all(isinstance(v, int) for v in values) else mpmath.fsum(values)
        if isinstance(e, sp.Pow):
            return _power(self._of(e.base, env), self._of(e.exp, env))
        if isinstance(e, sp.And):
            return all(self._of(a, env) for a in e.args)
        if isinstance(e, sp.Or):
            return any(self._of(a, env) for a in e.args)
        if isinstance(e, sp.Not):
            return not self._of(e.args[0], env)
        if e in (sp.true, sp.false):
            return e == sp.true
        if isinstance(e, sp.sin | sp.cos) and e.args[0].has(sp.pi):  # of a quarter of a turn cos is 0, not 1e-51
            return _turns(_OF_HALF_TURNS[type(e)], self._of(_half_turns(e.args[0]), env))
        values = [self._compared(a, env) if isinstance(e, sp.Rel) else self._of(a, env) for a in e.args]
        if any(isinstance(v, mpmath.mpc) for v in values):  # what is not real compares as NaN does
            return isinstance(e, sp.Ne) if isinstance(e, sp.Rel) else mpmath.nan
        return _FUNCTIONS[e.func](*values)

    def _compared(self, e: Expr, env: dict[Expr, int]) -> Any:
        """A side of a comparison: 0.8 is the float64 that the engine compares with, so that x = 0.8 is on the bound."""
        return mpmath.mpf(float(e)) if isinstance(e, sp.Rational) and not e.is_Integer else self._of(e, env)

    def _product(self, e: Expr, env: dict[Expr, int]) -> Any:
        """Deltas and choices first: where one is 0, nothing else is looked at (it may lie outside its tensor)."""
        rest = []
        chosen: Any = 1
        for factor in e.args:
            if isinstance(factor, sp.KroneckerDelta | sp.Piecewise):
                chosen = chosen * self._of(factor, env)
                if isinstance(chosen, int) and not chosen:
                    return 0
            else:
                rest.append(factor)
        result = chosen
        for factor in rest:
            result = result * self._of(factor, env)
        return result

    def _each(self, limits: list[Any], env: dict[Expr, int]) -> Iterator[dict[Expr, int]]:
        if not limits:
            yield env
            return
        k, low, high = limits[-1]  # the last is the outermost
        for value in range(int(self._of(low, env)), int(self._of(high, env)) + 1):
            yield from self._each(limits[:-1], {**env, k: value})

    def _element(self, name: str, index: tuple[int, ...]) -> Any:
        if (name, index) in self.kept:
            return self.kept[name, index]
        definition = self.definition
        if name in self.tensors:
            return self._given(name, index)
        assert definition is not None, name
        if name in definition.helper:
            helper = definition.helper[name]
            value = self._of(helper.value, dict(zip(helper.indices, index, strict=True)))
        elif name in definition.matrix:
            return self._matrix(definition.matrix[name], index)
        else:
            value = self._argmax(definition.argmax[name], index)
        self.kept[name, index] = value
        return value

    def _given(self, name: str, index: tuple[int, ...]) -> Any:
        value = self.tensors[name]
        if index or isinstance(value, np.ndarray):
            if any(i < 0 for i in index):
                raise IndexError(f"{name}{list(index)}")
            value = value[index]
        if isinstance(value, np.integer | int | np.bool_):
            return int(value)
        return value if isinstance(value, mpmath.mpf) else mpmath.mpf(float(value))

    def _matrix(self, matrix: Matrix, index: tuple[int, ...]) -> Any:
        """An element of what an equation defines; all elements of the matrix are kept."""
        lead = index[: len(matrix.lead)]
        env = dict(zip(matrix.lead, lead, strict=True))
        height, side = (range(int(self._of(size, env))) for size in (matrix.height, matrix.side))
        rows = [[self._of(matrix.value, {**env, matrix.row: i, matrix.column: j}) for j in side] for i in height]
        if matrix.kind in _OF_DET:
            self.kept[matrix.name, index] = _OF_DET[matrix.kind](_det(rows))
        elif matrix.kind in _OF_SINGULAR:
            s = list(_singular(rows)[1])
            self.kept[matrix.name, index] = mpmath.fdot(s, _OF_SINGULAR[matrix.kind](s))
        else:
            made = _whole(matrix.kind, rows)
            self.kept |= {(matrix.name, (*lead, i, j)): made[i][j] for i in height for j in side}
        return self.kept[matrix.name, index]

    def _argmax(self, argmax: ArgMax, index: tuple[int, ...]) -> int:
        env = dict(zip(argmax.indices, index, strict=True))
        best, at = None, None
        for inner in self._each(list(reversed(argmax.limits)), env):
            if at is None:  # of nothing the first place
                at = inner[argmax.limits[argmax.position][0]]
            if not self._of(argmax.condition, inner):
                continue
            value = self._of(argmax.term, inner)
            beyond = best is None or (value > best if argmax.kind == "max" else value < best)
            if beyond or (mpmath.isnan(value) and not mpmath.isnan(best)):  # the first nan is both largest and least
                best, at = value, inner[argmax.limits[argmax.position][0]]
        return at or 0


def _whole(kind: str, rows: list[list[Any]]) -> list[list[Any]]:
    """The inverse, the Cholesky factor (NaN where there is none), the cofactors, or Σ u·vᵀ of singular vectors."""
    if kind in _OF_PAIRS:
        u, s, v = _singular(rows)
        shares = enumerate(_OF_PAIRS[kind](list(s)))
        parts = [(p, share) for p, share in shares if share]
        return [
            [mpmath.fsum(share * u[i, p] * v[p, j] for p, share in parts) for j in range(len(rows[0]))]
            for i in range(len(rows))
        ]
    if kind == "cofactor":
        return [[(-1) ** (i + j) * _det(_minor(rows, i, j)) for j in range(len(rows))] for i in range(len(rows))]
    if not all(mpmath.isfinite(each) for row in rows for each in row):  # of which mpmath finds no pivot
        return [[mpmath.nan for _ in rows] for _ in rows]
    try:
        made = (mpmath.inverse if kind == "inverse" else mpmath.cholesky)(mpmath.matrix(rows))
    except (ZeroDivisionError, ValueError):
        return [[mpmath.nan for _ in rows] for _ in rows]
    return [[made[i, j] for j in range(len(rows))] for i in range(len(rows))]


def _minor(rows: list[list[Any]], row: int, column: int) -> list[list[Any]]:
    return [[*line[:column], *line[column + 1 :]] for i, line in enumerate(rows) if i != row]


def _det(rows: list[list[Any]]) -> Any:
    if not all(mpmath.isfinite(each) for row in rows for each in row):
        return mpmath.nan
    return mpmath.det(mpmath.matrix(rows)) if rows else mpmath.mpf(1)


def _singular(rows: list[list[Any]]) -> Any:
    """(u, s, vᵀ), the largest first; NaN where there are none."""
    count = min(len(rows), len(rows[0]))
    try:
        return mpmath.svd_r(mpmath.matrix(rows))
    except (ValueError, RuntimeError):
        return mpmath.matrix(len(rows), count) * mpmath.nan, [mpmath.nan] * count, mpmath.matrix(count, len(rows[0]))


def _every(s: list[Any]) -> list[Any]:
    """How much of each singular value counts: all of it."""
    return [mpmath.mpf(1)] * len(s)


def _first(s: list[Any]) -> list[Any]:
    """The largest, of which equal ones (to half of the digits) have a part each."""
    return _equal(s, s[0])


def _last(s: list[Any]) -> list[Any]:
    """The smallest."""
    return _equal(s, s[-1])


def _equal(s: list[Any], best: Any) -> list[Any]:
    hit = [not abs(one - best) > s[0] * mpmath.sqrt(mpmath.eps) for one in s]
    return [mpmath.mpf(one) / sum(hit) for one in hit]


_OF_SINGULAR: Mapping[str, Any] = {"nuclear": _every, "first_singular": _first, "last_singular": _last}
"""By which shares singular values are added up."""
_OF_PAIRS: Mapping[str, Any] = {"orthogonal": _every, "first_pair": _first, "last_pair": _last}
"""The same of their vectors."""
_OF_DET: Mapping[str, Any] = {
    "det": lambda d: d, "logabsdet": lambda d: mpmath.log(abs(d)) if d else -mpmath.inf, "signdet": mpmath.sign
}  # fmt: skip


def _grows(function: Any, x: Any) -> Any:
    """exp, sinh, cosh, and what has a limit as they have: that of ±∞ where not even the exponent of the result is a
    number of a decent size."""
    if mpmath.isfinite(x) and x and mpmath.mag(x) > MAX_BITS:
        x = mpmath.inf if x > 0 else -mpmath.inf
    return function(x)


def _turns(function: Any, x: Any) -> Any:
    """sin, cos."""
    return mpmath.nan if not mpmath.isfinite(x) or (x and mpmath.mag(x) > MAX_TURN) else function(x)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent <= MAX_TURN:
            return base**exponent
        base = mpmath.mpf(base)
    if base and exponent and mpmath.isfinite(base) and mpmath.isfinite(exponent) and base not in (1, -1):
        size = mpmath.log(abs(base), 2) * exponent  # binary digits of the result
        if abs(size) > 2**MAX_BITS:
            return mpmath.inf if size > 0 else mpmath.mpf(0)
    try:
        return mpmath.power(base, exponent)
    except ZeroDivisionError:
        return mpmath.inf


def _real(value: Any) -> Any:
    if isinstance(value, mpmath.mpc):
        return mpmath.mpf(mpmath.nan)
    return mpmath.mpf(value)
