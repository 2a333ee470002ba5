"""Work that ends when its time is over, definitions that nobody waits for, and where in a file or formula they are."""

from __future__ import annotations

import gc
import threading
import time

import mpmath
import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.model.source.network import load
from bptui.symbolic.check import check_step
from bptui.symbolic.custom import make, operation
from bptui.symbolic.limit import Limit, TooLong


def endless():
    while True:
        sum(range(100))


def test_work_returns_what_it_makes_and_raises_what_it_raises():
    assert Limit().run(lambda: 3, 5.0) == 3
    with pytest.raises(ZeroDivisionError):
        Limit().run(lambda: 1 / 0, 5.0)


def test_what_takes_too_long_ends_and_the_next_goes_on():
    limit = Limit()
    for _ in range(3):
        with pytest.raises(TooLong, match=r"took longer than 0\.02 s"):
            limit.run(endless, 0.02)
        assert limit.run(lambda: "after", 5.0) == "after"


def test_the_end_of_an_inner_limit_is_not_that_of_the_outer_one():
    def both(inner, outer):
        return Limit().run(lambda: Limit().run(endless, inner), outer)

    with pytest.raises(TooLong, match=r"0\.02"):
        both(0.02, 30.0)
    with pytest.raises(TooLong, match=r"0\.05"):
        both(30.0, 0.05)


def test_stop_ends_what_runs_in_another_thread():
    limit, started, ended = Limit(), threading.Event(), threading.Event()

    def work():
        started.set()
        endless()

    def run():
        with pytest.raises(TooLong):
            limit.run(work, 60.0)
        ended.set()

    limit.stop()  # nothing runs
    threading.Thread(target=run, daemon=True).start()
    assert started.wait(20)
    limit.stop()
    assert ended.wait(20)


def test_a_definition_that_takes_sympy_too_long_is_one_line(monkeypatch):
    monkeypatch.setattr(operation, "TIME_LIMIT", 0.02)
    monkeypatch.setattr(operation, "derive", lambda *_: endless())
    with pytest.raises(UserError, match=r"^here: SymPy took longer than 0\.02 s to derive it \(a shorter one"):
        make("own", "y = x*x", "here")


@pytest.mark.parametrize(
    "text",
    [
        "y = ((((9**64)**64)**64)**64)**64*x",
        "y = 999999999999999**64*x",
        "y = 999999999999999**18*999999999999999**18*x",
        "y = (((x + x + x)**64)**64)**64",
        "y[i] = sum(x[i] for j in 999999999999999 for k in 999999999999999)",
        "y = x" + " + x" * 10**6,
        "y = " + "(" * 100 + "x" + ")" * 100,
        "y = " + "-" * 1500 + "x",
        "y = " + "x if x > 0 else " * 100 + "0",
        "y = " + "max(x, " * 30 + "x" + ")" * 30,
        "y = x*" + "9" * 16,
    ],
    ids=lambda text: text[:24],
)
def test_enormous_texts_are_refused_at_once(text):
    start = time.thread_time()
    with pytest.raises(UserError):
        parse("L = sum(own(x))", {"x": [1.0, 2.0]}, operations={"own": make("own", text)})
    assert time.thread_time() - start < 2


@pytest.mark.parametrize(
    "text",
    [
        "y = " + "exp(" * 14 + "x" + ")" * 14,
        "y = sin(exp(exp(exp(x))))",
        "y = x**x**x**x",
        "y = exp(-exp(exp(exp(exp(x)))))",
        "y = cosh(sinh(exp(exp(exp(x)))))",
    ],
)
def test_towers_of_exponentials_have_an_end_at_50_digits(text):
    graph = parse("L = sum(own(x))", {"x": [1.2, 3.0]}, operations={"own": make("own", text)})
    assert check_step(Program(graph, Optimizer("sgd", 0.1))).rows


def test_exact_numbers_end_where_their_exponents_do():
    from bptui.symbolic.calculus.exact import _grows, _power, _turns

    assert _grows(mpmath.exp, mpmath.mpf(10) ** 1000) == mpmath.inf
    assert _grows(mpmath.exp, -(mpmath.mpf(10) ** 1000)) == 0
    assert mpmath.isnan(_turns(mpmath.sin, mpmath.mpf(10) ** 10**6))
    assert _power(mpmath.mpf(2), mpmath.mpf(10) ** 1000) == mpmath.inf
    assert _power(-2, 3) == -8


def test_floor_beside_other_terms_leaves_them_their_slope():
    own = make("own", "y = x - floor(x) + x*floor(2*x)")
    graph = parse("L = sum(own(x))", {"x": [0.3, 1.7, -0.6]}, operations={"own": own})
    recording = Program(graph, Optimizer("sgd", 0.1)).record()
    np.testing.assert_allclose(recording.grad("x"), 1 + np.floor(2 * np.array([0.3, 1.7, -0.6])))
    assert check_step(recording).ok


TOML = '''
[ops.swoosh]
definition = """
    e = exp(-x)
    y = x/(1 + eexp(e))
"""
[data]
inputs = [[1.0]]
targets = [[1.0]]
[[layers]]
kind = "dense"
units = 1
activation = "swoosh"
[loss]
kind = "mse"
'''


def test_what_is_wrong_in_a_definition_is_told_at_its_place_in_the_file(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(TOML, encoding="utf-8")
    with pytest.raises(UserError) as problem:
        load(str(path))
    told = "5:16: ops.swoosh.definition, line 2, column 16: unknown function 'eexp' (did you mean 'exp'?)"
    assert str(problem.value) == f"{path} {told}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('f = op("y = x + foo(x)"); L = f(w)', "formula 1:17: definition, column 9"),
        ('a = 2*w\n  f = op("y = x + foo(x)"); L = f(w)', "formula 2:19: definition, column 9"),
        ("f = op('  y = x + foo(x)'); L = f(w)", "formula 1:19: definition, column 11"),
        ('f = op("y = \\x78 + foo(x)"); L = f(w)', "formula 1:5: definition, column 9"),  # escapes: where op stands
    ],
)
def test_what_is_wrong_in_a_definition_is_told_at_its_place_in_the_formula(text, place):
    with pytest.raises(UserError) as problem:
        parse(text, {"w": 1.0})
    assert problem.value.where == place


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("y = x + y", "column 9: 'y' is defined by itself"),
        ("y = own(x)", "column 5: 'own' is defined by itself"),
        ("y = relu(x)", "column 5: unknown function 'relu' (write max(x, 0))"),
        ("y = np.exp(x)", "column 5: 'np.exp' is not part of the notation (write exp(x))"),
        ("y = x.sum()", "write sum(x[i] for i in I)"),
        ("y = not x", "column 5: a condition is not a number"),
        ("y = x > 0", "column 5: a condition is not a number"),
        ("y = 2x", "write 2*x for 2x"),
        ("y = exp x", "functions are written exp(x)"),
        ("y = floor(x)", "column 5: not differentiable: the derivative by x is 0 wherever there is one"),
        ("y = 2*(1 if x > 0 else 0)", "column 8: not differentiable: the derivative by x is 0"),
    ],
)
def test_wrong_definitions_say_what_would_be_right(text, told):
    with pytest.raises(UserError) as problem:
        make("own", text)
    assert told in str(problem.value)


@pytest.mark.parametrize("on", [True, False])
def test_the_search_for_garbage_is_off_meanwhile_and_then_as_it_was(on: bool) -> None:
    """What is raised inside of one of its callbacks is swallowed, an Overrun too."""
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        assert not Limit().run(lambda: Limit().run(gc.isenabled, 5.0), 5.0)
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()
