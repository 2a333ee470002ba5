"""A step that was recorded elsewhere is diagnosed from what was recorded of it; what lacks is said."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.engine.history import RecordedStep
from bptui.model.source.network import Network, load
from tests.diagnosis.published import PAIRS
from tests.recorded import everything, stored

PAIR = {pair.name: pair for pair in PAIRS}
NAMES = ("xor-stuck", "so-34311586", "at-mnist-a", "tdc-bn-a", "num-b", "tdc-ips-4", "so-65669308")


def network_of(name: str) -> Network:
    return PAIR[name].network("buggy") if name in PAIR else load(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_one_step_shows_is_found_in_a_recorded_one(name: str, tmp_path: Path) -> None:
    network = network_of(name)
    recording = network.program().record()
    disk = Branch(replace(network, graph=recording.graph), RecordedStep(stored(recording, tmp_path)))
    probed = ("rate high", "rate low")
    mine = [finding.rule for finding in diagnose(network, 1).findings if finding.rule not in probed]
    theirs = [finding.rule for finding in diagnose(disk).findings]
    assert theirs == mine


@pytest.mark.parametrize("part", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES[:4])
def test_nothing_falls_over_whatever_is_absent(name: str, part: int, tmp_path: Path) -> None:
    network = network_of(name)
    recording = network.program().record()
    names = list(everything(recording))
    absent = set(random.Random(part).sample(names, len(names) // part))
    step = stored(recording, tmp_path, absent=absent)
    diagnosis = diagnose(Branch(replace(network, graph=recording.graph), RecordedStep(step)))
    assert diagnosis.steps == 1
    said = {each.rule: each.skipped for each in diagnosis.looked_for}
    assert "not recorded" in " ".join(said.values())
    assert said["rate high"] == "needs the loss at other parameters"
