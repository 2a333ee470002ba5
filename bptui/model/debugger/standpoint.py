"""Where one stands in a branch, and what one looks at there: everything that a panel is a function of."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import HIDDEN
from bptui.model.base.spans import Line, Span, line
from bptui.model.base.types import Array, Index
from bptui.model.debugger import hidden, locations
from bptui.model.debugger.branch import Branch, Unwanted
from bptui.model.debugger.difference import Comparison
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.hidden import Hidden
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.model.debugger.script import Scripts
from bptui.model.debugger.stops.breakpoints import UserStops
from bptui.model.debugger.trail import Place, Trail
from bptui.model.debugger.view import WHAT_IF, Selection, View
from bptui.model.debugger.walk import Walk
from bptui.model.engine.composites import CompositeUse, composite_of
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.history import History
from bptui.model.engine.nonfinite import NonFinite, Origins
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment, Phase, Timeline

if TYPE_CHECKING:
    from typing import Self

    from bptui.model.source.network import Network


class Mark(NamedTuple):
    """A Moment of a branch that was given a name."""

    branch: Branch
    moment: Moment


class Standpoint:
    """The position of a Session, which moves it, and its selection.

    branch    what is looked at: network, history, timeline; one of `branches`, of which 0 is what was opened
    told      the stop at which the search for one ended last, until the next move; None for none
    asked_last  the expression of which that was the last change, "" for the selected number and for other searches
    nudge     how much a number is moved by where nothing else is said
    against   what the branch is held against where that is not what was opened
    saved     takes up what is kept of an earlier session; None for nothing
    progress  how far what is long has come, and whether it is to go on
    """

    def __init__(self, network: Network, history: History | None = None) -> None:
        self.branch = Branch(network, history)
        self.branches = [self.branch]
        self.against: Branch | None = None
        self.nudge = 0.1
        self.view = View()
        self.selection = Selection()
        self.breakpoints = UserStops()
        self.displays: list[str] = []
        self.marks: dict[str, Mark] = {}
        self.message: Reply = Reply()
        self.progress = Progress()
        self.scripts = Scripts()
        self.trail = Trail()
        self.saved: Callable[[], Reply] | None = None
        self.told: int | None = None
        self.asked_last = ""
        self._compared: dict[tuple[int, int], Comparison] = {}
        self._cursor = self.walk.moment(0)
        self._state: State | None = None
        self._hides: Hidden = hidden.NONE
        self._seen: tuple[Hidden, Recording] | None = None
        self._displayed: tuple[Any, dict[str, Array | UserError | None]] = (None, {})

    # where we are

    @property
    def network(self) -> Network:
        """The network that trained this training step."""
        return self.branch.at(self._cursor.step).network

    @property
    def graph(self) -> Graph:
        """The graph of this training step."""
        return self.branch.at(self._cursor.step).graph

    @property
    def timeline(self) -> Timeline:
        """The Moments of a training step of the branch."""
        return self.branch.timeline

    @property
    def history(self) -> History:
        """The training steps of the branch."""
        return self.branch.history

    @property
    def walk(self) -> Walk:
        """The stops of the branch."""
        return self.branch.walk

    @property
    def planned(self) -> int:
        """How many training steps the network is meant to be trained for."""
        return self.branch.planned

    @property
    def cursor(self) -> Moment:
        """The current Moment."""
        return self._cursor

    @property
    def stop(self) -> int:
        """The current Moment's number on the line of all stops."""
        return self.walk.stop(self._cursor)

    @property
    def place(self) -> Place:
        """This Moment and what is selected at it, for `back`."""
        return Place(self.branch, self._cursor, self.selection.pinned, self.selection.element)

    @property
    def recorded(self) -> Recording:
        """The current training step, all of it: what is computed, checked and edited from."""
        return self.history.recording(self._cursor.step)

    @property
    def recording(self) -> Recording:
        """The current training step as it may be seen: without what is hidden."""
        recorded, kept_back = self.recorded, self.hidden
        if not kept_back:
            return recorded
        if self._seen is None or self._seen[0] != kept_back or not hidden.is_of(self._seen[1], recorded):
            self._seen = kept_back, hidden.without(recorded, kept_back)
        return self._seen[1]

    @property
    def state(self) -> State:
        """What is visible at the current Moment."""
        if self._state is None or self._hides != self.hidden:
            self._hides, self._state = self.hidden, State(self.recording, self._cursor)
        return self._state

    @property
    def hidden(self) -> Hidden:
        """Numbers that are kept back: those of the view, and in present mode what is asked about."""
        view = self.view
        asks = view.asks and view.present and view.topic != "lesson"  # that hides what it asks itself
        return view.hidden | self.asked_for if asks else view.hidden

    @property
    def asked_for(self) -> Hidden:
        """What this Moment writes, which present mode asks about before it shows it: of a composite that `next` came
        to, what all of it does."""
        composite = self.composite
        if self.view.topic == "loss":
            return frozenset({hidden.Target(self.graph.nodes[self.graph.loss].name, "value")})
        if self._cursor.phase == "update":
            return frozenset({hidden.Target(self.here.name, "update")})
        if self._cursor.phase == "forward":
            node = self.here if composite is None else composite.result
            return frozenset({hidden.Target(node.name, "value")})
        if self.timeline.is_seed(self._cursor):
            return frozenset({hidden.Target(self.here.name, "gradient")})
        nodes = self.graph.nodes
        sources = (nodes[i] for i in (self.here if composite is None else composite.node).inputs)
        return frozenset(hidden.Target(node.name, "gradient") for node in sources if node.wants_grad)

    def revealed(self) -> Self:
        """The same session with nothing hidden."""
        return self._viewed(asks=False, hidden=hidden.NONE)

    def answering(self) -> Self:
        """The same session with the number of its Moment shown, which present mode asks for: the question, its choices
        and its answer are made from it. What the view hides stays hidden."""
        return self if not self.view.asks else self._viewed(asks=False)

    def asking(self) -> Self:
        """The same session with the number of its Moment hidden, as present mode asks for it: what is on its page
        before the answer, and after it too."""
        return self if self.view.asks else self._viewed(asks=True)

    def _viewed(self, **changes: Any) -> Self:
        made = copy.copy(self)
        made.view, made._state, made._seen = replace(self.view, **changes), None, None
        return made

    @property
    def nonfinite(self) -> Origins | Unwanted:
        """Where in this training step NaN or inf arise, by the index of the Moment, without those that are meant."""
        return self.branch.nonfinite(self.recorded)

    @property
    def finding(self) -> NonFinite | None:
        """The number that is not finite at this Moment, as long as nothing else was selected at it."""
        if not self.selection.at_finding or self.selection.pinned is not None:
            return None
        return self.nonfinite.get(self.timeline.index(self._cursor))

    def source(self, finding: NonFinite) -> Node:
        """The node whose value or gradient is not finite at this Moment."""
        here, position = self.here, finding.position
        return here if position is None else self.graph.nodes[here.inputs[position]]

    def is_finding(self, node: int, phase: Phase) -> bool:
        """Is there a finding of this training step at a node in a phase: something that arises, or a failed check?"""
        nonfinite, branch = self.nonfinite, self.branch
        failed = branch.failures(self._cursor.step) if branch.failed or branch.apart else {}
        return any(place in failed or place in nonfinite for place in self.timeline.places(phase, node))

    @property
    def marked(self) -> frozenset[int]:
        """Ids of the nodes with a breakpoint."""
        return self.breakpoints.marked(self.branch)

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
        composite = (
            composite_of(self.graph, self.here) if self.view.composite and self.view.mode == "operations" else None
        )
        return self.here if composite is None else composite.result

    @property
    def element(self) -> Index:
        """The selected element of the selected node, where the asked one fits; else the nearest that does."""
        return self.element_of(self.node)

    @property
    def selected_name(self) -> str:
        """`layer1.weight[0,1]`."""
        return f"{self.node.name}{locations.index(self.element)}"

    @property
    def settable(self) -> str:
        """The selected number, as `set` takes it; of what a formula computes, the name; "" where it is not set."""
        if self.node.op is None:
            return self.selected_name
        document = self.network.document
        return self.node.name if document is not None and document.value(("formula",)) is not None else ""

    def element_of(self, node: Node) -> Index:
        """Where the selected element lies in another node; as long as none was chosen, one that is worth explaining.
        Where a sample is followed, one of that sample."""
        asked = self.selection.element or self.branch.default_element(self.recorded, node)
        at, followed = locations.fit(asked, node.shape), self.followed(node)
        return at if followed is None else (followed, *at[1:])

    def batch_of(self, node: Node) -> int:
        """How many samples the node's first axis runs over; 0 where it is none of the batch."""
        if node.role in ("param", "const", "state") or not node.shape:
            return 0
        samples = self.network.samples
        return samples if node.shape[0] == samples else 0

    def followed(self, node: Node) -> int | None:
        """Which of its samples is followed; None where all are seen, or it has none."""
        sample = self.view.sample
        size = self.batch_of(node) if isinstance(sample, int) else 0
        return min(int(sample), size - 1) if size else None

    @property
    def inputs(self) -> tuple[int, ...]:
        """The input positions of what the card is about that have a derivative."""
        return self.graph.passed_to(self.about)

    @property
    def input(self) -> int | None:
        """The selected input position, None for a node without any."""
        known = self.inputs
        return known[min(self.selection.input, len(known) - 1)] if known else None

    @property
    def composite(self) -> CompositeUse | None:
        """The composite that is shown as one operation: the selected node's, where layers are looked at; where
        operations are, the Moment's own, if `next` came to it."""
        came = self.view.composite and self.view.mode == "operations" and self.selection.pinned is None
        return composite_of(self.graph, self.node) if came or self.view.mode == "layers" else None

    @property
    def about(self) -> Node:
        """What the card is about: the selected node, or the composite that is shown, as one use of one operation."""
        return self.node if self.composite is None else self.composite.node

    def where(self) -> Line:
        """`training step 0  backward 4/5  layer1.a`."""
        step, phase, index = self._cursor
        return line(
            Span(self.walk.called(step), "dim"),
            "  ",
            Span(f"{phase} {index + 1}/{self.timeline.count(phase)}", "gradient" if phase == "backward" else "value"),
            "  ",
            Span(self.here.name, "bold"),
            *([Span(f"  seed {self.seed}", "dim")] if self.timeline.is_seed(self._cursor) else []),
        )

    @property
    def seed(self) -> str:
        """What the backward pass starts with, as it may be seen."""
        return HIDDEN if hidden.covers(self.hidden, self.graph.nodes[self.graph.loss], "gradient") else "1"

    @property
    def losses(self) -> Array:
        """The losses of all training steps that are known, (n,), that of the current one among them, as they may be
        seen."""
        losses = np.array(self.history.losses, np.float64)
        if len(losses) <= self._cursor.step:
            losses = np.append(losses, float(self.recorded.loss))
        if self.hidden:
            losses[self._cursor.step] = self.recording.loss
        return losses

    def evaluated(self, text: str) -> Array | None:
        """The number(s) of a displayed expression here, None where it needs one that is not there yet; evaluated once,
        however often this Moment is drawn. A UserError where it cannot be."""
        here = self.branch.number, self._cursor, self.node.id, self.hidden
        if self._displayed[0] != here:
            self._displayed = here, {}
        known = self._displayed[1]
        if text not in known:
            try:
                known[text] = expressions.parse(text, self.graph).evaluate(self.state, self.node)
            except expressions.NotYet:
                known[text] = None
            except UserError as error:
                known[text] = error
        found = known[text]
        if isinstance(found, UserError):
            raise found
        return found

    @property
    def base(self) -> Branch:
        """What the branch is held against: what was opened, or what was asked for, where that is another."""
        return self.branches[0] if self.against in (None, self.branch) else self.against

    @property
    def comparison(self) -> Comparison | None:
        """The branch compared with another one; None where there is no other, or the comparison is not shown."""
        base, answer = self.base, self.view.answer
        seen = self.view.change or (answer is not None and answer.panel == WHAT_IF)
        return self.compare(self.branch, base) if seen and base is not self.branch else None

    def compare(self, branch: Branch, base: Branch) -> Comparison:
        """One branch held against another."""
        key = branch.number, base.number
        if key not in self._compared:
            self._compared[key] = Comparison(branch, base)
        return self._compared[key]
