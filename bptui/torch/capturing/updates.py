"""What optimizers do: parameters, gradients and states before and after each step of one, closures and all."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bptui.model.source.captured.record import Argument, Group, Moved, Update
from bptui.torch.capturing.functions import tensors
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.numbers import dense, version
from bptui.torch.capturing.values import Values

SKIPPED = "the scaler met a gradient that is not finite"


@dataclass
class Pending:
    """A step of an optimizer that is running. before: its parameters, gradients and states when it began, or when its
    closure last returned; written: has any of it been recorded?"""

    optimizer: torch.optim.Optimizer
    before: Update
    parameters: list[list[torch.Tensor]]
    versions: list[tuple[int, int]]
    written: bool = False


class Updates:
    """Records the steps of optimizers. `asleep`: an optimizer computes, and what it calls is not recorded."""

    def __init__(self, journal: Journal, values: Values, guarded: Callable[..., Any]) -> None:
        self.journal, self.values, self._guarded = journal, values, guarded
        self.step = journal.step
        self.asleep = 0
        self._running: list[Pending] = []
        self._optimizers: list[weakref.ref[torch.optim.Optimizer]] = []
        self._unscaled: list[tuple[list[torch.Tensor], torch.Tensor, int]] = []

    def meet(self, optimizer: torch.optim.Optimizer) -> None:
        """There is such an optimizer: a step of it that is skipped has its name."""
        if all(reference() is not optimizer for reference in self._optimizers):
            self._optimizers.append(weakref.ref(optimizer))

    # ---------------------------------------------------------------------------------------------------- steps taken
    def begin(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """An optimizer's step begins; returns its arguments where they must be others: a closure is watched."""
        self.meet(optimizer)
        if any(pending.optimizer is optimizer for pending in self._running):
            self._running.clear()  # a step that failed never came to its end
            self.asleep = 0
        if self._running:
            self._settle(self._running[-1])
        self._running.append(self._pending(optimizer))
        self.asleep += 1
        for place, item in enumerate(args[1:], 1):
            if callable(item):
                return (*args[:place], self._watched(item), *args[place + 1 :]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._watched(kwargs["closure"])}
        return None

    def finish(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer's step is done."""
        if not self._running or self._running[-1].optimizer is not optimizer:
            return
        pending = self._running.pop()
        self.asleep -= 1
        self._settle(pending, always=not pending.written)
        if self._running:  # a wrapper around this optimizer: what it did is recorded
            self._running[-1].written = True
            self._again()

    def _watched(self, closure: Callable[..., Any]) -> Callable[..., Any]:
        """The closure of an optimizer's step: in it forward and backward are recorded as anywhere else."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            asleep, self.asleep = self.asleep, 0
            self._guarded(self._look)
            try:
                return closure(*args, **kwargs)
            finally:
                self.asleep = asleep
                self._guarded(self._again)

        return watched

    def _pending(self, optimizer: torch.optim.Optimizer) -> Pending:
        parameters = [list(group["params"]) for group in optimizer.param_groups]
        groups = []
        for group, members in zip(optimizer.param_groups, parameters, strict=True):
            options = {key: self._plain(item, True) for key, item in group.items() if key != "params"}
            groups.append(Group(options, [self._moved(optimizer, parameter) for parameter in members]))
        kind = f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
        update = Update(kind, groups, len(self.step.events), self.journal.sites.here())
        return Pending(optimizer, update, parameters, self._versions(parameters))

    def _moved(self, optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> Moved:
        moved = Moved(self.values.use(parameter), self.values.gradient(parameter))
        if moved.grad is not None:
            moved.states_before = self._states(optimizer, parameter)
        return moved

    def _versions(self, parameters: list[list[torch.Tensor]]) -> list[tuple[int, int]]:
        return [(version(p), p.untyped_storage()._cdata) for members in parameters for p in members]

    def _look(self) -> None:
        """Before a closure runs: has the optimizer done something already?"""
        if self._running:
            self._settle(self._running[-1])

    def _again(self) -> None:
        """After it: what the optimizer does now begins here."""
        if not self._running:
            return
        pending = self._running[-1]
        new = self._pending(pending.optimizer)
        pending.before, pending.parameters, pending.versions = new.before, new.parameters, new.versions

    def _settle(self, pending: Pending, *, always: bool = False) -> None:
        """Record what the optimizer has done since it was last looked at."""
        moved = self._versions(pending.parameters) != pending.versions
        if not moved and not always:
            return
        pending.written = True
        for members in pending.parameters:
            for parameter in members:
                for tensor in self._tensors(pending.optimizer, parameter):
                    self.values.forget(tensor)
        for group, members in zip(pending.before.groups, pending.parameters, strict=True):
            for row, parameter in zip(group.rows, members, strict=True):
                if row.grad is not None or self.values.is_stale(parameter):
                    row.after = self.values.moved(parameter)
                    row.states_after = self._states(pending.optimizer, parameter)
        self.step.updates.append(pending.before)

    def _tensors(self, optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> list[torch.Tensor]:
        """What a fused optimizer changes without a new version: states, and the gradient that it unscales."""
        state = optimizer.state.get(parameter, {})
        return [*tensors(state if isinstance(state, dict) else {}), *tensors(parameter.grad)]

    def _states(self, optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> dict[str, Argument]:
        state = optimizer.state.get(parameter, {})
        if not isinstance(state, dict):
            return {}
        counts = parameter.dim() > 0  # of a parameter that is one number only `step` is no state of its shape
        return {str(key): self._plain(item, counts or key == "step") for key, item in state.items() if item is not None}

    def _plain(self, item: Any, counts: bool) -> Argument:
        """A state or a setting; its tensors are kept, not followed: the optimizer changes them in place. counts: a
        tensor that is one number is a count, or a rate, and is written as a number."""
        if isinstance(item, torch.Tensor):
            if counts and item.dim() == 0 and not item.is_complex():
                return self.values.encoded(item.item())
            return {"v": self.values.numbers.value(dense(item), border=True).id}
        if isinstance(item, list | tuple):
            return [self._plain(part, counts) for part in item]
        return self.values.encoded(item)

    # ------------------------------------------------------------------------------------------------- steps not taken
    def unscaled(self, grads: list[torch.Tensor], infinite: torch.Tensor) -> None:
        """A scaler has looked at these gradients; `infinite` is not 0 where one of them is not finite."""
        self._unscaled.append((grads, infinite, len(self.step.updates)))

    def rescaled(self) -> bool:
        """A scaler goes on to the next step: were steps skipped in this one?"""
        found = [(grads, since) for grads, infinite, since in self._unscaled if bool(infinite.sum())]
        self._unscaled.clear()
        for grads, since in found:
            self._skip(grads, since)
        return bool(found)

    def _skip(self, grads: list[torch.Tensor], since: int) -> None:
        known = {id(grad) for grad in grads}
        leaves = [(value, leaf) for value, leaf in self.values.leaves() if id(leaf.grad) in known]
        values = {value for value, _ in leaves}
        for update in self.step.updates[since:]:  # it was asked, and found out by itself
            if any(row.value in values for group in update.groups for row in group.rows):
                update.skipped = SKIPPED
                return
        for optimizer in [reference() for reference in self._optimizers]:
            if optimizer is not None and any(
                id(parameter.grad) in known for group in optimizer.param_groups for parameter in group["params"]
            ):
                update = self._pending(optimizer).before
                break
        else:
            rows = [Moved(value, self.values.gradient(leaf)) for value, leaf in leaves]
            update = Update("", [Group({}, rows)], len(self.step.events), self.journal.sites.here())
        update.skipped = SKIPPED
        self.step.updates.append(update)
