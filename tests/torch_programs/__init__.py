"""Training programs as their authors write them, small. Each is a function that gives (models, optimizers, step), and
`step()` is one training step that returns its loss. PyTorch is imported when one of them is made."""

from __future__ import annotations

import importlib
from typing import Any

FAMILIES = {
    "first": "xor mnist lenet activations",
    "images": "resnet18 unet batch_norm vit",
    "sequences": "lstm lstm_both_ways gru rnn packed projected lstm_cell",
    "attention": (
        "transformer transformer_masks translation multi_head distillation gpt_by_hand gpt_fused llama_by_hand"
    ),
    "kinds": "vae gan dqn policy contrastive simclr factorisation tied several",
    "calling": "in_place views accumulation retain autocast scaled checkpoint checkpoint_reentrant custom",
    "mathematics": "einsum physics graph mixture conv1d",
    "spectral": "fourier_operator filtered",
    "library": "gpt2 bert llama",
}
PROGRAMS = [f"{family}.{name}" for family, names in FAMILIES.items() for name in names.split()]


def make(program: str) -> tuple[list[Any], list[Any], Any]:
    """The models, the optimizers and the step of a program, from seed 0."""
    import torch

    torch.manual_seed(0)
    family, name = program.split(".")
    made: tuple[list[Any], list[Any], Any] = getattr(importlib.import_module(f"tests.torch_programs.{family}"), name)()
    return made
