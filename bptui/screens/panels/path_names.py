"""What the factors of a path are called: `∂z/∂W`, and as their derivation has it `x[0]`; a path as one line."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.paths import Edge, Path, Paths
from bptui.model.debugger.zeros import unravel
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.screens.panels.figures import kind_of, symbol_of
from bptui.symbolic.card import factor
from bptui.symbolic.card.names import local
from bptui.symbolic.types import Rule

if TYPE_CHECKING:
    from bptui.model.engine.graph import Graph
    from bptui.screens.scene import Scene

LONG = 30
"""Cells of a factor in the line of the whole path."""


def head(graph: Graph, edge: Edge, unicode: bool) -> Line:
    """`∂a/∂z`; of the last one `∂L/∂a`, which is a gradient."""
    source, target = graph.nodes[edge.source[0]], graph.nodes[edge.target[0]]
    if target.id == graph.loss:
        return (Span(f"{'∂L/∂' if unicode else 'dL/d'}{symbol_of(source)}", "gradient"),)
    out, wrt = Span(symbol_of(target), kind_of(target)), Span(symbol_of(source), kind_of(source))
    return local(out, wrt, unicode)


def of(scene: Scene, edge: Edge, room: int, bare: bool = False) -> Line:
    """How the derivation writes a factor; nothing where it is a number, has no room, or is being derived."""
    graph = scene.session.graph
    node = graph.nodes[edge.target[0]]
    rule = scene.rules.rule(graph, node, edge.position) if scene.rules is not None else None
    if not isinstance(rule, Rule):
        return ()
    try:
        made = _written(scene.session.recording, edge, rule, room, scene.options.unicode, bare)
    except (NotRecorded, KeyError, TypeError, ValueError):  # the formula cannot be taken at one element
        return ()
    return () if _is_number(made) and not bare else made


@lru_cache(256)
def _written(recording: Recording, edge: Edge, rule: Rule, room: int, unicode: bool, bare: bool) -> Line:
    graph = recording.graph
    source, target = graph.nodes[graph.nodes[edge.target[0]].inputs[edge.position]], graph.nodes[edge.target[0]]
    places = unravel(edge.source[1], source.shape), unravel(edge.target[1], target.shape)
    return factor.written(recording, target.id, places, rule, room, unicode, bare)


def chain(scene: Scene, made: Paths, path: Path) -> Line:
    """`∂L/∂W = (a - y) · W · a·(1 - a) · x`: the whole path as one line, from the loss back; nothing while a factor of
    it is being derived."""
    parts = []
    for edge in reversed(path.factors):
        written = of(scene, edge, LONG, bare=True)
        if not written:
            return ()
        if plain(written) != "1":
            parts.append(written)
    name = symbol_of(made.node) + numbers.index(made.element)
    left = Span(f"{'∂L/∂' if scene.options.unicode else 'dL/d'}{name}", "gradient")
    several = Span(" gets" if made.count > 1 else " =")
    return (left, several, Span(" "), *factor.product(parts or [(Span("1"),)], scene.options.unicode))


def _is_number(written: Line) -> bool:
    try:
        float(plain(written))
    except ValueError:
        return False
    return True
