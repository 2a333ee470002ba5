"""What a formula is given in the shell: values of its names, what is trained, and by what. Imports no NumPy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bptui.model.base.documents import from_json, toml
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text
from bptui.model.base.prose import shorten

MAX_VALUE = 2**24
_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_INF = re.compile(r"\binf\b")


def values(words: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE words, each value being JSON, in which inf is said as in a formula."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            right = "x=2 or w='[[1, 2], [3, 4]]'; of --train: w,b"
            if "=" in words:
                right = 'no blanks around its =, and a formula in quotes: bptui eval "L = (y - w*x)**2" x=2'
            raise UserError(word[:60], "is not NAME=VALUE", right)
        if name in found:
            raise UserError(name, "has two values", "one value for each name")
        found[name] = json_value(_INF.sub("Infinity", text), name)
    return found


def json_value(text: str, where: str) -> Any:
    """A value of a name: JSON."""
    if len(text) > MAX_VALUE:
        raise UserError(where, f"{len(text):,} characters", f"at most {MAX_VALUE:,}; --values FILE.npz takes more")
    try:
        return from_json(text, where)
    except UserError as problem:
        if problem.right:
            raise
        raise UserError(
            where, f"'{shorten(text, 40)}' is not JSON", "a number or a list: 2, -0.5, [[1, 2], [3, 4]]"
        ) from None


def values_file(name: str) -> dict[str, Any]:
    """The values of a .json file, or (NumPy is imported then) of an .npz file, by name."""
    if name.lower().endswith(".npz"):
        from bptui.model.source.datasets import read_npz

        return dict(read_npz(Path(name), "--values"))
    if not name.lower().endswith(".json"):
        raise UserError("--values", f"'{name[:100]}' is neither .json nor .npz")
    text = read_text(name, "--values", MAX_VALUE, "an .npz file takes more")
    found = json_value(text, f"--values {name[:100]}")
    if not isinstance(found, dict):
        raise UserError("--values", f"{name[:100]} is not a table of names", '{"x": 2, "w": [1, 2]}')
    return found


def together(words: Sequence[str], file: str | None) -> dict[str, Any]:
    """The values of the words and of a file; a name may be in one of them only."""
    here, there = values(words), values_file(file) if file else {}
    if both := sorted(set(here) & set(there)):
        raise UserError(both[0], "has two values", "NAME=VALUE, or in the file of --values")
    return {**there, **here}


def names(text: str | None) -> list[str] | None:
    """`w,b` → ["w", "b"]; None where nothing was said."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    for name in found:
        if not _NAME.fullmatch(name):
            raise UserError("--train", f"'{name[:40]}' is not a name", "--train w,b")
    return found


def optimizer(text: str | None, rate: float | None) -> dict[str, Any]:
    """The [optimizer] table of `adam`, or of `adam, beta1 = 0.8` (a TOML table without its braces), and of --lr."""
    if rate is not None and not 0 < rate < float("inf"):
        raise UserError("--lr", f"found {rate}", "a number greater than 0")
    if text is None:
        return {"kind": "sgd", "learning_rate": 0.1 if rate is None else rate}
    inner = text.strip()
    if inner[:1] == "{" and inner[-1:] == "}":
        inner = inner[1:-1].strip()
    kind, _, rest = inner.partition(",")
    words = inner if "=" in kind else f'kind = "{kind.strip()}", {rest}'.rstrip(", ")
    try:
        found: dict[str, Any] = toml(f"o = {{{words}}}", "--optimizer")["o"]
    except UserError:
        raise UserError(
            "--optimizer", f"'{text[:60]}' is no table", "adam, or 'adam, beta1 = 0.8, eps = 1e-6'"
        ) from None
    if rate is not None and "learning_rate" in found:
        raise UserError("--lr", "has two values", "here, or as learning_rate in --optimizer")
    return found if rate is None else {**found, "learning_rate": rate}
