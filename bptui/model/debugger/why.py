"""why: where a number comes from, what computes it, and what its gradient is the sum of; why that is zero or absent."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base import arithmetic, numbers
from bptui.model.base.crosstab import Crosstab, crosstab
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger import locations
from bptui.model.debugger.contributions import total
from bptui.model.debugger.explained import (
    Cell,
    Explained,
    Head,
    Of,
    Row,
    gradient_of,
    heading,
    label,
    percent,
    value_of,
)
from bptui.model.debugger.known import kept
from bptui.model.debugger.lines import extent, kind
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import Answer, Index
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.timeline import Phase

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

GIVEN = {
    "param": "a parameter: the update changes it",
    "const": "a constant of the formula",
    "random": "drawn anew at each training step",
    "state": "carried from training step to training step, not trained",
}
UNUSED = "what reads the tensor does not use this number"
"""Why a gradient of an element is 0 that no consumer depends on: a slice leaves it out, a loss ignores its label."""
ROWS = 8
"""Terms that are told one by one in text."""
_GRADIENT = re.compile(
    r"(?P<of>grad|value|∂L/∂)\s*\(?\s*(?P<inside>[^()]+?)\s*\)?(?P<after>\[[^\]]*\])?"
    r"|(?P<name>[^\[\]()]+)(?P<at>\[[^\]]*\])?\.grad(?P<then>\[[^\]]*\])?"
)


class Asked(NamedTuple):
    """An element, and which of its numbers is asked about; both where neither was said."""

    node: Node
    element: Index
    of: Of | None


def asked(session: Session, text: str, where: str = "why") -> Asked:
    """What `why` is asked about: `a[0,1]`, `grad(a[0,1])`, `value(a[0,1])`; of no name the number that stopped being
    finite at this Moment, where there is one and nothing else was selected, else the selected one. UserError, of the
    command `where`, for what is not there."""
    if text:
        matched = _GRADIENT.fullmatch(text.strip())
        if matched is not None:
            name, at = (matched["inside"] or matched["name"]), matched["after"] or matched["at"] or matched["then"]
            text = name + (at or "")
        node, found = locations.element(session.graph, text, where)
        at = session.element_of(node) if found is None else found
        return Asked(node, at, None if matched is None else "value" if matched["of"] == "value" else "gradient")
    finding = found_here(session)
    return Asked(session.node, session.element, None) if finding is None else finding[1]


def found_here(session: Session) -> tuple[str, Asked] | None:
    """What is wrong at this Moment, as long as nothing else was selected at it, and the number that it is about: NaN or
    inf that arises here, or the chosen finding of the diagnosis, where one has gone to it."""
    finding, chosen = session.finding, session.chosen_finding
    if finding is not None:
        of: Of = "value" if finding.position is None else "gradient"
        return finding.text, Asked(session.source(finding), finding.at, of)
    if chosen is None or not session.selection.at_finding or session.selection.pinned is not None:
        return None
    node = session.graph.by_name.get(chosen.node)
    place = chosen.training_step * session.walk.length + session.branch.place_of(chosen)
    if node is None or session.stop != place:
        return None
    at = chosen.element if chosen.element is not None else session.element_of(node)
    return chosen.text, Asked(
        node, locations.fit(at, node.shape), "gradient" if chosen.phase == "backward" else "value"
    )


def chosen(session: Session, text: str) -> Asked:
    """The same with one of the two numbers: the gradient from the backward pass on, where any of it is there."""
    about = asked(session, text)
    if about.of is not None:
        return about
    arrived = session.state.gradient(about.node).arrived > 0 or session.cursor.phase != "forward"
    reaches = about.node.wants_grad and not unreached(session.graph, about.node)
    return about._replace(of="gradient" if arrived and reaches else "value")


def explained(session: Session, about: Asked, now: bool = True) -> Explained | None:
    """The table of one number; None where there is none (not computed yet, absent, the seed). Raises NotRecorded, and
    Later where it takes long and is not wanted `now`."""
    node, element, of = about
    recording, graph, work = session.recording, session.graph, math.prod(node.shape)
    if 0 in node.shape:
        return None
    if of == "value":
        if session.state.value(node) is None:
            return None
        work += sum(math.prod(graph.nodes[i].shape) for i in node.inputs)
        key: Hashable = ("value", node.id, element)
        return kept(recording, key, lambda: value_of(recording, node.id, element), now, work)
    gradient = session.state.gradient(node)
    if not gradient.arrived or node.id == graph.loss:
        return None
    waiting = frozenset((a.consumer, a.position) for a in session.timeline.arrivals(node.id)[gradient.arrived :])
    for i, _ in graph.consumers[node.id]:
        work += math.prod(graph.nodes[i].shape) + sum(math.prod(graph.nodes[k].shape) for k in graph.nodes[i].inputs)
    key, samples = ("gradient", node.id, element, waiting), session.network.samples
    return kept(recording, key, lambda: gradient_of(recording, node.id, element, waiting, samples), now, work)


def producer(session: Session, answer: Answer) -> Reply:
    """Go to where the chosen number of the answer was made: the Moment, and the element there; the answer stays open
    and explains that one."""
    found = explained(session, chosen(session, answer.text))
    maker = found.producer(answer.row, answer.column) if found is not None else None
    if found is None or maker is None:
        return say("nothing made it: it is given", ok=False)
    node = session.graph.nodes[maker.node]
    phase: Phase = "forward" if maker.of == "value" else "backward"
    stops = locations.stops_of(node, session.walk, session.cursor.step, phase)
    reply = session.move(stops[-1]) if stops else Reply()
    selected = session.select(node, maker.element)
    word = "value" if maker.of == "value" else "grad"
    session.view.show(Answer("why", f"{word}({node.name}{numbers.index(maker.element)})"))
    return reply if stops else selected


def why(session: Session, text: str) -> Reply:
    """What computes a number, and what its gradient is the sum of."""
    node, at, of = about = asked(session, text)
    finding = None if text else found_here(session)
    value = [_value(session, node, at), *_origin(session, node), *_terms(session, about._replace(of="value"))]
    gradient = _gradient(session, about._replace(of="gradient"))
    session.view.show(Answer("why", text or _other(session)))
    if finding is not None:
        title = line((finding[0], "fail"))
        both = (*gradient, *value) if of == "gradient" else (*value, *gradient)
        return _seen(title, *both)
    return _seen(*gradient) if of == "gradient" else _seen(*value, *gradient)


def _other(session: Session) -> str:
    """Asked once more about the selected number: its other number, the value for the gradient."""
    answer = session.view.answer
    if answer is None or answer.panel != "why" or answer.text:
        return ""
    node, at, of = chosen(session, "")
    return f"{'value' if of == 'gradient' else 'grad'}({node.name}{numbers.index(at)})"


def _seen(*lines: Line) -> Reply:
    return Reply(tuple(lines), seen=True)


# ------------------------------------------------------------------------------------------------------------- values
def _value(session: Session, node: Node, at: Index) -> Line:
    value = session.state.value(node)
    shown = numbers.significant(None if value is None or not value.size else float(value[at]))
    note = "  not computed yet" if value is None else ""
    return line((f"{node.name}{numbers.index(at)}", "bold"), " = ", (shown, kind(node)), (note, "dim"))


def _origin(session: Session, node: Node) -> list[Line]:
    if node.op is None:
        return [line("  ", given(session.graph, node))]
    names = ", ".join(session.graph.nodes[i].name for i in node.inputs)
    moment = locations.stops_of(node, session.walk, 0, "forward")[0] + 1
    rows = [line("  computed by ", (node.op.name, "bold"), f" from {names}  ", (f"moment {moment}", "dim"))]
    for i in dict.fromkeys(node.inputs):
        source = session.graph.nodes[i]
        value = session.state.value(source)
        if value is not None:
            rows.append(line(f"    {source.name} {numbers.shape(source.shape)}  ", *extent(value, kind(source))))
    return rows


def given(graph: Graph, node: Node) -> str:
    """What a leaf is: `a parameter: the update changes it`."""
    lost = unreached(graph, node) if node.role == "param" else ""
    return f"a parameter that {lost}" if lost else GIVEN.get(node.role, "given with the data")


def _terms(session: Session, about: Asked) -> list[Line]:
    """The terms of a value, largest first, as equations that add up."""
    try:
        found = explained(session, about)
    except NotRecorded as missing:
        return [line("  ", (str(missing), "dim"))]
    if found is None or found.relation == "none" or not found.rows:
        return []
    return [*(line("  ", *row) for row in term_lines(found, ROWS)), *skips(found)]


def term_lines(found: Explained, most: int) -> list[Line]:
    """A line for each of the largest terms of a value: `[1]  x[1,1] × W[1,3] = 1 × 0.5607 = 0.5607  65%`."""
    if found.relation in ("formula", "choice"):
        more = found.rest[0]
        what = "the first of the largest" if found.relation == "choice" and more else "made of"
        cells = [cell for cell in found.rows[0].cells if cell is not None]
        told = [line("  ", *cell.shown, " = ", (numbers.significant(cell.number), "value")) for cell in cells]
        return [line((f"{what} ", "dim"), *(span for row in told for span in row[1:]))] if len(told) == 1 else told
    rows = found.rows[:most]
    texts, width = printed_terms(found, rows), max([4, *(len(label(row)) for row in rows)])
    made = []
    for row, (factors, product, _) in zip(rows, texts.rows, strict=False):
        head, share = f"{label(row):>{width}}  ", f"  {percent(found.share(row.sum))}"
        if found.relation == "product":
            head = share = ""
        made.append(line((head, "dim"), *product_of(row, factors, product), (share, "dim")))
    count = found.rest[0] + len(found.rows) - len(rows)
    if count:
        made.append(line((f"{'':{width}}  and {count:,} more  ", "dim"), (texts.rows[-1][1], "value")))
    if len(made) > 1:
        sign = "" if texts.sign == "=" else f"{texts.sign} "
        made.append(line((f"{'':{width}}  together  ", "dim"), (f"{sign}{texts.total}", "value")))
    return made


def printed_terms(found: Explained, rows: tuple[Row, ...], room: int | None = None) -> arithmetic.PrintedSum:
    """The texts of the terms, of the rest as one more, and of what they come to."""
    head, running = [], 0.0
    for row in rows:
        running += row.sum
        factors = tuple(cell.number for cell in row.cells if cell is not None)
        sign = -1.0 if math.prod(factors) * row.sum < 0 else 1.0
        head.append(arithmetic.Row((sign * factors[0], *factors[1:]) if factors else (row.sum,), row.sum, running))
    rest = found.rest[1] + math.fsum(row.sum for row in found.rows[len(rows) :])
    if found.rest[0] + len(found.rows) > len(rows):
        head.append(arithmetic.Row((rest,), rest, running + rest))
    number = found.number if found.number is not None else running + rest
    return arithmetic.printed_sum(arithmetic.Sum(head, (), (), number), numbers.significant, room)


def product_of(row: Row, factors: tuple[str, ...], product: str) -> Line:
    """`x[1,1] × W[1,3] = 1 × 0.5607 = 0.5607`."""
    cells = [cell for cell in row.cells if cell is not None]
    names: list[Span] = []
    for n, cell in enumerate(cells):
        names += [*([Span(" × ")] if n else []), *cell.shown]
    if len(cells) == 1:
        minus = [Span("-")] if cells[0].number * row.sum < 0 else []
        return line(*minus, *names, " = ", (product, "value"))
    return line(*names, " = ", " × ".join(factors), " = ", (product, "value"))


# ---------------------------------------------------------------------------------------------------------- gradients
def _gradient(session: Session, about: Asked) -> list[Line]:
    node, at, _ = about
    gone = absent(session, node)
    if gone:
        return [line("  ", (gone, "dim"))] if node.role != "param" or not unreached(session.graph, node) else []
    gradient = session.state.gradient(node)
    title = f"  ∂L/∂{node.name}{numbers.index(at)} "
    waiting = [
        line(f"    {numbers.NOT_YET}  from {session.graph.nodes[i].name}, not yet")
        for i, position in session.graph.consumers[node.id]
        if (i, position) not in {(part.consumer, part.position) for part in session.state.arrived(node)}
    ]
    if not gradient.arrived or node.id == session.graph.loss:
        shown = "" if gradient.array is None else numbers.significant(float(gradient.array[at]))
        rows = [line(title, "= ", (shown or numbers.NOT_YET, "gradient"))]
        if node.id == session.graph.loss:
            return [*rows, line("    the seed: ∂L/∂L = 1")] if gradient.arrived else [*rows, line("    not yet")]
        return [*rows, *waiting]
    try:
        found = explained(session, about)
    except NotRecorded as missing:
        return [*_recorded(session, node, at, title), line("    ", (str(missing), "dim"))]
    assert found is not None
    if not found.rows:
        return [line(title, "= ", ("0", "gradient")), line("    ", (UNUSED, "dim"))]
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    texts = table_texts(found, found.rows[:ROWS])
    alone = len(found.rows) == len(found.heads) == 1
    shown = numbers.significant(found.number, 5) if texts.power else texts.total
    unit = f"  below in units of 1e{texts.power}" if texts.power and not alone else ""
    rows = [
        line(title, f"{texts.sign} ", (shown + ("" if gradient.final else "…"), "gradient"), (unit, "dim"),
             (partial, "kink"))
    ]  # fmt: skip
    return [*rows, *(line("    ", *row) for row in table_lines(found, texts)), *waiting, *reasons(found), *skips(found)]


def _recorded(session: Session, node: Node, at: Index, title: str) -> list[Line]:
    """A gradient and its contributions as they were recorded, of what cannot be taken apart."""
    gradient = session.state.gradient(node)
    total = None if gradient.array is None else float(gradient.array[at])
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    shown = numbers.significant(total) + ("" if gradient.final else "…")
    rows = [line(title, "= ", (shown, "gradient"), (partial, "kink"))]
    for part in session.state.arrived(node):
        text = "not recorded" if part.array is None else numbers.significant(float(part.array[at]))
        rows.append(line("    ", (text, "gradient"), f"  from {session.graph.nodes[part.consumer].name}"))
    return rows


def table_texts(found: Explained, rows: tuple[Row, ...], room: int = 12) -> Crosstab:
    """The numbers of a gradient's table: of the rows that are told, and of the others as one row."""
    cells = [[None if cell is None else cell.number for cell in row.cells] for row in rows]
    others = found.rows[len(rows) :]
    if others:
        columns = range(len(found.heads))
        known = [[row.cells[n] for row in others] for n in columns]
        cells.append([total([cell.number for cell in column if cell is not None]) for column in known])
    return crosstab(cells, found.number, room)


