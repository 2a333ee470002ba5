"""What holds an update of all parameters together: nothing right is called wrong, over networks, settings and kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.network import load
from bptui.symbolic.check.bfgs import DENSE, compact, product
from bptui.symbolic.check.update import check_update

WOLFE = {"line_search_fn": "strong_wolfe"}


@pytest.mark.parametrize("name", ["xor", "classifier", "mazur", "deep-relu", "resnet-block"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [{"max_iter": 4}, {"max_iter": 3, "history_size": 2, **WOLFE}], ids=str)
def test_a_right_step_is_right(name: str, dtype: str, options: dict[str, Any]) -> None:
    program = replace(load(name), optimizer=Optimizer("lbfgs", **options), dtype=dtype).program()
    for step in range(6):
        recording = program.record()
        if step in (0, 1, 5):
            rows = [row for node in recording.graph.kept for row in check_update(recording, node)]
            assert [row.reason for row in rows if row.verdict != "ok"] == []
            names = {row.input for row in rows}
            assert {"direction", "points", "loss", "gradient", "length", "stopped", "carried"} <= names


def test_the_two_forms_of_h_are_one() -> None:
    random = np.random.default_rng(0)
    s = random.normal(size=(5, 30))
    pairs = [(row, row * random.uniform(0.5, 2)) for row in s]
    g = random.normal(size=30)
    assert DENSE >= 30
    np.testing.assert_allclose(compact(pairs, 0.3, g), product(pairs, 0.3, g), rtol=1e-10, atol=1e-12)


def test_what_is_not_finite_is_no_verdict() -> None:
    program = replace(load("xor"), optimizer=Optimizer("lbfgs", 1e200, max_iter=3)).program()
    recording = program.record()
    rows = [row for node in recording.graph.params for row in check_update(recording, node)]
    assert all(row.verdict in ("ok", "n/a") for row in rows)
