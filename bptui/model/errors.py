"""The one error that a user sees: where, what is wrong, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input, told in one line: `WHERE: what is wrong (what would be right)`.

    Raised for anything that came from a user (a formula, a file, a flag, a command); the shell prints
    it as `bptui: error: …` and exits with 2, the screen shows it in the command line. Everything else
    that is raised is a defect of bptui.
    """

    def __init__(self, where: str, what: str, right: str = "") -> None:
        self.where, self.what, self.right = where, what, right
        line = f"{where}: {what}" + (f" ({right})" if right else "")
        super().__init__(" ".join(line.split()))


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean 'sigmoid'?` where a known word is near, else `otherwise`."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else otherwise
