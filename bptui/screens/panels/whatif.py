"""The What if panel, in the place of the Operation panel: what the last edit of the branch promised of the loss, what
it did, and what differs; where there is room, the largest differences and both losses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.answers import whatif
from bptui.model.debugger.difference import LISTED, Comparison, Differing
from bptui.model.debugger.hidden import covers
from bptui.model.debugger.promise import Promise
from bptui.screens import plot
from bptui.screens.card.band import OPERATORS, WIDE, Columns, banded
from bptui.screens.keys import keys_named
from bptui.screens.layout import title_rule
from bptui.screens.panels import move_element
from bptui.screens.panels.figures import kind_of, shown, symbol_of
from bptui.screens.panels.text import wrap
from bptui.screens.render import between, clip, crop, fit, length, trimmed

if TYPE_CHECKING:
    from bptui.model.debugger.edit import Edit
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

KEYS = ("nudge", "set", "undo", "diff")
"""The commands whose keys stand first in the footer."""
LARGE, CURVE, TALL = 20, 7, 26
"""Rows from which on a wide panel scrolls its list alone; rows of the curves of both losses, with their rule; rows of
the panel from which on they are there."""
LABEL = 11
FIELD = 10


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """The keys of this panel."""
    return tuple(keys_named(word) for word in KEYS)


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: of which branch."""
    session = scene.session
    number, last = session.branch.number, len(session.branches) - 1
    if not number:
        return (), ()
    if scene.width < WIDE:
        return (), (Span("of ", "dim"), Span(f"branch {number}", "parameter bold"))
    return (), (Span("branch ", "dim"), Span(f"{number}", "parameter bold"), Span(f" of {last}", "dim"))


def move(scene: Scene, down: int, right: int) -> str:
    """Up and down scroll, left and right select another element."""
    answer = scene.session.view.answer
    if right or answer is None or scene.session.branch.parent is None:
        return move_element(scene, down, right)
    before, answer.row = answer.row, max(0, min(answer.row + down, _most(scene)))
    return "" if answer.row != before else "the end"


def enter(scene: Scene) -> str:
    """All that differs, as text."""
    return "diff"


def lines(scene: Scene) -> list[Line]:
    """The promise and what came of it, what differs; at the bottom the losses."""
    session, width, height = scene.session, scene.width, scene.height
    if session.branch.parent is None:
        nudge, edit = (keys_named(word)[0] for word in ("nudge", "set"))
        said = (Span(f" nothing has been changed: {nudge} nudges the selected number, {edit} edits it", "dim"),)
        return list(wrap(said, width, 1))[:height]
    made = Parts.of(scene)
    answer = session.view.answer
    top = min(answer.row if answer is not None else 0, made.most(height))
    if not made.large:
        every = (*made.start, *made.head, *made.rows)
        seen = [clip(row, width) for row in every[top : top + height]]
        if len(every) > top + height:
            free = [n for n, row in enumerate(seen) if length(trimmed(row)) <= width - 2]
            for n in free[-1:]:  # in a row that has room: no number is cut for it
                seen[n] = (*fit(crop(seen[n], 0, width - 2), width - 1), Span("↓", "dim"))
        return seen
    room = height - made.fixed
    shown_rows = [*made.rows[top : top + room], *[()] * max(0, room - len(made.rows))]
    return [clip(row, width) for row in (*made.start, *made.head, *shown_rows, *made.end)[:height]]


def _most(scene: Scene) -> int:
    """How far it can be scrolled."""
    return Parts.of(scene).most(scene.height)


