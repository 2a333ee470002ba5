"""What was worked out for an answer and stays there while one looks at it: made once for the numbers that it is of."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from bptui.model.engine.recording import Recording

KEPT, RECORDINGS = 8, 2
"""Answers that stay, and training steps that are kept for them."""
QUICK = 200_000
"""Numbers that may be gone over while the screen draws: some milliseconds."""
_known: dict[Hashable, tuple[Recording, Any]] = {}
T = TypeVar("T")


class Later(Exception):
    """It takes longer than a key press may: a command works it out, not the screen while it draws."""


def kept(recording: Recording, key: Hashable, make: Callable[[], T], now: bool, work: int) -> T:
    """What `make` makes, made once for a recording and a key. Raises Later where it is not there, goes over more than
    QUICK numbers (`work`), and is not wanted now."""
    found = _known.get((id(recording), key))
    if found is not None and found[0] is recording:
        return found[1]  # type: ignore[no-any-return]
    if not now and work > QUICK:
        raise Later
    made = make()
    _known[id(recording), key] = recording, made
    steps = list(dict.fromkeys(id(known) for known, _ in reversed(_known.values())))[:RECORDINGS]
    for old in [place for place, (known, _) in _known.items() if id(known) not in steps]:
        _known.pop(old, None)
    while len(_known) > KEPT:
        _known.pop(next(iter(_known)), None)
    return made
