"""What present mode shows of a session: the operation of its Moment, or the curve of the loss, and what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.numbers import DECIMALS, HIDDEN, field
from bptui.model.base.spans import CHIPS, COLOURS, Line, Span, plain
from bptui.screens.card.band import kind_of_symbol
from bptui.screens.panels import loss
from bptui.screens.panels.figures import symbol_of
from bptui.screens.panels.present import Number, Slide, draw
from bptui.screens.panels.question import Asked, asked, asked_of_loss, worked_out
from bptui.screens.render import RenderOptions, length
from bptui.screens.scene import Scene
from bptui.symbolic.card import card_for
from bptui.symbolic.facts import Card, Table, equal
from bptui.symbolic.formula.printing import number
from bptui.symbolic.formula.worked import sum_texts

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


FEW = 4
"""Terms of a sum that stand there where all of them have no room."""
CURVE = 4
"""Rows of the curve of the loss, at least."""


def lines(scene: Scene) -> list[Line]:
    """All rows but the footer's."""
    return draw(slide(scene), scene.width, scene.height, scene.options)


def slide(scene: Scene) -> Slide:
    """The page of where the session stands."""
    session, unicode = scene.session, scene.options.unicode
    head, shown = status(session, scene.failed), not session.view.asks
    told, asking = session.answering(), session.asking()
    if session.view.topic == "loss":
        about = asked_of_loss(told)
        made = Slide(*head, figure=lambda width, height: _curve(session, width, height, scene.options))
    else:
        full, closed = (card_for(each, scene.rules, unicode) for each in (told, asking))
        about, seen = asked(told, full), full if shown else closed
        number = None if seen.equation is not None else _number(closed, about, shown)
        made = Slide(*head, _formulas(closed, scene.width), seen.equation, full.equation, number)
    return made._replace(
        question=about.question, choices=about.choices, reason=about.reason, shown=shown, marked=session.view.says,
        timeline=strip(session, scene.width) if session.view.topic == "operation" else (),
    )  # fmt: skip


def status(session: Session, failed: int) -> tuple[Line, Line, Line]:
    """Name, training step and Moment; the loss once it is computed and not hidden, a check that fails."""
    moment, count = session.cursor, session.timeline.count(session.cursor.phase)
    known = session.state.value(session.graph.loss) is not None
    text = field(session.state.shown_loss).strip() if known else "·"
    branch = session.branch.number
    left = [
        *([Span(f" branch {branch} ", "chip-update"), Span("   ", "dim")] if branch else []),
        Span("step ", "dim"), Span(str(moment.step), "text bold"), Span("   ", "dim"),
        Span(f"{moment.phase} {moment.index + 1}", f"{COLOURS[moment.phase]} bold"), Span(f"/{count}", "dim"),
    ]  # fmt: skip
    right = [Span("loss ", "dim"), Span(text, "text bold")]
    if failed:
        right = [Span(f" ✗ {failed} ", "fail reverse"), Span("   ", "dim"), *right]
    return (Span(session.network.name, "dim"),), tuple(left), tuple(right)


def _curve(session: Session, width: int, height: int, look: RenderOptions) -> list[Line] | None:
    """The losses up to this training step, not those of later ones. None in less than four rows."""
    if height < CURVE:
        return None
    at = session.cursor.step
    margin = 3 if width >= 60 else 0
    rows = loss.draw(session.losses[: at + 1], at, width - 2 * margin, height, look)
    return [(Span(" " * margin), *row) for row in rows]


def _formulas(card: Card, width: int) -> tuple[Line, ...]:
    """The title, and the formulas that this Moment uses: forward the definition, at an update that and the rule of the
    optimizer; backward what the numbers are of: a sum is the gradient's, else the shorter of local derivative and
    gradient, and where that is long the definition."""
    title = card.brief if card.brief else card.title
    return (title, *(rule for rule in _rules(card, width) if plain(rule) != plain(title)))