def factors_of(upstream: float, local: float, product: float) -> tuple[Sequence[str], str]:
    """The texts of upstream × local derivative = product, and the sign between; NaN and inf as they are."""
    three = upstream, local, product
    texts = [numbers.significant(x, 4) for x in three]
    return arithmetic.product(three, texts) if all(map(math.isfinite, three)) else (texts, "=")


def _not_finite(cell: Cell | None) -> Line:
    """`  -0.5000 × inf`: the factors of a contribution that is NaN or inf, upstream first."""
    if cell is None or cell.product is None or math.isfinite(cell.number):
        return ()
    (up, by, _), _ = factors_of(*cell.product, cell.number)
    return line((f"  upstream {up} × local {by}", "dim"))


def table_lines(found: Explained, texts: Crosstab) -> list[Line]:
    """A gradient's table: samples down, consumers across, sums on both sides; of one row, a line for each consumer."""
    if len(found.rows) == 1:
        single = list(texts.cells[0])
        if len(single) == 1 and texts.power:
            single = [numbers.significant(found.rows[0].sum, 5)]
        each = zip(single, found.heads, found.rows[0].cells, strict=True)
        return [
            line((f"{text:>9}", "gradient"), f"  from {_from(head)}", *_not_finite(cell))
            for n, (text, head, cell) in enumerate(each)
            if n not in found.waiting
        ]
    several = len(found.heads) > 1
    heads = [
        found.index,
        *("".join(s.text for s in heading(head)) for head in found.heads),
        *["sum"] * several,
        "share",
    ]
    count = len(found.rows) - (len(texts.rows) - 1)
    labels = [label(row) for row in found.rows[: len(texts.rows)]]
    if len(found.rows) > len(texts.rows):
        labels[-1] = f"{count:,} more"
    made = [heads]
    for n, (name, cells, whole) in enumerate(zip(labels, texts.cells, texts.rows, strict=True)):
        told = [_cell(found, n, k, text) for k, text in enumerate(cells)]
        rest = n == len(labels) - 1 and len(found.rows) > len(texts.rows)
        share = "" if rest else percent(found.share(found.rows[n].sum))
        made.append([name, *told, *[whole] * several, share])
    made.append(["sum", *texts.columns, *[texts.total] * several, ""])
    widths = [max(len(row[n]) for row in made) for n in range(len(heads))]
    lines = []
    for n, row in enumerate(made):
        style = "dim" if n == 0 else "gradient bold" if n == len(made) - 1 else "gradient"
        first = Span(f"{row[0]:<{widths[0]}}", "dim")
        lines.append(line(first, *((f"  {text:>{widths[k + 1]}}", style) for k, text in enumerate(row[1:]))))
    return lines


