"""Does the output suit the loss, and can it reach the targets? (Rules 2 and 3 of docs/diagnosis.md.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import inf, log

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.change import DEFAULT, Change, Redefined, remedy, setting, spelled
from bptui.model.debugger.findings.finding import Diagnosis, Finding, Measured, Remedy, Severity
from bptui.model.debugger.findings.structure import REGRESSION, WEIGHTED, Loss, Output
from bptui.model.debugger.findings.subject import LONG, Subject
from bptui.model.debugger.findings.symptoms import solved
from bptui.model.debugger.findings.trial import tried
from bptui.model.debugger.progress import Progress
from bptui.model.engine.graph import Node

SELU = -1.0507009873554805 * 1.6732632423543772
"""The least value of selu: -scale·alpha (Klambauer et al. 2017)."""
RANGES = {
    "sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "masked_softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0), "hardtanh": (-1.0, 1.0), "relu": (0.0, inf), "relu6": (0.0, 6.0),
    "softplus": (0.0, inf), "exp": (0.0, inf), "elu": (-1.0, inf), "celu": (-1.0, inf), "selu": (SELU, inf),
    "log_softmax": (-inf, 0.0), "log_sigmoid": (-inf, 0.0), "gelu": (-0.17, inf), "silu": (-0.2785, inf),
    "mish": (-0.309, inf), "hardswish": (-0.375, inf),
}  # fmt: skip
"""Between what an activation's values lie."""
PROBABILITIES = ("sigmoid", "hardsigmoid", "softmax", "masked_softmax")
OUTSIDE, MANY, MOST = 0.01, 0.02, 0.5
"""Part of the range by which a target has to lie outside; share of the targets that is a warning, and an error."""
HALF = 0.5
"""Part of the loss that a better pair of output and loss has to reach less of, for this one to be warned of."""
FLOOR = 0.05
"""Share of the loss of guessing that the best output still costs, from which on scores are too narrow."""


# ------------------------------------------------------------------------------------------------------- targets
def binary(targets: Array | None) -> bool:
    """Are all targets 0 or 1?"""
    return targets is not None and bool(np.isin(targets, (0, 1)).all())


def one_hot(targets: Array | None) -> bool:
    """Is each row a distribution: one 1, or shares that sum to 1?"""
    if targets is None or targets.ndim < 2 or targets.shape[-1] < 2 or targets.dtype.kind != "f":
        return False
    return bool((targets >= 0).all() and np.allclose(targets.sum(-1), 1, atol=1e-3))


