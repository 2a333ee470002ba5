"""No false alarm where a training has come to: gradients that cancel, losses of 1e-32, corners next to a value."""

import pytest

from bptui.model.history import History
from bptui.model.examples import examples
from bptui.model.network import load
from bptui.symbolic.check import check_step


@pytest.mark.parametrize("step", [5, 500])
@pytest.mark.parametrize("name", [name for name, _ in examples()])
def test_a_trained_network_fails_no_check(name, step):
    report = check_step(History(load(name)).recording(step))
    assert [row for row in report.rows if row.verdict == "FAIL"] == []
