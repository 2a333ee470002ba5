"""The card of a composite: layer_norm, conv2d, an LSTM's cell … as one operation, and under it its parts.

It is the card of any operation, made from the composite's definition and from the rule that SymPy derives of it; the
numbers that go in and come out; and a row for each part, its formula and its number, with the one that this Moment is
about. Forward: what has been computed. Backward: ∂L/∂output that comes in, and what all parts together pass on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, merge
from bptui.model.base.types import Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.composites import CompositeUse, passing
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.symbolic.card.backward import Backward
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.forward import forward
from bptui.symbolic.card.names import gradient, kind, setting, title
from bptui.symbolic.card.sparsity import read_by
from bptui.symbolic.card.specialize import definition_at
from bptui.symbolic.card.written import at_sizes, definition_fact, names_of
from bptui.symbolic.facts import NO_NOTE, Card, Contributions, Fact, Formula, Inside, Note, PartRow
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names, number, sides
from bptui.symbolic.types import BAD, WORST, CheckRow, Failure, Rule

SHORT = 80
"""Parts of a formula up to which one element of a whole is written out; of a longer one the numbers are told."""
FORM = Form()


class Derivation(NamedTuple):
    """What a backward card of a composite is about: the position of an input, an element of it, and its rule, where it
    has been derived."""

    wrt: int
    q: Index
    rule: Rule | Failure | None


def whole(
    state: State,
    composite: CompositeUse,
    element: Index,
    derivation: Derivation | None = None,
    form: Form = FORM,
    *,
    opened: bool = True,
) -> Card:
    """The card of a composite at the state's Moment. `element` is one of its result; backward, `derivation` says of
    which input the card is. `opened`: with its parts.

    parts   a row per part: its name, its formula, its number at the element (at a backward Moment ∂L/∂part)
    inside  the numbers that go in and come out; which of the parts this Moment is about
    """
    graph, result, node = state.recording.graph, composite.result, composite.node
    back, unicode = state.moment.phase != "forward", form.unicode
    if back and derivation is not None:
        made = Backward(state, node, *derivation, form).card()
    else:
        made = forward(state, node, element, form)
    wrt, q, rule = derivation or (None, (), None)
    parts: list[PartRow] = []
    reading = BoundDefinition(state.recording, node)
    names = names_of(graph, reading, unicode, rule)
    defined = _definition(reading, names, unicode)
    where = [Formula("where", s.target, definition_at(reading, s.value), names) for s in reading.statements[:-1]]
    short = (f for f in made.formulas[1:] if f.label == "gradient" or len(list(t.walk(f.right))) <= SHORT)
    formulas = [*made.formulas[:1], *where, *short]
    for part in composite.parts if opened else ():
        reading = BoundDefinition(state.recording, part)
        names = names_of(graph, reading, unicode)
        said = definition_fact(reading, names, unicode).text
        parts.append(PartRow(_label(part, composite), said, _short(state, part, element, back)))
        formulas += [
            Formula(part.label, s.target, definition_at(reading, s.value), names) for s in reading.statements[-1:]
        ]
    here = state.node.id
    at = next((n for n, part in enumerate(composite.parts) if part.id == here), None)
    ends = _backward(state, composite, element, wrt, q, unicode) if back else _forward(state, composite, element)
    inside = Inside(tuple(parts), tuple(ends), state.value(result) is not None, at)
    return replace(
        made,
        title=_title(state, composite),
        rules=(*defined, *_rules(made, rule)),
        formulas=tuple(formulas),
        inside=inside,
        phase=state.moment.phase,
        node=result.name,
    )


def _rules(made: Card, rule: Rule | Failure | None) -> tuple[Fact, ...]:
    """Of the two rules of an operation the second, ∂L/∂input: the derivative of one element of a whole is longer, and
    says less. Where there is none, that it comes from the parts."""
    rules = tuple(fact for fact in made.rules if fact.kind in ("local", "gradient"))
    if isinstance(rule, Failure):
        said = Span(f"{rule.reason}: the gradient is what its parts pass on", "kink")
        return tuple(replace(fact, note=Note(((said,),), warning=True)) for fact in rules)
    if len(rules) < 2:
        return made.rules[1:]
    return (replace(rules[-1], note=rules[0].note),)


def _definition(reading: BoundDefinition, names: Names, unicode: bool) -> tuple[Fact, ...]:
    """The definition, and each of its helpers."""
    *helpers, own = ((left, (right,)) for left, right in (sides([s], names, unicode) for s in at_sizes(reading)))
    where = (Fact("rule", "and" if n else "where", *told) for n, told in enumerate(helpers))
    return Fact("definition", "definition", *own), *where


def reads(state: State, composite: CompositeUse, wrt: int, element: Index, rule: Rule | Failure | None) -> Index:
    """The element of an input that a composite's card tells of: the same as that of its result where the two have one
    shape, else the first that this one reads."""
    source = state.recording.graph.nodes[composite.node.inputs[wrt]]
    if source.shape == composite.result.shape:
        return element
    return read_by(state, composite.node, wrt, element, rule)


def _title(state: State, composite: CompositeUse) -> Line:
    """`h = layer_norm(x, g, b, eps=1e-05)`: with the settings that are not the usual ones, and those that the
    definition names."""
    row, asked = composite.call.row, composite.node.attributes
    reading = BoundDefinition(state.recording, composite.node)
    named = set(re.findall(r"\w+", reading.op.define(reading.signature)))
    plain_ = title(state.recording.graph, replace(composite.node, attributes={}))
    said = [
        Span(f", {name}={_setting(asked[name])}")
        for name, attribute in row.attributes.items()
        if asked[name] is not None and (asked[name] != attribute.default or (not attribute.static and name in named))
    ]
    return merge([*plain_[:-1], Span(plain_[-1].text[:-1], plain_[-1].style), *said, Span(")")])


def _setting(value: object) -> str:
    """A setting as it would be written: one number for axes that are all the same."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return _setting(value[0])
    return setting(value)


