"""Other libraries' words: arguments are taken, operations are told."""

import re

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.ops import COMPOSITES, OPS
from bptui.model.engine.ops.spelling import ABSENT, ARGUMENTS, OPERATIONS, spelled
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.source.formula import parse


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("sum(x, dim=1, keepdim=True)", "sum(x, axis=1, keepdims=True)"),
        ("var(x, axis=0, ddof=1)", "var(x, axis=0, correction=1)"),
        ("softmax(input=x, dim=0)", "softmax(x, axis=0)"),
        ("transpose(x, dims=[1, 0])", "transpose(x, axes=[1, 0])"),
        ("concat([x, x], dim=1)", "concat(x, x, axis=1)"),
        ("maximum(x, other=w)", "maximum(x, w)"),
        ("scaled_dot_product_attention(query=x, key=x, value=w, is_causal=True)",
         "scaled_dot_product_attention(x, x, w, causal=True)"),
        ("cross_entropy(input=x, target=labels)", "cross_entropy(x, labels)"),
    ],
)  # fmt: skip
def test_their_arguments_are_taken(theirs, ours):
    values = {"x": np.arange(6.0).reshape(2, 3), "w": np.ones((2, 3)), "labels": [0, 2]}
    first, second = (
        parse(f"L = sum({text})", {k: v for k, v in values.items() if k in text}) for text in (theirs, ours)
    )
    assert [(n.op, n.attributes, n.shape) for n in first.ops] == [(n.op, n.attributes, n.shape) for n in second.ops]


def test_no_operation_has_two_arguments_for_one_word():
    for row in (*OPS.values(), *COMPOSITES.values()):
        known = [*row.attributes, *row.input_names]
        for word, names in ARGUMENTS.items():
            found = [name for name in names if name in known]
            assert word in known or len(found) <= 1, (row.name, word)
            assert spelled(word, known) in (word, *found)


def test_their_operations_are_told():
    for theirs, ours in OPERATIONS.items():
        assert ours in {*OPS, *COMPOSITES}, ours
        assert theirs not in {*OPS, *COMPOSITES}, theirs
    with pytest.raises(UserError, match="it is clip here"):
        parse("L = sum(clamp(x, min=0))", {"x": [1.0]})
    with pytest.raises(AttributeError, match="it is concat here"):
        _ = bptui.cat


@pytest.mark.parametrize(
    ("word", "said"),
    [("svd", "cholesky"), ("qr", "solve"), ("eig", "inv"), ("softmin", r"write softmax\(-x\)"), ("log2", r"log\(2\)"),
     ("remainder", "floor"), ("median", "there is none here"), ("SGD", "--optimizer"), ("LBFGS", "--optimizer")],
)  # fmt: skip
def test_a_known_word_is_no_slip_of_another(word, said):
    with pytest.raises(UserError, match=said) as error:
        parse(f"L = sum({word}(x))", {"x": [1.0]})
    assert "did you mean" not in str(error.value)
    with pytest.raises(AttributeError, match=said):
        getattr(bptui, word)


def test_what_is_there_is_not_called_absent():
    assert not set(ABSENT) & ({*OPS, *COMPOSITES} | set(OPERATIONS))
    assert set(OPTIMIZERS) <= set(ABSENT)
    for text in (says.removeprefix("write ") for says in ABSENT.values() if says.startswith("write ")):
        assert set(re.findall(r"(\w+)\(", text)) <= {*OPS, *COMPOSITES}, text


def test_inputs_by_name_in_python():
    x, w = bptui.param(np.ones((2, 3))), bptui.data([1.0, 2.0, 3.0])
    assert bptui.cross_entropy(x, np.array([0, 1]), weight=w).inputs[2] is w
    with pytest.raises(UserError, match="'weight' needs the inputs before it"):
        bptui.bce_with_logits(x, x, weight=w)
    with pytest.raises(UserError, match="'labels' is given twice"):
        bptui.cross_entropy(x, np.array([0, 1]), labels=np.array([0, 1]))
