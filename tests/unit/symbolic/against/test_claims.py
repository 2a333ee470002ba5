"""Claims about gradients: right ones are proved in any notation, wrong ones refuted by a number; nothing is run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptui
from bptui.cli import main
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.source.network import from_formula, from_mapping, load
from bptui.symbolic.against.claims import claim, lines

SCALAR = ("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5})
SOFT = ("p = softmax(z); L = -sum(t*log(p))", {"z": [[0.2, -1.0, 0.5]], "t": [[0.0, 1.0, 0.0]]})
MATRIX = (
    "z = x @ W + b; h = tanh(z); p = h @ v; L = mse(p, y)",
    {"x": [[0.5, -1.0], [1.5, 2.0], [0.25, 1.0]], "W": [[0.1, 0.2], [-0.3, 0.4]], "b": [0.0, 0.1],
     "v": [[0.7], [-0.6]], "y": [[1.0], [0.0], [0.5]]},
)  # fmt: skip
RELU = ("z = w*x; L = sum(relu(z)*c)", {"w": 0.5, "x": [1.0, -2.0, 3.0], "c": [1.0, 2.0, -1.0]})


def judged(of, text):
    network = load(of) if isinstance(of, str) else from_formula(*of)
    return claim(network.program().record(), text, seconds=120)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (SCALAR, "w = -2*x*(y - w*x)"),
        (SCALAR, "w = 2*w*x**2 - 2*x*y"),
        (SCALAR, "dL/dw = -2*x*(y - w*x)"),
        (SCALAR, "∂L/∂w = -2*x*(y - w*x)"),
        (SCALAR, "grad(w) = x*(grad(x)/w)"),
        (SCALAR, "w.grad = -2*x*sqrt(L)*(1 if y - w*x > 0 else -1)"),
        (SCALAR, "dw = -2*x*(y - w*x)"),
        (SOFT, "z = p - t"),
        (SOFT, "z[i,j] = exp(z[i,j])/sum(exp(z[i,k]) for k in J)*sum(t[i,k] for k in J) - t[i,j]"),
        (MATRIX, "v = h.T @ (2/3*(p - y))"),
        (MATRIX, "v = tanh(x @ W + b).T @ (p - y)*2/N"),
        (MATRIX, "W = x.T @ ((2/3*(p - y)) @ v.T * (1 - h**2))"),
        (MATRIX, "W[i,j] = sum(x[n,i]*2/3*(p[n,0] - y[n,0])*v[j,0]*(1 - h[n,j]**2) for n in N)"),
        (MATRIX, "W[i,j] = sum(x[n,i]*grad(z)[n,j] for n in range(0, 3))*N/3"),
        (MATRIX, "W[1,0] = sum(x[n,1]*grad(z)[n,0] for n in N)"),
        (MATRIX, "b = sum(grad(z), axis=0)"),
        (MATRIX, "W = (grad(z).T @ x)"),
        (RELU, "w = sum(c*x*(z > 0))"),
        ("xor", "layer2.weight = layer1.a.T @ (prediction - y)/2"),
        ("deep-sigmoid", "layer1.z = layer1.a.grad * layer1.a*(1 - layer1.a)"),
    ],
)
def test_right_rules_are_proved(of, text):
    found = judged(of, text)
    if "sqrt" in text:
        assert found.ok, found.note  # |y - w·x|: algebra need not show it
    else:
        assert found.judged == "proved", found.note
        assert found.row.verdict == "ok"


@pytest.mark.parametrize(
    ("text", "times", "difference"),
    [
        ("w = -x*(y - w*x)", "2", "-x·(w·x - y)"),
        ("w = -2*(y - w*x)", "x", "-2·(w·x - y)·(x - 1)"),
        ("w = 2*x*(y - w*x)", "-1", "-4·x·(w·x - y)"),
    ],
)
def test_a_wrong_rule_has_its_difference_and_a_number(text, times, difference):
    found = judged(SCALAR, text)
    assert found.judged == "refuted"
    assert (found.times, found.difference) == (times, difference)
    assert (found.here.claimed, found.here.gradient) == (found.row.got, -4.0)
    assert "w·x - y = 0" in found.zero
    assert found.causes


@pytest.mark.parametrize("text", ["w = -4", "w = -2*x", "w = -2*x*(y - w*x) + (x - 2)", "w = -2*y*(y - w*x)"])
def test_what_agrees_at_the_step_by_accident_is_refuted_elsewhere(text):
    found = judged(SCALAR, text)
    assert found.judged == "refuted"
    assert found.here is None
    given = dict(found.drawn.given)
    gradient = -2 * given["x"] * (given["y"] - given["w"] * given["x"])
    assert gradient == pytest.approx(found.drawn.gradient, rel=1e-9)
    claimed = eval(text.partition("=")[2], {}, given)
    assert claimed == pytest.approx(found.drawn.claimed, rel=1e-9)


def test_a_constant_difference_is_nowhere_0():
    assert judged(SCALAR, "w = -2*x*(y - w*x) + 1").zero == "nowhere"


def test_classes_sum_to_1_and_that_is_said():
    found = judged(SOFT, "z = p - t")
    assert "where the rows of t sum to 1" in found.note
    assert "sum to 1" not in judged(SOFT, "z = sum(t)*p - t").note


def test_what_is_too_large_for_algebra_is_compared_and_said():
    found = judged("lenet", f"{load('lenet').graph.params[-1].name} = sum(prediction.grad, axis=0)")
    assert found.judged == "compared"
    assert "not proved" in found.note
    assert found.points == 8


def test_no_time_is_no_proof():
    network = from_formula(*MATRIX)
    found = claim(network.program().record(), "v = h.T @ (2/3*(p - y))", seconds=0.0)
    assert found.judged == "compared"


def test_float32_is_judged_in_float64():
    network = from_mapping(
        {
            "name": "n",
            "dtype": "float32",
            "formula": SCALAR[0],
            "train": ["w"],
            "values": {"x": 0.1, "y": 0.7, "w": 0.3},
        },
        "n",
    )
    assert claim(network.program().record(), "w = -2*x*(y - w*x)").judged == "proved"


def test_nan_is_no_agreement():
    found = claim(from_formula("L = sum(log(x))", {"x": [0.0, 1.0]}).program().record(), "x = 1/x")
    assert found.ok
    assert not claim(from_formula("L = sum(x)", {"x": [0.0, 1.0]}).program().record(), "x = x/x").ok


HOSTILE = (
    "w = __import__('os').system('true')", "w = (lambda: 1)()", "w = [c for c in ().__class__]", "w = {1: 2}",
    "w = eval('1')", "w = x.__class__", "w = 9**9**9**9**9", "w = 10**400", "w = f'{x}'", "w = x; import os",
    "w = " + "(" * 500 + "x" + ")" * 500, "w = " + "+".join(["x"] * 5000), "w[__import__('os')] = 1", "w := 3",
    "w = x if x else open('f')", "w = sum(open('f') for k in K)", "w = sum(x for k in range(10**12))", "w = \0",
    "w = 'a'*10**9",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_claim_is_one_line_and_nothing_runs(text, capsys):
    with pytest.raises(UserError) as told:
        judged(SCALAR, text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q = 1", "nothing is called 'q'"),
        ("w", "is not NAME = FORMULA"),
        ("w =", "is not NAME = FORMULA"),
        ("w = -2*xx*(y - w*x)", "nothing is called 'xx' (did you mean 'x'?)"),
        ("w[3] = 1", "is no element of w"),
        ("w = [1, 2]", ""),
        ("w = sum(x for k in K) + M", "nothing is called 'M'"),
        ("w = grad(q)", "grad takes the name of a value"),
    ],
)
def test_bad_claims(text, said):
    with pytest.raises(UserError) as told:
        judged(SCALAR, text)
    assert said in str(told.value)


def test_a_claim_of_another_shape():
    with pytest.raises(UserError, match=r"it is \(3, 2\), and the gradient of W is \(2, 2\)"):
        judged(MATRIX, "W = h")


def test_the_shell(capsys):
    given = ["check", "--formula", SCALAR[0], "x=2", "y=2", "w=0.5"]
    assert main([*given, "--claim", "w = -2*x*(y - w*x)"]) == 0
    assert "✓ w = -2*x*(y - w*x)" in capsys.readouterr().out
    assert main([*given, "--claim", "w = -2*x*(y - w*x)", "--claim", "w = 2*x", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in found["claims"]] == ["proved", "refuted"]
    assert [row["verdict"] for row in found["checks"] if row["row"] == "claim"] == ["ok", "FAIL"]
    assert main([*given, "--claim", "w = os"]) == 2


def test_in_the_debugger_of_the_selected_number(capsys):
    commands = ["select layer2.weight[0,0]", "claim sum(layer1.a[:,0]*(prediction[:,0] - y[:,0]))/2", "claim w = 1"]
    assert main(["run", "xor", "--batch", *(word for c in commands[:2] for word in ("-ex", c))]) == 0
    assert "✓ layer2.weight[0,0] = sum(" in capsys.readouterr().out
    assert main(["run", "xor", "--batch", "-ex", commands[2]]) == 2
    assert "nothing is called 'w'" in capsys.readouterr().err


def test_from_python():
    w, x = bptui.param(0.5, name="w"), bptui.data(2.0, name="x")
    loss = bptui.power(2.0 - w * x, exponent=2)
    assert bptui.check(loss, claims=["w = -2*x*(2 - w*x)"]).ok
    assert "refuted" in str(bptui.check(loss, claims=["w = -x*(2 - w*x)"]))


def test_lines_are_short_enough_to_read():
    assert all(len(plain(line)) < 400 for line in lines(judged(MATRIX, "W = x.T @ (grad(z)*h)")))
    assert np.isfinite(judged(MATRIX, "W = x.T @ (grad(z)*h)").row.got)


def test_algebra_that_is_told_to_end_ends_and_says_so():
    """σ′ written out in exponentials, in a deep network: more than algebra does in a moment."""
    slope = "exp(-layer1.z)/(1 + exp(-layer1.z))**2"
    text = f"layer1.weight = x.T @ (grad(layer2.z) @ layer2.weight.T * {slope})"
    asked = []

    def going(part):
        asked.append(part)
        return False

    found = claim(load("deep-sigmoid").program().record(), text, seconds=600, going=going)
    assert found.judged == "compared"
    assert "it was interrupted" in found.note
    assert len(asked) == 1


PARTS = st.sampled_from(
    ["W", "x", "y", "z", "h", "p", "(", ")", "[", "]", "+", "-", "*", "/", "@", "**", ".T", ".grad", "grad(", ",", "0",
     "2", "0.5", "i", "j", "n", "N", "sum(", " for n in N", "exp(", "relu(", ">", " if ", " else ", "axis=0", "=", "'",
     "lambda "]
)  # fmt: skip
HEADS = st.sampled_from(["W = ", "b = ", "W[i,j] = ", "v[0,0] = ", ""])


@settings(max_examples=60)
@given(HEADS, st.lists(PARTS, max_size=7))
def test_any_claim_is_judged_or_refused_in_one_line(head, parts):
    try:
        found = claim(MATRIX_STEP, head + "".join(parts), seconds=0.2)
    except UserError as problem:
        error = problem
    else:
        assert found.row.verdict in ("ok", "FAIL")
        return
    assert str(error).isprintable()


MATRIX_STEP = from_formula(*MATRIX, ["W", "b", "v"]).program().record()
