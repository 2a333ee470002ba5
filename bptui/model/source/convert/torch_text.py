"""PyTorch's models as text: a module as `print(model)` writes it, and a program that defines one. Text is parsed, never
evaluated: a program's model is read from its syntax tree, a module's arguments are numbers and words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bptui.model.base import syntax
from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.engine.schedules import CLASSES
from bptui.model.source.convert.piece import Foreign, Piece, Unknown, dotted, text, value
from bptui.model.source.convert.torch_rows import FUNCTIONS, LOSSES, MODULES, OPTIMIZERS, PER_STEP, optimizer, schedule
from bptui.model.source.layers import KINDS

MAX_LINES = 100_000
CAPTURE = "bptui capture SCRIPT.py takes a training step of any program as it is"
UNSAID: Mapping[str, str] = {
    "RNN": "its nonlinearity (tanh is taken)",
    **{f"AvgPool{n}d": "its ceil_mode and count_include_pad (their defaults are taken)" for n in (1, 2, 3)},
}
"""What `print(model)` leaves out of a module."""
WEIGHTED = frozenset({"train", "heads", "layers"})
"""Keys of kinds of layers that have weights, or whose parts do."""
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
    return Foreign("a PyTorch module as it is printed", pieces, notes=notes)


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
    return _piece(kind, said, name, call, words)


def _piece(kind: str, said: str, name: str, call: ast.Call, known: Mapping[str, Any], first: int = 0) -> Piece:
    """A module from its call, without its first `first` arguments."""
    try:
        positional = [value(item, known) for item in call.args[first:]]
        named = {item.arg: value(item.value, known) for item in call.keywords if item.arg and item.arg != "training"}
    except (Unknown, RecursionError) as problem:
        return Piece(said, why=str(problem), name=name)
    return MODULES[kind].piece(said, name, positional, named)


# ------------------------------------------------------------------------------------------------------------ programs
def program(tree: ast.Module, where: str, wanted: str = "") -> Foreign:
    """The model that a program defines: of a class the layers that its `forward` goes through, or a Sequential.
    `wanted`: which, where it defines several."""
    known = names(tree)
    models: dict[str, ast.ClassDef | ast.Call] = {
        node.name: node for node in tree.body if isinstance(node, ast.ClassDef) and _method(node, "forward")
    }
    inside = {id(inner) for node in models.values() for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in inside or not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        if dotted(node.value.func).endswith("Sequential"):
            models[dotted(node.targets[0])] = node.value
    if not models:
        right = f"a class with a forward, or nn.Sequential(…); {CAPTURE}"
        raise UserError(where, "no PyTorch model is defined in it", right)
    if wanted and wanted not in models:
        raise UserError(where, f"'{one_line(wanted, 40)}' is no model in it", ", ".join(models))
    if len(models) > 1 and not wanted:
        several = ", ".join(list(models)[:8])
        raise UserError(where, f"several models: {several}", f"bptui convert FILE {list(models)[-1]}")
    name = wanted or next(iter(models))
    model = models[name]
    pieces = _sequential(model, known, where) if isinstance(model, ast.Call) else _Class(model, known, where).pieces()
    found = Foreign(f"a PyTorch program's {one_line(name, 40)}", pieces)
    _training(tree, known, found)
    return found


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


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == name), None)


def _sequential(call: ast.Call, known: Mapping[str, Any], where: str, name: str = "") -> list[Piece]:
    """The modules of `nn.Sequential(…)`, of those in it too, one after the other."""
    items: Sequence[ast.expr] = call.args
    if len(items) == 1 and isinstance(items[0], ast.Call) and dotted(items[0].func).endswith("OrderedDict"):
        pairs = items[0].args[0].elts if items[0].args and isinstance(items[0].args[0], ast.List) else []
        items = [pair.elts[1] for pair in pairs if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
    return [piece for item in items for piece in _module(item, known, where, name)]


def _module(node: ast.expr, known: Mapping[str, Any], where: str, name: str = "") -> list[Piece]:
    """The pieces of `nn.Linear(3, 4)`, `nn.Sequential(…)`."""
    if not isinstance(node, ast.Call):
        return [Piece(text(node), why="is no module that stands in the file", name=name)]
    kind = dotted(node.func).rpartition(".")[2]
    if kind == "Sequential":
        return _sequential(node, known, where)
    if kind == "TransformerEncoder":
        return [_encoder(node, known, name)]
    if kind not in MODULES:
        return [Piece(text(node), why="is no kind of layer here", name=name)]
    return [_piece(kind, text(node), name, node, known)]


def _encoder(node: ast.Call, known: Mapping[str, Any], name: str) -> Piece:
    """`nn.TransformerEncoder(layer, num_layers, norm)`, where `layer` stands there or under a name in the program."""
    said = dict(zip(("encoder_layer", "num_layers", "norm"), node.args, strict=False))
    said |= {item.arg: item.value for item in node.keywords if item.arg}
    inner = said.get("encoder_layer")
    inner = known.get(f"{dotted(inner)}()") if inner is not None and not isinstance(inner, ast.Call) else inner
    if not isinstance(inner, ast.Call) or "num_layers" not in said:
        return Piece(text(node), why="has no layer that stands in the file", name=name)
    piece = _piece("TransformerEncoderLayer", text(node), name, inner, known)
    if piece.why:
        return piece
    try:
        count = value(said["num_layers"], known)
    except Unknown as problem:
        return Piece(text(node), why=str(problem), name=name)
    norm = isinstance(said.get("norm"), ast.Call)
    return replace(piece, layers=({**piece.layers[0], "layers": count, "final_norm": norm},))


def named(piece: Piece) -> dict[str, str]:
    """The name of a layer inside of another, where it has one."""
    plain = len(piece.layers) == 1 and piece.name.isidentifier() and len(piece.name) <= 30
    return {"name": piece.name} if plain else {}


class _Class:
    """A class with modules and a forward that goes through them one after the other."""

    def __init__(self, node: ast.ClassDef, known: Mapping[str, Any], where: str) -> None:
        self.node, self.known, self.where = node, {**known, "self.training": True}, where
        self.members: dict[str, list[Piece]] = {}
        self.used: set[str] = set()
        for item in ast.walk(node):
            if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call):
                for target in map(dotted, item.targets):
                    if target.startswith("self."):
                        name = target.removeprefix("self.")
                        self.members[name] = _module(item.value, self.known, where, name)

    def pieces(self) -> list[Piece]:
        """What forward goes through."""
        forward = _method(self.node, "forward")
        assert forward is not None
        if len(forward.args.args) != 2:
            raise self.fail(forward, "forward has not one input")
        chains: dict[str, list[Piece]] = {forward.args.args[1].arg: []}
        for line in forward.body:
            if isinstance(line, ast.Return) and line.value is not None:
                return self.chain(line.value, chains)
            if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
                continue
            target = line.targets[0] if isinstance(line, ast.Assign) and len(line.targets) == 1 else None
            if isinstance(target, ast.Tuple):  # out, hidden = self.lstm(x)
                target = target.elts[0]
            if not isinstance(target, ast.Name) or not isinstance(line, ast.Assign):
                raise self.fail(line, f"'{text(line)}' is no step from layer to layer")
            chains[target.id] = self.chain(line.value, chains)
        raise self.fail(forward, "forward returns nothing")

    def chain(self, node: ast.expr, chains: Mapping[str, list[Piece]]) -> list[Piece]:
        """The pieces that lead from the input to a value."""
        if isinstance(node, ast.Name) and node.id in chains:
            return chains[node.id]
        if isinstance(node, ast.Subscript):
            return self.last(node, self.chain(node.value, chains))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.residual(node, self.chain(node.left, chains), self.chain(node.right, chains))
        if isinstance(node, ast.Call):
            function = dotted(node.func)
            root, _, word = function.rpartition(".")
            # attention of a sequence to itself takes it three times
            if root == "self" and word in self.members and len({ast.unparse(item) for item in node.args}) == 1:
                return [*self.chain(node.args[0], chains), *self.member(node, word)]
            if isinstance(node.func, ast.Call) and len(node.args) == 1:  # nn.ReLU()(x)
                return [*self.chain(node.args[0], chains), *_module(node.func, self.known, self.where)]
            if isinstance(node.func, ast.Attribute) and root.partition(".")[0] not in ("F", "nn", "torch", "self"):
                return [*self.chain(node.func.value, chains), self.method(node, node.func.attr)]
            if word in FUNCTIONS and node.args:
                return [*self.chain(node.args[0], chains), _piece(FUNCTIONS[word], text(node), "", node, self.known, 1)]
        raise self.fail(node, f"'{text(node)}' is more than one layer after another")

    def member(self, node: ast.Call, word: str) -> list[Piece]:
        """The pieces of `self.word`. What has weights is gone through once: here each layer has its own."""
        pieces = self.members[word]
        kinds = {table["kind"] for piece in pieces for table in piece.layers}
        if word in self.used and any(not WEIGHTED.isdisjoint(KINDS[kind].keys) for kind in kinds):
            raise self.fail(node, f"self.{word[:40]} is gone through twice, with the same weights")
        self.used.add(word)
        return pieces

    def residual(self, node: ast.BinOp, left: list[Piece], right: list[Piece]) -> list[Piece]:
        """`x + f(x)`: what f adds to x are the layers of a residual block."""
        short, long = sorted((left, right), key=len)
        added = long[len(short) :]
        if not added or any(a is not b for a, b in zip(short, long, strict=False)):
            raise self.fail(node, f"'{text(node)}' is no sum of x and what layers make of it")
        if missing := next((piece for piece in added if piece.why), None):
            return [*short, missing]
        tables = [{**table, **named(piece)} for piece in added for table in piece.layers]
        return [*short, Piece(text(node), ({"kind": "residual", "layers": tables},))]

    def method(self, node: ast.Call, word: str) -> Piece:
        """`x.relu()`, and `x.view(x.size(0), -1)`, which makes one axis of all but the first."""
        if word in ("view", "reshape") and len(node.args) == 2:
            return Piece(text(node), ({"kind": "flatten"},))
        if word in FUNCTIONS:
            return _piece(FUNCTIONS[word], text(node), "", node, self.known)
        raise self.fail(node, f"'.{word[:30]}(…)' is not known")

    def last(self, node: ast.Subscript, before: list[Piece]) -> list[Piece]:
        """`out[:, -1]` of a recurrent layer: its last hidden state. `[0]` of its pair: all of them."""
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        words = [text(item) for item in index]
        recurrent = bool(before) and bool(before[-1].layers) and before[-1].layers[-1].get("sequence") is True
        pair = recurrent or (bool(before) and bool(before[-1].layers) and before[-1].layers[-1]["kind"] == "attention")
        if pair and words == ["0"]:
            return before
        if recurrent and words in ([":", "-1"], [":", "-1", ":"]):
            *rest, end = before
            if end.layers[-1].get("bidirectional"):
                raise self.fail(node, "the last position of both directions is not what sequence = false takes")
            made = {key: item for key, item in end.layers[-1].items() if key != "sequence"}
            return [*rest, Piece(end.said, (made,), end.why, end.name, end.reads)]
        raise self.fail(node, f"'{text(node)}' is not known")

    def fail(self, node: ast.stmt | ast.expr, what: str) -> UserError:
        """A UserError at a line of the program."""
        return UserError(f"{self.where} line {node.lineno}", what, CAPTURE)


def _training(tree: ast.AST, known: Mapping[str, Any], found: Foreign) -> None:
    """The loss, the optimizer and its schedule that a program calls, where it calls them."""
    changes: dict[str, Any] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        word = dotted(node.func).rpartition(".")[2]
        if word not in LOSSES and word not in OPTIMIZERS and word not in CLASSES:
            continue
        try:
            given = {item.arg: value(item.value, known) for item in node.keywords if item.arg}
            more = [value(item, known) for item in node.args[1:]] if word not in LOSSES else []
        except (Unknown, RecursionError) as problem:
            found.notes.append(f"{text(node)}: {problem}")
            continue
        if word in LOSSES and not found.loss:
            found.loss = {"kind": LOSSES[word], **differs_of(given)}
        elif word in OPTIMIZERS and not found.optimizer:
            found.optimizer = optimizer(word, {**({"lr": more[0]} if more else {}), **given})
        elif word in CLASSES and not changes:
            changes = schedule(word, more, given)
    if changes and found.optimizer:
        found.optimizer["schedule"] = changes
        found.notes.append(PER_STEP)


def differs_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a loss that are called the same here."""
    return {key: given[key] for key in ("reduction", "delta", "beta", "label_smoothing") if key in given}
