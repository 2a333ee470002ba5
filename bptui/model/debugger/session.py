"""What a front end drives: a network, its history, and where in it one stands.

A Session holds the whole state of the debugger. A panel is a function of it, so that stepping back shows what stepping
forward showed: nothing is kept anywhere else. Every move answers with a Reply and is bounded by the ends of the
history, where it stops and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import locations
from bptui.model.debugger.default_element import default_element
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.stops import Breakpoints
from bptui.model.debugger.view import Selection, View
from bptui.model.debugger.walk import Walk
from bptui.model.engine.composites import CompositeUse, composite_of
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.history import History
from bptui.model.engine.nonfinite import Origins, nonfinite
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment, Phase

if TYPE_CHECKING:
    from bptui.model.source.network import Network

Index = tuple[int, ...]
Progress = Callable[[float, str], bool]
"""`progress(part done, what is done)` is called now and then during anything long; False ends it where it is."""


class Session:
    """One debugging session of `network`. `history` is given where one exists already (a test, a second front end)."""

    def __init__(self, network: Network, history: History | None = None) -> None:
        self.network = network
        self.graph: Graph = network.graph
        self.history: History = history if history is not None else network.history()
        self.timeline = self.history.timeline
        self.walk = Walk(self.timeline, self.history.last)
        self.view = View()
        self.selection = Selection()
        self.breakpoints = Breakpoints()
        self.displays: list[str] = []
        self.marks: dict[str, Moment] = {}
        self.message: Reply = Reply()
        self.progress: Progress | None = None
        self.failed: set[tuple[int, int]] = set()
        """(training step, node id) of the checks that failed, as whoever checks has said by `checked`."""
        self._cursor = self.walk.moment(0)
        self._state: State | None = None
        self._born: tuple[Recording, Origins] | None = None
        self._first: dict[int, Index] = {}

    # where we are

    @property
    def cursor(self) -> Moment:
        """The current Moment."""
        return self._cursor

    @property
    def stop(self) -> int:
        """The current Moment's number on the line of all stops."""
        return self.walk.stop(self._cursor)

    @property
    def recording(self) -> Recording:
        """The current training step."""
        return self.history.recording(self._cursor.step)

    @property
    def state(self) -> State:
        """What is visible at the current Moment."""
        if self._state is None:
            self._state = State(self.recording, self._cursor)
        return self._state

    @property
    def nonfinite(self) -> Origins:
        """Where in this training step NaN or inf arise, by the number of the Moment in it."""
        recording = self.recording
        if self._born is None or self._born[0] is not recording:
            self._born = recording, nonfinite(recording)
        return self._born[1]

    def is_finding(self, node: int, phase: Phase) -> bool:
        """Is there a finding of this training step at a node in a phase: something that arises, or a failed check?"""
        if any(place in self.nonfinite for place in self.timeline.places(phase, node)):
            return True
        return phase == self.phase_of(node) and (self._cursor.step, node) in self.failed

    def checked(self, step: int, node: int, failed: bool) -> None:
        """What a check of a node with the numbers of a training step has found; `x` goes to those that failed. From any
        thread."""
        (self.failed.add if failed else self.failed.discard)((step, node))

    def phase_of(self, node: int) -> Phase:
        """Where a check of a node belongs: an operation's derivative to the backward pass, a parameter's rule to the
        update."""
        return "update" if self.graph.nodes[node].op is None else "backward"

    @property
    def here(self) -> Node:
        """The node of the current Moment."""
        return self.timeline.node(self._cursor)

    @property
    def node(self) -> Node:
        """The selected node: the Moment's own unless another is pinned; of a composite that `next` came to, its
        result."""
        pinned = self.selection.pinned
        if pinned is not None:
            return self.graph.nodes[pinned]
        fold = composite_of(self.graph, self.here) if self.view.whole and self.view.mode == "operations" else None
        return self.here if fold is None else fold.result

    @property
    def element(self) -> Index:
        """The selected element of the selected node, where the asked one fits; else the nearest that does."""
        return self.element_of(self.node)

    def element_of(self, node: Node) -> Index:
        """Where the selected element lies in another node; as long as none was chosen, one that is worth explaining."""
        if not self.selection.element and node.id not in self._first:
            self._first[node.id] = default_element(self.recording, node)
        return locations.fit(self.selection.element or self._first[node.id], node.shape)

    @property
    def inputs(self) -> tuple[int, ...]:
        """The input positions of what the card is about that have a derivative."""
        node = self.about
        if node.op is None:
            return ()
        nodes, op = self.graph.nodes, node.op
        return tuple(i for i, source in enumerate(node.inputs) if op.differentiable(i) and nodes[source].wants_grad)

    @property
    def input(self) -> int | None:
        """The selected input position, None for a node without any."""
        known = self.inputs
        return known[min(self.selection.input, len(known) - 1)] if known else None

    @property
    def fold(self) -> CompositeUse | None:
        """The composite that is shown as one operation: the selected node's, where layers are looked at; where
        operations are, the Moment's own, if `next` came to it."""
        came = self.view.whole and self.view.mode == "operations" and self.selection.pinned is None
        return composite_of(self.graph, self.node) if came or self.view.mode == "layers" else None

    @property
    def about(self) -> Node:
        """What the card is about: the selected node, or the composite that is shown, as one use of one operation."""
        return self.node if self.fold is None else self.fold.node

    @cached_property
    def planned(self) -> int:
        """How many training steps this network is meant to be trained for."""
        return max(1, self.network.steps) if self.walk.last is None else 1

    def where(self) -> Line:
        """`training step 0  backward 4/5  layer1.a`."""
        step, phase, index = self._cursor
        return line(
            Span(f"training step {step}", "dim"),
            "  ",
            Span(f"{phase} {index + 1}/{self.timeline.count(phase)}", "gradient" if phase == "backward" else "value"),
            "  ",
            Span(self.here.name, "bold"),
            *([Span("  seed 1", "dim")] if self.timeline.is_seed(self._cursor) else []),
        )

    # moving

    def move(self, stop: int, *, note: str = "", style: str = "text") -> Reply:
        """Go to a stop, or to the end that lies before it; says which end where it could not go on. `note` says why
        there, in `style`."""
        target = self.walk.within(stop)
        reached = self._reach(self.walk.moment(target))
        moved = reached != self._cursor
        self.view.whole, self.view.page = False, 0
        if moved:
            self._cursor, self._state = reached, None
            self.view.hidden = self.view.present
        said = [Span(note, style)] if note else []
        if target != stop:
            said = [Span(self.end(target), "kink")]
        elif reached != self.walk.moment(target):
            said = [Span(f"interrupted at training step {reached.step}", "kink")]
        gap = [Span("  ")] if said else []
        return Reply(((*self.where(), *gap, *said),), ok=target == stop, moved=moved)

    def end(self, stop: int) -> str:
        """What to say at an end of the line."""
        if stop == 0:
            return "at the start of training step 0"
        why = f": {self.history.ends}" if self.history.ends else ""
        return f"at the end of training step {self._cursor.step}, the last{why}"

    def _reach(self, moment: Moment) -> Moment:
        """Train up to a Moment's training step; the same place of an earlier step where that was interrupted."""
        if moment.step == self._cursor.step:
            return moment
        watch, going = self.progress, True

        def note(done: int, total: int) -> None:
            nonlocal going
            going = watch is None or watch(done / max(total, 1), f"training step {done} of {total}")

        if self.history.seek(moment.step, progress=note, cancelled=lambda: not going):
            return moment
        trained = moment.step >= self.history.steps
        return moment._replace(step=self.history.steps) if trained else self._cursor

    def step(self, count: int = 1) -> Reply:
        """`count` Moments on. Where a number is hidden, the first of them shows it."""
        if self.view.hidden:
            self.view.hidden = False
            count -= 1
            if not count:
                return Reply()
        return self.move(self.stop + count)

    def reverse_step(self, count: int = 1) -> Reply:
        """`count` Moments back. In present mode the first of them hides the number again, as `step` showed it."""
        if self.view.present and not self.view.hidden:
            self.view.hidden = True
            count -= 1
            if not count:
                return Reply()
        reply = self.move(self.stop - count)
        self.view.hidden = self.view.hidden and not reply.moved
        return reply

    def next(self, count: int = 1) -> Reply:
        """To the next layer, `count` times; a composite is one operation there, done."""
        return self._whole(self.move(self._repeat(self.walk.next_layer, count)))

    def reverse_next(self, count: int = 1) -> Reply:
        """To where `next` stops in this layer, or in the one before it; `count` times."""
        return self._whole(self.move(self._repeat(self.walk.previous_layer, count)))

    def _whole(self, reply: Reply) -> Reply:
        """After `next`: the composite that it came to is shown as one operation."""
        place = self.timeline.index(self._cursor)
        self.view.whole = place in self.walk.wholes and composite_of(self.graph, self.here) is not None
        return reply

    def finish(self) -> Reply:
        """To the end of this layer; from there, of the phase."""
        return self.move(self.walk.finish(self.stop))

    def reverse_finish(self) -> Reply:
        """To the start of this layer; from there, of the phase."""
        return self.move(self.walk.reverse_finish(self.stop))

    def train(self, count: int = 1) -> Reply:
        """To the same Moment `count` training steps later."""
        return self._train(count)

    def untrain(self, count: int = 1) -> Reply:
        """To the same Moment `count` training steps earlier."""
        return self._train(-count)

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

    def _repeat(self, once: Callable[[int], int], count: int) -> int:
        stop = self.stop
        for _ in range(min(count, self.walk.length)):
            target = once(stop)
            if target != self.walk.within(target):
                return target
            stop = target
        return stop

    def _train(self, steps: int) -> Reply:
        target = self.stop + steps * self.walk.length
        if target < 0:  # as far as it goes, at the same place: the place is what stays
            reply = self.move(self.timeline.index(self._cursor))
            return Reply((line(*reply.lines[0], "  ", ("in training step 0, the first", "kink")),), False, reply.moved)
        whole = self.view.whole
        reply = self.move(target)
        self.view.whole = whole
        return reply

    # selecting

    def select(self, node: Node | int | str | None = None, element: Sequence[int] | None = None) -> Reply:
        """Pin a node (by node, id or name), with an element; without a node, follow the Moment again."""
        if isinstance(node, str):
            named, at = locations.element(self.graph, node, "select") if node.strip() else (None, None)
            return self.select(named, at)
        if isinstance(node, int):
            node = self.graph.nodes[node]
        self.selection.pinned = None if node is None or node.id == self.here.id else node.id
        self.view.page = 0
        if element is not None:
            self.selection.element = tuple(element)
        return say(self.selected())

    def selected(self) -> Line:
        """`layer1.a [0,1] (4,8)`, and whether it is pinned."""
        at, shape = locations.index(self.element), locations.shape(self.node.shape)
        pinned = [Span("  pinned (esc follows the moment)", "dim")] if self.selection.pinned is not None else []
        return line((self.node.name, "bold"), f"{at} {shape}", *pinned)

    def select_element(self, element: Sequence[int]) -> Reply:
        """Select an element of the selected node; what lies outside is clipped to it."""
        self.selection.element = locations.fit(tuple(element), self.node.shape)
        self.view.page = 0
        return say(self.selected())

    def move_element(self, axis: int, by: int) -> Reply:
        """Move the selected element along an axis (-1 the columns, -2 the rows); stops at the edges."""
        at = list(self.element)
        if -len(at) <= axis < len(at):
            at[axis] += by
        return self.select_element(at)

    def select_input(self, position: int) -> Reply:
        """Choose the input whose derivative is shown; counted among those that have one, and stops at the ends."""
        known = self.inputs
        if not known:
            return say(f"{self.about.name} has no input with a derivative", ok=False)
        self.selection.input = max(0, min(position, len(known) - 1))
        self.view.page = 0
        return say(f"derivative by {self.graph.nodes[self.about.inputs[known[self.selection.input]]].name}")

    def present(self, on: bool) -> None:
        """Present mode; it is always about the Moment, so nothing stays pinned."""
        self.view.present = self.view.hidden = on
        self.selection.pinned = None

    def snapshot(self) -> tuple[Any, ...]:
        """Everything that decides what is on the screen, as one comparable value."""
        return (
            self._cursor, self.node.id, self.element, self.input, tuple(vars(self.view).values())
        )  # fmt: skip
