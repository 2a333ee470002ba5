"""What a user of PyTorch or of a blackboard writes in a formula by habit: place, what is wrong, what would be right."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bptui.model.base import hints, syntax
from bptui.model.base.errors import UserError
from bptui.model.debugger.expressions.expression import parse as expression
from bptui.model.source.formula import parse
from bptui.model.source.network import load

VALUES = {"x": np.ones((2, 3)), "W": np.ones((3, 4)), "y": np.ones((2, 4)), "t": [0, 1], "w": 2.0}


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("L = x @", "1:8", "nothing comes after @"),
        ("loss = ", "1:8", "nothing comes after ="),
        ("a = x\n\nM = w +", "3:8", "nothing comes after +"),
        ("L = sum(sigmoid(x)", "1:8", "a ) is missing"),
        ("L = sum(x))", "1:11", "one ) too many"),
        ("L = sum(2x)", "1:9", "write 2*x for 2x"),
        ("L = 2(x)", "1:5", "write * for a product"),
        ("L = w x", "1:7", "nothing stands between w and x"),
        ("L = |x|", "1:5", "write abs(x) for |x|"),
        ("L := sum(x)", "1:3", "write = for :="),
        ("L == sum(x)", "1:1", "write = for =="),
        ("L = sum(x^2)", "1:9", "write ** for a power"),
        ("L = −w", "1:5", "(write -)"),
        ("L = w²", "1:6", "(write **2)"),
        ("L = x·W", "1:5", "(write *)"),
        ("L = x.mean()", "1:5", "write mean(x)"),
        ("L = sum(np.exp(x))", "1:9", "write exp(x)"),
        ("L = F.cross_entropy(x @ W, t)", "1:5", "write cross_entropy(logits, labels)"),
        ("m = nn.Linear(3, 4)", "1:5", "write x @ W + b"),
        ("L = nn.MSELoss()(x @ W, y)", "1:5", "write mse(a, y)"),
        ("L = sum(x); L.backward()", "1:13", "leave it out"),
        ("L = sum(x.view(-1))", "1:9", "write reshape(x, shape=(2, 3))"),
        ("L = sum(x.shape)", "1:9", "sizes are written as numbers"),
        ("L = max(0, x)", "1:5", "write maximum(a, b)"),
        ("L = sum(x if x > 0 else w)", "1:9", "where(x > 0, a, b)"),
        ("L = sum(where(x in w, x, 0))", "1:15", "there are < <= == != >= >"),
        ("import torch; L = sum(x)", "1:1", "leave it out"),
        ("L = sum([1, 2]*x)", "1:9", "give it as a value"),
    ],
)
def test_a_slip_says_where_what_and_what_would_be_right(text, place, told):
    with pytest.raises(UserError) as problem:
        parse(text, VALUES)
    assert problem.value.where == f"formula {place}"
    assert told in str(problem.value)


def test_tabs_indents_and_windows_line_ends_are_no_slips():
    assert parse("\th\t=\tx @ W\r\n  L = sum(h)\r\n", VALUES).by_name["h"].shape == (2, 4)


def test_everything_that_is_recommended_can_be_written():
    """The operations that the tables name are there."""
    from bptui.model.engine import ops

    words = " ".join((*hints.LAYERS.values(), *hints.METHODS.values(), *hints.KINDS.values()))
    for name in set(re.findall(r"([a-z_0-9]+)\(", words)) - {"op", "f"}:
        assert name in ops.OPS or name in ops.COMPOSITES, name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max(abs(grad)) >", "cannot be read at column 17"),
        ("max(abs(grad) > 1", "a ) is missing"),
        ("2grad", "write 2*x for 2x"),
        ("|grad|", "write abs(x) for |x|"),
    ],
)
def test_an_expression_says_it_too(text, told):
    with pytest.raises(UserError) as problem:
        expression(text, load("xor").graph)
    assert told in str(problem.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y = x +", "nothing comes after + (e)"),
        ("y = x if", "it stops too early (e)"),
        ("y = sin x", "nothing stands between sin and x (functions are written sin(x))"),
        ("y = 2*exp x", "functions are written exp(x)"),
        ("y = a x", "write * for a product"),
        ("y = x $ 2", "it cannot go on with $ (e)"),
    ],
)
def test_what_is_right_is_of_the_same_kind_as_what_is_wrong(text, said):
    """A rule of an optimizer, a definition or an expression is not answered with a formula's example."""
    with pytest.raises(syntax.Unreadable) as problem:
        syntax.parse(text, syntax.Limits(example="e"))
    assert said in str(problem.value)
