"""Does the signal arrive? The gradient on its way back, the spread of the outputs over the batch, units at the ends of
their activation, parameters without a gradient. (Rules 7, 8 and 12.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.change import DEFAULT, Change, remedy, setting
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy, Severity
from bptui.model.debugger.findings.initial import suits
from bptui.model.debugger.findings.settings import ADAPTIVE
from bptui.model.debugger.findings.structure import Layer
from bptui.model.debugger.findings.subject import FEWEST, Subject, zero
from bptui.model.debugger.findings.symptoms import stands
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording

FADES, GROWS, SAME = 2e-3, 1e3, 1e-3
"""Size of ∂L/∂z at the first layer over that at the last; spread of the outputs over the batch, over their size."""
ROUNDING = 1e-5
"""A sum that is so much of its parts' sizes is what float32 rounds them to."""
STANDING = 10.0
"""So many times as much is too little where the loss has come to stand at that of a constant answer."""
FLAT, HALF = 0.04, 0.5
"""A local derivative of so little of its largest is saturated; share of a layer's elements that is a warning."""
BENT = ("sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign")


def gradient_size(layer: Layer, gradient: Array | None) -> float | None:
    """The rms of ∂L/∂z over units and samples; what a filter gets at all places of an image or sequence is added up, so
    that a mean over many places is no loss."""
    if gradient is None or not gradient.size:
        return None
    assert layer.z.op is not None
    squares = np.square(gradient.astype(np.float64))
    if gradient.ndim > 2:
        unit = 1 if layer.z.op.name.startswith("correlate") else gradient.ndim - 1
        squares = squares.sum(axis=tuple(axis for axis in range(1, gradient.ndim) if axis != unit))
    return float(np.sqrt(squares.mean()))


def _arriving(subject: Subject, recording: Recording, layer: Layer) -> float | None:
    """How large the gradient is that comes to a layer; where a way leads around it, that on the way, if it is larger:
    what passes a branch alone may be little, and the signal arrives all the same."""
    size = gradient_size(layer, recording.grad(layer.z))
    way = subject.structure.passed(layer)
    around = None if way is None or size is None else gradient_size(layer, recording.grad(way))
    return size if around is None or size is None else max(size, around)


def signal(subject: Subject) -> Iterator[Finding]:
    """A gradient that fades or grows on its way to the input; outputs that are the same for all samples."""
    layers = _straight(subject)
    recording = subject.recording(0)
    sizes = [(layer, _arriving(subject, recording, layer)) for layer in layers]
    known = [(layer, size) for layer, size in sizes if size is not None]
    lines = tuple(f"∂L/∂{layer.z.name}  {significant(size, 3)}" for layer, size in known)
    if len(known) > 1 and np.isfinite(known[0][1]) and known[-1][1] > 0:
        ratio = known[0][1] / known[-1][1]
        limit = _limit(subject, ratio)
        if ratio < limit or (ratio > GROWS and _everywhere(recording, known[0][0], known[-1][0])):
            fades = ratio < limit
            yield Finding(
                "vanishing" if fades else "exploding",
                "warning",
                tuple(dict.fromkeys(layer.place for layer, _ in known[:-1])),
                f"the gradient {'fades' if fades else 'grows'} on its way to the input: "
                f"of ∂L/∂{known[-1][0].z.name} {significant(ratio, 3)} arrives at {known[0][0].z.name}",
                node=known[0][0].z.name,
                phase="backward",
                measured=Measured(
                    ratio,
                    limit if fades else GROWS,
                    "AutoTrainer (on ∂L/∂W); on ∂L/∂z and its limits: measured on healthy networks",
                ),
                evidence=lines,
                remedies=tuple(_arrive(subject, [layer for layer, _ in known[:-1]])),
            )
            return
    yield from _outputs(subject, lines)


def _limit(subject: Subject, ratio: float) -> float:
    """The ratio under which the gradient fades: more is too little where the loss stands. Of a captured step less is
    enough for an optimizer that divides by the gradient's own size: whether its loss falls is not known."""
    if subject.captured is not None and subject.network.optimizer.kind in ADAPTIVE:
        return FADES / STANDING
    return FADES * (STANDING if FADES <= ratio < FADES * STANDING and stands(subject) else 1)


