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


_ADAM = Kind(
    "adam",
    {"eps": "eps", "weight_decay": "weight_decay"},
    {"m": "exp_avg", "v": "exp_avg_sq"},
    ("amsgrad", "maximize", "decoupled_weight_decay"),
)
KINDS: Mapping[str, Kind] = {
    "torch.optim.sgd.SGD": Kind(
        "sgd",
        {"momentum": "momentum", "nesterov": "nesterov", "weight_decay": "weight_decay"},
        {"m": "momentum_buffer"},
        ("maximize", "dampening"),
    ),
    "torch.optim.adam.Adam": _ADAM,
    "torch.optim.adamw.AdamW": _ADAM._replace(kind="adamw", unlike=("amsgrad", "maximize")),
    "torch.optim.rmsprop.RMSprop": Kind(
        "rmsprop",
        {"alpha": "alpha", "eps": "eps", "weight_decay": "weight_decay"},
        {"v": "square_avg"},
        ("maximize", "centered", "momentum"),
    ),
    "torch.optim.adagrad.Adagrad": Kind(
        "adagrad", {"eps": "eps", "weight_decay": "weight_decay"}, {"v": "sum"}, ("maximize", "lr_decay")
    ),
}


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
    if "betas" in options:
        found["beta1"], found["beta2"] = options["betas"]
    return found


def _count(row: Moved) -> int:
    """The number of this update of a parameter, from 1: SGD keeps none, and its rule does not ask."""
    count = row.states_after.get("step", 1)
    return int(count) if isinstance(count, int | float) else 1
