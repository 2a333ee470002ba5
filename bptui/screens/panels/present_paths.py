"""A path for a whole room: the chain as one line, the same with its numbers, and the product in large digits."""

from __future__ import annotations

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import path_lines
from bptui.model.debugger.paths import Paths
from bptui.screens.panels import paths, presented
from bptui.screens.panels.digits import SIZES, large
from bptui.screens.panels.figures import kind_of
from bptui.screens.panels.present import Slide, head
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit, middle
from bptui.screens.scene import Scene
from bptui.symbolic.card.factor import chain


def lines(scene: Scene) -> list[Line]:
    """All rows but the footer's."""
    session, width, height = scene[:3]
    made = paths.found(scene)
    rows: list[Line] = [()] * height
    rows[0 if height < 14 else 1] = head(Slide(*presented.status(session, scene.failed)), width)
    block = [middle(row, width) for row in wrap(line(made), width)] if isinstance(made, str) else _block(scene, made)
    top = max(2, (height - 2 - len(block)) // 2)
    for n, row in enumerate(block):
        if top + n < height - 2:
            rows[top + n] = row
    rows[height - 2] = middle(presented.strip(session, width), width)
    return [fit(row, width) for row in rows]


def _block(scene: Scene, made: Paths) -> list[Line]:
    width, height = scene.width, scene.height
    at, _ = paths.chosen(scene, made)
    answer = scene.session.view.answer
    path = path_lines.sorted_paths(made, answer.order if answer is not None else 0)[at]
    texts = path_lines.printed(made, [(tuple(edge.local for edge in path.factors), path.product)])
    factors, product, _ = texts.rows[0]
    name = Span(f"{made.node.name}{numbers.index(made.element)}", f"{kind_of(made.node)} bold")
    of = f"   path {at + 1} of {path_lines.count(made.count)}" if made.count > 1 else ""
    found = [line(name, (" to the loss", "text bold"), (of, "dim"))]
    written: Line = ()
    if scene.rules is not None:
        written = chain(scene.session.recording, scene.rules, made, path, scene.options.unicode)
    said: list[Line] = [*found, (), *([written] if written else []), path_lines.in_numbers(factors, product)]
    rows = [middle(part, width) for text in said for part in (wrap(text, width - 4) or [()])]
    digits = large(product, scene.options.unicode, SIZES[-1])
    if digits is not None and len(digits[0]) <= width and height >= 16:
        rows += [(), *(middle((Span(row, "gradient bold"),), width) for row in digits)]
    if made.count > 1:
        mark = {True: Span("  ✓", "ok"), False: Span("  FAIL", "fail reverse"), None: Span("")}[made.equal]
        told = line((path_lines.adds(made), "dim"), "  ", (path_lines.printed(made).total, "gradient bold"), mark)
        rows += [(), middle(told, width)]
    return rows
