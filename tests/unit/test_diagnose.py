"""`bptui diagnose`: what it prints, its JSON, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bptui.cli import main

KEYS = {
    "rule", "type", "severity", "places", "node", "phase", "training_step", "element", "number", "threshold", "source",
    "text", "evidence", "therefore", "remedies", "advice",
}  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["diagnose", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_why_xor_stuck_does_not_learn_and_what_would_have_helped(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(capsys, "xor-stuck", "--steps", "1000", "--json")
    content = json.loads(out)
    finding = content["findings"][0]
    assert (code, err) == (1, "")
    assert (content["format"], content["target"], content["steps"]) == (1, "xor-stuck", 1000)
    assert set(finding) == KEYS
    assert (finding["type"], finding["places"], finding["node"]) == ("dead-units", ["layer1"], "layer1.a")
    reached = {remedy["change"]: remedy["loss_after"] for remedy in finding["remedies"]}
    assert finding["remedies"][0]["loss_before"] == pytest.approx(0.25, abs=1e-4)
    assert reached["set layer1.bias = default; set layer1.bias_init = zeros"] < 1e-6
    assert reached["set layer1.activation = tanh"] < 1e-6
    assert reached["set layer1.activation = leaky_relu"] == pytest.approx(0.25, abs=1e-3)


def test_a_network_that_learns_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = printed(capsys, "xor")
    assert code == 0
    assert "looked for, and not found" in out


def test_a_formula_is_diagnosed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = printed(capsys, "--formula", "L = log(w*x)", "w=1", "x=0", "--json", "--steps", "2")
    found = json.loads(out)["findings"][0]
    assert code == 1
    assert (found["type"], found["places"], found["number"]) == ("numeric", ["L"], "-inf")
    assert found["remedies"][0]["loss_before"] in ("-inf", "nan")


def test_steps_are_the_networks_own_and_no_more_than_200(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def steps(own: int) -> Any:
        path = tmp_path / "n.json"
        content = {
            "steps": own,
            "data": {"inputs": [[0], [1]], "targets": [[0], [1]]},
            "layers": [{"kind": "dense", "units": 1}],
            "loss": {"kind": "mse"},
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        return json.loads(printed(capsys, str(path), "--json")[1])["steps"]

    assert steps(7) == 7
    assert steps(1000) == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("xor", "--steps", "0"), "--steps: found 0"),
        (("xor", "--steps", "many"), "--steps: found 'many'"),
        ((), "TARGET: is missing"),
        (("xor", "lenet"), "lenet: is one argument too many"),
        (("nothing.toml",), "there is no such file"),
    ],
)
def test_bad_input_is_one_line_and_a_2(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(capsys, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
