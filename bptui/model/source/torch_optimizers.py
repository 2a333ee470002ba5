"""PyTorch's optimizers and learning-rate schedules as bptui's: what a program of it says, and what a captured step kept
(https://docs.pytorch.org/docs/stable/optim.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bptui.model.engine.optimizers import OPTIMIZERS as RULES
from bptui.model.engine.optimizers import WORDS
from bptui.model.engine.schedules import CLASSES, SCHEDULES


class Kind(NamedTuple):
    """An optimizer of PyTorch: bptui's kind; its learning rate where nothing is said; PyTorch's names of its states by
    bptui's (none: a captured step of it is not followed); and which settings of PyTorch's bptui's rule does not have: a
    captured group that sets one is opaque."""

    kind: str
    rate: float
    states: Mapping[str, str]
    unlike: tuple[str, ...] = ()


_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
OPTIMIZERS: Mapping[str, Kind] = {
    "SGD": Kind("sgd", 1e-3, {"m": "momentum_buffer"}),
    "Adam": Kind("adam", 1e-3, _MOMENTS, ("amsgrad", "decoupled_weight_decay")),
    "AdamW": Kind("adamw", 1e-3, _MOMENTS, ("amsgrad",)),
    "NAdam": Kind("nadam", 2e-3, {**_MOMENTS, "q": "mu_product"}),
    "RAdam": Kind("radam", 1e-3, _MOMENTS),
    "Adamax": Kind("adamax", 2e-3, {"m": "exp_avg", "u": "exp_inf"}),
    "Adadelta": Kind("adadelta", 1.0, {"v": "square_avg", "u": "acc_delta"}),
    "RMSprop": Kind("rmsprop", 1e-2, {"v": "square_avg"}, ("centered", "momentum")),
    "Adagrad": Kind("adagrad", 1e-2, {"v": "sum"}, ("lr_decay",)),
    "Rprop": Kind("rprop", 1e-2, {"h": "prev", "s": "step_size"}),
    "ASGD": Kind("asgd", 1e-2, {"a": "ax", "rate": "eta"}),
    "LBFGS": Kind("lbfgs", 1.0, {}),
}
"""By the name of the class."""
PAIRS: Mapping[str, tuple[str, str]] = {
    "betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max"),
}  # fmt: skip
"""What PyTorch gives as two numbers. All other options have bptui's names."""
CYCLED = "OneCycleLR turns the momentum (beta1), too, unless cycle_momentum=False is said: here it stays as it is"
PER_STEP = "the schedule is stepped once after each training step here, in many programs once after each epoch"


def options(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What settings of PyTorch's say of the options of a kind, by bptui's names. TypeError, ValueError where a pair is
    none."""
    found: dict[str, Any] = {}
    for pair, names in PAIRS.items():
        if pair in given:
            found |= dict(zip(names, given[pair], strict=True))
    return found | {name: item for name, item in given.items() if name in RULES[kind].options and item is not None}


def optimizer(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The [optimizer] table of `Adam(lr=0.01)`; what a program gives as no number is left out."""
    row = OPTIMIZERS[name]
    pairs = {key: item for key, item in given.items() if key in PAIRS and isinstance(item, list) and len(item) == 2}
    others = {key: item for key, item in given.items() if isinstance(item, str if key in WORDS else int | float)}
    return {"kind": row.kind, "learning_rate": given.get("lr", row.rate), **options(row.kind, others | pairs)}


def schedule(kind: str, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The `schedule` of `StepLR(optimizer, step_size=30)`, without its optimizer."""
    settings = SCHEDULES[CLASSES[kind]].settings
    given = {**dict(zip(settings, positional, strict=False)), **named}
    return {"kind": CLASSES[kind], **{key: item for key, item in given.items() if key in settings}}
