"""Every command of the debugger, once.

Key bindings, the footer, `?`, the palette, the `:` line with its completion, plain mode, scripts and docs/keys.md are
all made from `COMMANDS`; a test sweeps the rows. Importing this imports no NumPy: what a command does is named by text
(`session.step` is a method of the Session, `actions.mark` a function of `bptui.model.debugger.actions`) and looked up
when it runs.

Lowercase goes forward, UPPERCASE does the same backward; nothing needs ctrl, alt, an F key or the mouse.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.reply import Reply

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

Takes = Literal["nothing", "count", "text"]
Group = Literal["Move", "Stops", "Look", "Panels", "Copy and keep", "Other"]
GROUPS: tuple[Group, ...] = ("Move", "Stops", "Look", "Panels", "Copy and keep", "Other")
ARROWS = (
    "Arrows, hjkl, page up and down, home and end move in the focused panel and never step; "
    "in the Operation panel page down and up turn the card where it says that there is more."
)
MAX_LENGTH, MAX_COUNT = 4_000, 10**9


@dataclass(frozen=True)
class Command:
    """One row.

    word     what one types after `:`; gdb's word where gdb has it
    does     "session.NAME", "actions.NAME", "inspect.NAME" (called with the session and the argument), or "screen": the
             front end carries it out, by its word
    summary  one line, for help, palette and documentation
    keys     Textual's names of its keys, the first of which is shown
    line     what its key runs, where that is not the bare word; a blank at the end opens the `:` line with it instead
    short    the word of the footer, "" to stay out of it
    twin     the word of the command that does the same in the other direction
    aliases  other words for it; every single-letter key is one, too
    takes    nothing, a count (default 1), or text;  usage  how help writes its argument
    complete what completion offers: node, place, stop, expression, input, mark, command, or the words
             themselves separated by |
    needed   its text may not be left out
    """

    word: str
    does: str
    summary: str
    group: Group
    keys: tuple[str, ...] = ()
    line: str = ""
    short: str = ""
    twin: str = ""
    aliases: tuple[str, ...] = ()
    takes: Takes = "nothing"
    usage: str = ""
    complete: str = ""
    needed: bool = False

    @property
    def where(self) -> Literal["session", "screen"]:
        """Who carries it out."""
        return "screen" if self.does == "screen" else "session"

    @property
    def key(self) -> str:
        """Its key as one reads it on a keyboard, "" where it has none."""
        return shown(self.keys[0]) if self.keys else ""

    @property
    def words(self) -> tuple[str, ...]:
        """All that it answers to in the command line."""
        letters = [shown(key) for key in self.keys if not self.line and not key.isdigit()]
        return tuple(dict.fromkeys((self.word, *self.aliases, *(key for key in letters if len(key) == 1))))

    @property
    def opens(self) -> bool:
        """Does its key open the command line, for an argument?"""
        return self.line.endswith(" ")

    @property
    def help(self) -> str:
        """`step [N]`: word and argument."""
        return f"{self.word} {self.usage}".strip()


def _two(
    words: tuple[str, str],
    does: tuple[str, str],
    summaries: tuple[str, str],
    group: Group,
    keys: tuple[str, str],
    more: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    aliases: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    short: str = "",
    takes: Takes = "nothing",
    usage: str = "",
) -> tuple[Command, Command]:
    """A command and its mirror image, which differ in nothing but direction."""
    rows = [
        Command(
            words[i],
            does[i],
            summaries[i],
            group,
            (keys[i], *more[i]),
            short=short,
            twin=words[1 - i],
            aliases=aliases[i],
            takes=takes,
            usage=usage,
        )
        for i in (0, 1)
    ]
    return rows[0], rows[1]


COMMANDS: tuple[Command, ...] = (
    *_two(
        ("step", "reverse-step"), ("session.step", "session.reverse_step"),
        ("One operation forward", "One operation back"), "Move", ("s", "S"), (("space",), ("backspace",)),
        (("stepi", "si"), ("rs", "back")), "step", "count", "[N]",
    ),
    *_two(
        ("next", "reverse-next"), ("session.next", "session.reverse_next"),
        ("To the next layer; a composite is one operation", "To where n stops in this layer, or in the one before"),
        "Move", ("n", "N"),
        aliases=((), ("rn",)), short="layer", takes="count", usage="[N]",
    ),
    *_two(
        ("finish", "reverse-finish"), ("session.finish", "session.reverse_finish"),
        ("To the end of this layer, then of the phase", "To the start of this layer, then of the phase"), "Move",
        ("f", "F"), aliases=((), ("rf",)), short="phase",
    ),
    *_two(
        ("continue", "reverse-continue"), ("actions.forward", "actions.backward"),
        ("To the next breakpoint or finding, or the end", "To the previous breakpoint or finding, or the start"),
        "Move", ("c", "C"), aliases=((), ("rc",)), short="stop", takes="count", usage="[N]",
    ),
    *_two(
        ("train", "untrain"), ("session.train", "session.untrain"),
        ("The same moment, N training steps later", "The same moment, N training steps earlier"), "Move",
        ("greater_than_sign", "less_than_sign"), short="train", takes="count", usage="[N]",
    ),
    Command("until", "session.until", "Run to a node (the selected one), whichever way it lies", "Move", ("t",),
            short="until", aliases=("advance",), takes="text", usage="[NODE]", complete="node"),
    Command("goto", "session.goto", "Go to a node, layer, phase, moment, percent or training step", "Move", ("g",),
            "goto ", "goto", aliases=("g",), takes="text", usage="NODE | PHASE | 42 | 50% | start | end | step N",
            complete="place", needed=True),
    Command("break", "actions.set_break", "Stop at a node, where a condition holds; alone: toggle one here", "Stops",
            ("b",), short="break", takes="text", usage="[NODE] [if EXPR]", complete="stop"),
    Command("tbreak", "actions.set_tbreak", "A breakpoint that is gone once it has stopped", "Stops", takes="text",
            usage="[NODE] [if EXPR]", complete="stop"),
    Command("watch", "actions.watch", "Stop when an expression changes", "Stops", ("W",), "watch ", takes="text",
            usage="EXPR", complete="expression", needed=True),
    Command("delete", "actions.delete", "Delete a breakpoint or watch by number; alone: all of them", "Stops",
            aliases=("d",), takes="text", usage="[N]"),
    Command("info", "actions.info", "List breakpoints, displays, marks; or say where we are", "Stops", ("B",),
            "info breakpoints", aliases=("where",), takes="text", usage="[breakpoints|display|marks|network]",
            complete="breakpoints|display|marks|network"),
    *_two(
        ("next-finding", "previous-finding"), ("actions.next_finding", "actions.previous_finding"),
        ("To the next NaN, inf or failed check", "To the previous NaN, inf or failed check"), "Stops", ("x", "X"),
        short="finding",
    ),
    Command("why", "inspect.why", "Where a number comes from: what computes it, what adds to its gradient", "Look",
            ("i",), short="why", takes="text", usage="[NODE[i,j]]", complete="node"),
    Command("print", "inspect.print_", "The number(s) of an expression", "Look", takes="text", usage="EXPR",
            complete="expression", needed=True),
    Command("display", "inspect.display", "Show an expression at every stop; alone: show all of them now", "Look",
            ("w",), "display ", takes="text", usage="[EXPR]", complete="expression"),
    Command("undisplay", "inspect.undisplay", "Stop showing an expression, by number; alone: all of them", "Look",
            takes="text", usage="[N]"),
    Command("select", "session.select", "Select a node or element; alone: follow the moment again", "Look", ("escape",),
            aliases=("follow",), takes="text", usage="[NODE[i,j]]", complete="node"),
    Command("by", "actions.by", "Choose the input whose derivative is shown; alone: the next one", "Look", ("o",),
            short="input", takes="text", usage="[INPUT]", complete="input"),
    Command("view", "actions.view", "Operations, layers or neurons; alone: the next of them", "Look", ("v",),
            short="view", takes="text", usage="[operations|layers|neurons]", complete="operations|layers|neurons"),
    Command("raw", "actions.raw", "The derivative as SymPy gave it, and back", "Look", ("r",), short="raw"),
    Command("sample", "actions.sample", "All samples of the batch, their mean, or one", "Look", takes="text",
            usage="[all|mean|N]", complete="all|mean"),
    Command("search", "actions.search", "Search nodes by name, layer or operation", "Look", ("slash",), "search ",
            aliases=("/",), takes="text", usage="TEXT", complete="node", needed=True),
    *_two(
        ("search-next", "search-previous"), ("actions.search_next", "actions.search_previous"),
        ("The next match", "The match before"), "Look", ("full_stop", "comma"),
    ),
    Command("focus", "actions.focus", "To a panel: 1 Network, 2 Operation, 3 Tensor, 4 Timeline, 5 Loss", "Panels",
            tuple("123456789"), takes="text", usage="N", complete="1|2|3|4|5", needed=True),
    *_two(
        ("focus-next", "focus-previous"), ("screen", "screen"), ("To the next panel", "To the panel before"), "Panels",
        ("tab", "shift+tab"),
    ),
    Command("zoom", "actions.zoom", "Give the panel the whole screen, and back", "Panels", ("z",), short="zoom"),
    Command("present", "screen", "One operation for a whole room; s shows the number it hides; esc leaves",
            "Panels", ("P",), short="present", takes="text", usage="[on|off]", complete="on|off"),
    Command("theme", "screen", "Choose the colours; alone: the next theme", "Panels", takes="text",
            usage="[dark|light|high-contrast|ansi-dark|ansi-light]",
            complete="dark|light|high-contrast|ansi-dark|ansi-light"),
    Command("mark", "actions.mark", "Mark this moment", "Copy and keep", ("m",), takes="text", usage="[NAME]"),
    Command("jump", "actions.jump", "Go to a mark", "Copy and keep", ("apostrophe",), "jump ", takes="text",
            usage="[NAME]", complete="mark"),
    Command("copy", "screen", "Copy the selected number or tensor", "Copy and keep", ("y",), short="copy", takes="text",
            usage="[text|latex|numpy|json]", complete="text|latex|numpy|json"),
    Command("copy-panel", "screen", "Copy the text of the panel", "Copy and keep", ("Y",)),
    Command("write", "inspect.write", "Write the selected tensor to a new .json, .npy or .txt file", "Copy and keep",
            takes="text", usage="FILE", needed=True),
    Command("command", "screen", "The command line", "Other", ("colon",), short="command"),
    Command("help", "screen", "Keys and commands; what one command does", "Other", ("question_mark", "f1"),
            short="help", takes="text", usage="[COMMAND]", complete="command"),
    Command("palette", "screen", "Search the commands", "Other", ("ctrl+p",)),
    Command("quit", "screen", "Leave", "Other", ("q", "ctrl+q"), aliases=("exit",), short="quit"),
)  # fmt: skip

_SHOWN = {
    "greater_than_sign": ">", "less_than_sign": "<", "slash": "/", "full_stop": ".", "comma": ",", "apostrophe": "'",
    "colon": ":", "question_mark": "?", "plus": "+", "minus": "-",
}  # fmt: skip


def shown(key: str) -> str:
    """A key as one reads it on a keyboard: `>` for Textual's `greater_than_sign`."""
    return _SHOWN.get(key, key)


