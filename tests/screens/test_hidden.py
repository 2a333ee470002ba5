"""A hidden number is nowhere on the screen: what is shown does not depend on it, whatever is looked at, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.base.types import Array
from bptui.model.debugger import hidden
from bptui.model.debugger.commands import registry
from bptui.model.debugger.hidden import Target
from bptui.model.debugger.session import Session
from bptui.model.debugger.view import VIEWS, Answer
from bptui.model.engine.graph import Node
from bptui.model.engine.history import RecordedStep
from bptui.model.engine.masked import Masked
from bptui.model.engine.recording import Recording
from bptui.model.source.examples import examples
from bptui.screens.frame import Ui, paint
from bptui.screens.panels import PANELS
from bptui.screens.render import RenderOptions
from bptui.symbolic.card import card_for
from bptui.symbolic.derivation import latex, markdown, moment
from bptui.symbolic.derivation.document import Document
from tests.derivations import service
from tests.screens.panel_rig import network
from tests.screens.rig import debug

SIZES = [(80, 24), (120, 36), (60, 20), (40, 12), (200, 50), (100, 30)]
NAMES = [name for name, _ in examples()]
FOCUS = [row.number for row in PANELS if row.module != "predictions"]
"""Predictions says whether the loss is that of its samples: it is not where a number of the step is another."""
OTHER = 3.7519
"""What is put in the place of a hidden number."""


class Other(Masked):
    """The recording with other numbers in the place of those that are hidden."""

    def _without(self, key: Any, node: int, kind: Any, read: Any) -> Array | None:
        array, places = read(), self.masks.get((node, kind))
        if places is None or array is None:
            return array
        made = np.array(array)
        for place in places:
            made[... if place is None else place] = OTHER
        return made


def sessions(name: str, stop: int, target: Target) -> tuple[Session, Session]:
    """A session at a Moment of the first training step, and one in which the target's numbers are others."""
    first = Session(network(name)).recorded
    service().warm(first.graph)
    assert service().wait(60.0)
    other = hidden.without(first, [target])
    assert isinstance(other, Masked)
    made = []
    for recording in (first, Other(first, other.masks)):
        session = Session(network(name), RecordedStep(recording))
        session.move(stop)
        made.append(session)
    return made[0], made[1]


def shown(session: Session, size: tuple[int, int], look: RenderOptions) -> list[str]:
    """The rows of the screen."""
    ui = Ui(look=look, card=card_for(session, service(), look.unicode), rules=service())
    return [plain(row) for row in paint(session, ui, *size)]


def targets(recording: Recording) -> Iterator[Target]:
    """All that can be hidden of a step, whole tensors."""
    for node in recording.graph.nodes:
        if 0 in node.shape or node.whole or node.role == "const":
            continue
        yield Target(node.name, "value")
        if node.wants_grad and recording.grad(node) is not None:
            yield Target(node.name, "gradient")
        if node.role == "param":
            yield Target(node.name, "update")


