"""`python -m tests.without_torch STEP.bptui …`: what `bptui diagnose` says of captured steps where PyTorch is not
installed: a line of JSON for each, [exit code, what it printed]."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from tests.paths import ROOT


def diagnosed(paths: Sequence[Path]) -> list[tuple[int, dict[str, Any]]]:
    """(exit code, the JSON) of each, from a process of its own."""
    words = [sys.executable, "-m", "tests.without_torch", *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def main() -> None:
    """See above."""
    sys.modules["torch"] = None  # type: ignore[assignment]  # whoever imports it fails
    from bptui import cli

    for path in sys.argv[1:]:
        with redirect_stdout(io.StringIO()) as said:
            code = cli.main(["diagnose", path, "--json"])
        print(json.dumps([code, json.loads(said.getvalue())]))


if __name__ == "__main__":
    main()
