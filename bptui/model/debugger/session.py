"""What a front end drives: a network, its history, and where in it one stands.

A Session holds the whole state of the debugger. A panel is a function of it, so that stepping back shows what stepping
forward showed: nothing is kept anywhere else. Every move answers with a Reply and is bounded by the ends of the
history, where it stops and says so.
"""

from __future__ import annotations

from collections.abc import Callable

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Span, line
from bptui.model.debugger import locations
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.selecting import Selecting
from bptui.model.debugger.standpoint import Mark
from bptui.model.debugger.trail import Place
from bptui.model.debugger.view import WHAT_IF
from bptui.model.engine.composites import composite_of
from bptui.model.engine.timeline import Moment

MAX_BRANCHES, MAX_BYTES = 1_000, 2 * 2**30
"""Branches of a session; bytes that all of them together may keep, before some are forgotten and trained again."""


class Session(Selecting):
    """One debugging session of `network`. `history` is given where one exists already (a test, a second front end)."""

    def move(self, stop: int, *, note: str = "", style: str = "text", ok: bool = True) -> Reply:
        """Go to a stop, or to the end that lies before it; says which end where it could not go on. `note` says why
        there, in `style`; `ok` is False where that is not what was asked for."""
        target = self.walk.within(stop)
        reached = self._reach(self.walk.moment(target))
        moved = reached != self._cursor
        self.view.composite, self.view.page = False, 0
        self.told, self.asked_last, self.selection.at_finding = None, "", True
        if moved:
            self._cursor, self._state = reached, None
            self.view.asks, self.view.says = self.view.present, 0
        spans = [Span(note, style)] if note else []
        if target != stop:
            spans = [Span(self.end(target), "kink")]
        elif reached != self.walk.moment(target):
            spans = [Span(f"interrupted at {self.walk.called(reached.step)}", "kink")]
        gap = [Span("  ")] if spans else []
        return Reply(((*self.where(), *gap, *spans),), ok=ok and reached == self.walk.moment(stop), moved=moved)

    def end(self, stop: int) -> str:
        """What to say at an end of the line."""
        if stop == 0:
            return f"at the start of {self.walk.called(0)}"
        why = f": {self.history.ends}" if self.history.ends else ""
        return f"at the end of {self.walk.called(self._cursor.step)}, the last{why}"

    def _reach(self, moment: Moment) -> Moment:
        """Train up to a Moment's training step; the same index of an earlier step where that was interrupted. Where the
        branch is held against another, that is trained, too."""
        comparison = self.comparison

        def progress(done: int, total: int) -> None:
            at = moment.step - total + done
            self.progress.report(done / max(total, 1), f"training step {at} of {moment.step}")

        try:
            if moment.step != self._cursor.step:
                self.history.seek(moment.step, progress)
                self.history.recording(moment.step, lambda done, total: self.progress.tick())
            if comparison is not None:
                comparison.reach(moment.step, self.progress)
        except Cancelled:
            trained = moment.step >= self.history.steps
            return moment._replace(step=self.history.steps) if trained else self._cursor
        return moment

    def step(self, count: int = 1) -> Reply:
        """`count` Moments on. Where present mode asks for a number, the first of them shows it."""
        if self.view.asks:
            self.view.asks = False
            count -= 1
            if not count:
                return Reply()
        return self.move(self.stop + count)

    def reverse_step(self, count: int = 1) -> Reply:
        """`count` Moments back. In present mode the first of them asks for the number again that `step` showed."""
        if self.view.present and not self.view.asks:
            self.view.asks = True
            count -= 1
            if not count:
                return Reply()
        reply = self.move(self.stop - count)
        self.view.asks = self.view.asks and not reply.moved
        return reply

    def turn(self, by: int) -> Reply:
        """Of present mode the next page (`by` 1): the answer, then what is asked next; the one before it (-1). Of the
        loss it goes on by training steps."""
        view = self.view
        if view.topic == "operation":
            return self.step() if by > 0 else self.reverse_step()
        if by > 0 and view.asks:
            view.asks = False
            return Reply()
        if by < 0 and not view.asks:
            view.asks = True
            return Reply()
        reply = self.train() if by > 0 else self.untrain()
        view.asks = view.asks and (by > 0 or not reply.ok)
        return reply

    def next(self, count: int = 1) -> Reply:
        """To the next layer, `count` times; a composite is one operation there, done."""
        return self._as_composite(self.move(self._repeat(self.walk.next_layer, count)))

    def reverse_next(self, count: int = 1) -> Reply:
        """To where `next` stops in this layer, or in the one before it; `count` times."""
        return self._as_composite(self.move(self._repeat(self.walk.previous_layer, count)))

    def _as_composite(self, reply: Reply) -> Reply:
        """After `next`: the composite that it came to is shown as one operation."""
        index = self.timeline.index(self._cursor)
        self.view.composite = index in self.walk.next_places and composite_of(self.graph, self.here) is not None
        return reply

    def finish(self) -> Reply:
        """To the end of this layer; from there, of the phase."""
        return self.move(self.walk.finish(self.stop))

    def reverse_finish(self) -> Reply:
        """To the start of this layer; from there, of the phase."""
        return self.move(self.walk.reverse_finish(self.stop))

    def train(self, count: int = 1) -> Reply:
        """To the same Moment `count` training steps later; where that is before the first one, as far as it goes."""
        target = self.stop + count * self.walk.length
        if target < 0:  # at the same index: that is what stays
            reply = self.move(self.timeline.index(self._cursor))
            return Reply(
                (line(*reply.lines[0], "  ", (f"in {self.walk.called(0)}, the first", "kink")),), False, reply.moved
            )
        shown = self.view.composite
        reply = self.move(target)
        self.view.composite = shown
        return reply

    def untrain(self, count: int = 1) -> Reply:
        """To the same Moment `count` training steps earlier."""
        return self.train(-count)

    def goto(self, text: str) -> Reply:
        """To a number, percent, node, layer, phase or training step; see `locations.parse`."""
        return self.move(locations.parse(text, self.walk, self._cursor, self.planned))

    def until(self, text: str = "") -> Reply:
        """To the nearest Moment of a node (of the selected one, if none is named), whichever way it lies."""
        node = locations.node(self.graph, text, "until") if text.strip() else self.node
        stops = locations.stops_of(node, self.walk, self._cursor.step)
        if not stops:
            raise UserError(
                "until", f"no moment computes {node.name}: it is given", locations.first_use(self.graph, node)
            )
        nearest = min(stops, key=lambda stop: (abs(stop - self.stop), -stop))
        if self.selection.pinned == node.id:
            self.selection.pinned = None
        reply = self.move(nearest)
        return reply if reply.moved else Reply((line(f"already at {node.name}"),), ok=False)

    def mirror(self) -> Reply:
        """From an operation's forward Moment to its backward one, and back; from the seed to the loss."""
        node, phase = self.here, self._cursor.phase
        if phase == "update":
            return say(f"the update of {node.name} has no other side; t goes to where {node.name} is used", ok=False)
        places = self.timeline.places("backward" if phase == "forward" else "forward", node.id)
        if not places:
            return say(
                f"{node.name} has no {'backward: no gradient passes it' if phase == 'forward' else 'forward'}", ok=False
            )
        return self.move(self._cursor.step * self.walk.length + places[-1])

    def _repeat(self, once: Callable[[int], int], count: int) -> int:
        stop = self.stop
        for _ in range(min(count, self.walk.length)):
            target = once(stop)
            if target != self.walk.within(target):
                return target
            stop = target
        return stop

    def back(self, count: int = 1) -> Reply:
        """To where the last jump came from; `count` jumps."""
        return self._return(self.trail.back(self.place, count), "nowhere to go back to: no jump led here")

    def forward(self, count: int = 1) -> Reply:
        """To where `back` came from."""
        return self._return(self.trail.forward(self.place, count), "nothing was gone back from")

    def _return(self, place: Place | None, none: str) -> Reply:
        if place is None:
            return Reply((line(none),), ok=False)
        if place.branch is not self.branch:
            self.switch(place.branch, "")
        reply = self.move(place.stop)
        self.selection.pinned, self.selection.element = place.pinned, place.element
        return reply._replace(moved=True)

    # branches

    def mark(self, name: str) -> None:
        """Give this Moment a name."""
        self.marks[name] = Mark(self.branch, self._cursor)

    def jump(self, name: str) -> Reply:
        """To a marked Moment, in its branch."""
        branch, moment = self.marks[name]
        if branch is not self.branch:
            self.switch(branch, "")
        return self.move(self.walk.stop(moment), note=f"mark {name}")

    def edit(self, edit: Edit) -> Reply:
        """Go on in a new branch, in which something was changed; this one stays as it is."""
        if len(self.branches) >= MAX_BRANCHES:
            raise UserError("set", f"there are {MAX_BRANCHES} branches already", "start again: bptui run")
        made = self.branch.edited(edit, len(self.branches))
        made.made_at = self._cursor
        self.branches.append(made)
        return self.switch(made, edit.text, edit.step)

    def _leave(self, branch: Branch) -> None:
        """Another branch is looked at from now on: those that are far from it keep little, and of what is too much for
        the memory nothing but their edits."""
        away = [each for each in self.branches if each not in (branch, branch.parent, self.base)]
        kept = sum(each.nbytes for each in self.branches)
        for each in away:
            kept -= each.nbytes
            each.rest(forget=kept + each.nbytes > MAX_BYTES)
            kept += each.nbytes
        for comparison in self._compared.values():
            comparison.rest()

    def switch(self, branch: Branch, note: str, least: int = 0) -> Reply:
        """To the same Moment of another branch, or of its last training step until where it was trained, where that
        was interrupted; where it comes before training step `least`, to the start of that."""
        node, pinned, moment = self.here, self.selection.pinned, self._cursor
        name = "" if pinned is None else self.graph.nodes[pinned].name
        moment = branch.same_moment(moment, node) if moment.step >= least else Moment(least, "forward", 0)
        self._leave(branch)
        self.branch, self._state, self.told = branch, None, None
        if branch.parent is None and self.view.answer is not None and self.view.answer.panel == WHAT_IF:
            self.view.close()  # in the original nothing was changed
        if branch.walk.last is not None:  # a captured step is one, however far what was tried on it was trained
            moment = moment._replace(step=min(moment.step, branch.walk.last))
        self._cursor = moment._replace(step=min(moment.step, self.history.steps))
        self._cursor = self._reach(moment)
        named = self.graph.called.get(name)
        self.selection.pinned = None if named is None else named.id
        return Reply((line(*self.where(), "  ", (note, "kink")),), moved=True)
