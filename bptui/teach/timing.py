"""How long a pass takes on this machine, timed when a page asks for it: `time(forward)`, `time(backward)`."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

import numpy as np

from bptui.model.source.network import Network

PASSES = ("forward", "backward")
NAMES = tuple(f"time({each})" for each in PASSES)
ENOUGH = 0.004
"""Seconds for which a pass is run again and again: a page that opens does not wait longer than twice that."""


def microseconds(network: Network) -> Mapping[str, float]:
    """The shortest time that each of PASSES took, in µs: what else the machine does can only add to it."""
    program = network.program()
    program.record()
    found, at = {}, 0
    with np.errstate(all="ignore"):
        for part, count in program.parts.items():
            calls = program.calls[at : at + count]
            at += count
            if part not in PASSES:
                continue
            best, end = float("inf"), perf_counter() + ENOUGH
            while (begun := perf_counter()) < end or best == float("inf"):
                for call in calls:
                    call()
                best = min(best, perf_counter() - begun)
            found[part] = best * 1e6
    return found
