"""Calls that are not like the others: coming back to themselves, writing into views, giving back what was given."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from tests.unit.torch.rig import recorded  # noqa: E402


def nothing(name: str) -> bool:
    return False


def test_opening_ends_where_a_function_comes_back_through_a_helper_of_its_module():
    def step():
        a = torch.tensor([1.0, 2, 2])
        torch.unique(a, return_counts=True)
        torch.unique(a)
        torch.unique_consecutive(a)
        torch.meshgrid(torch.arange(2.0), torch.arange(3.0), indexing="ij")
        torch.nn.functional.interpolate(torch.ones(1, 1, 2, 2), scale_factor=2)
        torch.norm(a)
        torch.tensordot(a, a, 1)
        torch.stft(torch.ones(1, 400), 40, return_complex=True)

    names = recorded(step, knows=nothing).names()
    assert names[:4] == ["unique", "unique", "unique_consecutive", "meshgrid"]


def test_a_view_given_as_out_is_written_into_its_base():
    def step():
        base = torch.zeros(2, 3)
        torch.add(torch.ones(3), 1, out=base[1])
        base.sum()

    record = recorded(step)
    assert record.names() == ["__getitem__", "add", "put", "view_again", "sum"]
    add, put = record.named("add"), record.named("put")
    assert add.inputs == [record.step.values[add.inputs[0]].id]
    assert list(add.changed.values()) == add.outs
    assert record.named("sum").inputs == put.outs
    assert record.array(put.outs[0]).tolist() == [[0, 0, 0], [2, 2, 2]]


def test_a_result_that_is_an_argument_is_told_from_the_others():
    w = torch.ones(2, 3, requires_grad=True)

    def step():
        a, b = torch.broadcast_tensors(w, torch.full((1, 3), 2.0))
        (a * b).sum().backward()

    record = recorded(step)
    event, product = record.named("broadcast_tensors"), record.named("mul")
    assert event.notes["results"] == product.inputs
    assert event.outs == product.inputs[1:]
    assert product.inputs[0] in event.inputs


def test_lists_are_changed_in_place():
    model = nn.Linear(3, 1)
    x = torch.ones(2, 3)

    def step():
        model(x).sum().backward()
        parameters = list(model.parameters())
        torch._foreach_add_([p.data for p in parameters], [p.grad for p in parameters], alpha=-0.1)
        model(x)

    record = recorded(step, [model])
    add = record.named("foreach_add_")
    assert list(add.changed.values()) == add.outs
    again = record.named("linear", 1)
    assert torch.equal(record.array(again.inputs[1]), model.weight.detach())
    assert not record.step.warnings


def test_names_of_several_models_have_their_variable_in_front():
    generator, critic, criterion = nn.Linear(3, 3), nn.Linear(3, 1), nn.MSELoss()

    def step():
        criterion(critic(generator(torch.ones(2, 3))), torch.zeros(2, 1)).backward()

    record = recorded(step)
    assert record.step.parameters.keys() == {"generator.weight", "generator.bias", "critic.weight", "critic.bias"}
    assert [event.module for event in record.step.events] == ["generator", "critic", "criterion"]
    assert record.step.modules["critic"] == ("Linear", True)


def test_one_model_has_its_own_names_also_as_an_attribute_and_in_a_wrapper():
    class Trainer:
        def __init__(self):
            self.network = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
            self.wrapped = nn.ModuleList([self.network])
            self.wrapped.forward = self.network.forward

        def step(self):
            self.network.eval()
            self.network(torch.ones(1, 3))
            self.wrapped(torch.ones(1, 3)).sum().backward()

    record = recorded(Trainer().step)
    assert record.step.parameters.keys() == {"0.weight", "0.bias"}
    assert record.step.modules[""] == ("Sequential", False)


def test_the_fast_path_of_a_transformer_is_kept():
    """With a mode on it would be left, and the numbers would be others."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x, found = torch.randn(2, 3, 8), []

    def step():
        with torch.no_grad():
            found.append(layer(x))
        found[-1].sum()

    step()
    record = recorded(step, [layer])
    assert torch.equal(found[0], found[1])
    assert record.names() == ["sum"]


def test_a_data_loader_with_workers_brings_none_of_its_own_events():
    from torch.utils.data import DataLoader, TensorDataset

    model, data = nn.Linear(3, 1), TensorDataset(torch.ones(4, 3))

    def step():
        for (x,) in DataLoader(data, batch_size=2, num_workers=1):
            model(x).sum().backward()

    record = recorded(step, [model])
    assert [event.name.rpartition(".")[2] for event in record.step.leading] == ["linear", "sum"] * 2
    assert not record.step.warnings


def test_statistics_only_and_borders_only():
    from bptui.torch.capturing.numbers import Keep

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x, y = torch.ones(5, 3), torch.zeros(5, dtype=torch.int64)

    def step():
        model.zero_grad()
        hidden = model(x) * 2
        nn.functional.cross_entropy(hidden, y).backward()

    whole = recorded(step, [model])
    border = recorded(step, [model], keep=Keep("boundary"))
    none = recorded(step, [model], keep=Keep("stats"))
    assert whole.nbytes > border.nbytes > none.nbytes
    linear, times, loss = (border.names().index(name) for name in ("linear", "mul", "cross_entropy"))
    events = border.step.events
    assert border.array(events[linear].outs[0]) is not None
    assert border.array(events[linear].inputs[1]) is not None
    assert border.array(events[times].outs[0]) is None
    assert border.step.values[events[times].outs[0]].stats == whole.step.values[events[times].outs[0]].stats
    grads = border.step.backwards[0].grads
    assert border.array(grads[events[linear].inputs[1]]) is not None
    assert border.array(grads[events[times].outs[0]]) is None
    assert float(none.array(events[loss].outs[0])) == float(whole.array(events[loss].outs[0]))
    assert none.array(events[linear].inputs[1]) is None
    assert none.array(events[loss].inputs[1]).tolist() == [0] * 5


def test_beyond_the_limit_only_statistics_are_kept_and_it_is_said():
    from bptui.torch.capturing.numbers import Keep

    def step():
        x = torch.ones(1000)
        for _ in range(5):
            x = x * 2

    record = recorded(step, keep=Keep(limit=10_000))
    kept = [record.array(event.outs[0]) is not None for event in record.step.events]
    assert kept == [True, False, False, False, False]
    (warning,) = record.step.warnings
    assert "limit" in warning
    assert record.step.values[-1].stats == (0, 0, 32, 32, 32)
