"""The derivation of one number, to read, to paste, or to typeset: `bptui explain TARGET NODE[i,j]`.

The same cards as on the screen: how the value came about, what each of its consumers adds to its gradient, and, of a
parameter, its update; with the checks of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bptui.model.base import arithmetic, numbers
from bptui.model.base.arithmetic import PrintedSum
from bptui.model.base.spans import Line, plain
from bptui.model.debugger import locations
from bptui.model.engine.composites import CompositeUse, made_by
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source.network import Network
from bptui.symbolic.card import card
from bptui.symbolic.card.composite import reads, whole
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.card.leaf import gathered
from bptui.symbolic.check import check_node, check_update, precision
from bptui.symbolic.check.composite import check_whole
from bptui.symbolic.formula import latex, typeset
from bptui.symbolic.formula.worked import sum_texts, worked
from bptui.symbolic.service import Service
from bptui.symbolic.types import Card, CheckRow, Equation, Formula, Table

Format = Literal["text", "markdown", "latex"]
FORMATS: tuple[Format, ...] = ("text", "markdown", "latex")
_LABEL, _WIDE = 12, 100


@dataclass(frozen=True)
class Section:
    """One card with its heading and its checks; `sums`: what all contributions together come to; `budget`: the digits
    that its number has lost, where that can be measured."""

    heading: str
    card: Card | None
    checks: tuple[CheckRow, ...] = ()
    sums: tuple[tuple[Line, Line], ...] = ()
    budget: ErrorBudget | None = None


def explain(network: Network, place: str, form: Format = "text", unicode: bool = True) -> str:
    """The derivation of `NODE[i,j]` in the first training step of a network. UserError where there is none."""
    return explained(network.program().record(), network.name, place, form, unicode)


def explained(recording: Recording, name: str, place: str, form: Format = "text", unicode: bool = True) -> str:
    """The derivation of `NODE[i,j]` in a training step of the network of that name."""
    node, at = locations.element(recording.graph, place, "NODE[i,j]")
    element = locations.fit(at if at is not None else (), node.shape)
    service = Service()
    try:
        parts = tuple(sections(recording, node, element, service, unicode))
    finally:
        service.close()
    heading = f"{node.name}{numbers.index(element)} of {name}, training step {recording.step}"
    return _WRITERS[form](heading, parts)


def sections(
    recording: Recording, node: Node, element: tuple[int, ...], service: Service, unicode: bool = True
) -> Iterator[Section]:
    """Value, each contribution to the gradient, their sum, update. Waits for the derivations."""
    graph, timeline = recording.graph, recording.timeline
    consumers = graph.consumers[node.id]
    for consumer, position in consumers:
        service.rule(graph, graph.nodes[consumer], position)
    service.wait()
    against = precision.reference(recording)
    fold = made_by(graph, node)
    if fold is not None:
        yield _whole(recording, fold, element, unicode)
    elif node.op is not None:
        state = State(recording, Moment(recording.step, "forward", timeline.computed_at[node.id]))
        rows = tuple(row for row in check_node(recording, node, wrt=-1))
        lost = precision.of_value(recording, node, element, against)
        yield Section("value", card(state, node, element, unicode=unicode), rows, budget=lost)
    else:
        state = State(recording, timeline.at(recording.step, 0))
        yield Section("value", card(state, node, element, unicode=unicode))
    ends = State(recording, Moment(recording.step, "backward", timeline.count("backward") - 1))
    if node.id == graph.loss:
        yield Section("gradient", card(State(recording, Moment(recording.step, "backward", 0)), node, unicode=unicode))
    for consumer, position, _ in timeline.arrivals(node.id):
        reader = graph.nodes[consumer]
        rows = check_node(recording, reader, position, element)
        rows = rows[1:] if len(rows) > 1 else rows
        rule = service.rule(graph, reader, position)
        lost = precision.of_contribution(recording, reader, position, element, rule, against)
        made = card(ends, reader, element, position, service, unicode=unicode)
        places = [p for c, p in consumers if c == consumer]
        which = f", as input {places.index(position) + 1} of {len(places)}" if len(places) > 1 else ""
        yield Section(f"gradient, by {reader.name}{which}", made, rows, budget=lost)
    if len(consumers) > 1:
        lost = precision.of_sum(recording, node, element, against)
        yield Section("gradient, together", None, (), tuple(gathered(ends, node, element, unicode)), lost)
    if fold is not None:
        yield from _passed_on(recording, fold, element, service, unicode)
    if timeline.places("update", node.id):
        state = State(recording, Moment(recording.step, "update", timeline.update.index(node)))
        yield Section("update", card(state, node, element, unicode=unicode), check_update(recording, node))


def _whole(recording: Recording, fold: CompositeUse, element: tuple[int, ...], unicode: bool) -> Section:
    """The value of a composite, all in one go, and its parts."""
    place = recording.timeline.computed_at[fold.result.id]
    state = State(recording, Moment(recording.step, "forward", place))
    checks = check_whole(recording, fold, -1)
    return Section(
        f"value, by {fold.kind} of {len(fold.parts)} parts", whole(state, fold, element, unicode=unicode), checks
    )


def _passed_on(
    recording: Recording, fold: CompositeUse, element: tuple[int, ...], service: Service, unicode: bool
) -> Iterator[Section]:
    """What a composite passes on to each of its inputs, by the rule that is derived from its definition."""
    graph, node = recording.graph, fold.node
    state = State(recording, Moment(recording.step, "backward", recording.timeline.count("backward") - 1))
    assert node.op is not None
    wanted = [p for p, i in enumerate(node.inputs) if node.op.differentiable(p) and graph.nodes[i].wants_grad]
    for position in wanted:
        service.rule(graph, node, position)
    service.wait()
    for position in wanted:
        source = graph.nodes[node.inputs[position]]
        rule = service.rule(graph, node, position)
        at = reads(state, fold, position, element, rule)
        made = whole(state, fold, element, position, at, rule, unicode=unicode, opened=False)
        name = node.op.input_names[position]
        checks = tuple(row for row in check_whole(recording, fold, position, at) if row.input == name)
        yield Section(f"passed on to {source.name}", made, checks)


# ------------------------------------------------------------------------------------------------------------ text
def _text(heading: str, parts: tuple[Section, ...]) -> str:
    out = [heading]
    for part in parts:
        what, _, of = part.heading.partition(",")
        out += ["", what.upper() + ("," if of else "") + of]
        if part.card is not None:
            out += [f"  {row}" for row in _card(part.card)]
        out += [_labelled(plain(label), plain(text)) for label, text in part.sums]
        out += [_labelled("check" if n == 0 else "", _check(row)) for n, row in enumerate(part.checks)]
        if part.budget is not None:
            out.append(_labelled("precision", plain(part.budget.line())))
    return "\n".join(row.rstrip() for row in out)


def _card(made: Card) -> list[str]:
    about = f"  {made.shape}" + (f"  element {made.element}" if made.element else "")
    out = [plain(made.title) + about, _row("definition", plain(made.definition), made.part)]
    out += [_row(plain(label), plain(text), plain(note)) for label, text, note in made.rules]
    if made.equation is not None:
        out += _equation(made.equation)
    if made.table is not None:
        out += _table(made.table)
    out += [_row(plain(label), plain(text)) for label, text in made.lines]
    wide = max((len(plain(name)) for name, _, _ in made.parts), default=0)
    for n, (name, formula, number) in enumerate(made.parts):
        out.append(_row("parts" if n == 0 else "", f"{plain(name):<{wide}}  {plain(formula)}", plain(number)))
    return out


def _row(label: str, text: str, note: str = "") -> str:
    return f"{label:<{_LABEL}}{text}" + (f"   {note}" if note else "")


def _labelled(label: str, text: str) -> str:
    return "  " + _row(label, text)


def _equation(e: Equation) -> list[str]:
    values, sign = arithmetic.product(e.numbers, [numbers.significant(x) for x in e.numbers])
    columns = [[plain(e.heads[n]), plain(e.symbols[n]), values[n], plain(e.notes[n])] for n in range(3)]
    columns[2][3] += f", {e.partial}"
    widths = [max(len(cell) for cell in column) for column in columns]
    rows = []
    for n, signs in enumerate(((" ", " "), ("×", "="), ("×", sign), (" ", " "))):
        cells = [column[n].center(width) for column, width in zip(columns, widths, strict=True)]
        rows.append(" " * _LABEL + f"{cells[0]}  {signs[0]}  {cells[1]}  {signs[1]}  {cells[2]}")
    return rows


def _cells(table: Table, texts: PrintedSum) -> list[list[str]]:
    """The table's rows: index, factors, product, sum."""
    single = len(table.columns) == 4
    rows = []
    for term, (numbers_of, product, running) in zip((*table.head, *table.tail), texts.rows, strict=True):
        factors = [f"{plain(symbol)} = {x}" for (symbol, _), x in zip(term.factors, numbers_of, strict=True)]
        rows.append([term.index, *factors, *([] if single else [product]), running])
    if table.elided:
        rows.insert(len(table.head), [table.rest] + [""] * (len(table.columns) - 1 - single))
    for step, (number, running) in zip(table.steps, texts.after, strict=True):
        blank = [""] * (len(table.columns) - 3 - single)
        rows.append([step.sign, f"{plain(step.symbol)} = {number}", *blank, running])
    return rows


