"""The program `bptui`, also as `python -m bptui`."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def run() -> NoReturn:
    """`cli.main`, and the exit code that it gives.

    SIGINT is 130, also while this starts, and where it arrives inside of an `exec` (that of a dataclass, for example):
    Python ends by the signal then, whatever has been made of it.
    """
    signal.signal(signal.SIGINT, lambda *_: _interrupted())
    from bptui.cli import INTERRUPTED, main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    if code == INTERRUPTED:
        if sys.stderr is not None:
            sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _interrupted() -> NoReturn:
    with suppress(OSError):
        os.write(2, b"bptui: error: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    run()
