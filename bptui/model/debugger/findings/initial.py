"""Initial values: all equal, too large, too small; and layers without an activation between them. (Rules 6 and 10.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from math import sqrt

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.debugger.findings.change import DEFAULT, Change, Redefined, remedy, spelled
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy
from bptui.model.debugger.findings.scale import LARGEST
from bptui.model.debugger.findings.structure import ACTIVATIONS, LINEAR_BETWEEN, NORMS, Layer, unit_axis
from bptui.model.debugger.findings.subject import FEWEST, Subject, rms
from bptui.model.engine.graph import Node

DROWNS = 4.0
"""rms of the biases over the spread of what they are added to."""
LARGE, SMALL, FAN = 4.0, 0.25, 8
"""Standard deviation of a weight times √fan_in: the most and the least, from how many inputs of a unit on."""
RELU = ("relu", "relu6", "leaky_relu", "leaky", "elu", "gelu", "silu", "mish", "prelu", "celu", "hardswish")


def equal(subject: Subject) -> Iterator[Finding]:
    """Hidden layers whose weights are all one number: every unit is the same; where the weights behind it are equal,
    too, each gets the same gradient and they stay so."""
    layers = subject.structure.layers
    found = [layer for layer in _before_last(subject) if _constant(layer)]
    tables = [node for node in subject.graph.params if _table(subject, node)]
    if not found and not tables:
        return
    last = layers[-1] if layers else None
    symmetric = last is not None and _constant(last)
    places = [*(layer.place for layer in found), *(node.scope or node.name for node in tables)]
    if symmetric and last is not None:
        places.append(last.place)
    behind = [other for layer in found for other in layers[layers.index(layer) + 1 :][:1]]
    stay = all(np.ptp(np.asarray(layer.weight.value)) == 0 for layer in behind)
    weight = found[0].weight if found else tables[0]
    value = significant(float(np.asarray(weight.value).reshape(-1)[0]), 4)
    yield Finding(
        "init",
        "error" if stay else "warning",
        tuple(dict.fromkeys(places)),
        f"all numbers of {weight.name} are {value}: {_alike(bool(found), stay)}",
        node=weight.name,
        measured=Measured(0.0, 0.0, "TheDeepChecker, NeuraLint"),
        evidence=(f"std({weight.name}) = 0", *(("the weights behind it are equal, too",) if symmetric else ())),
        remedies=(_drawn_anew(subject, [*found, *([last] if symmetric and last else [])], tables),),
    )


def _alike(units: bool, stay: bool) -> str:
    if not units:
        return "all that it is asked for looks the same"
    return "its units are one unit, and stay so" if stay else "its units start as one unit"


def _before_last(subject: Subject) -> list[Layer]:
    """The layers whose units another weighted layer reads."""
    return [layer for layer in subject.structure.hidden if layer.weight.role == "param"]


def _constant(layer: Layer) -> bool:
    """Is it one number, for several units?"""
    value = layer.weight.value
    return value is not None and layer.fans[1] > 1 and value.size > 1 and bool(np.ptp(value) == 0)


def _table(subject: Subject, node: Node) -> bool:
    """Is it an embedding whose rows are all equal?"""
    value, readers = node.value, subject.structure.readers(node)
    embeds = any(reader.op is not None and reader.op.name == "embedding" for reader in readers)
    return embeds and value is not None and len(value) > 1 and bool((value == value[:1]).all())


# ------------------------------------------------------------------------------------------------ size of weights
def factor(layer: Layer) -> float | None:
    """std·√fan_in of a layer's initial weights; None where that says nothing."""
    value = layer.weight.value
    if value is None or layer.weight.role != "param" or layer.fans[0] < FAN or np.ptp(value) == 0:
        return None
    return float(np.std(value) * sqrt(layer.fans[0]))


