"""Pairs of a network file with a fault and the same file repaired, most of them after programs of published benchmarks,
and healthy networks. `tests/reference/diagnosis/cases.json` says what each is and which answers are right."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bptui.model.source.network import Network, load
from tests.diagnosis.judge import Truth, truths
from tests.paths import REFERENCE

FOLDER = REFERENCE / "diagnosis"


@cache
def unpacked() -> Path:
    """A folder with the networks, which goes when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="bptui-diagnosis-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with zipfile.ZipFile(FOLDER / "networks.zip") as file:
        file.extractall(folder)
    return folder


@dataclass(frozen=True)
class Pair:
    """name, what it is, its fault and how it was repaired, the right answers, what is true of the repaired one."""

    name: str
    about: str
    fault: str
    fix: str
    source: str
    truth: tuple[Truth, ...]
    true_of_fixed: tuple[str, ...]

    def network(self, which: str) -> Network:
        """`buggy` or `fixed`."""
        return load(str(unpacked() / self.name / f"{which}.toml"))


_CONTENT = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))

PAIRS: tuple[Pair, ...] = tuple(
    Pair(
        row["id"],
        row["about"],
        row["fault"],
        row["fix"],
        row["source"]["work"],
        truths(row["truth"]),
        tuple(row["fixed_also"]),
    )
    for row in _CONTENT["cases"]
)
HEALTHY: dict[str, str] = {row["id"]: row["trap"] for row in _CONTENT["healthy"]}
"""Healthy networks, and what is a trap in each."""


def healthy(name: str) -> Network:
    """A healthy network."""
    return load(str(unpacked() / name / "network.toml"))
