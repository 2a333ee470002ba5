"""What a decoder, or attention, looks at: another part of the same network, which stands before it in a network file
and is known there by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bptui.model.source.convert.piece import Piece, named

SPLIT = 3
"""Where the first of two inputs ends: half of the positions that drawn data have."""


def one_input(pieces: list[Piece], inputs: Sequence[str]) -> list[Piece]:
    """The pieces without that which takes one input's positions, where no other input is read."""
    parts = [piece for piece in pieces if piece.said in inputs and piece.layers[0]["kind"] == "positions"]
    if len(parts) != 1:
        return pieces
    (part,) = parts
    named = {key: item for key, item in part.layers[0].items() if key in ("kind", "name")}
    whole = replace(part, layers=(named,) if "name" in named else ())
    return [whole if piece is part else piece for piece in pieces]


def looking(made: Sequence[Piece], query: list[Piece], memory: list[Piece]) -> list[Piece] | None:
    """The pieces of a decoder, or of attention, that reads `query` and looks at `memory`; of nn.Transformer, whose
    encoder reads its first argument and whose decoder its second. None where they are none. What both come from
    stands once, and each part reads it by its name."""
    if len(made) != 1 or not made[0].layers or made[0].layers[-1]["kind"] not in ("attention", "transformer_decoder"):
        return None
    piece, (*first, last) = made[0], made[0].layers
    if first:
        query, memory = memory, [*query, Piece(piece.said, tuple(first), reads=piece.reads, turned=piece.turned)]
    same = 0
    while same < min(len(query), len(memory)) and query[same] is memory[same]:
        same += 1
    start, source = known_as(query[:same], "start")
    seen, called = known_as(memory[same:], "memory")
    *before, reader = [*query[same:], replace(piece, layers=({**last, "memory": called or source},))]
    rest = [*before, reader]
    if seen:  # what is looked at was made in between
        table, *others = rest[0].layers or ({},)
        if not table:
            return None
        rest[0] = replace(rest[0], layers=({"input": source, **table}, *others))
    return [*start, *seen, *rest]


def known_as(pieces: Sequence[Piece], name: str) -> tuple[list[Piece], str]:
    """Pieces of which the last layer has a name, and that name; that of the input where there is none."""
    found = [piece for piece in pieces if piece.layers]
    if not found:
        return list(pieces), "x" if name == "start" else ""
    at = [*pieces].index(found[-1])
    *others, end = found[-1].layers
    called = end.get("name") or named(found[-1]).get("name") or name
    return [*pieces[:at], replace(found[-1], layers=(*others, {**end, "name": called})), *pieces[at + 1 :]], called
