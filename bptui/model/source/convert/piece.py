"""What a model of another framework is made of, and what is read as a number of it. Nothing is ever evaluated."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bptui.model.base.printable import one_line
from bptui.model.source.layers import KINDS

LARGEST = 2**40
"""Whole numbers in a program that are worked out are smaller."""
POSITIONS = 6
"""Of a sequence whose length no one says."""


@dataclass(frozen=True)
class Piece:
    """One layer of another framework.

    said    as it stands there, for messages
    layers  the tables of [[layers]] that do the same; none: it does nothing here (Identity)
    why     what is missing, where bptui has no such layer
    name    what it is called there
    reads   the size of the last axis, or of the channels, that it expects; 0 where it does not say
    turned  does it take (positions, samples, features), where all here take samples first?
    """

    said: str
    layers: tuple[Mapping[str, Any], ...] = ()
    why: str = ""
    name: str = ""
    reads: int = 0
    turned: bool = False


@dataclass
class Foreign:
    """A model that was read: `what` it is, its pieces in order, the shape of one input as bptui has it (None: it is not
    said), loss and optimizer as tables ({}: not said), what is to be said of it."""

    what: str
    pieces: list[Piece]
    shape: tuple[int, ...] | None = None
    loss: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Unknown(Exception):
    """A piece has no counterpart: why; or these layers have a part of what it does."""

    def __init__(self, why: str, *layers: Mapping[str, Any]) -> None:
        super().__init__(why)
        self.layers = layers


Build = Callable[[Mapping[str, Any]], "Mapping[str, Any] | Sequence[Mapping[str, Any]]"]


@dataclass(frozen=True)
class Row:
    """A kind of layer of another framework: its arguments in their order, the table that does the same, and which
    argument says how much it reads."""

    arguments: tuple[str, ...]
    build: Build
    reads: str = ""

    def piece(self, said: str, name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Piece:
        """The layer with these arguments."""
        given = {**dict(zip(self.arguments, positional, strict=False)), **named}
        try:
            if len(positional) > len(self.arguments):
                raise Unknown(f"takes {len(self.arguments)} values")
            made = self.build(given)
        except Unknown as problem:
            return Piece(said, problem.layers, str(problem), name)
        except KeyError as missing:
            return Piece(said, why=f"does not say its {missing.args[0]}", name=name)
        except (TypeError, ValueError, AttributeError):
            return Piece(said, why="has values that were not expected", name=name)
        layers = (made,) if isinstance(made, Mapping) else tuple(made)
        reads = given.get(self.reads, 0)
        turned = "batch_first" in self.arguments and not given.get("batch_first", False)
        return Piece(said, layers, "", name, reads if type(reads) is int else 0, turned)


def taken(piece: Piece) -> Piece:
    """A piece as it was read, or as one that is missing where a network file does not take a value of its layers."""
    for table in piece.layers:
        keys = KINDS[table["kind"]].keys
        for name in keys.keys() & table.keys():
            try:
                keys[name].check(table[name])
            except ValueError as problem:
                return replace(piece, layers=(), why=piece.why or f"{name}: {problem}")
    return piece


def layer(kind: str, **settings: Any) -> dict[str, Any]:
    """A table of [[layers]]; without what is None."""
    return {"kind": kind, **{key: value for key, value in settings.items() if value is not None}}


def differs(value: Any, default: Any) -> Any:
    """A value, or None where it is the default, so that it is not written."""
    value = list(value) if isinstance(value, tuple) else value
    if isinstance(value, list) and len(set(map(str, value))) == 1:
        value = value[0]
    return None if value == default else value


def kept(a: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """The settings that are not as their defaults there, and are called the same here."""
    return {key: differs(a.get(key, default), default) for key, default in defaults.items()}


def refuse(a: Mapping[str, Any], *keys: str) -> None:
    """Unknown where one of these settings is given."""
    if given := next((key for key in keys if a.get(key)), None):
        raise Unknown(f"{given} is not known")


def named(piece: Piece) -> dict[str, str]:
    """The name of a layer inside of another, where it has one."""
    plain = len(piece.layers) == 1 and piece.name.isidentifier() and len(piece.name) <= 30
    return {"name": piece.name} if plain else {}


# ------------------------------------------------------------------------------------------------- values in programs
_SIGNS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}  # fmt: skip


def value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """A number, a text or a list that stands in a program, with names that stand for such; sums and products of
    numbers are worked out. Unknown where it is anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool | None):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return [value(item, known) for item in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(value(node.operand, known))
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        sides = _number(value(node.left, known)), _number(value(node.right, known))
        try:
            return _number(_SIGNS[type(node.op)](*sides))
        except (ZeroDivisionError, OverflowError):
            raise Unknown(f"has no number {text(node)}") from None
    word = dotted(node)
    if word and word in known:
        return known[word]
    raise Unknown(f"{text(node)} is no number that stands in the file")


def _number(found: Any) -> Any:
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) >= LARGEST:
        raise Unknown(f"{one_line(str(found)[:30], 30)} is no number that is worked out")
    return found


def dotted(node: ast.expr) -> str:
    """`nn.Linear` of a name with dots; "" of anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def text(node: ast.AST) -> str:
    """What stands in a program, in one short line."""
    try:
        return one_line(ast.unparse(node), 60)
    except RecursionError:
        return "what stands there"


def names(tree: ast.AST) -> dict[str, Any]:
    """Names that stand for one number or text in the whole program: constants and defaults of arguments; and under
    `name()` the call that a name stands for."""
    found: dict[str, Any] = {}
    twice: set[str] = set()
    for name, node in _named(tree):
        try:
            number = value(node, found)
        except (Unknown, RecursionError):
            twice.add(name)
            if isinstance(node, ast.Call):
                found[f"{name}()"] = node
            continue
        if name in found and found[name] != number:
            twice.add(name)
        found[name] = number
    return {name: number for name, number in found.items() if name not in twice}


def _named(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((dotted(target), node.value) for target in node.targets if dotted(target))
        elif isinstance(node, ast.FunctionDef):
            arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            yield from ((a.arg, d) for a, d in zip(arguments, node.args.defaults, strict=True))
