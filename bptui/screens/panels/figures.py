"""What all panels that show numbers share: a number in its column, the kind of a node, a window on something larger."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from bptui.model.base.numbers import HIDDEN, concealed, field
from bptui.model.base.spans import WEIGHTS, Line, Span, plain
from bptui.model.engine.graph import Node
from bptui.screens.panels.text import wrap

_NOT_FINITE = re.compile(r"(?<!\w)(-?inf|NaN)(?!\w)")
_HIDDEN = re.compile(r"(?<![^\s(\[=-])\?(?!\w)")


def kind_of(node: Node) -> str:
    """The style word for a node's own numbers: computed are values, trained are parameters, given ones plain text."""
    return {"op": "value", "param": "parameter"}.get(node.role, "text")


def symbol_of(node: Node) -> str:
    """How formulas write the node."""
    return node.symbol or node.label


def figure(x: float | None, width: int, decimals: int, style: str) -> Line:
    """A number in `width` cells; NaN and inf reversed in the colour of failure, whatever the style says; one that is
    hidden as ` ? ` reversed in its own."""
    text = field(x, width, decimals)
    if x is None:
        return (Span(text, "dim"),)
    if math.isfinite(x):
        return (Span(text, style),)
    if concealed(x):
        at = text.index(HIDDEN)
        blank, start = without_weights(style), max(0, at - 1)
        mark = Span(text[start : at + 2], f"{blank} bold reverse")
        return (Span(text[:start], blank), mark, Span(text[at + 2 :], blank))
    word = text.strip()
    room = min(width, len(word) + 1)
    return (Span(" " * (width - room), without_weights(style)), Span(word.rjust(room), "fail reverse"))


def shown(text: str, x: float | None, style: str, pad: int = 0) -> Span:
    """A ready text of the number `x`, reversed where it is not finite, or hidden."""
    if concealed(x) or text == HIDDEN:
        return Span(f" {HIDDEN} ", f"{style} reverse")
    if x is not None and not math.isfinite(x):
        return Span(f" {text} ", "fail reverse")
    return Span(text.rjust(pad), style)


def marked(row: Line) -> Line:
    """An equation in which the numbers that are not finite, or hidden, are reversed."""
    if HIDDEN in plain(row):
        row = tuple(part for span in row for part in _unhidden(span))
    if not _NOT_FINITE.search(plain(row)):
        return row
    parts = ((word, span.style) for span in row for word in _NOT_FINITE.split(span.text) if word)
    return tuple(Span(word, "fail reverse" if _NOT_FINITE.fullmatch(word) else style) for word, style in parts)


def _unhidden(span: Span) -> Iterator[Span]:
    """A span with what is hidden in it as ` ? `, reversed."""
    for n, part in enumerate(_HIDDEN.split(span.text)):
        if n:
            yield Span(f" {HIDDEN} ", f"{without_weights(span.style)} bold reverse")
        if part:
            yield Span(part, span.style)


def without_weights(style: str) -> str:
    """The style without bold, reverse and underline: for blanks beside a reversed number."""
    return " ".join(w for w in style.split() if w not in WEIGHTS) or "text"


def window(size: int, room: int, at: int) -> tuple[int, int]:
    """Which `room` of `size` rows or columns are seen, so that `at` is among them, in the middle if possible."""
    room = max(0, min(room, size))
    start = max(0, min(at - room // 2, size - room))
    return start, start + room


def wholes(array: Any, room: int) -> Line:
    """Class numbers and other indices, as many as there is room for."""
    texts = [str(int(x)) for x in array.ravel()[:room].tolist()]
    rest = int(array.size) - len(texts)
    while texts and sum(map(len, texts)) + len(texts) + 2 * (rest > 0) > room:
        texts.pop()
        rest += 1
    return (Span(" " + " ".join(texts), "text"), *((Span(" …", "dim"),) if rest else ()))


def scalar(array: Any, at: tuple[int, ...]) -> float | None:
    """One element as a float; None where there is no array or no such element."""
    if array is None or len(at) != array.ndim or any(not 0 <= i < n for i, n in zip(at, array.shape, strict=True)):
        return None
    return float(array[at])


def no_view(name: str, why: str, width: int) -> list[Line]:
    """In the place of a view of the network that has no room, or cannot be: why, and the key to the next one."""
    text: Line = (Span(f"no {name} view: ", "dim"), Span(why, "text"), Span("  v view", "dim"))
    return [(Span(" "), *row) for row in wrap(text, max(1, width - 2))]
