"""Which rule of bptui an optimizer's step is: by its class with its module, never by the class's name alone. A
library's own AdamW may do something else; what no rule is known for is opaque."""

from __future__ import annotations

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.captured.record import Group, Moved, Update
from bptui.model.source.torch_optimizers import OPTIMIZERS, Kind, options


def known_kind(update: Update) -> Kind | None:
    """The row of an update's optimizer; None where bptui has no rule for it."""
    name = update.kind.rpartition(".")[2]
    row = OPTIMIZERS.get(name) if update.kind == f"torch.optim.{name.lower()}.{name}" else None
    return row if row is not None and row.states else None


def rule_of(update: Update, group: Group, row: Moved) -> Optimizer | str:
    """The rule that a parameter was updated by, its `t` that of this update; or why bptui does not know it."""
    kind = known_kind(update)
    if kind is None:
        return f"{update.kind} is an optimizer that bptui has no rule for"
    for name in kind.unlike:
        if group.options.get(name):
            return f"{update.kind} with {name} is a rule that bptui does not have"
    try:
        found = options(kind.kind, group.options)
        for name, value in found.items():
            if not isinstance(value, bool | int | float | str):
                raise TypeError(f"{name} is no number")
        return Optimizer(kind.kind, float(group.options["lr"]), first=1 - _count(row), **found)
    except (KeyError, TypeError, ValueError, UserError) as problem:
        return f"{update.kind} with settings that bptui's rule does not take: {problem}"


def _count(row: Moved) -> int:
    """The number of this update of a parameter, from 1. SGD keeps none; its rule asks only whether it is the first,
    which has no average yet."""
    count = row.states_after.get("step", 1 if row.states_before.get("momentum_buffer") is None else 2)
    return int(count) if isinstance(count, int | float) else 1
