"""What is divided by a length: weight_norm, local_response_norm, lp_pool1d to 3d, as graphs of primitives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from bptui.model.base.types import Attributes
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import (
    at,
    each_axis,
    flag,
    integer,
    letters,
    literal,
    one_axis,
    optional,
    positive,
    real,
    total,
)
from bptui.model.engine.ops.pool import POOLED, mean_text

Use = Callable[..., Any]


# ----------------------------------------------------------------------------------------------------- weight_norm
def _others(axis: int | None, rank: int) -> tuple[int, ...]:
    """The axes over which the length is taken: all but one."""
    return tuple(n for n in range(rank) if axis is None or n != one_axis(axis, rank, "v"))


def _weight_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    v, g = inputs
    others = _others(attributes["axis"], len(v.shape))
    wanted = (
        tuple(1 if n in others else size for n, size in enumerate(v.shape)) if attributes["axis"] is not None else ()
    )
    if g.shape != wanted:
        raise ValueError(f"v has shape {v.shape} and g has shape {g.shape}: g must have shape {wanted}")
    length = use("norm", v, name="length", axis=others, keepdims=attributes["axis"] is not None)
    return use("mul", v, use("div", g, length, name="scale"), name="y")


def _weight_definition(signature: Signature) -> str:
    rank = signature.ranks[0]
    out, others = letters(rank, avoid="gvm"), _others(signature["axis"], rank)
    kept = [i for n, i in enumerate(out) if n not in others]
    bound = letters(2 * rank, avoid="gvm")[rank:]
    read = [bound[n] if n in others else i for n, i in enumerate(out)]
    length, g = at("m", kept), at("g", ["0" if n in others else i for n, i in enumerate(out)] if kept else [])
    square = total(f"{at('v', read)}**2", [bound[n] for n in others])
    return f"{length} = sqrt({square}); {at('y', out)} = {at('v', out)}*{g}/{length}"


# --------------------------------------------------------------------------------------------- local_response_norm
def _response(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    (x,) = inputs
    if len(x.shape) < 3:
        raise ValueError(f"x has shape {x.shape}: it must have at least three axes (samples, channels, length)")
    size, channels, places = attributes["size"], x.shape[1], prod(x.shape[2:])
    squares = use("square", x, name="squares")
    flat = use("reshape", squares, name="flat", shape=(x.shape[0], channels, places))
    beside = ((0, 0), (size // 2, (size - 1) // 2), (0, 0))
    padded = use("pad", flat, name="padded", pad_width=beside)
    means = use("avg_pool2d", padded, name="means", kernel_size=(size, 1), stride=1)
    power = use("reshape", means, name="mean_squares", shape=x.shape)
    below = use("add", use("mul", power, attributes["alpha"], name="weighed"), attributes["k"], name="above_k")
    return use("div", x, use("power", below, name="divisor", exponent=attributes["beta"]), name="y")


def _response_definition(signature: Signature) -> str:
    """v: the mean square of a place over the channels beside, those beyond the border as 0."""
    out = letters(signature.out_rank, avoid="kqv")
    size, channel = signature["size"], out[1]
    near = f"q + {size // 2} >= {channel} and q <= {channel} + {(size - 1) // 2}"
    square = f"{at('x', [out[0], 'q', *out[2:]])}**2"
    mean = f"{at('v', out)} = sum({square} for q in Q if {near})/{size}"
    below = f"({literal(signature['k'])} + alpha*{at('v', out)})**{literal(signature['beta'])}"
    return f"{mean}; {at('y', out)} = {at('x', out)}/{below}"


# --------------------------------------------------------------------------------------------------------- lp_pool
def _lp_pool(count: int) -> Callable[[Use, Sequence[Any], Attributes], Any]:
    def build(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
        (x,) = inputs
        kernel, p = attributes["kernel_size"], attributes["p"]
        powers = use("power", x, name="powers", exponent=p)
        settings = {name: attributes[name] for name in ("kernel_size", "stride", "ceil_mode")}
        means = use(f"avg_pool{count}d", powers, name="means", **settings)
        sums = use("mul", means, float(prod(kernel)), name="sums")
        # a window of zeros, as behind relu, passes no gradient on: the root's own is inf there
        return use("power", use("where", sums, sums, 0.0, name="alive"), name="y", exponent=1 / p)

    return build


def _lp_definition(signature: Signature) -> str:
    p = signature["p"]
    out, mean = mean_text(signature, lambda x: f"{x}**{literal(p)}")
    total = f"{at('s', out)} = {prod(signature['kernel_size'])}*{mean}"
    return f"{total}; {at('y', out)} = 0 if {at('s', out)} == 0 else {at('s', out)}**{literal(1 / p)}"


COMPOSITES = (
    Composite(
        "weight_norm",
        ("v", "g"),
        _weight_norm,
        _weight_definition,
        "A weight as a direction v and a length g: v·g/|v|, with a length for each place along an axis, or one (None).",
        {"axis": Attribute(0, optional(integer()))},
    ),
    Composite(
        "local_response_norm",
        ("x",),
        _response,
        _response_definition,
        "x divided by a power of k + alpha times the mean square over `size` channels around its own.",
        {
            "size": Attribute(None, integer(1), required=True),
            "alpha": Attribute(1e-4, real(), static=False),
            "beta": Attribute(0.75, real()),
            "k": Attribute(1.0, real()),
        },
        convention="channels beyond the border count as 0, and among the size",
    ),
    *(
        Composite(
            f"lp_pool{count}d",
            ("x",),
            _lp_pool(count),
            _lp_definition,
            f"The p-th root of the sum of x^p over windows ({POOLED[count]}).",
            {
                "kernel_size": Attribute(None, each_axis(count, 1), required=True),
                "p": Attribute(2.0, positive),
                "stride": Attribute(None, optional(each_axis(count, 1))),
                "ceil_mode": Attribute(False, flag),
            },
            convention="x^p without |x|, and no gradient where their sum is 0, as PyTorch; a window that ends outside "
            "counts as a whole one of its mean",
        )
        for count in POOLED
    ),
)
