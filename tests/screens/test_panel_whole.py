"""A composite in the Operation panel: in whatever room, its pages together say all of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from bptui.model.base.spans import plain
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.screens.card import draw
from bptui.screens.card.fit import every
from bptui.screens.render import length
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.rules import to_rule
from bptui.symbolic.card.composite import Derivation, whole

from ..unit.symbolic.composites import uses, whole_of

SIZES = [(78, 12), (58, 9), (118, 24), (36, 14)]
NAMES = ("layer_norm", "scaled_dot_product_attention", "lstm_cell", "conv2d", "group_norm")


@cache
def cards(name):
    """(forward, backward) of the composite: where `next` comes to."""
    recording, composite = whole_of(next(use for use in uses() if use.op == name))
    op, shapes = composite.node.op, [recording.value(i).shape for i in composite.node.inputs]
    signature = op.signature(shapes, composite.node.attributes)
    rule = to_rule(derive(signature, op.input_names[0], op), define(signature, op), op)
    timeline, element = recording.timeline, tuple(0 for _ in composite.result.shape)
    stops = [("forward", timeline.forward.index(composite.result)), ("backward", timeline.count("backward") - 1)]
    found = []
    for phase, index in stops:
        state = State(recording, Moment(recording.step, phase, index))
        back = phase == "backward"
        derivation = Derivation(0, tuple(0 for _ in shapes[0]), rule) if back else None
        made = whole(state, composite, element, derivation)
        found.append(replace(made, inside=replace(made.inside, came=True)))
    return tuple(found)


def squeezed(rows):
    return "".join("".join(plain(row).split()) for row in rows)


@pytest.mark.corpus
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_on_all_pages_together(name, size):
    width, height = size
    for card in cards(name):
        pages = list(every(card, width, height))
        assert all(len(rows) <= height and all(length(row) <= width for row in rows) for rows in pages)
        said = {"".join(plain(row).split()) for rows in pages for row in rows}
        shown = squeezed(draw(card, width, 400))  # where there is room for all
        for name, formula in (
            *((f.label, f.text) for f in card.rules),
            *((p.name, p.formula) for p in card.inside.parts),
        ):
            assert "".join(plain(formula).split()) in shown, name
        for row in draw(card, width, 400):
            text = "".join(plain(row).split())
            if any(text in "".join(plain(fact.text).split()) for fact in card.rules):
                assert any(text in each for each in said), text


def test_the_pages_begin_again_after_the_last():
    card, _ = cards("lstm_cell")
    pages = list(every(card, 78, 12))
    assert len(pages) > 1
    assert [draw(card, 78, 12, page) for page in range(2 * len(pages))] == pages * 2
