"""A card in words: what the Operation panel draws, as lines that can be read from top to bottom.

For plain mode. Nothing in here depends on a width, on colour, or on what stands above what.
"""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.base import arithmetic, numbers
from bptui.model.base.arithmetic import RowTexts
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger import lines
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.symbolic.card import card_for
from bptui.symbolic.card.composite import summed
from bptui.symbolic.formula.worked import sum_texts
from bptui.symbolic.service import Service
from bptui.symbolic.types import BAD, Card, CheckRow, Equation, Table, Term

Part = Span | str | tuple[str, str]

FEW = 16
"""Numbers of a tensor that are read out one by one; of more only the range."""
LABEL = 12
MARKS = {
    "ok": ("✓ ", "ok"), "FAIL": ("FAIL ", "fail reverse"), "NONFINITE": ("NONFINITE ", "fail reverse"),
    "KINK": ("KINK ", "kink bold"),
}  # fmt: skip


def moment(session: Session, service: Service, unicode: bool) -> list[Line]:
    """Everything that happens at the current Moment: place, operation, rules, numbers, checks, what is displayed.

    Waits for the derivation, which has a budget of its own.
    """
    made = card_for(session, service, unicode)
    if made.pending:
        service.wait()
        made = card_for(session, service, unicode)
    about = session.graph.by_name[made.node] if session.fold is None else session.about
    return [
        session.where(),
        *card(made),
        *checks(check_rows(session, service, made, about)),
        *written(session),
        *others(session, made, about),
        *lines.displayed(session),
    ]


def check_rows(session: Session, service: Service, made: Card, about: Node) -> list[CheckRow]:
    """The checks of what a card tells, made in the service's thread within its budget. Whatever FAILs is among them."""
    phase, position = made.phase, made.position
    if made.seed or (about.op is None and (phase != "update" or about.role != "param")):
        return []
    if session.fold is not None:
        rows = {part.name: _rows(session, service, part) for part in session.fold.parts}
        return list(summed(rows, session.fold, position))
    found = _rows(session, service, about)
    if about.op is None:
        return list(found)
    name = "" if position is None else about.op.input_names[position]
    own = [row for row in found if row.op == about.op.name]  # those of a composite that it is the result of are not
    return [row for row in own if row.input == name or row.verdict == "FAIL"]


def _rows(session: Session, service: Service, about: Node) -> tuple[CheckRow, ...]:
    recording = session.recording

    def work() -> tuple[CheckRow, ...]:
        from bptui.symbolic.check import check_node, check_update

        return check_update(recording, about) if about.op is None else check_node(recording, about)

    key = (about.id, recording.step)
    service.request_checks(key, work)
    service.wait()
    found = service.peek_checks(key)
    if not isinstance(found, tuple):
        return ()
    session.checked(recording.step, about.id, any(row.verdict == "FAIL" for row in found))
    return found


def card(made: Card) -> list[Line]:
    """The lines of a card."""
    about = [("  " + made.shape, "dim")] if made.shape else []
    about += [(f"  element {made.element}", "text")] if made.element else []
    rows = [line("  ", *made.title, *about)]
    if made.definition:
        rows.append(_labelled(_dim("definition"), made.definition, _dim(made.part) if made.part else ()))
    rows += [_labelled(label, formula, note) for label, formula, note in made.rules]
    rows += equation(made.equation) if made.equation is not None else []
    rows += table(made.table) if made.table is not None else []
    rows += [_labelled(label, text) for label, text in (*made.lines, *(made.inside.ends if made.inside else ()))]
    return rows + parts(made)


def parts(made: Card) -> list[Line]:
    """The operations that a composite is made of, each with its formula and its number."""
    heads = [_dim("parts"), *[()] * len(made.parts)]
    at = None if made.inside is None else made.inside.at
    marked = [(Span("▸ " if n == at else "  "),) for n in range(len(made.parts))]
    return [
        _labelled(head, (*mark, *name, Span("  "), *formula), number)
        for head, mark, (name, formula, number) in zip(heads, marked, made.parts, strict=False)
    ]


def _labelled(label: Line, text: Line, note: Line = ()) -> Line:
    after: Line = (Span("   "), *note) if note else ()
    return line("  ", *label, " " * max(1, LABEL - len(plain(label))), *text, *after)


def _dim(label: str) -> Line:
    return (Span(label, "dim"),)


