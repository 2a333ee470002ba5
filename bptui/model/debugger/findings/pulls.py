"""What pulls weights to 0 beside what the loss wants of them: weight decay and l1 of the optimizer, group by group, and
penalties that are a part of the loss. (Rule 13.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.debugger.findings.change import Change, remedy, setting
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import LONG, Subject
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import NotRecorded, Recording

EARLY, OUTWEIGHS = 20, 2.0
"""It counts from the first so manieth part of the training on, and where it pulls so many times as hard."""
SIZES = ("square", "abs", "power", "norm", "p_norm")
"""Operations that say how large a weight is; w*w is one, too."""
PULLS = ("weight_decay", "l1")
"""Settings of an optimizer that pull to 0."""
USUAL = 1e-4
"""A weight decay, or a penalty, as it is usual."""


@dataclass
class Pull:
    """How hard weights that follow one rule are pulled to 0, and how hard the loss pulls, as squares of lengths: of
    gradients, or where the decay is on the parameter itself of steps. Where the loss is at its lowest beside the pull
    the two are equal. penalties: of `decay`, what is a part of the loss."""

    rule: Optimizer | None
    nodes: list[Node] = field(default_factory=list)
    decay: float = 0.0
    loss: float = 0.0
    penalties: float = 0.0

    @property
    def ratio(self) -> float:
        """Pull over push; 0 where one of them is none."""
        return sqrt(self.decay / self.loss) if self.loss else 0.0


def decay(subject: Subject) -> Iterator[Finding]:
    """Weight decay, or a penalty in the loss, that outweighs the loss."""
    first = _worst(subject, 0)
    if first is None:
        return
    late = [step for step in subject.sampled if step >= subject.steps // EARLY]
    outweighs = first.ratio > 1
    lasting = not outweighs and subject.steps >= LONG and all(_ratio(subject, step) > OUTWEIGHS for step in late)
    if not (outweighs or lasting):
        return
    step = 0 if outweighs else late[0]
    found = first if outweighs else _worst(subject, step)
    assert found is not None
    penal = found.penalties > found.decay / 2
    word = "penalty in the loss" if penal else "weight decay" if found.rule and found.rule.weight_decay else "l1"
    sizes = [numbers.significant(sqrt(part), 3) for part in (found.decay, found.loss)]
    yield Finding(
        "regularisation",
        "warning",
        _places(subject, found, penal),
        f"the {word} outweighs the loss {numbers.significant(found.ratio, 3)} times: the weights go to 0",
        node=found.nodes[0].name,
        phase="update",
        training_step=step,
        measured=Measured(found.ratio, 1.0 if outweighs else OUTWEIGHS, "TheDeepChecker (‖∇penalty‖/‖∇loss‖)"),
        evidence=(f"from the {'penalty' if penal else 'decay'} {sizes[0]}, from the loss {sizes[1]}",),
        remedies=(remedy(f"a usual {'penalty' if penal else 'decay'}", *_less(subject, found, penal)),),
    )


def _ratio(subject: Subject, step: int) -> float:
    found = _worst(subject, step)
    return 0.0 if found is None else found.ratio


def _worst(subject: Subject, step: int) -> Pull | None:
    """Of the rules that weights follow, and of those with penalties, the one that pulls hardest beside the loss."""
    recording = subject.recording(step)
    pulls: dict[tuple[object, ...], Pull] = {}
    weights = [node for node in subject.graph.params if len(node.shape) > 1] or list(subject.graph.params)
    for node in weights:
        rule, sizes = _rule(recording, node), _sizes(subject, node)
        rate, l1 = (rule.weight_decay or 0.0, rule.l1 or 0.0) if rule is not None else (0.0, 0.0)
        if not (rate or l1 or sizes):
            continue
        before, grad = recording.before(node), recording.grad(node)
        if before is None or grad is None:
            continue
        w, g = before.astype(np.float64), grad.astype(np.float64)
        parts = [part for use in sizes if (part := recording.contribution(*use)) is not None]
        penalty = sum(parts, np.zeros(node.shape))
        apart = rule is not None and rule.decouples
        if rule is not None and apart and rate:
            part = rule.learning_rate * rate
            found = pulls.setdefault((True, rate), Pull(rule))
            found.nodes.append(node)
            found.decay += _square(part * w)
            found.loss += _square(_rest(recording.after(node), w, part))
        pulled = (0.0 if apart else rate) * w + l1 * np.sign(w) + penalty
        if np.any(pulled):
            found = pulls.setdefault((False, rate, l1, bool(np.any(penalty))), Pull(rule))
            found.nodes.append(node)
            found.decay += _square(pulled)
            found.loss += _square(g - penalty)
            found.penalties += _square(penalty)
    return max(pulls.values(), key=lambda pull: pull.ratio, default=None)


def _rule(recording: Recording, node: Node) -> Optimizer | None:
    try:
        return recording.update_rule(node)
    except NotRecorded:
        return None


def _sizes(subject: Subject, node: Node) -> list[tuple[int, int]]:
    """Who reads a weight for its own size in the loss, (operation, which of its inputs): l1 and l2 of a network file, a
    sum of squares or a norm that a program adds."""
    found = []
    for consumer, position in subject.graph.consumers[node.id]:
        op, inputs = subject.graph.nodes[consumer].op, subject.graph.nodes[consumer].inputs
        word = "" if op is None else op.name
        size = word in SIZES or (word == "mul" and set(inputs) == {node.id})
        if size and consumer in subject.reached and consumer not in subject.predicting:
            found.append((consumer, position))
    return found


def _square(array: Array | None) -> float:
    return 0.0 if array is None else float(np.vdot(array, array))


def _rest(after: Array | None, before: Array, decayed: float) -> Array | None:
    return None if after is None else after - before * (1 - decayed)


# ------------------------------------------------------------------------------------------------ where it was said
def _places(subject: Subject, pull: Pull, penal: bool) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(node.scope or node.name for node in pull.nodes))
    if penal:
        return ("loss", *(key for key in ("loss.l2", "loss.l1") if setting(subject.network, key)), *scopes)
    keys = (f"optimizer.{key}" for key in PULLS if pull.rule is not None and getattr(pull.rule, key))
    return (*keys, "optimizer", *(scopes if subject.network.optimizer.groups else ()))


def _less(subject: Subject, pull: Pull, penal: bool) -> Sequence[Change]:
    """What makes the pull a usual one, where the file says it."""
    if penal:
        layers = dict.fromkeys(node.scope for node in pull.nodes if node.scope)
        keys = [f"{table}.{key}" for table in ("loss", *layers) for key in ("l2", "l1")]
        return [Change(key, USUAL) for key in keys if setting(subject.network, key)]
    keys = [key for key in PULLS if pull.rule is not None and getattr(pull.rule, key)]
    document = subject.network.document
    groups = (document.content.get("optimizer") or {}).get("groups") or [] if document is not None else []
    less = [{key: USUAL if key in keys and item else item for key, item in group.items()} for group in groups]
    changes = [Change("optimizer.groups", less)] if less != groups else []
    return [*changes, *(Change(f"optimizer.{key}", USUAL) for key in keys if getattr(subject.network.optimizer, key))]
