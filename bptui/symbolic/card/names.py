"""What a card calls things, and in which colour: `z` in blue, `W` in violet, `∂L/∂a` in orange as one word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span, merge
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.ops.base import Attribute, Op
from bptui.symbolic.formula import tree as t

UPSTREAM = "G"
"""The name of ∂L/∂y in a rule (the same as `bptui.symbolic.calculus.notation.UPSTREAM`, which needs SymPy)."""


def kind(node: Node) -> str:
    """The style of a node's symbol: value, parameter, or text for what is given."""
    return {"op": "value", "param": "parameter", "state": "parameter"}.get(node.role, "text")


def is_number(node: Node) -> bool:
    """Is it a number that stands in a formula?"""
    return node.role == "const" and node.shape == () and node.value is not None


def symbol(node: Node, long: bool = False) -> Span:
    """How formulas write a node: its symbol, its name where `long`, its number where it is a constant."""
    if is_number(node):
        assert node.value is not None
        return Span(significant(float(node.value)))
    return Span(node.name if long else node.symbol or node.label, kind(node))


def gradient(of: str, unicode: bool = True) -> Span:
    """`∂L/∂a`, one word in the gradient's colour."""
    return Span(f"∂L/∂{of}" if unicode else f"dL/d{of}", "gradient")


def symbols(graph: Graph, node: Node, unicode: bool = True) -> Mapping[str, Span]:
    """Names of a node's definition → what the screen shows. Symbols that would be the same become full names."""
    assert node.op is not None
    output = "y"
    parts = [(output, node), *((n, graph.nodes[i]) for n, i in zip(node.op.input_names, node.inputs, strict=False))]
    short = [symbol(part).text for _, part in parts]
    nodes_of = {text: {part.id for (_, part), s in zip(parts, short, strict=True) if s == text} for text in short}
    found = {name: symbol(part, long=len(nodes_of[text]) > 1) for (name, part), text in zip(parts, short, strict=True)}
    found[UPSTREAM] = gradient(found[output].text, unicode)
    return found


_OF_INPUT, _LETTERS = "pqrsuvxz", "uvefmzydijkl"


def letters(
    shown: Mapping[str, Span], trees: Iterable[t.Tree], out: Sequence[str] = (), own: Sequence[str] = ()
) -> Mapping[str, str]:
    """Index → letter for those that would look like a tensor (`p` beside `p[i,j]`, the size `W` beside a weight `W`).

    shown   the symbols of the tensors;  trees  the formulas
    out, own  the indices of the output, and of the input that is derived by: these keep their alphabet
    """
    texts = {span.text for span in shown.values()} | {"L"}
    found = {*out, *own}
    for tree in trees:
        for part in t.walk(tree):
            if isinstance(part, t.Reduction):
                found |= {r.index for r in part.ranges}
            if isinstance(part, t.Name) and len(part.name) == 1 and part.name not in shown:
                found.add(part.name)
    clash = [i for i in sorted(found) if i.islower() and (i in texts or (i.upper() in texts and i.upper() in found))]
    free = [i for i in {*_OF_INPUT, *_LETTERS} if i not in texts and i.upper() not in texts]
    pairs: dict[str, str] = {}
    if any(i in clash for i in own):
        pairs = dict(zip(own, [i for i in _OF_INPUT if i in free and i not in found - {*own}], strict=False))
    taken = {*found, *pairs.values(), *_OF_INPUT[:4]}
    others = [i for i in clash if i not in pairs]
    pairs |= dict(zip(others, [i for i in _LETTERS if i in free and i not in taken], strict=False))
    return pairs | {i.upper(): to.upper() for i, to in pairs.items()}


def local(out: Span, wrt: Span, unicode: bool = True, out_index: str = "", in_index: str = "") -> Line:
    """`∂a/∂z`: only the symbols are coloured."""
    d = "∂" if unicode else "d"
    return merge([Span(d), out, Span(f"{out_index}/{d}"), wrt, Span(in_index)])


def title(graph: Graph, node: Node) -> Line:
    """`layer1.a = sigmoid(layer1.z)`, or as the operation is written: `layer1.z = x @ layer1.weight + layer1.bias`."""
    left = [Span(node.name, f"{kind(node)} bold".replace("text bold", "bold"))]
    if node.op is None:
        return tuple(left)
    inputs = [_titled(graph.nodes[i]) for i in node.inputs]
    return merge([*left, Span(" = "), *_written(node.op, node, inputs)])


def brief(graph: Graph, node: Node) -> Line:
    """The title in the names that the formulas below it use: `z = a @ W + b`, of what stands in many scopes."""
    if node.op is None:
        return ()
    found = symbols(graph, node)
    inputs = [found[name] for name, _ in zip(node.op.input_names, node.inputs, strict=False)]
    inputs = [Span(s.text, s.style if s.style == "text" else f"{s.style} bold") for s in inputs]
    left = Span(found["y"].text, f"{kind(node)} bold".replace("text bold", "bold"))
    return merge([left, Span(" = "), *_written(node.op, node, inputs)])


def _titled(node: Node) -> Span:
    shown = symbol(node, long=True)
    return shown if shown.style == "text" else Span(shown.text, f"{shown.style} bold")


def _written(op: Op, node: Node, inputs: list[Span]) -> list[Span]:
    places = [int(f) for _, f, _, _ in Formatter().parse(op.symbol) if f and f.isdigit()]
    if not op.symbol or re.match(r"\w+\(", op.symbol) or sorted(set(places)) != list(range(len(inputs))):
        spans = [Span(op.name, "bold"), Span("(")]
        for n, part in enumerate(inputs):
            spans += [*([Span(", ")] if n else []), part]
        which = node.attributes.get("part") if op.results is not None else None
        for name, value in node.attributes.items():
            if name in op.attributes and (name != "part" or which is None) and value != op.attributes[name].default:
                shown = repr(value) if isinstance(value, str) else setting(_as_one(value, op.attributes[name]))
                spans.append(Span(f", {name}={shown}"))
        return [*spans, Span(")" if which is None else f")[{which}]")]
    spans = []
    for text, place, _, _ in Formatter().parse(op.symbol):
        spans += [Span(text, "bold")] if text else []
        if place is not None and place.isdigit():
            spans.append(inputs[int(place)])
        elif place:
            spans.append(Span(setting(node.attributes.get(place, place))))
    return spans


def _as_one(value: Any, attribute: Attribute) -> Any:
    """`2` for `(2, 2)`, where that says the same."""
    if isinstance(value, tuple) and len(set(value)) == 1 and isinstance(value[0], int):
        try:
            return value[0] if attribute.check(value[0]) in (value, value[0]) else value
        except (TypeError, ValueError):
            return value
    return value


def setting(value: object) -> str:
    """An attribute as a user would write it: a whole float without its `.0`, a small one as `1e-5`."""
    return significant(value, 12) if isinstance(value, float) else str(value)
