"""The pages of docs/ that list something are made from what they list."""

from __future__ import annotations

from pathlib import Path

import tests.pages

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_operations_is_what_the_rows_and_sympy_say() -> None:
    assert (DOCS / "operations.md").read_text(encoding="utf-8") == tests.pages.page()
