"""A module of PyTorch as `print(model)` writes it. Text is parsed, never evaluated: arguments are numbers and words."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bptui.model.base import syntax
from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.source.convert.piece import Foreign, Piece, Unknown, value
from bptui.model.source.convert.torch_rows import MODULES

MAX_LINES = 100_000
TURNED = (
    "without batch_first=True PyTorch takes (positions, samples, features); here samples come first, and so do data"
)
UNSAID: Mapping[str, str] = {
    "RNN": "its nonlinearity (tanh is taken)",
    **{f"AvgPool{n}d": "its ceil_mode and count_include_pad (their defaults are taken)" for n in (1, 2, 3)},
}
"""What `print(model)` leaves out of a module."""
CONTAINERS = ("Sequential", "ModuleList")
_PRINTED = re.compile(
    r"(?P<indent>\s*)(?:\((?P<name>[\w-]+)\): )?(?:(?P<count>\d+) x )?(?P<kind>[A-Za-z_]\w*)\((?P<rest>.*)"
)


def is_printed(content: str) -> bool:
    """Is it what `print(model)` writes: a class, then its modules in brackets, a line each?"""
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines or not (first := _PRINTED.fullmatch(lines[0])):
        return False
    if len(lines) == 1:
        return first["kind"] in MODULES and first["rest"].endswith(")")
    return not first["rest"].strip() and re.match(r"\s+\(\S+\): ", lines[1]) is not None


def printed(content: str, where: str) -> Foreign:
    """The model of a printed module."""
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        raise UserError(where, f"{len(lines):,} lines", f"at most {MAX_LINES:,}")
    pieces: list[Piece] = []
    notes: list[str] = []
    top, inside = "", -1  # inside: how far a module is set in whose parts are passed over; -1: none
    for number, line in enumerate(lines, 1):
        depth = len(line) - len(line.lstrip())
        if inside >= 0:
            inside = -1 if depth <= inside and line.strip() == ")" else inside
            continue
        if line.strip() == ")":
            continue
        found = _PRINTED.fullmatch(line.rstrip())
        if found is None:
            raise UserError(f"{where} line {number}", f"'{one_line(line.strip(), 60)}' is no printed module",
                            "what print(model) writes, from its first line to its last")  # fmt: skip
        name, kind, rest = found["name"] or "", found["kind"], found["rest"]
        if not rest.endswith(")"):
            if top and (kind not in CONTAINERS or found["count"]):
                said = f"{found['count']} x {kind}" if found["count"] else kind
                pieces.append(Piece(said, why="is a module whose forward is not printed", name=name))
                inside = depth
            top = top or kind
            continue
        if kind in UNSAID and (note := f"a printed {kind} does not say {UNSAID[kind]}") not in notes:
            notes.append(note)
        pieces.append(_leaf(kind, rest[:-1], name))
    if top and top not in CONTAINERS:
        notes.insert(0, f"{top}: what its forward does between its modules (activations, flatten) does not stand in a "
                     f"printed module; bptui convert PROGRAM.py reads it")  # fmt: skip
    return Foreign("a PyTorch module as it is printed", pieces, notes=notes + turned(pieces))


def turned(pieces: Sequence[Piece]) -> list[str]:
    return [TURNED] if any(piece.turned for piece in pieces) else []


def _leaf(kind: str, arguments: str, name: str) -> Piece:
    """One module, `Linear` with `in_features=3, out_features=4`."""
    said = one_line(f"{kind}({arguments})", 80)
    try:
        lines = syntax.parse(f"f({arguments})", syntax.EXPRESSION).body
    except syntax.Unreadable:
        return Piece(said, why="is not read", name=name)
    call = lines[0].value if len(lines) == 1 and isinstance(lines[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or kind not in MODULES:
        return Piece(said, why="is no kind of layer here", name=name)
    words = {node.id: node.id for node in ast.walk(call) if isinstance(node, ast.Name)}  # padding=same has no quotes
    return piece_of(kind, said, name, call, words)


def piece_of(kind: str, said: str, name: str, call: ast.Call, known: Mapping[str, Any], first: int = 0) -> Piece:
    """A module from its call, without its first `first` arguments."""
    try:
        positional = [value(item, known) for item in call.args[first:]]
        named = {item.arg: value(item.value, known) for item in call.keywords if item.arg and item.arg != "training"}
    except (Unknown, RecursionError) as problem:
        return Piece(said, why=str(problem), name=name)
    return MODULES[kind].piece(said, name, positional, named)
