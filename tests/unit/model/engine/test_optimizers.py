"""The optimizers: the text of each rule and its calls give the same numbers; PyTorch's are in test_program."""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import OPTIMIZERS, Optimizer
from bptui.model.engine.program import Program
from tests.faults import steps
from tests.forgotten import same_rows
from tests.unit.model.engine.small import branching

VARIANTS = [
    Optimizer("sgd", 0.1),
    Optimizer("sgd", 0.1, weight_decay=0.2),
    Optimizer("sgd", 0.1, momentum=0.8),
    Optimizer("sgd", 0.1, momentum=0.8, weight_decay=0.2),
    Optimizer("sgd", 0.1, momentum=0.8, nesterov=True),
    Optimizer("sgd", 0.1, momentum=0.8, nesterov=True, weight_decay=0.2),
    Optimizer("sgd", 0.1, l1=0.2),
    Optimizer("sgd", 0.1, momentum=0.8, weight_decay=0.2, l1=0.1),
    Optimizer("adagrad", 0.1, l1=0.2),
    Optimizer("adam", 0.1, weight_decay=0.2, l1=0.1),
    Optimizer("adamw", 0.1, l1=0.1),
    Optimizer("rmsprop", 0.1, l1=0.2),
    Optimizer("rmsprop", 0.1),
    Optimizer("rmsprop", 0.1, alpha=0.5, eps=0.01, weight_decay=0.2),
    Optimizer("adagrad", 0.1),
    Optimizer("adagrad", 0.1, weight_decay=0.2),
    Optimizer("adam", 0.1),
    Optimizer("adam", 0.1, beta1=0.5, beta2=0.7, eps=0.01, weight_decay=0.2),
    Optimizer("adamw", 0.1),
    Optimizer("adamw", 0.1, weight_decay=0.0),
    Optimizer("adamw", 0.1, weight_decay=0.3, eps=0.01),
    Optimizer("adam", 0.1, clip_norm=0.5),
    Optimizer("sgd", 0.1, clip_value=0.05),
    Optimizer("sgd", 0.1, clip_value=0.3, clip_norm=0.5, momentum=0.9),
    Optimizer("sgd", 0.1, clip_norm=1e9),
    Optimizer("sgd", 0.1, maximize=True),
    Optimizer("sgd", 0.1, momentum=0.8, dampening=0.3, weight_decay=0.2, maximize=True),
    Optimizer("adam", 0.1, weight_decay=0.2, maximize=True),
    Optimizer("adadelta", 1.0, rho=0.7, eps=1e-3, weight_decay=0.2, l1=0.1),
    Optimizer("nadam", 0.1),
    Optimizer("nadam", 0.1, momentum_decay=0.1, weight_decay=0.2, maximize=True),
    Optimizer("nadam", 0.1, weight_decay=0.2, decoupled_weight_decay=True, l1=0.1),
    Optimizer("radam", 0.1, beta2=0.7, weight_decay=0.2),
    Optimizer("radam", 0.1, weight_decay=0.2, decoupled_weight_decay=True, maximize=True),
    Optimizer("adamax", 0.1, beta2=0.5, weight_decay=0.2),
    Optimizer("adamax", 0.1, maximize=True),
    Optimizer("lion", 0.1, weight_decay=0.2),
    Optimizer("lion", 0.1, beta1=0.3, beta2=0.8, l1=0.1, maximize=True),
    Optimizer("rprop", 0.1),
    Optimizer("rprop", 0.1, eta_minus=0.2, eta_plus=3.0, step_min=0.05, step_max=0.3, maximize=True),
    Optimizer("asgd", 0.1, lambd=0.3, alpha=0.5, t0=1.0, weight_decay=0.2),
    Optimizer("asgd", 0.1, maximize=True),
]
BINARY: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
COMPARE: dict[type[ast.cmpop], Any] = {ast.Gt: operator.gt, ast.Lt: operator.lt, ast.Eq: operator.eq}
FUNCTIONS: dict[str, Any] = {"sqrt": math.sqrt, "sign": np.sign, "abs": abs, "max": max, "min": min}


