"""The card of a backward Moment: how one node passes the gradient on to one element of one of its inputs.

One output element reads it: an equation, upstream × local = downstream. Several do: a table with one such product per output
element, which the selected element feeds, and their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptui.model import numbers
from bptui.model.graph import Node
from bptui.model.ops.base import Array
from bptui.model.places import fit
from bptui.model.spans import Line, Span, line, plain
from bptui.model.state import State
from bptui.symbolic import tree as t
from bptui.symbolic.forward import convention, definition_line, element_span, names_of, since, with_numbers
from bptui.symbolic.names import UPSTREAM, gradient, kind, local, symbol, title
from bptui.symbolic.numeric import evaluate
from bptui.symbolic.printing import Names, merge, number, to_spans
from bptui.symbolic.reading import MAX_CELLS, Index, Reading
from bptui.symbolic.table import table
from bptui.symbolic.tree import Tree
from bptui.symbolic.types import Card, CheckRow, Equation, Failure, Rule, Table

_SHORT = 24
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
    graph, reading = recording.graph, Reading(recording, node)
    source = graph.nodes[node.inputs[wrt]]
    names = names_of(graph, reading, unicode)
    name = reading.op.input_names[wrt]
    known = rule if isinstance(rule, Rule) else None
    down, upstream = _contribution(state, node, wrt), recording.grad(node)
    single = reading.op.elementwise and not reading.letters and source.shape == node.shape
    single_row: Equation | None = None
    products: Table | None = None
    lines: list[tuple[Line, Line]] = []
    visible = upstream is not None and state.gradient(node).final and _written(state, node)
    if visible and upstream is not None:
        assert down is not None
        if single:
            single_row = _equation(state, reading, names, wrt, element, known, float(down[element]), unicode)
        elif known is not None:
            made = _table(state, reading, names, wrt, element, known, float(down[element]), unicode, rows)
            single_row, products = (
                made if isinstance(made, Equation) else None,
                made if isinstance(made, Table) else None,
            )
        if single_row is None and products is None:
            here = gradient(names.symbol(name).text + numbers.index(element), unicode)
            lines.append(
                (line(("gradient", "dim")), merge([here, Span(" = "), Span(number(float(down[element])), "gradient")]))
            )
        lines += convention(reading, element) if single else []
    else:
        lines.append((line(("gradient", "dim")), line(("not yet", "dim"))))
    wanted = [p for p, i in enumerate(node.inputs) if reading.op.differentiable(p) and graph.nodes[i].wants_grad]
    return Card(
        title=title(graph, node),
        shape=numbers.shape(source.shape if not single else node.shape),
        element=numbers.index(element),
        definition=definition_line(reading, names, unicode),
        rules=_rules(reading, names, name, rule, raw, unicode),
        equation=single_row,
        table=products,
        lines=tuple(lines),
        checks=checks,
        pending=rule is None,
        extra={
            "phase": "backward",
            "node": node.name,
            "input": source.name,
            "position": wrt,
            "inputs": tuple((p, gradient(names.symbol(reading.op.input_names[p]).text, unicode)) for p in wanted),
        },
    )


def _written(state: State, node: Node) -> bool:
    """Has this node's backward Moment come?"""
    timeline = state.recording.timeline
    moments = timeline.backward
    index = next((n for n in range(1, len(moments)) if moments[n].id == node.id), None)
    return index is not None and timeline.place(state.moment) >= state.recording.layout.seed_at + index


def _contribution(state: State, node: Node, wrt: int) -> Array | None:
    for contribution in state.recording.contributions(node.inputs[wrt]):
        if (contribution.consumer, contribution.position) == (node.id, wrt):
            return contribution.array
    return None


