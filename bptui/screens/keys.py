"""From a key to what it does, and back: commands from their registry, what belongs to a place alone from its rows here.

The footers, `?`, home's help and docs/keys.md are made from both; a test presses every key.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bptui.model.debugger.commands.registry import COMMANDS
from bptui.model.debugger.commands.row import Command, shown
from bptui.screens.bindings import DEFAULT, Bindings

PAGE, FAR = 10, 10**6
"""Rows of pageup and pagedown in a panel; rows or columns that reach any end."""
VERTICAL, HORIZONTAL = ((-1, 0), (1, 0)), ((0, -1), (0, 1))
TOP, SIDES = ((-FAR, 0), (FAR, 0)), ((0, -FAR), (0, FAR))


class Key(NamedTuple):
    """One row: what some keys do in one place.

    word     what the place calls it
    keys     Textual's names of the keys, the first of which stands in a footer; of those that move, the first two
    summary  one line, for help and documentation
    short    the word of the footer, "" to stay out of it
    by       (rows, columns) that each of the keys moves, where they move
    """

    word: str
    keys: tuple[str, ...]
    summary: str
    short: str = ""
    by: tuple[tuple[int, int], ...] = ()


class Place(NamedTuple):
    """Where keys have a meaning of their own: its name in help, its rows, and how many of them a footer has before it
    says how to leave."""

    name: str
    rows: tuple[Key, ...]
    first: int = 3

    def find(self, key: str) -> tuple[str, tuple[int, int]]:
        """The word of a key and what it moves by; "" and (0, 0) where it means nothing here."""
        for row in self.rows:
            if key in row.keys:
                return row.word, row.by[row.keys.index(key)] if row.by else (0, 0)
        return "", (0, 0)

    def footer(self) -> tuple[tuple[str, str], ...]:
        """(keys, word) of the rows that stand in a footer."""
        return tuple((_named(row), row.short) for row in self.rows if row.short)


ARROWS = {"up", "down", "left", "right"}


def _named(row: Key) -> str:
    """The keys of a row in a footer: the first, the first two where they move, all of four arrows in one word."""
    if set(row.keys) >= ARROWS:
        return "arrows"
    if row.keys[0].isdigit() and len(row.keys) > 1:
        return f"{row.keys[0]}-{row.keys[-1]}"
    return "/".join(_brief(key) for key in row.keys[: 2 if row.by else 1])


def _brief(key: str) -> str:
    """A key as a footer has room for it."""
    return {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn"}.get(key) or shown(key)


LEAVES = ("q", "quit", "exit")
"""Lines that leave any screen, as its key does."""

INTERRUPT = Key("interrupt", ("ctrl+c",), "Say how to leave")

HOME = Place("Home", (
    Key("open", ("enter", "space"), "Open what is chosen: a lesson where it was left, an example", "debug"),
    Key("move", ("up", "down", "k", "j"), "Choose; so does the first letter of an example", "choose", VERTICAL * 2),
    Key("move", ("left", "right"), "Choose the one beside it", by=HORIZONTAL),
    Key("move", ("pageup", "pagedown"), "Choose one ten rows away", by=((-PAGE, 0), (PAGE, 0))),
    Key("move", ("home", "end"), "Choose the first or the last", by=TOP),
    Key("part", ("1", "2", "3", "4"), "To the lessons, the playground, the examples, what was opened last", "part"),
    Key("turn", ("shift+tab", "tab"), "To the part before, the next one", by=VERTICAL),
    Key("class", ("P",), "Open the chosen lesson for a class, in large digits", "class"),
    Key("line", ("o", "colon"), "A network file, a formula with its values, explore race; help WORD, theme", "open"),
    Key("filter", ("slash",), "Show only what has a word", "find"),
    Key("all", ("escape",), "Show all again"),
    INTERRUPT,
    Key("help", ("question_mark", "f1"), "These keys", "help"),
    Key("leave", ("q", "ctrl+q"), "Leave bptui; in the debugger q comes back here", "quit"),
))  # fmt: skip

PANEL = Place("In a panel", (
    Key("move", ("up", "down", "left", "right", "k", "j", "h", "l"),
        "Move in the panel with the heavy rule; they never step", by=(*VERTICAL, *HORIZONTAL) * 2),
    Key("move", ("pageup", "pagedown"), "Ten rows; in the Operation panel turn the card where there is more",
        by=((-PAGE, 0), (PAGE, 0))),
    Key("move", ("home", "end"), "To the first or the last column", by=SIDES),
    Key("enter", ("enter",), "What the panel opens"),
    INTERRUPT,
))  # fmt: skip

PAGES = Place("In help and long answers", (
    Key("move", ("up", "down", "k", "j"), "Scroll", "move", VERTICAL * 2),
    Key("page", ("pageup", "pagedown", "space"), "Scroll a page", by=(*VERTICAL, (1, 0))),
    Key("move", ("home", "end"), "To the start or the end", by=TOP),
    Key("close", ("escape", "q", "enter"), "Close", "close"),
))  # fmt: skip

MANUAL = Place(PAGES.name, (
    *PAGES.rows[:-1],
    Key("find", ("slash",), "To the next row that has a word; with nothing typed: of the word before", "find"),
    PAGES.rows[-1],
))  # fmt: skip
"""The same in the debugger, where they are long."""

LINE = Place("In the command line", (
    Key("done", ("enter",), "Run it"),
    Key("close", ("escape", "ctrl+c"), "Leave it; so does backspace in an empty one"),
    Key("complete", ("shift+tab", "tab"), "Complete; the completion before, the next", by=VERTICAL),
    Key("recall", ("up", "down", "ctrl+p", "ctrl+n"), "The line before, the line after", by=VERTICAL * 2),
    Key("find", ("ctrl+r",), "The line before in which what was typed stands; again: further back", by=VERTICAL[:1]),
    Key("move", ("left", "right", "ctrl+b", "ctrl+f"), "Move the cursor", by=HORIZONTAL * 2),
    Key("move", ("home", "end", "ctrl+a", "ctrl+e"), "To its start or its end", by=SIDES * 2),
    Key("cut", ("backspace", "delete", "ctrl+h", "ctrl+d"), "Delete before, under the cursor", by=HORIZONTAL * 2),
    Key("cut", ("ctrl+u", "ctrl+k"), "Delete to the start, to the end", by=SIDES),
    Key("cut word", ("ctrl+w",), "Delete the word before the cursor"),
))  # fmt: skip

PALETTE = Place("In the palette, else as in the command line", (
    Key("run", ("enter",), "Run the chosen command"),
    Key("choose", ("up", "down", "shift+tab", "tab", "ctrl+p", "ctrl+n"), "Choose a command", by=VERTICAL * 3),
))  # fmt: skip

PRESENT = Place("In present mode, else as everywhere", (
    Key("next", ("pagedown", "enter"), "The answer, then what is asked next: a clicker does it", "the answer"),
    Key("more", ("down",), "In a lesson, once the answer is told: all of the explanation", "read on"),
    Key("back", ("pageup",), "The question again, then the page before it", "back"),
    Key("class", ("1", "2", "3", "4"), "What the class says, before the answer", "the class says"),
    Key("leave", ("escape",), "Leave present mode", "leave"),
))  # fmt: skip

RUNNING = Place("While a command runs", (
    Key("cancel", ("ctrl+c", "escape"), "Cancel it", "cancels"),
    Key("leave", ("q", "ctrl+q"), "Leave the debugger"),
))  # fmt: skip

REPLAY = Place("While a recording is replayed", (
    Key("next", ("enter", "right", "s"), "The next line at once"),
    Key("pause", ("space",), "Pause; go on", "pause"),
    Key("end", ("escape", "ctrl+c"), "End it: from there on it is yours", "end"),
    Key("leave", ("q", "ctrl+q"), "Leave the debugger"),
))  # fmt: skip

STAGE = Place("In every explorer, the playground and diff", (
    Key("debug", ("enter",), "The debugger at this very point; q there comes back here", "debug"),
    Key("leave", ("q", "ctrl+q"), "Leave, to where it was opened", "back"),
    Key("present", ("P",), "For a class: what it is asked is hidden; pgdn shows it, then goes on, esc ends it"),
    INTERRUPT,
    Key("line", ("colon",), "A line of what can be set here, theme, help WORD, quit", "cmd"),
    Key("help", ("question_mark", "f1"), "These keys", "help"),
))  # fmt: skip

LESSON = Place("In a lesson, else as in the debugger", (
    Key("enter", ("enter",), "Answer (= opens a formula); with nothing typed a hint, at last the answer; next page",
        "answer"),
    Key("turn", ("pageup", "pagedown"), "The page before, the page after", "page", VERTICAL),
    Key("choose", ("up", "down"), "Choose an answer, as its number does", by=VERTICAL),
    Key("home", ("escape",), "Back to the page's moment"),
    Key("leave", ("q", "ctrl+q"), "Leave; what was reached is kept", "home"),
))  # fmt: skip

CERTIFICATE = Place("At the end of a lesson", (
    Key("next", ("enter",), "The next lesson", "next lesson"),
    Key("name", ("e",), "Put your name on it", "your name"),
    Key("copy", ("y",), "Copy it as text", "copy"),
    Key("write", ("colon",), "write FILE.svg, or .txt: keep it in a file", "write FILE.svg"),
    Key("back", ("pageup", "escape"), "Back to the last page", "back"),
    Key("leave", ("q", "ctrl+q"), "Leave", "home"),
))  # fmt: skip

EXPLORE_CHAIN = Place("In explore chain", (
    Key("move", ("left", "right", "h", "l"), "The start, down and up by 0.1", "x", HORIZONTAL * 2),
    Key("nudge", ("plus", "minus", "equals_sign"), "A larger, a smaller nudge", "nudge", ((0, 1), (0, -1), (0, 1))),
    Key("pair", ("n", "N"), "The next, the previous pair of functions", "pair", VERTICAL[::-1]),
    Key("flow", ("f",), "The other direction: values forward, gradients backward", "flow"),
    Key("start", ("0",), "Everything as at first"),
))  # fmt: skip

EXPLORE_RATE = Place("In explore rate", (
    Key("rate", ("left", "right", "h", "l"), "A smaller, a larger rate", "rate", HORIZONTAL * 2),
    Key("step", ("greater_than_sign", "less_than_sign"), "Take the step; take it back", "step", VERTICAL[::-1]),
    Key("slice", ("v",), "Along the gradient, along each number alone", "slice", ((1, 0),)),
    Key("start", ("0",), "Everything as at first", "start"),
))  # fmt: skip

EXPLORE_FLOW = Place("In explore flow", (
    Key("choose", ("up", "down", "k", "j"), "Choose a switch: its network stands at the right", "switch", VERTICAL * 2),
    Key("train", ("greater_than_sign", "less_than_sign"), "A training step on, a step back", "train", VERTICAL[::-1]),
    Key("preset", ("p",), "What is healthy: relative to the last layer, a lesson's legend, its figure", "preset",
        ((1, 0),)),
    Key("start", ("0",), "Everything as at first"),
))  # fmt: skip

EXPLORE_ACTIVATIONS = Place("In explore activations", (
    Key("z", ("left", "right", "h", "l"), "z, down and up by 0.1", "z", HORIZONTAL * 2),
    Key("choose", ("up", "down", "k", "j"), "Choose an activation", "choose", VERTICAL * 2),
    Key("raw", ("r",), "The derivative as SymPy gave it", "raw"),
    Key("start", ("0",), "Everything as at first", "start"),
))  # fmt: skip

EXPLORE_RACE = Place("In explore race", (
    Key("step", ("greater_than_sign", "less_than_sign"), "A training step of all of them, on and back", "step",
        VERTICAL[::-1]),
    Key("run", ("space",), "Run to the end; stop", "run"),
    Key("choose", ("up", "down", "k", "j"), "Choose an optimizer: its path is drawn", "choose", VERTICAL * 2),
    Key("rate", ("left", "right", "h", "l"), "A smaller, a larger rate of the chosen one", "rate", HORIZONTAL * 2),
    Key("problem", ("o",), "The next problem", "problem", ((1, 0),)),
    Key("start", ("0",), "To the start, with the rates as at first", "start"),
), first=4)  # fmt: skip

EXPLORERS = (EXPLORE_CHAIN, EXPLORE_RATE, EXPLORE_FLOW, EXPLORE_ACTIVATIONS, EXPLORE_RACE)
DEBUGGING = (PANEL, MANUAL, LINE, PALETTE, PRESENT, RUNNING, REPLAY)
"""The places of the debugger, which its help shows."""
PLAY = Place("In the playground", (
    Key("run", ("space",), "Train until it is pressed again", "run"),
    Key("steps", ("greater_than_sign", "less_than_sign"), "As many training steps on, or back, as the stride says",
        "steps", ((0, 1), (0, -1))),
    Key("move", ("up", "down", "left", "right", "k", "j", "h", "l"),
        "A neuron, a point, the past, a setting: in the panel with the heavy rule",
        "change", (*VERTICAL, *HORIZONTAL) * 2),
    Key("start", ("0",), "Back to training step 0", "start"),
    Key("stride", ("t", "T"), "A stride of 1, 10, 100, 1,000; the one before", "stride", ((0, 1), (0, -1))),
    Key("panel", ("tab", "shift+tab"), "The next panel, the one before", by=((0, 1), (0, -1))),
    Key("focus", ("1", "2", "3", "4"), "That panel"),
    Key("weight", ("w", "W"), "Another weight of the chosen neuron", "weight", ((0, 1), (0, -1))),
    Key("edit", ("e",), "Type another number for the chosen weight: a branch", "edit"),
    Key("nudge", ("plus", "minus"), "The chosen weight by 0.1: a branch", "nudge", ((0, 1), (0, -1))),
    Key("undo", ("u",), "Back to what was before the last change on the way", "undo"),
))  # fmt: skip

DIFF = Place("In diff", (
    Key("next", ("x", "X"), "The next operation that is apart, the one before", "next ≠", VERTICAL[::-1]),
    Key("choose", ("up", "down", "k", "j"), "Choose an operation", "choose", VERTICAL * 2),
    Key("choose", ("pageup", "pagedown"), "Ten operations up, down", by=((-PAGE, 0), (PAGE, 0))),
    Key("choose", ("home", "end"), "The first operation, the last", by=TOP),
    Key("tolerance", ("plus", "minus", "equals_sign"), "Ten times the tolerance, a tenth of it", "tolerance",
        ((0, 1), (0, -1), (0, 1))),
    Key("beside", ("v",), "The numbers of both side by side, the farthest first; the list again", "both"),
    Key("list", ("escape",), "The list again"),
    Key("start", ("0",), "To the first operation that is apart"),
), first=2)  # fmt: skip

PLACES = (HOME, LESSON, CERTIFICATE, *DEBUGGING, STAGE, *EXPLORERS, PLAY, DIFF)

ENDS = ("command", "help")
"""The commands that always stand at the right end of the footer."""

FIRST = ("step", "layer", "stop", "break", "why", "view")
WIDE = ("step", "layer", "phase", "stop", "train", "goto", "break", "why", "paths", "view", "zoom", "present")
"""The words that stand first in a narrow and in a wide footer, where there is no room for all."""


def name_of(key: str, character: str | None) -> str:
    """The registry's name of a pressed key: a letter as it is written, whatever the terminal's protocol called it."""
    if character and len(character) == 1 and character.isalnum():
        return character
    return key


@cache
def footer_keys(
    width: int, bindings: Bindings = DEFAULT
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(keys, word) pairs for the middle and for the right end of the footer, twins as one: `s/S step`."""
    middle: list[tuple[str, str]] = []
    ends: list[tuple[str, str]] = []
    twins = {command.word: command for command in COMMANDS}
    done: set[str] = set()
    for command in COMMANDS:
        if not command.short or not bindings.keys(command) or command.word in done:
            continue
        keys = shown(bindings.keys(command)[0])
        if command.twin and command.twin in twins and (other := bindings.keys(twins[command.twin])):
            keys += "/" + shown(other[0])
            done.add(command.twin)
        word = "cmd" if command.word == "command" and width < 100 else command.short
        (ends if command.word in ENDS else middle).append((keys, word))
    first = FIRST if width < 100 else WIDE
    middle.sort(key=lambda pair: first.index(pair[1]) if pair[1] in first else len(first))
    return tuple(middle), tuple(ends)


def keys_named(word: str, bindings: Bindings = DEFAULT) -> tuple[str, str]:
    """(keys, word of the footer) of a command, with the key of its twin: `u/U`, `undo`."""
    rows = {command.word: command for command in COMMANDS}
    command = rows[word]
    keys = [shown(bindings.keys(rows[each])[0]) for each in (word, command.twin) if each and bindings.keys(rows[each])]
    return "/".join(keys), command.short or command.word


def keys_text(row: Command | Key, bindings: Bindings = DEFAULT) -> str:
    """All keys of a row as one reads them: `s space`."""
    keys = bindings.keys(row) if isinstance(row, Command) else row.keys
    if keys and keys[0].isdigit() and len(keys) > 1:
        return f"{keys[0]}…{keys[-1]}"
    return " ".join(map(shown, keys))
