"""A captured update of each optimizer of PyTorch: its rule gives the parameter and the states that were recorded."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from bptui.model.engine.recording import NotRecorded  # noqa: E402
from bptui.model.source.captured.network import network_of  # noqa: E402
from bptui.model.source.captured.update_verdicts import check_update  # noqa: E402
from tests.unit.torch.rig import recorded  # noqa: E402

MADE: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"maximize": True}),
    ("Adam", {"maximize": True, "weight_decay": 0.1}),
    ("RMSprop", {"maximize": True}),
    ("Adagrad", {"maximize": True}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"momentum_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1}),
    ("Adamax", {"betas": (0.5, 0.7)}),
    ("Rprop", {"etas": (0.4, 1.5)}),
    ("ASGD", {"lambd": 0.1, "t0": 1.0, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("before", [0, 1, 6])
@pytest.mark.parametrize(("kind", "options"), MADE, ids=str)
def test_its_rule_gives_what_was_recorded(kind: str, options: dict[str, Any], before: int) -> None:
    """`before`: so many steps were taken before the one that is recorded."""
    torch.manual_seed(1)
    layer = torch.nn.Linear(3, 2)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.05, **options)
    x = torch.randn(before + 1, 4, 3)

    def step(n: int) -> None:
        optimizer.zero_grad()
        (layer(x[n]) ** 2).sum().backward()
        optimizer.step()

    for n in range(before):
        step(n)
    made = network_of(recorded(lambda: step(before), [layer]), "step")
    for node in made.graph.params:
        rule = made.recording.update_rule(node)
        rows = check_update(made.recording, node.id)
        assert [row.input for row in rows] == ["", *rule.states]
        assert {row.verdict for row in rows} == {"ok"}, rows


@pytest.mark.parametrize("kind", ["ASGD", "Rprop", "Adam"])
def test_a_rate_that_a_schedule_changed_is_no_mistake_of_the_update(kind: str) -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.3)

    def step() -> None:
        optimizer.zero_grad()
        (layer(torch.ones(4, 3)) ** 2).sum().backward()
        optimizer.step()

    for _ in range(3):
        step()
        schedule.step()
    made = network_of(recorded(step, [layer]), "step")
    assert {row.verdict for node in made.graph.params for row in check_update(made.recording, node.id)} == {"ok"}


@pytest.mark.parametrize(
    ("kind", "options"), [("Adam", {"amsgrad": True}), ("RMSprop", {"centered": True}), ("Adagrad", {"lr_decay": 0.1})]
)
def test_what_no_rule_is_known_for_stays_opaque(kind: str, options: dict[str, Any]) -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.05, **options)

    def step() -> None:
        (layer(torch.ones(4, 3)) ** 2).sum().backward()
        optimizer.step()

    made = network_of(recorded(step, [layer]), "step")
    with pytest.raises(NotRecorded, match="a rule that bptui does not have"):
        made.recording.update_rule(made.graph.params[0])


@pytest.mark.parametrize("kind", ["AdamW", "NAdam", "Rprop", "SGD"])
def test_training_goes_on_as_it_would_have(kind: str) -> None:
    """Two groups, and a parameter that is in none: PyTorch trains on beside this engine."""
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    own = {"SGD": {"momentum": 0.5}, "Rprop": {"lr": 0.02}}.get(kind, {"weight_decay": 0.3})
    groups = [{"params": [model[0].weight, model[0].bias]}, {"params": [model[2].weight], **own}]
    optimizer = getattr(torch.optim, kind)(groups, lr=0.05)
    x, losses = torch.randn(5, 3).double(), []

    def step() -> None:
        optimizer.zero_grad()
        loss = (model(x) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()

    for _ in range(2):
        step()
    made = network_of(recorded(step, [model]), "step")
    for _ in range(4):
        step()
    history = made.training()
    history.advance(5)
    assert list(history.losses[:5]) == pytest.approx(losses[2:], rel=1e-6)
