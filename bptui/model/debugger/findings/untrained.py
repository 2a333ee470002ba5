"""Of a captured step, what is not trained: parameters that get no gradient because the way from them to the loss is
cut, and weights that nobody moves although they are as PyTorch draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import erf, prod, sqrt

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.captured import at, of, places, rows
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import Subject, named, zero
from bptui.model.debugger.findings.weights import versions
from bptui.model.engine.graph import Node
from bptui.model.source.captured.record import FLOATS, Event, Step, Update
from bptui.model.source.captured.recording import CapturedRecording

DRAWN, FEWEST, MOST = 1.63, 16, 500
"""Kolmogorov-Smirnov: √n times the largest distance from a uniform distribution, up to which 99 of 100 samples of one
are; from so many numbers on it says something; rows of a table that are looked at."""
FLAT = ("round", "floor", "ceil", "trunc", "sign", "fix", "heaviside")
"""Functions whose derivative is 0 wherever it is defined."""
WEIGHTED = ("Linear", "Conv", "Bilinear", "NonDynamicallyQuantizableLinear")
"""How the modules begin whose weights are drawn by their fans."""
LAYERS = (*WEIGHTED, "Embedding", "RNN", "GRU", "LSTM")
"""How the modules begin of which all numbers are weights and biases."""
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""Recurrent modules, and how many rows of their weights there are for each unit."""


# ------------------------------------------------------------------------------------------------------ cut off
def cut(subject: Subject) -> Iterator[Finding]:
    """Parameters that get no gradient, because what is computed from them was detached, or goes through a function that
    passes none on; or that are not trained, as they were drawn."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    came = {value for backward in step.backwards for value in backward.grads}
    held = {row.value: update for update, row in rows(step)
            if row.value in node_of and step.values[row.value].wants_grad}  # fmt: skip
    ends: dict[int, tuple[str, str, list[Node]]] = {}
    asleep: Event | None = None
    for value, update in held.items():
        if value not in came:
            found = _end(recording, value, update)
            if found is not None and found[0].notes.get("no_grad"):  # one block of the program, however many calls
                asleep = asleep or found[0]
                found = (asleep, *_cutting(asleep))
        elif _none(recording, value):
            found = _flat(recording, value)
        else:
            continue
        if found is not None:
            event, said, advice = found
            ends.setdefault(event.id, (said, advice, []))[2].append(subject.graph.nodes[node_of[value]])
    for said, advice, nodes in ends.values():
        every = len(nodes) == len(subject.graph.params)
        yield Finding(
            "no-gradient", "error" if every else "warning", places(nodes),
            f"{said}: no gradient reaches {named(nodes)}", node=nodes[0].name, phase="backward",
            measured=Measured(float(len(nodes)), 0.0, "exact"),
            evidence=tuple(f"{node.name}: in the optimizer, on a path to the loss, and without a gradient"
                           for node in nodes[:3]),
            advice=(advice,),
        )  # fmt: skip
    yield from _still(subject)


def _none(recording: CapturedRecording, value: int) -> bool:
    """Is its gradient exactly 0?"""
    grads = [b.grads[value] for b in recording.record.step.backwards if value in b.grads]
    arrays = [recording.record.array(grad) for grad in grads]
    return all(array is not None and zero(array) for array in arrays)


def _cutting(event: Event) -> tuple[str, str]:
    """What cut a path off, and what to do about it."""
    name = _called(event)
    if name in ("detach", "data"):
        return f"{name}{at(event.site)} cuts the path off", f"without .{name} the gradient comes back"
    if event.notes.get("no_grad"):
        return f"{name}{at(event.site)} ran under no_grad", "take it out of torch.no_grad()"
    return f"{name}{at(event.site)} passes no gradient on", "compute it by a function that has a derivative"


def _end(recording: CapturedRecording, value: int, update: Update) -> tuple[Event, str, str] | None:
    """The first event on the way from a parameter to the loss that gives something without a gradient, what is said of
    it, and what to do: to the loss of the backward pass that its update waited for, where a way leads there (another
    loss may be meant to leave it alone). Where the way leaves PyTorch: the event whose numbers come back as given."""
    step = recording.record.step
    last = [backward for backward in step.backwards if backward.after <= update.after][-1:]
    for events in (step.leading_to(last), step.leading):
        waiting = {value}
        for event in events:
            if waiting.isdisjoint(event.inputs):
                continue
            if event.outs and not any(step.values[out].wants_grad for out in event.outs):
                return event, *_cutting(event)
            waiting.update(event.outs)
    waiting, leading = {value}, {event.id for event in step.leading}
    found: tuple[Event, str] | None = None
    for event in step.events:
        if waiting.isdisjoint(event.inputs) or event.phase != "forward" or event.id in leading:
            continue
        waiting.update(event.outs)
        back = next(
            (back for out in event.outs if (back := _given_again(recording, out) or _plain(recording, out))), ""
        )
        found = (event, back) if back else found
    if found is None:
        return None
    event, back = found
    said = f"the numbers of {_called(event)}{at(event.site)} come back as {back}"
    return event, said, "stay in PyTorch: through NumPy, .item() or torch.tensor() no gradient comes back"


def _called(event: Event) -> str:
    return event.name.removesuffix(".__get__").rpartition(".")[2]


def _given_again(recording: CapturedRecording, value: int) -> str:
    """The name of what is given to the loss with just these numbers; "" where nothing is. One number is no evidence."""
    step = recording.record.step
    shape = step.values[value].shape
    if prod(shape) < 2 or step.values[value].dtype not in FLOATS:
        return ""
    for other in _read(step):
        if prod(step.values[other].shape) == prod(shape) and other not in step.made_by:
            ours, theirs = recording.record.array(value), recording.record.array(other)
            if (
                ours is not None
                and theirs is not None
                and np.ptp(ours)
                and np.array_equal(ours.ravel(), theirs.ravel())
            ):
                node = recording.captured.node_of.get(other)
                return f"{'another' if node is None else recording.graph.nodes[node].name}, a tensor of its own"
    return ""


def _plain(recording: CapturedRecording, value: int) -> str:
    """What calls the loss's way with a single value as a plain number, as `.item()` gives it; "" where nothing does."""
    step = recording.record.step
    array = None if prod(step.values[value].shape) != 1 else recording.record.array(value)
    number = None if array is None or step.values[value].dtype not in FLOATS else float(array.reshape(-1)[0])
    if number is None or number == round(number):  # (0 and 1 are anyone's)
        return ""
    for event in step.leading:
        if any(isinstance(each, float) and each == number for each in (*event.args, *event.kwargs.values())):
            return f"a plain number in {_called(event)}{at(event.site)}"
    return ""


