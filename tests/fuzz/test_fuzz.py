"""Network files, data files, command lines of the shell and of the debugger."""

from __future__ import annotations

import random

import pytest

from bptui.model.debugger.commands.registry import COMMANDS

from . import draw, rig

pytestmark = pytest.mark.corpus(every=1)
SLOW = ("continue", "train", "untrain")
"""Commands that run for long where nothing stops them: their counts are bounded below."""


def times(full: bool, count: int) -> int:
    return 24 * count if full else count


@pytest.mark.parametrize("part", range(2))
def test_network_files(part, full, tmp_path):
    random_ = random.Random(f"network files {part}")
    inputs = []
    for number in range(times(full, 30)):
        path = str(draw.network_file(random_, tmp_path, number))
        command = random_.choice((
            ["trace", path, "--json"], ["check", path], ["run", path, "--batch", "-ex", "info network"],
            ["diagnose", path, "--steps", "3"], ["predictions", path],
        ))  # fmt: skip
        inputs.append(("shell", command))
    assert rig.run(inputs) == []


def test_data_files(full, tmp_path):
    random_ = random.Random("data files")
    inputs = [("shell", ["trace", str(draw.data_file(random_, tmp_path, n))]) for n in range(times(full, 30))]
    assert rig.run(inputs) == []


def test_files_of_weights(full, tmp_path):
    random_ = random.Random("weights")
    inputs = [("shell", ["trace", str(draw.weights_file(random_, tmp_path, n))]) for n in range(times(full, 30))]
    assert rig.run(inputs) == []


def test_models_of_elsewhere(full, tmp_path):
    random_ = random.Random("models")
    inputs = [("shell", ["convert", str(draw.model_file(random_, tmp_path, n))]) for n in range(times(full, 45))]
    assert rig.run(inputs) == []


@pytest.mark.parametrize("part", range(2))
def test_command_lines_of_the_shell(part, full):
    random_ = random.Random(f"shell {part}")
    assert rig.run(("shell", draw.words(random_)) for _ in range(times(full, 30))) == []


@pytest.mark.parametrize("part", range(2))
def test_command_lines_of_the_debugger(part, full):
    """Every row of the registry, with arguments that it does not expect."""
    random_ = random.Random(f"debugger {part}")
    commands = [command.word for command in COMMANDS if command.word not in SLOW]
    inputs = [
        ("debugger", [random_.choice(draw.SMALL), [draw.line(random_, commands) for _ in range(40)]])
        for _ in range(times(full, 4))
    ]
    assert rig.run(inputs) == []
