"""The page of the file's format, and the writer for a plain NumPy program that it shows."""

from __future__ import annotations

import importlib.util
import json
import random
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.network import network_of
from bptui.model.source.captured.record import Backward, Event, Group, Moved, Update
from bptui.model.source.captured.table import KINDS
from bptui.symbolic.check.captured import check_captured
from tests.unit.model.source.captured.test_hostile import events, manifest, spoilt

DOCS = Path(__file__).parents[5] / "docs"


def written(folder: Path, before: str = "", after: str = "") -> Path:
    """What the example writes, with a text in it replaced."""
    source = (DOCS / "numpy_capture.py").read_text(encoding="utf-8")
    assert before in source
    (folder / "numpy_capture.py").write_text(source.replace(before, after) if before else source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("numpy_capture", folder / "numpy_capture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.train(str(folder / "step.bptui"))
    return folder / "step.bptui"


def verdicts(path: Path) -> dict[str, set[str]]:
    """Verdict → of which operations, their rows and what these are about."""
    network = network_of(open_record(path), "step")
    found: dict[str, set[str]] = {}
    for row in check_captured(network.history().recording(0)):
        found.setdefault(row.verdict, set()).add(f"{row.node} {row.row} {row.input}".strip())
    return found


def test_every_number_of_the_example_is_computed_again(tmp_path):
    path = written(tmp_path)
    found = verdicts(path)
    assert set(found) == {"ok"}
    assert len(found["ok"]) == 19
    step = open_record(path).step
    for event in step.events:
        assert event.name.rpartition(".")[2].split("_")[0] in step.sources[event.site.file][event.site.line]


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("ga = gh * (1 - h**2)", "ga = gh * (1 - h)", "hidden.tanh gradient hidden.add"),
        ("gz = 2 * (z - y) / z.size", "gz = 2 * (z - y) / len(z)", "mse_loss gradient out.add"),
        ("np.tanh(a)", "np.sin(a)", "hidden.tanh value"),
        ("w - 0.1 * g", "w + 0.1 * g", "out.bias update"),
    ],
)
def test_a_fault_in_the_example_is_named(tmp_path, right, wrong, named):
    assert named in verdicts(written(tmp_path, right, wrong))["FAIL"]


def test_a_spoilt_step_is_told_or_checked(tmp_path, full):
    """A capture of somebody who means it, with right checksums: what a reader lets pass, nothing else stumbles over."""
    path, draw = written(tmp_path), random.Random(2)
    rest = {file.name: file.read_bytes() for file in path.iterdir()}
    for _ in range(1_500 if full else 80):
        for name, content in rest.items():
            (path / name).write_bytes(content)
        if draw.random() < 0.4:
            manifest(path, lambda content: spoilt(content, draw))
        else:
            rows = spoilt([json.loads(line) for line in rest["events.jsonl"].splitlines()], draw)
            events(path, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        with suppress(UserError), np.errstate(all="ignore"):
            verdicts(path)


def test_the_page_has_every_key(tmp_path):
    page = (DOCS / "captured-file.md").read_text(encoding="utf-8")
    manifest = json.loads((written(tmp_path) / "manifest.json").read_text())
    keys = {
        *manifest,
        *manifest["blobs"],
        *manifest["values"],
        *manifest["values"]["stats"],
        *manifest["events"],
        *KINDS,
    }
    keys |= {key for row in manifest["shards"] for key in row} - {"file"}
    keys |= {field.name for row in (Event, Backward, Update, Group, Moved) for field in fields(row)}
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f'"{key}"' not in page] == []
