"""A damaged, truncated or hostile capture, or one of a newer version, is one line, in bounded time and memory; and what
is there is never deleted."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.captured import file as captured
from bptui.model.source.captured.file import Writer, open_record
from bptui.model.source.captured.record import Backward, Event, Group, Module, Moved, Site, Stats, Step, Update, Value

WHOLE = object()
TENSORS = "tensors-0001.safetensors"


def small(path: Path) -> list[np.ndarray | None]:
    """Write a step with a row of each kind; the numbers of its values."""
    writer, step = Writer(path), Step()
    numbers = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([True, False]), np.float64(0.5), None]
    for i, array in enumerate(numbers):
        if array is None:
            step.values.append(Value(i, "float32", (2, 3), stats=Stats(1, 0, 0.5, -1.0, 1.0)))
            continue
        blob = writer.blob(np.ascontiguousarray(array), array.dtype.name)
        strides = tuple(s // array.itemsize for s in array.strides)
        step.values.append(Value(i, array.dtype.name, array.shape, blob, 0, strides, (0, strides), True, f"w{i}"))
    site = Site("train.py", 12, "main")
    step.events = [
        Event(
            0, "forward", "torch.mul", [{"v": 0}, 2.5, [None, {"slice": [0, 1, None]}]], {"out": "x"}, [3], [0], {0: 3},
            "a.b", site, {"masks": [1]},
        ),
        Event(1, "backward", "torch.sum", [{"v": 3}], {}, [2], [3]),
    ]  # fmt: skip
    step.backwards = [Backward([(2, None)], {0: 3}, {(1, 3): [0]}, {0: 0}, 1)]
    step.updates = [Update("torch.optim.sgd.SGD", [Group({"lr": 0.1}, [Moved(0, 3, 0, {"m": {"v": 0}}, {})])], 2, site)]
    step.parameters, step.modules = {"w": 0}, {"a": Module("Linear", True)}
    step.sources, step.about, step.warnings = {"train.py": {12: "y = f(x)"}}, {"framework": "none"}, ["one"]
    writer.close(step)
    return numbers


def told(path: Path) -> str:
    """The one line that opening a capture and reading all of it ends in."""
    with pytest.raises(UserError) as found:
        everything(path)
    line = str(found.value)
    assert line.isprintable() and len(line) < 500  # noqa: PT018
    return line


def everything(path: Path) -> tuple[Step, list[bytes | None]]:
    """All that a capture says."""
    record = open_record(path)
    arrays = [record.array(value.id) for value in record.step.values]
    return record.step, [None if array is None else array.tobytes() for array in arrays]


def manifest(path: Path, change) -> None:
    """Change the manifest, with a right checksum."""
    content = json.loads((path / "manifest.json").read_text())
    content.pop("crc32", None)
    other = change(content)
    content = [content] if other is WHOLE else content
    (path / "manifest.json").write_text(json.dumps(content))


def events(path: Path, content: bytes) -> None:
    """Other events, with right sizes and checksums."""
    (path / "events.jsonl").write_bytes(content)
    count = content.count(b'{"event"')
    found = {"count": count, "bytes": len(content), "crc32": zlib.crc32(content)}
    manifest(path, lambda content: content.update(events=found))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A capture."""
    small(tmp_path / "step.bptui")
    return tmp_path / "step.bptui"


# --------------------------------------------------------------------------------------------------------------- damage
@pytest.mark.parametrize("form", ["step.bptui", "step.zip"])
def test_a_changed_byte_is_told_or_changes_nothing(form, tmp_path, full):
    """Every byte of the headers and of all else; a sample of them, but all of the lengths, unless asked for all."""
    small(tmp_path / form)
    right, draw = everything(tmp_path / form), random.Random(0)
    files = [tmp_path / form] if form.endswith("zip") else sorted((tmp_path / form).iterdir())
    for file in files:
        content = file.read_bytes()
        places = range(len(content)) if full else {*range(8), *draw.sample(range(len(content)), 50)}
        for place in places:
            for changed in {255, content[place] ^ 1, draw.randrange(256)} - {content[place]}:
                file.write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
                with suppress(UserError):
                    assert everything(tmp_path / form) == right
        file.write_bytes(content)


