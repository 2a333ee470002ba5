"""The examples by name, and what their files say of themselves. Imports no NumPy: the home screen lists them before."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "networks"
"""Where they are, with their data."""
ORDER = (
    "darts", "chain", "boxes", "lesson-2-2-1", "mazur", "xor", "xor-stuck", "cs231n-neuron", "two-paths",
    "deep-sigmoid", "deep-relu", "deep-explode", "classifier", "swoosh", "spring", "lenet", "resnet-block", "lstm",
    "transformer",
)  # fmt: skip
"""The examples in the order in which one would meet them; others follow by name."""


class Example(NamedTuple):
    """name, what it is about in a line, where its numbers come from, and what to look at in it."""

    name: str
    about: str
    source: str
    story: tuple[str, ...] = ()


@cache
def catalogue() -> tuple[Example, ...]:
    """All examples, in the order of the list."""
    found = {path.stem for path in FOLDER.glob("*.toml")}
    rows = []
    for name in (*(name for name in ORDER if name in found), *sorted(found - set(ORDER))):
        file = tomllib.loads(text_of(name))
        about, *story = str(file.get("about", "")).split("\n")
        rows.append(Example(name, about, str(file.get("source", "")), tuple(story)))
    return tuple(rows)


def examples() -> list[tuple[str, str]]:
    """(name, one line) of every example."""
    return [(row.name, row.about) for row in catalogue()]


def text_of(name: str) -> str:
    """The text of an example's file."""
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
