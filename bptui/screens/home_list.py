"""What home lists, and how it is drawn: pure, from what is known to rows. Needs no NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bptui.model.base.prose import shorten, wrap
from bptui.model.base.spans import Line, Span
from bptui.screens import layout
from bptui.screens.explore import EXPLORERS
from bptui.screens.keys import HOME, PAGES
from bptui.screens.long_answer import LongAnswer
from bptui.screens.panels import footer
from bptui.screens.render import RenderOptions, drawable, fit, length, under

ABOUT = "step a neural network through training, forward and back in time"
FORMULA = "L = (y - w*x)**2 x=2 y=2 w=0.5 --train w"
PARTS = ("Lessons", "Playground", "Examples", "Recent")
LESSONS, PLAYGROUND, EXAMPLES, RECENT = range(4)
CELL = 15
"""Columns of an example's name where there is no room for what it is about."""
WIDE = (116, 30)
"""Columns and rows from which on home has two columns."""
RIGHT = 37
"""Of the right one, at least; a third of a wide screen."""


CHOSEN, MAP, BESIDE = 15, 6, 14
"""Where a map stands: rows of the chosen thing, least rows of the map, columns of what is said beside it."""
Picture = Callable[[int, int, RenderOptions], Sequence[Line]]


class Item(NamedTuple):
    """One thing that can be opened.

    opens  the line that opens it, as it can be typed
    mark   its number, where it has one;  right  what stands at the right end
    done   nothing is left to do in it;  gone  its file has gone
    more   what is told of it where there is room: paragraphs
    title  over that, with `side` at its right end
    """

    part: int
    opens: str
    name: str
    about: str = ""
    mark: str = ""
    right: Line = ()
    done: bool = False
    gone: bool = False
    more: tuple[Line, ...] = ()
    title: str = ""
    side: str = ""


@dataclass
class State:
    """What home knows.

    chosen   the place of the cursor among `rows`;  wanted  the word that rows are filtered by
    message  an answer in the place of the footer, in as many rows as it takes, until the next key
    bottom   the line that is typed in
    help     a word that is explained, or the keys; the list is seen where there is none
    picture  the map of the network that was played last, once it is known: (width, height, options) → rows
    """

    items: tuple[Item, ...] = ()
    look: RenderOptions = field(default_factory=RenderOptions)
    chosen: int = 0
    wanted: str = ""
    message: Line = ()
    bottom: Line = ()
    help: LongAnswer = field(default_factory=LongAnswer)
    picture: Picture | None = None

    @property
    def rows(self) -> tuple[Item, ...]:
        """What is listed."""
        words = self.wanted.casefold().split()
        return tuple(e for e in self.items if all(word in f"{e.name} {e.about}".casefold() for word in words))

    @property
    def item(self) -> Item | None:
        """The chosen one."""
        rows = self.rows
        return rows[min(self.chosen, len(rows) - 1)] if rows else None

    def move(self, down: int, right: int, width: int) -> None:
        """Choose another, and stop at the ends. Where examples stand side by side, up and down go by their rows."""
        rows = self.rows
        for _ in range(abs(down or right)):
            sign = 1 if (down or right) > 0 else -1
            self.chosen = _beside(rows, self.chosen, sign, across(width)) if down else self.chosen + sign
            self.chosen = max(0, min(self.chosen, len(rows) - 1))

    def jump(self, letter: str) -> bool:
        """To the next example whose name begins with the letter; False where none does."""
        rows = self.rows
        for k in range(1, len(rows) + 1):
            at = (self.chosen + k) % len(rows)
            if rows[at].part == EXAMPLES and rows[at].name.lower().startswith(letter.lower()):
                self.chosen = at
                return True
        return False

    def turn(self, down: int) -> None:
        """To the first of the next part, of the one before; from the last one to the first."""
        parts, item = sorted({row.part for row in self.rows}), self.item
        if item is not None:
            self.go(parts[(parts.index(item.part) + down) % len(parts)])

    def go(self, part: int) -> bool:
        """To the first of a part; False where that is empty."""
        rows = self.rows
        found = next((at for at, item in enumerate(rows) if item.part == part), None)
        self.chosen = self.chosen if found is None else found
        return found is not None


