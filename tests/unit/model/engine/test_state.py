"""What is visible at a Moment: a function of it, the engine's own bits, and never more than has been computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from tests.unit.model.engine.small import branching, minibatches, poisonings, xor

MAKERS: dict[str, Callable[[], Program]] = {
    "xor": xor,
    "branching": lambda: Program(branching(), Optimizer("sgd", 0.1, momentum=0.9)),
    "minibatches": minibatches,
}


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def recording(request: pytest.FixtureRequest) -> Recording:
    program = request.param()
    program.run(2)
    return program.record()


def states(recording: Recording) -> list[State]:
    """All of them, in the order of time."""
    timeline = recording.timeline
    return [State(recording, timeline.at(recording.step, place)) for place in range(timeline.length)]


def visible(state: State) -> list[object]:
    """Everything that a screen could show."""
    shown: list[object] = []
    for node in state.recording.graph.nodes:
        value, gradient = state.value(node), state.gradient(node)
        array = gradient.array
        shown += [None if value is None else value.tobytes(), None if array is None else array.tobytes()]
        shown += [gradient.arrived, gradient.total, gradient.final, state.written(node)]
    return shown


def test_step_and_step_back_is_the_identity(recording: Recording) -> None:
    there = [visible(state) for state in states(recording)]
    back = [visible(state) for state in reversed(states(recording))]
    assert there == back[::-1]


def test_what_changes_at_a_moment_is_what_it_says_it_wrote(recording: Recording) -> None:
    before: dict[int, tuple] = {}
    for state in states(recording):
        for node in recording.graph.nodes:
            value, gradient = state.value(node), state.gradient(node)
            now = (
                None if value is None else value.tobytes(),
                None if gradient.array is None else gradient.array.tobytes(),
                gradient.arrived,
            )
            if node.id in before:
                changed = {
                    part
                    for part, i in (("value", 0), ("gradient", 1), ("gradient", 2))
                    if now[i] != before[node.id][i] and (gradient.total or part == "value")
                }
                assert changed <= state.written(node)
            before[node.id] = now


def test_nothing_is_shown_before_it_is_computed(recording: Recording) -> None:
    first, *_ = everything = states(recording)
    graph, timeline = recording.graph, recording.timeline
    for node in graph.ops:
        assert (first.value(node) is None) == (node is not timeline.forward[0])
    for state in everything:
        if state.moment.phase == "forward":
            assert all(state.gradient(node).array is None for node in graph.nodes)
            assert all(state.value(node) is None for node in timeline.forward[state.moment.index + 1 :])
        else:
            assert all(state.value(node) is not None for node in graph.nodes)


def test_at_the_end_all_is_as_recorded(recording: Recording) -> None:
    last = states(recording)[-1]
    for node in recording.graph.nodes:
        gradient, whole = last.gradient(node), recording.grad(node)
        if whole is None:
            assert gradient == (None, 0, 0)
            assert not gradient.final
        else:
            assert gradient.final
            assert gradient.array is not None
            assert gradient.array.tobytes() == whole.tobytes()
    for node in recording.graph.params:
        assert last.parameter(node).tobytes() == recording.after(node).tobytes()
        for name in recording.optimizer.states:
            assert last.state(node, name).tobytes() == recording.state(node, name, after=True).tobytes()


def test_one_of_two_is_in_and_never_final() -> None:
    recording = Program(branching()).record()
    h = recording.graph.by_name["h"]
    seen = []
    for state in states(recording):
        gradient = state.gradient(h)
        if not seen or seen[-1] != gradient.arrived:
            seen.append(gradient.arrived)
        assert gradient.total == 3
        assert gradient.final == (gradient.arrived == 3)
        arrived = state.arrived(h)
        assert len(arrived) == gradient.arrived
        if arrived:
            total = arrived[0].array
            for part in arrived[1:]:
                total = total + part.array
            assert gradient.array is not None
            assert gradient.array.tobytes() == total.tobytes()
            assert not gradient.array.flags.writeable
    assert seen == [0, 1, 2, 3]


def test_the_seed_is_one() -> None:
    recording = xor().record()
    loss = recording.graph.nodes[recording.graph.loss]
    forward = recording.timeline.count("forward")
    before, seed = (State(recording, recording.timeline.at(0, place)) for place in (forward - 1, forward))
    assert before.gradient(loss) == (None, 0, 1)
    gradient = seed.gradient(loss)
    assert gradient.array is not None
    assert (gradient.array.item(), gradient.final, seed.written(loss)) == (1.0, True, {"gradient"})
    assert seed.touched() == (loss.id,)


def test_a_parameter_is_new_from_its_own_update_on() -> None:
    recording = xor().record()
    timeline, params = recording.timeline, recording.graph.params
    first = timeline.length - len(params)
    for index, here in enumerate(params):
        state = State(recording, timeline.at(0, first + index))
        assert state.touched() == (here.id,)
        assert state.written(here) == {"value"}
        for other, node in enumerate(params):
            assert state.updated(node) == (other <= index)
            expected = recording.after(node) if other <= index else recording.before(node)
            assert state.parameter(node).tobytes() == expected.tobytes()
            value = state.value(node)
            assert value is not None
            assert value.tobytes() == expected.tobytes()
            moment = recording.state(node, "m", after=other <= index)
            assert state.state(node, "m").tobytes() == moment.tobytes()


def test_backward_writes_the_contributions_to_the_inputs() -> None:
    recording = xor().record()
    for state in states(recording):
        if state.moment.phase == "backward" and not recording.timeline.is_seed(state.moment):
            wanted = [i for i in dict.fromkeys(state.node.inputs) if recording.graph.nodes[i].wants_grad]
            assert list(state.touched()) == wanted


def test_the_first_poison_is_where_it_began() -> None:
    recording = Program(branching(1e200)).record()
    moment, node, part = next(poisonings(recording))
    assert (moment.phase, part) == ("forward", "value")
    state = State(recording, moment)
    assert state.node is node
    value = state.value(node)
    assert value is not None
    assert not np.isfinite(value).all()
    assert next(poisonings(xor().record()), None) is None


def test_a_moment_of_another_step_is_refused() -> None:
    recording = xor().record()
    with pytest.raises(ValueError, match="training step 0"):
        State(recording, recording.timeline.at(1, 0))
