"""Text that is not ours, made fit for a terminal: names, keys, kinds, paths, headers, whatever a user or a file wrote.

Every text passes here on its way out: messages (`UserError`), what plain mode and the shell print, what the screen
draws, JSON. A terminal obeys escape sequences and control characters; an override of the writing direction shows a text
that is not there; a lone surrogate cannot be encoded. Such characters are shown as Python writes them (`\\x1b`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAX_LINE = 450
"""Characters of one message, so that it is one line, however long what it quotes."""


WORD = 48
"""Characters within which a list that is cut has its next comma."""


def printable(text: str, keep: str = "") -> str:
    """The text with every character that a terminal would act upon, or that has no glyph, as an escape; a tab and
    other spaces become a space. `keep` are characters that may stay: "\\n" in a text of several lines."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def clipped(text: str, most: int = MAX_LINE) -> str:
    """At most `most` characters of a text; `…` stands for the middle, where it is longer."""
    if len(text) <= most:
        return text
    tail = most // 3
    if not tail:
        return "…"
    head, end = text[: most - tail - 1], text[-tail:]
    if ", " in head[-WORD:] and ", " in end[:WORD]:  # of a list the words stay whole
        return f"{head[: head.rindex(', ') + 2]}…{end[end.index(', ') :]}"
    return f"{head}…{end}"


def one_line(text: str, most: int = MAX_LINE) -> str:
    """A text in one printable line of at most `most` characters, its spaces single."""
    return clipped(" ".join(printable(clipped(text, 4 * most)).split()), most)


def few(items: Sequence[str], most: int = 3) -> str:
    """`w, b, c and 4 more`: the first of a list, and how many are left out."""
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")


def json_text(value: Any) -> str:
    """JSON in one line of printable ASCII. A ValueError for numbers that JSON has not."""
    import json  # here: the first frame does without it

    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")
