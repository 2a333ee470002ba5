"""On pairs of a faulty PyTorch program and the repaired one: in one captured step the fault is found, first of all, and
nothing is cried where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from bptui.model.debugger.findings.diagnose import diagnose
from tests.diagnosis.judge import alarms, verdict
from tests.diagnosis.programs import PROGRAMS, Program


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_fault_is_found_in_one_captured_step_and_its_repair_is_quiet(program: Program, tmp_path: Path) -> None:
    assert verdict(diagnose(program.captured("buggy", tmp_path)), program.truth).first, program.fault
    assert not alarms(diagnose(program.captured("fixed", tmp_path))), program.fault
