"""Names of captured steps, which Python would not take for one: `blocks.0.up.weight`, `linear#2`."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.completion import complete
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.session import Session
from bptui.model.source.captured.network import network_of
from bptui.model.source.network import load
from tests.records import LINEAR, RELU, MadeRecord, V, blocks

MADE = blocks()
NETWORK = network_of(MADE, "blocks.bptui")


@pytest.fixture
def session() -> Session:
    found = Session(NETWORK)
    run(found, "goto update")
    return found


def value(session: Session, text: str) -> np.ndarray:
    return np.asarray(expressions.parse(text, session.graph).evaluate(session.state, session.node))


def test_a_path_is_a_name_and_what_follows_it_is_an_attribute(session: Session) -> None:
    w = np.asarray(MADE.arrays[MADE.step.parameters["blocks.1.up.weight"]], np.float64)
    g = np.asarray(MADE.arrays[MADE.step.backwards[0].grads[MADE.step.parameters["blocks.1.up.weight"]]], np.float64)
    for text, right in {
        "blocks.1.up.weight": w,
        "blocks.1.up.weight[0,1]": w[0, 1],
        "blocks.1.up.weight.T": w.T,
        "blocks.1.up.weight.grad": g,
        "grad(blocks.1.up.weight)[1,2]": g[1, 2],
        "blocks.1.up.weight.abs().max()": np.abs(w).max(),
        "2*blocks.1.up.weight-blocks.1.up.weight": w,
        "max(abs(blocks.1.up.weight)) > 0.0": np.bool_(True),
    }.items():
        assert np.array_equal(value(session, text), right), text


def test_a_module_is_what_leaves_it(session: Session) -> None:
    assert np.array_equal(value(session, "blocks.0"), value(session, "blocks.0.add"))
    assert np.array_equal(value(session, "grad(blocks.1)"), value(session, "grad(blocks.1.add)"))
    assert np.array_equal(value(session, "blocks.0.up[0,0]"), value(session, "blocks.0.up.linear[0,0]"))
    xor = Session(load("xor"))
    run(xor, "goto end")
    assert np.array_equal(value(xor, "layer1"), value(xor, "layer1.a"))


def test_the_second_of_a_name_is_a_name_too() -> None:
    made = MadeRecord()
    x, w = V(made.given([[1.0, 2.0]])), V(made.given([[1.0, 0.5], [0.5, 1.0]], "w", wants_grad=True))
    h = V(made.call(LINEAR, [x, w], made.arrays[x] @ made.arrays[w].T))
    again = V(made.call(LINEAR, [h, w], made.arrays[h] @ made.arrays[w].T))
    loss = made.call("torch.Tensor.sum", [V(made.call(RELU, [again], made.arrays[again]))], made.arrays[again].sum())
    made.backward(loss, {w: made.arrays[w]})
    session = Session(network_of(made, "twice"))
    run(session, "goto end")
    assert np.array_equal(value(session, "linear#2[0,0] - 1"), made.arrays[again][0, 0] - 1)
    assert run(session, "goto linear#2").ok
    assert session.here.name == "linear#2"
    with pytest.raises(UserError, match=r"'linear#3'.*linear"):
        value(session, "linear#3 + 1")


@pytest.mark.parametrize("name", ["blocks.7.up.weight", "blocks.0.op", "blocks.0.up.weight.shap", "blocks#2"])
def test_a_path_that_there_is_not_is_said_as_it_was_written(session: Session, name: str) -> None:
    with pytest.raises(UserError, match=f"nothing is called '{name}'"):
        value(session, f"1 + {name}")


def test_numbers_are_still_numbers(session: Session) -> None:
    assert value(session, "1.0 + .5*2e1") == 11.0
    with pytest.raises(UserError):
        value(session, "1.0.blocks")


def test_a_module_is_a_place_with_all_that_lies_in_it(session: Session) -> None:
    assert run(session, "goto forward blocks.1").ok
    assert session.here.scope == "blocks.1.up"
    run(session, "goto start")
    assert "blocks.0" in str(run(session, "break blocks.0 if max(abs(value)) >= 0.0").lines)
    stops = []
    for _ in range(6):
        run(session, "continue")
        stops.append(session.here.scope)
    assert list(dict.fromkeys(stops)) == ["blocks.0.up", "blocks.0", "blocks.0.down"]
    for line in (
        "display blocks.0.add[0,0]",
        "watch blocks.0.up.weight[0,0]",
        "until blocks.1.relu",
        "select blocks.0.up.bias[1]",
    ):
        assert run(session, line).ok, line
    assert session.node.name == "blocks.0.up.bias"


def test_search_finds_functions_files_and_lines(session: Session) -> None:
    run(session, "goto start")
    assert run(session, "search model.py:11").ok
    assert session.node.name == "blocks.0.down.linear"
    assert run(session, "search-next").ok
    assert session.node.name == "blocks.1.down.linear"
    assert run(session, "search functional.mse").ok
    assert session.node.name == "mse_loss"


def test_paths_are_completed(session: Session) -> None:
    assert "goto blocks.1.up" in complete(session, "goto blocks.1.")
    assert "print blocks.1.up.weight" in complete(session, "print blocks.1.up.w")