def initial(subject: Subject) -> Iterator[Finding]:
    """Weights that are drawn too large, or too small for the signal to arrive."""
    sizes = {layer.place: size for layer in subject.structure.layers if (size := _judged(subject, layer)) is not None}
    hidden = {layer.place for layer in subject.structure.hidden}
    large = {place: size for place, size in sizes.items() if size > LARGE}
    small = {place: size for place, size in sizes.items() if size < SMALL}
    if not set(small) & hidden:  # the last layer may start near 0
        small = {}
    for wrong, limit, word in ((large, LARGE, "large"), (small, SMALL, "small")):
        if not wrong:
            continue
        worst = max(wrong, key=lambda place: wrong[place] if word == "large" else -wrong[place])
        layers = [layer for layer in subject.structure.layers if layer.place in wrong]
        layer = next(layer for layer in layers if layer.place == worst)
        yield Finding(
            "init",
            "warning",
            tuple(wrong),
            f"weights start too {word}: std({layer.weight.name})·√{layer.fans[0]} = {significant(wrong[worst], 3)}",
            node=layer.weight.name,
            measured=Measured(
                wrong[worst], limit, "He, Glorot, LeCun (1 to 1.4); TheDeepChecker; limits from healthy networks"
            ),
            evidence=tuple(_flow(subject)),
            remedies=(_drawn_anew(subject, layers, []),),
        )


def embeddings(subject: Subject) -> Iterator[Finding]:
    """Rows of an embedding that are as large as inputs must not be."""
    for node in subject.graph.params:
        readers = subject.structure.readers(node)
        embeds = any(reader.op is not None and reader.op.name == "embedding" for reader in readers)
        size = rms(node.value)
        normed = any(_normalised_after(subject, reader) for reader in readers)
        if embeds and size > LARGEST and not normed:
            yield Finding(
                "init", "warning", (node.scope or node.name,),
                f"the rows of {node.name} start too large: rms {significant(size, 3)}", node=node.name,
                measured=Measured(size, LARGEST, "as inputs; PyTorch draws rows of standard deviation 1"),
                remedies=(remedy("rows drawn anew", Change(f"{node.scope}.weight", DEFAULT),
                                 Change(f"{node.scope}.init", {"kind": "normal", "std": 1.0})),),
            )  # fmt: skip


def biases(subject: Subject) -> Iterator[Finding]:
    """Biases beside which what a layer is told does not count."""
    found: dict[str, float] = {}
    for layer in subject.structure.hidden:
        z = subject.recording(0).value(layer.z)
        if (
            layer.bias is None
            or layer.bias.value is None
            or layer.recurrent
            or z is None
            or z.ndim < 2
            or len(z) < FEWEST
        ):
            continue
        if layer.bias.role != "param" or _normalised_after(subject, layer.z):
            continue
        axes = tuple(axis for axis in range(z.ndim) if axis != unit_axis(layer, z))
        signal = float(np.sqrt(np.mean(np.var(z, axis=axes))))
        size = rms(layer.bias.value)
        if np.abs(layer.bias.value).max() <= 1 / sqrt(layer.fans[0]) and subject.captured is not None:
            continue  # as PyTorch draws them: the spread shrinks from layer to layer, and nothing is lost
        if size > DROWNS * signal and size > 0:
            found.setdefault(layer.place, size / signal if signal else np.inf)
    if not found:
        return
    layers = [layer for layer in subject.structure.hidden if layer.place in found]
    yield Finding(
        "init", "warning", tuple(found),
        f"the biases of {', '.join(found)} drown what they are added to, "
        f"{significant(max(found.values()), 3)} times its spread",
        node=layers[0].z.name,
        measured=Measured(
            max(found.values()), DROWNS, "TheDeepChecker, NeuraLint (biases at 0); limit from healthy networks"
        ),
        evidence=tuple(_flow(subject)),
        remedies=(remedy("biases that start at 0", *(
            change for layer in layers
            for change in (Change(f"{layer.place}.bias", DEFAULT), Change(f"{layer.place}.bias_init", "zeros"))
        )),),
    )  # fmt: skip


def _judged(subject: Subject, layer: Layer) -> float | None:
    """The factor of a layer that a normalisation behind it, or a way around it, does not make up for. What is too small
    makes less of what came before it: not of what was brought to a scale just there."""
    size = factor(layer)
    if size is None or _normalised_after(subject, layer.z):
        return None
    if size < 1 and any(subject.structure.kind(node) in NORMS for node in subject.structure.sources(layer.x)):
        return None
    return None if size < 1 and "." in layer.place else size


