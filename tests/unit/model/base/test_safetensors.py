"""What is written as safetensors is read, by ours and by the format's own package; what that one refuses, ours does."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.safetensors import DTYPES, arrays, entries, file, widened

tensors = st.lists(st.tuples(st.sampled_from(list(DTYPES)), st.integers(0, 5)), max_size=5)


def content(found, seed: int = 0) -> tuple[bytes, list[tuple[str, str, bytes]]]:
    """A file of tensors of these kinds and lengths, and what is in it."""
    draw, rows = np.random.default_rng(seed), []
    for i, (kind, count) in enumerate(found):
        width = np.dtype(DTYPES[kind]).itemsize
        rows.append((f"t{i}", kind, draw.integers(0, 2, count * width, np.uint8).tobytes()))
    return b"".join(bytes(piece) for piece in file((n, k, memoryview(data)) for n, k, data in rows)), rows


@given(tensors)
def test_what_is_written_is_read(found):
    whole, rows = content(found)
    read = entries(memoryview(whole), "f")
    assert {name: (row.kind, whole[row.begin : row.end]) for name, row in read.items()} == {
        n: (k, d) for n, k, d in rows
    }
    for name, kind, data in rows:
        array = arrays(whole, "f")[name]
        bits = np.frombuffer(data, DTYPES[kind])
        assert array.tobytes() == (widened(bits) if kind == "BF16" else bits).tobytes()


@given(tensors)
def test_the_package_of_the_format_reads_what_is_written(found):
    package = pytest.importorskip("safetensors")
    whole, rows = content([(kind, count) for kind, count in found if kind != "C64"])
    assert {name: bytes(row["data"]) for name, row in package.deserialize(whole)} == {n: d for n, _, d in rows}


def packed(header, body: bytes = b"") -> bytes:
    """A file of this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def row(begin: int, end: int, kind: str = "U8", shape=None):
    """A row of a header."""
    return {"dtype": kind, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


WRONG = {
    "overlap": packed({"a": row(0, 4), "b": row(2, 6)}, b"x" * 6),
    "gap": packed({"a": row(0, 2), "b": row(4, 6)}, b"x" * 6),
    "gap at the begin": packed({"a": row(2, 6)}, b"x" * 6),
    "rest": packed({"a": row(0, 2)}, b"x" * 6),
    "beyond": packed({"a": row(0, 8)}, b"x" * 6),
    "backwards": packed({"a": row(6, 0, shape=[0])}, b"x" * 6),
    "shape": packed({"a": row(0, 6, shape=[2, 2])}, b"x" * 6),
    "product": packed({"a": row(0, 0, shape=[2**40, 2**40, 0, 2**40])}),
    "negative": packed({"a": row(0, 6, shape=[-2, -3])}, b"x" * 6),
    "fraction": packed({"a": row(0, 6, shape=[6.0])}, b"x" * 6),
    "list": packed([["a", row(0, 6)]], b"x" * 6),
    "twice": packed(
        b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "a": {"dtype": "U8", "shape": [1]}}'
    ),
    "deep": packed(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "no JSON": packed(b"{"),
    "not UTF-8": packed(b'{"\xff": 1}'),
    "long header": struct.pack("<Q", 2**63) + b"{}",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_of_the_format_is_one_line(kind):
    with pytest.raises(UserError) as found:
        entries(WRONG[kind], "f")
    assert str(found.value).isprintable()


def test_an_empty_tensor_may_have_other_axes():
    assert arrays(packed({"a": row(0, 0, shape=[2**40, 0, 3])}), "f")["a"].shape == (2**40, 0, 3)
