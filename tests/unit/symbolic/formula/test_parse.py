"""The notation: what is read, what is refused and with which words; hostile text is refused and never runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bptui.symbolic
from bptui.model.base.errors import UserError
from bptui.symbolic.formula.parse import Names, parse
from bptui.symbolic.formula.text import LIMITS

MATRIX = Names({"x": 2, "labels": 1}, integers=("labels",), parameters=("eps",))


@pytest.mark.parametrize(
    "text",
    [
        "y[i,j] = x[i,j]",
        "y[i,j] = exp(x[i,j])/sum(exp(x[i,k]) for k in K)",
        "y[i] = x[i,labels[i]]",
        "y[i] = sum(x[i,k] for k in range(0, i + 1) if k != i)",
        "y[i] = sum(x[i,k] for k in 3)",
        "y[i] = max(x[i,k] for k in x.shape[1])",
        "m[i] = sum(x[i,k] for k in K)/K; y[i,j] = (x[i,j] - m[i])/sqrt(eps)",
        "m[i] = prod(x[i,k] for k in K)\ny[i,0] = m[i] if m[i] > 0 and not m[i] >= 1 else -m[i]",
        "  y[i,j] = x[i//2,j%2] + max(x[i,j], 0) + pi + erf(x[i,j]) + 1e-3",
        "y[i,j] = delta(i,j)*x[i,0] if 0 <= i < 2 else +x[i,j]**2",
    ],
)
def test_reads(text):
    assert parse(text, MATRIX)[-1].target is not None


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("y[i,j] = x[i,j] + spam", "column 19", "unknown name 'spam'"),
        ("y[i,j] = x[i,j] + ep", "column 19", "did you mean 'eps'?"),
        ("y[i,j] = ex(x[i,j])", "column 10", "did you mean 'exp'?"),
        ("y[i,j] = z[i,j]", "column 10", "unknown tensor 'z'"),
        ("y[i,j] = x[i]", "column 10", "'x' has 2 axes, here 1 indices"),
        ("y[i,j] = x", "column 10", "write x[i,…]"),
        ("y[i,j] = x[i,j]\nz = y", "line 2, column 5", "'y' has 2 indices"),
        ("y[i,j] = x.shape[2]", "column 10", "has 2 axes, so no axis 2"),
        ("y[i,j] = x.size[0]", "column 10", "only x.shape[0]"),
        ("y[i,j] = exp(x[i,j], 2)", "column 10", "exp with 2 arguments"),
        ("y[i,j] = sum(x[i,j])", "column 10", "write sum(x[i] for i in I)"),
        ("y[i,j] = exp(x[i,k] for k in K)", "column 10", "exp does not go over a range"),
        ("y[i,j] = sum(x[i,j] for i in I)", "column 25", "index 'i' is in use here"),
        ("y[i,j] = sum(x[i,kk] for kk in K)", "column 26", "one lowercase letter"),
        ("y[i,i] = x[i,i]", "column 5", "index 'i' twice"),
        ("y[x] = x[0,0]", "column 3", "'x' is a tensor here"),
        ("y[1] = x[0,0]", "column 3", "one lowercase letter"),
        ("Y[i] = x[i,0]", "column 1", "'Y' cannot be a name"),
        ("exp = x[0,0]", "column 1", "'exp' is a function"),
        ("eps = 1; y = eps", "column 1", "'eps' is defined already"),
        ("y[i,j] = x[i,j] if x[i,j] else 0", "column 20", "a condition compares"),
        ("y[i,j] = x[i,j]^2", "column 16", "write ** for a power"),
        ("y[i,j] = x @ x", "column 12", "write sum(a[i,k]*b[k,j] for k in K)"),
        ("y[i,j] = x[i,j]/0", "column 17", "division by zero"),
        ("y[i,j] = x[i,j]**65", "column 18", "exponent 65"),
        ("y[i,j] = x[i**2,j]", "column 12", "an index is made of"),
        ("y[i,j] = x[i/2,j]", "column 12", "write // for a whole quotient"),
        ("y[i,j] = 2**3**4", "column 13", "a tower of constants"),
        ("y[i,j] = 12345678901234567", "column 10", "more than 15 digits"),
        ("y[i,j] = 1e999", "column 10", "too large"),
        ("y[i,j] = True", "column 10", "True is not a number"),
        ("y[i,j] = (x[i,j]", "column 10", "not a formula"),
        ("x[i,j]", "column 1", "not a definition"),
        ("y = z = 1", "column 1", "two targets"),
        ("", "definition", "is empty"),
        ("# nothing", "definition", "is empty"),
        ("y[i,j] = exp(x=1)", "column 10", "takes no keywords"),
        ("y[i,j] = exp", "column 10", "write exp(…)"),
        ("y[i,j] = x[i:j,0]", "column 12", "not part of the notation"),
        ("y[i,j] = x[i,j] if labels[i] is j else 0", "column 20", "not part of the notation"),
    ],
)
def test_says_where_and_what(text, place, what):
    with pytest.raises(UserError) as caught:
        parse(text, MATRIX, "definition of own")
    message = str(caught.value)
    assert place in message
    assert what in message
    assert "\n" not in message


def test_limits_come_before_parsing():
    for text in (
        "y = " + "x" * LIMITS.characters,
        "y = " + "(" * 41 + "1" + ")" * 41,
        "y = " + "-" * 1500 + "1",
        "y = " + "+".join(["1"] * 500),
        "y = " + "**".join(["2"] * 300),
        "y = " + "9" * 1900,
    ):
        start = time.thread_time()
        with pytest.raises(UserError):
            parse(text)
        assert time.thread_time() - start < 0.5


HOSTILE = """
__import__("os").getpid()
y = __import__("os").system("true")
y = ().__class__.__base__.__subclasses__()
y = x.__class__
y = x.__dict__["a"]
y = eval("1")
y = exec("RAN = 1")
y = open("/etc/passwd")
y = globals()
y = locals()
y = getattr(x, "a")
y = setattr(x, "a", 1)
y = compile("1", "", "eval")
y = lambda: 1
y = (lambda: 1)()
y = [1, 2]
y = [k for k in K]
y = {k for k in K}
y = {1: 2}
y = "text"
y = b"bytes"
y = f"{x}"
y = 1j
y = None
y = ...
y = (y := 1)
y = await x
y = yield
y = *x
y = x[...]
y = x[1:2]
y = print
y = print("RAN")
y = input()
y = exit()
y = exp(*x)
y = exp(**x)
y = exp.real
y = exp(x).real
y = sum(x, y for k in K)
y = sum(x for k in open("f"))
y = sum(x for a.b in K)
y = sum(x for (a, b) in K)
y = 10**10**10
y = 9**9**9
y = 1 if x else 2
y = x.shape[__import__("os")]
y = x.shape[0].real
import os
del x
def f(): pass
class A: pass
for k in x: pass
while 1: pass
x += 1
y: int = 1
assert x
raise x
with x: pass
@x
y = not_a_function(1)
y = x | 1
y = x << 100
y = ~x
y = x is x
y = x in x
y = \\
y = $x
y = x;;
y = σ(x)
y = `x`
""".strip().splitlines()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused(text, capsys, monkeypatch):
    def ran(*_):
        raise AssertionError("the text ran")

    for name in ("eval", "exec", "open", "__import__", "compile"):
        if name not in ("__import__", "compile"):
            monkeypatch.setattr(f"builtins.{name}", ran)
    monkeypatch.setattr(os, "system", ran)
    modules = set(sys.modules)
    with pytest.raises(UserError):
        parse(text, Names({"x": 0}))
    assert capsys.readouterr() == ("", "")
    assert set(sys.modules) == modules


def test_there_are_enough_hostile_texts():
    assert len(HOSTILE) >= 52


def test_nothing_here_runs_text():
    """No part of the symbolic side calls what would execute or reinterpret text, or what never comes back."""
    forbidden = {
        "eval",
        "exec",
        "sympify",
        "parse_expr",
        "simplify",
        "lambdify",
        "doit",
        "MatrixSymbol",
        "nsimplify",
        "S",
    }
    for path in Path(bptui.symbolic.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert name not in forbidden, (path.name, node.lineno, name)
                if name == "subs":
                    assert not any(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in node.args), (
                        path.name
                    )


def test_reading_needs_no_algebra():
    """A definition in a network file is checked before SymPy is there."""
    code = "import sys; from bptui.symbolic.formula.parse import parse; parse('y = x'); print('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
