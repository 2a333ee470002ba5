"""A tensor of a file, and what a file has under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bptui.model.base.types import Array


class Given(NamedTuple):
    """A tensor of a file: its name there, its numbers, and how it lies where its name says that, "" where not:
    "out_in" as PyTorch has dense weights, "keras" as Keras has them, (in, out) and behind images channels last."""

    name: str
    numbers: Array
    layout: str = ""


Module = Mapping[str, Given]
"""What a file has under one name, by the parts of a layer here: weight, bias, w_ih …"""
