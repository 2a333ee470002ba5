"""How a number becomes text. The one place: panels, plain mode, messages and copies all come here.

Two forms. A `field` has a fixed width, a sign column and one count of decimals per tensor, so that columns align;
`significant` has a fixed count of significant digits and stands in running text and in equations. Both write a number
that would not fit, or that would round to nothing, as `-1.2e-7`, `3.4e5`: exponent not padded, ASCII, so that it pastes
into Python. An exact zero is a lone `0`, so that what IS nothing never looks like what merely rounds to it.

Importing this module imports no NumPy: a screen may import it before its first frame.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bptui.model.base.types import Array

WIDTH = 8
"""A sign column and seven more: `-0.0988`, `-1.2e-7`, `123.457`."""

DECIMALS = 4
ALL = 16
"""From so many significant digits on a number is written to its last bit."""
_ROUNDED = 2.0**-50
"""Relative: what a few operations round a float64 by."""
NOT_YET = "·"
HIDDEN = "?"
PAYLOAD, PAYLOAD_AT = 0x2B97, 29
"""What tells the NaN apart that stands for a number which is kept back, and its place in a float64's bits: among those
that a float32 has, too."""
CONCEALED: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8 << 48 | PAYLOAD << PAYLOAD_AT))[0]
"""Stands for a number that is kept back (`engine.masked`); written as `?`."""
_FEWEST = 2
"""Fewer decimals than this and the number is written with an exponent instead: one outlier must not blur its tensor."""


def field(x: float | None, width: int = WIDTH, decimals: int = DECIMALS) -> str:
    """`x` in exactly `width` characters, the first of which only ever holds a sign.

    `None` is a number that is not there yet: `·` in the units place, where an exact zero has its lone `0`. What cannot
    be written at all in so few columns (`width` < 7) is a row of `#`, as in a spreadsheet, and never a wrong number.
    """
    if x is None:
        return _units(NOT_YET, width, decimals)
    x = float(x)
    if not math.isfinite(x):
        return _units(HIDDEN, width, decimals) if concealed(x) else _right(special(x), width)
    if x == 0:
        return _units("0", width, decimals)
    text = f"{x:.{decimals}f}"
    if len(text.lstrip("-")) <= width - 1 and float(text) != 0:
        return text.rjust(width)
    for digits in range(max(1, decimals - 3), -1, -1):
        text = scientific(x, digits)
        if len(text.lstrip("-")) <= width - 1:
            break
    return _right(text, width)


def concealed(x: float | None) -> bool:
    """Is this number kept back, or made of one that is?"""
    if x is None or x == x:
        return False
    bits: int = struct.unpack("<Q", struct.pack("<d", x))[0]
    return bits >> PAYLOAD_AT & 2**22 - 1 == PAYLOAD


def decimals_for(tensor: Array | Sequence[float] | float | None, width: int = WIDTH, most: int = DECIMALS) -> int:
    """The count of decimals in which all of a tensor is shown: the most that lets its largest number fit.

    Numbers too large for two decimals take the exponent form and do not count; neither do NaN and inf.
    """
    import numpy as np  # here, so that the module can be imported before the first frame

    if tensor is None:
        return most
    size = np.abs(np.asarray(tensor, dtype=np.float64))
    fewest = min(_FEWEST, most)
    size = size[np.isfinite(size) & (size < _limit(width, fewest))]
    largest = float(size.max()) if size.size else 0.0
    for decimals in range(most, fewest, -1):
        if len(f"{largest:.{decimals}f}") <= width - 1:
            return decimals
    return fewest


def touching(rows: Iterable[Iterable[float]], decimals: int) -> bool:
    """Does a number fill its field, so that its sign would touch the number before it?"""
    return any(not field(x, decimals=decimals).startswith(" ") for row in rows for x in row)


def significant(x: float | None, n: int = 6) -> str:
    """`x` with `n` significant digits: `-0.0987503`, `12.5000`, `-1.23457e-7`.

    A number that has fewer digits, but for the rounding of a sum or product, is written with those: `0.5`, `3`, and
    `0.18` for 0.18000000000000002; so `0.500000` says that there was more to round. With `ALL` digits nothing is left
    out.
    """
    if x is None:
        return NOT_YET
    x = float(x)
    if not math.isfinite(x):
        return special(x)
    if x == 0:
        return "0"
    short = f"{x:.{n}g}"
    if abs(float(short) - x) <= (_ROUNDED * abs(x) if n < ALL else 0.0):
        return _unpadded(short)
    exponent = int(f"{x:.{n - 1}e}".partition("e")[2])
    if -5 < exponent < n:
        return f"{x:.{n - 1 - exponent}f}"
    return scientific(x, n - 1)


def apart(x: float, y: float) -> tuple[str, str]:
    """Two numbers with 6 significant digits; where those are the same, with all that tell them apart: `0.1 + 0.2` and
    `0.3` are `0.30000000000000004` and `0.3`."""
    first, second = significant(x), significant(y)
    return (first, second) if float(first) != float(second) else (repr(float(x)), repr(float(y)))


def just_apart(x: float, y: float) -> tuple[str, str]:
    """Two numbers with as many significant digits as it takes to tell them apart, 6 at the least: `4.244624`, of a loss
    that is `4.244625` elsewhere."""
    for n in range(6, ALL + 2):
        texts = significant(x, n), significant(y, n)
        if float(texts[0]) != float(texts[1]) or x == y or x != x or y != y:
            break
    return texts


def together(numbers: Iterable[float | None], n: int = 6, most: int = 8) -> list[str]:
    """Numbers that stand in one equation, in one count of decimals: the one that gives the smallest of them `n`
    significant digits, `most` decimals at most, fewer where the largest needs the room. What that many would round to
    0, or what is larger still, has an exponent. Not padded; at most `most` + 4 characters, sign included."""
    wanted = list(numbers)
    sizes = [abs(float(x)) for x in wanted if x is not None and math.isfinite(x) and x != 0]
    decimals = 0
    for size in sizes:
        decimals = max(decimals, n - 1 - math.floor(math.log10(size)))
    whole = [len(f"{size:.0f}") for size in sizes if size < 10.0 ** (most - 1)]
    decimals = max(0, min(decimals, most, most + 2 - max(whole, default=1)))
    return [_one_of(x, n, decimals, most) for x in wanted]


def exact(x: Any) -> str:
    """The shortest text that gives the same number back, bit for bit, in its own precision: what is copied."""
    if concealed(x):
        return HIDDEN
    x = x.item() if getattr(getattr(x, "dtype", None), "itemsize", 8) == 8 else x
    return special(x) if isinstance(x, float) and not math.isfinite(x) else str(x)


def special(x: float) -> str:
    """`NaN`, `inf` or `-inf`; `?` for what is kept back."""
    if concealed(x):
        return HIDDEN
    return "NaN" if math.isnan(x) else "inf" if x > 0 else "-inf"


def index(at: Sequence[int]) -> str:
    """An element's place: `[1,3]`; nothing for a scalar."""
    return f"[{','.join(map(str, at))}]" if len(at) else ""


