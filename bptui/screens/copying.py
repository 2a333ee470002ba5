"""Copy over SSH: OSC 52, wrapped for tmux, with a file where the text is too long or the terminal cannot do it."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

MOST = 74_994  # bytes of text that fit the 100,000 of base64 that most terminals take in one OSC 52


def osc52(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The sequence that puts `text` into the clipboard of the terminal, however far away it is.

    tmux hands a sequence on only when it is wrapped (and `set -g allow-passthrough on` is set).
    """
    environment = os.environ if environment is None else environment
    code = base64.b64encode(text.encode()).decode("ascii")
    sequence = f"\x1b]52;c;{code}\x07"
    if environment.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"{sequence}\x1bPtmux;{doubled}\x1b\\"
    return sequence


def fits(text: str) -> bool:
    """Is it short enough for OSC 52?"""
    return len(text.encode()) <= MOST


def to_file(text: str) -> Path:
    """The text in a new file of one's own in the temporary folder."""
    handle, name = tempfile.mkstemp(prefix="bptui-copy-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
