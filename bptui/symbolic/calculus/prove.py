"""Is one form equal to another? By algebra where that is quick, else by 50 digits at random points, and it says which.

Algebra is sound: `cancel` treats exp(x), erf(x), x[i,j], whole sums as independent generators, so a 0 is a 0. That it
finds none means nothing. SymPy's `simplify` is never asked: it takes seconds, raises, or gives another form.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import mpmath
import sympy as sp
from sympy.core.relational import Relational

from bptui.symbolic.calculus.canon import by_deltas, linear, rebind
from bptui.symbolic.calculus.definition import leaves
from bptui.symbolic.calculus.exact import Digits
from bptui.symbolic.calculus.notation import Expr, name_of, rename
from bptui.symbolic.types import Method, Proof

MAX_OPERATIONS = 100
"""Beyond this many operations no algebra is tried on a part: its cost grows faster than its size. The largest part that
a row's hint leaves has 35, and takes 15 ms. Counted, not timed: what is proved must not depend on the machine."""
MAX_WORK = 500
"""Operations of all parts together."""
MAX_CONDITIONS = 5
POINTS, NEEDED = 8, 4
"""Random points at 50 digits, and how many of them must have a value (a logarithm has none for negative numbers)."""
_ORDER: list[Method] = ["identical", "expand", "cancel", "50 digits", "none"]
"""The weakest last."""
_EPSILON = mpmath.mpf(10) ** -40


def prove_equal(a: Expr, b: Expr) -> Proof:
    """How a = b was shown; helpers must have been put in.

    Sums, deltas, branches are looked at part by part; each part must be 0. The weakest method among the parts is told.
    """
    start = time.perf_counter()

    def spent() -> float:
        return (time.perf_counter() - start) * 1e3

    if a == b:
        return Proof("identical", spent())
    a, b = rebind(linear(rebind(a))), rebind(linear(rebind(b)))
    if a == b:
        return Proof("identical", spent())
    try:
        parts = list(by_deltas(a - b).values())
    except ValueError:
        parts = [a - b]
    methods = ["expand"]  # the difference, by deltas and conditions
    work = 0
    for part in (_opaque(branch) for p in parts for branch in _branches(rebind(p))):
        work += part.count_ops()
        method = _algebra(part) if work <= MAX_WORK else None
        if method is None:
            methods = ["none"]
            break
        methods.append(method)
    if methods == ["none"]:
        methods = ["50 digits" if _digits(a, b) else "none"]
    return Proof(max(methods, key=_ORDER.index), spent())  # type: ignore[arg-type]


def prove_zero(e: Expr, most: int, thorough: bool = True) -> Method | None:
    """How algebra shows that e, which has no sums, is 0 on each of its branches, None where it does not. `most`:
    operations beyond which none is tried; not `thorough`: only what is quick. The caller has a clock
    (`bptui.symbolic.limit`)."""
    methods: list[Method] = ["identical"]
    for branch in _branches(e):
        plain = _opaque(branch)
        method = _by_denominators(plain, most) or (_algebra(plain, most) if thorough else None)
        if method is None:
            return None
        methods.append(method)
    return max(methods, key=_ORDER.index)


def _by_denominators(e: Expr, most: int) -> Method | None:
    """As `_algebra`, with what has one denominator cancelled by itself: a sum over samples, of which each has its own,
    need not be brought to one quotient."""
    if e == 0 or e.count_ops() > most:
        return "identical" if e == 0 else None
    tops: dict[Expr, list[Expr]] = {}
    for term in sp.Add.make_args(sp.expand(e)):
        top, bottom = sp.fraction(term)
        tops.setdefault(bottom, []).append(top)
    if list(tops) == [1]:
        return "expand" if sp.Add(*tops[sp.Integer(1)]) == 0 else None
    quotients = (sp.cancel(sp.Add(*parts) / bottom) for bottom, parts in tops.items())
    return "cancel" if sp.expand(sp.Add(*quotients)) == 0 else None


