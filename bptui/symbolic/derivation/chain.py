"""The chain of equations that make a number: its own, those of the numbers in it, and so on down to what is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.types import Index
from bptui.model.debugger.answers.explained import Of, name_of
from bptui.model.debugger.answers.no_gradient import absent
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.engine.state import State
from bptui.symbolic.card import Form, card
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.composite import FORM
from bptui.symbolic.card.leaf import gathered
from bptui.symbolic.derivation.document import ROLES, Grid, Section
from bptui.symbolic.derivation.reads import Number, reads
from bptui.symbolic.facts import Card
from bptui.symbolic.service import Service
from bptui.symbolic.types import Rule

MOST = 100
"""Numbers whose equations are written down; what those have in them beyond is named."""
GIVEN = 500
"""Given numbers that are listed."""
NAMED = 6
"""Of what is not followed any more, how many are named."""


def asked(session: Session, node: Node, element: Index, of: Of | None) -> tuple[Number, ...]:
    """The number that is meant; where it was not said which, the value, the gradient, and what an update makes of it.
    UserError where there is none."""
    if 0 in node.shape:
        raise UserError("export", f"{node.name} has no elements")
    gone = absent(session, node)
    if of == "gradient" and gone:
        raise UserError("export", f"{node.name} has no gradient: {gone}", f"value({node.name})")
    found = [Number("value", node.id, element)] if of != "gradient" else []
    found += [Number("gradient", node.id, element)] if of == "gradient" or (of is None and not gone) else []
    updated = of is None and session.timeline.places("update", node.id)
    return (*found, *([Number("update", node.id, element)] if updated else []))


@dataclass
class _Followed:
    """One number: its equations, one for each operation that adds to a gradient."""

    number: Number
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True)
class Chain:
    """Follows numbers of a training step. `stop`: nodes whose numbers are taken as they are; `tick` is called with
    (numbers done, numbers known of) and may raise."""

    recording: Recording
    service: Service
    stop: frozenset[int] = frozenset()
    form: Form = FORM
    tick: Callable[[int, int], None] = lambda done, total: None

    def sections(self, asked: Iterable[Number]) -> tuple[Section, ...]:
        """The equations, the last of the training step first, so that what stands in one comes after it; then what is
        given, then what was left out."""
        waiting, seen = deque(asked), dict.fromkeys(asked)
        followed: list[_Followed] = []
        given: list[Number] = []
        while waiting and len(followed) < MOST:
            number = waiting.popleft()
            self.tick(len(followed), len(followed) + len(waiting))
            if self._is_given(number):
                given.append(number)
                continue
            made, inner = self._equations(number)
            if not made.cards:
                given.append(number)
                continue
            followed.append(made)
            for each in inner:
                if each not in seen:
                    seen[each] = None
                    waiting.append(each)
        left = [number for number in waiting if not self._is_given(number)]
        given += [number for number in waiting if self._is_given(number)]
        return (*self._grouped(followed), *self._given(given), *self._left(left))

    def _is_given(self, number: Number) -> bool:
        node = self.recording.graph.nodes[number.node]
        if number.node in self.stop and number.of != "update":
            return True
        return number.of == "value" and (node.op is None or node.op.opaque)

    # ------------------------------------------------------------------------------------------------- one number
    def _equations(self, number: Number) -> tuple[_Followed, list[Number]]:
        """What makes a number, and the numbers in that."""
        graph, timeline = self.recording.graph, self.recording.timeline
        node, made, inner = graph.nodes[number.node], _Followed(number), list[Number]()
        if number.of == "update":
            state = State.of(self.recording, "update", timeline.update.index(node))
            made.cards.append(card(state, node, number.element, form=self.form))
            return made, [Number("gradient", node.id, number.element), Number("value", node.id, number.element)]
        if number.of == "value":
            state = State(self.recording, timeline.at(self.recording.step, timeline.written_at(node.id)))
            made.cards.append(card(state, node, number.element, form=self.form))
            return made, self._read(node, made.cards[0], number.element)
        if node.id == graph.loss:
            made.cards.append(card(State.of(self.recording, "backward", 0), node, form=self.form))
            return made, []
        for consumer, position, _ in timeline.arrivals(node.id):
            reader = graph.nodes[consumer]
            self.service.rule(graph, reader, position)
            self.service.wait()
            told = card(self._end, reader, number.element, position, self.service, self.form)
            made.cards.append(told)
            rule = self.service.rule(graph, reader, position)
            output = number.element if reader.shape == node.shape else None
            inner += self._read(reader, told, output, rule if isinstance(rule, Rule) else None)
        return made, inner

    @property
    def _end(self) -> State:
        """The end of the backward pass."""
        return State.of(self.recording, "backward", -1)

    def _read(self, node: Node, made: Card, output: Index | None, rule: Rule | None = None) -> list[Number]:
        """The numbers in the equations of a card."""
        found: list[Number] = []
        try:
            reading = BoundDefinition(self.recording, node)
            for formula in made.formulas:
                if formula.numbers is not None:
                    whole = reading.bare and rule is None
                    tree = reading.statements[-1].value if whole else formula.right
                    found += reads(reading, tree, output, rule)
        except NotRecorded:
            return []
        return found

    # --------------------------------------------------------------------------------------------------- sections
    def _grouped(self, followed: list[_Followed]) -> Iterable[Section]:
        """A section for all that is told of a node's value, gradient or update."""
        groups: dict[tuple[int, str, int], list[_Followed]] = {}
        for each in followed:
            groups.setdefault((self._place(each.number), each.number.of, each.number.node), []).append(each)
        for (_, of, i), members in sorted(groups.items(), key=lambda item: -item[0][0]):
            node = self.recording.graph.nodes[i]
            members.sort(key=lambda each: each.number.element)
            cards = [made for column in zip(*(each.cards for each in members), strict=True) for made in column]
            sums = []
            if of == "gradient" and len(members[0].cards) > 1:
                sums = [fact for each in members for fact in gathered(self._end, node, each.number.element, True)]
            heading = {"value": node.name, "gradient": f"∂L/∂{node.name}", "update": f"the update of {node.name}"}[of]
            yield Section(heading, tuple(cards), tuple(sums))

    def _place(self, number: Number) -> int:
        """When a number is there: at which place of the training step."""
        timeline = self.recording.timeline
        if number.of == "value":
            return timeline.written_at(number.node)
        if number.of == "update":
            return timeline.places("update", number.node)[-1]
        arrivals = timeline.arrivals(number.node)
        return arrivals[-1].place if arrivals else timeline.seed_at

    def _given(self, given: list[Number]) -> Iterable[Section]:
        """What the equations start from, to its last digit."""
        graph, rows = self.recording.graph, []
        for number in sorted(given, key=lambda each: (each.node, each.of, each.element)):
            node = graph.nodes[number.node]
            array = self.recording.value(node) if number.of == "value" else self.recording.grad(node)
            if node.role == "const" and not node.shape:
                continue
            text = "not recorded" if array is None else numbers.exact(array[number.element])
            of: Of = "gradient" if number.of == "gradient" else "value"
            why = ROLES.get(node.role, "") if node.op is None and of == "value" else "taken as it is"
            rows.append((name_of(node, number.element, of), text, why))
        if len(rows) > GIVEN:
            rows = [*rows[:GIVEN], ("…", f"{len(rows) - GIVEN:,} more", "")]
        if rows:
            yield Section("given", grid=Grid(("number", "", "what it is"), tuple(rows)))

    def _left(self, left: list[Number]) -> Iterable[Section]:
        if left:
            graph = self.recording.graph
            ofs: dict[str, Of] = {"value": "value", "gradient": "gradient"}
            names = [name_of(graph.nodes[n.node], n.element, ofs.get(n.of)) for n in left[:NAMED]]
            more = f" and {len(left) - NAMED:,} more" if len(left) > NAMED else ""
            yield Section(
                "not followed any further",
                note=f"after {MOST} numbers: {', '.join(names)}{more}; export one of them, and it is followed",
            )
