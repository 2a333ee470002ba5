"""Numbers of expressions: bounds are errors, branches that are not taken are not read, blocks and digits agree."""

from __future__ import annotations

import dataclasses

import mpmath
import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.symbolic.calculus import evaluate
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays, estimate_cells, exact, grid, value
from tests.unit.symbolic.own import bound, forward_all, gradient, op, run, vjp_all

RNG = np.random.default_rng(3)


def test_reading_outside_is_an_error():
    with pytest.raises(IndexError, match="x: index 1 … 3 of an axis of 3"):
        run(op("y[i] = x[i + 1]*x[i]", out=lambda x: x), [1.0, 2.0, 3.0])
    with pytest.raises(IndexError):
        exact_at(op("y[i] = x[i - 1]*x[i]", out=lambda x: x), 0, [1.0, 2.0])


def exact_at(row, place, *inputs):
    binding = bound(row, *inputs)
    return exact(binding.definition.body, binding, dict(zip(binding.definition.out, np.atleast_1d(place), strict=True)))


def test_a_branch_that_is_not_taken_is_not_read():
    row = op("y[i] = x[i + 1] if i + 1 < x.shape[0] else log(0 - 1)", out=lambda x: x)
    found = run(row, [1.0, 2.0, 3.0])
    assert found[:2].tolist() == [2.0, 3.0]
    assert np.isnan(found[2])
    assert exact_at(row, 0, [1.0, 2.0]) == 2


def test_a_zero_delta_hides_what_is_not_finite():
    """δ·inf would be nan."""
    row = op("y = 1/x", elementwise=True)
    with np.errstate(all="raise"):
        found = gradient(row, "x", [1.0, 1.0], [0.0, 2.0])
    assert found.tolist() == [-np.inf, -0.25]


def test_numbers_that_overflow_are_taken_at_50_digits():
    """exp(-x)/(1 + exp(-x))² is nan in float64 at -800 and 3.7e-348 in truth, which is 0 as a float."""
    row = ops.OPS["sigmoid"]
    binding = bound(row, [-800.0, 0.0])
    derived = derive(binding.definition.signature, "x", row)
    with np.errstate(all="ignore"):
        raw = value(derived.vjp, binding.upstream([1.0, 1.0]), grid(derived.q, (2,)))
    assert np.isnan(raw[0])
    assert vjp_all(derived, binding, [1.0, 1.0]).tolist() == [0.0, 0.25]
    digits = exact(derived.vjp, binding.upstream([1.0, 1.0]), {derived.q[0]: 0})
    assert 0 < digits < mpmath.mpf("1e-346")


def test_what_is_not_finite_in_truth_stays():
    assert run(ops.OPS["log"], [0.0, 1.0]).tolist() == [-np.inf, 0.0]
    assert np.isnan(run(ops.OPS["log"], [-1.0])[0])
    assert np.isnan(run(ops.OPS["exp"], [np.nan])[0])
    assert run(ops.OPS["exp"], [np.inf])[0] == np.inf
    assert exact_at(ops.OPS["div"], 0, [1.0], [0.0]) == mpmath.inf


def test_digits_take_the_inputs_as_they_are():
    row = op("y = sum(x[k] for k in K)", out=lambda x: ())
    binding = bound(row, [0.1, 0.2, 0.3])
    with mpmath.workdps(50):
        assert exact(binding.definition.body, binding, {}) == mpmath.fsum(map(mpmath.mpf, (0.1, 0.2, 0.3)))


@pytest.mark.parametrize("name", ["softmax", "gelu", "cross_entropy", "max", "prod", "reshape", "var"])
def test_whole_tensor_and_single_element_agree(name):
    row = ops.OPS[name]
    inputs = [RNG.integers(0, 3, 3) if n in row.indices else RNG.normal(size=(3, 4)) for n in row.input_names
              if n not in row.fixed]  # fmt: skip
    more = {"reshape": {"shape": (2, 6)}, "max": {"axis": 1}, "prod": {"axis": 1}, "var": {"axis": 1}}.get(name, {})
    binding = bound(row, *inputs, **more)
    definition = binding.definition
    whole = forward_all(definition, binding)
    for place in np.ndindex(whole.shape):
        digits = exact(definition.body, binding, dict(zip(definition.out, place, strict=True)))
        assert float(digits) == pytest.approx(whole[place], rel=1e-13)
        alone = value(definition.body, binding, dict(zip(definition.out, place, strict=True)))
        assert float(alone) == pytest.approx(whole[place], rel=1e-13)


def test_index_arrays_broadcast_together():
    binding = bound(ops.OPS["matmul"], RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)))
    definition = binding.definition
    rows, columns = np.array([0, 2, 1]), np.array([4, 0, 0])
    found = value(definition.body, binding, dict(zip(definition.out, (rows, columns), strict=True)))
    np.testing.assert_allclose(found, forward_all(definition, binding)[rows, columns], rtol=1e-14)


