"""The backward rule of an operation as an operation: SymPy derives it, and what was derived is its definition.

    correlate1d   y[n,o,t] = sum(x[n,c,t + a]*weight[o,c,a] for c in C for a in A)
    by weight     y[p,q,r] = sum(g[n,p,t]*x[n,q,t + r] for n in … for t in …)

It is made as an operation of one's own is, so that it has a derivation, a rule and a check of its own: where a
derivative stands in a graph (`bptui.model.engine.derivative`), the backward pass runs through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bptui.model.base.errors import UserError
from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Op
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.rules import to_rule
from bptui.symbolic.custom.operation import make, within
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.source import statement
from bptui.symbolic.formula.tree import Statement, Tree
from bptui.symbolic.types import Rule


def backward_rule(
    op: Op, shapes: Sequence[Shape], out: Shape, attributes: Attributes, position: int
) -> tuple[Op, list[int | None]]:
    """∂L/∂input as an operation of ∂L/∂y and the inputs, for this use of `op`; and what each of its inputs is: one of
    `op`, by its position, or None for ∂L/∂y. Its output has the shape of the input; of y where `op` is elementwise.

    A UserError where SymPy does not derive it in its time, or what it derives is no definition: the winner of a
    maximum has none.
    """
    wrt, where = op.input_names[position], f"the backward rule of {op.name} by {op.input_names[position]}"
    rule, output = within(lambda: _derived(op, shapes, attributes, wrt), where)
    if rule.winners:
        raise UserError(where, "which element is the largest is not smooth")
    taken = {*op.input_names, *rule.q, *rule.out}
    upstream = next(name for name in ("g", "upstream", *(f"upstream{n}" for n in range(2, 99))) if name not in taken)
    given = dict(zip(op.input_names, shapes, strict=False))
    sizes = _sizes(rule, {**given, output: out}, output, upstream)
    bound = op.elementwise

    def settled(tree: Tree) -> Tree:
        made = t.rebuild(tree, lambda part: _settled(part, upstream, sizes))
        return t.bare(made) if bound else t.rebuild(made, _conditions)

    used = [part for part in rule.parts if _names(rule, part.name)]
    lines = [Statement(_target(part.name, part.indices), settled(part.value)) for part in used]
    lines.append(Statement(_target("y", () if bound else rule.q), settled(rule.vjp)))
    names = {name for line in lines for name in _read(line.value)}
    inputs = [name for name in (upstream, *op.input_names) if name in names]
    letters = {letter for line in lines for letter in _letters(line)}
    settings = {key: attributes[key] for key in op.attributes if key in names - letters and key not in given}
    try:
        text = "; ".join(map(statement, lines))
    except ValueError as problem:
        raise UserError(where, str(problem)) from None
    shape = None if bound else shapes[position]
    whole = [name for name in op.indices if name in inputs]
    made = make(f"{op.name}_by_{wrt}", text, where, settings, inputs, shape, whole)
    doc = f"The backward rule of {op.name} by {wrt}, as SymPy derives it: from {upstream} = ∂L/∂y."
    allowed = {} if op.bounds is None else {n: b for n, b in op.bounds(shapes, attributes).items() if n in inputs}
    bounds = None if made.bounds is None else lambda *_: allowed
    return replace(made, doc=doc, bounds=bounds), [
        None if name == upstream else op.input_names.index(name) for name in inputs
    ]


def _derived(op: Op, shapes: Sequence[Shape], attributes: Attributes, wrt: str) -> tuple[Rule, str]:
    """The rule in terms of the inputs, and what the definition calls its output."""
    signature = op.signature([() for _ in shapes] if op.elementwise else shapes, attributes)
    definition, derived = define(signature, op), derive(signature, wrt, op)
    rule = to_rule(derived, definition, op)
    if _names(rule, definition.output):  # the form that is shown speaks of y
        rule = to_rule(replace(derived, vjp_shown=derived.vjp), definition, op)
    return rule, definition.output


def _names(rule: Rule, name: str) -> bool:
    """Does the rule, or a part of it, speak of this name?"""
    return name in {found for tree in (rule.vjp, *(part.value for part in rule.parts)) for found in _read(tree)}


def _read(tree: Tree) -> set[str]:
    return {
        part.base if isinstance(part, t.Element) else part.name
        for part in t.walk(tree)
        if isinstance(part, t.Element | t.Name)
    }


def _letters(line: Statement) -> set[str]:
    """The indices of a statement: how many numbers a Fourier transform has, and an index, may both be called `n`."""
    own = line.target.index if isinstance(line.target, t.Element) else ()
    sums = [part for part in t.walk(line.value) if isinstance(part, t.Reduction)]
    return {i.name for i in own if isinstance(i, t.Name)} | {r.index for part in sums for r in part.ranges}


def _target(name: str, indices: Sequence[str]) -> t.Name | t.Element:
    return t.Element(name, tuple(map(t.Name, indices))) if indices else t.Name(name)


def _sizes(rule: Rule, shapes: Mapping[str, Shape], output: str, upstream: str) -> Mapping[str, Tree]:
    """What stands for a size: the axis of an input that the rule reads, else the number that it is here."""
    read = _read(rule.vjp)
    found: dict[str, Tree] = {}
    for symbol, tensor, axis in rule.sizes:
        if tensor == output:
            found.setdefault(symbol, t.Size(upstream, axis))
        elif tensor in read and not isinstance(found.get(symbol), t.Size):
            found[symbol] = t.Size(tensor, axis)
        else:
            found.setdefault(symbol, t.integer(shapes[tensor][axis]))
    return found


def _settled(part: Tree, upstream: str, sizes: Mapping[str, Tree]) -> Tree | None:
    match part:
        case t.Element("G", index):
            return t.Element(
                upstream, tuple(t.rebuild(i, lambda inner: _settled(inner, upstream, sizes)) for i in index)
            )
        case t.Name("G"):
            return t.Name(upstream)
        case t.Name(name) if name in sizes:
            return sizes[name]
        case t.Size(base, axis):
            return sizes.get(f"{base}.shape[{axis}]")
    return None


def _conditions(part: Tree) -> Tree | None:
    """A delta of a tensor's whole number as a condition, in which a definition may speak of it."""
    match part:
        case t.Reduction(kind, t.Mul(factors), ranges, conditions, sigma):
            deltas = [f for f in factors if isinstance(f, t.Delta) and _of_tensor(f)]
            if deltas:
                rest = tuple(f for f in factors if f not in deltas)
                tests = (*conditions, *(t.Compare("==", d.left, d.right) for d in deltas))
                body = rest[0] if len(rest) == 1 else t.Mul(rest)
                return t.rebuild(t.Reduction(kind, body, ranges, tests, sigma), _conditions)
        case t.Delta(left, right) if _of_tensor(part):
            return t.IfElse(t.Compare("==", left, right), t.integer(1), t.integer(0))
    return None


def _of_tensor(delta: t.Delta) -> bool:
    return any(isinstance(side, t.Element) for side in (delta.left, delta.right))
