"""What only a captured step can tell: the program around the network. Gradients from before, what the optimizer has,
what was detached or frozen, modes, custom functions, and how far the loss really went.

Nothing of it is a guess about code that was not seen: each finding is read from what was recorded, and what is to be
changed in the program is said in the words of its framework, not tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.printable import one_line
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.subject import Subject, named, rms, zero
from bptui.model.engine.graph import Node
from bptui.model.source.captured.record import Event, Moved, Site, Step, Update
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.captured.verdicts import check_event

LOSSES = ("_loss", "cross_entropy", "_with_logits", "kl_div")
"""How the names of PyTorch's criteria end."""
PUT, NEVER, AGAIN = "bptui.put", 64, 2
"""What a recorder calls a write through a view; backward passes after which no update is to be expected; times that an
optimizer may be made of the same parameters, as for another phase of a training."""


def of(subject: Subject) -> CapturedRecording:
    """The recording of the captured step."""
    assert subject.captured is not None
    return subject.captured


def at(site: Site | None) -> str:
    """` (train.py:31)`, where the line is known."""
    return "" if site is None else f" ({site.file}:{site.line})"


def places(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The modules that some parameters are of."""
    return tuple(dict.fromkeys(node.scope or node.name for node in nodes))


def ended(subject: Subject) -> Iterator[Finding]:
    """An exception that ended the step, with the line that raised it."""
    recording = of(subject)
    about = recording.record.step.about
    if not about.get("exception"):
        return
    last = subject.graph.ops[-1]
    calls = f"the last operation that was recorded: {last.name} {numbers.shape(last.shape)}"
    raised = one_line(str(about.get("raised") or ""), 100)
    yield Finding(
        "exception", "error", ("program",),
        f"the program ended in this step: {one_line(str(about['exception']), 200)}", node=last.name,
        measured=Measured(source="exact: what was raised while it was captured"),
        evidence=(*((raised,) if raised else ()), calls),
    )  # fmt: skip


def before(subject: Subject) -> Iterator[Finding]:
    """Parameters that are not finite before the step begins."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    bad = [node for value in step.parameters.values() if value in node_of
           and (node := subject.graph.nodes[node_of[value]]).op is None and _spoilt(step, value)]  # fmt: skip
    if not bad:
        return
    script = str(step.about.get("script") or "SCRIPT.py").rpartition("/")[2]
    earlier = f"bptui capture {script} --when nan captures the step in which it was born"
    yield Finding(
        "numeric", "error", places(bad),
        f"{named(bad)}: not finite before this step: it was born in an earlier one", node=bad[0].name,
        measured=Measured(np.nan, source="exact: counted when it was captured"),
        evidence=(f"{len(bad)} parameters, before {subject.when(0)}",), advice=(earlier,),
    )  # fmt: skip


def _spoilt(step: Step, value: int) -> bool:
    """Is NaN or inf among its numbers? Without a look at them."""
    stats = step.values[value].stats
    return stats is not None and bool(stats.nan or stats.inf)


# -------------------------------------------------------------------------------------------------------- the data
def changed(subject: Subject) -> Iterator[Finding]:
    """A part of the data that is changed in place, so that it comes changed the next time."""
    recording = of(subject)
    step = recording.record.step
    for event in step.leading:
        if event.name != PUT or len(event.inputs) < 2:
            continue
        whole, part = (step.values[value] for value in event.inputs[:2])
        given = whole.id not in step.made_by and whole.source.isidentifier() and not whole.wants_grad
        if not given or not 1 < prod(part.shape) < prod(whole.shape):
            continue
        maker = step.made_by.get(part.id)
        name = maker.name.rpartition(".")[2] if maker else "something"
        yield Finding(
            "changed-data", "warning", ("data.inputs", whole.source),
            f"{name}{at(maker.site if maker else None)} changes {whole.source} in place: what is changed now comes "
            "changed the next time",
            measured=Measured(float(prod(part.shape)), 0.0, "exact"),
            evidence=(f"{numbers.shape(part.shape)} of {numbers.shape(whole.shape)} are written into {whole.source}",),
            advice=("x = x + …, not x += …: a slice is no copy; or .clone() first",),
        )  # fmt: skip
        return


