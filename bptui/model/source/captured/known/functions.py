"""Angles, and the gamma function."""

from __future__ import annotations

from typing import Any

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.registry import known


@known("asin", "arcsin")
def asin(u: Call, input: Any) -> Node:
    return u.use("asin", input)


@known("acos", "arccos")
def acos(u: Call, input: Any) -> Node:
    return u.use("acos", input)


@known("atan", "arctan")
def atan(u: Call, input: Any) -> Node:
    return u.use("atan", input)


@known("atan2", "arctan2")
def atan2(u: Call, input: Any, other: Any) -> Node:
    return u.use("atan2", input, other)


@known("lgamma", "torch.special.gammaln")
def lgamma(u: Call, input: Any) -> Node:
    return u.use("lgamma", input)


@known("digamma", "torch.special.digamma", "torch.special.psi")
def digamma(u: Call, input: Any) -> Node:
    """PyTorch's slope has 9 digits, which only float64 can tell."""
    if u.results[0].dtype == "float64":
        u.lacks("digamma in float64: PyTorch's slope has 9 digits")
    return u.use("digamma", input)
