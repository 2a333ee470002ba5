"""NaN and inf with their life: born, spread, masked, reborn in the backward pass, harmless or not. (Rule 1.)"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.guard import guarded
from bptui.model.debugger.findings.subject import Subject, named
from bptui.model.engine.graph import Node
from bptui.model.engine.nonfinite import NonFinite
from bptui.model.engine.recording import Recording, not_finite
from bptui.model.source.captured.calls import name_of
from bptui.model.source.captured.modules import Modules, is_bad
from bptui.model.source.captured.record import UNSCALE, Event
from bptui.model.source.captured.recording import CapturedRecording

SOFTMAX = ("softmax", "log_softmax", "masked_softmax")
HIDDEN = "leave one score of each row finite: a sample whose mask hides all is left out, or sees itself"
SCALE = "a skip now and then is how GradScaler finds its scale; where every update is skipped, a smaller init_scale"
LARGEST_HALF = 65_504
"""The largest finite float16 (IEEE 754 binary16)."""
BACK = 3
"""Training steps before the first loss that is not finite in which its origin is looked for."""


def numeric(subject: Subject) -> Iterator[Finding]:
    """The first number of the training that is not finite, and what became of it."""
    for step in _steps(subject):
        recording = subject.captured or subject.recording(step)
        if recording.finite is True:
            continue
        origins = subject.branch.nonfinite(recording)
        first = next(iter(origins.items()), None)
        if first is not None:
            yield _life(subject, recording, *first, list(origins.items()))
            return


def _steps(subject: Subject) -> list[int]:
    """The training steps in which it may have begun."""
    wrong = np.flatnonzero(~np.isfinite(subject.losses))
    last = subject.steps - 1
    if not len(wrong):
        return sorted({0, last})
    return sorted({0, *range(max(0, int(wrong[0]) - BACK), int(wrong[0]) + 1)})


def _life(
    subject: Subject, recording: Recording, place: int, born: NonFinite, all_of: list[tuple[int, NonFinite]]
) -> Finding:
    """The finding of one birth."""
    graph, structure = subject.graph, subject.structure
    event = recording.timeline.events[place]
    node = graph.nodes[event.node]
    touched = [graph.nodes[i] for i in recording.not_finite("value")]
    gradients = [graph.nodes[i] for i in recording.not_finite("grad")]
    updated = [graph.nodes[i] for i in recording.not_finite("after") if graph.nodes[i].role == "param"]
    held_back = [] if updated else _held_back(recording, gradients)
    harmless = not updated and not held_back and np.isfinite(recording.loss)
    evidence = [f"{born.text}: {reason(recording, node, born, event.phase)}"]
    evidence += _infinity(subject, recording, node, born, all_of)
    if touched:
        evidence.append(f"spread to {len(touched)} values: {named(touched, 4)}")
    if masked := [graph.nodes[i] for i in recording.masking()]:
        evidence.append(f"masked by {named(masked, 4)}: finite again")
    reborn = [found for at, found in all_of if recording.timeline.events[at].phase == "backward"]
    if reborn and event.phase == "forward":
        evidence.append(f"born again in the backward pass: {reborn[0].text}")
    if touched and not reborn:
        evidence += _returning(recording)
    if gradients:
        evidence.append(f"in the gradients of {named(gradients, 4)}")
    evidence.append(_reach(updated, held_back, harmless))
    empty = not harmless and event.phase == "forward" and _empty_row(recording, node, born)
    given = event.phase == "forward" and born.name != node.name
    came = "given, and first read" if given else "born"
    return Finding(
        "numeric",
        "note" if harmless else "warning" if held_back else "error",
        structure.places(node),
        f"{born.text}, {came} at {node.name} in {subject.when(recording.step)}",
        node=node.name,
        phase=event.phase,
        training_step=recording.step,
        element=born.at,
        measured=Measured(born.number, source="exact: the first operation that makes one of finite numbers"),
        evidence=tuple(evidence),
        remedies=() if harmless else guarded(subject.network, node),
        advice=(SCALE,) if held_back else (HIDDEN,) if empty else (),
        rule="numeric given" if given else "numeric",
    )


def _reach(updated: list[Node], held_back: list[Node], harmless: bool) -> str:
    """How far it comes."""
    if harmless:
        return "it reaches neither the loss nor an update: harmless here"
    if held_back:
        return f"it reaches the gradients of {named(held_back, 4)}: GradScaler skipped the update"
    return f"it reaches the update of {named(updated, 4)}" if updated else "it reaches the loss"


def _held_back(recording: Recording, gradients: list[Node]) -> list[Node]:
    """The parameters whose gradient is not finite, where the update was skipped for it."""
    if not isinstance(recording, CapturedRecording):
        return []
    step = recording.record.step
    asked = not step.updates and any(event.name == UNSCALE for event in step.events)
    return [node for node in gradients if asked and node.name in step.parameters]


def _returning(recording: Recording) -> Iterator[str]:
    """Where NaN that was masked in the forward pass of a captured step comes back."""
    event = returning(recording.modules) if isinstance(recording, CapturedRecording) else None
    if event is not None:
        line = "" if event.site is None else f" ({event.site.file}:{event.site.line})"
        yield f"back in the backward pass at {name_of(event)}{line}: what arrives is finite, what it passes on is not"


def returning(modules: Modules) -> Event | None:
    """The first call of the backward pass that passes on what is not finite, though what arrives is: it multiplies a
    gradient, 0 or not, by what it kept of the forward pass. By what was counted: no tensor is read."""
    grads, values = modules.gradients, modules.step.values
    for event in modules.calls("backward"):
        passed, came = ([grads[value] for value in of if value in grads] for of in (event.inputs, event.outs))
        if any(is_bad(values[g].stats) for g in passed) and not any(is_bad(values[g].stats) for g in came):
            return event
    return None


def _empty_row(recording: Recording, node: Node, born: NonFinite) -> int:
    """How many scores a softmax was taken of where all of them are -inf; 0 where that is not so."""
    axis = node.attributes.get("axis", -1)
    if node.op is None or node.op.name not in SOFTMAX or not isinstance(axis, int) or not np.isnan(born.number):
        return 0
    scores = recording.value(node.inputs[0])
    if scores is None or scores.shape != node.shape:
        return 0
    at: list[int | slice] = list(born.at)
    at[axis] = slice(None)
    row = scores[tuple(at)]
    return int(row.size) if np.isneginf(row).all() else 0


def _all_ignored(recording: Recording, node: Node) -> bool:
    """Does a loss leave out all of its targets?"""
    ignored = node.attributes.get("ignore_index")
    targets = recording.value(node.inputs[1]) if len(node.inputs) > 1 and isinstance(ignored, int) else None
    return targets is not None and bool((targets == ignored).all())


def _infinity(
    subject: Subject, recording: Recording, node: Node, born: NonFinite, all_of: list[tuple[int, NonFinite]]
) -> Iterator[str]:
    """How inf and NaN belong together: the given inf that a NaN was made of, or the NaN that an inf makes."""
    if np.isnan(born.number):
        sources = (subject.graph.nodes[i] for i in sorted(subject.graph.before(node.id) - {node.id}))
        bad = [source for source in sources if not_finite(recording.value(source))]
        computed = [source for source in bad if source.op is not None and subject.captured is not None]
        first = next(iter(computed or bad), None)
        if first is not None:
            found = recording.value(first)
            kind = "NaN" if found is not None and np.isnan(found).any() else "inf"
            yield f"the {kind} that made it: {first.name}, which is wanted or given"
        return
    place, made = next(((at, f) for at, f in all_of if np.isnan(f.number)), (0, born))
    event = recording.timeline.events[place]
    if made is not born:
        yield f"it makes NaN: {made.text}: {reason(recording, recording.graph.nodes[event.node], made, event.phase)}"


def _too_large(recording: Recording, node: Node, born: NonFinite) -> str:
    """Where a gradient of a captured step is in float16, and is a number that float16 does not hold."""
    position = born.position
    if position is None or not isinstance(recording, CapturedRecording):
        return ""
    if recording.dtype(node.inputs[position]) != "float16":
        return ""
    value = recording.contribution(node.id, position)
    if value is None or not np.isfinite(value[born.at]) or not np.isinf(born.number):
        return ""
    return f"{numbers.significant(float(value[born.at]), 4)} is beyond {LARGEST_HALF:,}, the largest float16"


def _too_narrow(recording: Recording, node: Node, born: NonFinite) -> str:
    """Where a captured operation ran in float16, and the number is one that float16 does not hold."""
    if not isinstance(recording, CapturedRecording) or recording.dtype(node) != "float16" or not np.isinf(born.number):
        return ""
    event = recording.captured.event_of.get(node.id)
    run = None if event is None else recording.run(event)
    value = None if run is None else run.value(node.id)
    if value is None or not np.isfinite(value[born.at]):
        return ""
    return f"{numbers.significant(float(value[born.at]), 4)} is beyond {LARGEST_HALF:,}, the largest float16"


def _slope(recording: Recording, node: Node, born: NonFinite) -> str:
    """What an operation of one input met at the end of where it is defined, whose derivative is not finite."""
    value = recording.value(node.inputs[0]) if len(node.inputs) == 1 else None
    x = None if value is None or value.shape != node.shape else float(value[born.at])
    return "" if x is None or node.op is None else _limit(node.op.name, x)


def _limit(name: str, x: float) -> str:
    """What an operation of one input meets at the end of where it is defined."""
    too_large = f"exp of {numbers.significant(x, 3)} is beyond the largest number" if x > 80 else ""
    root = "root of a negative number" if x < 0 else "root of 0, whose derivative is 1/0" if x == 0 else ""
    return {
        "log": "log of 0" if x == 0 else "log of a negative number" if x < 0 else "",
        "log1p": "log of 0 or less" if x <= -1 else "",
        "sqrt": root,
        "rsqrt": "1 over the root of 0 or less" if x <= 0 else "",
        "reciprocal": "1/0" if x == 0 else "",
        "exp": too_large,
        "expm1": too_large,
    }.get(name, "")


def reason(recording: Recording, node: Node, born: NonFinite, phase: str) -> str:
    """Which limit was hit, in the numbers that went in."""
    if node.op is None:
        return "the update made it out of finite numbers"
    if phase == "forward" and born.name != node.name:
        return "it was there before the step"
    given: list[tuple[str, float | None]] = []
    for i in node.inputs:
        source, value = recording.graph.nodes[i], recording.value(i)
        given.append((source.name, _at(value, node.shape, born.at) if phase == "forward" else None))
    read = ", ".join(f"{name} = {numbers.significant(x, 4)}" for name, x in given if x is not None)
    back = _too_large(recording, node, born) or _slope(recording, node, born) if phase == "backward" else ""
    said = _too_narrow(recording, node, born) if phase == "forward" else back
    first = given[0][1] if given else None
    hidden = _empty_row(recording, node, born) if phase == "forward" else 0
    if hidden:
        said = f"all {hidden} scores of its row are -inf: the softmax of nothing is 0/0"
    elif any(0 in recording.graph.nodes[i].shape for i in node.inputs):
        said = f"{node.op.name} of no numbers: 0/0"
    elif phase == "forward" and _all_ignored(recording, node):
        said = f"all targets are {node.attributes['ignore_index']}, which is ignored: a mean of no numbers is 0/0"
    elif said:
        pass
    elif len(given) == 1 and first is not None:
        said = _limit(node.op.name, first)
    elif node.op.name == "div" and len(given) == 2 and given[1][1] == 0:
        said = "0/0" if first == 0 else "division by 0"
    elif (
        node.op.name == "mul" and any(x == 0 for _, x in given) and any(x is not None and np.isinf(x) for _, x in given)
    ):
        said = "0 times inf"
    elif phase == "backward" and not_finite(recording.grad(node)):
        said = f"{node.op.name} of the inf that arrives: inf - inf, or 0 times inf"
    elif phase == "backward":
        said = f"the derivative of {node.op.name} has no finite value there"
    else:
        bad = next((recording.graph.nodes[i].name for i in node.inputs if not_finite(recording.value(i))), "")
        said = f"{node.op.name} of what is not finite in {bad}" if bad else ""
    told = "has no value there" if np.isnan(born.number) else "goes beyond the largest"
    return "; ".join(part for part in (said, read) if part) or f"{node.op.name} of finite numbers {told}"


def _at(value: Array | None, shape: tuple[int, ...], at: tuple[int, ...]) -> float | None:
    """The number of an input that an element of the output is made of, for elementwise operations."""
    if value is None or value.dtype.kind != "f" or len(value.shape) > len(shape):
        return None
    index = at[len(at) - value.ndim :] if value.ndim else ()
    if any(length not in (1, shape[len(shape) - value.ndim + axis]) for axis, length in enumerate(value.shape)):
        return None
    return float(value[tuple(0 if n == 1 else i for n, i in zip(value.shape, index, strict=True))])
