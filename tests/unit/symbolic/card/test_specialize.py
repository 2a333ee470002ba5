"""A rule at the sizes of a node is the rule: the same numbers for every element, of every use of every operation."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.spans import plain
from bptui.model.engine import ops
from bptui.symbolic.calculus.derive import define, derive
from bptui.symbolic.calculus.rules import to_rule
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.specialize import definition_at, rule_at
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import to_spans
from tests.unit.model.engine.ops.samples import uses
from tests.unit.model.engine.ops.use import Use
from tests.unit.symbolic.steps import step_of

SHAPED = ("reshape", "slice", "concat", "stack", "pad", "broadcast_to", "take", "transpose", "causal_mask")
USES = [use for use in uses() if use.op in SHAPED and all(np.prod(shape, dtype=int) for shape in use.shapes)]


def rules_of(use: Use):
    """(reading, rule) of each input with a derivative."""
    recording, node = step_of(use.row, tuple(use.inputs()), use.attributes)
    reading = BoundDefinition(recording, node)
    for position, name in enumerate(use.row.input_names[: len(use.shapes)]):
        if use.row.differentiable(position):
            derived = derive(reading.signature, name, use.row)
            yield reading, to_rule(derived, define(reading.signature, use.row), use.row)


def numbers_of(reading: BoundDefinition, rule, tree: t.Tree, letters, shape):
    arrays, size = reading.rule_numbers(rule)
    grid = dict(zip(letters, np.ogrid[tuple(slice(0, n) for n in shape)], strict=True)) if shape else {}
    return np.broadcast_to(evaluate(tree, arrays, grid, size), shape)


@pytest.mark.parametrize("use", USES, ids=str)
def test_a_rule_at_its_sizes_has_the_same_numbers(use):
    for reading, rule in rules_of(use):
        if 0 in reading.node.shape:  # every rule holds
            continue
        shape = reading.inputs[use.row.input_names.index(rule.wrt)].shape
        before = numbers_of(reading, rule, rule.vjp, rule.q, shape)
        np.testing.assert_array_equal(
            numbers_of(reading, rule, rule_at(reading, rule, rule.vjp), rule.q, shape), before
        )
        both = (*rule.out, *rule.q), (*reading.node.shape, *shape)
        before = numbers_of(reading, rule, rule.local, *both)
        np.testing.assert_array_equal(numbers_of(reading, rule, rule_at(reading, rule, rule.local), *both), before)


@pytest.mark.parametrize(
    ("use", "wrt", "said"),
    [
        (Use("concat", ((3, 4), (3, 5)), {"axis": 1}), 1, "G[p,q+4]"),
        (Use("reshape", ((3, 4),), {"shape": (2, 6)}), 0, "G[(4·p+q)//6,(4·p+q)%6]"),
        (Use("stack", ((3, 4), (3, 4)), {"axis": 1}), 1, "G[p,1,q]"),
        (Use("pad", ((3, 4),), {"pad_width": ((0, 1), (1, 2))}), 0, "G[p,q+1]"),
        (Use("slice", ((3, 4),), {"index": "[::-1, 1]"}), 0, "G[2-p]·δ[q,1]"),
        (Use("slice", ((5, 4),), {"index": "[-3:-1]"}), 0, "G[p-2,q] if 2 ≤ p < 4 else 0"),
    ],
    ids=str,
)
def test_what_the_shapes_decide_is_not_asked(use, wrt, said):
    reading, rule = list(rules_of(use))[wrt]
    assert plain(to_spans(rule_at(reading, rule, rule.vjp))) == said


def test_a_definition_says_its_sizes():
    recording, node = step_of(ops.OPS["reshape"], (np.zeros((3, 4)),), {"shape": (2, 6)})
    reading = BoundDefinition(recording, node)
    assert plain(to_spans(definition_at(reading, reading.statements[-1].value))) == "x[(6·i+j)//4,(6·i+j)%4]"
