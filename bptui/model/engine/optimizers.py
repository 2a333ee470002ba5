"""Optimizers: how a parameter follows its gradient. One row per kind; the formulas are PyTorch's.

A row holds the rule twice, like an Op: as text for ONE element (docs/definitions.md), which the screen shows and the
check evaluates, and as the NumPy calls of a step, which run on one flat vector over all parameters at once.
Names in the text: `p` parameter, `g` gradient (clipped where the optimizer clips), `t` number of this update from 1,
`lr` and the options by their own names, states by theirs. The last statement, `p_new`, is the parameter after the
update; `m_new` is what state `m` becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Emit
from bptui.model.engine.fill import fill
from bptui.model.engine.trace import Trace

CLIP_EPS = 1e-6
"""torch.nn.utils.clip_grad_norm_ divides by the norm plus this."""


@dataclass(frozen=True)
class Flat:
    """One vector per thing, over all parameters in order; `p_new` and `new` are where the update writes.

    `p_new` is also where the change is worked out: on a large network every vector less is time.
    states and new are rows of one (states, parameters) block each. `t` counts the updates of the optimizer, from 1: one
    more than the clock's step for the one that trains from the start.
    """

    p: Array
    g: Array
    states: Array
    p_new: Array
    new: Array
    clock: Clock


@dataclass(frozen=True)
class Rule:
    """A kind of optimizer.

    options     the fields of Optimizer that it takes, with their defaults
    states      names of what it carries from step to step per element, all 0 at first
    definition  the text of the update
    emit        the calls of the update
    """

    doc: str
    options: Mapping[str, float | bool]
    states: Callable[[Optimizer], tuple[str, ...]]
    definition: Callable[[Optimizer], str]
    emit: Callable[[Emit, Optimizer, Flat], None]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with its options; the ones that its kind does not take must be left out.

    Defaults are PyTorch's, except `learning_rate`, which has none there that suits every kind.
    clip_norm   scale all gradients by min(1, clip_norm/(norm + 1e-6)), norm over all parameters
    clip_value  keep each element within ±clip_value; where both are given, this comes first
    first       the training step of its first update, where another optimizer trained before: its `t` counts from there
    """

    kind: str = "sgd"
    learning_rate: float = 0.01
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    l1: float | None = None
    alpha: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    first: int = 0

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise UserError("optimizer", f"unknown kind '{self.kind}'", did_you_mean(self.kind, OPTIMIZERS, known))
        options = self.rule.options
        for name in OPTIONS:
            given = getattr(self, name)
            if given is None:
                object.__setattr__(self, name, options.get(name))
            elif name not in options:
                raise UserError("optimizer", f"{self.kind} has no {name}", "it has " + ", ".join(options))
        for name in ("learning_rate", *options, "clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is None or name == "nesterov":
                continue
            if not isfinite(value) or value < 0 or (name in ("beta1", "beta2") and value >= 1):
                right = "0 or more and below 1" if name in ("beta1", "beta2") else "0 or more"
                raise UserError(f"optimizer.{name}", f"{value} does not make sense", right)
        if self.nesterov and not self.momentum:
            raise UserError("optimizer.nesterov", "needs momentum", "momentum = 0.9, for example")

    @property
    def rule(self) -> Rule:
        """The row of its kind."""
        return OPTIMIZERS[self.kind]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of what it carries from step to step per parameter."""
        return self.rule.states(self)

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
        named = {name: float(getattr(self, name)) for name in self.rule.options if name != "nesterov"}
        return {"lr": float(self.learning_rate), "t": float(step + 1 - self.first), **named}

    def emit(self, emit: Emit, flat: Flat) -> None:
        """The calls of the update."""
        self.rule.emit(emit, self, flat)


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


def _written(update: Callable[..., tuple[Any, ...]]) -> Callable[[Emit, Optimizer, Flat], None]:
    """The calls of an update that reads like mathematics: (optimizer, p, g, *states) → what p and each state become."""

    def emit(emit: Emit, o: Optimizer, f: Flat) -> None:
        trace = Trace(emit)
        made = update(o, *(trace.given(array) for array in (f.p, f.g, *f.states)))
        fill(trace, zip(made, (f.p_new, *f.new), strict=True))

    return emit


def _decayed(o: Optimizer, p: Any, g: Any) -> Any:
    """The gradient with what pulls to 0: d = g + weight_decay*p + l1*sign(p); adamw's decay is not in it."""
    d = g + p * o.weight_decay if o.weight_decay and o.kind != "adamw" else g
    return d + np.sign(p) * o.l1 if o.l1 else d


def _text(o: Optimizer, *statements: str) -> str:
    """The statements, with `d` for the gradient where weight decay is coupled to it, else `g`."""
    coupled = " + weight_decay*p" * bool(o.weight_decay and o.kind != "adamw") + " + l1*sign(p)" * bool(o.l1)
    if coupled:
        return "; ".join((f"d = g{coupled}", *statements)).replace("{d}", "d")
    return "; ".join(statements).replace("{d}", "g")


def _sgd_text(o: Optimizer) -> str:
    if not o.momentum:
        return _text(o, "p_new = p - lr*{d}")
    step = "({d} + momentum*m_new)" if o.nesterov else "m_new"
    return _text(o, "m_new = momentum*m + {d}", f"p_new = p - lr*{step}")


def _sgd(o: Optimizer, p: Any, g: Any, m: Any = None) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    if m is None:
        return (p - d * o.learning_rate,)
    # PyTorch's buffer starts as the first gradient: the same as starting at 0, since its dampening is 0
    m_new = m * o.momentum + d
    return p - (d + m_new * o.momentum if o.nesterov else m_new) * o.learning_rate, m_new


def _rmsprop(o: Optimizer, p: Any, g: Any, v: Any) -> tuple[Any, ...]:
    assert o.alpha is not None
    d = _decayed(o, p, g)
    v_new = v * o.alpha + d * d * (1 - o.alpha)
    return p - d / (np.sqrt(v_new) + o.eps) * o.learning_rate, v_new


def _adagrad(o: Optimizer, p: Any, g: Any, v: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    v_new = v + d * d
    return p - d / (np.sqrt(v_new) + o.eps) * o.learning_rate, v_new


def _adam_text(o: Optimizer) -> str:
    decay = " - lr*weight_decay*p" if o.kind == "adamw" and o.weight_decay else ""
    return _text(
        o,
        "m_new = beta1*m + (1 - beta1)*{d}",
        "v_new = beta2*v + (1 - beta2)*{d}**2",
        "m_hat = m_new/(1 - beta1**t)",
        "v_hat = v_new/(1 - beta2**t)",
        f"p_new = p{decay} - lr*m_hat/(sqrt(v_hat) + eps)",
    )


def _adam(emit: Emit, o: Optimizer, f: Flat) -> None:
    """The corrections as two numbers per step: lr*m_hat/(sqrt(v_hat) + eps) is rate*m/(sqrt(v) + floor) with
    root = sqrt(1 - beta2**t), rate = lr*root/(1 - beta1**t), floor = eps*root."""
    assert o.beta1 is not None
    assert o.beta2 is not None
    assert o.eps is not None
    beta1, beta2, eps, lr = o.beta1, o.beta2, o.eps, o.learning_rate
    decoupled = o.kind == "adamw"
    d = f.g
    if o.l1 or (o.weight_decay and not decoupled):
        trace = Trace(emit)
        d = emit.temp(f.p.shape)
        fill(trace, [(_decayed(o, trace.given(f.p), trace.given(f.g)), d)])
    rate, floor, clock = emit.temp(()), emit.temp(()), f.clock

    def correct() -> None:
        t = clock.step + 1 - o.first
        root = sqrt(1 - beta2**t)
        rate[()] = lr * root / (1 - beta1**t)
        floor[()] = eps * root

    fresh, change = emit.temp(f.new.shape), f.p_new
    m_new, v_new = f.new
    emit(correct)
    emit(np.multiply, d, emit.const(1 - beta1), fresh[0])
    emit(np.multiply, d, d, fresh[1])
    emit(np.multiply, fresh[1], emit.const(1 - beta2), fresh[1])
    emit(np.multiply, f.states[0], emit.const(beta1), m_new)
    emit(np.multiply, f.states[1], emit.const(beta2), v_new)
    emit(np.add, f.new.reshape(-1), fresh.reshape(-1), f.new.reshape(-1))
    emit(np.sqrt, v_new, change)
    emit(np.add, change, floor, change)
    emit(np.divide, m_new, change, change)
    emit(np.multiply, change, rate, change)
    if decoupled and o.weight_decay:
        emit(np.multiply, f.p, emit.const(1 - lr * o.weight_decay), fresh[0])
        emit(np.subtract, fresh[0], change, f.p_new)
    else:
        emit(np.subtract, f.p, change, f.p_new)


def _states(*names: str) -> Callable[[Optimizer], tuple[str, ...]]:
    return lambda o: names


_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}

OPTIMIZERS: Mapping[str, Rule] = MappingProxyType(
    {
        "sgd": Rule(
            "gradient descent, with momentum where it is given (torch.optim.SGD, dampening 0)",
            {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "l1": 0.0},
            lambda o: ("m",) if o.momentum else (),
            _sgd_text,
            _written(_sgd),
        ),
        "rmsprop": Rule(
            "divided by a running average of the gradient's size (torch.optim.RMSprop)",
            {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "l1": 0.0},
            _states("v"),
            lambda o: _text(o, "v_new = alpha*v + (1 - alpha)*{d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
            _written(_rmsprop),
        ),
        "adagrad": Rule(
            "divided by the size of all gradients so far (torch.optim.Adagrad)",
            {"eps": 1e-10, "weight_decay": 0.0, "l1": 0.0},
            _states("v"),
            lambda o: _text(o, "v_new = v + {d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
            _written(_adagrad),
        ),
        "adam": Rule(
            "running averages of gradient and square, corrected for their start at 0 (torch.optim.Adam)",
            {**_ADAM, "weight_decay": 0.0, "l1": 0.0},
            _states("m", "v"),
            _adam_text,
            _adam,
        ),
        "adamw": Rule(
            "Adam with weight decay on the parameter itself (torch.optim.AdamW)",
            {**_ADAM, "weight_decay": 0.01, "l1": 0.0},
            _states("m", "v"),
            _adam_text,
            _adam,
        ),
    }
)

OPTIONS: tuple[str, ...] = tuple(dict.fromkeys(name for rule in OPTIMIZERS.values() for name in rule.options))
"""Every option of any kind."""
