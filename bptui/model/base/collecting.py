"""Python's search for circles of objects, put off."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collecting() -> Iterator[None]:
    """No search for circles meanwhile, and none through the new objects right after: hundreds of thousands are made,
    all of them kept, none in a circle. (Frozen and thawed, they count as old ones.)"""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if collects:
            gc.enable()
