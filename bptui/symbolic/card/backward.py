"""The card of a backward Moment: how one node passes the gradient on to one element of one of its inputs.

One output element reads it: an equation, upstream × local = downstream. Several do: a table with one such product
per output element, which the selected element feeds, and their sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line, merge
from bptui.model.base.types import Array
from bptui.model.debugger.locations import fit
from bptui.model.engine.composites import CompositeRow, passing
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.rounding import settled
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import BoundDefinition, Index
from bptui.symbolic.card.conventions import convention
from bptui.symbolic.card.derived import derived, winners
from bptui.symbolic.card.forward import definition_fact, element_span, names_of, rounding, since, with_numbers
from bptui.symbolic.card.names import UPSTREAM, gradient, local, title
from bptui.symbolic.card.sparsity import held, settle, support
from bptui.symbolic.card.specialize import definition_at, rule_at
from bptui.symbolic.card.table import expand, table
from bptui.symbolic.facts import (
    Card,
    Contributions,
    Equation,
    Fact,
    Formula,
    Heads,
    Note,
    Operand,
    Table,
    sentence,
)  # fmt: skip
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, number, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import CheckRow, Failure, Rule

_SHORT = 30
"""Cells that a local derivative may take in a column of a table; a longer one is written `∂y[0,2]/∂x[0,1]`."""


def backward(
    state: State,
    node: Node,
    wrt: int,
    element: Index,
    rule: Rule | Failure | None,
    raw: bool,
    unicode: bool,
    rows: int,
    checks: tuple[CheckRow, ...],
) -> Card:
    """The contribution of `node` to element `element` of its input at position `wrt`."""
    recording = state.recording
    graph, reading = recording.graph, BoundDefinition(recording, node)
    source = graph.nodes[node.inputs[wrt]]
    names = names_of(graph, reading, unicode, rule)
    name = reading.op.input_names[wrt]
    known = rule if isinstance(rule, Rule) else None
    down, upstream = _contribution(state, node, wrt), recording.grad(node)
    single = reading.op.elementwise and not reading.letters and source.shape == node.shape
    single_row: Equation | None = None
    terms: Tree | None = None
    products: Table | None = None
    facts: list[Fact] = []
    visible = upstream is not None and state.gradient(node).final and _written(state, node, wrt)
    if 0 in source.shape:
        down = None
        facts.append(sentence("absent", "gradient", ("no elements", "dim")))
    elif visible and upstream is not None:
        down = required(down, f"what {node.name} contributes")
        if single:
            single_row = _equation(state, reading, names, wrt, element, known, float(down[element]), unicode)
            terms = t.Mul((t.Element(UPSTREAM, ()), known.local)) if known is not None else None
        elif known is not None:
            made, terms = _table(state, reading, names, wrt, element, known, float(down[element]), unicode, rows)
            single_row, products = (made, None) if isinstance(made, Equation) else (None, made)
        if single_row is None and products is None:
            here = gradient(names.symbol(name).text + numbers.index(element), unicode)
            result = (Span(number(float(down[element])), "gradient"),)
            facts.append(Fact("element", "gradient", (here,), result=result))
            if known is not None and (found := support(reading, known, element)) is not None and not len(found[1]):
                facts.append(sentence("unread", "", *_unread(names, reading, known)))
        exact = _passed(recording, node, wrt)
        facts += _is_rounding(0.0 if exact is None else float(exact[element]), float(down[element]))
        facts += convention(reading, element if single else _output_of(reading, name, element))
    else:
        facts.append(sentence("absent", "gradient", ("not yet", "dim")))
    wanted = tuple(p for p, i in enumerate(node.inputs) if reading.op.differentiable(p) and graph.nodes[i].wants_grad)
    return Card(
        title=title(graph, node),
        shape=numbers.shape(node.shape) if single else f"{names.symbol(name).text} {numbers.shape(source.shape)}",
        element=numbers.index(element),
        rules=(definition_fact(reading, names, unicode), *derived(reading, names, name, rule, raw, unicode)),
        equation=single_row,
        table=products,
        facts=tuple(facts),
        checks=checks,
        pending=rule is None,
        formulas=_formulas(reading, names, name, element, known, raw, terms, down, unicode),
        phase="backward",
        node=node.name,
        input=source.name,
        position=wrt,
        inputs=wanted,
    )


def _formulas(
    reading: BoundDefinition,
    names: Names,
    name: str,
    element: Index,
    rule: Rule | None,
    raw: bool,
    terms: Tree | None,
    down: Array | None,
    unicode: bool,
) -> tuple[Formula, ...]:
    """What the card says, as formulas: definition, local derivative, VJP, and the element with its numbers."""
    result = [Formula("definition", s.target, definition_at(reading, s.value), names) for s in reading.statements[-1:]]
    if rule is None:
        return tuple(result)
    whole, out = f"{UPSTREAM}_{name}", names.symbol(reading.output)
    shown = {**names.symbols, UPSTREAM: gradient(out.text, unicode), whole: gradient(names.symbol(name).text, unicode)}
    bare = reading.op.elementwise and not reading.letters
    own = Names(shown, names.letters, names.bare | ({UPSTREAM, whole} if bare else frozenset()))
    q, at = tuple(t.Name(i) for i in rule.q), tuple(t.integer(i) for i in element)
    partial = t.Partial(t.Element(reading.output, tuple(t.Name(i) for i in rule.out)), t.Element(name, q))
    result.append(Formula("local", partial, rule.raw if raw else rule_at(reading, rule, rule.local), own))
    result += winners(own, rule)
    if not bare:
        result.append(
            Formula("gradient", t.Element(whole, q), rule.vjp if raw else rule_at(reading, rule, rule.vjp), own)
        )
    if terms is not None and down is not None:
        scalars = reading.at(element) if bare and np.shape(reading.arrays[name]) == reading.node.shape else None
        filled = with_numbers(own, scalars, reading)
        result.append(Formula("chain rule", t.Element(whole, at), terms, own, filled, float(down[element])))
    return tuple(result)


def _output_of(reading: BoundDefinition, name: str, element: Index) -> Index:
    """The element of the output that an element of an input goes to, where the definition says it in one place."""
    letters = reading.letters
    for part in t.walk(tuple(s.value for s in reading.statements)):
        if isinstance(part, t.Element) and part.base == name and len(part.index) == len(element):
            at = {i.name: n for i, n in zip(part.index, element, strict=True) if isinstance(i, t.Name)}
            target = reading.statements[-1].target
            if isinstance(target, t.Element) and all(letter in at for letter in letters):
                return tuple(at[i.name] if isinstance(i, t.Name) else 0 for i in target.index)
    return fit((), reading.node.shape)


def _written(state: State, node: Node, wrt: int) -> bool:
    """Is this contribution in?"""
    place = state.timeline.index(state.moment)
    own = passing(state.timeline.arrivals(node.inputs[wrt]), node, wrt)
    return bool(own) and all(arrival.place <= place for arrival in own)


def _unread(names: Names, reading: BoundDefinition, rule: Rule) -> Line:
    """Why a gradient is 0 without a single product."""
    out = names.symbol(reading.output)
    of = {winner.kind: {"max": "maximum", "min": "minimum"}[winner.kind] for winner in rule.winners}
    why = f"it is nowhere the first {' or '.join(of.values())}: " if of else ""
    if not reading.node.shape:
        return merge([Span(why), out, Span(" does not depend on it", "dim")])
    return merge([Span(f"{why}no element of ", "dim"), out, Span(" depends on it", "dim")])


def _contribution(state: State, node: Node, wrt: int) -> Array | None:
    """As it is shown: 0 where it is nothing but rounding."""
    recording = state.recording
    return settled(recording, _passed(recording, node, wrt), lambda other: _passed(other, node, wrt))


def _passed(recording: Recording, node: Node, wrt: int) -> Array | None:
    parts = passing(recording.contributions(node.inputs[wrt]), node, wrt)
    found = [part.array for part in parts if part.array is not None]
    return found[0] if len(found) == 1 else np.sum(found, axis=0) if found else None


def _is_rounding(down: float, shown: float) -> list[Fact]:
    """What is said of a gradient that is nothing but rounding."""
    return [rounding(Span(number(down), "gradient"))] if down and not shown else []


# ------------------------------------------------------------------------------------------------------- equation
def _equation(
    state: State,
    reading: BoundDefinition,
    names: Names,
    wrt: int,
    at: Index,
    rule: Rule | None,
    down: float,
    unicode: bool,
) -> Equation:
    graph, node = state.recording.graph, reading.node
    source = graph.nodes[node.inputs[wrt]]
    out, name = names.symbol(reading.output), reading.op.input_names[wrt]
    scalars = reading.at(at)
    value: float | None = None
    note = Note()
    at_values: tuple[tuple[Span, float], ...] = ()
    if rule is not None:
        value = float(evaluate(rule.local, scalars, {}, reading.size))
        chosen = reading.resolve(rule.local, {}, scalars)
        at_values = _made_of(names, rule.local, scalars)
        if isinstance(chosen, t.Number | t.Name):
            note = _since(since(reading, names, rule.local, scalars, unicode))
        else:
            note = _filled(to_spans(chosen, with_numbers(names, scalars, reading), unicode))
    out_symbol, in_symbol = gradient(out.text, unicode), gradient(names.symbol(name).text, unicode)
    marks = ((out_symbol,), local(out, names.symbol(name), unicode), (in_symbol,))
    up = float(np.asarray(reading.arrays[UPSTREAM])[at])
    value, note = _taken(reading, up, value, down, note)
    return replace(equation(state, reading, marks, (up, value, down), note, source), at=at_values)


def _since(reason: Line) -> Note:
    """`  since 0.2795 > 0`, or the reason alone."""
    return Note(((Span("  since "), *reason), reason)) if reason else Note()


def _filled(written: Line) -> Note:
    """`0.5100·(1 - 0.5100)`; where there is one number in it, `at 0.5100`."""
    inside = list(dict.fromkeys(span for span in written if set(span.style.split()) & {"value", "parameter"}))
    others = any("." in span.text for span in written if span not in inside)
    return Note((written, (Span("at ", "dim"), inside[0])) if len(inside) == 1 and not others else (written,))


def _taken(
    reading: BoundDefinition, up: float, value: float | None, down: float, note: Note
) -> tuple[float | None, Note]:
    """The local derivative and its note; where it is 0/0 and the operation has a convention, what is taken for it."""
    known = value is None or not math.isnan(value) or not math.isfinite(up) or not math.isfinite(down)
    if known or not reading.op.convention:
        return value, note
    taken = down / up if up else 0.0
    return taken, Note((merge([*note.full, Span(f", taken as {number(taken)}", "kink")]),))


def _made_of(names: Names, tree: Tree, scalars: Mapping[str, Any]) -> tuple[tuple[Span, float], ...]:
    """Symbol and number of everything that a derivative is made of."""
    leaves = dict.fromkeys(part.name for part in t.walk(tree) if isinstance(part, t.Name) and part.name in scalars)
    return tuple((names.symbol(name), float(scalars[name])) for name in leaves)


def equation(
    state: State,
    reading: BoundDefinition,
    symbols: tuple[Line, Line, Line],
    values: tuple[float, float | None, float],
    note: Note,
    source: Node,
) -> Equation:
    """upstream × local = downstream, with where it comes from and goes to."""
    contributions = progress(state, source, reading.node)
    left, middle, right = symbols
    up, value, down = values
    end = "contribution to" if contributions.total > 1 else "downstream"
    return Equation(
        Operand("upstream", tuple(_bold(s) for s in left), up, _origin(state, reading.node)),
        Operand("local", tuple(Span(s.text, "text bold") for s in middle), value, note),
        Operand(end, tuple(_bold(s) for s in right), down, _towards("to ", source.name)),
        contributions,
    )


def _bold(span: Span) -> Span:
    """The same, heavier."""
    return Span(span.text, f"{span.style} bold")


def progress(state: State, source: Node, node: Node) -> Contributions:
    """Contributions that are in, and how many there will be, as `node` counts them: where it is a composite, what all
    parts of one add is one contribution."""
    found = state.gradient(source)
    if not isinstance(node.op, CompositeRow):
        return Contributions(found.arrived, found.total)
    nodes, last = state.recording.graph.nodes, {}
    for n, arrival in enumerate(state.timeline.arrivals(source.id)):
        last[nodes[arrival.consumer].composite or arrival.consumer] = n
    return Contributions(sum(n < found.arrived for n in last.values()), len(last))


def _origin(state: State, node: Node) -> Note:
    """Where the upstream gradient came from."""
    graph = state.recording.graph
    if node.id == graph.loss:
        return Note((line(("the seed", "dim")),))
    readers = list(dict.fromkeys(consumer for consumer, _ in graph.consumers[node.id]))
    return _towards("from ", graph.nodes[readers[0]].name if len(readers) == 1 else f"{len(readers)} nodes")


def _towards(word: str, name: str) -> Note:
    """`from layer2.z`, or the name alone."""
    return Note((line((word + name, "dim")), line((name, "dim"))))


# ---------------------------------------------------------------------------------------------------------- table
def _placed(tree: Tree, reading: BoundDefinition, out: tuple[str, ...]) -> Tree:
    """An elementwise formula with the indices of the output's element: `x[i,0]` where it is stretched along j."""

    def change(part: Tree) -> Tree | None:
        shape = np.shape(reading.arrays.get(part.name, 0.0)) if isinstance(part, t.Name) else ()
        if not isinstance(part, t.Name) or not shape:
            return None
        letters = out[len(out) - len(shape) :]
        index = (t.integer(0) if n == 1 else t.Name(i) for n, i in zip(shape, letters, strict=True))
        return t.Element(part.name, tuple(index))

    return t.rebuild(tree, change)


