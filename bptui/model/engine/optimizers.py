"""Optimizers: a rule of `bptui.model.engine.updates` with its settings, groups of parameters that have settings of
their own, a schedule for the rate, and what clips the gradient before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.types import Array
from bptui.model.engine.calls import Emit
from bptui.model.engine.own_rule import Own
from bptui.model.engine.schedules import NOTHING, Schedule, Seen, When
from bptui.model.engine.update_rule import COUNTS, FLAGS, WORDS, Flat, Rule, Settings
from bptui.model.engine.updates import FROZEN, RULES

__all__ = [
    "COUNTS", "FLAGS", "OPTIMIZERS", "OPTIONS", "WORDS", "Flat", "Group", "Optimizer", "Own", "Rule", "emit_clip",
    "grouped",
]  # fmt: skip

CLIP_EPS = 1e-6
"""torch.nn.utils.clip_grad_norm_ divides by the norm plus this."""

OPTIMIZERS: Mapping[str, Rule] = RULES
OPTIONS: tuple[str, ...] = tuple(dict.fromkeys(name for rule in RULES.values() for name in rule.options))
"""Every option of any kind."""

_BELOW_1 = ("beta1", "beta2", "rho", "eta_minus")


@dataclass(frozen=True)
class Optimizer(Settings):
    """An optimizer with its options; the ones that its kind does not take must be left out.

    Defaults are PyTorch's, except `learning_rate`, which has none there that suits every kind.
    clip_norm   scale all gradients by min(1, clip_norm/(norm + 1e-6)), norm over all parameters
    clip_value  keep each element within ±clip_value; where both are given, this comes first
    schedule    what the learning rate becomes from training step to training step
    groups      parameters that have settings of their own
    own         the rule, where the kind is "own"
    Two kinds are in no list: "own", and "frozen", whose parameters stay as they are.
    """

    clip_norm: float | None = None
    clip_value: float | None = None
    schedule: Schedule | None = None
    groups: tuple[Group, ...] = ()
    own: Own | None = None

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS and self.kind != "frozen" and (self.kind != "own" or self.own is None):
            known = ", ".join(OPTIMIZERS)
            raise UserError("optimizer", f"unknown kind '{self.kind}'", did_you_mean(self.kind, OPTIMIZERS, known))
        rule = self.rule
        options = rule.options
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", rule.rate)
        for name in OPTIONS:
            given = getattr(self, name)
            if given is None:
                object.__setattr__(self, name, options.get(name))
            elif name not in options:
                raise UserError("optimizer", f"{self.kind} has no {name}", "it has " + ", ".join(options))
        for name in ("learning_rate", *options, "clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is None or name in FLAGS:
                continue
            if name in WORDS or name in COUNTS:
                _fits(name, value)
                continue
            if not isfinite(value) or value < 0 or (name in _BELOW_1 and value >= 1):
                right = "0 or more and below 1" if name in _BELOW_1 else "0 or more"
                raise UserError(f"optimizer.{name}", f"{value} does not make sense", right)
        if self.nesterov and not (self.momentum and not self.dampening):
            raise UserError("optimizer.nesterov", "needs momentum, and no dampening", "momentum = 0.9, for example")
        if self.eta_plus is not None and self.eta_plus <= 1:
            raise UserError("optimizer.eta_plus", f"{self.eta_plus} does not make sense", "more than 1")
        if rule.room is not None and self.clips:
            right = f"no clip_norm, no clip_value: what {self.kind} learns from is the gradient of the loss itself"
            raise UserError("optimizer", f"{self.kind} does not clip", right)
        for group in self.groups:
            one = group.of(self)
            together = next((found.kind for found in (self, one) if found.rule.room is not None), None)
            if together is not None and one.kind != "frozen":
                right = "one rule for all, but for groups that are frozen"
                raise UserError("optimizer.groups", f"{together} takes its step for all parameters together", right)

    @property
    def rule(self) -> Rule:
        """The row of its kind."""
        if self.own is not None:
            return self.own.rule
        return FROZEN if self.kind == "frozen" else OPTIMIZERS[self.kind]

    def assigned(self, names: Sequence[str]) -> dict[str, Optimizer]:
        """The rule of each parameter: that of its group, or this one without its groups. UserError where a group has no
        parameter, or one that another has."""
        alone = replace(self, groups=()) if self.groups else self
        found: dict[str, Optimizer] = {}
        for group in self.groups:
            rule = group.of(self)
            for name in group.members(names):
                if name in found:
                    raise UserError("optimizer.groups", f"{name} is in two of them", "each parameter in one")
                found[name] = rule
        return {name: found.get(name, alone) for name in names}

    def at(self, step: int, seen: Seen = NOTHING) -> Optimizer:
        """The optimizer as it is in a training step: its learning rate is that of its schedule."""
        if self.schedule is None:
            return self
        made = copy(self)
        rate = self.schedule.rate(When(self.learning_rate, step, seen))
        for name, value in {"learning_rate": rate, "schedule": None}.items():
            object.__setattr__(made, name, value)
        return made

    @property
    def states(self) -> tuple[str, ...]:
        """Names of what it carries from step to step per parameter."""
        return self.rule.states(self)

    @property
    def starts(self) -> Mapping[str, float]:
        """What each of them is at first: 0, of most."""
        return dict.fromkeys(self.states, 0.0) | dict(self.rule.starts(self))

    @property
    def definition(self) -> str:
        """The update of one element, as text."""
        return self.rule.definition(self)

    @property
    def clips(self) -> bool:
        """Is the gradient changed before it is used?"""
        return self.clip_norm is not None or self.clip_value is not None

    def symbols(self, step: int) -> dict[str, float]:
        """The numbers of the definition's parameters at a training step (from 0): `lr`, `t`, options."""
        named = {
            name: float(getattr(self, name))
            for name in self.rule.options
            if name not in FLAGS and name not in WORDS and getattr(self, name) is not None
        }
        own = dict(self.own.numbers) if self.own is not None else {}
        return {"lr": float(self.learning_rate), "t": float(step + 1 - self.first), **named, **own}

    def emit(self, emit: Emit, flat: Flat) -> None:
        """The calls of the update."""
        self.rule.emit(emit, self, flat)


