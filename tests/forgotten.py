"""What a new row still lacks, told in one sentence: what is missing, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from itertools import islice
from pathlib import Path

import pytest

from tests.paths import ROOT


def nothing_missing(names: Iterable[str], what: str) -> None:
    """Fails where there is a name, and says of it what is to be done."""
    missing = sorted(set(names))
    if missing:
        pytest.fail(f"{', '.join(missing)}: {what}", pytrace=False)


def same_rows(there: Iterable[str], wanted: Iterable[str], what: str) -> None:
    """Each one that is wanted is there, and no other: `what` says where a missing one goes."""
    found, asked = set(there), set(wanted)
    nothing_missing(asked - found, what)
    nothing_missing(found - asked, f"is no such row any more: take it out there ({what})")


def is_made(path: Path, made: str, module: str) -> None:
    """A file of the project is what `module` makes of the rows now; else the command that does, and what differs."""
    written = path.read_text(encoding="utf-8")
    if written != made:
        differences = unified_diff(written.splitlines(), made.splitlines(), "written", "made", n=0, lineterm="")
        name = path.relative_to(ROOT)
        shown = "\n".join(line[:160] for line in islice(differences, 12))
        pytest.fail(f"{name} is not what the rows say now: python -m {module} > {name}\n{shown}", pytrace=False)
