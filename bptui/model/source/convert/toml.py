"""A foreign model as the text of a network file that runs: its layers, its loss and optimizer where it says them, and
inputs of the right shape, drawn, in the place of its data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from bptui.model.base.printable import one_line
from bptui.model.engine import ops
from bptui.model.source.convert.piece import Foreign, Piece
from bptui.model.source.convert.shapes import flow, shape_of
from bptui.model.source.layers import KINDS, RESERVED

SAMPLES = 4
LABELS = ops.comparing(target=("class",))
ASSUMED = "the model does not say its loss: mse is put in its place"


def written(found: Foreign, file: str) -> str:
    """The text of the network file; `file` is what the model was read from."""
    shape = found.shape or shape_of(found.pieces)
    loss = found.loss or _loss(found)
    rows = list(_rows(found.pieces))
    out = flow(found.pieces, shape) if shape else None
    notes = [*found.notes]
    if any(piece.why for piece in found.pieces):
        notes.append("what is marked MISSING has no counterpart here, so this is another network")
    if shape is None:
        notes.append("the shape of an input does not follow from the model: put it in the place of the one below")
    lines = [f"# From {one_line(file, 60)}, {found.what}, by bptui convert."]
    lines += [f"# {one_line(note, 160)}" for note in notes]
    lines += ['# weights = "FILE"       # its trained numbers: docs/network-file.md, Weights from files', ""]
    lines += ['[data]                   # yours in the place of these: file = "data.csv" or "data.npz"']
    lines += [*_data(rows, shape or (2,), out, loss["kind"]), ""]
    for table, comment in rows:
        if comment:
            lines += [f"# {comment}", ""]
        if table:
            lines += ["[[layers]]", *(f"{key} = {_value(item)}" for key, item in table.items()), ""]
    lines += ["[loss]", *(f"{key} = {_value(item)}" for key, item in loss.items()), ""]
    optimizer = found.optimizer or {"kind": "sgd", "learning_rate": 0.01}
    lines += ["[optimizer]" + ("" if found.optimizer else "              # the model does not say one")]
    lines += [f"{key} = {_value(item)}" for key, item in optimizer.items()]
    return "\n".join(lines) + "\n"


def _loss(found: Foreign) -> dict[str, Any]:
    """A loss for a model that says none, by its last activation."""
    tables = [table for piece in found.pieces for table in piece.layers]
    last = tables[-1].get("activation") if tables else None
    kind = {"log_softmax": "nll", "sigmoid": "bce"}.get(str(last))
    if kind is None:
        found.notes.append(ASSUMED)
    else:
        found.notes.append(f"the model does not say its loss: {kind} goes with its last {last}")
    return {"kind": kind or "mse"}


def _rows(pieces: Sequence[Piece]) -> Iterator[tuple[dict[str, Any], str]]:
    """(table, comment) of each layer; an activation behind a layer that takes one is its own."""
    taken: set[str] = set(RESERVED)
    rows: list[tuple[dict[str, Any], str]] = []
    for piece in pieces:
        if piece.why:
            rows.append(({}, f"MISSING: {one_line(f'{piece.said} {piece.why}', 150)}"))
        for table in piece.layers:
            before = rows[-1][0] if rows else {}
            if table["kind"] == "activation" and "name" not in table and before and _takes_activation(before):
                before["activation"] = table["activation"]
                continue
            own = [each for each in piece.layers if each["kind"] != "permute"]  # a permute only turns what it is around
            named = piece.name if own == [table] and piece.name not in taken and _is_name(piece.name) else ""
            taken.add(named)
            rows.append(({"kind": table["kind"], **({"name": named} if named else {}), **table}, ""))
    yield from rows


def _takes_activation(table: Mapping[str, Any]) -> bool:
    return (
        "activation" in KINDS[table["kind"]].keys
        and table["kind"] not in ("activation", "residual")
        and ("activation" not in table)
    )


def _is_name(word: str) -> bool:
    return word.isidentifier() and word.isascii() and len(word) <= 30


def _data(
    rows: Sequence[tuple[Mapping[str, Any], str]], shape: tuple[int, ...], out: tuple[int, ...] | None, loss: str
) -> list[str]:
    """Inputs and targets that fit."""
    first = next((table for table, _ in rows if table and table["kind"] != "positions"), {})
    if first.get("kind") in ("embedding", "embedding_bag"):
        size = max(1, int(first["size"]))
        numbers = [[(n + k) % size for k in range(shape[-1])] for n in range(SAMPLES)]
        inputs = _value(numbers)
    else:
        inputs = _drawn((SAMPLES, *shape))
    if loss in LABELS:
        classes = out[0] if out else 2
        labels: Any = [n % max(1, min(classes, SAMPLES)) for n in range(SAMPLES)]
        for size in reversed((out or ())[1:]):
            labels = [[label] * size for label in labels]
        return [f"inputs = {inputs}", f"targets = {_value(labels)}"]
    target = (SAMPLES, *(out or (1,)))
    binary = loss in ("bce", "bce_with_logits", "hinge", "soft_margin")
    if prod(target) > 64 and not binary:
        return [f"inputs = {inputs}", f"targets = {_drawn(target)}"]
    made: Any = [float(n % 2) for n in range(SAMPLES)]
    for size in reversed(target[1:]):
        made = [[item] * size for item in made]
    return [f"inputs = {inputs}", f"targets = {_value(made)}"]


def _drawn(shape: Sequence[int]) -> str:
    return f'{{shape = {_value(list(shape))}, init = {{kind = "normal", std = 1.0}}}}'


def _value(item: Any) -> str:
    """A value in TOML."""
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{key} = {_value(inner)}" for key, inner in item.items()) + "}"
    if isinstance(item, list | tuple):
        return "[" + ", ".join(map(_value, item)) + "]"
    return json.dumps(one_line(item, 200), ensure_ascii=False) if isinstance(item, str) else repr(item)
