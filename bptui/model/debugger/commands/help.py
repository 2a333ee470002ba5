"""What `help` says in plain text: all from the rows of commands, functions, operations and optimizers, and from the
glossary of what has no row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from unicodedata import name

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import shape
from bptui.model.debugger.commands.habits import called_here
from bptui.model.debugger.commands.registry import FAMILIES, find, table
from bptui.model.debugger.commands.row import Command, shown
from bptui.model.debugger.glossary import MARKS, WORDS

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

PARTS_ALONE = "no definition of the whole: it is its parts, and each of them has one"
"""Of an operation that has none."""


def help_text(word: str = "") -> list[str]:
    """Help on a word, or the table of all commands: plain lines. A word that means several things has all of them; a
    UserError says what is near one that means nothing, or what a word of another program is called here."""
    if word:
        return _about(word)
    lines: list[str] = []
    for family in FAMILIES:
        lines.append(family.group)
        lines += [f"  {_keys(command):<9} {command.word:<17} {command.summary}" for command in family.rows]
    return lines


def help_here(session: Session | None, word: str) -> list[str]:
    """Help on a word where there is a session: a command of one's own, a name of its network and what is asked about
    it, and what the word means everywhere."""
    if session is None or not word:
        return help_text(word)
    if own := session.scripts.words.get(word):
        return list(own)
    from bptui.model.debugger.answers.no_gradient import given

    graph = session.branch.graph
    node = graph.called.get(word)
    layer = next((each for each in graph.layers if each.name == word), None)
    if node is not None:
        origin = f"made by {node.op.name}" if node.op is not None else given(graph, node)
        here = [
            f"{node.name}  {shape(node.shape)}  of this network: {origin}",
            f"  print {node.name}; print grad({node.name}); why {node.name}; paths {node.name}; goto {node.name}",
        ]
    elif layer is not None:
        here = [f"{word}  a layer of this network: {layer.summary}", f"  goto {word}; break {word}; info network"]
    else:
        return help_text(word)
    with suppress(UserError):
        here += ["", *_about(word)]
    return here


def _about(word: str) -> list[str]:
    sections = [list(explain(word)) for explain in EXPLAIN]
    found = [section for section in sections if section]
    if not found:
        found = [list(_command(_nearest(word)))]
    return [row for n, section in enumerate(found) for row in (*([""] if n else []), *section)]


def _nearest(word: str) -> str:
    """The command that begins so; a UserError where there is none."""
    try:
        return find(word).word
    except UserError as problem:
        if not problem.what.startswith("there is no"):
            raise
        right = called_here(word) or did_you_mean(word.casefold(), known(), "help lists the commands")
        raise UserError(word[:40], "nothing is called so", right) from None


def known() -> Iterator[str]:
    """Every word that has help."""
    from bptui.model.debugger.expressions.functions import FUNCTIONS, NAMES
    from bptui.model.engine import ops
    from bptui.model.engine.optimizers import OPTIMIZERS

    yield from (name for name in table() if len(name) > 1)
    yield from (*ALL_MARKS[:1], *GREEK)
    for names in (WORDS, FUNCTIONS, NAMES, ops.OPS, ops.COMPOSITES, OPTIMIZERS):
        yield from names


def _command(word: str) -> Iterator[str]:
    command = table().get(word)
    if command is None:
        return
    keys = ", ".join(shown(key) for key in command.keys)
    facts = [f"key {keys}"] if keys else []
    facts += [f"also {', '.join(command.aliases)}"] if command.aliases else []
    facts += [f"the other way: {command.twin}"] if command.twin else []
    yield command.help
    yield f"  {command.summary}."
    if facts:
        yield f"  {'; '.join(facts)}"
    if command.word == "print":
        yield from _expressions()
    elif "EXPR" in command.usage:
        yield "  help print lists what may stand in an expression"


def _expressions() -> Iterator[str]:
    """What may stand in an expression."""
    from bptui.model.debugger.expressions.functions import FORMS, FUNCTIONS, NAMES

    for title, rows in (("names", NAMES), ("forms", FORMS), ("functions", {n: f.about for n, f in FUNCTIONS.items()})):
        yield f"  {title}"
        width = max(map(len, rows))
        yield from (f"    {name:<{width}}  {about}" for name, about in rows.items())


GREEK: dict[str, list[str]] = {}
"""Marks by the names of their letters."""
for each in MARKS:
    if len(each) == 1 and name(each).startswith("GREEK"):
        GREEK.setdefault(name(each).split()[-1].lower(), []).append(each)
ALL_MARKS = ("marks", "signs", "symbols", "legend")


def _mark(word: str) -> Iterator[str]:
    """A mark, or all of them; a Greek letter by its name, too: one cannot type it everywhere."""
    if word.casefold() in ALL_MARKS:
        yield from (f"  {mark:<2} {about}" for mark, about in MARKS.items())
    letter = word.rstrip("0123456789") if word[:1] in MARKS else word  # β1
    shade = {"▒": "░", "▓": "░", "█": "░", **dict.fromkeys("▂▃▄▅▆▇", "▁")}.get(letter[:1], letter)
    for mark in GREEK.get(word.casefold(), (shade,)):
        if mark in MARKS:
            yield f"{mark if mark != shade else word}  {MARKS[mark]}"


def _word(word: str) -> Iterator[str]:
    plain = "in" if re.fullmatch(r"\d+ of \d+ in", word) else word.casefold()
    if re.fullmatch(r"(\S+ )?\d+/\d+ o", plain):
        plain = "1/2 o"
    if re.fullmatch(r"(∂l/∂|dl/d)\w+", plain):
        plain = "gradient"
    forms = (plain, plain.replace(" ", "_"), plain.replace("_", " "))
    one = () if any(form in WORDS for form in forms) else tuple(form.removesuffix("s") for form in forms)  # weights
    for each in dict.fromkeys((*forms, *one)):
        if each in WORDS:
            yield f"{each}: {WORDS[each]}"


def _function(word: str) -> Iterator[str]:
    """A function or a name of expressions."""
    from bptui.model.debugger.expressions.functions import FUNCTIONS, NAMES

    if row := FUNCTIONS.get(word):
        several = ", …" if row.most > 1 else ""
        yield f"{word}(x{several}{', axis=N' if row.axis else ''})  in expressions (help print): {row.about}"
    elif word in NAMES:
        yield f"{word}  in expressions (help print): {NAMES[word]}"


def _operation(word: str) -> Iterator[str]:
    """An operation: how it is called, what it computes, what it does where there is a choice."""
    from bptui.model.engine import ops
    from bptui.model.engine.ops.example import defined
    from bptui.model.engine.use import signature

    row = ops.OPS.get(word) or ops.COMPOSITES.get(word)
    if row is not None:
        yield f"{signature(row)}  an operation: {row.doc}"
        yield from (f"  {line}" for line in (defined(row) or PARTS_ALONE).split("\n"))
        if row.convention:
            yield f"  convention: {row.convention}"


def _optimizer(word: str) -> Iterator[str]:
    """An optimizer: its update, and its options with their defaults."""
    from bptui.model.engine.optimizers import OPTIMIZERS, Optimizer

    if row := OPTIMIZERS.get(word):
        yield f"{word}  an optimizer: {row.doc}"
        shown_with = Optimizer(word, momentum=0.9) if "momentum" in row.options else Optimizer(word)
        yield from (f"  {line}" for line in shown_with.definition.split("; "))
        defaults = ", ".join(f"{name} {str(value).lower()}" for name, value in row.options.items())
        yield f"  lr is the learning rate, g the gradient, t the update from 1; {defaults}"


EXPLAIN: tuple[Callable[[str], Iterator[str]], ...] = (_command, _word, _mark, _function, _operation, _optimizer)


def _keys(command: Command) -> str:
    if len(command.keys) > 3:
        return f"{shown(command.keys[0])}…{shown(command.keys[-1])}"
    return " ".join(shown(key) for key in command.keys[:1])
