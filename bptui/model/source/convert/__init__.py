"""Models of Keras and PyTorch, said as a network file: `bptui convert FILE`.

A file is recognised by what stands in it: `model.to_json()` of Keras, what `print(model)` of PyTorch writes, a program
that defines a model. It is parsed, never imported or evaluated. What has no counterpart here is named, and stands in
the network file as a comment.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bptui.model.base import syntax
from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text
from bptui.model.source.convert import keras, torch_program, torch_text
from bptui.model.source.convert.piece import Foreign, names, taken
from bptui.model.source.convert.toml import written

MAX_FILE = 2**22
"""Bytes of a file that is converted."""

WEIGHTS = "a table of weights, as of a PyTorch state_dict"


class Converted(NamedTuple):
    """A network file's text, what it was made from, and what of that has no counterpart."""

    text: str
    what: str
    missing: tuple[str, ...]


def convert(path: Path, where: str, model: str = "") -> Converted:
    """The network file of a model in a file; `model`: which, where a program defines several. A UserError where there
    is none."""
    content = read_text(path, where, MAX_FILE)
    found = read(content, path.suffix.lower(), where, model)
    found.pieces = [*map(taken, found.pieces)]
    if not any(piece.layers for piece in found.pieces):
        told = "; ".join(f"{piece.said}: {piece.why}" for piece in found.pieces)
        raise UserError(where, f"{found.what} of which nothing has a counterpart here", told or "it has no layers")
    missing = tuple(f"{piece.said} {piece.why}" for piece in found.pieces if piece.why)
    return Converted(written(found, path.name), found.what, missing)


def read(content: str, suffix: str, where: str, model: str = "") -> Foreign:
    """The model that a text is."""
    if suffix == ".json":
        table = from_json(content, where)
        if isinstance(table, str):  # json.dump(model.to_json(), file): JSON in JSON
            table = from_json(table, where)
        if keras.is_config(table):
            return keras.config(table, where)
        if is_state_dict(table):
            raise UserError(
                where, "holds weights, no model", 'weights = "FILE" in a network file, or run … --weights FILE'
            )
        raise UserError(where, "is no model of Keras", "what model.to_json() writes")
    if suffix in (".py", ".ipynb"):
        return program(notebook(content, where) if suffix == ".ipynb" else content, where, model)
    if torch_text.is_printed(content):
        return torch_text.printed(content, where)
    right = "model.to_json() of Keras in a .json file, print(model) of PyTorch in a text file, or a .py file"
    raise UserError(where, "is no model of Keras or PyTorch", right)


def program(content: str, where: str, model: str) -> Foreign:
    """The model that a program defines."""
    try:
        tree = syntax.program(content)
    except syntax.Unreadable as problem:
        line = f" line {problem.line}" if problem.line else ""
        raise UserError(f"{where}{line}", f"is no Python program that can be read: {problem.what}") from None
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    try:
        if imported & {"keras", "tensorflow", "tf_keras"}:
            return keras.program(tree, names(tree), where)
        return torch_program.program(tree, where, model)
    except RecursionError:
        raise UserError(where, "is nested too deeply to be read", "a model with shorter expressions") from None


def notebook(content: str, where: str) -> str:
    """The program of a notebook's cells, without what is for its shell."""
    table = from_json(content, where)
    cells = table.get("cells") if isinstance(table, Mapping) else None
    if not isinstance(cells, list):
        raise UserError(where, "is no notebook", "a file with cells")
    lines: list[str] = []
    for cell in cells:
        if isinstance(cell, Mapping) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            text = "".join(map(str, source)) if isinstance(source, list) else str(source)
            lines += [line if line.lstrip()[:1] not in ("%", "!", "?") else "" for line in text.splitlines()]
    return "\n".join(lines)


def is_state_dict(table: Any) -> bool:
    """Is it a table of weights: lists, under names such as fc1.weight?"""
    return (
        isinstance(table, Mapping)
        and bool(table)
        and any("." in str(name) for name in table)
        and all(isinstance(item, list | int | float) for item in table.values())
    )


def recognised(path: Path, content: str) -> str:
    """What a file is that was given as a network file, where it is a model or weights of another framework; "" where
    not."""
    try:
        if path.suffix.lower() == ".json":
            table = from_json(content, "")
            if keras.is_config(table):
                return f"a Keras model ({table['class_name']})"
            return WEIGHTS if is_state_dict(table) else ""
    except UserError:
        return ""
    return "a PyTorch module as it is printed" if torch_text.is_printed(content) else ""
