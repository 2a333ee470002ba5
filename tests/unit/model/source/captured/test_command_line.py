"""Captures on the command line: as a folder, as a zip, in part, and such as nobody would write."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from bptui import cli
from bptui.cli import main
from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.record import Backward, Event, Step, Value
from tests.unit.model.source.captured.test_hostile import small


def told(capsys, *words) -> str:
    """The one line that a command ends in, with exit code 2."""
    assert cli.main(list(map(str, words))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bptui: error: ")
    assert err.count("\n") == 1
    return err


def chain(path, *, shape, place, kept=True):
    """w, written through a view of it, expanded and summed: `place` is where the view says that it lies."""
    writer = Writer(path)
    blob = writer.blob(np.ones(4, np.float32), "float32")
    flat = (0, (1,))
    step = Step()
    step.values = [
        Value(0, "float32", (4,), blob, 0, (1,), flat, True, "w"),
        Value(1, "float32", (2,), blob, 0, (1,), flat, True),
        Value(2, "float32", (4,), blob, 0, (1,), flat, True),
        Value(3, "float32", (2,), blob, 0, (1,), place, True),
        Value(4, "float32", shape, blob if kept else -1, 0, (0, 1), (0, (0, 1)), True),
        Value(5, "float32", (), blob, 0, (), (0, ()), True),
    ]
    step.events = [
        Event(0, "forward", "bptui.put", [{"v": 0}, {"v": 1}], {}, [2], [0, 1]),
        Event(1, "forward", "bptui.view_again", [{"v": 2}], {}, [3], [2]),
        Event(2, "forward", "torch.Tensor.expand", [{"v": 3}, list(shape)], {}, [4], [3]),
        Event(3, "forward", "torch.sum", [{"v": 4}], {}, [5], [4]),
    ]
    step.backwards = [Backward([(5, None)], after=4)]
    writer.close(step)
    return str(path)


def test_a_step_is_traced_without_what_was_not_kept(tmp_path, capsys):
    path = chain(tmp_path / "step.bptui", shape=(3, 2), place=(0, (1,)), kept=False)
    assert cli.main(["trace", path]) == 0
    assert "not recorded" in capsys.readouterr().out
    assert cli.main(["trace", path, "--json"]) == 0
    assert '"expand": null' in capsys.readouterr().out


@pytest.mark.parametrize("place", [(2**47, (1,)), (0, (2**47,)), (3, (1,)), (0, ())])
def test_a_view_that_lies_nowhere_is_opaque(tmp_path, capsys, place):
    path = chain(tmp_path / "step.bptui", shape=(3, 2), place=place)
    assert cli.main(["check", path]) in (0, 1)
    found = capsys.readouterr().out
    assert [row.split()[2] for row in found.splitlines() if row.startswith("view_again ")] == ["opaque"]


@pytest.mark.parametrize("kept", [True, False])
def test_no_few_bytes_take_gigabytes(tmp_path, capsys, kept):
    path = chain(tmp_path / "step.bptui", shape=(2**40, 2), place=(0, (1,)), kept=kept)
    if kept:
        told(capsys, "check", path)
    else:
        assert main(["check", str(path)]) == 0
        assert "skipped" in capsys.readouterr().out


def test_a_zip_is_a_target_as_its_folder_is(tmp_path, capsys):
    for name in ("step.bptui", "step.zip"):
        chain(tmp_path / name, shape=(3, 2), place=(0, (1,)))
    shutil.copy(tmp_path / "step.zip", tmp_path / "zip.bptui")
    found = []
    for name in ("step.bptui", "step.zip", "zip.bptui"):
        cli.main(["trace", str(tmp_path / name)])
        found.append(capsys.readouterr().out.partition("  ")[2])
    assert found[0]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("command", ["run", "check", "trace", "diagnose"])
def test_what_cannot_be_read_is_one_line(tmp_path, capsys, command):
    small(tmp_path / "step")
    (tmp_path / "step" / "manifest.json").unlink()
    assert "cut off" in told(capsys, command, tmp_path / "step")
    (tmp_path / "empty.bptui").mkdir()
    assert "no captured step" in told(capsys, command, tmp_path / "empty.bptui")
    (tmp_path / "step.zip").write_bytes(b"PK")
    assert "no captured step" in told(capsys, command, tmp_path / "step.zip")