def _label(part: Node, composite: CompositeUse) -> str:
    """A part's name inside of its composite; the last one's is the composite's own."""
    name, own = part.name, f"{composite.result.name}."
    return name[len(own) :] if name.startswith(own) else part.label.rpartition(".")[2]


def _number(state: State, node: Node, element: Index, back: bool) -> tuple[float | None, Contributions | None]:
    """(the number of a value or gradient as far as it is known, what is missing of it)."""
    at = fit(element, node.shape)
    if not back:
        value = state.shown(node)
        return (None if value is None or not value.size else float(value[at])), None
    found = state.gradient(node)
    if found.array is None or not found.array.size or not found.arrived:
        return None, None
    return float(found.array[at]), None if found.final else Contributions(found.arrived, found.total)


def _short(state: State, node: Node, element: Index, back: bool) -> Line:
    """`0.5100`, with its index where that is not the card's."""
    value, missing = _number(state, node, element, back)
    at = fit(element, node.shape)
    place = [Span(f"{numbers.index(at)} ", "dim")] if at != element else []
    style = "gradient" if back else kind(node)
    said = [missing.span, Span(" ")] if missing else []
    return merge([*said, *place, Span(numbers.NOT_YET if value is None else number(value), style)])


def _end(label: str, shown: Span, at: Index, value: float | None, missing: Contributions | None = None) -> Fact:
    """`z[0,1] = 0.5100`."""
    text = numbers.NOT_YET if value is None else number(value)
    note = Note(((missing.span,),), warning=True) if missing else NO_NOTE
    left = (Span(f"{shown.text}{numbers.index(at)}", shown.style),)
    return Fact("ends", label, left, result=(Span(text, shown.style),), note=note)


def _forward(state: State, composite: CompositeUse, element: Index) -> Iterable[Fact]:
    graph = state.recording.graph
    for n, i in enumerate(dict.fromkeys(composite.node.inputs)):
        source = graph.nodes[i]
        told, _ = _number(state, source, element, False)
        yield _end("in" if n == 0 else "", Span(source.name, kind(source)), fit(element, source.shape), told)
    told, _ = _number(state, composite.result, element, False)
    yield _end("out", Span(composite.result.name, "value bold"), element, told)


def _backward(
    state: State, composite: CompositeUse, element: Index, wrt: int | None, q: Index, unicode: bool
) -> Iterable[Fact]:
    """∂L/∂result, then for each input what the parts add to its gradient: of that at `wrt` at its element `q`."""
    graph, result = state.recording.graph, composite.result
    value, missing = _number(state, result, element, True)
    yield _end("upstream", gradient(result.name, unicode), element, value, missing)
    first = True
    for position, i in enumerate(composite.node.inputs):
        source = graph.nodes[i]
        total = passing(state.timeline.arrivals(i), composite.node, position)
        if not total:
            continue
        at = q if position == wrt else fit(element, source.shape)
        came = [part for part in passing(state.arrived(source), composite.node, position) if part.array is not None]
        told = float(np.sum([part.array[at] for part in came])) if came and came[0].array.size else None
        missing = Contributions(len(came), len(total)) if 0 < len(came) < len(total) else None
        yield _end("downstream" if first else "", gradient(source.name, unicode), at, told, missing)
        first = False


def part_of(composite: CompositeUse | None, node: Node) -> str:
    """`part 3 of 9 of layer_norm`; nothing for what stands for itself."""
    return (
        "" if composite is None else f"part {composite.place(node) + 1} of {len(composite.parts)} of {composite.kind}"
    )


def summed(rows: Mapping[str, Sequence[CheckRow]], composite: CompositeUse, wrt: int | None) -> tuple[CheckRow, ...]:
    """The checks of a composite (rows by the part's name): its own, of the value or of the input at `wrt`; and one for
    those of all of its parts, forward or backward: the worst verdict, how many agree, and in which part the worst is.
    """
    shown = "" if wrt is None else composite.node.op.input_names[wrt] if composite.node.op else ""
    every = rows.get(composite.result.name, ())
    made = [row for row in every if row.op == composite.kind and (row.input == shown or row.verdict == "FAIL")]
    found = [
        row
        for part in composite.parts
        for row in rows.get(part.name, ())
        if row.op != composite.kind and bool(row.input) == (wrt is not None)
    ]
    if not found:
        return tuple(made)
    worst = min(found, key=lambda row: WORST.index(row.verdict))
    agree = sum(row.verdict == "ok" for row in found)
    missing = len(composite.parts) - sum(part.name in rows for part in composite.parts)
    note = f"{agree} of {len(found)} agree" + (f", {missing} parts to come" if missing else "")
    if worst.verdict in BAD:
        note += f"; {worst.node}, {worst.row}" + (f": {worst.note}" if worst.note else "")
    return (*made, replace(worst, node=composite.result.name, op=composite.kind, row="parts", note=note))
