"""Training with a recorder around one of its steps is training without, bit by bit."""

from __future__ import annotations

import pytest

from tests.torch_programs import PROGRAMS, make

torch = pytest.importorskip("torch")


def ends(program: str, *, captured: bool) -> list[torch.Tensor]:
    """What three steps leave: losses, random state, parameters, buffers, states of the optimizers."""
    from tests.unit.torch.rig import recorded

    models, optimizers, step = make(program)
    losses = [step()]
    if captured:
        recorded(lambda: losses.append(step()), models)
    else:
        losses.append(step())
    losses.append(step())
    found = [torch.tensor(losses, dtype=torch.float64), torch.get_rng_state()]
    for model in models:
        found += [tensor.detach().clone() for tensor in [*model.parameters(), *model.buffers()]]
    for optimizer in optimizers:
        for state in optimizer.state.values():
            found += [item.clone() for item in state.values() if isinstance(item, torch.Tensor)]
    return found


@pytest.mark.corpus(every=8)
@pytest.mark.parametrize("program", PROGRAMS, ids="program-{}".format)
def test_training_stays_the_same_bit_by_bit(program: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        without, beside = ends(program, captured=False), ends(program, captured=True)
    finally:
        torch.set_num_threads(threads)
    assert len(without) == len(beside)
    for a, b in zip(without, beside, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert torch.equal(a.reshape(-1).contiguous().view(torch.uint8), b.reshape(-1).contiguous().view(torch.uint8))
