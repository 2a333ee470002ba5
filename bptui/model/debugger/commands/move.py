"""Moving through time. What each move means stands at the Session's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

family = Family("Move")


@family.count(
    "step", "One operation forward", keys=("s", "space"), aliases=("stepi", "si"), short="step", twin="reverse-step"
)
def step(session: Session, count: int) -> Reply:
    return session.step(count)


@family.count("reverse-step", "One operation back", keys=("S", "backspace"), aliases=("rs",), short="step", twin="step")
def reverse_step(session: Session, count: int) -> Reply:
    return session.reverse_step(count)


@family.count(
    "next", "To the next layer; a composite is one operation", keys=("n",), short="layer", twin="reverse-next"
)
def next_layer(session: Session, count: int) -> Reply:
    return session.next(count)


@family.count(
    "reverse-next", "To where n stops in this layer, or in the one before", keys=("N",), aliases=("rn",),
    short="layer", twin="next",
)  # fmt: skip
def reverse_next(session: Session, count: int) -> Reply:
    return session.reverse_next(count)


@family.nothing(
    "finish",
    "To the end of this layer, of the phase, then over the turn",
    keys=("f",),
    aliases=("fin",),
    short="phase",
    twin="reverse-finish",
)
def finish(session: Session) -> Reply:
    return session.finish()


@family.nothing(
    "reverse-finish", "To the start of this layer, of the phase, then over the turn", keys=("F",), aliases=("rf",),
    short="phase", twin="finish",
)  # fmt: skip
def reverse_finish(session: Session) -> Reply:
    return session.reverse_finish()


@family.count(
    "continue", "To the next breakpoint or finding, or the end", keys=("c",), short="stop", twin="reverse-continue"
)
def continue_(session: Session, count: int) -> Reply:
    from bptui.model.debugger.run import resume

    return resume(session, 1, count)


@family.count(
    "reverse-continue", "To the previous breakpoint or finding, or the start", keys=("C",), aliases=("rc",),
    short="stop", twin="continue",
)  # fmt: skip
def reverse_continue(session: Session, count: int) -> Reply:
    from bptui.model.debugger.run import resume

    return resume(session, -1, count)


@family.count(
    "train", "The same moment, N training steps later", keys=("greater_than_sign",), short="train", twin="untrain"
)
def train(session: Session, count: int) -> Reply:
    return session.train(count)


@family.count(
    "untrain", "The same moment, N training steps earlier", keys=("less_than_sign",), short="train", twin="train"
)
def untrain(session: Session, count: int) -> Reply:
    return session.untrain(count)


@family.text(
    "until", "Run to a node (the selected one), whichever way it lies", keys=("t",), aliases=("advance",),
    short="until", usage="[NODE]", complete="node",
)  # fmt: skip
def until(session: Session, text: str) -> Reply:
    return session.until(text)


@family.count("back", "Back to where the last jump came from", keys=("left_parenthesis",), twin="forward")
def back(session: Session, count: int) -> Reply:
    return session.back(count)


@family.count("forward", "Forward again to where back came from", keys=("right_parenthesis",), twin="back")
def forward(session: Session, count: int) -> Reply:
    return session.forward(count)


@family.nothing("mirror", "From an operation to its backward, and back", keys=("percent_sign",))
def mirror(session: Session) -> Reply:
    return session.mirror()


@family.text(
    "goto", "Go to a node, layer, phase, moment, percent or training step", keys=("g",), line="goto ", aliases=("g",),
    short="goto", usage="NODE | PHASE | 42 | 50% | start | end | step N", complete="place", needed=True,
)  # fmt: skip
def goto(session: Session, text: str) -> Reply:
    return session.goto(text)