class Parts(NamedTuple):
    """What the panel is made of: the promise and what came of it, the head of the list of differences, its rows, what
    stands below. large: the list alone is scrolled, the rest stays where it is."""

    start: list[Line]
    head: list[Line]
    rows: list[Line]
    end: list[Line]
    large: bool

    @property
    def fixed(self) -> int:
        """Rows that are not scrolled, where the panel is large."""
        return len(self.start) + len(self.head) + len(self.end)

    def most(self, height: int) -> int:
        """Up to which row it can be scrolled."""
        if self.large:
            return max(0, len(self.rows) - max(1, height - self.fixed))
        return max(0, len(self.start) + len(self.head) + len(self.rows) - height)

    @classmethod
    def of(cls, scene: Scene) -> Parts:
        """For a panel of that size."""
        session, width, height = scene.session, scene.width, scene.height
        branch = session.branch
        edit, made = branch.edits[-1], whatif.promise(session)
        large = width >= WIDE and height >= LARGE
        gap: list[Line] = [()] if height >= 16 else []
        start: list[Line] = [*(gap if large else []), *_head(session, edit, width), *gap]
        if made is None:
            start += [*wrap((Span(f" promised  {whatif.nothing(edit, branch.parent)}", "dim"),), width, 1), *gap]
        else:
            start += [*_band(session, made, edit, width, bool(gap)), *gap, *_verdict(made, edit, width, gap)]
        comparison = session.compare(branch, session.base)
        found = whatif.differs(session, comparison, LISTED)
        if found is None:
            missing = (Span(f" {whatif.name_of(session.base)} has no training step {session.cursor.step}", "dim"),)
            return cls([*start, missing], [], [], [], False)
        first = _first(session, comparison, width)
        head, rows = _list(comparison, found, width)
        if large:
            return cls(start, head, rows, [*first, *(_losses(scene) if height >= TALL else [])], True)
        count = (Span(f"{found.count:,}", "text bold"), Span(f" of {found.total:,} numbers so far", "dim"))
        start += [_losses_now(session, comparison, width), (Span(" differ".ljust(LABEL), "dim"), *count), *first]
        return cls([*start, *gap, _keys(session)], [*gap, *head] if rows else [], rows, [], False)


def _head(session: Session, edit: Edit, width: int) -> list[Line]:
    """`layer2.weight[0,0]   0.5 → 0.6`, and from when it holds."""
    name, _, now = edit.shown.removeprefix("set ").partition(" = ")
    name = {"lr": "learning rate", "learning_rate": "learning rate"}.get(name, name)
    start: Line = (Span(" "), Span(name, "parameter bold"))
    change: Line = (Span(f"   {edit.was} → ", "parameter"), Span(now, "parameter bold"))
    node = session.graph.by_name.get(edit.name)
    if not edit.was or (node is not None and covers(session.hidden, node, "value", edit.at or None)):
        change = (Span(" = ", "text"), Span(now, "parameter bold"))
    row = (*start, *change)
    if length(row) + len(edit.since) + 3 <= width:
        return [(*row, Span(f"   {edit.since}", "dim"))]
    return [*wrap(row, width, 3), *(wrap((Span(f" {edit.since}", "dim"),), width, 1) if width >= WIDE else [])]


def _band(session: Session, made: Promise, edit: Edit, width: int, padded: bool) -> list[Line]:
    """gradient × nudge = promised, and below what really happened, on the band of an equation."""
    wide = width >= WIDE
    margin = 2 if wide else 0
    inner = width - 2 * margin
    texts, columns = whatif.Texts.of(made), Columns(inner, round(0.35 * min(inner, 92)))
    promised: Line = (shown(texts.promised, made.promised, "gradient bold"),)
    really: Line = (shown(texts.really, made.really, "value bold"),)
    factors = _factors(session, made, edit)
    if made.factors is not None and texts.factors is not None:
        each = zip(texts.factors, made.factors, factors, strict=True)
        multiplied = [(shown(text, x, factor.symbol.style),) for text, x, factor in each]
        last: Line = (Span("really ", "value"), *really) if wide else (Span("small moves", "dim"),)
        rows = [
            columns.row([*((Span(factor.head, "dim"),) for factor in factors), (Span("promised", "dim"),)]),
            columns.row([*((factor.symbol,) for factor in factors), (Span("ΔL", "gradient bold"),)], OPERATORS),
            columns.row([*multiplied, promised], (OPERATORS[0], texts.sign)),
            columns.row([*((Span(factor.note, "dim"),) for factor in factors), last]),
        ]
    else:
        summed = (Span(" Σ ", "text"), factors[0].symbol, Span(" × "), factors[1].symbol)
        rows = [
            *_ends((Span(f" summed over {made.count:,} numbers", "dim"),), (Span("promised ", "dim"),), inner),
            *_ends(summed, (Span("ΔL = ", "gradient bold"), *promised, Span(" ")), inner),
        ]
        if wide:
            rows.append(between((), (Span("really ", "value"), *really, Span(" ")), inner))
    if not wide:
        ratio = Span(f" {texts.ratio} of the promise" if texts.ratio and not _against(made) else "", "text")
        rows += [
            *([()] if padded else []), between((Span(" really", "dim"),), (Span("ΔL ", "value bold"),), inner),
            between((ratio,), (*really, Span(" ")), inner),
        ]  # fmt: skip
    return banded(rows, inner, margin, padded)


