"""The functions of expressions (`print`, `display`, conditions, `watch`): one row each, which also help and
docs/expressions.md are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.base.types import Array


@dataclass(frozen=True)
class Function:
    """One function.

    about   what it gives, in a few words
    call    (arguments) → numbers;  most  how many arguments it takes at most, from `least`
    axis    it takes `axis=N`, along which it goes instead of over all numbers
    """

    about: str
    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    axis: bool = False


def _several(reduce: Any, fold: Any) -> Callable[..., Any]:
    """Over the numbers of one argument, or element by element over several."""

    def call(*given: Any, axis: int | None = None) -> Any:
        return reduce(given[0], axis=axis) if len(given) == 1 else fold.reduce(np.broadcast_arrays(*given))

    return call


def _place(find: Any) -> Callable[[Any], Array]:
    """The index of a number: as many whole numbers as there are axes."""

    def call(x: Any) -> Array:
        return np.array(np.unravel_index(int(find(x)), np.shape(x)), dtype=np.int64)

    return call


def _norm(x: Any, axis: int | None = None) -> Any:
    return np.sqrt(np.sum(np.square(x), axis=axis))


def _rms(x: Any, axis: int | None = None) -> Any:
    return np.sqrt(np.mean(np.square(x), axis=axis))


def _sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1, np.exp(np.minimum(x, 0))) / (1 + np.exp(-np.abs(x)))


FUNCTIONS: Mapping[str, Function] = {
    "max": Function("the largest number; of several, element by element", _several(np.max, np.maximum), 1, 8, True),
    "min": Function("the smallest number; of several, element by element", _several(np.min, np.minimum), 1, 8, True),
    "sum": Function("the sum of all numbers", np.sum, axis=True),
    "mean": Function("their mean", np.mean, axis=True),
    "std": Function("their standard deviation (divided by N)", np.std, axis=True),
    "norm": Function("the root of the sum of their squares", _norm, axis=True),
    "rms": Function("the root of the mean of their squares", _rms, axis=True),
    "argmax": Function("the index of the largest number, [1,3]; the first among equals", _place(np.argmax)),
    "argmin": Function("the index of the smallest number", _place(np.argmin)),
    "abs": Function("absolute values", np.abs),
    "sign": Function("-1, 0 or 1", np.sign),
    "exp": Function("e to the power of each", np.exp),
    "log": Function("natural logarithms", np.log),
    "sqrt": Function("square roots", np.sqrt),
    "tanh": Function("hyperbolic tangents", np.tanh),
    "sigmoid": Function("1/(1 + exp(-x))", _sigmoid),
    "where": Function("where(test, a, b): a where the test holds, else b", np.where, 3, 3),
    "any": Function("is one of them true, or not 0?", np.any, axis=True),
    "all": Function("are all of them true, or not 0?", np.all, axis=True),
    "nan": Function("is one of them NaN or inf?", lambda x: np.any(~np.isfinite(x))),
    "finite": Function("is none of them NaN or inf?", lambda x: np.all(np.isfinite(x))),
    "len": Function("the length of axis 0", lambda x: np.float64(len(x))),
    "shape": Function("the length of each axis; also x.shape", lambda x: np.array(np.shape(x), dtype=np.int64)),
    "transpose": Function("all axes in reverse order; also x.T", np.transpose),
}  # fmt: skip

NAMES: Mapping[str, str] = {
    "value": "the value of the node that it is asked about: that of a breakpoint, else the selected one",
    "grad": "∂L/∂value of that node, as far as it has arrived",
    "upstream": "the same, once all of it is in",
    "shape": "the length of each axis of that node",
    "step": "the training step, from 0",
    "lr": "the learning rate of this training step",
    "loss": "the loss of this training step",
}
"""The names that stand for something at every Moment."""

FORMS: Mapping[str, str] = {
    "layer1.weight": "the value of a node, by its name",
    "grad(layer1.z), grad(layer1.z[0,1]), layer1.z.grad": "the gradient of a node, of an element",
    "x[0,1], x[1:], x[-1]": "an element, a part",
    "x.T, x.shape, x.sum()": "as PyTorch writes transpose(x), shape(x), sum(x)",
    "[[0.1, 0.2], [0.3, 0.4]]": "numbers of your own, to compare with",
    "+ - * / // % ** @": "arithmetic, element by element; @ multiplies matrices",
    "< <= == != >= >": "comparisons, element by element; 0 < x < 1 works",
    "and, or, not": "of conditions; of many numbers one that holds is enough for `and` and `or`",
    "true, false": "1 and 0",
}
"""What else may stand in an expression."""
