"""Parameters with settings of their own: PyTorch's groups; what is frozen stays; a rule of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Table
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.training import Training
from bptui.model.source.optimizer_table import read_optimizer, table_of
from bptui.symbolic.check import check_step, check_update
from bptui.symbolic.types import CheckRow
from tests.unit.model.engine.small import branching

NAMES = [node.name for node in branching().params]


def updates(recording: Recording) -> list[CheckRow]:
    """What the check says of each update: it knows nothing of how the gradients came about."""
    return [row for node in recording.graph.params for row in check_update(recording, node)]


def made(**content: Any) -> Optimizer:
    return read_optimizer(Table(content, "net.toml", "optimizer"), NAMES)


GROUPED: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("SGD", {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}, [{"learning_rate": 0.02, "weight_decay": 0.1}]),
    ("SGD", {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "clip_norm": 0.3}, [{"momentum": 0.0}]),
    ("Adam", {"kind": "adam", "learning_rate": 0.1, "clip_norm": 0.3}, [{"frozen": True}]),
    ("AdamW", {"kind": "adamw", "learning_rate": 0.1}, [{"weight_decay": 0.0}]),
    ("Rprop", {"kind": "rprop", "learning_rate": 0.1}, [{"learning_rate": 0.02}]),
]
THEIRS = {"learning_rate": "lr"}


@pytest.mark.parametrize(("name", "content", "own"), GROUPED, ids=str)
def test_the_groups_are_those_of_pytorch(name: str, content: dict[str, Any], own: list[dict[str, Any]]) -> None:
    torch = pytest.importorskip("torch")
    own_names = NAMES[1:2]
    optimizer = made(**content, groups=[{"parameters": own_names, **own[0]}])
    program = Program(branching(), optimizer)
    tensors = {node.name: torch.tensor(np.array(node.value, float)) for node in program.graph.params}
    frozen = own[0].get("frozen", False)
    for key, tensor in tensors.items():
        tensor.requires_grad_(not (frozen and key in own_names))
    plain = {THEIRS.get(key, key): item for key, item in content.items() if key not in ("kind", "clip_norm")}
    mine = {THEIRS.get(key, key): item for key, item in own[0].items() if key != "frozen"}
    groups = [{"params": [t for key, t in tensors.items() if key not in own_names]}]
    if not frozen:
        groups.append({"params": [tensors[key] for key in own_names], **mine})
    other = getattr(torch.optim, name)(groups, **plain)
    for _ in range(6):
        recording = program.record()
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(np.array(recording.grad(key))) if tensor.requires_grad else None
        if "clip_norm" in content:
            torch.nn.utils.clip_grad_norm_(tensors.values(), content["clip_norm"])
        other.step()
        for key, tensor in tensors.items():
            np.testing.assert_allclose(recording.after(key), tensor.detach().numpy(), rtol=1e-9, atol=1e-12)
        assert not [row for row in updates(recording) if row.verdict == "FAIL"]


def test_each_parameter_follows_its_rule() -> None:
    optimizer = made(kind="adam", groups=[{"parameters": [NAMES[0]], "kind": "sgd", "learning_rate": 0.5},
                                          {"parameters": [NAMES[-1]], "frozen": True}])  # fmt: skip
    program = Program(branching(), optimizer)
    program.run(2)
    recording = program.record()
    assert [recording.update_rule(name).kind for name in (NAMES[0], NAMES[-1])] == ["sgd", "frozen"]
    first, last = recording.before(NAMES[0]), recording.before(NAMES[-1])
    np.testing.assert_array_equal(recording.after(NAMES[0]), first - 0.5 * recording.grad(NAMES[0]))
    np.testing.assert_array_equal(recording.after(NAMES[-1]), last)
    for name in NAMES[1:-1]:
        assert recording.update_rule(name).kind == "adam"
    history = Training(Program(branching(), optimizer))
    history.advance(9)
    assert history.recording(2).memory == recording.memory
    report = check_step(recording)
    assert report.ok
    assert read_optimizer(Table(table_of(optimizer), "again", "optimizer")) == optimizer


@pytest.mark.parametrize(
    ("groups", "part"),
    [
        ([{"parameters": ["nothing.*"]}], "no parameter is called 'nothing.*'"),
        ([{"parameters": [NAMES[0]]}, {"parameters": ["*"]}], "is in two of them"),
        ([{"learning_rate": 1.0}], "'parameters' is missing"),
        ([{"parameters": [NAMES[0]], "momentun": 1.0}], "did you mean 'momentum'"),
        ([{"parameters": [NAMES[0]], "beta1": 0.5}], "sgd has no beta1"),
        ([{"parameters": [NAMES[0]], "learning_rate": -0.5}], "learning_rate"),
        ([{"parameters": "w"}], "a list of names"),
        ("w", "no list of tables"),
        ([3], "expected a table"),
    ],
)
def test_groups_that_cannot_be(groups: Any, part: str) -> None:
    with pytest.raises(UserError, match=part.replace("*", r"\*")) as problem:
        made(groups=groups)
    assert problem.value.where.startswith("net.toml: optimizer")


# ------------------------------------------------------------------------------------------------- a rule of one's own
OWN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"update": "p - lr*grad"}, {"kind": "sgd"}),
    ({"update": "p - lr*m", "states": ["m"], "m": "0.9*m + grad"}, {"kind": "sgd", "momentum": 0.9}),
    ({"update": "p - lr*(d + beta*m)", "states": ["m"], "d": "grad + 0.1*p", "m": "beta*m + d", "beta": 0.9},
     {"kind": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ({"update": "p - lr*m/(1 - b**t)/(sqrt(v/(1 - c**t)) + 1e-8)", "states": ["m", "v"], "b": 0.9, "c": 0.999,
      "m": "b*m + (1 - b)*grad", "v": "c*v + (1 - c)*grad**2"}, {"kind": "adam"}),
    ({"update": "p - lr*sign(0.9*m + (1 - 0.9)*grad)", "states": ["m"], "m": "0.9*m + (1 - 0.9)*grad"}, {}),
    ({"update": "p - (lr if t > 3 else 0)*max(grad, -0.1, 0*t)"}, {}),
    ({"update": "p - lr*(grad if abs(grad) < 0.05 else tanh(grad))", "states": ["n"], "n": "n + 1"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("own", "known"), OWN, ids=str)
def test_a_rule_of_ones_own(own: dict[str, Any], known: dict[str, Any]) -> None:
    """It does what it says, by the check that reads it by itself; and what the kind with the same rule does."""
    optimizer = made(**own, learning_rate=0.1, clip_norm=0.5)
    program = Program(branching(), optimizer)
    twin = Program(branching(), made(**known, learning_rate=0.1, clip_norm=0.5)) if known else None
    for _ in range(6):
        recording = program.record()
        found = updates(recording)
        assert not [row for row in found if row.verdict == "FAIL"]
        assert [row for row in found if row.row == "update" and row.verdict == "ok"]
        if twin is not None:
            right = twin.record()
            for name in NAMES:
                np.testing.assert_allclose(recording.after(name), right.after(name), rtol=1e-9, atol=1e-12)
    assert read_optimizer(Table(table_of(optimizer), "again", "optimizer")) == optimizer


def test_its_check_can_fail() -> None:
    from unittest import mock

    from bptui.model.engine import own_rule

    with mock.patch.dict(own_rule.FUNCTIONS, {"sign": np.sqrt}):
        recording = Program(branching(), made(update="p - lr*sign(grad**2)")).record()
    report = check_step(recording)
    assert {row.row for row in report.rows if row.verdict == "FAIL"} == {"update"}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"update": "p - lr*gard"}, "did you mean 'grad'"),
        ({"update": "p - lr*m", "states": ["m"]}, "nothing says what m becomes"),
        ({"update": "p - lr*sine(grad)"}, "no function 'sine'"),
        ({"update": "p - lr*sqrt(grad, 2)"}, "sqrt of 2"),
        ({"update": "p -"}, "optimizer.update"),
        ({"update": "p = p - grad"}, "more than a formula"),
        ({"update": "__import__('os').system('x')"}, "not part of the notation"),
        ({"update": "p.shape"}, "not part of the notation"),
        ({"update": "p[0]"}, "not part of the notation"),
        ({"update": "p - lr*grad", "exp": 3.0}, "cannot be a name"),
        ({"update": "p - lr*grad", "lr": 3.0}, "cannot be a name"),
        ({"update": "p - lr*grad", "kind": "adam"}, "leave one of the two out"),
        ({"update": "p - lr*grad", "beta": "x"}, "nothing is called 'x'"),
        ({"update": "p - lr*grad", "beta": [1]}, "beta"),
        ({"update": 3}, "is no formula"),
        ({"update": "((" * 50 + "p" + "))" * 50}, "deep"),
        ({"update": "p + " * 2000 + "p"}, "optimizer.update"),
    ],
)
def test_rules_that_cannot_be(content: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        made(**content)