def test_blocks_give_the_same_sums(monkeypatch):
    inputs = RNG.normal(size=(6, 7)), RNG.normal(size=(7, 5))
    row = op(
        "y[i,j] = sum(a[i,k]*b[l,j]*(k + 1) for k in K for l in L if l <= k)", ("a", "b"), out=lambda a, b: (a[0], b[1])
    )
    whole = run(row, *inputs)
    product = run(op("y[i] = prod(a[i,k] for k in K)", ("a",), out=lambda a: (a[0],)), inputs[0])
    monkeypatch.setattr(evaluate, "BLOCK", 40)
    np.testing.assert_allclose(run(row, *inputs), whole, rtol=1e-13)
    np.testing.assert_allclose(
        run(op("y[i] = prod(a[i,k] for k in K)", ("a",), out=lambda a: (a[0],)), inputs[0]), product
    )


def test_cells_are_counted_before_memory_is_taken():
    row = ops.OPS["affine"]
    x, w, b = np.zeros((8, 20)), np.zeros((20, 30)), np.zeros(30)
    binding = bound(row, x, w, b)
    assert estimate_cells(binding.definition.body, binding, binding.shape) == 8 * 20 * 30
    derived = derive(binding.definition.signature, "bias", row)
    assert estimate_cells(derived.vjp, binding.upstream(np.zeros((8, 30))), (30,)) == 8 * 30
    soft = bound(ops.OPS["softmax"], np.zeros((32, 100)), axis=-1)
    derived = derive(soft.definition.signature, "x", ops.OPS["softmax"])
    assert estimate_cells(derived.vjp, soft.upstream(np.zeros((32, 100))), (32, 100)) == 3200
    running = bound(op("y[i] = sum(x[k] for k in range(0, i + 1))", out=lambda x: x), np.zeros(9))
    assert estimate_cells(running.definition.body, running, (9,)) == 81


def test_ties_go_to_the_first():
    row = op("y[i] = max(x[i,k,l] for k in K for l in L)", out=lambda x: (x[0],))
    x = np.array([[[1.0, 3.0], [3.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    assert run(row, x).tolist() == [3.0, 5.0]
    assert gradient(row, "x", [1.0, 10.0], x).tolist() == [[[0, 1], [0, 0]], [[10, 0], [0, 0]]]
    lowest = op("y = min(x[k] for k in range(1, x.shape[0]) if x[k] > 0)", out=lambda x: ())
    assert run(lowest, [0.1, 4.0, -1.0, 2.0, 2.0]) == 2.0
    assert gradient(lowest, "x", 1.0, [0.1, 4.0, -1.0, 2.0, 2.0]).tolist() == [0, 0, 0, 1, 0]


def test_empty_and_single():
    row = ops.OPS["sum"]
    assert run(row, np.zeros((0, 3)), axis=None, keepdims=False) == 0.0
    assert run(ops.OPS["add"], np.zeros((0, 3)), np.zeros(3)).shape == (0, 3)
    assert run(ops.OPS["add"], 1.0, 2.0) == 3.0
    assert gradient(ops.OPS["mul"], "a", 2.0, 3.0, 5.0) == 10.0


def test_a_node_of_a_graph_is_bound_by_its_names():
    build = Builder()
    x = build.leaf("features", "input", np.array([[1.0, 2.0]]))
    w = build.leaf("layer1.weight", "param", np.array([[3.0], [4.0]]))
    z = build.use("matmul", x, w, name="z")
    graph = build.finish(build.use("sum", z, name="loss"))
    values = {x.id: x.value, w.id: w.value, z.id: np.array([[11.0]])}
    z = graph.by_name["z"]
    binding = bind_arrays(z.op, [values[i] for i in z.inputs], z.attributes, values[z.id])
    assert set(binding.tensors) == {"a", "b", "y"}
    assert forward_all(binding.definition, binding).tolist() == [[11.0]]
    assert define(binding.definition.signature) == binding.definition
    assert dataclasses.replace(binding, tensors={}).sizes == binding.sizes


def test_float32_is_taken_in_float64():
    x = np.array([0.1, 20.0], np.float32)
    binding = evaluate.bind_arrays(ops.OPS["exp"], [x], {})
    assert forward_all(binding.definition, binding).tolist() == np.exp(x.astype(np.float64)).tolist()


def test_attributes_are_bound_not_baked():
    row = ops.OPS["leaky_relu"]
    assert run(row, [-1.0], negative_slope=0.25).tolist() == [-0.25]
    assert bound(row, [-1.0], negative_slope=0.1).definition is bound(row, [-1.0], negative_slope=0.2).definition
