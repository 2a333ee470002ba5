"""A definition and its equations as a card writes them: in names, or with the numbers in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bptui.model.base import numbers
from bptui.model.base.spans import Span, plain
from bptui.model.base.types import Index
from bptui.model.engine.graph import Graph, Node
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.names import letters, symbols
from bptui.symbolic.card.specialize import definition_at
from bptui.symbolic.facts import Fact, sentence
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names, Setting, sides
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.formula.worked import Worked
from bptui.symbolic.types import Failure, Rule


def names_of(graph: Graph, reading: BoundDefinition, unicode: bool, rule: Rule | Failure | None = None) -> Names:
    """How the definition of a node (and a rule derived from it) is shown: its symbols; without indices where it is
    written so."""
    found = dict(symbols(graph, reading.node, unicode))
    found[reading.output] = found["y"]
    bare = frozenset(found) if reading.bare else frozenset()
    scalars = frozenset(n for n, i in zip(reading.op.input_names, reading.inputs, strict=False) if i.shape == ())
    trees: list[Tree] = [part for s in reading.statements for part in (s.target, s.value)]
    known = {**found, **{name: Span(name) for name in reading.node.attributes}}
    if isinstance(rule, Rule):
        told = letters(known, [*trees, rule.local, rule.raw, rule.vjp], rule.out, rule.q)
    else:
        told = letters(known, trees)
    return Names(found, told, bare | scalars)


def definition_fact(reading: BoundDefinition, names: Names, unicode: bool) -> Fact:
    """The definition in its author's form with the node's symbols; the text itself where it is not in the notation."""
    if not reading.statements:
        return sentence("definition", "definition", reading.op.define(reading.signature))
    left, right = sides(at_sizes(reading), names, unicode)
    return Fact("definition", "definition", left, (right,))


def at_sizes(reading: BoundDefinition) -> list[t.Statement]:
    """The statements of a definition as they are at these shapes."""
    return [t.Statement(s.target, definition_at(reading, s.value)) for s in reading.statements]


def with_numbers(
    names: Names, scalars: Mapping[str, Any] | None = None, reading: BoundDefinition | None = None
) -> Names:
    """The same names with numbers in their place: `scalars` by bare name, or a reading's elements."""

    def of(base: str, place: Index | None) -> float | str | None:
        if scalars is None:
            return reading.number(base, place) if reading is not None else None
        value = scalars.get(base)
        if value is None or isinstance(value, str):
            return value
        setting = reading is not None and base in reading.node.attributes
        return Setting(value) if setting or isinstance(value, Setting) else float(value)

    return Names(names.symbols, names.letters, names.bare, of)


def with_numbers_in(told: Fact, made: Worked, unicode: bool) -> Fact:
    """The equation with its numbers as one side more, unless the number is all that this says; and with its result."""
    filled, result = made.spans(unicode), (Span(made.result, told.result[0].style),)
    if plain(filled) == made.result:
        return replace(told, result=result)
    return replace(told, sides=(*told.sides, filled), result=result, sign=made.mark(unicode).text.strip())


def element_span(names: Names, base: str, place: Index) -> Span:
    """`a[0,0]` as one span."""
    shown = names.symbol(base)
    return Span(shown.text + numbers.index(place), shown.style)


def rounding(number: Span) -> Fact:
    """What is said of a number that has no correct digit, and is shown as 0."""
    return sentence("rounding", "rounding", number, (" is nothing but rounding: 0", "dim"))


def kind_fact(node: Node) -> list[Fact]:
    """What is said of numbers that are rounded to another kind than the program's; a cast's definition says it."""
    if not node.kind or (node.op is not None and node.op.name == "cast"):
        return []
    return [sentence("rounding", "kind", node.kind, (": what is computed is rounded to it", "dim"))]
