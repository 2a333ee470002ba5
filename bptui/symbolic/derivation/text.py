"""A derivation as text, as plain mode tells its cards."""

from __future__ import annotations

from collections.abc import Iterator

from bptui.model.base.spans import Line, line, plain
from bptui.symbolic.card import text
from bptui.symbolic.derivation.document import Document, Section
from bptui.symbolic.facts import Fact


def written(document: Document) -> str:
    """Headings in capitals, everything else set in."""
    out = [document.heading]
    for part in document.sections:
        what, _, of = part.heading.partition(",")
        out += ["", what.upper() + ("," if of else "") + of]
        out += [f"  {plain(row)}" for row in _lines(part)]
    return "\n".join(row.rstrip() for row in out)


def _lines(part: Section) -> Iterator[Line]:
    for card in part.cards:
        yield from text.text(card)
    facts = [
        *part.sums,
        *(Fact("checks", "" if n else "check", sides=(text.checked(row),)) for n, row in enumerate(part.checks)),
    ]
    if part.budget is not None:
        facts.append(Fact("checks", "precision", sides=(part.budget.line(),)))
    yield from text.labelled(facts)
    if part.note:
        yield line(part.note)