@cache
def table() -> dict[str, Command]:
    """Commands by all their words."""
    return {word: command for command in COMMANDS for word in command.words}


def by_key(key: str) -> Command | None:
    """The command of a key, by Textual's name of it."""
    return next((command for command in COMMANDS if key in command.keys), None)


def key_line(command: Command, key: str) -> str:
    """What a key of a command runs; with a blank at the end, what the `:` line opens with."""
    return f"{command.word} {key}" if key.isdigit() else command.line or command.word


def find(word: str) -> Command:
    """A command by word, alias, key letter, or a beginning that only it has; UserError says what is near."""
    known = table()
    if word in known:
        return known[word]
    if not_yet := unsupported.command(word):
        raise not_yet
    matching = {command.word: command for name, command in known.items() if len(name) > 1 and name.startswith(word)}
    if len(matching) == 1:
        return next(iter(matching.values()))
    if matching:
        raise UserError(word, "could be several commands", ", ".join(matching))
    words = [name for name in known if len(name) > 1]
    raise UserError(word[:40], "there is no such command", did_you_mean(word, words, "help lists them"))


def split(text: str) -> tuple[Command | None, str]:
    """A command line as command and argument; a leading `:` is dropped. (None, "") for an empty line or a comment."""
    text = text.strip().removeprefix(":").strip()
    if len(text) > MAX_LENGTH:
        raise UserError("command", f"{len(text)} characters", f"at most {MAX_LENGTH}")
    if not text or text.startswith("#"):
        return None, ""
    if text[0] in "/":
        return find("search"), text[1:].strip()
    word, _, argument = text.partition(" ")
    command = find(word)
    argument = argument.strip()
    if argument and command.takes == "nothing":
        raise UserError(command.word, f"'{argument[:40]}' is too much", f"{command.word} takes no argument")
    if command.needed and not argument:
        raise UserError(command.word, "something is missing", command.help)
    return command, argument


