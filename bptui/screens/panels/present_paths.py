"""A path for a whole room: the chain as one line, the same with its numbers, and its product, which is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.answers import path_lines
from bptui.model.debugger.answers.paths import Path, Paths
from bptui.screens.panels import paths, presented
from bptui.screens.panels.choices import Mistake, choices
from bptui.screens.panels.figures import kind_of
from bptui.screens.panels.present import Number, Slide, draw
from bptui.screens.scene import Scene
from bptui.symbolic.card.factor import chain


def lines(scene: Scene) -> list[Line]:
    """All rows but the footer's."""
    return draw(slide(scene), scene.width, scene.height, scene.options)


def slide(scene: Scene) -> Slide:
    """The page of the chosen path."""
    session = scene.session
    told = scene._replace(session=session.answering())
    page = Slide(*presented.status(session, scene.failed), timeline=presented.strip(session, scene.width))
    made, shown = paths.paths_of(told), not session.view.asks
    if isinstance(made, str):
        return page._replace(reason=line(made), shown=True)
    at, _ = paths.chosen(told, made)
    answer = session.view.answer
    path = path_lines.sorted_paths(made, answer.order if answer is not None else 0)[at]
    factors, product, _ = path_lines.printed(made, [(tuple(edge.local for edge in path.factors), path.product)]).rows[0]
    text = product if shown else numbers.HIDDEN
    name = Span(f"{made.node.name}{numbers.index(made.element)}", f"{kind_of(made.node)} bold")
    of = f"   path {at + 1} of {path_lines.count(made.count)}" if made.count > 1 else ""
    written: Line = ()
    if scene.rules is not None:
        written = chain(told.session.recording, scene.rules, made, path, scene.options.unicode)
    worked = [*([[written]] if written else []), [path_lines.in_numbers(factors, text)]]
    return page._replace(
        formulas=(line(name, (" to the loss", "text bold"), (of, "dim")),),
        number=Number(worked, line(("product", "gradient")), "=", text, product),
        question=line("What comes through this way?"), choices=choices(path.product, product, _mistakes(made, path)),
        marked=session.view.says, shown=shown, reason=_together(made),
    )  # fmt: skip


def _mistakes(made: Paths, path: Path) -> Iterator[Mistake]:
    """What else one may come to."""
    factors = [edge.local for edge in path.factors]
    yield Mistake(math.fsum(factors), "added, not multiplied")
    if made.count > 1:
        yield Mistake(made.sum, "all ways together")
    yield Mistake(factors[0], "the first factor alone")
    yield Mistake(factors[-1], "the last factor alone")


def _together(made: Paths) -> Line:
    """How the path stands to the gradient."""
    if made.count == 1:
        return line(("the only way: this is the whole gradient", "dim"))
    mark = {True: Span("  ✓", "ok"), False: Span("  FAIL", "fail reverse"), None: Span("")}[made.equal]
    return line((path_lines.adds(made), "dim"), "  ", (path_lines.printed(made).total, "gradient bold"), mark)