@pytest.mark.parametrize("form", ["step.bptui", "step.zip"])
def test_a_shorter_or_longer_file_is_told(form, tmp_path):
    small(tmp_path / form)
    files = [tmp_path / form] if form.endswith("zip") else sorted((tmp_path / form).iterdir())
    for file in files:
        content = file.read_bytes()
        for cut in {0, 1, 7, 8, 9, len(content) // 2, len(content) - 1}:
            file.write_bytes(content[:cut])
            told(tmp_path / form)
        if form != "step.zip" and file.name != "manifest.json":
            file.write_bytes(content + b" ")
            told(tmp_path / form)
        file.write_bytes(content)


def test_without_its_manifest_it_was_cut_off(path):
    (path / "manifest.json").unlink()
    assert "cut off" in told(path)


def test_a_folder_or_a_file_of_another_kind_is_told(tmp_path):
    assert "no captured step" in told(tmp_path)
    (tmp_path / "step.zip").write_bytes(b"hello")
    assert "no captured step" in told(tmp_path / "step.zip")
    assert "No such file" in told(tmp_path / "missing")
    assert "null" in told(tmp_path / "a\0b")


def test_a_newer_version_is_told(path):
    manifest(path, lambda content: content.update(version=2))
    assert "newer" in told(path)


def test_only_what_is_looked_at_is_read(path):
    content = bytearray((path / TENSORS).read_bytes())
    content[-1] ^= 1
    (path / TENSORS).write_bytes(content)
    record = open_record(path)
    assert record.array(0) is not None
    with pytest.raises(UserError, match="checksum"):
        record.array(1)


# ------------------------------------------------------------------------------------------ what a file may not ask for
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m["shards"][0].update(file="../tensors-0001.safetensors"), "called"),
        (lambda m: m["shards"][0].update(file="/etc/passwd"), "called"),
        (lambda m: m["shards"].append(m["shards"][0]), "blobs"),
        (lambda m: m["values"]["offset"].__setitem__(0, 2**40), "inside"),
        (lambda m: m["values"]["offset"].__setitem__(0, 10**30), "whole"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [2**60, 2**60], [0, 0], [0, 0]]), "whole"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [2**40, 2**40], [0, 0], [0, 0]]), "memory"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [0, 2**40, 2**40], [0] * 3, [0] * 3]), "memory"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [2**40], [0], [0]]), "numbers of"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [2, 3], [3, 2], [0, 0]]), "inside"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["float32", [2, 3], [-3, 1], [0, 0]]), "strides"),
        (lambda m: m["values"]["layouts"].__setitem__(0, ["object", [2, 3], [3, 1], [0, 0]]), "kind"),
        (lambda m: m["values"]["blob"].__setitem__(0, 3), "whole"),
        (lambda m: m["values"]["blob"].__setitem__(0, -2), "whole"),
        (lambda m: m["values"]["blob"].__setitem__(3, 0), "inside"),
        (lambda m: m["values"]["layout"].__setitem__(0, True), "whole"),
        (lambda m: m["values"]["name"].update({"99": "x"}), "name"),
        (lambda m: m["values"]["stats"]["size"].__setitem__(0, 1e999), "number"),
        (lambda m: m["values"]["place"].pop(), "length"),
        (lambda m: m["blobs"]["crc32"].pop(), "length"),
        (lambda m: m["blobs"]["bytes"].__setitem__(0, 20), "inside"),
        (lambda m: m["parameters"].update(w=4), "value"),
        (lambda m: m["about"].update(x={"y": 1e999}), "number"),
        (lambda m: m.pop("sources"), "sources"),
        (lambda m: m.update(warnings=[1]), "text"),
        (lambda m: WHOLE, "captured step"),
    ],
)
def test_a_hostile_manifest_is_told(path, change, says):
    events(path, b"")
    manifest(path, change)
    assert says in told(path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"event": {"id": 0, "name": "f", "outs": [4]}}', "no value 4"),
        ('{"event": {"id": 0, "name": "f", "outs": [-1]}}', "no value"),
        ('{"event": {"id": 0, "name": "f", "inputs": [true]}}', "no value"),
        ('{"event": {"id": 0, "name": "f", "args": [[{"v": 99}]]}}', "no value 99"),
        ('{"event": {"id": 0, "name": "f", "notes": {"masks": [99]}}}', "no value 99"),
        ('{"event": {"id": 0, "name": "f", "changed": [[0, 1], [0, 2]]}}', "twice"),
        ('{"event": {"id": 1, "name": "f"}}', "in the place of event 0"),
        ('{"event": {"id": 0, "name": "f", "name": "g"}}', "twice"),
        ('{"event": {"id": 0}}', "name"),
        ('{"event": {"id": 0, "name": "f", "args": [1e999]}}', "beyond"),
        ('{"event": {"id": 0, "name": "f", "args": [NaN]}}', "NaN"),
        ('{"event": {"id": 0, "name": "f", "args": ' + "[" * 40 + "]" * 40 + "}}", "deep"),
        ("[" * 100_000, "deep"),
        ('{"event": {"id": 0, "name": "f"}, "update": {}}', "no row"),
        ('{"other": {}}', "kind of row"),
        ('{"event": {"id": 0, "name": "f"}},{"event": {"id": 1, "name": "f"}}', "JSON"),
        ('{"event": {"id": 0, "name": "f", "args": [1' + "0" * 400 + "]}}", "beyond"),
        ('{"backward": {"after": 0, "grads": [[0, 1]]}}', "another shape"),
        ('{"backward": {"after": 0, "losses": [[2, 0]]}}', "another shape"),
        ("", "JSON"),
        ('{"backward": {"after": 1}}', "event"),
        ('{"backward": {"after": 0, "parts": [[0, 0, [0]]]}}', "event"),
        ('{"update": {"kind": "SGD", "after": 0, "groups": [{"options": {}, "rows": [{"value": 9}]}]}}', "no value"),
        ('{"event": {"id": 0, "name": "\\u001b[31m", "outs": ["\\u001b[2J"]}}', "no value"),
        (" " * 10, "JSON"),
    ],
)
def test_a_hostile_row_is_told_with_its_line(path, line, says):
    events(path, line.encode() + b"\n")
    assert says in told(path)
    assert "events.jsonl" in told(path)


