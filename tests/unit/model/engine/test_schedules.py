"""Learning rates that change: PyTorch's numbers; any step is the same however it is come to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Group, Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.schedules import CLASSES, SCHEDULES, Seen, When, read, table
from bptui.model.engine.training import Training
from bptui.symbolic.card.rate import expected
from tests.unit.model.engine.small import branching

CASES: list[dict[str, Any]] = [
    {"kind": "constant"},
    {"kind": "constant", "factor": 0.5, "total_iters": 3},
    {"kind": "step", "step_size": 4},
    {"kind": "step", "step_size": 3, "gamma": 0.7},
    {"kind": "multi_step", "milestones": [2, 3, 9], "gamma": 0.5},
    {"kind": "exponential", "gamma": 0.9},
    {"kind": "linear"},
    {"kind": "linear", "start_factor": 0.1, "end_factor": 0.8, "total_iters": 7},
    {"kind": "polynomial"},
    {"kind": "polynomial", "total_iters": 11, "power": 2.0},
    {"kind": "cosine", "T_max": 9, "eta_min": 0.01},
    {"kind": "cosine_warm_restarts", "T_0": 5},
    {"kind": "cosine_warm_restarts", "T_0": 3, "T_mult": 2, "eta_min": 0.01},
    {"kind": "one_cycle", "max_lr": 0.5, "total_steps": 26},
    {"kind": "one_cycle", "max_lr": 0.5, "total_steps": 26, "anneal_strategy": "linear", "pct_start": 0.4},
    {"kind": "one_cycle", "max_lr": 0.5, "total_steps": 26, "three_phase": True, "div_factor": 10.0},
    {"kind": "sequential", "milestones": [5, 11], "schedulers": [
        {"kind": "linear"}, {"kind": "cosine", "T_max": 6}, {"kind": "exponential", "gamma": 0.8}]},
]  # fmt: skip
STEPS = 25
NAMES = {kind: name for name, kind in CLASSES.items()}


def theirs(torch: Any, optimizer: Any, content: dict[str, Any]) -> Any:
    """The schedule of PyTorch."""
    options = {name: item for name, item in content.items() if name != "kind"}
    if content["kind"] == "one_cycle":
        options["cycle_momentum"] = False
    if content["kind"] == "sequential":
        options["schedulers"] = [theirs(torch, optimizer, part) for part in options["schedulers"]]
    return getattr(torch.optim.lr_scheduler, NAMES[content["kind"]])(optimizer, **options)


@pytest.mark.parametrize("content", CASES, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_the_rates_are_those_of_pytorch(content: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in (0.1, 0.03)]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule, other = read(content), theirs(torch, optimizer, content)
    for n in range(STEPS):
        for group, base in zip(optimizer.param_groups, (0.1, 0.03), strict=True):
            assert schedule.rate(When(base, n)) == pytest.approx(group["lr"], rel=1e-9, abs=1e-15)
        optimizer.step()
        other.step()


PLATEAUS = [
    {"patience": 0, "factor": 0.5},
    {"patience": 2, "cooldown": 2, "threshold": 0.05},
    {"patience": 1, "mode": "max", "threshold_mode": "abs", "threshold": 0.3, "factor": 0.3},
    {"patience": 0, "min_lr": 0.02, "factor": 0.6},
    {"patience": 0, "eps": 0.01, "factor": 0.5},
]
losses = st.lists(st.sampled_from([0.5, 1.0, 1.02, 1.2, 2.0, float("nan"), float("inf")]), max_size=30)


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
@given(losses=losses)
def test_a_plateau_is_that_of_pytorch(options: dict[str, Any], losses: list[float]) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    schedule, seen = read({"kind": "plateau", **options}), Seen()
    for loss in losses:
        other.step(loss)
        seen = schedule.after(seen, loss)
        when = When(0.1, 3, seen)
        assert schedule.rate(when) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        assert expected(schedule, when) == pytest.approx(schedule.rate(when), rel=1e-12)


@pytest.mark.parametrize("content", CASES, ids=str)
def test_the_text_gives_the_rate(content: dict[str, Any]) -> None:
    schedule = read(content)
    for n in (0, 1, 2, 3, 4, 5, 8, 9, 10, 24, 25, 26, 1000):
        assert expected(schedule, When(0.1, n)) == pytest.approx(schedule.rate(When(0.1, n)), rel=1e-12)
    assert read(table(schedule)) == schedule


def test_no_kind_is_forgotten() -> None:
    assert {content["kind"] for content in CASES} | {"plateau"} == set(SCHEDULES) == set(NAMES)
    for name, kind in CLASSES.items():
        row = SCHEDULES[kind]
        assert name in row.doc


OPTIMIZERS = [
    Optimizer("sgd", 0.2, schedule=read({"kind": "step", "step_size": 2, "gamma": 0.5})),
    Optimizer("adam", 0.2, schedule=read({"kind": "cosine", "T_max": 5})),
    Optimizer("adamw", 0.2, weight_decay=0.3, schedule=read({"kind": "exponential", "gamma": 0.7}),
              groups=(Group((branching().params[0].name,), (("learning_rate", 0.05),)),)),
    Optimizer("nadam", 0.1, schedule=read({"kind": "plateau", "patience": 0, "threshold": 0.5, "factor": 0.5})),
    Optimizer("sgd", 0.3, momentum=0.5, clip_norm=0.1,
              schedule=read({"kind": "plateau", "patience": 1, "threshold": 0.3, "cooldown": 1})),
]  # fmt: skip


any_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: f"{o.kind} {o.schedule.kind}")


@any_optimizer
def test_going_there_is_stepping_there(optimizer: Optimizer) -> None:
    """Bit for bit: run, record, replay from a checkpoint, and a fork."""
    recorded, program = Program(branching(), optimizer), Program(branching(), optimizer)
    steps = [recorded.record() for _ in range(23)]
    losses = np.empty(23)
    program.run(23, losses)
    assert losses.tobytes() == np.array([step.loss for step in steps]).tobytes()
    history = Training(Program(branching(), optimizer))
    history.advance(23)
    for n in (22, 3, 17, 0, 11):
        assert history.recording(n).memory == steps[n].memory
        assert history.recording(n).rate == steps[n].rate
    assert len({step.rate for step in steps}) > 2


@any_optimizer
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_update_uses_the_rate_that_is_told(optimizer: Optimizer, dtype: str) -> None:
    """A program with that rate, and no schedule, does the same from the same state."""
    program = Program(branching(), optimizer, dtype=dtype)
    for n in range(8):
        recording = program.record()
        rules = {repr(rule): rule for rule in map(recording.update_rule, recording.graph.params)}
        here = _at(program, recording, optimizer, dtype)
        for name, rule in rules.items():
            assert rule.schedule is None
            fixed = Program(branching(), Optimizer(**{**vars(rule), "groups": ()}), dtype=dtype)
            fixed.load(fixed.adopted(here, {}), n)
            after = fixed.record().after
            for node in recording.graph.params:
                if repr(recording.update_rule(node)) == name:
                    rtol = 1e-12 if dtype == "float64" else 1e-5
                    np.testing.assert_allclose(after(node), recording.after(node), rtol=rtol, atol=1e-7)


def _at(program: Program, recording: Any, optimizer: Optimizer, dtype: str) -> Program:
    """A program of the same optimizer that stands where the recording begins."""
    made = Program(branching(), optimizer, dtype=dtype)
    length = recording.layout.state
    made.load(np.frombuffer(recording.memory, recording.layout.dtype)[:length].copy(), recording.step)
    return made


def test_a_rate_that_overflows_is_infinite() -> None:
    assert read({"kind": "exponential", "gamma": 10.0}).rate(When(1.0, 1000)) == math.inf


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("stepp", "did you mean 'step'"),
        ("step", "schedule.step_size: is missing"),
        ({"kind": "step", "step_size": 0}, "schedule.step_size: found 0"),
        ({"kind": "step", "step_size": 1, "gama": 1}, "did you mean 'gamma'"),
        ({"kind": "plateau", "mode": "low"}, "min or max"),
        ({"kind": "plateau", "factor": 1.5}, "schedule.factor"),
        ({"kind": "multi_step", "milestones": [3, 2]}, "in their order"),
        ({"kind": "multi_step", "milestones": []}, "in their order"),
        ({"kind": "cosine", "T_max": float("nan")}, "schedule.T_max"),
        ({"kind": "sequential", "milestones": [3], "schedulers": ["linear"]}, "schedule.schedulers"),
        ({"kind": "sequential", "milestones": [3], "schedulers": ["linear", "plateau"]}, "in a sequence"),
        ({"kind": "sequential", "milestones": [3, 4], "schedulers": ["linear", "linear"]}, "one fewer"),
        (3, "found 3"),
        ({"kind": 3}, "such as"),
    ],
)
def test_schedules_that_cannot_be(content: Any, part: str) -> None:
    with pytest.raises(UserError, match=part):
        read(content)
