"""A captured step as a Network: what a Session debugs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.engine.history import History, RecordedStep
from bptui.model.source.captured.graph import Captured, captured
from bptui.model.source.captured.modules import Modules
from bptui.model.source.captured.record import FLOATS, Record
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.network import Network

if TYPE_CHECKING:
    from bptui.model.engine.program import Program


@dataclass(frozen=True, kw_only=True)
class CapturedNetwork(Network):
    """The network of one captured step. `captured` says what of the record is what of the graph."""

    captured: Captured

    def history(self) -> History:
        """The one step."""
        return RecordedStep(self.recording)

    @cached_property
    def recording(self) -> CapturedRecording:
        """The step itself: one for all who ask, since it keeps what it ran."""
        return CapturedRecording(self.captured)

    @cached_property
    def modules(self) -> Modules:
        """Its operations by module and line."""
        return Modules(self.captured)

    def program(self) -> Program:
        """There is none: the numbers of a captured step are not this engine's."""
        raise UserError(self.name, "is one recorded step, which is not run again", "bptui run shows it")


def network_of(record: Record, name: str) -> CapturedNetwork:
    """A record as a Network. UserError where there is nothing to step: no backward pass was recorded."""
    if not record.step.backwards:
        why = str(record.step.about.get("reason", "the program ended before"))
        raise UserError(name, f"no backward pass was captured: {why}", "capture a step that calls loss.backward()")
    made = captured(record)
    recording = CapturedRecording(made)
    about = record.step.about
    version = f"{about.get('framework', 'PyTorch')} {about.get('version', '')}".strip()
    return CapturedNetwork(
        name, made.graph, recording.optimizer, _kind(record), steps=1, captured=made,
        about=f"a training step captured from {version}", source=str(about.get("script", "")),
    )  # fmt: skip


def _kind(record: Record) -> str:
    """The kind of number of its parameters, the one that most have."""
    values = record.step.values
    kinds = [values[v].dtype for v in record.step.parameters.values() if values[v].dtype in FLOATS]
    return max(set(kinds), key=kinds.count) if kinds else "float32"


def is_captured(target: str) -> bool:
    """Does a name on the command line stand for a captured step: a folder of one, or its zip?"""
    path = Path(target)
    try:
        return (path.is_dir() and (path.suffix == ".bptui" or (path / "manifest.json").is_file())) or (
            path.is_file() and path.suffix == ".bptui"
        )
    except (OSError, ValueError):
        return False