def _cell(found: Explained, row: int, column: int, text: str) -> str:
    """A number of the table; nothing where a consumer has nothing in that row."""
    waits = column in found.waiting or row >= len(found.rows) or found.rows[row].cells[column] is not None
    return text if waits else ""


def _from(head: Head) -> str:
    """`p (through t2)`."""
    through = ", ".join(node.name for node in head.through)
    return f"{head.consumer.name} (through {through})" if through else head.consumer.name


def reasons(found: Explained) -> list[Line]:
    """Why rows are 0, those of one reason together; why all of it is."""
    groups: dict[str, list[str]] = {}
    for row in found.rows:
        if row.zero:
            groups.setdefault(row.zero, []).append(label(row))
    said = []
    for reason, labels in groups.items():
        shown = ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
        verb = "adds" if len(labels) == 1 else "add"
        said.append(line("    ", (f"{shown} {verb} 0: " if shown else "0: ", "dim"), reason))
    if found.number == 0 and any(cell is not None and cell.number != 0 for row in found.rows for cell in row.cells):
        said.append(line("    ", ("what they add cancels", "dim")))
    return said


def skips(found: Explained) -> list[Line]:
    """`t2 (transpose) only moves it`."""
    if not found.skipped:
        return []
    names = ", ".join(f"{node.name} ({node.op.name})" for node in found.skipped if node.op is not None)
    verb = "moves" if len(found.skipped) == 1 else "move"
    return [line("    ", (f"{names} only {verb} it", "dim"))]


