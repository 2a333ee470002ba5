"""L-BFGS: PyTorch's numbers and states, several training steps on; a pass within an update leaves no trace; history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.engine import lbfgs
from bptui.model.engine.batches import Batches
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph
from bptui.model.engine.line_search import Point, cubic
from bptui.model.engine.optimizers import Group, Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.schedules import read
from bptui.model.engine.training import Training
from tests.unit.model.engine.small import branching

WOLFE = {"line_search_fn": "strong_wolfe"}


def dense(seed: int = 0) -> Graph:
    """tanh(x @ w1 + b1) @ w2 + b2, mean square error."""
    random, b = np.random.default_rng(seed), Builder()
    x = b.leaf("x", "input", random.normal(size=(6, 3)), wants_grad=False)
    y = b.leaf("y", "target", random.normal(size=(6, 2)), wants_grad=False)
    w1, b1, w2, b2 = (
        b.leaf(name, "param", random.normal(size=shape))
        for name, shape in (("w1", (3, 4)), ("b1", (4,)), ("w2", (4, 2)), ("b2", (2,)))
    )
    h = b.use("tanh", b.use("affine", x, w1, b1))
    return b.finish(b.use("mse", b.use("affine", h, w2, b2), y, name="loss"))


class Theirs:
    """PyTorch's optimizer on the same network."""

    def __init__(self, graph: Graph, **options: Any) -> None:
        self.torch = torch = pytest.importorskip("torch")
        made = {node.name: torch.tensor(np.array(node.value)) for node in graph.nodes if node.value is not None}
        self.x, self.y = made["x"], made["y"]
        self.params = [made[node.name].requires_grad_() for node in graph.params]
        options = {name: None if value == "none" else value for name, value in options.items()}
        rate = options.pop("learning_rate", 1)
        self.optimizer = torch.optim.LBFGS(self.params, lr=rate, **options)
        self.evaluations = 0

    def step(self) -> float:
        self.evaluations = 0
        return float(self.optimizer.step(self._closure).detach())

    def _closure(self) -> Any:
        self.evaluations += 1
        self.optimizer.zero_grad()
        w1, b1, w2, b2 = self.params
        made = self.torch.nn.functional.mse_loss(self.torch.tanh(self.x @ w1 + b1) @ w2 + b2, self.y)
        made.backward()
        return made

    @property
    def state(self) -> Any:
        return self.optimizer.state[self.params[0]]


def same_as(theirs: Theirs, program: Program, rtol: float) -> None:
    """A training step of both has the same loss, evaluations, parameters and states."""
    loss, recording = theirs.step(), program.record()
    search, carried = recording.search, recording.carried(after=True)
    assert search is not None
    assert carried is not None
    near = {"rtol": rtol, "atol": rtol}
    np.testing.assert_allclose(recording.loss, loss, **near)
    assert len(search.evaluations) == theirs.evaluations
    for node, parameter in zip(recording.graph.params, theirs.params, strict=True):
        np.testing.assert_allclose(recording.after(node), parameter.detach().numpy(), **near)
    state = theirs.state
    assert (carried["n_iter"], carried["func_evals"]) == (state["n_iter"], state["func_evals"])
    if state["n_iter"]:
        for name in ("t", "H_diag", "prev_loss"):
            np.testing.assert_allclose(carried[name], float(state[name]), **near)
        pairs = len(state["old_dirs"])
        assert carried.pairs == pairs
        for ours, name in ((carried.y, "old_dirs"), (carried.s, "old_stps")):
            for got, expected in zip(ours[:pairs][::-1], state[name], strict=True):
                np.testing.assert_allclose(got, expected.numpy(), **near)
        for ours_name, name in (("d", "d"), ("prev_grad", "prev_flat_grad")):
            got = np.concatenate([np.ravel(recording.state(node, ours_name, True)) for node in program.graph.params])
            np.testing.assert_allclose(got, state[name].detach().numpy(), **near)


