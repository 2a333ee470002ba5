"""The file of a captured step: `Writer` writes it, `open_record` opens it. Standard library and NumPy alone.

Opening takes the time of the JSON, whatever the size of the tensors: those are mapped, and read when they are looked
at. Nothing in a file is ever executed; what it says is checked before memory is taken. Format: docs/captured-file.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bptui.model.base import safetensors
from bptui.model.base.collecting import no_collecting
from bptui.model.base.documents import strict_json
from bptui.model.base.errors import UserError, reason
from bptui.model.base.types import Array
from bptui.model.source.captured import rows, table
from bptui.model.source.captured.container import EVENTS, FORMAT, MANIFEST, Container, opened, shard, target
from bptui.model.source.captured.record import Module, Record, Step
from bptui.model.source.captured.table import FLOAT8, KINDS

VERSION = 1
SHARD = 64 * 2**20
"""Bytes of tensors after which a file of them is written, so that the memory of a Writer stays bounded."""
SHARD_TENSORS = 1_000
"""So many tensors at most in a file, so that its header is read in a few milliseconds."""
MAX_MANIFEST, MAX_EVENTS = 2**26, 2**28
"""Bytes. Lists take some twenty times their text; the events are parsed bit by bit."""
MAPPED = 64
"""So many files of tensors are mapped when a capture is opened, so that it stays what it is while the next run of the
program writes its own in its place; each is an open file, of which a process has some hundreds."""
LOOKED_AT = 128 * 2**20
"""Bytes of tensors that are looked at before their memory is given back; they are in the file."""
STRETCHED = 2**26
"""A value of more numbers than its blob (strides of 0) has at most so many, or is not read: a file of a few bytes must
not take gigabytes."""


# ------------------------------------------------------------------------------------------------------------ writing
class Writer:
    """Writes a capture, its tensors as they come, its manifest last: one without it says that it was cut off.

    path   a folder, or a zip where it ends in `.zip`. An earlier capture there is replaced once there is something to
           write; UserError where it is anything else.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._target = path, target(path)
        self._waiting: list[tuple[int, str, memoryview]] = []
        self._collected = 0
        self._shards: list[dict[str, Any]] = []
        self._kinds: list[str] = []
        self._bytes: list[int] = []
        self._checks: list[int] = []

    def blob(self, data: Any, kind: str) -> int:
        """Take numbers of a kind (one of `table.KINDS`), as an object with the buffer protocol whose bytes lie without
        gaps and do not change any more; the number of the blob. UserError where they cannot be written."""
        flat = memoryview(data).cast("B")
        width = np.dtype(KINDS[kind][1]).itemsize
        if flat.nbytes % width:
            raise ValueError(f"{flat.nbytes} bytes are no whole number of {kind}")
        self._waiting.append((len(self._kinds), kind, flat))
        self._kinds.append(kind)
        self._bytes.append(flat.nbytes)
        self._checks.append(zlib.crc32(flat))
        self._collected += flat.nbytes
        if len(self._waiting) >= SHARD_TENSORS or self._collected >= SHARD:
            self._flush()
        return len(self._kinds) - 1

    def close(self, step: Step) -> int:
        """Write the rest; how many bytes all of it takes. The values and the events of a step have their place in its
        lists as their number."""
        numbered = [row.id for row in step.values] + [row.id for row in step.events]
        if numbered != [*range(len(step.values)), *range(len(step.events))]:
            raise ValueError("values and events are numbered in their order")
        self._flush()
        lines = b"".join(rows.lines(step))
        self._add(EVENTS, [lines])
        manifest = self._sealed(step, lines)
        self._add(MANIFEST, [manifest])
        with self._told():
            self._target.finish()
        tensors: int = sum(found["bytes"] for found in self._shards)
        return tensors + len(lines) + len(manifest)

    def discard(self) -> None:
        """Remove what was written."""
        self._waiting.clear()
        with self._told():
            self._target.discard()

    def _flush(self) -> None:
        if self._waiting:
            self._waiting.sort(key=lambda item: -np.dtype(KINDS[item[1]][1]).itemsize)  # so that all are aligned
            name, count = shard(len(self._shards)), len(self._waiting)
            size = self._add(name, safetensors.file((f"b{i}", KINDS[kind][0], data) for i, kind, data in self._waiting))
            self._shards.append({"file": name, "bytes": size, "blobs": count})
            self._waiting.clear()
            self._collected = 0

    def _add(self, name: str, pieces: Any) -> int:
        with self._told():
            return self._target.add(name, pieces)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as problem:
            raise UserError(str(self.path), f"cannot be written: {reason(problem)}") from None

    def _sealed(self, step: Step, lines: bytes) -> bytes:
        """The manifest, with the checksum of itself: of its bytes with eight zeros in the place of the checksum."""
        open_ = {
            "format": FORMAT, "version": VERSION, "crc32": _SEAL, "about": step.about, "warnings": step.warnings,
            "events": {"count": len(step.events), "bytes": len(lines), "crc32": zlib.crc32(lines)},
            "shards": self._shards,
            "blobs": {"kind": self._kinds, "bytes": self._bytes, "crc32": self._checks},
            "values": table.columns(step.values), "parameters": step.parameters, "modules": step.modules,
            "sources": step.sources,
        }  # fmt: skip
        text = rows.in_json(open_)
        return text.replace(_SEAL.encode(), f"{zlib.crc32(text):08x}".encode(), 1)


