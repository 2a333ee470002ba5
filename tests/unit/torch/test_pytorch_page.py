"""docs/pytorch.md: each line that one types in it, and what it says then; its three lines; its pictures."""

from __future__ import annotations

import io
import re
import runpy
import shlex
import shutil
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

pytest.importorskip("torch")

import bptui
from bptui import cli, plain
from bptui.model.debugger.session import Session
from bptui.targets import load_named
from tests.paths import DOCS
from tests.pictures import FOLDER, text_of
from tests.screens.rig import debug
from tests.torch_pictures import HUNT, PROGRAM

PAGE = (DOCS / "pytorch.md").read_text(encoding="utf-8")
REPAIRED = "        padding = padding & ~padding.all(dim=1, keepdim=True)\n"
FIRST = "        x = self.letters(words)"


def spaced(rows: list[str]) -> list[str]:
    """Rows with one space for many."""
    return [" ".join(row.split()) for row in rows]


@pytest.fixture(scope="module")
def hunt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program of the page and the one that was repaired, in which its first two lines were typed."""
    folder = tmp_path_factory.mktemp("hunt")
    shutil.copy(PROGRAM, folder)
    text = PROGRAM.read_text(encoding="utf-8")
    assert REPAIRED.strip() in PAGE
    (folder / "repaired.py").write_text(text.replace(FIRST, REPAIRED + FIRST), encoding="utf-8")
    for command, rows in consoles():
        if not command.startswith("bptui diagnose"):
            check_command(command, rows, folder)
    return folder


def consoles() -> list[tuple[str, list[str]]]:
    """(command, what is said of it in the page), in their order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    found = []
    for part in "".join(blocks).split("$ ")[1:]:
        command, *rows = part.splitlines()
        found.append((command, rows))
    return found


def check_command(command: str, rows: list[str], folder: Path) -> None:
    """Run what it runs, in the folder, where PyTorch is loaded already: every row of the page is said, in order."""
    program, *words = shlex.split(command)
    bits = io.BytesIO()
    printed = io.TextIOWrapper(bits, "utf-8", write_through=True)
    with chdir(folder), redirect_stdout(printed), redirect_stderr(printed):
        if program == "bptui":
            assert cli.main(words) in (0, 1)
        else:
            runpy.run_path(*words, run_name="__main__")
    said = spaced(bits.getvalue().decode().splitlines())
    for row in spaced(rows):
        assert row in said, "\n".join([row, "", *said])
        del said[: said.index(row) + 1]


def test_what_diagnose_says(hunt: Path) -> None:
    asked = [(command, rows) for command, rows in consoles() if command.startswith("bptui diagnose")]
    assert len(asked) == 3
    for command, rows in asked:
        check_command(command, rows, hunt)


def test_what_plain_mode_says(hunt: Path) -> None:
    """Every line under a command is said by it, in that order."""
    count = 0
    for block in re.findall(r"```\n(bptui run .*?)```", PAGE, re.DOTALL):
        first, *rows = block.splitlines()
        (target,) = re.findall(r"^bptui run (\S+) --plain$", first)
        said: list[str] = []
        front = plain.Plain(Session(load_named(str(hunt / target))), said.append, said.append)
        for row in rows:
            if row.startswith(plain.PROMPT):
                said.clear()
                front.command(row.removeprefix(plain.PROMPT))
                count += 1
                continue
            found = spaced(said)
            assert " ".join(row.split()) in found, "\n".join([row, "", *found])
            del said[: found.index(" ".join(row.split())) + 1]
    assert count >= 12


def test_the_three_lines(hunt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(hunt))
    import torch
    import train  # type: ignore[import-not-found]

    (lines,) = re.findall(r"```python\nimport bptui\n(.*?)```", PAGE, re.DOTALL)
    model = train.Sorter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    names = {"bptui": bptui, "model": model, "optimizer": optimizer}
    with chdir(hunt):
        exec(lines, {**names, "train_step": train.train_step, "words": train.words})
        network = load_named("step.bptui")
    assert len(network.graph.params) == 28


@pytest.mark.parametrize("name", HUNT)
async def test_a_picture_shows_what_is_typed(name: str, hunt: Path) -> None:
    """But for numbers, which another processor may round otherwise."""
    wanted = HUNT[name]
    with chdir(hunt):
        async with debug(lambda: load_named(wanted.words[-1]), *wanted.size) as screen:
            for part in re.findall(r":[^\r]*\r|.", wanted.keys):
                if part.startswith(":"):
                    await screen.run(part[1:].strip())
                else:
                    await screen.press(part)
                await screen.settle()
            await screen.derived()
            rows = screen.rows
    drawn = text_of((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    assert wanted.mark in "\n".join(rows)
    assert masked(drawn) == masked(rows), "python -m tests.torch_pictures"


def masked(rows: list[str]) -> list[str]:
    """Words and marks, without the name of the target, the footer, all digits, and the badges of the list, which are
    found in the background."""
    return [" ".join(re.sub(r"[-+]?\d[\d.,e-]*", "#", row).replace("✓", "").split()) for row in rows[1:-1]]
