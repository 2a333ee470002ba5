"""Programs drawn at random, with views, writes in place and by hand, hooks: recorded, unchanged, and found right."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bptui.model.source.captured.known import knows  # noqa: E402
from tests.torch_programs.random_program import Drawn  # noqa: E402
from tests.unit.torch.rig import recorded  # noqa: E402
from tests.unit.torch.test_capture import checked  # noqa: E402


@pytest.mark.corpus(every=10)
@pytest.mark.parametrize("seed", range(200))
def test_a_random_program_stays_the_same_and_is_followed(seed: int) -> None:
    without, beside = Drawn(seed), Drawn(seed)
    for _ in range(3):
        without()
    beside()
    recorded(beside, knows=knows)
    beside()
    for a, b in zip(without.state(), beside.state(), strict=True):
        assert torch.equal(a.nan_to_num(), b.nan_to_num())


@pytest.mark.corpus(every=10)
@pytest.mark.parametrize("seed", range(100))
def test_nothing_is_found_wrong_in_a_random_program(seed: int, tmp_path) -> None:
    import bptui.torch

    program = Drawn(seed, honest=True)
    program()
    with bptui.torch.capture(tmp_path / "step.bptui", program.optimizer):
        program()
    rows = checked(tmp_path / "step.bptui")
    assert rows
    assert [row for row in rows if row.verdict == "FAIL"] == []
