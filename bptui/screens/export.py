"""export: a number, a Moment, a training step or the screen in a file, as Markdown, LaTeX or SVG."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bptui.model.base.errors import UserError
from bptui.model.base.files import refuse_taken, write_new
from bptui.model.base.printable import clipped
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import locations
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.screens import svg
from bptui.screens.card import sheet
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit
from bptui.symbolic.card import text as card_text
from bptui.symbolic.service import Service

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.theme import Theme
    from bptui.symbolic.derivation.document import Document, Grid, Section

What = Literal["number", "moment", "step", "screen"]
FORMS = (".md", ".tex", ".svg")
COLUMNS = 100
"""Columns of a card on paper."""
SIZE = (120, 36)
"""Columns and rows of a screen that nobody sees."""
MOST_COLUMNS, LEAST_COLUMNS = 60, 20
"""Columns of a cell of a table, from which on it goes on in the next row; what the last one has at least."""
USAGE = "export grad(NODE[i,j]) FILE, export moment, export step, export screen; FILE ends in .md, .tex or .svg"
_NUMBER = r"(?:(?:grad|value)\s*\([^()]*\)|[^\s\[\]()]+)(?:\s*\[[^\]]*\])?(?:\.grad)?"
_WHAT = re.compile(rf"(?P<what>{_NUMBER})(?:\s+from\s+(?P<given>\S+))?(?:\s+(?P<file>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What is exported, and where to: a number as `why` reads it, from which node on its derivation is given ("": from
    what the network is given), and the name of the file ("" for a new one in this folder)."""

    what: What = "moment"
    number: str = ""
    given: str = ""
    file: str = ""


def asked(session: Session, text: str) -> Asked:
    """`[NUMBER [from NODE] | moment | step | screen] [FILE]`; without a word, this Moment."""
    matched = _WHAT.fullmatch(text.strip())
    if matched is None:
        if text.strip():
            raise UserError("export", f"'{clipped(text, 40)}' is nothing to export", USAGE)
        return Asked()
    word, given, file = matched["what"], matched["given"] or "", (matched["file"] or "").strip()
    if word in ("moment", "step", "screen"):
        return Asked(word, given=given, file=file)  # type: ignore[arg-type]
    if not file and not given and Path(word).suffix in FORMS and word not in session.graph.by_name:
        return Asked(file=word)
    return Asked("number", word, given, file)


def export(session: Session, wanted: Asked, front: Surface) -> Reply:
    """What is asked for, in its file. UserError where that cannot be; it takes as long as derivations and checks do."""
    path = wanted.file or _new_name(session, wanted)
    form = Path(path).suffix.lower()
    if form not in FORMS:
        raise UserError("export", f"'{clipped(form, 20)}' is not a form", f"a name that ends in {', '.join(FORMS)}")
    if wanted.what == "screen" and form != ".svg":
        raise UserError("export", f"the screen is no text for '{form}'", "a name that ends in .svg")
    refuse_taken(path, "export")
    try:
        content = written(session, wanted, form, front)
    except Cancelled:
        return say("interrupted: nothing was written", ok=False)
    write_new(path, lambda file: file.write(content.encode()), "export")
    return say(f"{_called(session, wanted)} written to {path}")


def written(session: Session, wanted: Asked, form: str, front: Surface) -> str:
    """The content of a file of that form. Raises Cancelled."""
    from bptui.symbolic.derivation import latex, markdown

    if wanted.what == "screen":
        return svg.picture(front.screen(), front.theme, _called(session, wanted), front.size[0])
    service = Service()
    try:
        document = _document(session, wanted, service)
    finally:
        service.close()
    if form == ".svg":
        return svg.picture(list(rows(document)), front.theme, document.heading, COLUMNS)
    return (markdown.written(document) if form == ".md" else latex.written(document)) + "\n"


def _document(session: Session, wanted: Asked, service: Service) -> Document:
    from bptui.model.debugger.answers.why import asked as asked_number
    from bptui.symbolic.derivation import chain, moment, step
    from bptui.symbolic.derivation.document import Document

    if wanted.what == "step":
        return step.step(session, service)
    heading = moment.heading(session)
    if wanted.what == "moment":
        return Document(heading, (moment.here(session, service),))
    node, element, of = asked_number(session, wanted.number, "export")
    given = frozenset({locations.node(session.graph, wanted.given, "export").id} if wanted.given else ())

    def tick(done: int, total: int) -> None:
        session.progress.report(done / max(1, total), f"number {done + 1} of {total}")

    follow = chain.Chain(session.recording, service, given, tick=tick)
    made = follow.sections(chain.asked(session, node, element, of))
    return Document(f"{wanted.number} of {heading}", made)


