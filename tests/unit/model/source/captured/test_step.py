"""A captured step as graph, recording, and what is said of it: the laws that hold for any record."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bptui.cli import main
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.captured.budget import budget
from bptui.model.source.captured.distance import WORST
from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.network import CapturedNetwork, network_of
from bptui.model.source.captured.record import Event
from bptui.model.source.captured.update_verdicts import check_update
from bptui.model.source.captured.verdicts import Row, check_event
from bptui.symbolic.check import check_node, check_step
from tests.records import MadeRecord, V, two_layers


def network(record: MadeRecord | None = None) -> CapturedNetwork:
    return network_of(record or two_layers(), "step.bptui")


def event(made: CapturedNetwork, name: str, count: int = 0) -> Event:
    found = [each for each in made.captured.record.step.leading if each.name.endswith(name)]
    return found[count]


def verdicts(made: CapturedNetwork, one: Event) -> dict[tuple[str, str], str]:
    return {(row.row, row.input): row.verdict for row in check_event(made.recording, one)}


def worst(rows: tuple[Row, ...]) -> str:
    return min((row.verdict for row in rows), key=WORST.index)


# ------------------------------------------------------------------------------------------------ graph and recording
def test_the_steps_of_a_capture_happen_as_they_were_recorded():
    made = network()
    events = [(each.phase, made.graph.nodes[each.node].name) for each in made.captured.timeline.events]
    assert [name for phase, name in events if phase == "forward"][-1].startswith("mse_loss")
    assert [name for phase, name in events if phase == "update"] == [
        "hidden.weight", "hidden.bias", "out.weight", "out.bias",
    ]  # fmt: skip
    phases = [phase for phase, _ in events]
    assert phases == sorted(phases, key=("forward", "backward", "update").index)


def test_stepping_through_all_of_it_and_back_is_the_identity():
    session = Session(network())
    places = [session.state.moment]
    while session.step().ok:
        places.append(session.state.moment)
    assert len(places) == session.branch.timeline.length
    for place in reversed(places[:-1]):
        session.reverse_step()
        assert session.state.moment == place


def test_every_recorded_number_is_the_records_own():
    made = network()
    for value, node in made.captured.node_of.items():
        recorded = made.captured.record.array(value)
        assert made.recording.value(node).tobytes() == recorded.tobytes()
        assert made.recording.dtype(node) == "float32"
    (backward,) = made.captured.record.step.backwards
    for value, grad in backward.grads.items():
        found = made.recording.grad(made.captured.node_of[value])
        assert found.tobytes() == made.captured.record.array(grad).tobytes()


def test_what_lies_inside_of_an_event_is_computed_from_its_border():
    """A gradient that was recorded is the sum of what its consumers add, by this engine."""
    made = network()
    for node in made.graph.nodes:
        parts = [part.array for part in made.recording.contributions(node)]
        if node.wants_grad and parts:
            np.testing.assert_allclose(sum(parts), made.recording.grad(node), rtol=1e-5, atol=1e-7)


def test_opening_reads_no_tensor_but_those_that_decide_what_is_built():
    record = two_layers()
    looked: list[int] = []
    read = record.array
    record.array = lambda value: looked.append(value) or read(value)  # type: ignore[method-assign]
    made = network(record)
    Session(made).step(3)
    assert looked == []


def test_parameters_that_do_not_reach_the_loss_are_there_and_updated():
    record = two_layers()
    lonely = record.given(np.ones(2, np.float32), "spare.weight", wants_grad=True)
    record.update("torch.optim.sgd.SGD", {"lr": 0.1}, {lonely: (np.ones(2, np.float32), np.float32([0.9, 0.9]))})
    made = network(record)
    assert "spare.weight" in made.graph.by_name
    assert worst(check_update(made.recording, made.graph.by_name["spare.weight"].id)) == "ok"


def test_a_program_that_ended_before_its_backward_pass_is_stepped_as_far_as_it_came():
    record = two_layers()
    record.step = replace(record.step, backwards=[], updates=[], events=record.step.events[:2])
    made = network(record)
    session = Session(made)
    assert [each.phase for each in made.captured.timeline.events] == ["forward"] * len(made.graph.ops)
    while session.step().ok:
        pass
    assert np.isnan(made.recording.loss)
    record.step = replace(record.step, events=[], about={"reason": "Boom"})
    with pytest.raises(UserError, match="no operation was captured: Boom"):
        network(record)


def test_a_backward_pass_from_several_numbers_starts_with_what_it_was_given():
    record = MadeRecord()
    w = record.given(np.float32([1, 2, 3]), "w", wants_grad=True)
    y = record.call("torch.tanh", [V(w)], np.tanh(np.float32([1, 2, 3])))
    seed = record.keep(np.float32([1, 0, 2]))
    own = (1 - np.tanh(np.float32([1, 2, 3])) ** 2) * np.float32([1, 0, 2])
    record.backward(y, {w: own, y: np.float32([1, 0, 2])})
    record.step.backwards[0].losses = [(y, seed)]
    made = network(record)
    assert made.recording.loss == pytest.approx(float(np.tanh(1) + 2 * np.tanh(3)), rel=1e-6)
    assert worst(check_event(made.recording, event(made, "tanh"))) == "ok"


# ----------------------------------------------------------------------------------------------------------- verdicts
def test_a_step_that_is_right_has_nothing_but_ok():
    made = network()
    report = check_step(made.recording)
    assert report.counts == {"ok": len(report.rows)}
    assert {row.row for row in report.rows} == {"value", "gradient", "update"}


@pytest.mark.parametrize("what", ["value", "grad", "after"])
def test_one_wrong_number_is_found_where_it_is(what):
    record = two_layers()
    step = record.step
    tanh = next(each for each in step.events if each.name == "torch.tanh")
    place = {
        "value": tanh.outs[0], "grad": step.backwards[0].grads[tanh.inputs[0]],
        "after": step.updates[0].groups[0].rows[1].after,
    }[what]  # fmt: skip
    wrong = np.array(record.arrays[place])
    wrong.reshape(-1)[2] += 1e-3 * np.abs(wrong).max()
    record.arrays[place] = wrong
    made = network(record)
    failed = [row for row in check_step(made.recording).rows if row.verdict == "FAIL"]
    assert failed
    assert {row.row for row in failed} == ({"value", "gradient"} if what == "value" else {"gradient"} if what == "grad"
                                           else {"update"})  # fmt: skip
    names = {row.node for row in failed}
    assert {"value": "tanh", "grad": "tanh", "after": "hidden.bias"}[what] in {name.partition(".")[0] if what != "after"
                                                                              else name for name in names}  # fmt: skip


def test_the_same_nan_is_no_difference():
    record = MadeRecord()
    w = record.given(np.float32([-1, 4]), "w", wants_grad=True)
    with np.errstate(all="ignore"):
        root = np.sqrt(np.float32([-1, 4]))
        y = record.call("torch.sqrt", [V(w)], root)
        loss = record.call("torch.sum", [V(y)], root.sum())
        record.backward(loss, {y: np.float32([1, 1]), w: np.float32(0.5) / root})
    made = network(record)
    assert set(verdicts(made, event(made, "sqrt")).values()) == {"ok"}
    assert made.recording.finite is False
    assert made.recording.suspects


def test_what_nobody_knows_is_opaque_and_steps_like_any_other():
    record = two_layers()
    tanh = next(each for each in record.step.events if each.name == "torch.tanh")
    tanh.name = "somelibrary.squash"
    record.step.backwards[0].parts[tanh.id, tanh.inputs[0]] = [record.step.backwards[0].grads[tanh.inputs[0]]]
    made = network(record)
    assert verdicts(made, tanh) == {("value", ""): "opaque"}
    (node,) = made.captured.nodes_of[tanh.id]
    assert "somelibrary.squash" in made.captured.unknown[node]
    (row,) = check_node(made.recording, made.graph.nodes[node])
    assert row.verdict == "opaque"
    assert worst(check_event(made.recording, event(made, "linear"))) == "ok"


def test_an_optimizer_of_somebodys_own_is_opaque_whatever_its_class_is_called():
    record = two_layers()
    record.step.updates[0].kind = "mylibrary.optim.SGD"
    made = network(record)
    rows = check_update(made.recording, made.graph.params[0].id)
    assert [row.verdict for row in rows] == ["opaque"]
    assert "mylibrary.optim.SGD" in rows[0].note


def test_numbers_that_were_not_kept_are_skipped_and_said():
    record = two_layers()
    tanh = next(each for each in record.step.events if each.name == "torch.tanh")
    record.arrays[tanh.outs[0]] = None
    made = network(record)
    assert verdicts(made, tanh)["value", ""] == "skipped"
    assert verdicts(made, event(made, "linear", 1)) == {("value", ""): "skipped"}


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "ok"), (2 / 3, "FAIL")])
def test_a_custom_backward_is_held_against_the_derivative_of_its_own_forward(factor, verdict):
    record = MadeRecord()
    numbers = np.float32([0.5, -1, 2])
    w = record.given(numbers, "w", wants_grad=True)
    inside = record.call("torch.Tensor.mul", [V(w), V(w)], numbers**2, notes={"no_grad": True})
    record.step.values[inside].wants_grad = False
    cube = record.call(
        "bptui.custom Square", [V(w)], numbers**2, notes={"custom": "SquareBackward", "inside": [inside]}
    )
    loss = record.call("torch.sum", [V(cube)], (numbers**2).sum())
    grad = np.float32(factor) * 2 * numbers
    record.backward(loss, {cube: np.ones(3, np.float32), w: grad})
    record.step.backwards[0].parts[record.step.events[1].id, w] = [record.keep(grad)]
    made = network(record)
    rows = check_event(made.recording, record.step.events[1])
    assert {row.row: row.verdict for row in rows} == {"value": "ok", "gradient": verdict}
    assert any("0.667 times" in row.note for row in rows) == (verdict == "FAIL")


@pytest.mark.parametrize("name", ["torch.Tensor.clone", "torch.Tensor.contiguous", "torch.Tensor.view_as"])
def test_a_custom_function_that_changes_nothing_is_there_for_its_backward(name):
    """A layer that reverses gradients is no mistake, and is said to do so."""
    record = MadeRecord()
    numbers = np.float32([0.5, -1, 2])
    w = record.given(numbers, "w", wants_grad=True)
    inside = record.call(name, [V(w)] * (1 + name.endswith("as")), numbers, notes={"no_grad": True})
    record.step.values[inside].wants_grad = False
    same = record.call("bptui.custom Reverse", [V(w)], numbers, notes={"custom": "Reverse", "inside": [inside]})
    loss = record.call("torch.sum", [V(same)], numbers.sum())
    ones = np.ones(3, np.float32)
    record.backward(loss, {same: ones, w: -ones})
    record.step.backwards[0].parts[record.step.events[1].id, w] = [record.keep(-ones)]
    made = network(record)
    rows = check_event(made.recording, record.step.events[1])
    assert {row.row: row.verdict for row in rows} == {"value": "ok", "gradient": "opaque"}
    assert any("-1 times the derivative" in row.note for row in rows)


def test_a_copy_in_the_forward_of_a_custom_function_lets_gradients_through():
    record = MadeRecord()
    numbers = np.float32([0.5, -1, 2])
    w = record.given(numbers, "w", wants_grad=True)
    copy = record.call("torch.Tensor.clone", [V(w)], numbers, notes={"no_grad": True})
    inside = record.call("torch.Tensor.mul", [V(copy), V(w)], numbers**2, notes={"no_grad": True})
    for value in (copy, inside):
        record.step.values[value].wants_grad = False
    square = record.call("bptui.custom Square", [V(w)], numbers**2, notes={"custom": "Square", "inside": [inside]})
    loss = record.call("torch.sum", [V(square)], (numbers**2).sum())
    record.backward(loss, {square: np.ones(3, np.float32), w: 2 * numbers})
    record.step.backwards[0].parts[record.step.events[2].id, w] = [record.keep(2 * numbers)]
    made = network(record)
    rows = check_event(made.recording, record.step.events[2])
    assert {row.row: row.verdict for row in rows} == {"value": "ok", "gradient": "ok"}


# ------------------------------------------------------------------------------------------------------------- what-if
def test_the_step_recomputed_from_its_leaves_is_the_step():
    made = network()
    again = made.program().record()
    for node in made.graph.nodes:
        if node.op is not None:
            np.testing.assert_allclose(again.value(node), made.recording.value(node), rtol=1e-5, atol=1e-6)
    for node in made.graph.params:
        np.testing.assert_allclose(again.grad(node), made.recording.grad(node), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(again.after(node), made.recording.after(node), rtol=1e-6)


def test_a_changed_number_has_the_loss_that_the_program_would_have_had():
    session = Session(network())
    reply = registry.run(session, "set out.bias[0] = 1.5")
    assert "recomputed in float64" in reply.text
    changed = two_layers()
    bias = changed.step.parameters["out.bias"]
    third = next(each for each in changed.step.events if each.module == "out")
    was = changed.arrays[bias]
    prediction = changed.arrays[third.outs[0]] - was + np.float32(1.5)
    target = changed.arrays[changed.step.events[-1].inputs[1]]
    assert session.branch.history.recording(0).loss == pytest.approx(float(((prediction - target) ** 2).mean()), 1e-5)
    registry.run(session, "u")
    assert session.branch.number == 0


def test_training_goes_on_from_a_changed_step_and_the_loss_falls():
    session = Session(network())
    registry.run(session, "set lr = 0.05")
    history = session.branch.history
    history.advance(20)
    assert history.losses[-1] < history.losses[0]


def test_what_differs_from_a_recorded_step_is_more_than_rounding():
    """A rate moves what the update makes, and nothing else; the record in float32 is no other number."""
    session = Session(network())
    count = sum(int(np.prod(node.shape)) for node in session.graph.params)
    told = registry.run(session, "set lr = 0.05").text
    assert "differ    0 of " in told
    assert "numbers so far beyond rounding (1e-5)" in told
    registry.run(session, "goto end")
    told = registry.run(session, "diff").text
    assert f"{count} of " in told
    assert "first hidden.weight, update 1 of step 0" in told
    comparison = session.compare(session.branch, session.branches[0])
    pair = comparison.difference(0).value(session.graph.by_name["out.bias"])
    assert not pair.change.any()
    registry.run(session, "goto start")
    registry.run(session, "set out.bias[0] = 1.5")
    registry.run(session, "goto end")
    assert "first out.linear, forward 5 of step 0" in registry.run(session, "diff").text


@pytest.mark.parametrize("line", ["set out.bias[0] = 1.5", "nudge out.bias[0] 0.1"])
def test_after_its_update_the_original_has_nothing_to_promise(line):
    session = Session(network())
    registry.run(session, "goto end")
    told = registry.run(session, line).text
    assert "promised  nothing: original has no training step 1" in told
    assert "original has no training step 1" in told


def test_what_moved_the_loss_is_told_of_a_recorded_step_too():
    session = Session(network())
    told = registry.run(session, "moved").text
    every = session.recording
    promised = sum(float(np.sum(every.grad(n).astype(float) * (every.after(n).astype(float) - every.before(n))))
                   for n in session.graph.params)  # fmt: skip
    printed = float(next(row for row in told.splitlines() if row.startswith("promised")).split("=")[-1])
    assert printed == pytest.approx(promised, rel=1e-3)
    assert told.endswith("not recorded: a captured step ends with its update")


def test_what_cannot_be_followed_is_said():
    record = two_layers()
    next(each for each in record.step.events if each.name == "torch.tanh").name = "somelibrary.squash"
    reply = registry.run(Session(network(record)), "set hidden.bias[0] = 1")
    assert "squash is opaque and stays as recorded" in reply.text


# ------------------------------------------------------------------------------------------------------------- budget
@pytest.mark.parametrize("seed", range(4))
def test_what_every_event_loses_adds_up_to_what_the_loss_is_off_by(seed):
    made = network(two_layers(seed=seed))
    found = budget(made.recording)
    exact = made.program().record().loss
    assert found.total == pytest.approx(made.recording.loss - exact, rel=1e-3, abs=1e-13)
    assert {made.graph.nodes[loss.node].name for loss in found.losses} >= {"tanh"}


def test_budget_is_a_command_of_captured_steps_alone():
    text = registry.run(Session(network()), "budget").text
    assert "together" in text
    assert "without rounding" in text


# -------------------------------------------------------------------------------------------------------- the shell
def test_a_capture_is_a_target_of_the_shell(tmp_path, capsys):
    record = two_layers()
    writer = Writer(tmp_path / "step.bptui")
    for value in record.step.values:
        value.blob = writer.blob(record.arrays[value.id].tobytes(), value.dtype)
        value.strides = tuple(s // 4 for s in np.empty(value.shape, np.float32).strides)
    writer.close(record.step)
    assert main(["check", str(tmp_path / "step.bptui"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert {row["row"] for row in found["checks"]} == {"value", "gradient", "update"}
    assert main(["run", str(tmp_path / "step.bptui"), "--batch", "-ex", "step 2", "-ex", "print loss"]) == 0
    assert main(["trace", str(tmp_path / "step.bptui"), "--json"]) == 0
    traced = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert set(traced["step"]["updates"]) == {"hidden.weight", "hidden.bias", "out.weight", "out.bias"}


@pytest.mark.parametrize(
    "line", ["check {}", "predictions {}", "explain {} out.weight[0,0]", "export {} moment", "export {} out.bias[0]"]
)
def test_a_step_is_asked_for_by_its_number_in_the_program(line, tmp_path, capsys):
    """`--at` is that number, 0 its beginning, and any other is refused in one line."""
    record = two_layers()
    record.step.about["step"] = 7
    writer = Writer(tmp_path / "step.bptui")
    for value in record.step.values:
        value.blob = writer.blob(record.arrays[value.id].tobytes(), value.dtype)
        value.strides = tuple(s // 4 for s in np.empty(value.shape, np.float32).strides)
    writer.close(record.step)
    words = line.format(tmp_path / "step.bptui").split()
    for at in ([], ["--at", "0"], ["--at", "7"]):
        assert main([*words, *at]) == 0
        assert "training step 7" in capsys.readouterr().out
    assert main([*words, "--at", "3"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "there is no training step 3" in told


def test_a_sample_that_is_left_out_brings_its_nan_back_in_the_backward_pass_as_in_pytorch():
    record = MadeRecord()
    scores = np.float32([[0.5, -1, 2], [np.nan, 1, 0]])
    x, target = record.given(scores, "x", wants_grad=True), record.given(np.int64([2, -100]))
    softmax = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss = record.call("torch.nn.functional.cross_entropy", [V(x), V(target)], -np.log(softmax[0, 2]))
    grad = softmax * np.float32([[1], [0]]) - np.float32([[0, 0, 1], [0, 0, 0]])
    record.backward(loss, {x: grad})
    made = network(record)
    assert np.isnan(grad[1]).all()
    assert set(verdicts(made, event(made, "cross_entropy")).values()) == {"ok"}


def test_an_operation_takes_the_place_of_another_and_the_loss_is_what_it_would_have_been():
    made = network()
    session = Session(made)
    reply = registry.run(session, "set tanh = relu")
    assert "recomputed in float64" in reply.text
    record = two_layers()
    z = record.arrays[record.step.events[0].outs[0]]
    named = {name: record.arrays[value] for name, value in record.step.parameters.items()}
    prediction = np.maximum(z, 0) @ named["out.weight"].T + named["out.bias"]
    target = record.arrays[record.step.events[-1].inputs[1]]
    found = session.branch.history.recording(0).loss
    assert found == pytest.approx(float(((prediction - target) ** 2).mean()), rel=1e-5)
    for wrong in ("set tanh = add", "set tanh = tanh", "set tanh = nothing", "set mse_loss = relu"):
        with pytest.raises(UserError):
            registry.run(Session(made), wrong)


def test_the_step_is_recomputed_in_another_kind_of_number():
    made = network()
    session = Session(made)
    registry.run(session, "set dtype = float32")
    found = session.branch.history.recording(0)
    assert found.dtype("tanh") == "float32"
    assert found.loss == pytest.approx(made.recording.loss, rel=1e-6)
    with pytest.raises(UserError, match="float64 or float32"):
        registry.run(Session(made), "set dtype = float8")


def test_what_nobody_knows_and_no_gradient_passes_is_given():
    record = MadeRecord()
    scale = record.given(np.float32(2))
    grown = record.call("torch._amp_update_scale_", [V(scale)], np.float32(4))
    w = record.given(np.float32([1, 2]), "w", wants_grad=True)
    scaled = record.call("torch.Tensor.mul", [V(w), V(grown)], np.float32([4, 8]))
    loss = record.call("torch.Tensor.sum", [V(scaled)], np.float32(12))
    record.backward(loss, {scaled: np.ones(2, np.float32), w: np.float32([4, 4])})
    made = network(record)
    assert not made.captured.unknown
    assert check_step(made.recording).counts.keys() == {"ok"}


def test_training_goes_on_from_the_captured_step_with_the_same_batch():
    made = network()
    history = made.training()
    history.advance(5)
    assert history.losses[0] == pytest.approx(made.recording.loss, rel=1e-5)
    assert history.losses[4] < history.losses[0]
    np.testing.assert_allclose(history.recording(1).value("out.weight"), made.recording.after("out.weight"), rtol=1e-5)


def of_two_groups(**second):
    """The two layers, the second one's parameters in a group of its own."""
    record = two_layers()
    (group,) = record.step.updates[0].groups
    record.step.updates[0].groups = [
        replace(group, rows=group.rows[:2]), replace(group, rows=group.rows[2:], options={"lr": 0.5, **second}),
    ]  # fmt: skip
    return record


