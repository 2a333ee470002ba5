"""Every operation derives, and definition and derivation give the numbers of the engine's rows and of PyTorch."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import sympy as sp

from bptui.model.engine import ops
from bptui.symbolic.calculus.define import define, hint
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays, full_tensor, grid, value
from bptui.symbolic.calculus.prove import prove_equal
from tests.paths import REFERENCE
from tests.unit.model.engine.ops.executor import attributes_of, choose, run
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.own import forward_all, vjp_all

CASES = json.loads((REFERENCE / "ops.json").read_text())["cases"]
PRIMITIVE = [c for c in CASES if c["op"] not in ops.COMPOSITES]


def told(case):
    return case["op"] + "-" + "-".join(f"{k}={v}" for k, v in case["attrs"].items() if k != "note")


def arrays(row, values):
    return [
        np.asarray(v, np.int64 if n in row.indices else float) for n, v in zip(row.input_names, values, strict=False)
    ]


def near(found, expected, what):
    expected = np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale, err_msg=what)


@pytest.mark.corpus(every=1, rows=2)  # in all cases the engine meets PyTorch (test_torch_reference)
@pytest.mark.parametrize("case", PRIMITIVE, ids=told)
def test_pytorch_agrees(case):
    given = {k: v for k, v in case["attrs"].items() if k != "note"}
    row = choose(case["op"], [np.shape(v) for v in case["inputs"].values()], given)
    inputs = arrays(row, case["inputs"].values())
    attributes = attributes_of(row, given)
    binding = bind_arrays(row, inputs, attributes)
    output = forward_all(binding.definition, binding)
    near(output, case["output"], "definition")
    known = dataclasses.replace(binding, tensors={**binding.tensors, "y": output}).upstream(case["upstream"])
    signature = row.signature([i.shape for i in inputs], attributes)
    for name, expected in case["grads"].items():
        at = list(case["inputs"]).index(name)
        derived = derive(signature, row.input_names[at], row)
        near(vjp_all(derived, binding, case["upstream"]), expected, f"{name}: {derived.vjp}")
        near(
            full_tensor(derived.vjp_shown, known, derived.q, inputs[at].shape), expected, f"{name}: {derived.vjp_shown}"
        )


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", list(uses()), ids=str)
def test_engine_agrees(use):
    """Also for stretched axes, size 1, empty tensors, negative axes: shapes that PyTorch's numbers do not cover."""
    row, inputs = use.row, use.inputs()
    inputs = arrays(row, inputs)
    attributes = attributes_of(row, {k: v for k, v in use.attributes.items() if k in row.attributes})
    shapes = [i.shape for i in inputs]
    upstream = np.random.default_rng(0).normal(size=row.shape(shapes, attributes))
    output, gradients = run(row, inputs, dict(attributes), upstream)
    binding = bind_arrays(row, inputs, attributes)
    near(forward_all(binding.definition, binding), output, binding.definition.text)
    for at, array in enumerate(inputs):
        if row.differentiable(at):
            derived = derive(row.signature(shapes, attributes), row.input_names[at], row)
            assert derived.q == () or len(derived.q) == array.ndim
            near(vjp_all(derived, binding, upstream), gradients[at], f"{row.input_names[at]}: {derived.vjp}")
            grids = grid((*binding.definition.out, *derived.q), (*binding.shape, *array.shape))
            local = np.broadcast_to(value(derived.raw, binding, grids), (*binding.shape, *array.shape))
            near(np.tensordot(upstream, local, upstream.ndim), gradients[at], f"{row.input_names[at]}: {derived.raw}")


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("name", ops.OPS)
def test_hints_are_proved(name):
    """A row's suggestion is shown: by algebra, not by digits alone."""
    for use in (u for u in uses() if u.row.name == name):
        row = use.row
        attributes = attributes_of(row, {k: v for k, v in use.attributes.items() if k in row.attributes})
        signature = row.signature(use.shapes, attributes)
        for wrt in row.input_names[: len(use.shapes)]:
            if row.hint_for(signature, wrt) is None:
                continue
            derived, definition = derive(signature, wrt, row), define(signature, row)
            form = hint(definition, row, wrt, derived.q)
            proof = prove_equal(definition.inline(derived.raw), definition.inline(form, output=True))
            if name == "norm" and not derived.raw.has(
                sp.Sum
            ):  # of one number it is |x|: x/y is not its derivative at 0
                assert derived.shown == derived.raw
            else:
                assert proof.proved, (wrt, proof, derived.raw, form)
                assert derived.shown == form or derived.proof.method == "identical"
