"""No card loses anything: every operation's, forward and backward, at every width: in one page where there is height
enough, else on its pages together."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bptui.model.base.spans import Span, plain
from bptui.model.engine import ops
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.screens.card import draw, verdicts
from bptui.screens.card.fit import blocks, every, first
from bptui.screens.card.pages import MORE
from bptui.screens.render import length
from bptui.symbolic.card import card
from bptui.symbolic.facts import Card
from bptui.symbolic.types import CheckRow
from tests.derivations import service
from tests.screens.panel_rig import at, derived, squeezed
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.steps import step_of

WIDTHS = (40, 60, 78, 118)
HEIGHT = 60
SMALL = [(37, 13), (60, 9), (24, 7)]
"""Panels of 80x24, of 60x20 with a message, and as small as they come. In full, in the first every use; else some."""
CHECKS = (
    CheckRow("y", "op", "", "forward", "ok", 0.0, 1e-9, note="equal to the definition"),
    CheckRow(
        "y", "op", "x", "symbolic", "FAIL", 1.5, 1e-9, (0, 1), 2.25, -0.75, note="a sign; look at the second term"
    ),
)


def chosen():
    """Of every operation its use with the most axes and settings: those have the longest formulas."""
    found: dict = {}
    for use in uses():
        if all(np.prod(shape, dtype=int) for shape in use.shapes):
            found.setdefault(use.row.name, []).append(use)
    assert set(found) == set(ops.OPS)
    return [max(kept, key=lambda use: (sum(map(len, use.shapes)), len(use.attributes))) for kept in found.values()]


USES = chosen()


@cache
def cards(n: int) -> list[Card]:
    """Forward, and backward for each input that has a derivative."""
    use = USES[n]
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


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", range(len(USES)), ids=lambda n: str(USES[n]))
def test_nothing_is_lost(use):
    for made in cards(use):
        formulas = [fact.text for fact in made.rules]
        for width in WIDTHS:
            rows = draw(made, width, HEIGHT)
            assert all(length(row) <= width for row in rows)
            whole = squeezed("".join(plain(row) for row in rows))
            for formula in formulas:
                assert squeezed(plain(formula)) in whole, (width, plain(formula))
            assert "…" not in whole.replace("deriving…", "")
            assert not plain(rows[-1]).rstrip().endswith("⋯")


def pages(made: Card, width: int, height: int) -> tuple[str, str]:
    """The text of the first page, and that of all others without the head that they all begin with."""
    opened, *others = every(made, width, height)
    assert all(len(rows) <= height and all(length(row) <= width for row in rows) for rows in (opened, *others))
    assert bool(others) == any("⋯ more" in plain(row) or plain(row).rstrip()[-1:] in ("⋯", ")") for row in opened[-1:])
    head = first(blocks(made, width), height).head
    kept = [row for rows in others for row in rows[:-1] if row not in head]
    return squeezed("".join(map(plain, opened))), squeezed("".join(map(plain, kept)))


def said(made: Card) -> list[str]:
    """Everything that a card says, piece by piece: formulas and how they were derived, numbers, words, checks."""
    found = [part for fact in (*made.rules, *made.facts) for part in (*fact.members, fact.since, fact.note.full)]
    if made.equation is not None:
        found += [part for operand in made.equation for part in (operand.symbol, operand.note.full)]
    if made.table is not None:
        full = made.table.full
        assert not full.elided
        found += [full.result, *(step.symbol for step in full.steps)]
        found += [(Span(term.index),) for term in full.head]
    texts = [*map(plain, found), *(detail for _, _, detail, _ in verdicts.summary(made.checks))]
    return [squeezed(text) for text in texts if text.strip()]


def factors(made: Card) -> list[float]:
    """The factors of a card's sum, as far as they are written with decimals."""
    full = made.table and made.table.full
    return [x for term in full.head for _, x in term.factors if 0.001 < abs(x) < 100] if full else []


