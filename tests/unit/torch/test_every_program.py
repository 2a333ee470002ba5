"""Every program, captured into a file and read again: this engine meets every number of it, and knows what made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import bptui.torch  # noqa: E402
from bptui.model.source.captured.file import open_record  # noqa: E402
from bptui.model.source.captured.network import CapturedNetwork, network_of  # noqa: E402
from bptui.model.source.captured.update_verdicts import check_update  # noqa: E402
from bptui.model.source.captured.verdicts import Row, check_event  # noqa: E402
from tests.torch_programs import FAMILIES, PROGRAMS, make  # noqa: E402

OPAQUE = {
    "calling.custom": {"bptui.custom Cube": 1, "bptui.custom Step": 1},
    "mathematics.einsum": {"torch.einsum": 3},
}
"""Events that bptui has no operation for, by program and name: no more than these."""
KNOWN = 0.995
"""So many of the events that a loss depends on are operations."""


def captured(program: str, folder: Path) -> CapturedNetwork:
    """The second training step of a program, from its file."""
    models, optimizers, step = make(program)
    step()
    with bptui.torch.capture(folder / f"{program}.bptui", *models, *optimizers) as capture:
        step()
    assert capture.written is not None
    return network_of(open_record(capture.written), program)


def rows(network: CapturedNetwork) -> Iterator[Row]:
    """All comparisons. The last event first: what a gradient is made of is still there for the event before."""
    for event in reversed(network.recording.record.step.leading):
        yield from check_event(network.recording, event)
    for node in network.graph.params:
        yield from check_update(network.recording, node.id)


def opaque(network: CapturedNetwork) -> Counter[str]:
    """The names of the events that bptui has no operation for."""
    events = {event.id: event.name for i, event in network.captured.event_of.items() if i in network.captured.unknown}
    return Counter(events.values())


@pytest.mark.corpus(every=len(PROGRAMS))
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_number_is_another(program: str, tmp_path: Path) -> None:
    network = captured(program, tmp_path)
    found = list(rows(network))
    assert [row for row in found if row.verdict == "FAIL"] == []
    assert any(row.verdict == "ok" for row in found)
    assert opaque(network) <= Counter(OPAQUE.get(program, {}))


def test_nearly_every_event_is_known(full: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    chosen = PROGRAMS if full else [f"{family}.{names.split()[0]}" for family, names in FAMILIES.items()][:5]
    events = unknown = 0
    for program in chosen:
        try:
            network = captured(program, tmp_path)
        except pytest.skip.Exception:  # of a library that is not installed
            continue
        events += len(network.recording.record.step.leading)
        unknown += opaque(network).total()
    assert events > (1_000 if full else 100)
    assert unknown <= (1 - KNOWN) * events
