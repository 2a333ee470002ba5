"""A diagnosis: every rule is asked, what they found is ranked (the cause once, with its symptoms folded into it), and
each remedy can be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bptui.model.base.printable import one_line
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.change import together
from bptui.model.debugger.findings.finding import Diagnosis, Finding, LookedFor
from bptui.model.debugger.findings.rules import RULES, Rule
from bptui.model.debugger.findings.subject import Subject
from bptui.model.debugger.findings.trial import tried
from bptui.model.debugger.progress import Progress
from bptui.model.engine.recording import NotRecorded
from bptui.model.source.network import Network

SPOILS = (
    "pairing", "axes", "batch norm", "scale", "target scale", "initial values", "optimizer", "reduction", "rate high",
    "no activation",
)  # fmt: skip
"""What makes numbers grow beyond the largest."""

CAUSES: Mapping[str, tuple[str, ...]] = {
    "reach": ("pairing",),
    "target scale": ("reach",),
    "numeric before": SPOILS,
    "numeric": ("numeric before", *SPOILS),
    "numeric given": ("numeric before",),
    "batch norm": ("mode",),
    "no update": ("numeric before", "numeric", "numeric given"),
    "saturated units": ("equal weights", "batch norm", "scale", "initial values", "embedding", "biases"),
    "dead units": (
        "equal weights", "batch norm", "scale", "target scale", "initial values", "optimizer", "reduction", "rate high",
        "weight decay", "biases",
    ),
    "optimized": ("cut off",),
    "cut off": ("another model",),
    "not moved": ("another model", "optimized"),
    "weight decay": ("numeric before", "numeric", "numeric given"),
    "biases": ("constant column",),
    "signal": (
        "equal weights", "batch norm", "scale", "initial values", "saturated units", "dead units", "reduction",
        "cut off", "constant column",
    ),
    "no gradient": (
        "pairing", "axes", "equal weights", "numeric", "numeric given", "scale", "initial values", "saturated units",
        "dead units", "cut off", "constant column",
    ),
    "rate high": ("batch norm", "scale", "target scale", "initial values", "optimizer", "reduction", "accumulated"),
    "first loss": ("pairing", "axes", "reach", "batch norm", "scale", "target scale", "initial values"),
}  # fmt: skip
"""What follows from what, by rule: of the causes that were found the first is the one that is told."""

LATE = ("rate high", "weight decay", "no activation")
"""Causes of which only what came later can be a consequence."""


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings as the rules found them, most important first: errors and warnings before notes, what follows from
    another one under it: it is as grave as that. One that has no remedy of its own has those of what follows from it;
    the first has one more where there are several: all of them at once."""
    told = [finding for finding in findings if finding.severity != "note"]
    notes = [finding for finding in findings if finding.severity == "note"]
    above = {id(finding): cause(finding, told) for finding in told}

    def folded(finding: Finding) -> Finding:
        under = tuple(folded(other) for other in told if above[id(other)] is finding)
        remedies = next((each.remedies for each in (finding, *under) if each.remedies or each.advice), ())
        severity = "error" if any(each.severity == "error" for each in under) else finding.severity
        return replace(finding, severity=severity, therefore=under, remedies=remedies) if under else finding

    roots = [folded(finding) for finding in told if above[id(finding)] is None]
    both = together([finding.remedies[0] for finding in roots if finding.remedies])
    if both is not None:
        roots[0] = replace(roots[0], remedies=(*roots[0].remedies, both))
    return (*roots, *notes)


def cause(finding: Finding, others: Sequence[Finding]) -> Finding | None:
    """The finding that explains another, None where none does. What was before an overshoot does not follow from it."""
    for rule in CAUSES.get(finding.rule, ()):
        for other in others:
            late = rule not in LATE or finding.training_step > other.training_step
            if other.rule == rule and late and other is not finding:
                return other
    return None


MOST_STEPS = 200
"""Training steps that are looked at where nobody says how many."""


