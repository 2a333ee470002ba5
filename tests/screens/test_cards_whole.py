"""No card loses anything: every operation's, forward and backward, at every width, where there is height enough."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model import ops
from bptui.model.spans import plain
from bptui.model.state import State
from bptui.model.timeline import Moment
from bptui.screens.look import length
from bptui.screens.panels import operation
from bptui.symbolic.card import card
from bptui.symbolic.types import Card
from tests.screens.panel_rig import service
from tests.unit.model.ops.samples import uses
from tests.unit.symbolic.steps import step_of

WIDTHS = (40, 60, 78, 118)
HEIGHT = 60


def chosen():
    """Of every operation its use with the most axes and settings: those have the longest formulas."""
    found: dict = {}
    for use in uses():
        if all(np.prod(shape, dtype=int) for shape in use.shapes):
            found.setdefault(use.row.name, []).append(use)
    assert set(found) == set(ops.OPS)
    return [max(kept, key=lambda use: (sum(map(len, use.shapes)), len(use.attributes))) for kept in found.values()]


def cards(use) -> list[Card]:
    """Forward, and backward for each input that has a derivative."""
    recording, node = step_of(use.row, tuple(use.inputs()), use.attributes)
    timeline = recording.timeline
    made = State(recording, Moment(recording.step, "forward", timeline.forward.index(node)))
    ends = State(recording, Moment(recording.step, "backward", timeline.count("backward") - 1))
    wanted = [p for p in range(len(node.inputs)) if use.row.differentiable(p)]
    for position in wanted:
        service().rule(recording.graph, node, position)
    assert service().wait()
    last = tuple(n - 1 for n in node.shape)
    out = [card(made, node, last)]
    for position in wanted:
        shape = recording.graph.nodes[node.inputs[position]].shape
        out.append(card(ends, node, tuple(n - 1 for n in shape), position, service()))
    return out


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("use", chosen(), ids=str)
def test_nothing_is_lost(use):
    for made in cards(use):
        said = [made.definition, *(formula for _, formula, _ in made.rules)]
        for width in WIDTHS:
            rows = operation.draw(made, width, HEIGHT)
            assert all(length(row) <= width for row in rows)
            whole = squeezed("".join(plain(row) for row in rows))
            for formula in said:
                assert squeezed(plain(formula)) in whole, (width, plain(formula))
            assert "…" not in whole.replace("deriving…", "")
            assert not plain(rows[-1]).rstrip().endswith("⋯")
