"""Panel 6, Findings: what is wrong with this training, the number and the rule that say so, and what helps, tried.

At the left the list, most important first, and dim what was looked for and not found; under it the tensor. At the right
the chosen finding and its remedies, each with the loss that it reached on the same seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.spans import CHIPS, Line, Span, plain
from bptui.model.debugger.findings import text
from bptui.model.debugger.findings.finding import Diagnosis, Finding, LookedFor, Remedy
from bptui.screens.layout import title_rule
from bptui.screens.panels import standing, tensor
from bptui.screens.panels.heat import flow
from bptui.screens.panels.text import wrap
from bptui.screens.render import beside, between, boxed, clip, fit, length, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

LEFT = 41
"""Cells of the list where the chosen finding stands beside it."""
BESIDE = 76
"""Cells from which on there is room for both."""
FACT, DIGITS = 8, 3
"""Cells of the name of a fact, and significant digits of a loss."""
TENSOR = 7
"""The fewest rows of the tensor under the list."""


def title(scene: Scene) -> tuple[Line, Line]:
    """Which finding of how many."""
    diagnosis = scene.session.branch.diagnosis
    if diagnosis is None or not diagnosis.findings:
        return (), ()
    at = _chosen(scene.session, diagnosis)
    return (), (Span(str(at + 1), "text bold"), Span(f" of {len(diagnosis.findings)}", "dim"))


def divider(scene: Scene) -> int | None:
    """Between list and finding."""
    return LEFT if scene.session.branch.diagnosis is not None and scene.width >= BESIDE else None


def move(scene: Scene, down: int, right: int) -> str:
    """Choose another finding."""
    session, diagnosis = scene.session, scene.session.branch.diagnosis
    if diagnosis is None:
        return "nothing was looked for yet: enter does"
    if right:
        return "up and down choose a finding"
    at = _chosen(session, diagnosis)
    to = max(0, min(len(diagnosis.findings) - 1, at + down))
    if to == at:
        return "the end"
    session.view.finding = to
    return ""


def enter(scene: Scene) -> str:
    """Look for findings; then go where the chosen one is to be seen."""
    session = scene.session
    if session.branch.diagnosis is None:
        return "findings"
    finding = session.chosen_finding
    if finding is None:
        return ""
    stop = finding.training_step * session.walk.length + session.branch.place_of(finding)
    return f"goto {stop + 1}" if stop != session.stop else f"focus {standing('main').number}"


def digit(session: Session, number: int) -> str:
    """A digit opens the branch of a remedy."""
    finding = session.chosen_finding
    return f"remedy {number}" if finding is not None and number <= len(finding.remedies) else ""


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """What is special here."""
    finding = session.chosen_finding
    if finding is None:
        return (("enter", "look for them"),) if session.branch.diagnosis is None else ()
    count = len(finding.remedies)
    open_ = (("1" if count == 1 else f"1-{count}", "open a try"),) if count else ()
    return (("x/X", "finding"), ("enter", "there"), *open_)


def lines(scene: Scene) -> list[Line]:
    """List and chosen finding, beside one another where there is room, else one over the other."""
    session, width, height, look = scene.session, scene.width, scene.height, scene.options
    diagnosis = session.branch.diagnosis
    if diagnosis is None:
        rows = _before(width)
    elif width < BESIDE:
        listed = _list(session, diagnosis, width)
        chosen = session.chosen_finding
        rows = [*listed, (), *(_finding(chosen, diagnosis, width, height - len(listed) - 1) if chosen else ())]
        rows += [(), *_absent(diagnosis, width, height - len(rows) - 1)]
    else:
        rows = _beside(scene, diagnosis)
    if len(rows) > height and not rows[0]:
        rows = rows[1:]
    return boxed(rows, width, height, look)


def _before(width: int) -> list[Line]:
    what = " looks for what is wrong with this training: NaN, dead units, vanishing gradients, a rate too high or too"
    rest = " low, outputs that do not suit the loss …, and tries what helps"
    return [(), *((Span(" "), *row) for row in wrap((Span("enter", "text bold"), Span(what + rest, "dim")), width - 2))]


def _chosen(session: Session, diagnosis: Diagnosis) -> int:
    return min(session.view.finding, len(diagnosis.findings) - 1)


def _beside(scene: Scene, diagnosis: Diagnosis) -> list[Line]:
    """Both columns."""
    session, width, height = scene.session, scene.width, scene.height
    left = [(), *_list(session, diagnosis, LEFT), ()]
    left += _absent(diagnosis, LEFT, height - len(left) - TENSOR - 2)
    room = height - len(left) - 2
    if room >= TENSOR:
        under_it, below = standing("under"), scene._replace(width=LEFT, height=room)
        said, right = tensor.title(below)
        name = f"{under_it.number} {under_it.name}  {plain(said)}"
        left += [(), title_rule(name, plain(right), LEFT, heavy=False), *tensor.lines(below)]
    chosen = session.chosen_finding
    rest = width - LEFT - 2
    told = _finding(chosen, diagnosis, rest, height - 1) if chosen else _nothing(diagnosis, rest)
    return beside(left, [(), *((Span(" "), *fit(row, rest)) for row in told)], LEFT, height)


def _list(session: Session, diagnosis: Diagnosis, width: int) -> list[Line]:
    """A row for each finding: its mark, its rule, where."""
    here = _chosen(session, diagnosis)
    rows: list[Line] = []
    for n, finding in enumerate(diagnosis.findings):
        glyph, style = text.MARKS[finding.severity]
        chip = Span(f" {CHIPS[finding.phase]} ", f"chip-{finding.phase}") if n == here else Span("   ")
        name = Span(f" {text.title(finding)}", "text bold" if n == here else "text")
        place = Span(f" {text.where(finding)}", "dim")
        row = between((chip, Span(glyph, style), name), (place, Span(" ")), width)
        rows.append(under(row, "on-cursor") if n == here else row)
    return rows or [(Span(" "), Span("✓", "ok"), Span(" nothing found", "text bold"))]


def _absent(diagnosis: Diagnosis, width: int, height: int) -> list[Line]:
    """What was looked for and not found, one after the other; of more than `height` rows how many more."""
    absent = [rule for rule in diagnosis.looked_for if not rule.found]
    if not absent or height < 2:
        return []
    for count in range(len(absent), -1, -1):
        parts: list[Line] = [
            (Span("·" if rule.skipped else "✓", "dim" if rule.skipped else "ok"), Span(f" {_rule_text(rule)}", "dim"))
            for rule in absent[:count]
        ]
        if count < len(absent):
            parts.append((Span(f"and {len(absent) - count} more", "dim"),))
        rows = flow(parts, width - 2, 2)
        if len(rows) < height:
            break
    return [(Span(" "), Span("looked for, and not found", "dim")), *((Span(" "), *row) for row in rows)]


def _rule_text(rule: LookedFor) -> str:
    return f"{rule.about} ({rule.skipped})" if rule.skipped else rule.about


def _nothing(diagnosis: Diagnosis, width: int) -> list[Line]:
    return wrap((Span(f"Nothing was found in {text.training_steps(diagnosis)}.", "text"),), width)


def _finding(finding: Finding, diagnosis: Diagnosis, width: int, height: int) -> list[Line]:
    """The chosen finding: what, by which number, what follows, since when, by which rule; the remedies."""
    remedies = _remedies(finding, diagnosis, width)
    rows = [*wrap((Span(finding.text, "text bold"),), width - 1), ()]
    for name, said in text.facts(finding):
        for n, row in enumerate(wrap((Span(said, "text"),), width - FACT - 1)):
            rows.append((Span(f"{'' if n else name:<{FACT}}", "dim"), *row))
    room = height - len(remedies) - (1 if remedies else 0)
    if len(rows) > max(3, room):
        more = f"findings {diagnosis.findings.index(finding) + 1}"
        rows = [
            *rows[: max(2, room - 1)],
            (Span("… :", "dim"), Span(more, "text bold"), Span(" says all of it", "dim")),
        ]
    return [*rows, (), *remedies] if remedies else rows


def _remedies(finding: Finding, diagnosis: Diagnosis, width: int) -> list[Line]:
    """What would help, each with the loss that it reached in the same number of training steps."""
    if not finding.remedies:
        return []
    before = next((each.loss_before for each in finding.remedies if each.loss_before is not None), None)
    rows = [title_rule("remedies, tried", f"loss after {diagnosis.steps:,}", width - 1, heavy=False)]
    rows += [_remedy(n, each, width) for n, each in enumerate(finding.remedies, 1)]
    if before is not None:
        right = Span(f"{numbers.significant(before, DIGITS)} ", "value")
        rows.append(between((Span("    as it is", "dim"),), (right,), width))
    return rows


def _remedy(number: int, remedy: Remedy, width: int) -> Line:
    """`✓ 1 tanh has no dead side   0.0047`."""
    mark, style = text.verdict(remedy)
    after = Span("not tried" if remedy.note else "is tried", "dim")
    if remedy.loss_after is not None:
        after = Span(numbers.significant(remedy.loss_after, DIGITS), "value")
    said = clip((Span(remedy.text, "text"),), width - length((after,)) - 7)
    return between((Span(mark, style), Span(f" {number} ", "text bold"), *said), (after, Span(" ")), width)
