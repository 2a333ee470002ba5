"""A diagnosis as lines of text: what was found, most important first, what was tried, and what was not found."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from bptui.model.base import numbers
from bptui.model.base.spans import Line, line
from bptui.model.debugger.findings.finding import Diagnosis, Finding, Remedy, Severity

MARKS: dict[Severity, tuple[str, str]] = {"error": ("✗", "fail"), "warning": ("!", "kink"), "note": ("·", "dim")}
INDENT = "    "


def report(name: str, diagnosis: Diagnosis) -> list[Line]:
    """All of a diagnosis."""
    first, last = (numbers.significant(loss, 4) for loss in (diagnosis.losses[0], diagnosis.losses[-1]))
    steps = f"{diagnosis.steps} training step" + ("s" if diagnosis.steps != 1 else "")
    rows = [line((name, "bold"), f"  {steps}  loss {first} → {last}"), line("")]
    for finding in diagnosis.findings:
        rows += [*told(finding), line("")]
    if not diagnosis.findings:
        rows += [line(("nothing found", "ok")), line("")]
    clear = [each.about for each in diagnosis.looked_for if not each.found and not each.skipped]
    rows += _wrapped("looked for, and not found: ", clear)
    skipped = [f"{each.about} ({each.skipped})" for each in diagnosis.looked_for if each.skipped]
    rows += _wrapped("not looked at: ", skipped)
    return rows


def told(finding: Finding) -> Iterator[Line]:
    """One finding: what and where, by which number, what follows, what was tried."""
    mark = MARKS[finding.severity]
    yield line(mark, " ", (finding.type, "bold"), f"  {', '.join(finding.places)}")
    yield line(INDENT, finding.text)
    if finding.number is not None:
        limit = "" if finding.threshold is None else f", limit {numbers.significant(finding.threshold, 3)}"
        yield line(INDENT, (f"{numbers.significant(finding.number, 4)}{limit} ({finding.source})", "dim"))
    if finding.training_step or finding.phase != "forward":
        yield line(INDENT, (f"training step {finding.training_step}, {finding.phase} {finding.node}".rstrip(), "dim"))
    for row in finding.evidence:
        yield line(INDENT, (row, "dim"))
    for other in _below(finding):
        yield line(INDENT, ("therefore ", "dim"), (other.type, "bold"), f"  {other.text}")
    for number, remedy in enumerate(finding.remedies, 1):
        yield tried(number, remedy)
        if remedy.note:
            yield line(INDENT * 2, (remedy.note, "dim"))


def _below(finding: Finding) -> Iterator[Finding]:
    for other in finding.therefore:
        yield other
        yield from _below(other)


def tried(number: int, remedy: Remedy) -> Line:
    """`✓ 1  0.6667 → 0.2342  a sigmoid  set layer3.activation = "sigmoid"`."""
    if remedy.loss_before is None or remedy.loss_after is None:
        return line(INDENT, ("· ", "dim"), (f"{number}  ", "bold"), remedy.text, (f"  {remedy.change}", "dim"))
    mark = ("✓ ", "ok") if better(remedy) else ("✗ ", "fail")
    losses = f"{numbers.significant(remedy.loss_before, 4)} → {numbers.significant(remedy.loss_after, 4)}"
    what = (f"  {remedy.text}", (f"  {remedy.change}", "dim"))
    return line(INDENT, mark, (f"{number}  ", "bold"), (losses, "value"), *what)


LESS = 0.9
"""A remedy helps where the loss with it is at most so much of the loss without."""


def better(remedy: Remedy) -> bool:
    """Did it help? Where the losses cannot be compared, that it was learnt at all has to do."""
    before, after = remedy.loss_before, remedy.loss_after
    if before is None or after is None or not isfinite(after):
        return False
    return not isfinite(before) or after < LESS * before


def _wrapped(head: str, words: list[str], width: int = 100) -> list[Line]:
    """Words after a head, in lines of at most `width` columns."""
    if not words:
        return []
    rows, row = [], head
    for at, word in enumerate(words):
        piece = word + (", " if at + 1 < len(words) else "")
        if len(row) + len(piece) > width and row.strip():
            rows.append(row.rstrip())
            row = " " * len(INDENT)
        row += piece
    return [line((text, "dim")) for text in (*rows, row)]
