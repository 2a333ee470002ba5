"""Every operation gives PyTorch's values and gradients: tests/reference/ops.json, within 1e-9."""

import json

import numpy as np
import pytest

from bptui.model.engine import ops
from tests.paths import REFERENCE
from tests.unit.model.engine.ops.executor import choose, run, run_composite

CASES = json.loads((REFERENCE / "ops.json").read_text())["cases"]


def name_of(case):
    return case["op"] + "-" + "-".join(f"{k}={v}" for k, v in case["attrs"].items() if k != "note")


def near(found, expected):
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] not in ops.COMPOSITES], ids=name_of)
def test_primitive(case):
    given = {k: v for k, v in case["attrs"].items() if k != "note"}
    row = choose(case["op"], [np.shape(v) for v in case["inputs"].values()], given)
    if "target" not in case["inputs"]:
        assert list(case["inputs"]) == list(row.input_names[: len(case["inputs"])])
    output, gradients = run(row, case["inputs"], given, case["upstream"])
    near(output, np.array(case["output"]))
    for name, expected in case["grads"].items():
        near(gradients[list(case["inputs"]).index(name)], np.array(expected))


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] in ops.COMPOSITES], ids=name_of)
def test_composite(case):
    given = {k: v for k, v in case["attrs"].items() if k != "note"}
    output, gradients = run_composite(case["op"], case["inputs"], given, case["upstream"])
    near(output, np.array(case["output"]))
    for name, expected in case["grads"].items():
        near(gradients[name], np.array(expected))


def test_all_there():
    assert {c["op"] for c in CASES} <= {*ops.OPS, *ops.COMPOSITES}
    assert len(CASES) >= 117
