"""`bptui diff` in the shell: exit codes, text, JSON, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bptui import cli
from tests.paths import ROOT


@pytest.fixture
def other(tmp_path: Path) -> str:
    """xor with another rate."""
    text = (ROOT / "bptui" / "networks" / "xor.toml").read_text(encoding="utf-8")
    assert "learning_rate = 0.01" in text
    path = tmp_path / "other.toml"
    path.write_text(text.replace("learning_rate = 0.01", "learning_rate = 0.02"), encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["diff", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_equal_is_0_and_apart_is_1(capsys: pytest.CaptureFixture[str], other: str) -> None:
    code, out, _ = said(capsys, "xor", "xor", "--at", "3")
    assert code == 0
    assert "✓ equal  13 operations" in out
    code, out, _ = said(capsys, "xor", other)
    assert code == 1
    assert "≠ 4 of 13 operations" in out
    assert "learning_rate: 0.01 in a, 0.02 in b" in out
    assert "the loss alone would not tell" in out
    assert said(capsys, "xor", other, "--tolerance", "1")[0] == 0


def test_the_trained_step_is_compared(capsys: pytest.CaptureFixture[str], other: str) -> None:
    code, out, _ = said(capsys, "xor", other, "--at", "2", "--json")
    found = json.loads(out)
    assert code == 1
    assert not found["equal"]
    assert found["first"]["phase"] == "forward"
    assert found["first"]["inputs"][0]["name"] == "layer1.weight"
    assert found["beyond"] == sum(row["verdict"] == "differs" for row in found["rows"])
    assert found["rows"][found["first"]["index"]]["difference"] == found["first"]["difference"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "A: is missing"),
        (["xor"], "B: is missing"),
        (["xor", "xor", "xor"], "xor: is one argument too many"),
        (["xor", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (["xor", "xor", "--at", "-1"], "--at: there is no training step -1"),
        (["xor", "xor", "--tolerance", "nan"], "--tolerance: found nan"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    code, out, err = said(capsys, *words)
    assert code == 2
    assert not out
    assert err.startswith(f"bptui: error: {line}")
    assert err.count("\n") == 1
