"""How a parameter follows its gradient: one row per kind of optimizer; the formulas are PyTorch's.

A row holds the rule twice, like an Op: as text for ONE element (docs/definitions.md), which the screen shows and the
check evaluates, and as the NumPy calls of a step, which run on one flat vector over all parameters at once.
Names in the text: `p` parameter, `g` gradient (clipped where the optimizer clips), `t` number of this update from 1,
`lr` and the options by their own names, states by theirs. The last statement, `p_new`, is the parameter after the
update; `m_new` is what state `m` becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Emit
from bptui.model.engine.fill import fill
from bptui.model.engine.trace import Trace

FLAGS = ("nesterov", "maximize", "decoupled_weight_decay")
"""The options that are no numbers."""


@dataclass(frozen=True)
class Settings:
    """What a rule is told. An option, number or flag, is None where the kind of optimizer does not take it.

    first  the training step of its first update, where another optimizer trained before: its `t` counts from there
    """

    kind: str = "sgd"
    learning_rate: float = 0.01
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
    first: int = 0

    @property
    def decouples(self) -> bool:
        """Is weight decay a part of the step, not of the gradient?"""
        return bool(self.weight_decay) and bool(self.kind in ("adamw", "lion") or self.decoupled_weight_decay)


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


@dataclass(frozen=True)
class Rule:
    """A kind of optimizer.

    options     the options that it takes, with their defaults
    states      names of what it carries from step to step per element
    definition  the text of the update
    emit        the calls of the update
    starts      what states are at first, where that is not 0, given the settings
    """

    doc: str
    options: Mapping[str, float | bool]
    states: Callable[[Settings], tuple[str, ...]]
    definition: Callable[[Settings], str]
    emit: Callable[[Emit, Settings, Flat], None]
    starts: Callable[[Settings], Mapping[str, float]] = field(default=lambda o: {})


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


def _decayed(o: Settings, p: Any, g: Any) -> Any:
    """The gradient downhill with what pulls to 0: d = ±g + weight_decay*p + l1*sign(p), without a decoupled decay."""
    d = -g if o.maximize else g
    if o.weight_decay and not o.decouples:
        d = d + p * o.weight_decay
    return d + np.sign(p) * o.l1 if o.l1 else d


def _text(o: Settings, *statements: str) -> str:
    """The statements, with `d` for the gradient where something is done to it, else `g`."""
    coupled = " + weight_decay*p" * bool(o.weight_decay and not o.decouples) + " + l1*sign(p)" * bool(o.l1)
    if coupled or o.maximize:
        return "; ".join((f"d = {'-' * bool(o.maximize)}g{coupled}", *statements)).replace("{d}", "d")
    return "; ".join(statements).replace("{d}", "g")


# ------------------------------------------------------------------------------------------------------------------ sgd
def _sgd_text(o: Settings) -> str:
    if not o.momentum:
        return _text(o, "p_new = p - lr*{d}")
    average = "m_new = momentum*m + {d}"
    if o.dampening:
        average = "m_new = {d} if t == 1 else momentum*m + (1 - dampening)*{d}"
    step = "({d} + momentum*m_new)" if o.nesterov else "m_new"
    return _text(o, average, f"p_new = p - lr*{step}")


def _sgd(o: Settings, lr: Any, p: Any, g: Any, m: Any = None, taken: Any = None) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    if m is None:
        return (p - d * lr,)
    # PyTorch's buffer starts as the first gradient: the same as starting at 0, where that one is not dampened
    m_new = m * o.momentum + (d if taken is None else d * taken)
    return p - (d + m_new * o.momentum if o.nesterov else m_new) * lr, m_new


def _sgd_emit(emit: Emit, o: Settings, f: Flat) -> None:
    dampens = bool(o.momentum and o.dampening)
    written(_sgd, (lambda o, lr, t: (1.0 if t == 1 else 1 - o.dampening,)) if dampens else None)(emit, o, f)


# --------------------------------------------------------------------------------------------- by the gradient's size
def _rmsprop(o: Settings, lr: Any, p: Any, g: Any, v: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    v_new = v * o.alpha + d * d * (1 - o.alpha)
    return p - d / (np.sqrt(v_new) + o.eps) * lr, v_new


def _adagrad(o: Settings, lr: Any, p: Any, g: Any, v: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    v_new = v + d * d
    return p - d / (np.sqrt(v_new) + o.eps) * lr, v_new


def _adadelta_text(o: Settings) -> str:
    return _text(
        o,
        "v_new = rho*v + (1 - rho)*{d}**2",
        "change = sqrt(u + eps)/sqrt(v_new + eps)*{d}",
        "u_new = rho*u + (1 - rho)*change**2",
        "p_new = p - lr*change",
    )


def _adadelta(o: Settings, lr: Any, p: Any, g: Any, v: Any, u: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    v_new = v * o.rho + d * d * (1 - o.rho)
    change = np.sqrt(u + o.eps) / np.sqrt(v_new + o.eps) * d
    return p - change * lr, v_new, u * o.rho + change * change * (1 - o.rho)


# ---------------------------------------------------------------------------------------------------------------- adam
def _decay(o: Settings) -> str:
    return " - lr*weight_decay*p" if o.decouples else ""


_AVERAGE, _SQUARE = "m_new = beta1*m + (1 - beta1)*{d}", "v_new = beta2*v + (1 - beta2)*{d}**2"


def _adam_text(o: Settings) -> str:
    return _text(
        o,
        _AVERAGE,
        _SQUARE,
        "m_hat = m_new/(1 - beta1**t)",
        "v_hat = v_new/(1 - beta2**t)",
        f"p_new = p{_decay(o)} - lr*m_hat/(sqrt(v_hat) + eps)",
    )


def _adam(emit: Emit, o: Settings, f: Flat) -> None:
    """The corrections as two numbers per step: lr*m_hat/(sqrt(v_hat) + eps) is rate*m/(sqrt(v) + floor) with
    root = sqrt(1 - beta2**t), rate = lr*root/(1 - beta1**t), floor = eps*root."""
    beta1, beta2, eps, base, first, clock, scheduled = o.beta1, o.beta2, o.eps, o.learning_rate, o.first, f.clock, f.lr
    d = f.g
    if o.l1 or o.maximize or (o.weight_decay and not o.decouples):
        trace = Trace(emit)
        d = emit.temp(f.p.shape)
        fill(trace, [(_decayed(o, trace.given(f.p), trace.given(f.g)), d)])
    rate, floor, kept = emit.temp(()), emit.temp(()), emit.temp(())
    kept[()] = 1 - base * o.weight_decay

    def correct() -> None:
        t, lr = clock.step + 1 - first, base
        if scheduled is not None:
            lr = float(scheduled)
            kept[()] = 1 - lr * o.weight_decay
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
    if o.decouples:
        emit(np.multiply, f.p, kept, fresh[0])
        emit(np.subtract, fresh[0], change, f.p_new)
    else:
        emit(np.subtract, f.p, change, f.p_new)


def _averages(o: Settings, d: Any, m: Any, v: Any) -> tuple[Any, Any]:
    return m * o.beta1 + d * (1 - o.beta1), v * o.beta2 + d * d * (1 - o.beta2)


def _pulled(o: Settings, lr: Any, p: Any) -> Any:
    """The parameter after a decoupled decay."""
    return p - p * o.weight_decay * lr if o.decouples else p


def _nadam_text(o: Settings) -> str:
    return _text(
        o,
        _AVERAGE,
        _SQUARE,
        "mu = beta1*(1 - 0.5*0.96**(t*momentum_decay))",
        "mu_next = beta1*(1 - 0.5*0.96**((t + 1)*momentum_decay))",
        "q_new = q*mu",
        "size = sqrt(v_new/(1 - beta2**t)) + eps",
        f"p_new = p{_decay(o)} - lr*((1 - mu)/(1 - q_new)*{{d}} + mu_next/(1 - q_new*mu_next)*m_new)/size",
    )


def _nadam_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    mu, following = (o.beta1 * (1 - 0.5 * 0.96 ** (n * o.momentum_decay)) for n in (t, t + 1))
    return mu, following, 1 - o.beta2**t


def _nadam(
    o: Settings, lr: Any, p: Any, g: Any, m: Any, v: Any, q: Any, mu: Any, following: Any, corrected: Any
) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    m_new, v_new = _averages(o, d, m, v)
    q_new, size = q * mu, np.sqrt(v_new / corrected) + o.eps
    ahead = d * ((1 - mu) / (1 - q_new)) + m_new * (following / (1 - q_new * following))
    return _pulled(o, lr, p) - ahead / size * lr, m_new, v_new, q_new


def _radam_text(o: Settings) -> str:
    return _text(
        o,
        _AVERAGE,
        _SQUARE,
        "m_hat = m_new/(1 - beta1**t)",
        "most = 2/(1 - beta2) - 1",
        "rho = most - 2*t*beta2**t/(1 - beta2**t)",
        "r = sqrt((rho - 4)*(rho - 2)*most/((most - 4)*(most - 2)*rho)) if rho > 5 else 1",
        "size = (sqrt(v_new) + eps)/sqrt(1 - beta2**t) if rho > 5 else 1",
        f"p_new = p{_decay(o)} - lr*r*m_hat/size",
    )


def _radam_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    """m_hat's divisor, the rectification r (0: the square is not trusted yet), √(1 - beta2**t)."""
    power = 1 - o.beta2**t
    most = 2 / (1 - o.beta2) - 1
    rho = most - 2 * t * (1 - power) / power
    r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) if rho > 5 else 0.0
    return 1 - o.beta1**t, r, sqrt(power)