# ---------------------------------------------------------------------------------------------------------- rules
def _rules(
    reading: Reading, names: Names, name: str, rule: Rule | Failure | None, raw: bool, unicode: bool
) -> tuple[tuple[Line, Line, Line], ...]:
    """The lines `local` and `gradient` with how they were come by; or why they are not there."""
    out, wrt = names.symbol(reading.output), names.symbol(name)
    head = local(out, wrt, unicode)
    if rule is None:
        return (
            (
                line(("local", "dim")),
                merge([*head, Span(" = "), Span("deriving…" if unicode else "deriving...", "dim")]),
                (),
            ),
        )
    if isinstance(rule, Failure):
        return ((line(("local", "dim")), head, line((rule.reason, "kink"))),)
    bare = reading.op.elementwise and not reading.letters
    letters = names if not bare else Names(names.symbols, names.letters, frozenset(), None)
    out_index, in_index = ("", "") if bare else (_bracket(rule.out), _bracket(rule.q))
    formula = to_spans(rule.raw if raw else rule.local, names, unicode)
    first = (
        line(("local", "dim")),
        merge([*local(out, wrt, unicode, out_index, in_index), Span(" = "), *formula]),
        _how(rule, raw),
    )
    if bare and len(rule.q) == len(rule.out) and not any(rule.signature.stretched):
        return (first,)
    whole = gradient(wrt.text, unicode)
    spans = [Span(whole.text + _bracket(rule.q), whole.style), Span(" = "), *to_spans(rule.vjp, letters, unicode)]
    return first, (line(("gradient", "dim")), merge(spans), line((f"SymPy {rule.sympy_version}", "dim")))


def _how(rule: Rule, raw: bool) -> Line:
    """`✓ proved by cancel`, `✓ derived in 16 ms`."""
    method = rule.proof.method
    if raw or method in ("identical", "none"):
        return line(("✓ ", "ok"), (f"derived in {rule.ms:.0f} ms", "dim"))
    if method == "50 digits":
        return line(("✓ ", "ok"), ("equal to 50 digits, not proved", "dim"))
    return line(("✓ ", "ok"), (f"proved by {method}, {rule.proof.ms:.0f} ms", "dim"))


def _bracket(letters: tuple[str, ...]) -> str:
    return f"[{','.join(letters)}]" if letters else ""


# ------------------------------------------------------------------------------------------------------- equation
def _equation(
    state: State, reading: Reading, names: Names, wrt: int, at: Index, rule: Rule | None, down: float, unicode: bool
) -> Equation:
    graph, node = state.recording.graph, reading.node
    source = graph.nodes[node.inputs[wrt]]
    out, name = names.symbol(reading.output), reading.op.input_names[wrt]
    scalars = reading.at(at)
    value: float | None = None
    note: Line = ()
    if rule is not None:
        value = float(evaluate(rule.local, scalars, {}, reading.size))
        chosen = reading.resolve(rule.local, {}, scalars)
        written = to_spans(chosen, with_numbers(names, scalars), unicode)
        note = (
            written
            if not isinstance(chosen, t.Number | t.Name)
            else since(reading, names, rule.local, scalars, unicode)
        )
    out_symbol, in_symbol = gradient(out.text, unicode), gradient(names.symbol(name).text, unicode)
    marks = ((out_symbol,), local(out, names.symbol(name), unicode), (in_symbol,))
    return equation(state, reading, marks, (float(np.asarray(reading.arrays[UPSTREAM])[at]), value, down), note, source)


def equation(
    state: State,
    reading: Reading,
    symbols: tuple[Line, Line, Line],
    values: tuple[float, float | None, float],
    note: Line,
    source: Node,
) -> Equation:
    """upstream × local = downstream, with where it comes from and goes to."""
    arrived, total = progress(state, source)
    left, middle, right = symbols
    return Equation(
        heads=(line("upstream"), line("local"), line("contribution to" if total > 1 else "downstream")),
        symbols=(
            tuple(bold(s) for s in left),
            tuple(Span(s.text, "text bold") for s in middle),
            tuple(bold(s) for s in right),
        ),
        numbers=values,
        notes=(line((_from(state, reading.node), "dim")), note, line((f"to {source.name}", "dim"))),
        partial=f"{arrived} of {total} in",
    )


