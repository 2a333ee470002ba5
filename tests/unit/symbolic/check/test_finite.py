"""NaN and inf are no wrong derivatives, and are never passed over: it is told where they arise and what they reach."""

from __future__ import annotations

import warnings

import pytest

from bptui.cli import main
from bptui.model.source.network import from_formula
from bptui.symbolic.check import check_step

HARMFUL = [  # formula, values, where the first of them arises
    ("L = mean(sqrt((u - v)**2))", {"u": [1, 2, 0.5, 3], "v": [0.5, 2.5, 0.5, 1]}, "grad(t2)[2] is inf"),
    ("y = where(c, sqrt(x), x); L = sum(y)", {"x": -1.0, "c": 0}, "t1 is NaN"),
    ("L = sum(log(x))", {"x": [0.0, 1.0]}, "t1[0] is -inf"),
    ("L = sum(x/norm(x))", {"x": [0.0, 0.0]}, "t2[0] is NaN"),
    ("L = sum(exp(x)*0)", {"x": [1000.0]}, "t1[0] is inf"),
]


@pytest.mark.parametrize(("formula", "values", "where"), HARMFUL)
def test_what_reaches_the_loss_or_a_gradient_fails_by_a_verdict_of_its_own(formula, values, where):
    report = check_step(from_formula(formula, values))
    found = [row for row in report.rows if row.verdict == "NONFINITE"]
    assert not report.ok
    assert any(row.note.startswith(where) for row in found), found
    assert all(row.row == "finite" for row in found)
    assert not any(row.verdict == "FAIL" for row in report.rows)


def test_what_reaches_nothing_is_told_and_is_no_failure():
    formula = "c = log(0.0); L = sum(softmax(where(m, x, c))*x)"
    report = check_step(from_formula(formula, {"x": [0.5, 1.0], "m": [1.0, 0.0]}))
    assert report.ok
    (row,) = (row for row in report.rows if row.row == "finite")
    assert (row.verdict, row.note) == ("n/a", "c is -inf; the loss and all gradients and updates are finite")


def test_an_update_that_overflows_is_told():
    net = from_formula("L = sum(x*x)", {"x": [1e160]}, train=["x"], learning_rate=1e300)
    report = check_step(net)
    assert any(row.row == "finite" and "update of x" in row.note for row in report.rows)


def test_the_shell_ends_with_1_and_names_it(capsys):
    assert main(["check", "--formula", HARMFUL[0][0], "u=[1,2,0.5,3]", "v=[0.5,2.5,0.5,1]"]) == 1
    out = capsys.readouterr().out
    assert "NONFINITE grad(t2)[2] is inf; not finite: the gradient of u, v" in out
    assert "25 ok, 2 NONFINITE" in out


def test_finite_numbers_have_no_such_row():
    assert all(row.row != "finite" for row in check_step(from_formula("L = sum(x*x)", {"x": [1.0, 2.0]})).rows)


def test_a_matrix_that_has_no_factor_is_compared_not_skipped():
    """The derived gradient is NaN where the engine's is: mpmath has no pivot for such a matrix."""
    network = from_formula("L = sum(cholesky(a))", {"a": [[1.0, 2.0], [2.0, 1.0]]})
    rows = [row for row in check_step(network).rows if (row.node, row.row) == ("t1", "symbolic")]
    assert [(row.verdict, row.note) for row in rows] == [("ok", "")]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_a_dead_window_passes_no_gradient_on(p):
    """Behind relu whole windows are 0, where the p-th root has no slope: 0, as PyTorch's, and no NaN."""
    network = from_formula(f"L = sum(lp_pool1d(x, kernel_size=2, p={p}))", {"x": [[0.0, 0.0, 3.0, 4.0]]})
    assert check_step(network).ok
    gradient = network.program().record().grad(network.graph.by_name["x"])
    assert gradient is not None
    root = (3**p + 4**p) ** (1 / p)
    assert gradient[0] == pytest.approx([0.0, 0.0, (3 / root) ** (p - 1), (4 / root) ** (p - 1)])


def test_numbers_at_the_end_of_what_there_is_are_checked_without_a_warning(capsys):
    """What is checked may overflow where the step did not: in a product with a drawn direction, in a sum of sizes."""
    assert main(["check", "--formula", "L = sum((x @ w)*v)", "x=[[0, 1e308], [1, 1e154]]", "w=[[2], [1]]", "v=1"]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (1e308, 1e160, 1e-308):
            check_step(
                from_formula("L = sum(tanh(x @ w)*size)", {"x": [[size, 1], [1, 2]], "w": [[2.0], [1]], "size": size})
            )
    assert "Warning" not in capsys.readouterr().err
