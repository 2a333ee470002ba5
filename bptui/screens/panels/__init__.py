"""The panels: a row each, beside its module. Nothing else in bptui knows a panel's name or number.

A panel is a module of this package with functions of a Scene (`bptui.screens.scene`):

    lines(scene) -> list[Line]           what it shows, at most `height` lines of `width` cells, of which there are some
    title(scene) -> (Line, Line)         optional: what its rule says after the name, and at the right
    move(scene, down, right) -> str      optional: what the arrows do in it; why nothing, if nothing
    enter(scene) -> str                  optional: the command line that enter runs, "" for none
    name(scene) -> str                   optional: what its rule calls it now
    stands(session) -> bool              of a panel of INSTEAD: is it there now, in the place of the one of its number?
    columns(width) -> int                optional: how many columns it has at the left of so wide a screen; 0: as usual
    wide(session) -> bool                optional: it needs the whole width now, and has it while it has the focus
    divider(scene) -> int | None         optional: the column of an upright rule from its first row to its last
    footer(session) -> tuple             optional: (keys, word) pairs that stand first in its footer
    digit(session, n) -> str             optional: the command line that a digit runs in it, "" for the panel's number

A panel of ANSWERS stands in the place of the Operation panel, down to the timeline, while `session.view.answer` names
its module: a command opens it (`session.view.answer = Answer("why")`), escape closes it, and what is chosen in it is
kept there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bptui.model.base.spans import Line
from bptui.model.debugger.view import VIEWS

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

Place = Literal["left", "main", "under", "bottom", "column", "beside"]
"""Where a panel may stand in the grid; one panel at each place but `column`, the third one of a wide terminal. What has
no place there now stands over the others while it has the focus."""


@cache
def _function(module: str, name: str) -> Any:
    """A function of a panel's module, None where it has none of that name."""
    return getattr(import_module(f"{__name__}.{module}"), name, None)


class Panel(NamedTuple):
    """One row.

    number  its digit, the key that gives it the focus
    place   where it may stand
    module  in this package; imported when it is drawn first, for its NumPy comes after the first frame
    titled  alone on a screen of 12 rows or more it has a row for its title
    """

    number: int
    name: str
    place: Place
    module: str
    titled: bool = False

    def _function(self, name: str) -> Any:
        return _function(self.module, name)

    def _said(self, name: str, otherwise: Any, *given: Any) -> Any:
        """What a function of its module says; `otherwise` where it has none of that name."""
        function = self._function(name)
        return otherwise if function is None else function(*given)

    @property
    def about(self) -> str:
        """What `help` says of it: the first paragraph of its module's docstring."""
        said = import_module(f"{__name__}.{self.module}").__doc__ or ""
        return " ".join(said.partition("\n\n")[0].split())

    def lines(self, scene: Scene) -> list[Line]:
        """What it shows; nothing where it has no room at all."""
        return list(self._function("lines")(scene)) if scene.width > 0 and scene.height > 0 else []

    def title(self, scene: Scene) -> tuple[Line, Line]:
        """What its rule says after the name, and at the right."""
        title: tuple[Line, Line] = self._said("title", ((), ()), scene)
        return title

    def named(self, scene: Scene) -> str:
        """What its rule calls it: its name, where it does not say another."""
        return str(self._said("name", self.name, scene))

    def move(self, scene: Scene, down: int, right: int) -> str:
        """Move in it by so many rows and columns; why it cannot be, "" where it was done."""
        return str((self._function("move") or move_element)(scene, down, right))

    def enter(self, scene: Scene) -> str:
        """The command line of enter, "" for none."""
        return str(self._said("enter", "", scene))

    def divider(self, scene: Scene) -> int | None:
        """The column of an upright rule that the rules above and below meet."""
        column: int | None = self._said("divider", None, scene)
        return column

    def stands(self, session: Session) -> bool:
        """Is it there now? What is not in the place of another always is."""
        return bool(self._said("stands", True, session))

    def columns(self, width: int) -> int:
        """The columns that it has at the left of a screen of that width; 0 for the usual."""
        return int(self._said("columns", 0, width))

    def footer(self, session: Session) -> tuple[tuple[str, str], ...]:
        """(keys, word) pairs that stand first in the footer."""
        return tuple(self._said("footer", (), session))

    def digit(self, session: Session, number: int) -> str:
        """The command line that a digit runs while it has the focus, "" to go to the panel of that number."""
        return str(self._said("digit", "", session, number))

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """(keys, what they do) while it has the focus: what its functions say of themselves in their first line."""
        parts = (
            ("arrows", self._function("move") or move_element),
            ("enter", self._function("enter")),
            ("1…9", self._function("digit")),
        )
        return tuple((keys, (part.__doc__ or "").partition("\n")[0]) for keys, part in parts if part is not None)

    def wide(self, session: Session) -> bool:
        """Does it need the whole width?"""
        return bool(self._said("wide", False, session))