def test_parameters_with_rules_of_their_own_are_trained_on_each_by_its_own():
    made = network(of_two_groups())
    first, *_, last = made.graph.params
    rates = [made.recording.update_rule(node).learning_rate for node in (first, last)]
    assert rates[0] != rates[1] == 0.5
    for history in (made.training(), _edited(made)):
        history.advance(2)
        step = history.recording(1)
        for node, rate in zip((first, last), rates, strict=True):
            right = step.value(node.name) - rate * step.grad(node.name)
            np.testing.assert_allclose(step.after(node.name), right, rtol=1e-12)


def _edited(made):
    """What would follow from another number in its last parameter."""
    session = Session(made)
    registry.run(session, f"set {made.graph.params[-1].name}[0] = 1")
    return session.history


def test_a_parameter_whose_rule_nobody_knows_is_trained_on_by_the_first_ones():
    made = network(of_two_groups(dampening="no number"))
    with pytest.raises(UserError, match="do not all follow a rule"):
        made.training()
    reply = registry.run(Session(made), "set out.bias[0] = 1")
    assert "is updated by the first one's" in reply.text


def test_a_rate_is_what_the_program_said_and_no_rule_is_made_up_for_an_optimizer_of_its_own():
    record = two_layers(rate=0.3)
    record.step.updates[0].kind = "own.Mine"
    session = Session(network(record))
    assert "0.3" in registry.run(session, "print lr").text
    assert "is it meant" not in registry.run(session, "info network").text
    assert "no parameter is updated" in registry.run(session, "set out.bias[0] = 1").text
