"""A training that is played with: going back is exact, whatever the strides; the debugger stands at the same step."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.progress import Progress
from bptui.model.source.network import from_mapping, load
from bptui.teach.play import settings
from bptui.teach.play.course import Course, Frame
from bptui.teach.play.setup import opened
from bptui.teach.play.writing import toml, write


def course(*lines: str, file: str | None = None) -> Course:
    made = Course(opened(file))
    for line in lines:
        said(made, line)
    return made


def said(made: Course, line: str) -> None:
    row, setup = settings.said(made.setup, line)
    made.settle(setup, row.anew, line)
    carry_out(made)


def carry_out(made: Course) -> Frame:
    while (work := made.work()) is not None:
        work(Progress())
    assert made.frame is not None
    return made.frame


def at(made: Course, step: int) -> Frame:
    made.to(step)
    return carry_out(made)


def same(a: Frame, b: Frame) -> None:
    assert (a.step, a.loss, a.seen.right, a.seen.test) == (b.step, b.loss, b.seen.right, b.seen.test)
    assert a.parameters.keys() == b.parameters.keys()
    assert all((a.parameters[name] == b.parameters[name]).all() for name in a.parameters)
    assert (a.seen.output == b.seen.output).all()


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-200, 300), min_size=1, max_size=6))
def test_any_way_to_a_step_comes_to_the_same_bits(strides):
    made, where = course(), 0
    for by in strides:
        made.go(by)
        where = max(0, where + by)
        assert carry_out(made).step == where
    frame = made.frame
    assert frame is not None
    same(frame, at(course(), where))


def test_the_debugger_at_a_step_has_its_loss_and_its_weights():
    made = course()
    frame = at(made, 57)
    session = made.opening()
    assert session.cursor.step == 57
    assert float(session.recording.loss) == frame.loss
    assert (session.recording.value("layer1.weight") == frame.parameters["layer1.weight"]).all()
    assert made.work() is None
    session.train(3)
    made.returned()
    assert carry_out(made).step == 60


def test_what_the_debugger_changed_is_seen_when_it_is_left():
    made = course()
    at(made, 5)
    session = made.opening()
    from bptui.model.debugger.edits import parse as edits

    session.edit(edits.parse("layer1.weight[0,0] = 2", session.branch, session.cursor))
    made.returned()
    frame = carry_out(made)
    assert (frame.branch, frame.parameters["layer1.weight"][0, 0]) == (1, 2)


def test_a_rate_goes_on_from_here_in_a_branch_and_undo_comes_back():
    made = course()
    before = at(made, 40)
    said(made, "rate 0.3")
    here = carry_out(made)
    assert (here.step, here.branch, here.loss) == (40, 1, before.loss)
    other = at(made, 50)
    made.undo()
    assert carry_out(made).branch == 0
    back = at(made, 40)
    same(back, before)
    assert at(made, 50).loss != other.loss


@pytest.mark.parametrize("line", ["optimizer sgd", "activation relu", "loss mse", "decay 0.01", "clip 0.5"])
def test_what_goes_on_keeps_the_weights(line):
    made = course()
    before = at(made, 30)
    said(made, line)
    after = carry_out(made)
    assert (after.step, after.branch) == (30, 1)
    assert all((before.parameters[name] == after.parameters[name]).all() for name in before.parameters)


@pytest.mark.parametrize(
    "line", ["data spiral", "noise 0.5", "layers 3", "init he_normal", "seed 9", "features x1**2 x2"]
)
def test_what_starts_again_starts_at_the_first_step(line):
    made = course()
    at(made, 30)
    said(made, line)
    frame = carry_out(made)
    assert (frame.step, frame.branch) == (0, 0)


def test_an_activation_that_adds_an_operation_starts_again_and_says_so():
    made = course("activation linear")
    assert "starts again" in made.said
    assert carry_out(made).step == 0


def test_a_setting_that_makes_no_network_is_refused_and_nothing_is_lost():
    made = course()
    before = at(made, 7)
    row, setup = settings.said(made.setup, "activation own = log(x")
    made.settle(setup, row.anew, "own")
    work = made.work()
    assert work is not None
    with pytest.raises(UserError):
        work(Progress())
    same(carry_out(made), before)
    assert made.setup.document == before.setup.document


def test_a_loss_that_is_not_finite_stops_and_says_where_it_began():
    made = course("data plane", "activation linear", "optimizer sgd", "rate 100")
    made.running = made.drawn = True  # a screen looks at it now and then
    frame = carry_out(made)
    assert not made.running
    assert not np.isfinite(frame.loss)
    assert np.isfinite(frame.losses[frame.step - 1])
    assert f"step {frame.step}: " in made.said
    assert "inf" in made.said or "NaN" in made.said


@pytest.mark.parametrize(
    "lines",
    [(), ("data spiral", "features all", "layers 5 3", "batch 7"), 
     ("data hills", "loss huber", "optimizer rmsprop", "clip 1"),
     ("loss cross_entropy",), ("loss hinge", "seed 12"), ("activation swoosh = x/(1 + exp(-x))", "decay 0.01")],
    ids=str,
)  # fmt: skip
def test_a_written_file_trains_to_the_same_bits(lines, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = opened(None)
    for line in lines:
        setup = settings.said(setup, line)[1]
    frame = at(Course(setup), 25)
    assert "bptui run mine.toml" in write(frame.setup, 0, "mine.toml")
    network = load("mine.toml")
    history = network.history()
    history.advance(26)
    assert float(history.losses[25]) == frame.loss
    with pytest.raises(UserError, match="there already"):
        write(frame.setup, 0, "mine.toml")


@pytest.mark.parametrize("name", ["classifier", "xor", "xor-stuck", "swoosh"])
def test_an_example_is_written_as_what_it_is(name):
    document = load(name).document
    assert document is not None
    content = dict(document.content)
    made = tomllib.loads(toml(content))
    assert made == content
    assert from_mapping(made, name).graph.params


def test_test_points_are_those_of_the_next_seed_and_never_the_training_points():
    made = carry_out(course("seed 3", "test 50"))
    other = carry_out(course("seed 4"))
    assert (made.sight.test_points == other.sight.points).all()
    assert not (made.sight.test_points[0] == made.sight.points).all(axis=1).any()


def test_what_takes_long_is_ended_by_a_pause_and_nothing_else_and_stays_where_it_got_to():
    made, pauses = course(), []

    def ask(part: float, what: str) -> bool:
        if not pauses and made.session.history.steps > 100:
            pauses.append(made.toggle())
        return True

    made.to(3_000_000)
    work = made.work()
    assert work is not None
    work(Progress(ask))
    frame = carry_out(made)
    assert 100 < frame.step < 3_000_000
    assert not made.running
    same(frame, at(course(), frame.step))
    for _ in range(5):
        made.go(10)
    assert carry_out(made).step == frame.step + 50


def layers(*units: int) -> str:
    return "".join(f'[[layers]]\nkind = "dense"\nunits = {count}\nactivation = "relu"\n' for count in units)


def test_what_is_not_trained_is_seen_too(tmp_path):
    path = tmp_path / "frozen.toml"
    rest = '[[layers]]\nkind = "dense"\nunits = 1\ntrain = []\n[loss]\nkind = "bce_with_logits"\n'
    path.write_text('[data]\ndataset = "gauss"\n' + layers(3) + rest)
    made = course(file=str(path))
    frame = at(made, 5)
    assert frame.weight(1) is not None
    assert (frame.weight(1) == at(made, 0).weight(1)).all()
    assert (frame.weight(0) != load(str(path)).graph.by_name["layer1.weight"].value).any()


def test_a_large_file_is_looked_at_in_part_and_one_that_is_too_wide_is_refused(tmp_path):
    head = '[data]\ndataset = "gauss"\nsamples = 6_000\nbatch_size = 10\n'
    rest = '[[layers]]\nkind = "dense"\nunits = 1\n[loss]\nkind = "bce_with_logits"\n'
    path = tmp_path / "many.toml"
    path.write_text(head + layers(1_000) + rest)
    frame = at(course(file=str(path)), 0)
    assert (len(frame.sight.points), frame.sight.all_points, frame.sight.size) == (5_000, 6_000, 30)
    path.write_text(head + layers(10_000) + rest)
    with pytest.raises(UserError, match="10,001 neurons are too many"):
        course(file=str(path))


@pytest.mark.corpus
def test_the_spiral_that_takes_patience_is_learned():
    frame = at(course("data spiral", "samples 200", "features all", "layers 8 8", "noise 0.1", "rate 0.01"), 20_000)
    assert frame.seen.right is not None
    assert frame.seen.right[0] >= 0.97 * frame.seen.right[1]
