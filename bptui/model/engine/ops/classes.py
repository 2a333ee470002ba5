"""Losses over classes: nll and multi_margin. See `cross_entropy.py` for the one that is used most."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.ops.base import Attribute, Compares, Op, Signature
from bptui.model.engine.ops.common import at, integer, over, real
from bptui.model.engine.ops.labels import (
    ATTRIBUTES,
    CONVENTION,
    IGNORE,
    WEIGHTED,
    ClassIndices,
    Samples,
    column,
    flat,
    label_bounds,
    labels_shape,
)
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _one_or_two(value: Any) -> int:
    p = integer(1)(value)
    if p > 2:
        raise ValueError(f"must be 1 or 2, not {p}")
    return p


# ---------------------------------------------------------------------------------------------------- nll, multi_margin
def _nll_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "log_probs")
    return use.reduced(use.weighed(f"-{use.at(use.label)}"))


def _nll(x: Any, labels: Any, *weight: Any, **given: Any) -> Any:
    found = Samples(x, labels, given, weight, "log_probs")
    return found.reduced(-found.of_label(found.z))


def _nll_vjp(g: Any, y: Any, x: Any, labels: Any, *weight: Any, **given: Any) -> Any:
    found = Samples(x, labels, given, weight, "log_probs")
    return found.slope(0, 0, found.weigh(g)) if found.z.size else 0


_NLL = Rule(_nll, _nll_vjp)


def _margin_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "scores")
    gap = at("gap", [*use.samples, "k"])
    power = "**2" if signature["p"] == 2 else ""
    term = f"sum({gap}{power} if {gap} > 0 else 0{over(['k'], f'k != {use.label}')})/K"
    first = f"{gap} = margin - {use.at(use.label)} + {use.at('k')}"
    return f"{first}; {use.reduced(use.weighed(term), weights=False)}"


def _gaps(x: Any, labels: Any, margin: float, given: Attributes) -> tuple[Samples, Any]:
    """(the samples, by how much each class comes too near to the label's score)."""
    found = Samples(x, labels, given, (), "scores")
    return found, noted(_fill_gaps, found.z.shape, found.z, found.places, options=(margin,))


def _fill_gaps(z: Array, places: Array, margin: float, gaps: Array) -> None:
    np.subtract(z, z.reshape(-1)[places][:, None] - margin, gaps)
    gaps.reshape(-1)[places] = 0
    np.maximum(gaps, 0, out=gaps)


def _margin(x: Any, labels: Any, *weight: Any, margin: float, p: int, **given: Any) -> Any:
    found, gaps = _gaps(x, labels, margin, given)
    terms = np.add.reduce(gaps if p == 1 else np.square(gaps), 1) / max(gaps.shape[1], 1)
    return found.reduced(terms * weight[0][flat(labels)] if weight else terms)


def _margin_vjp(g: Any, y: Any, x: Any, labels: Any, *weight: Any, margin: float, p: int, **given: Any) -> Any:
    found, gaps = _gaps(x, labels, margin, given)
    each = weight[0][flat(labels)] * found.upstream(g) if weight else found.upstream(g)
    return found.back(noted(_give_margin, gaps.shape, gaps, found.places, each, options=(p,)))


def _give_margin(gaps: Array, places: Array, weight: Array, p: int, d: Array) -> None:
    if d.size:
        line = np.sign(gaps) if p == 1 else gaps * 2
        line.reshape(-1)[places] = -line.sum(1)
        d[...] = np.where(line != 0, line * (column(weight) / line.shape[1]), line)


_MARGIN = Rule(_margin, _margin_vjp)


OPS = (
    Op(
        "nll",
        ("log_probs", "labels", "weight?"),
        _nll_definition,
        labels_shape("log_probs"),
        *_NLL.pair,
        "The negative log-likelihood of the labels; with or without a weight of each class; those that are "
        "ignore_index are left out.",
        {**ATTRIBUTES, **IGNORE},
        indices=("labels",),
        fixed=("weight",),
        convention=WEIGHTED,
        bounds=label_bounds("log_probs"),
        compares=Compares("logs", "class", bounded=False, entropy=True),
    ),
    Op(
        "multi_margin",
        ("scores", "labels", "weight?"),
        _margin_definition,
        labels_shape("scores"),
        *_MARGIN.pair,
        "The margins by which other classes come too near to the label's score, or their squares (p = 2); with or "
        "without a weight of each class.",
        {**ATTRIBUTES, "margin": Attribute(1.0, real(), static=False), "p": Attribute(1, _one_or_two)},
        indices=("labels",),
        fixed=("weight",),
        analytic=False,
        convention=f"the sum over the other classes is divided by the number of classes; {CONVENTION}",
        bounds=label_bounds("scores"),
        compares=Compares("margins", "class"),
    ),
)
