"""A captured step as a Network: what a Session debugs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.types import Array
from bptui.model.engine.history import NOTHING, History, Programmed, RecordedStep
from bptui.model.engine.program import Program
from bptui.model.source.captured.container import EVENTS, MANIFEST, shard
from bptui.model.source.captured.graph import Captured, captured
from bptui.model.source.captured.modules import Modules
from bptui.model.source.captured.record import Record
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.captured.whole import trained, whole
from bptui.model.source.network import Network


class CapturedStep(RecordedStep):
    """The history of a captured step: the step itself, and what would follow from other numbers in it, recomputed in
    float64 by this engine."""

    ends = "one captured training step; set NAME = VALUE makes a branch that is recomputed, and trains on"

    def __init__(self, recording: CapturedRecording) -> None:
        super().__init__(recording)
        self.captured = recording

    def fork(self, source: Programmed, step: int, changed: Mapping[str, Array] = NOTHING) -> History:
        """Training that begins with the captured step, changed. An edit that holds from after its update on goes on
        from what this engine makes of the step."""
        if not step:
            return trained(source.program(), self.captured, changed)
        program = Program(whole(self.captured, self.captured.graph), self.captured.optimizer)
        return trained(program, self.captured, {}).fork(source, step, changed)


@dataclass(frozen=True, kw_only=True)
class CapturedNetwork(Network):
    """The network of one captured step. `recording`: its numbers; one for all who ask, since it keeps what it ran.
    `computes`: the kind of number in which it is recomputed after an edit."""

    recording: CapturedRecording = field(repr=False, compare=False)
    computes: str = "float64"

    @property
    def captured(self) -> Captured:
        """What of the record is what of the graph."""
        return self.recording.captured

    def history(self) -> History:
        """The one step."""
        return CapturedStep(self.recording)

    @property
    def first(self) -> int:
        """The number that the step had in its program; 0 where that is not known."""
        number = self.recording.record.step.about.get("step")
        return number if isinstance(number, int) and number > 0 else 0

    @property
    def modules(self) -> Modules:
        """Its operations by module and line."""
        return self.recording.modules

    def by_engine(self) -> Network:
        """A network of this engine with the numbers of the step: explorers train it, and forget where it is from. Its
        optimizer begins anew."""
        graph = whole(self.recording, self.graph)
        return Network(self.name, graph, replace(self.optimizer, first=0), self.computes, steps=self.steps,
                       about=self.about, source=self.source, samples=self.samples)  # fmt: skip

    def training(self) -> History:
        """The step recomputed, and training on from it with the same batch, each parameter by its own rule. UserError
        where one is not known, or a parameter was updated more than once."""
        if not self.recording.every_rule:
            right = "steps after an edit (set lr = 0.1) train all of them by the first one's"
            raise UserError(self.name, "its parameters do not all follow a rule that bptui knows, once", right)
        return trained(self.program(), self.recording, {})

    def program(self) -> Program:
        """The step as it would be recomputed: the graph, as it was edited, from its leaves on, in float64. UserError
        where that is not possible."""
        return Program(whole(self.recording, self.graph), self.optimizer, dtype=self.computes)


def network_of(record: Record, name: str) -> CapturedNetwork:
    """A record as a Network. UserError where there is nothing to step."""
    made = captured(record)
    if not made.graph.ops:
        if record.step.backwards:
            raise UserError(name, "the loss is given, not computed: nothing that has a gradient leads to it",
                            "no .item(), torch.tensor() or NumPy between the model and the loss")  # fmt: skip
        why = one_line(str(record.step.about.get("reason") or "the program ended before"), 200)
        raise UserError(name, f"no operation was captured: {why}", "capture a step that computes something")
    recording = CapturedRecording(made)
    about = record.step.about
    version = f"{about.get('framework', 'PyTorch')} {about.get('version', '')}".strip()
    return CapturedNetwork(
        name, made.graph, recording.optimizer, _kind(record), steps=1, recording=recording, samples=_samples(made),
        about=f"a training step captured from {version}", source=str(about.get("script", "")),
    )  # fmt: skip


def _samples(made: Captured) -> int:
    """How many samples the batch has: the first axis of what the loss compares, where what is given has it, too; 0
    where there is no such axis."""
    loss = made.graph.nodes[made.graph.loss]
    shapes = [made.graph.nodes[i].shape for i in loss.inputs]
    given = [n.shape for n in made.graph.nodes if n.op is None and n.role == "input" and n.id not in loss.inputs]
    if len(shapes) < 2 or not all(shapes[:2]) or shapes[0][0] != shapes[1][0]:
        return 0
    return shapes[0][0] if any(shape and shape[0] == shapes[0][0] for shape in given) else 0


def _kind(record: Record) -> str:
    """The kind of number of what is typed in: that of its parameters, as far as NumPy has it."""
    values = record.step.values
    kinds = {values[v].dtype for v in record.step.parameters.values()}
    return "float32" if kinds == {"float32"} else "float64"


def is_captured(target: str) -> bool:
    """Does a name on the command line stand for a captured step: a folder, also one that was cut off, or that of all
    ranks, or its zip?"""
    path = Path(target)
    if os.path.isdir(path):
        named = path.suffix == ".bptui"
        return named or any(os.path.exists(path / name) for name in (MANIFEST, EVENTS, shard(0), "rank-0"))
    return os.path.isfile(path) and path.suffix in (".bptui", ".zip")