def _branches(e: Expr) -> Iterator[Expr]:
    """The expression for each combination of its conditions (also for impossible ones: that only asks for more). Those
    of a sum, on the index that it binds, stay in it."""
    conditions: list[Expr] = []
    for piece in e.atoms(sp.Piecewise):
        for _, condition in piece.args:
            for relation in condition.atoms(Relational):
                known = relation in conditions or sp.Not(relation) in conditions
                if not known and not relation.atoms(sp.Dummy):
                    conditions.append(relation)
    if len(conditions) > MAX_CONDITIONS:
        yield e
        return
    for values in product((sp.true, sp.false), repeat=len(conditions)):
        given = dict(zip(conditions, values, strict=True))
        given |= {sp.Not(c): sp.Not(v) for c, v in list(given.items())}
        yield rename(e, given)


def _algebra(e: Expr, most: int = MAX_OPERATIONS) -> Method | None:
    """The method that shows e = 0, None where none does."""
    if e == 0:
        return "identical"
    if e.count_ops() > most:
        return None
    expanded = sp.expand(e)
    if expanded == 0:
        return "expand"
    if expanded.count_ops() > most * (MAX_WORK // MAX_OPERATIONS):
        return None
    return "cancel" if sp.cancel(sp.together(expanded)) == 0 else None


def _opaque(e: Expr) -> Expr:
    """Elements and sums as plain symbols: the algebra need not look into them."""
    parts = sorted(e.atoms(sp.Sum, sp.Product, sp.Piecewise), key=lambda s: -s.count_ops())
    for part in parts:
        if e.has(part):
            e = rename(e, {part: sp.Dummy("s", real=True)})
    e = rename(e, {part: sp.Dummy("x", real=True) for part in e.atoms(sp.Indexed)})
    signs = {part.args[0]: sp.Dummy("sign", real=True) for part in e.atoms(sp.Abs, sp.sign)}  # |u| = sign(u)·u
    e = rename(e, {part: signs[part.args[0]] * part.args[0] for part in e.atoms(sp.Abs)})
    return rename(e, {part: signs[part.args[0]] for part in e.atoms(sp.sign) if part.args[0] in signs})


class _Anywhere(dict[tuple[int, ...], Any]):
    """A tensor of no shape: a random number for each element that is asked for."""

    def __init__(self, draw: Any) -> None:
        super().__init__()
        self.draw = draw

    def __missing__(self, key: tuple[int, ...]) -> Any:
        self[key] = self.draw()
        return self[key]


def _digits(a: Expr, b: Expr) -> bool:
    """Do a and b agree to 40 of 50 digits at random points? The points are the same at every call."""
    source = random.Random(0)
    names = {name_of(leaf): leaf for leaf in (*leaves(a), *leaves(b))}
    seen = 0
    for point in range(POINTS):
        high, low = (0.9, 0.1) if point % 2 == 0 else (2.0, -2.0)

        def draw(low: float = low, high: float = high) -> Any:
            return mpmath.mpf(source.uniform(low, high))

        tensors: dict[str, Any] = {}
        sizes: dict[Expr, int] = {}
        indices: dict[Expr, int] = {}
        for name, leaf in sorted(names.items()):
            if isinstance(leaf, sp.Indexed):
                tensors[name] = _Anywhere((lambda: source.randrange(3)) if leaf.is_integer else draw)
            elif isinstance(leaf, sp.Dummy):
                continue
            elif leaf.is_integer:
                (sizes if leaf.is_positive else indices)[leaf] = (
                    source.randrange(2, 4) if leaf.is_positive else source.randrange(2)
                )
            else:
                tensors[name] = draw()
        evaluate = Digits(None, tensors, sizes, 50)
        try:
            left, right = evaluate(a, indices), evaluate(b, indices)
        except (ZeroDivisionError, ValueError, OverflowError):
            continue
        if not (mpmath.isfinite(left) and mpmath.isfinite(right)):
            continue
        if abs(left - right) > _EPSILON * max(1, abs(left)):
            return False
        seen += 1
    return seen >= NEEDED
