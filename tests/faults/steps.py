"""Wrong training-step rules: updates that the engine runs in the place of the text, and other parts of a step."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine import backward_pass, plan
from bptui.model.engine.backward_pass import BackwardPass
from bptui.model.engine.optimizers import OPTIMIZERS, Group, emit_clip
from bptui.model.engine.schedules import read

from . import quasi_newton
from .plant import Patch, Rule

MOMENTUM = {"momentum": 0.9}
NESTEROV = {"momentum": 0.9, "nesterov": True}
DECAY = {"weight_decay": 0.1}

RULES = [
    Rule("sgd", "up the slope", {}, "p - lr", "p + lr"),
    Rule("sgd", "the learning rate is forgotten", {}, "lr*g", "g"),
    Rule("sgd", "decay of the wrong sign", DECAY, "g + weight_decay", "g - weight_decay"),
    Rule("sgd", "decay is left out", DECAY, "g + weight_decay*p", "g"),
    Rule("sgd", "the pull of l1 grows with the parameter", {"l1": 0.1}, "l1*sign(p)", "l1*p"),
    Rule("adam", "the pull of l1 has the wrong sign", {"l1": 0.1}, " + l1*sign(p)", " - l1*sign(p)"),
    Rule("sgd", "momentum is dropped", MOMENTUM, "momentum*m + g", "g"),
    Rule("sgd", "momentum is not applied to the average", MOMENTUM, "momentum*m", "m"),
    Rule("sgd", "dampening, as in an average", MOMENTUM, "+ g", "+ (1 - momentum)*g"),
    Rule("sgd", "nesterov looks ahead by the old average", NESTEROV, "(g + momentum*m_new)", "(g + momentum*m)"),
    Rule("sgd", "nesterov without the gradient", NESTEROV, "(g + momentum*m_new)", "m_new"),
    Rule("rmsprop", "alpha and 1 - alpha exchanged", {}, "alpha*v + (1 - alpha)", "(1 - alpha)*v + alpha"),
    Rule("rmsprop", "not the root", {}, "sqrt(v_new)", "v_new"),
    Rule("rmsprop", "eps inside the root", {}, "(sqrt(v_new) + eps)", "sqrt(v_new + eps)"),
    Rule("rmsprop", "divides by the size before", {}, "sqrt(v_new)", "sqrt(v)"),
    Rule("adagrad", "the size for its square", {}, "g**2", "abs(g)"),
    Rule("adagrad", "forgets what came before", {}, "v + g**2", "g**2"),
    Rule("adagrad", "eps inside the root", {"eps": 1e-8}, "(sqrt(v_new) + eps)", "sqrt(v_new + eps)"),
    Rule("adam", "bias correction is left out", {}, "m_new/(1 - beta1**t)", "m_new"),
    Rule("adam", "bias correction of the square is left out", {}, "v_new/(1 - beta2**t)", "v_new"),
    Rule("adam", "eps inside the root", {}, "(sqrt(v_hat) + eps)", "sqrt(v_hat + eps)"),
    Rule("adam", "eps is left out", {}, " + eps", ""),
    Rule("adam", "eps beside the uncorrected root", {}, "sqrt(v_hat) + eps", "(sqrt(v_new) + eps)/sqrt(1 - beta2**t)"),
    Rule("adam", "beta1 and beta2 exchanged", {}, "beta1*m + (1 - beta1)", "beta2*m + (1 - beta2)"),
    Rule("adam", "the corrections exchanged", {}, "beta2**t", "beta1**t"),
    Rule("adam", "t off by one: from 0", {}, "beta1**t", "beta1**(t - 1)"),
    Rule("adam", "t off by one: from 2", {}, "beta2**t", "beta2**(t + 1)"),
    Rule("adam", "t stays 1", {}, "beta1**t", "beta1"),
    Rule("adam", "decay of the decoupled kind", DECAY, "p_new = p - lr", "p_new = p - lr*weight_decay*p - lr"),
    Rule("adamw", "decay coupled to the gradient", DECAY, "(1 - beta1)*g", "(1 - beta1)*(g + weight_decay*p)",
         {" - lr*weight_decay*p": "", "g**2": "(g + weight_decay*p)**2"}),
    Rule("adamw", "decay is left out", {}, " - lr*weight_decay*p", ""),
    Rule("adamw", "decay without the learning rate", {}, "lr*weight_decay*p", "weight_decay*p"),
    Rule("sgd", "the first gradient is dampened, too", {**MOMENTUM, "dampening": 0.4}, "g if t == 1 else momentum*m", "momentum*m"),
    Rule("sgd", "dampening is forgotten", {**MOMENTUM, "dampening": 0.4}, "(1 - dampening)*g", "g"),
    Rule("sgd", "downhill, where it is to go up", {"maximize": True}, "-g", "g"),
    Rule("adam", "maximize turns the decay, too", {**DECAY, "maximize": True}, "weight_decay*p", "-weight_decay*p"),
    Rule("adadelta", "the changes of this step, too", {}, "sqrt(u + eps)", "sqrt(rho*u + (1 - rho)*g**2 + eps)"),
    Rule("adadelta", "the root of the gradients alone", {}, "sqrt(u + eps)/", "1/"),
    Rule("adadelta", "eps outside of the root", {"eps": 1e-3}, "sqrt(v_new + eps)", "(sqrt(v_new) + eps)"),
    Rule("adadelta", "the gradient's square for the change's", {}, "change**2", "g**2"),
    Rule("nadam", "momentum of this step for the next", {"momentum_decay": 0.1}, "mu_next/(1 - q_new*mu_next)", "mu/(1 - q_new*mu)"),
    Rule("nadam", "the product forgets what came before", {}, "q_new = q*mu", "q_new = mu"),
    Rule("nadam", "without the gradient of now", {}, "(1 - mu)/(1 - q_new)*g + ", ""),
    Rule("nadam", "beta1 for its schedule", {}, "mu = beta1*(1 - 0.5*0.96**(t*momentum_decay))", "mu = beta1"),
    Rule("nadam", "t off by one", {"momentum_decay": 1.0}, "0.96**(t*momentum_decay)", "0.96**((t - 1)*momentum_decay)"),
    Rule("radam", "divides from the first step on", {}, "(sqrt(v_new) + eps)/sqrt(1 - beta2**t) if rho > 5 else 1", "(sqrt(v_new) + eps)/sqrt(1 - beta2**t)"),
    Rule("radam", "not rectified", {}, "r*m_hat", "m_hat"),
    Rule("radam", "its longest memory is off by one", {"beta2": 0.9}, "2/(1 - beta2) - 1", "2/(1 - beta2)"),
    Rule("radam", "bias correction is left out", {}, "m_new/(1 - beta1**t)", "m_new"),
    Rule("adamax", "an average for the largest", {}, "max(beta2*u, abs(g) + eps)", "beta2*u + (1 - beta2)*abs(g) + eps"),
    Rule("adamax", "the largest never fades", {"beta2": 0.5}, "beta2*u", "u"),
    Rule("adamax", "the size without its sign taken off", {}, "abs(g)", "g"),
    Rule("adamax", "bias correction is left out", {}, "lr/(1 - beta1**t)", "lr"),
    Rule("lion", "the sign of the gradient", {}, "sign(c)", "sign(g)"),
    Rule("lion", "beta1 and beta2 exchanged", {"beta1": 0.5}, "beta1*m + (1 - beta1)", "beta2*m + (1 - beta2)"),
    Rule("lion", "the average itself, not its sign", {}, "sign(c)", "c"),
    Rule("lion", "decay of the wrong sign", DECAY, "+ weight_decay*p", "- weight_decay*p"),
    Rule("rprop", "longer and shorter exchanged", {}, "eta_plus if agree > 0 else eta_minus", "eta_minus if agree > 0 else eta_plus"),
    Rule("rprop", "moves although the sign turned", {}, "0 if agree < 0 else g", "g"),
    Rule("rprop", "by the gradient, not its sign", {}, "sign(h_new)", "h_new"),
    Rule("rprop", "no longest step", {"step_max": 0.05}, "min(max(s", "(max(s", {", step_max)": ")"}),
    Rule("rprop", "steps stay as long as they were", {}, "p - s_new", "p - s"),
    Rule("asgd", "the pull to 0 is left out", {"lambd": 0.1}, "g + lambd*p", "g"),
    Rule("asgd", "the rate does not fall", {"lambd": 1.0}, "/(1 + lambd*lr*t)**alpha", ""),
    Rule("asgd", "t off by one", {"lambd": 1.0}, "lr*t)", "lr*(t + 1))"),
    Rule("asgd", "the rate of this step, not the one that was worked out before", {"lambd": 1.0}, "(lr if t == 1 else rate)", "lr"),
    Rule("asgd", "the average of the parameters before", {"lambd": 1.0}, "(p - step - a)", "(p - a)"),
]  # fmt: skip


def _stale(emit: Any, o: Any, flat: Any) -> None:
    """Update first, then look at the gradient: the one of the step before."""
    last, now = np.zeros_like(flat.g), np.zeros_like(flat.g)
    emit(np.copyto, now, last)
    OPTIMIZERS["sgd"].emit(emit, o, type(flat)(flat.p, now, flat.states, flat.p_new, flat.new, flat.clock))
    emit(np.copyto, last, flat.g)


def _first_only(emit: Any, o: Any, flat: Any) -> None:
    """Only the first parameters move."""
    OPTIMIZERS["sgd"].emit(emit, o, flat)
    half = flat.p.size // 2
    emit(np.copyto, flat.p_new[half:], flat.p[half:])


def _clip(change: Any) -> Any:
    """Clipping after which `change(clipped, gradient, norm, limit)` has its way."""

    def wrong(emit: Any, optimizer: Any, g: Any, clipped: Any, norm: Any) -> None:
        emit_clip(emit, optimizer, g, clipped, norm)

        def run() -> None:
            clipped[...] = change(clipped.copy(), g, norm, optimizer.clip_norm or optimizer.clip_value)

        emit(run)

    return wrong


_sum, _sum_to, _backward = BackwardPass._accumulate, backward_pass.emit_sum_to, BackwardPass.write
_pass_on = BackwardPass._contribute


def _overwritten(self: Any, source: int) -> None:
    """Several contributions: = for +=."""
    arrivals = self.arrivals[source]
    self.grads[source] = self.grads[source] or arrivals[-1].slot
    self._emit(np.copyto, self._flat(self.grads[source]), self._flat(arrivals[-1].slot))


def _unset(self: Any, source: int) -> None:
    """A single contribution does not become the gradient."""
    if len(self.arrivals[source]) == 1:
        self.grads[source] = self._arena.take(self.graph.nodes[source].shape)
    else:
        _sum(self, source)


def _lost(self: Any, node: Any, live: bool) -> None:
    """A contribution is lost on its way: that of a sum to its second input."""
    _pass_on(self, node, live)
    if node.name == "z":
        self.arrivals[node.inputs[1]].clear()


def _averaged(self: Any, source: int) -> None:
    """Several contributions: their mean."""
    _sum(self, source)
    count = len(self.arrivals[source])
    if count > 1:
        own = self._flat(self.grads[source])
        self._emit(np.divide, own, self._emit.const(count), own)


def _mean_to(emit: Any, full: Any, out: Any) -> None:
    """A broadcast is undone by the mean."""
    _sum_to(emit, full, out)
    emit(np.multiply, out, emit.const(out.size / full.size), out)


def _last_to(emit: Any, full: Any, out: Any) -> None:
    """A broadcast is undone by its last copy."""
    lead = full.ndim - out.ndim
    last = full[(-1,) * lead]
    emit(np.copyto, out, last if last.shape == out.shape else last[tuple(slice(-n, None) for n in out.shape)])


def _seeded(self: Any, order: Any) -> None:
    """∂L/∂L is the size of the batch."""
    _backward(self, order)
    self._arena.view(self.grads[self.graph.loss])[...] = 3


def _rate(change: Any) -> Any:
    """A rate that `change(right, the base, step)` makes of the right one."""
    right = plan.Plan._rate

    def wrong(self: Any, rule: Any) -> Any:
        lr = right(self, rule)
        self._emit(lambda: lr.__setitem__((), change(float(lr), rule.learning_rate, self._clock.step)))
        return lr

    return wrong


def _mixed(optimizer: Any, params: Any) -> Any:
    """The rules of two groups exchanged, where the engine runs them."""
    found = _blocks(optimizer, params)
    rules = [block.rule for block in found]
    return [block._replace(rule=_Exchanged(block.rule, rule)) for block, rule in zip(found, rules[::-1], strict=True)]


class _Exchanged:
    """A rule that says one thing and does another."""

    def __init__(self, told: Any, done: Any) -> None:
        self._told, self._done = told, done

    def emit(self, emit: Any, flat: Any) -> None:
        self._done.emit(emit, flat)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._told, name)


_blocks = plan.blocks
PASS = "bptui.model.engine.backward_pass.BackwardPass"
RATE, BLOCKS = "bptui.model.engine.plan.Plan._rate", "bptui.model.engine.plan.blocks"
STEP = {"schedule": read({"kind": "step", "step_size": 1, "gamma": 0.5})}
GROUPS = {"groups": (Group(("b",), (("learning_rate", 0.02),)),)}
COLD = {"groups": (Group(("b",), (("frozen", True),)),)}
CLIP = "bptui.model.engine.plan.emit_clip"
NORM, VALUE = {"clip_norm": 0.5}, {"clip_value": 0.2}

PATCHES = [
    Patch("schedule", "the rate of the step after", RATE, _rate(lambda lr, base, n: lr * 0.5), STEP),
    Patch("schedule", "the rate of the step before", RATE, _rate(lambda lr, base, n: lr * 2), STEP),
    Patch("groups", "the rules of two groups exchanged", BLOCKS, _mixed, GROUPS),
    Patch("groups", "what is frozen is trained, and the other way round", BLOCKS, _mixed, COLD),
    Patch("sgd", "the gradient of the step before", "emit", _stale),
    Patch("sgd", "only the first half of the parameters moves", "emit", _first_only),
    Patch("clip_norm", "mean for sum", CLIP, _clip(lambda c, g, n, limit: g * min(1, limit / (n / g.size**0.5))), NORM),
    Patch("clip_norm", "the square of the length", CLIP, _clip(lambda c, g, n, limit: g * min(1, limit / n**2)), NORM),
    Patch("clip_norm", "stretches short gradients, too", CLIP, _clip(lambda c, g, n, limit: g * limit / n), {"clip_norm": 100.0}),
    Patch("clip_norm", "each element by itself", CLIP, _clip(lambda c, g, n, limit: g.clip(-limit, limit)), NORM),
    Patch("clip_norm", "the largest element for the length", CLIP, _clip(lambda c, g, n, limit: g * min(1, limit / abs(g).max())), NORM),
    Patch("clip_norm", "without 1e-6", CLIP, _clip(lambda c, g, n, limit: g * min(1, limit / n)), NORM),
    Patch("clip_value", "from above only", CLIP, _clip(lambda c, g, n, limit: np.minimum(g, limit)), VALUE),
    Patch("clip_value", "what is too large becomes 0", CLIP, _clip(lambda c, g, n, limit: g * (abs(g) <= limit)), VALUE),
    Patch("gradient", "several contributions: = for +=", f"{PASS}._accumulate", _overwritten),
    Patch("gradient", "a single contribution does not become the gradient", f"{PASS}._accumulate", _unset),
    Patch("gradient", "a contribution is lost on its way", f"{PASS}._contribute", _lost),
    Patch("gradient", "several contributions: their mean", f"{PASS}._accumulate", _averaged),
    Patch("gradient", "a broadcast is undone by the mean", "bptui.model.engine.backward_pass.emit_sum_to", _mean_to),
    Patch("gradient", "a broadcast is undone by its last copy", "bptui.model.engine.backward_pass.emit_sum_to", _last_to),
    Patch("gradient", "∂L/∂L is the size of the batch", f"{PASS}.write", _seeded),
    *quasi_newton.FAULTS,
]  # fmt: skip
