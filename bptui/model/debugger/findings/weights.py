"""Parameters of a captured step that are others than its program seems to think: one module in a list in place of
copies, numbers that are overwritten while a backward pass needs them, and what is made anew in each step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

import numpy as np

from bptui.model.debugger.findings.captured import at, of, rows
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import Subject
from bptui.model.source.captured.record import Event, Step

SAME_TENSOR, DATA = "bptui.same", "torch.Tensor.data.__get__"
"""What a recorder calls a tensor that was written to behind its back, and the way there."""
LISTS = ("Sequential", "ModuleList")


# ----------------------------------------------------------------------------------------------------- overwritten
def versions(step: Step, value: int) -> Iterator[int]:
    """A value, and those that the same tensor had before it was written to, be it through `.data`."""
    before = {after: old for event in step.events for old, after in event.changed.items()}
    seen: set[int] = set()
    while value not in seen:
        seen.add(value)
        yield value
        event = step.made_by.get(value)
        if value in before:
            value = before[value]
        elif event is not None and event.name in (SAME_TENSOR, DATA) and event.inputs:
            value = event.inputs[0]


def overwritten(subject: Subject) -> Iterator[Finding]:
    """Parameters that the program writes to between the forward pass that read them and its backward pass."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    read: dict[int, int] = {}
    for event in step.leading:
        for value in event.inputs:
            read.setdefault(value, event.id)
    names = {value: name for name, value in step.parameters.items()}
    for update, row in rows(step):
        olds = [v for v in versions(step, row.value) if v in names and v in read and v in node_of]
        if row.grad is None or update.skipped or not olds or olds[-1] == row.value:
            continue
        first, behind = olds[-1], set(versions(step, row.value))
        for event in step.events:
            back = next((b for b in step.backwards if first in b.grads and b.after <= update.after), None)
            if back is None or behind.isdisjoint(event.changed) or not read[first] < event.id < back.after:
                continue
            name = event.name.rpartition(".")[2]
            yield Finding(
                "wrong-gradient", "warning",
                ("optimizer", names[first].rpartition(".")[0] or names[first]),
                f"{name}{at(event.site)} overwrites {names[first]} between its forward and its backward pass: the "
                "gradient is that of other numbers than the optimizer moves",
                node=subject.graph.nodes[node_of[first]].name, phase="update",
                measured=Measured(float(event.id), float(back.after), "exact"),
                evidence=("it is written to through .data, which autograd does not see",),
                advice=("after optimizer.step(), under torch.no_grad()",),
            )  # fmt: skip
            return


# ------------------------------------------------------------------------------------------------ one for several
def repeated(subject: Subject) -> Iterator[Finding]:
    """The only module of a list, called again on what it gave: as many copies of one module in a list are one."""
    recording = of(subject)
    step = recording.record.step
    parts: dict[str, set[str]] = {}
    for path in step.modules:
        parts.setdefault(path.rpartition(".")[0], set()).add(path)
    for path in filter(None, step.modules):
        above = path.rpartition(".")[0]
        if above not in step.modules or step.modules[above].kind not in LISTS or len(parts[above]) > 1:
            continue
        weights = {value for name, value in step.parameters.items() if name.startswith(f"{path}.")}
        calls: dict[int, list[Event]] = {}
        for event in step.leading:
            for value in weights.intersection(event.inputs) if event.id in recording.captured.nodes_of else ():
                calls.setdefault(value, []).append(event)
        again = next((events for events in calls.values() if len(events) > 1), [])
        if len(again) < 2 or not all(_chained(step, a, b) for a, b in pairwise(again)):
            continue
        yield Finding(
            "architecture", "warning", (above, path),
            f"{path} is the only module of {above or 'the model'}, and is called {len(again)} times, each on what it "
            "gave: one set of weights",
            node=subject.graph.nodes[recording.captured.nodes_of[again[0].id][-1]].name,
            measured=Measured(float(len(again)), 1.0, "exact"),
            evidence=tuple(f"called{at(event.site)}" for event in again[:1]),
            advice=("[make() for _ in range(n)], not [module] * n",),
        )  # fmt: skip
        return


def _chained(step: Step, first: Event, second: Event) -> bool:
    """Is a call computed from what another gave, and from what that read, and from nothing else that is given?"""
    known, waiting = {*first.outs, *first.inputs}, list(second.inputs)
    leads = False
    while waiting:
        value = waiting.pop()
        leads = leads or value in first.outs
        if value in known or step.values[value].name:
            continue
        known.add(value)
        maker = step.made_by.get(value)
        if maker is None:
            return False
        waiting += maker.inputs
    return leads


# ----------------------------------------------------------------------------------------------------- made anew
def remade(subject: Subject) -> Iterator[Finding]:
    """Parameters that the program makes anew, in the step, of what it computes of others: no optimizer has them."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    others = step.about.get("held")
    known = {*(others if isinstance(others, list) else ()), *step.parameters.values(), *step.made_by}
    known.update(row.value for _, row in rows(step))
    came = dict.fromkeys(value for backward in step.backwards for value in backward.grads)
    if not step.updates:
        return
    for value in came:
        shape = step.values[value].shape
        if value in known or value not in node_of or prod(shape) < 2:
            continue
        numbers_of = recording.record.array(value)
        for event in step.events:
            if event.phase != "forward" or not event.outs or step.values[event.outs[0]].shape != shape:
                continue
            made = recording.record.array(event.outs[0]) if _of_parameters(step, event) else None
            if made is None or numbers_of is None or not np.ptp(made) or not np.array_equal(made, numbers_of):
                continue
            name = subject.graph.nodes[node_of[value]].name
            yield Finding(
                "frozen", "warning", ("optimizer", name),
                f"a parameter is made anew in the step, of what {event.name.rpartition('.')[2]}{at(event.site)} gives: "
                "the optimizer has another one, and nothing moves this",
                node=name, phase="update", measured=Measured(0.0, 0.0, "exact: the same numbers, and a gradient"),
                advice=("one nn.Parameter in __init__, and what is computed of it in forward",),
            )  # fmt: skip
            return


def _of_parameters(step: Step, event: Event) -> bool:
    """Is what it gives computed of parameters alone?"""
    waiting, seen, found = list(event.inputs), set[int](), False
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        if step.values[value].name:
            found = found or step.values[value].wants_grad
        elif (maker := step.made_by.get(value)) is not None:
            waiting += maker.inputs
        else:
            return False
    return found
