"""What holds of every record, whatever the program."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bptui.model.source.captured.file import Writer, open_record
from bptui.model.source.captured.pairs import as_pairs
from tests.torch_programs import PROGRAMS, make

torch = pytest.importorskip("torch")


def unknown(name: str) -> bool:
    """Nothing is known: everything is opened, and all contributions are kept."""
    return False


@pytest.mark.corpus(every=8)
@pytest.mark.parametrize("program", PROGRAMS, ids="program-{}".format)
def test_a_gradient_is_the_sum_of_what_the_events_add(program: str) -> None:
    """Autograd's own sums, put together again from what was recorded at the border of each event. (Of what the recorder
    itself says of views no contributions are recorded.)"""
    from tests.unit.torch.rig import recorded

    models, _, step = make(program)
    step()
    record = recorded(step, models, knows=unknown)
    values, compared = record.step.values, 0
    viewed = {v for event in record.step.events if event.name == "bptui.view_again" for v in event.inputs}
    for backward in record.step.backwards:
        losses = {loss for loss, _ in backward.losses}
        added: dict[int, list[torch.Tensor]] = {}
        for (_, value), parts in backward.parts.items():
            added.setdefault(value, []).extend(record.array(part).double() for part in parts)
        for value, grad in backward.grads.items():
            if value in losses | viewed or value not in added:
                continue
            total, found = sum(added[value]), record.array(grad).double()
            eps = {"float32": 2e-6, "float64": 1e-12}.get(values[value].dtype, 2e-2)
            size = max(float(part.abs().max()) for part in added[value]) if found.numel() else 0.0
            assert torch.allclose(total.reshape(found.shape), found, rtol=eps, atol=eps * size + 1e-30), values[value]
            compared += 1
    assert compared


@pytest.mark.corpus(every=8)
@pytest.mark.parametrize("program", PROGRAMS, ids="program-{}".format)
def test_a_record_is_well_formed(program: str) -> None:
    """What is read was made before, or is given; numbers are kept; statistics are those of the numbers."""
    from tests.unit.torch.rig import recorded

    models, _, step = make(program)
    record = recorded(step, models)
    step_ = record.step
    assert [value.id for value in step_.values] == list(range(len(step_.values)))
    assert [event.id for event in step_.events] == list(range(len(step_.events)))
    made = step_.made_by
    for event in step_.events:
        for value in event.inputs:
            assert value not in made or made[value].id < event.id, event
        assert set(event.changed.values()) <= set(event.outs)
        assert event.site is not None
        assert event.site.line in step_.sources[event.site.file]
    for value in step_.values:
        array = record.array(value.id)
        assert tuple(array.shape) == tuple(value.shape)
        array = torch.view_as_real(array) if array.is_complex() else array
        if value.stats is not None and array.numel():
            finite = array.double()[array.isfinite()]
            assert value.stats.nan == int(array.isnan().sum())
            assert value.stats.inf == int(array.isinf().sum())
            if finite.numel():
                assert (value.stats.least, value.stats.largest) == (float(finite.min()), float(finite.max()))
                assert math.isclose(value.stats.size, float(finite.abs().mean()), rel_tol=1e-4, abs_tol=1e-30)
    for backward in step_.backwards:
        for value, grad in backward.grads.items():
            assert tuple(step_.values[grad].shape) == tuple(step_.values[value].shape)


@pytest.mark.corpus(every=8)
@pytest.mark.parametrize("program", PROGRAMS, ids="program-{}".format)
def test_a_record_is_read_from_its_file_as_it_was(program: str, tmp_path: Path) -> None:
    """Every row, and the bytes of every value."""
    from tests.unit.torch.rig import recorded

    models, _, step = make(program)
    record = recorded(step, models)
    writer = Writer(tmp_path / "step.bptui")
    for data, kind in record.blobs.found:
        writer.blob(data, kind)
    writer.close(record.step)
    read = open_record(tmp_path / "step.bptui")
    rights = [record.array(value.id) for value in record.step.values]
    as_pairs(record.step.values)
    assert read.step == record.step
    for value, right in zip(record.step.values, rights, strict=True):
        found = read.array(value.id)
        if right is None:
            assert found is None
        else:
            right = right.float() if value.dtype == "bfloat16" else right
            assert found.tobytes() == right.numpy().tobytes()
