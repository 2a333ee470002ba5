"""The curve of an activation beside a page: its title cuts no label of the axis."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens.panels import activation
from bptui.screens.render import length
from bptui.screens.scene import Scene


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "relu", "gelu"])
@pytest.mark.parametrize("size", [(42, 17), (39, 11), (20, 5)])
def test_a_title_cuts_no_label(kind: str, size: tuple[int, int]) -> None:
    session = Session(load("lesson-2-2-1"))
    if kind != "sigmoid":
        registry.run(session, f"set layer1.activation = {kind}")
    registry.run(session, "goto forward layer1.a")
    rows = activation.lines(Scene(session, *size))
    assert len(rows) <= size[1]
    assert all(length(row) <= size[0] for row in rows)
    head = plain(rows[0])[:6].split()
    assert head[0] == "a"
    assert all(float(label) for label in head[1:])


def test_the_top_of_the_sigmoid_is_1_and_of_its_slope_a_quarter() -> None:
    session = Session(load("lesson-2-2-1"))
    registry.run(session, "goto forward layer1.a")
    registry.run(session, "select layer1.a[0,1]")
    rows = [plain(row) for row in activation.lines(Scene(session, 42, 17))]
    assert rows[0].startswith(" a   1 │")
    assert any("0.2500" in row for row in rows)
