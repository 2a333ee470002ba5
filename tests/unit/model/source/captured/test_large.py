"""What a large step takes: memory that is given back, updates in blocks, and events that are too large to be run."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from bptui.model.engine import arena
from bptui.model.source.captured import update_verdicts
from bptui.model.source.captured.network import network_of
from bptui.model.source.captured.update_verdicts import check_update
from bptui.model.source.captured.verdicts import check_event
from bptui.symbolic.check import check_node, step
from tests.records import MadeRecord, V, two_layers


def test_what_an_event_took_is_given_back_at_once():
    """Without waiting for a collection: the memory of a large event is gigabytes."""
    made = network_of(two_layers(), "step.bptui")
    gc.collect()
    gc.disable()
    try:
        for event in made.captured.record.step.leading:
            run = made.recording.run_in(event, "float64")
            assert run is not None
            memory = weakref.ref(run.recording.memory.obj.base)  # type: ignore[attr-defined]
            assert memory() is not None
            del run
            assert memory() is None, event.name
    finally:
        gc.enable()


def updated(size: int, wrong: int | None = None, rate: float = 0.1) -> MadeRecord:
    """A step of a parameter with momentum, and one element of it that is another."""
    record, rng = MadeRecord(), np.random.default_rng(0)
    numbers, grad = (rng.normal(size=size).astype(np.float32) for _ in range(2))
    w = record.given(numbers, "w", wants_grad=True)
    loss = record.call("torch.sum", [V(w)], numbers.sum())
    record.backward(loss, {w: grad})
    after = (numbers - np.float32(rate) * grad).astype(np.float32)
    if wrong is not None:
        after[wrong] += np.float32(1e-3)
    record.update("torch.optim.sgd.SGD", {"lr": rate}, {w: (grad, after)})
    return record


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
@pytest.mark.parametrize("wrong", [None, 0, 63, 64, 99])
def test_an_update_is_the_same_in_blocks_of_any_size(block: int, wrong: int | None, monkeypatch):
    made = network_of(updated(100, wrong), "step.bptui")
    (whole,) = check_update(made.recording, made.graph.params[0].id)
    assert whole.verdict == ("ok" if wrong is None else "FAIL")
    assert wrong is None or whole.at == (wrong,)
    monkeypatch.setattr(update_verdicts, "BLOCK", block)
    assert check_update(made.recording, made.graph.params[0].id) == (whole,)


def test_an_event_that_would_take_too_much_is_skipped_and_said(monkeypatch):
    made = network_of(two_layers(), "step.bptui")
    monkeypatch.setattr(arena, "LIMIT", 100)
    for event in made.captured.record.step.leading:
        (row,) = check_event(made.recording, event)
        assert row.verdict == "skipped"
        assert "too many" in row.note


def test_of_small_events_so_many_are_kept_as_the_memory_allows(monkeypatch):
    made = network_of(two_layers(), "step.bptui")
    events = [event for event in made.captured.record.step.leading if made.captured.nodes_of.get(event.id)]
    recording = made.recording
    first = recording.run(events[0])
    assert first is not None
    assert recording.run(events[0]) is first
    monkeypatch.setattr("bptui.model.source.captured.recording.KEPT", first.nbytes)
    for event in events:
        recording.run(event)
        assert recording.nbytes <= recording.record.nbytes + max(first.nbytes, recording.run(event).nbytes)  # type: ignore[union-attr]
    assert recording.run(events[0]) is not first


def test_an_operation_of_many_numbers_is_only_held_against_what_was_recorded(monkeypatch):
    made = network_of(two_layers(), "step.bptui")
    node = next(node for node in made.graph.ops if node.op.name == "tanh")
    assert {row.row for row in check_node(made.recording, node)} > {"forward", "value", "symbolic", "gradient"}
    monkeypatch.setattr(step, "MANY", 39)
    rows = check_node(made.recording, node)
    assert [(row.row, row.verdict) for row in rows] == [("forward", "n/a"), ("value", "ok"), ("gradient", "ok")]
    assert "40 numbers" in rows[0].note
