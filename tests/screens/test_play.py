"""The playground on the screen: every size, every key, the debugger over it and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bptui.model.base.numbers import significant
from bptui.model.base.spans import plain
from bptui.model.debugger.progress import Progress
from bptui.model.source.network import load
from bptui.screens.keys import PLAY
from bptui.screens.play import levels
from bptui.screens.play.board import LOSS, NETWORK, OUTPUT, SETTINGS, Playground
from bptui.screens.play.opening import playground
from bptui.screens.play.output import point_text, range_of
from bptui.screens.render import RenderOptions, to_ascii
from bptui.teach.play.setup import opened
from bptui.teach.reading import front
from tests.screens.rig import StageApp, debug, piloted
from tests.screens.test_lesson import reading

LOOKS = (RenderOptions(), RenderOptions(ansi=True), RenderOptions(unicode=False, ansi=True))
SIZES = ((24, 6), (40, 12), (60, 20), (80, 17), (76, 22), (80, 24), (100, 30), (120, 36), (200, 50))
LINES = (
    (), ("data spiral", "features all", "layers 8 8"), ("data hills",), ("loss cross_entropy",), ("layers none",),
    ("layers 17 3",), ("layers " + "3 " * 12,), ("layers 64 64",), ("activation relu",), ("activation sigmoid",),
)  # fmt: skip


def board(*lines: str, file: str | None = None) -> Playground:
    made = Playground(opened(file), 20)
    for line in lines:
        made.run(line)
        carry_out(made)
    return made


def carry_out(made: Playground) -> None:
    while (work := made.work()) is not None:
        work(Progress())


def text(made: Playground, width: int = 80, height: int = 24) -> str:
    return "\n".join(plain(row) for row in made.lines(width, height - 2, LOOKS[0]))


@pytest.mark.corpus(every=3)  # each fills all sizes: widths differ by what is set, not by its layers
@pytest.mark.parametrize("lines", LINES, ids=str)
def test_every_size_and_look_is_filled_and_nothing_is_wider(lines: tuple[str, ...]) -> None:
    made = board(*lines)
    made.course.go(30)
    carry_out(made)
    for width, height in SIZES:
        for look in LOOKS if width in (60, 80) else LOOKS[:1]:
            for focus in (NETWORK, OUTPUT, LOSS, SETTINGS):
                made.focus = focus
                rows = made.lines(width, height - 2, look)
                assert len(rows) == height - 2
                assert {len(plain(row)) for row in rows} == {width}
                if not look.unicode:
                    assert all(plain(to_ascii(row)).isascii() for row in rows)


@pytest.mark.parametrize("name", ["classifier", "xor", "swoosh"])
def test_examples_over_two_inputs_are_drawn(name: str) -> None:
    made = board(file=name)
    shown = text(made)
    assert "Network" in shown
    assert "●" in shown
    assert {len(row) for row in shown.split("\n")} == {80}


def test_the_chosen_neuron_has_brackets_and_its_formula() -> None:
    made = board()
    made.focus = NETWORK
    shown = text(made)
    assert shown.count("[") - shown.count("h1[") == 3
    assert "h1[0] = tanh(" in shown
    made.press("move", (1, 0), "down")
    made.press("move", (0, 1), "right")
    assert "h2[1] = tanh(" in text(made)
    made.press("move", (0, 1), "right")
    assert "out = sigmoid(" in text(made)
    weight = made.frame.parameters["layer3.weight"][0, 0]
    assert f"{abs(weight):.2f}·h2[0]" in text(made)


def test_a_wrong_point_is_marked_and_wins_its_cell() -> None:
    made = board()
    right, of = made.frame.seen.right or (0, 0)
    assert right < of
    assert "✗" in text(made)
    made.course.go(600)
    carry_out(made)
    assert made.frame.seen.right == (of, of)
    assert "✗" not in text(made)


def test_test_points_are_drawn_and_judged_where_they_are_asked_for() -> None:
    made = board("noise 1", "step 60", "points test")
    assert "test points" in text(made)
    assert made.frame.seen.test_wrong.shape == (len(made.frame.sight.test_points),)
    assert ("✗" in text(made)) == bool(made.frame.seen.test_wrong.any())
    assert "test points" not in text(board("points test", file="xor"))


def test_for_a_class_the_wrong_points_are_neither_marked_nor_counted_until_they_are_shown() -> None:
    made = board("step 20")
    ask = made.asks
    assert ask is not None
    assert "120 points" in ask.question
    made.hide = ask.hide
    assert "✗" not in text(made)
    assert " ? /120" in plain(made.status()[1])
    made.hide = frozenset()
    assert "✗" in text(made)
    assert board("data plane").asks is None


def test_a_point_of_the_plane_says_its_prediction() -> None:
    made = board("step 300")
    made.focus = OUTPUT
    for _ in range(40):
        made.press("move", (0, 1), "right")
    x, y = made._point(made.frame)
    assert x > 0.9 * made.frame.sight.edge
    assert point_text((x, y), 30) in text(made)
    assert made._prediction(made.frame) < 0.5


def test_the_chosen_weight_says_its_gradient_and_what_the_update_makes_of_it() -> None:
    made = board("step 20")
    made.focus = NETWORK
    made.press("weight", (0, 1), "w")
    session = made.course.session
    slope = float(session.recording.grad("layer1.weight")[1, 0])
    after = float(session.recording.after("layer1.weight")[1, 0])
    assert f"∂L/∂w {significant(slope, 3)}" in text(made)
    wide = text(made, 120, 36)
    assert f"layer1.weight[1,0] is {significant(made.frame.parameters['layer1.weight'][1, 0], 4)}" in wide
    assert f"its gradient {significant(slope, 4)} makes it {significant(after, 4)}" in wide


def test_a_nudge_of_a_weight_is_a_branch_and_undo_comes_back() -> None:
    made = board("step 20")
    made.focus = NETWORK
    before = made.frame.parameters["layer1.weight"][1, 0]
    made.press("weight", (0, 1), "w")
    made.press("nudge", (0, 1), "plus")
    carry_out(made)
    assert made.frame.parameters["layer1.weight"][1, 0] == before + 0.1
    made.press("nudge", (0, 1), "plus")
    made.press("nudge", (0, -1), "minus")
    made.press("undo", (0, 0), "u")
    made.press("undo", (0, 0), "u")
    carry_out(made)
    assert "branch 1" in plain(made.status()[0])
    made.press("undo", (0, 0), "u")
    carry_out(made)
    assert made.frame.parameters["layer1.weight"][1, 0] == before
    line = made.press("edit", (0, 0), "e")
    made.run(f"{line}0.5".removeprefix(":"))  # what is typed is the number, and is not put behind another
    carry_out(made)
    assert made.frame.parameters["layer1.weight"][1, 0] == 0.5


def test_the_loss_curves_past_is_walked_and_comes_back_exactly() -> None:
    made = board("step 200")
    made.focus = LOSS
    loss = made.frame.loss
    made.press("move", (0, -1), "left")
    carry_out(made)
    assert made.frame.step == 196
    made.press("move", (0, 1), "right")
    carry_out(made)
    assert (made.frame.step, made.frame.loss) == (200, loss)


def test_lines_are_completed() -> None:
    made = board()
    assert "data spiral" in made.complete("data s")
    assert made.complete("act") == ["activation"]
    assert "activation gelu" in made.complete("activation ")
    for line in made.complete("optimizer "):
        made.run(line)
        carry_out(made)


def test_every_key_of_the_place_is_taken() -> None:
    made = board()
    for row in PLAY.rows:
        for number, key in enumerate(row.keys):
            answer = made.press(row.word, row.by[number] if row.by else (0, 0), key)
            assert isinstance(answer, str)
            made.course.running = False
    carry_out(made)
    assert made.frame.branch >= 1


class At:
    def __init__(self, app: StageApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return "\n".join(plain(row) for row in self.app.stage.canvas.rows)

    @property
    def board(self) -> Playground:
        assert isinstance(self.app.stage.board, Playground)
        return self.app.stage.board

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, text: str) -> None:
        while text not in self.text:
            await self.pilot.pause(0.01)

    async def resting(self) -> None:
        while self.app.stage.worker.job is not None:
            await self.pilot.pause(0.01)


@asynccontextmanager
async def playing(width: int = 80, height: int = 24) -> AsyncIterator[At]:
    app = StageApp("play", playground(None, 20))
    async with piloted(app, width, height) as pilot:
        at = At(app, pilot)
        await at.until("step 0")
        yield at


async def test_it_runs_pauses_goes_back_and_into_the_debugger_and_out() -> None:
    async with playing() as at:
        await at.press("space")
        await at.until("running")
        while at.board.frame.step < 100:
            await at.pilot.pause(0.01)
        await at.press("space")
        await at.until("paused")
        await at.resting()
        step = at.board.frame.step
        assert step == at.board.course.session.history.steps - 1
        await at.press("less_than_sign")
        await at.until(f"step {step - 10:,}")
        await at.resting()
        loss = at.board.frame.loss
        await at.press("enter")
        await at.app.workers.wait_for_complete()
        await at.pilot.pause()
        assert at.app.screen is at.app.debugger
        assert at.app.session is at.board.course.session
        assert float(at.app.session.recording.loss) == loss
        await at.press("greater_than_sign")
        await at.press("q")
        await at.until(f"step {step - 9:,}")


async def test_a_line_sets_writes_and_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with playing(120, 36) as at:
        await at.press("colon", *"layers 3", "enter")  # typed; the others are run as typed lines are
        await at.until("h1[0]")
        await at.resting()
        assert at.board.frame.seen.layers[0].shape[1] == 3
        at.app.stage.run("write mine.toml")
        await at.until("bptui run mine.toml")
        assert load("mine.toml").graph.by_name["layer1.weight"].shape == (2, 3)
        at.app.stage.run("rate fast")
        await at.until("is not a number")
        at.app.stage.run("activation own = log(x")
        at.app.stage.changed()
        await at.until("ops.own")
        assert at.board.course.setup.document == at.board.frame.setup.document


async def test_what_is_not_finite_stops_and_is_told() -> None:
    async with playing() as at:
        for line in ("data plane", "activation linear", "optimizer sgd", "rate 100"):
            at.app.stage.run(line)
            at.app.stage.changed()
            await at.resting()
        await at.press("space")
        await at.until("stopped (enter debugs it")
        assert not at.board.course.running


async def test_the_debugger_opens_it_with_its_network_at_its_step() -> None:
    async with debug("classifier") as screen:
        await screen.run("train 3")
        await screen.run("play")
        app = screen.app
        while not isinstance(getattr(app.screen, "board", None), Playground):
            await screen.pilot.pause(0.01)
        made = app.screen.board  # type: ignore[attr-defined]
        while made.frame.step != 3:
            await screen.pilot.pause(0.01)
        assert made.frame.loss == float(screen.session.recording.loss)
        await screen.pilot.press("q")
        await screen.pilot.pause()
        assert app.screen is app.debugger
    async with debug("lenet") as screen:
        await screen.run("play")
        assert "draws dense ones" in screen.text


PAGE = """+++
title = "Playing"
+++
# Playing

