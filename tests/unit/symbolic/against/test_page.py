"""The worked page is what the commands on it print."""

from __future__ import annotations

from pathlib import Path

from tests.against_page import page


def test_the_page_is_what_its_commands_print():
    made = page()
    assert (Path(__file__).parents[4] / "docs" / "against.md").read_text(encoding="utf-8") == made
    assert "▸ layer1.weight, layer1.bias: layer1.a: the derivative of sigmoid was left out" in made
    assert "m_hat and v_hat without their corrections" in made
    assert made.count("✓ ") == 8
