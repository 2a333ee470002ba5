"""A session as a file of JSON, and the session again from it.

What a user set is kept as the text of the commands that set it, and goes through the same parsers again: a file can set
breakpoints, displays, marks and edits, and go somewhere, and nothing else, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptui.model.base import documents, files
from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.schema import Key, Table, kind_of, text, this_format
from bptui.model.base.spans import line, plain
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.edits import parse as edits
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.standpoint import Mark
from bptui.model.debugger.stops.breakpoints import Breakpoint, UserStop, parse_break, parse_watch
from bptui.model.source.network import Network, from_mapping

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.timeline import Moment

FORMAT = 2
MAX_FILE = 2**20
MAX_ITEMS = 1_000
MAX_NUMBER = 10**7


@dataclass(frozen=True)
class Saved:
    """What was read, its keys checked; `same`: it was left in this very network."""

    content: Mapping[str, Any]
    same: bool

    def offer(self) -> str:
        """What is said at the start: where it was left, and what there was."""
        counts = [(len(self.content[f"{name}s"]), name) for name in ("breakpoint", "display", "mark", "edit")]
        parts = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count]
        changed = "" if self.same else " (the network has changed since)"
        return f":restore goes on at {', '.join([one_line(self.content['where'], 60), *parts])}{changed}"


def fingerprint(network: Network) -> str:
    """By which a network is known again: its operations, its numbers, how it is trained."""
    made = sha256(repr((network.optimizer, network.dtype, network.seed)).encode())
    for node in network.graph.nodes:
        op = "" if node.op is None else node.op.name
        made.update(repr((node.name, op, node.inputs, node.shape, sorted(node.attributes.items()))).encode())
        if node.value is not None:
            made.update(node.value.tobytes())
    return made.hexdigest()[:16]


# ------------------------------------------------------------------------------------------------------------ writing


def is_new(session: Session) -> bool:
    """Is there nothing in a session that one would want to have again?"""
    rows = (session.breakpoints.rows, session.displays, session.marks, session.branches[1:])
    return session.stop == 0 and not any(rows)


def content_of(session: Session, of: str) -> dict[str, Any]:
    """What is kept of a session of the network with this fingerprint. A place is [branch, training step, moment]."""
    numbers = {branch: i for i, branch in enumerate(session.branches)}

    def place(branch: Branch, moment: Moment) -> list[int]:
        return [numbers[branch], moment.step, branch.timeline.index(moment)]

    made = [(branch.edits[-1], branch.parent, branch.made_at) for branch in session.branches[1:]]
    stops = session.breakpoints.rows.values()
    return {
        "format": FORMAT,
        "network": of,
        "where": plain(session.where()),
        "place": place(session.branch, session.cursor),
        "edits": [[edit.said, place(parent, at)] for edit, parent, at in made if parent is not None and at is not None],
        "breakpoints": [[stop.command, stop.enabled, stop.ignored] for stop in stops],
        "displays": list(session.displays),
        "marks": [[name, place(*mark)] for name, mark in session.marks.items()],
    }


def write(session: Session, path: Path, of: str) -> None:
    """Keep a session in a file; OSError where that cannot be."""
    files.replace(path, json.dumps(content_of(session, of)) + "\n")


# ------------------------------------------------------------------------------------------------------------ reading


def _place(value: Any) -> Any:
    whole = isinstance(value, list) and len(value) == 3 and all(type(item) is int for item in value)
    if not whole or not all(0 <= item < MAX_NUMBER for item in value):
        raise ValueError(f"found {kind_of(value)}, expected [branch, training step, moment]")
    return value


def _stop(value: Any) -> Any:
    if not isinstance(value, list) or [type(item) for item in value] != [str, bool, int]:
        raise ValueError(f"found {kind_of(value)}, expected [command, true or false, a number]")
    return value


def _placed(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"found {kind_of(value)}, expected [text, place]")
    return [text(value[0]), _place(value[1])]


def _list(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ValueError(f"found {kind_of(value)}, expected a list of at most {MAX_ITEMS:,}")
        return [of(item) for item in value]

    return check


KEYS: Mapping[str, Key] = {
    "format": Key(this_format(FORMAT), required=True),
    "network": Key(text, required=True), "where": Key(text, required=True),
    "place": Key(_place, required=True), "edits": Key(_list(_placed), []), "breakpoints": Key(_list(_stop), []),
    "displays": Key(_list(text), []), "marks": Key(_list(_placed), []),
}  # fmt: skip


def read(path: Path, of: str) -> Saved:
    """What a file keeps of a session of the network with this fingerprint; UserError where it is no such file."""
    content = documents.from_json(files.read_text(path, "a session", MAX_FILE), path.name)
    read = Table(content, path.name).read(KEYS)
    return Saved(read, read["network"] == of)


# ---------------------------------------------------------------------------------------------------------- restoring


class _Restorer:
    """Sets again in a session what is kept, one thing after the other; `lost` is what does not fit it."""

    def __init__(self, session: Session) -> None:
        self.session, self.lost = session, list[str]()
        self.branches: list[Branch | None] = [session.branches[0]]

    def attempt(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except UserError as error:
            self.lost.append(f"{what}: {error.what}")

    def branch(self, number: int) -> Branch:
        found = self.branches[number] if number < len(self.branches) else None
        if found is None:
            raise UserError("restore", "the edit that leads to its branch is lost")
        return found

    def go(self, place: list[int]) -> None:
        """To a place, whatever it takes; Cancelled where that is ended."""
        session, branch = self.session, self.branch(place[0])
        if branch is not session.branch:
            session.switch(branch, "")
        length = session.walk.length
        session.move(session.walk.within(place[1] * length + min(place[2], length - 1)))
        if session.walk.last is None and session.cursor.step != place[1]:
            raise Cancelled

    def edit(self, said: str, place: list[int]) -> None:
        self.branches.append(None)
        self.go(place)
        branch = self.session.branch
        made = self.remedy(said, branch) if said.startswith("set ") else edits.parse(said, branch, self.session.cursor)
        self.session.edit(made)
        self.branches[-1] = self.session.branch

    def remedy(self, said: str, branch: Branch) -> Edit:
        """A remedy of a finding, which is said as it would be typed, and made before training step 0."""
        network = branch.network
        for part in said.split("; "):
            before = Branch(network)
            network = edits.parse(part.removeprefix("set "), before, before.walk.moment(0)).network
        document = network.document
        if document is None:
            raise UserError("restore", "there is no network file to change")
        return Edit(0, said, from_mapping(document.content, document.where, document.folder), anew="drawn")

    def mark(self, name: str, place: list[int]) -> None:
        walk = self.branch(place[0]).walk
        stop = walk.within(place[1] * walk.length + min(place[2], walk.length - 1))
        self.session.marks[name[:40]] = Mark(self.branch(place[0]), walk.moment(stop))

    def somewhere(self, parse: Callable[[Branch], Any]) -> Any:
        """What is set may fit another branch than this one: it is kept for that."""
        wrong: UserError | None = None
        for branch in (self.session.branch, *self.session.branches):
            try:
                return parse(branch)
            except UserError as error:
                wrong = wrong or error
        assert wrong is not None
        raise wrong

    def stop(self, command: str, enabled: bool, ignored: int) -> None:
        session = self.session
        kind, _, said = command.partition(" ")
        if kind not in ("break", "tbreak", "watch"):
            raise UserError("restore", "it sets no breakpoint")
        parse = parse_watch if kind == "watch" else parse_break
        row: UserStop = self.somewhere(lambda branch: parse(said, branch, branch.graph.nodes[branch.graph.loss]))
        if isinstance(row, Breakpoint):
            row.temporary = kind == "tbreak"
        row.enabled, row.ignored = enabled, max(0, ignored)
        session.breakpoints.add(row)

    def display(self, said: str) -> None:
        found = self.somewhere(lambda branch: expressions.parse(said, branch.graph)).text
        if found not in self.session.displays:
            self.session.displays.append(found)


def restore(session: Session, saved: Saved) -> Reply:
    """Make the edits again, each at the Moment in which it was made, set again what was set, go where it was left. What
    does not fit is said; the rest is there."""
    made, content = _Restorer(session), saved.content
    try:
        for said, place in content["edits"]:
            made.attempt(f"set {said.removeprefix('set ')}", made.edit, said, place)
        for name, place in content["marks"]:
            made.attempt(f"mark {name}", made.mark, name, place)
        made.attempt("the place", made.go, content["place"])
        for row in content["breakpoints"]:
            made.attempt(row[0], made.stop, *row)
        for said in content["displays"]:
            made.attempt(f"display {said}", made.display, said)
    except Cancelled:
        made.lost.append("interrupted: the rest is not there")
    changed = () if saved.same else ("the network has changed since",)
    there = line(*session.where(), "  ", ("restored", "kink" if made.lost else "dim"))
    return say(there, *changed, *made.lost, ok=not made.lost, moved=True)
