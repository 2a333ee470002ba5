"""A process that runs what is fuzzed, bounded in memory and time, and says what became of each input.

`python -m tests.fuzz.worker` reads a line of JSON per input, `["shell", [words]]` or `["debugger", [target, [lines]]]`,
and answers each with a line: exit code, seconds of the processor, what stood on stdout and stderr.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from typing import Any

from bptui import cli

MEMORY = 3 * 2**30
"""Bytes of address space; the interpreter with NumPy and SymPy has about half a gigabyte of it."""
PROCESSOR = 600
"""Seconds of one worker."""


def shell(words: list[str]) -> int:
    """A command line of the shell."""
    sys.stdin = io.StringIO()
    return cli.main(words)


def debugger(target: str, lines: list[str]) -> int:
    """Lines of the debugger in plain mode, all of them: what is refused is a line on stderr, and the next comes."""
    from bptui import plain
    from bptui.model.base.errors import UserError
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import load

    front = plain.Plain(Session(load(target)), plain._writer(sys.stdout, True), plain._writer(sys.stderr, True))
    code = 0
    for line in lines:
        try:
            front.command(line)
        except UserError as problem:
            front.complain(f"bptui: error: {problem}")
        except Exception:
            front.complain(f"{line!r}: {traceback.format_exc()}")
            code = 70
    front.service.close()
    return code


def main() -> None:
    """Run until there is no more input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))
    answers, inputs = sys.stdout, sys.stdin
    with tempfile.TemporaryDirectory() as folder:  # some command lines write files where they run
        os.chdir(folder)
        for line in inputs:
            print(json.dumps(answer(*json.loads(line))), file=answers, flush=True)


def answer(kind: str, arguments: list[Any]) -> tuple[int, float, str, str]:
    """What became of one input."""
    out, err, begun = io.StringIO(), io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = shell(arguments) if kind == "shell" else debugger(*arguments)
    return code, time.process_time() - begun, out.getvalue()[-20_000:], err.getvalue()


if __name__ == "__main__":
    main()
