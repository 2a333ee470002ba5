"""Files: read up to a bound, written whole or not at all; a user's own never over one that is there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from bptui.model.base.errors import UserError, nearest, reason


def refuse_taken(name: str, where: str) -> None:
    """UserError where there is a file of that name already: before anybody works for what will not be written."""
    with suppress(OSError, RuntimeError, ValueError):  # told when it is written
        if os.path.lexists(Path(name).expanduser()):
            raise _taken(name, where)


def _taken(name: str, where: str) -> UserError:
    return UserError(where, f"{name} is there already", "another name; nothing is ever overwritten")


def write_new(name: str, fill: Callable[[IO[bytes]], Any], where: str) -> Path:
    """A new file called `name` (`~` is one's home), with what `fill` writes into it: beside it first, then under its
    name, so that a full disk or a signal leaves nothing. UserError where it is there already or cannot be written."""
    try:
        path = Path(name).expanduser()
        if os.path.lexists(path):
            raise FileExistsError
        handle, beside = tempfile.mkstemp(prefix=".bptui-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                fill(file)
            os.chmod(beside, 0o666 & ~_umask())
            _name(beside, path)
        finally:
            Path(beside).unlink(missing_ok=True)
    except FileExistsError:
        raise _taken(name, where) from None
    except RuntimeError:  # `~nobody`
        raise UserError(where, f"{name}: there is no such home", "a place one can write to") from None
    except (OSError, ValueError) as error:
        why = reason(error)
        missing = [
            folder for folder in path.parents if isinstance(error, FileNotFoundError) and not os.path.exists(folder)
        ]
        right = f"there is no folder {missing[-1]}" if missing else "a place one can write to"
        raise UserError(where, f"{name}: {why}", right) from None
    return path


LISTED = 1_000
"""Files of a folder that are looked at for a name that is near."""


CAPTURED = ".bptui"
"""How a captured step is called, which is a folder."""


def offered(typed: str, endings: Collection[str] = ()) -> list[str]:
    """What the beginning of a path can go on as: folders with a / at their end, and files that end so (none: all). What
    begins with a dot is offered where that is typed."""
    folder, slash, start = typed.rpartition("/")
    try:
        with os.scandir(Path(folder + slash or ".").expanduser()) as entries:
            there = [(entry.name, entry.is_dir()) for entry in islice(entries, LISTED)]
    except (OSError, ValueError, RuntimeError):
        return []
    shown = sorted(each for each in there if each[0].startswith(start) and (start or not each[0].startswith(".")))
    whole = [(name, is_dir and not name.endswith(CAPTURED)) for name, is_dir in shown if name.isprintable()]
    return [
        f"{folder}{slash}{name}{'/' if opens else ''}"
        for name, opens in whole
        if opens or not endings or Path(name).suffix.lower() in endings
    ]


def near(name: str, otherwise: str = "", also: Iterable[str] = ()) -> str:
    """`did you mean 'net.toml'?` where the folder of a file that is not there has one that is called so, or nearly so,
    but for the ending; or a name of `also`; else `otherwise`."""
    path = Path(name)
    try:
        with os.scandir(path.parent) as entries:
            files = sorted(
                entry.name for entry in islice(entries, LISTED) if entry.is_file() or entry.name.endswith(CAPTURED)
            )
    except (OSError, ValueError):
        files = []
    stems = {**{word: word for word in also}, **{Path(file).stem: str(path.parent / file) for file in files}}
    meant = nearest(path.stem, stems)
    return f"did you mean '{stems[meant]}'?" if meant else otherwise


def read_bytes(name: str | Path, where: str, most: int, more: str = "") -> bytes:
    """What a file holds. A UserError where it is missing, is no regular file, cannot be read, or is larger than `most`
    bytes; its size is known before anything is read. `more` says how larger ones are given."""
    path, room = Path(name), f"at most {most:,} bytes" + (f"; {more}" if more else "")
    it = _it(name, where)
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise UserError(where, f"{it}is a folder", "a file is expected")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(where, f"{it}is not a regular file")
        if found.st_size > most:
            raise UserError(where, f"{it}the file has {found.st_size:,} bytes", room)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise UserError(where, f"{it}there is no such file", near(str(name))) from None
    except (OSError, ValueError) as problem:
        raise UserError(where, f"{it}cannot be read: {reason(problem)}") from None
    if len(content) > most:
        raise UserError(where, f"{it}the file grows while it is read", room)
    return content


def read_text(name: str | Path, where: str, most: int, more: str = "") -> str:
    """The same of a file of text: UTF-8 with or without a byte order mark."""
    try:
        text = read_bytes(name, where, most, more).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(where, f"{_it(name, where)}is not text", "UTF-8 is expected")
    return text


def _it(name: str | Path, where: str) -> str:
    """What a message names the file by, where `where` does not."""
    return "" if str(name) in where else f"{str(name)[:100]}: "


def replace(path: Path, text: str) -> None:
    """Make `text` the content of a file of bptui's own, and its folder where that is not there: all of it or nothing.
    OSError where that cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=".bptui-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Give a file of bptui's own that cannot be read another name, so that the next is written in its place."""
    aside = path.with_name(f"{path.name}.bad")
    try:
        os.replace(path, aside)
    except OSError:
        return path
    return aside


def _name(beside: str, path: Path) -> None:
    """Give a file its name; FileExistsError where another has it by now."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # a file system without hard links
        os.rename(beside, path)


def _umask() -> int:
    """What is taken from the permissions of new files. It can only be read by being set."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
