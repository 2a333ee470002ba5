"""Reading safetensors, the format of PyTorch's and JAX's weights without pickle: 8 bytes of length (little-endian), a
JSON header `{NAME: {"dtype", "shape", "data_offsets": [begin, end]}}`, the numbers. Nothing in it is executed.

Format: https://github.com/huggingface/safetensors#format. It is read here and not by the package of that name: the
format is these few lines, and the package would be one more compiled dependency for every user.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.documents import from_json
from bptui.model.base.errors import UserError
from bptui.model.base.types import Array

MAX_HEADER = 2**22
MAX_AXES = 32
DTYPES: Mapping[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
"""NumPy's names of the kinds of number; BF16 is widened to float32."""


def arrays(content: bytes, where: str) -> dict[str, Array]:
    """The arrays of a file by name; a UserError for whatever is not as the format says. No array is larger than its
    part of the content, so that nothing grows beyond what was read."""
    if len(content) < 8:
        raise UserError(where, "is not a safetensors file: it is too short")
    (length,) = struct.unpack("<Q", content[:8])
    if length > min(MAX_HEADER, len(content) - 8):
        raise UserError(where, f"is not a safetensors file: a header of {length:,} bytes")
    try:
        header = from_json(content[8 : 8 + length].decode("utf-8"), f"{where} header")
    except UnicodeDecodeError:
        raise UserError(where, "is not a safetensors file: its header is not text") from None
    if not isinstance(header, dict):
        raise UserError(where, "is not a safetensors file: its header is not a table")
    body = memoryview(content)[8 + length :]
    return {name: _array(entry, body, f"{where} {name}") for name, entry in header.items() if name != "__metadata__"}


def _array(entry: Any, body: memoryview, where: str) -> Array:
    try:
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise UserError(where, "has no dtype, shape and data_offsets") from None
    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(_counts(n) for n in (*shape, begin, end)):
        raise UserError(where, "its shape or its data_offsets are not whole numbers from 0")
    if not isinstance(kind, str) or (kind not in DTYPES and kind != "BF16"):
        raise UserError(where, f"there is no kind of number '{str(kind)[:20]}'", ", ".join((*DTYPES, "BF16")))
    stored = np.dtype("<u2" if kind == "BF16" else DTYPES[kind])
    if not begin <= end <= len(body) or end - begin != prod(shape) * stored.itemsize:
        raise UserError(where, f"{end - begin:,} bytes at {begin:,} of {len(body):,} do not hold {shape} of {kind}")
    found = np.frombuffer(body[begin:end], stored).reshape(shape)
    return (found.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else found.copy()


def _counts(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62