def _ends(left: Line, right: Line, width: int) -> list[Line]:
    """One at the left and one at the right end of a row, or each in a row of its own where they would touch."""
    if length(left) < width - length(right):
        return [between(left, right, width)]
    return [clip(left, width), between((), right, width)]


def _against(made: Promise) -> bool:
    """Did the loss go the other way than was promised?"""
    return math.isfinite(made.really) and made.promised * made.really < 0


class Factor(NamedTuple):
    """What is multiplied: what it is, its symbol, and what is to be said of it."""

    head: str
    symbol: Span
    note: str


def _factors(session: Session, made: Promise, edit: Edit) -> tuple[Factor, Factor]:
    """The two factors of a promise."""
    if made.step and made.factors is not None:
        rate, squares = Span("-η", "parameter bold"), Span("Σ ∂L²", "gradient bold")
        return Factor("rate", rate, "of the step"), Factor("gradients", squares, "squares")
    if made.step or not edit.name:  # of all parameters
        gradient, change = Span("∂L/∂p", "gradient bold"), Span("Δp", "parameter bold")
        return Factor("gradient", gradient, ""), Factor("step", change, "")
    parent = session.branch.parent
    assert parent is not None, "an edit was made somewhere"
    node = parent.graph.by_name[edit.name]
    gradient, change = (
        Span(f"∂L/∂{symbol_of(node)}", "gradient bold"),
        Span(f"Δ{symbol_of(node)}", f"{kind_of(node)} bold"),
    )
    return Factor("gradient", gradient, whatif.name_of(parent)), Factor("nudge", change, "by hand")


def _verdict(made: Promise, edit: Edit, width: int, gap: list[Line]) -> list[Line]:
    """The ratio; of what went the other way, that it did, and what helps."""
    texts = whatif.Texts.of(made)
    if not _against(made) and texts.ratio and width < WIDE:  # it stands in the band
        return []
    chip: Line = ()
    if made.broken:
        chip = (Span(" rate too high " if made.step else " too far ", "chip-fail"), Span(" "))
    style = "text bold" if made.broken else "text"
    said = wrap((Span(" "), *chip, Span(whatif.verdict(made, texts.ratio), style)), width, 1)
    helps = whatif.remedy(made, edit)
    more = wrap((Span(" remedy  ", "dim"), Span(helps)), width, 1) if helps else []
    return [*said, *more, *gap]


def _losses_now(session: Session, comparison: Comparison, width: int) -> Line:
    """`0.01950 → 0.01073` at this training step; of an edit of an edited network by both."""
    difference = comparison.difference(session.cursor.step)
    if difference is None:
        return ()
    before, after = difference.before.loss, difference.after.loss
    if whatif.hides_loss(session):
        before = after = numbers.CONCEALED
    new, old, _, _ = whatif.difference(after, before, whatif.DECIMALS, digits=3)
    label = " loss" if comparison.base is session.branch.parent else " in all"
    row = (Span(label.ljust(LABEL), "dim"), Span(f"{old} → ", "value"), shown(new, after, "value bold"))
    step = Span(f"  step {session.cursor.step}", "dim")  # the first row of the screen has it, too
    return (*row, step) if length((*row, step)) <= width else row


def _first(session: Session, comparison: Comparison, width: int) -> list[Line]:
    """`first     ≠ layer2.z, forward 3`."""
    first = comparison.first
    if first is None:
        return []
    step, phase, index = first.moment
    where = f", {phase} {index + 1}" + (f" of step {step}" if step != session.cursor.step else "")
    name = Span(first.node.name, kind_of(first.node))
    row = (Span(" first".ljust(LABEL), "dim"), Span("≠ ", "kink"), name, Span(where, "dim"))
    return wrap(row, width, LABEL)