_SEAL = "00000000"


# ------------------------------------------------------------------------------------------------------------ reading
def open_record(path: str | Path) -> Record:
    """The capture at a path: its rows are read and checked, its tensors when they are looked at. UserError where it is
    none, was cut off, is damaged, or is of a newer version."""
    with no_collecting():
        return _FileRecord(opened(Path(path)))


class _FileRecord(Record):
    def __init__(self, files: Container) -> None:
        self._files = files
        where = f"{files.where}/{MANIFEST}"
        manifest = _manifest(files, where)
        self._blobs = _Blobs(files, manifest, where)
        self.step = _step(manifest, self._blobs.sizes, where)
        _events(files, self.step, manifest.get("events"), where)
        self._looked_at = 0

    def array(self, value: int) -> Array | None:
        row = self.step.values[value]
        if row.blob < 0:
            return None
        content = self._blobs.content(row.blob)
        dtype = np.dtype(KINDS[row.dtype][1])
        count = prod(row.shape)
        if count > max(STRETCHED, len(content) // dtype.itemsize):
            raise UserError(self._files.where, f"value {value} makes {count:,} numbers of {len(content):,} bytes")
        self._looked_at += len(content)
        if self._looked_at > LOOKED_AT:
            self._files.forget()
            self._looked_at = len(content)
        steps = [stride * dtype.itemsize for stride in row.strides]
        found: Array = np.ndarray(row.shape, dtype, content, row.offset * dtype.itemsize if count else 0, steps)
        if row.dtype == "bfloat16":
            found = safetensors.widened(found)
        elif row.dtype in FLOAT8:
            found = safetensors.widened8(found, FLOAT8[row.dtype])
        elif row.dtype == "bool":
            found = np.asarray(found.view(np.uint8) != 0)  # whatever byte stands for true
        elif not found.flags.aligned:  # in a zip
            found = found.copy()
        found.flags.writeable = False
        return found

    @property
    def nbytes(self) -> int:
        return self._looked_at


class _Blobs:
    """The blobs of a capture: where they lie in its files of tensors, and their bytes, checked when first looked at."""

    def __init__(self, files: Container, manifest: dict[str, Any], where: str) -> None:
        self._files, self._where = files, files.where
        found = table.Columns(manifest.get("blobs"), f"{where} blobs")
        self._kinds = found.rows("kind")
        if not set(map(type, self._kinds)) <= {str} or not set(self._kinds) <= set(KINDS):
            raise UserError(where, "a kind of number that there is not", ", ".join(KINDS))
        self.sizes, self._checks = found.whole("bytes", 0), found.whole("crc32", 0, 2**32)
        shards = manifest.get("shards")
        if type(shards) is not list or not all(type(row) is dict for row in shards):
            raise UserError(where, "'shards' is no list of files")
        columns = table.Columns(
            {key: [row.get(key) for row in shards] for key in ("bytes", "blobs")}, f"{where} shards"
        )
        counts = columns.whole("blobs", 0)
        if not counts.sum() == len(self._kinds) == len(self.sizes) == len(self._checks):
            raise UserError(where, "its columns of blobs are not of one length")
        for i, size in enumerate(columns.whole("bytes", 0).tolist()):
            if shards[i].get("file") != shard(i):
                raise UserError(where, f"a file of tensors is called '{str(shards[i].get('file'))[:40]}'", shard(i))
            _sized(files, shard(i), size)
            if i < MAPPED:
                files.content(shard(i))
        self._ends = np.cumsum(counts)
        self._places: dict[int, safetensors.Entry] = {}
        self._checked: set[int] = set()

    def content(self, blob: int) -> memoryview:
        """The bytes of a blob. UserError where its file does not have it, or its checksum differs."""
        number = int(np.searchsorted(self._ends, blob, "right"))
        name = shard(number)
        if blob not in self._places:
            self._look(number, name)
        entry = self._places[blob]
        found = self._files.content(name)[entry.begin : entry.end]
        if blob not in self._checked:
            if zlib.crc32(found) != self._checks[blob]:
                raise UserError(f"{self._where}/{name}", f"tensor b{blob} is damaged: its checksum differs")
            self._checked.add(blob)
        return found

    def _look(self, number: int, name: str) -> None:
        where = f"{self._where}/{name}"
        found = safetensors.entries(self._files.content(name), where)
        first = int(self._ends[number - 1]) if number else 0
        blobs = range(first, int(self._ends[number]))
        if len(found) != len(blobs):
            raise UserError(where, f"has {len(found):,} tensors where the manifest has {len(blobs):,}")
        for blob in blobs:
            entry = found.get(f"b{blob}")
            if (
                entry is None
                or entry.kind != KINDS[self._kinds[blob]][0]
                or entry.end - entry.begin != self.sizes[blob]
            ):
                raise UserError(where, f"has no tensor b{blob} as the manifest has it")
            self._places[blob] = entry


def _manifest(files: Container, where: str) -> dict[str, Any]:
    names = set(files.names())
    if MANIFEST not in names:
        if EVENTS in names or shard(0) in names:
            raise UserError(files.where, "the capture was cut off while it was written", "there is no manifest.json")
        raise UserError(files.where, "is no captured step", "there is no manifest.json in it")
    content = _bytes(files, MANIFEST, MAX_MANIFEST)
    found = strict_json(content, where)
    if type(found) is not dict or found.get("format") != FORMAT:
        raise UserError(where, "is not one of a captured step", f'"format": "{FORMAT}"')
    version = found.get("version")
    if type(version) is not int or version < 1:
        raise UserError(where, "has no version", f'"version": {VERSION}')
    if version > VERSION:
        raise UserError(where, f"was written by a newer bptui, in version {version}", f"this one reads {VERSION}")
    seal = found.get("crc32", _SEAL)
    if type(seal) is not str or len(seal) != len(_SEAL):
        raise UserError(where, "its crc32 is not of eight digits")
    if "crc32" in found and f"{zlib.crc32(content.replace(seal.encode(), _SEAL.encode(), 1)):08x}" != seal:
        raise UserError(where, "is damaged: its checksum differs")
    return found


def _step(manifest: dict[str, Any], blobs: Array, where: str) -> Step:
    step = Step(values=table.values(manifest.get("values"), blobs, f"{where} values"))
    check = rows.Rows(step)
    try:
        step.about = check.table(manifest["about"])
        step.warnings = [rows.text(line) for line in manifest["warnings"]]
        step.parameters = {name: check.value(value) for name, value in manifest["parameters"].items()}
        for path, (kind, training) in manifest["modules"].items():
            step.modules[path] = Module(rows.text(kind), _flag(training))
        for file, lines in manifest["sources"].items():
            step.sources[file] = {rows.count(int(number)): rows.text(line) for number, line in lines.items()}
    except rows.Odd as problem:
        raise UserError(where, str(problem)) from None
    except KeyError as problem:
        raise UserError(where, f"there is no {problem}") from None
    except (TypeError, ValueError, AttributeError):
        raise UserError(where, "its parameters, modules, sources or warnings are not as they should be") from None
    return step


def _events(files: Container, step: Step, found: Any, where: str) -> None:
    columns = table.Columns(found, f"{where} events")
    count, size, check = (columns.number(key) for key in ("count", "bytes", "crc32"))
    _sized(files, EVENTS, size)
    content = _bytes(files, EVENTS, MAX_EVENTS)
    if zlib.crc32(content) != check:
        raise UserError(f"{files.where}/{EVENTS}", "is damaged: its checksum differs")
    rows.Rows(step).read(content, f"{files.where}/{EVENTS}")
    if len(step.events) != count:
        raise UserError(f"{files.where}/{EVENTS}", f"has {len(step.events):,} events where the manifest says {count:,}")


def _sized(files: Container, name: str, size: int) -> None:
    found = files.size(name)
    if found != size:
        raise UserError(f"{files.where}/{name}", f"has {found:,} bytes where the manifest says {size:,}")


def _bytes(files: Container, name: str, most: int) -> bytes:
    if (size := files.size(name)) > most:
        raise UserError(f"{files.where}/{name}", f"has {size:,} bytes", f"at most {most:,}")
    return bytes(files.content(name))


def _flag(found: Any) -> bool:
    if type(found) is not bool:
        raise rows.Odd("whether a module was in training is neither true nor false")
    return found
