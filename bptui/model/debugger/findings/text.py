"""A diagnosis as lines of text: what `bptui diagnose` and the command `findings` print, and what its panel says."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from bptui.model.base import numbers
from bptui.model.base.prose import counted
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.findings.finding import Diagnosis, Finding, Remedy

MARKS = {"error": ("✗", "fail"), "warning": ("!", "kink"), "note": ("·", "dim")}
"""Glyph and style of each severity."""
HELPS = 0.95
"""A remedy has helped where the loss that it reached is below so much of the other."""
BETWEEN = "\x1f· "
"""Between the names of what was looked for, some of which have commas; a row does not begin with it."""
NAME, WIDTH = 8, 79
"""Columns of the names of facts, and of a long list."""


def report(diagnosis: Diagnosis) -> list[Line]:
    """All findings with their evidence and remedies, then what was looked for and not found."""
    count = len(diagnosis.findings)
    found = counted(count, "finding") if count else "nothing found"
    rows = [line((f"{diagnosis.network.name}: {found} in {training_steps(diagnosis)}", "bold"))]
    for number, finding in enumerate(diagnosis.findings, 1):
        rows += [line(""), *about(finding, diagnosis, number)]
    absent = [rule.about for rule in diagnosis.looked_for if not rule.found and not rule.skipped]
    if absent:
        rows += [line(""), *_listed("looked for, and not found: ", BETWEEN.join(absent))]
    reasons: dict[str, list[str]] = {}
    for rule in diagnosis.looked_for:
        if rule.skipped:
            reasons.setdefault(rule.skipped, []).append(rule.about)
    if reasons:
        said = (f"{BETWEEN.join(abouts)} ({why})" for why, abouts in reasons.items())
        rows += _listed("could not be looked for: ", "; ".join(said))
    return rows


def _listed(name: str, text: str) -> list[Line]:
    """A long list in rows."""
    rows = wrap(name + text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    return [line((row.replace("\x1f", " "), "dim")) for row in rows]


def about(finding: Finding, diagnosis: Diagnosis, number: int) -> list[Line]:
    """One finding, whole."""
    glyph, style = MARKS[finding.severity]
    rows = [line((glyph, style), (f" {number} {title(finding)}", "bold"), (f"  {where(finding)}", "dim"))]
    rows.append(line("    ", finding.text))
    rows += [line((f"    {name:<{NAME}}", "dim"), text) for name, text in facts(finding)]
    if finding.remedies:
        rows.append(line((f"    remedies, tried: the loss after {training_steps(diagnosis)}", "dim")))
    for n, remedy in enumerate(finding.remedies, 1):
        mark, tone = verdict(remedy)
        rows.append(line("    ", (mark, tone), (f" {n} ", "bold"), f"{remedy.text}  ", reached(remedy)))
        rows += [line(("        " + text, "dim")) for text in (*remedy.change.split("; "), remedy.note) if text]
    return rows


def training_steps(diagnosis: Diagnosis) -> str:
    """How many were looked at."""
    return counted(diagnosis.steps, "training step")


def title(finding: Finding) -> str:
    """What kind of finding it is: `dead units`."""
    return finding.type.replace("-", " ")


def where(finding: Finding) -> str:
    """`layer1.a`, where it is about an operation, else what it is about: `optimizer.learning_rate`."""
    about = ", ".join(finding.places)
    return about if about.startswith(("optimizer", "data", "loss")) or not finding.node else finding.node


def facts(finding: Finding) -> list[tuple[str, str]]:
    """(name, text) of what there is to say of it: a name once, "" for the further lines under it."""
    rows: list[tuple[str, str]] = []
    number, threshold, source = finding.measured
    if number is not None:
        limit = "" if threshold is None else f", limit {numbers.significant(threshold, 3)}"
        rows.append(("number", f"{numbers.significant(number, 4)}{limit}"))
    rows += [("" if n else "seen", text) for n, text in enumerate(finding.evidence)]
    rows += [("" if n else "so", text) for n, text in enumerate(_consequences(finding))]
    rows += [("" if n else "try", f"{text} (in the program: not tried here)") for n, text in enumerate(finding.advice)]
    rows.append(("since", finding.when or f"training step {finding.training_step}"))
    rows.append(("rule", f"{finding.rule}: {source}" if source else finding.rule))
    return rows


def _consequences(finding: Finding) -> Iterator[str]:
    """What follows from it; of an error also by what it is seen."""
    for other in finding.therefore:
        yield other.text
        if other.severity == "error":
            yield from (f"  {text}" for text in other.evidence)


def verdict(remedy: Remedy) -> tuple[str, str]:
    """Glyph and style of what trying it has shown: blank before it was tried."""
    before, after = remedy.loss_before, remedy.loss_after
    if before is None or after is None:
        return " ", "dim"
    if remedy.note:
        return "·", "dim"
    if after != after:
        return "✗", "fail"
    return ("✓", "ok") if before != before or after < before * HELPS else ("✗", "fail")


def reached(remedy: Remedy) -> Span:
    """`loss 0.2500 → 0.0047`."""
    before, after = remedy.loss_before, remedy.loss_after
    if before is None or after is None:
        return Span("not tried", "dim")
    return Span(f"loss {numbers.significant(before, 4)} → {numbers.significant(after, 4)}", "value")
