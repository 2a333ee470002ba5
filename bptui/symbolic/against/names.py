"""Which node somebody else's name means: `w`, `w.grad`, `dW1`, `fc1.weight`, `net.2.bias`; said where it is another.

Names of PyTorch's state dicts and of NumPy scripts number the layers; the n-th of them is the n-th scope that has such
a parameter. That is only taken where there are as many of theirs as of ours, or where a number in the name says which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.own_numbers import Own

PARTS: Mapping[str, str] = {
    "weight": "weight", "weights": "weight", "w": "weight", "kernel": "weight", "theta": "weight",
    "bias": "bias", "biases": "bias", "b": "bias", "gamma": "weight", "beta": "bias",
    "weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh",
    "z": "z", "a": "a", "h": "a", "net": "z", "out": "a",
}  # fmt: skip
"""The last part of other notations' names, lower case → the label of a node inside of its layer."""
_GRADIENT = re.compile(
    r"(?:gradient_?|grad_?|dL/d|dL_d|dloss/d|dloss_d|dE/d|dE_d|dJ/d|dC/d|∂L/∂|∂loss/∂|∂E/∂|g_|d_?)"
    r"[\[(]?(?P<name>.+?)[\])]?"
    r"|(?P<before>.+?)(?:\.grad|_grad|_gradient|\.gradient)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?P<part>[A-Za-z]+?)_?\[?(?P<number>\d+)\]?")


@dataclass(frozen=True)
class Match:
    """An own tensor and the node that it is of; `said`: how the name was understood, where it is another."""

    own: Own
    node: Node
    said: str = ""


def matched(graph: Graph, given: Sequence[Own], where: str) -> tuple[Match, ...]:
    """The nodes of all names; a UserError for one that names none, or one node twice."""
    bare = {own: _bare(graph, own) for own in given}
    ordered = _by_order(graph, list(bare.items()))
    found: list[Match] = []
    taken: dict[tuple[str, int], str] = {}
    for own in given:
        name = bare[own]
        node = _exact(graph, name) or ordered.get(own)
        if node is None:
            known = [n.name for n in graph.nodes if n.role != "const"]
            there = ", ".join(known[:12]) + ("…" if len(known) > 12 else "")
            raise UserError(
                where, f"nothing is called '{own.name[:60]}'", did_you_mean(name, known, f"there are {there}")
            )
        key = (own.of, node.id)
        if key in taken and not (own.name in graph.by_name and taken[key] in graph.by_name):  # aliases are two names
            raise UserError(where, f"'{taken[key][:40]}' and '{own.name[:40]}' are both {node.name}", "one of the two")
        taken[key] = own.name
        found.append(Match(own, node, "" if own.name in (node.name, name) and name in graph.by_name else node.name))
    return tuple(found)


def _exact(graph: Graph, name: str) -> Node | None:
    node = graph.by_name.get(name)
    if node is not None:
        return node
    plain = re.sub(r"[/:_ ]", ".", name).casefold()
    near = [n for known, n in graph.by_name.items() if known.replace("_", ".").casefold() == plain]
    return near[0] if len({n.id for n in near}) == 1 else None


def _bare(graph: Graph, own: Own) -> str:
    """The name without what says that it is a gradient."""
    name = own.name.strip()
    if own.of != "grad" or _exact(graph, name) is not None:
        return name
    found = _GRADIENT.fullmatch(name)
    if found is None:
        return name
    inner = found["name"] or found["before"]
    return inner if _exact(graph, inner) is not None or _part(inner) is not None else name


@dataclass(frozen=True)
class _Part:
    """`net.2.weight` taken apart: the module (`net.2`), the label of a node (`weight`), and the number at the module's
    end, or at the name's (`W1`), with what stands before it."""

    module: str
    label: str
    stem: str
    number: int | None


def _part(name: str) -> _Part | None:
    plain = re.sub(r"_l(\d+)$", r"", re.sub(r"[/:]", ".", re.sub(r":\d+$", "", name)))
    module, _, last = plain.rpartition(".")
    label = PARTS.get(last.casefold())
    if label is not None:
        digits = re.search(r"^(.*?)(\d+)$", module)
        return _Part(module, label, digits[1] if digits else module, int(digits[2]) if digits else None)
    if not module and (found := _NUMBERED.fullmatch(last)) and (label := PARTS.get(found["part"].casefold())):
        return _Part(found["number"], label, "", int(found["number"]))
    return None


def _by_order(graph: Graph, names: Sequence[tuple[Own, str]]) -> dict[Own, Node]:
    """The n-th module that has a `weight` is the n-th scope that has one, where both are as many; likewise `bias`.
    Where the shapes alone tell which is which, they do."""
    groups: dict[tuple[str, str], list[tuple[_Part, Own]]] = {}
    for own, name in names:
        if _exact(graph, name) is None and (part := _part(name)) is not None:
            groups.setdefault((own.of, part.label), []).append((part, own))
    found: dict[Own, Node] = {}
    for (_, label), theirs in groups.items():
        ours = [node for node in graph.nodes if node.scope and node.label == label]
        by_shape = _by_shape(ours, [own for _, own in theirs])
        if by_shape is not None:
            found |= by_shape
        elif len(theirs) == len(ours):
            found |= {own: node for (_, own), node in zip(_ordered(theirs), ours, strict=True)}
        else:
            by_number = {int(re.sub(r"\D", "", node.scope) or 0): node for node in ours}
            found |= {own: by_number[part.number] for part, own in theirs if part.number in by_number}
    return found


def _ordered(theirs: list[tuple[_Part, Own]]) -> list[tuple[_Part, Own]]:
    """By their numbers, where nothing else tells them apart; else as the file has them."""
    if len({part.stem for part, _ in theirs}) > 1 or any(part.number is None for part, _ in theirs):
        return theirs
    return sorted(theirs, key=lambda each: each[0].number or 0)


def _by_shape(ours: Sequence[Node], theirs: Sequence[Own]) -> dict[Own, Node] | None:
    """Each by its shape, (in, out) or (out, in), where no two of ours have one; None where that tells nothing."""
    shapes: dict[tuple[int, ...], list[Node]] = {}
    for node in ours:
        shapes.setdefault(_sorted(node.shape), []).append(node)
    found = {own: shapes.get(_sorted(own.numbers.shape), []) for own in theirs}
    if any(len(nodes) != 1 for nodes in found.values()) or len({n[0].id for n in found.values()}) < len(theirs):
        return None
    return {own: nodes[0] for own, nodes in found.items()}


def _sorted(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(n for n in shape if n != 1))
