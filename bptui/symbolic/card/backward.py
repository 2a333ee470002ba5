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
from bptui.model.base.numbers import concealed
from bptui.model.base.spans import Line, Span, bold, line, merge
from bptui.model.base.types import Array, Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.composites import CompositeRow, passing
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording, required
from bptui.model.engine.rounding import settled
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.choice import Choice
from bptui.symbolic.card.conventions import convention
from bptui.symbolic.card.derived import derived, winners
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.names import UPSTREAM, gradient, local, title
from bptui.symbolic.card.products import Products
from bptui.symbolic.card.sparsity import support
from bptui.symbolic.card.specialize import definition_at, rule_at
from bptui.symbolic.card.table import Terms, expand, took_part
from bptui.symbolic.card.written import definition_fact, element_span, kind_fact, names_of, rounding, with_numbers
from bptui.symbolic.facts import (
    Card,
    Contributions,
    Equation,
    Fact,
    Formula,
    Note,
    Operand,
    Table,
    sentence,
)  # fmt: skip
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, number, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Failure, Rule


class Backward:
    """The contribution of `node` to element `element` of its input at position `wrt`: how it is written."""

    def __init__(
        self, state: State, node: Node, wrt: int, element: Index, rule: Rule | Failure | None, form: Form
    ) -> None:
        self.state, self.recording, self.node, self.wrt, self.element = state, state.recording, node, wrt, element
        self.derivation, self.rule = rule, rule if isinstance(rule, Rule) else None
        self.form, self.unicode = form, form.unicode
        self.reading = BoundDefinition(self.recording, node)
        self.source = self.recording.graph.nodes[node.inputs[wrt]]
        self.names = names_of(self.recording.graph, self.reading, self.unicode, rule)
        self.name = self.reading.op.input_names[wrt]
        self.out, self.symbol = self.names.symbol(self.reading.output), self.names.symbol(self.name)
        self.single = self.reading.bare and self.source.shape == node.shape

    def card(self) -> Card:
        """All that is to be said of it."""
        state, node, reading, element = self.state, self.node, self.reading, self.element
        down, upstream = _contribution(state, node, self.wrt), self.recording.grad(node)
        equation: Equation | None = None
        products: Table | None = None
        terms: Tree | None = None
        facts: list[Fact] = []
        if 0 in self.source.shape:
            down = None
            facts.append(sentence("absent", "gradient", ("no elements", "dim")))
        elif upstream is not None and state.gradient(node).final and _written(state, node, self.wrt):
            down = required(down, f"what {node.name} contributes")
            here = float(down[element])
            if self.single:
                equation = self.equation(here)
                terms = t.Mul((t.Element(UPSTREAM, ()), self.rule.local)) if self.rule is not None else None
            elif self.rule is not None:
                made, terms = self.table(self.rule, here)
                equation, products = (made, None) if isinstance(made, Equation) else (None, made)
            if equation is None and products is None:
                left = gradient(self.symbol.text + numbers.index(element), self.unicode)
                facts.append(Fact("element", "gradient", (left,), result=(Span(number(here), "gradient"),)))
                if self.rule is not None:
                    found = support(reading, self.rule, element)
                    if found is not None and not len(found[1]):
                        facts.append(sentence("unread", "", *_unread(self.names, reading, self.rule)))
            exact = _passed(self.recording, node, self.wrt)
            if exact is not None and exact[element] and not here:
                facts.append(rounding(Span(number(float(exact[element])), "gradient")))
            facts += kind_fact(self.source)
            facts += convention(reading, element if self.single else _output_of(reading, self.name, element))
        else:
            facts.append(sentence("absent", "gradient", ("not yet", "dim")))
        rules = derived(reading, self.names, self.name, self.derivation, self.form.raw, self.unicode)
        return Card(
            title=title(self.recording.graph, node),
            shape=numbers.shape(node.shape)
            if self.single
            else f"{self.symbol.text} {numbers.shape(self.source.shape)}",
            element=numbers.index(element),
            rules=(definition_fact(reading, self.names, self.unicode), *rules),
            equation=equation,
            table=products,
            facts=tuple(facts),
            checks=self.form.checks,
            pending=self.derivation is None,
            formulas=self.formulas(terms, down),
            phase="backward",
            node=node.name,
            input=self.source.name,
            position=self.wrt,
            inputs=self.recording.graph.passed_to(node),
        )

    def formulas(self, terms: Tree | None, down: Array | None) -> tuple[Formula, ...]:
        """What the card says, as formulas: definition, local derivative, VJP, and the element with its numbers."""
        reading, rule = self.reading, self.rule
        last = reading.statements[-1:]
        result = [Formula("definition", s.target, definition_at(reading, s.value), self.names) for s in last]
        if rule is None:
            return tuple(result)
        whole = f"{UPSTREAM}_{self.name}"
        arriving, leaving = (gradient(symbol.text, self.unicode) for symbol in (self.out, self.symbol))
        shown = {**self.names.symbols, UPSTREAM: arriving, whole: leaving}
        scalars = frozenset(name for name in shown if not np.shape(reading.arrays.get(name, 0.0)))
        bare = self.names.bare | {UPSTREAM, whole} if reading.bare else self.names.bare
        own = Names(shown, self.names.letters, bare if self.single or not reading.bare else scalars)
        q, at = tuple(t.Name(i) for i in rule.q), tuple(t.integer(i) for i in self.element)
        partial = t.Partial(t.Element(reading.output, tuple(t.Name(i) for i in rule.out)), t.Element(self.name, q))
        local_, vjp = self.rules(rule)
        result += [Formula("local", partial, local_, own), *winners(own, rule)]
        if not reading.bare:
            result.append(Formula("gradient", t.Element(whole, q), vjp, own))
        if terms is not None and down is not None:
            filled = with_numbers(own, reading.at(self.element) if self.single else None, reading)
            value = float(down[self.element])

            def fill() -> Tree:
                arrays, size = reading.rule_numbers(rule)
                return reading.folded(terms, {}, {**arrays, **size})

            made = None if self.single else fill
            result.append(Formula("chain rule", t.Element(whole, at), terms, own, filled, value, reading.eps, made))
        return tuple(result)

    def rules(self, rule: Rule) -> tuple[Tree, Tree]:
        """The local derivative and the VJP, as SymPy gave them where that is asked for."""
        if self.form.raw:
            return rule.raw, rule.vjp
        return rule_at(self.reading, rule, rule.local), rule_at(self.reading, rule, rule.vjp)

    def equation(self, down: float) -> Equation:
        """upstream × local = downstream, of one output element."""
        reading, names, rule = self.reading, self.names, self.rule
        scalars = reading.at(self.element)
        value: float | None = None
        note = Note()
        at_values: tuple[tuple[Span, float], ...] = ()
        if rule is not None:
            value = float(evaluate(rule.local, scalars, {}, reading.size))
            chosen = reading.resolve(rule.local, {}, scalars)
            at_values = _made_of(names, rule.local, scalars)
            if isinstance(chosen, t.Number | t.Name):
                note = _since(Choice(reading, names, scalars, self.unicode).since(rule.local))
            else:
                note = _filled(to_spans(chosen, with_numbers(names, scalars, reading), self.unicode))
        left, right = ((gradient(symbol.text, self.unicode),) for symbol in (self.out, self.symbol))
        up = float(np.asarray(reading.arrays[UPSTREAM])[self.element])
        marks = left, local(self.out, self.symbol, self.unicode), right
        return replace(self.columns(marks, (up, value, down), note), at=at_values)

    def columns(
        self, symbols: tuple[Line, Line, Line], values: tuple[float, float | None, float], note: Note
    ) -> Equation:
        """upstream × local = downstream, with where it comes from and goes to."""
        up, value, down = values
        if concealed(up) or concealed(value):
            down = numbers.CONCEALED  # it follows from these
        value, note = _taken(self.reading, up, value, down, note)
        contributions = progress(self.state, self.source, self.node)
        left, middle, right = symbols
        end = "contribution to" if contributions.total > 1 else "downstream"
        return Equation(
            Operand("upstream", bold(left), up, _origin(self.state, self.node)),
            Operand("local", tuple(Span(s.text, "text bold") for s in middle), value, note),
            Operand(end, bold(right), down, _towards("to ", self.source.name)),
            contributions,
        )

    def table(self, rule: Rule, down: float) -> tuple[Table | Equation | None, Tree | None]:
        """Σ over the outputs that read the element, of ∂L/∂output × ∂output/∂element; an Equation where it is only one.
        And the same written out as a formula."""
        reading, names = self.reading, self.names
        found = support(reading, rule, self.element)
        if found is None or not len(found[1]):
            return None, None
        places, values = found
        arrived = np.asarray(reading.arrays[UPSTREAM], float)
        upstream = arrived[places] if self.node.shape else arrived.reshape(1)
        alone = len(values) == 1
        if not alone:
            kept = took_part((upstream, values), down)
            if not kept.any():
                return None, None
            upstream, values, places = upstream[kept], values[kept], tuple(axis[kept] for axis in places)
        products = Products(reading, names, rule, self.element, places, self.unicode)
        result = (element_span(Names({self.name: gradient(self.symbol.text, self.unicode)}), self.name, self.element),)
        if alone:
            tree = products.derivative(0)
            arrays, size = reading.rule_numbers(rule)
            plain_name = isinstance(tree, t.Name | t.Element)  # its number stands above already
            shown = names if plain_name else with_numbers(names, reading=reading)
            filled = to_spans(tree if plain_name else reading.folded(tree, {}, {**arrays, **size}), shown, self.unicode)
            note = Note() if isinstance(tree, t.Number) else _filled(filled)
            marks = products.upstream(products.place(0)), local(self.out, self.symbol, self.unicode), result
            return self.columns(marks, (float(upstream[0]), float(values[0]), down), note), products.term(0)
        heads, contributions = products.heads(), progress(self.state, self.source, self.node)
        shown_factors = len(heads.factors)
        made = Terms(
            result, down, [upstream, values][:shown_factors], products.label,
            lambda n: products.symbols(n)[:shown_factors], heads,
            contributions=contributions if contributions.total > 1 else None, eps=reading.eps,
        )  # fmt: skip
        return made.table(self.form.rows), expand(products.term, len(values), self.form.rows)


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


# ------------------------------------------------------------------------------------------------------- equation
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
    known = value is None or not math.isnan(value) or concealed(value)
    known |= not math.isfinite(up) or not math.isfinite(down)
    if known:
        return value, note
    taken = down / up if up else 0.0
    return taken, Note((merge([*note.full, Span(f", taken as {number(taken)}", "kink")]),))


def _made_of(names: Names, tree: Tree, scalars: Mapping[str, Any]) -> tuple[tuple[Span, float], ...]:
    """Symbol and number of everything that a derivative is made of."""
    leaves = dict.fromkeys(part.name for part in t.walk(tree) if isinstance(part, t.Name) and part.name in scalars)
    return tuple((names.symbol(name), float(scalars[name])) for name in leaves)


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
