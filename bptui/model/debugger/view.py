"""How a session is looked at, and what is selected in it: plain settings, which a move through time leaves alone.

Importing this imports no NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bptui.model.base.types import Index

if TYPE_CHECKING:
    from bptui.model.debugger.hidden import Hidden

ViewMode = Literal["operations", "layers", "neurons", "graph"]
VIEWS: tuple[ViewMode, ...] = ("operations", "layers", "neurons", "graph")
DRAWN = 48
"""Operations of a graph that is drawn."""


OPERATION = 2
"""The panel in whose place an answer stands: it has the focus then."""
PREDICTIONS = 8
"""The panel that lists the samples."""


@dataclass
class Answer:
    """The answer to a question (why, paths, what if …): it stands in the place of the Operation panel until escape.

    panel   the module of `bptui.screens.panels` that draws it
    text    what was asked about, as it was said; "" for what is selected
    row, column  what is chosen in it
    order   how it is sorted, counted on by the key that does
    back    the panel that had the focus before, and has it again afterwards
    """

    panel: str
    text: str = ""
    row: int = 0
    column: int = 0
    order: int = 0
    back: int = OPERATION


WHAT_IF = "whatif"
"""The answer about the last edit of a branch."""


@dataclass
class View:
    """The settings of what is shown. No panel keeps any of its own.

    mode    operations, layers (folded), neurons, graph     raw     show the derivative as SymPy gave it
    focus   the panel that arrows move in (its digit)  zoom    that panel has the whole screen
    sample  "all", "mean", or the number of one sample of the batch, which all panels then show
    predicted  the sample that is chosen among the predictions;  worst  those with the largest loss come first
    search  what was last searched for
    present one operation fills the screen, or the loss, or the page of a lesson (`topic`), with a question before its
            number is shown;  asks  the number is still hidden;  says  the answer that a class chose, from 1 (0: none)
    hidden  numbers that are kept back until a question about them is answered
    composite  one is shown as one operation, because `next` came to it: until the next move, or `view`
    change  of a branch, what it differs by from another one is shown in the place of gradients
    finding which one of the diagnosis is looked at
    answer  what is answered in the place of the Operation panel; None for that panel itself
    stage   what stands beside a lesson, in the words of its page; () where there is no lesson
    row     of the modules of a captured step, the key of the row that was chosen;  folds  key → was it opened by hand
    page    of a card that has no room for all of it: how many pages on from its first
    """

    mode: ViewMode = "operations"
    raw: bool = False
    focus: int = 2
    zoom: bool = False
    sample: int | Literal["all", "mean"] = "all"
    predicted: int = 0
    worst: bool = False
    search: str = ""
    present: bool = False
    topic: Literal["operation", "loss", "lesson"] = "operation"
    asks: bool = False
    says: int = 0
    hidden: Hidden = frozenset()
    composite: bool = False
    page: int = 0
    change: bool = True
    finding: int = 0
    answer: Answer | None = None
    stage: tuple[str, ...] = ()
    row: str = ""
    folds: Mapping[str, bool] = field(default_factory=dict)

    def show(self, answer: Answer) -> None:
        """Answer a question."""
        before = self.answer if self.focus == OPERATION else None
        answer.back = self.focus if before is None else before.back
        self.answer, self.focus = answer, OPERATION

    def close(self) -> None:
        """Close the answer; arrows move again where they did before it."""
        if self.answer is not None and self.focus == OPERATION:
            self.focus = self.answer.back
        self.answer = None


@dataclass
class Selection:
    """What was asked to be looked at; `Session.node`, `.element` and `.input` say what that is at this Moment.

    pinned   a node that stays selected while time moves; None follows the Moment
    element  the element last selected, kept as it was said, so that it is there again where it fits; () for none yet
    input    the position of the input whose derivative is shown, among those that have one
    read     of the elements of that input that the output's element reads, which one is shown, counted from 0
    at_finding  nothing was selected since the last move: a number that is not finite at this Moment comes first
    """

    pinned: int | None = None
    element: Index = ()
    input: int = 0
    read: int = 0
    at_finding: bool = True
