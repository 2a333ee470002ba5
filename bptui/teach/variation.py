"""The same network with other numbers, for a pupil who shall not copy: from a seed, the same for the same seed.

What is drawn is drawn from another seed; what a file or a formula gives (weights, inputs, targets, values) is moved
by a tenth to four tenths and keeps its sign; what is below 1 stays below it. Whole numbers of data are classes or
corners: they stay, as zeros do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bptui.model.source.network import Network, from_mapping

LEAST, MOST = 0.1, 0.4
"""Relative: how far a number is moved."""
_DATA = ("inputs", "targets")


def varied(network: Network, seed: int) -> Network:
    """The network with other numbers; itself where a program built it, so that there is nothing to vary."""
    document = network.document
    if document is None:
        return network
    draw = random.Random(seed)
    content: dict[str, Any] = {**document.content, "seed": int(document.content.get("seed", 0)) + seed}
    changed = replace(document, content=content)
    for path in document.given():
        changed = changed.changed(path, _moved(changed.value(path), draw, True))
    for key, value in _table(content, "data").items():
        if key in _DATA and isinstance(value, list):
            changed = changed.changed(("data", key), _moved(value, draw, False))
    for name, value in sorted(_table(content, "values").items()):
        if not isinstance(value, Mapping):
            changed = changed.changed(("values", name), _moved(value, draw, not isinstance(value, list)))
    made = from_mapping(changed.content, changed.where, changed.folder)
    return replace(made, name=network.name)


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def _moved(value: Any, draw: random.Random, whole: bool) -> Any:
    """A number, or lists of numbers, moved; whole ones only where `whole`, by 1 or 2."""
    if isinstance(value, list | tuple):
        return [_moved(item, draw, whole) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not value or value != value:
        return value
    if float(value).is_integer():
        by = draw.choice((-2, -1, 1, 2))
        return value + (by if (value + by) * value > 0 else abs(by) * (1 if value > 0 else -1)) if whole else value
    part = draw.uniform(LEAST, MOST) * draw.choice((-1, 1))
    if abs(value) < 1 <= abs(value * (1 + part)):  # a share, or what a sigmoid shall say: it stays one
        part = -part
    decimals = max(2, -int(Decimal(repr(float(value))).as_tuple().exponent))
    rounded = (round(value * (1 + part), places) for places in (decimals, decimals + 1))
    return next((moved for moved in rounded if moved not in (0, value)), value)
