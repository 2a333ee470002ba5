"""Units that are 0 for every sample, and units at the ends of their activation. (Rule 8.)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.change import DEFAULT, Change, remedy
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy
from bptui.model.debugger.findings.signal import SAME, spread
from bptui.model.debugger.findings.structure import Layer, unit_axis
from bptui.model.debugger.findings.subject import Subject
from bptui.model.debugger.findings.symptoms import stands

DEAD, SOME = 0.7, 0.25
"""Share of a layer's units that are 0 on all samples: a warning; a note, and a warning where the loss has come to stand
at that of a constant answer."""
SAMPLES = 32
"""So many samples say that a unit is dead, be it over several batches; all that there are always do."""
SHOWN = 8
"""Units that a line names."""


@dataclass(frozen=True)
class Dead:
    """The units of a layer that are 0 for all samples of a training step: which of all."""

    layer: Layer
    step: int
    which: Array

    @property
    def share(self) -> float:
        """Of the layer's units."""
        return float(self.which.mean()) if self.which.size else 0.0

    @property
    def text(self) -> str:
        """`4 of 8 units of layer1.a`."""
        return f"{int(self.which.sum())} of {len(self.which)} units of {self.layer.a.name}"


def dead_units(subject: Subject, layer: Layer, step: int) -> Dead:
    """Those of one layer in one training step; where its batch is small, in as many steps as make SAMPLES."""
    size = max(1, subject.samples)
    steps = 1 if subject.network.batches is None else -(-SAMPLES // size)
    which = np.ones(0, bool)
    for at in range(step, max(step + 1, min(step + steps, subject.steps))):
        values = subject.recording(at).value(layer.a)
        if values is None or values.ndim < 2 or not values.size:
            return Dead(layer, step, np.zeros(0, bool))
        axis = unit_axis(layer, values)
        here = np.all(values == 0, axis=tuple(i for i in range(values.ndim) if i != axis))
        which = here if at == step else which & here
    return Dead(layer, step, which)


def dead(subject: Subject) -> Iterator[Finding]:
    """ReLUs that no sample of the batch reaches: one finding for all layers."""
    if not subject.samples or subject.steps * subject.samples < subject.fewest:
        return
    relus = [layer for layer in subject.structure.layers if layer.activation in ("relu", "relu6")]
    found = [_worst(subject, layer) for layer in relus]
    bad = [each for each in found if each.share >= DEAD] or [each for each in found if each.share >= SOME]
    if not bad or _alike(subject, bad[0]):
        return
    worst = max(bad, key=lambda each: each.share)
    first = min(each.step for each in bad)
    units = np.flatnonzero(worst.which)
    limit = SOME if worst.share < DEAD and subject.network.batches is None and stands(subject) else DEAD
    recording = subject.recording(worst.step)
    yield Finding(
        "dead-units",
        "note" if worst.share < limit else "warning",
        tuple(dict.fromkeys(subject.structure.place(each.layer.a) for each in bad)),
        f"{worst.text} are 0 on all {worst.layer.a.shape[0]} samples",
        node=worst.layer.a.name,
        training_step=first,
        element=(0, int(units[0])) if len(worst.layer.a.shape) == 2 else None,
        measured=Measured(
            worst.share,
            limit,
            "DeepDiagnosis (70 % of a layer)" if limit == DEAD else "a quarter, where the loss stands still",
        ),
        evidence=tuple(line for each in bad for line in _evidence(each, recording.value(each.layer.z))),
        remedies=_alive(subject, bad),
    )


def _alike(subject: Subject, each: Dead) -> bool:
    """Are all samples alike already in what the layer computes: is it what comes to the units, and not they?"""
    differs = spread(subject.recording(each.step).value(each.layer.z))
    return differs is not None and differs < SAME


def _evidence(each: Dead, z: Array | None) -> Iterator[str]:
    units = np.flatnonzero(each.which)
    shown = " ".join(f"[{i}]" for i in units[:SHOWN]) + (" …" if len(units) > SHOWN else "")
    yield f"{each.text}: {shown}"
    if z is not None:
        least, most = (numbers.significant(float(x), 4) for x in (z.min(), z.max()))
        yield f"{each.layer.z.name} from {least} to {most}"


def _worst(subject: Subject, layer: Layer) -> Dead:
    """The units that are dead at the first training step, where those are DEAD; else those that are dead from some
    later one on to the last that is looked at, since the first with so many."""
    now = dead_units(subject, layer, 0)
    if now.share >= DEAD:
        return now
    sampled = subject.sampled
    lasting = which = dead_units(subject, layer, sampled[-1])
    before = 0
    for place in range(len(sampled) - 2, -1, -1):
        here = dead_units(subject, layer, sampled[place])
        which = Dead(layer, sampled[place], which.which & here.which)
        if not which.which.size or (which.share < DEAD and lasting.share >= DEAD):
            before = sampled[place]
            break
        lasting = which
    return _since(subject, lasting, before) if lasting.share >= DEAD else lasting


def _since(subject: Subject, lasting: Dead, before: int) -> Dead:
    """The first training step after `before` from which on so many of the same units are dead, by halving."""
    low, high = before, lasting
    while high.step - low > 1:
        middle = (low + high.step) // 2
        here = Dead(lasting.layer, middle, lasting.which & dead_units(subject, lasting.layer, middle).which)
        if here.share >= DEAD:
            high = here
        else:
            low = middle
    return high


def _alive(subject: Subject, bad: list[Dead]) -> tuple[Remedy, ...]:
    layers = [each.layer for each in bad]
    biased = [layer for layer in layers if layer.bias is not None and np.any(layer.bias.value)]
    made = []
    if biased:
        zeros = [
            (Change(f"{layer.place}.bias", DEFAULT), Change(f"{layer.place}.bias_init", "zeros")) for layer in biased
        ]
        made.append(remedy("biases that start at 0", *(change for pair in zeros for change in pair)))
    for word, why in (("tanh", "has no dead side"), ("leaky_relu", "has a slope below 0, too")):
        made.append(remedy(f"{word} {why}", *(Change(f"{layer.a.scope}.activation", word) for layer in layers)))
    rate = subject.network.optimizer.learning_rate
    other, word = (
        (rate / 10, "a tenth of the rate") if min(each.step for each in bad) else (rate * 10, "ten times the rate")
    )
    made.append(remedy(word, Change("optimizer.learning_rate", other)))
    return tuple(made)
