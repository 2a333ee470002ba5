"""The facts of a card in words: lines that can be read from top to bottom, and the same in Markdown.

The one text of a card, for plain mode, for `bptui explain` and for what is copied. Nothing in here depends on a width,
on colour, or on what stands above what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bptui.model.base import arithmetic, numbers
from bptui.model.base.arithmetic import RowTexts
from bptui.model.base.printable import printable
from bptui.model.base.spans import Line, Span, line, plain
from bptui.symbolic.facts import Card, Equation, Fact, Table, Term
from bptui.symbolic.formula.worked import sum_texts
from bptui.symbolic.types import BAD, CheckRow

Part = Span | str | tuple[str, str]

LABEL = 12
_SPECIAL = re.compile(r"([\\`*_<#|~$&]|\](?=[\[(]))")
MARKS = {
    "ok": ("✓ ", "ok"), "FAIL": ("FAIL ", "fail reverse"), "NONFINITE": ("NONFINITE ", "fail reverse"),
    "KINK": ("KINK ", "kink bold"),
}  # fmt: skip


def text(card: Card) -> list[Line]:
    """All that a card says but its checks."""
    rows = [line(*card.title, *_about(card))]
    rows += [_labelled(*told) for told in _facts(card.rules, card.part)]
    rows += _equation(card.equation) if card.equation is not None else []
    rows += _table(card.table) if card.table is not None else []
    rows += [_labelled(*told) for told in _facts((*card.facts, *(card.inside.ends if card.inside else ())))]
    return rows + list(_parts(card))


def _about(card: Card) -> Iterator[Part]:
    if card.shape:
        yield f"  {card.shape}", "dim"
    if card.element:
        yield f"  element {card.element}", "text"


def _facts(facts: Iterable[Fact], part: str = "") -> Iterator[tuple[str, Line, Line]]:
    """(label, text, note) of each; beside the first which part of a composite it is."""
    for n, fact in enumerate(facts):
        yield fact.label, fact.labelled, _dim(part) if part and n == 0 else fact.note.full


def _parts(card: Card) -> Iterator[Line]:
    """The operations that a composite is made of, each with its formula and its number."""
    for n, (name, formula, number) in enumerate(card.inside.parts if card.inside else ()):
        mark = "▸ " if card.inside is not None and n == card.inside.at else "  "
        yield _labelled("" if n else "parts", line(mark, (name, "dim"), "  ", *formula), number)


def labelled(facts: Iterable[Fact]) -> list[Line]:
    """Facts by themselves, as they stand on a card."""
    return [_labelled(*told) for told in _facts(facts)]


def _labelled(label: str, spans: Line, note: Line = ()) -> Line:
    after: Line = (Span("   "), *note) if note else ()
    return line((f"{label:<{LABEL - 1}} ", "dim"), *spans, *after)


def _dim(words: str) -> Line:
    return (Span(words, "dim"),)


def _equation(made: Equation) -> list[Line]:
    """`upstream × local = downstream`: the symbols, then the numbers, then what is to be said of each."""
    styles = ("gradient", "text bold", "gradient")
    texts, sign = arithmetic.product(made.numbers, [numbers.significant(x) for x in made.numbers])
    filled = [line((text, style)) for text, style in zip(texts, styles, strict=True)]
    return [
        _labelled("chain rule", _times([operand.symbol for operand in made])),
        _labelled("numbers", _times(filled, sign)),
        _labelled("", noted(made)),
    ]


def noted(made: Equation) -> Line:
    """What is said of each number of an equation: `from layer1.a; since 0.2795 > 0; to x; 1 of 1 in`."""
    said = [*(operand.note.full for operand in made if operand.note.words), (made.contributions.span,)]
    return tuple(span for n, note in enumerate(said) for span in (*((Span("; "),) if n else ()), *_stripped(note)))


def _stripped(spans: Line) -> Line:
    first, *rest = spans
    return (Span(first.text.lstrip(), first.style), *rest)


def _times(three: Sequence[Line], sign: str = "=") -> Line:
    up, local, down = three
    return line(*up, " × ", *local, f" {sign} ", *down)


def _table(made: Table) -> list[Line]:
    """A sum of products, term by term, and what becomes of it."""
    texts = sum_texts(made, numbers.significant)
    terms = [_term(term, row) for term, row in zip((*made.head, *made.tail), texts.rows, strict=True)]
    rows = [_labelled("terms", line(*_heads(made))), *terms[: len(made.head)]]
    if made.elided:
        rows.append(line("  … ", (made.rest, "dim")))
    rows += terms[len(made.head) :]
    for step, (number, running) in zip(made.steps, texts.after, strict=True):
        sign = {"/": "÷", "*": "×"}.get(step.sign, step.sign)
        named: Line = (*step.symbol, Span(" ")) if step.symbol else ()
        rows.append(line(f"  {sign} ", *named, f"{number} = {running}"))
    return [*rows, line(*made.result, f" {texts.sign} ", (texts.total, "value bold"), *_waiting(made))]


def _waiting(made: Table) -> tuple[Part, ...]:
    return ("  ", made.contributions.span) if made.contributions else ()


def _heads(made: Table) -> list[Part]:
    said: list[Part] = [(made.heads.index, "dim")]
    for column in (*made.heads.factors, *((_dim("product"),) if len(made.heads.factors) > 1 else ()), _dim("sum")):
        said += [", ", *column]
    return said


def _term(term: Term, texts: RowTexts) -> Line:
    factors, product, running = texts
    said: list[Part] = [(f"  {term.index}:  ", "dim")]
    for i, ((symbol, _), number) in enumerate(zip(term.factors, factors, strict=True)):
        named: Line = () if plain(symbol) == number else (*symbol, Span(" "))  # a number has no other name
        said += [*([" × "] if i else []), *named, number]
    if len(term.factors) > 1:
        said.append(f" = {product}")
    return line(*said, (f"  sum {running}", "dim"))


# ------------------------------------------------------------------------------------------------------------ checks
def checks(found: Sequence[CheckRow]) -> list[Line]:
    """One line for each row that does not agree, and one for all that do, where several of one name are told once."""
    said: list[Part] = []
    for verdict, name in dict.fromkeys((row.verdict, row.row) for row in found if row.verdict not in BAD):
        mark = MARKS.get(verdict, (f"{verdict} ", "dim"))
        said += [*(["  "] if said else []), mark, name]
    return [
        *(trouble(row) for row in found if row.verdict in BAD),
        *([_labelled("check", line(*said))] if said else []),
    ]


def trouble(row: CheckRow) -> Line:
    """A FAIL or a KINK in full: where, both numbers, how far apart, and the likely cause."""
    return line(MARKS.get(row.verdict, (row.verdict, "dim")), row.reason)


def checked(row: CheckRow) -> Line:
    """Any of them in full."""
    said = f"{row.verdict:<8}{row.row}"
    if row.verdict == "FAIL":
        said += f" {numbers.index(row.at or ())}: got {row.got!r}, expected {row.expected!r}"
    elif row.error is not None:
        said += f"  error {numbers.significant(row.error, 2)}, allowed {numbers.significant(row.tolerance, 2)}"
    return line(said + (f"  {row.note}" if row.note else ""))


# ---------------------------------------------------------------------------------------------------------- Markdown
def numbers_markdown(card: Card) -> list[str]:
    """The equation or the sum of a card as a table."""
    if card.equation is not None:
        return _columns(card.equation)
    return [] if card.table is None else _terms(card.table)


def _columns(made: Equation) -> list[str]:
    """The equation's three columns."""
    texts, sign = arithmetic.product(made.numbers, [numbers.significant(x) for x in made.numbers])
    notes = [plain(operand.note.full) for operand in made]
    notes[2] += f", {made.contributions}"
    heads = [operand.head for operand in made]
    rows = ([plain(operand.symbol) for operand in made], "="), (texts, sign), (notes, "=")
    return grid([heads[0], "", heads[1], "", heads[2]], [[a, "×", b, mark, c] for (a, b, c), mark in rows])


