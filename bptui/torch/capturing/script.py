"""Runs an unmodified training script and captures one of its training steps, or the last few.

A training step is what happens between two updates. The first one ends where an optimizer steps that has stepped in it
already: only then is it known which optimizers take part. From then on a step ends when all of these have stepped, or
one of them steps again. It does not matter whether gradients are set to zero first or last, how many backward passes
come before an update, or that an optimizer is made and never used. An update that GradScaler skips, since gradients are
not finite, ends a step like any other. A script without an optimizer has its steps end where the next backward pass
begins.

Until the step in question begins, nothing is on but one hook per update. The first step begins when the first optimizer
is made, a module is called, or a tensor asks for a gradient, whichever comes first.
"""

from __future__ import annotations

import functools
import os
import runpy
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from bptui.model.base.errors import UserError
from bptui.model.source.captured.container import renamed
from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.known import knows
from bptui.model.source.captured.record import Step
from bptui.torch.capturing.capture import place
from bptui.torch.capturing.recorder import Recorder, put_on, take_off
from bptui.torch.capturing.sites import raised
from bptui.torch.capturing.taking_part import Optimizers
from bptui.torch.capturing.untouched import code_of, without_us
from bptui.torch.capturing.wanted import NOT_FINITE, Outcome, Wanted, Written
from bptui.torch.capturing.window import Mark, is_bad, mark, window

CLIPS = ("clip_grad_norm_", "clip_grad_value_")
UNUSED = 64
"""Backward passes without any update after which a step is taken to be over: its optimizer is never asked to step."""


class _Done(BaseException):
    """The step is there, and the script is to end. No Exception, so that no script swallows it."""


class _Waiting(TorchFunctionMode):  # type: ignore[misc]
    """Looks for the first tensor that asks for a gradient."""

    def __init__(self, found: Callable[[], None]) -> None:
        super().__init__()
        self.found, self.over = found, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        asks = kwargs.get("requires_grad") or getattr(func, "__name__", "") == "requires_grad_"
        if asks and not self.over:
            self.over = True
            self.found()
        return result


