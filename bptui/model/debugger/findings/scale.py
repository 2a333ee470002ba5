"""The scale of what goes in and of what is to come out, constant columns, labels. (Rules 5 and 16.)"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.change import Change, remedy
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy, Severity
from bptui.model.debugger.findings.structure import MOVES, NORMS, REGRESSION
from bptui.model.debugger.findings.subject import FEWEST, Data, Subject, rms
from bptui.model.engine.graph import Node
from bptui.model.source.captured.recording import CapturedRecording

LARGEST, SMALLEST, APART, TARGETS = 5.0, 0.02, 100.0, 20.0
"""rms of the inputs: the most, the least; of one column over that of the middle one; of the targets of a regression."""
RARE, FEW, MANY = 0.1, 30, 16
"""Share of the samples under which a class is rare, and from how many samples on that is said."""
SOURCE = "UMLAUT and DeepDiagnosis (±1), TheDeepChecker (by column); limits from healthy networks"


def scale(subject: Subject) -> Iterator[Finding]:
    """Inputs of another size than weights are drawn for, then targets."""
    far = _targets_far(subject)
    for data in (*subject.inputs, *subject.joined):
        if data.node.whole or _normalised(subject, data.node):
            continue
        size, apart = rms(data.values), _apart(data.values)
        if not np.isfinite(size) or (SMALLEST <= size <= LARGEST and apart <= APART):
            continue
        wide = SMALLEST <= size <= LARGEST
        if not wide and _levelled(subject, data.node):
            continue
        large = "large" if size > LARGEST else "small"
        text = f"the inputs are {large}: rms({data.node.name}) = {significant(size, 3)}"
        if wide:
            text = f"columns of {data.node.name} differ in size {significant(apart, 3)} times"
        yield Finding(
            "input-scale",
            "warning",
            subject.places(data),
            text,
            node=data.node.name,
            measured=Measured(
                apart if wide else size, APART if wide else LARGEST if size > LARGEST else SMALLEST, SOURCE
            ),
            evidence=(*_columns(data.values), *_first_layer(subject)),
            remedies=tuple(_rescaled(data, size, far)),
        )
    if far is not None:
        size = rms(far.values)
        yield Finding(
            "target-scale",
            "warning",
            tuple(dict.fromkeys((*subject.places(far), "loss"))),
            f"the targets are {'large' if size > TARGETS else 'small'}: rms({far.node.name}) = " + significant(size, 3),
            node=far.node.name,
            measured=Measured(size, TARGETS if size > TARGETS else SMALLEST, "limits from healthy networks"),
            evidence=_columns(far.values),
            remedies=(remedy("targets of mean 0, std 1", Change("data.standardize_targets", True)),),
            rule="target scale",
        )


def _targets_far(subject: Subject) -> Data | None:
    """The targets of a regression that are too large, or too small."""
    loss, targets = subject.structure.loss, subject.targets
    if loss is None or targets is None or loss.kind not in REGRESSION or not subject.samples:
        return None
    size = rms(targets.values)
    return targets if size > TARGETS or 0 < size < SMALLEST else None


def _normalised(subject: Subject, node: Node) -> bool:
    """Does what reads it bring it to a scale, be it by hand?"""
    structure = subject.structure
    for reader in structure.readers(node):
        kind = structure.kind(reader)
        if kind in NORMS or kind in ("mean", "var", "std", "norm", "max"):
            return True
        if kind in MOVES and _normalised(subject, reader):
            return True
    return False


def _levelled(subject: Subject, node: Node) -> bool:
    """Is what each layer makes of it brought to a scale by the batch itself, however large it is?"""
    structure = subject.structure
    layers = [layer for layer in structure.layers if layer.x is node]
    for layer in layers:
        norms = [each for each in structure.readers(layer.z) if structure.kind(each) in NORMS]
        calls = [subject.graph.composite_calls.get(each.composite) for each in norms]
        if not any(call is not None and call.attributes.get("training", True) for call in calls):
            return False
    return bool(layers)


def _apart(values: Array) -> float:
    """How many times larger the largest column is than the middle one; 1 where there are no columns."""
    if values.ndim != 2 or values.shape[1] < 2:
        return 1.0
    with np.errstate(all="ignore"):
        sizes = np.sqrt(np.mean(np.square(values.astype(np.float64)), axis=0))
    sizes = sizes[sizes > 0]
    return float(sizes.max() / np.median(sizes)) if len(sizes) else 1.0


def _columns(values: Array, most: int = 3) -> tuple[str, ...]:
    """The largest columns with mean and standard deviation."""
    flat = values.reshape(len(values), -1).astype(np.float64) if values.ndim == 2 else values.reshape(-1, 1)
    with np.errstate(all="ignore"):
        means, spreads = flat.mean(0), flat.std(0)
        order = np.argsort(-np.sqrt(np.square(means) + np.square(spreads)))[:most]
    name = "column {}: " if values.ndim == 2 and values.shape[1] > 1 else "all: "
    told = [(i, *(significant(float(x[i]), 3) for x in (means, spreads))) for i in order]
    return tuple(f"{name.format(i)}mean {mean}, std {std}" for i, mean, std in told)


def _first_layer(subject: Subject) -> tuple[str, ...]:
    """What the inputs make of the first layer."""
    if not subject.structure.layers:
        return ()
    first = subject.structure.layers[0]
    z = subject.recording(0).value(first.z)
    return (f"rms({first.z.name}) = {significant(rms(z), 3)} at {subject.when(0)}",)


def _rescaled(data: Data, size: float, far: Data | None) -> Iterator[Remedy]:
    standard = Change("data.standardize", True)
    if far is not None:
        both = Change("data.standardize_targets", True)
        yield remedy("inputs and targets of mean 0, std 1", standard, both)
    yield remedy("inputs of mean 0, std 1", standard)
    if data.values.ndim > 2 and size > 0:
        yield remedy("inputs of rms 1", Change("data.scale", float(f"{1 / size:.3g}")))


def constant(subject: Subject) -> Iterator[Finding]:
    """Columns that are the same for every sample."""
    yield from _nothing(subject)
    for data in subject.inputs:
        if len(data.values) > 1 and bool((data.values == data.values[:1]).all()):
            text = f"{data.node.name} is the same for every sample: nothing can depend on it"
            place = subject.places(data)
            yield Finding(
                "data-dependence", "warning", place, text, node=data.node.name, measured=Measured(source="exact")
            )
        if data.values.ndim != 2 or len(data.values) < 2:
            continue
        same = np.flatnonzero(np.all(data.values == data.values[:1], axis=0))
        if len(same) and len(same) < data.values.shape[1]:
            shown = ", ".join(map(str, same[:8])) + (" …" if len(same) > 8 else "")
            yield Finding(
                "constant-feature",
                "note",
                subject.places(data),
                f"{len(same)} of {data.values.shape[1]} columns of {data.node.name} never change: {shown}",
                node=data.node.name,
                measured=Measured(float(len(same)), 0.0, "TheDeepChecker"),
            )


def _nothing(subject: Subject) -> Iterator[Finding]:
    """Of a captured step: all of the data that the prediction is computed from is the same for every sample."""
    structure = subject.structure
    if subject.captured is None or subject.inputs:
        return
    made = [node for node in subject.graph.ops if node.id in subject.predicting and not structure.is_data(node)]
    read = {side.id: side for node in made for side in structure.inputs(node) if structure.is_data(side) and side.shape}
    values = [subject.recording(0).value(node) for node in read.values()]
    if not read or any(v is None or len(v) < FEWEST or np.any(v != v[:1]) for v in values):
        return
    first = next(iter(read.values()))
    yield Finding(
        "data-dependence", "warning", ("data.inputs", *structure.places(first)),
        f"{first.name} is the same for every sample: nothing can depend on it", node=first.name,
        measured=Measured(source="exact"),
    )  # fmt: skip


def _meant(recording: CapturedRecording, node: Node) -> bool:
    """Did the program make it of one number, as a GAN makes its labels of ones: is it no data?"""
    values = recording.record.step.values
    sources = (values[value].source.rpartition(".")[2] for value in recording.captured.values_of.get(node.id, ()))
    return node.op is not None or any(source.removesuffix("_like") in ("full", "ones", "zeros") for source in sources)


def _several(subject: Subject) -> bool:
    """Are the targets class numbers, one for each of many samples, of three classes or more: is it no chance that all
    are one? (Of two classes one may be all that a domain has; a picture may have one at all its places.)"""
    loss, targets = subject.structure.loss, subject.targets
    if loss is None or targets is None or loss.prediction is None or loss.compares.target != "class":
        return False
    return targets.values.ndim == 1 and len(targets.values) >= MANY and loss.prediction.shape[-1] > 2


def labels(subject: Subject) -> Iterator[Finding]:
    """Targets that are all equal; classes that are rare."""
    targets = subject.targets
    if targets is None or not subject.samples or targets.values.ndim == 0 or len(targets.values) < 2:
        return
    place = subject.places(targets)
    if np.all(targets.values == targets.values[:1]):
        if subject.captured is not None and _meant(subject.captured, targets.node):
            return
        value = significant(float(targets.values.reshape(-1)[0]), 4)
        text = f"all targets are equal, {value}: there is nothing to tell apart"
        severity: Severity = "warning"
        if subject.captured is not None:
            severity, text = "note", f"all targets of this batch are {value}"
            if _several(subject):
                severity, text = (
                    "warning",
                    f"{text}, of {len(targets.values)} samples: constant, or sorted and not shuffled",
                )
        yield Finding(
            "labels", severity, place, text, node=targets.node.name, measured=Measured(source="TheDeepChecker")
        )
    elif targets.node.whole and len(targets.values) >= FEW:
        classes, counts = np.unique(targets.values, return_counts=True)
        rare = counts < RARE * targets.values.size
        if rare.any() and len(classes) * RARE < 1:
            told = ", ".join(f"{c}: {n}" for c, n in zip(classes[rare], counts[rare], strict=True))
            yield Finding(
                "labels", "note", place, f"classes with few samples: {told} of {targets.values.size}",
                node=targets.node.name,
                measured=Measured(float(counts.min() / targets.values.size), RARE, "TheDeepChecker"),
            )  # fmt: skip