def _normalised_after(subject: Subject, made: Node) -> bool:
    return any(subject.structure.kind(reader) in NORMS for reader in subject.structure.readers(made))


def _flow(subject: Subject) -> Iterator[str]:
    """The size of what each layer makes, at training step 0."""
    for layer in subject.structure.layers:
        size = rms(subject.recording(0).value(layer.z))
        weight = factor(layer)
        told = "" if weight is None else f", std·√fan_in {significant(weight, 3)}"
        yield f"rms({layer.z.name}) = {significant(size, 3)}{told}"


def suits(layer: Layer) -> str:
    """The initialisation that goes with an activation."""
    return "he_uniform" if layer.activation in RELU else "xavier_uniform"


def _drawn_anew(subject: Subject, layers: Sequence[Layer], tables: Sequence[Node]) -> Remedy:
    """Weights drawn as their activation wants it, biases 0."""
    changes: list[Change] = []
    for layer in layers:
        part = layer.weight.name.rpartition(".")[2]
        changes += [Change(f"{layer.place}.{part}", DEFAULT), Change(f"{layer.place}.init", suits(layer))]
        if layer.bias is not None and np.any(layer.bias.value):
            changes += [Change(f"{layer.place}.bias", DEFAULT), Change(f"{layer.place}.bias_init", "zeros")]
    for node in tables:
        changes += [Change(f"{node.scope}.weight", DEFAULT), Change(f"{node.scope}.init", "normal")]
    return remedy("weights drawn for the activation, biases 0", *changes)


# ------------------------------------------------------------------------------------------- no activation (10)
def linear(subject: Subject) -> Iterator[Finding]:
    """Hidden layers of which none bends: together they are one layer."""
    structure = subject.structure
    if structure.last is None or any(layer.recurrent for layer in structure.layers):
        return
    made = subject.graph.before(structure.last.z.id)
    hidden = tuple(layer for layer in structure.hidden if layer.z.id in made)
    if not hidden:
        return
    first = min(layer.z.id for layer in hidden)
    layers = {layer.z.id for layer in structure.layers}
    for node in subject.graph.ops:
        if node.id not in made or node.id <= first:
            continue
        assert node.op is not None
        sums = node.op.name == "add" and node.id in layers
        if not (node.id in layers or sums or node.op.name in LINEAR_BETWEEN or node.op.name in _AFFINE_PARTS):
            return
    whole = " · ".join(str(layer.fans[0]) for layer in (*hidden, structure.last)) + f" · {structure.last.fans[1]}"
    yield Finding(
        "missing-activation",
        "warning",
        tuple(dict.fromkeys((*(layer.place for layer in hidden), structure.last.place))),
        f"no activation between {len(hidden) + 1} layers: together they are one linear layer",
        node=hidden[0].z.name,
        measured=Measured(float(len(hidden)), 0.0, "UMLAUT, NeuraLint"),
        evidence=(f"widths {whole}: the product of the weights has rank {_rank(hidden, structure.last)} at most",),
        remedies=tuple(_bent(subject, hidden)),
    )


def _bent(subject: Subject, hidden: Sequence[Layer]) -> Iterator[Remedy]:
    """An activation after each hidden layer; in a formula after those that have a name."""
    for word, called in (("relu", "ReLU"), ("tanh", "tanh")):
        changes: list[Change | Redefined] = []
        for layer in hidden:
            written = spelled(subject.network, layer.z.name)
            if layer.z.scope:
                changes.append(Change(f"{layer.z.scope}.activation", word))
            elif written is not None:
                changes.append(Redefined(layer.z.name, f"{word}({ast.unparse(written)})"))
        if changes:
            yield remedy(f"{called} after each hidden layer", *changes)


_AFFINE_PARTS = ("matmul", "affine", "add", "sub")
assert not set(_AFFINE_PARTS) & set(ACTIVATIONS)


def _rank(hidden: Sequence[Layer], last: Layer) -> int:
    return min(size for layer in (*hidden, last) for size in layer.fans)
