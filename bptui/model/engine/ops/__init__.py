"""The operations: one row each, read by the engine, the derivation, the check, the formulas and the documentation.

`OPS` holds the primitive rows, `COMPOSITES` those that are graphs of others. Adding an operation is adding a row to a
family's file; nothing else has to know it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from types import MappingProxyType

from bptui.model.base.errors import UserError
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import nearest

FAMILIES = (
    "arithmetic", "functions", "discrete", "logic", "elementwise", "hard", "gates", "dropped", "linear", "einsum",
    "reduce", "extremes", "lengths", "shape", "slices", "parts", "rearrange", "join", "patches", "index", "lists",
    "bags", "scatter", "overwrite", "scan", "order", "softmax", "losses", "likelihood", "counts", "cross_entropy",
    "classes", "focal", "conv", "conv_transpose", "pool", "adaptive", "images", "running", "norm", "scaled",
    "similarity", "distances", "attention", "multi_head", "recurrent", "singular", "matrices", "embeddings",
    "composed_losses", "multilabel", "ctc", "complex", "spectral",
)  # fmt: skip
"""The files of the rows, in the order in which they are listed."""


def _collect(kind: str) -> Mapping[str, Op | Composite]:
    found: dict[str, Op | Composite] = {}
    for family in FAMILIES:
        for row in getattr(import_module(f"{__name__}.{family}"), kind, ()):
            assert row.name not in found, row.name
            found[row.name] = row
    return found


OPS: Mapping[str, Op] = MappingProxyType(_collect("OPS"))  # type: ignore[arg-type]
COMPOSITES: Mapping[str, Composite] = MappingProxyType(_collect("COMPOSITES"))  # type: ignore[arg-type]


def comparing(prediction: Collection[str] = (), target: Collection[str] = ()) -> tuple[str, ...]:
    """The losses that compare such a prediction with such a target (`Compares`); of nothing said all of them."""
    return tuple(
        name
        for name, row in {**OPS, **COMPOSITES}.items()
        if row.compares is not None
        and (not prediction or row.compares.prediction in prediction)
        and (not target or row.compares.target in target)
    )


def get(name: str) -> Op | Composite:
    """The row of an operation; a UserError with a suggestion where there is none of that name."""
    row = OPS.get(name) or COMPOSITES.get(name)
    if row is None:
        raise UserError(name, "is not an operation", nearest(name, [*OPS, *COMPOSITES], "see: bptui info"))
    return row
