"""A whole training step: the network as it starts, all of its Moments in their order, what the update made of it."""

from __future__ import annotations

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import plain
from bptui.model.base.types import Array
from bptui.model.debugger.lines import extent
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.model.engine.timeline import PHASES, Phase
from bptui.symbolic.card.names import title
from bptui.symbolic.derivation.document import ROLES, Document, Grid, Section
from bptui.symbolic.derivation.moment import Teller, heading
from bptui.symbolic.service import Service

MOMENTS = 100
"""Moments of a phase that are written out: more are a book that nobody reads, and minutes of checks."""
FEW = 16
"""Numbers of a tensor that are written out; of more only the range."""


def step(session: Session, service: Service) -> Document:
    """The training step in which a session stands."""
    recording, timeline = session.recording, session.timeline
    teller = Teller(session.element_of, service)
    sections = [Section("the network at the start", grid=_network(session), note=_about(session))]
    done, total = 0, sum(min(MOMENTS, timeline.count(phase)) for phase in PHASES)
    for phase in PHASES:
        count = timeline.count(phase)
        for index in range(min(count, MOMENTS)):
            session.progress.report(done / total, f"{phase} {index + 1} of {count}")
            done += 1
            sections.append(teller.section(State(recording, session.cursor._replace(phase=phase, index=index))))
        if count > MOMENTS:
            sections.append(_left_out(phase, count))
    if recording.graph.params:
        sections.append(Section("after the update", grid=_updated(session)))
    return Document(heading(session), tuple(sections))


def _about(session: Session) -> str:
    recording = session.recording
    loss = numbers.significant(recording.loss)
    optimizer = recording.optimizer
    rate = optimizer.learning_rate if optimizer.schedule is None else recording.rate
    trained = f"; trained by {optimizer.kind}, learning rate {numbers.significant(rate)}"
    return f"loss {loss}, {session.network.dtype}{trained if recording.graph.params else ''}"


def _left_out(phase: Phase, count: int) -> Section:
    words = f"{count - MOMENTS:,} further Moments are left out: goto one, and export writes it down"
    return Section(f"{phase} {MOMENTS + 1:,} to {count:,} of {count:,}", note=words)


def _network(session: Session) -> Grid:
    """What is given and trained with its numbers, then the operations; the first ones of each."""
    graph, recording = session.graph, session.recording
    leaves = [node for node in graph.nodes if node.op is None and node.role != "const"]
    rows: list[tuple[str, ...]] = []
    for node in leaves[:MOMENTS]:
        value = recording.before(node) if node.role == "param" else recording.value(node)
        rows.append((node.name, ROLES.get(node.role, node.role), numbers.shape(node.shape), _numbers(value)))
    rows += _more(len(leaves), "", "")
    rows += [(node.name, _operation(session, node), numbers.shape(node.shape), "") for node in graph.ops[:MOMENTS]]
    rows += _more(len(graph.ops), "", "")
    return Grid(("name", "what it is", "shape", "numbers"), tuple(rows))


def _more(count: int, *blank: str) -> list[tuple[str, ...]]:
    """The row that says how many are not listed."""
    return [("…", f"{count - MOMENTS:,} more", *blank)] if count > MOMENTS else []


def _operation(session: Session, node: Node) -> str:
    """`sigmoid(layer1.z)`."""
    said = plain(title(session.graph, node))
    return said.removeprefix(f"{node.name} = ")


def _updated(session: Session) -> Grid:
    """Of each parameter what it was, its gradient, and what it has become."""
    recording = session.recording
    rows = []
    params = recording.graph.params
    for node in params[:MOMENTS]:
        arrays = recording.before(node), recording.grad(node), recording.after(node)
        rows += [
            (node.name if n == 0 else "", word, _numbers(array))
            for n, (word, array) in enumerate(zip(("before", "gradient", "after"), arrays, strict=True))
        ]
    return Grid(("parameter", "", "numbers"), (*rows, *_more(len(params), "")))


def _numbers(array: Array | None) -> str:
    """`[0.5, -1]`; of many the range."""
    if array is None:
        return "not recorded"
    values = np.asarray(array)
    if values.size > FEW:
        return plain(extent(values, "text"))
    return _nested(values)


def _nested(values: Array) -> str:
    if not values.ndim:
        return numbers.significant(float(values))
    return f"[{', '.join(_nested(part) for part in values)}]"
