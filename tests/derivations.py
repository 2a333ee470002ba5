"""One worker of SymPy for all tests of a process: a derivation is made once."""

from __future__ import annotations

from functools import cache

from bptui.symbolic.service import Service


@cache
def service() -> Service:
    """Never closed. What it keeps is of operations and shapes; checks have another key each time they are asked for."""
    return Service(60.0, 60.0)
