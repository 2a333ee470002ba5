"""Kinds of numbers in one step: what is computed of float16 alone is float16, bit by bit as in PyTorch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptui
from bptui.model.base.errors import UserError
from bptui.model.base.kinds import KINDS, eps, meeting, rounded, ulp
from bptui.model.engine import backward_pass, plan
from bptui.model.engine.graph import Graph
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.symbolic.check import check_step

LOW = ("float16", "bfloat16")
UNARY = ("neg", "abs", "relu", "square", "tanh", "sigmoid", "exp")
BINARY = ("add", "sub", "mul", "maximum")


def _graph(kind: str, steps: list[tuple[str, int, int]], seed: int, last: str = "float64") -> Graph:
    """A chain of operations on a cast of two parameters; its loss is computed in the program's numbers."""
    made = _tensors(kind, steps, seed)
    loss = bptui.mean(bptui.square(bptui.cast(made[-1], dtype=last)))
    return bptui.network(loss).graph


def _tensors(kind: str, steps: list[tuple[str, int, int]], seed: int) -> list[Any]:
    w, v = (bptui.param(value, name) for value, name in zip(_given(seed), "wv", strict=True))
    found = [bptui.cast(w, dtype=kind), bptui.cast(v, dtype=kind)]
    for name, a, b in steps:
        inputs = [found[n % len(found)] for n in ((a, b) if name in BINARY else (a,))]
        found.append(getattr(bptui, name)(*inputs))
    return found


def _given(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of float16: PyTorch goes from float64 to 16 bits over float32, and would round twice."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(2, 3)).astype(np.float16).astype(float) for _ in range(2))  # type: ignore[return-value]


STEPS = st.lists(
    st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6
)


@settings(max_examples=30)
@given(st.sampled_from(LOW), STEPS, st.integers(0, 99))
def test_values_and_gradients_are_of_the_kind(kind: str, steps: list[tuple[str, int, int]], seed: int) -> None:
    graph = _graph(kind, steps, seed)
    recording = Program(graph, Optimizer("sgd", 0.1)).record()
    for node in graph.nodes:
        if node.kind:
            assert node.kind == recording.dtype(node) == kind
            for numbers in (recording.value(node), recording.grad(node)):
                if numbers is not None:
                    assert np.array_equal(numbers, rounded(numbers, KINDS[kind]), equal_nan=True)
    assert recording.dtype(graph.loss) == "float64"


@settings(max_examples=30)
@given(st.sampled_from(LOW), STEPS, st.integers(0, 99))
def test_bit_by_bit_as_pytorch(kind: str, steps: list[tuple[str, int, int]], seed: int) -> None:
    """The kernels of exp, tanh and sigmoid may be a unit of the last place off: they are compared as near as that."""
    torch = pytest.importorskip("torch")
    recording = Program(_graph(kind, steps, seed), Optimizer("sgd", 0.1)).record()
    leaves = [torch.tensor(value, requires_grad=True) for value in _given(seed)]
    found = [leaf.to(getattr(torch, kind)) for leaf in leaves]
    for name, a, b in steps:
        inputs = [found[n % len(found)] for n in ((a, b) if name in BINARY else (a,))]
        found.append(getattr(torch, name)(*inputs))
    (found[-1].double() ** 2).mean().backward()
    exact = not {"tanh", "sigmoid", "exp"} & {name for name, _, _ in steps}
    for name, leaf in zip("wv", leaves, strict=True):
        node, right = recording.graph.by_name.get(name), leaf.grad
        got = None if node is None else recording.grad(node)
        if right is None or got is None:
            assert not any(numbers.any() for numbers in (got, right) if numbers is not None)
            continue
        right = right.numpy()
        room = 0.0 if exact else 64 * eps(kind) * float(np.abs(right[np.isfinite(right)]).max(initial=0.0))
        same = (got == right) | (np.isnan(got) & np.isnan(right)) | ~np.isfinite(right)
        assert np.all(same | (np.abs(got - np.where(np.isfinite(right), right, 0)) <= room))


@settings(max_examples=10)
@given(st.sampled_from(LOW), STEPS, st.integers(0, 99))
def test_the_check_agrees(kind: str, steps: list[tuple[str, int, int]], seed: int) -> None:
    recording = Program(_graph(kind, steps, seed), Optimizer("sgd", 0.1)).record()
    assert [row for row in check_step(recording).rows if row.verdict == "FAIL"] == []


def test_what_is_not_rounded_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that rounds nothing but the casts: values and what is passed on are told."""
    for module in (plan, backward_pass):
        monkeypatch.setattr(module, "emit_rounded", lambda *_: None)
    graph = _graph("float16", [("tanh", 0, 0), ("mul", 2, 1)], 3)
    recording = Program(graph, Optimizer("sgd", 0.1)).record()
    wrong = [row for row in check_step(recording).rows if row.note == "is not rounded to float16"]
    assert {"forward", "symbolic"} == {row.row for row in wrong if row.verdict == "FAIL"}


def test_kinds_meet_as_in_pytorch() -> None:
    """Of each pair of kinds; a number of a formula and one of no dimension change nothing."""
    torch = pytest.importorskip("torch")
    for a in KINDS:
        for b in KINDS:
            right = str(torch.promote_types(getattr(torch, a), getattr(torch, b))).removeprefix("torch.")
            assert meeting([a, b]) == right
    w = bptui.param(np.ones((2, 3)), "w")
    low = bptui.cast(w, dtype="float16")
    one = bptui.param(2.0, "one")
    for other, kind in ((3.0, "float16"), (one, "float16"), (w, ""), (bptui.cast(w, dtype="bfloat16"), "float32")):
        graph = bptui.network(bptui.sum(bptui.mul(low, other))).graph
        found = next(node for node in graph.nodes if node.op is not None and node.op.name == "mul")
        assert found.kind == kind


def test_units_of_the_last_place() -> None:
    for name, kind in (("float64", np.float64), ("float32", np.float32), ("float16", np.float16)):
        assert eps(name) == np.finfo(kind).eps
        for x in (1.0, 3.7, 1e-3, 0.0, 6e-8, 60_000.0):
            assert ulp(x, name) == float(np.spacing(kind(x)))


def test_a_step_in_float32_has_no_kind_with_more_digits() -> None:
    graph = _graph("float64", [("mul", 0, 1)], 0)
    assert not any(node.kind for node in graph.nodes)
    w = bptui.param(np.ones(2), "w")
    network = bptui.network(bptui.sum(bptui.cast(w, dtype="float32")), dtype="float32")
    assert not any(node.kind for node in network.graph.nodes)
    with pytest.raises(UserError):
        bptui.network(bptui.sum(bptui.cast(w, dtype="int8")))


def test_a_step_is_replayed_bit_by_bit() -> None:
    graph = _graph("bfloat16", [("tanh", 0, 0), ("mul", 2, 1), ("exp", 3, 0)], 5)
    one, other = (Program(replace(graph), Optimizer("adam", 0.01)) for _ in range(2))
    for _ in range(5):
        assert bytes(one.record().memory) == bytes(other.record().memory)
