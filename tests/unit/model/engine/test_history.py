"""Going back is exact, bounded and can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine import training as trainings
from bptui.model.engine.checkpoints import Rows
from bptui.model.engine.program import Program
from bptui.model.engine.training import MAX_STEPS, Training
from bptui.model.source.network import load
from tests.unit.model.engine.small import branching, minibatches, xor


def straight(program: Program, count: int) -> list[bytes]:
    """Every step of a training, recorded one after the other."""
    return [program.record().memory for _ in range(count)]


@pytest.mark.parametrize("budget", [None, 5000, 1], ids=["checkpoints", "thinned", "two rows"])
@pytest.mark.parametrize("make", [xor, minibatches, lambda: Program(branching())], ids=["xor", "batches", "branching"])
def test_any_step_in_any_order_is_the_step_that_was(make: type[Program], budget: int | None) -> None:
    expected = straight(make(), 120)
    history = Training(make(), checkpoint_bytes=budget, window_bytes=3000)
    rng = np.random.default_rng(0)
    assert history.advance(90) == 90
    for step in [*rng.integers(0, 120, 60).tolist(), 0, 119, 118, 117, 89, 90]:
        recording = history.recording(step)
        assert recording.step == step
        assert recording.memory == expected[step]
    assert history.steps == 120
    assert len(history.losses) == 120


def test_steps_are_the_same_steps_one_by_one_and_at_once() -> None:
    one, many = Training(xor()), Training(xor())
    walked = [one.recording(step).memory for step in range(50)]
    many.advance(50)
    assert [many.recording(step).memory for step in range(50)] == walked
    assert one.losses.tolist() == many.losses.tolist() == [one.recording(step).loss for step in range(50)]


def test_back_and_on_again() -> None:
    history = Training(xor())
    history.advance(200)
    middle = history.recording(70).memory
    history.advance(400)
    assert history.recording(70).memory == middle
    assert history.recording(399).memory == straight(xor(), 400)[-1]


def test_walking_back_replays_little(monkeypatch: pytest.MonkeyPatch) -> None:
    history = Training(xor(), checkpoint_bytes=8 * 100 * 8, window_bytes=2**20)
    history.advance(1000)  # 8 rows: a checkpoint every 128 steps or more
    history.recording(900)
    ran = 0
    run = Program.run

    def counted(self: Program, count: int = 1, losses: np.ndarray | None = None, ask: None = None) -> None:
        nonlocal ran
        ran += count
        run(self, count, losses, ask)

    monkeypatch.setattr(Program, "run", counted)
    start = history._checkpoints.nearest(900)
    assert start is not None
    for step in range(899, start - 1, -1):
        history.recording(step)
    assert ran == 900 - start  # one each


def test_progress_and_cancel() -> None:
    history = Training(xor())
    told: list[tuple[int, int]] = []
    reached = history.advance(100_000, lambda done, total: told.append((done, total)), lambda: len(told) == 3)
    assert 0 < reached == history.steps < 100_000
    assert told == [(n, 100_000) for n, _ in told]
    assert told[-1][0] == reached
    assert len(history.losses) == reached
    assert history.recording(reached - 1).memory == straight(xor(), reached)[-1]
    assert history.advance(reached - 1) == reached


def test_seeking_can_be_cancelled_and_gone_on_with() -> None:
    history = Training(xor(), checkpoint_bytes=1)
    history.advance(3000)
    target = 3000 - 1
    assert history.seek(2048 - 1, cancelled=lambda: True) is False
    assert history.seek(target)
    assert history.recording(target).memory == straight(xor(), 3000)[-1]


def test_memory_of_long_trainings_is_bounded() -> None:
    history = Training(xor(), checkpoint_bytes=100_000)
    history.advance(5000)
    assert history._checkpoints.nbytes <= 100_000
    for step in range(0, 5000, 50):
        history.recording(step)
    assert history.nbytes < 100_000 + 4 * 2**20 + 8 * 8192 + 100_000


def test_thinned_rows_are_the_right_ones() -> None:
    program, rows = xor(), Rows(8, 104, np.dtype("float64"))
    saved = {}
    for step in range(100):
        saved[step] = program.save().tobytes()
        rows.keep(program)
        program.run()
        for asked in range(step + 1):
            nearest = rows.nearest(asked)
            assert nearest is not None
            assert nearest <= asked
            assert rows[nearest].tobytes() == saved[nearest]
    assert (rows.every, rows.count) == (16, 7)
    assert rows.nearest(-1) is None


def test_a_network_is_made_into_a_program() -> None:
    class Network:
        def program(self) -> Program:
            return xor()

    assert Training(Network()).recording(3).step == 3


def test_limits() -> None:
    history = Training(xor())
    with pytest.raises(UserError, match="10,000,000"):
        history.advance(MAX_STEPS + 1)
    with pytest.raises(IndexError):
        history.seek(-1)
    assert history.steps == 0
    assert not history.losses.flags.writeable


# ending within a training step


class Ended(Exception):
    """What `progress` raises to end something."""


@pytest.mark.parametrize("name", ["xor", "classifier"])
def test_a_training_step_that_is_ended_anywhere_has_not_begun(name: str) -> None:
    """Between any two of its calls; then it is run, to the same bits."""
    network = load(name)
    plain, ended = network.program(), network.program()
    for _ in range(3):
        expected = plain.record()
        for place in range(0, len(ended.calls), max(1, len(ended.calls) // 12)):
            left = place

            def ask() -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Ended

            with pytest.raises(Ended):
                ended.run(ask=ask)
            assert ended.step == expected.step
        ended.run(ask=lambda: None)
        assert ended.recording().memory == expected.memory


def test_a_long_training_step_is_ended_within_and_the_history_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "LARGE", 0)
    monkeypatch.setattr(trainings, "CHUNK_SECONDS", 0.0)
    network = load("xor")
    plain, ended = network.history(), network.history()

    def patient(count: int) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            nonlocal count
            count -= 1
            if count < 0:
                raise Ended

        return progress

    calls = len(ended.program.calls)
    for step in (7, 3, 20, 12, 0, 21):
        for count in (0, calls // 2, calls + 3, 3 * calls):
            with suppress(Ended):
                ended.recording(step, patient(count))
        assert ended.recording(step).memory == plain.recording(step).memory
    assert ended.losses.tobytes() == plain.losses.tobytes()
