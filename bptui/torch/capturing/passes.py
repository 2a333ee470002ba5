"""Backward passes: what they start from, what was there before, what was run again inside of them."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from bptui.model.source.captured.record import Backward, Event
from bptui.torch.capturing.functions import full_name, tensors
from bptui.torch.capturing.gradients import Border, Edge, Gradients
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.numbers import Refused
from bptui.torch.capturing.values import Values


class Asked:
    """The arguments of `autograd.backward` or `autograd.grad`.

    gives      does it return the gradients?
    derivable  are they to be derived again?
    freed      does autograd forget its graph afterwards?"""

    def __init__(self, function: Any, args: Any, kwargs: dict[str, Any]) -> None:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
        self.gives = full_name(function) == "torch.autograd.grad"
        self.derivable = bool(bound.get("create_graph"))
        if self.derivable and not self.gives:
            raise Refused(
                "backward(create_graph=True): capture the step without it, or take what is to be derived again by"
                " torch.autograd.grad(…, create_graph=True)"
            )
        self.freed = not (bound.get("retain_graph") or self.derivable)
        self.losses = tensors(bound["outputs" if self.gives else "tensors"])
        self.inputs = tensors(bound.get("inputs"))
        seeds = bound.get("grad_outputs" if self.gives else "grad_tensors")
        self.seeds = list(seeds) if isinstance(seeds, list | tuple) else [seeds]
        self.seeds += [None] * (len(self.losses) - len(self.seeds))


class Passes:
    """Records backward passes. again: what reentrant checkpoints ran once more, in the order of the backward pass."""

    def __init__(self, journal: Journal, values: Values, gradients: Gradients) -> None:
        self.journal, self.values, self.gradients = journal, values, gradients
        self.step = journal.step
        self.again: list[list[Event]] = []
        self._mark = 0
        self._outer: Backward | None = None

    def begin(self, asked: Asked) -> bool:
        """A backward pass begins; False for one inside of another: of a checkpoint that has just been run once more."""
        step = self.step
        if self.gradients.running is not None:
            self.again.append([event for event in step.events[self._mark :] if event.phase == "backward"])
            self._mark = len(step.events)
            return False
        losses = [
            (self.values.use(loss), self.values.use(seed) if isinstance(seed, torch.Tensor) else None)
            for loss, seed in zip(asked.losses, asked.seeds, strict=False)
        ]
        backward = Backward(losses, after=len(step.events), site=self.journal.sites.here())
        if not asked.gives:
            for value, leaf in list(self.values.leaves()):
                carried = self.values.gradient(leaf)
                if carried is not None:
                    backward.carried[value] = carried
        step.backwards.append(backward)
        self._mark = len(step.events)
        self.gradients.running, self.journal.phase = backward, "backward"
        return True

    def end(self, asked: Asked) -> None:
        """The backward pass is done, or has failed."""
        backward, self.gradients.running, self.journal.phase = self.gradients.running, None, "forward"
        self.values.forget_gradients()
        if asked.freed and backward is not None:
            self.gradients.forget(backward)
            self.values.forget_graph(backward)

    def given(self, result: Any) -> None:
        """`autograd.grad` has returned gradients: they are given."""
        for tensor in tensors(result):
            if self.values.known(tensor) is None:
                self.values.new(tensor, border=True, source="torch.autograd.grad")

    # ------------------------------------------------------------------------------- derivatives that are derived again
    def penalty_begins(self, asked: Asked) -> None:
        """`autograd.grad(…, create_graph=True)`: what arrives in it is inside of one event."""
        for tensor in (*asked.losses, *asked.inputs, *asked.seeds):
            if isinstance(tensor, torch.Tensor):
                self.values.use(tensor)
        self._outer, self.gradients.running = self.gradients.running, None

    def penalty_ends(self) -> None:
        """It has returned, or failed."""
        self.gradients.running, self._outer = self._outer, None

    def penalty(self, asked: Asked, result: Any) -> None:
        """Record it: an event that reads whatever its gradients will be led to."""
        outs = [tensor for tensor in tensors(result) if self.values.known(tensor) is None]
        inputs: dict[Edge, int] = {}
        for node in {tensor.grad_fn for tensor in outs if tensor.grad_fn is not None}:
            inputs |= self.gradients.reached(node, self.values.use)
        args = [self.values.encoded(item) for item in (asked.losses, asked.inputs, asked.seeds)]
        seeds = [seed for seed in asked.seeds if isinstance(seed, torch.Tensor)]
        read = [*map(self.values.use, (*asked.losses, *asked.inputs, *seeds)), *inputs.values()]
        made = [self.values.new(tensor) for tensor in outs]
        event = self.journal.event("torch.autograd.grad", args, made, read, reads=list(inputs.values()))
        own = {(tensor.grad_fn, tensor.output_nr): value for tensor, value in zip(outs, made, strict=True)}
        since = max((loss.grad_fn._sequence_nr() for loss in asked.losses if loss.grad_fn is not None), default=-1)
        self.gradients.border(event.id, Border(own, inputs, since=since))
