"""`bptui predictions`: the table and the JSON of the same facts, and what is wrong in one line."""

from __future__ import annotations

import json

import pytest

from bptui.cli import main


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["predictions", *words]) == 0
    return capsys.readouterr().out


def test_the_table_and_the_json_of_a_training_step(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, "xor", "--at", "3", "--worst").splitlines()
    content = json.loads(printed(capsys, "xor", "--at", "3", "--worst", "--json"))
    assert (content["target"], content["step"], content["loss"]) == ("xor", 3, "mean")
    assert [row.split()[0] for row in table[2:6]] == [str(row["sample"]) for row in content["samples"]]
    assert f"{content['right']} of 4 right" in table[6]
    losses = [row["loss"] for row in content["samples"]]
    assert losses == sorted(losses, reverse=True)
    trace = main(["trace", "xor", "--steps", "4", "--at", "3", "--json"])
    assert trace == 0
    assert sum(losses) / 4 == pytest.approx(json.loads(capsys.readouterr().out)["losses"][3])


def test_without_targets_it_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no targets: f compares nothing with what is given" in printed(capsys, "cs231n-neuron")


def test_a_training_step_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predictions", "xor", "--at", "-1"]) == 2
    assert "there is no training step -1" in capsys.readouterr().err