def test_the_line_of_an_odd_row_is_said(path):
    rows = [json.dumps({"event": {"id": i, "name": "f" * 100}}) for i in range(20_000)]
    rows[15_000] = rows[15_000].replace("15000", "1")
    events(path, ("\n".join(rows) + "\n").encode())
    assert "line 15001" in told(path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 24, 26], "b2": ["F64", 24, 32]}, "overlap"),
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 32, 34], "b2": ["F64", 24, 32]}, None),
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 25, 27], "b2": ["F64", 27, 35]}, "gap"),
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 24, 26]}, "after its last"),
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 24, 26], "b3": ["F64", 26, 34]}, "b2"),
        ({"b0": ["F32", -4, 20], "b1": ["BOOL", 24, 26], "b2": ["F64", 26, 34]}, "whole"),
        ({"b0": ["F32", 0, 24], "b1": ["BOOL", 24, 26], "b2": ["F64", 26, 2**70]}, "whole"),
        ({"b0": ["I32", 0, 24], "b1": ["BOOL", 24, 26], "b2": ["F64", 26, 34]}, "b0"),
    ],
)
def test_a_hostile_header_of_tensors_is_told(path, header, says):
    widths = {"F32": 4, "I32": 4, "BOOL": 1, "F64": 8}
    rows = {
        name: {"dtype": kind, "shape": [max(0, end - begin) // widths[kind]], "data_offsets": [begin, end]}
        for name, (kind, begin, end) in header.items()
    }
    content = (path / TENSORS).read_bytes()
    text = json.dumps(rows).encode().ljust(int.from_bytes(content[:8], "little") + 256)
    body = content[8 + int.from_bytes(content[:8], "little") :]
    body = body[8:32] + body[:8] + body[32:] if says is None else body  # b0, b2, b1, and not b2 first
    body += b"\0" * (says == "gap")
    new = struct.pack("<Q", len(text)) + text + body
    (path / TENSORS).write_bytes(new)
    manifest(path, lambda found: found["shards"][0].update(bytes=len(new)))
    if says is None:
        everything(path)
    else:
        assert says in told(path)


def odd(draw: random.Random):
    """Something that does not belong there."""
    plain = [None, True, -1, 0, 1, 7, 2**31, 2**53, 2**63, 10**400, 0.5, 1e300, "", "x", "\x1b[2J"]
    return draw.choice([*plain, [], {}, [[]], [0] * 40, {"v": 10**9}, {"v": -1}, {"slice": 1}, {"float": "x"}])


def spoilt(content, draw: random.Random):
    """A table or a list with one thing in it replaced, removed or doubled."""
    places = [(content, key) for key in (content if isinstance(content, dict) else range(len(content)))]
    for holder, key in places:
        inner = holder[key]
        if isinstance(inner, dict | list):
            places += [(inner, k) for k in (list(inner) if isinstance(inner, dict) else range(len(inner)))]
    holder, key = draw.choice(places)
    what = draw.random()
    if what < 0.7:
        holder[key] = odd(draw)
    elif what < 0.85:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, holder[key])
    return content


def test_spoilt_rows_with_right_checksums_are_told_or_read(path, full):
    """What the checksums do not find: a file of somebody who means it."""
    draw, rest = random.Random(1), {name: (path / name).read_bytes() for name in os.listdir(path)}
    for _ in range(5_000 if full else 200):
        for name, content in rest.items():
            (path / name).write_bytes(content)
        if draw.random() < 0.5:
            manifest(path, lambda content: spoilt(content, draw))
        else:
            rows = spoilt([json.loads(line) for line in rest["events.jsonl"].splitlines()], draw)
            events(path, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        with suppress(UserError):
            everything(path)


# ------------------------------------------------------------------------------------------------------ files and links
@pytest.mark.parametrize("name", ["manifest.json", "events.jsonl", TENSORS])
def test_a_link_a_pipe_or_a_folder_in_the_place_of_a_file_is_not_opened(path, name, tmp_path):
    shutil.move(path / name, tmp_path / name)
    (path / name).symlink_to(tmp_path / name)
    assert "regular" in told(path)
    (path / name).unlink()
    os.mkfifo(path / name)
    assert "regular" in told(path)
    (path / name).unlink()
    (path / name).mkdir()
    assert "regular" in told(path)
    (path / name).rmdir()
    assert re.search("missing|cut off", told(path))


def test_a_zip_that_compresses_is_told_and_one_in_a_folder_is_read(path, tmp_path):
    for kind, name in ((zipfile.ZIP_STORED, "stored.zip"), (zipfile.ZIP_DEFLATED, "deflated.zip")):
        with zipfile.ZipFile(tmp_path / name, "w", kind) as out:
            for file in path.iterdir():
                out.write(file, f"step.bptui/{file.name}")
    assert everything(tmp_path / "stored.zip") == everything(path)
    assert "zip -0" in told(tmp_path / "deflated.zip")


# ----------------------------------------------------------------------------------------------------- what is replaced
@pytest.mark.parametrize("form", ["step.bptui", "step.zip"])
def test_an_earlier_capture_is_replaced_and_stays_as_it_was_where_it_is_open(form, tmp_path):
    numbers = small(tmp_path / form)
    earlier = open_record(tmp_path / form)
    writer = Writer(tmp_path / form)
    open_record(tmp_path / form)  # nothing is replaced before there is something to write
    blob = writer.blob(np.zeros(2), "float64")
    writer.close(Step(values=[Value(0, "float64", (2,), blob, 0, (1,), (0, (1,)))]))
    assert len(open_record(tmp_path / form).step.values) == 1
    np.testing.assert_array_equal(earlier.array(0), numbers[0])


def test_a_capture_that_was_cut_off_is_replaced(path):
    (path / "manifest.json").unlink()
    small(path)
    everything(path)


def test_what_is_no_capture_is_never_replaced(path, tmp_path):
    (path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="another name"):
        Writer(path)
    (path / "notes.txt").unlink()
    (path / "manifest.json").write_text('{"name": "a browser extension"}')
    with pytest.raises(UserError, match="another name"):
        Writer(path)
    for name in ("file.bptui", "other.zip"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match="another name"):
            Writer(tmp_path / name)
        assert (tmp_path / name).read_text() == "mine"


def test_what_cannot_be_written_is_told_before_anything_happens(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="nothing can be written"):
        Writer(tmp_path / "file" / "step.bptui")


def test_a_full_disk_leaves_what_says_that_it_was_cut_off(tmp_path, monkeypatch):
    writer = Writer(tmp_path / "step.bptui")
    monkeypatch.setattr(captured, "SHARD", 1)
    blob = writer.blob(np.zeros(2), "float64")
    monkeypatch.setattr("bptui.model.source.captured.container._written", full_disk)
    with pytest.raises(UserError, match="No space left"):
        writer.close(Step(values=[Value(0, "float64", (2,), blob, 0, (1,), (0, (1,)))]))
    assert "cut off" in told(tmp_path / "step.bptui")
    writer.discard()
    assert not (tmp_path / "step.bptui").exists()


def full_disk(write, pieces):
    """A disk without room."""
    raise OSError(28, "No space left on device")


# ------------------------------------------------------------------------------------------------------------- its size
def test_memory_of_what_was_looked_at_is_given_back(path, monkeypatch):
    monkeypatch.setattr(captured, "LOOKED_AT", 8)
    record = open_record(path)
    first = [record.array(i) for i in range(3)]
    again = [record.array(i) for i in range(3)]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert record.nbytes <= 24


def test_tensors_are_written_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(captured, "SHARD", 100)
    monkeypatch.setattr(captured, "SHARD_TENSORS", 3)
    writer, step = Writer(tmp_path / "step.bptui"), Step()
    for i in range(20):
        blob = writer.blob(np.full(i, i, np.float32), "float32")
        step.values.append(Value(i, "float32", (i,), blob, 0, (1,), (0, (1,))))
        assert sum(len(data) for _, _, data in writer._waiting) < 100 + 4 * 20
    size = writer.close(step)
    assert len(list((tmp_path / "step.bptui").glob("*.safetensors"))) > 6
    assert size == sum(file.stat().st_size for file in (tmp_path / "step.bptui").iterdir())
    record = open_record(tmp_path / "step.bptui")
    assert all(record.array(i).tolist() == [i] * i for i in range(20))


def test_no_capture_fails_for_one_odd_argument(tmp_path):
    event = Event(0, "forward", "f", [float("nan"), object(), -float("inf")], {}, [])
    Writer(tmp_path / "step.bptui").close(Step(events=[event]))
    (found,) = open_record(tmp_path / "step.bptui").step.events
    assert found.args == [{"float": "nan"}, {"other": "object"}, {"float": "-inf"}]
