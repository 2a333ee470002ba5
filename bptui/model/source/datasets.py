"""Data sets that are drawn (xor, circles, moons, spirals, blobs, those of `plane`), data files (CSV, NPZ). Bounded,
never unpickled.

Each drawn set is a function (samples, noise, seed) → (inputs (samples, 2), class numbers, or numbers (samples,)).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.files import read_bytes, read_text
from bptui.model.base.types import Array
from bptui.model.engine.batches import draw
from bptui.model.source import plane
from bptui.model.source.csv_table import PLAIN, Read, Wanted, read_csv
from bptui.model.source.initializers import Source, unit

MAX_SAMPLES = 1_000_000
MAX_POSITIONS = 1_024
"""Characters of one window of a text."""
MAX_FILE = 64 * 2**20
"""Bytes of an NPZ file, and of what it unpacks to."""
TABLES = (".csv", ".tsv", ".txt", ".data", ".dat")
"""Files that are tables of text."""
MAX_CSV = 16 * 2**20
"""Bytes of a CSV file: a few seconds, where a line of it is wrong and has to be looked for."""
MAX_ARRAYS = 1_000
"""In one NPZ file."""
DATA = 4
"""The purpose of a draw (see `bptui.model.engine.batches.draw`)."""

Pair = tuple[Array, Array]


def _noise(count: int, noise: float, seed: int) -> Array:
    return Source(seed, 2**40, DATA).normal((count, 2), 0, noise)


def xor(samples: int, noise: float, seed: int) -> Pair:
    """The four corners 00 01 10 11, over and over; class = exclusive or."""
    corner = np.arange(samples) % 4
    inputs = np.stack((corner // 2, corner % 2), axis=1).astype(np.float64)
    return inputs + _noise(samples, noise, seed), (corner // 2) ^ (corner % 2)


def circles(samples: int, noise: float, seed: int) -> Pair:
    """Two rings around the origin, radius 1 (class 0) and 0.5 (class 1)."""
    labels = np.arange(samples) % 2
    angle = 2 * np.pi * (np.arange(samples) // 2) / max((samples + 1) // 2, 1)
    radius = np.where(labels == 0, 1.0, 0.5)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1) + _noise(samples, noise, seed), labels


def moons(samples: int, noise: float, seed: int) -> Pair:
    """Two interleaved half circles (scikit-learn's make_moons)."""
    labels = np.arange(samples) % 2
    angle = np.pi * (np.arange(samples) // 2) / max((samples + 1) // 2 - 1, 1)
    across = np.where(labels == 0, np.cos(angle), 1 - np.cos(angle))
    up = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack((across, up), axis=1) + _noise(samples, noise, seed), labels


def spirals(samples: int, noise: float, seed: int) -> Pair:
    """Two spirals of 1.75 turns, half a turn apart (TensorFlow Playground's)."""
    labels = np.arange(samples) % 2
    along = (np.arange(samples) // 2) / max((samples + 1) // 2, 1)
    angle = 1.75 * along * 2 * np.pi + labels * np.pi
    return np.stack((along * np.sin(angle), along * np.cos(angle)), axis=1) + _noise(samples, noise, seed), labels


def blobs(samples: int, noise: float, seed: int) -> Pair:
    """Three clouds on a circle of radius 2; `noise` is their standard deviation."""
    labels = np.arange(samples) % 3
    angle = 2 * np.pi * (labels / 3 + unit(draw(seed, DATA, 0, 1, 1))[0])
    return 2 * np.stack((np.cos(angle), np.sin(angle)), axis=1) + _noise(samples, noise, seed), labels


DATASETS: Mapping[str, tuple[Callable[[int, float, int], Pair], int, float]] = {
    "xor": (xor, 4, 0.0),
    "circles": (circles, 100, 0.05),
    "moons": (moons, 100, 0.1),
    "spirals": (spirals, 100, 0.0),
    "blobs": (blobs, 90, 0.5),
    **{name: (make, plane.SAMPLES, plane.NOISE) for name, make in {**plane.CLASSES, **plane.SURFACES}.items()},
}
"""name → (function, default samples, default noise)"""


def windows(text: str, positions: int, where: str) -> Pair:
    """Every run of `positions` characters of a text, and the characters that follow each of them, as whole numbers:
    the place of a character among the text's own in the order of Unicode. Both (samples, positions)."""
    if len(text) <= positions:
        raise UserError(where, f"{len(text)} characters", f"at least {positions + 1}: a window and what follows it")
    if positions > MAX_POSITIONS:
        raise UserError(where, f"windows of {positions:,} characters", f"at most {MAX_POSITIONS:,}")
    known = sorted(set(text))
    codes = np.array([known.index(character) for character in text], np.float64)
    seen = np.lib.stride_tricks.sliding_window_view(codes, positions)
    return seen[:-1].copy(), seen[1:].copy()


def from_file(path: Path, where: str, wanted: Wanted = PLAIN) -> Read:
    """Inputs and targets of a .csv or .npz file; targets are (samples, columns), or what the NPZ holds. `wanted` is
    what is taken of a CSV."""
    if path.suffix.lower() == ".npz":
        arrays = read_npz(path, where)
        for inputs, targets in (("inputs", "targets"), ("x", "y"), ("X", "y")):
            if inputs in arrays and targets in arrays:
                return Read(arrays[inputs], arrays[targets], lengths=arrays.get("lengths"))
        raise UserError(
            where,
            f"'{path.name}' holds {', '.join(arrays) or 'nothing'}",
            "arrays 'inputs' and 'targets', or 'x' and 'y'",
        )
    if path.suffix.lower() in TABLES:
        return read_csv(read_text(path, where, MAX_CSV, "an .npz file may have more"), path.name, where, wanted)
    raise UserError(where, f"'{path.name}' is neither .csv nor .npz", ", ".join((*TABLES, ".npz")))


def read_npz(path: Path, where: str) -> dict[str, Array]:
    """The arrays of an NPZ file. Pickled objects are refused; sizes are added up before anything is unpacked."""
    content = read_bytes(path, where, MAX_FILE)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            items = archive.infolist()
            total = sum(item.file_size for item in items)
        if len(items) > MAX_ARRAYS:
            raise UserError(where, f"'{path.name}' holds {len(items):,} arrays", f"at most {MAX_ARRAYS:,}")
        if total > MAX_FILE:
            raise UserError(where, f"'{path.name}' unpacks to {total:,} bytes", f"at most {MAX_FILE:,}")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except UserError:
        raise
    except Exception as problem:  # zlib, struct, zipfile and NumPy each have their own for a broken file
        if "pickle" in str(problem):
            raise UserError(where, f"'{path.name}' holds Python objects", "arrays of numbers") from None
        raise UserError(where, f"'{path.name}' is not a readable NPZ file: {str(problem)[:80]}") from None
