"""The derivation of one number, to read, to paste, or to typeset: `bptui explain TARGET NODE[i,j]`.

The same cards as on the screen: how the value came about, what each of its consumers adds to its gradient, and, of a
parameter, its update; with the checks of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bptui.model.base import numbers
from bptui.model.base.spans import Line, plain
from bptui.model.debugger import locations
from bptui.model.engine.composites import CompositeUse, made_by
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source.network import Network
from bptui.symbolic.card import Form, card, text
from bptui.symbolic.card.composite import Derivation, reads, whole
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.card.leaf import gathered
from bptui.symbolic.check import check_node, check_update, precision
from bptui.symbolic.check.composite import check_whole
from bptui.symbolic.facts import Card, Fact, Formula
from bptui.symbolic.formula import latex, typeset
from bptui.symbolic.formula.worked import worked
from bptui.symbolic.service import Service
from bptui.symbolic.types import CheckRow

Format = Literal["text", "markdown", "latex"]
FORMATS: tuple[Format, ...] = ("text", "markdown", "latex")


@dataclass(frozen=True)
class Section:
    """One card with its heading and its checks; `sums`: what all contributions together come to; `budget`: the digits
    that its number has lost, where that can be measured."""

    heading: str
    card: Card | None
    checks: tuple[CheckRow, ...] = ()
    sums: tuple[Fact, ...] = ()
    budget: ErrorBudget | None = None


def explain(network: Network, place: str, form: Format = "text", unicode: bool = True) -> str:
    """The derivation of `NODE[i,j]` in the first training step of a network. UserError where there is none."""
    return explained(network.program().record(), network.name, place, form, unicode)


def explained(recording: Recording, name: str, place: str, form: Format = "text", unicode: bool = True) -> str:
    """The derivation of `NODE[i,j]` in a training step of the network of that name."""
    return WRITERS[form](*derivation(recording, name, place, unicode))


def derivation(recording: Recording, name: str, place: str, unicode: bool = True) -> tuple[str, tuple[Section, ...]]:
    """The same before it is written: its heading and its sections."""
    node, at = locations.element(recording.graph, place, "NODE[i,j]")
    element = locations.fit(at if at is not None else (), node.shape)
    service = Service()
    try:
        parts = tuple(sections(recording, node, element, service, unicode))
    finally:
        service.close()
    return f"{node.name}{numbers.index(element)} of {name}, training step {recording.step}", parts


def sections(
    recording: Recording, node: Node, element: tuple[int, ...], service: Service, unicode: bool = True
) -> Iterator[Section]:
    """Value, each contribution to the gradient, their sum, update. Waits for the derivations."""
    graph, timeline, form = recording.graph, recording.timeline, Form(unicode=unicode)
    consumers = graph.consumers[node.id]
    for consumer, position in consumers:
        service.rule(graph, graph.nodes[consumer], position)
    service.wait()
    against = precision.reference(recording)
    composite = made_by(graph, node)
    if composite is not None:
        yield _whole(recording, composite, element, form)
    elif node.op is not None:
        state = State(recording, Moment(recording.step, "forward", timeline.computed_at[node.id]))
        rows = tuple(row for row in check_node(recording, node, wrt=-1))
        lost = precision.of_value(recording, node, element, against)
        yield Section("value", card(state, node, element, form=form), rows, budget=lost)
    else:
        state = State(recording, timeline.at(recording.step, 0))
        yield Section("value", card(state, node, element, form=form))
    ends = State(recording, Moment(recording.step, "backward", timeline.count("backward") - 1))
    if node.id == graph.loss:
        yield Section("gradient", card(State(recording, Moment(recording.step, "backward", 0)), node, form=form))
    for consumer, position, _ in timeline.arrivals(node.id):
        reader = graph.nodes[consumer]
        rows = check_node(recording, reader, position, element)
        rows = rows[1:] if len(rows) > 1 else rows
        rule = service.rule(graph, reader, position)
        lost = precision.of_contribution(recording, reader, position, element, rule, against)
        made = card(ends, reader, element, position, service, form=form)
        places = [p for c, p in consumers if c == consumer]
        which = f", as input {places.index(position) + 1} of {len(places)}" if len(places) > 1 else ""
        yield Section(f"gradient, by {reader.name}{which}", made, rows, budget=lost)
    if len(consumers) > 1:
        lost = precision.of_sum(recording, node, element, against)
        yield Section("gradient, together", None, (), tuple(gathered(ends, node, element, unicode)), lost)
    if composite is not None:
        yield from _passed_on(recording, composite, element, service, form)
    if timeline.places("update", node.id):
        state = State(recording, Moment(recording.step, "update", timeline.update.index(node)))
        yield Section("update", card(state, node, element, form=form), check_update(recording, node))


def _whole(recording: Recording, composite: CompositeUse, element: tuple[int, ...], form: Form) -> Section:
    """The value of a composite, all in one go, and its parts."""
    place = recording.timeline.computed_at[composite.result.id]
    state = State(recording, Moment(recording.step, "forward", place))
    checks = check_whole(recording, composite, -1)
    return Section(
        f"value, by {composite.kind} of {len(composite.parts)} parts",
        whole(state, composite, element, form=form),
        checks,
    )


def _passed_on(
    recording: Recording, composite: CompositeUse, element: tuple[int, ...], service: Service, form: Form
) -> Iterator[Section]:
    """What a composite passes on to each of its inputs, by the rule that is derived from its definition."""
    graph, node = recording.graph, composite.node
    state = State(recording, Moment(recording.step, "backward", recording.timeline.count("backward") - 1))
    assert node.op is not None
    wanted = [p for p, i in enumerate(node.inputs) if node.op.differentiable(p) and graph.nodes[i].wants_grad]
    for position in wanted:
        service.rule(graph, node, position)
    service.wait()
    for position in wanted:
        source = graph.nodes[node.inputs[position]]
        rule = service.rule(graph, node, position)
        at = reads(state, composite, position, element, rule)
        made = whole(state, composite, element, Derivation(position, at, rule), form, opened=False)
        name = node.op.input_names[position]
        checks = tuple(row for row in check_whole(recording, composite, position, at) if row.input == name)
        yield Section(f"passed on to {source.name}", made, checks)


# ------------------------------------------------------------------------------------------------------------ text
def _text(heading: str, parts: tuple[Section, ...]) -> str:
    out = [heading]
    for part in parts:
        what, _, of = part.heading.partition(",")
        out += ["", what.upper() + ("," if of else "") + of]
        out += [f"  {plain(row)}" for row in _lines(part)]
    return "\n".join(row.rstrip() for row in out)


def _lines(part: Section) -> Iterator[Line]:
    if part.card is not None:
        yield from text.text(part.card)
    facts = [
        *part.sums,
        *(Fact("checks", "" if n else "check", sides=(text.checked(row),)) for n, row in enumerate(part.checks)),
    ]
    if part.budget is not None:
        facts.append(Fact("checks", "precision", sides=(part.budget.line(),)))
    yield from text.labelled(facts)


# -------------------------------------------------------------------------------------------------------- markdown
def _markdown(heading: str, parts: tuple[Section, ...]) -> str:
    out = [f"# {heading}"]
    for part in parts:
        out += ["", f"## {part.heading}", ""]
        out += text.markdown(part.card) if part.card is not None else []
        out += text.facts_markdown(part.sums)
        if part.budget is not None:
            out += ["", f"precision: {plain(part.budget.line())}"]
        if part.checks:
            rows = [_checked(row) for row in part.checks]
            out += ["", *text.grid(["check", "verdict", "error", "allowed", "note"], rows)]
    return "\n".join(out)


def _checked(row: CheckRow) -> list[str]:
    error, allowed = ("" if x is None else numbers.significant(x, 2) for x in (row.error, row.tolerance))
    return [row.row, row.verdict, error, "" if row.error is None else allowed, row.note]


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


WRITERS: Mapping[Format, Callable[[str, tuple[Section, ...]], str]] = {
    "text": _text, "markdown": _markdown, "latex": _latex
}  # fmt: skip
