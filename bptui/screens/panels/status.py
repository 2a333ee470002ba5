"""Row 0: what is debugged, where we are, the loss, and how many checks agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.numbers import concealed, field
from bptui.model.base.spans import COLOURS, Line, Span
from bptui.screens.render import clip, fit, length, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph, Node


class Counts(NamedTuple):
    """Checks: how many agree, and do not. Of a captured step, whose comparisons have more ways to end: how many agree
    but for rounding, and cannot be made; None elsewhere."""

    good: int
    failed: int
    rounding: int | None = None
    opaque: int | None = None


NAMED = 24, 38
"""Cells of phase, count and name of a captured step's operation that are kept free, on narrow and on wide screens."""
LEAST = 8
"""Cells that are left of the name of a captured step's operation, however long it is: panel 1 shows which it is."""
DIGITS = 3
"""Of a count of checks: so many have their room from the start; of a thousand and more the thousands are said."""


def row(session: Session | None, width: int, checks: Counts | None = None, name: str = "", ahead: bool = True) -> Line:
    """Where there is no room for all, parts are left out: first the name of the network, then `bptui`, then the checks;
    never the Moment.

    checks  how many agree, how many do not; None before any was made. NaN and inf that arise count as failed, except in
            a captured step; of such a step also how many agree but for rounding and how many cannot be made, if there
            is room
    name    what is shown while there is no session yet
    ahead   show the loss before its Moment has come; not in a lesson, which asks for it
    """
    wide, middle = width >= 116, width >= 76
    gap = "   " if wide else "  "
    captured = session is not None and session.network.modules is not None and not session.branch.number
    target = name if session is None or (name and not captured) else session.network.name  # without folders
    head = [Span(" bptui", "text bold"), Span(gap[:2], "dim"), Span(target, "dim")]
    if session is None:
        return fit(head, width, "text")
    moment, timeline = session.cursor, session.timeline
    step = "training step " if wide else "step " if middle else ""
    which = (step, str(moment.step), gap if middle else " ") if not captured else ("", "", "")  # there is no other
    node = timeline.node(moment)
    where = [
        Span(which[0], "dim"),
        Span(which[1], "text bold" if middle else "dim"),
        Span(which[2], "dim"),
        Span(f"{moment.phase} {moment.index + 1}", f"{COLOURS[moment.phase]} bold"),
        Span(f"/{timeline.count(moment.phase)}", "dim"),
        Span(gap if middle else " ", "dim"),
        Span(node.label if captured and not wide else node.name, "text bold"),  # panel 1 says in which module it is
    ]
    loss = session.state.shown_loss
    text = field(loss, 10, 6) if wide else field(loss)
    if not ahead and session.state.value(session.graph.loss) is None:
        loss, text = 0.0, "·"
    right = [Span("loss ", "dim"), Span(text.strip(), _weight(loss))]
    found = len(session.nonfinite.known)
    diagnosis = session.branch.diagnosis
    warned = 0 if diagnosis is None else sum(each.severity != "note" for each in diagnosis.findings)
    if warned:
        right += [Span("   " if wide else " ", "dim"), Span(f"!{warned}", "kink bold")]
    if captured:
        right += _compared(checks, wide, middle)
    else:
        right += _checks(checks and checks.good, (checks.failed if checks else 0) + found, wide)
    right.append(Span(" ", "dim"))
    apart = Span("   " if middle else "  ", "dim")
    leads: list[Line] = [(*head, apart), (Span(" "), head[-1], apart)] if middle else [(head[0], apart)]
    longest = session.graph.once(_longest, tuple(timeline.count(phase) for phase in COLOURS))
    if captured:  # some are long, and cut: the name of the file is worth more
        longest = min(longest, NAMED[wide])
    number = session.branch.number
    chip = (Span(f" branch {number} ", "chip-update"), Span(gap if middle else " ", "dim")) if number else ()
    room = width - 1 - length(chip) - length(right) - length(where[:3]) - length(where[5:6]) - longest
    lead = next((each for each in leads if length(each) <= room), (Span(" "),))  # the same at every Moment
    if captured:
        left = width - 1 - length((*lead, *where[:-1], *right))
        where[-1] = Span(_cut(where[-1].text, max(left, LEAST)), "text bold")
    return _fitted(lead, chip, where, right, width)


def _cut(name: str, room: int) -> str:
    """A name in so many cells: without the first of its scopes, then without its end."""
    scopes = name.split(".")
    forms = (name, *(f"….{'.'.join(scopes[n:])}" for n in range(1, len(scopes))))
    return next((form for form in forms if len(form) <= room), f"{scopes[-1][: room - 1]}…")


