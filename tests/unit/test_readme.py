"""What the README tells people to type works: each shell line and the Python block, as they stand there."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bptui import cli
from tests.paths import ROOT
from tests.screens.rig import debug

README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line.split("  #")[0].strip() for line in re.findall(r"^    (bptui .*)$", README, re.MULTILINE)]
LINES.remove("bptui serve")  # it has no end of its own: tests/browser


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "bptui" / "networks" / "xor.toml", tmp_path / "network.toml")
    (tmp_path / "train.py").write_text("from torch import nn\nnet = nn.Sequential(nn.Linear(2, 3), nn.ReLU())\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code = cli.main(shlex.split(line)[1:])
    said = capsys.readouterr()
    found = line.startswith("bptui diagnose")  # exit 1: there is something to be warned of
    assert (code, said.err) == (int(found), "")
    assert said.out


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sigmoid" in done.stdout or "forward 1/" in done.stdout


def test_the_first_forty_lines_say_what_it_is_and_how_to_start() -> None:
    head = "\n".join(README.splitlines()[:40])
    assert "pip install . && bptui" in head
    assert "pip install '.[test]' && pytest" in head
    assert "docs/pictures/debugger.svg" in head
    assert head.count("\n| `") >= 10


KEYS = {"?": "question_mark", ">": "greater_than_sign", "<": "less_than_sign"}
FIRST = README.partition("## A first session")[2].partition("\n## ")[0]
SESSION = re.findall(r"^\| `(\S)` \| (.*) \|$", FIRST, re.MULTILINE)


async def test_the_first_session_shows_what_it_says() -> None:
    """Each key of the table, in its order, at 80x24: what stands in `code` beside it is on the screen then."""
    (target,) = re.findall(r"^    bptui run (\S+)$", FIRST.partition("\n| key")[0], re.MULTILINE)
    assert len(SESSION) >= 10
    async with debug(target, 80, 24) as screen:
        for key, text in SESSION:
            await screen.press(KEYS.get(key, key))
            await screen.derived()
            shown = " ".join(screen.text.split())
            claims = [claim for claim in re.findall(r"`([^`]+)`", text) if claim not in ("r", "<", "q")]
            assert claims
            for claim in claims:
                assert claim in shown, f"after {key}:\n{screen.text}"
        await screen.press("escape")
        await screen.pilot.press("q")
    assert not screen.app.is_running