def run(session: Session, text: str) -> Reply:
    """Carry out one command line. Raises UserError for what cannot be understood or done.

    Where the front end has to do it, the Reply says so in `screen`, as (word, argument).
    """
    command, argument = split(text)
    if command is None:
        return Reply()
    if command.does == "screen":
        return Reply(screen=(command.word, argument))
    arguments = {"nothing": (), "count": (_count(command, argument),), "text": (argument,)}[command.takes]
    module, _, name = command.does.partition(".")
    if module == "session":
        reply: Reply = getattr(session, name)(*arguments)
    else:
        reply = getattr(importlib.import_module(f"bptui.model.debugger.{module}"), name)(session, *arguments)
    session.message = reply
    return reply


def _count(command: Command, text: str) -> int:
    if command.takes != "count" or not text:
        return 1
    if not re.fullmatch(r"\d{1,12}", text) or not 1 <= int(text) <= MAX_COUNT:
        raise UserError(command.word, f"'{text[:40]}' is not a count", f"{command.word} N, with N from 1")
    return int(text)


def complete(session: Session, text: str) -> list[str]:
    """What the line could go on as: whole lines, best first. Offers nothing where anything may follow."""
    word, blank, argument = text.lstrip(": ").partition(" ")
    if not blank:
        return sorted(c.word for c in COMMANDS if c.word.startswith(word))
    try:
        command = find(word)
    except UserError:
        return []
    start = re.search(r"[^\s()\[\]+*/,<>=-]*$" if command.complete == "expression" else r"\S*$", argument)
    assert start is not None
    stem, typed = argument[: start.start()], start.group()
    offered = candidates(session, command, stem)
    return [f"{command.word} {stem}{name}" for name in offered if name.startswith(typed) and name != typed]