def _everywhere(recording: Recording, first: Layer, last: Layer) -> bool:
    """Does the gradient grow for most samples, and not for a single one that stands at a pole?"""
    middle = []
    for layer in (first, last):
        gradient = recording.grad(layer.z)
        if gradient is None or gradient.ndim < 2 or len(gradient) < FEWEST:
            return True
        middle.append(float(np.median(np.abs(gradient.astype(np.float64)).reshape(len(gradient), -1).max(1))))
    return not middle[0] < GROWS * middle[1]


def _straight(subject: Subject) -> list[Layer]:
    """The weighted layers behind the last recurrent one, but for queries and keys: as long as an attention looks
    everywhere alike, nearly nothing comes back to them, and all of it to the values."""
    asking = {node.id for node in subject.structure.asking}
    layers = [layer for layer in subject.structure.layers if layer.z.wants_grad and layer.z.id not in asking]
    last = max((at for at, layer in enumerate(layers) if layer.recurrent), default=-1)
    while layers and layers[-1].weight.value is not None and not np.any(layers[-1].weight.value):
        layers.pop()  # a last layer that starts at 0 passes nothing on until its first update
    return layers[last + 1 :]


def spread(z: Array | None) -> float | None:
    """The standard deviation over the samples, over the mean size; None where that says nothing."""
    if z is None or z.ndim < 2 or len(z) < FEWEST or not np.isfinite(z).all():
        return None
    size = float(np.mean(np.abs(z)))
    return float(np.sqrt(np.mean(np.var(z.astype(np.float64), axis=0)))) / size if size else None


def _outputs(subject: Subject, lines: Sequence[str]) -> Iterator[Finding]:
    output, last = subject.structure.output, subject.structure.last
    if output is None or last is None or not subject.structure.hidden or np.ptp(np.asarray(last.weight.value)) == 0:
        return
    found = spread(subject.recording(0).value(output.z))
    if found is None or found >= SAME:
        return
    hidden = subject.structure.hidden
    yield Finding(
        "vanishing",
        "warning",
        tuple(dict.fromkeys((*(layer.place for layer in hidden), last.place))),
        f"{output.z.name} hardly differs between samples: its spread is {significant(found, 3)} of its size",
        node=output.z.name,
        measured=Measured(found, SAME, "measured on healthy networks"),
        evidence=tuple(lines),
        remedies=tuple(_arrive(subject, list(hidden))),
    )


def _arrive(subject: Subject, layers: Sequence[Layer]) -> Iterator[Remedy]:
    """By what shrinks it: the activation, or the initial weights; and with an optimizer that a small gradient does not
    slow down."""
    bent = [layer for layer in layers if layer.activation in BENT]
    relu = [Change(f"{layer.a.scope}.activation", "relu") for layer in bent]
    if bent:
        yield remedy("ReLU: its derivative is 0 or 1", *relu)
    given = [layer for layer in subject.structure.layers if setting(subject.network, f"{layer.place}.init")]
    drawn = [Change(f"{layer.place}.init", "he_uniform" if layer in bent else suits(layer)) for layer in given]
    if given:
        yield remedy("weights drawn for the activation", *drawn, *relu)
    optimizer = subject.network.optimizer
    if optimizer.kind == "sgd" and (drawn or relu):
        own = [name for name in ("momentum", "nesterov") if getattr(optimizer, name)]
        plain = [Change(f"optimizer.{name}", DEFAULT) for name in own]
        adam = (Change("optimizer.kind", "adam"), Change("optimizer.learning_rate", 0.01), *plain)
        yield remedy("the same with Adam, whose steps do not shrink with the gradient", *drawn, *relu, *adam)


def hidden_softmax(subject: Subject) -> Iterator[Finding]:
    """A softmax between layers: what it passes on sums to 1, however large what came in."""
    read = {layer.x.id for layer in subject.structure.layers}
    found = [
        layer
        for layer in subject.structure.hidden
        if layer.activation == "softmax" and layer.a.id in read and layer.fans[1] > 1
    ]
    if not found:
        return
    units = found[0].fans[1]
    yield Finding(
        "hidden-activation",
        "warning",
        tuple(dict.fromkeys(subject.structure.place(layer.a) for layer in found)),
        f"softmax inside the network: the {units} numbers of {found[0].a.name} sum to 1, "
        f"{significant(1 / units, 3)} each",
        node=found[0].a.name,
        measured=Measured(1 / units, source="the definition of softmax"),
        evidence=("it makes units compete that the next layer wants side by side, and shrinks what they say",),
        remedies=(remedy("ReLU inside", *(Change(f"{layer.a.scope}.activation", "relu") for layer in found)),),
    )


