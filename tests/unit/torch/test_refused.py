"""What cannot be recorded, and mistakes of the recorder: said in a line, and the program goes on."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from bptui.torch.capturing.numbers import Refused  # noqa: E402
from bptui.torch.capturing.recorder import Recorder  # noqa: E402
from tests.unit.torch.rig import Blobs, known  # noqa: E402

X = torch.arange(12.0).reshape(4, 3) / 10


def scripted(layer):
    return torch.jit.script(layer)(X)


def sparse(layer):
    return layer(torch.eye(4).to_sparse() @ X)


def wrapped(layer):
    return torch.func.grad(lambda w: (X @ w.T).sum())(layer.weight)


def mapped(layer):
    return torch.vmap(layer)(X)


def quantised(layer):
    return layer(torch.quantize_per_tensor(X, 0.1, 0, torch.qint8).dequantize())


def twice(layer):
    layer(X).pow(2).sum().backward(create_graph=True)
    return layer.weight.grad


@pytest.mark.parametrize(
    ("program", "word"),
    [(scripted, "scripted"), (sparse, "sparse"), (wrapped, "torch.func"), (mapped, "torch.func"),
     (quantised, "quantised"), (twice, "create_graph")],
)  # fmt: skip
def test_what_is_refused_is_said_and_the_program_has_its_result(program, word: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    expected = program(layer)
    layer.zero_grad()
    recorder = Recorder(Blobs(), known).begin()
    found = program(layer)
    torch.nn.functional.relu(found)  # and on
    recorder.end()
    assert torch.equal(found, expected)
    assert isinstance(recorder.ended, Refused)
    assert word in str(recorder.ended)
    assert "\n" not in str(recorder.ended)


@pytest.mark.parametrize("at", range(12))
def test_a_mistake_of_the_recorder_ends_the_recording_and_not_the_program(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that cannot be written, from the first to the last of a step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Linear(2, 1))
    optimizer = torch.optim.Adam(model.parameters())

    class Full(Blobs):
        def blob(self, data, kind):
            if len(self.found) == at:
                raise OSError("no space left")
            return super().blob(data, kind)

    def step():
        def closure():
            optimizer.zero_grad()
            loss = model(X).pow(2).mean()
            loss.register_hook(lambda grad: grad)
            loss.backward()
            return loss

        return optimizer.step(closure)

    def state():
        return [p.detach().clone() for p in model.parameters()]

    start, random = state(), torch.get_rng_state()
    step()
    expected = state()
    for p, was in zip(model.parameters(), start, strict=True):
        p.data.copy_(was)
    torch.set_rng_state(random)
    optimizer = torch.optim.Adam(model.parameters())
    recorder = Recorder(Full(), known, [model]).begin()
    step()
    recorder.end()
    assert isinstance(recorder.ended, OSError)
    assert all(torch.equal(a, b) for a, b in zip(state(), expected, strict=True))
    assert torch.overrides._len_torch_function_stack() == 0


def test_an_exception_of_the_program_stays_its_own_and_what_was_before_is_kept():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 1))
    recorder = Recorder(Blobs(), known, [model]).begin()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model(X)
    step = recorder.end()
    assert recorder.ended is None
    assert [event.name.rpartition(".")[2] for event in step.events] == ["linear", "relu"]


def test_hooks_and_modes_are_gone_afterwards():
    from torch.nn.modules import module
    from torch.optim import optimizer

    layer = nn.Linear(3, 1)
    recorder = Recorder(Blobs(), known, [layer]).begin()
    with torch.device("cpu"):
        layer(X).sum().backward()
        recorder.end()
    assert not layer.weight._backward_hooks
    assert not module._global_forward_hooks
    assert not module._global_forward_pre_hooks
    assert not optimizer._global_optimizer_pre_hooks
    assert not optimizer._global_optimizer_post_hooks
    assert torch.overrides._len_torch_function_stack() == 0
