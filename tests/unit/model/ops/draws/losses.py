"""Losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .base import Case, Random, chance, numbers, pick, shape_of


def compared(op: str, call: str, names: tuple[str, str], draw: Callable[..., Any] = numbers, **more: Any) -> Any:
    """A loss of two tensors of one shape."""

    def make(random: Random) -> Case:
        shape = shape_of(random)
        first, second = (draw(random, shape), draw(random, shape))
        given = {name: value(random) for name, value in more.items() if chance(random)}
        if chance(random, 0.8):
            given["reduction"] = pick(random, "mean", "sum", "none")
        return Case(op, dict(zip(names, (first, second), strict=True)),
                    lambda torch, p, t: getattr(torch.nn.functional, call)(p, t, **given), given)  # fmt: skip

    return make


def bce(random: Random) -> Case:
    made = compared("bce", "binary_cross_entropy", ("probs", "target"), lambda r, s: r.uniform(0, 1, s))(random)
    if chance(random, 0.3):  # labels that are certain
        made.inputs["target"][...] = np.round(made.inputs["target"])
    return made


def hinge(random: Random) -> Case:
    shape, reduction = shape_of(random), pick(random, "mean", "sum", "none")
    inputs = {"scores": numbers(random, shape), "target": random.choice([-1.0, 1.0], shape)}

    def call(torch: Any, s: Any, t: Any) -> Any:
        term = torch.relu(1 - t * s)
        return term if reduction == "none" else getattr(term, reduction)()

    return Case("hinge", inputs, call, {"reduction": reduction})


def classes(op: str, call: str, name: str, **more: Callable[[Random], Any]) -> Callable[[Random], Case]:
    """A loss over classes, which are axis 1 (of a vector: the only one)."""

    def make(random: Random) -> Case:
        flat = op == "multi_margin"
        shape = shape_of(random, 1, 2 if flat else 4, empty=False)
        at = min(1, len(shape) - 1)
        labels = random.integers(0, shape[at], shape[:at] + shape[at + 1 :])
        given = {key: value(random) for key, value in more.items() if chance(random)}
        if chance(random, 0.8):
            given["reduction"] = pick(random, "mean", "sum", "none")
        x = numbers(random, shape) * pick(random, 1, 1, 1 if flat else 30)
        return Case(op, {name: x, "labels": labels},
                    lambda torch, x, y: getattr(torch.nn.functional, call)(x, y, **given), given)  # fmt: skip

    return make


def cross_entropy(random: Random) -> Case:
    smooth = {"label_smoothing": lambda r: float(pick(r, 0.0, 0.1, 0.5, 1.0))}
    if chance(random, 0.6):
        return classes("cross_entropy", "cross_entropy", "logits", **smooth)(random)
    shape = shape_of(random, 1, 4, empty=False)
    given = {"reduction": pick(random, "mean", "sum", "none"), "label_smoothing": smooth["label_smoothing"](random)}
    target = random.uniform(0, 1, shape)
    return Case("cross_entropy", {"logits": numbers(random, shape), "target": target},
                lambda torch, x, t: torch.nn.functional.cross_entropy(x, t, **given), given)  # fmt: skip


_PAIR = ("prediction", "target")

DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "mse": compared("mse", "mse_loss", _PAIR),
    "mae": compared("mae", "l1_loss", _PAIR),
    "huber": compared("huber", "huber_loss", _PAIR, delta=lambda r: float(pick(r, 0.5, 1.0, 1.5))),
    "bce": bce,
    "bce_with_logits": compared("bce_with_logits", "binary_cross_entropy_with_logits", ("logits", "target"),
                                lambda r, s: numbers(r, s, -30, 30)),
    "kl_div": compared("kl_div", "kl_div", ("log_probs", "target"), lambda r, s: r.uniform(0.05, 1, s)),
    "hinge": hinge,
    "cross_entropy": cross_entropy,
    "nll": classes("nll", "nll_loss", "log_probs"),
    "multi_margin": classes("multi_margin", "multi_margin_loss", "scores", margin=lambda r: float(pick(r, 0.5, 1, 2))),
}  # fmt: skip
