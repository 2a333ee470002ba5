"""The answer to "what if": what an edit promised of the loss, what it did, and what differs now. Text and numbers, true
as they are printed; the What if panel shows the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from bptui.model.base import arithmetic, numbers
from bptui.model.base.prose import some
from bptui.model.base.spans import Line, line
from bptui.model.debugger.difference import Comparison, Differing, Row
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.hidden import covers
from bptui.model.debugger.lines import kind
from bptui.model.debugger.promise import Promise

if TYPE_CHECKING:
    from bptui.model.debugger.branch import Branch
    from bptui.model.debugger.session import Session

DECIMALS = 5
"""Of a promise, a loss and what it changed by, where those tell enough."""


@dataclass(frozen=True)
class Texts:
    """A promise as it is printed: a × b = promised (no factors where it is a sum over several numbers), after - before
    = really, and really / promised = ratio; each sign is `≈` where the printed numbers do not give the result."""

    factors: tuple[str, str] | None
    sign: str
    promised: str
    after: str
    before: str
    difference: str
    really: str
    ratio: str

    @classmethod
    def of(cls, made: Promise) -> Texts:
        """Five decimals where those tell enough."""
        if made.factors is not None:
            a, b = made.factors
            three = (a, b, made.promised)
            (first, second, promised), sign = arithmetic.product(three, numbers.together(three, most=DECIMALS))
            factors = first, second
        else:
            factors, sign, promised = None, "=", numbers.significant(made.promised, DECIMALS)
        after, before, really, minus = difference(made.after, made.before, DECIMALS, digits=3)
        return cls(factors, sign, promised, after, before, minus, really, _ratio(made, really, promised))


def _ratio(made: Promise, really: str, promised: str) -> str:
    """really / promised with two decimals, or with as few digits as the printed numbers give; "" where nothing was
    promised, or something is not finite."""
    if not made.promised or not math.isfinite(made.ratio) or not float(promised):
        return ""
    quotient = float(really) / float(promised)
    decimals = (f"{made.ratio:.{n}f}" for n in (2, 1, 0))
    texts = (*filter(float, decimals), *(numbers.significant(made.ratio, n) for n in (2, 1)))
    return next((text for text in texts if arithmetic.gives(quotient, text)), numbers.significant(quotient, 2))


def verdict(made: Promise, ratio: str) -> str:
    """What the ratio says, in words."""
    if not made.promised:
        return "nothing was promised: the gradient is 0" if not math.isnan(made.promised) else "no number was promised"
    if not ratio:
        return "the loss is not finite" if not math.isfinite(made.after) else "no ratio"
    if made.promised < 0 < made.really:
        return f"a fall was promised, the loss rose: ratio {ratio}"
    if made.really < 0 < made.promised:
        return f"a rise was promised, the loss fell: ratio {ratio}"
    return f"{ratio} of the promise"


def product_of(made: Promise) -> str:
    """What is multiplied, in words."""
    if made.step and made.factors is not None:
        return "-lr × the sum of all squared gradients"
    count = f", summed over {made.count:,} numbers" if made.factors is None else ""
    return ("gradient × step of the optimizer" if made.step else "gradient × change") + count


def promise(session: Session) -> Promise | None:
    """The promise of the branch's last edit, as it may be seen."""
    made, edit = session.branch.promise, session.branch.edits[-1]
    if made is None or not session.hidden:
        return made
    node = session.graph.by_name.get(edit.name)
    gradient = not edit.name or (node is not None and covers(session.hidden, node, "gradient", edit.at or None))
    gradient = gradient and not made.step
    return made.seen(gradient, hides_loss(session))


def hides_loss(session: Session) -> bool:
    """Is the loss hidden?"""
    return covers(session.hidden, session.graph.nodes[session.graph.loss], "value")


def promises(session: Session) -> list[Line]:
    """What the last edit of the branch promised, and what came of it."""
    branch, made, edit = session.branch, promise(session), session.branch.edits[-1]
    if made is None:
        rows = [line(("promised  ", "dim"), nothing(edit, branch.parent))]
        own, other = (None if each is None else each.history.losses for each in (branch, branch.parent))
        if own is not None and other is not None and min(len(own), len(other)) > edit.step and not hides_loss(session):
            losses = float(own[edit.step]), float(other[edit.step])
            after, before, change, sign = difference(*losses, DECIMALS, digits=3)
            rows.append(line(("really    ", "dim"), (f"{after} - {before} {sign} {change}", "value")))
        return rows
    texts = Texts.of(made)
    left = f"{texts.factors[0]} × {texts.factors[1]} {texts.sign} " if texts.factors is not None else ""
    rows = [
        line(("promised  ", "dim"), (f"{left}{texts.promised}", "gradient"), (f"   {product_of(made)}", "dim")),
        line(
            ("really    ", "dim"), (f"{texts.after} - {texts.before} {texts.difference} {texts.really}", "value"),
            (f"   {verdict(made, texts.ratio)}", "kink" if made.broken else "text"),
        ),
    ]  # fmt: skip
    helps = remedy(made, branch.edits[-1])
    return [*rows, line(("remedy    ", "dim"), helps)] if helps else rows


def nothing(edit: Edit, parent: Branch | None) -> str:
    """Why an edit promises nothing for what it was made in."""
    if parent is not None and parent.walk.last is not None and edit.step > parent.walk.last:
        return f"nothing: {name_of(parent)} has no training step {edit.step}"
    if edit.kind == "numbers":
        return f"nothing: no gradient by {edit.name} is computed"
    return "nothing: it is another network"