def across(width: int) -> int:
    """Examples in a row of the screen."""
    return 1 if width >= WIDE[0] else max(1, (width - 5) // CELL)


def _beside(rows: Sequence[Item], at: int, sign: int, columns: int) -> int:
    """The place that stands over or under another: within the examples by rows, else the next."""
    if not rows or rows[at].part != EXAMPLES or columns == 1:
        after = at + sign
        if sign < 0 and 0 <= after < len(rows) and rows[after].part == EXAMPLES:  # into the first of their last row
            first = next(n for n, item in enumerate(rows) if item.part == EXAMPLES)
            return first + (after - first) // columns * columns
        return after
    first = next(n for n, item in enumerate(rows) if item.part == EXAMPLES)
    last = max(n for n, item in enumerate(rows) if item.part == EXAMPLES)
    after = at + sign * columns
    if first <= after <= last:
        return after
    if sign > 0 and (at - first) // columns < (last - first) // columns:
        return last
    return last + 1 if sign > 0 else first - 1


def lines(state: State, width: int, height: int) -> list[Line]:
    """All rows of the screen."""
    if width < layout.SMALLEST[0] or height < layout.SMALLEST[1]:
        return layout.too_small(width, height)
    last = _last(state, width)
    room = height - 1 - len(last)
    if state.help:
        rows, which = state.help.seen(room - 1)
        body = [layout.title_rule(state.help.title, which, width), *((Span("  "), *row) for row in rows)]
    elif width >= WIDE[0] and height >= WIDE[1]:
        body = _two_columns(state, width, room)
    else:
        body = _one_column(state, width, room)
    out = [_head(width), *body[:room]]
    out += [()] * (height - len(last) - len(out))
    out = [fit(row, width) for row in [*out[: height - len(last)], *last][:height]]
    return drawable(out, state.look)


def _head(width: int) -> Line:
    name = Span(" bptui", "text bold")
    for about in (ABOUT, "step a neural network through training", "debug a training step", ""):
        if len(about) + 9 <= width:
            return under(fit((name, Span(f"  {about}", "dim")), width), "on-band")
    return under(fit((name,), width), "on-band")


def _part_of(state: State) -> int:
    return -1 if state.item is None else state.item.part


def _rule(state: State, part: int, right: str, width: int) -> Line:
    title = layout.Title(part + 1, PARTS[part], right=(Span(right, "dim"),) if right else ())
    return layout.rule(title, width, focused=part == _part_of(state))


def _count(state: State, part: int, width: int) -> str:
    """What stands at the right end of a part's rule."""
    own, all_ = [item for item in state.rows if item.part == part], [e for e in state.items if e.part == part]
    if state.wanted:
        return f"{len(own)} of {len(all_)} with '{state.wanted}'"
    if part == LESSONS:
        done = sum(item.done for item in own)
        return f"{done} of {len(own)} done" if done else "pages"
    if part == EXAMPLES:
        item = state.item
        if item is not None and item.part == EXAMPLES and across(width) > 1 and item.about:
            return shorten(item.about, width - 20)
        return str(len(own))
    return ""


def _one_column(state: State, width: int, room: int) -> list[Line]:
    """All parts below one another; where they have no room, those around the chosen row."""
    rows = state.rows
    if not rows:
        return [layout.title_rule("bptui", "", width), (Span("  nothing matches; escape shows all", "dim"),)]
    out: list[Line] = []
    heads: list[int] = []
    here = 0
    for part in range(len(PARTS)):
        own = [(at, item) for at, item in enumerate(rows) if item.part == part]
        if part == RECENT and not state.wanted:
            own = own[: max(1, room - len(out) - 1, state.chosen - (own[0][0] if own else 0) + 1)]
        if not own and not (part == RECENT and not state.wanted):
            continue
        heads.append(len(out))
        out.append(_rule(state, part, _count(state, part, width), width))
        columns = across(width) if part == EXAMPLES else 1
        for n in range(0, len(own), columns):
            group = own[n : n + columns]
            if any(at == state.chosen for at, _ in group):
                here = len(out)
            out.append(_cells(state, group) if columns > 1 else _row(state, *group[0], width))
        if part == RECENT and not own:
            out += _nothing_yet(width)
    if len(out) <= room:
        return out
    top = max(0, min(here - room // 2, len(out) - room))
    if here - 1 in heads:
        top = min(top, here - 1)
    return out[top : top + room]


def _cells(state: State, group: Sequence[tuple[int, Item]]) -> Line:
    """Some examples side by side, the chosen one on the cursor's ground."""
    out: list[Span] = [Span(" " * 5)]
    for at, item in group:
        here = at == state.chosen
        name = fit((Span(item.name, "text bold" if here else "text"),), CELL - 1)
        out.append(Span("▶" if here else " ", "chip-forward" if here else "text"))
        out += under(name, "on-cursor") if here else name
    return tuple(out)


NAMES = (28, 6, 16, 18)
"""Columns from the name to what it is about, of each part."""


def _row(state: State, at: int, item: Item, width: int) -> Line:
    """`▶ 4 The backward pass         0.5025, wanted 0.70 …          10/17`."""
    here = at == state.chosen
    kind = "text bold" if here else "dim" if item.done or item.gone else "text"
    head = [Span(" ▶" if here else "  ", "chip-forward" if here else "text"), Span(f"{item.mark:>3} ", "dim")]
    right = (Span("gone", "dim"),) if item.gone else item.right
    room = width - length(head) - length(right) - 1
    room += not right  # nothing is to be kept apart from it
    name = NAMES[item.part]
    text: list[Span] = [Span(f"{item.name:<{name - 1}} ", kind)]
    if room >= name + 20:
        text.append(Span(item.about, "text" if here else "dim"))
    row = (*head, *fit(text, max(0, room - 1)), Span(" "), *right, Span(" "))
    return under(row, "on-cursor") if here else row


def _nothing_yet(width: int) -> list[Line]:
    """How to come to something of one's own."""
    text = (Span("nothing yet. ", "dim"), Span("o", "text bold"), Span(" opens a network file, a formula:", "dim"))
    return [(Span(" " * 6), *row) for row in (*wrap(text, max(1, width - 7)), (Span(FORMULA),))]


def _two_columns(state: State, width: int, room: int) -> list[Line]:
    """Lessons and examples at the left; at the right the chosen thing, the playground, what was opened last."""
    wide = max(RIGHT, (width - 9) // 3)
    left = width - wide - 1
    rows = list(enumerate(state.rows))
    if not rows:
        return _one_column(state, width, room)
    of = {part: [(at, item) for at, item in rows if item.part == part] for part in range(len(PARTS))}
    under_rule: list[Line] = [()] if len(of[LESSONS]) + len(of[EXAMPLES]) + 7 <= room else []  # else the list needs it
    first = [_rule(state, LESSONS, _count(state, LESSONS, left), left), *under_rule]
    first += [_row(state, at, item, left) for at, item in of[LESSONS]]
    first += [(), _rule(state, EXAMPLES, _count(state, EXAMPLES, width), left), *under_rule]
    shown = _around(state, of[EXAMPLES], max(1, room - len(first)))
    first += [_row(state, place, item._replace(mark=""), left) for place, item in shown]
    if len(first) < room and not state.wanted:  # a row is left over: explorers open by a line
        first += [*[()] * (room - len(first) - 1), _explorers()]
    second = _right(state, of, wide, room)
    out: list[Line] = []
    for y in range(room):
        a = first[y] if y < len(first) else ()
        b = second[y] if y < len(second) else ()
        bar = "┬" if y == 0 else "│"
        out.append((*fit(a, left), Span(bar, "rule"), *fit(b, wide)))
    return out


def _explorers() -> Line:
    """`o explore chain, rate, flow, …`: what else there is to open, and how."""
    names = ", ".join(EXPLORERS)
    return (Span("    o", "text bold"), Span(f" explore {names}, or: explore rate xor", "dim"))


def _right(state: State, of: dict[int, list[tuple[int, Item]]], width: int, room: int) -> list[Line]:
    item = state.item
    recent = _around(state, of[RECENT], max(2, room // (6 if state.picture is None else 10)))
    none = f" none with '{state.wanted}'" if state.wanted else " nothing yet"
    below: list[Line] = [_rule(state, RECENT, "", width), ()]
    below += [_short(state, at, each, width) for at, each in recent] or [(Span(none, "dim"),)]
    below += [(), (Span(" o", "text bold"), Span(" opens a file, a formula", "dim"))]
    play = of[PLAYGROUND]
    middle: list[Line] = [_rule(state, PLAYGROUND, "", width), ()] if play else []
    for at, each in play:
        middle += [*_pictured(state, at, each, width, room - len(below) - CHOSEN - 3), ()]
    out: list[Line] = []
    if item is not None:
        out = [layout.title_rule(item.title or item.name, item.side, width, heavy=False), ()]
        for paragraph in item.more or ((Span(item.about),),):
            out += [(Span(" "), *row) for row in wrap(paragraph, width - 2)]
    space = max(0, room - len(middle) - len(below))
    out = [*out[:space], *[()] * (space - len(out))]
    return [*out, *middle, *below]


def _around(state: State, rows: list[tuple[int, Item]], most: int) -> list[tuple[int, Item]]:
    """As many rows, among them the chosen one."""
    at = next((n for n, (place, _) in enumerate(rows) if place == state.chosen), 0)
    top = max(0, min(at - most // 2, len(rows) - most))
    return rows[top : top + most]


def _pictured(state: State, at: int, item: Item, width: int, height: int) -> list[Line]:
    """The playground's row and what it is about; at their left the map of the network that was played last, where there
    is one."""
    tall = min(height, (width - BESIDE - 2) // 2)
    drawn: Sequence[Line] = () if state.picture is None or tall < MAP else state.picture(2 * tall, tall, state.look)
    left = 2 * tall + 2 if drawn else 0
    about = ((Span(" "), *row) for row in wrap((Span(item.about, "dim"),), width - left - 2))
    said: list[Line] = [_short(state, at, item, width - left), (), *about]
    if not drawn:
        return said
    said = [*said, *[()] * tall][:tall]
    return [(Span(" "), *fit(row, left - 1), *beside) for row, beside in zip(drawn, said, strict=True)]


def _short(state: State, at: int, item: Item, width: int) -> Line:
    here = at == state.chosen
    right = (Span("gone", "dim"),) if item.gone else item.right if item.part == RECENT else ()
    kind = "text bold" if here else "dim" if item.gone else "text"
    mark = Span("▶" if here else " ", "chip-forward" if here else "text")
    row = (mark, *fit((Span(item.name, kind),), width - 2 - length(right)), *right, Span(" "))
    return under(row, "on-cursor") if here else row


def _last(state: State, width: int) -> list[Line]:
    """The line that is typed in, an answer in as many rows as it takes, or the keys."""
    if state.bottom:
        return [state.bottom]
    if state.message:
        rows = wrap(state.message, max(1, width - 2))
        return [under(fit((Span(" "), *row), width), "on-band") for row in rows]
    if state.help:
        return [under(footer.hints(PAGES.footer(), width), "on-band")]
    pairs, item = HOME.footer(), state.item
    if item is None:
        pairs = (("esc", "show all"), *pairs[2:])
    elif item.part == LESSONS:
        word = "begin" if not item.right or "/" not in "".join(s.text for s in item.right) else "go on"
        pairs = ((pairs[0][0], word), *pairs[1:])
    elif item.part == PLAYGROUND:
        pairs = ((pairs[0][0], "play"), *pairs[1:])
    return [under(footer.hints(pairs[:-2], width, pairs[-2:]), "on-band")]
