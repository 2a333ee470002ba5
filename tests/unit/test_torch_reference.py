"""The torch row: every operation of the reference that PyTorch has, and what is said where it has none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bptui.cli import main
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.source import network
from bptui.torch import reference
from tests.paths import REFERENCE

CASES = json.loads((REFERENCE / "ops.json").read_text())["cases"]
NOT_THERE = {"hinge"}


def recorded(case, dtype="float64"):
    """One use of the operation, with a loss that gives it the case's upstream gradient."""
    build = Builder(dtype)
    row = ops.OPS.get(case["op"]) or ops.COMPOSITES[case["op"]]
    leaves = []
    for name, value in case["inputs"].items():
        whole = name in ("labels", "i")
        role = "param" if name in case["grads"] else "input"
        leaves.append(build.leaf(name, role, np.array(value, np.int64 if whole else float), whole=whole))
    given = {key: value for key, value in case["attrs"].items() if key != "note"}
    out = build.use(row.name, *leaves, name="out", **given)
    upstream = build.leaf("upstream", "input", np.array(case["upstream"], float))
    return network.Network("case", build.finish(build.use("sum", build.use("mul", out, upstream), name="loss")),
                           network.Optimizer()).program().record()  # fmt: skip


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["op"] + str(case["attrs"])[:30])
def test_every_operation_of_the_reference_agrees_with_pytorch(case, torch):
    rows = list(reference.check_torch(recorded(case), torch))
    own = [row for row in rows if row.op != "sum" or case["op"] == "sum"]
    assert all(row.verdict in ("ok", "n/a") for row in rows), [row for row in rows if row.verdict == "FAIL"]
    if case["op"] in NOT_THERE:
        assert any(row.verdict == "n/a" and "no such operation" in row.note for row in own)
    else:
        assert all(row.verdict == "ok" for row in own), [row for row in own if row.verdict != "ok"]


def test_every_row_is_mapped_or_known_to_have_no_mapping():
    assert set(ops.OPS) - set(reference.CALLS) == NOT_THERE
    assert set(reference.CALLS) <= set(ops.OPS)


def test_a_wrong_derivative_is_told(torch, monkeypatch):
    monkeypatch.setattr(reference, "CALLS", {**reference.CALLS, "tanh": lambda torch, x, s: torch.tanh(x[0]) * 1.001})
    recording = network.from_formula("L = sum(tanh(x))", {"x": [0.3, 0.4]}).program().record()
    rows = [row for row in reference.check_torch(recording, torch) if row.op == "tanh"]
    assert [row.verdict for row in rows] == ["FAIL", "FAIL"]
    assert rows[0].at in ((0,), (1,))


def test_float32_is_compared_as_float32(torch):
    recording = network.from_formula("L = mean(exp(x)**2)", {"x": [0.3, 0.4]}, dtype="float32").program().record()
    assert {row.verdict for row in reference.check_torch(recording, torch)} == {"ok"}


def test_the_shell_asks_for_it(torch, capsys):
    assert main(["check", "xor", "--torch", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = [row for row in said["checks"] if row["row"] == "torch"]
    assert found
    assert all(row["verdict"] == "ok" for row in found)
    assert main(["check", "xor", "--json"]) == 0
    assert not [row for row in json.loads(capsys.readouterr().out)["checks"] if row["row"] == "torch"]


def test_without_pytorch_the_shell_says_how_to_get_it(monkeypatch, capsys):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(reference.importlib, "import_module", missing)
    assert main(["check", "xor", "--torch"]) == 2
    assert "PyTorch is not installed" in capsys.readouterr().err
