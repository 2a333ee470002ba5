"""The cause once, not its symptoms: findings in order of importance, and what follows from one folded into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bptui.model.debugger.findings.change import together
from bptui.model.debugger.findings.finding import Finding

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
    "not moved": ("optimized",),
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