def _fits(name: str, value: Any) -> None:
    """UserError where an option is none of its words, or not a whole number in its bounds."""
    if (words := WORDS.get(name)) is not None:
        if value not in words:
            said = str(value)[:40]
            raise UserError(f"optimizer.{name}", f"unknown '{said}'", did_you_mean(said, words, " or ".join(words)))
    elif isinstance(value, bool) or value != int(value) or not 1 <= value <= COUNTS[name]:
        raise UserError(
            f"optimizer.{name}", f"{value} does not make sense", f"a whole number from 1 to {COUNTS[name]:,}"
        )


@dataclass(frozen=True)
class Group:
    """Parameters with settings of their own, by name or pattern (`layer1.*`). settings: those that are not the
    optimizer's; `frozen` keeps the parameters as they are, and `kind` gives them a rule of another kind."""

    parameters: tuple[str, ...]
    settings: tuple[tuple[str, Any], ...] = ()

    def of(self, optimizer: Optimizer) -> Optimizer:
        """The rule of its parameters: what is not said is as in the optimizer that it is a group of."""
        given = dict(self.settings)
        if given.pop("frozen", False):
            return Optimizer("frozen")
        if "kind" in given:
            kept = ("learning_rate", "schedule", "clip_norm", "clip_value")
            return Optimizer(**{name: getattr(optimizer, name) for name in kept} | given)
        own = optimizer.own
        if own is not None:
            numbers = {name: given.pop(name, value) for name, value in own.numbers}
            own = replace(own, numbers=tuple(numbers.items()))
        return replace(optimizer, groups=(), own=own, **given)

    def has(self, name: str) -> bool:
        """Is a parameter in it?"""
        return any(name == pattern or fnmatchcase(name, pattern) for pattern in self.parameters)

    def members(self, names: Sequence[str]) -> list[str]:
        """Which of the parameters are in it; UserError where there are none of a name."""
        found: dict[str, None] = {}
        known = set(names)
        for pattern in self.parameters:
            matched = [pattern] if pattern in known else [name for name in names if fnmatchcase(name, pattern)]
            if not matched:
                right = did_you_mean(pattern, names, "one of " + ", ".join(names[:8]))
                raise UserError("optimizer.groups", f"no parameter is called '{pattern[:60]}'", right)
            found |= dict.fromkeys(matched)
        return list(found)


def grouped(rules: Mapping[str, Optimizer]) -> Optimizer:
    """One optimizer for parameters that have each a rule, by name: that of the first one, and a group for each other
    rule with what is not the same in it."""
    members: dict[Optimizer, list[str]] = {}
    for name, rule in rules.items():
        members.setdefault(rule, []).append(name)
    first, *others = members
    return replace(first, groups=tuple(Group(tuple(members[rule]), _apart(first, rule)) for rule in others))


def _apart(first: Optimizer, rule: Optimizer) -> tuple[tuple[str, Any], ...]:
    if rule.kind == "frozen":
        return (("frozen", True),)
    names = ("learning_rate", *rule.rule.options, "first")
    if rule.kind != first.kind:
        return tuple((name, getattr(rule, name)) for name in ("kind", *names))
    return tuple((name, getattr(rule, name)) for name in names if getattr(rule, name) != getattr(first, name))


def emit_clip(emit: Emit, optimizer: Optimizer, g: Array, clipped: Array, norm: Array | None) -> None:
    """Write the gradient that the update will use; `norm` (0-d) receives the length that clip_norm compared."""
    if optimizer.clip_value is not None:
        limit = float(optimizer.clip_value)
        emit(np.clip, g, emit.const(-limit), emit.const(limit), clipped)
        g = clipped
    if optimizer.clip_norm is not None:
        assert norm is not None
        scale = emit.temp(())
        emit(g.dot, g, norm)
        emit(np.sqrt, norm, norm)
        emit(np.add, norm, emit.const(CLIP_EPS), scale)
        emit(np.divide, emit.const(float(optimizer.clip_norm)), scale, scale)
        emit(np.minimum, scale, emit.const(1.0), out=scale)
        emit(np.multiply, g, scale, clipped)
