"""The whole screen as rows: a pure function of (session, what the screen itself knows, size). Nothing is kept here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span
from bptui.screens import beside, layout
from bptui.screens.bindings import DEFAULT, Bindings
from bptui.screens.keys import MANUAL, RUNNING
from bptui.screens.long_answer import LongAnswer
from bptui.screens.panels import LESSON, Panel, among, footer, panels, staged, standing, status, strip
from bptui.screens.panels.status import Counts
from bptui.screens.render import RenderOptions, drawable, fit, length, under
from bptui.screens.scene import Scene

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.badges import Badges
    from bptui.screens.board import Board
    from bptui.screens.reading import Reading
    from bptui.symbolic.card.moment import Rules
    from bptui.symbolic.facts import Card


@dataclass
class Ui:
    """What the screen knows besides the session.

    name      of the target, shown until there is a session
    look      how the terminal can be drawn on
    message   the answer to the last command, in the place of the footer until the next key
    pages     a longer answer, over the panels
    bottom    the line that is typed in, in the place of the footer; `choices` above it
    progress  (part done, what is done) of a long command
    checks    how many checks agree, how many do not
    card      what the symbolic side says of this Moment;  defect  why it says nothing;  rules  who has derivations
    bindings  the keys
    turning   pages of present mode turn by themselves
    badges    what the calls of a captured step were found to be
    lesson    what is read beside the debugger;  board  what stands in the debugger's place on its page
    """

    name: str = ""
    look: RenderOptions = field(default_factory=RenderOptions)
    message: Line = ()
    pages: LongAnswer = field(default_factory=LongAnswer)
    bottom: Line = ()
    choices: tuple[Line, ...] = ()
    progress: tuple[float, str] | None = None
    checks: Counts | None = None
    card: Card | None = None
    defect: str = ""
    rules: Rules | None = None
    bindings: Bindings = DEFAULT
    turning: bool = False
    lesson: Reading | None = None
    badges: Badges | None = None
    board: Board | None = None


TITLED = 12
"""Rows from which on a panel that is alone on the screen may have a row for its title."""


def focused(session: Session | None, rows: Sequence[Panel] = ()) -> Panel:
    """The panel with the focus; while there is no session, the one that has it at first. `rows`: all panels now, where
    one has asked for them."""
    found = among(rows or panels(session), session.view.focus) if session is not None else None
    return found or standing("main")


def grid_of(session: Session | None, width: int, height: int, rows: Sequence[Panel] = ()) -> layout.Grid | None:
    """Where the panels stand now."""
    rows = rows or panels(session)
    focus = focused(session, rows)
    if session is None:
        return layout.grid(width, height, focus)
    if session.view.stage and not session.view.zoom:
        shown = staged(session)
        return layout.beside(width, height, shown, LESSON, focus, any(row.wide(session) for row in shown[:1]))
    zoom = session.view.zoom or focus.wide(session)
    displays = strip.count(session, width, height)
    side = next(each for each in rows if each.place == "left").columns(width)
    return layout.grid(width, height, focus, zoom, tall=session.view.answer is not None, strip=displays, side=side)


def scene_of(session: Session, ui: Ui, width: int, height: int, focus: bool = False) -> Scene:
    """What a panel of that size is drawn from."""
    failed = ui.checks.failed if ui.checks is not None else 0
    look = ui.look._replace(focused=focus)
    return Scene(session, width, height, look, ui.card, ui.defect, failed, ui.rules, ui.lesson, ui.badges)


def focused_scene(session: Session | None, ui: Ui, width: int, height: int) -> Scene | None:
    """What the focused panel is drawn from; None where there is no session, or no room for any panel."""
    grid = grid_of(session, width, height)
    if session is None or grid is None:
        return None
    box = next((box for box in grid.boxes if box.panel == session.view.focus), grid.boxes[0])
    return scene_of(session, ui, box.width, box.height, True)


def panel_line(session: Session | None, width: int, height: int, key: str) -> str:
    """The command line that a key runs because of where the focus is, "" for its own: a digit in a panel that has
    other uses for it; escape leaves a panel that stands over the others."""
    if session is None or session.view.present or not (key.isdigit() or key == "escape"):
        return ""
    grid = grid_of(session, width, height)
    if grid is None:
        return ""
    row = focused(session)
    if key.isdigit():
        return row.digit(session, int(key))
    over = not grid.single and not session.view.zoom and row.place == "column" and len(grid.boxes) == 2
    return f"focus {standing('main').number}" if key == "escape" and over else ""


def paint(session: Session | None, ui: Ui, width: int, height: int) -> list[Line]:
    """All rows of the screen."""
    every = panels(session)
    grid = grid_of(session, width, height, every)
    if grid is None:
        return layout.too_small(width, height)
    shown = _displays(session, width, height)
    below = height
    height -= len(shown)
    if session is not None and session.view.present:
        return _finish([*_presented(session, ui, width, height)[:-1], *shown, ()], ui, session, width, below)
    focus = focused(session, every)
    contents: dict[int, list[Line]] = {}
    joints: list[tuple[layout.Box, int]] = []
    rules: dict[int, Line] = {}
    for box in grid.boxes:
        if not box.panel:
            contents[0] = _board(ui, box)
            continue
        row = among(every, box.panel)
        assert row is not None
        left: Line = ()
        right: Line = ()
        contents[box.panel], name = [], row.name
        if session is not None:
            titled = grid.single and row.titled and box.height >= TITLED
            scene = scene_of(session, ui, box.width, box.height - titled, row is focus)
            contents[box.panel], left, right = _drawn(row, scene)
            name = row.named(scene)
            if (column := row.divider(scene)) is not None:
                joints.append((box, box.x + column))
            if titled:  # the row of tabs has no room to say which tensor, and which slice of it
                head = fit((Span(" "), *left), max(0, box.width - length(right) - 1))
                contents[box.panel].insert(0, (*head, *right))
        if box.rule >= 0:
            title = layout.Title(row.number, name, left, right)
            rules[box.panel] = layout.rule(title, box.width, focused=row is focus, edge=box.x > 0)
    rows = layout.assemble(grid, height, contents, rules)
    for box, x in joints:
        if box.rule >= 0:
            rows[box.rule] = layout.join(rows[box.rule], x, "┬")
            rows[box.y + box.height] = layout.join(rows[box.y + box.height], x)
    rows[0] = _first(session, ui, width)
    if grid.single:
        rows[1] = layout.tabs(_tabs(session, ui), focus.number, width)
        if session is not None and height >= 10:
            rows[height - 2] = _drawn(standing("bottom"), scene_of(session, ui, width, 1))[0][0]
    return _finish([*rows[:-1], *shown, ()], ui, session, width, below)


def _first(session: Session | None, ui: Ui, width: int) -> Line:
    """The status: of the debugger, or of the board that stands in its place."""
    if ui.board is None:
        return under(status.row(session, width, ui.checks, ui.name, ahead=ui.lesson is None), "on-band")
    return beside.first(ui.board, ui.name, width)


def _tabs(session: Session | None, ui: Ui) -> list[tuple[int, str]]:
    """What can be gone to where there is room for one panel: beside a lesson, what its page shows."""
    if session is None or not session.view.stage:
        return [(each.number, each.name) for each in panels(session)]
    board = [(0, ui.board.name)] if ui.board is not None else []
    page = LESSON.name if ui.lesson is None else ui.lesson.tab
    return [*board, *((each.number, each.name) for each in staged(session)), (LESSON.number, page)]


def _board(ui: Ui, box: layout.Box) -> list[Line]:
    """The rows of a page's board. What goes wrong in it is shown in it."""
    if ui.board is None:
        return []
    try:
        return ui.board.lines(box.width, box.height, ui.look)
    except Exception as defect:
        return _failed(defect, box.width)