def _called(session: Session, wanted: Asked) -> str:
    """What it is, for messages: `layer1.a, backward 4/5 of training step 0`."""
    _, phase, index = session.cursor
    step = session.walk.called(session.cursor.step)
    if wanted.what == "number":
        return f"{wanted.number} of {step}"
    if wanted.what == "step":
        return step
    here = f"{phase} {index + 1}/{session.timeline.count(phase)} of {step}"
    return f"the screen at {here}" if wanted.what == "screen" else f"{session.here.name}, {here},"


def _new_name(session: Session, wanted: Asked) -> str:
    """A name that says what it is, and that no file in this folder has."""
    step, phase, index = session.cursor
    place = "" if wanted.what == "step" else f"-{phase}-{index + 1}"
    what = f"{step}-{wanted.number}" if wanted.what == "number" else f"{step}{place}"
    base = re.sub(r"[^\w.]+", "-", f"{session.network.name}-{what}").strip("-.")[:80]
    form = ".svg" if wanted.what == "screen" else ".md"
    return next(
        name for n in itertools.count(1) if not os.path.lexists(name := f"{base}{f'-{n}' if n > 1 else ''}{form}")
    )


# ------------------------------------------------------------------------------------------------------------- rows
def rows(document: Document) -> Iterator[Line]:
    """A document as rows of the screen: its cards as the Operation panel shows them."""
    yield from ((), line("  ", (document.heading, "text bold")))
    for part in document.sections:
        yield from ((), line("  ", (f"── {part.heading} ", "dim"), ("─" * (COLUMNS - 8 - len(part.heading)), "rule")))
        yield from _section(part)
    yield ()


def _section(part: Section) -> Iterator[Line]:
    if part.note:
        yield ()
        yield from (line("  ", *row) for row in wrap((Span(part.note),), COLUMNS - 4))
    last = len(part.cards) - 1
    for n, (card, new) in enumerate(part.told()):
        shown = replace(card, checks=part.checks if n == last else (), rules=card.rules if new else ())
        yield from sheet(shown, COLUMNS)
    if part.sums or part.budget is not None:
        yield ()
        yield from (line("  ", *row) for row in card_text.labelled(part.sums))
        if part.budget is not None:
            yield from wrap(line("  ", (f"{'precision':<13}", "dim"), *part.budget.line()), COLUMNS - 2, 15)
    if part.grid is not None:
        yield ()
        yield from (line("  ", *row) for row in _grid(part.grid))


def _grid(grid: Grid) -> Iterator[Line]:
    """Columns as wide as they have to be; a cell that is too long goes on in the next rows."""
    widths = [min(MOST_COLUMNS, max(map(len, cells))) for cells in zip(grid.heads, *grid.rows, strict=True)]
    widths[-1] = max(LEAST_COLUMNS, min(widths[-1], COLUMNS - 2 - sum(width + 2 for width in widths) + widths[-1]))
    for n, cells in enumerate((grid.heads, *grid.rows)):
        style = "dim" if n == 0 else "text"
        parts = [wrap((Span(cell, style),), width) or [()] for cell, width in zip(cells, widths, strict=True)]
        for k in range(max(map(len, parts))):
            made = (fit(part[k] if k < len(part) else (), width) for part, width in zip(parts, widths, strict=True))
            yield tuple(span for cell in made for span in (*cell, Span("  ")))


# ----------------------------------------------------------------------------------------------------------- screen
@dataclass(frozen=True)
class Surface:
    """What a screen is, for export: the rows that stand on it (made when they are asked for), how large it is, and the
    colours of a picture."""

    screen: Callable[[], Sequence[Line]]
    size: tuple[int, int]
    theme: Theme


def unseen(session: Session, size: tuple[int, int], theme: Theme) -> Surface:
    """The screen of a session that has none, with all that is derived and checked of its Moment."""
    return Surface(lambda: _painted(session, size), size, theme)


def _painted(session: Session, size: tuple[int, int]) -> list[Line]:
    from bptui.screens.explain import Explainer
    from bptui.screens.frame import Ui, paint

    explainer = Explainer(session, lambda: None)
    try:
        explainer.card(True)
        explainer.check()
        explainer.service.wait()
        ui = Ui(card=explainer.card(True), checks=explainer.counts(), rules=explainer.service, badges=explainer.badges)
        return paint(session, ui, *size)
    finally:
        explainer.close()