class Capture:
    """One run of a script."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.number = 0
        self.failed = self._lacks = ""
        self.written: deque[Written] = deque()
        self._writers: deque[Writer] = deque()
        self._optimizers = Optimizers()
        self._cycle: set[int] = set()
        self._takes_part: set[int] | None = None
        self._passes = self._updates = 0
        self._recorder: Recorder | None = None
        self._writer: Writer | None = None
        self._about: dict[str, Any] = {}
        self._front = self._back = Mark()
        self._finished = False
        self._waiting = _Waiting(self._first)
        self._over: list[TorchFunctionMode] = []

    # ------------------------------------------------------------------------------------------------ running a script
    def run(self) -> Outcome:
        """Run the script to its end, or to the end of the step where it is to `stop`."""
        handles = [
            register_optimizer_step_pre_hook(self._updating),
            register_optimizer_step_post_hook(self._updated),
            register_module_forward_pre_hook(lambda module, args: self._entered()),
        ]
        watched: list[tuple[Any, str, Callable[..., Any]]] = [
            (torch.optim.Optimizer, "__init__", self._making),
            (torch.autograd, "backward", self._passing),
            (torch.amp.GradScaler, "step", self._scaling),
            *((torch.nn.utils, name, self._clipping) for name in CLIPS),
        ]
        with ExitStack() as afterwards:  # all is as it was
            for handle in handles:
                afterwards.callback(handle.remove)
            for owner, name, watching in watched:
                before = getattr(owner, name)
                afterwards.callback(setattr, owner, name, before)
                setattr(owner, name, watching(before))
            for number in (signal.SIGTERM, signal.SIGHUP):
                afterwards.callback(signal.signal, number, signal.signal(number, self._ended))
            code = self._run()
        self._settle()
        failed = self.failed or ("" if self.written else self._lacks)
        return Outcome(code, tuple(self.written), self.number + bool(self._cycle), failed, self._passes)

    def _settle(self) -> None:
        """Give the step that is left of several the name that was asked for."""
        if self.wanted.replaced and self.written:
            last = self.written.pop()
            to, _ = place(self.wanted.path(last.step))
            try:
                renamed(last.path, to)
            except (OSError, UserError) as problem:
                self.failed = f"it is in {last.path}: {problem}"
            else:
                self.written.append(last._replace(path=to))

    def _run(self) -> int:
        wanted = self.wanted
        argv, path = sys.argv, list(sys.path)
        sys.argv = [wanted.script, *wanted.arguments]
        try:
            if wanted.step in (None, 0):
                put_on(self._waiting)
            if wanted.module:
                sys.path[0] = os.getcwd()
                runpy.run_module(wanted.script, run_name="__main__", alter_sys=True)
            else:
                sys.path[0] = os.path.dirname(os.path.abspath(wanted.script))
                runpy.run_path(os.path.abspath(wanted.script), run_name="__main__")
            self._flush("the script ended before the step did")
            return 0
        except _Done:
            return 0
        except SystemExit as end:
            self._flush("the script ended before the step did")
            return code_of(end)
        except BaseException as problem:
            if isinstance(problem, Exception):
                self._about |= raised(problem)
            self._flush(f"{type(problem).__name__}: {problem}", failed=True)
            without_us(problem)
            sys.excepthook(type(problem), problem, problem.__traceback__)
            return 130 if isinstance(problem, KeyboardInterrupt) else 1
        finally:
            take_off(self._waiting)
            self._tidy()
            sys.argv, sys.path[:] = argv, path

    def _ended(self, number: int, frame: FrameType | None) -> None:
        """The script is told to end: what there is is written, and it ends as it would have."""
        self._flush(f"signal {signal.Signals(number).name}", failed=True)
        self._settle()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    # ------------------------------------------------------------------------------------------------ where a step ends
    def _making(self, init: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(init)
        def watched(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            init(optimizer, *args, **kwargs)
            if not self._optimizers and self.number:
                self.number -= 1  # the last backward pass belongs to the step that this one is made for
            self._optimizers.made(optimizer)
            self._first()

        return watched

    def _clipping(self, clip: Callable[..., Any]) -> Callable[..., Any]:
        """A clipping that finds no gradient is noted: it ran before the backward pass."""

        @functools.wraps(clip)
        def watched(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            given = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
            if self._recorder is not None and given and all(each.grad is None for each in given):
                self._recorder.clipped(clip.__name__)
            return clip(parameters if isinstance(parameters, torch.Tensor) else given, *args, **kwargs)

        return watched

    def _scaling(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """An update that is skipped is the end of a step, too."""

        @functools.wraps(step)
        def watched(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            before = self._updates
            result = step(scaler, optimizer, *args, **kwargs)
            if self._updates == before:
                self._turning(optimizer)
                self._stepped(optimizer)
            return result

        return watched

    def _passing(self, backward: Callable[..., Any]) -> Callable[..., Any]:
        """Backward passes of a script whose optimizers never step, or that has none."""

        @functools.wraps(backward)
        def watched(*args: Any, **kwargs: Any) -> Any:
            alone = not self._takes_part and not self._cycle
            if alone and not self._optimizers and self._recorder is not None and self._recorder.step.backwards:
                self._finish("")
            result = backward(*args, **kwargs)
            if alone:
                self._passed()
            return result

        return watched

    def _passed(self) -> None:
        """A backward pass is done, and no optimizer has stepped so far."""
        self._passes += 1
        if self._optimizers:
            if self._passes >= UNUSED:
                self._finish(f"no optimizer has stepped in {UNUSED} backward passes")
            return
        if self._recorder is None or self.wanted.step is None:
            self._finish("")
            self.number += 1
            self._begin(self.number)

    def _entered(self) -> None:
        """A module is called."""
        self._tidy()
        self._first()

    def _tidy(self) -> None:
        """Take off what ended inside of a call that it saw itself: there it could not be."""
        while self._over:
            take_off(self._over.pop())

    def _first(self) -> None:
        """The first training step may begin at any time now."""
        if self.number == 0 and not self._cycle and not self._passes:
            self._begin(0)

    def _turning(self, optimizer: Any) -> None:
        """An optimizer is about to step: one that has stepped already begins the next training step."""
        self._tidy()
        if self._optimizers.part(optimizer) in self._cycle:
            self._turn()

    def _updating(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        self._turning(optimizer)
        return None if self._recorder is None else self._recorder.before_update(optimizer, args, kwargs)

    def _updated(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._recorder is not None:
            self._recorder.after_update(optimizer, args, kwargs)
        self._updates += 1
        self._stepped(optimizer)

    def _stepped(self, optimizer: Any) -> None:
        """An optimizer has stepped, or was not let."""
        self._cycle.add(self._optimizers.part(optimizer))
        self._back = self._now()
        if self._takes_part is not None:
            over = self._takes_part <= self._cycle
        else:
            over = self._optimizers.parts() <= self._cycle and self.wanted.step is None
        if over:
            self._turn()
            self._begin(self.number)
        elif self._takes_part is None and self.wanted.step == self.number + 1:
            self._begin(self.number + 1)  # which may begin now; where another optimizer belongs to this one, after that
            self._front = self._back = self._now()

    def _turn(self) -> None:
        """A training step is over."""
        self._takes_part = set(self._cycle)
        self._cycle.clear()
        if self._is_wanted(self.number):
            self._finish("")
        self.number += 1

    # ----------------------------------------------------------------------------------------------- what is recorded
    def _is_wanted(self, number: int) -> bool:
        return self.wanted.step is None or number == self.wanted.step

    def _begin(self, number: int) -> None:
        """Record training step `number` from now on, if it is wanted."""
        if self._recorder is not None or self._finished or not self._is_wanted(number):
            return
        try:
            path, self._about = place(self.wanted.meanwhile(number))
            self._writer = Writer(path)
        except Exception as problem:  # what cannot be written ends the capture, not the program
            self.failed, self._finished = str(problem), True
            return
        take_off(self._waiting)
        self._recorder = Recorder(self._writer, knows, keep=self.wanted.keep).begin(updates=False)
        self._front = self._back = Mark()

    def _now(self) -> Mark:
        return Mark() if self._recorder is None else mark(self._recorder.step)

    def _finish(self, reason: str) -> None:
        """Write what was recorded up to the end of the step."""
        recorder, writer = self._recorder, self._writer
        self._recorder = self._writer = None
        if recorder is None or writer is None:
            return
        self._over.append(recorder)
        back = self._back if self._back != Mark() and not reason else mark(recorder.step)
        held = recorder.held(self._optimizers)
        step = window(recorder.end(), self._front, back)
        about = {
            **self._about,
            "script": self.wanted.script,
            "step": self.number,
            "held": held,
            "renewed": self._optimizers.renewed,
            "reason": reason or self._reason(step),
        }
        step.about = {**step.about, **about, **({"ended": str(recorder.ended)} if recorder.ended else {})}
        if not step.backwards and not reason:
            if recorder.ended is not None:
                self.failed = f"the capture ended early, by a mistake of bptui's: {recorder.ended}".split("\n")[0][:300]
            elif step.updates:
                self._lacks = (
                    f"training step {self.number} has an update and no backward pass: is there loss.backward()?"
                )
            writer.discard()
            return
        try:
            writer.close(step)
        except Exception as problem:
            self.failed, self._finished = f"not written: {problem}", True
            return
        self._writers.append(writer)
        self._keep(Written(writer.path, self.number, len(step.leading), str(about["reason"])), step)

    def _reason(self, step: Step) -> str:
        return NOT_FINITE if self.wanted.nan and is_bad(step) else "asked for"

    def _keep(self, written: Written, step: Step) -> None:
        """Keep it, give up the oldest of too many, and see whether that was all."""
        self.written.append(written)
        while len(self.written) > max(1, self.wanted.last):
            self.written.popleft()
            self._writers.popleft().discard()
        self._finished = self.wanted.step is not None or (self.wanted.nan and is_bad(step))
        if self._finished and self.wanted.stop:
            raise _Done

    def _flush(self, reason: str, failed: bool = False) -> None:
        """The script ends: what there is of a step that is being recorded is written, where that says anything."""
        recorder = self._recorder
        if recorder is None or self._finished:
            return
        step = recorder.step
        over = bool(self._cycle) and not step.backwards[self._back.backwards :]
        if step.events and (step.backwards or failed) and self._is_wanted(self.number):
            with suppress(_Done):  # it ends by itself
                self._finish("" if over and not failed else reason)
        else:
            self._drop()
        self._finished = True

    def _drop(self) -> None:
        if self._recorder is not None and self._writer is not None:
            self._recorder.end()
            self._writer.discard()
        self._recorder = self._writer = None
