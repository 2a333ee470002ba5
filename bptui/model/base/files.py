"""Files that are written: whole or not at all, and never over one that is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from bptui.model.base.errors import UserError


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
        raise UserError(where, f"{name} is there already", "another name; nothing is ever overwritten") from None
    except RuntimeError:  # `~nobody`
        raise UserError(where, f"{name}: there is no such home", "a place one can write to") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(where, f"{name}: {why}", "a place one can write to") from None
    return path


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
