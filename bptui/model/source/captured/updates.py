"""Which rule of bptui an optimizer's step is: by its class with its module, never by the class's name alone. A
library's own AdamW may do something else; what no rule is known for is opaque."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.captured.record import Group, Moved, Update


class Kind(NamedTuple):
    """An optimizer of PyTorch: bptui's kind, its options by bptui's names, its states by bptui's names, and which
    settings of PyTorch's bptui's rule does not have: a group that sets one is opaque."""

    kind: str
    options: Mapping[str, str]
    states: Mapping[str, str]
    unlike: tuple[str, ...]


_SAME = {name: name for name in ("eps", "weight_decay", "maximize")}
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
_ADAM = Kind("adam", _SAME, _MOMENTS, ("amsgrad", "decoupled_weight_decay"))
_DECOUPLED = {"decoupled_weight_decay": "decoupled_weight_decay"}
KINDS: Mapping[str, Kind] = {
    "torch.optim.sgd.SGD": Kind(
        "sgd",
        {name: name for name in ("momentum", "dampening", "nesterov", "weight_decay", "maximize")},
        {"m": "momentum_buffer"},
        (),
    ),
    "torch.optim.adam.Adam": _ADAM,
    "torch.optim.adamw.AdamW": _ADAM._replace(kind="adamw", unlike=("amsgrad",)),
    "torch.optim.nadam.NAdam": Kind(
        "nadam",
        {**_SAME, **_DECOUPLED, "momentum_decay": "momentum_decay"},
        {**_MOMENTS, "q": "mu_product"},
        (),
    ),
    "torch.optim.radam.RAdam": Kind("radam", {**_SAME, **_DECOUPLED}, _MOMENTS, ()),
    "torch.optim.adamax.Adamax": Kind("adamax", _SAME, {"m": "exp_avg", "u": "exp_inf"}, ()),
    "torch.optim.adadelta.Adadelta": Kind(
        "adadelta", {**_SAME, "rho": "rho"}, {"v": "square_avg", "u": "acc_delta"}, ()
    ),
    "torch.optim.rmsprop.RMSprop": Kind(
        "rmsprop", {**_SAME, "alpha": "alpha"}, {"v": "square_avg"}, ("centered", "momentum")
    ),
    "torch.optim.adagrad.Adagrad": Kind("adagrad", _SAME, {"v": "sum"}, ("lr_decay",)),
    "torch.optim.rprop.Rprop": Kind("rprop", {"maximize": "maximize"}, {"h": "prev", "s": "step_size"}, ()),
    "torch.optim.asgd.ASGD": Kind(
        "asgd",
        {name: name for name in ("lambd", "alpha", "t0", "weight_decay", "maximize")},
        {"a": "ax", "rate": "eta"},
        (),
    ),
}
_PAIRS = {"betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")}
"""What PyTorch gives as two numbers."""


def known_kind(update: Update) -> Kind | None:
    """The row of an update's optimizer; None where bptui has no rule for it."""
    return KINDS.get(update.kind)


def rule_of(update: Update, group: Group, row: Moved) -> Optimizer | str:
    """The rule that a parameter was updated by, its `t` that of this update; or why bptui does not know it."""
    kind = known_kind(update)
    if kind is None:
        return f"{update.kind} is an optimizer that bptui has no rule for"
    options = group.options
    for name in kind.unlike:
        if options.get(name):
            return f"{update.kind} with {name} is a rule that bptui does not have"
    try:
        return Optimizer(kind.kind, float(options["lr"]), first=1 - _count(row), **_options(kind, options))
    except (KeyError, TypeError, ValueError, UserError) as problem:
        return f"{update.kind} with settings that bptui's rule does not take: {problem}"


def _options(kind: Kind, options: Mapping[str, Any]) -> dict[str, Any]:
    found = {ours: options[theirs] for ours, theirs in kind.options.items() if options.get(theirs) is not None}
    for pair, names in _PAIRS.items():
        if pair in options:
            found |= dict(zip(names, options[pair], strict=True))
    for name, value in found.items():
        if not isinstance(value, bool | int | float | str):
            raise TypeError(f"{name} is no number")
    return found


def _count(row: Moved) -> int:
    """The number of this update of a parameter, from 1. SGD keeps none; its rule asks only whether it is the first,
    which has no average yet."""
    count = row.states_after.get("step", 1 if row.states_before.get("momentum_buffer") is None else 2)
    return int(count) if isinstance(count, int | float) else 1