# ------------------------------------------------------------------------------------------------------------- absent
def absent(session: Session, node: Node) -> str:
    """Why a gradient is not there at all, "" where it is, or will be."""
    lost = unreached(session.graph, node)
    if lost:
        return f"it {lost}"
    if 0 in node.shape:
        return "it has no elements"
    if not session.state.gradient(node).total and node.id != session.graph.loss:
        what = "it is given, and nobody asked for its gradient"
        if node.whole:
            what = "it has whole numbers, which have no gradient"
        elif node.role in ("const", "random", "state"):
            what = f"it is {GIVEN[node.role]}: it has no gradient"
        return what if node.op is None else "it has no gradient"
    return ""


def unreached(graph: Graph, node: Node) -> str:
    """Why a change of a node's numbers does not reach the loss, as `does not reach the loss: …`; "" where it does, and
    for whole numbers, which have no gradient anyway."""
    if node.whole:
        return ""
    moved = {graph.loss}
    for each in reversed(graph.ops):
        if each.op is not None and each.id in moved:
            moved.update(source for i, source in enumerate(each.inputs) if each.op.differentiable(i))
    if node.id in moved:
        return ""
    after = {node.id: node}
    for each in graph.ops:
        if not after.keys().isdisjoint(each.inputs):
            after[each.id] = each
    blocks = [each.name for each in after.values() if each.id in moved and each is not node]
    if blocks:
        return f"does not reach the loss: {blocks[0]} passes no gradient on to it"
    ends = [each.name for each in after.values() if each is not node and not graph.consumers[each.id]]
    where = f"it ends in {', '.join(ends[:3])}, which nothing uses" if ends else "nothing uses it"
    return f"does not reach the loss: {where}"
