"""A line that is typed at home, as the words of a command line. Imports neither NumPy nor Textual."""

from __future__ import annotations

import os
import re
import shlex

from bptui.arguments import EXAMPLE, HABITS, PARTS
from bptui.formula_words import json_value
from bptui.model.base.errors import UserError


def opened(text: str) -> list[str]:
    """A line as one would type it at home, as the words of a command line: a file or an example, or a formula with its
    values, in quotes as in the shell or without: `L = (y - w*x)**2 x=2 y=2 w=0.5 --train w`."""
    text = re.sub(r"^(bptui\s+)?(run|eval)\s+", "", text.strip())
    text = os.path.expanduser(text) if text.startswith("~") else text
    if re.search(r"\s--weight", text) and "=" not in text:
        return ["run", *_words(text)]
    if "=" not in text or os.path.isfile(text):
        if not os.path.exists(text):
            _refuse_words(*text.partition(" ")[::2])
        return ["run", text]
    if text[0] in "'\"":
        return ["eval", *_words(text)]
    words: list[str] = []
    while found := re.search(r"\s(--(?:train|lr|values|optimizer|dtype)[\s=]+\S+)$", text):
        words[:0] = re.split(r"[\s=]+", found[1], maxsplit=1)
        text = text[: found.start()].rstrip()
    starts = [match.start(1) for match in re.finditer(r"\s([^\W\d][\w.]*)=(?!=)", text)]
    for at in reversed(starts):  # values from the end, as long as they are values: what is left is the formula
        try:
            json_value(text[at:].partition("=")[2], "")
        except UserError:
            break
        words.insert(0, text[at:].strip())
        text = text[:at].rstrip()
    return ["eval", text, *words]


def _refuse_words(first: str, rest: str) -> None:
    """UserError where what is typed at home are words of the shell, which has more commands and options."""
    rest = rest.strip()
    if not rest:
        return
    if first in PARTS:
        raise UserError(
            first, "is a command of the shell", f"bptui {first} {rest[:60]}; here {rest.split()[0][:60]} alone"
        )
    if here := HABITS.get(first):
        command = here.removeprefix("bptui ").split()[0]
        raise UserError(first, "is no command", f"{command} {rest[:60]}")
    if rest.startswith("-"):
        right = f"{first[:60]} alone; theme NAME is a line of its own"
        raise UserError(rest.split()[0], "is an option of the shell", right)


def _words(text: str) -> list[str]:
    """The words of a line, as a shell would have them."""
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise UserError("formula", str(problem).lower(), f'"{EXAMPLE[0]}" {EXAMPLE[1]}') from None