def _rules(card: Card, width: int) -> list[Line]:
    if card.phase == "update":
        return [fact.text for fact in (*card.rules[1:], *card.rules[:1])]
    told = {fact.kind: fact.text for fact in card.rules if fact.sides}
    found = [told[kind] for kind in ("gradient", "local") if kind in told]
    definition = card.rules[0].text if card.rules else ()
    if not found or card.table is not None:
        return found[:1] or [definition]
    best = min(found, key=length)
    return [best if length(best) <= width else definition]


def _number(card: Card, about: Asked, shown: bool) -> Number:
    """What is computed, and the number that comes out."""
    text = about.result.text if shown else HIDDEN
    return Number(_written(card), about.symbol, about.result.sign, text, about.result.text)


def _written(card: Card) -> list[tuple[Line, ...]]:
    """The equation of this Moment with its numbers, without what comes out of it; a sum as the sum of its products.
    Each line in one form or several, the longest first."""
    made = card.table
    if made is not None:
        all_of_it = [] if made.elided else [len(made.head) + len(made.tail)]
        return [tuple(_sum(made, most) for most in (*all_of_it, FEW))]
    facts = worked_out(card)
    rows: list[tuple[Line, ...]] = [(fact.text,) for fact in facts[:-1]]
    for fact in facts[-1:]:
        rows += [(equal(fact.members[:-1]), *fact.sides[1:])] if fact.sides else []  # without what comes out
    return rows


def _sum(made: Table, most: int) -> Line:
    """`0.0100 + 0.0300 + ⋯ 4 more - 0.2292`: first terms, how many more there are, what is done with the sum."""
    texts = sum_texts(made, number, decimals=DECIMALS)
    terms = [product for _, product, _ in texts.rows][:most]
    if most < len(texts.rows):
        terms = terms[: len(made.head)]
    out: list[Span] = []
    for term in terms:
        out += [Span(" - " if term.startswith("-") else " + "), Span(term.lstrip("-"))] if out else [Span(term)]
    gone = len(made.head) + made.elided + len(made.tail) - len(terms)
    out += [Span(f" + ⋯ {gone:,} more", "dim")] if gone else []
    for step, (shown, _) in zip(made.steps, texts.after, strict=True):
        if step.sign == "/":
            out = [Span("("), *out, Span(")")] if len(terms) > 1 else out
        minus = step.sign == "+" and step.number < 0
        mark = "/" if step.sign == "/" else " - " if minus else f" {step.sign} "
        shown = f"{step.number:.0f}" if step.counts else shown.lstrip("-") if minus else shown
        out += [Span(mark), Span(shown, kind_of_symbol(step.symbol))]
    return tuple(out)


def strip(session: Session, width: int) -> Line:
    """`z ─── ◀ a ━━━ z ━━━ L`: this phase's nodes, those behind us in its colour; as many as there is room for."""
    moment, timeline = session.cursor, session.timeline
    phase, here = moment.phase, session.here
    nodes = list(timeline.update if phase == "update" else timeline.forward)
    at = next(k for k, node in enumerate(nodes) if node.id == here.id)
    wide = 5 if width >= 60 else 3
    names = [node.name if phase == "update" else symbol_of(node) for node in nodes]
    names[at] = f" {CHIPS[phase]} {names[at]} "
    first, last, used = at, at, len(names[at])
    while True:  # from the chip outward, to both sides in turn
        grown = False
        for k in (first - 1, last + 1):
            if 0 <= k < len(nodes) and used + len(names[k]) + wide <= width - 8:
                used += len(names[k]) + wide
                first, last, grown = min(first, k), max(last, k), True
        if not grown:
            break
    out: list[Span] = [Span("< ", "dim")] if first else []
    for k in range(first, last + 1):
        behind = k > at if phase == "backward" else k < at
        been = k > at if phase == "backward" else k <= at  # of the link before it
        if k > first:
            out.append(Span(f" {('━' if been else '─') * (wide - 2)} ", COLOURS[phase] if been else "rule"))
        out.append(Span(names[k], f"chip-{phase}" if k == at else COLOURS[phase] if behind else "dim"))
    return (*out, *([Span(" >", "dim")] if last < len(nodes) - 1 else []))