class _Products:
    """∂L/∂output × ∂output/∂element for each output that reads the element `q` of an input: how each is written."""

    def __init__(
        self,
        reading: BoundDefinition,
        names: Names,
        wrt: int,
        q: Index,
        rule: Rule,
        places: tuple[Array, ...],
        unicode: bool,
    ) -> None:
        self.reading, self.names, self.q, self.rule, self.unicode = reading, names, q, rule, unicode
        self.places, self.at_q = places, dict(zip(rule.q, q, strict=True))
        self.out, self.symbol = names.symbol(reading.output), names.symbol(reading.op.input_names[wrt])
        self.bare = reading.op.elementwise and not reading.letters
        self.local = rule.local if self.bare else held(rule.local)  # every row is one where its conditions hold
        found = zip(rule.out, places, strict=True)
        self.fixed = {letter: int(axis[0]) for letter, axis in found if axis.size and (axis == axis[0]).all()}
        self.varying = [letter for letter in rule.out if letter not in self.fixed]

    def place(self, n: int) -> dict[str, int]:
        """The n-th output's index, by its letters."""
        return {letter: int(axis[n]) for letter, axis in zip(self.rule.out, self.places, strict=True)}

    def label(self, n: int) -> str:
        """The indices that are not the same in all rows."""
        return ",".join(str(self.place(n)[letter]) for letter in self.varying)

    def upstream(self, at: Mapping[str, int]) -> Line:
        """`∂L/∂y[i,2]`, as far as the index is known."""
        index = tuple(t.integer(at[i]) if i in at else t.Name(i) for i in self.rule.out)
        names = Names({**self.names.symbols, UPSTREAM: gradient(self.out.text, self.unicode)}, self.names.letters)
        return to_spans(t.Element(UPSTREAM, index), names, self.unicode)

    def factor_tree(self, at: Mapping[str, int]) -> Tree:
        """The local derivative with its indices put in, as far as they are known."""
        placed = _placed(self.local, self.reading, self.rule.out) if self.bare else self.local
        return settle(t.substitute(placed, {**self.at_q, **at}))

    def factor(self, at: Mapping[str, int]) -> Line:
        """The local derivative; a long one as `∂y[0,2]/∂x[0,1]`."""
        full = Names(self.names.symbols, self.names.letters) if self.bare else self.names
        spans = to_spans(self.factor_tree(at), full, self.unicode)
        if sum(len(s.text) for s in spans) <= _SHORT:
            return spans
        shown = [str(at.get(letter, self.names.symbol(letter).text)) for letter in self.rule.out]
        where = f"[{','.join(shown)}]" if shown else ""
        return local(self.out, self.symbol, self.unicode, where, numbers.index(self.q))

    def heads(self) -> Heads:
        """What all rows have in common: of a local derivative that is 1 no column; in brackets where it is a sum or a
        choice."""
        index = ",".join(self.names.symbol(i).text for i in self.varying)
        tree, arriving = self.factor_tree(self.fixed), self.upstream(self.fixed)
        if tree == t.integer(1):
            return Heads(index, (arriving,), arriving)
        factor = self.factor(self.fixed)
        loose = isinstance(tree, t.Add | t.IfElse) and sum(len(s.text) for s in factor) <= _SHORT
        inside = (Span("("), *factor, Span(")")) if loose else factor
        return Heads(index, (arriving, factor), (*arriving, Span("·" if self.unicode else "*", "dim"), *inside))

    def symbols(self, n: int) -> tuple[Line, ...]:
        """Both factors of a row."""
        return self.upstream(self.place(n)), self.factor(self.place(n))

    def derivative(self, n: int) -> Tree:
        """The local derivative of a row, with its indices put in."""
        return settle(t.substitute(self.local, {**self.at_q, **self.place(n)}))

    def term(self, n: int) -> Tree:
        """A row as a formula."""
        place = self.place(n)
        arriving = t.Element(UPSTREAM, tuple(t.integer(place[i]) for i in self.rule.out))
        factor = self.local if self.bare else self.derivative(n)
        return arriving if factor == t.integer(1) else t.Mul((arriving, factor))


