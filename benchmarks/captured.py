"""The file of a captured step: opening one with many rows, one with much in it, and writing.

Opening is held against Python's own parser over the same JSON, writing against a plain file of the same bytes. Memory
is the peak of a process of its own that opens the file and then reads all of its tensors (Linux).
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bptui.model.source.captured.container import EVENTS, MANIFEST
from bptui.model.source.captured.file import Writer, open_record
from bptui.model.source.captured.record import Backward, Event, Site, Stats, Step, Value

EVENTS_OF_MANY, VALUES_OF_MANY = 10_000, 25_000
SHAPES = ((64, 32), (32,), (4, 8, 8), ())

MEASURED = """
import re, sys, time
from bptui.model.source.captured.file import open_record
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
begun = time.perf_counter()
record = open_record(sys.argv[1])
opened, memory = time.perf_counter() - begun, peak()
for value in record.step.values:
    record.array(value.id).sum()
print(opened, memory, peak())
"""
"""Prints the seconds of opening, and the peak in MB after it and after all was read."""


def value(number: int, shape: tuple[int, ...], blob: int) -> Value:
    """A value with all that a recorder says of one."""
    strides = tuple(stride // 4 for stride in np.empty(shape, np.float32).strides)
    stats = Stats(0, 0, 0.125 + 1 / (number + 3), -1 / (number + 1), 1 / (number + 2))
    return Value(number, "float32", shape, blob, 0, strides, (0, strides), True, stats=stats)


def many(folder: Path) -> Path:
    """A capture of many small events."""
    writer, step = Writer(folder / "many.bptui"), Step()
    for i in range(VALUES_OF_MANY):
        shape = SHAPES[i % len(SHAPES)]
        step.values.append(value(i, shape, writer.blob(np.ones(shape, np.float32), "float32")))
    for i in range(EVENTS_OF_MANY):
        read, site = [i, i + 1, i + 2], Site("train.py", i % 300 + 1, "forward")
        args = [{"v": number} for number in read]
        name, module = "torch.nn.functional.linear", f"encoder.layers.{i % 12}"
        step.events.append(Event(i, "forward", name, args, {}, [i + 3], read, module=module, site=site))
    grads = {i: i + 12_000 for i in range(12_000)}
    step.backwards = [Backward([(EVENTS_OF_MANY, None)], grads, after=EVENTS_OF_MANY)]
    writer.close(step)
    return folder / "many.bptui"


def much(folder: Path, megabytes: int) -> Path:
    """A capture of large tensors."""
    writer, step = Writer(folder / "much.bptui"), Step()
    for i in range(megabytes // 8):
        step.values.append(value(i, (2**21,), writer.blob(np.full(2**21, i, np.float32), "float32")))
    writer.close(step)
    return folder / "much.bptui"


def plain(folder: Path, megabytes: int) -> None:
    """The same bytes in one file."""
    with (folder / "plain").open("wb") as out:
        for i in range(megabytes // 8):
            out.write(np.full(2**21, i, np.float32))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def table(quick: bool = False) -> list[tuple[str, str]]:
    """Its rows."""
    megabytes, rounds = (256, 3) if quick else (2048, 9)
    folder = Path(tempfile.mkdtemp())
    try:
        path = many(folder)
        texts = [(path / MANIFEST).read_bytes(), *(path / EVENTS).read_bytes().splitlines()]
        turns = [
            (seconds(lambda: open_record(path)), seconds(lambda: [json.loads(t) for t in texts])) for _ in range(rounds)
        ]
        ratio = statistics.median(ours / parsed for ours, parsed in turns)
        opened = statistics.median(ours for ours, _ in turns)
        beside = [(seconds(lambda: much(folder, 256)), seconds(lambda: plain(folder, 256))) for _ in range(rounds // 3)]
        wrote = statistics.median(ours / bare for ours, bare in beside)
        measured = [sys.executable, "-c", MEASURED, str(much(folder, megabytes))]
        found = subprocess.run(measured, capture_output=True, text=True, check=True).stdout
        first, after, all_read = map(float, found.split())
    finally:
        shutil.rmtree(folder)
    label = f"open {EVENTS_OF_MANY:,} events, {VALUES_OF_MANY:,} values / json.loads of them"
    return [
        (label, f"{ratio:5.2f}   {opened * 1e3:.0f} ms"),
        ("write 256 MB of tensors / a plain file of them", f"{wrote:5.2f}"),
        (f"open {megabytes:,} MB of tensors", f"{first * 1e3:5.1f} ms   {after:.0f} MB of memory"),
        (f"read all {megabytes:,} MB of them", f"        {all_read:.0f} MB of memory"),
    ]
