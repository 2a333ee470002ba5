"""Proofs: what is equal is shown so by algebra where that is cheap; what is not is never called equal."""

from __future__ import annotations

import time

import pytest
import sympy as sp

from bptui.symbolic.calculus.canon import rebind, tidy
from bptui.symbolic.calculus.notation import Piecewise, Sum, bound, element, index, scalar, size
from bptui.symbolic.calculus.prove import prove_equal

x, t = scalar("x"), scalar("t")
i, j = index("i"), index("j")
N = size("N")


def sigmoid(u):
    return 1 / (1 + sp.exp(-u))


def derivative(f):
    return sp.diff(f, x)


PHI = (1 + sp.erf(x / sp.sqrt(2))) / 2
EQUAL = {
    "sigmoid": (derivative(sigmoid(x)), sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (derivative(sp.tanh(x)), 1 - sp.tanh(x) ** 2),
    "softplus": (derivative(sp.log(1 + sp.exp(x))), sigmoid(x)),
    "silu": (derivative(x * sigmoid(x)), x * sigmoid(x) + sigmoid(x) * (1 - x * sigmoid(x))),
    "log sigmoid": (derivative(-sp.log(1 + sp.exp(-x))), 1 - sigmoid(x)),
    "gelu": (derivative(x * PHI), PHI + x * sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)),
    "bce with logits": (derivative(sp.log(1 + sp.exp(x)) - t * x), sigmoid(x) - t),
    "softsign": (derivative(x / (1 + sp.Abs(x))), 1 / (1 + sp.Abs(x)) ** 2),
    "branches": (
        derivative(Piecewise((x**2, x > 0), (sp.exp(x) - 1, True))),
        Piecewise((2 * x, x > 0), (sp.exp(x), True)),
    ),
}
DIFFERENT = {
    "sigmoid, a sign": (EQUAL["sigmoid"][0], sigmoid(x) * (1 + sigmoid(x))),
    "tanh, by 1e-18": (EQUAL["tanh"][0], 1 - sp.tanh(x) ** 2 + sp.Rational(1, 10**18)),
    "gelu, a factor": (EQUAL["gelu"][0], PHI + x * sp.exp(-(x**2) / 2) / sp.sqrt(sp.pi)),
    "one branch": (EQUAL["branches"][0], Piecewise((2 * x, x > 0), (1 - x, True))),
    "a delta": (sp.KroneckerDelta(i, j), sp.Integer(1)),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_is_proved(name):
    proof = prove_equal(*EQUAL[name])
    assert proof.proved, proof


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_is_never_equal(name):
    proof = prove_equal(*DIFFERENT[name])
    assert proof.method == "none"


def test_what_algebra_does_not_see_is_only_checked():
    proof = prove_equal(sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(1))
    assert proof.method == "50 digits"
    assert not proof.proved


def test_a_logarithm_is_checked_where_it_has_values():
    proof = prove_equal(sp.log(x) + sp.log(t), sp.log(x * t * sp.exp(0)) + 0 * t)
    assert proof.method in ("50 digits", "identical", "expand")


def test_identical():
    assert prove_equal(x, x).method == "identical"


def test_deltas_equate_indices():
    a = element("a", (i,))
    b = element("a", (j,))
    assert prove_equal(sp.KroneckerDelta(i, j) * a, sp.KroneckerDelta(i, j) * b).proved
    assert prove_equal(a, b).method == "none"


def test_sums_are_equal_whatever_their_index_is_called():
    def total(name, factor=1):
        k = bound(name)
        return Sum(factor * element("a", (k,)), (k, 0, N - 1))

    assert rebind(total("k")) == rebind(total("other"))
    assert prove_equal(total("k") ** 2, total("l") * total("m")).proved
    assert prove_equal(total("k"), total("k", 2)).method == "none"


def test_nested_sums_are_not_merged():
    """SymPy's as_dummy makes one bound index of two."""
    a, b = bound("a"), bound("b")
    nested = Sum(sp.exp(Sum(element("x", (a, b)), (b, 0, N - 1))), (a, 0, N - 1))
    renamed = rebind(nested)
    outer, inner = renamed.limits[0][0], next(iter(renamed.function.atoms(sp.Sum))).limits[0][0]
    assert outer != inner
    assert prove_equal(nested, Sum(sp.exp(N * element("x", (a, a))), (a, 0, N - 1))).method == "none"


def test_what_is_too_large_for_algebra_is_not_tried():
    wild = sum(sp.sin(x + k) ** 2 * sp.exp(k * x) / (1 + sp.exp(-x - k)) for k in range(12))
    start = time.process_time()
    prove_equal(sp.diff(wild, x), sp.diff(wild, x) + x - x * sp.cos(t) ** 2 - x * sp.sin(t) ** 2)
    assert time.process_time() - start < 2


def test_tidy_is_equal_and_shorter():
    k = bound("k")
    g, y = element("G", (i,)), element("y", (i,))
    sum_ = Sum(element("G", (k,)) * element("y", (k,)), (k, 0, N - 1))
    assert str(tidy(g * y - sum_ * y)) == "(G[i] - Sum(G[_k]*y[_k], (_k, 0, N - 1)))*y[i]"
    assert str(tidy((2 * x - 2 * t) / N)) == "2*(-t + x)/N"
    decimal = (sp.Rational("0.044715") * x**3 + x) * t
    assert tidy(decimal) in (decimal, sp.expand(decimal)) or prove_equal(tidy(decimal), decimal).proved