def _table(
    state: State,
    reading: BoundDefinition,
    names: Names,
    wrt: int,
    q: Index,
    rule: Rule,
    down: float,
    unicode: bool,
    rows: int,
) -> tuple[Table | Equation | None, Tree | None]:
    """Σ over the outputs that read the element, of ∂L/∂output × ∂output/∂element; an Equation where it is only one.
    And the same written out as a formula."""
    node, source = reading.node, reading.inputs[wrt]
    found = support(reading, rule, q)
    if found is None or not len(found[1]):
        return None, None
    places, values = found
    arrived = np.asarray(reading.arrays[UPSTREAM], float)
    upstream = arrived[places] if node.shape else arrived.reshape(1)
    products, name = _Products(reading, names, wrt, q, rule, places, unicode), reading.op.input_names[wrt]
    result = (element_span(Names({name: gradient(names.symbol(name).text, unicode)}), name, q),)
    if len(values) == 1:
        tree = products.derivative(0)
        arrays, size = reading.rule_numbers(rule)
        plain_name = isinstance(tree, t.Name | t.Element)  # its number stands above already
        shown = names if plain_name else with_numbers(names, reading=reading)
        written = to_spans(tree if plain_name else reading.folded(tree, {}, {**arrays, **size}), shown, unicode)
        note = Note() if isinstance(tree, t.Number) else _filled(written)
        up = float(upstream[0])
        value, note = _taken(reading, up, float(values[0]), down, note)
        marks = (products.upstream(products.place(0)), local(products.out, products.symbol, unicode), result)
        return equation(state, reading, marks, (up, value, down), note, source), products.term(0)
    heads, contributions = products.heads(), progress(state, source, node)
    shown_factors = len(heads.factors)
    made = table(
        result, down, [upstream, values][:shown_factors], products.label,
        lambda n: products.symbols(n)[:shown_factors], heads, rows,
        contributions=contributions if contributions.total > 1 else None,
    )  # fmt: skip
    return made, expand(products.term, len(values), rows)
