"""A derivation as Markdown that GitHub renders: formulas as fences of math, numbers as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bptui.model.base.spans import plain
from bptui.symbolic.card import text
from bptui.symbolic.card.text import escaped
from bptui.symbolic.derivation import equations
from bptui.symbolic.derivation.document import Document, Grid, Section
from bptui.symbolic.facts import Card


def written(document: Document) -> str:
    """The document, in lines."""
    out = [f"# {escaped(document.heading)}"]
    for part in document.sections:
        out += ["", f"## {escaped(part.heading)}", "", *_section(part)]
    return "\n".join(out)


def _section(part: Section) -> Iterator[str]:
    if part.note:
        yield from (escaped(part.note), "")
    for n, (card, new) in enumerate(part.told()):
        if n:
            yield ""
        yield from _card(card, new)
    yield from text.facts_markdown(part.sums)
    if part.grid is not None:
        yield from _grid(part.grid)
    if part.budget is not None:
        yield from ("", escaped(f"precision: {plain(part.budget.line())}"))
    if part.checks:
        yield from ("", *_grid(part.checked))


def _card(card: Card, new: bool) -> Iterator[str]:
    tabled = card.equation is not None or card.table is not None
    at = f"element {text.code(card.element)}" if card.element else ""
    shape = "" if card.shape == "()" else escaped(card.shape)
    title = f"{text.code(plain(card.title))} {shape}".rstrip() if new else ""
    yield ", ".join(filter(None, [title, at]))
    if tabled:
        yield from _math(equations.rules(card) if new else [])
    else:
        yield from _math(equations.together(card) if new else equations.worked_out(card))
    told = list(text.bullets(equations.in_words(card, new)))
    yield from ["", *told] if told else []
    if tabled:
        yield from ("", *text.numbers_markdown(card))


def _grid(grid: Grid) -> list[str]:
    return text.grid(list(grid.heads), [list(row) for row in grid.rows])


def _math(rows: Sequence[str]) -> Iterator[str]:
    """Rows of equations in a fence of math. GitHub takes no `\\operatorname`."""
    if rows:
        yield from ("", "```math", r"\begin{aligned}")
        yield " \\\\\n".join(rows).replace(r"\operatorname", r"\mathrm")
        yield from (r"\end{aligned}", "```")