def equation(made: Equation) -> list[Line]:
    """`upstream × local = downstream`: the symbols, then the numbers, then what is to be said of each."""
    shown, sign = arithmetic.product(made.numbers, [numbers.significant(x) for x in made.numbers])
    styles: tuple[str, ...] = ("gradient", "text bold", "gradient")
    filled = [(((text, style),)) for text, style in zip(shown, styles, strict=True)]
    notes = [note for note in made.notes if note]
    rows = [
        _labelled(_dim("chain rule"), _times(made.symbols)),
        _labelled(_dim("numbers"), _times([line(*part) for part in filled], sign)),
    ]
    said: list[Part] = []
    for note in notes:
        said += [*(["; "] if said else []), *_stripped(note)]
    if made.partial:
        said += ["; ", (made.partial, "kink")]
    return [*rows, line("  ", " " * LABEL, *said)] if said else rows


def _stripped(spans: Line) -> Line:
    first, *rest = spans
    return line((first.text.lstrip(), first.style), *rest)


def _times(three: Sequence[Line], sign: str = "=") -> Line:
    up, local, down = three
    return line(*up, " × ", *local, f" {sign} ", *down)


def table(made: Table) -> list[Line]:
    """A sum of products, term by term, and what becomes of it."""
    texts = sum_texts(made, numbers.significant)
    terms = [_term(term, row) for term, row in zip((*made.head, *made.tail), texts.rows, strict=True)]
    rows = [_labelled(_dim("terms"), line(*_heads(made.columns))), *terms[: len(made.head)]]
    if made.elided:
        rows.append(line("    … ", (made.rest, "dim")))
    rows += terms[len(made.head) :]
    for step, (number, running) in zip(made.steps, texts.after, strict=True):
        sign = {"/": "÷", "*": "×"}.get(step.sign, step.sign)
        rows.append(line(f"    {sign} ", *step.symbol, f" {number} = {running}"))
    partial = [("  " + made.partial, "kink")] if made.partial else []
    return [*rows, line("  ", *made.result, f" {texts.sign} ", (texts.total, "value bold"), *partial)]


def _heads(columns: Sequence[Line]) -> list[Part]:
    said: list[Part] = []
    for column in columns:
        said += [*([", "] if said else []), *column]
    return said


def _term(term: Term, texts: RowTexts) -> Line:
    factors, product, running = texts
    said: list[Part] = [(f"    {term.index}:  ", "dim")]
    for i, ((symbol, _), number) in enumerate(zip(term.factors, factors, strict=True)):
        named: Line = () if plain(symbol) == number else (*symbol, Span(" "))  # a number has no other name
        said += [*([" × "] if i else []), *named, number]
    if len(term.factors) > 1:
        said.append(f" = {product}")
    return line(*said, (f"  sum {running}", "dim"))


def checks(found: Sequence[CheckRow]) -> list[Line]:
    """One line for each row that does not agree, and one for all that do."""
    bad = [row for row in found if row.verdict in BAD]
    said: list[Part] = []
    for row in found:
        if row not in bad:
            mark = MARKS.get(row.verdict, (f"{row.verdict} ", "dim"))
            said += [*(["  "] if said else []), mark, row.row]
    return [*map(trouble, bad), *([_labelled(_dim("check"), line(*said))] if said else [])]


def trouble(row: CheckRow) -> Line:
    """A FAIL or a KINK in full: where, both numbers, how far apart, and the likely cause."""
    mark = MARKS.get(row.verdict, (row.verdict, "dim"))
    return line("  ", mark, row.reason)


def written(session: Session) -> list[Line]:
    """What this Moment wrote: every tensor with its numbers, or their range."""
    rows: list[Line] = []
    state, graph = session.state, session.graph
    for i in state.touched():
        node = graph.nodes[i]
        for part in sorted(state.written(i), reverse=True):
            if part == "value":
                value = state.shown(i)
                if value is not None:
                    rows += _numbers(node.name, node, value, lines.kind(node), "")
                else:
                    rows.append(line(f"  {node.name} was not recorded"))
                continue
            gradient = state.shown_gradient(i)
            if gradient.array is not None:
                partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
                rows += _numbers(f"∂L/∂{node.name}", node, gradient.array, "gradient", partial)
    return rows


def _numbers(name: str, node: Node, array: Array, style: str, partial: str) -> list[Line]:
    title = line("  ", (name, f"{style} bold"), (f" {numbers.shape(node.shape)}", "dim"), (partial, "kink"))
    if array.size > FEW:
        return [line(*title, "  ", *lines.extent(array, style))]
    rows = lines.tensor(array, style)
    if len(rows) == 1:
        return [line(*title, " = ", (rows[0][0].text.lstrip(), rows[0][0].style), *rows[0][1:])]
    return [title, *(line("    ", *row) for row in rows)]


def others(session: Session, made: Card, about: Node) -> list[Line]:
    """The other inputs that a backward Moment contributes to, and how to see them."""
    names = [session.graph.nodes[about.inputs[p]].name for p in made.inputs if p != made.position]
    return [line(("  also by ", "dim"), (f"{', '.join(names)}: by NAME shows it", "dim"))] if names else []
