"""A bias of -inf hides a key from a query. A query from which all are hidden has weights of 0 and passes nothing on, as
in PyTorch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bptui
from bptui.model.engine import ops
from bptui.symbolic.check import check_node
from tests.unit.model.engine.ops.executor import graph_of_composite, run_graph
from tests.unit.symbolic.steps import graph_of, record

QUERIES, KEYS, INF = 3, 4, np.inf
BITS = arrays(np.bool_, (QUERIES, KEYS))


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def of(name, inputs, causal, g=None):
    """(output, gradients) of an attention; a leaf that is trained is built with numbers that are finite."""
    finite = {name: np.nan_to_num(value, neginf=0.0) for name, value in inputs.items()}
    return run_graph(graph_of_composite(name, finite, {"causal": causal}, g), "result", inputs)


@settings(max_examples=60, deadline=None)
@given(hidden=BITS, causal=st.booleans(), masked=st.none() | BITS)
def test_attention_with_any_bias_of_infinities_is_pytorchs(hidden, causal, masked):
    torch = pytest.importorskip("torch")
    q, k, v = numbers(QUERIES, 2), numbers(KEYS, 2), numbers(KEYS, 5)
    bias = np.where(hidden, -INF, numbers(QUERIES, KEYS))
    mask = np.ones((QUERIES, KEYS)) if masked is None else np.array(masked, float)
    inputs = {"q": q, "k": k, "v": v, "mask": 1.0 if masked is None else mask, "drop": 1.0, "bias": bias}
    g = numbers(QUERIES, 5)
    out, found = of("scaled_dot_product_attention", inputs, causal, g)
    given_ = [torch.tensor(array, requires_grad=True) for array in (q, k, v, bias)]
    unseen = torch.tensor((mask == 0) | (causal & (np.tri(QUERIES, KEYS) == 0)))
    added = given_[3].masked_fill(unseen, -INF)
    expected = torch.nn.functional.scaled_dot_product_attention(*given_[:3], attn_mask=added)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    for name, theirs in zip(("q", "k", "v", "bias"), given_, strict=True):
        np.testing.assert_allclose(found[name], theirs.grad.numpy(), rtol=1e-12, atol=1e-12, err_msg=name)
    weights, _ = of("attention_weights", {name: inputs[name] for name in ("q", "k", "mask", "bias")}, causal)
    np.testing.assert_allclose(weights @ v, out, rtol=1e-12, atol=1e-12)


ROW = ops.OPS["masked_softmax"]
SCORES = np.array([[0.5, -INF, 1.0], [-INF, -INF, -INF], [2.0, 0.0, -1.0]])


def checked(row, *inputs):
    """(the row's node in a recorded step, its value, the rows of its check)"""
    graph = graph_of(row, [np.nan_to_num(array, neginf=0.0) for array in inputs])
    given_ = {f"in{n}": array for n, array in enumerate(inputs)}
    nodes = tuple(dataclasses.replace(node, value=given_.get(node.name, node.value)) for node in graph.nodes)
    recording = record(dataclasses.replace(graph, nodes=nodes))
    node = recording.graph.by_name["made"]
    return recording.value(node), check_node(recording, node)


@pytest.mark.parametrize("given_", [(SCORES,), (SCORES, np.tri(3))])
def test_its_definition_says_so(given_):
    value, rows = checked(ROW, *given_)
    assert not value[1].any()
    assert value[2].all() or len(given_) > 1
    assert {row.verdict for row in rows} <= {"ok", "skipped"}
    assert [row.verdict for row in rows if row.row in ("forward", "symbolic")] == ["ok", "ok"]


def test_a_row_of_infinities_that_is_shared_evenly_is_caught():
    def even(emit, inputs, out, attributes):
        saved = ROW.forward(emit, inputs, out, attributes)
        emit(lambda: np.copyto(out, 1 / 3, where=inputs[0].max(-1, keepdims=True) == -INF))
        return saved

    _, rows = checked(dataclasses.replace(ROW, forward=even), SCORES)
    (wrong,) = [row for row in rows if row.verdict == "FAIL" and row.row == "forward"]
    assert (wrong.at[0], wrong.got, wrong.expected) == (1, 1 / 3, 0.0)


def test_data_may_be_infinite_in_python_as_in_a_formula():
    q, k, v, b = (
        bptui.data(a, n) for n, a in (("q", numbers(3, 2)), ("k", numbers(3, 2)), ("v", numbers(3, 5)), ("b", SCORES))
    )
    y = bptui.scaled_dot_product_attention(q, k, v, 1.0, 1.0, b)
    assert bptui.check(bptui.sum(y * y)).ok
    with pytest.raises(bptui.UserError, match="must be finite"):
        bptui.param(SCORES)
