"""Functions that NumPy does not have."""

from __future__ import annotations

import math

import numpy as np

from bptui.model.ops.base import Array, Emit


def erf_into(emit: Emit, x: Array, y: Array) -> None:
    """y = erf(x), the error function, to the last digits."""
    emit(_erf, x, y)


def _erf(x: Array, y: Array) -> None:
    if x.dtype.kind == "c":  # a complex step h·i: erf(x + ih) = erf(x) + ih·2/√π·exp(-x²) up to h²
        real = np.ascontiguousarray(x.real)
        found = np.empty_like(real)
        _erf(real, found)
        y[...] = found + 1j * x.imag * (2 / math.sqrt(math.pi)) * np.exp(-real * real)
    else:
        y.reshape(-1)[:] = [math.erf(value) for value in x.reshape(-1).tolist()]
