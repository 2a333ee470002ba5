"""What the symbolic side has to say, without the screen ever waiting for it.

Derivations and checks are made in the Service's own thread (SymPy is imported there, and nowhere else); what is there
already is shown at once, the rest when it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bptui.screens.panels.status import Counts
from bptui.symbolic.card import card_of, subject
from bptui.symbolic.card.composite import summed
from bptui.symbolic.card.error_budget import ErrorBudget
from bptui.symbolic.card.form import Form
from bptui.symbolic.service import LATER, SOON, Place, Service
from bptui.symbolic.types import CheckRow, Failure

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.composites import CompositeUse
    from bptui.model.engine.graph import Node
    from bptui.model.engine.recording import Recording
    from bptui.screens.badges import Badges
    from bptui.symbolic.facts import Card


SMALL = (64, 1 << 20)
"""Operations, and bytes of a recording, up to which a whole training step is checked in the background."""


def _due(recording: Recording, node: Node, wrt: int | None) -> tuple[str, ...]:
    """The kinds of checks that a node will have: of its value, of what it passes to an input, of its update. A sum is
    checked where its last contribution arrives, the seed at the loss."""
    if node.op is None:
        return ("update",)
    kinds: tuple[str, ...] = ("forward",)
    summed = node.id == recording.graph.loss
    if wrt is not None:
        arrivals = recording.timeline.arrivals(node.inputs[wrt])
        completes = len(arrivals) > 1 and arrivals[-1].consumer == node.id
        summed |= completes and node.inputs.index(node.inputs[wrt]) == wrt
        kinds = ("forward", "symbolic", "difference")
    if node.id in recording.graph.derivatives:
        kinds = (*kinds, "derivative")
    return (*kinds, "sum") if summed else kinds


WARM = 2_000
"""Operations up to which all derivations are made ahead; of more, those that are looked at."""


def _others(note: str) -> list[str]:
    """What a row says besides the ulps of the largest element, for which those of the selected one stand."""
    return [part for part in note.split("; ") if part and not part.endswith("from 50 digits")]


class Explainer:
    """Cards for a Session. `ready` is called, from another thread, when there is more to show than before."""

    def __init__(self, session: Session, ready: Callable[[], None]) -> None:
        self.session, self.service = session, Service()
        self._ready = ready
        self._counted: dict[tuple[int, int], list[int]] = {}
        self._small = len(session.graph.ops) <= SMALL[0] and session.recorded.nbytes <= SMALL[1]
        self.badges: Badges | None = None
        if session.network.modules is not None:
            from bptui.screens.badges import Badges

            self.badges = Badges(session.network.modules, self.service, session.branch.apart)
            self.service.request_look(session.recorded, session.nonfinite.__len__)  # where NaN came up, before all else
        self.service.listen(self._heard)
        if len(session.graph.ops) <= WARM:
            self.service.warm(session.graph)

    def card(self, unicode: bool) -> Card:
        """The card of what is selected at this Moment, with what is derived and checked of it by now."""
        session = self.session
        node, element, wrt = about = subject(session, self.service)
        if session.composite is not None:
            rows = self._summed(session.composite, wrt)
            waits = any(self.service.peek_checks(self._key(part)) is None for part in session.composite.parts)
            due: tuple[str, ...] = ("forward" if wrt is None else "symbolic", "parts")
        else:
            rows = self._precise(self._checks(node, wrt), self._place(node, element, wrt))
            checked = node.op is not None or self._changes(node)
            waits = checked and self.service.peek_checks(self._key(node)) is None
            due = _due(session.recorded, node, wrt)
        made = card_of(session, about, self.service, Form(session.view.raw, unicode, checks=rows))
        return replace(made, due=due) if waits and not made.seed else made

    def _place(self, node: Node, element: tuple[int, ...], wrt: int | None) -> Place:
        """A number of this branch and training step."""
        return Place(self.session.branch.number, self.session.cursor.step, node.id, wrt, element)

    def _key(self, node: Node) -> tuple[int, int, int]:
        """What the checks of a node are kept under."""
        return self.session.branch.number, self.session.cursor.step, node.id

    def _checks(self, node: Node, wrt: int | None) -> tuple[CheckRow, ...]:
        """The rows of the node that belong to this Moment: of the forward pass, and of the input that is shown."""
        rows = self.service.peek_checks(self._key(node))
        if rows is None or isinstance(rows, Failure):
            return ()
        if node.op is None:
            return rows if self._changes(node) else ()
        shown = ("",) if wrt is None else ("", node.op.input_names[wrt])
        return tuple(row for row in rows if row.input in shown and row.op == node.op.name)

    def _summed(self, composite: CompositeUse, wrt: int | None) -> tuple[CheckRow, ...]:
        """The rows of a composite and of its parts that are there."""
        found = {part.name: self.service.peek_checks(self._key(part)) for part in composite.parts}
        known = {name: rows for name, rows in found.items() if isinstance(rows, tuple)}
        return summed(known, composite, wrt)

    def _precise(self, rows: tuple[CheckRow, ...], place: Place) -> tuple[CheckRow, ...]:
        """The rows, with the error of the number that is shown, in ulps, and the digits that it has lost."""
        found = self.service.peek_budget(place)
        if not isinstance(found, ErrorBudget):
            return rows
        kind = "forward" if place.position is None else "symbolic"
        said = [found.rounding, found.loss] if found.loss else [found.rounding]
        return tuple(
            replace(row, note="; ".join(said + _others(row.note))) if row.row == kind and row.verdict == "ok" else row
            for row in rows
        )

    def check(self) -> None:
        """Have the node of this Moment checked with the numbers of this training step; of a small network every node,
        and at the end of a step those of the next, so that they are there when one comes to them."""
        session = self.session
        node, element, wrt = subject(session, self.service)
        self._request(session.recorded, [node] if session.composite is None else session.composite.parts, SOON)
        if session.composite is None and node.op is not None and session.cursor.phase != "update":
            self.service.request_budget(session.recorded, self._place(node, element, wrt))
        if not session.nonfinite.complete:
            self.service.request_look(session.recorded, session.nonfinite.__len__)
        if self.badges is not None:
            self.badges.ask()
        elif self._small:
            self._request(session.recorded, session.graph.ops, LATER)
            if session.cursor.phase == "update" and session.walk.last is None:
                self._request(session.history.recording(session.cursor.step + 1), session.graph.ops, LATER)

    def _request(self, recording: Recording | None, nodes: Sequence[Node], priority: int) -> None:
        for node in nodes:
            if recording is not None and (node.op is not None or self._changes(node)):
                self.service.checks(recording, node, self.session.branch.number, priority)

    def _changes(self, node: Node) -> bool:
        """Is the card of this Moment that of the node's update, not of its value or gradient?"""
        return node.role == "param" and self.session.state.updated(node)

    def _heard(self, key: Hashable) -> None:
        """In the worker's thread: count what was checked, pass on that there is news."""
        if isinstance(key, tuple) and key[0] == "check" and len(key[1]) == 3:
            branch, step, node = key[1]
            rows = self.service.peek_checks(key[1])
            if rows is not None and not isinstance(rows, Failure):
                counted = self._counted.setdefault((branch, step), [0, 0])
                counted[0] += sum(row.verdict == "ok" for row in rows)
                failed = sum(row.verdict == "FAIL" for row in rows)
                counted[1] += failed
                if self.badges is None or branch:  # of a captured step the badges say what is apart, and where
                    self.session.branches[branch].checked(step, node, failed > 0)
        self._ready()

    def counts(self) -> Counts | None:
        """How many checks of this training step agree, how many do not; None before there are any. Of a captured step,
        the comparisons with what was recorded."""
        if self.badges is not None and not self.session.branch.number:
            return self.badges.counts
        counted = self._counted.get((self.session.branch.number, self.session.cursor.step))
        return None if counted is None else Counts(counted[0], counted[1])

    def close(self) -> None:
        """End the worker."""
        self.service.close()
