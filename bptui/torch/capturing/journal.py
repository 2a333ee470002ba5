"""The step that is being recorded: events in their order, each with its phase, its module and its line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch

from bptui.model.source.captured.record import Argument, Event, Step
from bptui.torch.capturing.modules import Modules
from bptui.torch.capturing.sites import Sites


class Journal:
    """Writes the events of a step.

    made     value → the event that made it
    read     the values that one of them has read
    waiting  those of them whose gradient may still come: they were read where autograd was on, and its graph is not
             freed yet"""

    def __init__(self, step: Step, modules: Modules, sites: Sites) -> None:
        self.step, self.modules, self.sites = step, modules, sites
        self.phase: Literal["forward", "backward"] = "forward"
        self.made: dict[int, Event] = {}
        self.read: set[int] = set()
        self.waiting: set[int] = set()

    def event(self, name: str, args: list[Argument], outs: list[int], inputs: Iterable[int], **notes: Any) -> Event:
        """One more event, with positional arguments."""
        event = Event(
            len(self.step.events),
            self.phase,
            name,
            args,
            {},
            outs,
            list(dict.fromkeys(inputs)),
            module=self.modules.path,
            site=self.sites.here(),
            notes=notes,
        )
        self.step.events.append(event)
        self.made.update(dict.fromkeys(outs, event))
        self.read.update(event.inputs)
        if torch.is_grad_enabled() and not notes.get("no_grad"):
            self.waiting.update(event.inputs)
        return event

    def artificial(self, name: str, given: Iterable[int], out: int, **notes: Any) -> Event:
        """An event of the recorder's own: `bptui.put`, `bptui.view_again`, `bptui.same`."""
        given = list(given)
        return self.event(f"bptui.{name}", [{"v": value} for value in given], [out], given, **notes)

    def warn(self, text: str) -> None:
        """What could not be followed, once."""
        if text not in self.step.warnings:
            self.step.warnings.append(text)
