"""What `bptui diff` prints: lines for a reader, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bptui.model.base.numbers import index, just_apart, scientific, significant
from bptui.model.base.printable import one_line
from bptui.model.base.spans import COLOURS, Line, Span, line
from bptui.model.debugger.answers.export import jsonable
from bptui.model.debugger.diff.gaps import Gap
from bptui.model.debugger.diff.rows import Row
from bptui.model.debugger.diff.runs import Runs
from bptui.model.debugger.diff.why import Why, why
from bptui.model.engine.timeline import PHASES

FORMAT = 1
LISTED = 8
"""Rows that the report lists, from the last equal one on."""


def ratio(x: float | None) -> str:
    """How far apart: `3.1e-4`, `0`; `·` for what was not recorded."""
    if x is None:
        return "·"
    if x == 0 or x == float("inf"):
        return "0" if x == 0 else "inf"
    return significant(x, 2) if 0.01 <= x < 100 else scientific(x, 1)


def said(gap: Gap) -> str:
    """`3.1e-4 apart`, or why there is no such number."""
    return f"{ratio(gap.relative)} apart" if gap.shown else gap.note


def site(row: Row) -> str:
    """`model.py:57`; "" where there is no program."""
    at = row.call.site if row.call is not None else None
    return "" if at is None else one_line(f"{at.file.rpartition('/')[2]}:{at.line}")


def mark(gap: Gap | None, tolerance: float) -> tuple[str, str]:
    """The mark of a row and its style."""
    if gap is None or gap.relative is None:
        return "·", "dim"
    return ("≠", "kink") if gap.beyond(tolerance) else ("✓", "ok")


def losses(runs: Runs) -> tuple[str, str, bool]:
    """Both losses in digits that tell them apart, and whether they are equal within the tolerance."""
    a, b = runs.losses
    off = abs(a - b)
    same = a == b or (a != a and b != b) or off <= runs.tolerance.value * max(abs(a), abs(b))
    return (*just_apart(a, b), same)


def report(runs: Runs) -> Iterator[Line]:
    """For a reader: the verdict, the first row that is apart and why, the rows from the last equal one on."""
    first, total = runs.first, len(runs.rows)
    tolerance = runs.tolerance
    yield line((runs.a.name, "bold"), "  against  ", (runs.b.name, "bold"))
    yield line(("tolerance ", "dim"), (tolerance.text, "bold"), (f"  {tolerance.source}", "dim"))
    a, b, same = losses(runs)
    yield line(("loss      ", "dim"), (a, "value"), "  ", (b, "value"))
    if first is None:
        yield line(("✓ equal", "ok"), f"  {total:,} operations: {_counts(runs)}")
        yield from _unread(runs)
        yield _largest(runs)
        return
    yield line((f"≠ {runs.count:,}", "kink"), f" of {total:,} operations: {_counts(runs)}")
    yield from _unread(runs)
    row, found = runs.rows[first], why(runs, runs.rows[first])
    yield line("")
    yield line(("the first  ", "bold"), *_named(row))
    yield from (line("  ", span) for span in details(runs, row, runs.gap(first), found))
    if same:
        yield line("  the loss alone would not tell")
    yield line("")
    start = max(0, first - 1)
    shown = range(start, min(total, start + LISTED))
    rows = [runs.rows[i] for i in shown]
    widths = max(len(each.module) for each in rows), max(len(each.function) for each in rows)
    yield from (_listed(runs, i, widths) for i in shown)


def _largest(runs: Runs) -> Line:
    """Of runs that are equal within the tolerance: how far they are at the most."""
    i = runs.largest
    if i is None:
        return line(("  the same numbers in all of them", "dim"))
    gap = runs.gap(i)
    assert gap is not None
    return line((f"  at most {ratio(gap.relative)} apart: ", "dim"), *_named(runs.rows[i]))


def _counts(runs: Runs) -> str:
    """How many operations each phase has, and of how many runs that are apart differ there."""
    parts = []
    for phase in PHASES:
        rows = [i for i, row in enumerate(runs.rows) if row.phase == phase]
        apart = "" if runs.first is None else f"{sum(map(runs.apart, rows)):,} of "
        parts.append(f"{phase} {apart}{len(rows):,}")
    return ", ".join(parts)


def _unread(runs: Runs) -> Iterator[Line]:
    count = sum(gap is not None and gap.relative is None for gap in map(runs.gap, range(len(runs.rows))))
    if count:
        yield line((f"  {count:,} could not be compared: their numbers were not recorded", "dim"))


def _named(row: Row) -> Line:
    parts = [Span(f"{row.phase} {row.number}  "), Span(row.module or "-"), Span("  ")]
    return (*parts, Span(row.function, f"{COLOURS[row.phase]} bold"), Span(f"  {site(row)}".rstrip(), "dim"))


def details(runs: Runs, row: Row, gap: Gap | None, found: Why) -> Iterator[Span]:
    """How far apart a row is and where, why, its inputs that came in different, its settings that differ."""
    if gap is not None and gap.shown:
        a, b = just_apart(gap.a, gap.b)
        where = f" at {index(gap.at)}" if gap.at else f" {gap.note}" if gap.note else ""
        yield Span(f"{ratio(gap.relative)} apart{where}: a {a}, b {b}")
    elif gap is not None:
        yield Span(gap.note)
    yield Span(found.text)
    for each in found.inputs:
        yield Span(f"input {each.name}: {said(each.gap)}")
    for setting in found.settings:
        yield Span(f"{setting.name}: {setting.a} in a, {setting.b} in b")


def _listed(runs: Runs, i: int, widths: tuple[int, int]) -> Line:
    row, gap = runs.rows[i], runs.gap(i)
    glyph, style = mark(gap, runs.tolerance.value)
    amount = "" if gap is None else ratio(gap.relative) if gap.shown or gap.relative is None else gap.note
    columns = f"{row.phase:<8} {row.number:>6}  {row.module:<{widths[0]}}  "
    return line((glyph, style), f" {columns}", (f"{row.function:<{widths[1]}}", COLOURS[row.phase]), f"  {amount}")


# -------------------------------------------------------------------------------------------------------------- JSON
def as_json(runs: Runs) -> dict[str, Any]:
    """What `bptui diff --json` prints; docs/diff.md says what it means."""
    first = runs.first
    a, b = runs.losses
    return {
        "format": FORMAT,
        "a": runs.a.name,
        "b": runs.b.name,
        "tolerance": {"value": runs.tolerance.value, "source": runs.tolerance.source},
        "equal": first is None,
        "beyond": runs.count,
        "largest": _amount(Gap(0.0) if runs.largest is None else runs.gap(runs.largest) or Gap(None)),
        "losses": [jsonable(a), jsonable(b)],
        "first": None if first is None else _first(runs, first),
        "rows": [_row(runs, i) for i in range(len(runs.rows))],
    }


def _first(runs: Runs, i: int) -> dict[str, Any]:
    found = why(runs, runs.rows[i])
    return {
        **_row(runs, i),
        "why": found.text,
        "inputs_equal": found.equal,
        "inputs": [
            {"name": each.name, "difference": _amount(each.gap), "note": each.gap.note} for each in found.inputs
        ],
        "settings": [{"name": each.name, "a": each.a, "b": each.b} for each in found.settings],
    }


def _row(runs: Runs, i: int) -> dict[str, Any]:
    row, gap = runs.rows[i], runs.gap(i) or Gap(None)
    return {
        "index": i,
        "phase": row.phase,
        "number": row.number,
        "module": row.module,
        "function": row.function,
        "site": site(row),
        "verdict": {"≠": "differs", "✓": "equal", "·": "not recorded"}[mark(gap, runs.tolerance.value)[0]],
        "difference": _amount(gap),
        "at": list(gap.at),
        "values": [jsonable(gap.a), jsonable(gap.b)],
        "note": gap.note,
    }


def _amount(gap: Gap) -> Any:
    return None if gap.relative is None else jsonable(gap.relative)
