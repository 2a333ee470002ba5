"""Pairs of a faulty PyTorch program and the same program repaired: `cases.json` says what each is, which answers are
right, and which of its training steps is captured."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.network import CapturedNetwork, network_of
from tests.diagnosis.judge import Truth, truths
from tests.diagnosis.published import FOLDER


@dataclass(frozen=True)
class Program:
    """name, its fault, the right answers, and the training step that is captured."""

    name: str
    fault: str
    truth: Sequence[Truth]
    step: int

    def captured(self, which: str, folder: Path) -> CapturedNetwork:
        """That step of `buggy` or `fixed`, as a file in `folder`, opened. It needs PyTorch."""
        from bptui.torch.capturing.script import Capture
        from bptui.torch.capturing.wanted import Wanted

        with zipfile.ZipFile(FOLDER / "programs.zip") as file:
            script = file.extract(f"{self.name}/{which}.py", folder)
        to = str(folder / f"{self.name}-{which}.bptui")
        outcome = Capture(Wanted(script, step=self.step, to=to, stop=True)).run()
        assert not outcome.failed, outcome.failed
        return network_of(open_record(to), to)


_CONTENT = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
PROGRAMS = tuple(Program(row["id"], row["fault"], truths(row["truth"]), row["step"]) for row in _CONTENT["programs"])
