"""docs/network-file.md says what the code does."""

from __future__ import annotations

import re
import tomllib

import tests.file_page
from bptui.model.source.network import from_mapping
from tests.forgotten import is_made
from tests.paths import DOCS

PAGE = DOCS / "network-file.md"


def test_the_page_is_made_from_the_rows():
    is_made(PAGE, tests.file_page.page(), "tests.file_page")


def test_its_examples_run():
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        from_mapping(tomllib.loads(text), "docs").program().record()