def of_board(left: Line, right: Line, width: int) -> Line:
    """Row 0 over a board: what it says of itself, and at the right end. `left` begins with what opened it, which goes
    first where there is no room, then the program's name."""
    room = width - length(right) - 1
    apart = 2 if right else 0
    own: Line = (Span(" "), Span(left[1].text.lstrip(), left[1].style), *left[2:]) if len(left) > 1 else left
    name: Line = (Span(" bptui", "text bold"), Span("  "))
    heads: tuple[Line, ...] = ((*name, *left), (name[0], Span(" "), *own), own)
    head = next((each for each in heads if length(each) + apart <= room), own)
    row = (*fit(clip(head, room - apart), room), *right, Span(" ")) if room > 8 else fit(heads[0], width)
    return under(row, "on-band")


def _weight(loss: float) -> str:
    """The style of the loss."""
    if concealed(loss):
        return "text bold reverse"
    return "text bold" if isfinite(loss) else "fail reverse"


def _longest(graph: Graph, counts: Sequence[int]) -> int:
    """Cells of the longest phase with its count and the name of a node, the first of many scopes left out."""
    ops, params = (_longest_of(nodes) for nodes in (graph.ops, graph.params))
    phases = zip(COLOURS, counts, (ops, ops, params), strict=True)
    return max(len(f"{phase} {n}/{n}") + most for phase, n, most in phases if n)


def _longest_of(nodes: Sequence[Node]) -> int:
    most = 0
    for node in nodes:
        if len(node.name) > most:  # the short form is no longer
            most = max(most, _short(node.name))
    return most


def _short(name: str) -> int:
    scopes = name.split(".") if name.count(".") > 1 else ()
    return len(".".join(["…", *scopes[-2:]]) if scopes else name)


def _fitted(lead: Line, chip: Line, where: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """As much as there is room for. `lead`: names; `chip`: the branch; `where`: the training step, the phase and its
    count, each after a gap; the node."""
    scopes = where[-1].text.split(".")
    lead, least = (*lead, *chip), (Span(" "), *chip)
    forms = range(max(1, len(scopes) - 1))
    for start, n in product((lead, least), forms):  # the loss is worth more than the first of many scopes
        name = Span("….".join(["", ".".join(scopes[n:])]) if n else where[-1].text, "text bold")
        left = (*start, *where[:-1], name)
        if length(left) + length(right) + 1 <= width:
            return (*fit(left, width - length(right), "dim"), *right)
    for left in ((*lead, *where), (*least, *where)):
        for tail in (right, right[:2], []):
            if length(left) + length(tail) + 1 <= width:
                return (*fit(left, width - length(tail), "dim"), *tail)
    short = (Span(f"{where[1].text} "), *where[3:5], Span(" "), where[-1])
    return fit((*chip, *short) if length(chip) + length(short) <= width else short, width)


def _checks(good: int | None, bad: int, wide: bool) -> list[Span]:
    """How many agree (None: none was made yet) and how many do not, in the same room whatever they are: nothing beside
    them shifts, nor do their marks."""
    blank, before, after = (" ", "   ", " ") if wide else ("", " ", "")
    room = len(f"{before}✓{blank}{after}{after}✗{blank}{after} ") + 2 * DIGITS
    if good is None and not bad:
        return [Span(" " * room, "dim")]
    agree, differ = _count(good or 0), f"{after}✗{blank}{_count(bad)}{after}"
    out = [
        Span(before, "dim"),
        Span("✓", "ok"),
        Span(f"{blank}{agree}", "text"),
        Span(" " * (DIGITS - len(agree) + 1) + after, "dim"),
        Span(differ, "fail reverse bold" if bad else "dim"),
    ]
    return [*out, Span(" " * (room - length(out)), "dim")]


def _compared(checks: Counts | None, wide: bool, middle: bool) -> list[Span]:
    """`✓ 1,266   ≈ 1   ✗ 4   opaque 2` of a captured step; with less room without the last, then without what is but
    rounding. In the same room whatever they are."""
    blank, before, digits = (" ", "   ", 6) if wide else ("", " ", 5)
    counts = checks or Counts(0, 0, 0, 0)
    parts = [("✓", counts.good, "ok", "text", digits)]
    if middle:
        parts.append(("≈", counts.rounding or 0, "kink", "text", 2))
    parts.append(("✗", counts.failed, "dim", "dim", 2))
    if wide:
        parts.append(("opaque", counts.opaque or 0, "dim", "text", 2))
    out: list[Span] = []
    for mark, number, style, digit, room in parts:
        told = f"{number:,}" if len(f"{number:,}") <= room else f"{number // 1000}k"
        if mark == "✗" and number:
            text = f" {mark}{blank}{told} " if wide else f"{mark}{told}"
            out += [Span(before[: 2 if wide else 1]), Span(text, "fail reverse bold")]
            out.append(Span(" " * (len(before + mark + blank) + room - len(text) - (2 if wide else 1)), "dim"))
        else:
            out += [Span(before, "dim"), Span(mark, style), Span(f"{blank}{told}", digit)]
            out.append(Span(" " * (room - len(told)), "dim"))
    return out if checks is not None else [Span(" " * length(out), "dim")]


def _count(number: int) -> str:
    """The number in `DIGITS` cells, up to 99,999."""
    return str(number) if number < 10**DIGITS else f"{number // 1000}k"
