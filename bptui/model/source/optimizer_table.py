"""The [optimizer] table of a network file: kind and settings, a schedule, groups, or a rule of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.schema import Key, Table, any_value, names, one_of
from bptui.model.engine import schedules
from bptui.model.engine.ops.common import flag, real, whole
from bptui.model.engine.optimizers import COUNTS, FLAGS, OPTIMIZERS, OPTIONS, WORDS, Group, Optimizer, Own

CLIPS = ("clip_norm", "clip_value")
MAX_GROUPS = 1_000


def _check(name: str) -> Callable[[Any], Any]:
    """What a setting's value must be."""
    if name in FLAGS:
        return flag
    return one_of(*WORDS[name]) if name in WORDS else whole if name in COUNTS else real()


_RATE = Key(real(0), None, "how far each step goes: 0.01, of lbfgs 1")
_KIND = Key(one_of(*OPTIMIZERS), "sgd", "one of " + ", ".join(OPTIMIZERS))
_SETTINGS = {name: Key(_check(name)) for name in OPTIONS}
_SHARED: Mapping[str, Key] = {
    "learning_rate": _RATE,
    **{name: Key(real()) for name in CLIPS},
    "schedule": Key(any_value, None, "a word, or a table with a kind: what the rate becomes"),
    "groups": Key(any_value, (), "a list of tables: parameters with settings of their own"),
}


def read_optimizer(table: Table, parameters: Sequence[str] | None = None) -> Optimizer:
    """The optimizer of an [optimizer] table. parameters: the names of those that it will train, where they are known;
    UserError where its groups do not fit them."""
    try:
        made = _own(table) if "update" in table else _known(table)
        if parameters is not None:
            made.assigned(parameters)
    except UserError as problem:
        if problem.where.startswith(table.where):
            raise
        raise UserError(f"{table.where}: {problem.where}", problem.what, problem.right) from None
    return made


def _known(table: Table) -> Optimizer:
    found = table.read({"kind": _KIND, **_SHARED, **_SETTINGS})
    return Optimizer(**{**found, "schedule": _schedule(found["schedule"]), "groups": _groups(table, _SETTINGS)})


def _no_other(value: Any) -> Any:
    if value != "own":
        raise ValueError("stands beside 'update', a rule of one's own (leave one of the two out)")
    return value


def _own(table: Table) -> Optimizer:
    """A rule of one's own: every other text is a formula, every other number a number."""
    rest = {name: item for name, item in table.content.items() if name not in ("kind", "states", "update", *_SHARED)}
    formulas = [(name, item) for name, item in rest.items() if isinstance(item, str)]
    numbers = {name: item for name, item in rest.items() if not isinstance(item, str)}
    kept = Table({name: item for name, item in table.content.items() if name not in rest}, table.where, table.path)
    keys = {
        "update": Key(any_value),
        "kind": Key(_no_other, "own"),
        "states": Key(names, (), "a list of names"),
        **_SHARED,
    }
    found = kept.read(keys)
    number = {name: Key(real()) for name in numbers}
    values = tuple((name, table.get(name, key)) for name, key in number.items())
    own = Own((*formulas, ("update", found["update"])), found["states"], values)
    shared = {name: found[name] for name in ("learning_rate", *CLIPS)}
    schedule, groups = _schedule(found["schedule"]), _groups(table, number)
    return Optimizer("own", own=own, schedule=schedule, groups=groups, **shared)


def _schedule(value: Any) -> schedules.Schedule | None:
    if value is None:
        return None
    try:
        return schedules.read(value)
    except UserError as problem:
        raise UserError(f"optimizer.{problem.where}", problem.what, problem.right) from None


