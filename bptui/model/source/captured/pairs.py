"""Complex values of a record as real ones with a last axis of 2, (real, imaginary): the same bytes, read as floats.

So what is computed with them, their gradients (∂L/∂re and ∂L/∂im, PyTorch's convention) and their updates are those of
real numbers; `Value.complex` says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from bptui.model.source.captured.record import Value

OF: dict[str, str] = {"complex64": "float32", "complex128": "float64"}
"""A complex kind of number → that of its parts."""


def as_pairs(values: Iterable[Value]) -> None:
    """Reads complex values as pairs from here on: their kind, shape, and where they lie."""
    for value in values:
        if value.dtype in OF:
            start, steps = value.place
            value.dtype, value.complex = OF[value.dtype], True
            value.shape = (*value.shape, 2)
            value.offset, value.strides = 2 * value.offset, _apart(value.strides, value.shape)
            value.place = 2 * start, _apart(steps, value.shape)


def _apart(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in floats; none stay none, where there are axes that they are not known of."""
    return (*(2 * stride for stride in strides), 1) if len(strides) == len(shape) - 1 else strides
