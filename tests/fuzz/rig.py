"""Runs what is drawn in a bounded process, and says what is wrong with what became of it."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from tests.paths import ROOT

SECONDS = 20.0
"""Of the processor, for one input: far more than any takes, far less than what grows without a bound."""

WAIT = 180.0
"""Seconds that the answer may take, on a machine that does much else."""


def wrong(code: int, seconds: float, out: str, err: str, one_line: bool = True) -> str:
    """What is not as it should be; empty where all is well."""
    if code not in (0, 1, 2, 130):
        return f"exit {code}: {err[-1500:]}"
    if seconds > SECONDS:
        return f"took {seconds:.1f} s"
    if "Traceback" in err or "Warning" in err:
        return f"not ours: {err[-1500:]}"
    for text in (out, err):
        if odd := next((c for c in text if c != "\n" and not c.isprintable()), None):
            return f"prints {odd!r}"
    lines = err.splitlines()
    if one_line and (len(lines) > 1 or (code == 2) != bool(lines)):
        return f"exit {code}, {len(lines)} lines on stderr: {err[:500]}"
    long = next((line for line in lines if len(line) > 500), None)
    return f"a line of {len(long)} characters: {long[:200]}" if long else ""


def run(inputs: Iterable[tuple[str, list[Any]]]) -> list[str]:
    """What went wrong, each with its input."""
    found: list[str] = []
    worker: subprocess.Popen[str] | None = None
    for kind, arguments in inputs:
        if worker is None or worker.poll() is not None:
            worker = start()
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps([kind, arguments]) + "\n")
        worker.stdin.flush()
        answer = _line(worker, WAIT)
        if answer is None:
            worker.kill()
            worker.wait()
            found.append(f"{shown(arguments)}: no end after {WAIT:.0f} s, or killed ({worker.returncode})")
            continue
        if told := wrong(*json.loads(answer), one_line=kind == "shell"):
            found.append(f"{shown(arguments)}: {told}")
    if worker is not None:
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
    return found


def start() -> subprocess.Popen[str]:
    """A worker of its own process."""
    command = [sys.executable, "-m", "tests.fuzz.worker"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _line(worker: subprocess.Popen[str], seconds: float) -> str | None:
    """A line of the worker; None where none comes in time, or it has died."""
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        if not selector.select(seconds):
            return None
    return worker.stdout.readline() or None  # type: ignore[union-attr]


def shown(arguments: Any) -> str:
    """An input as one would write it into a test."""
    text = ascii(arguments)
    return text if len(text) < 1500 else f"{text[:1500]}… ({len(text):,} characters)"
