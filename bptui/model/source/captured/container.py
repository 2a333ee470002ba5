"""Where the files of a captured step lie: in a folder, or in a zip that stores them as they are, so that both are
mapped into memory and nothing is read but what is looked at.

A capture has files of these names and no others: `manifest.json`, `events.jsonl`, `tensors-0001.safetensors`, …
"""

from __future__ import annotations

import io
import mmap
import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from bptui.model.base.errors import UserError, reason

MANIFEST, EVENTS = "manifest.json", "events.jsonl"
FORMAT = "bptui captured step"
MAX_DIRECTORY = 2**21
"""Bytes of a zip's directory."""
PART = ".part"
"""What a file that is being written is called after its name: a manifest, or a zip."""

_NAMES = re.compile(rf"manifest\.json({re.escape(PART)})?|events\.jsonl|tensors-\d{{4,6}}\.safetensors")
_FORMAT = re.compile(rb'\s*\{\s*"format"\s*:\s*"' + FORMAT.encode() + rb'"')


def shard(number: int) -> str:
    """The name of the file with the tensors of this number, from 0."""
    return f"tensors-{number + 1:04}.safetensors"


class Mapped:
    """A file mapped into memory, read-only: its bytes are read from the disk when they are looked at."""

    def __init__(self, path: Path, where: str) -> None:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            if path.is_symlink():
                raise UserError(where, "is a link", "the file itself")
            handle = os.open(path, flags)  # of a pipe nothing is waited for
            try:
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise UserError(where, "is no regular file")
                self._map = mmap.mmap(handle, found.st_size, access=mmap.ACCESS_READ) if found.st_size else None
            finally:
                os.close(handle)
        except FileNotFoundError:
            raise UserError(where, "is missing") from None
        except (OSError, ValueError) as problem:
            raise UserError(where, f"cannot be read: {reason(problem)}") from None
        self.content = memoryview(self._map) if self._map is not None else memoryview(b"")

    def forget(self) -> None:
        """Give the memory of what was looked at back; it is read from the disk again when it is looked at again."""
        if self._map is not None and hasattr(self._map, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


class Container(Protocol):
    """The files of a capture by their names."""

    where: str
    """How messages call it."""

    def names(self) -> Iterable[str]:
        """The files that there are."""

    def size(self, name: str) -> int:
        """The bytes of a file; UserError where it is missing or is no regular file."""

    def content(self, name: str) -> memoryview:
        """The bytes of a file, mapped; UserError where it is missing or is no regular file."""

    def forget(self) -> None:
        """Give the memory of what was looked at back."""


def opened(path: Path) -> Container:
    """The folder or the zip at a path. UserError where there is none."""
    where = str(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as problem:
        raise UserError(where, reason(problem), "the folder of a capture") from None
    if stat.S_ISDIR(mode):
        return _Folder(path)
    if not stat.S_ISREG(mode):
        raise UserError(where, "is neither a folder nor a file")
    return _Zip(path)


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)
        self._maps: dict[str, Mapped] = {}

    def names(self) -> Iterable[str]:
        try:
            return os.listdir(self.path)
        except OSError as problem:
            raise UserError(self.where, f"cannot be read: {problem.strerror}") from None

    def size(self, name: str) -> int:
        try:
            found = os.lstat(self.path / name)
        except OSError:
            raise UserError(f"{self.where}/{name}", "is missing") from None
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{self.where}/{name}", "is no regular file", "the file itself, no link")
        return found.st_size

    def content(self, name: str) -> memoryview:
        if name not in self._maps:
            self._maps[name] = Mapped(self.path / name, f"{self.where}/{name}")
        return self._maps[name].content

    def forget(self) -> None:
        for mapped in self._maps.values():
            mapped.forget()


class _Bounded(io.FileIO):
    """A file of which no more is read at once than a zip's directory may have."""

    def read(self, size: int | None = -1) -> bytes:
        """At most so many bytes, all that are left where no size is said; ValueError for more than MAX_DIRECTORY."""
        if size is not None and size > MAX_DIRECTORY:
            raise ValueError("its directory is too large")
        return super().read(MAX_DIRECTORY if size is None or size < 0 else size)


class _Zip:
    """A zip whose files are stored, not compressed, at its top or in one folder."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._mapped = Mapped(path.resolve(), self.where)
        try:
            with _Bounded(path) as file, zipfile.ZipFile(file) as found:
                infos = {info.filename: info for info in found.infolist()}
                twice = len(infos) < len(found.infolist())
        except zipfile.BadZipFile:
            raise UserError(
                self.where, "is no captured step, or was cut off while it was written", "a folder or a zip of one"
            ) from None
        except (OSError, ValueError, NotImplementedError, struct.error, OverflowError, EOFError) as problem:
            raise UserError(self.where, f"is no zip that can be read: {problem}") from None
        if twice:
            raise UserError(self.where, "has two files of one name")
        manifests = sorted((name for name in infos if name.split("/")[-1] == MANIFEST), key=len)
        self._folder = manifests[0][: -len(MANIFEST)] if manifests else ""
        self._infos = infos

    def names(self) -> Iterable[str]:
        return [name[len(self._folder) :] for name in self._infos if name.startswith(self._folder)]

    def size(self, name: str) -> int:
        return len(self.content(name))

    def content(self, name: str) -> memoryview:
        where, info = f"{self.where}/{name}", self._infos.get(self._folder + name)
        if info is None:
            raise UserError(where, "is missing")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise UserError(where, "is compressed or encrypted", "unpack the zip, or pack it with zip -0")
        whole = self._mapped.content
        head = bytes(whole[info.header_offset : info.header_offset + 30])
        if len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise UserError(where, "the zip's directory does not say where it is")
        begin = info.header_offset + 30 + sum(struct.unpack("<HH", head[26:]))
        if info.file_size != info.compress_size or begin + info.file_size > len(whole):
            raise UserError(where, "is not as long as the zip's directory says")
        return whole[begin : begin + info.file_size]

    def forget(self) -> None:
        self._mapped.forget()


# ------------------------------------------------------------------------------------------------------------ writing
class Target(Protocol):
    """Where the files of a capture are written to."""

    def add(self, name: str, pieces: Iterable[Any]) -> int:
        """Write a file of these pieces; how many bytes."""

    def finish(self) -> None:
        """All is written."""

    def discard(self) -> None:
        """Remove what was written."""


def target(path: Path) -> Target:
    """A folder, or a zip where the path ends in `.zip`. UserError where something is there that is no capture: an
    earlier capture is replaced, nothing else is, or where nothing can be written. What is there stays until the first
    file is added."""
    try:
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise UserError(str(path), f"in {above} nothing can be written", "another place")
        if path.suffix.lower() == ".zip":
            if os.path.lexists(path) and not _is_zip_of_ours(path):
                raise _taken(path, "is there and is no zip of a captured step")
            return _ToZip(path)
        if os.path.lexists(path) and not path.is_dir():
            raise _taken(path, "is there and is no folder")
        if path.is_dir() and (other := next((name for name in os.listdir(path) if not _ours(path, name)), None)):
            raise _taken(path, f"is a folder with '{other}', which is of no captured step")
    except (OSError, ValueError) as problem:
        raise UserError(str(path), reason(problem), "another place") from None
    return _ToFolder(path)


def renamed(path: Path, to: Path) -> None:
    """Give a capture another name; an earlier capture there is replaced. UserError as of `target`, OSError."""
    earlier = target(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(earlier, _ToFolder) and to.is_dir():
        earlier.remove()
    os.replace(path, to)
    with suppress(OSError):  # of several ranks each lies in a folder of all, which goes with the last of them
        if path.parent != to.parent:
            path.parent.rmdir()


def _taken(path: Path, what: str) -> UserError:
    return UserError(str(path), what, "another name, or remove it yourself: only a captured step is replaced")


def _ours(folder: Path, name: str) -> bool:
    """Is it a file of a capture?"""
    if not _NAMES.fullmatch(name) or not stat.S_ISREG(os.lstat(folder / name).st_mode):
        return False
    return name != MANIFEST or _begins((folder / name).open("rb"))


def _begins(file: Any) -> bool:
    with file:
        return _FORMAT.match(file.read(256)) is not None


def _is_zip_of_ours(path: Path) -> bool:
    try:
        return _FORMAT.match(_Zip(path).content(MANIFEST)[:256]) is not None
    except UserError:
        return False


class _ToFolder:
    def __init__(self, path: Path) -> None:
        self.path, self._begun = path, False

    def add(self, name: str, pieces: Iterable[Any]) -> int:
        if not self._begun:
            self.path.mkdir(parents=True, exist_ok=True)
            self._clear()  # what is mapped of them elsewhere stays as it was: they are removed, not written over
            self._begun = True
        beside = self.path / (name + PART) if name == MANIFEST else self.path / name
        with beside.open("wb", buffering=0) as out:
            size = _written(out.write, pieces)
        if name == MANIFEST:
            os.replace(beside, self.path / name)
        return size

    def finish(self) -> None:
        pass

    def discard(self) -> None:
        if self._begun:
            self.remove()

    def remove(self) -> None:
        """The capture that is there."""
        self._clear()
        with suppress(OSError):
            self.path.rmdir()

    def _clear(self) -> None:
        """The manifest first: without it the others are a capture that was cut off."""
        ours = [name for name in os.listdir(self.path) if _ours(self.path, name)]
        for name in sorted(ours, key=lambda name: name != MANIFEST):
            (self.path / name).unlink()


class _ToZip:
    def __init__(self, path: Path) -> None:
        self.path, self._beside = path, path.with_name(path.name + PART)
        self._zip: zipfile.ZipFile | None = None

    def add(self, name: str, pieces: Iterable[Any]) -> int:
        if self._zip is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._zip = zipfile.ZipFile(self._beside, "w", zipfile.ZIP_STORED)
        with self._zip.open(name, "w", force_zip64=True) as out:
            return _written(out.write, pieces)

    def finish(self) -> None:
        if self._zip is not None:
            self._zip.close()
            os.replace(self._beside, self.path)
            self._beside = self.path

    def discard(self) -> None:
        if self._zip is not None:
            with suppress(OSError, ValueError):
                self._zip.close()
            self._beside.unlink(missing_ok=True)


def _written(write: Callable[[Any], int | None], pieces: Iterable[Any]) -> int:
    size = 0
    for piece in pieces:
        left = memoryview(piece).cast("B")
        size += left.nbytes
        while left:  # the system may take less than it is given
            left = left[write(left) or left.nbytes :]
    return size
