"""What a composite says of itself in one go is what its parts do: its definition their result, its derived rule their
gradients."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays, forward_all, vjp_all

from .composites import uses, whole_of


@pytest.mark.parametrize("use", uses(), ids=str)
def test_the_definition_and_its_rule_are_what_the_parts_do(use):
    recording, fold = whole_of(use)
    node = fold.node
    values = [recording.value(i) for i in node.inputs]
    binding = bind_arrays(node.op, values, node.attributes, recording.value(node))
    np.testing.assert_allclose(recording.value(node), forward_all(binding.definition, binding), 1e-12, 1e-13)
    upstream = recording.grad(node)
    for position, (name, source) in enumerate(zip(node.op.input_names, node.inputs, strict=False)):
        if not node.op.differentiable(position):
            continue
        passed = [found.array for found in fold.passed(recording.contributions(source), position)]
        derived = derive(binding.definition.signature, name, node.op)
        mine = np.sum(passed, axis=0) if passed else np.zeros(recording.value(source).shape)
        np.testing.assert_allclose(mine, vjp_all(derived, binding, upstream), 1e-10, 1e-12, err_msg=name)
