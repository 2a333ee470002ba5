"""The answer to paths: every way of one number to the loss. The graph with the chosen path
in orange, factors in columns under the operations that they belong to, products, their sum and the gradient; then what
all of them share, and the chosen path as one line. Enter goes to the node of the chosen factor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base import numbers
from bptui.model.base.arithmetic import PrintedSum
from bptui.model.base.errors import UserError
from bptui.model.base.places import ravel, unravel
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.debugger.answers import path_lines
from bptui.model.debugger.answers.kept import Later
from bptui.model.debugger.answers.paths import Edge, Path, Paths, Vertex
from bptui.screens.panels import path_graph
from bptui.screens.panels.figures import kind_of, shown, symbol_of
from bptui.screens.panels.path_graph import Label
from bptui.screens.panels.text import wrap
from bptui.screens.render import between, boxed, clip, fit, length, under
from bptui.symbolic.card.factor import chain, of_edge
from bptui.symbolic.card.names import gradient, local

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph
    from bptui.screens.scene import Scene

GUTTER, NUMBER, FACTOR, PRODUCT = 3, 2, 11, 12
"""Cells of the cursor, of a path's number, of a factor with its sign (one more where there is room), of the product."""
GRAPH = 3
"""The fewest rows of the graph."""


class Factor(NamedTuple):
    """A column of the table: one edge of a path, or several that have no column of their own."""

    edges: tuple[Edge, ...]
    local: float
    at: int


def wide(session: Session) -> bool:
    """It needs all columns."""
    return True


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """What its keys do."""
    return (
        ("up/down", "path"),
        ("enter", "to node"),
        ("i", "why"),
        ("s/S", "step"),
        ("o", "sort"),
        ("esc", "close"),
    )


def title(scene: Scene) -> tuple[Line, Line]:
    """Whose paths, and which of how many is chosen."""
    made = paths_of(scene)
    if isinstance(made, str):
        return (), ()
    name = Span(f"{made.node.name}{numbers.index(made.element)}", f"{kind_of(made.node)} bold")
    of = Span(f" of {path_lines.count(made.count)}", "dim")
    return (name, Span(" to the loss", "text bold")), (Span(str(chosen(scene, made)[0] + 1), "text bold"), of)


def lines(scene: Scene) -> list[Line]:
    """All of it, as much as there is room for: of many paths fewer rows, and the graph last of all."""
    width, height = scene.width, scene.height
    made = paths_of(scene)
    rows = wrap((Span(" "), Span(made)), width, 1) if isinstance(made, str) else _Drawn(scene, made).rows()
    return boxed(rows, width, height, scene.options)


def move(scene: Scene, down: int, right: int) -> str:
    """Choose another path, or another factor of it."""
    made, answer = paths_of(scene), scene.session.view.answer
    if isinstance(made, str) or answer is None:
        return "there is nothing to choose"
    row, column = chosen(scene, made)
    paths = path_lines.sorted_paths(made, answer.order)
    to = max(0, min(len(paths) - 1, row + down))
    across = max(0, min(len(paths[to].factors) - 1, column + right))
    if (to, across) == (row, column):
        return "the end"
    if to != row:  # for a class another path is another question
        scene.session.view.asks, scene.session.view.says = scene.session.view.present, 0
    answer.row, answer.column = to, across
    return ""


def enter(scene: Scene) -> str:
    """To the node that the chosen factor leads to."""
    return "" if isinstance(paths_of(scene), str) else "producer"


def paths_of(scene: Scene) -> Paths | str:
    answer = scene.session.view.answer
    try:
        return path_lines.paths_of(scene.session, answer.text if answer is not None else "", now=False)
    except UserError as error:
        return str(error)
    except Later:
        return "p works them out: it takes a moment"


def chosen(scene: Scene, made: Paths) -> tuple[int, int]:
    """The path and the factor that are chosen."""
    answer = scene.session.view.answer
    if answer is None or not made.best:
        return 0, 0
    row = max(0, min(answer.row, len(made.best) - 1))
    factors = path_lines.sorted_paths(made, answer.order)[row].factors
    return row, max(0, min(answer.column, len(factors) - 1))