def bold(span: Span) -> Span:
    """The same, heavier."""
    return Span(span.text, f"{span.style} bold")


def progress(state: State, source: Node) -> tuple[int, int]:
    """(contributions that are in, how many there will be)."""
    found = state.gradient(source)
    return found.arrived, found.total


def _from(state: State, node: Node) -> str:
    """Where the upstream gradient came from."""
    graph = state.recording.graph
    if node.id == graph.loss:
        return "the seed"
    readers = list(dict.fromkeys(consumer for consumer, _ in graph.consumers[node.id]))
    return f"from {graph.nodes[readers[0]].name}" if len(readers) == 1 else f"from {len(readers)} nodes"


# ---------------------------------------------------------------------------------------------------------- table
def _table(
    state: State, reading: Reading, names: Names, wrt: int, q: Index, rule: Rule, down: float, unicode: bool, rows: int
) -> Table | Equation | None:
    """Σ over the outputs that read the element, of ∂L/∂output × ∂output/∂element; an Equation where it is only one."""
    node, source = reading.node, reading.inputs[wrt]
    support = _support(reading, rule, q)
    if support is None:
        return None
    places, values = support
    upstream = (
        np.asarray(reading.arrays[UPSTREAM], float)[places]
        if node.shape
        else np.asarray(reading.arrays[UPSTREAM], float).reshape(1)
    )
    fixed = {
        letter: int(axis[0])
        for letter, axis in zip(rule.out, places, strict=True)
        if axis.size and (axis == axis[0]).all()
    }
    varying = [letter for letter in rule.out if letter not in fixed]
    out, name = names.symbol(reading.output), reading.op.input_names[wrt]
    gradient_names = Names({**names.symbols, UPSTREAM: gradient(out.text, unicode)}, names.letters, frozenset(), None)
    at_q = dict(zip(rule.q, q, strict=True))
    bare = reading.op.elementwise and not reading.letters

    def factor(out_index: Mapping[str, int]) -> Line:
        if not bare:
            tree = settle(reading, t.substitute(rule.local, {**at_q, **out_index}))
            spans = to_spans(tree, names, unicode)
            if sum(len(s.text) for s in spans) <= _SHORT:
                return spans
        shown = [str(out_index.get(letter, letter)) for letter in rule.out]
        return local(out, names.symbol(name), unicode, f"[{','.join(shown)}]" if shown else "", numbers.index(q))

    def upstream_of(out_index: Mapping[str, int]) -> Line:
        index = tuple(t.whole(out_index[i]) if i in out_index else t.Name(i) for i in rule.out)
        return to_spans(t.Element(UPSTREAM, index), gradient_names, unicode)

    def row(n: int) -> dict[str, int]:
        return {letter: int(axis[n]) for letter, axis in zip(rule.out, places, strict=True)}

    def symbols(n: int) -> tuple[Line, ...]:
        return upstream_of(row(n)), factor(row(n))

    def label(n: int) -> str:
        return ",".join(str(row(n)[letter]) for letter in varying)

    result = (element_span(Names({name: gradient(names.symbol(name).text, unicode)}), name, q),)
    if len(values) == 1:
        left, right = local(out, names.symbol(name), unicode), upstream_of(row(0))
        tree = settle(reading, t.substitute(rule.local, {**at_q, **row(0)}))
        arrays, size = reading.rule_numbers(rule)
        written = to_spans(reading.folded(tree, {}, {**arrays, **size}), with_numbers(names, reading=reading), unicode)
        note: Line = () if isinstance(tree, t.Number) else written
        return equation(
            state, reading, (right, left, result), (float(upstream[0]), float(values[0]), down), note, source
        )
    heads: tuple[Line, ...] = (upstream_of(fixed), factor(fixed))
    write: Callable[[int], tuple[Line, ...]]
    factors = [upstream, values]
    if plain(heads[1]) == "1":
        heads, factors, write = heads[:1], factors[:1], lambda n: (upstream_of(row(n)),)
    else:
        write = symbols
    arrived, total = progress(state, source)
    partial = f"{arrived} of {total} in" if total > 1 else ""
    return table(result, down, factors, label, write, (",".join(varying), heads), rows, (), partial)


