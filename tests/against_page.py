"""docs/against.md: `python -m tests.against_page > docs/against.md`. What stands under a command is what it prints."""

from __future__ import annotations

import io
import json
import re
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from bptui.cli import main

TEMPLATE = Path(__file__).with_name("against_page.md")

NETWORK = """\
name = "by-hand"
[data]
inputs  = [[0.5, -1.0], [1.5, 2.0], [0.25, 1.0]]
targets = [[1.0], [0.0], [0.5]]
[[layers]]
kind = "dense"
units = 2
activation = "sigmoid"
weight = [[0.1, 0.2], [-0.3, 0.4]]
bias = [0.0, 0.1]
[[layers]]
kind = "dense"
units = 1
weight = [[0.7], [-0.6]]
bias = [0.2]
[loss]
kind = "mse"
[optimizer]
kind = "adam"
learning_rate = 0.01
"""

SCRIPT = """\
z1 = x @ W1 + b1
a1 = 1 / (1 + np.exp(-z1))
p = a1 @ W2 + b2
d2 = 2 * (p - y) / len(y)
dW2, db2 = a1.T @ d2, d2.sum(0)
d1 = d2 @ W2.T  # what is missing here?
dW1, db1 = x.T @ d1, d1.sum(0)
"""

ADAM = """\
m = 0.9 * m + 0.1 * g
v = 0.999 * v + 0.001 * g**2
w = w - 0.01 * m / (np.sqrt(v) + 1e-8)
"""


def by_hand(mended: bool) -> dict[str, Any]:
    """What the script of the page makes of the first step."""
    x, y = np.array([[0.5, -1.0], [1.5, 2.0], [0.25, 1.0]]), np.array([[1.0], [0.0], [0.5]])
    w1, b1 = np.array([[0.1, 0.2], [-0.3, 0.4]]), np.array([0.0, 0.1])
    w2, b2 = np.array([[0.7], [-0.6]]), np.array([0.2])
    a1 = 1 / (1 + np.exp(-(x @ w1 + b1)))
    d2 = 2 * (a1 @ w2 + b2 - y) / len(y)
    d1 = d2 @ w2.T * (a1 * (1 - a1) if mended else 1)
    found = {"dW1": x.T @ d1, "db1": d1.sum(0), "dW2": a1.T @ d2, "db2": d2.sum(0)}
    return {name: np.round(array, 4).tolist() for name, array in found.items()}


def three_steps() -> dict[str, Any]:
    """layer2.bias after three steps of the page's Adam."""
    from bptui.model.source.network import load

    program = load("by-hand.toml").program()
    m = v = w = np.array([0.0])
    for step in range(3):
        recording = program.record()
        g = np.asarray(recording.grad("layer2.bias"))
        w = np.asarray(recording.before("layer2.bias"))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        assert recording.step == step
    return {"updates": {"layer2.bias": (w - 0.01 * m / (np.sqrt(v) + 1e-8)).tolist()}}


def shown(command: str, *argv: str) -> str:
    """A command, and what it printed."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out), redirect_stderr(out):
        main(list(argv))
    out.flush()
    text = re.sub(r"\d+ (ms|ok)\b", r"… \1", out.buffer.getvalue().decode())  # type: ignore[attr-defined]
    lines = "\n".join(f"    {row}".rstrip() for row in text.splitlines())
    return f"    $ {command}\n{lines}"


def formula(*claims: str) -> str:
    """Claims about the formula of the page."""
    argv = [
        "check",
        "--formula",
        "L = (y - w*x)**2",
        "x=2",
        "y=2",
        "w=0.5",
        *(w for c in claims for w in ("--claim", c)),
    ]
    said = " ".join(f'--claim "{c}"' for c in claims)
    return shown(f'bptui check --formula "L = (y - w*x)**2" x=2 y=2 w=0.5 {said}', *argv)


def page() -> str:
    """The page."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        write("by-hand.toml", NETWORK)
        write("mine.json", json.dumps(by_hand(False)))
        check = "bptui check by-hand.toml --against mine.json"
        compared = shown(check, "check", "by-hand.toml", "--against", "mine.json")
        mine = "{" + ",\n ".join(f'"{name}": {json.dumps(array)}' for name, array in by_hand(False).items()) + "}"
        write("mine.json", json.dumps(by_hand(True)))
        mended = shown(check, "check", "by-hand.toml", "--against", "mine.json")
        write("adam.json", json.dumps(three_steps()))
        updated = shown("bptui check by-hand.toml --at 2 --against adam.json", "check", "by-hand.toml", "--at", "2",
                        "--against", "adam.json")  # fmt: skip
        soft = "layer2.weight = layer1.a.T @ (2/N*(prediction - y))"
        return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
            network=NETWORK, script=SCRIPT, adam=ADAM, mine=mine, compared=compared, mended=mended, updated=updated,
            claims=f'{formula("w = -2*x*(y - w*x)", "w = -2*(y - w*x)")}\n\n{formula("w = -2*x")}',
            soft=shown(f'bptui check by-hand.toml --claim "{soft}"', "check", "by-hand.toml", "--claim", soft),
        )  # fmt: skip


def write(name: str, text: str) -> None:
    """A file in the folder where the commands run."""
    Path(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(page(), end="")