def number(node: ast.expr, names: dict[str, float]) -> float:
    """The value of an expression of the rules' text."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return float(BINARY[type(op)](number(left, names), number(right, names)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -number(operand, names)
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=yes, orelse=no):
            holds = COMPARE[type(op)](number(left, names), number(right, names))
            return number(yes if holds else no, names)
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return float(FUNCTIONS[function](*(number(argument, names) for argument in arguments)))
    raise AssertionError(ast.dump(node))


def follow(text: str, names: dict[str, float]) -> dict[str, float]:
    """All names after the statements of a definition."""
    known = dict(names)
    for statement in ast.parse(text.replace("; ", "\n")).body:
        assert isinstance(statement, ast.Assign)
        (target,) = statement.targets
        assert isinstance(target, ast.Name)
        known[target.id] = number(statement.value, known)
    return known


@pytest.mark.parametrize("optimizer", VARIANTS, ids=str)
def test_the_text_and_the_calls_agree(optimizer: Optimizer) -> None:
    program = Program(branching(), optimizer)
    for step in range(4):
        recording = program.record()
        for node in recording.graph.params:
            parts = [recording.before(node), recording.update_grad(node), recording.after(node)]
            parts += [recording.state(node, name, after) for name in optimizer.states for after in (False, True)]
            for p, g, p_new, *states in zip(*(part.reshape(-1).tolist() for part in parts), strict=True):
                carried = dict(zip(optimizer.states, states[::2], strict=True))
                names = {**optimizer.symbols(step), "p": p, "g": g, **carried}
                after = follow(optimizer.definition, names)
                assert after["p_new"] == pytest.approx(p_new, rel=1e-12, abs=1e-14)
                for name, new in zip(optimizer.states, states[1::2], strict=True):
                    assert after[f"{name}_new"] == pytest.approx(new, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("optimizer", [o for o in VARIANTS if o.clips], ids=str)
def test_clipping(optimizer: Optimizer) -> None:
    recording = Program(branching(), optimizer).record()
    params = recording.graph.params
    raw = np.concatenate([np.ravel(recording.grad(node)) for node in params])
    used = np.concatenate([np.ravel(recording.update_grad(node)) for node in params])
    if optimizer.clip_value is not None:
        raw = np.clip(raw, -optimizer.clip_value, optimizer.clip_value)
    if optimizer.clip_norm is not None:
        norm = np.linalg.norm(raw)
        assert recording.grad_norm == pytest.approx(norm, rel=1e-14)
        raw = raw * min(1.0, optimizer.clip_norm / (norm + 1e-6))
    np.testing.assert_allclose(used, raw, rtol=1e-14)


def test_no_clipping_uses_the_gradient_itself() -> None:
    recording = Program(branching()).record()
    assert recording.grad_norm is None
    for node in recording.graph.params:
        assert np.array_equal(recording.update_grad(node), recording.grad(node))


def test_defaults_are_those_of_pytorch() -> None:
    adam, adamw, rmsprop, adagrad = (Optimizer(kind) for kind in ("adam", "adamw", "rmsprop", "adagrad"))
    assert (adam.beta1, adam.beta2, adam.eps, adam.weight_decay) == (0.9, 0.999, 1e-8, 0.0)
    assert adamw.weight_decay == 0.01
    assert (rmsprop.alpha, rmsprop.eps) == (0.99, 1e-8)
    assert adagrad.eps == 1e-10


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"kind": "adamm"}, "did you mean 'adam'"),
        ({"kind": "sgd", "beta1": 0.9}, "sgd has no beta1"),
        ({"kind": "adam", "beta2": 1.0}, "optimizer.beta2"),
        ({"kind": "sgd", "learning_rate": float("nan")}, "optimizer.learning_rate"),
        ({"kind": "sgd", "learning_rate": -1.0}, "optimizer.learning_rate"),
        ({"kind": "sgd", "clip_norm": float("inf")}, "optimizer.clip_norm"),
        ({"kind": "sgd", "nesterov": True}, "needs momentum"),
    ],
)
def test_optimizers_that_cannot_be(options: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        Optimizer(**options)


def test_a_rule_says_what_it_is() -> None:
    for kind, rule in OPTIMIZERS.items():
        assert rule.doc
        assert Optimizer(kind).definition.rpartition("; ")[2].startswith("p_new = p")


def test_no_kind_is_forgotten() -> None:
    """Here, or in a test of its own (test_lbfgs.py), and among the rules that are planted wrong."""
    elementwise = {kind for kind, rule in OPTIMIZERS.items() if rule.room is None}
    same_rows({each.kind for each in VARIANTS}, elementwise, "an Optimizer of this kind in VARIANTS of this file")
    same_rows({rule.kind for rule in steps.RULES}, elementwise, "a wrong Rule of it in RULES of tests/faults/steps.py")
    assert {fault.kind for fault in steps.PATCHES} >= set(OPTIMIZERS) - elementwise == {"lbfgs"}
