"""Files of tensors by name: safetensors, NPZ, JSON. Bounded; nothing is executed or unpickled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from bptui.model.base import safetensors
from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_bytes, read_text
from bptui.model.base.types import Array
from bptui.model.base.unsupported import WEIGHTS
from bptui.model.engine.arrays import array
from bptui.model.source.datasets import MAX_FILE, read_npz

FORMS = (".safetensors", ".npz", ".json")
MAX_TEXT = 2**24
"""Characters of a JSON file."""
MAX_TENSORS = 10_000


def tensors(path: Path, where: str) -> dict[str, Array]:
    """The arrays of a file by name: in its order, or where it keeps none (safetensors), by name, numbers as numbers."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        found = safetensors.arrays(read_bytes(path, where, MAX_FILE), where)
        found = {name: found[name] for name in sorted(found, key=_natural)}
    elif suffix == ".npz":
        found = read_npz(path, where)
    elif suffix == ".json":
        content = from_json(read_text(path, where, MAX_TEXT, "an .npz file may have more"), where)
        found = {name: array(value, f"{where}: {name[:60]}") for name, value in _flat(content, "", where)}
    else:
        raise UserError(where, f"a {suffix or 'nameless'} file holds no weights that can be read",
                        WEIGHTS.get(suffix, ", ".join(FORMS)))  # fmt: skip
    if not found or len(found) > MAX_TENSORS:
        raise UserError(where, f"'{path.name}' holds {len(found):,} tensors", f"1 to {MAX_TENSORS:,}")
    if odd := next((name for name, numbers in found.items() if numbers.dtype.kind not in "biuf"), None):
        raise UserError(f"{where}: {odd[:60]}", "expected numbers, found something else")
    return found


def _flat(content: Any, prefix: str, where: str) -> Iterator[tuple[str, Any]]:
    """Tables in tables as names with dots. How deep they may lie, `from_json` has bounded."""
    if not isinstance(content, Mapping):
        raise UserError(where, "is not a table of names", '{"0.weight": [[0.1, 0.2]], "0.bias": [0]}')
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.", where)
        else:
            yield f"{prefix}{name}", value


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """2.weight before 10.weight."""
    parts = re.split(r"(\d{1,9})", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def fill(tensors: Mapping[str, Array], form: str) -> Callable[[IO[bytes]], None]:
    """What writes tensors into a file of that form."""

    def safe(file: IO[bytes]) -> None:
        kinds = {"float64": "F64", "float32": "F32"}
        rows = ((name, kinds[numbers.dtype.name], numbers.data, numbers.shape) for name, numbers in tensors.items())
        for piece in safetensors.file(rows):
            file.write(piece)

    def npz(file: IO[bytes]) -> None:
        np.savez(file, **tensors)  # type: ignore[arg-type]  # its names are none of savez

    return npz if form == ".npz" else safe
