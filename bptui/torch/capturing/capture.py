"""`with capture(path, model, optimizer):` around one's own training step."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from bptui.model.base.errors import UserError
from bptui.model.base.printable import printable
from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.known import knows
from bptui.torch.capturing.numbers import GIGA, Keep, Refused
from bptui.torch.capturing.recorder import Recorder
from bptui.torch.capturing.sites import raised

MEGA = 1e6


class Capture:
    """Records what is inside of `with`, and writes it at the end, of an exception, too. It never raises into the
    program around it: what goes wrong is said on stderr, and the program goes on.

    written  the file, once it is written; None where nothing could be"""

    def __init__(self, path: str | Path, parts: tuple[Any, ...], keep: Keep) -> None:
        self.path, self._about = place(Path(path))
        self.written: Path | None = None
        self._keep = keep
        self._models = [part for part in parts if isinstance(part, torch.nn.Module)]
        self._optimizers = [part for part in parts if isinstance(part, torch.optim.Optimizer)]
        for part in parts:
            if not isinstance(part, torch.nn.Module | torch.optim.Optimizer):
                raise TypeError(f"capture(path, model, optimizer): got a {type(part).__name__}")
        self._recorder: Recorder | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> Capture:
        try:
            self._writer = Writer(self.path)
            keep = replace(self._keep, told=progress)
            self._recorder = Recorder(self._writer, knows, self._models, keep)
            for optimizer in self._optimizers:
                self._recorder.updates.meet(optimizer)
            self._recorder.begin()
        except Exception as problem:
            self._recorder = None
            _say(f"nothing is captured: {_said(problem)}")
        return self

    def __exit__(self, _: type | None, problem: BaseException | None, __: TracebackType | None) -> None:
        recorder, writer = self._recorder, self._writer
        self._recorder = self._writer = None
        if recorder is None or writer is None:
            return
        try:
            step = recorder.end()
            if isinstance(recorder.ended, Refused | UserError) or not step.events:
                writer.discard()
                _say(f"nothing was captured: {_said(recorder.ended) if recorder.ended else 'no function was called'}")
                return
            step.about |= self._about
            if isinstance(problem, Exception):
                step.about |= raised(problem)
            if recorder.ended is None:
                step.about["reason"] = _said(problem) if problem is not None else "asked for"
            size = writer.close(step)
            self.written = self.path
            until = f" until {_said(problem)}" if problem is not None else ""
            _say(f"{len(step.events):,} events{until} → {self.path} ({size / MEGA:,.1f} MB)")
            if recorder.ended is not None:
                _say(f"the capture ended early, by a mistake of bptui's: {_said(recorder.ended)}")
            for warning in step.warnings[:3]:
                _say(warning)
        except Exception as mistake:
            _say(f"nothing was captured: {_said(mistake)}")


def progress(nbytes: int) -> None:
    """Say how much there is, while it is recorded."""
    _say(f"{nbytes // GIGA} GB of numbers so far")


def place(path: Path) -> tuple[Path, dict[str, Any]]:
    """Where this process writes: of several ranks each into its own part, `step.bptui/rank-0`."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return path, {}
    rank = distributed.get_rank()
    return path / f"rank-{rank}", {"rank": rank, "ranks": distributed.get_world_size()}


def _said(problem: BaseException) -> str:
    text = str(problem).strip().split("\n")[0][:300]
    if isinstance(problem, Refused | UserError):
        return text
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _say(text: str) -> None:
    print(f"bptui: {printable(text)}", file=sys.stderr, flush=True)
