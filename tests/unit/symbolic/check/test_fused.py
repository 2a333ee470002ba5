"""What a composite says of itself in one go is what its parts do: its definition their result, its derived rule their
gradients."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.composites import composite_row
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays
from tests.unit.model.engine.ops.executor import attributes_of
from tests.unit.model.engine.ops.test_reference import CASES, name_of, near
from tests.unit.symbolic.composites import uses, whole_of
from tests.unit.symbolic.own import forward_all, vjp_all


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", list(uses()), ids=str)
def test_the_definition_and_its_rule_are_what_the_parts_do(use):
    recording, composite = whole_of(use)
    node = composite.node
    values = [recording.value(i) for i in node.inputs]
    binding = bind_arrays(node.op, values, node.attributes, recording.value(node))
    np.testing.assert_allclose(recording.value(node), forward_all(binding.definition, binding), 1e-12, 1e-13)
    upstream = recording.grad(node)
    for position, (name, source) in enumerate(zip(node.op.input_names, node.inputs, strict=False)):
        if not node.op.differentiable(position):
            continue
        passed = [found.array for found in composite.passed(recording.contributions(source), position)]
        derived = derive(binding.definition.signature, name, node.op)
        mine = np.sum(passed, axis=0) if passed else np.zeros(recording.value(source).shape)
        np.testing.assert_allclose(mine, vjp_all(derived, binding, upstream), 1e-10, 1e-12, err_msg=name)


@pytest.mark.corpus(rows=3)  # the other two laws take other rows, and each row meets PyTorch in test_torch_reference
@pytest.mark.parametrize("case", [c for c in CASES if c["op"] in ops.COMPOSITES], ids=name_of)
def test_the_definition_and_its_rule_are_what_pytorch_says(case):
    given = {k: v for k, v in case["attrs"].items() if k != "note"}
    expected = np.array(case["output"])
    row = composite_row(ops.COMPOSITES[case["op"]], expected.shape)
    inputs = [np.array(case["inputs"][name]) for name in row.input_names if name in case["inputs"]]
    binding = bind_arrays(row, inputs, attributes_of(row, given), expected)
    near(forward_all(binding.definition, binding), expected)
    for name, gradient in case["grads"].items():
        derived = derive(binding.definition.signature, name, row)
        near(vjp_all(derived, binding, np.array(case["upstream"])), np.array(gradient))
