"""The shell in the test's own process: its exit code, what it printed, and where."""

import json

import pytest

from bptui import cli

DARTS = ["L = (y - w*x - b)**2", "x=2", "y=2", "w=0.5", "b=0.1"]


def run(capsys, *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = cli.main(argv)
    done = capsys.readouterr()
    return code, done.out, done.err


def result(capsys, *argv: str):
    """The JSON that a command printed."""
    code, out, err = run(capsys, *argv)
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
