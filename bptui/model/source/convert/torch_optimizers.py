"""PyTorch's optimizers and learning-rate schedules as the [optimizer] table of a network file
(https://docs.pytorch.org/docs/stable/optim.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bptui.model.engine.optimizers import OPTIMIZERS as RULES
from bptui.model.engine.optimizers import WORDS
from bptui.model.engine.schedules import CLASSES, SCHEDULES

OPTIMIZERS: Mapping[str, tuple[str, float]] = {
    "SGD": ("sgd", 1e-3), "Adam": ("adam", 1e-3), "AdamW": ("adamw", 1e-3), "RMSprop": ("rmsprop", 1e-2),
    "Adagrad": ("adagrad", 1e-2), "Adadelta": ("adadelta", 1.0), "NAdam": ("nadam", 2e-3), "RAdam": ("radam", 1e-3),
    "Adamax": ("adamax", 2e-3), "Rprop": ("rprop", 1e-2), "ASGD": ("asgd", 1e-2), "LBFGS": ("lbfgs", 1.0),
}  # fmt: skip
"""Kind and learning rate where nothing is said."""
PAIRS: Mapping[str, tuple[str, str]] = {
    "betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max"),
}  # fmt: skip
CYCLED = "OneCycleLR turns the momentum (beta1), too, unless cycle_momentum=False is said: here it stays as it is"
PER_STEP = "the schedule is stepped once after each training step here, in many programs once after each epoch"


def optimizer(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The [optimizer] table of `Adam(lr=0.01)`."""
    name, rate = OPTIMIZERS[kind]
    found: dict[str, Any] = {"kind": name, "learning_rate": given.get("lr", rate)}
    for key, names in PAIRS.items():
        if isinstance(given.get(key), list) and len(given[key]) == len(names):
            found |= dict(zip(names, given[key], strict=True))
    options = RULES[name].options
    return found | {
        key: item
        for key, item in given.items()
        if key in options and isinstance(item, str if key in WORDS else int | float)
    }


def schedule(kind: str, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The `schedule` of `StepLR(optimizer, step_size=30)`, without its optimizer."""
    settings = SCHEDULES[CLASSES[kind]].settings
    given = {**dict(zip(settings, positional, strict=False)), **named}
    return {"kind": CLASSES[kind], **{key: item for key, item in given.items() if key in settings}}