def _displays(session: Session | None, width: int, height: int) -> list[Line]:
    """The rows of what is displayed. What goes wrong in them is shown in them."""
    if session is None or not session.displays or session.view.stage:
        return []
    try:
        return strip.lines(session, width, height)
    except Exception as defect:
        rows = strip.count(session, width, height)
        return [fit(row, width) for row in [*_failed(defect, width), *[()] * rows][:rows]]


def _finish(rows: list[Line], ui: Ui, session: Session | None, width: int, height: int) -> list[Line]:
    """The footer, and what lies over the panels."""
    rows[-1] = _last(session, ui, width)
    _over(rows, ui, width, height)
    return drawable(rows, ui.look)


def _presented(session: Session, ui: Ui, width: int, height: int) -> list[Line]:
    """One operation on the whole screen. What goes wrong in it is shown in it."""
    from bptui.screens.panels import present_paths, presented, presented_page

    try:
        if ui.defect:
            raise RuntimeError(ui.defect)
        if session.view.answer is not None and session.view.answer.panel == "paths":
            return [*present_paths.lines(scene_of(session, ui, width, height - 1)), ()]
        scene = scene_of(session, ui, width, height - 1)
        if session.view.topic == "lesson":
            return [*presented_page.lines(scene, ui.board), ()]
        return [*presented.lines(scene), ()]
    except Exception as defect:
        return [*_failed(defect, width), *[()] * height][:height]


