"""Updates as programs make them: in closures, nested, inside of a backward pass, by hand, and not at all."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.unit.torch.rig import Remembered, recorded  # noqa: E402

X, Y = torch.arange(12.0).reshape(4, 3) / 10, torch.tensor([[1.0], [0], [1], [0]])


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def adam_moved_as_recorded(record: Remembered, lr: float) -> None:
    """A first step of Adam moves by lr·g/(|g| + 1e-8): from the gradient that was recorded, to the value that was."""
    for row in record.moved():
        before, grad, after = (record.array(value) for value in (row.value, row.grad, row.after))
        assert torch.allclose(after, before - lr * grad / (grad.abs() + 1e-8), rtol=1e-5, atol=1e-8)


def test_forward_and_backward_in_the_closure_of_an_update_are_recorded(layer):
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(layer(X), Y)
        loss.backward()
        return loss

    layer.weight.grad = torch.full((1, 3), 7.0)  # what was there before is not what the update used
    record = recorded(lambda: optimizer.step(closure), [layer])
    assert record.names() == ["linear", "mse_loss"]
    (backward,) = record.step.backwards
    (update,) = record.step.updates
    assert update.after == 2
    for row in record.moved():
        assert torch.equal(record.array(row.grad), record.array(backward.grads[row.value]))
    adam_moved_as_recorded(record, 0.1)


def test_each_move_between_closures_is_an_update(layer):
    """LBFGS looks at the loss several times in one step, from other parameters each time."""
    optimizer = torch.optim.LBFGS(layer.parameters(), lr=0.1, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(layer(X), Y)
        loss.backward()
        return loss

    before = layer.weight.detach().clone()
    record = recorded(lambda: optimizer.step(closure), [layer])
    assert len(record.step.backwards) > 2
    assert {update.kind for update in record.step.updates} == {"torch.optim.lbfgs.LBFGS"}
    at = before
    for number in range(len(record.step.updates)):
        weight = record.moved(number)[0]
        assert torch.equal(record.array(weight.value), at)
        at = record.array(weight.after)
    assert torch.equal(at, layer.weight.detach())
    read = [event.inputs[1] for event in record.step.events if event.name.endswith("linear")]
    assert len(set(read)) == len(read)


def test_a_wrapper_around_an_optimizer_is_one_update_by_the_one_inside(layer):
    class Wrapper(torch.optim.Optimizer):
        def __init__(self, inner):
            self.inner = inner
            super().__init__(inner.param_groups, {})

        def step(self, closure=None):
            self.inner.step(closure)

    optimizer = Wrapper(torch.optim.Adam(layer.parameters(), lr=0.1))

    def step():
        F.mse_loss(layer(X), Y).backward()
        optimizer.step()

    record = recorded(step, [layer])
    assert [update.kind for update in record.step.updates] == ["torch.optim.adam.Adam"]
    adam_moved_as_recorded(record, 0.1)


class Sharp(torch.optim.Optimizer):
    """An optimizer that climbs first, looks again, comes back, and descends by another one."""

    def __init__(self, parameters, inner):
        super().__init__(parameters, {})
        self.inner = inner

    @torch.no_grad()
    def step(self, closure):
        parameters = self.param_groups[0]["params"]
        for p in parameters:
            self.state[p]["was"] = p.data.clone()
            p.add_(p.grad, alpha=0.05)
        self.zero_grad()
        torch.enable_grad()(closure)()
        for p in parameters:
            p.data = self.state[p]["was"]
        self.inner.step()


def test_an_optimizer_that_goes_two_ways_is_seen_going_both(layer):
    optimizer = Sharp(list(layer.parameters()), torch.optim.SGD(layer.parameters(), lr=0.5))
    was = layer.weight.detach().clone()

    def loss():
        found = F.mse_loss(layer(X), Y)
        found.backward()
        return found

    def step():
        loss()
        optimizer.step(loss)

    record = recorded(step, [layer])
    kinds = [update.kind.rpartition(".")[2] for update in record.step.updates]
    assert kinds == ["Sharp", "Sharp", "SGD"]
    up, back, down = (record.moved(number)[0] for number in range(3))
    first, second = record.step.backwards
    assert torch.equal(record.array(up.after), was + 0.05 * record.array(first.grads[up.value]))
    assert torch.equal(record.array(back.after), was)
    assert down.value == back.after
    assert torch.equal(record.array(down.after), was - 0.5 * record.array(second.grads[up.after]))


def test_an_update_for_each_parameter_inside_of_the_backward_pass(layer):
    optimizers = {p: torch.optim.SGD([p], lr=0.5) for p in layer.parameters()}

    def hook(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in layer.parameters():
        p.register_post_accumulate_grad_hook(hook)
    record = recorded(lambda: F.mse_loss(layer(X), Y).backward(), [layer])
    (backward,) = record.step.backwards
    assert len(record.step.updates) == 2
    for number in range(2):
        (row,) = record.moved(number)
        assert torch.equal(record.array(row.grad), record.array(backward.grads[row.value]))
        assert torch.equal(record.array(row.after), record.array(row.value) - 0.5 * record.array(row.grad))


def test_a_number_alone_has_its_states_as_values():
    scale = nn.Parameter(torch.tensor(2.0))
    optimizer = torch.optim.Adam([scale])

    def step():
        (scale * 3).backward()
        optimizer.step()

    step()
    (row,) = recorded(step).moved()
    assert row.states_before.keys() == row.states_after.keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert (row.states_before["step"], row.states_after["step"]) == (1, 2)
    assert all("v" in row.states_after[name] for name in ("exp_avg", "exp_avg_sq"))


@pytest.mark.parametrize("given", [True, False], ids=["given", "found"])
def test_a_step_that_a_scaler_skips_is_an_update_that_says_so(layer, given: bool):
    from bptui.torch.capturing.recorder import Recorder
    from tests.unit.torch.rig import Blobs, known

    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    recorder = Recorder(Blobs(), known, [layer])
    if given:
        recorder.updates.meet(optimizer)
    recorder.begin()
    scaler.scale((layer(X) * float("inf")).mean()).backward()
    scaler.step(optimizer)
    scaler.update()
    step = recorder.end()
    assert recorder.ended is None
    (update,) = step.updates
    assert "not finite" in update.skipped
    assert update.kind == ("torch.optim.sgd.SGD" if given else "")
    rows = [row for group in update.groups for row in group.rows]
    assert [step.values[row.value].name for row in rows] == ["weight", "bias"]
    assert all(row.after is None and row.grad is not None for row in rows)


def test_a_step_that_a_scaler_lets_pass_uses_the_unscaled_gradients(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    def step():
        scaler.scale(F.mse_loss(layer(X), Y)).backward()
        scaler.step(optimizer)
        scaler.update()

    record = recorded(step, [layer])
    (update,) = record.step.updates
    (backward,) = record.step.backwards
    assert not update.skipped
    for row in record.moved():
        assert torch.equal(record.array(row.grad), record.array(backward.grads[row.value]) / 2**10)
        assert torch.equal(record.array(row.after), record.array(row.value) - 0.5 * record.array(row.grad))


def test_an_update_by_hand_is_events(layer):
    def step():
        F.mse_loss(layer(X), Y).backward()
        with torch.no_grad():
            for p in layer.parameters():
                p -= 0.1 * p.grad
        layer(X)

    record = recorded(step, [layer])
    assert not record.step.updates
    changed = [event for event in record.step.events if event.changed]
    assert [event.notes["no_grad"] for event in changed] == [True, True]
    grad = record.step.values[record.named("mul").inputs[0]]
    assert grad.source == "torch.Tensor.grad"
    assert record.named("linear", 1).inputs[1:] == [event.outs[0] for event in changed]


def test_what_is_written_behind_autograds_back_is_followed(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)

    def step():
        layer(X).mean().backward()
        optimizer.step()
        layer.weight.data.clamp_(-0.01, 0.01)
        layer(X)
        layer.weight.data = torch.zeros(1, 3)
        layer(X)
        layer.weight.detach().fill_(2)
        layer(X)

    record = recorded(step, [layer])
    assert not record.step.warnings
    for number, expected in ((1, None), (2, 0.0), (3, 2.0)):
        weight = record.named("linear", number).inputs[1]
        made = record.step.made_by[weight]
        assert made.name == "bptui.same"
        numbers = record.array(weight)
        assert float(numbers.abs().max()) <= 0.01 if expected is None else (numbers == expected).all()
