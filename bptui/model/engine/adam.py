"""Adam and its kin: text and calls of their updates, for the rows of `bptui.model.engine.updates`."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from bptui.model.engine.calls import Emit
from bptui.model.engine.fill import fill
from bptui.model.engine.trace import Trace
from bptui.model.engine.update_rule import Flat, Settings, decayed, text


def decay(o: Settings) -> str:
    """What a decoupled decay adds to the last statement."""
    return " - lr*weight_decay*p" if o.decouples else ""


_AVERAGE, _SQUARE = "m_new = beta1*m + (1 - beta1)*{d}", "v_new = beta2*v + (1 - beta2)*{d}**2"


def adam_text(o: Settings) -> str:
    """Running averages of gradient and square, each corrected for its start at 0."""
    return text(
        o,
        _AVERAGE,
        _SQUARE,
        "m_hat = m_new/(1 - beta1**t)",
        "v_hat = v_new/(1 - beta2**t)",
        f"p_new = p{decay(o)} - lr*m_hat/(sqrt(v_hat) + eps)",
    )


def adam(emit: Emit, o: Settings, f: Flat) -> None:
    """The corrections as two numbers per step: lr*m_hat/(sqrt(v_hat) + eps) is rate*m/(sqrt(v) + floor) with
    root = sqrt(1 - beta2**t), rate = lr*root/(1 - beta1**t), floor = eps*root."""
    beta1, beta2, eps, base, first, clock, scheduled = o.beta1, o.beta2, o.eps, o.learning_rate, o.first, f.clock, f.lr
    d = f.g
    if o.l1 or o.maximize or (o.weight_decay and not o.decouples):
        trace = Trace(emit)
        d = emit.temp(f.p.shape)
        fill(trace, [(decayed(o, trace.given(f.p), trace.given(f.g)), d)])
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


def pulled(o: Settings, lr: Any, p: Any) -> Any:
    """The parameter after a decoupled decay."""
    return p - p * o.weight_decay * lr if o.decouples else p


def nadam_text(o: Settings) -> str:
    """The momentum of this step and of the next, with the product of all so far, q."""
    return text(
        o,
        _AVERAGE,
        _SQUARE,
        "mu = beta1*(1 - 0.5*0.96**(t*momentum_decay))",
        "mu_next = beta1*(1 - 0.5*0.96**((t + 1)*momentum_decay))",
        "q_new = q*mu",
        "size = sqrt(v_new/(1 - beta2**t)) + eps",
        f"p_new = p{decay(o)} - lr*((1 - mu)/(1 - q_new)*{{d}} + mu_next/(1 - q_new*mu_next)*m_new)/size",
    )


def nadam_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    """mu, that of the next step, and what v is divided by."""
    mu, following = (o.beta1 * (1 - 0.5 * 0.96 ** (n * o.momentum_decay)) for n in (t, t + 1))
    return mu, following, 1 - o.beta2**t


def nadam(
    o: Settings, lr: Any, p: Any, g: Any, m: Any, v: Any, q: Any, mu: Any, following: Any, corrected: Any
) -> tuple[Any, ...]:
    """What p, m, v and q become."""
    d = decayed(o, p, g)
    m_new, v_new = _averages(o, d, m, v)
    q_new, size = q * mu, np.sqrt(v_new / corrected) + o.eps
    ahead = d * ((1 - mu) / (1 - q_new)) + m_new * (following / (1 - q_new * following))
    return pulled(o, lr, p) - ahead / size * lr, m_new, v_new, q_new


def radam_text(o: Settings) -> str:
    """Divided by the square only where enough of it was seen: rho, the length of its memory, is above 5."""
    return text(
        o,
        _AVERAGE,
        _SQUARE,
        "m_hat = m_new/(1 - beta1**t)",
        "most = 2/(1 - beta2) - 1",
        "rho = most - 2*t*beta2**t/(1 - beta2**t)",
        "r = sqrt((rho - 4)*(rho - 2)*most/((most - 4)*(most - 2)*rho)) if rho > 5 else 1",
        "size = (sqrt(v_new) + eps)/sqrt(1 - beta2**t) if rho > 5 else 1",
        f"p_new = p{decay(o)} - lr*r*m_hat/size",
    )


def radam_shared(o: Settings, lr: float, t: int) -> tuple[float, ...]:
    """m_hat's divisor, the rectification r (0: the square is not trusted yet), √(1 - beta2**t)."""
    power = 1 - o.beta2**t
    most = 2 / (1 - o.beta2) - 1
    rho = most - 2 * t * (1 - power) / power
    r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) if rho > 5 else 0.0
    return 1 - o.beta1**t, r, sqrt(power)


def radam(o: Settings, lr: Any, p: Any, g: Any, m: Any, v: Any, corrected: Any, r: Any, root: Any) -> tuple[Any, ...]:
    """What p, m and v become."""
    m_new, v_new = _averages(o, decayed(o, p, g), m, v)
    factor = np.where(r > 0, r * root / (np.sqrt(v_new) + o.eps), 1.0)
    return pulled(o, lr, p) - m_new / corrected * factor * lr, m_new, v_new


def adamax_text(o: Settings) -> str:
    """Divided by the largest gradient, which fades."""
    return text(o, _AVERAGE, "u_new = max(beta2*u, abs({d}) + eps)", "p_new = p - lr/(1 - beta1**t)*m_new/u_new")


def adamax(o: Settings, lr: Any, p: Any, g: Any, m: Any, u: Any, corrected: Any) -> tuple[Any, ...]:
    """What p, m and u become."""
    d = decayed(o, p, g)
    m_new, u_new = m * o.beta1 + d * (1 - o.beta1), np.maximum(u * o.beta2, abs(d) + o.eps)
    return p - m_new / u_new * (lr / corrected), m_new, u_new
