"""The paths of a number in words and numbers, as they are printed: products that come out, a sum that adds up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bptui.model.base import arithmetic, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.places import unravel
from bptui.model.base.spans import Line, Span, joined, line
from bptui.model.debugger import locations
from bptui.model.debugger.answers import why
from bptui.model.debugger.answers.kept import kept
from bptui.model.debugger.answers.no_gradient import absent
from bptui.model.debugger.answers.paths import Edge, Path, Paths, Vertex, between, paths
from bptui.model.debugger.hidden import covers
from bptui.model.debugger.lines import kind
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import Answer
from bptui.model.engine.graph import Graph
from bptui.model.engine.recording import NotRecorded

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

EACH = 200
"""How much work a number between an element and the loss is, in numbers that one goes over."""
MANY = 10**6
"""From here on a count is told as a power of ten."""


def paths_of(session: Session, text: str, now: bool = True) -> Paths | str:
    """The paths that are asked for: of `w[0,1]`, or of the selected element; or why there are none. UserError where
    something of them was not recorded, or they are too many; Later where it takes long and is not wanted `now`."""
    node, element, _ = why.asked(session, text, "paths")
    gone = absent(session, node) if node.id != session.graph.loss else ""
    if gone:
        return f"{node.name} has no path to the loss: {gone}"
    recording = session.recording

    def tick(part: float) -> None:
        session.progress.report(part, f"the paths of {node.name}")

    work = EACH * sum(math.prod(each.shape) for each in between(session.graph, node.id))
    try:
        made = kept(recording, ("paths", node.id, element), lambda: paths(recording, node, element, tick), now, work)
    except NotRecorded as missing:
        raise UserError("paths", str(missing)) from None
    if covers(session.hidden, node, "gradient", element):
        made = made.without_gradient()
    if not made.count:
        return f"{node.name}{numbers.index(element)} has no path to the loss: nothing that leads there depends on it"
    return made


def sorted_paths(made: Paths, order: int) -> tuple[Path, ...]:
    """The best paths: the largest first, or those that add most before those that take most away."""
    return made.best if order % 2 == 0 else tuple(sorted(made.best, key=lambda path: -path.product))


def producer(session: Session, answer: Answer) -> Reply:
    """Go to the element that the chosen factor of the chosen path leads to, where the backward pass comes to it."""
    made = paths_of(session, answer.text)
    if isinstance(made, str):
        return say(made, ok=False)
    rows = sorted_paths(made, answer.order)
    edges = rows[max(0, min(answer.row, len(rows) - 1))].factors
    if not edges:
        return say(f"{made.node.name} is the loss", ok=False)
    at = edges[max(0, min(answer.column, len(edges) - 1))].target
    node = session.graph.nodes[at[0]]
    reply = session.move(locations.stops_of(node, session.walk, session.cursor.step, "backward")[-1])
    session.select(node, unravel(at[1], node.shape))
    session.view.show(replace(answer, text=answer.text or f"{made.node.name}{numbers.index(made.element)}"))
    return reply


def tell(session: Session, text: str) -> Reply:
    """The largest paths, one a line, their sum, and whether that is the gradient."""
    made = paths_of(session, text)
    if isinstance(made, str):
        return say(made, ok=False)
    session.view.show(Answer("paths", text))
    return Reply(tuple(lines_of(session.graph, made)), seen=True)


def lines_of(graph: Graph, made: Paths) -> list[Line]:
    """All that is said of the paths of a number."""
    texts = printed(made)
    name = f"{made.node.name}{numbers.index(made.element)}"
    rows = [line((count_text(made), "bold"), f" from {name} to the loss")]
    for n, (path, (factors, product, _)) in enumerate(zip(made.best, texts.rows, strict=False), 1):
        rows.append(line((f"  {n}  ", "dim"), " × ".join(factors) or "1", " = ", (product, "gradient")))
        rows.append(line("     ", *way(graph, path)))
    moved = list(dict.fromkeys(name for path in made.best for name in through(graph, path.edges)))
    rows += [line("  ", *row) for row in summary(made, texts)]
    return [*rows, *([line(("  " + moves(moved), "dim"))] if moved else [])]


def moves(names: Sequence[str]) -> str:
    """`t2 only moves it`."""
    return f"{', '.join(names)} only {'moves' if len(names) == 1 else 'move'} it"


def summary(made: Paths, texts: arithmetic.PrintedSum) -> list[Line]:
    """The rest, the sum, the gradient beside it, what is shared."""
    rows, shown = [], len(made.best)
    if made.count > shown:
        left = count(made.count - shown)
        rows.append(line((f"and {left} more  ", "dim"), (texts.rows[-1][1], "gradient")))
    if made.count > 1:
        rows.append(line(f"{adds(made)}  ", (_sign(texts) + texts.total, "gradient bold")))
    total = texts.total if made.count > 1 else texts.rows[0][1]
    gradient = numbers.NOT_YET if made.gradient is None else beside(made, total)
    mark = {True: Span("  ✓", "ok"), False: Span("  FAIL", "fail reverse"), None: Span("")}[made.equal]
    name = f"∂L/∂{made.node.name}{numbers.index(made.element)}"
    rows.append(line("the gradient ", (name, "gradient"), f"  {gradient}", mark))
    return [*rows, *([] if not (common := shared(made, texts)) else [common])]


def shared(made: Paths, texts: arithmetic.PrintedSum) -> Line:
    """`They share 0.0500 × 0.2413: the backward pass multiplies that once.`; nothing where they share nothing."""
    common = [edge for edge in made.shared if not edge.moves]
    if made.count < 2 or not common:
        return ()
    factors = dict(zip(made.best[0].factors, texts.rows[0][0], strict=False))
    product = " × ".join(factors.get(edge) or numbers.significant(edge.local) for edge in common[:6])
    more = " × …" if len(common) > 6 else ""
    return line(f"They share {product}{more}: the backward pass multiplies that once.")


def printed(
    made: Paths, rows: Sequence[tuple[tuple[float, ...], float]] | None = None, room: int | None = None
) -> arithmetic.PrintedSum:
    """The texts of the factors and products of some paths (`rows`; of the best ones), of the others as one more row,
    and of the sum: four digits of the largest product."""
    if rows is None:
        rows = [(tuple(edge.local for edge in path.factors), path.product) for path in made.best]
    head, running = [], 0.0
    for factors, product in rows:
        running += product
        head.append(arithmetic.Row(factors or (1.0,), product, running))
    if made.count > len(rows):
        rest = made.sum - running if len(rows) < len(made.best) else made.rest
        head.append(arithmetic.Row((rest,), rest, running + rest))
    largest = max((abs(row.product) for row in head if math.isfinite(row.product)), default=0.0)
    decimals = max(0, 3 - math.floor(math.log10(largest))) if largest else numbers.DECIMALS
    return arithmetic.printed_sum(arithmetic.Sum(head, (), (), made.sum, made.eps), usual, room, decimals=decimals)


def in_numbers(factors: Sequence[str], product: str) -> Line:
    """`0.7414 · 0.1868 · 0.4000 = 0.0554`: a path as one line with its numbers, from the loss back, as `printed`."""
    told = [text for text in reversed(factors) if text == numbers.HIDDEN or float(text) != 1] or ["1"]
    spans = joined(Span(" · ", "dim"), ([Span(f"({text})" if text.startswith("-") else text)] for text in told))
    return (*spans, Span(" = "), Span(product, "gradient"))


def usual(x: float) -> str:
    """A factor or product to begin with: four decimals, as everywhere, or as many digits."""
    return numbers.field(x, 12).strip() if x and 1e-2 <= abs(x) < 1e4 else numbers.significant(x, 4)


def beside(made: Paths, total: str) -> str:
    """The gradient in the digits of the sum."""
    assert made.gradient is not None
    if not math.isfinite(made.gradient) or total in ("0", "NaN", "inf", "-inf", numbers.HIDDEN) or "e" in total:
        return total if made.equal else numbers.significant(made.gradient)
    text = f"{made.gradient:.{max(0, -arithmetic.last_place(total))}f}"
    return text if made.equal or text != total else numbers.significant(made.gradient, 17)


def adds(made: Paths) -> str:
    """`both paths add`."""
    words = "both paths add" if made.count == 2 else f"all {count(made.count)} add"
    zeros = f", {count(made.zeros)} of them 0" if made.zeros else ""
    return words + zeros


def count_text(made: Paths) -> str:
    """`2 paths`."""
    return f"{count(made.count)} {'path' if made.count == 1 else 'paths'}"


def count(number: int) -> str:
    """`1,032`; `3.2·10^12` of what nobody counts."""
    if number < MANY:
        return f"{number:,}"
    power = len(str(number)) - 1
    return f"{number // 10 ** (power - 1) / 10:.1f}·10^{power}"


def _sign(texts: arithmetic.PrintedSum) -> str:
    return "" if texts.sign == "=" else f"{texts.sign} "


def way(graph: Graph, path: Path) -> Line:
    """`layer1.z[0,0] → layer1.a[0,0] → loss`, without what only moves the number."""
    at = (edge.target for edge in path.factors)
    return joined(Span(" → ", "dim"), ([Span(vertex(graph, each), kind(graph.nodes[each[0]]))] for each in at))


def vertex(graph: Graph, at: Vertex) -> str:
    """`layer1.z[0,1]`."""
    node = graph.nodes[at[0]]
    return f"{node.name}{numbers.index(unravel(at[1], node.shape))}"


def through(graph: Graph, edges: tuple[Edge, ...]) -> list[str]:
    """The names of the operations on a way that only move the number."""
    return list(dict.fromkeys(graph.nodes[edge.target[0]].name for edge in edges if edge.moves))
