"""Formulas: what they mean, what they refuse, and that no text is ever executed."""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from tests.paths import REFERENCE


def record(text, values, **options):
    return Program(parse(text, values, **options)).record()


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-12)


def test_names_parts_and_gradients():
    graph = parse("L = (y - w*x - b)**2", {"x": 2, "y": 2, "w": 0.5, "b": 0.1}, ["w", "b"])
    assert [node.name for node in graph.ops] == ["t1", "t2", "t3", "L"]
    assert [node.op.name for node in graph.ops] == ["mul", "sub", "sub", "power"]
    assert {node.name for node in graph.params} == {"w", "b"}
    step = Program(graph).record()
    close(step.loss, 0.81)
    for name, gradient in {"w": -3.6, "b": -1.8, "x": -0.9, "y": 1.8}.items():
        close(step.grad(name), gradient)


def test_statements_by_line_and_semicolon_anywhere_on_the_line():
    text = "  z = x @ W + b ; a = sigmoid(z)\n\n      # a comment: ∂L\n      L = mse(a,\n   y)\n"
    graph = parse(text, {"x": [[1, 2]], "W": [[1], [2]], "b": [0.5], "y": [[1]]})
    assert [node.name for node in graph.ops] == ["t1", "z", "a", "L"]
    assert graph.by_name["z"].column == (1, 7)
    assert graph.by_name["L"].column == (4, 11)


def test_columns_count_characters_not_bytes():
    with pytest.raises(UserError, match=r"^formula 1:9: unknown name 'ß2'"):
        parse("ŷ = ŵ * ß2; L = ŷ", {"ŵ": 1})


def test_unnamed_parts_keep_clear_of_the_user_s_names():
    graph = parse("t2 = a*a; L = t2 + a*a*a", {"a": 2})
    assert [node.name for node in graph.ops] == ["t2", "t1", "t3", "L"]


def test_an_unnamed_loss_is_called_loss_and_a_named_one_answers_to_it():
    assert parse("a*a", {"a": 2}).by_name["loss"].op.name == "mul"
    assert parse("E = a*a", {"a": 2}).by_name["loss"].name == "E"


def test_a_second_name_is_an_alias():
    graph = parse("z = a*a; out = z; L = out", {"a": 3})
    assert graph.by_name["out"] is graph.by_name["z"] is graph.by_name["L"]


def test_numbers_become_constants_without_gradients():
    step = record("half = 1/2; L = half*(3*x)**2 + 3*x", {"x": 2})
    assert [node.name for node in step.graph.nodes if node.role == "const"] == ["3", "0.5"]
    close(step.loss, 24)
    close(step.grad("x"), 21)


def test_a_value_that_feeds_nothing_that_reaches_the_loss_has_no_share_in_it():
    step = record("side = v*2; L = w*w", {"v": 3, "w": 2}, train=["w", "v"])
    close(step.value("side"), 6)
    assert step.grad("side") is None
    close(step.grad("v"), 0)


def test_slices_transposes_and_the_matrix_product():
    x = np.arange(12.0).reshape(3, 4)
    step = record("L = sum(x[1:, ::2].T @ x[:-1, 1:3])", {"x": x})
    close(step.loss, (x[1:, ::2].T @ x[:-1, 1:3]).sum())
    step = record("a = x[-1]; b = x[..., 0]; L = sum(a) + sum(b)", {"x": x})
    close(step.loss, x[-1].sum() + x[..., 0].sum())


def test_whole_numbers_where_an_operation_takes_labels():
    step = record("L = cross_entropy(logits, labels)", {"logits": [[2, 1, 0.1]], "labels": [0]})
    p = np.array([[0.659001138886, 0.242432970705, 0.098565890409]])
    close(step.loss, 0.417030016278, 1e-11)
    close(step.grad("logits"), p - [[1, 0, 0]], 1e-10)
    assert step.value("labels").dtype.kind == "i"
    assert step.grad("labels") is None


def test_probabilities_in_the_place_of_labels_are_floats_with_a_gradient():
    step = record("L = cross_entropy(z, t)", {"z": [[2, 1, 0.1]], "t": [[1, 0, 0]]})
    close(step.loss, 0.417030016278, 1e-11)
    assert step.grad("t") is not None