def candidates(session: Session, command: Command, before: str = "") -> Sequence[str]:
    """The words that may stand in a command's argument, after `before`."""
    kind = command.complete
    if kind in ("node", "place", "stop", "expression", "input", "mark"):
        words: Iterable[str] = importlib.import_module("bptui.model.debugger.actions").words(session, kind)
        return tuple(words)
    if kind == "command":
        return tuple(each.word for each in COMMANDS)
    return tuple(kind.split("|")) if kind and not before.strip() else ()


def help_text(word: str = "") -> list[str]:
    """Help on one command, or the table of all: plain lines, from the rows."""
    if word:
        command = find(word)
        keys = ", ".join(shown(key) for key in command.keys)
        facts = [f"key {keys}"] if keys else []
        facts += [f"also {', '.join(command.aliases)}"] if command.aliases else []
        facts += [f"the other way: {command.twin}"] if command.twin else []
        return [f"{command.help}", f"  {command.summary}.", *([f"  {'; '.join(facts)}"] if facts else [])]
    lines = [ARROWS]
    for group in GROUPS:
        lines.append(group)
        for command in COMMANDS:
            if command.group == group:
                lines.append(f"  {_keys(command):<9} {command.word:<17} {command.summary}")
    return lines


def _keys(command: Command) -> str:
    if len(command.keys) > 3:
        return f"{shown(command.keys[0])}…{shown(command.keys[-1])}"
    return " ".join(shown(key) for key in command.keys[:1])


def markdown() -> str:
    """docs/keys.md."""
    lines = [
        "# Keys and commands",
        "",
        "Made from `bptui/model/debugger/commands.py` by "
        "`python -m bptui.model.debugger.commands > docs/keys.md`; a test compares.",
        "Lowercase goes forward, UPPERCASE does the same backward.",
        "A command may be shortened to any beginning that only it has.",
        ARROWS,
    ]
    for group in GROUPS:
        lines += ["", f"## {group}", "", "| key | command | does |", "|---|---|---|"]
        for command in COMMANDS:
            if command.group == group:
                keys = _keys(command) if len(command.keys) > 3 else " ".join(f"`{shown(key)}`" for key in command.keys)
                usage = command.help.replace("|", "\\|")
                also = f" (also {', '.join(f'`{a}`' for a in command.aliases)})" if command.aliases else ""
                lines.append(f"| {keys} | `{usage}`{also} | {command.summary} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
