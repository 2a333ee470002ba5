"""The worked pages of docs: each line that one types in them, and what it says then."""

from __future__ import annotations

import re

import pytest

from bptui import plain
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from tests.paths import ROOT

PAGES = ("when-did-it-die", "what-if", "where-a-number-comes-from")
PROMPT = plain.PROMPT


@pytest.mark.parametrize("page", PAGES)
def test_a_worked_page_says_what_is_said(page: str) -> None:
    """Every line under a command is said by it, in that order."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    rows = [row for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for row in block.splitlines()]
    first, *rows = rows
    (target,) = re.findall(r"^bptui run (\S+) --plain$", first)
    said: list[str] = []
    front = plain.Plain(Session(load(target)), said.append, said.append)
    assert sum(row.startswith(PROMPT) for row in rows) >= 5
    for row in rows:
        if row.startswith(PROMPT):
            said.clear()
            front.command(row.removeprefix(PROMPT))
            continue
        found = [" ".join(line.split()) for line in said]
        assert " ".join(row.split()) in found, "\n".join(found)
        del said[: found.index(" ".join(row.split())) + 1]
