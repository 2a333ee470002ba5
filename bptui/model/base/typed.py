"""Numbers as somebody types them."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,20}")


def whole(text: str, least: int = 0, most: int = 10**12) -> int | None:
    """The whole number that a text is, in ASCII digits alone, from `least` to `most`; None where it is no such one."""
    number = int(text) if _WHOLE.fullmatch(text) else -1
    return number if max(least, 0) <= number <= most else None
