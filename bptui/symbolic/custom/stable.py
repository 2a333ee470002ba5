"""Forms of an expression that do not overflow where its value is a plain number."""

from __future__ import annotations

import sympy as sp

from bptui.symbolic.calculus.notation import Expr


class Inverse(sp.Function):  # type: ignore[misc]
    """1/u as a division of its own: of u = exp(a) it takes no second exponential, and SymPy leaves it as it stands."""


def stable(e: Expr) -> Expr:
    """u/(1 + u) of u = exp(a) as 1/(1 + 1/u): infinity over infinity is no number, where the value is 1.

    Derivatives of whatever has 1/(1 + exp(-x)) in it (sigmoid, swish, softplus) come with such quotients.
    """
    if not e.has(sp.exp):
        return e
    return e.replace(lambda part: isinstance(part, sp.Mul), _quotients)


def _quotients(product: Expr) -> Expr:
    factors = list(product.args)
    for at, power in enumerate(factors):
        if not (isinstance(power, sp.Pow) and power.exp.is_Integer and power.exp < 0):
            continue
        u = _one_plus(power.base)
        if u is None:
            continue
        for other, factor in enumerate(factors):
            if not isinstance(factor, sp.exp):
                continue
            times = sp.expand(factor.args[0]) / sp.expand(u.args[0])
            if times.is_Integer and 0 < times <= -power.exp:
                rest = [f for n, f in enumerate(factors) if n not in (at, other)]
                over = sp.Pow(1 + Inverse(u), -times)
                return sp.Mul(*rest, over, sp.Pow(power.base, power.exp + times))
    return product


def _one_plus(e: Expr) -> Expr | None:
    """u of `1 + u`, where u is an exponential."""
    if isinstance(e, sp.Add) and len(e.args) == 2 and sp.Integer(1) in e.args:
        (u,) = (a for a in e.args if a != 1)
        return u if isinstance(u, sp.exp) else None
    return None