def diagnose(source: Network | Branch, steps: int | None = None, progress: Progress | None = None) -> Diagnosis:
    """What is wrong with the training of a network, or of a branch of a session, in its first `steps` training steps
    (default: as many as are planned, at most MOST_STEPS). Remedies are proposed, not run: `trials` does that.

    Raises Cancelled where `progress` ends it. Not beside anything else that uses the branch's history.
    """
    branch = source if isinstance(source, Branch) else Branch(source)
    asked = min(branch.planned, MOST_STEPS) if steps is None else steps
    last = branch.walk.last
    subject = Subject(branch, asked if last is None else min(asked, last + 1), progress)
    looked: list[LookedFor] = []
    asked_rules = [rule for rule in RULES if rule.asked(subject)]
    for count, rule in enumerate(asked_rules):
        subject.progress.report(count / len(asked_rules), f"looking for: {rule.about}")
        findings, skipped = asked_of(rule, subject)
        if subject.captured is not None:
            findings = [advised(finding, subject) for finding in findings]
        subject.found += findings
        looked.append(LookedFor(rule.name, rule.about, bool(findings), skipped))
    losses = tuple(float(loss) for loss in subject.losses)
    return Diagnosis(branch.network, subject.steps, losses, ranked(subject.found), tuple(looked))


def advised(finding: Finding, subject: Subject) -> Finding:
    """A finding of a captured step: what would have to be changed in its program cannot be tried here, and is said."""
    untried = [remedy.text for remedy in finding.remedies if not remedy.tried]
    kept = tuple(remedy for remedy in finding.remedies if remedy.tried)
    advice = tuple(dict.fromkeys((*finding.advice, *untried)))
    line = called(subject, finding.node)
    return replace(
        finding,
        advice=advice,
        remedies=kept,
        when=subject.when(finding.training_step),
        evidence=(*((line,) if line else ()), *finding.evidence),
    )


def called(subject: Subject, name: str) -> str:
    """The line of the program that called an operation, with its text; "" where it is not known."""
    assert subject.captured is not None
    node = next((node for node in subject.graph.ops if node.name == name), None)
    event = None if node is None else subject.captured.captured.event_of.get(node.id)
    if event is None or event.site is None:
        return ""
    text = subject.captured.record.step.sources.get(event.site.file, {}).get(event.site.line, "")
    return f"{event.site.file}:{event.site.line}  {one_line(text.strip(), 80)}"


def asked_of(rule: Rule, subject: Subject) -> tuple[list[Finding], str]:
    """(what a rule finds, why it could not look or looked in part, "" where it did)."""
    if skipped := rule.skipped(subject):
        return [], skipped
    subject.absent.clear()
    try:
        with np.errstate(all="ignore"):
            found = list(rule.find(subject))
    except NotRecorded as lacking:
        return [], str(lacking)
    absent = sorted(subject.absent)
    findings = [finding if finding.rule else replace(finding, rule=rule.name) for finding in found]
    return findings, "" if findings or not absent else f"{absent[0]} was not recorded"


def trials(diagnosis: Diagnosis, progress: Progress | None = None) -> Iterator[Diagnosis]:
    """Runs the remedies that were not run yet, one by one, those of the most important finding first, and gives the
    diagnosis anew after each of them. Raises Cancelled where `progress` ends it."""
    progress = progress or Progress()
    wanted = [
        (i, j)
        for i, finding in enumerate(diagnosis.findings)
        for j, remedy in enumerate(finding.remedies)
        if not remedy.tried
    ]
    for count, (i, j) in enumerate(wanted):
        progress.begin, progress.width = count / len(wanted), 1 / len(wanted)
        finding = diagnosis.findings[i]
        changed = finding.with_remedy(j, tried(finding.remedies[j], diagnosis, progress))
        diagnosis = replace(diagnosis, findings=(*diagnosis.findings[:i], changed, *diagnosis.findings[i + 1 :]))
        yield diagnosis
    progress.begin, progress.width = 0.0, 1.0
