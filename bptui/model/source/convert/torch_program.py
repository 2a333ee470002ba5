"""PyTorch's models in programs: read from the syntax tree, never run. Of a class the layers are those that its
`forward` goes through."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.engine.schedules import CLASSES
from bptui.model.source.convert.memory import SPLIT, looking, one_input
from bptui.model.source.convert.piece import Foreign, Piece, Unknown, dotted, named, names, text, value
from bptui.model.source.convert.torch_rows import FUNCTIONS, LOSSES, MODULES
from bptui.model.source.convert.torch_text import piece_of, turned
from bptui.model.source.layers import KINDS
from bptui.model.source.torch_optimizers import CYCLED, OPTIMIZERS, PER_STEP, optimizer, schedule

CAPTURE = "bptui capture SCRIPT.py takes a training step of any program as it is"
BOTH = f"its two inputs are one here, the positions of the first before those of the second: {SPLIT} are the first's"
ANSWERS = ("need_weights", "average_attn_weights")
"""Arguments of a call that change nothing but what else is returned."""
WEIGHTED = frozenset({"train", "heads", "layers"})
"""Keys of kinds of layers that have weights, or whose parts do."""
STACKS: Mapping[str, str] = {"TransformerEncoder": "encoder_layer", "TransformerDecoder": "decoder_layer"}
TURNS = [("transpose", ["0", "1"]), ("transpose", ["1", "0"]), ("permute", ["1", "0", "2"]), ("swapaxes", ["0", "1"])]
FUNCTIONAL: Mapping[str, Any] = {
    f"{root}.{word}": word
    for root in ("F", "nn.functional", "torch.nn.functional", "functional", "torch")
    for word in ("relu", "gelu")
}
"""Activations of a transformer that are given as functions."""


def program(tree: ast.Module, where: str, wanted: str = "") -> Foreign:
    """The model that a program defines: of a class the layers that its `forward` goes through, or a Sequential.
    `wanted`: which, where it defines several."""
    known = {**FUNCTIONAL, **names(tree)}
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
    found = Foreign(f"a PyTorch program's {one_line(name, 40)}", pieces, notes=turned(pieces))
    if any(table.get("to") == SPLIT for piece in pieces for table in piece.layers):
        found.notes.append(BOTH)
    _training(tree, known, found)
    return found


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
    if kind in STACKS:
        return [_stack(kind, node, known, name)]
    if kind not in MODULES:
        return [Piece(text(node), why="is no kind of layer here", name=name)]
    return [piece_of(kind, text(node), name, node, known)]


def _stack(kind: str, node: ast.Call, known: Mapping[str, Any], name: str) -> Piece:
    """`nn.TransformerEncoder(layer, num_layers, norm)`, where `layer` stands there or under a name in the program, and
    the same of a decoder."""
    said = dict(zip((STACKS[kind], "num_layers", "norm"), node.args, strict=False))
    said |= {item.arg: item.value for item in node.keywords if item.arg}
    inner = said.get(STACKS[kind])
    inner = known.get(f"{dotted(inner)}()") if inner is not None and not isinstance(inner, ast.Call) else inner
    if not isinstance(inner, ast.Call) or "num_layers" not in said:
        return Piece(text(node), why="has no layer that stands in the file", name=name)
    piece = piece_of(f"{kind}Layer", text(node), name, inner, known)
    if piece.why:
        return piece
    try:
        count = value(said["num_layers"], known)
    except Unknown as problem:
        return Piece(text(node), why=str(problem), name=name)
    norm = isinstance(said.get("norm"), ast.Call)
    return replace(piece, layers=({**piece.layers[0], "layers": count, "final_norm": norm},))


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
        inputs = [argument.arg for argument in forward.args.args[1:]]
        if len(inputs) not in (1, 2):
            raise self.fail(forward, "forward has not one input, or two for a decoder")
        chains: dict[str, list[Piece]] = {inputs[0]: []}
        if len(inputs) == 2:
            parts = {"kind": "positions", "to": SPLIT}, {"kind": "positions", "input": "x", "from": SPLIT}
            chains = {name: [Piece(name, (part,))] for name, part in zip(inputs, parts, strict=True)}
        for line in forward.body:
            if isinstance(line, ast.Return) and line.value is not None:
                return one_input(self.chain(line.value, chains), inputs)
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
            if root == "self" and word in self.members and node.args:
                # attention of a sequence to itself takes it three times, to another one that one twice
                given = list(dict.fromkeys(map(ast.unparse, node.args)))
                chain = [self.chain(next(item for item in node.args if ast.unparse(item) == each), chains)
                         for each in given[:2]]  # fmt: skip
                made = self.called(node, self.member(node, word))
                if len(given) == 1:
                    return [*chain[0], *made]
                if len(given) == 2 and (joined := looking(made, *chain)):
                    return joined
            if isinstance(node.func, ast.Call) and len(node.args) == 1:  # nn.ReLU()(x)
                return [*self.chain(node.args[0], chains), *_module(node.func, self.known, self.where)]
            if isinstance(node.func, ast.Attribute) and root.partition(".")[0] not in ("F", "nn", "torch", "self"):
                return [*self.chain(node.func.value, chains), self.method(node, node.func.attr)]
            if word in FUNCTIONS and node.args:
                return [
                    *self.chain(node.args[0], chains),
                    piece_of(FUNCTIONS[word], text(node), "", node, self.known, 1),
                ]
        raise self.fail(node, f"'{text(node)}' is more than one layer after another")

    def member(self, node: ast.Call, word: str) -> list[Piece]:
        """The pieces of `self.word`. What has weights is gone through once: here each layer has its own."""
        pieces = self.members[word]
        kinds = {table["kind"] for piece in pieces for table in piece.layers}
        if word in self.used and any(not WEIGHTED.isdisjoint(KINDS[kind].keys) for kind in kinds):
            raise self.fail(node, f"self.{word[:40]} is gone through twice, with the same weights")
        self.used.add(word)
        return pieces

    @staticmethod
    def called(node: ast.Call, pieces: list[Piece]) -> list[Piece]:
        """The pieces of a call with what its keywords say."""
        odd = [item.arg or "**" for item in node.keywords if item.arg not in ANSWERS]
        why = f"is called with {', '.join(odd)}, and here without"
        return [replace(piece, why=why) for piece in pieces] if odd else pieces

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
        given = [text(item) for item in (*node.args, *(item.value for item in node.keywords))]
        inside = (piece for pieces in self.members.values() for piece in pieces)
        if (word, given) in TURNS and any(
            piece.turned for piece in inside
        ):  # samples and positions change places, and here samples come first anyway
            return Piece(text(node), turned=True)
        if (
            word == "mean"
            and given in (["1"], ["0"], ["-2"])
            and not any(item.arg == "keepdim" for item in node.keywords)
        ):
            return Piece(text(node), ({"kind": "mean_positions"},))
        if word == "mean" and given in (["[2, 3]"], ["(2, 3)"], ["[-2, -1]"], ["(-2, -1)"]):
            return Piece(text(node), ({"kind": "global_avg_pool"},))
        if word in FUNCTIONS:
            return piece_of(FUNCTIONS[word], text(node), "", node, self.known)
        raise self.fail(node, f"'.{word[:30]}(…)' is not known")

    def last(self, node: ast.Subscript, before: list[Piece]) -> list[Piece]:
        """`out[:, -1]` of a recurrent layer: its last hidden state. `[0]` of its pair: all of them."""
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        words = [text(item) for item in index]
        recurrent = bool(before) and bool(before[-1].layers) and before[-1].layers[-1].get("sequence") is True
        pair = recurrent or (bool(before) and bool(before[-1].layers) and before[-1].layers[-1]["kind"] == "attention")
        if pair and words == ["0"]:
            return before
        if (recurrent and words in ([":", "-1"], [":", "-1", ":"])) or (
            recurrent and before[-1].turned and words == ["-1"]
        ):
            *rest, end = before
            if end.layers[-1].get("bidirectional"):
                raise self.fail(node, "the last position of both directions is not what sequence = false takes")
            made = {key: item for key, item in end.layers[-1].items() if key != "sequence"}
            return [*rest, Piece(end.said, (made,), end.why, end.name, end.reads)]
        if words in ([":", "0"], [":", "0", ":"]):
            return [*before, Piece(text(node), ({"kind": "positions", "to": 1}, {"kind": "flatten"}))]
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
            if word == "OneCycleLR" and given.get("cycle_momentum", True):
                found.notes.append(CYCLED)
    if changes and found.optimizer:
        found.optimizer["schedule"] = changes
        found.notes.append(PER_STEP)


def differs_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a loss that are called the same here."""
    return {key: given[key] for key in ("reduction", "delta", "beta", "label_smoothing") if key in given}
