"""A course of training: a network, what was changed in it on the way, and what follows from both.

history = f(network, edits). What is known of a training step or a node is known in a branch, so all that is kept by
training step or node is kept here, or under the branch's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from bptui.model.base.types import Array, Index
from bptui.model.debugger.default_element import default_element
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.promise import Promise, of_edit
from bptui.model.debugger.walk import Walk
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.history import History
from bptui.model.engine.nonfinite import NonFinite, Origins, nonfinite
from bptui.model.engine.recording import Recording
from bptui.model.engine.timeline import Moment, Phase
from bptui.model.source.network import Network

if TYPE_CHECKING:
    from bptui.model.debugger.findings.finding import Diagnosis, Finding

Known = tuple[int, str, str]
"""A finding apart from its training step and element: (place of its Moment, of which number, what: NaN, inf, -inf)."""


class Branch:
    """number  of the branch in its session: 0 is what was opened
    parent  the branch that it was edited from, None for that one;  edits  all that differs from what was opened
    first   the training step from which on it is not as its parent
    failed  (training step, node id) of the checks that failed
    apart   of a captured step: (phase, node id) of what was recorded and is not what is computed
    diagnosis  of its training, None until one asks for it
    wanted  the findings that are meant, as the user has said: a mask's -inf
    """

    def __init__(self, network: Network, history: History | None = None) -> None:
        self.number = 0
        self.parent: Branch | None = None
        self.edits: tuple[Edit, ...] = ()
        self.first = 0
        self.made_at: Moment | None = None
        self.network = network
        self.graph: Graph = network.graph
        self._history: History | None = history if history is not None else network.history()
        self._losses: Array | None = None
        self.timeline = self._history.timeline
        self.walk = Walk(self.timeline, self._history.last, network.first if history is None else 0)
        self.failed: set[tuple[int, int]] = set()
        self.apart: set[tuple[Phase, int]] = set()
        self.diagnosis: Diagnosis | None = None
        self.wanted: set[Known] = set()
        self._nonfinite: tuple[Recording, Origins] | None = None
        self._finite = bytearray()
        self._elements: dict[int, Index] = {}

    def edited(self, edit: Edit, number: int) -> Branch:
        """The branch in which `edit` is made: what comes before it is this branch's, and is not computed again."""
        made = Branch(edit.network, self._fork(edit))
        drawn = edit.anew == "drawn"
        held = self.edits if edit.made is None else self.at(edit.made).edits
        lost = [each for each in held if edit.anew and each.name and (drawn or (each.values and each.step))]
        made.edits = (*(each for each in held if each not in lost), edit)
        made.number, made.parent, made.first = number, self, edit.step
        made.wanted = set(self.wanted)
        return made

    def _fork(self, edit: Edit) -> History:
        """What follows from an edit of this course."""
        drawn = edit.anew == "drawn"
        return edit.network.history() if drawn else self.history.fork(edit.network, edit.step, edit.values)

    @property
    def history(self) -> History:
        """Its training steps; those of a branch that was forgotten are trained again, bit for bit."""
        if self._history is None:
            assert self.parent is not None, "what was opened is never forgotten"
            self._history = self.parent._fork(self.edits[-1])
        return self._history

    @property
    def losses(self) -> Array:
        """The losses as far as it was trained."""
        return self._losses if self._history is None and self._losses is not None else self.history.losses

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps."""
        return 0 if self._history is None else self._history.nbytes

    def rest(self, forget: bool = False) -> None:
        """It is not looked at for now: keep the checkpoints alone, or (`forget`) nothing but its edits and losses."""
        if self._history is None:
            return
        self._history.rest()
        self._nonfinite = None
        if forget and self.parent is not None:
            self._losses, self._history = self._history.losses.copy(), None

    def same_moment(self, moment: Moment, node: Node) -> Moment:
        """The Moment of the node of that name in the same phase; where there is none, the one at the same place."""
        nodes = self.timeline.nodes(moment.phase)
        if moment.index < len(nodes) and nodes[moment.index].name == node.name:
            return moment
        places = [index for index, each in enumerate(nodes) if each.name == node.name]
        if nodes:
            return moment._replace(index=places[-1] if places else min(moment.index, len(nodes) - 1))
        return self.walk.moment(self.walk.within((moment.step + 1) * self.walk.length - 1))

    def at(self, step: int) -> Branch:
        """The branch that trained a training step: this one, or the one that it has the step from."""
        return self if step >= self.first or self.parent is None else self.parent.at(step)

    @cached_property
    def promise(self) -> Promise | None:
        """What its last edit promised of the loss, and what came of it; None where it promises nothing."""
        if self.parent is None:
            return None
        edit = self.edits[-1]
        return of_edit(edit, self.parent.at(edit.step).network, self.parent.history, self.history)

    @cached_property
    def planned(self) -> int:
        """How many training steps this network is meant to be trained for."""
        return max(1, self.network.steps) if self.walk.last is None else 1

    def nonfinite(self, recording: Recording) -> Origins | Unwanted:
        """Where in a training step NaN or inf arise, by the place of the Moment, without those that `wanted` passes
        over; each is looked for when it is asked for."""
        if self._nonfinite is None or self._nonfinite[0] is not recording:
            self._nonfinite = recording, nonfinite(recording)
        found = self._nonfinite[1]
        if recording.finite is True:
            self._finite.extend(bytes(max(0, recording.step + 1 - len(self._finite))))
            self._finite[recording.step] = 1
        return Unwanted(found, self.wanted) if self.wanted else found

    def finite(self, step: int) -> bool:
        """Was a training step looked at already, and all of its numbers are finite?"""
        return step < len(self._finite) and bool(self._finite[step])

    def checked(self, step: int, node: int, failed: bool) -> None:
        """What a check of a node with the numbers of a training step has found. From any thread."""
        (self.failed.add if failed else self.failed.discard)((step, node))

    @cached_property
    def varying(self) -> frozenset[int]:
        """Ids of the nodes whose value is not the same at every Moment at which it is there: what is trained, drawn or
        carried on, what the batches bring, and what follows from any of it. After an edit, all: it may be of any."""
        if self.edits:
            return frozenset(range(len(self.graph.nodes)))
        updated = frozenset(node.id for node in self.graph.nodes if self.timeline.places("update", node.id))
        if self.walk.last == 0:  # nothing is computed a second time
            return updated
        batches = self.network.batches
        fed = frozenset() if batches is None else frozenset(batches.arrays)
        given = (node.id for node in self.graph.nodes if node.role in ("state", "random") or node.name in fed)
        return self.graph.after({*updated, *given})

    def changes(self, reads: Iterable[tuple[str, str]]) -> bool:
        """Can what an expression reads (`Expression.reads`) ever be other than it was?"""
        return any(self._changes(what, name) for what, name in reads)

    def _changes(self, what: str, name: str) -> bool:
        if not name:
            return True  # another node at each Moment
        node = self.graph.by_name[name].id
        if what == "value":
            return node in self.varying
        return (self.walk.last is None and bool(self.varying)) or len(self.timeline.arrivals(node)) > 1

    def failures(self, step: int) -> dict[int, Node]:
        """The nodes of a training step whose check failed, by the place of the Moment that it is about."""
        nodes = [self.graph.nodes[node] for at, node in tuple(self.failed) if at == step]
        places = self.timeline.places
        found = [(places(phase_of(node), node.id) or places("forward", node.id), node) for node in nodes]
        found += [(places(phase, i), self.graph.nodes[i]) for phase, i in tuple(self.apart) if not step]
        return {at[-1]: node for at, node in found if at}

    def place_of(self, finding: Finding) -> int:
        """The place of the Moment at which a finding is to be seen: that of its node, else the loss."""
        node = self.graph.by_name.get(finding.node, self.graph.nodes[self.graph.loss])
        found = self.timeline.places(finding.phase, node.id) or self.timeline.places("forward", node.id)
        return found[-1] if found else self.timeline.places("forward", self.graph.loss)[-1]

    def default_element(self, recording: Recording, node: Node) -> Index:
        """The element of a node that is explained as long as none was chosen: the same at every training step."""
        if node.id not in self._elements:
            self._elements[node.id] = default_element(recording, node)
        return self._elements[node.id]


class Unwanted(Mapping[int, NonFinite]):
    """Where NaN and inf arise, without those that the user said are meant; `suspects`, `complete` and `known` as of
    Origins."""

    def __init__(self, origins: Origins, wanted: set[Known]) -> None:
        self._origins, self._wanted = origins, wanted

    @property
    def suspects(self) -> Sequence[int]:
        return self._origins.suspects

    @property
    def complete(self) -> bool:
        return self._origins.complete

    @property
    def known(self) -> Mapping[int, NonFinite]:
        found = self._origins.known
        return {place: each for place, each in found.items() if known(place, each) not in self._wanted}

    def __getitem__(self, place: int) -> NonFinite:
        found = self._origins[place]
        if known(place, found) in self._wanted:
            raise KeyError(place)
        return found

    def __iter__(self) -> Iterator[int]:
        return (place for place, found in self._origins.items() if known(place, found) not in self._wanted)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def known(place: int, finding: NonFinite) -> Known:
    """What of a finding stays the same from training step to training step."""
    return place, finding.name, finding.text.rpartition(" ")[2]


def phase_of(node: Node) -> Phase:
    """Where a check of a node belongs: an operation's derivative to the backward pass, a parameter's rule to the
    update."""
    return "update" if node.op is None else "backward"
