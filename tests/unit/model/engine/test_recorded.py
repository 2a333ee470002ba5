"""A Recording that is read from a file says what the arena says, whatever is missing; the order comes from events."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.history import RecordedStep
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Event, Timeline
from bptui.model.source.network import Network, from_formula, load
from bptui.plain import Plain
from tests.recorded import DiskRecording, everything, hidden, stored, write
from tests.unit.model.engine.small import branching, xor

KINDS = ["float64", "float32", "float16", "bfloat16"]


def mixed(recording: Recording) -> Callable[[Any, Any], str]:
    """Of each node its own kind of float, its gradient and what is added to that likewise; truth values where there is
    nothing else."""
    nodes = recording.graph.nodes

    def kind(name: Any, array: Any) -> str:
        i = nodes[name[1]].inputs[name[2]] if name[0] == "contribution" else name[1]
        if name[0] == "value" and np.isin(array, (0.0, 1.0)).all():
            return "bool"
        return KINDS[i % 4] if array.dtype.kind == "f" else str(array.dtype)

    return kind


def session_of(network: Network, recording: DiskRecording) -> Session:
    return Session(replace(network, graph=recording.graph), RecordedStep(recording))


def told(session: Session) -> list[str]:
    """What plain mode says at each Moment, forward and back again: its card, its numbers, its checks."""
    lines: list[str] = []
    plain = Plain(session, lines.append, lines.append)
    plain.service.budget = plain.service.check_budget = 60.0

    def here() -> str:
        lines.clear()
        plain.announce()
        return re.sub(r"\d+ ms", "… ms", "\n".join(lines))

    there = [here()]
    while session.step().ok:
        there.append(here())
    back = [here()]
    while session.reverse_step().ok:
        back.append(here())
    plain.service.close()
    assert there == back[::-1]
    return there


@pytest.mark.parametrize("name", ["xor", "resnet-block"])
def test_a_step_read_from_a_file_shows_what_the_arena_shows(name, tmp_path):
    network = load(name)
    recording = network.program().record()
    disk = stored(recording, tmp_path)
    for node in recording.graph.nodes:
        for place in range(0, recording.timeline.length, 7):
            moment = recording.timeline.at(0, place)
            mine, theirs = State(disk, moment), State(recording, moment)
            assert mine.stage(node) == theirs.stage(node)
            for got, wanted in (
                (mine.value(node), theirs.value(node)),
                (mine.gradient(node)[0], theirs.gradient(node)[0]),
            ):
                assert (got is None) == (wanted is None)
                assert got is None or got.tobytes() == wanted.tobytes()
    assert told(session_of(network, disk)) == told(Session(network, RecordedStep(recording)))


def test_numbers_have_kinds_of_their_own(tmp_path):
    recording = xor().record()
    disk = stored(recording, tmp_path, kind=mixed(recording))
    seen = set()
    for node in recording.graph.nodes:
        seen.add(disk.dtype(node))
        got, wanted = disk.value(node), recording.value(node)
        assert got.dtype.kind in "fib"
        assert np.allclose(got, wanted, rtol=2**-7, atol=1e-6)
        assert not got.flags.writeable or disk.dtype(node) == "bfloat16"
    assert {"float64", "bfloat16"} <= seen


def test_bfloat16_is_widened(tmp_path):
    graph = branching()
    recording = Program(graph).record()
    numbers = np.array([1.0, -2.5, 3.140625, np.inf, -np.inf, 2.0**-130])
    write({("value", 0): numbers}, tmp_path, lambda name, array: "bfloat16")
    disk = DiskRecording(tmp_path, graph, recording.timeline, recording.optimizer)
    assert disk.value(0).dtype == np.float32
    assert disk.value(0).tolist() == numbers.tolist()


@pytest.mark.parametrize("part", [1, 2, 3, 5])
def test_what_is_absent_is_said_and_nothing_falls_over(part, tmp_path):
    network = load("xor")
    recording = network.program().record()
    names = list(everything(recording))
    absent = set(random.Random(part).sample(names, len(names) // part))
    rows = told(session_of(network, stored(recording, tmp_path, absent=absent, kind=mixed(recording))))
    assert any("not recorded" in row for row in rows)
    assert not any("FAIL" in row for row in rows)


def test_a_history_of_one_step_cannot_be_trained_on(tmp_path):
    network = load("xor")
    disk = stored(network.program().record(), tmp_path)
    history = RecordedStep(disk)
    assert (history.steps, history.last, history.losses.tolist()) == (1, 0, [disk.loss])
    assert history.recording(0) is disk
    assert history.advance(1) == 1
    with pytest.raises(UserError, match="cannot be trained on"):
        history.advance(2)
    with pytest.raises(IndexError):
        history.seek(1)
    session = session_of(network, disk)
    reply = run(session, ">")
    assert not reply.ok
    assert "one recorded training step, which cannot be trained on" in reply.text


def shuffled(timeline: Timeline, seed: int) -> Timeline:
    """Another order in which each event comes after those that it needs; the phases may overlap."""
    graph, drawn = timeline.graph, random.Random(seed)
    waiting, done = list(timeline.events), []
    passing = {event.node for event in waiting if event.phase == "backward" and not event.seed}

    def ready(event: Event) -> bool:
        phase, node, seed = event
        before = {Event("forward", i) for i in graph.nodes[node].inputs if graph.nodes[i].op is not None}
        if phase == "forward":
            return before <= set(done)
        if seed:
            return Event("forward", node) in done
        needed = {Event("backward", c) for c, _ in graph.consumers[node] if c in passing}
        needed |= {Event("backward", graph.loss, True)}
        if phase == "backward":
            needed |= {Event("forward", node)}
        return needed <= set(done)

    while waiting:
        event = drawn.choice([event for event in waiting if ready(event)])
        waiting.remove(event)
        done.append(event)
    return Timeline(graph, tuple(done))


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_events_steps(seed, tmp_path):
    network = load("two-paths") if seed == 0 else load("xor")
    recording = network.program().record()
    disk = stored(recording, tmp_path)
    disk.timeline = shuffled(recording.timeline, seed)
    assert disk.timeline.events != recording.timeline.events
    timeline = disk.timeline
    for place in range(timeline.length):
        moment = timeline.at(0, place)
        assert timeline.index(moment) == place
        assert timeline.node(moment).id == timeline.events[place].node
    state = State(disk, timeline.at(0, timeline.length - 1))
    for node in recording.graph.nodes:
        final = state.gradient(node)
        wanted = recording.grad(node)
        assert wanted is None or final.array.tobytes() == wanted.tobytes()
    session = session_of(network, disk)
    assert len(told(session)) == timeline.length
    for move in ("next", "finish", "reverse_next", "reverse_finish"):
        for _ in range(4):
            getattr(session, move)()


def test_a_node_without_a_backward_event_passes_nothing_on(tmp_path):
    network = from_formula("a = x*w; b = a + x; L = sum(b)", {"x": [1.0, 2.0], "w": [3.0, 4.0]})
    recording = network.program().record()
    a, x = (recording.graph.by_name[name].id for name in "ax")
    events = tuple(event for event in recording.timeline.events if event[:2] != ("backward", a))
    disk = stored(recording, tmp_path)
    disk.timeline = Timeline(recording.graph, events)
    end = State(disk, disk.timeline.at(0, len(events) - 1))
    assert end.gradient(x).total == 1
    assert end.gradient("w").total == 0
    told(session_of(network, disk))


def test_a_parameter_is_updated_twice_or_never(tmp_path):
    network = load("xor")
    recording = network.program().record()
    twice, never = recording.timeline.update[0].id, recording.timeline.update[1].id
    events = [event for event in recording.timeline.events if event != Event("update", never)]
    arrays = everything(recording)
    for key in [key for key in arrays if key[0] in ("before", "after", "update_grad", "state") and key[1] == twice]:
        arrays[*key[:-1], 1] = arrays[key] * 2
    write(arrays, tmp_path)
    timeline = Timeline(recording.graph, (*events, Event("update", twice)))
    disk = DiskRecording(tmp_path, recording.graph, timeline, recording.optimizer)
    first, second = timeline.places("update", twice)
    at = [State(disk, timeline.at(0, place)) for place in (first - 1, first, second)]
    assert [state.updates(twice) for state in at] == [0, 1, 2]
    wanted = [recording.value(twice), recording.after(twice), 2 * recording.after(twice)]
    assert all(np.array_equal(state.value(twice), array) for state, array in zip(at, wanted, strict=True))
    assert not at[2].updated(never)
    assert np.array_equal(at[2].value(never), recording.value(never))
    told(session_of(network, disk))


def test_an_origin_at_the_very_first_moment_is_known():
    session = Session(from_formula("a = log(x); L = sum(a)", {"x": [-1.0, 1.0]}))
    assert list(session.nonfinite) == [0]
    assert session.nonfinite[0].text == "a[0] is NaN"


def test_places_are_looked_at_when_they_are_asked_for(tmp_path):
    network = from_formula("a = log(x); b = a*2; L = sum(b)", {"x": [-1.0, 1.0]})
    recording = network.program().record()
    disk = stored(recording, tmp_path, counted=False)
    session = session_of(network, disk)
    disk.looked.clear()
    assert 1 not in session.nonfinite
    assert set(disk.looked) <= {("value", i) for i in range(4)}
    assert not session.nonfinite.complete
    assert list(session.nonfinite) == [0]
    assert session.nonfinite.complete
    finite = stored(load("xor").program().record(), tmp_path / "xor")
    known = session_of(load("xor"), finite).nonfinite
    finite.looked.clear()
    assert known.complete
    assert not known
    assert not finite.looked


def test_an_opaque_operation_steps_and_is_neither_right_nor_wrong(tmp_path):
    from bptui.symbolic.check import check_step

    network = load("xor")
    recording = network.program().record()
    disk = stored(recording, tmp_path)
    disk.graph = hidden(recording.graph, "layer1.a", "loss")
    disk.timeline = Timeline(disk.graph, recording.timeline.events)
    session = session_of(network, disk)
    assert len(told(session)) == recording.timeline.length
    report = check_step(disk)
    own = [row for row in report.rows if row.node == "layer1.a"]
    assert [(row.row, row.verdict) for row in own] == [("opaque", "n/a")]
    assert report.ok
    session.goto("layer1.a")
    for line in ("s", "why layer1.a[0,0]", "view layers", "view neurons", "why layer1.weight[0,0]"):
        run(session, line)