def _groups(table: Table, settings: Mapping[str, Key]) -> tuple[Group, ...]:
    """The groups: each with the names of its parameters, and the settings that are its own."""
    found = table.content.get("groups", ())
    if not isinstance(found, list | tuple) or len(found) > MAX_GROUPS:
        right = f'at most {MAX_GROUPS:,} tables: [[optimizer.groups]] parameters = ["layer1.*"]'
        raise UserError("optimizer.groups", "is no list of tables, or a long one", right)
    keys = {"parameters": Key(names, (), "names, or patterns such as layer1.*", required=True),
            "frozen": Key(flag), "kind": _KIND, "learning_rate": _RATE, **settings}  # fmt: skip
    groups = []
    for n, content in enumerate(found):
        inner = Table(content, table.where, f"optimizer.groups[{n}]")
        inner.only(keys)
        given = {name: inner.get(name, key) for name, key in keys.items() if name in inner or key.required}
        groups.append(Group(given.pop("parameters"), tuple(given.items())))
    return tuple(groups)


def table_of(optimizer: Optimizer) -> dict[str, Any]:
    """The table that `read_optimizer` makes an optimizer of, without what is not said of it."""
    own = optimizer.own
    if own is None:
        told = {"kind": optimizer.kind} | {name: getattr(optimizer, name) for name in optimizer.rule.options}
    else:
        told = {**dict(own.formulas), "states": list(own.states), **dict(own.numbers)}
    told |= {name: getattr(optimizer, name) for name in ("learning_rate", *CLIPS)}
    if optimizer.schedule is not None:
        told["schedule"] = schedules.table(optimizer.schedule)
    if optimizer.groups:
        told["groups"] = [
            {"parameters": list(group.parameters)} | {name: item for name, item in group.settings if name != "first"}
            for group in optimizer.groups
        ]
    return {name: item for name, item in told.items() if item is not None}


def told(value: Any) -> str:
    """A setting in a few words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(told, value))
    return significant(value) if isinstance(value, float) else str(value)


def _listed(settings: Mapping[str, Any]) -> str:
    """`adam, weight_decay 0.1`."""
    return ", ".join(
        name if item is None or item is True else f"{name} {told(item)}" for name, item in settings.items()
    )


def group_told(group: Group) -> str:
    """What is a group's own: `frozen`, `learning_rate 0.01, weight_decay 0`."""
    return _listed({name: item for name, item in group.settings if name != "first"})


def scheduled(schedule: schedules.Schedule) -> str:
    """`step, step_size 30, gamma 0.1`."""
    if schedule.kind == "sequential":
        parts = "; ".join(scheduled(part) for part in schedule["schedulers"])
        return f"{parts}, one after the other, from step {', '.join(map(str, schedule['milestones']))} on"
    return _listed({schedule.kind: None, **dict(schedule.settings)})


def lines(optimizer: Optimizer, parameters: Sequence[str]) -> list[str]:
    """What an optimizer is set to, group by group: only what is not as by default."""
    defaults, apart = optimizer.rule.options, ("kind", "schedule", "groups", "learning_rate", "states")
    given = {name: item for name, item in table_of(optimizer).items() if name not in apart}
    settings = {name: item for name, item in given.items() if item != defaults.get(name)}
    found = [f"trained by {_listed({optimizer.kind: None, 'learning rate': optimizer.learning_rate, **settings})}"]
    if (schedule := optimizer.schedule) is not None:
        found.append(f"its rate by {scheduled(schedule)}")
    for group in optimizer.groups:
        count = len(group.members(parameters))
        called = ", ".join(group.parameters)[:60]
        found.append(f"group {called}: {count} parameter{'s' * (count != 1)}, {group_told(group)}")
    return found


def counted(made: Optimizer, old: Optimizer, step: int) -> Optimizer:
    """The optimizer in the place of an old one from a training step on: what has its kind counts its updates on."""
    before = {group.parameters: group for group in old.groups}
    groups = []
    for group in made.groups:
        was = before.get(group.parameters)
        first = None if was is None or was.of(old).kind != group.of(made).kind else dict(was.settings).get("first")
        groups.append(group if first is None else replace(group, settings=(*group.settings, ("first", first))))
    return replace(made, groups=tuple(groups), first=old.first if made.kind == old.kind else step)