def test_softmax_cross_entropy_of_huge_logits_is_finite():
    step = record("L = cross_entropy(z, t)", {"z": [[1000, 0, 0, 0]], "t": [1]})
    close(step.loss, 1000)


def test_attributes_by_keyword_by_position_and_inputs_by_name():
    x = [[1.0, 2, 3], [4, 5, 6]]
    for text in ("sum(mean(x, axis=1))", "sum(mean(x, 1))", "sum(mean(x=x, axis=-1))", "sum(mean(x, axis=[1]))"):
        close(record("L = " + text, {"x": x}).loss, 7)
    close(record("third = 1/3; L = sum(power(x, exponent=third)) + sum(power(x, 1/2))", {"x": [1.0]}).loss, 2)
    close(record("L = sum(concat([x, x], axis=1)) + sum(reshape(x, [3, 2]))", {"x": x}).loss, 63)


def test_float32():
    assert record("L = x*x", {"x": 0.1}, dtype="float32").graph.by_name["x"].value.dtype == np.float32


ONE = {"x": 2.0, "w": [[1.0, 2.0]], "labels": [0, 1]}
BAD = {
    "L = (y - w*x)**2": "formula 1:6: unknown name 'y'",
    "L = sigmiod(x)": "formula 1:5: unknown operation 'sigmiod' (did you mean 'sigmoid'?)",
    "L = sigmoid": "'sigmoid' is a function (write sigmoid(x))",
    "L = sigmoid(x, x, x)": "sigmoid",
    "L = mse(x)": "mse takes 2 inputs, found 1 (write mse(prediction, target, reduction='mean'))",
    "L = sum(polygamma(1, x))": "write polygamma(x, n=1)",
    "L = sum(gather(x, 0, w))": "write gather(x, i, axis=0)",
    "L = leaky_relu(x, slop=1)": "leaky_relu has no setting 'slop'",
    "L = mean(w, axis=5)": "mean(w): axis 5 is not there",
    "L = mean(w, axis='a')": "axis='a'",
    "L = sum(w @ w)": "matmul(w, w)",
    "L = w": "the loss 'w' has shape (1, 2)",
    "L = x": "the loss 'x' is given, not computed",
    "L = 3": "the loss is a fixed number",
    "L = w + 1": "the loss 'L' has shape (1, 2)",
    "x = 3; L = x": "'x' is given and defined",
    "a = x*x; a = a*x; L = a": "'a' is already defined at 1:1",
    "a, b = x, x": "several names stand for the parts of one value",
    "x*x; L = x*x": "only the last statement may be without a name",
    "L += x": "changing a value in place is not allowed",
    "L = 10**10**10": "10 ** 1e10 is not a finite number",
    "L = x**10**10**10": "is not a finite number",
    "L = x/0 + 1/0": "1 / 0 is not a finite number",
    "L = (-1)**0.5*x": "is not a finite number",
    "L = x*1e999": "the number is too large",
    "L = x*" + "9" * 40: "more than 15 digits",
    "L = x*" + "9" * 9000: "this is not a formula",
    "x" * 100_000: "100,000 characters (at most 20,000)",
    "L = " + "(" * 100 + "x" + ")" * 100: "nested deeper than 60",
    "L = " + "-" * 15_000 + "x": "this is not a formula",
    "L = " + "-" * 100 + "x": "nested deeper than 60",
    "L = " + "x**" * 200 + "x": "nested deeper than 60",
    "L = " + "+".join("x" * 9_000): "this is not a formula",
    "": "there is no formula",
    "# nothing": "there is no formula",
    "L = (x": "this is not a formula",
    "L = x\0": "this is not a formula",
    "L = \ud800": "this is not a formula",
    '__import__("os").system("echo hacked")': "'.system(…)' is not allowed",
    'L = __import__("os")': "the name '__import__' is not allowed",
    "L = ().__class__.__base__.__subclasses__()": "is not allowed",
    "L = x.shape": "'.shape' is not allowed",
    "L = x.sum()": "'.sum(…)' is not allowed (write sum(x))",
    "L = [x for x in x]": "a comprehension is not allowed",
    "L = sum(x for x in w)": "a comprehension is not allowed",
    "L = (lambda: x)()": "only functions by name can be called",
    "L = lambda: x": "a lambda is not allowed",
    "L = f'{x}'": "an f-string is not allowed",
    "L = 'x'": "is not a number",
    "L = True": "is not a number",
    "L = 2j": "is not a number",
    "L = ...": "is not a number",
    "L = x if x else x": "a condition is not allowed",
    "L = x in x": "a comparison is not allowed",
    "L = x > 1": "nothing that the loss 'L' depends on has a gradient",
    "L == x + 1": "write = for ==",
    "L = x // 2": "the operator // is not allowed",
    "L = x ^ 2": "the operator ^ is not allowed",
    "L = (y := x)": "':=' is not allowed",
    "L = sum(*w)": "'*' is not allowed in a call",
    "L = sum(w, **x)": "'**' is not allowed in a call",
    "L = sum(w, name='x')": "sum has no setting 'name'",
    "import os": "import is not allowed",
    "def f(): pass": "def is not allowed",
    "while True: pass": "'while' is not allowed",
    "L = sum(w[x])": "x is 2 (expected 0 to 0)",
    "L = sum(w[0.5])": "an index has whole numbers",
    "L = sum(w[::0])": "step must not be 0",
    "L = sum(w[0, 0, 0])": "3 entries",
    "L = cross_entropy(w, labels)": "cross_entropy(w, labels)",
    "L = sum(broadcast_to(x, shape=[100000, 100000]))": "takes 10,000,000,000 numbers",
    "L = sum(reshape(w, shape=[3]))": "reshape(w)",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text[:40]))
