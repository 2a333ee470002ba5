"""Prose with marks in it, as pieces: `= EXPR`, `layer1.a`, *stress*, **term**. Nothing is computed here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bptui.teach.lesson import Piece, Prose

MAX_DECIMALS = 12
_MARKS = re.compile(r"`([^`\n]+)`|(\*\*?)")
_NUMBER = re.compile(r"=\s*(?P<expression>.*?)(?:\s+to\s+(?P<decimals>\d{1,3}))?\s*")
_WEIGHTS = {"*": "stress", "**": "term"}


def prose(text: str) -> Prose:
    """The pieces of a paragraph. A mark without its twin is text, as in Markdown."""
    marks = list(_MARKS.finditer(text))
    out: list[Piece] = []
    weight, at = "", 0
    for number, mark in enumerate(marks):
        opens = mark[2] and not weight and _closes(text, marks[number:])
        if mark[2] and not opens and _WEIGHTS[mark[2]] != weight:
            continue
        _add(out, text[at : mark.start()], weight)
        at = mark.end()
        if mark[2]:
            weight = _WEIGHTS[mark[2]] if opens else ""
        else:
            out.append(_code(mark[1], weight))
    _add(out, text[at:], weight)
    return tuple(out)


def _closes(text: str, marks: list[re.Match[str]]) -> bool:
    """Is there a twin of the first mark, with text close to both of them?"""
    first = marks[0]
    if not text[first.end() : first.end() + 1].strip():
        return False
    return any(mark[2] == first[2] and text[mark.start() - 1].strip() for mark in marks[1:])


def _add(out: list[Piece], text: str, weight: str) -> None:
    if text:
        out.append(Piece(text, "text", weight))  # type: ignore[arg-type]  # a key of _WEIGHTS


def _code(text: str, weight: str) -> Piece:
    found = _NUMBER.fullmatch(text.strip()) if text.lstrip().startswith("=") else None
    if found is None:
        return Piece(text, "symbol", weight)  # type: ignore[arg-type]
    decimals = None if found["decimals"] is None else int(found["decimals"])
    return Piece(found["expression"], "number", weight, decimals)  # type: ignore[arg-type]


def expressions(pieces: Prose) -> Iterator[Piece]:
    """The numbers of a paragraph."""
    return (piece for piece in pieces if piece.kind == "number")
