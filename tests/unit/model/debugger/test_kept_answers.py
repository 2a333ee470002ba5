"""Answers stay while one looks at them, and no longer: they hold the numbers of a training step."""

import pytest

from bptui.model.debugger.answers import kept as kept_answers
from bptui.model.source.network import load


def test_an_answer_is_made_once_for_its_numbers_and_few_training_steps_are_kept():
    history, made = load("xor").history(), []
    recordings = [history.recording(0)]
    for step in (1, 2, 3):
        history.seek(step, lambda done, total: None)
        recordings.append(history.recording(step))
    for recording in recordings:
        for key in ("a", "b"):
            for _ in range(2):
                answer = kept_answers.kept(recording, key, lambda: made.append(0) or len(made), True, 0)
                assert answer == len(made)
    assert len(made) == 2 * len(recordings)
    kept = {id(recording) for recording, _ in kept_answers._known.values()}
    assert kept == {id(recording) for recording in recordings[-kept_answers.RECORDINGS :]}


def test_what_takes_long_is_made_only_when_it_is_wanted():
    recording = load("xor").history().recording(0)
    with pytest.raises(kept_answers.Later):
        kept_answers.kept(recording, "long", lambda: 1, False, kept_answers.QUICK + 1)
    assert kept_answers.kept(recording, "long", lambda: 1, True, kept_answers.QUICK + 1) == 1
    assert kept_answers.kept(recording, "long", lambda: 2, False, kept_answers.QUICK + 1) == 1
