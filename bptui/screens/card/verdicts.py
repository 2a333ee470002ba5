"""The results of the checks of a node as the Operation panel shows them: a mark, a name and a detail for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.base.spans import Span
from bptui.symbolic.types import BAD, WORST, CheckRow, Verdict

MARKS = {
    "ok": Span("✓", "ok"), "FAIL": Span("FAIL", "fail reverse"), "KINK": Span("KINK", "kink bold"),
    "NONFINITE": Span("NONFINITE", "fail reverse"),
    "rounding": Span("≈", "dim"), "opaque": Span("opaque", "dim"),
    "n/a": Span("n/a", "dim"), "skipped": Span("skipped", "dim"),
}  # fmt: skip
WAITING = Span("·", "dim")
"""In the place of the mark of a check that is being made."""
FAMILY = {"direction": "difference", "complex step": "difference"}
"""Checks that are shown in one row with another, while they agree: all that compare numbers of a shifted input."""


class Said(NamedTuple):
    """The result of one kind of check."""

    mark: Span
    name: str
    detail: str
    verdict: Verdict | None


def summary(checks: Sequence[CheckRow], due: Sequence[str] = ()) -> list[Said]:
    """Per kind of check its mark, name and detail: the worst of its inputs; bad ones first, then in the order given.
    Those that are `due` have their rows already."""
    kinds: dict[str, list[CheckRow]] = {}
    for row in checks:
        kinds.setdefault(FAMILY.get(row.row, row.row), []).append(row)
    worst = [(kind, min(rows, key=_rank)) for kind, rows in kinds.items()]
    worst.sort(key=lambda pair: WORST.index(pair[1].verdict) if pair[1].verdict in BAD else len(BAD))
    made = [
        Said(MARKS[row.verdict], kind if row.verdict == "ok" else row.row, _detail(row), row.verdict)
        for kind, row in worst
    ]
    return [*made, *(Said(WAITING, kind, "", None) for kind in due if kind not in kinds)]


def _rank(row: CheckRow) -> tuple[int, float]:
    """The worst verdict first, then the largest part of its tolerance."""
    return WORST.index(row.verdict), -(row.error or 0.0) / (row.tolerance or 1.0)


def _detail(row: CheckRow) -> str:
    if row.verdict == "FAIL" and row.got is not None and row.expected is not None:
        place = f"{row.input}{numbers.index(row.at or ())}: " if row.input else ""
        told = f"{place}{row.pair(6)}"
        return f"{told}; {row.note}" if row.note else told
    if row.note:
        return row.note
    if row.error is None:
        return ""
    said = numbers.significant(row.error, 2)
    return said if row.tolerance is None else f"{said}, tolerance {numbers.significant(row.tolerance, 2)}"