# ------------------------------------------------------------------------------------------------ saturated (8)
def flat(layer: Layer, a: Array) -> float:
    """The share of a layer's elements whose local derivative is less than FLAT of its largest."""
    values = a.astype(np.float64)
    if layer.activation == "sigmoid":
        slope = 4 * values * (1 - values)
    elif layer.activation == "softsign":
        slope = np.square(1 - np.abs(values))
    elif layer.activation == "hardsigmoid":
        slope = ((values > 0) & (values < 1)).astype(np.float64)
    elif layer.activation == "hardtanh":
        slope = (np.abs(values) < 1).astype(np.float64)
    else:
        slope = 1 - np.square(values)
    return float(np.mean(slope < FLAT))


def saturated(subject: Subject) -> Iterator[Finding]:
    """Hidden sigmoid and tanh layers at the ends of their range, from the first training step on."""
    if not subject.enough:
        return
    found: dict[Layer, float] = {}
    for layer in subject.structure.hidden:
        a = subject.recording(0).value(layer.a)
        if layer.activation in BENT and not layer.recurrent and a is not None and a.size:
            share = flat(layer, a)
            if share >= HALF:
                found[layer] = share
    if not found:
        return
    worst = max(found, key=lambda layer: found[layer])
    yield Finding(
        "saturated-units", "warning", tuple(dict.fromkeys(subject.structure.place(layer.a) for layer in found)),
        f"{significant(100 * found[worst], 3)} % of {worst.a.name} are at the ends of "
        f"{worst.activation}, where it is flat",
        node=worst.a.name,
        measured=Measured(found[worst], HALF, "DeepDiagnosis, TheDeepChecker, SageMaker Debugger (50 %)"),
        evidence=tuple(
            f"{layer.a.name}: {significant(100 * share, 3)} % with under 4 % of the largest slope"
            for layer, share in found.items()
        ),
        remedies=(
            remedy("weights drawn for the activation", *(
                change for layer in found
                for change in (Change(f"{layer.place}.weight", DEFAULT), Change(f"{layer.place}.init", suits(layer)))
            )),
            remedy("ReLU has no upper end", *(Change(f"{layer.a.scope}.activation", "relu") for layer in found)),
        ),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- nothing changes (12)
def updates(subject: Subject) -> Iterator[Finding]:
    """Parameters that are frozen at what they were drawn as, get no gradient, or do not move."""
    yield from _frozen(subject)
    steps = range(min(3, subject.steps))
    recorded = subject.captured is not None  # of a captured step rule "cut off" says why there is no gradient
    asked = [n for n in subject.graph.params if not recorded or subject.recording(0).grad(n) is not None]
    still = [node for node in asked if all(zero(subject.recording(k).grad(node)) for k in steps)]
    if still:
        every = len(still) == len(subject.graph.params)
        reached = recorded and float(subject.losses[0]) == 0  # a margin that all samples keep, say
        some: Severity = "warning" if subject.captured is None else "note"  # of one batch: another may reach it
        places = tuple(dict.fromkeys(node.scope or node.name for node in still))
        yield Finding(
            "no-gradient",
            "note" if reached else "error" if every else some,
            places,
            f"∂L/∂{still[0].name} is exactly 0" + (f", and {len(still) - 1} more" if len(still) > 1 else ""),
            node=still[0].name,
            phase="backward",
            measured=Measured(0.0, 0.0, "exact"),
            evidence=tuple(f"{node.name}: {_reason(subject, node)}" for node in still[:4]),
            rule="no gradient",
        )
    yield from _unmoved(subject)


def _reason(subject: Subject, node: Node) -> str:
    """Why a gradient is 0, in words."""
    if node.id not in subject.reached:
        return "it is not on a path to the loss"
    gone = [
        reader.name
        for reader in subject.structure.readers(node)
        if zero(subject.recording(0).grad(reader))
    ]  # fmt: skip
    return f"nothing comes back to {gone[0]}" if gone else "what comes back is cut off"


def _unmoved(subject: Subject) -> Iterator[Finding]:
    recording = subject.recording(0)
    unmoved = []
    for node in subject.graph.params:
        before, after = recording.before(node), recording.after(node)
        moved = before is None or after is None or not np.array_equal(before, after)  # NaN is no standstill
        if not moved and not zero(recording.grad(node)) and not _cancels(subject, recording, node):
            unmoved.append(node)
    if not unmoved:
        return
    rate = subject.network.optimizer.learning_rate
    why = "a step of 0 is none" if rate == 0 else "the step is less than the last digit of the numbers"
    some: Severity = (
        "warning" if subject.captured is None else "note"
    )  # a bias before a normalisation: 0 but for rounding
    yield Finding(
        "no-update",
        "error" if len(unmoved) == len(subject.graph.params) else some,
        ("optimizer", "optimizer.learning_rate", *dict.fromkeys(node.scope or node.name for node in unmoved)),
        f"{unmoved[0].name} has a gradient and does not move",
        node=unmoved[0].name,
        phase="update",
        measured=Measured(0.0, 0.0, "exact; TrainCheck"),
        evidence=(f"learning rate {significant(rate)}: {why}",),
        remedies=_moving(subject),
        rule="no update",
    )


def _cancels(subject: Subject, recording: Recording, node: Node) -> bool:
    """Is its gradient a sum that is 0 but for rounding, as that of a bias before a normalisation is?"""
    gradient = recording.grad(node)
    if gradient is None or gradient.ndim != 1:
        return False
    parts = [each for reader in subject.structure.readers(node) if (each := recording.grad(reader)) is not None]
    size = sum(float(np.abs(part.astype(np.float64)).sum()) for part in parts) / gradient.size
    return float(np.abs(gradient).max()) <= ROUNDING * size


def _moving(subject: Subject) -> tuple[Remedy, ...]:
    """The optimizer's usual rate, where the present one is below it."""
    optimizer = subject.network.optimizer
    if subject.captured is not None or not optimizer.learning_rate < optimizer.rule.rate:
        return ()
    return (remedy("the usual rate", Change("optimizer.learning_rate", optimizer.rule.rate)),)


def _frozen(subject: Subject) -> Iterator[Finding]:
    """Layers that are not trained although nobody gave their numbers."""
    frozen = [
        node
        for node in subject.graph.nodes
        if node.op is None and node.role == "input" and node.scope and not _given(subject, node)
    ]
    drawn = _drawn_untrained(subject)
    if not frozen and not drawn:
        return
    if not subject.graph.params:
        return
    nodes = [*frozen, *drawn]
    weights = [node for node in nodes if len(node.shape) > 1]
    if not weights:
        return
    places = tuple(dict.fromkeys(node.scope or node.name for node in weights))
    changes = [Change(f"{node.scope}.train", DEFAULT) for node in frozen if node.scope]
    if drawn:
        changes.append(Change("train", [node.name for node in (*subject.graph.params, *drawn)]))
    yield Finding(
        "frozen",
        "warning",
        places,
        f"{', '.join(places)}: not trained, and at random initial values",
        node=weights[0].name,
        phase="update",
        measured=Measured(
            float(sum(prod(node.shape) for node in nodes)), 0.0, "TrainCheck; deepmufl's frozen backbones"
        ),
        evidence=tuple(f"{node.name} {numbers.shape(node.shape)} stays as it was drawn" for node in nodes[:4]),
        remedies=(remedy("all of it trained", *{change.text: change for change in changes}.values()),),
        rule="frozen",
    )


def _given(subject: Subject, node: Node) -> bool:
    """Did somebody give its numbers?"""
    part = node.name.rpartition(".")[2]
    return subject.network.document is None or setting(subject.network, f"{node.scope}.{part}") is not None


def _drawn_untrained(subject: Subject) -> list[Node]:
    """Values of a formula that are drawn at random and not trained."""
    document = subject.network.document
    values = document.content.get("values") or {} if document is not None else {}
    return [
        node
        for node in subject.graph.nodes
        if node.role == "input" and not node.scope and isinstance(values.get(node.name), dict)
    ]
