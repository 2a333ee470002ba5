"""One training step of a PyTorch model, plain and captured in turn, in a process of its own: its numbers as JSON.

    python -m benchmarks.capture_step MODEL FOLDER ROUNDS capture|torchlens

Time is that of the processor, on one thread; memory is what the first captured step takes beyond plain ones (Linux).
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import bptui.torch
from tests.torch_programs.images import resnet


def mlp() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """784-128-10, a batch of 64."""
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, torch.randn(64, 784), torch.randint(0, 10, (64,))


def lenet() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """LeNet, a batch of 32."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return model, torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,))


def resnet18() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """ResNet-18, 64 wide, a batch of 4 at 64 x 64."""
    return resnet(64), torch.randn(4, 3, 64, 64), torch.randint(0, 10, (4,))


def transformer() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """An encoder of 4 layers, 128 wide, a batch of 8 x 64."""
    layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    model = nn.Sequential(encoder, nn.Flatten(0, 1), nn.Linear(128, 100))
    return model, torch.randn(8, 64, 128), torch.randint(0, 100, (512,))


MODELS = {"MLP": mlp, "LeNet": lenet, "ResNet-18": resnet18, "transformer": transformer}


def peak() -> float:
    """MB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def spent(work: Callable[[], Any]) -> float:
    """Seconds of the processor."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main(name: str, folder: str, rounds: int, way: str) -> None:
    """Print what was measured."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, x, y = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    path = Path(folder) / f"{name}.bptui"

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    def captured() -> None:
        with bptui.torch.capture(path, model, optimizer):
            step()

    def logged() -> None:
        import torchlens

        torchlens.trace(model, x)

    watched = captured if way == "capture" else logged
    for _ in range(3):
        step()
    before = peak()
    watched()
    more = peak() - before
    turns = [(spent(step), spent(watched)) for _ in range(rounds)]
    found = {
        "plain": statistics.median(plain for plain, _ in turns),
        "ratio": statistics.median(slow / plain for plain, slow in turns),
        "more": more,
    }
    if way == "capture":
        found["file"] = sum(part.stat().st_size for part in path.iterdir()) / 2**20
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
