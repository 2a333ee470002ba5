"""What it costs to capture a training step of PyTorch, to open its file, and to check all of it.

The captured step is held against the plain one in the same process, in turn; so is a forward pass in TorchLens, where
that is installed, against the same plain step. Opening and checking need no PyTorch.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

NAMES = ("MLP", "LeNet", "ResNet-18", "transformer")

OPENED = """
import json, resource, statistics, sys, time
from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.network import network_of
from bptui.symbolic.check.captured import check_captured
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
opened = []
for _ in range(5):
    begun = time.process_time()
    network = network_of(open_record(sys.argv[1]), "step")
    opened.append(time.process_time() - begun)
before, begun = peak(), time.process_time()
rows = check_captured(network.recording)
print(json.dumps({
    "open": statistics.median(opened), "check": time.process_time() - begun, "more": peak() - before,
    "rows": len(rows), "failed": sum(row.verdict == "FAIL" for row in rows),
    "events": len(network.recording.record.step.events),
}))
"""
"""Opens a file, checks it, and prints seconds, MB and what was found."""


def printed(*arguments: str) -> dict[str, float]:
    """What another Python prints as JSON in its last line; nothing where it fails."""
    done = subprocess.run([sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    found: dict[str, float] = json.loads(lines[-1]) if done.returncode == 0 and lines else {}
    return found


def table(quick: bool = False) -> Iterator[tuple[str, str]]:
    """Its rows."""
    if find_spec("torch") is None:
        yield "capture", "PyTorch is not installed"
        return
    rounds = 5 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            found = printed("-m", "benchmarks.capture_step", name, folder, str(rounds), "capture")
            if not found:
                yield name, "could not be captured"
                continue
            size = f"{found['more']:6.0f} MB of memory   {found['file']:6.1f} MB of file"
            yield (
                f"{name}: a captured step / a plain one of {1e3 * found['plain']:.1f} ms",
                f"{found['ratio']:6.2f}{size}",
            )
            if find_spec("torchlens") is not None and (other := printed(
                "-m", "benchmarks.capture_step", name, folder, str(rounds), "torchlens"
            )):  # fmt: skip
                yield (
                    f"{name}: its forward pass in TorchLens / the same",
                    f"{other['ratio']:6.2f}{other['more']:6.0f} MB of memory",
                )
            read = printed("-c", OPENED, f"{folder}/{name}.bptui")
            assert not read["failed"], f"{name}: {read['failed']} numbers are others"
            yield f"{name}: open {read['events']} events", f"{1e3 * read['open']:6.1f} ms"
            yield (
                f"{name}: check {read['rows']} rows",
                f"{1e3 * read['check']:6.0f} ms   {read['more']:.0f} MB of memory",
            )
