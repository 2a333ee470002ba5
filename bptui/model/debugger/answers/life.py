"""The life of a number that is not finite, in a captured step: born, from what, how far it spreads, where it is masked
and born again, what it reaches. Told from what was counted of each value when it was recorded: no tensor is read but
those at its birth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base import numbers
from bptui.model.debugger.findings.numeric import reason, returning
from bptui.model.source.captured.calls import name_of
from bptui.model.source.captured.modules import Modules, is_bad

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.nonfinite import NonFinite
    from bptui.model.source.captured.record import Event


class Fact(NamedTuple):
    """One of its stations: `spreads`, and what is to be said of it; `bad`: that is what harms."""

    name: str
    text: str
    bad: bool = False


def life(session: Session, born: NonFinite) -> tuple[Fact, ...]:
    """The life of what arises at this Moment of a captured step."""
    modules = session.network.modules
    assert modules is not None
    return tuple(_facts(session, modules, born))


def _facts(session: Session, modules: Modules, born: NonFinite) -> Iterator[Fact]:
    word, phase, scope = numbers.special(born.number), session.cursor.phase, session.here.scope
    what = "" if born.position is None else f"{born.name.removeprefix(f'grad({scope}.').rstrip(')')}, gradient: "
    yield Fact("born", f"here: {what}{numbers.index(born.at)} is {word}")
    if why := reason(session.recorded, session.here, born, phase):
        yield Fact("from", why.replace(f"{scope}.", "") if scope else why)
    if phase == "forward":
        yield from _forward(modules, modules.captured.event_of[session.here.id])
    yield _reached(session, modules)
    yield Fact("remedy", "none is tried: set NAME = … does")


def _forward(modules: Modules, here: Event) -> Iterator[Fact]:
    """What became of it after a call of the forward pass."""
    after = [event for event in modules.calls("forward") if event.id > here.id]
    spread = sum(_bad(modules, event.outs) for event in after)
    yield Fact("spreads", f"to {spread:,} of the {len(after):,} calls that follow" if spread else "to no other call")
    masked = [event for event in after if _bad(modules, event.inputs) and not _bad(modules, event.outs)]
    if masked:
        yield Fact("masked", f"at {_called(masked[-1])}: finite again")
    if (back := returning(modules)) is not None:
        yield Fact("reborn", f"backward, {_called(back)}", True)


def _reached(session: Session, modules: Modules) -> Fact:
    section = modules.sections[-1]
    count = session.timeline.count("update")
    bad = modules.numbers(section).bad if count else 0
    if bad:
        return Fact("reaches", f"{bad:,} of {count:,} parameters, by the update", True)
    if not count and (lost := sum(_bad(modules, [g]) for g in _gradients(modules))):
        return Fact("reaches", f"the gradients of {lost:,} parameters; none was updated", True)
    losses = [loss for backward in modules.step.backwards for loss, _ in backward.losses]
    return Fact("reaches", "the loss, and no parameter" if _bad(modules, losses) else "no parameter: harmless here")


def _gradients(modules: Modules) -> Iterator[int]:
    """The values that are gradients of parameters."""
    parameters = set(modules.step.parameters.values())
    return (gradient for value, gradient in modules.gradients.items() if value in parameters)


def _called(event: Event) -> str:
    site = f", {event.site.file.rpartition('/')[2]}:{event.site.line}" if event.site is not None else ""
    return f"{name_of(event)}{site}"


def _bad(modules: Modules, values: Sequence[int]) -> bool:
    """Is any of these values not finite?"""
    return any(is_bad(modules.step.values[value].stats) for value in values)
