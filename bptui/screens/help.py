"""`?` and the palette, made from the registry of commands: what is written here cannot be untrue."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.debugger.commands.help import help_here
from bptui.model.debugger.commands.registry import COMMANDS, FAMILIES
from bptui.model.debugger.commands.row import Command, Family
from bptui.screens.bindings import DEFAULT, Bindings
from bptui.screens.command_line import CommandLine
from bptui.screens.keys import DEBUGGING, PALETTE, Place, keys_text
from bptui.screens.panels import ANSWERS, INSTEAD, PANELS, Panel
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit, length

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

SUMMARY = 20
"""Columns that the third column needs at least."""
DOUBLE, GAP = 160, 4
"""From this width on two groups stand side by side, with a gap between."""


def pages(width: int, bindings: Bindings = DEFAULT, here: Panel | None = None) -> tuple[Line, ...]:
    """The table of all keys and commands, group by group, in `width` columns; first what they do in the panel `here`,
    which has the focus. Where three columns have no room, what a command does stands under it; on a wide screen half of
    the groups stand beside the others."""
    forward, backward = Span("lowercase", "text bold"), Span("UPPERCASE", "text bold")
    out: list[Line] = [
        *wrap(line(forward, (" goes forward, ", "dim"), backward, (" the same backward", "dim")), width),
        *_names(width),
    ]
    if here is not None:
        out += [(), *_here(here, width)]
    wide = width if width < DOUBLE else (width - GAP) // 2
    places = [[(), *wrap(line((place.name, "text bold")), wide), *place_keys(place, wide)] for place in DEBUGGING]
    blocks = [places[0], *(_family(family, wide, bindings) for family in FAMILIES), *places[1:]]
    if width < DOUBLE:
        return (*out, *chain(*blocks))
    heights = list(map(len, blocks))
    split = min(range(len(blocks)), key=lambda n: max(sum(heights[:n]), sum(heights[n:])))
    sides = zip_longest(chain(*blocks[:split]), chain(*blocks[split:]), fillvalue=())
    return (*out, *((*fit(left, wide + GAP), *right) if right else left for left, right in sides))


def _names(width: int) -> list[Line]:
    """The panels' keys and names, each name beside its key."""
    rows: list[Line] = [()]
    for each in map(named, PANELS):
        if rows[-1] and length(rows[-1]) + length(each) > width:
            rows.append(())
        rows[-1] = (*rows[-1], *each)
    return rows


def named(row: Panel) -> Line:
    """A panel's key and name."""
    return line((f"{row.number} ", "text bold"), (f"{row.name}  ", "dim"))


def _here(row: Panel, width: int) -> list[Line]:
    """What the keys do in the panel that has the focus, as its functions say."""
    title = line((f"In {row.name}, which has the focus", "text bold"))
    rows = [line((f"{keys:<8}", "text bold"), (said, "dim")) for keys, said in row.keys]
    return [title, *(part for each in rows for part in wrap(each, width, 8))]


def place_keys(place: Place, width: int) -> list[Line]:
    """What the keys of a place do, in `width` columns; where two columns have no room, further rows are set in by 2."""
    first = max(len(keys_text(row)) for row in place.rows) + 2
    rows = [line((f"{keys_text(row):<{first}}", "text bold"), (row.summary, "dim")) for row in place.rows]
    return [part for row in rows for part in wrap(row, width, first if first + SUMMARY <= width else 2)]


def _family(family: Family, width: int, bindings: Bindings) -> list[Line]:
    """The commands of a family, with an empty row and its name above."""
    first, second = (14, 22) if width >= 100 else (12, 19)
    first = max(first, *(1 + len(keys_text(command, bindings)) for command in family.rows))
    under = width < first + second + SUMMARY
    out: list[Line] = [(), line((family.group, "text bold"))]
    for command in family.rows:
        word = command.help if len(command.help) < second else command.word
        head = line((f"{keys_text(command, bindings):<{first}}", "text bold"), (f"{word:<{second}}", "text"))
        if under:
            said = wrap((Span(f"  {command.summary}", "dim"),), width, 2)
            out += [*wrap(head, width, 2), *said]
            continue
        rows = wrap((Span(command.summary, "dim"),), width - first - second)
        out += [(*head, *rows[0]), *((Span(" " * (first + second)), *row) for row in rows[1:])]
    return out


def about(word: str, width: int, session: Session | None = None) -> tuple[Line, ...]:
    """What a word means, in `width` columns; in a session the names of its network, too. A panel's name that means
    nothing else is what its module says of it."""
    try:
        first, *rest = help_here(session, word)
    except UserError:
        row = next((each for each in (*PANELS, *ANSWERS, *INSTEAD) if each.name.casefold() == word.casefold()), None)
        if row is None:
            raise
        first, rest = row.name, [f"  {row.about}"]
    rows = (line((first, "text bold")), *(line((text, "text")) for text in rest))
    return tuple(part for row in rows for part in wrap(row, width, _indent(row, width)))


def _indent(row: Line, width: int) -> int:
    """Where a row goes on that has no room: under its second column, where it has two and that leaves room."""
    second = re.match(r"\s+\S.*?\s{2,}(?=\S)", plain(row))
    return second.end() if second and second.end() <= width // 2 else 2


@dataclass
class Palette:
    """The commands that match what is typed; enter runs the chosen one."""

    bindings: Bindings = DEFAULT
    editor: CommandLine = field(default_factory=lambda: CommandLine("> "))
    chosen: int = 0

    @property
    def found(self) -> list[Command]:
        """Commands in the order of their match: at the start of a word, then anywhere, in word or summary."""
        wanted = self.editor.text.lower().split()
        found = [c for c in COMMANDS if all(part in f"{c.word} {c.summary}".lower() for part in wanted)]
        first = wanted[0] if wanted else ""
        return sorted(found, key=lambda command: (not command.word.startswith(first), first not in command.word))

    def press(self, key: str, character: str | None) -> str:
        """One key. Returns "run", "close" or ""."""
        word, (down, _) = PALETTE.find(key)
        if word == "choose":
            self.chosen = max(0, min(self.chosen + down, len(self.found) - 1))
        if word:
            return "run" if word == "run" and self.found else ""
        before = self.editor.text
        end = self.editor.press(key, character, lambda _: ())
        self.chosen = self.chosen if self.editor.text == before else 0
        return end

    def paste(self, text: str) -> None:
        """Pasted text is searched, too."""
        self.editor.insert(text)
        self.chosen = 0

    def lines(self, width: int, height: int) -> tuple[Line, ...]:
        """The matches, the chosen one reversed and told to its end; of the others as much as has room, and `…`."""
        out: list[Line] = []
        seen = height
        for i, command in enumerate(self.found):
            here = i == self.chosen
            head = line(
                (" ", "text on-band"), (f" {command.word:<18}", "text bold reverse" if here else "text bold on-band"),
                (f" {keys_text(command, self.bindings):<12} ", "text on-band"),
            )  # fmt: skip
            summary = Span(command.summary, "text on-band" if here else "dim on-band")
            if not here or length(head) + len(command.summary) < width:
                out.append((*head, summary))
            else:
                out += [head, *(line(("    ", "text on-band"), *row) for row in wrap((summary,), width - 5))]
            seen = max(height, len(out)) if here else seen
        rows = out[seen - height : seen] or [line(("  nothing matches", "dim on-band"))]
        return tuple(fit(row, width, "text on-band") for row in rows)
