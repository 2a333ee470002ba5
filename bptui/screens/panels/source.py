"""Under the card of a captured step: the line of the user's own code that called this operation.

─ source  model.py ────────────── Attention.forward ─
19 scores = q @ k.transpose(-2, -1) / math.sqrt(d)
20 scores = scores.masked_fill(pad, -torch.inf)
21 weights = scores.softmax(dim=-1)                       the line, two above it and one below
22 y = (weights @ v).transpose(1, 2)
blocks.0.attn  softmax                                    its module, the call, which part of it this is
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from bptui.model.base.printable import printable
from bptui.model.base.spans import Line, Span
from bptui.screens.layout import title_rule
from bptui.screens.render import clip, fit, length, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.captured.modules import Called, Modules

ABOVE, BELOW = 2, 1
"""Lines that are shown before and after the one that called."""
TALL = 16
"""Rows of a panel from which on it has room for the lines."""


def rows(session: Session, height: int) -> int:
    """How many rows it takes of a panel of that height: the same at every Moment."""
    if session.network.modules is None or session.branch.number or height < 4:
        return 0
    return ABOVE + BELOW + 3 if height >= TALL else 1


def lines(session: Session, width: int, height: int) -> list[Line]:
    """In as many rows as `rows` says: where the selected node was called; of a parameter, where it was updated."""
    modules, count = session.network.modules, rows(session, height)
    if modules is None or not count:
        return []
    called = modules.called(session.cursor.phase, session.node.id)
    if called is None:
        return [()] * count
    if count == 1:
        return [_brief(called, width)]
    made = [*_source(modules, called, width), (Span(" "), *_call(called, width - 2))]
    return [*made[:count], *[()] * (count - len(made))]


def _source(modules: Modules, called: Called, width: int) -> list[Line]:
    site = called.site
    if site is None:
        return [title_rule("source", "not recorded", width, heavy=False)]
    file = printable(site.file)
    function = printable(site.function)
    room = width - len("─ source   ─ ─") - len(function)
    name = f"source  {file if len(file) <= room else file.rpartition('/')[2]}"
    known = modules.step.sources.get(site.file, {})
    shown = [n for n in range(site.line - ABOVE, site.line + BELOW + 1) if n in known]
    if site.line not in shown:
        return [title_rule(name, function, width, heavy=False), (Span(f" line {site.line}", "text"),)]
    texts = dedent("\n".join(printable(known[n].expandtabs(4)) for n in shown)).split("\n")
    digits = len(str(shown[-1]))
    out: list[Line] = [title_rule(name, function, width, heavy=False)]
    for n, text in zip(shown, texts, strict=True):
        here = n == site.line
        row: Line = (
            Span(f" {n:{digits}} ", "text bold" if here else "dim"),
            Span(text, "text bold" if here else "text"),
        )
        out.append(under(fit(row, width), "on-cursor") if here else clip(row, width))
    return out


def _call(called: Called, width: int) -> Line:
    """`blocks.0.norm1  layer_norm, part 3 of 9`; where there is no room `layer_norm 3/9`, then the module without the
    first of its parts."""
    kind, module = "parameter" if called.updates else "part", called.module
    parts = (
        [f", {kind} {called.part} of {called.parts}", f" {called.part}/{called.parts}"] if called.parts > 1 else [""]
    )
    before = len(module) + 2 if module else 0
    part = next((each for each in parts if before + len(called.name) + len(each) <= width), parts[-1])
    what: Line = (Span(called.name, "text"), Span(part, "dim"))
    if module and before + length(what) > width:
        module = f"…{module[len(module) - max(0, width - 3 - length(what)) :]}"
    return clip((Span(f"{module}  " if module else "", "dim"), *what), width)


def _brief(called: Called, width: int) -> Line:
    """All of it in one row: `model.py:21  blocks.0.attn  softmax`."""
    site = called.site
    where = f" {printable(site.file).rpartition('/')[2]}:{site.line}  " if site is not None else " "
    return (Span(where, "text"), *_call(called, width - len(where) - 1))
