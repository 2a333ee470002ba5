"""Which rows of the tree of modules are open, and which one is chosen: what panel 1 shows of a captured step.

What holds this Moment is open, and what the chosen row stands in; all else is closed, but for what was opened or closed
by hand (`View.folds`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.captured.modules import Modules, Row


NEAR = 64
"""Moments back in which the module is looked for that was passed last."""


class Listing:
    """The rows that are seen while some are open, by their number: found by counting, and never listed, for there may
    be 10,000 of them. `open_`: keys of rows; one that stands in a closed row counts for nothing."""

    def __init__(self, modules: Modules, open_: Iterable[str]) -> None:
        self.modules = modules
        self._inside: dict[str, list[Row]] = {}
        self._sizes: dict[str, int] = {}
        rows = [row for key in open_ if (row := modules.find(key)) is not None and row.opens]
        self._keys = {row.key for row in rows}
        for row in sorted(rows, key=lambda row: row.place):
            if row.above is not None:
                self._inside.setdefault(row.above.key, []).append(row)
        self.total = sum(map(self._size, modules.sections))

    def _size(self, row: Row) -> int:
        """The rows that a row takes up, with all that is open in it."""
        size = 1
        if row.key in self._keys:
            size += len(self.modules.rows(row))
            size += sum(self._size(each) - 1 for each in self._inside.get(row.key, ()))
        self._sizes[row.key] = size
        return size

    def is_open(self, row: Row) -> bool:
        """Are its own rows seen, where it is?"""
        return row.key in self._keys

    def seen(self, row: Row) -> Row:
        """The row itself, or the outermost closed one that hides it."""
        return next((above for above in row.chain[:-1] if not self.is_open(above)), row)

    def number(self, row: Row) -> int:
        """The number of a row that is seen."""
        if row.above is None:
            return sum(self._sizes[each.key] for each in self.modules.sections[: row.place])
        before = (self._sizes[each.key] - 1 for each in self._inside.get(row.above.key, ()) if each.place < row.place)
        return self.number(row.above) + 1 + row.place + sum(before)

    def row(self, number: int) -> Row:
        """The row of a number (IndexError beyond the last)."""
        for section in self.modules.sections:
            size = self._sizes[section.key]
            if number < size:
                return self._at(section, number)
            number -= size
        raise IndexError(number)

    def _at(self, row: Row, number: int) -> Row:
        """The row that is so many rows below an open one."""
        if not number:
            return row
        number -= 1
        for each in self._inside.get(row.key, ()):
            if number < each.place:
                break
            size = self._sizes[each.key]
            if number < each.place + size:
                return self._at(each, number - each.place)
            number -= size - 1
        return self.modules.rows(row)[number]


def tree(session: Session) -> Modules:
    """The tree of the session's step, which is one that was captured."""
    found = session.network.modules
    assert found is not None
    return found


def here(session: Session) -> Row:
    """The row of this Moment."""
    phase, node, modules = session.cursor.phase, session.here.id, tree(session)
    places = session.timeline.places("update", node) if phase == "update" else ()
    place = session.timeline.index(session.cursor)
    return modules.at(phase, node, places.index(place) if place in places else 0)


def chosen(session: Session) -> Row:
    """The row that is looked at: the one that was chosen, that of a node that was selected, else that of this Moment.
    A call among several of its line is the line's row, where that is closed."""
    modules, node = tree(session), session.node
    row = modules.find(session.view.row)
    if row is not None and modules.node(row) in (None, node.id):
        return row
    if session.selection.pinned is None:
        return here(session)
    phase = session.cursor.phase
    if node.op is None:
        phase = "update" if session.timeline.places("update", node.id) else "forward"
    elif not session.timeline.places(phase, node.id):
        phase = "forward"
    return modules.at(phase, node.id)


def listing(session: Session) -> Listing:
    """The rows that are seen at this Moment."""
    folds = session.view.folds
    at, by = here(session), chosen(session)
    held = at if at.above is None or at.kind == "parameter" else _passed(session, at)
    open_ = {row.key for row in (*at.chain[:-1], *held.chain[:-1]) if row.kind != "line"}
    open_ = (open_ | {key for key, held in folds.items() if held}) - {key for key, held in folds.items() if not held}
    if by is not at:
        open_ |= {row.key for row in by.chain[:-1] if row.kind != "line" or folds.get(row.key)}
    return Listing(tree(session), open_)


def _passed(session: Session, row: Row) -> Row:
    """The row of the call before, inside of a module beside this one's row: that stays open while what follows on it in
    the code around it is stepped through, so that nothing moves until the next module is reached."""
    place, timeline, modules = session.timeline.index(session.cursor), session.timeline, tree(session)
    around = row.above
    for at in range(place - 1, max(-1, place - NEAR), -1):
        phase, node, seed = timeline.events[at]
        if phase != row.phase or seed:
            break
        before = modules.at(phase, node)
        if around not in before.chain:
            break
        if before.above is not around:
            return before
    return row


def choose(session: Session, row: Row) -> None:
    """Look at a row: what leaves it is selected."""
    node = tree(session).node(row)
    session.select("" if node is None else node)
    session.view.row = row.key


def fold(session: Session, row: Row, open_: bool) -> None:
    """Open or close a row; what was chosen in it is hidden, and it is chosen in its place."""
    session.view.folds = {**session.view.folds, row.key: open_}
    if not open_ and row in chosen(session).chain:
        choose(session, row)


def toggle(session: Session, text: str) -> Reply:
    """Fold or unfold a row: the one that is looked at, or that of a module in this phase. Of a call, what holds it."""
    if session.network.modules is None:
        return say("there are no modules: they are those of a captured step", ok=False)
    seen = listing(session)
    row = seen.seen(chosen(session)) if not text else _named(session, text)
    if not row.opens and not text and row.above is not None and row.above.kind in ("line", "module"):
        row = row.above  # a call has nothing to open: what it stands in is closed
    if not row.opens:
        return say(f"{row.label} is one call", ok=False)
    fold(session, row, not seen.is_open(row))
    return Reply()


def _named(session: Session, text: str) -> Row:
    """A section, or a module by its path."""
    modules = tree(session)
    for section in modules.sections:
        if section.phase == text:
            return section
    phase = session.cursor.phase if session.cursor.phase != "update" else "forward"
    row = next(section for section in modules.sections if section.phase == phase)
    while row.path != text:
        inside = (each for each in modules.rows(row) if each.kind == "module")
        found = next((each for each in inside if text == each.path or text.startswith(f"{each.path}.")), None)
        if found is None:
            known = (*(section.label for section in modules.sections), *modules.step.modules)
            raise UserError("fold", f"no module is called '{text[:40]}'", did_you_mean(text, known, "a module's path"))
        row = found
    return row
