"""Settings that are out of range: dropout, weight decay, eps, momentum, clipping, a sum for a mean, batch norm in
evaluation mode. (Rules 13 and 15.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod, sqrt

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.numbers import significant
from bptui.model.debugger.findings.change import Change, Redefined, remedy, spelled
from bptui.model.debugger.findings.finding import Finding, Measured, Severity
from bptui.model.debugger.findings.structure import Structure
from bptui.model.debugger.findings.subject import FEWEST, Subject, rms
from bptui.model.engine.optimizers import Optimizer

DROPPED, EPS, MOMENTUM, CLIPPED, OFF = 0.5, 1e-2, 0.99, 0.05, 3.0
"""Dropout, eps and momentum above which a value is unusual; clip over the gradient's length, below
which little is left; standard deviations that running statistics may be off."""
MIXES = ("add", "matmul", "einsum")
"""Operations behind which a number is made of several: of a way around, of all neighbours of a node of a graph."""
PAST, DIVIDED = 0.25, 1.5
"""ρ of a captured step with a summed loss below which the rate is one for a mean: ½ is the lowest point along it."""
ADAPTIVE = ("adam", "adamw", "rmsprop", "adagrad")
"""Optimizers that divide by the gradient's own size, so that a clipped one moves as far as before."""


def dropout(subject: Subject) -> Iterator[Finding]:
    """Too much of it, or on the outputs."""
    structure = subject.structure
    behind = _on_outputs(structure)
    for node in subject.graph.ops:
        assert node.op is not None
        if node.op.name != "dropout":
            continue
        p = float(node.attributes.get("p", 0.0))
        outputs = node.id in behind
        if p <= DROPPED and not outputs:
            continue
        place = structure.place(node)
        less = Change(f"{place}.p", 0.0 if outputs else 0.2)
        yield Finding(
            "regularisation",
            "warning",
            (place,),
            f"dropout of {significant(p)} "
            + ("on the outputs: they are 0 at random" if outputs else "drops more than it keeps"),
            node=node.name,
            measured=Measured(p, 0.0 if outputs else DROPPED, "UMLAUT"),
            remedies=(remedy("none on the outputs" if outputs else "a fifth", less),),
        )


def _on_outputs(structure: Structure) -> set[int]:
    """What lies between the last layer and the loss, and is nothing but that layer's: not a way around it."""
    output, last = structure.output, structure.last
    found: set[int] = set()
    if output is None or last is None:
        return found
    node = output.node
    while node.op is not None and node.id > last.z.id:
        computed = [source for source in structure.inputs(node) if source.id >= last.z.id]
        found.add(node.id)
        if len(computed) != 1 or node.op.name in MIXES:
            break
        node = computed[0]
    return found


def _square(array: np.ndarray | None) -> float:
    return 0.0 if array is None else float(np.vdot(array.astype(np.float64), array))


def unusual(subject: Subject) -> Iterator[Finding]:
    """Momentum, eps and clipping beyond what leaves a step as it should be."""
    optimizer = subject.network.optimizer
    for name, usual in (("momentum", 0.9), ("beta1", 0.9)):
        value = getattr(optimizer, name)
        if value is not None and value > MOMENTUM:
            text = f"{name} {significant(value)}: a step is the sum of "
            text += f"some {significant(1 / max(1 - value, 1e-12), 3)} gradients"
            yield _setting(name, "warning", "optimizer", text, value, MOMENTUM, usual)
    if optimizer.eps is not None and optimizer.eps > EPS:
        text = f"eps {significant(optimizer.eps)} outweighs small gradients: their steps shrink"
        yield _setting("eps", "warning", "optimizer", text, optimizer.eps, EPS, 1e-8)
    yield from _clipped(subject, optimizer)
    yield from _maximized(subject)


def maximizes(subject: Subject) -> bool:
    """Is the optimizer of a captured step told to make the loss larger?"""
    updates = () if subject.captured is None else subject.captured.record.step.updates
    return any(group.options.get("maximize") is True for update in updates for group in update.groups)


def _maximized(subject: Subject) -> Iterator[Finding]:
    """A loss of a known kind that the optimizer of a captured step is told to make larger."""
    loss = subject.structure.loss
    if (
        not maximizes(subject)
        or loss is None
        or loss.by_hand
        or subject.taken is None
        or not subject.taken.promised > 0
    ):
        return
    yield Finding(
        "optimizer", "warning", ("optimizer", "optimizer.maximize"),
        f"maximize=True: each step makes {loss.kind} larger", phase="update",
        measured=Measured(subject.taken.promised, 0.0, "exact: g·Δw above 0"),
        evidence=(f"ΔL = {numbers.significant(subject.taken.promised, 3)} promised",),
        advice=("without maximize=True, or of the negative of what is to grow",),
    )  # fmt: skip


def _setting(
    name: str, severity: Severity, kind: str, text: str, value: float, limit: float, usual: float, *evidence: str
) -> Finding:
    return Finding(
        kind,
        severity,
        (f"optimizer.{name}", "optimizer"),
        text,
        phase="update",
        measured=Measured(
            value,
            limit,
            "the usual values of PyTorch's optimizers" if kind == "optimizer" else "measured on healthy networks",
        ),
        evidence=evidence,
        remedies=(remedy("the usual value", Change(f"optimizer.{name}", usual)),),
        rule=kind,
    )


