"""Hooks of the user's own, and derivatives that are derived again."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from tests.unit.torch.rig import recorded  # noqa: E402

X = torch.arange(12.0).reshape(4, 3) / 10


def halved(grad):
    return grad * 0.5


def watched(grad):
    return None


def test_a_hook_that_changes_a_gradient_is_named_with_what_it_made():
    layer = nn.Linear(3, 1)
    layer.weight.register_hook(watched)
    layer.weight.register_hook(halved)  # before the step: ours comes first all the same

    def step():
        y = layer(X)
        y.register_hook(watched)
        y.register_hook(halved)
        y.sum().backward()

    record = recorded(step, [layer])
    (backward,) = record.step.backwards
    y, weight = record.named("linear").outs[0], record.named("linear").inputs[1]
    assert {value: name for value, (name, _) in backward.hooked.items()} == {y: "halved", weight: "halved"}
    assert (record.array(backward.grads[y]) == 1).all()
    assert (record.array(backward.hooked[y][1]) == 0.5).all()
    assert torch.allclose(record.array(backward.grads[weight]), 0.5 * X.sum(0))
    assert torch.allclose(record.array(backward.hooked[weight][1]), 0.25 * X.sum(0))
    assert torch.allclose(layer.weight.grad, 0.25 * X.sum(0))


def test_the_users_hooks_can_be_taken_off_again():
    weight = torch.ones(3, requires_grad=True)
    handle = weight.register_hook(halved)
    recorded(lambda: (weight * 2).sum().backward())
    handle.remove()
    weight.grad = None
    (weight * 2).sum().backward()
    assert weight.grad.tolist() == [2, 2, 2]


def doubled(module, handed, arrived):
    return (handed[0] * 2,)


def tripled(module, arrived):
    return (arrived[0] * 3,)


def test_full_backward_hooks_are_identities_at_the_border_of_their_module():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    model[1].register_full_backward_hook(doubled)
    model[0].register_full_backward_pre_hook(tripled)
    record = recorded(lambda: model(X).sum().backward(), [model])
    assert [event.name.rpartition(".")[2] for event in record.step.leading] == [
        "linear", "same", "same", "tanh", "same", "linear", "sum",
    ]  # fmt: skip
    same = [event for event in record.step.leading if event.name == "bptui.same"]
    assert [event.notes.get("hook") for event in same] == ["tripled", "doubled", None]
    (backward,) = record.step.backwards
    for event, factor in zip(same, (3, 2, 1), strict=True):
        (part,) = backward.parts[event.id, event.inputs[0]]
        arrived = record.array(backward.grads[event.outs[0]])
        assert torch.allclose(record.array(part), factor * arrived)


def test_a_penalty_on_gradients_is_one_event():
    """Of mean(D(x)) + mean(|∂D/∂x|²): a gradient is what the layer adds, by its own rule, and what the event adds."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    def step():
        x = X.clone().requires_grad_()
        out = critic(x)
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        (out.mean() + slope.pow(2).sum(1).mean()).backward()

    record = recorded(step, [critic])
    event = record.named("torch.autograd.grad")
    (backward,) = record.step.backwards
    first, tanh, second = record.named("linear"), record.named("tanh"), record.named("linear", 1)

    def grad(value):
        return record.array(backward.grads[value])

    upstream, above = grad(first.outs[0]), grad(second.outs[0])
    hidden, weight = record.array(tanh.outs[0]), record.array(second.inputs[1])
    own = {first.inputs[1]: upstream.T @ X, second.inputs[1]: above.T @ hidden, tanh.outs[0]: above @ weight}
    assert {value for number, value in backward.parts if number == event.id} == own.keys()
    for value, layers in own.items():
        (part,) = backward.parts[event.id, value]
        assert float(record.array(part).abs().max()) > 1e-3
        assert torch.allclose(layers + record.array(part), grad(value), rtol=1e-5, atol=1e-7)
    assert torch.equal(grad(first.inputs[1]), critic[0].weight.grad)


def test_autograd_grad_is_a_backward_pass_whose_results_are_given():
    layer = nn.Linear(3, 1)

    def step():
        grads = torch.autograd.grad(outputs=layer(X).sum(), inputs=list(layer.parameters()))
        with torch.no_grad():
            for p, g in zip(layer.parameters(), grads, strict=True):
                p -= 0.1 * g

    record = recorded(step, [layer])
    (backward,) = record.step.backwards
    linear, scaled = record.named("linear"), record.named("mul")
    assert record.step.values[scaled.inputs[0]].source == "torch.autograd.grad"
    assert torch.equal(record.array(scaled.inputs[0]), record.array(backward.grads[linear.inputs[1]]))