def _support(reading: Reading, rule: Rule, q: Index) -> tuple[tuple[Array, ...], Array] | None:
    """(places of the outputs that read the input's element `q`, the local derivative there); None where it is too much."""
    node = reading.node
    arrays, size = reading.rule_numbers(rule)
    if reading.op.elementwise and not reading.letters:
        return _stretched(reading, rule, q)
    if int(np.prod(node.shape, dtype=np.int64)) * _inner(rule.local, size) > MAX_CELLS:
        return None
    grid = np.ogrid[tuple(slice(0, n) for n in node.shape)]
    index = {**dict(zip(rule.out, grid, strict=True)), **dict(zip(rule.q, q, strict=True))}
    values = np.broadcast_to(np.asarray(evaluate(rule.local, arrays, index, size), float), node.shape)
    mask = np.broadcast_to(_reads(rule.local, arrays, index, size, values), node.shape)
    if not node.shape:
        return (), values.reshape(1)
    return np.nonzero(mask), values[mask]


def _reads(
    tree: Tree, arrays: Mapping[str, Any], index: Mapping[str, Any], size: Mapping[str, int], values: Array
) -> Array:
    """Where the derivative is not 0 by its structure: a factor that happens to be 0 still is a row."""
    deltas = [f for f in tree.factors if isinstance(f, t.Delta)] if isinstance(tree, t.Mul) else []
    if isinstance(tree, t.Delta):
        deltas = [tree]
    if not deltas:
        return np.asarray((values != 0) | np.isnan(values))
    mask = np.asarray(True)
    for delta in deltas:
        mask = mask & (np.asarray(evaluate(delta, arrays, index, size)) != 0)
    return mask


def _stretched(reading: Reading, rule: Rule, q: Index) -> tuple[tuple[Array, ...], Array] | None:
    """The same for an elementwise operation that stretches this input: the outputs along the stretched axes."""
    shape = reading.node.shape
    if int(np.prod(shape, dtype=np.int64)) > MAX_CELLS:
        return None
    wrt = reading.op.input_names.index(rule.wrt)
    own = reading.inputs[wrt].shape
    lead = len(shape) - len(own)
    axes = [np.arange(n) if a < lead or own[a - lead] != n else np.array([q[a - lead]]) for a, n in enumerate(shape)]
    places = tuple(axis.reshape(-1) for axis in np.broadcast_arrays(*np.ix_(*axes))) if axes else ()
    known = {}
    for name, array in reading.arrays.items():
        dims = np.shape(array)
        picked = tuple(
            np.zeros_like(p) if n == 1 else p for p, n in zip(places[len(places) - len(dims) :], dims, strict=True)
        )
        known[name] = np.asarray(array)[picked]
    values = evaluate(rule.local, known, {}, reading.size)
    return places, np.broadcast_to(np.asarray(values, float), places[0].shape if places else (1,)).copy()


def _inner(tree: Tree, size: Mapping[str, int]) -> int:
    """How many terms the sums inside of a derivative have for each of its elements."""
    most = 1
    for part in t.walk(tree):
        if isinstance(part, t.Fold):
            terms = 1
            for r in part.ranges:
                terms *= size.get(r.high.name if isinstance(r.high, t.Name) else r.index.upper(), 16)
            most = max(most, terms)
    return most