## See it learn
::open classifier
::stage play

Press > and see.
"""


async def test_a_page_of_a_lesson_has_it_beside_its_prose(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text(PAGE)
    async with reading(front(path)) as at:
        while "step 0" not in at.text:
            await at.pilot.pause(0.01)
        made = at.screen.ui.board
        assert isinstance(made, Playground)
        await at.press("greater_than_sign")
        while made.frame.step != 10:
            await at.pilot.pause(0.01)
        await at.press("space")
        while made.frame.step < 100:
            await at.pilot.pause(0.01)
        await at.press("space")
        assert "Press > and see." in at.text
        assert "this failed" not in at.text


async def test_the_status_is_of_the_size_that_the_screen_has() -> None:
    """Not of the one that it had: in few columns words go whole, and in many they come back."""
    async with playing(200, 50) as at:
        wide = at.text.split("\n")[0]
        assert wide.split()[:6] == ["bptui", "play", "circle", "step", "0", "paused"]
        await at.pilot.resize_terminal(60, 20)
        narrow = at.text.split("\n")[0]
        assert "…" not in narrow
        assert "step 0" in narrow
        await at.pilot.resize_terminal(200, 50)
        assert at.text.split("\n")[0] == wide


@pytest.mark.parametrize("data", ["circle", "hills"])
def test_discretize_leaves_two_levels_that_part_where_the_answer_does(data: str) -> None:
    made = board(f"data {data}", "step 20", "discretize on")
    frame = made.frame
    of = range_of(frame)
    found = levels.levels(frame.seen.output, of)
    assert set(found.ravel().tolist()) <= {levels.QUIET, levels.FULL}
    assert ((found == levels.FULL) == (frame.seen.output > of.middle)).all()
    before = text(made)
    made.run("discretize off")
    carry_out(made)
    assert made.frame.parameters.keys() == frame.parameters.keys()
    assert made.frame.step == 20
    assert text(made) != before
