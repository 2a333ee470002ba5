"""Present mode: one operation for a whole room. No rules, no labels' column, numbers of three rows."""

from __future__ import annotations

from bptui.model.numbers import field
from bptui.model.spans import Line, Span
from bptui.screens.look import crop, length
from bptui.screens.panels.band import OPERATORS, complete, kind_of_symbol
from bptui.screens.panels.text import wrap
from bptui.symbolic.types import Card

DIGITS = {
    "0": ("┏━┓", "┃ ┃", "┗━┛"), "1": ("  ╻", "  ┃", "  ╹"), "2": ("╺━┓", "┏━┛", "┗━╸"), "3": ("╺━┓", "╺━┫", "╺━┛"),
    "4": ("╻ ╻", "┗━┫", "  ╹"), "5": ("┏━╸", "┗━┓", "╺━┛"), "6": ("┏━╸", "┣━┓", "┗━┛"), "7": ("╺━┓", " ┏┛", " ╹ "),
    "8": ("┏━┓", "┣━┫", "┗━┛"), "9": ("┏━┓", "┗━┫", "╺━┛"), "-": ("  ", "╺╸", "  "), ".": (" ", " ", "."),
    "?": ("╺━┓", " ┏┛", " ╹ "), "e": ("   ", "┣━┛", "┗━╸"), " ": (" ", " ", " "),
}  # fmt: skip
"""Three rows each, from the box drawing set: it is in every font that has the rules of the other screens."""


def large(text: str) -> tuple[str, str, str] | None:
    """The text in digits of three rows with a gap between them; None where it has letters (`NaN`, `inf`)."""
    if any(c not in DIGITS for c in text):
        return None
    rows = [" ".join(DIGITS[c][y] for c in text) for y in range(3)]
    return rows[0], rows[1], rows[2]


def draw(card: Card, width: int, height: int) -> list[Line]:
    """Operation, rule, and the equation in large digits, centred. Where they do not fit, in small ones."""
    if width < 1 or height < 1:
        return []
    body: list[Line] = [_middle(row, width) for row in wrap(card.title, width)]
    for _, formula, _note in card.rules or (((), card.definition, ()),):
        body += [(), *(_middle(row, width) for row in wrap(formula, width))] if formula else []
    if card.equation is not None:
        body += [(), (), *_equation(card, width)]
    elif card.table is not None:
        kind = kind_of_symbol(card.table.result)
        named = (*card.table.result, Span(" = ", "text bold"), *_small(card.table.total, kind))
        body += [(), (), *_number(named, card.table.total, kind, width)]
    for label, text in card.lines:
        lead = (*label, Span("  ")) if label else ()
        body += [(), *(_middle(row, width) for row in wrap((*lead, *text), width))]
    if len(body) > height:
        body = [row for row in body if row]
    top = max(0, (height - len(body)) // 3)
    return ([()] * top + [crop(row, 0, width) for row in body])[:height]


def _middle(row: Line, width: int) -> Line:
    room = max(0, (width - length(row)) // 2)
    return (Span(" " * room), *row)


def _small(x: float, kind: str) -> Line:
    return (Span(field(x, 10, 4).strip(), f"{kind} bold"),)


def _number(named: Line, x: float, kind: str, width: int) -> list[Line]:
    digits = large(field(x, 8, 4).strip())
    if digits is None or len(digits[0]) > width:
        return [_middle(named, width)]
    return [_middle(named[:-1], width), (), *(_middle((Span(row, f"{kind} bold"),), width) for row in digits)]


def _equation(card: Card, width: int) -> list[Line]:
    made = card.equation
    assert made is not None
    texts = [field(x, 8, 4).strip() for x in made.numbers]
    kinds = [kind_of_symbol(symbol) for symbol in made.symbols]
    digits = [large(text) for text in texts]
    cells = [d if d is not None else ("", text, "") for d, text in zip(digits, texts, strict=True)]
    wide = [max(len(cell[1]), length(head), length(symbol)) for cell, head, symbol in
            zip(cells, made.heads, made.symbols, strict=True)]  # fmt: skip
    gap = 1
    if sum(wide) + 2 * (3 + 2 * gap) > width:
        cells = [("", text, "") for text in texts]
        wide = [max(len(text), length(head), length(symbol)) for text, head, symbol in
                zip(texts, made.heads, made.symbols, strict=True)]  # fmt: skip
    between = max(1, min(9, (width - sum(wide)) // 2))
    rows: list[Line] = []

    def row(parts: list[Line], marks: bool) -> Line:
        out: list[Span] = []
        for k, part in enumerate(parts):
            left = (wide[k] - length(part)) // 2
            out += [Span(" " * left), *part, Span(" " * (wide[k] - length(part) - left))]
            if k < 2:
                mark = OPERATORS[k] if marks else " "
                side = (between - 1) // 2
                out.append(Span(" " * side + mark + " " * (between - 1 - side), "text bold"))
        return _middle(tuple(out), width)

    rows.append(row([tuple(Span(s.text, "dim") for s in head) for head in made.heads], False))
    rows.append(row([tuple(Span(s.text, f"{s.style} bold") for s in symbol) for symbol in made.symbols], False))
    rows.append(())
    for y in range(3):
        parts: list[Line] = [(Span(cell[y], f"{kind} bold"),) for cell, kind in zip(cells, kinds, strict=True)]
        rows.append(row(parts, y == 1))
    if not made.partial:
        return rows
    return [*rows, (), _middle((Span(made.partial, "dim" if complete(made.partial) else "kink bold"),), width)]
