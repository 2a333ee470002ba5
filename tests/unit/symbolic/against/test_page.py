"""The worked page is what the commands on it print."""

from __future__ import annotations

from tests.against_page import page
from tests.forgotten import is_made
from tests.paths import DOCS


def test_the_page_is_what_its_commands_print():
    made = page()
    is_made(DOCS / "against.md", made, "tests.against_page")
    assert "▸ layer1.weight, layer1.bias: layer1.a: the derivative of sigmoid was left out" in made
    assert "m_hat and v_hat without their corrections" in made
    assert made.count("✓ ") == 8
