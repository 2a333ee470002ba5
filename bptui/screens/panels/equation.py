"""One row below a picture of the network: the equation of this Moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import arithmetic, numbers
from bptui.model.base.spans import Line, Span
from bptui.screens.panels.figures import kind_of, shown, symbol_of
from bptui.screens.render import clip, length
from bptui.symbolic.facts import Card

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


def equation(session: Session, card: Card | None, width: int) -> Line:
    """`a[0] = sigmoid(z[0])       -0.098750 × 0.249900 = -0.024678   ∂L/∂z`, as much of it as has room."""
    left = _elementwise(session) or (card.title if card is not None else (Span(session.node.name, "text bold"),))
    rights: list[Line] = [()]
    if card is not None and card.equation is not None:
        made = card.equation
        texts, sign = arithmetic.product(made.numbers, numbers.together(made.numbers, most=6), 12)
        styles = ("gradient bold", "text bold", "gradient bold")
        told = [shown(text, x, style) for text, x, style in zip(texts, made.numbers, styles, strict=True)]
        bare: Line = (told[0], Span(" × "), told[1], Span(f" {sign} "), told[2])
        named: Line = (*bare, Span("   "), *(Span(s.text, "dim") for s in made.downstream.symbol))
        waits = (*named, Span("  "), made.contributions.span), (*bare, Span("…", "kink bold"))
        rights = [named, bare] if made.contributions.complete else [*waits]
    elif card is not None and card.table is not None:
        total = card.table.total
        rights = [(*card.table.result, Span(" = "), shown(numbers.significant(total), total, "value bold"))]
    elif card is not None and card.facts:
        last = next((fact for fact in reversed(card.facts) if fact.kind == "update"), card.facts[0])
        rights = [last.text, last.labelled]
    room = width - 4
    for right in rights:
        if length(left) + 3 + length(right) <= room:
            column = max(length(left) + 3, min(27, room - length(right)))
            return (Span("  "), *left, *((Span(" " * (column - length(left))), *right) if right else ()))
    kept = next((line for line in (*rights, left) if line and length(line) <= room), clip(left, room))
    return (Span("  "), *kept)


def _elementwise(session: Session) -> Line:
    """`a[0] = sigmoid(z[0])` for what works on each element by itself; else nothing."""
    node = session.node
    if node.op is None or not node.op.elementwise or len(node.inputs) != 1 or not node.shape:
        return ()
    source = session.graph.nodes[node.inputs[0]]
    at = f"[{session.element[-1]}]"
    return (
        Span(symbol_of(node), f"{kind_of(node)} bold"),
        Span(f"{at} = "),
        Span(node.op.name, "text bold"),
        Span("("),
        Span(symbol_of(source), f"{kind_of(source)} bold"),
        Span(f"{at})"),
    )
