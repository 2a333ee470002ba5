"""The pictures of docs/pytorch.md: `python -m tests.torch_pictures` captures the steps of docs/pytorch/train.py, as the
page does, and makes them. Needs PyTorch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.paths import DOCS, ROOT
from tests.pictures import FOLDER, Typed, drawn_of

PROGRAM = DOCS / "pytorch" / "train.py"
STEP = "train-step7.bptui"
HUNT = {
    "nan-born": Typed(("run", STEP), (120, 36), "x", "the softmax of nothing", "✓ 221"),
    "nan-update": Typed(("run", STEP), (120, 36), ":goto step 0 end\r", "update 28/28", "✓ 221"),
}


def hunted(folder: Path) -> None:
    """The program, and its training steps 7 and 8, in a folder."""
    shutil.copy(PROGRAM, folder)
    words = [sys.executable, "-m", "bptui", "capture", PROGRAM.name, "--when", "nan", "--last", "2"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, env=environment())


def environment() -> dict[str, str]:
    """In which a program in another folder finds this bptui."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def main() -> None:
    """All of them."""
    with TemporaryDirectory() as folder:
        hunted(Path(folder))
        with chdir(folder):
            for name, wanted in HUNT.items():
                (FOLDER / f"{name}.svg").write_text(drawn_of(wanted), encoding="utf-8")


if __name__ == "__main__":
    main()
