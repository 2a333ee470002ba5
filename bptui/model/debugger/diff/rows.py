"""The places at which two runs are compared: calls forward, calls backward, updates; in the order of the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bptui.model.base.printable import one_line
from bptui.model.debugger.diff.calls import Call, calls, captured
from bptui.model.debugger.diff.gaps import flowing
from bptui.model.debugger.diff.pairing import Pair, Pairing, paired
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.engine.timeline import Phase


@dataclass(frozen=True)
class Row:
    """One place.

    pair    the calls of either run; of an update and of the seed of the backward pass (None, None)
    nodes   the tensors that are compared there, by their ids in either run: forward what the calls give, backward what
            becomes complete with them of the gradients of what they read, the parameter of an update
    turn    which update of the parameter, from 0
    number, module, function  as they are shown: of the first run where it has the place
    """

    phase: Phase
    pair: Pair
    nodes: tuple[tuple[int, int], ...]
    number: int
    module: str
    function: str
    turn: int = 0
    missing: str = ""

    @property
    def call(self) -> Call | None:
        """The call of the first run, or of the one that has it."""
        return self.pair.a or self.pair.b


NOBODY = Pair(None, None)


@dataclass(frozen=True)
class Rows:
    """rows  all of them · foreign: see `Pairing`"""

    rows: tuple[Row, ...]
    foreign: bool


def rows(a: Recording, b: Recording) -> Rows:
    """Everything that is compared of two runs. Reads no numbers."""
    pairing = paired(calls(a), calls(b))
    partner = _partners(a, b, pairing)
    made = (*_forward(pairing), *_backward(a, b, pairing, partner), *_updates(a, b, partner))
    return Rows(made, pairing.foreign)


def _partners(a: Recording, b: Recording, pairing: Pairing) -> dict[int, int]:
    """Results by their order, what is given by its place among the inputs, parameters by their names, too."""
    found: dict[int, int] = {}
    together = [(pair.a, pair.b) for pair in pairing.pairs if pair.a is not None and pair.b is not None]
    for one, other in together:
        for i, j in zip(one.results, other.results, strict=False):
            found.setdefault(i, j)
    for node in a.graph.params:
        same = b.graph.by_name.get(node.name)
        if same is not None and same.role == "param":
            found.setdefault(node.id, same.id)
    for one, other in together:
        for i, j in zip(one.inputs, other.inputs, strict=False):
            if a.graph.nodes[i].op is None and b.graph.nodes[j].op is None:
                found.setdefault(i, j)
    return found


def _forward(pairing: Pairing) -> Iterator[Row]:
    for pair in pairing.pairs:
        call, missing = pair.a or pair.b, _missing(pair)
        assert call is not None
        nodes = tuple(zip(pair.a.results, pair.b.results, strict=False)) if pair.a and pair.b else ()
        yield Row("forward", pair, nodes, call.number, call.module, call.function, missing=missing)


def _missing(pair: Pair) -> str:
    return "" if pair.both else "only in a" if pair.b is None else "only in b"


def _backward(a: Recording, b: Recording, pairing: Pairing, partner: Mapping[int, int]) -> Iterator[Row]:
    """The seed; then the calls in the order in which gradients become complete: with the last of those that add to
    them. A call with which none does has no row."""
    graph = a.graph
    loss = partner.get(graph.loss)
    if loss is not None:
        yield Row("backward", NOBODY, ((graph.loss, loss),), 0, "", "∂L/∂L")
    made: dict[int, tuple[int, Pair, list[tuple[int, int]]]] = {}
    finishes = _finishes(a, b, pairing)
    for i, j in partner.items():
        pair, place = finishes(i, j) if i != graph.loss else (None, 0)
        if pair is not None and pair.a is not None:
            before = made.get(pair.a.number, (place, pair, []))
            made[pair.a.number] = (min(place, before[0]), pair, [*before[2], (i, j)])
    for _, pair, nodes in sorted(made.values(), key=_late):
        assert pair.a is not None
        yield Row("backward", pair, tuple(nodes), pair.a.number, pair.a.module, pair.a.function)


def _late(item: tuple[int, Pair, list[tuple[int, int]]]) -> tuple[int, int]:
    """By place; what has none of its own in the first run, from the loss on."""
    place, pair, _ = item
    return place, 0 if pair.a is None else -pair.a.number


def _finishes(a: Recording, b: Recording, pairing: Pairing) -> Callable[[int, int], tuple[Pair | None, int]]:
    """Which pair of calls adds the last contribution to the gradient of a node, and at which place of the first run;
    (None, 0) for a node without a gradient. What has one in the second run alone is placed by the call of that run."""
    of = {node: pair for pair in pairing.pairs if pair.a is not None for node in pair.a.nodes}
    others = {node: pair for pair in pairing.pairs if pair.b is not None for node in pair.b.nodes}

    def finishes(i: int, j: int) -> tuple[Pair | None, int]:
        if flowing(a, i):
            last = a.timeline.arrivals(i)[-1]
            return of.get(last.consumer), last.place
        if arrivals := b.timeline.arrivals(j):
            pair = others.get(arrivals[-1].consumer)
            nodes = () if pair is None or pair.a is None else pair.a.nodes
            return pair, min((p for n in nodes for p in a.timeline.places("backward", n)), default=a.timeline.seed_at)
        return None, 0

    return finishes


def _updates(a: Recording, b: Recording, partner: Mapping[int, int]) -> Iterator[Row]:
    """The updates in the order of the first run; one that only one of the runs has is missing in the other."""
    turns: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for number, node in enumerate(a.timeline.update, 1):
        turn = turns[node.id] = turns.get(node.id, -1) + 1
        other = partner.get(node.id)
        missing = "only in a" if other is None or turn >= len(b.timeline.places("update", other)) else ""
        if other is not None:
            seen.add((other, turn))
        nodes = () if other is None else ((node.id, other),)
        yield Row("update", NOBODY, nodes, number, one_line(node.name), rule(a, node.id, turn), turn, missing)
    turns.clear()
    for number, node in enumerate(b.timeline.update, 1):
        turn = turns[node.id] = turns.get(node.id, -1) + 1
        if (node.id, turn) not in seen:
            yield Row("update", NOBODY, (), number, one_line(node.name), rule(b, node.id, turn), turn, "only in b")


def rule(run: Recording, node: int, turn: int) -> str:
    """What an update is called: the optimizer's class, or bptui's kind."""
    step = captured(run)
    if step is not None and (found := step.turn(node, turn)) is not None:
        return one_line(found[0].kind.rpartition(".")[2])
    try:
        return run.update_rule(node, turn).kind
    except NotRecorded:
        return "update"
