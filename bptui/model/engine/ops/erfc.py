"""The complement of the error function, exact where it is small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.erf import erf
from bptui.model.engine.trace import Standin, each

# erfc by rational functions on three intervals, after W. J. Cody (1969) in the form of FreeBSD's s_erf.c
# (Sun Microsystems 1993: "Permission to use, copy, modify, and distribute this software is freely granted, provided
# that this notice is preserved"). Coefficients ascend; tests hold it against 50 digits.
_ERX = 8.45062911510467529297e-01
_MIDDLE = (
    (
        -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
        3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
        -2.16637559486879084300e-03,
    ),
    (
        1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
        1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02,
    ),
)  # fmt: skip
_FAR = (
    (
        -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e01,
        -6.23753324503260060396e01, -1.62396669462573470355e02, -1.84605092906711035994e02, -8.12874355063065934246e01,
        -9.81432934416914548592e00,
    ),
    (
        1.0, 1.96512716674392571292e01, 1.37657754143519042600e02, 4.34565877475229228821e02,
        6.45387271733267880336e02, 4.29008140027567833386e02, 1.08635005541779435134e02, 6.57024977031928170135e00,
        -6.04244152148580987438e-02,
    ),
)  # fmt: skip
_TAIL = (
    (
        -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e01,
        -1.60636384855821916062e02, -6.37566443368389627722e02, -1.02509513161107724954e03, -4.83519191608651397019e02,
    ),
    (
        1.0, 3.03380607434824582924e01, 3.25792512996573918826e02, 1.53672958608443695994e03,
        3.19985821950859553908e03, 2.55305040643316442583e03, 4.74528541206955367215e02, -2.24409524465858183362e01,
    ),
)  # fmt: skip


@operation
def erfc(x: Any) -> Any:
    """1 - erf(x), to the last digits where it is small, too."""
    return each(_fill_erfc, x) if isinstance(x, Standin) else _erfc(np.asarray(x, np.float64))


def _fill_erfc(x: Array, y: Array) -> None:
    y[...] = 1 - erf(x) if x.dtype.kind == "c" else _erfc(np.asarray(x, np.float64))


def _erfc(x: Array) -> Array:
    found = np.asarray(1 - erf(x))
    line, out = x.reshape(-1), found.reshape(-1)
    for low, high, part in _TAILS:
        inside = np.flatnonzero((line >= low) & (line < high))
        out[inside] = part(line[inside])
    return out.reshape(x.shape)


def _ratio(z: Any, parts: tuple[Sequence[float], Sequence[float]]) -> Any:
    above, below = (_horner(z, coefficients) for coefficients in parts)
    return above / below


def _horner(z: Any, coefficients: Sequence[float]) -> Any:
    found = z * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        found = (found + coefficient) * z
    return found + coefficients[0]


def _middle(x: Array) -> Array:
    found: Array = _ERX + _ratio(x - 1, _MIDDLE)
    return found


def _tail(x: Array, parts: tuple[Sequence[float], Sequence[float]]) -> Array:
    """erfc(x), far out."""
    # x*x is split, so that exp(-x*x) keeps all digits: z is x with the lower half of its bits cut off
    z: Array = (x.view(np.int64) & np.int64(-(1 << 32))).view(np.float64)
    tail: Array = np.exp(-z * z - 0.5625) * np.exp((z - x) * (z + x) + _ratio(1 / (x * x), parts))
    found: Array = tail / x
    return found


_TAILS: tuple[tuple[float, float, Callable[[Array], Array]], ...] = (
    (0.84375, 1.25, lambda x: 1 - _middle(x)),
    (1.25, 1 / 0.35, lambda x: _tail(x, _FAR)),
    (1 / 0.35, np.inf, lambda x: _tail(x, _TAIL)),
)