def remedy(made: Promise, edit: Edit) -> str:
    """What helps where a step rose, though a fall was promised."""
    if not made.broken or not made.step:
        return ""
    name = edit.said.partition(" = ")[0]
    before = (
        edit.was if name in ("lr", "optimizer") or name.endswith(("kind", "learning_rate")) else f"{name} = {edit.was}"
    )
    kept = f": {before} kept {made.other:.2f} of its promise" if made.other > 0 else ""
    return f"a smaller rate{kept}; undo goes back"


def differs(session: Session, comparison: Comparison, most: int = 0) -> Differing | None:
    """What differs at this Moment from what the branch is held against; None where that has not this training step."""
    made = comparison.difference(session.cursor.step)
    return None if made is None else seen(session, made.at(session.state, max(1, most)))


def seen(session: Session, found: Differing) -> Differing:
    """The differences as they may be seen."""
    if not session.hidden:
        return found
    rows = [
        row._replace(before=numbers.CONCEALED, after=numbers.CONCEALED)
        if covers(session.hidden, row.node, row.kind, row.at)
        else row
        for row in found.rows
    ]
    return replace(found, rows=tuple(rows))


def lines_of(session: Session) -> list[Line]:
    """What the last edit of the branch did: what was promised, what happened, how many numbers differ."""
    branch = session.branch
    if branch.parent is None:
        return []
    comparison = session.compare(branch, session.base)
    return [*promises(session), *counted(session, comparison)]


def counted(session: Session, comparison: Comparison) -> list[Line]:
    """How many numbers differ at this Moment, and which is the first."""
    comparison.reach(session.cursor.step, session.progress)
    found, first = differs(session, comparison), comparison.first
    if found is None:
        return [line(("differ    ", "dim"), f"{name_of(comparison.base)} has no training step {session.cursor.step}")]
    start = line((", first ", "dim"), ("≠ ", "kink"), first.text) if first is not None else ()
    total = (f" of {found.total:,} numbers so far{found.beyond}", "dim")
    return [line(("differ    ", "dim"), f"{found.count:,}", total, *start)]


def name_of(branch: Branch) -> str:
    """`branch 1`, `original`."""
    return f"branch {branch.number}" if branch.number else "original"


def row_texts(row: Row, room: int = 10) -> tuple[str, str, str]:
    """What a number is in the one course and in the other, and the change: the other minus the one, as printed."""
    after, before, change, _ = difference(row.after, row.before, numbers.DECIMALS, digits=2, room=room)
    return before, after, f"+{change}" if row.after > row.before and change[0].isdigit() else change


def difference(
    after: float, before: float, decimals: int, digits: int = 1, room: int | None = None
) -> tuple[str, str, str, str]:
    """The texts of `after - before = change`, and its sign: in one count of decimals, from `decimals` on, in which that
    is true and the change has so many digits (the two may have one more); else each as it needs."""
    change = after - before
    for places in range(decimals, decimals + 3) if math.isfinite(change) else ():
        for more in (0, 1):  # decimals that the two have and their difference has not
            texts = [
                numbers.field(x, 24, n).strip()
                for x, n in ((after, places + more), (before, places + more), (change, places))
            ]
            fits = not any("e" in text for text in texts) and (room is None or max(map(len, texts)) <= room)
            enough = not change or arithmetic.digits(texts[2]) >= digits
            if fits and enough and arithmetic.gives(float(Decimal(texts[0]) - Decimal(texts[1])), texts[2], tie=False):
                return texts[0], texts[1], texts[2], "="
    usual = tuple(numbers.significant(x, max(digits, 5)) for x in (after, before))
    made = arithmetic.equation(
        (after, before), change, _minus, (usual, numbers.significant(change, max(digits, 2))), room
    )
    return *made.operands, made.result, made.sign  # type: ignore[return-value]  # two operands


def _minus(operands: Sequence[float]) -> float:
    """The exact difference of two numbers as they are printed."""
    return float(Decimal(repr(operands[0])) - Decimal(repr(operands[1])))


def table(comparison: Comparison, found: Differing) -> list[Line]:
    """The numbers that differ, largest change first: what they were, what they are, the change."""
    heads = (name_of(comparison.base), name_of(comparison.branch), "change")
    rows = [(row.name, *row_texts(row)) for row in found.rows]
    wide = max((len(name) for name, *_ in rows), default=0)
    sizes = [max(len(head), *(len(texts[k]) for _, *texts in rows)) if rows else 0 for k, head in enumerate(heads)]
    made = [line((" " * wide + "".join(f"  {head:>{size}}" for head, size in zip(heads, sizes, strict=True)), "dim"))]
    for row, (name, *texts) in zip(found.rows, rows, strict=True):
        style = "gradient" if row.gradient else kind(row.node)
        before, after, change = (f"  {text:>{size}}" for text, size in zip(texts, sizes, strict=True))
        made.append(line((f"{name:<{wide}}", style), before, (after, f"{style} bold"), (change, f"{style} bold")))
    more = found.count - len(found.rows)
    alone = some(found.alone, 8)
    return [
        *(made if rows else ()),
        *([line((f"and {more:,} more", "dim"))] if rows and more > 0 else ()),
        *([line(("in one of them only, or in another shape  ", "dim"), alone)] if alone else ()),
    ]