def _clipped(subject: Subject, optimizer: Optimizer) -> Iterator[Finding]:
    """A gradient of which the clipping leaves next to nothing, so that a step promises little."""
    recording = subject.recording(0)
    gradients = [g for node in subject.graph.params if (g := recording.grad(node)) is not None]
    length = sqrt(sum(_square(g) for g in gradients))
    largest = max((float(np.max(np.abs(g), initial=0.0)) for g in gradients), default=0.0)
    clips = (("clip_norm", optimizer.clip_norm, length), ("clip_value", optimizer.clip_value, largest))
    for name, limit, size in clips:
        if limit is None or not size or not np.isfinite(size) or limit / size >= CLIPPED:
            continue
        step = subject.step(0)
        planned = max(subject.branch.planned, subject.steps)
        tiny = step is not None and planned * abs(step.promised) < abs(step.loss)
        severity: Severity = "warning" if tiny and optimizer.kind not in ADAPTIVE else "note"
        text = f"{name} {significant(limit)} leaves {significant(100 * limit / size, 3)} % of the gradient"
        told = f"the gradient's size is {significant(size, 3)}"
        yield _setting(name, severity, "clipping", text, limit / size, CLIPPED, float(f"{2 * size:.2g}"), told)


def reduction(subject: Subject) -> Iterator[Finding]:
    """A sum over the batch where the rate would suit a mean."""
    loss, samples = subject.structure.loss, subject.samples
    if loss is None or loss.reduction != "sum" or samples < 2 or loss.kind == "half_sse":
        return
    if loss.prediction is not None and prod(loss.prediction.shape) % samples:
        return  # (not of numbers of samples)
    scale = None if subject.captured is None or loss.node.shape else subject.recording(0).grad(loss.node)
    if scale is not None and abs(float(scale)) * samples < DIVIDED:
        return  # (what follows divides it by the samples)
    fix = () if loss.by_hand or not loss.node.scope else (remedy("the mean", Change("loss.reduction", "mean")),)
    written = spelled(subject.network, subject.graph.nodes[subject.graph.loss].name)
    if isinstance(written, ast.Call) and isinstance(written.func, ast.Name) and written.func.id == "sum":
        mean = Redefined(subject.graph.nodes[subject.graph.loss].name, f"mean({ast.unparse(written.args[0])})")
        fix = (remedy("the mean", mean),)
    told = subject.taken
    far = told is not None and told.promised < 0 and told.rho() < PAST
    yield Finding(
        "reduction",
        "warning" if any(finding.rule == "rate high" for finding in subject.found) or far else "note",
        tuple(dict.fromkeys(("loss", loss.node.name))),
        f"the loss is a sum over {samples} samples: the learning rate acts {samples}-fold",
        node=loss.node.name,
        measured=Measured(float(samples), 1.0, "TheDeepChecker (the loss doubles with the batch)"),
        evidence=(f"of the fall that this step promised {significant(100 * told.rho(), 3)} % came",)
        if far and told
        else (),
        remedies=fix,
    )


# ------------------------------------------------------------------------------------------- batch norm (15)
def batch_norm(subject: Subject) -> Iterator[Finding]:
    """Evaluation mode in training, with running statistics that are not those of the batch."""
    found: list[tuple[str, str, float, str]] = []
    recording = subject.recording(0)
    for name, call in subject.graph.composite_calls.items():
        if call.row.name != "batch_norm" or call.attributes.get("training", True) or len(call.inputs) < 5:
            continue
        x, mean, variance = (recording.value(call.inputs[i]) for i in (0, 3, 4))
        if x is None or mean is None or variance is None or len(x) < FEWEST:
            continue
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        now, spread = x.mean(axes, dtype=np.float64), x.std(axes, dtype=np.float64)
        kept = np.sqrt(np.maximum(variance, 0.0))
        with np.errstate(all="ignore"):
            shifted = np.abs(now - mean) / np.where(spread > 0, spread, 1)
            wider = np.maximum(spread, 1e-12) / np.maximum(kept, 1e-12)
            off = float(np.max(np.maximum(shifted, np.maximum(wider, 1 / wider))))
        node = [n for n in subject.graph.nodes if n.composite == name][-1]
        if off > OFF:
            sizes = [significant(rms(each), 3) for each in (now, mean, spread, kept)]
            told = "mean {} of the batch, {} kept; std {} of the batch, {} kept".format(*sizes)
            found.append((node.scope or node.name, node.name, off, told))
    if not found:
        return
    worst = max(found, key=lambda each: each[2])
    places = tuple(dict.fromkeys(place for place, *_ in found))
    yield Finding(
        "batch-norm",
        "warning",
        places,
        f"batch norm in evaluation mode: what it keeps is {significant(worst[2], 3)} times off the batch",
        node=worst[1],
        measured=Measured(worst[2], OFF, "TheDeepChecker (switch of mode)"),
        evidence=tuple(f"{place}: {told}" for place, _, _, told in found),
        remedies=(remedy("the statistics of the batch", *(Change(f"{place}.training", True) for place in places)),),
    )
