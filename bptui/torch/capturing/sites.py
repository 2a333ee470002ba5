"""The lines of the user's own code that called: file, line, function, and the text around them."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType

import torch

from bptui.model.source.captured.record import Site

HIDDEN = os.path.dirname(torch.__file__) + os.sep, os.path.dirname(os.path.abspath(__file__)) + os.sep
ABOVE, BELOW = 2, 1
MOST = 300
"""Characters of an exception's text that are kept."""


class Sites:
    """Where events were called from. lines: file → line → its text, for the lines around each."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[int, str]] = {}
        self._found: dict[tuple[CodeType, int], Site] = {}
        self._hidden: dict[str, bool] = {}

    def here(self) -> Site | None:
        """The innermost line that is neither PyTorch's nor the recorder's; None where there is none."""
        frame = sys._getframe(1)
        while frame is not None:
            if not self.is_hidden(frame.f_code.co_filename):
                key = frame.f_code, frame.f_lineno
                return self._found.get(key) or self._new(key)
            frame = frame.f_back  # type: ignore[assignment]
        return None

    def variable(self, item: object) -> str:
        """The name that the program has for a tensor: of a variable of the innermost function of its own that has one
        for it; "" where none has."""
        frame = sys._getframe(1)
        while frame is not None:
            if not self.is_hidden(frame.f_code.co_filename):
                for name, found in list(frame.f_locals.items()):
                    if found is item and name.isidentifier():
                        return name
            frame = frame.f_back  # type: ignore[assignment]
        return ""

    def is_hidden(self, path: str) -> bool:
        """Is it a file of PyTorch, of the recorder or of Python's own machinery?"""
        hidden = self._hidden.get(path)
        if hidden is None:
            hidden = path.startswith((*HIDDEN, "<frozen", "<string", "<__array_function__"))
            self._hidden[path] = hidden
        return hidden

    def _new(self, key: tuple[CodeType, int]) -> Site:
        code, line = key
        name = shown(code.co_filename)
        site = self._found[key] = Site(name, line, code.co_qualname.rpartition("<locals>.")[2])
        kept = self.lines.setdefault(name, {})
        for number in range(max(1, line - ABOVE), line + BELOW + 1):
            text = linecache.getline(code.co_filename, number)
            if text:
                kept[number] = text.rstrip("\r\n")
        return site


def raised(problem: BaseException) -> dict[str, str]:
    """What a record says of an exception that ended the program's step: what it was, and the innermost line of the
    program's own that it came through."""
    sites, at, trace = Sites(), "", problem.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not sites.is_hidden(name):
            at = f"{shown(name)}:{trace.tb_lineno}  {linecache.getline(name, trace.tb_lineno).strip()}".strip()
        trace = trace.tb_next
    text = str(problem).strip().split("\n")[0][:MOST]
    return {"exception": f"{type(problem).__name__}: {text}" if text else type(problem).__name__, "raised": at[:MOST]}


def shown(path: str) -> str:
    """A file as it is shown: from the working folder, or from the folder that Python imports it from."""
    absolute = os.path.abspath(path)
    folders = sorted((os.path.abspath(entry or ".") for entry in sys.path), key=len, reverse=True)
    for folder in (os.getcwd(), *folders):
        if absolute.startswith(folder.rstrip(os.sep) + os.sep):
            return os.path.relpath(absolute, folder).replace(os.sep, "/")
    return os.path.basename(path)