def has(text: str, x: float) -> bool:
    """Is the number in the text, with as many decimals as its equation takes?"""
    if re.search(rf"(?<![\d.]){re.escape(f'{x:.12g}')}(?!\d)", text):  # 0.5 has no more
        return True
    found = re.findall(r"-?\d+\.(\d{3,})", text)  # two that stand beside each other look like one
    return any(f"{x:.{n}f}" in text for n in range(3, 1 + max(map(len, found), default=0)))


@pytest.mark.parametrize("size", SMALL, ids=str)
def test_the_pages_of_a_small_panel_have_all_of_it(size, full):
    width, height = size
    for n in range(0, len(USES), 1 if full and size == SMALL[0] else 12):
        for each in cards(n):
            made = replace(each, checks=CHECKS)
            first, others = pages(made, width, height)
            for text in said(made):
                assert text in first or text in others, (str(USES[n]), text)
            for x in factors(made):
                assert has(first, x) or has(others, x), (str(USES[n]), x)


def test_the_terms_of_a_long_sum_are_made_for_the_page_that_has_them():
    """A step draws the first page: a thousand terms take as long as fifty steps."""
    recording, node = step_of(ops.OPS["sum"], (np.arange(1.0, 301),), {})
    made = card(State(recording, Moment(recording.step, "forward", 0)), node)
    assert made.table is not None
    longer = made.table.longer
    assert longer is not None
    asked = []
    counted = replace(made, table=replace(made.table, longer=lambda: asked.append(1) or longer()))
    draw(counted, 60, 20)
    assert not asked
    assert "297" in "".join(plain(row) for rows in every(counted, 60, 20) for row in rows)
    assert asked


@pytest.mark.parametrize("size", [(37, 13), (24, 7), (58, 9), (66, 18)], ids=str)
def test_the_first_page_begins_with_what_the_operation_is(size):
    width, height = size
    for n in range(0, len(USES), 3):
        for made in cards(n):
            shown = squeezed("".join(plain(row) for row in draw(made, width, height)))
            shown = shown.replace(squeezed(MORE), "").replace("⋯", "")
            definition = squeezed(plain(made.rules[0].text))
            # (a call that fills five of seven rows leaves room for its left side, or for what stands before "where")
            begins = (definition[:6], definition.partition("=")[0] + "=…", definition.partition("where")[0] + "…")
            assert any(text in shown for text in begins), str(USES[n])
            assert definition in shown or "…" in shown, str(USES[n])


@pytest.mark.parametrize("name", ["xor", "lesson-2-2-1", "transformer"])
def test_an_update_begins_with_its_rule_and_names_its_symbols(name):
    session = at(name, 0)
    session.goto("update")
    made = derived(session)
    for width, height in ((37, 13), (66, 18)):
        rows = [plain(row) for row in draw(made, width, height)]
        first_rule = next(row for row in rows if " = " in row)
        assert first_rule.split(" = ")[0].split()[-1].endswith("'"), rows
    text = " ".join(plain(row) for page in range(3) for row in draw(made, 37, 13, page))
    assert "learning rate" in text


def test_what_is_checked_later_has_its_rows_before():
    """A card does not move when its checks come in."""
    made = next(each for each in cards(0) if each.phase == "backward")
    rows = (
        CheckRow("y", "op", "x", "forward", "ok", note="equal to the definition"),
        CheckRow("y", "op", "x", "symbolic", "ok", 1e-17, 1e-9),
        CheckRow("y", "op", "x", "difference", "ok", 1e-10, 1e-7),
    )
    for width, height in ((37, 13), (58, 12), (66, 18), (118, 30)):
        before = draw(replace(made, due=("forward", "symbolic", "difference")), width, height)
        after = draw(replace(made, checks=rows), width, height)
        moved = [n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b and "forward" not in plain(b)]
        assert all(any(word in plain(after[n]) for word in ("symbolic", "difference", "pgdn")) for n in moved)