def _read(step: Step) -> list[int]:
    """The floats that the events before the loss read."""
    read = dict.fromkeys(value for event in step.leading for value in event.inputs)
    return [value for value in read if step.values[value].dtype in FLOATS and not step.values[value].name]


def _flat(recording: CapturedRecording, value: int) -> tuple[Event, str, str] | None:
    """The first event on the way from a parameter that is flat everywhere, where something comes back to its result."""
    step = recording.record.step
    waiting = {value}
    for event in step.leading:
        if waiting.isdisjoint(event.inputs):
            continue
        name = event.name.rpartition(".")[2].strip("_")
        grads = [b.grads[out] for b in step.backwards for out in event.outs if out in b.grads]
        if name in FLAT and any(not zero(recording.record.array(grad)) for grad in grads):
            said = f"{name}{at(event.site)} is flat: its derivative is 0 everywhere"
            return event, said, f"a smooth function in its place, or x + ({name}(x) - x).detach()"
        waiting.update(event.outs)
    return None


# ------------------------------------------------------------------------------------------------ not moved by anyone
def _still(subject: Subject) -> Iterator[Finding]:
    """Weights that nobody moves: frozen, in no optimizer, or of a layer that no model has."""
    recording = of(subject)
    step = recording.record.step
    if not step.updates:
        return
    moved = {value for _, row in rows(step) if row.after is not None for value in versions(step, row.value)}
    others = step.about.get("held")
    held = {value for value in others if isinstance(value, int)} if isinstance(others, list) else set()
    used = subject.reached
    frozen: dict[str, list[int]] = {}
    free: dict[str, list[int]] = {}
    for name, value in step.parameters.items():
        node, v = recording.captured.node_of.get(value), step.values[value]
        if node not in used or value in moved or v.dtype not in FLOATS:
            continue
        module = name.rpartition(".")[0]
        if not v.wants_grad:
            held_by = step.modules.get(module)
            if held_by is not None and held_by.kind.startswith(LAYERS):  # (others have buffers, which nobody trains)
                frozen.setdefault(module, []).append(value)
        elif value not in held and not _none(recording, value):
            free.setdefault(module, []).append(value)
    yield from _told(subject, _answering(subject, frozen, moved), "frozen (requires_grad=False)")
    if moved & recording.captured.node_of.keys():
        yield from _told(subject, free, "a gradient, and in no optimizer", "meant, where only a part is trained")
        yield from list(_unheld(subject, moved)) or (_left(subject, moved | held) if isinstance(others, list) else ())


