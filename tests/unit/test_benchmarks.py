"""The networks of the benchmarks: every gradient derived on paper is the engine's, every peer trains the same."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as main
from benchmarks import engine, modern, peers, shapes

MODELS = pytest.mark.parametrize(
    "model",
    [engine.XOR.model, engine.DIGITS.model, modern.LENET, modern.TRANSFORMER, shapes.ATTENTION, shapes.UNET],
    ids=lambda model: model.name,
)


@MODELS
def test_gradients_written_by_hand_are_the_engine_s(model):
    task = peers.Task(model, "float64")
    loss, grads = model.plain(*task.data())
    step = peers.plan(task).record()
    np.testing.assert_allclose(step.loss, loss, rtol=1e-13)
    assert set(grads) == set(task.data()[0])
    for name, expected in grads.items():
        np.testing.assert_allclose(step.grad(name), expected, rtol=1e-9, atol=1e-14, err_msg=name)


@MODELS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_arrives_at_the_same_losses(model, dtype):
    task = peers.Task(model, dtype)
    steps = [make(task) for make in (peers.plain, peers.recording, peers.forwarding)]
    expected, *others = ([step() for _ in range(6)] for step in steps)
    assert expected[-1] < expected[0]
    for losses in others:
        np.testing.assert_allclose(losses, expected, rtol=1e-9 if dtype == "float64" else 1e-4)


def test_the_command_runs_a_page(monkeypatch, capsys):
    """The pages themselves take minutes."""
    page = SimpleNamespace(table=lambda quick: [("a row", f"quick: {quick}")])
    monkeypatch.setattr(importlib, "import_module", {"benchmarks.own": page}.__getitem__)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "own", "--quick"])
    main.main()
    assert "quick: True" in capsys.readouterr().out


def test_the_command_runs_every_page_or_those_that_are_named_each_by_itself(monkeypatch, capsys):
    ran: list[list[str]] = []

    def run(command, check):
        ran.append(command[1:])
        return SimpleNamespace(returncode=int("own" in command))

    monkeypatch.setattr(subprocess, "run", run)
    for argv, expected in (([], main.PAGES), (["own", "check"], ("own", "check"))):
        ran.clear()
        monkeypatch.setattr(sys, "argv", ["benchmarks", *argv])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ran == [["-m", "benchmarks", name] for name in expected]
        assert (ended.value.code, capsys.readouterr().err) == (1, "failed: own\n")


def test_a_page_that_is_not_there(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nosuch"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
