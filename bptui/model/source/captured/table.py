"""The values of a step as columns, and back: 25,000 of them are parsed, checked and made in less than 0.1 seconds.

Most share their kind of number, shape and strides with others: such a `layout` is written once, and checked once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import starmap
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.safetensors import MAX_AXES, MAX_COUNT
from bptui.model.base.types import Array
from bptui.model.source.captured.pairs import as_pairs
from bptui.model.source.captured.record import Stats, Value

KINDS: Mapping[str, tuple[str, str]] = {
    "float64": ("F64", "<f8"), "float32": ("F32", "<f4"), "float16": ("F16", "<f2"), "bfloat16": ("BF16", "<u2"),
    "int64": ("I64", "<i8"), "int32": ("I32", "<i4"), "int16": ("I16", "<i2"), "int8": ("I8", "i1"),
    "uint64": ("U64", "<u8"), "uint32": ("U32", "<u4"), "uint16": ("U16", "<u2"), "uint8": ("U8", "u1"),
    "bool": ("BOOL", "?"), "complex64": ("C64", "<c8"), "complex128": ("F64", "<c16"),
    "float8_e5m2": ("F8_E5M2", "u1"), "float8_e4m3fn": ("F8_E4M3", "u1"),
}  # fmt: skip
"""The kinds of number → safetensors' name and NumPy's. Complex numbers of two float64, which safetensors has not, are
stored as those; bfloat16 and float8, which NumPy has not, are read as their bits."""
FLOAT8: Mapping[str, int] = {"float8_e5m2": 2, "float8_e4m3fn": 3}
"""Their digits behind the point."""
MOST = 2**48
"""No size, stride or offset is larger."""
MAX_VALUES = 2**22
Json = dict[str, Any]


def _width(dtype: str) -> int:
    return np.dtype(KINDS[dtype][1]).itemsize


# ------------------------------------------------------------------------------------------------------------ writing
def columns(values: Sequence[Value]) -> Json:
    """The columns of `values`."""
    layouts: dict[tuple[Any, ...], int] = {}
    layout = [layouts.setdefault((v.dtype, v.shape, v.strides, v.place[1]), len(layouts)) for v in values]
    counted = [v for v in values if v.stats is not None]
    stats = {name: [float(getattr(v.stats, name)) for v in counted] for name in ("size", "least", "largest")}
    for name in ("nan", "inf"):
        stats[name] = [int(getattr(v.stats, name)) for v in counted]
    return {
        "layouts": [[dtype, list(shape), list(strides), list(place)] for dtype, shape, strides, place in layouts],
        "layout": layout,
        "blob": [v.blob for v in values],
        "offset": [v.offset for v in values],
        "place": [v.place[0] for v in values],
        "wants_grad": [v.id for v in values if v.wants_grad],
        "name": {v.id: v.name for v in values if v.name},
        "source": {v.id: v.source for v in values if v.source},
        "stats": {"of": [v.id for v in counted], **stats},
    }


# ------------------------------------------------------------------------------------------------------------ reading
def values(columns: Any, blobs: Array, where: str) -> list[Value]:
    """The values of these columns, whose numbers lie in blobs of so many bytes. UserError where a column is missing or
    not as long as the others, a number is out of bounds, or a value reaches beyond its blob."""
    found = Columns(columns, where)
    layouts = [_layout(row, f"{where} layout {i}") for i, row in enumerate(found.rows("layouts"))]
    layout = found.whole("layout", 0, len(layouts))
    count = len(layout)
    if count > MAX_VALUES:
        raise UserError(where, f"{count:,} values", f"at most {MAX_VALUES:,}")
    blob, offset, place = found.whole("blob", -1, len(blobs)), found.whole("offset", 0), found.whole("place", 0)
    if not len(blob) == len(offset) == len(place) == count:
        raise UserError(where, "its columns are not of one length")
    width, span, whole = np.array([row[4:] for row in layouts] or [(1, 0, True)], np.int64)[layout].T
    beyond = (blob >= 0) & ((whole == 0) | ((span > 0) & ((offset + span) * width > np.append(blobs, 0)[blob])))
    if beyond.any():
        raise UserError(where, f"value {beyond.argmax()} does not lie inside of its blob")
    wants, names, sources = [False] * count, [""] * count, [""] * count
    for i in found.whole("wants_grad", 0, count).tolist():
        wants[i] = True
    for key, into in (("name", names), ("source", sources)):
        for i, text in found.texts(key, count):
            into[i] = text
    order = layout.tolist()
    kinds, shapes, strides, places = ([layouts[i][part] for i in order] for part in range(4))
    there = zip(place.tolist(), places, strict=True)
    stats = _stats(Columns(found.get("stats"), f"{where} stats"), count)
    rows = (kinds, shapes, blob.tolist(), offset.tolist(), strides, there, wants, names, sources, stats)
    made = list(map(Value, range(count), *rows))
    as_pairs(made)
    return made


def _layout(row: Any, where: str) -> tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], int, int, bool]:
    """Kind, shape, strides in the blob and in the program's storage, bytes of a number, numbers from the first to the
    last (0 where there are none), and whether it says where each number is."""
    try:
        dtype, *lists = row
        shape, strides, place = (tuple(found) for found in lists)
    except (TypeError, ValueError):
        raise UserError(where, "is no kind of number, shape, strides and place") from None
    if type(dtype) is not str or dtype not in KINDS:
        raise UserError(where, f"there is no kind of number '{str(dtype)[:20]}'", ", ".join(KINDS))
    fits = all(len(found) in (0, len(shape)) for found in (strides, place)) and len(shape) <= MAX_AXES
    if not fits or not all(type(n) is int and 0 <= n < MOST for n in (*shape, *strides, *place)):
        raise UserError(where, "its shape or its strides are not whole numbers from 0, one an axis")
    whole = len(strides) == len(shape)
    span = sum((n - 1) * s for n, s in zip(shape, strides, strict=False)) + 1 if whole and prod(shape) else 0
    if span >= MOST or prod(n for n in shape if n) >= MAX_COUNT:
        raise UserError(where, "its shape is larger than any memory")
    return dtype, shape, strides, place, _width(dtype), span, whole


def _stats(found: Columns, count: int) -> list[Stats | None]:
    of, nan, inf = found.whole("of", 0, count), found.whole("nan", 0), found.whole("inf", 0)
    real = [found.real(key) for key in ("size", "least", "largest")]
    if {len(of)} != {len(nan), len(inf), *map(len, real)}:
        raise UserError(found.where, "its columns are not of one length")
    into: list[Stats | None] = [None] * count
    for i, row in zip(of.tolist(), starmap(Stats, zip(nan.tolist(), inf.tolist(), *real, strict=True)), strict=True):
        into[i] = row
    return into


class Columns:
    """A table of columns that is not yet known to be one."""

    def __init__(self, found: Any, where: str) -> None:
        if type(found) is not dict:
            raise UserError(where, "is no table of columns")
        self._found, self.where = found, where

    def get(self, key: str) -> Any:
        """What stands under a key."""
        if key not in self._found:
            raise UserError(self.where, f"there is no '{key}'")
        return self._found[key]

    def rows(self, key: str) -> list[Any]:
        """A column of anything."""
        found = self.get(key)
        if type(found) is not list:
            raise UserError(self.where, f"'{key}' is no list")
        return found

    def number(self, key: str) -> int:
        """A whole number from 0."""
        found = self.get(key)
        if type(found) is not int or not 0 <= found < MOST:
            raise UserError(self.where, f"'{key}' is no whole number from 0")
        return found

    def whole(self, key: str, least: int, most: int = MOST) -> Array:
        """A column of whole numbers from `least` to below `most`."""
        found = self.rows(key)
        if not set(map(type, found)) <= {int} or (found and not (least <= min(found) and max(found) < most)):
            raise UserError(self.where, f"'{key}' holds something else than whole numbers from {least} to {most - 1:,}")
        return np.array(found, np.int64)

    def real(self, key: str) -> list[float]:
        """A column of numbers, all finite."""
        found = self.rows(key)
        try:
            numbers = np.array(found, np.float64) if set(map(type, found)) <= {int, float} else np.array([np.nan])
        except OverflowError:  # of a whole number
            numbers = np.array([np.nan])
        if not np.isfinite(numbers).all():
            raise UserError(self.where, f"'{key}' holds something else than numbers")
        return numbers.tolist()  # type: ignore[no-any-return]

    def texts(self, key: str, count: int) -> list[tuple[int, str]]:
        """A table from the numbers of values to texts."""
        found = self.get(key)
        if type(found) is not dict or not all(
            type(text) is str and i.isascii() and i.isdigit() and len(i) < 10 and int(i) < count
            for i, text in found.items()
        ):
            raise UserError(self.where, f"'{key}' is no table of values and texts")
        return [(int(i), text) for i, text in found.items()]