@pytest.mark.parametrize(
    "options",
    [
        {},
        WOLFE,
        {"max_iter": 6, "history_size": 3},
        {"max_iter": 6, "history_size": 2, **WOLFE},
        {"max_iter": 7, "max_eval": 100, "learning_rate": 0.3},
        {"max_iter": 1},
        {"max_eval": 1, **WOLFE},
        {"max_iter": 5, "max_eval": 3, **WOLFE},
        {"tolerance_grad": 0.05},
        {"tolerance_change": 0.01, **WOLFE},
        {"learning_rate": 30.0, "max_iter": 4, **WOLFE},
    ],
    ids=str,
)
def test_parameters_and_states_are_those_of_pytorch(options: dict[str, Any]) -> None:
    graph = dense()
    theirs, program = Theirs(graph, **options), Program(graph, Optimizer("lbfgs", **options))
    for _ in range(3 if "max_iter" in options else 2):
        same_as(theirs, program, 1e-8)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 5),
    options=st.fixed_dictionaries(
        {
            "max_iter": st.integers(1, 5),
            "max_eval": st.integers(1, 9),
            "history_size": st.integers(1, 3),
            "learning_rate": st.sampled_from([0.1, 1.0, 3.0]),
            "tolerance_grad": st.sampled_from([1e-7, 0.3]),
            "tolerance_change": st.sampled_from([1e-9, 1e-3, 0.1]),
            "line_search_fn": st.sampled_from(["none", "strong_wolfe"]),
        }
    ),
)
def test_drawn_settings_are_those_of_pytorch(seed: int, options: dict[str, Any]) -> None:
    graph = dense(seed)
    theirs, program = Theirs(graph, **options), Program(graph, Optimizer("lbfgs", **options))
    for _ in range(2):
        same_as(theirs, program, 1e-6)


def test_the_settings_start_as_pytorch_has_them() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.optim.LBFGS([torch.zeros(1)]).param_groups[0]
    ours = Optimizer("lbfgs")
    assert ours.learning_rate == theirs["lr"]
    assert lbfgs.most(ours) == theirs["max_eval"]
    assert ours.line_search_fn == "none"
    for name in ("max_iter", "tolerance_grad", "tolerance_change", "history_size"):
        assert getattr(ours, name) == theirs[name]


@pytest.mark.parametrize("options", [{}, WOLFE], ids=str)
def test_what_is_recorded_is_the_pass_that_the_step_begins_with(options: dict[str, Any]) -> None:
    """Whatever was looked at meanwhile: the same bits as of a program that does not look again."""
    graph = branching()
    recording = Program(graph, Optimizer("lbfgs", max_iter=6, **options)).record()
    plain = Program(graph, Optimizer("sgd", 0.1)).record()
    assert recording.search is not None
    assert len(recording.search.evaluations) > 2
    for node in graph.nodes:
        assert recording.value(node).tobytes() == plain.value(node).tobytes()
        if node.wants_grad:
            assert recording.grad(node).tobytes() == plain.grad(node).tobytes()
        for consumer, position in graph.consumers[node.id]:
            parts = [each.contribution(consumer, position) for each in (recording, plain)]
            assert parts[0].tobytes() == parts[1].tobytes()


def test_any_training_step_is_found_again_bit_for_bit() -> None:
    training = Training(Program(dense(), Optimizer("lbfgs", max_iter=3)), window_bytes=1)
    first = [training.recording(step).memory for step in range(12)]
    training.rest()
    for step in (11, 3, 0, 7, 6):
        assert Training(Program(dense(), Optimizer("lbfgs", max_iter=3))).recording(step).memory == first[step]
        assert training.recording(step).memory == first[step]


@given(after=st.integers(0, 400))
@settings(max_examples=20)
def test_a_step_that_is_ended_within_its_update_has_not_begun(after: int) -> None:
    program, other = (Program(dense(), Optimizer("lbfgs", max_iter=5)) for _ in range(2))
    for each in (program, other):
        each.run()
    left = after

    def ask() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptedError

    try:
        program.run(ask=ask)
    except InterruptedError:
        assert program.save().tobytes() == other.save().tobytes()
        program.run()
    other.run()
    assert program.save().tobytes() == other.save().tobytes()


def test_a_batch_is_the_same_for_all_evaluations_of_a_step() -> None:
    """And the next step has the next batch: each evaluation's loss is that of its batch."""
    graph = dense()
    x, y = (np.array(graph.by_name[name].value) for name in "xy")
    b = Builder()
    leaves = {name: b.leaf(name, "param", graph.by_name[name].value) for name in ("w1", "b1", "w2", "b2")}
    xs, ys = b.leaf("x", "input", shape=(3, 3), wants_grad=False), b.leaf("y", "target", shape=(3, 2), wants_grad=False)
    h = b.use("tanh", b.use("affine", xs, leaves["w1"], leaves["b1"]))
    made = b.finish(b.use("mse", b.use("affine", h, leaves["w2"], leaves["b2"]), ys, name="loss"))
    program = Program(made, Optimizer("lbfgs", max_iter=4), batches=Batches({"x": x, "y": y}, 3))
    seen = set()
    for _ in range(4):
        recording = program.record()
        search, batch = recording.search, (recording.value("x"), recording.value("y"))
        seen.add(batch[0].tobytes())
        assert search is not None
        for each in search.evaluations:
            w1, b1, w2, b2 = (recording.part(name, each.p) for name in ("w1", "b1", "w2", "b2"))
            error = np.tanh(batch[0] @ w1 + b1) @ w2 + b2 - batch[1]
            assert each.loss == pytest.approx(float((error**2).mean()), rel=1e-12)
    assert len(seen) > 1


