"""PyTorch's optimizers beside the engine's, over several training steps: the parameters and every state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bptui.model.base.schema import Table
from bptui.model.engine.optimizers import OPTIMIZERS, Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.optimizer_table import read_optimizer
from bptui.model.source.torch_optimizers import OPTIMIZERS as PYTORCH
from tests.forgotten import nothing_missing
from tests.unit.model.engine.small import branching

torch = pytest.importorskip("torch")

STEPS = 8


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """PyTorch keeps the numbers that all elements share (NAdam's mu_product) in its default kind."""
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(kind)


class Lion(torch.optim.Optimizer):
    """As its paper has it, algorithm 2: PyTorch has none."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                average = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                c = torch.lerp(p.grad, average, one)
                p.sub_(group["lr"] * (c.sign() + group["weight_decay"] * p))
                average.lerp_(p.grad, 1 - two)


CASES: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}, "SGD", {}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "maximize": True}, "SGD", {}),
    ("sgd", {"maximize": True, "weight_decay": 0.1}, "SGD", {}),
    ("adam", {"weight_decay": 0.1, "maximize": True}, "Adam", {}),
    ("adamw", {"weight_decay": 0.1, "maximize": True}, "AdamW", {}),
    ("rmsprop", {"alpha": 0.7, "weight_decay": 0.1, "maximize": True}, "RMSprop", {}),
    ("adagrad", {"weight_decay": 0.1, "maximize": True}, "Adagrad", {}),
    ("adadelta", {}, "Adadelta", {}),
    ("adadelta", {"rho": 0.6, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}, "Adadelta", {}),
    ("nadam", {}, "NAdam", {}),
    ("nadam", {"momentum_decay": 0.2, "weight_decay": 0.1, "maximize": True}, "NAdam", {}),
    ("nadam", {"weight_decay": 0.1, "decoupled_weight_decay": True}, "NAdam", {}),
    ("radam", {}, "RAdam", {}),
    ("radam", {"beta1": 0.5, "beta2": 0.8, "weight_decay": 0.1, "maximize": True},
     "RAdam", {"betas": (0.5, 0.8)}),
    ("radam", {"weight_decay": 0.1, "decoupled_weight_decay": True}, "RAdam", {}),
    ("adamax", {}, "Adamax", {}),
    ("adamax", {"beta1": 0.5, "beta2": 0.6, "weight_decay": 0.1, "maximize": True},
     "Adamax", {"betas": (0.5, 0.6)}),
    ("rprop", {}, "Rprop", {}),
    ("rprop", {"eta_minus": 0.2, "eta_plus": 2.0, "step_min": 0.05, "step_max": 0.3, "maximize": True},
     "Rprop", {"etas": (0.2, 2.0), "step_sizes": (0.05, 0.3)}),
    ("asgd", {}, "ASGD", {}),
    ("asgd", {"lambd": 0.2, "alpha": 0.5, "t0": 2.0, "weight_decay": 0.1, "maximize": True}, "ASGD", {}),
    ("lion", {"weight_decay": 0.1}, Lion, {"betas": (0.9, 0.99), "weight_decay": 0.1}),
]  # fmt: skip
PAIRED = ("beta1", "beta2", "eta_minus", "eta_plus", "step_min", "step_max")


def theirs(made: Any, options: dict[str, Any], more: dict[str, Any], parameters: Any) -> Any:
    """An optimizer of PyTorch with the same settings, those in pairs by its own names."""
    plain = {name: value for name, value in options.items() if name not in PAIRED}
    make = getattr(torch.optim, made) if isinstance(made, str) else made
    return make(parameters, lr=0.05, **{**plain, **more})


def states_of(kind: str, other: Any) -> dict[str, str]:
    """Our names of states → PyTorch's."""
    return next((dict(row.states) for row in PYTORCH.values() if row.kind == kind), {"m": "exp_avg"})


@pytest.mark.parametrize(("kind", "options", "made", "more"), CASES, ids=str)
def test_the_parameters_and_states_are_those_of_pytorch(
    kind: str, options: dict[str, Any], made: Any, more: dict[str, Any]
) -> None:
    program = Program(branching(), Optimizer(kind, 0.05, **options))
    nodes = program.graph.params
    first = [torch.tensor(np.array(node.value, float), requires_grad=True) for node in nodes]
    other = theirs(made, options, more, first)
    for _ in range(STEPS):
        recording = program.record()
        for node, parameter in zip(nodes, first, strict=True):
            parameter.grad = torch.tensor(np.array(recording.grad(node)))
        other.step()
        for node, parameter in zip(nodes, first, strict=True):
            np.testing.assert_allclose(recording.after(node), parameter.detach().numpy(), rtol=1e-9, atol=1e-12)
            for ours in program.optimizer.states:
                state = other.state[parameter][states_of(kind, other)[ours]]
                found = recording.state(node, ours, after=True)
                np.testing.assert_allclose(found, np.broadcast_to(state, found.shape), rtol=1e-9, atol=1e-12)


NOT_COMPARED = ("lion", "lbfgs")
"""Kinds that PyTorch has not, or whose settings have a test of their own (test_lbfgs.py)."""


def test_every_kind_of_pytorch_is_known_in_a_captured_step() -> None:
    known = {row.kind for row in PYTORCH.values()}
    missing = [kind for kind in OPTIMIZERS if kind not in known and kind not in NOT_COMPARED]
    nothing_missing(
        missing,
        "a row of OPTIMIZERS in bptui/model/source/torch_optimizers.py, or, where PyTorch has none, a word of "
        "NOT_COMPARED in this file",
    )


@pytest.mark.parametrize("kind", [row.kind for row in PYTORCH.values() if row.kind not in NOT_COMPARED])
def test_the_options_start_as_pytorch_has_them(kind: str) -> None:
    """Every setting that PyTorch has under the same name, or in a pair."""
    name = next(name for name, row in PYTORCH.items() if row.kind == kind)
    group = getattr(torch.optim, name)([torch.zeros(1)], lr=0.1).param_groups[0]
    pairs = {"betas": PAIRED[:2], "etas": PAIRED[2:4], "step_sizes": PAIRED[4:]}
    expected = dict(group)
    for pair, names in pairs.items():
        expected |= dict(zip(names, group.get(pair, ()), strict=False))
    ours = OPTIMIZERS[kind].options
    assert {n: v for n, v in ours.items() if n != "l1"} == {n: expected[n] for n in ours if n != "l1"}


@pytest.mark.parametrize("kind", ["asgd", "rprop", "sgd", "nadam"])
@pytest.mark.parametrize("schedule", [{"kind": "step", "step_size": 2, "gamma": 0.5}, {"kind": "linear"}])
def test_with_a_schedule_the_parameters_are_those_of_pytorch(kind: str, schedule: dict[str, Any]) -> None:
    """ASGD takes a new rate one update later; Rprop's first steps are as long as the first rate."""
    options = {"lambd": 0.2} if kind == "asgd" else {}
    made = read_optimizer(
        Table({"kind": kind, "learning_rate": 0.05, "schedule": schedule, **options}, "it", "optimizer")
    )
    program = Program(branching(), made)
    nodes = program.graph.params
    first = [torch.tensor(np.array(node.value, float), requires_grad=True) for node in nodes]
    other = getattr(torch.optim, {"asgd": "ASGD", "rprop": "Rprop", "sgd": "SGD", "nadam": "NAdam"}[kind])(
        first, lr=0.05, **options
    )
    steps = torch.optim.lr_scheduler
    follows = steps.LinearLR(other) if schedule["kind"] == "linear" else steps.StepLR(other, 2, 0.5)
    for _ in range(STEPS):
        recording = program.record()
        for node, parameter in zip(nodes, first, strict=True):
            parameter.grad = torch.tensor(np.array(recording.grad(node)))
        other.step()
        follows.step()
        for node, parameter in zip(nodes, first, strict=True):
            np.testing.assert_allclose(recording.after(node), parameter.detach().numpy(), rtol=1e-9, atol=1e-12)
