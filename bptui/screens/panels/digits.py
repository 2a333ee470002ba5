"""Digits for a whole room: three rows high, and up to nine where a screen has the room for them."""

from __future__ import annotations

from itertools import pairwise

from bptui.model.base.numbers import HIDDEN

Glyphs = dict[str, tuple[str, str, str]]
DIGITS: Glyphs = {
    "0": ("┏━┓", "┃ ┃", "┗━┛"), "1": ("  ╻", "  ┃", "  ╹"), "2": ("╺━┓", "┏━┛", "┗━╸"), "3": ("╺━┓", "╺━┫", "╺━┛"),
    "4": ("╻ ╻", "┗━┫", "  ╹"), "5": ("┏━╸", "┗━┓", "╺━┛"), "6": ("┏━╸", "┣━┓", "┗━┛"), "7": ("╺━┓", "  ┃", "  ╹"),
    "8": ("┏━┓", "┣━┫", "┗━┛"), "9": ("┏━┓", "┗━┫", "╺━┛"), "-": ("  ", "╺╸", "  "), ".": (" ", " ", "."),
    "e": ("┏━┓", "┣━┛", "┗━╸"), HIDDEN: ("╺━┓", " ┏┛", " . "),
}  # fmt: skip
"""Three rows each, from the box drawing set: it is in every font that has the rules of the other screens."""
PLAIN: Glyphs = {
    "0": (" _ ", "| |", "|_|"), "1": ("   ", "  |", "  |"), "2": (" _ ", " _|", "|_ "), "3": (" _ ", " _|", " _|"),
    "4": ("   ", "|_|", "  |"), "5": (" _ ", "|_ ", " _|"), "6": (" _ ", "|_ ", "|_|"), "7": (" _ ", "  |", "  |"),
    "8": (" _ ", "|_|", "|_|"), "9": (" _ ", "|_|", " _|"), "-": ("  ", "--", "  "), ".": (" ", " ", "."),
    "e": ("   ", " e ", "   "), HIDDEN: (" _ ", " _|", " . "),
}  # fmt: skip
"""The same for `--ascii`."""
SIZES = (9, 7, 5, 3)
"""Rows of a digit, the largest first: the lines are 4, 3, 2 times as long as in the smallest. ASCII has that alone."""
SOLID = 7
"""From so many rows on a line is a row high and two columns wide: a thin one would not be seen from the back."""
RIGHT, LEFT, DOWN, UP = "━┏┗┣╺", "━┓┛┫╸", "┃┏┓┣┫╻", "┃┗┛┣┫╹"
"""The characters whose line goes on at that side."""


def large(text: str, unicode: bool = True, rows: int = SIZES[-1]) -> tuple[str, ...] | None:
    """The text in digits of so many rows with a gap between them; None where it has letters (`NaN`, `inf`), or where
    there are no digits of that size."""
    glyphs = DIGITS if unicode else PLAIN
    if any(c not in glyphs for c in text) or (rows not in SIZES if unicode else rows != SIZES[-1]):
        return None
    drawn = [_solid(_longer(glyphs[c], rows // 2)) if rows >= SOLID else _longer(glyphs[c], rows // 2) for c in text]
    return tuple(" ".join(glyph[y] for glyph in drawn) for y in range(rows))


def _longer(glyph: tuple[str, ...], times: int) -> tuple[str, ...]:
    """A glyph whose lines are so many times as long: between any two of its cells stand more of what joins them, else
    blanks."""
    more = times - 1
    wide = [row[0] + "".join(("━" if a in RIGHT and b in LEFT else " ") * more + b for a, b in pairwise(row))
            for row in glyph]  # fmt: skip
    out = wide[:1]
    for above, below in pairwise(wide):
        between = "".join("┃" if a in DOWN and b in UP else " " for a, b in zip(above, below, strict=True))
        out += [*[between] * more, below]
    return tuple(out)


def _solid(glyph: tuple[str, ...]) -> tuple[str, ...]:
    """A glyph of full blocks, each line two columns wide."""
    return tuple("".join("█" if a != " " or b != " " else " " for a, b in pairwise(f" {row} ")) for row in glyph)