def _drawn(row: Panel, scene: Scene) -> tuple[list[Line], Line, Line]:
    """Lines and title of one panel. What goes wrong in it is shown in it; the others live on."""
    try:
        return (row.lines(scene), *row.title(scene))
    except Exception as defect:
        return _failed(defect, scene.width), (), ()


def _failed(defect: Exception, width: int) -> list[Line]:
    text = f"this panel failed: {type(defect).__name__}: {defect}"
    cut = [text[i : i + width - 2] for i in range(0, len(text), max(1, width - 2))]
    return [(Span(" "), Span(part, "fail")) for part in cut]


def _last(session: Session | None, ui: Ui, width: int) -> Line:
    if ui.bottom:
        return ui.bottom
    if ui.progress is not None:
        return under(progress(*ui.progress, width), "on-band")
    if ui.message:
        return under(fit((Span(" "), *ui.message), width), "on-band")
    if ui.pages:
        return under(footer.hints(MANUAL.footer(), width), "on-band")
    if session is not None and session.view.present:
        return under(
            footer.presenting(width, session.view.asks, ui.turning, ui.bindings, ui.lesson is not None), "on-band"
        )
    first = _special(session) if session is not None else ()
    if ui.lesson is not None:
        return under(beside.last(ui.lesson, ui.board, first, width, ui.bindings), "on-band")
    return under(footer.usual(width, first, ui.bindings), "on-band")


def _special(session: Session) -> tuple[tuple[str, str], ...]:
    """(keys, word) pairs of the panel with the focus; after them those of the one at the left, which lists all that is
    stepped through."""
    rows = panels(session)
    left = next(each for each in rows if each.place == "left")
    first = focused(session, rows).footer(session)
    taken = {keys for keys, _ in first}
    return (*first, *(pair for pair in left.footer(session) if pair[0] not in taken))


def progress(part: float, what: str, width: int) -> Line:
    """` training step 300 of 1000 ━━━━━━────────  30 %  ctrl+c cancels`."""
    part = min(1.0, max(0.0, part))
    tail = f" {part:4.0%}  "
    (key, word), *_ = RUNNING.footer()
    stop = (Span(key, "text bold"), Span(f" {word} ", "dim"))
    room = width - len(what) - 2 - len(tail) - length(stop)
    bar: Line = ()
    if room >= 5:
        done = round(part * room)
        bar = (Span("━" * done, "parameter"), Span("─" * (room - done), "rule"))
    return fit((Span(f" {what} "), *bar, Span(tail, "text bold"), *stop), width)


def _over(rows: list[Line], ui: Ui, width: int, height: int) -> None:
    """Lay a longer answer and the completions over the panels."""
    if ui.pages:
        shown, which = ui.pages.seen(max(1, height - 3))
        head = layout.title_rule(ui.pages.title, which, width)
        block = [head, *(under(fit((Span(" "), *line), width), "on-band") for line in shown)]
        layout.overlay(rows, block, 1 if which else height - 2 - len(shown), width)
    if ui.choices:
        layout.overlay(rows, ui.choices, height - 1 - len(ui.choices), width)
