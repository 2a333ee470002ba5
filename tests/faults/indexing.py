"""Wrong rules and definitions of what reads and writes parts of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from .indexing_data import OTHER, TWICE
from .plant import Backward as B
from .plant import Definition as D


def _at(key: Any, value: Any, put: bool = False) -> np.ndarray:
    """Numbers at places of a 3x4 tensor: added up, or with `put` the last of them."""
    found = np.zeros((3, 4))
    if put:
        found[key] = value
    else:
        np.add.at(found, key, value)
    return found


def _arrived(g: np.ndarray, i: np.ndarray) -> np.ndarray:
    """What lies where each went."""
    return np.take_along_axis(g[:, :3], i, 0)


FAULTS = [
    B("split", "the part before", "x", "split", lambda d: np.roll(d, -2, 0)),
    B("chunk", "as if parts were rounded down", "x", "chunked", lambda d: np.roll(d, -1, 0)),
    B("unbind", "counted from 1", "x", "unbound", lambda d: np.roll(d, -1, 1)),
    B("index", "repeated places: = for +=", "x", "listed", lambda g: _at((TWICE, OTHER), g, put=True)),
    B("index", "the lists exchanged", "x", "listed", lambda g: _at((OTHER % 3, TWICE), g)),
    B("index_put", "all that were written have a gradient", "src", "overwritten", lambda g, i, i2: g[i, i2]),
    B("index_put", "what was written over keeps its gradient", "x", "overwritten", lambda g: g),
    B("scatter", "all that were written have a gradient", "src", "scattered over", _arrived),
    B("scatter", "what was written over keeps its gradient", "x", "scattered over", lambda g: g),
    B("scatter_reduce", "not divided by how many came", "src", "averaged there", _arrived),
    B("scatter_reduce", "x counts although it is not included", "x", "averaged there", lambda g: g),
    B("scatter_reduce", "a zero is divided by", "src", "multiplied there", lambda d, src: d * (src != 0)),
    B("scatter_reduce", "equals get all", "src", "largest there",
      lambda g, y, i, src: _arrived(g, i) * (src == _arrived(y, i))),
    B("unfold", "where patches overlap = for +=", "x", "patches", lambda d: d / np.maximum(1, _overlaps())),
    B("unfold", "columns for rows", "x", "patches", lambda d: d[..., ::-1]),
    B("einsum", "the first alone of what was stretched", "first", "one for all",
      lambda g, second: (g @ second.T)[:, :1]),
    B("fold", "the mean where patches overlap", "x", "laid", lambda g, d: d / 2),
    B("fold", "numbers of a patch column by column", "x", "laid",
      lambda d: d.reshape(1, 2, 2, 3, 10).transpose(0, 1, 3, 2, 4).reshape(1, 12, 10)),
    B("pad", "what lies beyond passes nothing", "x", "reflected", lambda g: g[:, 2:6]),
    B("pad", "brought back to the other end", "x", "round", lambda d, g: np.roll(d, 1, 1)),
    B("pad", "the first copy only", "x", "last again", lambda g: g[:3, 1:]),
]  # fmt: skip


def _overlaps() -> np.ndarray:
    """How many patches of that arena read each place."""
    return np.array([[2, 2, 4, 2, 2]] * 4)[None, None]


DEFINITIONS = [
    D("split", "a place too far", "split", "y[i,j] = x[3 + i,j]"),
    D("pad", "the end stands twice", "reflected",
      "y[i,j] = x[i,x.shape[1] - 1 - abs(x.shape[1] - 1 - max(j - 2, 1 - j))]"),
    D("index_put", "the first stays", "overwritten",
      "y[j,k] = sum(src[l] for l in L if i[l] == j and i2[l] == k and sum(1 for m in M if m < l and i[m] == j"
      " and i2[m] == k) == 0) if sum(1 for l in L if i[l] == j and i2[l] == k) > 0 else x[j,k]"),
    D("scatter_reduce", "divided by one too many", "averaged there",
      "y[j,k] = (sum(src[l,k] for l in L if i[l,k] == j)/(1 + sum(1 for l in L if i[l,k] == j))"
      " if sum(1 for l in L if i[l,k] == j) > 0 else x[j,k]) if k < i.shape[1] else x[j,k]"),
]  # fmt: skip