# -------------------------------------------------------------------------------------------------- custom functions
def custom(subject: Subject) -> Iterator[Finding]:
    """A custom function whose backward is not the derivative of its own forward; one that is meant to differ, a
    straight-through estimator, is not accused."""
    recording = of(subject)
    for event in recording.record.step.leading:
        if not event.notes.get("custom"):
            continue
        wrong = [row for row in check_event(recording, event) if row.row == "gradient" and row.verdict == "FAIL"]
        if not wrong:
            continue
        worst = max(wrong, key=lambda row: row.ulps)
        node, name = subject.graph.nodes[worst.node], str(event.notes["custom"])
        yield Finding(
            "wrong-gradient", "error",
            tuple(dict.fromkeys((*((event.module,) if event.module else ()), node.name))),
            f"the backward of {name} is not the derivative of its forward{at(event.site)}", node=node.name,
            phase="backward", element=worst.at,
            measured=Measured(worst.got, worst.expected, "the derivative of its own recorded forward, in float64"),
            evidence=tuple(
                f"∂L/∂{row.input}{numbers.index(row.at)}: it gave {numbers.significant(row.got, 5)}, "
                f"right is {numbers.significant(row.expected, 5)}; {row.note}"
                for row in wrong
            ),
            advice=(f"torch.autograd.gradcheck({name}.apply, …) in float64 while it is mended",),
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- the optimizer
def rows(step: Step) -> Iterator[tuple[Update, Moved]]:
    for update in step.updates:
        for group in update.groups:
            yield from ((update, row) for row in group.rows)


def optimized(subject: Subject) -> Iterator[Finding]:
    """Parameters of another model in the optimizer; gradients that were set to zero before the optimizer saw them; an
    optimizer that never steps, or two that step by one gradient."""
    recording = of(subject)
    yield from _never(recording.record.step)
    yield from _renewed(recording.record.step)
    yield from _twice(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    held = [subject.graph.nodes[node_of[row.value]] for _, row in rows(step) if row.value in node_of]
    used = subject.reached
    unused = [node for node in held if node.id not in used]
    ids = {node.id for node in held}
    free = [node for node in subject.graph.nodes
            if node.op is None and node.id in used and node.id not in ids and node.scope and node.wants_grad
            and not zero(recording.grad(node.id))]  # fmt: skip
    came = {value for backward in step.backwards for value in backward.grads}
    if held and free and (len(unused) == len(held) or all(row.value not in came for _, row in rows(step))):
        kind = step.updates[0].kind.rpartition(".")[2]
        none = "the loss depends on none of them" if len(unused) == len(held) else "no gradient comes to any of them"
        yield Finding(
            "no-update", "error", ("optimizer", *places(free)),
            f"{kind} updates {len(held)} parameters, and {none}: those of another model",
            node=free[0].name, phase="update", measured=Measured(0.0, float(len(held)), "exact; TrainCheck"),
            evidence=(f"{named(free)}: a gradient, and in no optimizer",),
            advice=(f"make the optimizer after the model, of its parameters: {kind}(model.parameters(), …)",),
            rule="another model",
        )  # fmt: skip
    elif held and len(unused) == len(held) and step.backwards and all(row.grad is None for _, row in rows(step)):
        yield Finding(
            "no-gradient", "error", ("loss", *places(held)),
            f"the loss depends on none of the {len(held)} parameters of the optimizer: none has a gradient",
            node=held[0].name, phase="backward", measured=Measured(0.0, float(len(held)), "exact"),
            evidence=(f"{named(held)}: nothing that is computed from them is compared",),
            advice=("compare what the model gives with the targets",),
        )  # fmt: skip
    yield from _cleared(subject)


def _never(step: Step) -> Iterator[Finding]:
    if step.updates or not step.about.get("held") or len(step.backwards) < NEVER:
        return
    yield Finding(
        "no-update", "error", ("optimizer",),
        f"no optimizer stepped in {len(step.backwards)} backward passes: nothing is trained", phase="backward",
        measured=Measured(float(len(step.backwards)), float(NEVER), "exact"),
        advice=("optimizer.step() after loss.backward()",),
    )  # fmt: skip


def _renewed(step: Step) -> Iterator[Finding]:
    """An optimizer that forgets, since it is made anew of the same parameters time and again."""
    times = step.about.get("renewed")
    if not isinstance(times, int) or times < AGAIN or not any(row.states_after for _, row in rows(step)):
        return
    kind = step.updates[0].kind.rpartition(".")[2]
    yield Finding(
        "optimizer", "warning", ("optimizer",),
        f"{kind} was made anew {times} times, of the same parameters: what it keeps of earlier steps is lost",
        phase="update", measured=Measured(float(times), float(AGAIN), "exact: counted where optimizers are made"),
        advice=("make the optimizer once, before the loop",),
    )  # fmt: skip


def _twice(subject: Subject) -> Iterator[Finding]:
    """Parameters that a second optimizer moves by the gradient by which a first one has moved them."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    moved: dict[int, tuple[Update, int]] = {}
    found: list[Node] = []
    for update, row in rows(step):
        first = moved.get(row.value)
        between = first is not None and any(first[0].after < b.after <= update.after for b in step.backwards)
        if first is not None and not between and first[1] in node_of and row.grad is not None:
            found.append(subject.graph.nodes[node_of[first[1]]])
        if row.after is not None and row.grad is not None and not update.skipped:
            moved[row.after] = update, row.value
    if not found:
        return
    yield Finding(
        "optimizer", "warning", ("optimizer", *places(found)),
        f"{named(found)}: moved twice by one gradient, by two optimizers{at(step.updates[-1].site)}",
        node=found[0].name, phase="update", measured=Measured(2.0, 1.0, "exact"),
        evidence=("no backward pass lies between the two steps",), advice=("each parameter in one optimizer",),
    )  # fmt: skip


def _cleared(subject: Subject) -> Iterator[Finding]:
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    lost: list[Node] = []
    count = 0
    for update, row in rows(step):
        if update.skipped or row.value not in node_of:
            continue
        count += 1
        came = [b.grads[row.value] for b in step.backwards if row.value in b.grads and b.after <= update.after]
        gone = zero(None if row.grad is None else recording.record.array(row.grad))
        if gone and any(not zero(recording.record.array(grad)) for grad in came):
            lost.append(subject.graph.nodes[node_of[row.value]])
    if not lost:
        return
    site = step.updates[0].site
    yield Finding(
        "no-update", "error" if len(lost) == count else "warning", ("optimizer", *places(lost)),
        f"{named(lost)}: a gradient came, and was gone when the optimizer stepped{at(site)}", node=lost[0].name,
        phase="update", measured=Measured(0.0, 0.0, "exact"),
        evidence=("set to zero between backward() and step(): the optimizer moved nothing by it",),
        advice=("optimizer.zero_grad() before loss.backward(), not between it and optimizer.step()",),
    )  # fmt: skip


def carried(subject: Subject) -> Iterator[Finding]:
    """Gradients from before that are added to those of the only backward pass before an update."""
    recording = of(subject)
    step, node_of = recording.record.step, recording.captured.node_of
    stale: list[Node] = []
    before, own = 0.0, 0.0
    for update, row in rows(step):
        passes = [b for b in step.backwards if row.value in b.grads and b.after <= update.after]
        if len(passes) != 1 or row.value not in node_of or row.value not in passes[0].carried:
            continue
        kept = recording.record.array(passes[0].carried[row.value])
        if kept is None:
            subject.absent.add("a gradient from before")
        elif np.any(kept):
            stale.append(subject.graph.nodes[node_of[row.value]])
            before += rms(kept) ** 2 * kept.size
            own += rms(recording.record.array(passes[0].grads[row.value])) ** 2 * kept.size
    if not stale:
        return
    ratio = float(np.sqrt(before / own)) if own else np.inf
    yield Finding(
        "stale-gradient", "warning", ("optimizer", *places(stale)),
        f"gradients of earlier steps are added to this one's: they are {numbers.significant(ratio, 3)} times as large",
        node=stale[0].name, phase="backward", measured=Measured(ratio, 0.0, "exact; TrainCheck"),
        evidence=(
            f"{named(stale)} had a gradient before the only backward pass of this update",
            "of accumulation over several backward passes all are in a captured step: here is one",
        ),
        advice=("optimizer.zero_grad() at the start of each step",),
    )  # fmt: skip


def accumulated(subject: Subject) -> Iterator[Finding]:
    """One loss that is sent back twice; losses that are means, each of its own batch, whose gradients are added up and
    divided by nothing."""
    step = of(subject).record.step
    for update in step.updates:
        values = {row.value for group in update.groups for row in group.rows}
        passes = [b for b in step.backwards if b.after <= update.after and not values.isdisjoint(b.grads)]
        makers = [step.made_by.get(value) for b in passes for value, start in b.losses if start is None]
        means = [event for event in makers if event is not None and event.kwargs.get("reduction", "mean") == "mean"
                 and event.name.startswith("torch.nn.functional.") and event.name.endswith(LOSSES)]  # fmt: skip
        losses = {value for b in passes for value, start in b.losses if start is None}
        if len(passes) > 1 and len(losses) == 1 and values.intersection(*(b.grads for b in passes)):
            yield Finding(
                "stale-gradient", "warning", ("loss", "optimizer"),
                f"{len(passes)} backward passes of one loss before one update{at(passes[-1].site)}: its gradient "
                f"counts {len(passes)}-fold",
                phase="backward", measured=Measured(float(len(passes)), 1.0, "exact"),
                advice=("one backward() for each loss",),
            )  # fmt: skip
            return
        if len(passes) < 2 or len(means) < len(passes) or len({(event.name, event.site) for event in means}) > 1:
            continue
        yield Finding(
            "reduction",
            "warning" if any(finding.rule == "rate high" for finding in subject.found) else "note",
            ("loss", "optimizer"),
            f"the gradients of {len(passes)} batches are added up, and each loss is a mean{at(means[0].site)}: the "
            f"learning rate acts {len(passes)}-fold",
            phase="update", measured=Measured(float(len(passes)), 1.0, "exact"),
            advice=(f"loss / {len(passes)} before backward()",),
        )  # fmt: skip
        return


# ------------------------------------------------------------------------------------------------------------- modes
def mode(subject: Subject) -> Iterator[Finding]:
    """A model in evaluation mode that is trained; dropout or batch norm in training mode in an evaluation."""
    recording = of(subject)
    step = recording.record.step
    asleep = [event for event in step.leading if event.phase == "forward" and _mode(event) is False]
    if step.updates and step.modules and not any(module.training for module in step.modules.values()):
        text = "the model is trained in evaluation mode: {} as if it were tested"
        advice = "model.train() before the training step, and after each evaluation"
        still = [path for path, module in step.modules.items() if "Dropout" in module.kind]
        if asleep:
            yield _of_mode(recording, asleep, text, advice)
        elif still:  # in evaluation a dropout calls nothing
            yield Finding(
                "wrong-mode", "warning", tuple(still), text.format("dropout works"),
                measured=Measured(float(len(still)), 0.0, "exact: the mode of each module"),
                evidence=tuple(f"{path}: training=False" for path in still[:4]), advice=(advice,),
            )  # fmt: skip
    # the running statistics that an evaluation changes by mistake lead to the loss, what it computes does not
    read = {value for event in step.leading if event.phase == "forward" for value in event.inputs}
    awake = [event for event in step.events
             if event.phase == "forward" and event.notes.get("no_grad") and event.outs and event.outs[0] not in read
             and _mode(event) is True]  # fmt: skip
    if awake:
        yield _of_mode(
            recording, awake, "an evaluation runs in training mode: {} as if it were trained",
            "model.eval() before the evaluation, model.train() after it",
        )  # fmt: skip


def _mode(event: Event) -> bool | None:
    """Does it run in training mode? None of what does the same in both."""
    name = event.name.rpartition(".")[2]
    if name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"):
        drops, training = _given(event, 1, "p", 0.5), _given(event, 2, "training", True)
        return bool(training) if drops else None
    return bool(_given(event, 5, "training", False)) if name == "batch_norm" else None


def _given(event: Event, position: int, name: str, default: object) -> object:
    return event.args[position] if len(event.args) > position else event.kwargs.get(name, default)


def _of_mode(recording: CapturedRecording, events: Sequence[Event], text: str, advice: str) -> Finding:
    kinds = " and ".join(dict.fromkeys(event.name.rpartition(".")[2].replace("_", " ") for event in events))
    nodes = [node for event in events for node in recording.captured.nodes_of.get(event.id, ())]
    return Finding(
        "batch-norm" if "batch norm" in kinds else "wrong-mode", "warning",
        tuple(dict.fromkeys(event.module or event.name for event in events)),
        text.format(kinds + (" works" if " and " not in kinds else " work")),
        node=recording.graph.nodes[nodes[-1]].name if nodes else "",
        measured=Measured(float(len(events)), 0.0, "exact: the argument `training` of each call"),
        evidence=tuple(f"{event.module or event.name}: training={_mode(event)}{at(event.site)}"
                       for event in events[:4]),
        advice=(advice,),
    )  # fmt: skip
