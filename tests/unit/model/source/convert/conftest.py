"""A text as a model of another framework, converted."""

from __future__ import annotations

import json
import tomllib

import pytest

from bptui.model.source import convert


@pytest.fixture
def converted(tmp_path):
    """The table of the network file of a text, what is missing in it, and the file."""

    def made(text, name="m.txt", model=""):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        found = convert.convert(path, name, model)
        return tomllib.loads(found.text), found

    return made
