"""What the shell commands know of the terminal: whether there is one, what it takes, how text is printed to it."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.printable import printable


def in_browser() -> bool:
    """Was this started by `bptui serve`, for a page that was opened? textual-serve says so in the environment."""
    return os.environ.get("TEXTUAL_DRIVER") == "textual.drivers.web_driver:WebDriver"


def fits() -> None:
    """UserError where the terminal is too small for any screen."""
    if in_browser():  # a window has any size, and changes it; what has no room is said there
        return
    columns, rows = shutil.get_terminal_size()
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        raise UserError("terminal", f"it is {columns}x{rows}", f"at least {SMALLEST[0]}x{SMALLEST[1]}, or --plain")


SMALLEST = (24, 6)
"""Columns and rows of the smallest terminal in which anything can be shown (bptui.screens.layout; a test compares)."""

THEMES = ("dark", "light", "high-contrast", "ansi-dark", "ansi-light")


def check_theme(name: str) -> None:
    """UserError for a name that is no theme's."""
    if name not in THEMES:
        raise UserError("--theme", f"found '{name[:40]}'", did_you_mean(name, THEMES, ", ".join(THEMES)))


def has_screen() -> bool:
    """Is there a terminal that can move its cursor, at both ends, or a browser?"""
    if in_browser():
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM", "dumb" if os.name == "posix" else "") != "dumb" and all(
        stream is not None and stream.isatty() for stream in streams
    )


def utf8(stream: object) -> bool:
    """Does a stream take every glyph?"""
    encoding = str(getattr(stream, "encoding", None) or "")
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "utf16", "cp65001")


def glyphs(options: Namespace) -> bool:
    """May the screen have more than ASCII?"""
    return not options.ascii and (in_browser() or utf8(sys.stderr))


WORDED = str.maketrans({"²": "^2", "³": "^3", "→": "->", "←": "<-"})
"""Glyphs that text which stands in no grid says better in two characters of ASCII."""


def writer(options: Namespace) -> Callable[[str], None]:
    """Print to stdout what a terminal takes as text, without what its encoding cannot say."""
    if not options.ascii and utf8(sys.stdout):
        return lambda text: print(printable(text, keep="\n"))
    from bptui.model.base.spans import Span, plain
    from bptui.screens.render import to_ascii

    def write(text: str) -> None:
        text = text.translate(WORDED)
        print("\n".join(plain(to_ascii((Span(printable(line)),))) for line in text.split("\n")))

    return write