def _answering(subject: Subject, frozen: Mapping[str, list[int]], moved: set[int]) -> dict[str, list[int]]:
    """Those that predictions are computed with. Others make targets; so does the copy of a network that is trained, a
    teacher that follows it."""
    recording = of(subject)
    step, predicting = recording.record.step, subject.predicting
    names = {value: name for name, value in step.parameters.items()}

    def part(value: int) -> tuple[str, tuple[int, ...]]:
        """Its name without that of its network, and its shape; no other has that where it is of no part of one."""
        inner = names.get(value, "").partition(".")[2]
        return inner if "." in inner else str(value), tuple(step.values[value].shape)

    trained = {part(value) for value in moved}
    return {
        module: values
        for module, values in frozen.items()
        if not all(part(value) in trained for value in values)
        and (not predicting or any(recording.captured.node_of[value] in predicting for value in values))
    }


def _told(subject: Subject, still: Mapping[str, Sequence[int]], what: str, meant: str = "") -> Iterator[Finding]:
    """A warning where they are as drawn, else a note. `meant`: for what they may be left alone on purpose; so it is
    where other optimizers are not known, as of a step between two lines of a program."""
    if not still:
        return
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    drawn = None if meant and not isinstance(step.about.get("held"), list) else _drawn(recording, still)
    nodes = [subject.graph.nodes[node_of[value]] for values in still.values() for value in values]
    finding = Finding(
        "frozen", "note", places(nodes),
        f"{named(nodes)}: {what}" + (f": {meant}" if meant and drawn is None else ""), node=nodes[0].name,
        phase="update", measured=Measured(float(len(nodes)), 0.0, "exact"), rule="not moved",
    )  # fmt: skip
    if drawn is not None:
        far, limit, seen = drawn
        finding = replace(
            finding, severity="warning", text=f"{finding.text}, and as PyTorch draws them",
            measured=Measured(
                far, limit, "Kolmogorov-Smirnov distance from the uniform distribution that layers begin with; deepmufl"
            ),
            evidence=(seen,),
            advice=("load the weights that were trained before, or train them: requires_grad_(True), and in the "
                    "optimizer",),
        )  # fmt: skip
    yield finding


def _drawn(recording: CapturedRecording, still: Mapping[str, Sequence[int]]) -> tuple[float, float, str] | None:
    """(distance, its limit, what was looked at) where all weights of a family of layers, and their biases unless these
    are 0, are uniform in a range that layers are drawn in; None where no family is. So is hardly any trained weight:
    the largest leave the range first."""
    step = recording.record.step
    families: dict[str, list[_Ranges]] = {}
    for module, values in still.items():
        held = step.modules.get(module)
        found = _ranges(recording, held.kind if held else "", values)
        if found is not None:
            families.setdefault(found[0], []).append(found[1])
    for members in families.values():
        for rule in members[0]:
            every = np.sort(np.concatenate([shares[rule] for shares in members]))
            far = _distance(every)
            if every.size >= FEWEST and np.abs(every).max() <= 1 and far * sqrt(every.size) < DRAWN:
                largest = numbers.significant(float(np.abs(every).max()), 3)
                return far, DRAWN / sqrt(every.size), f"{every.size} numbers, the largest {largest} of {rule}"
    return None


def _distance(ordered: Array) -> float:
    """The largest distance of sorted numbers from the uniform distribution in ±1."""
    expected = (ordered + 1) / 2
    steps = np.arange(1, ordered.size + 1) / ordered.size
    return float(np.max(np.maximum(np.abs(steps - expected), np.abs(steps - 1 / ordered.size - expected))))


