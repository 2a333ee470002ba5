"""Prose with its numbers in it: pieces become spans in the colours of their kinds, and rows of a width."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, merge
from bptui.model.debugger.lines import kind as kind_of
from bptui.model.engine.graph import Graph, Node
from bptui.teach.formulas import Formulas, Target
from bptui.teach.lesson import Piece, Prose

_SYMBOL = re.compile(
    r"∂L/∂(?P<of>[^\W\d][\w.]*)(?P<at>\[[^\]]*\])?|grad\([^()]*\)|d(?P<end>[^\W\d]\w*)/d[^\W\d]\w*|∂(?P<d>[^\W\d][\w.]*)|[^\W\d][\w.]*(?:\[[^\]]*\])?"
)
"""What has a colour of its own in a symbol: ∂L/∂a as one word, dy/dx where y is the end, and names; the ∂ before a name
has none."""


def number(x: float, decimals: int | None = None) -> str:
    """A number as prose has it: as a panel would write it, or with that many decimals; never a 0 that it is not."""
    decimals = numbers.decimals_for(x) if decimals is None else decimals
    return numbers.field(x, max(numbers.WIDTH, decimals + 14), decimals).strip()


def answer(expression: str, formulas: Formulas | None, counted: bool = False) -> Line:
    """The number of an expression as an answer: with two significant digits at least, so that it is judged right as it
    stands; without decimals where it is `counted`, no number of the network, and whole."""
    number, decimals = 0.0, None
    with suppress(UserError):
        number = formulas.number(expression) if formulas is not None else 0.0
    if counted and number.is_integer():
        decimals = 0
    elif 10.0**-numbers.WIDTH < abs(number) < 10.0 ** (1 - numbers.DECIMALS):
        decimals = 1 - math.floor(math.log10(abs(number)))
    return filled((Piece(expression, "number", "", decimals),), formulas)


def filled(prose: Prose, formulas: Formulas | None, hidden: Sequence[Target] = ()) -> Line:
    """Prose as spans, a number of `hidden` as ` ? `. One that cannot be had (no session, or the lesson errs) is `?`
    with its expression."""
    return merge(span for piece in prose for span in _spans(piece, formulas, hidden))


def _spans(piece: Piece, formulas: Formulas | None, hidden: Sequence[Target]) -> Iterator[Span]:
    weight = " bold" if piece.weight else ""
    if piece.kind == "text":
        yield Span(piece.text, f"text{weight}")
    elif formulas is None:
        yield Span(f"? ({piece.text})" if piece.kind == "number" else piece.text, f"text{weight}")
    elif piece.kind == "symbol":
        yield from symbol(piece.text, formulas.graph, weight)
    else:
        try:
            style, target = formulas.style(piece.text), formulas.target(piece.text)
            if target is not None and any(target.meets(each) for each in hidden):
                shown, weight = f" {numbers.HIDDEN} ", " reverse"
            else:
                shown = number(formulas.number(piece.text), piece.decimals)
        except UserError:
            shown, style = f"? ({piece.text})", "kink"
        yield Span(shown, f"{style}{weight}")


def symbol(text: str, graph: Graph, weight: str = "") -> Iterator[Span]:
    """`layer1.a`, `a[0]`, `∂L/∂z`, `a·(1 - a)`: each name in the colour of what it names in this graph."""
    at = 0
    for found in _SYMBOL.finditer(text):
        yield Span(text[at : found.start()], f"text{weight}")
        at = found.end()
        end = found["end"] is not None and graph.nodes[graph.loss] is named(found["end"], graph)
        if found["of"] or found[0].startswith("grad(") or end:
            yield Span(found[0], f"gradient{weight}")
        elif found["d"]:
            yield Span("∂", f"text{weight}")
            yield Span(found["d"], _style_of(found["d"], graph) + weight)
        else:
            yield Span(found[0], _style_of(found[0].partition("[")[0], graph) + weight)
    yield Span(text[at:], f"text{weight}")


def _style_of(name: str, graph: Graph) -> str:
    node = named(name, graph)
    return "text" if node is None else kind_of(node)


def named(name: str, graph: Graph) -> Node | None:
    """What a name in a symbol is: a node by its name, else the first one that is written so in formulas (`a`, `W`)."""
    if name in graph.by_name:
        return graph.by_name[name]
    return next((node for node in graph.nodes if name in (node.symbol, node.label)), None)


def called(node: Node) -> str:
    """What formulas call a node: a parameter by its label (`weight`), anything else by its symbol where it has one."""
    return node.label if node.role == "param" else node.symbol or node.label
