"""bptui from Python."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import bptui
from bptui.model.engine import ops
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from tests.forgotten import is_made
from tests.paths import ROOT
from tests.stub import stub


def test_a_step_is_the_formula_s_step():
    values = {"x": [[1.0, 2], [3, 4]], "w": [[1.0], [2]], "b": 0.5, "y": [[0.0], [1]]}
    t = {name: (bptui.param if name in "wb" else bptui.data)(value, name=name) for name, value in values.items()}
    loss = bptui.mse(1 - bptui.tanh(t["x"] @ t["w"] * 0.1 + t["b"]) ** 3, t["y"], name="L")
    mine = bptui.network(loss)
    theirs = parse("L = mse(1 - tanh(x @ w*0.1 + b)**3, y)", values, ["w", "b"])
    assert {n.name for n in mine.graph.params} == {"w", "b"}
    assert [n.op.name for n in mine.graph.ops] == [n.op.name for n in theirs.ops]
    step, other = mine.program().record(), Program(theirs).record()
    assert step.loss == other.loss
    for name in values:
        np.testing.assert_array_equal(step.grad(name), other.grad(name))


def test_arrays_on_either_side_and_all_operators():
    w = bptui.param(np.array([1.0, 2]))
    a = np.array([3.0, 4])
    loss = (
        bptui.sum(a + w)
        + bptui.sum(a * w)
        + bptui.sum(a - w)
        + bptui.sum(a / w)
        + a @ w
        + bptui.sum(2**w)
        + bptui.sum(w**w)
    )
    step = bptui.network(loss).program().record()
    v = np.array([1.0, 2])
    assert step.loss == pytest.approx((a + v).sum() + (a * v).sum() + (a - v).sum() + (a / v).sum() + a @ v + 6 + 5)
    assert step.grad("param1").shape == (2,)


def test_labels_may_be_given_as_a_list():
    logits = bptui.param([[2, 1, 0.1]], name="z")
    step = bptui.network(bptui.cross_entropy(logits, [0])).program().record()
    assert step.loss == pytest.approx(0.417030016278)
    with pytest.raises(bptui.UserError, match="is 3"):
        bptui.network(bptui.cross_entropy(logits, [3]))


def test_optimizer_options():
    network = bptui.network(bptui.param(2.0) ** 2, optimizer="adam", learning_rate=0.5, beta1=0.8)
    assert (network.optimizer.kind, network.optimizer.learning_rate, network.optimizer.beta1) == ("adam", 0.5, 0.8)


def test_every_operation_is_a_function_with_a_text():
    for name in [*ops.OPS, *ops.COMPOSITES]:
        function = getattr(bptui, name)
        assert function.__name__ == name
        assert function.__doc__
        assert name in dir(bptui)


def test_what_is_wrong_is_told_where_it_is_written():
    w = bptui.param([[1.0, 2]], name="w")
    for make, message in (
        (lambda: w @ w, r"matmul\(w, w\)"),
        (lambda: bptui.mse(w), "mse takes 2 inputs"),
        (lambda: bptui.leaky_relu(w, slop=1), "no setting 'slop'"),
        (lambda: bptui.param("a"), "expected numbers"),
        (lambda: bptui.param(1.0, name="a b"), "is not a name"),
        (lambda: bptui.network(w), "has shape"),
        (lambda: bptui.network(3), "the loss is an int"),
        (lambda: w.shape and bptui.network(bptui.sum(bptui.data([1.0], name="w") * w)), "the name 'w' is taken"),
    ):
        with pytest.raises(bptui.UserError, match=message):
            make()
    with pytest.raises(AttributeError, match="sigmiod"):
        bptui.sigmiod  # noqa: B018
    with pytest.raises(TypeError):
        iter(w)
    with pytest.raises(TypeError):
        bool(w)


def test_a_long_chain_needs_no_recursion():
    x = bptui.param(1.0, name="x")
    y = x
    for _ in range(3000):
        y = y + 0.001
    assert bptui.network(y * y).program().record().grad("x") == pytest.approx(8.0)


def test_importing_bptui_imports_nothing_else():
    code = "import sys, bptui; print([m for m in ('numpy', 'sympy', 'textual', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_debug_opens_the_debugger_on_the_step():
    code = """if True:
        import bptui
        w = bptui.param(0.5, name="w")
        bptui.debug((2 - 2*w)**2)
        print("back in the program")
    """
    done = subprocess.run(
        [sys.executable, "-c", code], input="step\nquit\n", capture_output=True, text=True, check=True
    )
    assert "t1 = 2 * w" in done.stdout
    assert done.stdout.rstrip().endswith("back in the program")


def test_check_says_whether_every_derivative_is_right():
    w = bptui.param([[0.5], [0.1]], name="w")
    loss = bptui.mse(bptui.sigmoid(bptui.data([[1.0, 2], [3, 4]]) @ w), [[0.0], [1]])
    report = bptui.check(loss)
    assert report.ok
    assert {row.node for row in report.rows} >= {"t1", "t2", "loss"}


def test_what_is_not_there_says_the_way():
    x = bptui.data([[1.0, 2.0]], name="x")
    for name, said in (("sum", r"bptui\.sum\(x\)"), ("backward", "bptui.debug"), ("grad", "bptui.debug")):
        with pytest.raises(AttributeError, match=said):
            getattr(x, name)
    assert not hasattr(x, "nosuch")
    assert copy.copy(x).shape == copy.deepcopy(x).shape == (1, 2)
    for number in (bool, float, int):
        with pytest.raises(TypeError, match="no number until"):
            number(x)
    for name in ("torch", "explain", "run"):  # by `find`: bptui.torch is a package once it has been imported
        with pytest.raises(AttributeError, match="not part of this version"):
            bptui.python.find(name)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda w: bptui.network(w, lr=0.1), "learning_rate=0.1"),
        (lambda w: bptui.network(w, momentun=0.9), "did you mean 'momentum'"),
        (lambda w: bptui.check(w, dtype="f4"), "float64 or float32"),
        (lambda w: bptui.network(w, optimizer="adma"), "did you mean 'adam'"),
        (lambda w: bptui.param(w), "a Tensor is used as it is"),
        (lambda w: bptui.param([1.0], name="for"), "is not a name"),
        (lambda w: bptui.param([1.0], name=3), "is not a name"),
    ],
)
def test_a_wrong_argument_says_what_is_right(wrong, said):
    with pytest.raises(bptui.UserError, match=said):
        wrong(bptui.param(2.0, name="w") ** 2)


class LikeTorch:
    """What is used of a PyTorch tensor: it refuses NumPy while it has a gradient."""

    def __init__(self, value: object, detached: bool = False) -> None:
        self.value, self.detached = np.asarray(value, np.float32), detached

    def __array__(self, *args: object, **options: object) -> np.ndarray:
        if not self.detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")
        return self.value

    def detach(self) -> LikeTorch:
        return LikeTorch(self.value, True)

    def cpu(self) -> LikeTorch:
        return self

    def is_floating_point(self) -> bool:
        return True

    def double(self) -> LikeTorch:
        return LikeTorch(self.value.astype(np.float64), self.detached)

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def test_a_parameter_of_pytorch_is_taken_as_it_is():
    w = bptui.param(LikeTorch([[0.5], [0.25]]), name="w")
    assert w.shape == (2, 1)
    assert bptui.network(bptui.sum(w)).program().record().loss == 0.75


def test_a_report_as_text_is_the_counts_and_what_does_not_agree():
    report = bptui.check(bptui.abs(bptui.param(0.0, name="w"), name="size"))
    first, *rest = str(report).splitlines()
    assert first.startswith("ok: ")
    assert all(f"{count} {verdict}" in first for verdict, count in report.counts.items())
    assert len(rest) == report.counts["KINK"] >= 1
    assert all(line.startswith("KINK ") and "of size by x" in line and "left -" in line for line in rest)
    assert str(replace(report, rows=(replace(report.rows[0], verdict="FAIL"),))).startswith("FAIL: 1 FAIL\nFAIL ")


def test_the_stub_is_made_from_the_rows():
    is_made(ROOT / "bptui" / "__init__.pyi", stub(), "tests.stub")
