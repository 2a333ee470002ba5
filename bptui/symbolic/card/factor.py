"""How a local derivative between two elements is written: `x[0]`, `W[0,3]`, `a·(1 - a)`, from the derived rule; and a
whole path of them as one line."""

from __future__ import annotations

from functools import lru_cache

from bptui.model.base.numbers import index, significant
from bptui.model.base.places import unravel
from bptui.model.base.spans import Line, Span, length, plain
from bptui.model.debugger.answers.paths import Edge, Path, Paths
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.moment import Rules
from bptui.symbolic.card.names import gradient, symbol
from bptui.symbolic.card.sparsity import held, settle
from bptui.symbolic.card.specialize import rule_at
from bptui.symbolic.card.written import names_of
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Rule

LONG = 30
"""Cells of a factor in the line of a whole path."""


def _divided(tree: Tree) -> Tree | None:
    """`2·(z - y)/(4·1)` as `(z - y)/2`."""
    if not isinstance(tree, t.Div) or tree.floor or not (below := t.constant(tree.bottom)):
        return None
    factors = tree.top.factors if isinstance(tree.top, t.Mul) else (tree.top,)
    above = 1.0
    rest: list[Tree] = []
    for factor in factors:
        number = t.constant(factor)
        above, rest = (above, [*rest, factor]) if number is None else (above * number, rest)
    if not rest:
        return None
    body = rest[0] if len(rest) == 1 else t.Mul(tuple(rest))
    if (below / above).is_integer():
        return body if below == above else t.Div(body, t.integer(int(below / above)))
    return t.Div(t.Mul((t.Number(above, significant(above)), *rest)), t.Number(below, significant(below)))


def of_edge(
    recording: Recording, rules: Rules, edge: Edge, room: int, unicode: bool = True, bare: bool = False
) -> Line:
    """An edge of a path as its derivation writes it; nothing where it has no room, or is being derived."""
    node = recording.graph.nodes[edge.target[0]]
    rule = rules.rule(recording.graph, node, edge.position)
    if not isinstance(rule, Rule):
        return ()
    try:
        return _of_edge(recording, edge, rule, room, unicode, bare)
    except (NotRecorded, KeyError, TypeError, ValueError):  # the formula cannot be taken at one element
        return ()


@lru_cache(256)
def _of_edge(recording: Recording, edge: Edge, rule: Rule, room: int, unicode: bool, bare: bool) -> Line:
    """∂output/∂element as a formula: with its indices, without them where there is no room or they are not wanted
    (`bare`); nothing where it has no room either way."""
    nodes = recording.graph.nodes
    source, target = nodes[edge.source[0]], nodes[edge.target[0]]
    element, output = unravel(edge.source[1], source.shape), unravel(edge.target[1], target.shape)
    reading = BoundDefinition(recording, target)
    names = names_of(recording.graph, reading, unicode, rule)
    if reading.bare:
        forms = [(reading.resolve(rule.local, {}, reading.at(output)), names)]
    else:
        at = {**dict(zip(rule.q, element, strict=True)), **dict(zip(rule.out, output, strict=True))}
        arrays, size = reading.rule_numbers(rule)
        tree = settle(t.substitute(held(rule_at(reading, rule, rule.local)), {**size, **at}))
        full = t.rebuild(reading.resolve(tree, {}, arrays), _divided)
        short = Names(names.symbols, names.letters, names.bare | frozenset(names.symbols))
        forms = [(t.bare(full), short)] if bare else [(full, names), (t.bare(full), short)]
    lines = [to_spans(form, known, unicode) for form, known in forms]
    return next((spans for spans in lines if length(spans) <= room), ())


def chain(recording: Recording, rules: Rules, made: Paths, path: Path, unicode: bool = True) -> Line:
    """`∂L/∂W[0,0] = (a - y) · W · a·(1 - a) · x`: a path as one line, from the loss back, factors of 1 left out; where
    it is one of several, `∂L/∂W[0,0] gets …`. Nothing while a factor is being derived, or has no short form."""
    forms = [
        of_edge(recording, rules, edge, LONG, unicode, bare=True) for edge in reversed(path.factors)
    ]  # ask for all
    if not all(forms):
        return ()
    parts = [form for form in forms if plain(form) != "1"]
    name = symbol(made.node).text + index(made.element)
    sign = Span(" = " if made.count == 1 else " gets ")
    return (gradient(name, unicode), sign, *product(parts or [(Span("1"),)], unicode))


def product(factors: list[Line], unicode: bool = True) -> Line:
    """Factors in one line, sums among them in brackets: `(z - y) · W · a·(1 - a) · x`."""
    spans: list[Span] = []
    for factor in factors:
        text = "".join(span.text for span in factor)
        loose = text.startswith("-") or any(sign in _outside(text) for sign in (" + ", " - "))
        spans += [Span(" · " if unicode else " * ", "dim")] if spans else []
        spans += [Span("("), *factor, Span(")")] if loose else factor
    return tuple(spans)


def _outside(text: str) -> str:
    """The text without what stands in brackets."""
    kept, depth = [], 0
    for glyph in text:
        depth += glyph in "(["
        if not depth:
            kept.append(glyph)
        depth -= glyph in ")]"
    return "".join(kept)