def bullets(told: Iterable[tuple[str, Line, Line]]) -> list[str]:
    """`- definition: `a = 1/(1 + exp(-z))``, with its note."""
    return [
        f"- {code(label) if label.startswith('part ') else label or '='}: {code(plain(spans).strip())}"
        + (f" ({code(plain(note).strip())})" if note else "")
        for label, spans, note in told
    ]


def code(words: str) -> str:
    """Words of Markdown as they are, whatever they hold."""
    words = printable(words)
    fence = "`" * (1 + max([0, *(len(run) for run in re.findall("`+", words))]))
    blank = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{blank}{words}{blank}{fence}"


def facts_markdown(facts: Iterable[Fact]) -> list[str]:
    """Facts by themselves, as they stand on a card."""
    return bullets(_facts(facts))


def _terms(made: Table) -> list[str]:
    """The sum's rows (index, factors, product where there are several, running sum), and what it comes to."""
    texts, several = sum_texts(made, numbers.significant), len(made.heads.factors) > 1
    heads = [made.heads.index, *map(plain, made.heads.factors), *(["product"] if several else []), "sum"]
    rows = []
    for term, (factors, product, running) in zip((*made.head, *made.tail), texts.rows, strict=True):
        told = [f"{plain(symbol)} = {x}" for (symbol, _), x in zip(term.factors, factors, strict=True)]
        rows.append([term.index, *told, *([product] if several else []), running])
    if made.elided:
        rows.insert(len(made.head), [made.rest, *[""] * (len(heads) - 1)])
    for step, (number, running) in zip(made.steps, texts.after, strict=True):
        said = f"{plain(step.symbol)} = {number}" if step.symbol else number
        rows.append([step.sign, said, *[""] * (len(heads) - 3), running])
    total = f"{code(f'{plain(made.result)} {texts.sign} {texts.total}')} {made.contributions or ''}".rstrip()
    return [*grid(heads, rows), "", total]


def grid(heads: list[str], rows: list[list[str]]) -> list[str]:
    """A table of plain words."""

    def cells(row: list[str]) -> str:
        return "| " + " | ".join(escaped(cell.strip()) for cell in row) + " |"

    return [cells(heads), "|" + "---|" * len(heads), *(cells(row) for row in rows)]


def escaped(words: str) -> str:
    """Words in which Markdown reads nothing."""
    return _SPECIAL.sub(r"\\\1", printable(words))