def whole(targets: Array | None) -> bool:
    """Are the targets whole numbers from 0 on, few of them: class numbers?"""
    if targets is None or not targets.size or targets.min() < 0 or targets.max() > 1000:
        return False
    return bool((targets == np.round(targets)).all()) and len(np.unique(targets)) <= max(2, targets.size // 4)


# ------------------------------------------------------------------------------------------------- pairing (2)
def pairing(subject: Subject) -> Iterator[Finding]:
    """The table of pairings: which last activation goes with which loss."""
    structure = subject.structure
    output, loss = structure.output, structure.loss
    if output is None or loss is None:
        return
    targets = None if subject.targets is None else subject.targets.values
    units = output.node.shape[-1] if len(output.node.shape) > 1 else 1
    found = _pair(subject, output, loss, targets, units)
    if found is None:
        return
    severity, text, evidence, remedies = found
    wrong = output.activation if output.activation != "linear" else "no activation"
    gradient = subject.recording(0).grad(output.z)
    size = None if gradient is None else float(np.max(np.abs(gradient), initial=0.0))
    if size is not None:
        evidence.append(f"largest |∂L/∂{output.z.name}| = {significant(size, 3)}")
    yield Finding(
        "output-activation",
        severity,
        _places(subject, output, loss),
        text,
        node=output.made.name,
        measured=Measured(size, 0.0 if size == 0 else None, "NeuraLint, Theia, UMLAUT; the definitions of both"),
        evidence=(f"{wrong}, then {loss.kind}", *evidence),
        remedies=tuple(remedies),
    )


def _places(subject: Subject, output: Output, loss: Loss) -> tuple[str, ...]:
    place = subject.structure.place
    made = [place(output.made), *((place(output.z),) if output.z.op is not None else ())]
    names = [node.name for node in (output.made, loss.node) if not node.scope]
    return tuple(dict.fromkeys((*made, "loss", *names)))


_Found = tuple[Severity, str, list[str], list[Remedy]]


def _pair(subject: Subject, output: Output, loss: Loss, targets: Array | None, units: int) -> _Found | None:
    """(severity, text, evidence, remedies) of what does not go together, None where all does."""
    kind, last = loss.kind, output.activation
    said, meant = loss.compares.prediction, loss.compares.target
    soft = last in ("softmax", "masked_softmax", "log_softmax")
    if soft and _alone(output.made):
        constant = "1" if last != "log_softmax" else "0"
        return "error", f"{last} over one unit is {constant} for every sample: it learns nothing", [], _single(subject)
    if (said == "scores" or (said, meant) == ("logs", "class")) and units == 1 and len(output.node.shape) == 2:
        text = f"{kind} over one column is 0, whatever it holds: it learns nothing"
        return "error", text, [], _single(subject)
    if said == "scores":
        return _scores(subject, output, loss, units)
    if said == "logit" and last in RANGES and last not in ("exp",):
        return _logits(subject, output, kind)
    if said == "probability":
        return _probabilities(subject, output, loss, targets)
    if (said, meant) == ("logs", "class") and last != "log_softmax":
        text = f"nll takes logarithms of probabilities, and {_named(last)} gives none: it falls without end"
        end = _ends(subject, "linear", "cross_entropy makes its own logarithms", "cross_entropy")
        return "error", text, ["L = -mean(p[n, y[n]]), without a lower end"], end
    if kind in REGRESSION and soft and units > 1:
        severity: Severity = "note" if one_hot(targets) else "warning"
        text = f"{kind} on a softmax: its outputs are positive and sum to 1"
        if severity == "warning":
            return severity, f"{text}, the targets do not", [], _linear(subject)
        ends = _ends(subject, "linear", "plain outputs and cross_entropy", "cross_entropy")
        return _slower(subject, f"{text}; cross_entropy learns faster where it is most wrong", ends)
    if kind in REGRESSION and last in ("sigmoid", "hardsigmoid") and binary(targets):
        text = f"{kind} on a {last}: ∂L/∂z = (p-y)·p(1-p) fades where it is most wrong"
        return "note", text, [], _ends(subject, last, "bce has ∂L/∂z = p-y", "bce")
    if meant == "sign" and targets is not None and binary(targets) and (targets == 0).any():
        return "warning", f"{kind} takes targets -1 and 1, found 0 and 1: at y = 0 it has no gradient", [], []
    if said == "score" and last in ("sigmoid", "softmax", "relu"):
        return "warning", f"{kind} takes scores of both signs, and {last} gives none below 0", [], _linear(subject)
    if (said, meant) == ("logs", "distribution") and last in PROBABILITIES:
        return (
            "warning",
            f"{kind} takes logarithms of probabilities, and {last} gives the probabilities",
            [],
            _ends(subject, "log_softmax", "log_softmax gives the logarithms"),
        )
    return None


def _slower(subject: Subject, text: str, ends: list[Remedy]) -> _Found:
    """What a better pair reaches has to say whether this one is worth a warning: less than half of the same loss."""
    told, evidence = ends, []
    severity: Severity = "note"
    if ends and subject.steps >= LONG and not solved(subject):
        so_far = Diagnosis(subject.network, subject.steps, tuple(float(loss) for loss in subject.losses))
        told = [tried(ends[0], so_far, Progress())]
        before, after = told[0].loss_before, told[0].loss_after
        if before is not None and after is not None and after < HALF * before and not told[0].note:
            severity = "warning"
            evidence = [f"trained by the other, the same loss is {significant(after, 3)}"]
    return severity, text, evidence, told


def _alone(made: Node) -> bool:
    axis = made.attributes.get("axis", -1)
    return isinstance(axis, int) and bool(made.shape) and made.shape[axis] == 1


def _named(last: str) -> str:
    return "a linear output" if last == "linear" else last


def _scores(subject: Subject, output: Output, loss: Loss, units: int) -> _Found | None:
    kind, last = loss.kind, output.activation
    if last == "log_softmax":  # of its own result it is that result again
        return None
    plain = _ends(subject, "linear", f"plain outputs: {kind} has a softmax of its own")
    if last in RANGES and RANGES[last] == (0.0, inf):
        return "warning", f"{kind} on {last}: scores cannot be negative, so no class can be ruled out", [], plain
    low, high = RANGES.get(last, (-inf, inf))
    floor = log(1 + (units - 1) * np.exp(low - high)) if np.isfinite(high - low) else 0.0
    floor *= (1 - np.exp(-floor)) ** loss.node.attributes.get("gamma", 0.0)
    if floor < FLOOR * log(max(units, 2)):
        return None
    twice = f"the softmax twice: {kind} has one" if "softmax" in last else f"{kind} on {last}: a softmax is its own"
    evidence = [
        f"scores from {significant(low)} to {significant(high)}: the loss of {units} classes cannot fall below "
        f"{significant(floor, 3)}"
    ]
    return "warning", f"{twice}; the loss cannot fall below {significant(floor, 3)}", evidence, plain


def _logits(subject: Subject, output: Output, kind: str) -> _Found | None:
    last = output.activation
    if last in PROBABILITIES:
        text = f"the sigmoid twice: {kind} has one, and {last} gives 0 to 1, that is 0.5 to 0.73"
    elif RANGES[last][0] == 0:
        text = f"{kind} on {last}: what is not negative is never under a probability of ½"
    else:
        return None
    return "warning", text, [], _ends(subject, "linear", f"plain outputs: {kind} has a sigmoid of its own")


def _probabilities(subject: Subject, output: Output, loss: Loss, targets: Array | None) -> _Found | None:
    last = output.activation
    if last in PROBABILITIES:
        several = one_hot(targets) or targets is None or targets.ndim < 2 or not (targets.sum(-1) > 1).any()
        if "softmax" not in last or several or loss.kind != "bce":
            return None
        return (
            "warning",
            "bce on a softmax: rows with several ones compete, the outputs sum to 1",
            [],
            _ends(subject, "sigmoid", "a sigmoid for each label"),
        )
    values = subject.recording(0).value(output.node)
    out = None if values is None else float(np.mean((values < 0) | (values > 1) | np.isnan(values)))
    weighted = output.z.op is not None and (output.z.op.name in WEIGHTED or output.z.op.name == "add")
    if not out and not (weighted or last in RANGES):
        return None
    evidence = (
        [] if out is None else [f"{significant(100 * out, 3)} % of the outputs lie outside 0 to 1 at {subject.when(0)}"]
    )
    text = f"{loss.kind} takes probabilities, and {_named(last)} leaves 0 to 1"
    if loss.kind == "bce":
        text += ": the logarithm has no value there"
    return (
        "error" if loss.kind == "bce" else "warning",
        text,
        evidence,
        _ends(subject, "sigmoid", "a sigmoid gives probabilities"),
    )


# ------------------------------------------------------------------------------------------------ reach (3)
def reach(subject: Subject) -> Iterator[Finding]:
    """Targets that the last activation cannot give."""
    output, loss, targets = subject.structure.output, subject.structure.loss, subject.targets
    if output is None or loss is None or targets is None or targets.node.whole or not targets.values.size:
        return
    if loss.compares.target == "bit":
        low, high, whose = 0.0, 1.0, loss.kind
    elif loss.kind in REGRESSION and output.activation in RANGES:
        (low, high), whose = RANGES[output.activation], output.activation
    else:
        return
    values = np.asarray(targets.values, np.float64)
    least, most = float(values.min()), float(values.max())
    size = high - low if np.isfinite(high - low) else most - least
    outside = (values < low - OUTSIDE * size) | (values > high + OUTSIDE * size)
    share = float(outside.mean())
    if share <= MANY:
        return
    first = tuple(int(i) for i in np.argwhere(outside)[0])
    labels = loss.compares.target == "bit"
    remedies = _classes(subject, values) if labels else _linear(subject)
    yield Finding(
        "output-range",
        "error" if share > MOST else "warning",
        tuple(
            dict.fromkeys((subject.structure.place(targets.node), *_places(subject, output, loss), targets.node.name))
        ),
        f"{significant(100 * share, 3)} % of the targets lie outside of what {whose} can give",
        node=output.made.name,
        measured=Measured(share, MANY, "DeepDiagnosis (targets outside of the last activation)"),
        evidence=(
            f"targets {significant(least, 4)} to {significant(most, 4)}, "
            f"{whose} {significant(low)} to {significant(high)}",
            f"the first: y[{', '.join(map(str, first))}] = {significant(float(values[first]), 4)}",
        ),
        remedies=tuple(remedies),
    )


# ------------------------------------------------------------------------------------------------------ remedies
def _ends(subject: Subject, name: str, text: str, loss: str = "") -> list[Remedy]:
    """The last activation is `name` ("linear" for none), and the loss another one where that is said."""
    output, compared = subject.structure.output, subject.structure.loss
    assert output is not None
    assert compared is not None
    changes: list[Change | Redefined] = []
    if output.made.scope:
        alone = setting(subject.network, f"{output.made.scope}.kind") == "activation"
        drop = Change(output.made.scope, DEFAULT)
        changes.append(drop if alone and name == "linear" else Change(f"{output.made.scope}.activation", name))
        changes += [Change("loss.kind", loss)] if loss else []
        return [remedy(text, *changes)]
    written = spelled(subject.network, output.made.name)
    inner = written.args[0] if isinstance(written, ast.Call) and output.activation != "linear" else written
    if inner is None:
        return []
    plain = ast.unparse(inner)
    changes.append(Redefined(output.made.name, plain if name == "linear" else f"{name}({plain})"))
    if loss and compared.target is not None:
        of = f"{loss}({output.node.name}, {compared.target.name})"
        changes.append(Redefined(subject.graph.nodes[subject.graph.loss].name, of))
    return [remedy(text, *changes)]


def _linear(subject: Subject) -> list[Remedy]:
    return _ends(subject, "linear", "a linear output reaches every target")


def _single(subject: Subject) -> list[Remedy]:
    """One output column: a probability where the targets are 0 or 1, else a number."""
    targets = None if subject.targets is None else subject.targets.values
    loss = subject.structure.loss
    if loss is None or targets is None or not (whole(targets) and targets.max() <= 1):
        regression = "" if loss is None or loss.kind in REGRESSION else "mse"
        return _ends(subject, "linear", "a regression: a linear output", regression)
    if loss.kind == "bce":
        return _ends(subject, "sigmoid", "one unit: a sigmoid")
    both = _ends(subject, "sigmoid", "one unit: sigmoid and bce", "bce")
    return [*(_ends(subject, "sigmoid", "one unit: a sigmoid") if loss.kind in REGRESSION else ()), *both]


def _classes(subject: Subject, targets: Array) -> list[Remedy]:
    """Class numbers beyond 1: as many outputs as there are classes, and the loss that takes class numbers."""
    last, output = subject.structure.last, subject.structure.output
    if last is None or output is None or not output.made.scope:
        return []
    if not whole(targets):
        return _ends(subject, "linear", "mse and a linear output take any target", "mse")
    classes = int(targets.max()) + 1
    changes = (
        Change(f"{last.weight.scope}.units", classes),
        Change(f"{output.made.scope}.activation", "linear"),
        Change("loss.kind", "cross_entropy"),
    )
    return [remedy(f"{classes} classes: an output for each, and cross_entropy", *changes)]
