"""The card of a forward Moment: the definition, and the selected element with its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.numbers import concealed
from bptui.model.base.spans import Line, Span, line, merge, plain
from bptui.model.base.types import Index
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import kept_back
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.choice import Choice
from bptui.symbolic.card.conventions import convention
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.names import kind, title
from bptui.symbolic.card.specialize import definition_at
from bptui.symbolic.card.table import Terms, expand, took_part
from bptui.symbolic.card.written import (
    definition_fact,
    element_span,
    kind_fact,
    names_of,
    rounding,
    with_numbers,
    with_numbers_in,
)
from bptui.symbolic.facts import Card, Fact, Formula, Heads, Table, sentence
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, number, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.formula.worked import worked

MAX_FACTORS = 8
"""Factors of a product that are written out."""
_WINDOW = 9
"""Numbers that a maximum is written out of."""


def forward(state: State, node: Node, element: Index, form: Form) -> Card:
    """`node` has an op; where its value has not been computed yet, the card has no numbers."""
    unicode = form.unicode
    graph, reading = state.recording.graph, BoundDefinition(state.recording, node)
    names = names_of(graph, reading, unicode)
    shown = state.value(node) is not None
    facts: list[Fact] = []
    sum_table: Table | None = None
    formulas: list[Formula] = [
        Formula("definition", s.target, definition_at(reading, s.value), names) for s in reading.statements[-1:]
    ]
    if shown and 0 in node.shape:
        facts.append(sentence("absent", "value", ("no elements", "dim")))
    elif reading.statements and shown:
        sum_table, terms = _sum(reading, names, element, form)
        formulas.append(_formula(reading, names, element, terms))
        if sum_table is None:
            facts.append(_element(reading, names, element, unicode))
        exact, seen = state.recording.value(node), np.asarray(reading.arrays[reading.output])
        if exact is not None and exact.size and exact[element] and not seen[element]:
            facts.append(rounding(Span(number(float(exact[element])), "value")))
        elif exact is not None and not exact[element] and _underflows(reading, element):
            least = numbers.significant(float(np.finfo(exact.dtype).smallest_subnormal), 2)
            facts.append(
                sentence("rounding", "underflow", f"above 0, but below {least}, the least that {exact.dtype} has")
            )
        facts += [*kind_fact(node), *convention(reading, element)]
        facts += _next(state, graph, node, element, unicode)
    elif not shown:
        facts.append(sentence("absent", "value", ("not yet", "dim")))
    return Card(
        title=title(graph, node),
        shape=numbers.shape(node.shape),
        element=numbers.index(element),
        rules=(definition_fact(reading, names, unicode),),
        table=sum_table,
        facts=tuple(facts),
        checks=form.checks,
        formulas=tuple(formulas),
        node=node.name,
    )


def _underflows(reading: BoundDefinition, element: Index) -> bool:
    """Is the element above 0 by its definition, whatever its number is: an exponential, say?"""
    known, index = reading.numbers(element)
    helpers = {s.target.name: s.value for s in reading.statements[:-1] if isinstance(s.target, t.Name)}

    def positive(tree: Tree) -> bool:
        match tree:
            case t.Number(value):
                return value > 0
            case t.Call("exp", (exponent,)):
                return bool(np.isfinite(evaluate(exponent, known, {}, reading.size)))
            case t.Add(parts, minus):
                return not any(minus) and all(map(positive, parts))
            case t.Div(top, bottom, False):
                return positive(top) and positive(bottom)
            case t.Reduction("sum", t.Call("exp", _)):
                return True
            case t.Mul(parts):
                return all(map(positive, parts))
            case t.Name(name):
                return name in helpers and positive(helpers[name])
        return False

    return positive(reading.resolve(reading.statements[-1].value, index, known))


def _formula(reading: BoundDefinition, names: Names, element: Index, terms: Tree | None) -> Formula:
    """The selected element, written out."""
    body, value = reading.statements[-1].value, float(np.asarray(reading.arrays[reading.output])[element])
    left = t.Element(reading.output, tuple(t.integer(i) for i in element))
    if reading.bare:
        scalars = reading.at(element)
        tree = reading.resolve(body, {}, scalars)
        return Formula("element", left, tree, names, with_numbers(names, scalars, reading), value, reading.eps)
    index = reading.index(element)
    tree = terms if terms is not None else reading.resolve(body, index)

    def fill() -> Tree:
        return reading.folded(terms, {}) if terms else _factors(reading, body, index) or reading.folded(body, index)

    return Formula("element", left, tree, names, with_numbers(names, reading=reading), value, reading.eps, fill)


def _element(reading: BoundDefinition, names: Names, element: Index, unicode: bool) -> Fact:
    """`a[0,0] = 1/(1 + exp(-0.0400)) = 0.5100`; the formula, too, where that has its own indices."""
    value = float(np.asarray(reading.arrays[reading.output])[element])
    left = element_span(names, reading.output, element)
    told = Fact("element", "element", (left,), result=(Span(number(value), left.style),))
    body = reading.statements[-1].value
    if reading.bare:
        scalars = reading.at(element)
        tree = reading.resolve(body, {}, scalars)
        if concealed(value) and isinstance(body, t.IfElse) and isinstance(tree, t.Number | t.Name):
            choice = to_spans(body, with_numbers(names, scalars, reading), unicode)
            return replace(told, sides=(choice,))  # the branch that was taken would tell what it is
        told = replace(told, since=Choice(reading, names, scalars, unicode).since(body))
        if isinstance(tree, t.Number) or (isinstance(tree, t.Name) and tree.name in reading.node.attributes):
            return told
        return with_numbers_in(
            told, worked(tree, with_numbers(names, scalars, reading), value, eps=reading.eps), unicode
        )
    index = reading.index(element)
    resolved = reading.resolve(definition_at(reading, body), index)
    if concealed(value) and isinstance(body, t.IfElse) and isinstance(resolved, t.Number | t.Name):
        return told
    symbolic = to_spans(resolved, names, unicode)
    won = _winner(reading, body, index)
    if won is not None:
        base, place, among = won
        style, kind = names.symbol(base).style, body.kind if isinstance(body, t.Reduction) else ""
        if 1 < len(among) <= _WINDOW:
            listed = [s for n, x in enumerate(among) for s in ([Span(", ")] if n else []) + [Span(number(x), style)]]
            symbolic = merge([Span(f"{kind}("), *listed, Span(")")])
        winner = () if concealed(value) else ((element_span(names, base, place),),)
        return replace(told, sides=(symbolic, *winner))
    if plain(symbolic) == number(value):  # a definition that is a number
        return told
    told = replace(told, sides=(symbolic,))
    tree = _factors(reading, body, index) or reading.folded(body, index)
    if isinstance(tree, t.Name | t.Number) or (math.isfinite(value) and _undefined(tree)):
        return told
    return with_numbers_in(told, worked(tree, with_numbers(names, reading=reading), value, eps=reading.eps), unicode)


def _undefined(tree: Tree) -> bool:
    """Is a part of it no number, as 0·∞ is, which the operation leaves out?"""
    return any(isinstance(part, t.Number) and math.isnan(part.value) for part in t.walk(tree))


def _factors(reading: BoundDefinition, body: Tree, index: Mapping[str, int]) -> Tree | None:
    """A product over a few elements written out; None for anything else."""
    if not (isinstance(body, t.Reduction) and body.kind == "prod" and not body.conditions):
        return None
    cells = reading.cells(body, index)
    if not 1 < cells.count <= MAX_FACTORS:
        return None
    return t.Mul(tuple(reading.resolve(cells.reduction.body, cells.at(n)) for n in range(cells.count)))


def _winner(reading: BoundDefinition, body: Tree, index: Mapping[str, int]) -> tuple[str, Index, list[float]] | None:
    """The element that a `max(x[…] for …)` takes, the first among equals; and the numbers that it is taken from."""
    if not (isinstance(body, t.Reduction) and body.kind in ("max", "min") and isinstance(body.body, t.Element)):
        return None
    cells = reading.cells(body, index)
    best = cells.best()
    if best is None or kept_back(cells.chosen).any():
        return None
    place = reading.resolve(cells.reduction.body, cells.at(best))
    assert isinstance(place, t.Element)
    among = [float(x) for x in cells.chosen[~np.isinf(cells.chosen)][: _WINDOW + 1]]
    return place.base, tuple(int(i.value) for i in place.index if isinstance(i, t.Number)), among


# ----------------------------------------------------------------------------------------------------------- sums
def _sum(reading: BoundDefinition, names: Names, element: Index, form: Form) -> tuple[Table | None, Tree | None]:
    """The table of a definition that is a sum, perhaps with something added (a bias) or divided (a mean); and the same
    written out as a formula."""
    index, unicode = reading.index(element), form.unicode
    body = t.substitute(definition_at(reading, reading.statements[-1].value), index)
    reduction, after = _split(body)
    if reduction is None or reading.bare:
        return None, None
    cells = reading.cells(reduction, {})
    if not cells.fit:
        return None, None
    factors = reduction.body.factors if isinstance(reduction.body, t.Mul) else (reduction.body,)
    values = [cells.values(f).astype(float).reshape(-1) for f in factors]
    total = float(np.asarray(reading.arrays[reading.output])[element])
    places = np.flatnonzero(cells.kept)
    places = places[took_part([v[places] for v in values], total)]

    def place(n: int) -> dict[str, int]:
        return cells.at(int(places[n]))

    def symbolic(n: int) -> tuple[Line, ...]:
        return tuple(to_spans(reading.resolve(f, place(n)), names, unicode) for f in factors)

    def label(n: int) -> str:
        return ",".join(str(i) for i in place(n).values())

    known, size = reading.helped, reading.size
    steps = [(sign, _brief(tree, names, unicode), float(evaluate(tree, known, {}, size))) for sign, tree in after]
    heads = Heads(
        ",".join(names.symbol(r.index).text for r in reduction.ranges),
        tuple(to_spans(f, names, unicode) for f in factors),
        to_spans(reduction.body, names, unicode),
    )
    result = (element_span(names, reading.output, element),)
    made = Terms(result, total, [v[places] for v in values], label, symbolic, heads, steps, eps=reading.eps)
    return made.table(form.rows), expand(
        lambda n: reading.resolve(reduction.body, place(n)), len(places), form.rows, after
    )


def _brief(tree: Tree, names: Names, unicode: bool) -> Line:
    """What is done with a sum; of a sum of ones, that it counts; a number has no name."""
    if not any(isinstance(part, t.Name | t.Element | t.Reduction) for part in t.walk(tree)):
        return ()
    counts = isinstance(tree, t.Reduction) and tree.kind == "sum" and tree.body == t.integer(1)
    return line("number of terms") if counts else to_spans(tree, names, unicode)


def _split(body: Tree) -> tuple[t.Reduction | None, list[tuple[str, Tree]]]:
    """A sum, and what is done with it: [("+", b[3]), ("/", N)]."""
    if isinstance(body, t.Reduction):
        return (body, []) if body.kind == "sum" else (None, [])
    if isinstance(body, t.Div) and not body.floor:
        inner, after = _split(body.top)
        return inner, [*after, ("/", body.bottom)]
    if isinstance(body, t.Add):
        sums = [n for n, term in enumerate(body.terms) if isinstance(term, t.Reduction) and term.kind == "sum"]
        if len(sums) == 1 and not body.minus[sums[0]]:
            rest = [(n, term) for n, term in enumerate(body.terms) if n != sums[0]]
            reduction = body.terms[sums[0]]
            assert isinstance(reduction, t.Reduction)
            return reduction, [("-" if body.minus[n] else "+", term) for n, term in rest]
    return None, []


# ---------------------------------------------------------------------------------------------------------- hints
def _next(state: State, graph: Graph, node: Node, element: Index, unicode: bool) -> list[Fact]:
    """`relu clamps it: z[1,3] < 0, so a[1,3] will be 0`, from the definition of the only one that reads this node."""
    readers = [graph.nodes[i] for i in dict.fromkeys(consumer for consumer, _ in graph.consumers[node.id])]
    if len(readers) != 1 or readers[0].shape != node.shape or readers[0].op is None or not readers[0].op.elementwise:
        return []
    reading = BoundDefinition(state.recording, readers[0])
    body = reading.statements[-1].value if reading.statements else None
    if not isinstance(body, t.IfElse) or not isinstance(body.condition, t.Compare) or len(readers[0].inputs) != 1:
        return []
    known = dict(reading.at(element))
    chosen = body.yes if evaluate(body.condition, known, {}, reading.size) else body.no
    if not isinstance(chosen, t.Number):
        return []
    left, right = body.condition.left, body.condition.right
    names = names_of(graph, reading, unicode)
    sign = Choice(reading, names, known, unicode).stands(body.condition)
    if not isinstance(left, t.Name | t.Element) or not sign:
        return []
    at = numbers.index(element)
    own, made = names.symbol(reading.op.input_names[0]).text, names.symbol(reading.output).text
    said = [Span(f"{reading.op.name} clamps it: "), Span(own, kind(node)), Span(f"{at} {sign} ")]
    said += [*to_spans(right, names, unicode), Span(", so "), Span(made, "value"), Span(f"{at} will be ")]
    said += to_spans(chosen, names, unicode)
    return [sentence("next", "next", *merge(said))]
