"""The card of a composite: layer_norm, conv2d, an LSTM's cell … as one operation with its parts' formulas.

Forward: what goes in, which parts have been computed, what comes out. Backward: ∂L/∂output that comes in, and what all
of its parts together pass on to each input. Nothing of it is a formula of its own: it is what its parts say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bptui.model import numbers
from bptui.model.folds import Fold
from bptui.model.graph import Node
from bptui.model.places import fit
from bptui.model.spans import Line, Span, line
from bptui.model.state import State
from bptui.symbolic.card.forward import definition_line, names_of
from bptui.symbolic.card.names import gradient, kind
from bptui.symbolic.card.reading import Index, Reading
from bptui.symbolic.printing import merge, number
from bptui.symbolic.types import Card, CheckRow, Formula, Verdict

WORST: tuple[Verdict, ...] = ("FAIL", "KINK", "ok", "n/a", "skipped")


def whole(state: State, fold: Fold, element: Index, unicode: bool = True, checks: tuple[CheckRow, ...] = ()) -> Card:
    """The card of a composite at the state's Moment. `element` is one of its result; of a part, the nearest one.

    rules   a row per part: its name, its formula, its number at the element (at a backward Moment ∂L/∂part)
    lines   the numbers that go in and come out
    extra   `parts`: their names; `at`: which of them this Moment is about, None for none of them
    """
    graph, result = state.recording.graph, fold.result
    back = state.moment.phase != "forward"
    rules: list[tuple[Line, Line, Line]] = []
    formulas: list[Formula] = []
    for part in fold.parts:
        reading = Reading(state.recording, part)
        names = names_of(graph, reading, unicode)
        rules.append(
            (
                line((_label(part, fold), "dim")),
                definition_line(reading, names, unicode),
                _short(state, part, element, back),
            )
        )
        formulas += [Formula(part.label, s.target, s.value, names) for s in reading.statements[-1:]]
    here = state.node.id
    at = next((n for n, part in enumerate(fold.parts) if part.id == here), None)
    ends = _backward(state, fold, element, unicode) if back else _forward(state, fold, element)
    return Card(
        title=_title(fold),
        shape=numbers.shape(result.shape),
        element=numbers.index(element),
        definition=(),
        rules=tuple(rules),
        lines=tuple(ends),
        checks=checks,
        formulas=tuple(formulas),
        extra={
            "phase": state.moment.phase,
            "node": result.name,
            "fold": fold.kind,
            "parts": tuple(part.name for part in fold.parts),
            "at": at,
        },
    )


def _title(fold: Fold) -> Line:
    """`h = layer_norm(x, g, b)`."""
    spans = [Span(fold.result.name, "value bold"), Span(" = "), Span(f"{fold.kind}(", "bold")]
    for n, source in enumerate(fold.inputs):
        style = kind(source)
        spans += [*([Span(", ", "bold")] if n else [])]
        spans.append(Span(source.name, style if style == "text" else f"{style} bold"))
    return merge([*spans, Span(")", "bold")])


def _label(part: Node, fold: Fold) -> str:
    """A part's name inside of its composite; the last one's is the composite's own."""
    name, own = part.name, f"{fold.result.name}."
    return name[len(own) :] if name.startswith(own) else part.label.rpartition(".")[2]


def _number(state: State, node: Node, element: Index, back: bool) -> tuple[float | None, str]:
    """(the number of a value or gradient as far as it is known, what is missing of it)."""
    at = fit(element, node.shape)
    if not back:
        value = state.value(node)
        return (None, "") if value is None or not value.size else (float(value[at]), "")
    found = state.gradient(node)
    if found.array is None or not found.array.size or not found.arrived:
        return None, ""
    return float(found.array[at]), "" if found.final else f"{found.arrived} of {found.total} in"