def shape(of: Sequence[int]) -> str:
    """A shape without blanks: `(4,8)`, `(8,)`, `()`."""
    return f"({of[0]},)" if len(of) == 1 else f"({','.join(map(str, of))})"


def _one_of(x: float | None, n: int, decimals: int, most: int) -> str:
    if x is None or x == 0 or not math.isfinite(x):
        return significant(x, n)
    text = f"{x:.{decimals}f}"
    if float(text) != 0 and len(text.lstrip("-")) <= most + 3:
        return text
    for digits in range(n - 1, 0, -1):
        text = scientific(float(x), digits)
        if len(text.lstrip("-")) <= most + 3:
            return text
    return scientific(float(x), 0)


def _limit(width: int, decimals: int) -> float:
    """Numbers from here on do not fit: 9999.995 for a field of 8 with 2 decimals."""
    return float(10 ** max(0, width - 2 - decimals)) - 0.5 * 10.0**-decimals


def scientific(x: float, digits: int) -> str:
    """`3.1e-4`: with a power of ten, whatever its size, and `digits` behind the point."""
    return _unpadded(f"{x:.{digits}e}")


def _unpadded(text: str) -> str:
    """Python's `1.2e-07`, `3.4e+05` as `1.2e-7`, `3.4e5`."""
    mantissa, e, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if e else text


def _right(text: str, width: int) -> str:
    return text.rjust(width) if len(text) <= width else "#" * width


def _units(mark: str, width: int, decimals: int) -> str:
    """A lone mark where the units digit of its column stands."""
    after = decimals + 1 if decimals else 0
    return (mark + " " * min(after, max(0, width - 2))).rjust(width)
