"""The table [data] of a network file: which inputs and targets there are, and how many of them make a training step."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.schema import MAX_NAMES, Key, Table, any_value, kind_of, names, one_of, text
from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.ops.common import choice, flag, integer, optional, real, whole, wholes
from bptui.model.source.csv_table import Column, Read, Wanted, plain
from bptui.model.source.datasets import DATASETS, MAX_SAMPLES, TABLES, from_file, windows
from bptui.model.source.initializers import drawn_value
from bptui.model.source.plane import FEATURES, SURFACES, featured


def _columns(value: Any) -> tuple[Column, ...]:
    """Columns by their names, or by their numbers from 0."""
    columns = [value] if isinstance(value, str) else value
    expected = 'expected a list of columns such as ["age", "height"] or [0, -1]'
    if not isinstance(columns, list | tuple) or len(columns) > MAX_NAMES:
        raise ValueError(f"{expected}, found {kind_of(value)}")
    for column in columns:
        if isinstance(column, bool) or not isinstance(column, str | int):
            raise ValueError(f"{expected}, found {kind_of(column)} in it")
    return tuple(columns)


def _targets(value: Any) -> int | tuple[Column, ...]:
    """How many of the last columns, or which."""
    return _columns(value) if isinstance(value, list | tuple | str) else whole(value, 1)


def one_sign(value: Any) -> str:
    """One character that can stand between columns."""
    if not isinstance(value, str) or len(value) != 1 or value.isalnum() or value in '\n\r"\0':
        raise ValueError(f'expected one sign such as ";" or "|", found {kind_of(value)}')
    return value


def _classes(value: Any) -> str | tuple[Any, ...]:
    """The names of classes in their order, or that they are sorted."""
    if value == "sorted":
        return "sorted"
    expected = 'expected "sorted", or a list of classes such as ["cat", "dog"] or [1, 2, 3]'
    if not isinstance(value, list | tuple) or not value or len(value) > MAX_NAMES:
        raise ValueError(f"{expected}, found {kind_of(value) if value else 'nothing'}")
    for name in value:
        if isinstance(name, bool) or not isinstance(name, str | int | float):
            raise ValueError(f"{expected}, found {kind_of(name)} in it")
    if len(set(map(plain, value))) < len(value):
        raise ValueError("a class stands twice in it")
    return tuple(value)


DATA: Mapping[str, Key] = {
    "inputs": Key(
        any_value, None, 'nested lists, one entry per sample; or drawn: {shape = [8, 1, 28, 28], init = "normal"}'
    ),
    "targets": Key(any_value, None, "one per input: numbers, or class numbers for a loss that takes labels"),
    "lengths": Key(
        any_value, None, "of sequences, how many positions each sample has; layers with lengths = true end there"
    ),
    "dataset": Key(one_of(*DATASETS), None, "drawn: " + ", ".join(DATASETS)),
    "samples": Key(integer(1), None, "how many are drawn"),
    "noise": Key(real(0), None, "standard deviation of what is added to each drawn point"),
    "seed": Key(integer(0), None, "of the drawn points (default: the network's)"),
    "file": Key(text, None, ".csv (also .tsv, .txt, .data, .dat) or .npz, relative to the network file"),
    "target_columns": Key(
        _targets, 1, "of a CSV, how many of the last columns are targets, or which: names, or numbers from 0"
    ),
    "input_columns": Key(_columns, None, "of a CSV, which columns are inputs (default: all others)"),
    "skip_columns": Key(
        _columns, (), "of a CSV, columns that are left out; a first one that has no name and counts the rows is anyway"
    ),
    "skip_rows": Key(integer(0), 0, "of a CSV, how many lines at the top are no table"),
    "separator": Key(
        optional(one_sign),
        None,
        'of a CSV, what is between its columns, " " any number of spaces (default: what is seen)',
    ),
    "decimal": Key(choice(".", ","), ".", "of a CSV, how its numbers have their decimals"),
    "missing": Key(
        choice("refuse", "skip"),
        "refuse",
        'of a CSV, rows with no value (empty, ?, NA, nan) in a column: "skip" leaves them out',
    ),
    "classes": Key(
        _classes,
        None,
        'of a CSV, the classes in the order of their numbers: names, or [1, 2, 3], or "sorted" (default: '
        "names as they sort, for a loss that takes labels; numbers as they are)",
    ),
    "text": Key(text, None, "characters: the inputs are windows of it, the targets the characters that follow"),
    "positions": Key(integer(1), 8, "how many characters a window has"),
    "scale": Key(real(), 1.0, "what each input is multiplied by: 0.0625 brings 0 to 16 into 0 to 1"),
    "standardize": Key(
        flag, False, "true: each input column minus its mean, over its standard deviation; images as one column"
    ),
    "standardize_targets": Key(flag, False, "true: the same of the targets of a regression"),
    "features": Key(names, None, "of two inputs, the columns that the network is shown: " + ", ".join(FEATURES)),
    "shape": Key(lambda value: wholes(value, 1), None, "of one input, where it comes as a flat row: [1, 8, 8]"),
    "batch_size": Key(optional(integer(1)), None, "samples of one training step (default: all)"),
    "shuffle": Key(flag, True, "draw the batches of each epoch in a new order"),
}


INPUTS = 2**20
"""Where the numbers of drawn inputs begin, far from those of weights."""
SIGNED = ops.comparing(target=("sign",))
"""Losses whose classes are -1 and 1."""
CSV = ("input_columns", "skip_columns", "skip_rows", "separator", "decimal", "missing", "classes")
"""What is said of a CSV file alone."""
WAYS: Mapping[str, tuple[str, ...]] = {
    "inputs": ("targets",),
    "dataset": ("samples", "noise", "seed"),
    "file": ("target_columns", *CSV),
    "text": ("positions",),
}
"""What data come from, of which a table has exactly one, and the keys that go with that one only."""


def standardized(values: Array, by_column: bool) -> Array:
    """Numbers minus their mean, over their standard deviation: each column, or all of them as one. What never changes
    becomes 0."""
    values = np.asarray(values, np.float64)
    axis = 0 if by_column else None
    with np.errstate(all="ignore"):
        mean = np.mean(values, axis=axis, keepdims=True)
        spread = np.std(values, axis=axis, keepdims=True)
    return np.asarray((values - mean) / np.where(spread > 0, spread, 1))


class Samples(NamedTuple):
    """Inputs and targets (None: there are none), of equal length; samples of a batch (None: all); what is to be said of
    how they were read; of sequences, how many positions each sample has (None: all)."""

    inputs: Any
    targets: Any
    batch_size: int | None = None
    notes: tuple[str, ...] = ()
    lengths: Array | None = None
    classes: tuple[str, ...] = ()
    """Their names, by number, where they have any."""


def read(table: Table, seed: int, folder: Path | None, *, drawn_for: str = "", labels: bool = False) -> Samples:
    """What a [data] table gives.

    seed  of what is drawn · folder  where files are looked for · drawn_for  the loss, `labels` whether it takes class
    numbers. Raises UserError for everything that does not fit.
    """
    found = table.read(DATA)
    match _way(table, found):
        case "inputs":
            made = _listed(table, found, seed)
        case "dataset":
            made = _drawn(table, found, seed, labels, signed=drawn_for in SIGNED)
        case "text":
            made = Samples(*windows(found["text"], found["positions"], table.at("text")))
        case _:
            made = _stored(table, found, folder, labels, signed=drawn_for in SIGNED)
    inputs, targets = _scaled(table, found, made.inputs), made.targets
    if found["standardize_targets"] and targets is not None:
        if labels:
            raise UserError(table.at("standardize_targets"), "the loss takes class numbers", "for a regression")
        targets = standardized(array(targets, table.at("targets")), by_column=True)
    inputs = _shaped(table, found, inputs)
    if targets is not None:
        targets = _one_each(table, targets, len(inputs), labels)
    size = found["batch_size"]
    if size is not None and size > len(inputs):
        raise UserError(table.at("batch_size"), f"{size} of {len(inputs)} samples", f"1 to {len(inputs)}")
    lengths = made.lengths if found["lengths"] is None else found["lengths"]
    ends = None if lengths is None else _lengths(lengths, inputs, table.at("lengths"))
    return Samples(inputs, targets, size, made.notes, ends, made.classes)


def _way(table: Table, found: Mapping[str, Any]) -> str:
    """Which of WAYS the data come from; a UserError where that is none, or there is a key of another one."""
    ways = [way for way in WAYS if found[way] is not None]
    if len(ways) != 1:
        told = "'inputs' is missing" if not ways else f"{' and '.join(ways)} at once"
        raise UserError(table.at(), told, "one of inputs (with targets), dataset, file, text")
    for way, keys in WAYS.items():
        for key in keys:
            if key in table and way != ways[0]:
                raise UserError(table.at(key), f"goes with {way}, not with {ways[0]}")
    return ways[0]


def _listed(table: Table, found: Mapping[str, Any], seed: int) -> Samples:
    """Numbers that stand in the table, or tables that say how they are drawn."""
    inputs, targets = (
        drawn_value(Table(given, table.where, table.at(key).partition(": ")[2]), seed, number)
        if isinstance(given := found[key], Mapping)
        else given
        for number, key in enumerate(("inputs", "targets"), INPUTS)
    )
    return Samples(array(inputs, table.at("inputs")), targets)


def _drawn(table: Table, found: Mapping[str, Any], seed: int, labels: bool, signed: bool) -> Samples:
    """A data set of DATASETS; `signed`: the loss takes classes as -1 and 1."""
    make, samples, noise = DATASETS[found["dataset"]]
    samples = found["samples"] or samples
    if samples > MAX_SAMPLES:
        raise UserError(table.at("samples"), f"{samples:,}", f"at most {MAX_SAMPLES:,}")
    noise = noise if found["noise"] is None else found["noise"]
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, targets = make(samples, noise, seed if found["seed"] is None else found["seed"])
    inputs = array(inputs, table.at("noise"))
    if not labels:
        turned = signed and found["dataset"] not in SURFACES
        targets = (2.0 * targets - 1 if turned else targets.astype(np.float64))[:, None]
    return Samples(inputs, targets)


def _stored(table: Table, found: Mapping[str, Any], folder: Path | None, labels: bool, signed: bool) -> Samples:
    """What a file has."""
    inputs, targets, notes, lengths, classes = _from_file(table, found, folder, labels)
    if signed and found["classes"] is not None:
        targets = 2 * targets - 1
    return Samples(array(inputs, f"{table.at('file')} inputs"), targets, None, notes, lengths, classes)


def _scaled(table: Table, found: Mapping[str, Any], inputs: Array) -> Array:
    """The inputs multiplied, standardized, and as the features that are asked for."""
    if found["scale"] != 1:
        with np.errstate(over="ignore"):
            inputs = array(inputs * found["scale"], table.at("scale"))
    if found["standardize"]:
        inputs = standardized(inputs, by_column=inputs.ndim == 2 and found["shape"] is None)
    return inputs if found["features"] is None else featured(inputs, found["features"], table.at("features"))


def _shaped(table: Table, found: Mapping[str, Any], inputs: Array) -> Array:
    """The inputs in the shape that is given for one of them; a UserError where there is none at all."""
    shape = found["shape"]
    if shape is not None and inputs.ndim:
        if prod(shape) != prod(inputs.shape[1:]):
            told = f"{prod(inputs.shape[1:])} numbers per input"
            raise UserError(table.at("shape"), told, f"{prod(shape)} for {shape_text(shape)}")
        inputs = inputs.reshape(len(inputs), *shape)
    if inputs.ndim == 0 or len(inputs) == 0:
        right = "expected a list with one entry per sample"
        raise UserError(table.at("inputs"), f"found {shape_text(inputs.shape)}", right)
    return inputs


def _one_each(table: Table, targets: Any, count: int, labels: bool) -> Any:
    """The targets, class numbers in one column as a list; a UserError where there is not one for each input."""
    given = array(targets, table.at("targets"))
    if labels and given.ndim == 2 and given.shape[1] == 1:
        given = targets = given[:, 0]
    if given.ndim == 0 or len(given) != count:
        told = f"{len(given) if given.ndim else 'one number'} for {count} inputs"
        raise UserError(table.at("targets"), told, "one target per input")
    return targets


def _lengths(given: Any, inputs: Array, where: str) -> Array:
    """How many positions each sample has, as floats."""
    found = array(given, where)
    if found.shape != inputs.shape[:1]:
        raise UserError(
            where, f"found shape {shape_text(found.shape)}", f"expected a number for each of {len(inputs)} samples"
        )
    most = inputs.shape[1] if inputs.ndim > 1 else 0
    wrong = np.flatnonzero((found != np.floor(found)) | (found < 1) | (found > most))
    if len(wrong):
        first = int(wrong[0])
        raise UserError(
            where,
            f"[{first}] is {significant(found[first])}",
            f"a whole number from 1 to {most}, the positions of the inputs",
        )
    return found


def _from_file(table: Table, found: Mapping[str, Any], folder: Path | None, labels: bool) -> Read:
    path = Path(found["file"]) if folder is None else folder / found["file"]
    if path.suffix.lower() not in TABLES:
        for key in CSV:
            if key in table:
                raise UserError(table.at(key), f"is for a table such as a .csv, not for '{path.name}'", "leave it out")
    wanted = Wanted(
        found["target_columns"], found["input_columns"], found["skip_columns"], found["skip_rows"], found["missing"],
        found["classes"], labels, found["separator"], found["decimal"],
    )  # fmt: skip
    return from_file(path, table.at("file"), wanted)
