"""`bptui capture SCRIPT.py`: what its words mean, and what is told at the end. PyTorch is imported here, and only here,
because somebody's program needs it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.prose import counted
from bptui.model.source.captured.container import target

if TYPE_CHECKING:
    from bptui.torch.capturing.wanted import Outcome, Wanted

OPTIONS = {"--step": 1, "--when": 1, "--last": 1, "--to": 1, "--tensors": 1, "--stop": 0, "-m": 0}
"""Our own, and how many words follow each."""


def parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(what is ours, the program with its arguments), in their order. Ours are our options, wherever they stand before
    a `--`; `--help` before the program is."""
    own: list[str] = []
    program: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return own, program + rest
        name, equals, _ = word.partition("=")
        if name in OPTIONS:
            own.append(word)
            count = 0 if equals else OPTIONS[name]
            own += rest[:count]
            del rest[:count]
        elif word in ("-h", "--help") and not program:
            own.append(word)
        else:
            program.append(word)
    return own, program


def capture(options: Namespace, program: Sequence[str]) -> int:
    """Run the program; returns its exit code. What was captured is told in the last line on stderr."""
    wanted = _wanted(options, program)
    if wanted.step is not None or (wanted.to and wanted.last == 1):
        target(wanted.path(wanted.step or 0))  # what cannot be written is told now, and not after hours of training
    from bptui.torch.capturing.script import Capture

    outcome = Capture(wanted).run()
    sys.stdout.flush()
    print(f"bptui: {told(wanted, outcome)}", file=sys.stderr)
    return outcome.code


def _wanted(options: Namespace, program: Sequence[str]) -> Wanted:
    if not program:
        raise UserError("SCRIPT", "is missing", "bptui capture train.py")
    if options.step is not None and (options.when or options.last):
        raise UserError("--step", "stands beside --when or --last", "one step by its number, or those that led to it")
    for name, least in (("step", 0), ("last", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise UserError(f"--{name}", f"found {value}", f"{least} or more")
    if options.last is not None and options.last > 1_000:
        raise UserError("--last", f"found {options.last}", "at most 1,000: each is a file")
    script = program[0]
    if not options.module and not os.path.isfile(script):
        raise UserError(one_line(script, 100), "there is no such program", "bptui capture train.py; -m for a module")
    if find_spec("torch") is None:
        raise UserError("capture", "needs PyTorch, which is not installed here", "pip install torch")
    from bptui.torch.capturing.numbers import Keep
    from bptui.torch.capturing.wanted import Wanted

    step = 0 if options.step is None and not options.when and options.last is None else options.step
    return Wanted(
        script, tuple(program[1:]), step=step, nan=options.when == "nan", last=options.last or 1, to=options.to or "",
        stop=options.stop, module=options.module, keep=Keep(tensors=options.tensors),
    )  # fmt: skip


def told(wanted: Wanted, outcome: Outcome) -> str:
    """What was captured, and how to look at it; or why nothing was."""
    if outcome.written:
        last = outcome.written[-1]
        steps = ", ".join(str(each.step) for each in outcome.written)
        what = f"training step{'s' * (len(outcome.written) > 1)} {steps} captured"
        if wanted.nan and last.finite:
            what = f"no loss was NaN or infinite in {last.step + 1:,} training steps; {what}"
        return one_line(f"{what}, {last.events:,} operations: bptui run {last.path}, bptui diagnose {last.path}", 300)
    if outcome.failed:
        return one_line(f"nothing was captured: {outcome.failed}", 300)
    if wanted.nan:
        return f"nothing was captured: the loss was finite in all of {outcome.steps:,} training steps"
    if not outcome.steps:
        passes = counted(outcome.passes, "backward pass", "es")
        why = f"{passes}, and no optimizer stepped" if outcome.passes else "no backward pass"
        return f"nothing was captured: the program made no training step ({why})"
    return (
        f"nothing was captured: the program made {outcome.steps:,} training steps, and ended before step {wanted.step}"
    )
