"""Optimizers: a rule of `bptui.model.engine.updates` with its settings, and what clips the gradient before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.types import Array
from bptui.model.engine.calls import Emit
from bptui.model.engine.updates import FLAGS, RULES, Flat, Rule, Settings

__all__ = ["FLAGS", "OPTIMIZERS", "OPTIONS", "Flat", "Optimizer", "Rule", "emit_clip"]

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
    """

    clip_norm: float | None = None
    clip_value: float | None = None

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
            if value is None or name in FLAGS:
                continue
            if not isfinite(value) or value < 0 or (name in _BELOW_1 and value >= 1):
                right = "0 or more and below 1" if name in _BELOW_1 else "0 or more"
                raise UserError(f"optimizer.{name}", f"{value} does not make sense", right)
        if self.nesterov and not (self.momentum and not self.dampening):
            raise UserError("optimizer.nesterov", "needs momentum, and no dampening", "momentum = 0.9, for example")
        if self.eta_plus is not None and self.eta_plus <= 1:
            raise UserError("optimizer.eta_plus", f"{self.eta_plus} does not make sense", "more than 1")

    @property
    def rule(self) -> Rule:
        """The row of its kind."""
        return OPTIMIZERS[self.kind]

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
        named = {name: float(getattr(self, name)) for name in self.rule.options if name not in FLAGS}
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