def _short(state: State, node: Node, element: Index, back: bool) -> Line:
    """`0.5100`, with its index where that is not the card's."""
    value, missing = _number(state, node, element, back)
    at = fit(element, node.shape)
    place = [Span(f"{numbers.index(at)} ", "dim")] if at != element else []
    style = "gradient" if back else kind(node)
    said = [Span(f"{missing} ", "kink")] if missing else []
    return merge([*said, *place, Span(numbers.NOT_YET if value is None else number(value), style)])


def _told(shown: Span, at: Index, value: float | None, missing: str = "") -> Line:
    """`z[0,1] = 0.5100`."""
    text = numbers.NOT_YET if value is None else number(value)
    said = [Span(f"{shown.text}{numbers.index(at)}", shown.style), Span(" = "), Span(text, shown.style)]
    return merge([*said, Span(f"  {missing}", "kink")]) if missing else merge(said)


def _forward(state: State, fold: Fold, element: Index) -> Iterable[tuple[Line, Line]]:
    for n, source in enumerate(fold.inputs):
        at = fit(element, source.shape)
        value = state.value(source)
        told = None if value is None or not value.size else float(value[at])
        yield line(("in" if n == 0 else "", "dim")), _told(Span(source.name, kind(source)), at, told)
    result = fold.result
    value = state.value(result)
    told = None if value is None or not value.size else float(value[element])
    yield line(("out", "dim")), _told(Span(result.name, "value bold"), element, told)


def _backward(state: State, fold: Fold, element: Index, unicode: bool) -> Iterable[tuple[Line, Line]]:
    """∂L/∂result, then for each input what the parts add to its gradient."""
    graph, result = state.recording.graph, fold.result
    value, missing = _number(state, result, element, True)
    yield line(("upstream", "dim")), _told(gradient(result.name, unicode), element, value, missing)
    own = {part.id for part in fold.parts}
    first = True
    for source in fold.inputs:
        total = [pair for pair in graph.consumers[source.id] if pair[0] in own]
        if not total:
            continue
        at = fit(element, source.shape)
        came = [part.array for part in state.arrived(source) if part.consumer in own]
        told = float(np.sum([array[at] for array in came])) if came and came[0].size else None
        missing = f"{len(came)} of {len(total)} in" if 0 < len(came) < len(total) else ""
        shown = gradient(source.name, unicode)
        yield line(("downstream" if first else "", "dim")), _told(shown, at, told, missing)
        first = False


def part_of(fold: Fold | None, node: Node) -> str:
    """`part 3 of 9 of layer_norm`; nothing for what stands for itself."""
    return "" if fold is None else f"part {fold.place(node) + 1} of {len(fold.parts)} of {fold.kind}"


def summed(rows: Mapping[str, Sequence[CheckRow]], fold: Fold, back: bool) -> tuple[CheckRow, ...]:
    """The checks of all parts (rows by the part's name) as one row for each kind: its worst verdict, how many
    agree, and in which part the worst is. Forward: those of the values; backward: those of the derivatives."""
    kinds: dict[str, list[CheckRow]] = {}
    for part in fold.parts:
        for row in rows.get(part.name, ()):
            if bool(row.input) == back:
                kinds.setdefault(row.row, []).append(row)
    made = []
    for found in kinds.values():
        worst = min(found, key=lambda row: WORST.index(row.verdict))
        agree = sum(row.verdict == "ok" for row in found)
        missing = len(fold.parts) - sum(part.name in rows for part in fold.parts)
        note = f"{agree} of {len(found)} agree" + (f", {missing} parts to come" if missing else "")
        if worst.verdict in ("FAIL", "KINK"):
            note += f"; {worst.node}: {worst.note}" if worst.note else f"; {worst.node}"
        made.append(
            CheckRow(
                fold.result.name, fold.kind, worst.input, worst.row, worst.verdict, worst.error, worst.tolerance,
                worst.at, worst.got, worst.expected, note,
            )
        )  # fmt: skip
    return tuple(made)
