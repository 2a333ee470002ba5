"""What the recorder writes down of a step: events, values, gradients, updates."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from bptui.model.source.captured.graph import captured  # noqa: E402
from bptui.model.source.captured.known import knows  # noqa: E402
from tests.torch_programs import make  # noqa: E402
from tests.unit.torch.rig import recorded  # noqa: E402


@pytest.mark.parametrize(
    ("program", "events"),
    [
        ("first.xor", ["linear", "relu", "linear", "mse_loss"]),
        ("first.mnist", ["flatten", "linear", "relu", "dropout", "linear", "cross_entropy"]),
    ],
)
def test_the_events_are_the_functions_that_were_called(program: str, events: list[str]) -> None:
    models, _, step = make(program)
    record = recorded(step, models)
    assert [event.name.rpartition(".")[2] for event in record.step.leading] == events


def test_a_function_of_python_that_is_not_known_is_opened():
    models, _, step = make("attention.transformer")
    record = recorded(step, models)
    names = [event.name.rpartition(".")[2] for event in record.step.leading]
    assert "multi_head_attention_forward" not in names
    assert names.count("scaled_dot_product_attention") == 2
    assert {event.module for event in record.step.leading} >= {"layers.0.self_attn", "layers.1.norm2"}


def test_values_gradients_and_updates_are_those_of_pytorch():
    """Against `retain_grad`, and the tensors themselves, of the same step without a recorder."""
    torch.manual_seed(1)
    layer, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
    before = [p.detach().clone() for p in layer.parameters()]
    kept = {}

    def step():
        y = layer(x)
        z = y.tanh()
        y.retain_grad()
        z.mean().backward()
        kept.update(y=y, z=z)
        optimizer.step()

    record = recorded(step, [layer])
    linear, tanh = record.named("linear"), record.named("tanh")
    assert torch.equal(record.array(linear.inputs[0]), x)
    assert [record.step.values[v].name for v in linear.inputs[1:]] == ["weight", "bias"]
    assert torch.equal(record.array(linear.outs[0]), kept["y"].detach())
    assert torch.equal(record.array(tanh.outs[0]), kept["z"].detach())
    (backward,) = record.step.backwards
    assert torch.equal(record.array(backward.grads[linear.outs[0]]), kept["y"].grad)
    for row, was, parameter in zip(record.moved(), before, layer.parameters(), strict=True):
        assert torch.equal(record.array(row.value), was)
        assert torch.equal(record.array(row.grad), parameter.grad)
        assert torch.equal(record.array(backward.grads[row.value]), parameter.grad)
        assert torch.equal(record.array(row.after), parameter.detach())
        assert row.states_before == {}
        assert torch.equal(record.array(row.states_after["momentum_buffer"]["v"]), parameter.grad)
    assert record.step.updates[0].kind == "torch.optim.sgd.SGD"
    assert record.step.updates[0].groups[0].options["lr"] == 0.5
    assert record.step.parameters.keys() == {"weight", "bias"}


def test_a_line_of_the_program_is_written_beside_each_event():
    model = nn.Linear(2, 2)

    def step():
        a = model(torch.ones(1, 2))
        return a.exp()

    record = recorded(step)
    site = record.named("exp").site
    assert site is not None
    assert site.file.endswith("tests/unit/torch/test_recorder.py")
    assert site.function == "step"
    lines = record.step.sources[site.file]
    assert lines[site.line].strip() == "return a.exp()"
    assert lines[site.line - 1].strip().startswith("a = model")
    assert {site.line - 2, site.line - 1, site.line, site.line + 1} <= lines.keys()


def test_the_statistics_of_a_value_are_counted():
    def step():
        torch.tensor([1.0, -3.0, float("nan"), float("inf")]) * 2

    out = recorded(step).step.values[recorded(step).named("mul").outs[0]]
    assert out.stats == (1, 1, 4.0, -6.0, 2.0)


def test_views_share_one_storage_and_a_change_in_place_is_a_new_value():
    def step():
        base = torch.arange(6.0)
        view = base.view(2, 3)
        view.t().exp()
        base.add_(1)
        view.sum()

    record = recorded(step)
    view, add = record.named("view"), record.named("add_")
    values = record.step.values
    assert values[view.inputs[0]].blob == values[view.outs[0]].blob == values[record.named("t").outs[0]].blob
    assert list(add.changed.items()) == [(view.inputs[0], add.outs[0])]
    assert torch.equal(record.array(view.inputs[0]), torch.arange(6.0))
    assert torch.equal(record.array(add.outs[0]), torch.arange(6.0) + 1)
    again = record.named("view_again")
    assert again.inputs == [add.outs[0]]
    assert record.named("sum").inputs == again.outs
    assert torch.equal(record.array(again.outs[0]), torch.arange(6.0).view(2, 3) + 1)


def test_a_slice_of_a_data_set_does_not_keep_the_data_set():
    data = torch.randn(10_000, 4)
    record = recorded(lambda: data[3:5].exp())
    taken = record.named("exp").inputs[0]
    assert torch.equal(record.array(taken), data[3:5])
    raw, _ = record.blobs.found[record.step.values[taken].blob]
    assert raw.nbytes == 2 * 4 * 4


def test_what_an_unknown_event_adds_to_the_gradient_of_its_inputs_is_recorded():
    """Of y = x·x read twice: what the opaque event adds, and the sum."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)

    def step():
        (x.cumsum(0).sum() + (x * 3).sum()).backward()

    record = recorded(step, knows=lambda name: not name.endswith("cumsum"))
    event = record.named("cumsum")
    (backward,) = record.step.backwards
    (part,) = backward.parts[event.id, event.inputs[0]]
    assert record.array(part).tolist() == [2, 1]
    assert record.array(backward.grads[event.inputs[0]]).tolist() == [5, 4]


