"""A Finding: what a rule found, where, by which number; and a Remedy: what would help, with what it reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from bptui.model.debugger.edit import Edit
from bptui.model.engine.timeline import Phase
from bptui.model.source.network import Network

Severity = Literal["error", "warning", "note"]
"""error: exact, or it cannot be meant · warning: beyond what healthy networks show · note: worth knowing."""


@dataclass(frozen=True)
class Remedy:
    """What would help, tried or not yet. It is an edit made before training step 0.

    change  as it would be typed: `set optimizer.learning_rate = 0.001`; several with `; `; `without layer5` for a layer
            that is left out, which no command does
    text    what that is good for
    make    the network with the change made (UserError where it cannot be)
    parts   the changes that it is made of
    loss_before, loss_after  of the network as it is and of the changed one, after the same training steps on the same
            seed: the mean of the last few. None where it was not tried, NaN and inf where training ended there
    note    why the two cannot be compared, or why it was not tried; "" for neither
    """

    change: str
    text: str
    make: Callable[[Network], Network] = field(repr=False, compare=False)
    parts: tuple[Any, ...] = field(default=(), repr=False)
    loss_before: float | None = None
    loss_after: float | None = None
    note: str = ""

    @property
    def tried(self) -> bool:
        """Has it been run?"""
        return self.loss_after is not None

    def edit(self, network: Network) -> Edit:
        """The change as an edit of a branch that has this network, trained anew from training step 0."""
        return Edit(0, self.change, self.make(network), anew="drawn")


class Measured(NamedTuple):
    """What was measured, the threshold that it was held against, and where that is from."""

    number: float | None = None
    threshold: float | None = None
    source: str = ""


UNMEASURED = Measured()


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    type           the word for what it is of: `exploding`, `init`, `saturated-units`
    places         what it is about: layers, `loss`, `optimizer.learning_rate`, `data.inputs`; nodes of a formula
    node, phase, training_step, element   where to look at it: the Moment, and the number in it
    when           the training step as its program counts, of a captured one; else ""
    text           one line that says it
    evidence       lines with the numbers behind it
    therefore      what follows from it, folded in
    advice         what to change in the program of a captured step: said, not tried
    rule           the name that it goes by in lists and in `--json`: that of the rule's row, where it says no other
    """

    type: str
    severity: Severity
    places: tuple[str, ...]
    text: str
    node: str = ""
    phase: Phase = "forward"
    training_step: int = 0
    element: tuple[int, ...] | None = None
    measured: Measured = UNMEASURED
    evidence: tuple[str, ...] = ()
    therefore: tuple[Finding, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    advice: tuple[str, ...] = ()
    when: str = ""
    rule: str = ""

    def with_remedy(self, at: int, remedy: Remedy) -> Finding:
        """This finding with the remedy at a place replaced, once it has been tried."""
        return replace(self, remedies=(*self.remedies[:at], remedy, *self.remedies[at + 1 :]))

    def as_json(self) -> dict[str, Any]:
        """What `bptui diagnose --json` prints of it."""
        return {
            "rule": self.rule,
            "type": self.type,
            "severity": self.severity,
            "places": list(self.places),
            "node": self.node,
            "phase": self.phase,
            "training_step": self.training_step,
            "element": None if self.element is None else list(self.element),
            **self.measured._asdict(),
            "text": self.text,
            "evidence": list(self.evidence),
            "therefore": [finding.as_json() for finding in self.therefore],
            "remedies": [
                {
                    "change": remedy.change,
                    "text": remedy.text,
                    "loss_before": remedy.loss_before,
                    "loss_after": remedy.loss_after,
                    "note": remedy.note,
                }
                for remedy in self.remedies
            ],
            "advice": list(self.advice),
        }


@dataclass(frozen=True)
class LookedFor:
    """A rule that was asked: its name, what it looks for, and whether it found anything, or why it could not look."""

    rule: str
    about: str
    found: bool
    skipped: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """findings  most important first · looked_for  every rule, in the same order
    network  what was diagnosed · steps  how many training steps were looked at · losses  of each of them
    """

    network: Network = field(repr=False)
    steps: int
    losses: tuple[float, ...] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    looked_for: tuple[LookedFor, ...] = ()

    @property
    def ok(self) -> bool:
        """Is there neither error nor warning?"""
        return all(finding.severity == "note" for finding in self.findings)
