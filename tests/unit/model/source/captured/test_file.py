"""What is written is read; whatever happened to a file is told in one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from bptui.model.base import safetensors
from bptui.model.source.captured.file import open_record
from bptui.model.source.captured.pairs import as_pairs
from bptui.model.source.captured.table import FLOAT8, KINDS
from tests.unit.model.source.captured.steps import steps, write


def numbers(value, blob):
    """What a value's numbers are, one by one."""
    kind = np.dtype(KINDS[value.dtype][1])
    flat, found = np.frombuffer(blob, kind), np.empty(value.shape, kind)
    for index in np.ndindex(*value.shape):
        found[index] = flat[value.offset + sum(i * s for i, s in zip(index, value.strides, strict=True))]
    if found.dtype.kind == "c":  # (real, imaginary), on a last axis
        return np.stack([found.real, found.imag], -1)
    if value.dtype in FLOAT8:
        return safetensors.widened8(found, FLOAT8[value.dtype])
    if value.dtype == "bfloat16":
        return (found.astype(np.uint32).reshape(-1) << 16).view(np.float32).reshape(value.shape)
    return found.view(np.uint8) != 0 if value.dtype == "bool" else found


@pytest.mark.parametrize("name", ["step.bptui", "step.zip"])
@given(drawn=steps())
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read(name, drawn):
    step, blobs = drawn
    rights = [None if blob is None else numbers(value, blob) for value, blob in zip(step.values, blobs, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, step, blobs)
        record = open_record(path)
        as_pairs(step.values)
        assert record.step == step
        for value, right in zip(step.values, rights, strict=True):
            found = record.array(value.id)
            if right is None:
                assert found is None
            else:
                assert (found.dtype, found.shape, found.flags.writeable) == (right.dtype, right.shape, False)
                assert found.tobytes() == right.tobytes()
