"""What the functions of PyTorch are in bptui's operations: a file per family. No PyTorch is needed to read them.

Each entry has the signature of PyTorch's function, so that Python itself sorts positional, keyword and default
arguments; its first parameter is the `Call` to build with. It returns the node of its result, or a list of nodes, one
for each result that has a kind of number with gradients. What it cannot say exactly it leaves opaque (`u.lacks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Entry = Callable[..., Any]

KNOWN: dict[str, Entry] = {}


def known(*names: str) -> Callable[[Entry], Entry]:
    """Registers an entry under the short names of its functions."""

    def keep(make: Entry) -> Entry:
        for name in names:
            KNOWN[name] = make
        return make

    return keep


def short(name: str) -> str:
    """`torch.Tensor.add_` → `add`, `torch.Tensor.mT.__get__` → `mT`, `torch.Tensor.__iadd__` → `__add__`."""
    parts = name.split(".")
    last = parts[-2] if parts[-1] == "__get__" else parts[-1]
    if last.startswith("__i") and last not in ("__invert__", "__index__", "__init__"):
        last = last.replace("__i", "__", 1)
    return last.rstrip("_") if last.endswith("_") and not last.endswith("__") else last


def entry(name: str) -> Entry | None:
    """The entry of a function by its full name; None where bptui does not know it."""
    return KNOWN.get(short(name))


def knows(name: str) -> bool:
    """Does a function of this full name stay one event?"""
    return entry(name) is not None
