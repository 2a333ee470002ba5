"""How a parameter follows its gradient: one row per kind of optimizer; the formulas are PyTorch's.

A row holds the rule twice, like an Op: as text for ONE element (docs/definitions.md), which the screen shows and the
check evaluates, and as the NumPy calls of a step, which run on one flat vector over all parameters at once.
Names in the text: `p` parameter, `g` gradient (clipped where the optimizer clips), `t` number of this update from 1,
`lr` and the options by their own names, states by theirs. The last statement, `p_new`, is the parameter after the
update; `m_new` is what state `m` becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.engine import adam, lbfgs
from bptui.model.engine.calls import Emit
from bptui.model.engine.update_rule import Flat, Rule, Settings, decayed, text, written


def _sgd_text(o: Settings) -> str:
    if not o.momentum:
        return text(o, "p_new = p - lr*{d}")
    average = "m_new = momentum*m + {d}"
    if o.dampening:
        average = "m_new = {d} if t == 1 else momentum*m + (1 - dampening)*{d}"
    step = "({d} + momentum*m_new)" if o.nesterov else "m_new"
    return text(o, average, f"p_new = p - lr*{step}")


def _sgd(o: Settings, lr: Any, p: Any, g: Any, m: Any = None, taken: Any = None) -> tuple[Any, ...]:
    d = decayed(o, p, g)
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
    d = decayed(o, p, g)
    v_new = v * o.alpha + d * d * (1 - o.alpha)
    return p - d / (np.sqrt(v_new) + o.eps) * lr, v_new


def _adagrad(o: Settings, lr: Any, p: Any, g: Any, v: Any) -> tuple[Any, ...]:
    d = decayed(o, p, g)
    v_new = v + d * d
    return p - d / (np.sqrt(v_new) + o.eps) * lr, v_new


def _adadelta_text(o: Settings) -> str:
    return text(
        o,
        "v_new = rho*v + (1 - rho)*{d}**2",
        "change = sqrt(u + eps)/sqrt(v_new + eps)*{d}",
        "u_new = rho*u + (1 - rho)*change**2",
        "p_new = p - lr*change",
    )


def _adadelta(o: Settings, lr: Any, p: Any, g: Any, v: Any, u: Any) -> tuple[Any, ...]:
    d = decayed(o, p, g)
    v_new = v * o.rho + d * d * (1 - o.rho)
    change = np.sqrt(u + o.eps) / np.sqrt(v_new + o.eps) * d
    return p - change * lr, v_new, u * o.rho + change * change * (1 - o.rho)


# ------------------------------------------------------------------------------------------------------------- by sign
def _lion_text(o: Settings) -> str:
    pull = "(sign(c) + weight_decay*p)" if o.decouples else "sign(c)"
    return text(o, "c = beta1*m + (1 - beta1)*{d}", "m_new = beta2*m + (1 - beta2)*{d}", f"p_new = p - lr*{pull}")


def _lion(o: Settings, lr: Any, p: Any, g: Any, m: Any) -> tuple[Any, ...]:
    d = decayed(o, p, g)
    toward = np.sign(m * o.beta1 + d * (1 - o.beta1))
    return adam.pulled(o, lr, p) - toward * lr, m * o.beta2 + d * (1 - o.beta2)


def _rprop_text(o: Settings) -> str:
    return text(
        o,
        "agree = h*{d}",
        "s_new = min(max(s*(eta_plus if agree > 0 else eta_minus if agree < 0 else 1), step_min), step_max)",
        "h_new = 0 if agree < 0 else {d}",
        "p_new = p - s_new*sign(h_new)",
    )


def _rprop(o: Settings, lr: Any, p: Any, g: Any, h: Any, s: Any) -> tuple[Any, ...]:
    d = decayed(o, p, g)
    agree = h * d
    factor = np.where(agree > 0, o.eta_plus, np.where(agree < 0, o.eta_minus, 1.0))
    s_new = np.minimum(np.maximum(s * factor, o.step_min), o.step_max)
    h_new = np.where(agree < 0, 0.0, d)
    return p - s_new * np.sign(h_new), h_new, s_new


# ----------------------------------------------------------------------------------------------------------------- asgd
def _asgd_text(o: Settings) -> str:
    """PyTorch works out after an update by what rate the next one goes: what a schedule does comes one update later."""
    return text(
        o,
        "step = (lr if t == 1 else rate)*({d} + lambd*p)",
        "a_new = a + (p - step - a)/max(1, t - 1 - t0)",
        "rate_new = lr/(1 + lambd*lr*t)**alpha",
        "p_new = p - step",
    )


def _asgd_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    return t, lr / (1 + o.lambd * lr * t) ** o.alpha, 1 / max(1.0, t - 1 - o.t0)


def _asgd(o: Settings, lr: Any, p: Any, g: Any, a: Any, rate: Any, t: Any, after: Any, mu: Any) -> tuple[Any, ...]:
    taken = np.where(t > 1, rate, lr)
    p_new = p * (1 - taken * o.lambd) - decayed(o, p, g) * taken
    return p_new, a + (p_new - a) * mu, np.where(t > 0, after, rate)


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
            lambda o: text(o, "v_new = alpha*v + (1 - alpha)*{d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
            written(_rmsprop),
        ),
        "adagrad": Rule(
            "divided by the size of all gradients so far (torch.optim.Adagrad)",
            {"eps": 1e-10, **_PULL},
            _states("v"),
            lambda o: text(o, "v_new = v + {d}**2", "p_new = p - lr*{d}/(sqrt(v_new) + eps)"),
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
            adam.adam_text,
            adam.adam,
        ),
        "adamw": Rule(
            "Adam with weight decay on the parameter itself (torch.optim.AdamW)",
            {**_ADAM, **_PULL, "weight_decay": 0.01},
            _states("m", "v"),
            adam.adam_text,
            adam.adam,
        ),
        "nadam": Rule(
            "Adam that looks ahead, as nesterov does; q is the product of its momenta (torch.optim.NAdam)",
            {**_ADAM, "momentum_decay": 0.004, **_EITHER},
            _states("m", "v", "q"),
            adam.nadam_text,
            written(adam.nadam, adam.nadam_shared),
            lambda o: {"q": 1.0},
        ),
        "radam": Rule(
            "Adam whose first steps do not divide by the square, which is uncertain then (torch.optim.RAdam)",
            {**_ADAM, **_EITHER},
            _states("m", "v"),
            adam.radam_text,
            written(adam.radam, adam.radam_shared),
        ),
        "adamax": Rule(
            "Adam by the largest gradient of late (torch.optim.Adamax)",
            {**_ADAM, **_PULL},
            _states("m", "u"),
            adam.adamax_text,
            written(adam.adamax, lambda o, lr, t: (1 - o.beta1**t,)),
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
            _states("a", "rate"),
            _asgd_text,
            written(_asgd, _asgd_shared),
        ),
        "lbfgs": Rule(
            "several steps at once for all parameters together, each along -H·g, where H is learned from those before "
            "(torch.optim.LBFGS, whose rate is 1); each looks at the loss again; max_eval starts as 5/4 of max_iter",
            {"max_iter": 20, "max_eval": None, "tolerance_grad": 1e-7, "tolerance_change": 1e-9, "history_size": 100,
             "line_search_fn": "none"},
            _states("d", "prev_grad"),
            lambda o: "p_new = p + sum(t[k]*d[k] for k in K)",
            lbfgs.emit,
            rate=1.0,
            room=lambda o, size: (lbfgs.Carried.room(o, size), lbfgs.Search.room(o, size)),
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
