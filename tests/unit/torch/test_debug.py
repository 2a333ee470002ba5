"""`with bptui.torch.debug(model, optimizer):` and the parts of several ranks, from real programs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch")

import bptui.torch  # noqa: E402
from bptui import cli  # noqa: E402
from bptui.model.source.captured.network import CapturedNetwork  # noqa: E402
from tests.torch_programs import make  # noqa: E402


def test_the_debugger_opens_where_the_step_ends_and_nothing_is_kept(monkeypatch, tmp_path):
    opened: list[CapturedNetwork] = []
    monkeypatch.setattr(cli, "debug", lambda name, load: opened.append(load()))
    models, optimizers, step = make("first.xor")
    with bptui.torch.debug(*models, *optimizers) as captured:
        step()
    assert opened[0].recording.loss > 0
    assert not captured.path.exists()


def test_a_step_that_fails_is_opened_as_far_as_it_came_and_then_raises(monkeypatch):
    opened: list[CapturedNetwork] = []
    monkeypatch.setattr(cli, "debug", lambda name, load: opened.append(load()))
    with pytest.raises(RuntimeError, match="shapes"), bptui.torch.debug():
        torch.nn.functional.linear(torch.ones(2, 3).tanh(), torch.ones(2, 5))
    assert [node.op.name for node in opened[0].graph.ops] == ["tanh"]


RANKS = """
import os, sys, torch, torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn


def work(rank, n):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + os.path.abspath("meet"), rank=rank, world_size=n)
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    drawn = torch.Generator().manual_seed(rank)
    x, y = torch.randn(6, 3, generator=drawn), torch.randn(6, 1, generator=drawn)
    if rank == 1:
        x[2, 1] = float("nan")
    import bptui.torch

    with bptui.torch.capture("step.bptui", model, optimizer):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    dist.barrier()  # neither goes while the other still speaks to it
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(work, (2,), nprocs=2)
"""


def test_two_ranks_write_a_part_each_and_open_together(tmp_path, capsys, full):
    if not full:
        pytest.skip("two programs with PyTorch: with --full")
    (tmp_path / "train.py").write_text(textwrap.dedent(RANKS))
    ran = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-4000:]
    step = str(tmp_path / "step.bptui")
    assert cli.main(["run", step, "--batch", "-ex", "c"]) == 0
    said = capsys.readouterr().out
    assert "[2,1] is NaN" in said
    assert "rank1.module.0.linear" in said
    assert cli.main(["check", step]) == 0
    assert "all_reduce" in capsys.readouterr().out
