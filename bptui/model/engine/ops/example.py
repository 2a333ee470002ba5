"""The definition of an operation without a use of it: at the fewest axes of its inputs that it takes, for help."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any

from bptui.model.base import syntax
from bptui.model.base.types import Shape
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature

SHAPES: tuple[Shape, ...] = (
    (2, 3), (3, 2), (3,), (2,), (), (2, 3, 4), (4, 3, 2), (3, 4, 2), (2, 3, 5, 5), (4, 3, 3, 3), (2, 3, 5, 5, 5),
    (3, 4, 3, 3, 3), (4, 3, 3, 3, 3), (1, 3), (4, 4), (1,),
)  # fmt: skip
SETTINGS: Mapping[str, Any] = {
    "shape": (3, 2), "index": (slice(0, 1),), "pad_width": ((1, 1), (1, 1)), "exponent": 2.0, "kernel_size": 2,
    "output_size": 3, "groups": 1, "shift": 1, "factor": 2, "size": 4, "repeats": 2, "k": 1, "dtype": "bfloat16",
    "classes": 3,
}  # fmt: skip
"""Of those that have no default and are to be these."""
OTHERS: tuple[Any, ...] = (2, 1, "sum", "ij->i", "ij,jk->ik")
"""Of all others that have none: the first that fits."""
UNFIT = (ValueError, KeyError, TypeError, IndexError)


def defined(row: Op | Composite) -> str:
    """The definition, helpers first, a statement a line; "" where it has none, or nothing of the list fits."""
    if isinstance(row.definition, str):
        return row.definition
    for signature in _signatures(row):
        try:
            text = "\n".join(part.strip() for part in row.definition(signature).replace(";", "\n").split("\n"))
            syntax.parse(text)
        except (*UNFIT, syntax.Unreadable):  # a sum over no axes
            continue
        return text
    return ""


def _signatures(row: Op | Composite) -> Iterator[Signature]:
    """Signatures of uses that there can be: of an operation by shapes that it takes; of a composite, which has none of
    its own, by the axes alone."""
    for values in product(*(_values(name, each) for name, each in row.attributes.items())):
        yield from _used(row, dict(zip(row.attributes, values, strict=True)))


def _values(name: str, attribute: Attribute) -> list[Any]:
    """What an attribute can be: its default, else what its check takes of `SETTINGS` or of `OTHERS`."""
    if not attribute.required:
        return [attribute.default]
    found = []
    for value in (SETTINGS[name],) if name in SETTINGS else OTHERS:
        with suppress(*UNFIT):
            found.append(attribute.check(value))
    return found


def _used(row: Op | Composite, attributes: Mapping[str, Any]) -> Iterator[Signature]:
    """With these attributes."""
    if isinstance(row, Composite):
        static = tuple(sorted((name, value) for name, value in attributes.items() if row.attributes[name].static))
        spatial = re.search(r"(\d)d$", row.name)
        for axes in (int(spatial[1]) + 2,) if spatial else (2, 3, 4):
            kernel = axes if spatial or row.name == "linear" else 1  # of a normalisation it is a scale
            ranks = tuple({"weight": kernel, "bias": 1}.get(name, axes) for name in row.input_names)
            for out in (axes, axes + 1):  # complex numbers made of real ones have an axis more
                yield Signature(row.name, static, ranks, tuple(() for _ in ranks), out)
        return
    needed = sum(not name.endswith("?") for name in row.inputs)
    for shapes in product(SHAPES, repeat=min(needed, 3)):
        try:
            yield row.signature((*shapes, *[shapes[-1]] * (needed - len(shapes))), attributes)
        except UNFIT:
            continue
