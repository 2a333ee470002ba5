"""Initial values of parameters: a pure function of (seed, layer, which parameter), the same on every machine.

| kind | draws from | source |
|---|---|---|
| xavier_uniform | U(-a, a), a = gain √(6/(fan_in + fan_out)) | Glorot and Bengio 2010, eq. 16 |
| xavier_normal | N(0, s²), s = gain √(2/(fan_in + fan_out)) | the same, eq. 12 |
| he_uniform | U(-a, a), a = gain √(3/fan_in), gain √2 | He et al. 2015, eq. 10 |
| he_normal | N(0, s²), s = gain/√fan_in, gain √2 | the same |
| lecun_uniform | U(-a, a), a = √(3/fan_in) | LeCun et al. 1998, section 4.6 |
| lecun_normal | N(0, s²), s = 1/√fan_in | the same |
| torch_uniform | U(-a, a), a = 1/√fan_in | what PyTorch's Linear and Conv draw from |
| uniform, normal, zeros, ones, constant | their own parameters | |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod, sqrt
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Key, Table, any_value, one_of
from bptui.model.base.types import Array, Shape
from bptui.model.engine.arrays import room
from bptui.model.engine.batches import draw
from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import integer, real

INIT = 3
"""The purpose of a draw (see `bptui.model.engine.batches.draw`)."""


def unit(words: Array) -> Array:
    """Random 64-bit words as numbers in [0, 1), 53 bits each."""
    return np.asarray((words >> np.uint64(11)) * 2.0**-53)


@dataclass(frozen=True)
class Initializer:
    """`make(shape, (fan_in, fan_out), source, **parameters)`; `source` draws."""

    make: Callable[..., Array]
    parameters: Mapping[str, Attribute] = field(default_factory=dict)


class Source:
    """The random numbers of one parameter of one layer."""

    def __init__(self, seed: int, layer: int, which: int) -> None:
        self.key = (seed, layer, which)

    def uniform(self, shape: Shape, a: float, b: float) -> Array:
        """U(a, b), 53 random bits each."""
        return np.asarray(a + (b - a) * self._unit(prod(shape)).reshape(shape))

    def normal(self, shape: Shape, mean: float, std: float) -> Array:
        """N(mean, std²), by Box and Muller."""
        count = prod(shape)
        bits = self._unit(2 * count)
        radius = np.sqrt(-2 * np.log1p(-bits[:count]))
        return np.asarray(mean + std * (radius * np.cos(2 * np.pi * bits[count:])).reshape(shape))

    def _unit(self, count: int) -> Array:
        """Uniform in [0, 1)."""
        seed, layer, which = self.key
        return unit(draw(seed, INIT, layer, count, which))


def _spread(normal: bool, variance: Callable[[int, int], float]) -> Callable[..., Array]:
    """Draws with a given variance, uniform or normal."""

    def make(shape: Shape, fans: tuple[int, int], source: Source, gain: float) -> Array:
        std = gain * sqrt(variance(max(fans[0], 1), max(fans[1], 1)))
        return source.normal(shape, 0, std) if normal else source.uniform(shape, -std * sqrt(3), std * sqrt(3))

    return make


def _family(variance: Callable[[int, int], float], gain: float) -> tuple[Initializer, Initializer]:
    parameters = {"gain": Attribute(gain, real(0))}
    return Initializer(_spread(False, variance), parameters), Initializer(_spread(True, variance), parameters)


_XAVIER = _family(lambda fan_in, fan_out: 2 / (fan_in + fan_out), 1.0)
_HE = _family(lambda fan_in, fan_out: 1 / fan_in, sqrt(2))
_LECUN = _family(lambda fan_in, fan_out: 1 / fan_in, 1.0)

INITIALIZERS: Mapping[str, Initializer] = {
    "xavier_uniform": _XAVIER[0],
    "xavier_normal": _XAVIER[1],
    "he_uniform": _HE[0],
    "he_normal": _HE[1],
    "lecun_uniform": _LECUN[0],
    "lecun_normal": _LECUN[1],
    "torch_uniform": _family(lambda fan_in, fan_out: 1 / (3 * fan_in), 1.0)[0],
    "uniform": Initializer(
        lambda shape, fans, source, low, high: source.uniform(shape, low, high),
        {"low": Attribute(-0.1, real()), "high": Attribute(0.1, real())},
    ),
    "normal": Initializer(
        lambda shape, fans, source, mean, std: source.normal(shape, mean, std),
        {"mean": Attribute(0.0, real()), "std": Attribute(0.01, real(0))},
    ),
    "zeros": Initializer(lambda shape, fans, source: np.zeros(shape)),
    "ones": Initializer(lambda shape, fans, source: np.ones(shape)),
    "constant": Initializer(
        lambda shape, fans, source, value: np.full(shape, value), {"value": Attribute(0.0, real(), required=True)}
    ),
}


RANDOM = frozenset(INITIALIZERS) - {"zeros", "ones", "constant"}
"""Those that draw."""


def fans(shape: Shape, inputs_first: bool = True) -> tuple[int, int]:
    """(fan_in, fan_out): of a dense weight (in, out), or of a convolution's (out, in, *kernel)."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    if inputs_first:
        return shape[0] * prod(shape[2:]), shape[1] * prod(shape[2:])
    return shape[1] * prod(shape[2:]), shape[0] * prod(shape[2:])


def drawn(setting: Any, table: Table, key: str, shape: Shape, fan: tuple[int, int], source: Source) -> Array:
    """Numbers as a file asks for them under `key`: `"he_uniform"`, or `{kind = "normal", std = 0.1}`."""
    path = ".".join(part for part in (table.path, key) if part)
    inner = Table({"kind": setting} if isinstance(setting, str) else setting, table.where, path)
    row = INITIALIZERS[inner.get("kind", Key(one_of(*INITIALIZERS), None, "such as he_uniform", required=True))]
    keys = {name: Key(a.check, a.default, required=a.required) for name, a in row.parameters.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        values = row.make(shape, fan, source, **inner.read(keys, also=("kind",)))
    if not np.isfinite(values).all():
        raise UserError(inner.at(), "draws numbers that are too large for float64")
    return values


def drawn_value(table: Table, seed: int, number: int) -> Array:
    """What `{shape = [2, 8], init = "he_uniform"}` draws in the place of numbers; init may be a table with parameters.
    `number` tells it from others with the same seed."""
    table.only(["shape", "init"])
    shape = table.get(
        "shape", Key(lambda value: tuple(integer(0)(size) for size in value), None, "shape = [2, 8]", required=True)
    )
    room(shape, table.at("shape"))
    init = table.get("init", Key(any_value, "xavier_uniform"))
    return drawn(init, table, "init", shape, fans(shape), Source(seed, 0, number))
