"""Inverses, equations, determinants: what they are defined by, and what is singular."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.source import network
from bptui.symbolic.calculus import implicit
from bptui.symbolic.calculus.define import define
from bptui.symbolic.check.step import check_step
from tests.unit.model.engine.ops.executor import run

SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
"""So also for an LU decomposition in floating point: no number of it is rounded."""


@st.composite
def squares(draw: Any) -> Any:
    """Stacks of matrices that are far from singular."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    lead, side = draw(st.sampled_from([(), (2,), (2, 3)])), draw(st.integers(1, 5))
    return random.uniform(-1, 1, (*lead, side, side)) / side + 2 * random.choice([-1, 1], side) * np.eye(side)


def value(op: str, *inputs: Any, **attributes: Any) -> Any:
    return run(ops.OPS[op], inputs, attributes)[0]


@settings(max_examples=30, deadline=None)
@given(squares())
def test_each_gives_what_its_equation_says(a: Any) -> None:
    one = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    near = {"atol": 1e-12, "rtol": 1e-12}
    np.testing.assert_allclose(a @ value("inv", a), one, **near)
    np.testing.assert_allclose(a @ value("solve", a, a @ a), a @ a, **near)
    np.testing.assert_allclose(value("det", a @ a), value("det", a) ** 2, rtol=1e-10)
    np.testing.assert_allclose(value("slogdet", a), np.log(np.abs(value("det", a))), **near)
    low = value("cholesky", a @ a.swapaxes(-1, -2))
    np.testing.assert_allclose(low @ low.swapaxes(-1, -2), a @ a.swapaxes(-1, -2), **near)
    assert np.all(np.triu(low, 1) == 0)
    for upper in (False, True):
        for turned in (False, True):
            read = (np.triu if upper else np.tril)(a)
            read = read.swapaxes(-1, -2) if turned else read
            y = value("solve_triangular", a, a, upper=upper, transposed=turned)
            np.testing.assert_allclose(read @ y, a, **near)


@settings(max_examples=30, deadline=None)
@given(squares())
def test_norms_by_singular_values_are_those_of_the_matrix_turned(a: Any) -> None:
    first, last, every = (value("singular_norm", a, ord=order) for order in ("2", "-2", "nuc"))
    np.testing.assert_allclose(first, np.sqrt(np.linalg.eigvalsh(a @ a.swapaxes(-1, -2))[..., -1]), rtol=1e-9)
    np.testing.assert_allclose(last * value("singular_norm", np.linalg.inv(a), ord="2"), np.ones_like(last), rtol=1e-7)
    assert np.all(first <= every * (1 + 1e-12))
    np.testing.assert_allclose(value("singular_norm", a[..., :2, :].swapaxes(-1, -2), ord="nuc"),
                               value("singular_norm", a[..., :2, :], ord="nuc"), rtol=1e-12)  # fmt: skip


def test_a_norm_of_what_is_not_finite_is_nan_and_equal_singular_values_share_the_gradient() -> None:
    both = np.stack([np.full((3, 3), np.inf), np.eye(3)])
    np.testing.assert_array_equal(value("singular_norm", both, ord="2"), [np.nan, 1])
    assert run(ops.OPS["singular_norm"], [np.eye(2)], {"ord": "2"})[1][0].tolist() == [[0.5, 0], [0, 0.5]]


def test_of_what_is_singular_there_is_nan_and_of_the_others_the_number() -> None:
    both = np.stack([SINGULAR, np.eye(3)])
    for found in (value("inv", both), value("solve", both, np.ones((3, 2))), value("cholesky", -both + [[[0]], [[2]]])):
        assert np.isnan(found[0]).any()
    assert np.array_equal(value("inv", both)[1], np.eye(3))
    assert np.isnan(value("logdet", -np.eye(3)))
    assert value("logdet", np.zeros((2, 2))) == -np.inf
    assert value("slogdet", np.zeros((2, 2))) == -np.inf
    found = value("solve_triangular", np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([1.0, 2.0]))
    assert found[0] == np.inf


@pytest.mark.parametrize("a", [SINGULAR, np.zeros((3, 3)), np.diag([2.0, 3.0, 0.0]), np.zeros((1, 1))])
def test_a_singular_determinant_has_the_gradient_of_its_cofactors(a: Any) -> None:
    _, (slope,) = run(ops.OPS["det"], [a])
    side = len(a)
    for i in range(side):
        for j in range(side):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            expected = (-1) ** (i + j) * (np.linalg.det(minor) if side > 1 else 1)
            assert abs(slope[i, j] - expected) < 1e-12


def test_a_step_with_a_singular_matrix_says_where_nan_begins() -> None:
    net = network.from_formula("L = sum(inv(a)*v)", {"a": SINGULAR.tolist(), "v": np.ones((3, 3)).tolist()})
    recording = net.program().record()
    assert np.isnan(recording.value("L"))
    rows = [row for row in check_step(recording).rows if row.verdict == "NONFINITE"]
    assert rows
    assert "inv" in {row.op for row in rows}


def test_what_a_rule_rests_on_is_proved_by_sympy() -> None:
    assert all(implicit.proved(kind) for kind in implicit.RULES)


def test_a_rule_that_does_not_solve_its_equation_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implicit, "proved", lambda kind: False)
    from bptui.symbolic.calculus.derive import _derive

    op = ops.OPS["inv"]
    signature = op.signature([(3, 3)], {})
    with pytest.raises(UserError, match="not proved"):
        _derive(define(signature, op), op, "a", 0.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("y[i,j] = inverse(x[i,j])", "stands alone"),
        ("w[i,j] = 2*inverse(x[i,j]); y[i,j] = w[i,j]", "stands alone"),
        ("w[i] = inverse(x[i,i]); y[i] = w[i]", "last two indices"),
        ("d = det(x[i,j] for i in I); y[i,j] = x[i,j]*d", "two indices"),
    ],
)
def test_a_matrix_that_is_not_written_as_one_is_told_in_one_line(text: str, told: str) -> None:
    from bptui.symbolic.formula.parse import Names, parse

    with pytest.raises(UserError, match=told):
        parse(text, Names({"x": 2}))


def test_an_operation_of_ones_own_has_none() -> None:
    formula = 'f = op("w[i,j] = inverse(x[i,j]); y[i,j] = w[i,j]"); L = sum(f(a))'
    with pytest.raises(UserError, match="inverse") as told:
        network.from_formula(formula, {"a": [[1.0, 2.0], [3.0, 5.0]]})
    assert "\n" not in str(told.value)