def test_what_was_there_before_a_backward_pass_is_carried():
    models, _, step = make("calling.accumulation")
    first, second = recorded(step, models).step.backwards
    assert not first.carried
    assert len(second.carried) == 4


def test_a_reentrant_checkpoint_has_the_gradients_of_its_second_run():
    models, _, step = make("calling.checkpoint_reentrant")
    plain, _, again = make("calling.checkpoint_reentrant")
    del plain
    record, twin = recorded(step, models), recorded(again)
    leading = record.step.leading
    assert [event.name.rpartition(".")[2] for event in leading].count("same") == 3
    (backward,) = record.step.backwards
    assert all(backward.grads.get(out) is not None for event in leading for out in event.outs)
    assert [event.name for event in twin.step.leading] == [event.name for event in leading]


def test_a_custom_function_is_one_event_and_what_was_seen_in_it_is_inside():
    models, _, step = make("calling.custom")
    record = recorded(step, models)
    cube = record.named("bptui.custom Cube")
    (backward,) = record.step.backwards
    assert cube.notes["custom"] == "Cube"
    inside = cube.notes["inside"]
    assert torch.equal(record.array(inside[0]), record.array(cube.outs[0]))
    x, g = record.array(cube.inputs[0]), record.array(backward.grads[cube.outs[0]])
    (part,) = backward.parts[cube.id, cube.inputs[0]]
    assert torch.equal(record.array(part), 3 * x**2 * g * 0.1)


def test_masks_of_dropout_are_those_that_were_drawn():
    def step():
        F.dropout(torch.zeros(4, 5), 0.5, training=True)
        F.dropout(torch.ones(4, 5), 0.5, True, True)

    record = recorded(step)
    for number in range(2):
        event = record.named("dropout", number)
        (mask,) = event.notes["masks"]
        kept = record.array(mask) != 0
        expected = record.array(event.inputs[0]) * kept * 2
        assert torch.equal(record.array(event.outs[0]), expected)
    assert event.changed == {event.inputs[0]: event.outs[0]}


def test_running_statistics_of_batch_norm_are_changed():
    layer = nn.BatchNorm1d(3)
    record = recorded(lambda: layer(torch.randn(5, 3)), [layer])
    event = record.named("batch_norm")
    assert [record.step.values[value].name for value in event.changed] == ["running_mean", "running_var"]
    for before, after in event.changed.items():
        assert not torch.equal(record.array(before), record.array(after))
    assert torch.equal(record.array(event.changed[event.inputs[1]]), layer.running_mean)


def test_autocast_is_noted():
    layer = nn.Linear(3, 3)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            layer(torch.randn(2, 3)).float().sum().backward()

    record = recorded(step)
    event = record.named("linear")
    assert event.notes["autocast"] == "bfloat16"
    assert record.step.values[event.outs[0]].dtype == "bfloat16"


def test_events_of_another_thread_are_not_mixed_in():
    import threading

    shared = nn.Linear(2, 2)

    def other():
        shared(torch.ones(1, 2)).sum().backward()

    def step():
        y = shared(torch.ones(3, 2))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        y.sum().backward()

    record = recorded(step)
    assert record.names() == ["linear", "sum"]
    assert len(record.step.backwards) == 1


def test_what_a_backward_pass_frees_is_let_go():
    """A custom function that keeps a tensor in its context: it would stay for as long as the recorder held the node."""
    import gc
    import weakref

    kept = []

    class Keeps(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mine = torch.ones(3)
            kept.append(weakref.ref(ctx.mine))
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    w = torch.ones(3, requires_grad=True)
    alive = []

    def step():
        for _ in range(2):
            Keeps.apply(w * 1).sum().backward()
            gc.collect()
            alive.append(kept[-1]() is not None)

    recorded(step)
    assert alive == [False, False]


def test_what_is_given_has_the_name_that_the_program_has_for_it():
    """A variable, else the argument of the first function that reads it; a number without digits has its word."""
    layer = nn.Linear(3, 2)
    images, batch = torch.randn(4, 3), {"y": torch.randn(4, 2)}
    hidden = torch.tensor([True, False])

    def step() -> None:
        scores = layer(images).masked_fill(hidden, float("-inf"))
        (scores.softmax(1) - batch["y"]).pow(2).mean().backward()

    made = captured(recorded(step, [layer], knows))
    names = {node.name for node in made.graph.nodes if node.op is None}
    assert names == {"images", "weight", "bias", "hidden", "minus_infinity", "other"}


def test_a_row_that_is_set_while_gradients_are_off_does_not_end_the_recording():
    """As libraries set the row of padding of an embedding when they make it: autograd refuses to name its node."""
    table = nn.Embedding(5, 2)

    def step() -> None:
        with torch.no_grad():
            row = table.weight[0]
        with torch.no_grad():
            row.fill_(0)
        table(torch.tensor([0, 1])).sum().backward()

    record = recorded(step, [table])
    assert record.names()[-2:] == ["embedding", "sum"]