class _Drawn:
    """The rows of the panel."""

    def __init__(self, scene: Scene, made: Paths) -> None:
        self.scene, self.made, self.width = scene, made, scene.width
        self.graph: Graph = scene.session.graph
        answer = scene.session.view.answer
        self.paths = path_lines.sorted_paths(made, answer.order if answer is not None else 0)
        self.row, self.column = chosen(scene, made)
        room = self.width - GUTTER - NUMBER - PRODUCT
        longest = max((len(path.factors) for path in self.paths), default=1)
        self.cell = FACTOR + ((FACTOR + 1) * min(longest, room // FACTOR) <= room)
        self.columns = max(2, room // self.cell)
        self.path = self.paths[self.row] if self.paths else Path((), 1.0)

    def rows(self) -> list[Line]:
        height = self.scene.height
        count = min(len(self.paths), max(1, height - 12)) if height < 20 else len(self.paths)
        first = max(0, min(self.row - count // 2, len(self.paths) - count))
        kept = self.paths[first : first + count]
        folded = [self._folded(path) for path in kept]
        texts = path_lines.printed(
            self.made,
            [(tuple(f.local for f in factors), path.product) for path, factors in zip(kept, folded, strict=True)],
            self.cell - 2,
        )
        table = [*self._heads(), *self._table(kept, folded, texts, first), *self._sums(texts, len(kept))]
        below = self._below(texts)
        room = height - len(table)
        kept_below = below[: max(0, room - GRAPH - 3)] if room > GRAPH + 3 else []
        room -= len(kept_below) + (1 if kept_below else 0)
        made: list[Line] = []
        if room >= 2:
            made = [*self._graph(min(room - 1, 9)), (Span("─" * self.width, "rule"),)]
        return [*made, *table, *([()] if kept_below else []), *kept_below]

    def _folded(self, path: Path) -> list[Factor]:
        """The factors as they have columns: those around the chosen one, those before and after it as one each."""
        edges, room = path.factors, self.columns
        if len(edges) <= room:
            return [Factor((edge,), edge.local, n) for n, edge in enumerate(edges)]
        at = min(self.column, len(edges) - 1)
        if at < room - 1:
            first, last = 0, room - 1
        elif at >= len(edges) - (room - 1):
            first, last = len(edges) - (room - 1), len(edges)
        else:
            inner = max(1, room - 2)
            first = at - inner // 2
            last = first + inner
        parts = [edges[:first], *((edge,) for edge in edges[first:last]), edges[last:]]
        starts = [0, *range(first, last), last]
        made = zip(parts, starts, strict=True)
        return [Factor(part, math.prod(edge.local for edge in part), n) for part, n in made if part]

    # ------------------------------------------------------------------------------------------------- the graph
    def _graph(self, height: int) -> list[Line]:
        made = self.made
        start = made.node.id, ravel(made.element, made.node.shape)
        vertices = {start, *(edge.target for path in self.paths for edge in path.edges)}
        labels = {vertex: self._label(vertex) for vertex in vertices}
        return path_graph.lines(self.paths, (self.row, self.column), start, labels, self.width, height)

    def _label(self, vertex: Vertex) -> Label:
        """`z[0]`: without axes of size 1, and without the scope, which stands above."""
        node = self.graph.nodes[vertex[0]]
        at = unravel(vertex[1], node.shape)
        if len(node.shape) > 1:
            at = tuple(i for i, n in zip(at, node.shape, strict=True) if n != 1)
        scope = node.scope if node.id != self.graph.loss else ""
        return Label(Span(symbol_of(node) + numbers.index(at), kind_of(node)), scope)

    # ------------------------------------------------------------------------------------------------- the table
    def _heads(self) -> list[Line]:
        """Of the chosen path: which local derivative stands in a column, and how it is written."""
        folded = self._folded(self.path)
        above: list[Span] = [Span(" " * (GUTTER + NUMBER))]
        under_: list[Span] = [Span(" " * (GUTTER + NUMBER))]
        for factor in folded:
            head, name = self._head(factor)
            for spans, text in ((above, head), (under_, name)):
                cut = clip(text, self.cell - 1)
                spans += [Span(" " * (self.cell - 2 - length(cut)) if length(cut) < self.cell - 1 else ""), *cut]
                spans.append(Span(" " * (2 if length(cut) < self.cell - 1 else 1)))
        room = self.width - length(above) - PRODUCT - 2
        above += [Span(f"{'product':>{PRODUCT}}" if room >= -2 else "", "dim")]
        return [tuple(above), tuple(under_)]

    def _head(self, factor: Factor) -> tuple[Line, Line]:
        if len(factor.edges) > 1:
            return line((f"{len(factor.edges)} more", "dim")), ()
        edge, unicode, rules = factor.edges[0], self.scene.options.unicode, self.scene.rules
        source, target = (self.graph.nodes[at[0]] for at in (edge.source, edge.target))
        wrt, out = (Span(symbol_of(node), kind_of(node)) for node in (source, target))
        if target.id == self.graph.loss:
            head: Line = (gradient(wrt.text, unicode),)
        else:
            head = local(out, wrt, unicode)
        name = of_edge(self.scene.session.recording, rules, edge, self.cell - 1, unicode) if rules is not None else ()
        return head, () if _is_number(plain(name)) else name

    def _table(self, kept: tuple[Path, ...], folded: list[list[Factor]], texts: PrintedSum, first: int) -> list[Line]:
        made = []
        for n, (path, factors, (cells, product, _)) in enumerate(zip(kept, folded, texts.rows, strict=False)):
            here = first + n == self.row
            spans: list[Span] = [Span(" ◀ ", "chip-backward") if here else Span("   ")]
            spans.append(Span(f"{first + n + 1:<{NUMBER}}", "text bold" if here else "text"))
            for k, (factor, text) in enumerate(zip(factors, cells, strict=False)):
                picked = here and factor.at <= self.column < factor.at + len(factor.edges)
                last = len(factor.edges) == 1 and factor.edges[0].target == (self.graph.loss, 0)
                style = ("gradient" if last else "text") + (" bold" if here else "") + (" underline" if picked else "")
                blank = Span(" " * max(0, self.cell - 2 - len(text)))
                sign = "=" if k + 1 == len(factors) else "×"
                spans += [blank, shown(text, factor.local, style), Span(f" {sign}", "dim")]
            spans.append(Span(" " * max(0, self._edge() - PRODUCT - length(spans))))
            spans.append(shown(product, path.product, f"gradient{' bold' if here else ''}", PRODUCT))
            made.append(under(fit(spans, self.width), "on-cursor") if here else tuple(spans))
        return made

    def _edge(self) -> int:
        """The column after the products."""
        widest = max((len(self._folded(path)) for path in self.paths), default=1)
        return min(self.width - 4, GUTTER + NUMBER + self.cell * widest + PRODUCT)

    def _sums(self, texts: PrintedSum, shown_: int) -> list[Line]:
        """The others, the sum, and the gradient beside it."""
        made, rows = self.made, []
        if made.count > shown_:
            more = path_lines.count(made.count - shown_)
            rows.append(self._sum_row(line((f"and {more} more", "dim")), Span(texts.rows[-1][1], "gradient")))
        edge = self._edge()
        if made.count > 1:
            rows.append(line(" " * (edge - PRODUCT + 1), ("─" * (PRODUCT - 1), "rule")))
            sign = "" if texts.sign == "=" else "≈ "
            total = shown(sign + texts.total, made.sum, "gradient bold")
            rows.append(self._sum_row(line((path_lines.adds(made), "dim")), total))
        name = Span(f"∂L/∂{made.node.name}{numbers.index(made.element)}", "gradient")
        mark = {True: Span("  ✓", "ok"), False: Span(" FAIL", "fail reverse"), None: Span("")}[made.equal]
        total_text = texts.total if made.count > 1 else texts.rows[0][1]
        text = numbers.NOT_YET if made.gradient is None else path_lines.beside(made, total_text)
        said = line(("the gradient ", "dim"), name)
        if length(said) + 1 + length((Span(text),)) > edge - GUTTER:  # of few factors, in a narrow table
            said = (name,)
        rows.append((*self._sum_row(said, shown(text, made.gradient, "gradient")), mark))
        return rows

    def _sum_row(self, said: Line, number: Span) -> Line:
        room = max(0, self._edge() - GUTTER)
        return (Span(" " * GUTTER), *between(said, (Span(" "), number), room))

    # ------------------------------------------------------------------------------------------------- below
    def _below(self, texts: PrintedSum) -> list[Line]:
        """What all of them share, and the chosen path as one line for a room."""
        rows: list[Line] = []
        said: list[Line] = []
        common = path_lines.shared(self.made, texts)
        moved = path_lines.through(self.graph, self.path.edges)
        said += [common] if common else []
        if (rules := self.scene.rules) is not None:
            written = chain(self.scene.session.recording, rules, self.made, self.path, self.scene.options.unicode)
            said += [written] if written else []
        said += [line((path_lines.moves(moved), "dim"))] if moved else []
        for text in said:
            rows += wrap((Span(" " * GUTTER), *text), self.width, GUTTER)
        return rows


def _is_number(text: str) -> bool:
    """Is a factor's form a number, which stands below it anyway?"""
    try:
        float(text.replace(numbers.HIDDEN, "0"))
    except ValueError:
        return False
    return True
