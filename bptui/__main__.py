"""The program `bptui`, also as `python -m bptui`.

Only what Python has loaded anyway is imported before SIGINT has its handler: until then it would be a traceback.
"""

import gc
import os
import signal
import sys


def run() -> None:
    """`cli.main`, and an exit with the code that it gives.

    SIGINT is 130, also while this starts, and where it arrives inside of an `exec` (that of a dataclass, for example):
    Python ends by the signal then, whatever has been made of it.
    """
    signal.signal(signal.SIGINT, _interrupted)
    gc.set_threshold(100_000, 20, 50)  # what is imported and derived stays: to look through it took a 15th of a `check`
    from bptui.cli import INTERRUPTED, main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    if code == INTERRUPTED:
        if sys.stderr is not None:
            sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _interrupted(*_: object) -> None:
    try:
        os.write(2, b"bptui: error: interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    run()