def _heads(table: Table) -> list[str]:
    heads = [plain(head) for head in table.columns]
    return heads[:2] + heads[3:] if len(heads) == 4 else heads


def _table(table: Table) -> list[str]:
    texts = sum_texts(table, numbers.significant)
    rows = [_heads(table), *_cells(table, texts)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    out = ["".join(cell.ljust(width + 3) for cell, width in zip(row, widths, strict=True)) for row in rows]
    total = f"{plain(table.result)} {texts.sign} {texts.total}" + (f"  {table.partial}" if table.partial else "")
    return [" " * _LABEL + row for row in (*out, total)]


def _check(row: CheckRow) -> str:
    said = f"{row.verdict:<8}{row.row}"
    if row.verdict == "FAIL":
        said += f" {numbers.index(row.at or ())}: got {row.got!r}, expected {row.expected!r}"
    elif row.error is not None:
        said += f"  error {numbers.significant(row.error, 2)}, allowed {numbers.significant(row.tolerance, 2)}"
    return said + (f"  {row.note}" if row.note else "")


# -------------------------------------------------------------------------------------------------------- markdown
def _markdown(heading: str, parts: tuple[Section, ...]) -> str:
    out = [f"# {heading}"]
    for part in parts:
        out += ["", f"## {part.heading}", ""]
        made = part.card
        if made is not None:
            out += [f"`{plain(made.title)}` {made.shape}" + (f", element `{made.element}`" if made.element else ""), ""]
            rows = [("definition", plain(made.definition), made.part)]
            rows += [(plain(label), plain(text), plain(note)) for label, text, note in made.rules]
            rows += [(plain(label), plain(text), "") for label, text in made.lines]
            rows += [(f"part {plain(name)}", plain(formula), plain(number)) for name, formula, number in made.parts]
            out += [f"- {label or '='}: `{text}`" + (f" ({note})" if note else "") for label, text, note in rows]
            if made.equation is not None:
                out += ["", *_markdown_equation(made.equation)]
            if made.table is not None:
                texts = sum_texts(made.table, numbers.significant)
                out += ["", *_grid(_heads(made.table), _cells(made.table, texts))]
                total = f"`{plain(made.table.result)} {texts.sign} {texts.total}`"
                out += ["", f"{total} {made.table.partial}".rstrip()]
        out += [f"- {plain(label)}: `{plain(text)}`" for label, text in part.sums]
        if part.budget is not None:
            out += ["", f"precision: {plain(part.budget.line())}"]
        if part.checks:
            out += [
                "",
                *_grid(["check", "verdict", "error", "allowed", "note"], [_checked(row) for row in part.checks]),
            ]
    return "\n".join(out)


def _markdown_equation(e: Equation) -> list[str]:
    heads = [plain(head) for head in e.heads]
    values, sign = arithmetic.product(e.numbers, [numbers.significant(x) for x in e.numbers])
    rows = [[plain(s) for s in e.symbols], list(values), [plain(n) for n in e.notes]]
    rows[2][2] += f", {e.partial}"
    signs = ("=", sign, "=")
    return _grid(
        [heads[0], "", heads[1], "", heads[2]],
        [[r[0], "×", r[1], mark, r[2]] for r, mark in zip(rows, signs, strict=True)],
    )


def _checked(row: CheckRow) -> list[str]:
    error = "" if row.error is None else numbers.significant(row.error, 2)
    return [
        row.row,
        row.verdict,
        error,
        "" if row.tolerance is None else numbers.significant(row.tolerance, 2),
        row.note,
    ]


def _grid(heads: list[str], rows: list[list[str]]) -> list[str]:
    def cells(row: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"

    return [cells(heads), "|" + "---|" * len(heads), *(cells(row) for row in rows)]


# ----------------------------------------------------------------------------------------------------------- latex
def _latex(heading: str, parts: tuple[Section, ...]) -> str:
    out = [r"\documentclass{article}", r"\usepackage[landscape,margin=15mm]{geometry}", r"\usepackage{amsmath}"]
    out += [r"\allowdisplaybreaks", r"\emergencystretch=5em", r"\begin{document}", r"\small"]
    out.append(rf"\section*{{{latex.prose(heading)}}}")
    for part in parts:
        made = part.card
        if made is None or not made.formulas:
            if part.budget is not None:
                out.append(rf"\subsection*{{{latex.prose(part.heading)}}}")
                out.append(f"Precision: {latex.prose(plain(part.budget.line()))}.")
            continue
        out.append(rf"\subsection*{{{latex.prose(part.heading)}: {latex.prose(plain(made.title))}}}")
        out += [r"\begin{align*}", " \\\\\n".join(row for f in made.formulas for row in _aligned(f)), r"\end{align*}"]
        if part.budget is not None:
            out.append(f"Precision: {latex.prose(plain(part.budget.line()))}.")
    return "\n".join([*out, r"\end{document}"])


def _aligned(f: Formula) -> list[str]:
    """`left &= right`, and under it the numbers; each in as many rows as it takes."""
    left = latex.to_latex(f.left, f.names)
    room = typeset.ROOM - typeset.measure(left)
    written = typeset.rows(f.right, f.names, room)
    out = [f"{left} &= {written[0]}", *(f"&{row}" for row in written[1:])]
    if f.numbers is not None and f.value is not None:
        made = worked(f.right, f.numbers, f.value, numbers.significant(f.value))
        filled, value = typeset.rows(made.tree, made.names, room), latex.scientific(made.result)
        if filled == [value]:
            return [*out, f"&= {value}"]
        sign = "=" if made.sign == "=" else r"\approx"
        close = len(filled) == 1 and typeset.measure(f"{filled[0]} = {value}") <= room
        out += [f"&= {filled[0]}", *(f"&{row}" for row in filled[1:])]
        if close or len(filled) > 1:
            out[-1] += f" {sign} {value}"
        else:
            out.append(f"&{sign} {value}")
    return out


_WRITERS: Mapping[Format, Callable[[str, tuple[Section, ...]], str]] = {
    "text": _text, "markdown": _markdown, "latex": _latex
}  # fmt: skip