def _radam(o: Settings, lr: Any, p: Any, g: Any, m: Any, v: Any, corrected: Any, r: Any, root: Any) -> tuple[Any, ...]:
    m_new, v_new = _averages(o, _decayed(o, p, g), m, v)
    factor = np.where(r > 0, r * root / (np.sqrt(v_new) + o.eps), 1.0)
    return _pulled(o, lr, p) - m_new / corrected * factor * lr, m_new, v_new


def _adamax_text(o: Settings) -> str:
    return _text(o, _AVERAGE, "u_new = max(beta2*u, abs({d}) + eps)", "p_new = p - lr/(1 - beta1**t)*m_new/u_new")


def _adamax(o: Settings, lr: Any, p: Any, g: Any, m: Any, u: Any, corrected: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    m_new, u_new = m * o.beta1 + d * (1 - o.beta1), np.maximum(u * o.beta2, abs(d) + o.eps)
    return p - m_new / u_new * (lr / corrected), m_new, u_new


# ------------------------------------------------------------------------------------------------------------- by sign
def _lion_text(o: Settings) -> str:
    pull = "(sign(c) + weight_decay*p)" if o.decouples else "sign(c)"
    return _text(o, "c = beta1*m + (1 - beta1)*{d}", "m_new = beta2*m + (1 - beta2)*{d}", f"p_new = p - lr*{pull}")


def _lion(o: Settings, lr: Any, p: Any, g: Any, m: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    toward = np.sign(m * o.beta1 + d * (1 - o.beta1))
    return _pulled(o, lr, p) - toward * lr, m * o.beta2 + d * (1 - o.beta2)


def _rprop_text(o: Settings) -> str:
    return _text(
        o,
        "agree = h*{d}",
        "s_new = min(max(s*(eta_plus if agree > 0 else eta_minus if agree < 0 else 1), step_min), step_max)",
        "h_new = 0 if agree < 0 else {d}",
        "p_new = p - s_new*sign(h_new)",
    )


def _rprop(o: Settings, lr: Any, p: Any, g: Any, h: Any, s: Any) -> tuple[Any, ...]:
    d = _decayed(o, p, g)
    agree = h * d
    factor = np.where(agree > 0, o.eta_plus, np.where(agree < 0, o.eta_minus, 1.0))
    s_new = np.minimum(np.maximum(s * factor, o.step_min), o.step_max)
    h_new = np.where(agree < 0, 0.0, d)
    return p - s_new * np.sign(h_new), h_new, s_new


# ----------------------------------------------------------------------------------------------------------------- asgd
def _asgd_text(o: Settings) -> str:
    return _text(
        o,
        "eta = lr/(1 + lambd*lr*(t - 1))**alpha",
        "step = eta*({d} + lambd*p)",
        "a_new = a + (p - step - a)/max(1, t - 1 - t0)",
        "p_new = p - step",
    )


def _asgd_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    eta = lr / (1 + o.lambd * lr * (t - 1)) ** o.alpha
    return eta, 1 - o.lambd * eta, 1 / max(1.0, t - 1 - o.t0)


def _asgd(o: Settings, lr: Any, p: Any, g: Any, a: Any, eta: Any, kept: Any, mu: Any) -> tuple[Any, ...]:
    p_new = p * kept - _decayed(o, p, g) * eta
    return p_new, a + (p_new - a) * mu


def _states(*names: str) -> Callable[[Settings], tuple[str, ...]]:
    return lambda o: names


_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
_PULL = {"weight_decay": 0.0, "l1": 0.0, "maximize": False}
_EITHER = {"weight_decay": 0.0, "decoupled_weight_decay": False, "l1": 0.0, "maximize": False}

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "sgd": Rule(
            "gradient descent, with momentum where it is given (torch.optim.SGD)",
            {"momentum": 0.0, "dampening": 0.0, "nesterov": False, **_PULL},
            lambda o: ("m",) if o.momentum else (),
            _sgd_text,
            _sgd_emit,
        ),
        "rmsprop": Rule(
            "divided by a running average of the gradient's size (torch.optim.RMSprop)",
            {"alpha": 0.99, "eps": 1e-8, **_PULL},
            _states("v"),
            lambda o: _text(o, "v_new = alpha*v + (1 - alpha)*{d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
            written(_rmsprop),
        ),
        "adagrad": Rule(
            "divided by the size of all gradients so far (torch.optim.Adagrad)",
            {"eps": 1e-10, **_PULL},
            _states("v"),
            lambda o: _text(o, "v_new = v + {d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
            written(_adagrad),
        ),
        "adadelta": Rule(
            "by the size of the changes so far over that of the gradients (torch.optim.Adadelta, whose rate is 1)",
            {"rho": 0.9, "eps": 1e-6, **_PULL},
            _states("v", "u"),
            _adadelta_text,
            written(_adadelta),
        ),
        "adam": Rule(
            "running averages of gradient and square, corrected for their start at 0 (torch.optim.Adam)",
            {**_ADAM, **_PULL},
            _states("m", "v"),
            _adam_text,
            _adam,
        ),
        "adamw": Rule(
            "Adam with weight decay on the parameter itself (torch.optim.AdamW)",
            {**_ADAM, **_PULL, "weight_decay": 0.01},
            _states("m", "v"),
            _adam_text,
            _adam,
        ),
        "nadam": Rule(
            "Adam that looks ahead, as nesterov does; q is the product of its momenta (torch.optim.NAdam)",
            {**_ADAM, "momentum_decay": 0.004, **_EITHER},
            _states("m", "v", "q"),
            _nadam_text,
            written(_nadam, _nadam_shared),
            lambda o: {"q": 1.0},
        ),
        "radam": Rule(
            "Adam whose first steps do not divide by the square, which is uncertain then (torch.optim.RAdam)",
            {**_ADAM, **_EITHER},
            _states("m", "v"),
            _radam_text,
            written(_radam, _radam_shared),
        ),
        "adamax": Rule(
            "Adam by the largest gradient of late (torch.optim.Adamax)",
            {**_ADAM, **_PULL},
            _states("m", "u"),
            _adamax_text,
            written(_adamax, lambda o, lr, t: (1 - o.beta1**t,)),
        ),
        "lion": Rule(
            "by the sign of an average alone (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms)",
            {"beta1": 0.9, "beta2": 0.99, **_PULL},
            _states("m"),
            _lion_text,
            written(_lion),
        ),
        "rprop": Rule(
            "by the gradient's sign: a step of its own for each number, longer while the sign stays "
            "(torch.optim.Rprop); the rate is what the steps start with",
            {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0, "maximize": False},
            _states("h", "s"),
            _rprop_text,
            written(_rprop),
            lambda o: {"s": o.learning_rate},
        ),
        "asgd": Rule(
            "gradient descent with a rate that falls, and a, the average of the parameters (torch.optim.ASGD)",
            {"lambd": 1e-4, "alpha": 0.75, "t0": 1e6, **_PULL},
            _states("a"),
            _asgd_text,
            written(_asgd, _asgd_shared),
        ),
    }
)  # fmt: skip

FROZEN = Rule(
    "the parameters stay as they are (requires_grad_(False))",
    {},
    _states(),
    lambda o: "p_new = p",
    lambda emit, o, flat: emit(np.copyto, flat.p_new, flat.p),
)
"""The rule of what is not trained."""