def element(node: Node, data: st.DataObject) -> tuple[int, ...]:
    return tuple(data.draw(st.integers(0, n - 1)) for n in node.shape)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_screen_depends_on_a_hidden_number(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    recording = Session(network(name)).recorded
    length = recording.timeline.length
    stop = data.draw(st.integers(0, length - 1))
    target = data.draw(st.sampled_from(list(targets(recording))))
    node = recording.graph.by_name[target.node]
    if node.shape and data.draw(st.booleans()):
        target = target._replace(element=element(node, data))
    pair = sessions(name, stop, target)
    readers = [i for i, _ in recording.graph.consumers[node.id]]
    pinned = data.draw(st.sampled_from([None, node.id, *node.inputs, *readers]))
    at = target.element or element(node, data)
    answer = data.draw(st.sampled_from([None, None, "why", "paths"]))
    focus, mode = data.draw(st.sampled_from(FOCUS)), data.draw(st.sampled_from(VIEWS))
    sample = data.draw(st.sampled_from(["all", "mean", 0]))
    present, asks = data.draw(st.sampled_from([False, False, True])), data.draw(st.booleans())
    display = data.draw(st.sampled_from([f"{target}", f"sum({target}) + 1", f"max(abs({target.node})) > 1", "loss*2"]))
    size = data.draw(st.sampled_from(SIZES))
    look = RenderOptions(unicode=data.draw(st.booleans()), ansi=data.draw(st.booleans()))
    screens = []
    for session in pair:
        session.select(pinned)
        session.select_element(at)
        session.view.mode, session.view.focus, session.view.sample = mode, focus, sample
        if target.kind != "update":
            session.displays.append(display)
        if present:
            session.present(True)
            session.view.asks = asks
        session.view.answer = Answer(answer) if answer else None
        open_ = shown(session, size, look)
        session.view.hidden = frozenset({target})
        closed = shown(session, size, look)
        assert not any("failed:" in row for row in closed), closed
        screens.append((open_, closed))
    (before, closed), (other, same) = screens
    assert closed == same
    if before != other and not present:
        assert any("?" in row for row in closed)


def _lines(target: Target) -> list[str]:
    """Command lines that say something of a target's numbers."""
    of = str(target)
    if target.kind == "update":
        return [f"why {target.node}", f"print {target.node}", "written"]
    lines = [f"print {of}", f"print {of} * 2", f"print sum({of}) > 0", f"why {of}", f"display {of}", f"last {of}"]
    return [
        *lines,
        "copy",
        "copy json",
        "copy latex",
        "copy numpy",
        f"info {target.node}",
        f"paths {target.node}",
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_command_says_a_hidden_number(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    recording = Session(network(name)).recorded
    stop = data.draw(st.integers(0, recording.timeline.length - 1))
    target = data.draw(st.sampled_from(list(targets(recording))))
    node = recording.graph.by_name[target.node]
    if node.shape and data.draw(st.booleans()):
        target = target._replace(element=element(node, data))
    line = data.draw(st.sampled_from(_lines(target)))
    said = []
    for session in sessions(name, stop, target):
        session.select(node, target.element or (0,) * len(node.shape))
        session.view.hidden = frozenset({target})
        try:
            reply = registry.run(session, line)
            said.append([plain(row) for row in reply.lines])
        except UserError as error:
            said.append([str(error)])
    assert said[0] == said[1]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_export_of_a_moment_has_a_hidden_number_and_its_checks_are_of_all_of_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    recording = Session(network(name)).recorded
    stop = data.draw(st.integers(0, recording.timeline.length - 1))
    target = data.draw(st.sampled_from(list(targets(recording))))
    written = []
    for session in sessions(name, stop, target):
        session.view.hidden = frozenset({target})
        session.select_element((0,) * len(session.node.shape))
        made = Document(moment.heading(session), (moment.here(session, service()),))
        written.append((markdown.written(made), latex.written(made)))
    assert written[0] == written[1]
    assert "FAIL" not in written[0][0]


TWO = "lesson-2-2-1"


async def test_the_number_of_a_question_is_a_mark_wherever_it_would_stand() -> None:
    """Picture 12: the downstream number of the equation, the cell of the network, `print`, a display, `why`."""
    async with debug(TWO, 120, 36) as screen:
        session = screen.session
        await screen.run("goto backward layer1.a")
        session.view.hidden = frozenset({Target("layer1.z", "gradient", (0, 1))})
        await screen.run("select layer1.a[0,1]")
        await screen.run("display grad(layer1.z)")
        equation = next(row for row in screen.rows if "×" in row and "-0.0977628" in row)
        assert equation.rstrip().endswith("?")
        z = next(row for row in screen.rows if row.startswith("   z      x@W+b    0.0400"))
        assert "-0.0247  ?  " in z
        assert "-0.0244" not in screen.text
        await screen.run("print grad(layer1.z[0,1])")
        assert "= ?  hidden until the question is answered" in screen.text
        await screen.run("print grad(layer1.z)[0,1] < 0")
        assert "= ?  hidden until the question is answered" in screen.text
        await screen.run("why grad(layer1.z[0,1])")
        assert "-0.02444" not in screen.text
        session.view.hidden = hidden.NONE
        await screen.press("escape")
        assert "-0.0247 -0.0244" in screen.text


async def test_what_is_hidden_stays_so_while_one_drives_away_and_changes_numbers() -> None:
    async with debug(TWO) as screen:
        session = screen.session
        session.view.hidden = frozenset({Target("layer2.weight", "gradient", (0, 0))})
        for line in ("goto backward", "finish", "nudge layer2.weight[0,0]", "branches", "undo", "train 3", "moved"):
            await screen.run(line)
            assert "0.10072" not in screen.text
            assert "0.1007" not in screen.text
        await screen.run("nudge layer2.weight[0,0] 0.01")
        assert "?" in screen.text


async def test_a_hidden_loss_is_nowhere() -> None:
    async with debug(TWO, 200, 50) as screen:
        await screen.run("train 2")
        loss = f"{screen.session.recorded.loss:.4f}"
        assert loss in screen.text
        screen.session.view.hidden = frozenset({Target("loss", "value")})
        for line in ("goto forward", "goto loss", "goto backward", "why loss", "branches", "last loss"):
            await screen.run(line)
            if screen.session.cursor.step == 2:
                assert loss not in screen.text
            assert "loss ?" in screen.text


def test_nothing_is_copied_while_nothing_is_hidden() -> None:
    session = Session(network("xor"))
    assert session.recording is session.recorded
    session.view.hidden = frozenset({Target("loss", "value")})
    seen = session.recording
    assert seen is session.recording
    assert seen.value("x") is session.recorded.value("x")
