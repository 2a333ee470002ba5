"""The laws of the engine: the same bits however it is run, gradients that agree with differences and with PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.engine.batches import Batches
from bptui.model.engine.build import Builder
from bptui.model.engine.calls import Calls, emit_sum_to
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import OPTIMIZERS, Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.training import Training
from tests.unit.model.engine.small import CASES, branching, case_graph, minibatches, xor

MAKERS: dict[str, Callable[[], Program]] = {
    "xor": xor,
    "xor float32": lambda: xor(dtype="float32"),
    "branching": lambda: Program(branching()),
    "minibatches": minibatches,
}
any_program = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["network"]["name"])
def test_the_networks_of_pytorch(case: dict) -> None:
    program = Program(case_graph(case), Optimizer(**case["network"]["optimizer"]))
    first = program.record()
    expected = case["first_step"]
    assert first.loss == pytest.approx(expected["loss"], rel=1e-9)
    for i, layer in enumerate(expected["layers"], 1):
        for part in ("z", "a", "weight", "bias"):
            name = f"layer{i}.{part}"
            if name not in first.graph.by_name:
                continue  # no activation
            if part in layer:
                np.testing.assert_allclose(first.value(name), layer[part], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(first.grad(name), layer[f"grad_{part}"], rtol=1e-9, atol=1e-12)
    losses = np.empty(case["steps"] - 1)
    program.run(len(losses), losses)
    # a loss near 1e-17 is the square of a difference near 1e-8, of which 8 digits are left
    np.testing.assert_allclose([first.loss, *losses], case["losses"], rtol=1e-8, atol=1e-22)
    last = program.recording()
    for i, layer in enumerate(case["final"], 1):
        for part in ("weight", "bias"):
            np.testing.assert_allclose(last.after(f"layer{i}.{part}"), layer[part], rtol=1e-8, atol=1e-12)


@any_program
def test_recording_and_fast_forward_give_the_same_bits(make: Callable[[], Program]) -> None:
    recorded, forwarded = make(), make()
    losses = np.empty(20, forwarded.dtype)
    forwarded.run(20, losses)
    recordings = [recorded.record() for _ in range(20)]
    assert recordings[-1].memory == forwarded.recording().memory
    assert [r.loss for r in recordings] == losses.tolist()
    assert recorded.save().tobytes() == forwarded.save().tobytes()
    assert [r.step for r in recordings] == list(range(20))


@any_program
def test_a_replay_gives_the_same_bits(make: Callable[[], Program]) -> None:
    program = make()
    program.run(3)
    state = program.save()
    recordings = [program.record() for _ in range(5)]
    other = make()
    for replayer in (program, other):
        replayer.load(state, 3)
        for recording in recordings:
            again = replayer.record()
            assert again.step == recording.step
            assert again.memory == recording.memory
            for node in again.graph.nodes:
                assert again.value(node).tobytes() == recording.value(node).tobytes()


@any_program
def test_before_and_after_belong_together(make: Callable[[], Program]) -> None:
    program = make()
    one, two = program.record(), program.record()
    for node in program.graph.params:
        assert one.after(node).tobytes() == two.before(node).tobytes()
        assert one.after(node).tobytes() != one.before(node).tobytes()
        for name in program.optimizer.states:
            assert one.state(node, name, after=True).tobytes() == two.state(node, name).tobytes()


def test_nothing_of_a_recording_can_be_written() -> None:
    program = minibatches()
    recording = program.record()
    arrays = [recording.value(node) for node in program.graph.nodes]
    arrays += [array for node in program.graph.nodes if (array := recording.grad(node)) is not None]
    arrays += [c.array for node in program.graph.nodes for c in recording.contributions(node)]
    arrays += [recording.after(node) for node in program.graph.params]
    for array in arrays:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    kept = recording.memory
    program.run(5)
    assert recording.memory == kept


def directional(graph: Graph, name: str, at: int, step: float = 1e-6) -> float:
    """∂L/∂element by a central difference, through programs of the changed graph."""
    losses = []
    target = graph.by_name[name]
    for sign in (1, -1):
        value = np.array(target.value)
        value.reshape(-1)[at] += sign * step
        program = Program(changed(graph, {target.id: value}))
        program.run()
        losses.append(program.loss)
    return (losses[0] - losses[1]) / (2 * step)


@pytest.mark.parametrize("name", ["x", "w", "row", "column", "vector", "number"])
def test_gradients_agree_with_differences(name: str) -> None:
    graph = branching()
    recording = Program(graph).record()
    gradient = recording.grad(name)
    assert gradient is not None
    assert gradient.shape == recording.value(name).shape
    for at in range(gradient.size):
        assert gradient.reshape(-1)[at] == pytest.approx(directional(graph, name, at), rel=1e-6, abs=1e-8)


def test_a_gradient_is_the_sum_of_its_contributions_in_the_order_of_arrival() -> None:
    graph = branching()
    recording = Program(graph).record()
    counts = set()
    for node in graph.nodes:
        parts = recording.contributions(node)
        assert [(c.consumer, c.position) for c in parts] == list(graph.consumers[node.id])
        if not parts:
            continue
        counts.add(len(parts))
        total = parts[0].array
        for part in parts[1:]:
            total = total + part.array
        gradient = recording.grad(node)
        assert gradient is not None
        assert total.tobytes() == gradient.tobytes()
    assert counts == {1, 2, 3}


def test_a_node_that_does_not_reach_the_loss_contributes_nothing_even_where_its_derivative_is_infinite() -> None:
    b = Builder()
    x = b.leaf("x", "param", [0.0, 2.0])
    b.use("log", x, name="dead")
    graph = b.finish(b.use("sum", b.use("mul", x, 3.0), name="loss"))
    recording = Program(graph).record()
    assert recording.value("dead").tolist()[0] == -np.inf
    assert recording.grad("x").tolist() == [3.0, 3.0]


def test_the_loss_may_be_a_leaf() -> None:
    w = Node(0, "w", "param", (), value=np.array(2.0))
    program = Program(Graph((w,), 0), Optimizer("sgd", 0.5))
    recording = program.record()
    assert (recording.loss, recording.grad("w").item(), recording.after("w").item()) == (2.0, 1.0, 1.5)


SHAPES = [
    ((4, 3), (4, 3)),
    ((4, 3), (3,)),
    ((4, 3), (1, 3)),
    ((4, 3), (4, 1)),
    ((4, 3), (1, 1)),
    ((4, 3), ()),
    ((2, 4, 3), (4, 1)),
    ((2, 4, 3), (2, 1, 3)),
    ((2, 4, 3), (1, 4, 1)),
    ((2, 1, 4, 3), (2, 1, 1, 3)),
    ((1, 3), (3,)),
    ((1, 1), ()),
    ((0, 3), (3,)),
    ((4, 0), (4, 1)),
    ((4, 0), (1, 0)),
    ((200, 30), (30,)),
]


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(("full", "out"), SHAPES)
def test_a_broadcast_is_undone(full: tuple[int, ...], out: tuple[int, ...], strided: bool) -> None:
    array = np.random.default_rng(0).standard_normal(full)
    given = np.asfortranarray(array) if strided else array
    emit, result = Calls(np.dtype("float64")), np.full(out, np.nan)
    emit_sum_to(emit, given, result)
    assert len(emit.calls) == 1
    emit.calls[0]()
    lead = len(full) - len(out)
    kept = (1,) * lead + out
    axes = tuple(i for i, size in enumerate(full) if i < lead or size != kept[i])
    np.testing.assert_allclose(result, array.sum(axes, keepdims=True).reshape(out), rtol=1e-12)


def test_not_a_number_is_a_number_like_any_other() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program = xor(Optimizer("sgd", 1e6))
        program.run(50)
        assert not np.isfinite(program.loss)
        for kind, rule in OPTIMIZERS.items():
            clips = {"clip_norm": 1.0, "clip_value": 2.0} if rule.room is None else {"line_search_fn": "strong_wolfe"}
            poisoned = Program(branching(1e200), Optimizer(kind, **clips))
            poisoned.run(3)
            assert np.isnan(poisoned.loss)


LEAVES = ((3, 2), (1, 2), (2,), (3, 1), ())


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any small graph: values of five shapes that broadcast, each used any number of times, or never."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    b = Builder()
    pool = [b.leaf(f"p{i}", "param", rng.standard_normal(shape)) for i, shape in enumerate(LEAVES)]
    any_node = st.integers(0, 99).map(lambda i: pool[i % len(pool)])
    for _ in range(draw(st.integers(1, 8))):
        op = draw(st.sampled_from(["add", "sub", "mul", "tanh", "neg"]))
        inputs = [draw(any_node)] if op in ("tanh", "neg") else [draw(any_node), draw(any_node)]
        pool.append(b.use(op, *inputs))
    loss = pool[-1]
    return b.finish(b.use("mean", b.use("mul", loss, loss), name="loss"))


def changed(graph: Graph, values: Mapping[int, np.ndarray]) -> Graph:
    """The same graph with other leaves."""
    return Graph(tuple(replace(n, value=values[n.id]) if n.id in values else n for n in graph.nodes), graph.loss)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from(list(OPTIMIZERS)))
def test_any_graph(graph: Graph, kind: str) -> None:
    recording = Program(graph, Optimizer(kind, 0.01)).record()
    again = Program(graph, Optimizer(kind, 0.01))
    again.run()
    assert again.recording().memory == recording.memory
    rng = np.random.default_rng(1)
    direction = {node.id: rng.standard_normal(node.shape) for node in graph.params}
    slope = sum(float(np.sum(recording.grad(i) * u)) for i, u in direction.items())
    losses = []
    for h in (1e-6, -1e-6):
        moved = Program(changed(graph, {i: recording.value(i) + h * u for i, u in direction.items()}))
        moved.run()
        losses.append(moved.loss)
    size = max(1.0, abs(losses[0]))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-8 * size)


def test_a_graph_without_parameters() -> None:
    b = Builder()
    x = b.leaf("x", "input", [1.0, 2.0])
    program = Program(b.finish(b.use("sum", b.use("mul", x, x))))
    first, second = program.record(), program.record()
    assert first.memory == second.memory
    assert np.array_equal(first.grad("x"), [2.0, 4.0])
    assert Training(Program(program.graph)).recording(7).memory == first.memory


def test_empty_tensors() -> None:
    b = Builder()
    x, w = b.leaf("x", "input", np.zeros((0, 3))), b.leaf("w", "param", np.ones(3))
    recording = Program(b.finish(b.use("sum", b.use("mul", x, w)))).record()
    assert recording.loss == 0.0
    assert np.array_equal(recording.grad("w"), [0.0, 0.0, 0.0])
    assert np.shape(recording.grad("x")) == (0, 3)


# -------------------------------------------------------------------------------------------------------- batches
def test_each_epoch_meets_every_sample_once() -> None:
    batches = Batches({"x": np.zeros((10, 1))}, 4)
    rows = np.concatenate([batches.rows(1, step) for step in range(10)])
    epochs = rows.reshape(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    fresh = Batches({"x": np.zeros((10, 1))}, 4)
    assert [fresh.rows(1, step).tolist() for step in (7, 2, 9)] == [rows[4 * s : 4 * s + 4].tolist() for s in (7, 2, 9)]
    assert Batches({"x": np.zeros((10, 1))}, 4).rows(2, 0).tolist() != rows[:4].tolist()


def test_batches_in_file_order() -> None:
    batches = Batches({"x": np.zeros((5, 1))}, 2, shuffle=False)
    assert [batches.rows(9, step).tolist() for step in range(4)] == [[0, 1], [2, 3], [4, 0], [1, 2]]


def test_what_a_batch_brings_is_in_the_recording() -> None:
    program = minibatches()
    assert program.batches is not None
    for step in range(6):
        recording = program.record()
        rows = program.batches.rows(program.seed, step)
        assert recording.value("x").tolist() == program.batches.arrays["x"][rows].tolist()
        assert recording.value("y").tolist() == program.batches.arrays["y"][rows].tolist()
        assert set(np.unique(recording.value("mask"))) <= {0.0, 1.0}
        assert recording.after("running").tolist() == recording.value("tracked").tolist()


def test_a_mask_keeps_the_share_it_should() -> None:
    program = minibatches()
    kept = np.mean([program.record().value("mask") for _ in range(500)])
    assert kept == pytest.approx(0.5, abs=0.03)  # 6,000 draws: 4 standard deviations are 0.026


@pytest.mark.parametrize(
    ("arrays", "size", "part"),
    [({"x": np.zeros((3, 1)), "y": np.zeros(4)}, 1, "differ"), ({"x": np.zeros((3, 1))}, 4, "4 of 3"), ({}, 1, "none")],
)
def test_batches_that_cannot_be(arrays: dict, size: int, part: str) -> None:
    with pytest.raises(UserError, match=part):
        Batches(arrays, size)


def test_memory_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bptui.model.engine.arena.LIMIT", 10_000)
    with pytest.raises(UserError, match="GB"):
        Program(branching(), Optimizer("adam"))


def test_a_leaf_without_a_value_is_told() -> None:
    b = Builder()
    x = b.leaf("x", "input", shape=(2,))
    with pytest.raises(UserError, match="x: has no value"):
        Program(b.finish(b.use("sum", x)))
