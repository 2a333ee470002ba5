"""Steps that nobody ran, with all that a row may hold, and the numbers of their values."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.pairs import OF
from bptui.model.source.captured.record import (
    Backward,
    Event,
    Group,
    Module,
    Moved,
    Site,
    Stats,
    Step,
    Update,
    Value,
)
from bptui.model.source.captured.table import KINDS

VALUES, EVENTS = 8, 3
ids = st.integers(0, VALUES - 1)
texts = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | numbers | texts
special = st.sampled_from([{"...": True}, {"dtype": "float32"}, {"float": "inf"}, {"other": "Generator"}])
arguments = st.recursive(
    plain | special | ids.map(lambda i: {"v": i}),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, min_size=3, max_size=3).map(lambda parts: {"slice": parts})
        | st.dictionaries(st.text(min_size=2, max_size=6), inside, max_size=3)
    ),
    max_leaves=6,
)
listed = ("masks", "inside", "results")
tables = st.dictionaries(texts.filter(lambda key: key not in ("v", *listed)), arguments, max_size=3)
sites = st.none() | st.builds(Site, texts, st.integers(0, 10_000), texts)
pairs = st.dictionaries(ids, ids, max_size=4)
counts = st.integers(0, EVENTS)
notes = st.tuples(tables, st.dictionaries(st.sampled_from(listed), st.lists(ids))).map(lambda both: both[0] | both[1])
moved = st.builds(Moved, ids, st.none() | ids, st.none() | ids, tables, tables)
groups = st.builds(Group, tables, st.lists(moved, max_size=2))


def event(number: int) -> st.SearchStrategy[Event]:
    """An event of this number."""
    phases, lists = st.sampled_from(["forward", "backward"]), st.lists(ids, max_size=3)
    called = (phases, texts, st.lists(arguments, max_size=3), tables)
    return st.builds(Event, st.just(number), *called, lists, lists, pairs, texts, sites, notes)


parts = st.dictionaries(st.tuples(st.integers(0, EVENTS - 1), ids), st.lists(ids, max_size=3), max_size=3)
losses = st.lists(st.tuples(ids, st.none() | ids), max_size=2)
hooked = st.dictionaries(ids, st.tuples(texts, ids), max_size=2)
backwards = st.builds(Backward, losses, pairs, parts, pairs, counts, sites, hooked)
updates = st.builds(Update, texts, st.lists(groups, max_size=2), counts, sites, texts)


def happened(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Up to two such rows in the order in which they happened."""
    return st.lists(rows, max_size=2).map(lambda found: sorted(found, key=lambda row: row.after))


stats = st.builds(Stats, st.integers(0, 9), st.integers(0, 9), numbers, numbers, numbers)


@st.composite
def steps(draw: Any) -> tuple[Step, list[np.ndarray | None]]:
    """A step, and the bytes of the blob of each of its values; None where it has none."""
    step, blobs = Step(), []
    for number in range(VALUES):
        dtype = draw(st.sampled_from(list(KINDS)))
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
        strides = tuple(draw(st.integers(0, 4)) for _ in shape)
        offset = draw(st.integers(0, 3))
        place = (draw(st.integers(0, 2**40)), draw(st.sampled_from([strides, ()])))
        width = np.dtype(KINDS[dtype][1]).itemsize
        span = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1 if prod(shape) else 0
        kept = draw(st.booleans())
        blobs.append(np.frombuffer(draw(st.randoms()).randbytes((offset + span) * width), np.uint8) if kept else None)
        step.values.append(
            Value(
                number, dtype, shape, sum(b is not None for b in blobs) - 1 if kept else -1, offset, strides, place,
                draw(st.booleans()), draw(texts), draw(texts), draw(st.none() | stats),
            )
        )  # fmt: skip
    step.events = [draw(event(number)) for number in range(EVENTS)]
    step.backwards, step.updates = draw(happened(backwards)), draw(happened(updates))
    _fit(step)
    step.parameters = draw(st.dictionaries(texts, ids, max_size=3))
    step.modules = draw(st.dictionaries(texts, st.builds(Module, texts, st.booleans()), max_size=3))
    step.sources = draw(st.dictionaries(texts, st.dictionaries(st.integers(0, 99), texts, max_size=3), max_size=2))
    step.about, step.warnings = draw(tables), draw(st.lists(texts, max_size=2))
    return step, blobs


def _fit(step: Step) -> None:
    """A gradient has the shape of its value, a parameter keeps its shape: another is not drawn. So it is with complex
    ones, which have one more axis when they are read."""
    kinds = [(value.shape, value.dtype in OF) for value in step.values]

    def like(value: int, other: int) -> int:
        return other if kinds[other] == kinds[value] else value

    for row in step.backwards:
        row.losses = [(loss, None if seed is None else like(loss, seed)) for loss, seed in row.losses]
        row.grads = {value: like(value, found) for value, found in row.grads.items()}
        row.carried = {value: like(value, found) for value, found in row.carried.items()}
        row.parts = {key: [like(key[1], part) for part in found] for key, found in row.parts.items()}
        row.hooked = {value: (name, like(value, found)) for value, (name, found) in row.hooked.items()}
    for moved in (moved for row in step.updates for group in row.groups for moved in group.rows):
        moved.grad = None if moved.grad is None else like(moved.value, moved.grad)
        moved.after = None if moved.after is None else like(moved.value, moved.after)


def write(path: Path, step: Step, blobs: list[np.ndarray | None]) -> None:
    """Write a step with a blob for each value that has one."""
    writer = Writer(path)
    for value, blob in zip(step.values, blobs, strict=True):
        if blob is not None:
            writer.blob(blob, value.dtype)
    writer.close(step)
