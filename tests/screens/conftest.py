"""A terminal like most: 24 bits of colour, no wish against them. Tests that want another say so."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine that tests calls its terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "TMUX", "BPTUI_DIFF"):
        monkeypatch.delenv(name, raising=False)
