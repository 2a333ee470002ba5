"""`with debug(model, optimizer):` — the step is captured into a folder of its own, and the debugger opens on it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from bptui.torch.capturing.capture import Capture
from bptui.torch.capturing.numbers import Keep

NAME = "step.bptui"


class Debug(Capture):
    """A capture that is looked at where it ends, and kept nowhere."""

    def __init__(self, parts: tuple[Any, ...], keep: Keep) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bptui-"))
        super().__init__(self._folder / NAME, parts, keep)

    def __exit__(self, kind: type | None, problem: BaseException | None, traceback: TracebackType | None) -> None:
        super().__exit__(kind, problem, traceback)
        try:
            if self.written is not None:
                _opened(self.written)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _opened(path: Path) -> None:
    from bptui import cli
    from bptui.model.source.captured.file import open_record
    from bptui.model.source.captured.network import network_of

    cli.debug(NAME, lambda: network_of(open_record(path), NAME))
