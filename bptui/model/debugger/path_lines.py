"""The paths of a number in words and numbers, as they are printed: products that come out, a sum that adds up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bptui.model.base import arithmetic, numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import why
from bptui.model.debugger.lines import kind
from bptui.model.debugger.paths import Edge, Path, Paths, Vertex, paths
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.zeros import unravel
from bptui.model.engine.graph import Graph
from bptui.model.engine.recording import NotRecorded

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MANY = 10**6
"""From here on a count is told as a power of ten."""


def found(session: Session, text: str) -> Paths | str:
    """The paths that are asked for: of `w[0,1]`, or of the selected element; or why there are none. UserError where
    something of them was not recorded, or they are too many."""
    node, element, _ = why.asked(session, text, "paths")
    gone = why.absent(session, node) if node.id != session.graph.loss else ""
    if gone:
        return f"{node.name} has no path to the loss: {gone}"
    try:
        return paths(session.recording, node, element, session.progress.tick)
    except NotRecorded as missing:
        raise UserError("paths", str(missing)) from None


def tell(session: Session, text: str) -> Reply:
    """The largest paths, one a line, their sum, and whether that is the gradient."""
    made = found(session, text)
    if isinstance(made, str):
        return say(made, ok=False)
    return Reply(tuple(told(session.graph, made)), seen=True)


def told(graph: Graph, made: Paths) -> list[Line]:
    """All that is said of the paths of a number."""
    texts = printed(made)
    name = f"{made.node.name}{numbers.index(made.element)}"
    rows = [line((count_text(made), "bold"), f" from {name} to the loss")]
    for n, (path, (factors, product, _)) in enumerate(zip(made.best, texts.rows, strict=False), 1):
        rows.append(line((f"  {n}  ", "dim"), " × ".join(factors) or "1", " = ", (product, "gradient")))
        rows.append(line("     ", *way(graph, path)))
    rows += [line("  ", *row) for row in summary(made, texts)]
    return rows


def summary(made: Paths, texts: arithmetic.PrintedSum) -> list[Line]:
    """The rest, the sum, the gradient beside it, what is shared."""
    rows, shown = [], len(made.best)
    if made.count > shown:
        left = count(made.count - shown)
        rows.append(line((f"and {left} more  ", "dim"), (texts.rows[-1][1], "gradient")))
    if made.count > 1:
        rows.append(line(f"{adds(made)}  ", (_sign(texts) + texts.total, "gradient bold")))
    gradient = numbers.NOT_YET if made.gradient is None else beside(made, texts.total)
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


def printed(made: Paths) -> arithmetic.PrintedSum:
    """The texts of the factors and products of the best paths, of the rest as one more, and of the sum."""
    head, running = [], 0.0
    for path in made.best:
        running += path.product
        factors = tuple(edge.local for edge in path.factors) or (1.0,)
        head.append(arithmetic.Row(factors, path.product, running))
    if made.count > len(made.best):
        head.append(arithmetic.Row((made.rest,), made.rest, running + made.rest))
    return arithmetic.printed_sum(arithmetic.Sum(head, (), (), made.sum), usual, decimals=None)


def usual(x: float) -> str:
    """A factor or product to begin with: four decimals, as everywhere, or as many digits."""
    return numbers.field(x, 12).strip() if x and 1e-2 <= abs(x) < 1e4 else numbers.significant(x, 4)


def beside(made: Paths, total: str) -> str:
    """The gradient in the digits of the sum."""
    assert made.gradient is not None
    if not math.isfinite(made.gradient) or total in ("0", "NaN", "inf", "-inf") or "e" in total:
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
    spans: list[Span] = []
    for edge in path.factors:
        node = graph.nodes[edge.target[0]]
        spans += [*([Span(" → ", "dim")] if spans else []), Span(vertex(graph, edge.target), kind(node))]
    return tuple(spans)


def vertex(graph: Graph, at: Vertex) -> str:
    """`layer1.z[0,1]`."""
    node = graph.nodes[at[0]]
    return f"{node.name}{numbers.index(unravel(at[1], node.shape))}"


def through(graph: Graph, edges: tuple[Edge, ...]) -> list[str]:
    """The names of the operations on a way that only move the number."""
    return list(dict.fromkeys(graph.nodes[edge.target[0]].name for edge in edges if edge.moves))
