"""docs/diff.md: every command in it does what stands there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from math import isclose
from pathlib import Path

import pytest

from bptui import cli
from bptui.model.base.spans import plain
from tests.diff_page import PICTURE, rows
from tests.paths import ROOT
from tests.pictures import text_of

PAGE = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-?\d+")


def alike(said: str, wanted: str) -> bool:
    """The same words, and numbers that are the same but for the processor's rounding."""
    texts = [" ".join(NUMBER.sub("#", each).split()) for each in (said, wanted)]
    numbers = [[float(x) for x in NUMBER.findall(each)] for each in (said, wanted)]
    return texts[0] == texts[1] and all(isclose(x, y, rel_tol=0.02) for x, y in zip(*numbers, strict=True))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][:30])
def test_the_page_says_what_is_said(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "capture" in block:
        pytest.importorskip("torch")
    shutil.copy(ROOT / "docs" / "diff" / "step.py", tmp_path / "step.py")
    monkeypatch.chdir(tmp_path)
    if "diff a.bptui" in block and "--to a.bptui" not in block:
        cli.main(shlex.split("capture step.py --step 0 --to a.bptui"))
    said: list[str] = []
    for row in block.splitlines():
        if row.startswith("$ bptui "):
            capsys.readouterr()
            code = cli.main(shlex.split(row)[2:])
            said = capsys.readouterr().out.splitlines()
            assert code == (" diff " in row and "✓ equal" not in "".join(said))
            continue
        found = next((n for n, line in enumerate(said) if alike(line, row)), None)
        assert found is not None, f"{row}\n" + "\n".join(said)
        del said[: found + 1]
    if "b.bptui" in block:
        drawn, shown = text_of(PICTURE.read_text(encoding="utf-8")), [plain(row) for row in rows()]
        first = next(n for n, row in enumerate(drawn) if "2 Operations" in row)  # dots may move by one
        assert len(drawn) == len(shown)
        assert all(map(alike, shown[first:], drawn[first:])), "python -m tests.diff_page"


def test_the_json_of_the_page_has_the_keys_that_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    shown = json.loads(block)
    cli.main(["diff", "deep-sigmoid", "deep-relu", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert list(shown) == list(found)
    assert list(shown["first"]) == list(found["first"])
    assert list(shown["rows"][0]) == list(found["rows"][0])
    assert list(shown["first"]["settings"][0]) == ["name", "a", "b"]
    assert list(found["first"]["inputs"][0]) == ["name", "difference", "note"]
