"""What a network over the plane says of a point: its losses, what its last layer has to be, what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.source.plane import SURFACES

_LAST: Mapping[str, tuple[int, str]] = {
    "probability": (1, "sigmoid"), "logit": (1, "linear"), "score": (1, "linear"), "scores": (2, "linear"),
    "margins": (2, "linear"), "logs": (2, "log_softmax"),
}  # fmt: skip
"""What a loss takes → (units, activation) of the last layer."""
LOSSES: Mapping[str, tuple[int, str]] = {
    name: _LAST[said] for said in _LAST for name in ops.comparing((said,), ("bit", "sign", "class"))
}
"""Losses that tell classes apart → (units, activation) of the last layer."""
DISTANCES = ops.comparing(("number",), ("number",))
"""Losses that compare two numbers: for both kinds of problems."""
DISTRIBUTIONS = ops.comparing(target=("distribution",))
"""Losses whose targets are distributions, which the points do not have."""


def last_layer(loss: str, dataset: str | None) -> tuple[int, str]:
    """(units, activation) that the last layer has to have: a sigmoid where classes are told apart by a distance."""
    return LOSSES.get(loss, (1, "linear" if dataset in SURFACES else "sigmoid"))


def usual_loss(dataset: str) -> str:
    """What is trained with where the problem is another one than before."""
    return "mse" if dataset in SURFACES else "bce"


class Answer(NamedTuple):
    """How predictions are read.

    kind    "class" where there are two, at both sides of `middle`; "classes" where the largest of several columns
            counts; "number" for a regression, from `low` to `high`
    """

    kind: str
    middle: float = 0.0
    low: float = -1.0
    high: float = 1.0

    def scores(self, predictions: Array) -> Array:
        """One number of each row of predictions (samples, columns): what a map shows."""
        if self.kind != "classes":
            return np.asarray(predictions.reshape(len(predictions), -1)[:, 0])
        if predictions.shape[1] == 2:
            return np.asarray(predictions[:, 1] - predictions[:, 0])
        return np.asarray(predictions.argmax(axis=1), np.float64)

    def wrong(self, predictions: Array, targets: Array) -> Array:
        """Which samples lie on the wrong side; of a regression none."""
        if self.kind == "number":
            return np.zeros(len(predictions), bool)
        if self.kind == "classes":
            return np.asarray(predictions.argmax(axis=1) != targets.reshape(-1))
        is_one = targets.reshape(-1) > (0.0 if (targets < 0).any() else 0.5)
        return np.asarray((self.scores(predictions) > self.middle) != is_one)


def answer_of(loss: str, labels: bool, targets: Array, dataset: str | None) -> Answer:
    """How the predictions of a network are read, by its loss and its targets."""
    if labels:
        return Answer("classes")
    known = set(np.unique(targets).tolist()[:3])
    if dataset in SURFACES or len(known) > 2 or not (known <= {0.0, 1.0} or known <= {-1.0, 1.0}):
        low, high = float(targets.min()), float(targets.max())
        return Answer("number", 0.0, low, high if high > low else low + 1)
    signed = -1.0 in known or loss in ops.comparing(prediction=("logit", "score"))
    return Answer("class", 0.0) if signed else Answer("class", 0.5, 0.0, 1.0)
