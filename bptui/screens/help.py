"""`?` and the palette, made from the registry of commands: what is written here cannot be untrue."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, zip_longest

from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.commands.help import help_text
from bptui.model.debugger.commands.registry import COMMANDS, FAMILIES
from bptui.model.debugger.commands.row import Command, Family
from bptui.screens.keys import HOME, PLACES, Place, keys_text
from bptui.screens.panels import PANELS, Panel
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit

SUMMARY = 20
"""Columns that the third column needs at least."""
DOUBLE, GAP = 160, 4
"""From this width on two groups stand side by side, with a gap between."""


def pages(width: int) -> tuple[Line, ...]:
    """The table of all keys and commands, group by group, in `width` columns; first how the keys are meant. Where three
    columns have no room, what a command does stands under it; on a wide screen half of the groups stand beside the
    others."""
    forward, backward = Span("lowercase", "text bold"), Span("UPPERCASE", "text bold")
    out: list[Line] = [
        *wrap(line(forward, (" goes forward, ", "dim"), backward, (" the same backward", "dim")), width),
        *wrap(tuple(span for each in PANELS for span in named(each)), width),
    ]
    wide = width if width < DOUBLE else (width - GAP) // 2
    places = [
        [(), *wrap(line((place.name, "text bold")), wide), *place_keys(place, wide)]
        for place in PLACES
        if place is not HOME
    ]
    blocks = [places[0], *(_family(family, wide) for family in FAMILIES), *places[1:]]
    if width < DOUBLE:
        return (*out, *chain(*blocks))
    heights = list(map(len, blocks))
    split = min(range(len(blocks)), key=lambda n: max(sum(heights[:n]), sum(heights[n:])))
    sides = zip_longest(chain(*blocks[:split]), chain(*blocks[split:]), fillvalue=())
    return (*out, *((*fit(left, wide + GAP), *right) if right else left for left, right in sides))


def named(row: Panel) -> Line:
    """A panel's key and name."""
    return line((f"{row.number} ", "text bold"), (f"{row.name}  ", "dim"))


def place_keys(place: Place, width: int) -> list[Line]:
    """What the keys of a place do, in `width` columns; where two columns have no room, further rows are set in by 2."""
    first = max(len(keys_text(row)) for row in place.rows) + 2
    rows = [line((f"{keys_text(row):<{first}}", "text bold"), (row.summary, "dim")) for row in place.rows]
    return [part for row in rows for part in wrap(row, width, first if first + SUMMARY <= width else 2)]


def _family(family: Family, width: int) -> list[Line]:
    """The commands of a family, with an empty row and its name above."""
    first, second = (14, 22) if width >= 100 else (12, 19)
    under = width < first + second + SUMMARY
    out: list[Line] = [(), line((family.group, "text bold"))]
    for command in family.rows:
        word = command.help if len(command.help) < second else command.word
        head = line((f"{keys_text(command):<{first}}", "text bold"), (f"{word:<{second}}", "text"))
        if under:
            said = wrap((Span(f"  {command.summary}", "dim"),), width, 2)
            out += [*wrap(head, width, 2), *said]
            continue
        rows = wrap((Span(command.summary, "dim"),), width - first - second)
        out += [(*head, *rows[0]), *((Span(" " * (first + second)), *row) for row in rows[1:])]
    return out


def about(word: str, width: int) -> tuple[Line, ...]:
    """One command, in `width` columns."""
    first, *rest = help_text(word)
    rows = (line((first, "text bold")), *(line((text, "text")) for text in rest))
    return tuple(part for row in rows for part in wrap(row, width, 2))


@dataclass
class Palette:
    """The commands that match what is typed; enter runs the chosen one."""

    typed: str = ""
    chosen: int = 0
    _shown: list[Command] = field(default_factory=list)

    @property
    def found(self) -> list[Command]:
        """Commands in the order of their match: at the start of a word, then anywhere, in word or summary."""
        wanted = self.typed.lower().split()

        def rank(command: Command) -> tuple[int, int]:
            text = f"{command.word} {command.summary}".lower()
            if not all(part in text for part in wanted):
                return (9, 0)
            first = wanted[0] if wanted else ""
            return (0 if command.word.startswith(first) else 1 if first in command.word else 2, COMMANDS.index(command))

        return [command for command in sorted(COMMANDS, key=rank) if rank(command)[0] < 9]

    def key(self, key: str, character: str | None) -> str:
        """One key. Returns "run", "close" or ""."""
        if key == "enter":
            return "run" if self.found else ""
        if key in ("escape", "ctrl+c", "ctrl+p") and (key != "ctrl+p"):
            return "close"
        if key in ("up", "shift+tab", "ctrl+p"):
            self.chosen = max(0, self.chosen - 1)
        elif key in ("down", "tab", "ctrl+n"):
            self.chosen = min(max(0, len(self.found) - 1), self.chosen + 1)
        elif key in ("backspace", "ctrl+h"):
            self.typed, self.chosen = self.typed[:-1], 0
        elif character and character.isprintable():
            self.typed, self.chosen = (self.typed + character)[:100], 0
        return ""

    def lines(self, width: int, height: int) -> tuple[Line, ...]:
        """The matches, the chosen one reversed."""
        found = self.found
        top = max(0, self.chosen - height + 1)
        out = []
        for i, command in enumerate(found[top : top + height], top):
            weight = "text bold reverse" if i == self.chosen else "text bold on-band"
            row = line(
                (" ", "text on-band"), (f" {command.word:<18}", weight), (f" {keys_text(command):<12}", "text on-band"),
                (f" {command.summary}", "dim on-band"),
            )  # fmt: skip
            out.append(fit(row, width, "text on-band"))
        if not out:
            out.append(fit(line(("  nothing matches", "dim on-band")), width, "text on-band"))
        return tuple(out)

    def line(self, width: int) -> Line:
        """What is typed."""
        row = (Span(" > ", "text bold on-band"), Span(self.typed, "text on-band"), Span(" ", "text reverse"))
        return fit(row, width, "text on-band")
