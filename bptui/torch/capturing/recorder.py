"""Records a training step as the functions that its author called: `linear`, `add`, `layer_norm`, `gather`.

A function mode sees every call by the name that PyTorch's documentation has for it. What bptui knows stays one event. A
function that it does not know, but that is written in Python (`multi_head_attention_forward`), is opened: it runs with
the mode on, and its own calls are the events. Everything else is opaque: its values and gradients are kept.

Nothing is computed for the program but copies, so that its results stay the same bit by bit. Whatever goes wrong in the
recorder ends the recording and never the program."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode, _len_torch_function_stack, _pop_mode, _push_mode

from bptui.model.source.captured.record import UNSCALE, Step
from bptui.torch.capturing import checkpoints
from bptui.torch.capturing.calls import Call
from bptui.torch.capturing.functions import RESCALE, Draws, draws, full_name, is_silent, opened, tensors
from bptui.torch.capturing.gradients import Gradients
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.modules import Modules
from bptui.torch.capturing.numbers import Keep, Numbers, Refused, Sink
from bptui.torch.capturing.passes import Asked, Passes
from bptui.torch.capturing.sites import Sites
from bptui.torch.capturing.updates import Updates
from bptui.torch.capturing.values import Values

FAST = torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer, torch.nn.MultiheadAttention
"""Modules that leave their fast path, and round differently, when a mode is on."""


class Recorder(TorchFunctionMode):  # type: ignore[misc]
    """Records between `begin` and `end`.

    knows   does a function of this name stay one event?
    ended   why the recording came to an end before `end`: Refused, or a mistake of the recorder; else None"""

    def __init__(
        self,
        sink: Sink,
        knows: Callable[[str], bool],
        models: Iterable[torch.nn.Module] = (),
        keep: Keep = Keep(),  # noqa: B008 - it is frozen
    ) -> None:
        super().__init__()
        self.knows = knows
        self.step = Step()
        self.ended: Exception | None = None
        self.asleep = True
        self.numbers = Numbers(self.step, sink, keep)
        self.modules = Modules(self.step, models)
        self.journal = Journal(self.step, self.modules, Sites())
        self.gradients = Gradients(self.journal, self.numbers, self._safely)
        self.values = Values(self.journal, self.numbers, self.gradients)
        self.updates = Updates(self.journal, self.values, self._safely)
        self._thread = threading.get_ident()
        self._handles: list[Any] = []
        self._opening: list[object] = []
        self._passes = Passes(self.journal, self.values, self.gradients)
        self._special: dict[str, Callable[..., Any]] = {
            "torch.Tensor.backward": self._inside,
            "torch.autograd.backward": self._backward,
            "torch.autograd.grad": self._backward,
            "torch.Tensor.register_hook": self._hook,
            "torch.Tensor.data.__set__": self._data,
            "torch.Tensor.grad.__get__": self._grad,
            UNSCALE: self._scaler,
            RESCALE: self._scaler,
        }
        self._suspended: list[torch.nn.Module] = []

    # ------------------------------------------------------------------------------------------------ coming and going
    def begin(self, *, updates: bool = True) -> Recorder:
        """Start to record. updates: with hooks of its own on every optimizer; else the caller's hooks call
        `before_update` (and return what it returns) and `after_update`."""
        self._handles += [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        if updates:
            self._handles += [
                register_optimizer_step_pre_hook(self.before_update),
                register_optimizer_step_post_hook(self.after_update),
            ]
        self.asleep = False
        _recording.add(self)
        put_on(self)
        return self

    def before_update(self, optimizer: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """An optimizer's step begins. What this returns, a hook must return: a closure is watched."""
        if self.asleep or threading.get_ident() != self._thread:
            return None
        changed: tuple[Any, Any] | None = self._safely(self.updates.begin, optimizer, args, kwargs)
        return changed

    def after_update(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """An optimizer's step is done."""
        if not self.asleep and threading.get_ident() == self._thread:
            self._safely(self.updates.finish, optimizer)

    def held(self, optimizers: Iterable[torch.optim.Optimizer]) -> list[int]:
        """The values of this step that some optimizers hold as their parameters, whether they stepped in it or not."""
        parameters = (p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"])
        return sorted({value for parameter in parameters if (value := self.values.known(parameter)) is not None})

    def clipped(self, name: str) -> None:
        """A function that clips was called when there was no gradient to clip."""
        site = self.journal.sites.here()
        if site is not None:
            self.step.about.setdefault("clipped", [name, site.file, site.line])

    def end(self) -> Step:
        """Stop to record; returns the step."""
        self.asleep = True
        _recording.discard(self)
        take_off(self)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.gradients.close()
        self.values.close()
        step = self.step
        self._safely(checkpoints.join, step, self._passes.again)
        self.modules.finish()
        step.sources = self.journal.sites.lines
        step.about |= {
            "framework": "PyTorch",
            "version": torch.__version__,
            "seed": torch.initial_seed(),
            "threads": torch.get_num_threads(),
        }
        if self.ended is not None:
            step.about["reason"] = f"the recording ended early: {self.ended}"
        return step

    def _safely(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run a part of the recorder: what goes wrong in it ends the recording, not the program."""
        if self.ended is not None:
            return None
        try:
            with torch._C.DisableTorchFunction():
                return call(*args)
        except Exception as problem:
            self.asleep, self.ended = True, problem
            return None

    @contextmanager
    def _on(self) -> Iterator[None]:
        """What is called inside of a call is seen, too."""
        put_on(self)
        try:
            yield
        finally:
            take_off(self)

    # --------------------------------------------------------------------------------------------------------- modules
    def _is_mine(self) -> bool:
        return not (self.asleep or self.updates.asleep) and threading.get_ident() == self._thread

    def _enter(self, module: torch.nn.Module, given: object) -> None:
        if not self._is_mine():
            return
        self._safely(self._entered, module, given)
        fast = isinstance(module, FAST) and not module.training and not torch.is_grad_enabled()
        if fast and not self._suspended:
            self._suspended.append(module)
            take_off(self)

    def _entered(self, module: torch.nn.Module, given: object) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise Refused(f"{type(module).__name__} is scripted: capture the module from before torch.jit")
        if type(module).__name__ == "OptimizedModule":
            raise Refused("a compiled module: capture the module from before torch.compile")
        for tensor in tensors(given):
            self.values.meet(tensor)
        self.modules.enter(module)

    def _leave(self, module: torch.nn.Module, _: object, out: object) -> None:
        if not self._is_mine():
            return
        self._safely(self.modules.leave, module)
        if self._suspended and self._suspended[-1] is module:
            self._suspended.pop()
            put_on(self)
        self._safely(self._returned, out)

    def _returned(self, out: object) -> None:
        """The results of modules are at their border."""
        for tensor in tensors(out):
            value = self.values.known(tensor)
            if value is not None:
                self.numbers.add(value, tensor)

    # ----------------------------------------------------------------------------------------------------------- calls
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.asleep or self.updates.asleep:
            return func(*args, **kwargs)
        special = self._special.get(full_name(func))
        if special is not None:
            return special(func, args, kwargs)
        if _compiles():
            self._safely(_refuse_compiled)
            return func(*args, **kwargs)
        running = self.gradients.running
        if is_silent(func) or (running is not None and not running.grads):  # the 1 that a backward pass begins with
            return func(*args, **kwargs)
        if running is not None and any(tensor.device.type == "meta" for tensor in tensors((args, kwargs))):
            return func(*args, **kwargs)  # PyTorch asks itself for a shape: of a 0 that has no memory, say
        if not self.knows(full_name(func)) and func not in self._opening:
            body = opened(func)
            if body is not None:  # (one that comes back through a helper of its own module is not opened again)
                self._opening.append(func)
                try:
                    with self._on():
                        return body(*args, **kwargs)
                finally:
                    self._opening.pop()
        return self._call(func, args, kwargs)

    def _call(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        call = self._safely(Call, self.journal, self.values, func, args, kwargs)
        if call is not None and draws(func):
            with Draws() as drawn:
                result = func(*args, **kwargs)
            call.masks = drawn.found
        else:
            result = func(*args, **kwargs)
        if call is not None:
            self._safely(call.finish, result, self.knows(call.name))
        return result

    def _inside(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run a function of Python with what it calls seen."""
        with self._on():
            return (opened(func) or func)(*args, **kwargs)

    def _backward(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`backward`, or `autograd.grad`."""
        asked = self._safely(Asked, func, args, kwargs)
        if asked is None:
            return func(*args, **kwargs)
        if asked.derivable:  # a derivative of a derivative is one opaque event
            self._safely(self._passes.penalty_begins, asked)
            try:
                result = func(*args, **kwargs)
            finally:
                self._safely(self._passes.penalty_ends)
            self._safely(self._passes.penalty, asked, result)
            return result
        outer = bool(self._safely(self._passes.begin, asked))
        try:
            result = self._inside(func, args, kwargs)
        finally:
            if outer:
                self._safely(self._passes.end, asked)
        if asked.gives:
            self._safely(self._passes.given, result)
        return result

    def _hook(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`tensor.register_hook(hook)`: a gradient may be changed."""
        handle = func(*args, **kwargs)
        tensor, hook = (*args, kwargs.get("hook"))[:2]
        self._safely(lambda: self.gradients.hooked(tensor, self.values.use(tensor), hook))
        return handle

    def _grad(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`tensor.grad`: what it gives is given."""
        found = func(*args, **kwargs)
        if found is not None:
            self._safely(self.values.is_gradient, found)
        return found

    def _data(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`tensor.data = other`: the tensor has other numbers now."""
        source = self._safely(self.values.use, args[1])
        result = func(*args, **kwargs)
        if source is not None:
            self._safely(lambda: self.journal.artificial("same", [source], self.values.new(args[0]), no_grad=True))
        return result

    def _scaler(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """What a gradient scaler asks."""
        rescales = full_name(func) == RESCALE
        if rescales:
            self._safely(self.updates.rescaled)
        result = self._call(func, args, kwargs)
        if not rescales:
            self._safely(self.updates.unscaled, list(args[0]), args[1])
        return result


_recording: weakref.WeakSet[Recorder] = weakref.WeakSet()


def put_on(mode: TorchFunctionMode) -> None:
    """Put a mode on: from now on it sees every call."""
    _push_mode(mode)


def take_off(mode: TorchFunctionMode) -> None:
    """Take a mode off, wherever it lies on the stack; nothing where it is not on it."""
    above = []
    while _len_torch_function_stack():
        top = _pop_mode()
        if top is mode:
            break
        above.append(top)
    for other in reversed(above):
        put_on(other)


def _compiles() -> bool:
    """Is torch.compile running, or tracing, what calls?"""
    return "torch._dynamo" in sys.modules and bool(torch._C._dynamo.eval_frame.get_eval_frame_callback())


def _refuse_compiled() -> None:
    raise Refused("a compiled function: capture the step without torch.compile")


def _after_fork() -> None:
    for recorder in list(_recording):  # a worker that loads data is no part of the step
        recorder.asleep = True


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