PANELS = (
    Panel(1, "Network", "left", "network"),
    Panel(2, "Operation", "main", "operation"),
    Panel(3, "Tensor", "under", "tensor", titled=True),
    Panel(4, "Timeline", "bottom", "timeline"),
    Panel(5, "Loss", "column", "loss"),
    Panel(6, "Findings", "column", "findings"),
    Panel(8, "Predictions", "column", "predictions"),
)


ANSWERS: tuple[Panel, ...] = (
    Panel(2, "Why", "main", "why"),
    Panel(2, "Paths", "main", "paths"),
    Panel(2, "What if", "main", "whatif"),
)


INSTEAD: tuple[Panel, ...] = (
    Panel(1, "Modules", "left", "modules"),
    Panel(3, "Life", "under", "life"),
    Panel(4, "Timeline", "bottom", "timeline_modules"),
)
"""Panels that now and then stand in the place of the one of their number."""


LESSON = Panel(7, "Lesson", "beside", "lesson")
"""A lesson, where one is read: its page stands beside the panels that it shows."""
ACTIVATION = Panel(9, "Activation", "beside", "activation")
"""The curve of this Moment's operation and its slope, on a page of a lesson that shows it."""

STAGED = {each.module: each.number for each in (*PANELS, *ANSWERS, ACTIVATION)} | dict.fromkeys(VIEWS, 1)
"""The panel of each word of a page's stage; other words are boards."""


def staged(session: Session) -> tuple[Panel, ...]:
    """The panels that the page of a lesson shows, in its order; the tensor stands under its operation. What the reader
    has gone to stands there, too."""
    focus, numbers = session.view.focus, [STAGED[word] for word in session.view.stage if word in STAGED]
    if not numbers:
        return ()
    if focus not in (*numbers, 0, LESSON.number, standing("bottom").number, 3 if numbers[0] == 2 else 0):
        numbers = [focus]
    if numbers[0] == 2 and (len(numbers) == 1 or numbers[1] == ACTIVATION.number):
        numbers.insert(1, 3)
    rows = {each.number: each for each in (*panels_beside(session), ACTIVATION)}
    return tuple(rows[number] for number in dict.fromkeys(numbers) if number in rows)


def panels(session: Session | None) -> tuple[Panel, ...]:
    """All panels now: beside a lesson those that its page shows, and it."""
    if session is not None and session.view.stage:
        return (*panels_beside(session), LESSON, ACTIVATION)
    return panels_beside(session)


def panels_beside(session: Session | None) -> tuple[Panel, ...]:
    """The panels of the debugger now: an answer in the place of the Operation panel, what stands in another's."""
    if session is None:
        return PANELS
    asked = session.view.answer
    others = {each.number: each for each in INSTEAD if each.stands(session)}
    others |= {each.number: each for each in ANSWERS if asked is not None and each.module == asked.panel}
    return tuple(others.get(each.number, each) for each in PANELS)


def panel(number: int, session: Session | None = None) -> Panel | None:
    """The panel of a digit."""
    return among(panels(session), number)


def among(rows: Iterable[Panel], number: int) -> Panel | None:
    """The panel of a digit among some."""
    return next((each for each in rows if each.number == number), None)


def standing(place: Place) -> Panel:
    """The (first) panel of a place."""
    return next(each for each in PANELS if each.place == place)


def move_element(scene: Scene, down: int, right: int) -> str:
    """Select another element of the tensor.

    What arrows do where a panel says nothing else: the first line stands in its help."""
    session = scene.session
    axis, by = (-1, right) if right else (-2, down)
    shape = session.node.shape
    if not shape:
        return f"{session.node.name} is one number"
    if right and shape[-1] == 1 and len(shape) > 1:  # a column is shown as a row
        axis = -2
    if axis == -2 and len(shape) == 1:
        return f"{session.node.name} is one row: left and right"
    before = session.element
    session.move_element(axis, by)
    return "" if session.element != before else "the end"


def select_node(session: Session, node: int) -> str:
    """Select another node; where it is the selected one already, there was no further one."""
    if node == session.node.id:
        return "the end"
    session.select(node)
    return ""
