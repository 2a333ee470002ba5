"""The pages of docs/ that list something are made from what they list; what the others name and count is there."""

from __future__ import annotations

import re

import pytest

import tests.lesson_page
import tests.pages
from bptui.model.engine.ops import COMPOSITES, OPS
from bptui.model.source.examples import examples
from tests.forgotten import is_made, same_rows
from tests.paths import DOCS, ROOT

PAGES = [
    "README.md",
    "DEVELOPERS.md",
    *(f"docs/{name}.md" for name in ("architecture", "definitions", "shell", "scripts", "lesson-format", "teaching")),
]
MAKE = "docs/operations.md is not what the rows say now: python -m tests.pages > docs/operations.md"


def test_the_page_of_operations_is_what_the_rows_and_sympy_say(full: bool) -> None:
    """In full; else a row in eight, and that there is no other section than those of the rows."""
    if full:
        is_made(DOCS / "operations.md", tests.pages.page(), "tests.pages")
        return
    written = (DOCS / "operations.md").read_text(encoding="utf-8")
    rows = [*OPS.values(), *COMPOSITES.values()]
    heads = [f"### {tests.pages.call(row)}" for row in rows]
    same_rows((line for line in written.splitlines() if line.startswith("### ")), heads, MAKE)
    assert [line for line in written.splitlines() if line.startswith("### ")] == heads, MAKE
    for row in rows[::8]:
        assert tests.pages.section(row) in written, MAKE


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
    for count in (f"{len(OPS)} operations and {len(COMPOSITES)} composites", f"{len(list(examples()))} examples"):
        assert count in text, f"CHANGELOG.md counts otherwise: there are {count}"


def test_the_page_of_lessons_is_what_the_tables_say() -> None:
    is_made(DOCS / "lesson-format.md", tests.lesson_page.page(), "tests.lesson_page")
