"""Present mode: one operation for a whole room. No rules, no panels; large numbers, the next one a question.

Nothing moves while stepping: the operation stands at the top, the question and the timeline at the bottom, and the
number that is hidden has its place before it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptui.model.base.numbers import DECIMALS, HIDDEN, field
from bptui.model.base.spans import Line, Span
from bptui.screens.card.band import OPERATORS, bolder, kind_of_symbol
from bptui.screens.panels.digits import SIZES, large
from bptui.screens.panels.figures import symbol_of
from bptui.screens.panels.question import Asked, asked, three, worked_out
from bptui.screens.panels.text import wrap
from bptui.screens.panels.timeline import CHIPS, COLOURS
from bptui.screens.render import RenderOptions, fit, length
from bptui.symbolic.card import card_for
from bptui.symbolic.facts import Card, equal
from bptui.symbolic.formula.printing import number
from bptui.symbolic.formula.worked import sum_texts

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.symbolic.card.moment import Rules

ROWS = 2
"""Rows of a formula."""
MARGIN = 2
"""Cells left blank at both sides of the three numbers, where there is room."""


def lines(
    session: Session,
    width: int,
    height: int,
    look: RenderOptions,
    card: Card,
    failed: int = 0,
    rules: Rules | None = None,
) -> list[Line]:
    """All rows but the footer's: the screen is one page."""
    hidden = session.view.asks
    if session.hidden:
        session = session.revealed()
        card = card_for(session, rules, look.unicode)
    ask = asked(session, card)
    rows: list[Line] = [()] * height
    below = 1 + (height >= 12)  # rows under the timeline and between it and the answer
    timeline = height - below
    question = timeline - (3 if height >= 16 else 2)
    top = min(height // 6, 4) if height >= 14 else 1
    rows[0 if height < 14 else 1] = status(session, width, failed, hidden)
    title = card.brief if card.brief and length(card.title) > width else card.title
    head = [_middle(row, width) for row in wrap(title, width)]
    if height >= 10:
        said = [row for rule in _rules(card, width) for row in _short(rule, width)]
        head += [*([()] if height >= 18 and said else []), *(_middle(row, width) for row in said)]
    room = question - top - 2 * (height >= 12)
    body = _body(card, ask, hidden, width, max(1, room - len(head)), look)
    if len(head) + len(body) > room:
        head = head[:1]
    body = body[: max(1, room - len(head))]
    _put(rows, top, head)
    start = top + len(head)
    _put(rows, start + max(0, (question - start - len(body)) // 2), body)
    said = wrap(ask.question, width)
    reply = () if hidden else tuple(Span(s.text, "text bold" if s.style == "text" else s.style) for s in ask.answer)
    if height >= 8:
        _put(rows, question - (len(said) - 1), [_middle(row, width) for row in said])
    if height >= 8 and timeline > question + 1:
        _put(rows, question + 1, [_middle(row, width) for row in wrap(reply, width)[:1]])
    rows[timeline] = _middle(strip(session, width), width)
    return [fit(row, width) for row in rows]


def _put(rows: list[Line], y: int, block: Sequence[Line]) -> None:
    for k, row in enumerate(block):
        if 0 <= y + k < len(rows):
            rows[y + k] = row


def _middle(row: Line, width: int) -> Line:
    return (Span(" " * max(0, (width - length(row)) // 2)), *row)


def status(session: Session, width: int, failed: int, hidden: bool) -> Line:
    """Name, training step and Moment; the loss once it is computed and not the question; a check that fails."""
    moment, count = session.cursor, session.timeline.count(session.cursor.phase)
    known = session.state.value(session.graph.loss) is not None
    asked_now = hidden and moment.phase == "forward" and session.here.id == session.graph.loss
    text = field(session.state.shown_loss).strip() if known and not asked_now else HIDDEN if asked_now else "·"
    left = [
        Span(f"   {session.network.name}   step ", "dim"), Span(str(moment.step), "text bold"), Span("   ", "dim"),
        Span(f"{moment.phase} {moment.index + 1}", f"{COLOURS[moment.phase]} bold"), Span(f"/{count}", "dim"),
    ]  # fmt: skip
    if session.branch.number:
        left[1:1] = [Span(f" branch {session.branch.number} ", "chip-update"), Span("   ", "dim")]
        left[0] = Span(f"   {session.network.name}   ", "dim")
        left[3:3] = [Span("step ", "dim")]
    right = [Span("loss ", "dim"), Span(text, "text bold"), Span("   ", "dim")]
    if failed:
        right = [Span(f" ✗ {failed} ", "fail reverse"), Span("   ", "dim"), *right]
    if length(left) + length(right) > width:
        left = [Span(" ", "dim"), *left[3:]]
    return (*fit(left, max(0, width - length(right))), *right)


def _rules(card: Card, width: int) -> list[Line]:
    """The formulas that this Moment uses: forward the definition, at an update that and the rule of the optimizer;
    backward what the numbers are of: a sum is the gradient's, else the shorter of local derivative and gradient, and
    where that is long the definition."""
    if card.phase == "update":
        return [fact.text for fact in (*card.rules[1:], *card.rules[:1])]
    told = {fact.kind: fact.text for fact in card.rules if fact.sides}
    found = [told[kind] for kind in ("gradient", "local") if kind in told]
    definition = card.rules[0].text if card.rules else ()
    if not found or card.table is not None:
        return found[:1] or [definition]
    best = min(found, key=length)
    return [best if length(best) <= width else definition]


def _short(rule: Line, width: int) -> list[Line]:
    """A formula in its rows; one of more than two is none for a whole room."""
    rows = wrap(rule, width)
    return rows if len(rows) <= ROWS else []


def _body(card: Card, ask: Asked, hidden: bool, width: int, room: int, look: RenderOptions) -> list[Line]:
    """The numbers: an equation of three columns, or what is computed and the number that comes out."""
    if card.equation is not None:
        return _equation(card, hidden, width, room, look)
    written = _written(card)
    kind = kind_of_symbol(ask.symbol)
    text = ask.result.text
    shown = HIDDEN if hidden else text
    beside = sum(len(wrap(forms[0], width, 2)) for forms in written)
    size = _size([text], width, room - 2 - (beside + 1 if beside else 0), 0, look)
    digits = large(text, look.unicode, size)
    symbol = tuple(Span(s.text, f"{kind} bold") for s in ask.symbol)
    if digits is None or len(digits[0]) > width or room < 5:
        result = (*symbol, Span(f" {ask.result.sign} ", "text"), Span(shown, _style(ask.number, kind, hidden)))
        return [*_fitting(written, width, room - 1), _middle(result, width)]
    big = large(shown, look.unicode, size) or digits
    wide = len(digits[0])
    left = max(0, (width - wide) // 2)
    blank: list[Line] = [()] if room >= 6 + bool(written) else []
    block = [_middle(symbol, width), *blank,
             *((Span(" " * (left + (wide - len(row)) // 2)), Span(row, f"{kind} bold")) for row in big)]  # fmt: skip
    gap: list[Line] = [()] if written and room - len(block) > 1 else []
    return [*_fitting(written, width, room - len(block) - len(gap)), *gap, *block]


def _fitting(written: Sequence[tuple[Line, ...]], width: int, room: int) -> list[Line]:
    """The last of the lines, as many as have room as a whole: what is nearest to the number that comes out."""
    rows: list[Line] = []
    for n in reversed(range(len(written))):
        forms = (wrap(form, width, 2) for form in written[n])
        own = next((form for form in forms if len(form) + len(rows) <= room), None)
        if own is None:
            break
        rows = [*own, *rows]
    return [_middle(row, width) for row in rows]


def _size(texts: Sequence[str], width: int, room: int, between: int, look: RenderOptions) -> int:
    """The largest digits in which the numbers stand side by side in this room, `between` cells apart in all."""
    for size in SIZES[:-1]:
        drawn = [large(text, look.unicode, size) or (text,) for text in texts]
        if look.unicode and size <= room and sum(len(digits[0]) for digits in drawn) + between <= width:
            return size
    return SIZES[-1]


def _style(x: float | None, kind: str, hidden: bool) -> str:
    bad = x is not None and not math.isfinite(x) and not hidden
    return "fail reverse" if bad else f"{kind} bold"


def _written(card: Card) -> list[tuple[Line, ...]]:
    """The equation of this Moment with its numbers, without what comes out of it; a sum as the sum of its products.
    Each line in one form or several, the longest first."""
    made = card.table
    if made is not None:
        out: list[Span] = []
        texts = sum_texts(made, number, decimals=DECIMALS)
        terms = [product for _, product, _ in texts.rows[: len(made.head)]][:4]
        for term in terms:
            out += [Span(" - " if term.startswith("-") else " + "), Span(term.lstrip("-"))] if out else [Span(term)]
        gone = len(made.head) - len(terms) + made.elided + len(made.tail)
        out += [Span(f" + ⋯ {gone:,} more", "dim")] if gone else []
        for step, (shown, _) in zip(made.steps, texts.after, strict=True):
            if step.sign == "/":
                out = [Span("("), *out, Span(")")] if len(terms) > 1 else out
            minus = step.sign == "+" and step.number < 0
            mark = "/" if step.sign == "/" else " - " if minus else f" {step.sign} "
            shown = f"{step.number:.0f}" if step.counts else shown.lstrip("-") if minus else shown
            out += [Span(mark), Span(shown, kind_of_symbol(step.symbol))]
        return [(tuple(out),)]
    facts = worked_out(card)
    rows: list[tuple[Line, ...]] = [(fact.text,) for fact in facts[:-1]]
    for fact in facts[-1:]:
        rows += [(equal(fact.members[:-1]), *fact.sides[1:])] if fact.sides else []  # without what comes out
    return rows


def _equation(card: Card, hidden: bool, width: int, room: int, look: RenderOptions) -> list[Line]:
    made = card.equation
    assert made is not None
    texts, sign = three(made.numbers)
    kinds = [kind_of_symbol(operand.symbol) for operand in made]
    symbols = [bolder(operand.symbol) for operand in made]
    heads: list[Line] = [(Span(operand.head, "dim"),) for operand in made]
    big = room >= 6
    least = 3  # an operator with a blank at each side
    size = _size(texts, width, room - 5, 2 * least, look)

    def digits_of(text: str) -> tuple[str, ...]:
        beside = ("",) * (size // 2)
        return large(text, look.unicode, size) or (*beside, text, *beside)

    digits = [digits_of(text) for text in texts]
    wide = [max(*map(len, d), length(h), length(s)) for d, h, s in zip(digits, heads, symbols, strict=True)]
    if not big or sum(wide) + 2 * least > width:
        big = False
        wide = [max(len(text), length(h), length(s)) for text, h, s in zip(texts, heads, symbols, strict=True)]
        if sum(wide) + 2 * least > width:
            return _stacked(symbols, texts, sign, kinds, made.numbers, hidden, width)
    gap = max(least, min(9, (width - sum(wide) - 2 * MARGIN) // 2))

    def row(parts: Sequence[Line], marks: bool = False) -> Line:
        out: list[Span] = []
        for k, part in enumerate(parts):
            left = (wide[k] - length(part)) // 2
            out += [Span(" " * left), *part, Span(" " * (wide[k] - length(part) - left))]
            if k < 2:
                side = (gap - 1) // 2
                mark = (OPERATORS[0], sign)[k] if marks else " "
                out += [Span(" " * side), Span(mark, "text bold"), Span(" " * (gap - 1 - side))]
        return _middle(tuple(out), width)

    shown = [*texts[:2], HIDDEN if hidden else texts[2]]
    styles = [_style(x, kind, hidden and k == 2) for k, (x, kind) in enumerate(zip(made.numbers, kinds, strict=True))]
    rows = [row(heads)] if room >= 3 else []
    rows.append(row(symbols))
    if big:
        cells = [digits_of(text) for text in shown]
        rows.append(())
        rows += [row([(Span(cell[y], style),) for cell, style in zip(cells, styles, strict=True)], y == size // 2)
                 for y in range(size)]  # fmt: skip
    else:
        rows.append(row([(Span(text, style),) for text, style in zip(shown, styles, strict=True)], True))
    if made.contributions.total > 1 and len(rows) + 2 <= room:
        rows += [(), row([(), (), (made.contributions.span,)])]
    return rows


def _stacked(
    symbols: Sequence[Line], texts: Sequence[str], sign: str, kinds: Sequence[str], numbers: Sequence[float | None],
    hidden: bool, width: int,
) -> list[Line]:  # fmt: skip
    """The three under each other, where they have no room side by side."""
    wide = max(map(length, symbols))
    out: list[Line] = []
    for k, mark in enumerate((" ", OPERATORS[0], sign)):
        asked_now = hidden and k == 2
        text = HIDDEN if asked_now else texts[k]
        blanks = Span(" " * (wide - length(symbols[k]) + 2))
        out.append(
            (Span(f"{mark} ", "text bold"), *symbols[k], blanks, Span(text, _style(numbers[k], kinds[k], asked_now)))
        )
    left = max(0, (width - max(map(length, out))) // 2)
    return [(Span(" " * left), *row) for row in out]


def strip(session: Session, width: int) -> Line:
    """`z ─── ◀ a ─── z ─── L`: this phase's nodes, those behind us in its colour; as many as there is room for."""
    moment, timeline = session.cursor, session.timeline
    phase, here = moment.phase, session.here
    nodes = list(timeline.update if phase == "update" else timeline.forward)
    at = next(k for k, node in enumerate(nodes) if node.id == here.id)
    link = " ─── " if width >= 60 else " ─ "
    names = [node.name if phase == "update" else symbol_of(node) for node in nodes]
    names[at] = f" {CHIPS[phase]} {names[at]} "
    first, last, used = at, at, len(names[at])
    while True:  # from the chip outward, to both sides in turn
        grown = False
        for k in (first - 1, last + 1):
            if 0 <= k < len(nodes) and used + len(names[k]) + len(link) <= width - 8:
                used += len(names[k]) + len(link)
                first, last, grown = min(first, k), max(last, k), True
        if not grown:
            break
    out: list[Span] = [Span("< ", "dim")] if first else []
    for k in range(first, last + 1):
        out += [Span(link, "rule")] if k > first else []
        behind = k > at if phase == "backward" else k < at
        out.append(Span(names[k], f"chip-{phase}" if k == at else COLOURS[phase] if behind else "dim"))
    return (*out, *([Span(" >", "dim")] if last < len(nodes) - 1 else []))
