"""A card in words: what the Operation panel draws, as lines that can be read from top to bottom.

For plain mode. Nothing in here depends on a width, on colour, or on what stands above what.
"""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model import looks, numbers
from bptui.model.graph import Node
from bptui.model.session import Session
from bptui.model.spans import Line, line
from bptui.symbolic.card import card_for
from bptui.symbolic.service import Service
from bptui.symbolic.types import Card, Equation, Table, Term

FEW = 16
"""Numbers of a tensor that are read out one by one; of more only the range."""
LABEL = 12
MARKS = {"ok": ("✓ ", "ok"), "FAIL": ("FAIL ", "fail reverse"), "KINK": ("KINK ", "kink bold")}


def moment(session: Session, service: Service, unicode: bool) -> list[Line]:
    """Everything that happens at the current Moment: place, operation, rules, numbers, checks, what is displayed.

    Waits for the derivation, which has a budget of its own.
    """
    made = card_for(session, service, unicode)
    if made.pending:
        service.wait()
        made = card_for(session, service, unicode)
    return [session.where(), *card(made), *written(session), *others(session, made), *looks.displayed(session)]


def card(made: Card) -> list[Line]:
    """The lines of a card."""
    about = [("  " + made.shape, "dim")] if made.shape else []
    about += [(f"  element {made.element}", "text")] if made.element else []
    rows = [line("  ", *made.title, *about)]
    if made.definition:
        rows.append(_labelled((("definition", "dim"),), made.definition))
    rows += [_labelled(label, formula, note) for label, formula, note in made.rules]
    rows += equation(made.equation) if made.equation is not None else []
    rows += table(made.table) if made.table is not None else []
    rows += [_labelled(label, text) for label, text in made.lines]
    return rows + checks(made)


def _labelled(label: Sequence[tuple[str, str]], text: Line, note: Line = ()) -> Line:
    used = sum(len(part[0]) for part in label)
    return line("  ", *label, " " * max(1, LABEL - used), *text, *(["   ", *note] if note else []))


def equation(made: Equation) -> list[Line]:
    """`upstream × local = downstream`: the symbols, then the numbers, then what is to be said of each."""
    shown = numbers.together(made.numbers)
    styles = ("gradient", "text bold", "gradient")
    filled = [(((text, style),)) for text, style in zip(shown, styles, strict=True)]
    notes = [note for note in made.notes if note]
    rows = [
        _labelled((("chain rule", "dim"),), _times(made.symbols)),
        _labelled((("numbers", "dim"),), _times([line(*part) for part in filled])),
    ]
    said: list[object] = []
    for note in notes:
        said += [*(["; "] if said else []), *_stripped(note)]
    if made.partial:
        said += ["; ", (made.partial, "kink")]
    return [*rows, line("  ", " " * LABEL, *said)] if said else rows  # type: ignore[arg-type]  # spans and strings


def _stripped(spans: Line) -> Line:
    first, *rest = spans
    return line((first.text.lstrip(), first.style), *rest)


def _times(three: Sequence[Line]) -> Line:
    up, local, down = three
    return line(*up, " × ", *local, " = ", *down)


def table(made: Table) -> list[Line]:
    """A sum of products, term by term, and what becomes of it."""
    rows = [_labelled((("terms", "dim"),), line(*_heads(made.columns)))]
    rows += [_term(term) for term in made.head]
    if made.elided:
        rows.append(line("    … ", (f"{made.elided} more terms", "dim")))
    rows += [_term(term) for term in made.tail]
    for step in made.steps:
        sign = {"/": "÷", "*": "×"}.get(step.sign, step.sign)
        rows.append(line(f"    {sign} ", *step.symbol, f" {_n(step.number)} = {_n(step.running)}"))
    partial = [("  " + made.partial, "kink")] if made.partial else []
    return [*rows, line("  ", *made.result, " = ", (_n(made.total), "value bold"), *partial)]


def _heads(columns: Sequence[Line]) -> list[object]:
    said: list[object] = []
    for column in columns:
        said += [*([", "] if said else []), *column]
    return said


def _term(term: Term) -> Line:
    said: list[object] = [(f"    {term.index}:  ", "dim")]
    for i, (symbol, number) in enumerate(term.factors):
        said += [*([" × "] if i else []), *symbol, f" {_n(number)}"]
    if len(term.factors) > 1:
        said.append(f" = {_n(term.product)}")
    return line(*said, (f"  sum {_n(term.running)}", "dim"))  # type: ignore[arg-type]  # spans and strings


def _n(x: float) -> str:
    return numbers.significant(x)


def checks(made: Card) -> list[Line]:
    """One line: what agrees; then one for each row that does not."""
    if not made.checks:
        return []
    bad = [row for row in made.checks if row.verdict in ("FAIL", "KINK")]
    said: list[object] = []
    for row in made.checks:
        if row not in bad:
            mark = MARKS.get(row.verdict, (f"{row.verdict} ", "dim"))
            said += [*(["  "] if said else []), mark, row.row]
    rows = [line("  ", (row.verdict, MARKS[row.verdict][1]), f" {row.row}  {row.note}") for row in bad]
    return [*rows, *([_labelled((("check", "dim"),), line(*said))] if said else [])]  # type: ignore[arg-type]


def written(session: Session) -> list[Line]:
    """What this Moment wrote: every tensor with its numbers, or their range."""
    rows: list[Line] = []
    state, graph = session.state, session.graph
    for i in state.touched():
        node = graph.nodes[i]
        for part in sorted(state.written(i), reverse=True):
            if part == "value":
                value = state.value(i)
                if value is not None:
                    rows += _numbers(node.name, node, value, looks.kind(node), "")
                continue
            gradient = state.gradient(i)
            if gradient.array is not None:
                partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
                rows += _numbers(f"∂L/∂{node.name}", node, gradient.array, "gradient", partial)
    return rows


def _numbers(name: str, node: Node, array: looks.Array, style: str, partial: str) -> list[Line]:
    title = line("  ", (name, f"{style} bold"), (f" {numbers.shape(node.shape)}", "dim"), (partial, "kink"))
    if array.size > FEW:
        return [line(*title, "  ", *looks.extent(array, style))]
    rows = looks.tensor(array, style)
    if len(rows) == 1:
        return [line(*title, " = ", (rows[0][0].text.lstrip(), rows[0][0].style), *rows[0][1:])]
    return [title, *(line("    ", *row) for row in rows)]


def others(session: Session, made: Card) -> list[Line]:
    """The other inputs that a backward Moment contributes to, and how to see them."""
    inputs = made.extra.get("inputs", ())
    position = made.extra.get("position")
    names = [session.graph.nodes[session.node.inputs[p]].name for p, _ in inputs if p != position] if inputs else []
    return [line(("  also by ", "dim"), (f"{', '.join(names)}: by NAME shows it", "dim"))] if names else []
