"""Python's search for circles of objects, put off."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_kept = False


def keep_all() -> None:
    """All that is there now stays for good: no search looks at it again."""
    global _kept
    _kept = True
    gc.freeze()


@contextmanager
def no_collecting() -> Iterator[None]:
    """No search for circles meanwhile, and none through the new objects right after: hundreds of thousands are made,
    all of them kept, none in a circle. (Frozen and thawed, they count as old ones.)"""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not _kept:  # what is kept would be thawed; to ask Python for it, which counts it all, takes milliseconds
            gc.freeze()
            gc.unfreeze()
        if collects:
            gc.enable()
