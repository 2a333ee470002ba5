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
    "bias": "bias", "biases": "bias", "b": "bias", "gamma": "gamma", "beta": "beta",
    "z": "z", "a": "a", "h": "a", "net": "z", "out": "a",
}  # fmt: skip
"""The last part of other notations' names, lower case → the label of a node inside of its layer."""
_GRADIENT = re.compile(
    r"(?:grad|gradient|dL/d|dL_d|dloss/d|dloss_d|dE/d|dE_d|dJ/d|dC/d|∂L/∂|∂loss/∂|∂E/∂|grad_|g_|d_|d)"
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


def _part(name: str) -> tuple[str, str, int | None] | None:
    """(prefix, label, number) of `fc1.weight`, `W1`, `net.0.bias`, `b`."""
    prefix, _, last = re.sub(r"[/:]", ".", name).rpartition(".")
    label = PARTS.get(last.casefold())
    if label is not None:
        digits = re.search(r"(\d+)$", prefix)
        return prefix, label, int(digits[1]) if digits else None
    if not prefix and (found := _NUMBERED.fullmatch(last)) and (label := PARTS.get(found["part"].casefold())):
        return found["number"], label, int(found["number"])
    return None


def _by_order(graph: Graph, names: Sequence[tuple[Own, str]]) -> dict[Own, Node]:
    """The n-th prefix that has a `weight` is the n-th scope that has one, where both are as many; likewise `bias`."""
    prefixes: dict[str, dict[str, list[tuple[str, int | None, Own]]]] = {}
    for own, name in names:
        if _exact(graph, name) is None and (part := _part(name)) is not None:
            prefixes.setdefault(own.of, {}).setdefault(part[1], []).append((part[0], part[2], own))
    found: dict[Own, Node] = {}
    for labels in prefixes.values():
        for label, theirs in labels.items():
            ours = [node for node in graph.nodes if node.scope and node.label == label]
            numbers = [number for _, number, _ in theirs]
            if len(theirs) == len(ours):
                ordered = sorted(theirs, key=_order) if None not in numbers else theirs
                found |= {own: node for (_, _, own), node in zip(ordered, ours, strict=True)}
            elif None not in numbers and len(set(numbers)) == len(numbers):
                by_number = {int(re.sub(r"\D", "", node.scope) or 0): node for node in ours}
                found |= {own: by_number[n] for _, n, own in theirs if n in by_number}
    return found


def _order(part: tuple[str, int | None, Own]) -> tuple[int, str]:
    return part[1] or 0, part[0]
