"""Several ranks as one step: each as it was, and the all-reduce between them."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.captured import ranks
from bptui.model.source.captured.network import CapturedNetwork, network_of
from bptui.symbolic.check import check_step
from tests.records import MadeRecord, V, two_layers


def reduced(records: list[MadeRecord]) -> list[MadeRecord]:
    """Their optimizers used the mean of their gradients."""
    rows = [record.step.updates[0].groups[0].rows for record in records]
    for moved in zip(*rows, strict=True):
        names = [record.step.backwards[0].grads[row.value] for record, row in zip(records, moved, strict=True)]
        mean = np.mean([record.arrays[g] for record, g in zip(records, names, strict=True)], 0, dtype=np.float32)
        for record, row in zip(records, moved, strict=True):
            row.grad = record.keep(mean)
            row.after = record.keep(record.arrays[row.value] - np.float32(0.1) * mean)
    return records


def joined(*records: MadeRecord) -> CapturedNetwork:
    return network_of(ranks.Joined(list(records)), "ranks.bptui")


def test_each_rank_is_as_it_was_and_the_gradients_are_joined_by_an_operation():
    records = reduced([two_layers(seed=0), two_layers(seed=1)])
    made = joined(*records)
    assert check_step(made.recording).counts.keys() == {"ok"}
    for rank, record in enumerate(records):
        for name, value in record.step.parameters.items():
            node = made.graph.by_name[f"rank{rank}.{name}"]
            assert made.recording.value(node).tobytes() == record.arrays[value].tobytes()
    results = [event for event in made.captured.record.step.leading if event.name == ranks.REDUCED]
    assert len(results) == 4
    place = {node: at for at, (phase, node, _) in enumerate(made.captured.timeline.events) if phase == "forward"}
    backward = [at for at, stop in enumerate(made.captured.timeline.events) if stop.phase == "backward"]
    assert all(place[node] > max(backward) for event in results for node in made.captured.nodes_of[event.id])


def test_a_wrong_all_reduce_is_found():
    records = reduced([two_layers(seed=0), two_layers(seed=1)])
    row = records[0].step.updates[0].groups[0].rows[0]
    row.grad = records[0].keep(records[0].arrays[row.grad] * np.float32(2))
    failed = [each.node for each in check_step(joined(*records).recording).rows if each.verdict == "FAIL"]
    assert any("all_reduce" in name for name in failed)


def test_the_rank_that_brought_the_nan_is_one_key_away():
    records = [two_layers(seed=0), two_layers(seed=1)]
    step = records[1].step
    data = step.events[0].inputs[0]
    records[1].arrays[data] = np.where(np.arange(15).reshape(5, 3) == 4, np.float32("nan"), records[1].arrays[data])
    for value in step.values:
        if value.stats is not None and value.id not in step.parameters.values():
            value.stats = value.stats._replace(nan=1)
    session = Session(joined(*reduced(records)))
    reply = registry.run(session, "c")
    assert "[1,1] is NaN" in reply.text
    assert session.node.name.startswith("rank1.hidden")


def test_a_rank_that_is_missing_is_said(tmp_path):
    from bptui.model.source.captured.file import Writer

    one = two_layers()
    writer = Writer(tmp_path / "step.bptui" / "rank-0")
    one.step.about["ranks"] = 2
    for value in one.step.values:
        value.blob = writer.blob(one.arrays[value.id].tobytes(), value.dtype)
        value.strides = tuple(s // 4 for s in np.empty(value.shape, np.float32).strides)
    writer.close(one.step)
    with pytest.raises(UserError, match="1 of 2 ranks are there"):
        ranks.open_captured(tmp_path / "step.bptui")


def test_values_among_arguments_have_their_numbers_shifted():
    record = MadeRecord()
    a = record.given(np.float32([1, 2]), "a", wants_grad=True)
    both = record.call("torch.stack", [[{"v": a}, {"v": a}]], np.float32([[1, 2], [1, 2]]))
    record.step.events[0].inputs, record.step.values[both].wants_grad = [a], True
    loss = record.call("torch.sum", [V(both)], np.float32(6))
    record.backward(loss, {both: np.ones((2, 2), np.float32), a: np.float32([2, 2])})
    made = joined(two_layers(), record)
    assert check_step(made.recording).ok
