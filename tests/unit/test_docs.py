"""The pages of docs/ that list something are made from what they list; what the others name and count is there."""

from __future__ import annotations

import re

import pytest

import tests.lesson_page
import tests.pages
from bptui.model.engine.ops import COMPOSITES, OPS
from bptui.model.source.examples import examples
from tests.paths import DOCS, ROOT

PAGES = [
    "README.md",
    "DEVELOPERS.md",
    *(f"docs/{name}.md" for name in ("architecture", "definitions", "shell", "scripts", "lesson-format", "teaching")),
]


def test_the_page_of_operations_is_what_the_rows_and_sympy_say(full: bool) -> None:
    """In full; else a row in eight, and that there is no other section than those of the rows."""
    written = (DOCS / "operations.md").read_text(encoding="utf-8")
    if full:
        assert written == tests.pages.page()
        return
    rows = [*OPS.values(), *COMPOSITES.values()]
    assert [line for line in written.splitlines() if line.startswith("### ")] == [
        f"### {tests.pages.call(row)}" for row in rows
    ]
    for row in rows[::8]:
        assert tests.pages.section(row) in written


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rooms = [ROOT / name for name in ("bptui", "tests", "docs", "benchmarks")]
    here = [path.as_posix() for room in rooms for path in (room, *room.rglob("*"))]
    for name in re.findall(r"`([\w/.]*\w(?:\.py|/))`", text):
        assert any(path.endswith(f"/{name.rstrip('/')}") for path in here), name
    for link in re.findall(r"\]\(([\w/.]+)\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_what_the_changelog_counts() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{len(OPS)} operations and {len(COMPOSITES)} composites" in text
    assert f"{len(list(examples()))} examples" in text


def test_the_page_of_lessons_is_what_the_tables_say() -> None:
    assert (DOCS / "lesson-format.md").read_text(encoding="utf-8") == tests.lesson_page.page()
