"""Numbers that tell mistakes apart: all sizes distinct, both signs, exact zeros, bounds and ties, repeated ids.

On square shapes a transposed gradient fits, without repeated ids nothing is lost where they are not added up, and away
from a kink its sides are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import indexing_data

_random = np.random.default_rng(20)


def _mixed(*shape: int) -> np.ndarray:
    return _random.uniform(0.2, 1.8, shape) * _random.choice([-1, 1], shape)


def _changed(array: np.ndarray, places: Mapping[tuple[int, ...], float]) -> np.ndarray:
    for place, value in places.items():
        array[place] = value
    return array


KINKED = _changed(_mixed(3, 4), {(0, 1): 0.0, (2, 3): 0.0, (1, 0): -0.5, (1, 2): 0.8})
"""Zeros for relu and its like; -0.5 and 0.8 are the bounds that `clip` and `hardtanh` get."""
POSITIVE = _random.uniform(0.3, 2.0, (3, 4))
TIED = np.array([[1.5, -0.5, 1.5, 0.3], [-2.0, 0.7, 0.1, 0.7], [0.4, -1.2, -1.2, 0.4]])
PROBABILITIES = _random.uniform(0.1, 0.9, (3, 4))
BITS = np.array([[1.0, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, 0]])
LABELS = np.array([1, 3, 1])
NEAR = _changed(_mixed(3, 4), {})
WEIGHTS = np.array([0.5, 2.0, 1.0, 3.0])
IMAGE = _mixed(2, 3, 7, 6)
_tile = np.round(_mixed(2, 2, 6, 5), 0)  # many equal neighbours

Arena = tuple[tuple[Any, ...], dict[str, Any]]

ARENAS: dict[str, Arena] = {
    **indexing_data.ARENAS,
    "pair": ((KINKED, _mixed(4)), {}),
    "products": ((KINKED, NEAR), {}),
    "joined to nothing": ((KINKED[0], np.zeros(0)), {}),
    "no samples": ((np.zeros((0, 4)), NEAR.reshape(4, 3), WEIGHTS[:3]), {}),
    "left": ((_mixed(4), _mixed(3, 4)), {}),
    "divided": ((KINKED, POSITIVE[1]), {}),
    "powered": ((POSITIVE, _mixed(4)), {}),
    "tied pair": ((TIED, TIED[:, [2, 1, 0, 3]] + np.array([0, 0, 0, 0.5])), {}),
    "chosen": ((BITS, KINKED, _mixed(4)), {}),
    "masked": ((KINKED, BITS, np.array(-0.7)), {}),
    "bits": ((BITS, BITS[:, ::-1]), {}),
    "labels": ((np.array([1.0, 3.0, 1.0]),), {"classes": 4}),
    "x": ((KINKED,), {}),
    "positive": ((POSITIVE,), {}),
    "cubed": ((POSITIVE,), {"exponent": 3.0}),
    "bounded": ((KINKED,), {"min": -0.5, "max": 0.8}),
    "rounded": ((KINKED,), {"dtype": "bfloat16"}),
    "halves between": ((np.array([[0.5, 1.5, -0.5, 2.5], [0.2, -1.7, 3.5, 0.9]]),), {}),
    "hard": ((KINKED,), {"min_val": -0.5, "max_val": 0.8}),
    "six": ((KINKED * 6 / 0.8,), {}),
    "elu": ((KINKED,), {"alpha": 0.7}),
    "gelu tanh": ((KINKED,), {"approximate": "tanh"}),
    "dropped": ((KINKED, BITS), {"p": 0.3}),
    "affine": ((KINKED, _mixed(4, 5), _mixed(5)), {}),
    "matmul": ((KINKED, _mixed(4, 5)), {}),
    "attended": ((_mixed(2, 3, 4), _mixed(2, 3, 4)), {"equation": "bqd,bkd->bqk"}),
    "traced": ((_mixed(3, 3), _mixed(3)), {"equation": "ii,i->i"}),
    "stacked matmul": ((_mixed(2, 3, 4), _mixed(4, 5)), {}),
    "rows": ((KINKED,), {"axis": 1}),
    "columns": ((KINKED,), {"axis": 0}),
    "corrected": ((KINKED,), {"axis": 1, "correction": 1}),
    "tied rows": ((TIED,), {"axis": 1}),
    "nonzero": ((POSITIVE * BITS + 0.3,), {"axis": 1}),
    "reduced square": ((_mixed(3, 3),), {"axis": 1}),
    "reshaped": ((KINKED,), {"shape": (2, 6)}),
    "turned": ((_mixed(2, 3, 4),), {"axes": (1, 2, 0)}),
    "stretched": ((_mixed(4, 1),), {"shape": (3, 4, 5)}),
    "sliced": ((_mixed(7, 5),), {"index": "[1:6:2, :3]"}),
    "joined": ((KINKED, _mixed(3, 5)), {"axis": 1}),
    "stacked": ((KINKED, _mixed(3, 4)), {"axis": 1}),
    "padded": ((KINKED,), {"pad_width": ((0, 1), (1, 2))}),
    "taken": ((_mixed(6, 5), np.array([4, 1, 4, 0])), {"axis": 0}),
    "table": ((_mixed(6, 5), np.array([4, 1, 4])), {}),
    "angles": ((KINKED / 2,), {}),
    "beyond 1": ((1 + POSITIVE,), {}),
    "point": ((KINKED, _mixed(4)), {}),
    "entropies": ((_changed(_random.uniform(0.3, 2.0, (3, 4)), {(1, 1): 0.0}), POSITIVE), {}),
    "shuffled": ((_mixed(1, 8, 3, 2),), {"factor": 2}),
    "blocks": ((_mixed(1, 2, 6, 4),), {"factor": 2}),
    "enlarged": ((_mixed(1, 2, 3, 4),), {"size": (5, 7), "mode": "linear"}),
    "flipped": ((_mixed(3, 4),), {"axis": 1}),
    "rolled": ((_mixed(3, 4),), {"shift": 1, "axis": 1}),
    "triangle": ((_mixed(3, 4),), {"k": 1}),
    "beside the diagonal": ((_mixed(3, 4),), {"offset": 1}),
    "matrix": ((_mixed(3, 4),), {}),
    "vectors": ((_mixed(3), _mixed(4)), {}),
    "tiled": ((_mixed(3, 4),), {"repeats": (2, 3)}),
    "interleaved": ((_mixed(3, 4),), {"repeats": 2, "axis": 1}),
    "first two": ((_mixed(3, 5),), {"k": 2}),
    "invertible": ((_mixed(3, 3) + 3 * np.eye(3),), {}),
    "equations": ((_mixed(3, 3) + 3 * np.eye(3), _mixed(3, 2)), {}),
    "triangle solved": ((_mixed(3, 3) + 3 * np.eye(3), _mixed(3, 2)), {"upper": True}),
    "definite": ((_mixed(3, 3) + 5 * np.eye(3),), {}),
    "parts": ((_mixed(3, 2),), {}),
    "two parts": ((_mixed(3, 4), _mixed(3, 4)), {}),
    "complex pair": ((_mixed(3, 4, 2), _mixed(4, 2)), {}),
    "spectrum": ((_mixed(3, 5, 2),), {"axis": 1}),
    "signal": ((_mixed(3, 5),), {"axis": 1}),
    "half spectrum": ((_mixed(3, 4, 2),), {"axis": 1}),
    "embedded": ((_mixed(2, 3),), {"offset": 1}),
    "gathered": ((_mixed(3, 4), np.array([[0, 2, 1, 0], [0, 2, 0, 1]])), {"axis": 0}),
    "scattered": ((_mixed(3, 4), np.array([[0, 2, 1, 0], [0, 2, 0, 1]]), _mixed(2, 4)), {"axis": 0}),
    "added": ((_mixed(3, 4), np.array([2, 0, 2, 1, 2]), _mixed(3, 5)), {"axis": 1}),
    "written": ((_mixed(5, 4), _mixed(2, 3)), {"index": "[1:4:2, :3]"}),
    "running": ((_changed(_mixed(3, 4), {(1, 2): 0.0}),), {"axis": 1}),
    "softmax": ((KINKED,), {"axis": -1}),
    "loss": ((KINKED, NEAR), {}),
    "huber": ((_changed(KINKED * 2, {(0, 0): NEAR[0, 0] + 0.7}), NEAR), {"delta": 0.7}),
    "mae": ((_changed(KINKED.copy(), {(0, 0): NEAR[0, 0]}), NEAR), {}),
    "probabilities": ((PROBABILITIES, BITS), {}),
    "logits": ((KINKED, BITS), {}),
    "margins": ((_changed(KINKED * 1.5, {(2, 0): 1.0}), 2 * BITS - 1), {}),
    "kl": ((np.log(PROBABILITIES), POSITIVE / POSITIVE.sum(1, keepdims=True)), {}),
    "classes": ((KINKED, LABELS), {}),
    "smooth": ((KINKED, LABELS), {"label_smoothing": 0.1}),
    "soft": ((KINKED, POSITIVE / POSITIVE.sum(1, keepdims=True)), {}),
    "pixels": ((_mixed(2, 4, 3), np.array([[1, 3, 1], [0, 1, 2]])), {}),
    "series": ((_mixed(2, 3, 9), _mixed(4, 3, 2), _mixed(4)), {"stride": 2, "dilation": 3}),
    "image": ((IMAGE, _mixed(4, 3, 3, 2), _mixed(4)), {}),
    "strided image": ((IMAGE, _mixed(4, 3, 3, 2), _mixed(4)), {"stride": 2}),
    "spread": ((_mixed(2, 3, 4, 3), _mixed(3, 2, 3, 2), _mixed(2)), {"stride": 2, "padding": 1}),
    "tiles": ((_tile,), {"kernel_size": (3, 2), "stride": (1, 2)}),
    "averaged": ((_mixed(2, 5, 6),), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "divided windows": ((_mixed(2, 5, 6),), {"kernel_size": 3, "padding": 1, "divisor_override": 4}),
    "bordered": ((_mixed(2, 5, 6),), {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
    "looked": ((KINKED, BITS), {}),
    "scores": ((_mixed(2, 3, 3),), {}),
    "weighted": ((KINKED, LABELS, WEIGHTS), {}),
    "weighted smooth": ((KINKED, LABELS, WEIGHTS), {"label_smoothing": 0.1}),
    "left out": ((KINKED, np.array([1, -1, 1])), {"ignore_index": -1}),
    "weighted bits": ((KINKED, BITS, WEIGHTS), {}),
    "kl by sample": ((np.log(PROBABILITIES), POSITIVE / POSITIVE.sum(1, keepdims=True)), {"reduction": "batchmean"}),
    "kl of logs": ((np.log(PROBABILITIES), np.log(POSITIVE)), {"log_target": True}),
    "smooth l1": ((_changed(KINKED * 2, {(0, 0): NEAR[0, 0] + 0.7}), NEAR), {"beta": 0.7}),
    "shrunk": ((KINKED,), {"lambd": 0.5}),
    "halves": ((KINKED,), {}),
    "ordered rows": ((TIED,), {"axis": 1, "p": 3.0}),
    "largest of rows": ((TIED,), {"axis": 1, "p": float("inf")}),
    "batch": ((_mixed(5, 3, 2), _mixed(3)), {"momentum": 0.25}),
    "slopes": ((KINKED,), {"lower": 0.2, "upper": 0.4}),
    "curved": ((_mixed(1, 2, 3, 4),), {"size": (5, 7), "mode": "cubic"}),
    "bags": ((_mixed(6, 5), np.array([4, 1, 4, 0, 1]), _mixed(5), np.array([0, 2])), {"mode": "sum"}),
    "mean bags": ((_mixed(6, 5), np.array([[4, 1, 4], [0, 1, 0]])), {}),
    "largest bags": ((_mixed(6, 5), np.array([[4, 1, 4], [0, 1, 0]])), {"mode": "max"}),
    "adapted tiles": ((np.round(_mixed(2, 5, 6)),), {"output_size": (3, 2)}),
    "largest singular": ((_mixed(3, 4),), {}),
    "nuclear": ((_mixed(3, 4),), {"ord": "nuc"}),
    "shared table": ((_mixed(6, 5), np.array([4, 1, 4])), {"scale_grad_by_freq": True}),
    "held bags": ((_mixed(6, 5), np.array([[4, 1, 4], [0, 1, 0]])), {"max_norm": 0.5, "scale_grad_by_freq": True}),
    "padded table": ((_mixed(6, 5), np.array([4, 1, 4])), {"padding_idx": 1}),
    "dilated windows": ((_mixed(2, 9),), {"kernel_size": 2, "stride": 1, "dilation": 3}),
    "ceiled windows": ((_mixed(2, 7),), {"kernel_size": 2, "ceil_mode": True}),
    "adapted": ((_mixed(2, 7),), {"output_size": 3}),
    "volume": ((_mixed(2, 3, 4, 5, 3), _mixed(2, 3, 2, 3, 3), _mixed(2)), {}),
    "spread series": ((_mixed(2, 3, 4), _mixed(3, 2, 3), _mixed(2)), {"stride": 2, "padding": 1}),
    "signed distances": ((_changed(KINKED.copy(), {(2, 0): 0.7, (1, 3): 0.7}), 2 * BITS - 1), {"margin": 0.7}),
    "ranked": ((_changed(KINKED * 1.5, {(1, 0): NEAR[1, 0] - 0.6}), NEAR, 2 * BITS - 1), {"margin": 0.6}),
    "counted": ((KINKED, np.array([[0.0, 1, 2, 3], [1, 0, 5, 2], [4, 1, 0, 2]])), {"full": True}),
    "amounts": ((POSITIVE, np.array([[0.0, 1.5, 2, 3], [1, 0, 5, 0.2], [4, 1, 0, 2]])), {"power": 1.3}),
    "shares": ((KINKED, _changed(_mixed(3, 4), {(1, 1): 0.1})), {"eps": 0.3}),
    "weighted squares": ((KINKED, LABELS, WEIGHTS), {"p": 2, "margin": 0.6}),
    "several labels": ((KINKED, np.array([[1, 3, -1, 0], [0, -1, 2, 2], [2, 0, 3, 1]])), {}),
    "one moment": ((_mixed(3, 5), _mixed(3, 4), np.array([[1, 3], [2, 2], [3, 1]])), {}),
    "ends": ((_mixed(3, 5), np.array([2, 0, 1])), {"by_length": True}),
}  # fmt: skip
"""Inputs and attributes by the name that a row of the corpus gives them."""