def test_what_is_wrong_is_told_in_one_line(text):
    with pytest.raises(UserError) as problem:
        parse(text, ONE)
    assert BAD[text] in str(problem.value)
    assert "\n" not in str(problem.value)
    assert str(problem.value).startswith("formula")


MASKS = [[[0, "-inf"], [0, 0]], [[0.0, -np.inf], [0.0, 0.0]], np.array([[0.0, -np.inf], [0, 0]])]


@pytest.mark.parametrize("far", [[1, "inf", "-inf"], [1, "+Inf", -np.inf], np.array([1, np.inf, -np.inf])])
def test_what_is_given_may_be_infinite_but_for_what_is_trained(far):
    recording = Program(
        parse("m = minimum(x, far); L = sum(clip(m, min=-2, max=inf))", {"x": [3, 4, 5], "far": far})
    ).record()
    assert recording.value("m").tolist() == [1, 4, -np.inf]
    assert recording.loss == 1 + 4 - 2
    assert recording.grad("x").tolist() == [0, 1, 0]
    with pytest.raises(UserError, match=r"finite|numbers"):
        parse("L = sum(x*far)", {"x": 1.0, "far": far}, train=["far"])


@pytest.mark.parametrize("mask", MASKS, ids=["text", "list", "array"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_mask_that_is_given_may_hold_minus_infinity(mask, dtype):
    graph = parse("L = sum(softmax(x + m)*v)", {"x": [[1, 2], [3, 4]], "m": mask, "v": [1, 5]}, dtype=dtype)
    recording = Program(graph, dtype=dtype).record()
    assert recording.value("m")[0, 1] == -np.inf
    np.testing.assert_array_equal(recording.grad("x")[0], 0)
    assert np.isfinite(recording.grad("x")).all()
    with pytest.raises(UserError, match=r"finite|numbers"):
        parse("L = sum(x*m)", {"x": 1.0, "m": mask}, train=["m"])
    for other in (np.nan, "nan"):
        with pytest.raises(UserError, match=r"finite|numbers"):
            parse("L = sum(x*m)", {"x": 1.0, "m": [0, other]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": float("nan")}, "found NaN"),
        ({"x": [[1, 2], [3]]}, "different lengths"),
        ({"x": "two"}, "expected numbers, found the text 'two'"),
        ({"x": [1, None]}, "expected numbers, found nothing"),
        ({"x": {"a": 1}}, "a table"),
        ({"x": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]}, "nested deeper than 12"),
        ({"x": 10**400}, "too large"),
        ({"x": object()}, "expected numbers"),
    ],
)
def test_values_that_are_no_numbers(values, message):
    with pytest.raises(UserError, match=message):
        parse("L = sum(x)", values)


def test_labels_out_of_range_and_not_whole():
    for labels, message in (
        ([3], "labels.* is 3 .expected 0 to 2"),
        ([-1], "is -1"),
        ([0.5], "expected whole numbers"),
    ):
        with pytest.raises(UserError, match=message):
            parse("L = cross_entropy(z, labels)", {"z": [[1, 2, 3]], "labels": labels})


def test_train_names_must_be_there():
    for train, message in (
        (["v"], "'v' is not given"),
        (["u"], "'u' does not occur"),
        (["labels"], "cannot be trained"),
    ):
        with pytest.raises(UserError, match=message):
            parse("L = cross_entropy(w, labels)", {"w": [[1, 2]], "labels": [0], "u": 1}, train)


WORDS = [
    *"xyzwL()[]{},:;=+-*/@%^&|~<>.'\"\\#!$?\n\t 0123456789é∂\0",
    "x", "w", "labels", "**", "1e9", "sum(", "axis=", "lambda", "import", "__import__", "eval(", "exec(", "open(",
    "for", "in", "if", "else", "print(", ".T", "f'", "yield", "await", "del", "x[1:]", "not", "and", "None", "True",
    "...", ":=", "mse(", "'a'", "sigmoid(", "cross_entropy(", "reshape(", "10**10", "globals()", "raise", "class",
    "L =",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_graph_or_a_user_error_and_calls_nothing(text):
    def forbidden(*_args, **_kwargs):
        raise AssertionError("a formula was executed")

    saved = {name: getattr(builtins, name) for name in ("eval", "exec", "open", "print", "globals")}
    system = os.system
    try:
        for name in saved:
            setattr(builtins, name, forbidden)
        os.system = forbidden
        with contextlib.suppress(UserError):
            parse(text, ONE)
    finally:
        os.system = system
        for name, function in saved.items():
            setattr(builtins, name, function)


def test_every_operation_is_a_function_under_its_name():
    for row in [*ops.OPS.values(), *ops.COMPOSITES.values()]:
        with pytest.raises(UserError) as problem:
            parse(f"L = {row.name}()", {})
        assert row.name in str(problem.value)
        assert "write" in str(problem.value)


def test_hostile_texts_in_a_fresh_process_leave_no_trace(tmp_path):
    trace = tmp_path / "trace"
    texts = [f"L = __import__('pathlib').Path({str(trace)!r}).touch()", f"[open({str(trace)!r}, 'w') for _ in (1,)]"]
    code = """if True:
        import sys
        from bptui.model.source.formula import parse
        for text in sys.argv[1:]:
            try:
                parse(text, {})
            except Exception as problem:
                print(type(problem).__name__)
    """
    done = subprocess.run([sys.executable, "-c", code, *texts], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["UserError", "UserError"]
    assert not trace.exists()


CASES = json.loads((REFERENCE / "ops.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["op"])
def test_a_call_gives_pytorch_s_values_and_gradients(case):
    settings_ = "".join(f", {name}={value!r}" for name, value in case["attrs"].items() if name != "note")
    text = f"out = {case['op']}({', '.join(case['inputs'])}{settings_}); L = sum(out*upstream)"
    step = record(text, case["inputs"] | {"upstream": case["upstream"]})
    close(step.value("out"), case["output"])
    for name, gradient in case["grads"].items():
        close(step.grad(name), gradient)


def test_a_value_indexed_by_given_whole_numbers():
    step = record("L = sum(x[rows]*x[rows])", {"x": [[1, 2], [3, 4]], "rows": [1, 1]})
    close(step.loss, 50)
    close(step.grad("x"), [[0, 0], [12, 16]])
