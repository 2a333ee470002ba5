"""The torch row: every operation of the reference that PyTorch has, and what is said where it has none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bptui.cli import main
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.composites import composites as composites_of
from bptui.model.source import network
from bptui.torch import reference
from tests.forgotten import same_rows
from tests.paths import REFERENCE
from tests.unit.symbolic import composites
from tests.unit.symbolic.steps import graph_of, record

CASES = json.loads((REFERENCE / "ops.json").read_text())["cases"]
NOT_THERE = {"ctc_step", "ctc_end", "hinge", "log_cosh", "mape", "tweedie", "sigmoid_focal", "focal"}


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
    same_rows(
        NOT_THERE | {*ops.OPS} & {*reference.CALLS},
        ops.OPS,
        "a row of CALLS in bptui/torch/reference.py, or, where PyTorch has no such operation, a word of NOT_THERE here",
    )
    assert not NOT_THERE & set(reference.CALLS)
    assert set(reference.CALLS) <= {*ops.OPS, *ops.COMPOSITES}


@pytest.mark.parametrize("use", list(composites.uses())[::3], ids=str)
def test_a_composite_as_a_whole_agrees_with_pytorchs_own(use, torch):
    recording = record(graph_of(use.row, use.inputs(), use.attributes))
    rows = [row for row in reference.check_torch(recording, torch) if row.op == use.op]
    assert rows or not composites_of(recording.graph)  # a composite of one part is that part
    assert all(row.verdict == "ok" for row in rows), rows


def test_every_composite_is_mapped():
    assert {name for name, row in ops.COMPOSITES.items() if row.definition} <= set(reference.CALLS)


def test_a_composite_whose_parts_differ_is_told(torch, monkeypatch):
    """Its operations are right, each by itself."""
    recording = record(graph_of(ops.COMPOSITES["layer_norm"], [np.arange(6.0).reshape(2, 3) ** 2], {"eps": 0.5}))
    other = lambda torch, x, s: torch.nn.functional.layer_norm(x[0], x[0].shape[-1:], eps=0.4)  # noqa: E731
    monkeypatch.setattr(reference, "CALLS", {**reference.CALLS, "layer_norm": other})
    rows = list(reference.check_torch(recording, torch))
    assert {row.op for row in rows if row.verdict == "FAIL"} == {"layer_norm"}


def test_a_mask_hides_no_error_beside_it(torch, monkeypatch):
    """-1e9 among the scores: a weight that is wrong by 1e-5 is wrong."""
    net = network.from_formula("L = sum(softmax(causal_mask(x))*v)", {"x": [[0.5, 1.0], [0.25, 2.0]], "v": [1.0, 3.0]})
    monkeypatch.setattr(
        reference, "CALLS", {**reference.CALLS, "softmax": lambda torch, x, s: torch.softmax(x[0], -1) * (1 + 1e-5)}
    )
    rows = [row for row in reference.check_torch(net.program().record(), torch) if row.op == "softmax"]
    assert [row.verdict for row in rows] == ["FAIL", "FAIL"]


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
