"""Reading safetensors, the format of PyTorch's and JAX's weights without pickle: 8 bytes of length (little-endian), a
JSON header `{NAME: {"dtype", "shape", "data_offsets": [begin, end]}}`, the numbers. Nothing in it is executed.

Format: https://github.com/huggingface/safetensors#format. It is read here and not by the package of that name: the
format is these few lines, the package would be one more compiled dependency for every user, it copies what a mapped
file need not copy, and it has no bfloat16 for NumPy.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.documents import strict_json
from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape

MAX_HEADER = 2**22
MAX_AXES = 32
MAX_COUNT = 2**56
"""The product of a shape's sizes is less, also without its zeros: NumPy has no array of such a shape."""
DTYPES: Mapping[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8", "F8_E5M2": "u1", "F8_E4M3": "u1",
}  # fmt: skip
"""The kinds of number → NumPy's; of bfloat16 and the two float8, which NumPy has not, the bits."""


class Entry(NamedTuple):
    """A tensor of a file: its kind of number, its shape, its first byte in the file and the one after its last."""

    kind: str
    shape: Shape
    begin: int
    end: int


def entries(content: Any, where: str) -> dict[str, Entry]:
    """The tensors of a file by name; a UserError for whatever is not as the format says: they lie one after the other,
    all of the content is theirs, each is as long as its shape and kind say. `content` is bytes or a memoryview of them
    (a mapped file): only the header is read."""
    if len(content) < 8:
        raise UserError(where, "is not a safetensors file: it is too short")
    (length,) = struct.unpack("<Q", content[:8])
    if length > min(MAX_HEADER, len(content) - 8):
        raise UserError(where, f"is not a safetensors file: a header of {length:,} bytes")
    header = strict_json(bytes(content[8 : 8 + length]), f"{where} header")
    if not isinstance(header, dict):
        raise UserError(where, "is not a safetensors file: its header is not a table")
    body = 8 + length
    found = {
        name: _entry(row, body, len(content), f"{where} {name}")
        for name, row in header.items()
        if name != "__metadata__"
    }
    end = body
    for entry in sorted(found.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != end:
            kind = "overlap" if entry.begin < end else "leave a gap"
            raise UserError(where, f"its tensors {kind} at byte {min(entry.begin, end):,}")
        end = entry.end
    if end != len(content):
        raise UserError(where, f"{len(content) - end:,} bytes after its last tensor")
    return found


def arrays(content: bytes, where: str) -> dict[str, Array]:
    """The arrays of a file by name, bfloat16 widened to float32; UserError as above. No array is larger than twice its
    part of the content, so that nothing grows beyond what was read."""
    found = {}
    for name, entry in entries(content, where).items():
        array = np.frombuffer(content, DTYPES[entry.kind], prod(entry.shape), entry.begin).reshape(entry.shape)
        found[name] = widened(array) if entry.kind == "BF16" else array.copy()
    return found


def widened(bits: Array) -> Array:
    """The float32 numbers of bfloat16 bits: their upper halves."""
    return np.asarray(bits.astype(np.uint32) << 16).view(np.float32)


def widened8(bits: Array, mantissa: int) -> Array:
    """The float32 numbers of float8 bits with so many digits behind the point: 2 (e5m2: the upper half of a float16) or
    3 (e4m3fn, which has no inf, and NaN where all bits but the sign are 1). From Micikevicius et al. 2022, FP8 Formats
    for Deep Learning, table 1."""
    if mantissa == 2:
        return np.asarray((bits.astype(np.uint16) << 8).view(np.float16).astype(np.float32))
    code = np.arange(128)
    exponent, digits = code >> 3, code & 7
    sizes = np.where(exponent > 0, (8 + digits) * 2.0 ** (exponent - 10), digits * 2.0**-9)
    sizes[127] = np.nan
    return np.asarray(np.concatenate([sizes, -sizes]).astype(np.float32)[bits])


def file(tensors: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """The content of a file, piece by piece: of tensors (name, kind, memoryview of bytes), and their shape where they
    are not flat. They begin at multiples of 64 bytes where each of their lengths is one; the widest kinds should come
    first."""
    header, at, pieces = {}, 0, []
    for name, kind, data, *shape in tensors:
        count = data.nbytes // np.dtype(DTYPES[kind]).itemsize
        sizes = list(shape[0]) if shape else [count]
        header[name] = {"dtype": kind, "shape": sizes, "data_offsets": [at, at + data.nbytes]}
        at += data.nbytes
        pieces.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    yield struct.pack("<Q", len(text)) + text
    yield from pieces


def _entry(row: Any, body: int, size: int, where: str) -> Entry:
    try:
        kind, shape, (begin, end) = row["dtype"], row["shape"], row["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise UserError(where, "has no dtype, shape and data_offsets") from None
    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(_counts(n) for n in (*shape, begin, end)):
        raise UserError(where, "its shape or its data_offsets are not whole numbers from 0")
    if prod(n for n in shape if n) >= MAX_COUNT:
        raise UserError(where, f"there is no memory for the shape {shape}")
    if not isinstance(kind, str) or kind not in DTYPES:
        raise UserError(where, f"there is no kind of number '{str(kind)[:20]}'", ", ".join(DTYPES))
    if not begin <= end <= size - body or end - begin != prod(shape) * np.dtype(DTYPES[kind]).itemsize:
        raise UserError(where, f"{end - begin:,} bytes at {begin:,} of {size - body:,} do not hold {shape} of {kind}")
    return Entry(kind, tuple(shape), body + begin, body + end)


def _counts(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62
