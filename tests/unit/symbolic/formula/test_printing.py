"""Formulas in one row: order, colours, numbers put in while printing, ASCII, LaTeX."""

from __future__ import annotations

import re

import pytest
import sympy as sp

from bptui.model.base.spans import Span, plain
from bptui.model.base.syntax import Unreadable
from bptui.model.engine import ops
from bptui.symbolic.calculus.convert import from_sympy
from bptui.symbolic.formula import latex
from bptui.symbolic.formula.printing import Names, sides, to_spans
from bptui.symbolic.formula.read import from_hint, from_text
from tests.unit.model.engine.ops.samples import uses

a, b, t, W, x, y, z = sp.symbols("a b t W x y z", real=True)


@pytest.mark.parametrize(
    ("expression", "rank", "shown", "ascii_"),
    [
        (a * (1 - a), "a", "a·(1 - a)", "a*(1 - a)"),
        (x - t, "xt", "x - t", "x - t"),
        (x * W + b, "xWb", "x·W + b", "x*W + b"),
        (sp.Piecewise((a, z > 0), (0, True)), "az", "a if z > 0 else 0", "a if z > 0 else 0"),
        (-x / y**2, "xy", "-x/y²", "-x/y**2"),
        (sp.diff(1 / (1 + sp.exp(-z)), z), "z", "exp(-z)/(exp(-z) + 1)²", "exp(-z)/(exp(-z) + 1)**2"),
        (1 / sp.sqrt(x), "x", "1/sqrt(x)", "1/sqrt(x)"),
        (sp.Rational(44715, 1000000) * x**4, "x", "0.044715·x**4", "0.044715*x**4"),
    ],
)
def test_order_and_glyphs(expression, rank, shown, ascii_):
    tree = from_sympy(expression, tuple(rank))
    assert plain(to_spans(tree)) == shown
    assert plain(to_spans(tree, unicode=False)) == ascii_


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("y = 1/(1 + exp(-x))", "a = 1/(1 + exp(-z))"),
        ("y[i,j] = sum(x[i,k]*w[k,j] for k in K) + b[j]", "a[i,j] = sum(z[i,k]·w[k,j] for k) + b[j]"),
        ("y = x if x > 0 else slope*x", "a = z if z > 0 else slope·z"),
        (
            "m[i] = sum(x[i,k] for k in K)/K; y[i,j] = x[i,j] - m[i]",
            "a[i,j] = z[i,j] - m[i]  where m[i] = sum(z[i,k] for k)/K",
        ),
        ("y = (p - t)**2/2 - (p - (t - x))", "a = (p - t)²/2 - (p - (t - z))"),
    ],
)  # fmt: skip
def test_a_definition_keeps_its_authors_form(text, shown):
    names = Names({"y": Span("a", "value"), "x": Span("z", "value")})
    left, right = sides(from_text(text), names)
    assert f"{plain(left)} = {plain(right)}" == shown


def test_colours_by_kind_and_a_gradient_is_one_word():
    names = Names({"x": Span("z", "value"), "w": Span("W", "parameter"), "G": Span("∂L/∂z", "gradient")})
    spans = to_spans(from_hint("sum(x[i,p]*G[i,q] for i in I) + w[p,q]"), names)
    styles = {span.text: span.style for span in spans}
    assert styles["z"] == "value"
    assert styles["W"] == "parameter"
    assert styles["∂L/∂z[i,q]"] == "gradient"


def test_numbers_are_put_in_without_evaluation():
    names = Names({"a": Span("a", "value")}, numbers=lambda name, place: 0.51)
    assert plain(to_spans(from_hint("a*(1 - a)"), names)) == "0.5100·(1 - 0.5100)"
    names = Names(numbers=lambda name, place: -0.51)
    assert plain(to_spans(from_hint("a*(1 - a)"), names)) == "(-0.5100)·(1 - (-0.5100))"
    assert (
        plain(to_spans(from_hint("a - lr*g"), Names(numbers=lambda n, _: -1.0 if n == "a" else "0.1")))
        == "-1.0000 - 0.1·0.1"
    )


def test_derived_sums_and_equations():
    i, p, q = sp.symbols("i p q", integer=True)
    size = sp.Symbol("I", integer=True, positive=True)
    k = sp.Dummy("i", integer=True, nonnegative=True)
    tensor, upstream = sp.IndexedBase("x", real=True), sp.IndexedBase("G", real=True)
    summed = sp.Sum(tensor[k, p] * upstream[k, q], (k, 0, size - 1))
    names = Names({"G": Span("∂L/∂z", "gradient")})
    assert plain(to_spans(from_sympy(summed, ("x", "G")), names)) == "Σ_i x[i,p]·∂L/∂z[i,q]"
    assert plain(to_spans(from_sympy(sp.KroneckerDelta(i, p), ()), unicode=False)) == "delta[i,p]"


@pytest.mark.parametrize(
    "text", ["y = __import__('os')", "y = x.real", "y = [1]", "x + 1", "y = f(*x)", "y = (" * 60, "y = x" + "+x" * 2000]
)
def test_what_is_not_the_notation_is_unreadable(text):
    with pytest.raises(Unreadable):
        from_text(text)


KNOWN = {
    "frac", "partial", "sum", "prod", "max", "min", "exp", "log", "sin", "cos", "tanh", "sinh", "cosh", "sqrt",
    "left", "right", "cdot", "operatorname", "mathrm", "delta", "begin", "end", "text", "leq", "geq", "neq",
    "wedge", "vee", "neg", "quad", "lfloor", "rfloor", "bmod", "infty", "hat", "ldots", "alpha", "beta", "gamma",
    "epsilon", "eta", "lambda", "mu", "rho", "sigma", "tau", "pi", "theta",
}  # fmt: skip


def compiles(text):
    """No LaTeX here: balanced, every command known, no bare underscore in a name."""
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= KNOWN, text
    for inside in re.findall(r"\\mathrm\{((?:[^{}]|\{[^{}]*\})*)\}", text):
        assert not re.search(r"(?<!\\)_", inside), text
    assert text.isascii()
    assert not re.search(r"[_^][^{\\]", text.replace(r"\_", "")), text


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", [u for u in uses() if 0 not in u.shapes[0]], ids=str)
def test_every_definition_prints_in_every_form(use):
    row = use.row
    attributes = {
        n: row.attributes[n].check(use.attributes[n]) if n in use.attributes else d.default
        for n, d in row.attributes.items()
    }
    statements = from_text("\n".join(s.strip() for s in row.define(row.signature(use.shapes, attributes)).splitlines()))
    names = Names({"x": Span("layer_1.z", "value"), "y": Span("a", "value")})
    assert all(plain(side).isascii() for side in sides(statements, names, unicode=False))
    for statement in statements:
        compiles(latex.to_latex(statement.value, names))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1/(1 + exp(-x))", r"\frac{1}{1 + \exp\left(-x\right)}"),
        ("x if x > 0 else 0", r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}"),
        ("(x - t)**2", r"{\left(x - t\right)}^{2}"),
        ("m_hat*beta1", r"\hat{m} \cdot \beta_{1}"),
        ("eps_2*layer", r"\mathrm{eps\_2} \cdot \mathrm{layer}"),
    ],
)
def test_latex(text, written):
    assert latex.to_latex(from_hint(text)) == written
    compiles(written)


def test_every_row_has_a_readable_definition():
    for name, row in ops.OPS.items():
        if isinstance(row.definition, str):
            assert from_text(row.definition), name
