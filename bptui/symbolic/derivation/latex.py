"""A derivation as LaTeX: a document of its own, ASCII, for any LaTeX with amsmath."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bptui.model.base.spans import Line, plain
from bptui.symbolic.card import text
from bptui.symbolic.derivation import equations
from bptui.symbolic.derivation.document import Document, Grid, Section
from bptui.symbolic.facts import Card
from bptui.symbolic.formula.latex import prose

_HEAD = (
    r"\documentclass{article}", r"\usepackage[landscape,margin=15mm]{geometry}", r"\usepackage[fleqn]{amsmath}",
    r"\usepackage{array,longtable}", r"\allowdisplaybreaks", r"\emergencystretch=5em", r"\setlength{\parindent}{0pt}",
    r"\setlength{\mathindent}{0pt}",
    r"\begin{document}", r"\small\raggedright",
)  # fmt: skip
_PARAGRAPH = r">{\raggedright\arraybackslash}p{%dmm}"
_LONG = 40
"""Characters of a cell from which on its column breaks its lines."""


def written(document: Document) -> str:
    """The document, in lines."""
    out = [*_HEAD, rf"\section*{{{prose(document.heading)}}}"]
    for part in document.sections:
        out += _section(part)
    return "\n".join([*out, r"\end{document}"])


def _section(part: Section) -> Iterator[str]:
    heading = prose(part.heading)
    if part.cards:
        heading += f": {prose(plain(part.cards[0].title))}"
    yield rf"\subsection*{{{heading}}}"
    if part.note:
        yield prose(part.note) + r"\par"
    for n, (card, new) in enumerate(part.told()):
        yield from _card(card, new, n > 0)
    yield from _items((fact.label, fact.labelled, fact.note.full) for fact in part.sums)
    if part.grid is not None:
        yield from _grid(part.grid)
    if part.checks:
        yield from _grid(part.checked)
    if part.budget is not None:
        yield f"Precision: {prose(plain(part.budget.line()))}." + r"\par"


def _card(card: Card, new: bool, later: bool) -> Iterator[str]:
    if new and later:
        yield rf"\medskip \textbf{{{prose(plain(card.title))}}}\par"
    said = [card.shape if new and card.shape != "()" else "", f"element {card.element}" if card.element else ""]
    if any(said):
        yield (r"\medskip " if later else "") + prose(", ".join(filter(None, said))) + r"\par"
    yield from _align(equations.together(card) if new else equations.worked_out(card))
    if card.equation is not None:
        yield prose(plain(text.noted(card.equation))) + r"\par"
    yield from _items(equations.in_words(card, new))


def _align(rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield r"\begin{align*}"
        yield " \\\\\n".join(rows)
        yield r"\end{align*}"


def _items(told: Iterable[tuple[str, Line, Line]]) -> Iterator[str]:
    """A line for each thing that is said in words: label, text, note."""
    for label, spans, note in told:
        after = rf"\quad({prose(plain(note).strip())})" if note else ""
        before = rf"\textit{{{prose(label)}}}\quad " if label else ""
        yield rf"{before}{prose(plain(spans).strip())}{after}\par"


def _grid(grid: Grid) -> Iterator[str]:
    """A table that may go over pages; its last column has the room that is left."""
    longest = [max(map(len, cells)) for cells in zip(grid.heads, *grid.rows, strict=True)]
    wide = [n > _LONG for n in longest[:-1]]
    columns = "".join(_PARAGRAPH % 75 if each else "l" for each in wide) + _PARAGRAPH % (75 if any(wide) else 110)
    yield rf"\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}"
    yield "{}" + " & ".join(rf"\textit{{{prose(head)}}}" for head in grid.heads) + r" \\"
    for row in grid.rows:
        yield "{}" + " & ".join(prose(cell) for cell in row) + r" \\"  # a [ after \\ would be its argument
    yield r"\end{longtable}"