_Ranges = Mapping[str, Array]
"""The end of the range of a way to draw, in words → the numbers of a layer in terms of it."""


def _ranges(recording: CapturedRecording, kind: str, values: Sequence[int]) -> tuple[str, _Ranges] | None:
    """(family, its numbers by each way to draw) of a layer: PyTorch's own draws biases, too, Glorot's and He's only
    weights. None of other modules, and of numbers that were not kept."""
    arrays = [np.asarray(array, np.float64) for value in values if (array := recording.record.array(value)) is not None]
    weight = next((array for array in arrays if array.ndim > 1), None)
    if weight is None or len(arrays) < len(values) or not weight.size:
        return None
    every = np.concatenate([array.reshape(-1) for array in arrays if np.any(array)] or [weight.reshape(-1)])
    gates = GATES.get(kind.removesuffix("Cell"))
    if gates is not None:
        return "recurrent", {"1/√hidden": every * sqrt(weight.shape[0] / gates)}
    if kind.startswith("Embedding"):
        rows = weight[np.any(weight != 0, axis=1)][:MOST]  # (the padding's is 0)
        return "tables", {"a normal distribution": np.vectorize(erf)(rows.reshape(-1) / sqrt(2))} if rows.size else {}
    if not kind.startswith(WEIGHTED):
        return None
    size = prod(weight.shape[2:])
    into, out, alone = weight.shape[1] * size, weight.shape[0] * size, weight.reshape(-1)
    return "weighted", {"1/√fan_in": every * sqrt(into), "√(6/(fan_in + fan_out))": alone * sqrt((into + out) / 6),
                        "√(6/fan_in)": alone * sqrt(into / 6)}  # fmt: skip


def _unheld(subject: Subject, moved: set[int]) -> Iterator[Finding]:
    """Layers that a module calls and no model has: their weights get a gradient, and no optimizer can hold them."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    computed = {value for value, event in step.made_by.items() if not event.notes.get("no_grad")}  # not drawn, by init
    known = set(step.parameters.values()) | moved | computed
    came = {value for backward in step.backwards for value in backward.grads}
    found: dict[int, Node] = {}
    calls: dict[str, None] = {}
    for event in step.leading:
        module = step.modules.get(event.module)
        if module is None or module.kind != event.module.rpartition(".")[2] or not module.kind.startswith(WEIGHTED):
            continue  # (one that no model has is called by its class)
        for value in event.inputs:
            if value in came and value in node_of and value not in known and len(step.values[value].shape) > 1:
                found[value] = subject.graph.nodes[node_of[value]]
                calls[f"{module.kind}{at(event.site)}"] = None
    if not found:
        return
    nodes = list(found.values())
    yield Finding(
        "frozen", "warning", ("optimizer", *places(nodes)),
        f"{', '.join(list(calls)[:3])}: called, and no part of a model: {named(nodes)} in no optimizer",
        node=nodes[0].name, phase="update", measured=Measured(float(len(nodes)), 0.0, "exact; TrainCheck"),
        evidence=(f"{len(nodes)} weights have a gradient, and nothing moves them",),
        advice=("layers in a list go into nn.ModuleList; make them in __init__, not in forward",), rule="not moved",
    )  # fmt: skip


def _left(subject: Subject, held: set[int]) -> Iterator[Finding]:
    """Tensors that ask for a gradient, which adds up from step to step: no model and no optimizer has them."""
    recording = of(subject)
    step, node_of, used = recording.record.step, recording.captured.node_of, subject.reached
    known = held | set(step.parameters.values())
    found = [
        subject.graph.nodes[node_of[leaf]]
        for backward in step.backwards
        for leaf, kept in backward.carried.items()
        if leaf not in known and node_of.get(leaf) in used and not zero(recording.record.array(kept))
    ]
    if not found:
        return
    yield Finding(
        "frozen", "warning", ("optimizer", *places(found)),
        f"{named(found)}: requires_grad, and in no model and no optimizer: its gradient adds up, and nothing moves it",
        node=found[0].name, phase="update", measured=Measured(float(len(found)), 0.0, "exact; TrainCheck"),
        evidence=("its gradient of before was not set to zero: nobody has it",),
        advice=("nn.Parameter in the module, or the tensor in the optimizer's list",), rule="not moved",
    )  # fmt: skip
