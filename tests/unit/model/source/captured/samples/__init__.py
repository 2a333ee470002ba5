"""Calls of PyTorch's functions, a function per family: shapes that are not square, both signs, ties, keywords and
positions, functions and methods, axes from the end, single numbers, broadcasting."""

from collections.abc import Callable

from tests.unit.model.source.captured.samples import (
    complex_numbers,
    corners,
    equations,
    functions,
    layers,
    numbers,
    places,
)
from tests.unit.model.source.captured.samples.draw import Draw

FAMILIES: dict[str, Callable[[Draw], None]] = {
    family.__name__: family
    for family in (
        numbers.elementwise, functions.functions, numbers.arithmetic, numbers.matrices, equations.equations,
        numbers.reductions, places.shapes, places.indexing, places.writing, layers.layers, layers.recurrent,
        layers.losses, complex_numbers.complex_, corners.corners,
    )
}  # fmt: skip

__all__ = ["FAMILIES", "Draw"]
