"""Two runs held against each other, place by place: how far apart, and which place is the first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bptui.model.debugger.diff.gaps import INF, Gap, Gaps
from bptui.model.debugger.diff.rows import Row, Rows, rows
from bptui.model.debugger.diff.tolerance import Tolerance, default
from bptui.model.debugger.progress import Progress
from bptui.model.engine.recording import Recording


@dataclass(frozen=True)
class Run:
    """One of the two: what it is called, and its numbers."""

    name: str
    recording: Recording


class Runs:
    """Two runs. `rows` says what is compared; `gap(i)` is there once `advance` has come to row i.

    tolerance  from which difference on a row is apart; it may be set
    known      how many rows have been compared: all before it are
    """

    def __init__(self, a: Run, b: Run, tolerance: Tolerance | None = None) -> None:
        self.a, self.b = a, b
        self.tolerance = tolerance or default(a.recording, b.recording)
        self._found: list[Gap] = []

    @cached_property
    def _rows(self) -> Rows:
        return rows(self.a.recording, self.b.recording)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The places."""
        return self._rows.rows

    @cached_property
    def gaps(self) -> Gaps:
        """How far apart single tensors are."""
        return Gaps(self.a.recording, self.b.recording, self._rows.foreign)

    @property
    def known(self) -> int:
        """How many rows have been compared."""
        return len(self._found)

    @property
    def finished(self) -> bool:
        """Have all?"""
        return len(self._found) == len(self.rows)

    def advance(self, progress: Progress) -> None:
        """Compare the rows that were not compared yet."""
        count = len(self.rows)
        while len(self._found) < count:
            progress.report(len(self._found) / count, "comparing")
            self._found.append(self._compare(self.rows[len(self._found)]))

    def _compare(self, row: Row) -> Gap:
        if row.missing:
            return Gap(INF, note=row.missing)
        found = [self._tensor(row, i, j) for i, j in row.nodes]
        return max(found, key=lambda gap: -1.0 if gap.relative is None else gap.relative, default=Gap(None))

    def _tensor(self, row: Row, i: int, j: int) -> Gap:
        if row.phase == "forward":
            return self.gaps.value(i, j)
        if row.phase == "update":
            return self.gaps.update(i, j, row.turn, self.tolerance.value)
        nodes = self.a.recording.graph.nodes
        beside = 0.0
        if row.pair.a is not None and row.pair.b is not None and len(nodes[i].shape) <= 1:
            results = zip(row.pair.a.results, row.pair.b.results, strict=False)
            beside = max((self.gaps.gradient(k, m).size for k, m in results if nodes[k].wants_grad), default=0.0)
        return self.gaps.gradient(i, j, beside)

    def gap(self, i: int) -> Gap | None:
        """How far apart a row is; None where it has not been compared yet."""
        return self._found[i] if i < len(self._found) else None

    def apart(self, i: int) -> bool:
        """Is a row beyond the tolerance?"""
        return i < len(self._found) and self._found[i].beyond(self.tolerance.value)

    @property
    def count(self) -> int:
        """How many of the compared rows are apart."""
        return sum(gap.beyond(self.tolerance.value) for gap in self._found)

    @property
    def first(self) -> int | None:
        """The first row that is apart, of those that were compared."""
        return next((i for i in range(len(self._found)) if self.apart(i)), None)

    @property
    def losses(self) -> tuple[float, float]:
        """The loss of either."""
        return self.a.recording.loss, self.b.recording.loss