def settle(reading: Reading, tree: Tree) -> Tree:
    """A derivative whose indices are (partly) put in, with the equations that are decided taken out: δ[3,3] is 1."""

    def change(part: Tree) -> Tree | None:
        if isinstance(part, t.Delta):
            if part.left == part.right:
                return t.whole(1)
            if isinstance(part.left, t.Number) and isinstance(part.right, t.Number):
                return t.whole(0)
        if isinstance(part, t.Mul):
            factors = [t.rebuild(f, change) for f in part.factors]
            left = tuple(f for f in factors if f != t.whole(1))
            if any(f == t.whole(0) for f in left):
                return t.whole(0)
            return t.whole(1) if not left else left[0] if len(left) == 1 else t.Mul(left)
        return None

    return t.rebuild(tree, change)  # type: ignore[no-any-return]


def read_by(state: State, node: Node, wrt: int, element: Index, rule: Any, shape: Index) -> Index:
    """The first element of an input that `element` of the output reads."""
    reading = Reading(state.recording, node)
    nearest = fit(element, shape)
    if reading.op.elementwise or not isinstance(rule, Rule) or not shape:
        return nearest
    arrays, size = reading.rule_numbers(rule)
    if int(np.prod(shape, dtype=np.int64)) * _inner(rule.local, size) > MAX_CELLS:
        return nearest
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    index = {**dict(zip(rule.q, grid, strict=True)), **dict(zip(rule.out, element, strict=True))}
    values = np.broadcast_to(np.asarray(evaluate(rule.local, arrays, index, size), float), shape)
    mask = np.broadcast_to(_reads(rule.local, arrays, index, size, values), shape)
    found = np.argwhere(mask)
    return tuple(int(i) for i in found[0]) if len(found) else nearest


# ----------------------------------------------------------------------------------------------------------- other
def seed(state: State, node: Node, unicode: bool) -> Card:
    """∂L/∂L = 1, where every backward pass starts."""
    one = gradient("L", unicode)
    return Card(
        title=title(state.recording.graph, node),
        shape=numbers.shape(node.shape),
        element="",
        definition=definition_line(
            reading := Reading(state.recording, node), names_of(state.recording.graph, reading, unicode), unicode
        ),
        rules=((line(("seed", "dim")), merge([one, Span(" = 1")]), line(("the backward pass starts here", "dim"))),),
        lines=(
            (line(("loss", "dim")), merge([symbol(node), Span(" = "), Span(number(state.recording.loss), kind(node))])),
        ),
        extra={"phase": "backward", "node": node.name, "seed": True},
    )


def leaf(state: State, node: Node, element: Index, unicode: bool) -> Card:
    """What is given or trained: its number, and the contributions to its gradient that are in."""
    graph, here = state.recording.graph, numbers.index(element)
    shown = symbol(node)
    value = state.value(node)
    lines: list[tuple[Line, Line]] = []
    if value is not None:
        lines.append(
            (
                line((node.role, "dim")),
                merge(
                    [
                        Span(shown.text + here, shown.style),
                        Span(" = "),
                        Span(number(float(value[element])), shown.style),
                    ]
                ),
            )
        )
    found = state.gradient(node)
    for contribution in state.arrived(node):
        said = [
            Span(number(float(contribution.array[element])), "gradient"),
            Span(f"  from {graph.nodes[contribution.consumer].name}", "dim"),
        ]
        lines.append((line(("gradient", "dim")), merge(said)))
    if found.array is not None and found.total > 1:
        whole = gradient(shown.text + here, unicode)
        dots = "" if found.final else ("…" if unicode else "~")
        said = [whole, Span(" = "), Span(number(float(found.array[element])) + dots, "gradient")]
        said += [] if found.final else [Span(f"  {found.arrived} of {found.total} in", "kink")]
        lines.append((line(("sum", "dim")), merge(said)))
    return Card(
        title=title(graph, node),
        shape=numbers.shape(node.shape),
        element=here,
        definition=line((f"{node.role}, given" if node.role in ("input", "target", "const") else node.role, "dim")),
        lines=tuple(lines),
        extra={"phase": state.moment.phase, "node": node.name},
    )
