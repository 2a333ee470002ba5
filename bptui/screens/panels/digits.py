"""Digits for a whole room: three rows high, or five where a screen has the room for them."""

from __future__ import annotations

from itertools import pairwise

from bptui.model.base.numbers import HIDDEN

Glyphs = dict[str, tuple[str, str, str]]
DIGITS: Glyphs = {
    "0": ("┏━┓", "┃ ┃", "┗━┛"), "1": ("  ╻", "  ┃", "  ╹"), "2": ("╺━┓", "┏━┛", "┗━╸"), "3": ("╺━┓", "╺━┫", "╺━┛"),
    "4": ("╻ ╻", "┗━┫", "  ╹"), "5": ("┏━╸", "┗━┓", "╺━┛"), "6": ("┏━╸", "┣━┓", "┗━┛"), "7": ("╺━┓", "  ┃", "  ╹"),
    "8": ("┏━┓", "┣━┫", "┗━┛"), "9": ("┏━┓", "┗━┫", "╺━┛"), "-": ("  ", "╺╸", "  "), ".": (" ", " ", "."),
    "e": ("   ", " e ", "   "), HIDDEN: ("╺━┓", " ┏┛", " . "),
}  # fmt: skip
"""Three rows each, from the box drawing set: it is in every font that has the rules of the other screens."""
PLAIN: Glyphs = {
    "0": (" _ ", "| |", "|_|"), "1": ("   ", "  |", "  |"), "2": (" _ ", " _|", "|_ "), "3": (" _ ", " _|", " _|"),
    "4": ("   ", "|_|", "  |"), "5": (" _ ", "|_ ", " _|"), "6": (" _ ", "|_ ", "|_|"), "7": (" _ ", "  |", "  |"),
    "8": (" _ ", "|_|", "|_|"), "9": (" _ ", "|_|", " _|"), "-": ("  ", "--", "  "), ".": (" ", " ", "."),
    "e": ("   ", " e ", "   "), HIDDEN: (" _ ", " _|", " . "),
}  # fmt: skip
"""The same for `--ascii`."""
SIZES = (5, 3)
"""Rows of a digit, the larger first: in it each line is as long again. ASCII has the smaller alone."""
RIGHT, LEFT, DOWN, UP = "━┏┗┣╺", "━┓┛┫╸", "┃┏┓┣┫╻", "┃┗┛┣┫╹"
"""The characters whose line goes on at that side."""


def large(text: str, unicode: bool = True, rows: int = SIZES[-1]) -> tuple[str, ...] | None:
    """The text in digits of so many rows with a gap between them; None where it has letters (`NaN`, `inf`), or where
    there are no digits of that size."""
    glyphs = DIGITS if unicode else PLAIN
    if any(c not in glyphs for c in text) or (rows not in SIZES if unicode else rows != SIZES[-1]):
        return None
    drawn = [glyphs[c] if rows == SIZES[-1] else _stretched(glyphs[c]) for c in text]
    return tuple(" ".join(glyph[y] for glyph in drawn) for y in range(rows))


def _stretched(glyph: tuple[str, ...]) -> tuple[str, ...]:
    """A glyph with one cell more between any two of its own: what joins them, else a blank."""
    wide = [row[0] + "".join(("━" if a in RIGHT and b in LEFT else " ") + b for a, b in pairwise(row)) for row in glyph]
    out = wide[:1]
    for above, below in pairwise(wide):
        out += ["".join("┃" if a in DOWN and b in UP else " " for a, b in zip(above, below, strict=True)), below]
    return tuple(out)