def _keys(session: Session) -> Line:
    """What one does from here."""
    (show, _), (back, _) = keys_named("diff"), keys_named("undo")
    other = "gradients instead" if session.view.change else "changes instead"
    return (
        Span(f" {show}", "text bold"), Span(f" {other}   ", "dim"), Span(back.partition("/")[0], "text bold"),
        Span(" undo", "dim"),
    )  # fmt: skip


def _list(comparison: Comparison, found: Differing, width: int) -> tuple[list[Line], list[Line]]:
    """The numbers that differ, largest change first: the head of the list, and its rows."""
    rule = title_rule("what differs, largest first", f"{found.count:,} of {found.total:,} numbers", width, heavy=False)
    if width < WIDE:
        rule = title_rule("what differs", f"{found.count:,} of {found.total:,}", width, heavy=False)
    columns = slice(0 if width >= WIDE - 8 else 1, None)
    heads = (whatif.name_of(comparison.base), whatif.name_of(comparison.branch), "change")[columns]
    texts = [whatif.row_texts(row, FIELD)[columns] for row in found.rows]
    fields = [1 + (max(map(len, each)) if columns.start else FIELD) for each in zip(heads, *texts, strict=True)]
    room = min(width, 80) - 1 - sum(fields)
    title = (Span(f"{head:>{field}}", "dim") for head, field in zip(heads, fields, strict=True))
    head: list[Line] = [rule, (Span(" " * (room + 1)), *title)]
    rows: list[Line] = []
    for row, cells in zip(found.rows, texts, strict=True):
        style = "gradient" if row.gradient else kind_of(row.node)
        styles = ("", f"{style} bold", f"{style} bold")[columns]
        numbers = (Span(f"{text:>{n}}", s) for text, n, s in zip(cells, fields, styles, strict=True))
        rows.append((Span(" "), *fit((Span(row.name, style),), room), *numbers))
    more = found.count - len(found.rows)
    return head, [*rows, (Span(f" and {more:,} more", "dim"),)] if more > 0 else rows


def _losses(scene: Scene) -> list[Line]:
    """Both losses over the training steps: what is held against as dots, the branch as a line."""
    session, width, look = scene.session, scene.width, scene.options
    own, other = (session.losses, np.asarray(session.base.history.losses, np.float64))
    legend = (
        Span("━ ", "value bold"), Span(whatif.name_of(session.branch), "value"), Span("   ┈ ", "dim"),
        Span(whatif.name_of(session.base), "dim"),
    )  # fmt: skip
    head = (Span("─ ", "rule"), Span("loss ", "dim"))
    room = max(0, width - length(head) - length(legend) - 3)
    rule: Line = (*head, Span("─" * room, "rule"), Span(" "), *legend, Span(" ─", "rule"))
    count = max(len(own), len(other))
    if count < 2:
        train = keys_named("train")[0].partition("/")[0]
        more = f": {train} trains one more, :train 100 a hundred" if session.walk.last is None else ""
        return [rule, (Span(f" one training step{more}", "dim"),)]
    page = plot.Plot(width - plot.LABEL - 2, CURVE - 2, look.unicode)
    scale = plot.scale_of(np.concatenate((own, other)))
    if scale is not None:
        for losses, style, every in ((other, "dim", 3), (own, "value bold", 1)):
            _curve(page, losses, count, scale, style, every)
    ends = (
        Span(" " * (plot.LABEL + 1)),
        *between((Span("step 0", "dim"),), (Span(f"{count - 1:,}", "dim"),), page.width),
    )
    return [rule, *plot.framed(page, scale), ends]


def _curve(page: plot.Plot, losses: np.ndarray, count: int, scale: plot.Scale, style: str, every: int) -> None:
    """One course on the axis of `count` training steps: joined, or a dot at every so many."""
    before: tuple[int, int] | None = None
    part = max(1, round(page.wide * len(losses) / count))
    columns = plot.buckets(losses, part)
    apart = (part - 1) / max(1, len(columns) - 1) if count > 1 else 0.0
    for n, (low, high, _) in enumerate(columns):
        if math.isnan(low):
            before = None
            continue
        here = round(n * apart), round(float(scale.part(np.float64((low + high) / 2))) * (page.tall - 1))
        page.line(*(before or here), *here, style, every)
        before = here
