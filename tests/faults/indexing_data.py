"""Numbers for what reads and writes parts of a tensor: places that are named twice, in lists and along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_random = np.random.default_rng(33)


def _mixed(*shape: int) -> np.ndarray:
    return _random.uniform(0.2, 1.8, shape) * _random.choice([-1, 1], shape)


TWICE, OTHER = np.array([2, 0, 2, 1]), np.array([1, 3, 1, 0])
_PLACES = np.array([[0, 2, 0], [0, 1, 0]])

ARENAS: Mapping[str, Any] = {
    "split": ((_mixed(5, 4),), {"size": 2, "part": 1}),
    "chunked": ((_mixed(7, 3),), {"chunks": 3, "part": 1}),
    "unbound": ((_mixed(3, 4),), {"axis": 1, "part": 2}),
    "listed": ((_mixed(3, 4), TWICE, OTHER), {}),
    "overwritten": ((_mixed(3, 4), _mixed(4), TWICE, OTHER), {}),
    "scattered over": ((_mixed(3, 4), _PLACES, _mixed(2, 3)), {"axis": 0}),
    "averaged there": ((_mixed(3, 4), _PLACES, _mixed(2, 3)), {"reduce": "mean", "include_self": False}),
    "multiplied there": ((_mixed(3, 4), _PLACES, np.array([[0.0, 1.5, 2.0], [0.7, -1.0, 3.0]])), {"reduce": "prod"}),
    "patches": ((_mixed(1, 2, 4, 5),), {"kernel_size": (2, 3), "padding": (1, 0), "stride": (1, 2)}),
    "laid": ((_mixed(1, 12, 10),), {"output_size": (4, 5), "kernel_size": (2, 3), "padding": (1, 0), "stride": (1, 2)}),
    "reflected": ((_mixed(3, 4),), {"pad_width": ((0, 0), (2, 1)), "mode": "reflect"}),
    "round": ((_mixed(3, 4),), {"pad_width": ((1, 0), (0, 2)), "mode": "circular"}),
    "last again": ((_mixed(3, 4),), {"pad_width": ((0, 2), (1, 0)), "mode": "replicate"}),
    "one for all": ((_mixed(3, 1), _mixed(4, 2)), {"equation": "ij,jk->ik"}),
    "largest there": ((np.zeros((3, 4)), _PLACES, np.array([[2.0, 1.0, 2.0], [2.0, -1.0, 0.5]])), {"reduce": "amax"}),
}
