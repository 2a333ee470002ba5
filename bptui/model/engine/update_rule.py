"""What a kind of optimizer is: its settings, the vectors that an update works on, its text and its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.again import Again
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Emit
from bptui.model.engine.fill import fill
from bptui.model.engine.trace import Trace

FLAGS = ("nesterov", "maximize", "decoupled_weight_decay")
"""The options that are true or false."""
WORDS: Mapping[str, tuple[str, ...]] = {"line_search_fn": ("none", "strong_wolfe")}
"""The options that are one of some words."""
COUNTS: Mapping[str, int] = {"max_iter": 1_000, "max_eval": 10_000, "history_size": 1_000}
"""The options that are whole numbers from 1, and the largest that is taken."""


@dataclass(frozen=True)
class Settings:
    """What a rule is told. An option, number or flag, is None where the kind of optimizer does not take it.

    learning_rate  where it is not said that of the row of its kind
    first  the training step of its first update, where another optimizer trained before: its `t` counts from there
    """

    kind: str = "sgd"
    learning_rate: Any = None
    momentum: Any = None
    dampening: Any = None
    nesterov: Any = None
    weight_decay: Any = None
    decoupled_weight_decay: Any = None
    l1: Any = None
    alpha: Any = None
    beta1: Any = None
    beta2: Any = None
    rho: Any = None
    eps: Any = None
    momentum_decay: Any = None
    eta_minus: Any = None
    eta_plus: Any = None
    step_min: Any = None
    step_max: Any = None
    lambd: Any = None
    t0: Any = None
    maximize: Any = None
    max_iter: Any = None
    max_eval: Any = None
    tolerance_grad: Any = None
    tolerance_change: Any = None
    history_size: Any = None
    line_search_fn: Any = None
    first: int = 0

    @property
    def decouples(self) -> bool:
        """Is weight decay a part of the step, not of the gradient?"""
        return bool(self.weight_decay) and bool(self.kind in ("adamw", "lion") or self.decoupled_weight_decay)


class Whole(NamedTuple):
    """What a rule has that takes its step for all parameters together.

    carried, carried_new  numbers of its own, from step to step: before the step, and where it writes what they become
    search                where it writes what it did in this step
    again                 the loss from other parameters
    """

    carried: Array
    carried_new: Array
    search: Array
    again: Again


@dataclass(frozen=True)
class Flat:
    """One vector per thing, over all parameters in order; `p_new` and `new` are where the update writes.

    `p_new` is also where the change is worked out: on a large network every vector less is time.
    states and new are rows of one (states, parameters) block each. `t` counts the updates of the optimizer, from 1: one
    more than the clock's step for the one that trains from the start.
    lr  where a schedule has written the rate of this step; None: it is the optimizer's, always
    """

    p: Array
    g: Array
    states: Array
    p_new: Array
    new: Array
    clock: Clock
    lr: Array | None = None
    whole: Whole | None = None


@dataclass(frozen=True)
class Rule:
    """A kind of optimizer.

    options     the options that it takes, with their defaults
    states      names of what it carries from step to step per element
    definition  the text of the update
    emit        the calls of the update
    starts      what states are at first, where that is not 0, given the settings
    rate        the learning rate where none is said
    room        of a rule of all parameters together: of its settings and the number of parameters, how many numbers of
                its own it carries from step to step, and how many it tells of one; None: each element goes by itself
    """

    doc: str
    options: Mapping[str, Any]
    states: Callable[[Settings], tuple[str, ...]]
    definition: Callable[[Settings], str]
    emit: Callable[[Emit, Settings, Flat], None]
    starts: Callable[[Settings], Mapping[str, float]] = field(default=lambda o: {})
    rate: float = 0.01
    room: Callable[[Settings, int], tuple[int, int]] | None = None


Numbers = Callable[[Settings, float, int], tuple[float, ...]]
"""Of settings, rate and t: the numbers of an update that all elements share."""


def written(update: Callable[..., tuple[Any, ...]], shared: Numbers | None = None) -> Any:
    """The calls of an update that reads like mathematics: (settings, lr, p, g, *states, *shared) → what p and each
    state become. What elements share is worked out once per step, in Python's own numbers."""

    def emit(emit: Emit, o: Settings, f: Flat) -> None:
        trace = Trace(emit)
        lr = o.learning_rate if f.lr is None else trace.given(f.lr)
        numbers: list[Array] = []
        if shared is not None:
            numbers = [emit.temp(()) for _ in shared(o, o.learning_rate, 1)]

            def share() -> None:
                rate = o.learning_rate if f.lr is None else float(f.lr)
                for place, number in zip(numbers, shared(o, rate, f.clock.step + 1 - o.first), strict=True):
                    place[()] = number

            emit(share)
        made = update(o, lr, *(trace.given(array) for array in (f.p, f.g, *f.states, *numbers)))
        fill(trace, zip(made, (f.p_new, *f.new), strict=True))

    return emit


def decayed(o: Settings, p: Any, g: Any) -> Any:
    """The gradient downhill with what pulls to 0: d = ±g + weight_decay*p + l1*sign(p), without a decoupled decay."""
    d = -g if o.maximize else g
    if o.weight_decay and not o.decouples:
        d = d + p * o.weight_decay
    return d + np.sign(p) * o.l1 if o.l1 else d


def text(o: Settings, *statements: str) -> str:
    """The statements, with `d` for the gradient where something is done to it, else `g`."""
    coupled = " + weight_decay*p" * bool(o.weight_decay and not o.decouples) + " + l1*sign(p)" * bool(o.l1)
    if coupled or o.maximize:
        return "; ".join((f"d = {'-' * bool(o.maximize)}g{coupled}", *statements)).replace("{d}", "d")
    return "; ".join(statements).replace("{d}", "g")
