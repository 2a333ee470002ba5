"""Which training steps of a program are captured, and what became of it. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bptui.torch.capturing.numbers import Keep

NOT_FINITE = "its loss is not finite"


@dataclass(frozen=True)
class Wanted:
    """What is to be captured.

    step    which training step, from 0; nan: the first one whose loss is not finite, and as many before it as `last`
            says, itself among them; neither: the last `last` ones
    to      where it is written, "" for a name of its own in the current folder
    stop    end the script when the step is there · module: `script` is a module's name, as of python -m
    """

    script: str
    arguments: Sequence[str] = ()
    step: int | None = None
    nan: bool = False
    last: int = 1
    to: str = ""
    stop: bool = False
    module: bool = False
    keep: Keep = field(default_factory=Keep)

    @property
    def replaced(self) -> bool:
        """Are steps written until one is the last, which has the name that was asked for?"""
        return bool(self.to) and self.step is None and self.last <= 1

    def meanwhile(self, step: int) -> Path:
        """Where a training step is written while the program runs: not yet in the place of the one before it, since it
        may come to nothing."""
        path = self.path(step)
        return path.with_name(f".{path.stem}-step{step}{path.suffix}") if self.replaced else path

    def path(self, step: int) -> Path:
        """Where a training step is written."""
        if self.to:
            path = Path(self.to)
            return path.with_name(f"{path.stem}-step{step}{path.suffix}") if self.last > 1 else path
        name = self.script.rpartition(".")[2] if self.module else Path(self.script).stem
        return Path(f"{name}-step{step}.bptui")


class Written(NamedTuple):
    """A captured step that lies on disk; reason: why this one, as in its file."""

    path: Path
    step: int
    events: int
    reason: str = ""

    @property
    def finite(self) -> bool:
        """Is it not one whose loss is NaN or infinite, and that was looked for?"""
        return self.reason != NOT_FINITE


class Outcome(NamedTuple):
    """What came of it. code: the script's exit code; steps: how many training steps it made; failed: why nothing could
    be captured, else ""; passes: its backward passes before any update."""

    code: int
    written: tuple[Written, ...]
    steps: int
    failed: str
    passes: int = 0