def test_a_schedule_sets_the_length() -> None:
    schedule = read({"kind": "step", "step_size": 1, "gamma": 0.5})
    program = Program(dense(), Optimizer("lbfgs", 0.8, max_iter=2, max_eval=9, schedule=schedule))
    program.run(2)
    recording = program.record()
    assert recording.search is not None
    assert [made.t for made in recording.search.iterations] == [0.2, 0.2]
    assert recording.rate == 0.2


def test_what_is_frozen_stays_and_has_no_part_in_it() -> None:
    graph = dense()
    frozen = Optimizer("lbfgs", max_iter=4, groups=(Group(("b*",), (("frozen", True),)),))
    recording = Program(graph, frozen).record()
    for name in ("b1", "b2"):
        assert np.array_equal(recording.after(name), recording.before(name))
    assert recording.search is not None
    assert recording.search.size == 20
    assert not np.array_equal(recording.after("w1"), recording.before("w1"))


def test_another_history_size_keeps_the_newest_pairs_and_other_parameters_begin_anew() -> None:
    graph = dense()
    old = Program(graph, Optimizer("lbfgs", max_iter=6))
    old.run(2)
    few = Program(graph, Optimizer("lbfgs", max_iter=6, history_size=2))
    few.load(few.adopted(old, {}), 2)
    known, kept = (each.record().carried() for each in (old, few))
    assert known is not None
    assert kept is not None
    assert kept.pairs == 2
    assert np.array_equal(kept.s[:2], known.s[:2])
    assert np.array_equal(kept.y[:2], known.y[:2])
    assert kept["n_iter"] == known["n_iter"] == 12
    other = Program(branching(), Optimizer("lbfgs", max_iter=6))
    other.load(other.adopted(old, {}), 2)
    begun = other.record().carried()
    assert begun is not None
    assert begun["n_iter"] == 0


def test_pairs_that_are_too_many_are_told_before_memory_is_taken() -> None:
    b = Builder()
    w = b.leaf("w", "param", np.zeros(2**17))
    graph = b.finish(b.use("sum", b.use("mul", w, w), name="loss"))
    with pytest.raises(UserError, match=r"100 pairs of 131,072 numbers each \(at most 64\)"):
        Program(graph, Optimizer("lbfgs"))
    assert Program(graph, Optimizer("lbfgs", history_size=3, max_iter=1)).state_nbytes < 2**24


def test_float32() -> None:
    wide, narrow = (Program(dense(), Optimizer("lbfgs", max_iter=5, **WOLFE), dtype=kind) for kind in
                    ("float64", "float32"))  # fmt: skip
    one, two = wide.record(), narrow.record()
    for node in one.graph.params:
        assert two.after(node).dtype == np.float32
        np.testing.assert_allclose(two.after(node), one.after(node), rtol=1e-3, atol=1e-3)


@given(st.floats(0.1, 0.9), st.floats(0.2, 3), st.floats(0.5, 3), st.booleans())
def test_a_cubic_is_known_from_two_points(least: float, gap: float, factor: float, turned: bool) -> None:
    """Its least point, that lies between them, in whatever order they are."""
    slope = factor * np.polynomial.Polynomial.fromroots([least, least - gap])
    of = slope.integ()
    points = [Point(t, of(t), slope(t), np.zeros(0), 0) for t in (0.0, 1.0)]
    assert cubic(*points[:: -1 if turned else 1]) == pytest.approx(least, abs=1e-9)


@given(st.integers(0, 1000))
def test_a_direction_knows_its_newest_pair(seed: int) -> None:
    """The secant equation: H takes the y of the newest pair to its s, whatever the others are."""
    random = np.random.default_rng(seed)
    s = random.normal(size=(4, 6))
    y = s @ np.diag(random.uniform(0.5, 2.0, 6))
    found = lbfgs.recursion(-y[0], s, y, float(random.uniform(0.1, 2)))
    np.testing.assert_allclose(found.d, s[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"max_iter": 0}, "a whole number from 1 to 1,000"),
        ({"max_eval": 2.5}, "a whole number"),
        ({"history_size": 10**9}, "a whole number from 1"),
        ({"max_iter": True}, "a whole number"),
        ({"line_search_fn": "wolfe"}, "strong_wolfe"),
        ({"tolerance_grad": float("nan")}, "0 or more"),
        ({"clip_norm": 1.0}, "does not clip"),
        ({"momentum": 0.9}, "lbfgs has no momentum"),
        ({"groups": (Group(("w1",), (("learning_rate", 0.1),)),)}, "all parameters together"),
        ({"kind": "sgd", "groups": (Group(("w1",), (("kind", "lbfgs"),)),)}, "all parameters together"),
        ({"kind": "adam", "max_iter": 3}, "adam has no max_iter"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        Optimizer(**{"kind": "lbfgs", **options})
