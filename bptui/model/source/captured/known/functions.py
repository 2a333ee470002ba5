"""Angles, areas, and the gamma function."""

from __future__ import annotations

from typing import Any

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import finite
from bptui.model.source.captured.known.registry import known, uses

known("asin", "arcsin")(uses("asin"))
known("acos", "arccos")(uses("acos"))
known("atan", "arctan")(uses("atan"))
known("atan2", "arctan2")(uses("atan2", "input", "other"))
known("asinh", "arcsinh")(uses("asinh"))
known("acosh", "arccosh")(uses("acosh"))
known("atanh", "arctanh")(uses("atanh"))
known("lgamma", "torch.special.gammaln")(uses("lgamma"))


@known("digamma", "torch.special.digamma", "torch.special.psi")
def digamma(u: Call, input: Any) -> Node:
    """PyTorch's slope has 9 digits, which only float64 can tell."""
    if u.results[0].dtype == "float64":
        u.lacks("digamma in float64: PyTorch's slope has 9 digits")
    return u.use("digamma", input)


@known("torch.polygamma", "torch.special.polygamma")
def polygamma(u: Call, n: int, input: Any) -> Node:
    """As digamma: PyTorch's of n = 1 has 9 digits. At infinity PyTorch has nan, where the limit is 0."""
    finite(u, input, nan=True)
    if n < 2 and u.results[0].dtype == "float64":
        u.lacks("polygamma in float64: PyTorch's slope of digamma has 9 digits")
    return u.use("polygamma", input, n=n)


@known("torch.Tensor.polygamma")
def polygamma_method(u: Call, input: Any, n: int) -> Node:
    return polygamma(u, n, input)
