"""The Builder: names, composites, gradients that are wanted, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.ops.base import Composite
from bptui.model.engine.use import signature


def test_unnamed_results_count_in_execution_order():
    builder = Builder(reserved={"t2"})
    x = builder.leaf("x", "input", [1.0, 2])
    a = builder.use("exp", x)
    b = builder.use("mul", a, 2.0)
    c = builder.use("sum", b)
    assert [a.name, b.name, c.name] == ["t1", "t3", "t4"]


def test_equal_numbers_are_one_constant():
    builder = Builder()
    x = builder.leaf("x", "input", 3)
    builder.use("add", x, 0.5)
    total = builder.use("add", x, 0.5)
    graph = builder.finish(total)
    assert [node.name for node in graph.nodes if node.role == "const"] == ["0.5"]
    assert not graph.by_name["0.5"].wants_grad


def test_what_a_node_is_computed_from_and_what_from_it():
    builder = Builder()
    x, y = (builder.leaf(name, "input", 3) for name in "xy")
    a, b = builder.use("exp", x), builder.use("exp", y)
    c = builder.use("mul", a, x)
    graph = builder.finish(builder.use("add", c, b))
    assert graph.before(c.id) == {x.id, a.id, c.id}
    assert graph.before(graph.loss) == {node.id for node in graph.nodes}
    assert graph.after({a.id}) == {a.id, c.id, graph.loss}
    assert graph.after([y.id]) == {y.id, b.id, graph.loss}


def test_who_wants_a_gradient():
    builder = Builder()
    x = builder.leaf("x", "input", [[1.0, 2]], wants_grad=False)
    w = builder.leaf("w", "param", [[1.0], [2]])
    mask = builder.leaf("m", "input", [[1.0]])
    labels = builder.leaf("l", "target", [0], whole=True)
    unused = builder.leaf("u", "input", 1.0)
    z = builder.use("matmul", x, w, name="z")
    builder.use("exp", z, name="aside")
    builder.use("exp", x, name="constant")
    chosen = builder.use("where", mask, z, 0.0, name="chosen")
    graph = builder.finish(builder.use("sum", chosen, name="L"))
    wanted = {node.name for node in graph.nodes if node.wants_grad}
    assert wanted == {"w", "z", "chosen", "L", "u"}
    assert not labels.wants_grad
    assert unused.wants_grad


def test_a_composite_becomes_parts_that_share_a_fold_and_a_scope():
    builder = Builder()
    x = builder.leaf("x", "input", np.ones((2, 3)))
    w = builder.leaf("w", "param", np.ones((4, 3)))
    b = builder.leaf("b", "param", np.ones(4))
    y = builder.use("linear", x, w, b, name="h")
    z = builder.use("linear", y, builder.leaf("v", "param", np.ones((1, 4))), scope="layer2")
    graph = builder.finish(builder.use("sum", z, name="L"))
    told = [(node.name, node.op.name, node.composite, node.scope) for node in graph.ops]
    assert told == [
        ("h.weight_t", "transpose", "linear as h", "h"),
        ("h", "affine", "linear as h", "h"),
        ("t1.weight_t", "transpose", "linear as t1", "layer2"),
        ("t1", "matmul", "linear as t1", "layer2"),
        ("L", "sum", "", ""),
    ]


def test_attributes_are_settled():
    builder = Builder()
    x = builder.leaf("x", "input", np.ones((2, 3)))
    assert dict(builder.use("sum", x).attributes) == {"axis": None, "keepdims": False}
    assert builder.use("leaky_relu", x, negative_slope=0.5).attributes["negative_slope"] == 0.5


@pytest.mark.parametrize("row", [*ops.OPS.values(), *ops.COMPOSITES.values()], ids=lambda row: row.name)
def test_every_row_refuses_what_it_does_not_take(row):
    builder = Builder()
    x = builder.leaf("x", "input", [1.0])
    required = {name: 1 for name, a in row.attributes.items() if a.required}
    least = sum(not name.endswith("?") for name in row.inputs)
    for inputs, attributes, message in (
        ([x] * (len(row.inputs) + 1), required, f"{row.name} takes"),
        ([x] * (least - 1), required, f"{row.name} takes"),
        ([x] * least, {"nonsense": 1}, f"{row.name} has no setting 'nonsense'"),
        ([x] * least, dict.fromkeys(row.attributes, object()), row.name if row.attributes else ""),
    ):
        if message:
            with pytest.raises(UserError) as problem:
                builder.use(row, *inputs, **attributes)
            assert message in str(problem.value)
    assert signature(row).startswith(row.name + "(")
    assert isinstance(row, Composite) or row.doc


def test_what_is_too_large_is_refused_before_memory_is_taken():
    builder = Builder()
    x = builder.leaf("x", "input", np.ones((1, 2**13)))
    with pytest.raises(UserError, match=r"takes 67,108,864 numbers \(at most 33,554,432\)"):
        builder.use("matmul", builder.use("transpose", x), x)
    for number in range(7):
        builder.leaf(f"x{number}", "input", shape=(2**12, 2**12))
    with pytest.raises(UserError, match="all values together"):
        builder.leaf("x7", "input", shape=(2**12, 2**12))


def test_names_are_unique_and_losses_are_scalars():
    builder = Builder(where="net.toml")
    x = builder.leaf("x", "input", [1.0, 2])
    with pytest.raises(UserError, match=r"net.toml: x: the name 'x' is taken"):
        builder.leaf("x", "input", 1)
    with pytest.raises(UserError, match="has shape"):
        builder.finish(builder.use("exp", x))
    with pytest.raises(UserError, match="has a gradient"):
        builder.finish(builder.use("exp", 2.0))


def test_a_leaf_is_a_copy_that_nobody_can_write_to():
    given = np.ones(3)
    leaf = Builder().leaf("x", "input", given)
    given[0] = 5
    assert leaf.value[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        leaf.value[0] = 2
