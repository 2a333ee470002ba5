"""Expressions: what NumPy gives for the same text over the same numbers; nothing else is let in, and nothing is run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.expressions.functions import FORMS, FUNCTIONS, NAMES
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from tests.expressions_page import page
from tests.forgotten import is_made
from tests.paths import DOCS

XOR = load("xor")


@pytest.fixture(scope="module")
def session():
    found = Session(XOR)
    run(found, "goto end")
    return found


def value(session, text):
    return expressions.parse(text, session.graph).evaluate(session.state, session.node)


def test_each_form_is_what_numpy_gives(session):
    rec = session.recording
    w, x, a, bias = (
        session.state.value(session.graph.by_name[n]) for n in ("layer1.weight", "x", "layer1.a", "layer1.bias")
    )
    g = rec.grad("layer1.weight")
    right = {
        "layer1.weight.grad": g,
        "grad(layer1.weight)": g,
        "layer1.weight.T": w.T,
        "layer1.weight.T @ x.T": w.T @ x.T,
        "layer1.weight.grad.T[3]": g.T[3],
        "layer1.weight.shape": [2, 8],
        "layer1.a.sum()": a.sum(),
        "layer1.a.abs().max()": np.abs(a).max(),
        "sum(layer1.a, axis=0)": a.sum(0),
        "max(layer1.a, axis=-1)": a.max(-1),
        "norm(layer1.a, axis=1)": np.linalg.norm(a, axis=1),
        "layer1.bias.grad - [1, 2, 3, 4, 5, 6, 7, -8]": rec.grad("layer1.bias") - [1, 2, 3, 4, 5, 6, 7, -8],
        "x - [[0.5, 1], [2, 3], [4, 5], [6, 7]]": x - [[0.5, 1], [2, 3], [4, 5], [6, 7]],
        "argmax(abs(grad(layer1.weight)))": np.unravel_index(np.abs(g).argmax(), g.shape),
        "argmin(layer1.bias)": [bias.argmin()],
        "layer1.a > 0": a > 0,
        "0 < layer1.a < 1": (a > 0) & (a < 1),
        "not (1 < 2)": False,
        "true and not false": True,
        "where(layer1.a > 0, 1, -1)": np.where(a > 0, 1, -1),
        "loss": rec.loss,
        "step": rec.step,
        "lr": 0.01,
        "sign(layer1.weight)": np.sign(w),
        "sigmoid(x)": 1 / (1 + np.exp(-x)),
    }
    for text, expected in right.items():
        np.testing.assert_allclose(value(session, text), expected, rtol=1e-12, err_msg=text)


def test_an_index_is_printed_as_one(session):
    g = session.recording.grad("layer1.weight")
    at = ",".join(str(i) for i in np.unravel_index(np.abs(g).argmax(), g.shape))
    assert run(session, "print argmax(abs(grad(layer1.weight)))").text.endswith(f"= [{at}]")
    assert run(session, "print argmax(layer1.bias) == 0").text


def test_value_and_grad_are_those_of_the_selected_node():
    session = Session(XOR)
    run(session, "goto end")
    run(session, "select layer1.weight")
    np.testing.assert_array_equal(value(session, "value.grad"), value(session, "layer1.weight.grad"))
    np.testing.assert_array_equal(value(session, "grad.T"), value(session, "layer1.weight.grad.T"))
    assert value(session, "shape").tolist() == [2, 8]


def test_a_break_with_the_new_forms_stops_where_it_holds():
    session = Session(XOR)
    run(session, "break layer1.weight if layer1.weight.grad.abs().max() > 0.1")
    run(session, "continue")
    assert "layer1.weight" in session.where()[0].text or session.stop > 0


HOSTILE = [
    "__import__('os')", "x.__class__", "x.T.__class__", "x.sum.__globals__", "().__class__", "[].append(1)", "x.sum(1)",
    "x.sum(axis='0')", "sum(x, axis=x)", "sum(x, out=x)", "[x]", "[open]", "[[1], [1, 2]] + x", "[]", "[1, [2, 3]] > 0",
    "x.T()", "grad(x + 1)", "(x + 1).grad", "lambda: 1", "[i for i in x]", "'a'", "b'a'", "None", "...", "1j", "{1}",
    "x if x else x", "x.fill(0)", "x.tofile('f')", "x.dump('f')", "max()", "where(x)", "max(x, axis=0, axis=1)", "{}",
    "argmax(x, axis=0)", "x.shape()", "f'{x}'", "*x", "sum(*x)", "sum(**x)", "x := 1", "x.grad.grad.T.__reduce__()",
    "9**9**9**9 > [1]",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_in_the_tables_is_refused_or_is_a_number(session, text):
    numbers_or_one_line(session, text)


def numbers_or_one_line(session, text):
    try:
        found = value(session, text)
    except UserError as told:
        error = told
    except expressions.NotYet:
        return
    else:
        assert found.dtype.kind in "bif"
        return
    assert "\n" not in str(error)


PARTS = st.sampled_from(
    [*FUNCTIONS, *NAMES, "x", "layer1.weight", "(", ")", "[", "]", ".grad", ".T", ",", "1", "-2.5", "+", "@", "<", "'",
     " and ", " not ", "axis=", "0", ":", "**", "/", "__class__", ".", " if ", " else ", "lambda "]
)  # fmt: skip


@given(st.lists(PARTS, max_size=14))
def test_any_text_is_a_number_or_one_line(parts):
    numbers_or_one_line(Session(XOR), "".join(parts))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_callable_and_explained(session, name):
    row = FUNCTIONS[name]
    arguments = ", ".join(["layer1.a"] * row.least)
    assert value(session, f"{name}({arguments})").dtype.kind in "bif"
    assert row.about
    if row.axis:
        value(session, f"{name}(layer1.a, axis=0)")
    with pytest.raises(UserError, match=f"{name} takes"):
        value(session, f"{name}({', '.join(['x'] * (row.most + 1))})")


def test_help_print_lists_all_of_it():
    told = "\n".join(help_lines("print"))
    for word in (*FUNCTIONS, *NAMES, *FORMS):
        assert word in told


def test_the_page_is_made_from_the_tables():
    is_made(DOCS / "expressions.md", page(), "tests.expressions_page")


def help_lines(word):
    from bptui.model.debugger.commands.help import help_text

    return help_text(word)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("layer1.weight[99]", "axis 0 has 0 to 1"),
        ("layer1.bias[0,1]", "it has 1 axis"),
        ("layer1.weight[0][9]", "has 0 to 7"),
    ],
)
def test_an_element_that_is_not_there_is_answered_with_those_that_are(session, text, right):
    with pytest.raises(UserError, match="no such element") as problem:
        value(session, text)
    assert right in problem.value.right
