"""What a lesson may do: directives of its own, and the commands of the registry that move, look or edit.

One table, from which the reader, the check and docs/lesson-format.md are made. Importing this imports no NumPy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.row import Command

STAGES = (
    "network", "operation", "tensor", "loss", "layers", "activation", "predictions", "whatif",
    "neurons", "paths", "chain", "rate", "flow", "race", "play",
)  # fmt: skip
"""What may stand beside the prose; from `neurons` on it takes the whole width of a small screen."""
WIDE = STAGES[STAGES.index("neurons") :]

GROUPS = ("Move", "Stops", "Findings", "Look", "Change")
"""The groups of commands that move, look or edit."""
ALSO = ("mark", "jump")
MOST = 100_000
"""Training steps, or moments, that a directive may go: a page opens while somebody waits."""


class Own(NamedTuple):
    """A directive that only lessons have: its argument, and what it does."""

    usage: str
    about: str


OWN: Mapping[str, Own] = {
    "open": Own(
        "TARGET", 'a fresh session: an example, a network file beside the lesson, or `eval "L = (y - w*x)**2" x=2 …`'
    ),
    "stage": Own("WHAT…", f"what stands beside the prose: {' '.join(STAGES)}"),
    "hide": Own("EXPR", "`?` in its place until the page's question is done (a number question hides its own number)"),
    "let": Own("NAME = EXPR", "keeps a number for what follows, in text and questions"),
    "wait": Own("at PLACE | EXPR", "`next` opens when the reader has got there (twice goes on anyway)"),
    "teacher": Own("", "the paragraph after it is for the teacher"),
}


@cache
def allowed() -> Mapping[str, Command]:
    """The commands that may be directives, by all their words of two letters or more."""
    rows = [row for row in registry.COMMANDS if row.run and (row.group in GROUPS or row.word in ALSO)]
    return {word: row for row in rows for word in row.words if len(word) > 1 and word.isascii()}


def known() -> tuple[str, ...]:
    """Every word that may follow `::`, `ask` among them."""
    return (*OWN, "ask", *(row.word for row in dict.fromkeys(allowed().values())))


def check(word: str, argument: str) -> None:
    """Is there such a directive, with such an argument? UserError says what would be right; what an expression or a
    place names is not looked at, for that takes a network."""
    where = f"::{word}"
    if word in OWN:
        _own(word, argument)
    elif word in allowed():
        row = allowed()[word]
        if argument and row.takes == "nothing":
            raise UserError(where, f"'{argument[:40]}' is too much", f"{where} takes no argument")
        if row.needed and not argument:
            raise UserError(where, "something is missing", f"::{row.help}")
        far = next((number for number in re.findall(r"\d+", argument) if int(number[:12]) > MOST), None)
        if far is not None and (row.takes == "count" or row.word == "goto"):
            raise UserError(where, f"{far[:20]} is far for a lesson", f"{MOST:,} at most")
    elif word in registry.table():
        raise UserError(where, "a lesson may not", "it moves, looks and edits; no file is written, no program run")
    else:
        right = did_you_mean(where, [f"::{each}" for each in known()], "docs/lesson-format.md lists them")
        raise UserError(where, "no such directive or command", right.replace("'", ""))


def _own(word: str, argument: str) -> None:
    where, row = f"::{word}", OWN[word]
    if bool(argument) is not bool(row.usage):
        what = "something is missing" if row.usage else f"'{argument[:40]}' is too much"
        raise UserError(where, what, f"{where} {row.usage}".rstrip())
    if word == "stage":
        for stage in argument.split():
            if stage not in STAGES:
                right = did_you_mean(stage, STAGES, " ".join(STAGES)).replace("'", "")
                raise UserError(f"::stage {stage[:40]}", "there is no such stage", right)
    if word == "let":
        let(argument)


def let(argument: str) -> tuple[str, str]:
    """`before = loss` → its name and its expression."""
    name, equals, expression = (part.strip() for part in argument.partition("="))
    if not equals or not name.isidentifier() or not name.isascii() or len(name) > 40 or not expression:
        raise UserError("::let", f"'{argument[:40]}' is not NAME = EXPR", "::let before = loss")
    return name, expression
