"""An update that looks at the loss several times, on the screen: its card, and the branch of one of its evaluations."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_mapping, load
from bptui.screens.panels import operation, whatif
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.symbolic.card.moment import card_for

XOR = load("xor")
assert XOR.document is not None
NETWORK = from_mapping({**XOR.document.content, "optimizer": {"kind": "lbfgs", "max_iter": 6}}, "xor")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (42, 14), (24, 6)])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_promise_of_an_evaluation_is_over_all_parameters(size: tuple[int, int], unicode: bool) -> None:
    session = Session(NETWORK)
    run(session, "train 1")
    run(session, "evaluation 2")
    rows = [plain(row) for row in whatif.lines(Scene(session, *size, RenderOptions(unicode=unicode)))]
    assert "evaluation" in rows[0] + rows[1]
    assert len(rows) <= size[1]
    if size[0] >= 80:
        assert any("summed over" in row for row in rows)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (42, 14), (24, 6)])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_card_fits(size: tuple[int, int], unicode: bool) -> None:
    session = Session(NETWORK)
    run(session, "train 1")
    run(session, "goto update layer1.weight")
    card = card_for(session, unicode=unicode)
    scene = Scene(session, *size, RenderOptions(unicode=unicode), card)
    rows = [plain(row) for row in operation.lines(scene)]
    assert "lbfgs" in rows[0] + rows[1]
    assert all(len(row) <= size[0] for row in rows)
    assert unicode or all(ord(letter) < 256 for row in rows for letter in row)
