"""Several ranks of one training step (DistributedDataParallel) as one record.

Each rank wrote its own part: its batch, its forward and backward pass, its gradients, and the gradients that its
optimizer used. Between the two lies the all-reduce, which no rank sees as a call: it is an event here, one for each
parameter, that reads the gradient of every rank and makes the one that was used. So a NaN that one rank brought is
followed to that rank like any other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.record import Backward, Event, Group, Moved, Record, Step, Update, Value

REDUCED = "bptui.all_reduce"
MOST = 64
"""Ranks that are opened together."""


def parts_of(path: Path) -> list[Path]:
    """The parts of the ranks in a folder, by their number; none where it is one capture."""
    if not os.path.isdir(path):
        return []
    found = [part for part in path.glob("rank-*") if part.name[5:].isdecimal() and os.path.isdir(part)]
    if len(found) > MOST:
        raise UserError(path.name, f"{len(found)} ranks", f"at most {MOST} are opened together; one: {found[0].name}")
    return sorted(found, key=lambda part: int(part.name[5:]))


def open_captured(path: str | Path) -> Record:
    """The record of a captured step, of several ranks joined. UserError where it cannot be read."""
    parts = parts_of(Path(path))
    if not parts:
        return open_record(path)
    records = [open_record(part) for part in parts]
    said = {int(record.step.about.get("ranks", len(parts))) for record in records}
    if said != {len(parts)}:
        lost = f"{len(parts)} of {max(said)} ranks are there"
        raise UserError(Path(path).name, lost, "the parts of all ranks, or one part by itself")
    return Joined(records)


class Joined(Record):
    """The records of all ranks as one. The numbers of values and events are those of a rank, shifted."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self._starts: list[int] = []
        self.step = Step(about=dict(records[0].step.about))
        events: list[int] = []
        for rank, record in enumerate(records):
            self._starts.append(len(self.step.values))
            events.append(len(self.step.events))
            self._add(rank, record.step)
        self._reduce(events)
        for update in self.step.updates:
            update.after = len(self.step.events)

    @property
    def nbytes(self) -> int:
        """Bytes that all of them keep."""
        return sum(record.nbytes for record in self.records)

    def array(self, value: int) -> Array | None:
        """The numbers of a value, from the rank that has it."""
        rank = max(rank for rank, start in enumerate(self._starts) if start <= value)
        return self.records[rank].array(value - self._starts[rank])

    def _add(self, rank: int, step: Step) -> None:
        """The rows of a rank, its modules and parameters under its name."""
        made, start, first = self.step, len(self.step.values), len(self.step.events)
        made.values += [_value(value, rank, start) for value in step.values]
        made.events += [_event(event, rank, start, first) for event in step.events]
        made.backwards += [_backward(backward, start, first) for backward in step.backwards]
        made.updates += [_update(update, start) for update in step.updates]
        made.parameters |= {_named(name, rank): value + start for name, value in step.parameters.items()}
        made.modules |= {_named(path, rank): module for path, module in step.modules.items()}
        for file, lines in step.sources.items():
            made.sources.setdefault(file, {}).update(lines)
        made.warnings += [f"rank {rank}: {warning}" for warning in step.warnings]

    def _reduce(self, events: Sequence[int]) -> None:
        """An event for each parameter whose gradient all ranks have, and an optimizer used."""
        for backward in self.step.backwards:
            backward.after = len(self.step.events)
        names = [name.partition(".")[2] for name in self.step.parameters if name.startswith("rank0.")]
        used = {row.value: row.grad for update in self.step.updates for group in update.groups for row in group.rows}
        grads: dict[int, int] = {}
        for backward in self.step.backwards:
            grads |= backward.grads
        for name in names:
            values = [self.step.parameters.get(_named(name, rank)) for rank in range(len(self.records))]
            own = [grads.get(value) if value is not None else None for value in values]
            result = used.get(values[0]) if values[0] is not None else None
            if result is None or any(grad is None for grad in own):
                continue
            arguments = [[{"v": grad} for grad in own]]
            number = len(self.step.events)
            inputs = [grad for grad in own if grad is not None]
            for rank, grad in enumerate(inputs):
                self.step.values[grad].name = f"rank{rank}.{name}.grad"
            self.step.events.append(
                Event(
                    number, "backward", REDUCED, arguments, {}, [result], inputs, module="all_reduce",
                    notes={"reduces": True},
                )
            )  # fmt: skip


def _named(name: str, rank: int) -> str:
    return f"rank{rank}.{name}" if name else f"rank{rank}"


def _shifted(item: Any, by: int) -> Any:
    """An argument whose values have other numbers."""
    if isinstance(item, Mapping):
        return {key: part + by if key == "v" else _shifted(part, by) for key, part in item.items()}
    return [_shifted(part, by) for part in item] if isinstance(item, list) else item


def _value(value: Value, rank: int, by: int) -> Value:
    return replace(value, id=value.id + by, name=_named(value.name, rank) if value.name else "")


def _event(event: Event, rank: int, by: int, first: int) -> Event:
    notes = {
        key: [value + by for value in found] if key in ("masks", "inside", "results") else found
        for key, found in event.notes.items()
    }
    return replace(
        event, id=event.id + first, args=_shifted(event.args, by), kwargs=_shifted(event.kwargs, by),
        outs=[value + by for value in event.outs], inputs=[value + by for value in event.inputs],
        changed={before + by: after + by for before, after in event.changed.items()},
        module=_named(event.module, rank), notes=notes,
    )  # fmt: skip


def _backward(backward: Backward, by: int, first: int) -> Backward:
    return replace(
        backward,
        losses=[(loss + by, None if seed is None else seed + by) for loss, seed in backward.losses],
        grads={value + by: grad + by for value, grad in backward.grads.items()},
        parts={(e + first, v + by): [part + by for part in parts] for (e, v), parts in backward.parts.items()},
        carried={leaf + by: grad + by for leaf, grad in backward.carried.items()},
        hooked={value + by: (hook, grad + by) for value, (hook, grad) in backward.hooked.items()},
    )


def _update(update: Update, by: int) -> Update:
    groups = [Group(group.options, [_moved(row, by) for row in group.rows]) for group in update.groups]
    return replace(update, groups=groups)


def _moved(row: Moved, by: int) -> Moved:
    return replace(
        row, value=row.value + by, grad=None if row.grad is None else row.grad + by,
        after=None if row.after is None else row.after + by,
        states_before=_shifted(row.states_before, by), states_after=_shifted(row.states_after, by),
    )  # fmt: skip
