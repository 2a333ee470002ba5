"""Text that knows what its parts mean, without knowing how a screen will show them.

A style is a few words, of which the first may be a kind and the rest weights:
kinds    value gradient parameter · text dim rule · ok fail kink
weights  bold reverse underline
as in "gradient bold". A screen maps them to the colours of its theme, plain text drops them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

KINDS = ("text", "dim", "rule", "value", "gradient", "parameter", "ok", "fail", "kink")
WEIGHTS = ("bold", "reverse", "underline")
COLOURS: dict[Literal["forward", "backward", "update"], str] = {
    "forward": "value",
    "backward": "gradient",
    "update": "parameter",
}
"""The kind of number that each phase writes."""
CHIPS = {"forward": "▶", "backward": "◀", "update": "◆"}
"""The mark of each phase."""


class Span(NamedTuple):
    """A run of text in one style."""

    text: str
    style: str = "text"


Line = tuple[Span, ...]


def line(*parts: Span | str | tuple[str, str]) -> Line:
    """A line from spans, (text, style) pairs and plain strings."""
    return tuple(Span(part) if isinstance(part, str) else Span(*part) for part in parts)


def joined(between: Span, parts: Iterable[Sequence[Span]]) -> Line:
    """One line of several, with something between any two."""
    return tuple([span for n, part in enumerate(parts) for span in ((between, *part) if n else part)])


def plain(spans: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def length(spans: Iterable[Span]) -> int:
    """Cells that a line takes: every glyph of bptui is one cell wide (no emoji, nothing from the wide set)."""
    cells = 0
    for text, _ in spans:
        cells += len(text)
    return cells


def bold(spans: Iterable[Span]) -> Line:
    """The same in bold."""
    return tuple([Span(s.text, s.style if "bold" in s.style.split() else f"{s.style} bold") for s in spans])


def merge(spans: Iterable[tuple[str, str]]) -> Line:
    """Neighbours of one style (spans, or such pairs) as one span, empty ones left out."""
    out: list[tuple[list[str], str]] = []
    for text, style in spans:
        if out and out[-1][1] == style:
            out[-1][0].append(text)
        elif text:
            out.append(([text], style))
    return tuple([Span("".join(texts), style) for texts, style in out])
