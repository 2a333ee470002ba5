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


@known("atanh", "arctanh")
def atanh(u: Call, input: Any) -> Node:
    """(log(1 + x) - log(1 - x))/2."""
    return u.use("mul", u.use("sub", u.use("log1p", input), u.use("log1p", u.use("neg", input))), 0.5)


@known("asinh", "arcsinh")
def asinh(u: Call, input: Any) -> Node:
    """log(1 + x + x²/(1 + √(1 + x²))): far below 0 it has fewer digits than float64."""
    finite(u, input, nan=True)
    if u.results[0].dtype == "float64":
        u.lacks("asinh in float64: by logarithms it has fewer digits")
    square = u.use("square", input)
    below = u.use("add", u.use("sqrt", u.use("add", square, 1.0)), 1.0)
    return u.use("log1p", u.use("add", input, u.use("div", square, below)))
