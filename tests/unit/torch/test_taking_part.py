"""Optimizers that are made anew of the same parameters play one part: steps are counted as the program's updates."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from bptui.model.source.captured.file import open_record
from bptui.torch.capturing.script import Capture
from bptui.torch.capturing.wanted import Wanted

PROGRAM = """\
import torch
model = torch.nn.Linear(3, 1)
x = torch.arange(12.0).reshape(4, 3)
optimizer = torch.optim.Adam(model.parameters())
for step in range(6):
    {0}
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("line", "renewed"), [("optimizer = torch.optim.Adam(model.parameters())", 5), ("pass", 0)])
def test_an_optimizer_made_anew_in_each_step_ends_each_step(line: str, renewed: int, tmp_path: Path) -> None:
    script, to = tmp_path / "program.py", tmp_path / "step.bptui"
    script.write_text(PROGRAM.format(line))
    outcome = Capture(Wanted(str(script), step=4, to=str(to))).run()
    assert (outcome.failed, outcome.steps) == ("", 6)
    step = open_record(to).step
    assert (len(step.backwards), len(step.updates)) == (1, 1)
    assert (step.about["renewed"] >= 2) is bool(renewed)
