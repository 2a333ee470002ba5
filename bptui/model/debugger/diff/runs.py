"""Two runs held against each other, place by place: how far apart, and which place is the first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bptui.model.debugger.diff.gaps import INF, Gap, Gaps
from bptui.model.debugger.diff.rows import NOBODY, Row, Rows, rows
from bptui.model.debugger.diff.tolerance import Tolerance, default
from bptui.model.debugger.progress import Progress
from bptui.model.engine.history import History
from bptui.model.engine.recording import Recording
from bptui.model.engine.timeline import Phase
from bptui.model.source.network import Network


@dataclass(frozen=True)
class Run:
    """One of the two: what it is called, its numbers, and what a debugger of it is opened on."""

    name: str
    recording: Recording
    network: Network | None = None
    history: History | None = None


class Runs:
    """Two runs. `rows` says what is compared; `gap(i)` is there once `advance` has come to row i.

    tolerance  from which difference on a row is apart; it may be set
    losses     of either
    """

    def __init__(self, a: Run, b: Run, tolerance: Tolerance | None = None) -> None:
        self.a, self.b = a, b
        self.tolerance = tolerance or default(a.recording, b.recording)
        self.losses = a.recording.loss, b.recording.loss
        self._found: list[Gap] = []
        self._tally: tuple[tuple[float, int], int, int | None] = ((0.0, 0), 0, None)

    @cached_property
    def _rows(self) -> Rows:
        return rows(self.a.recording, self.b.recording)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The places."""
        return self._rows.rows

    @cached_property
    def starts(self) -> dict[Phase, int]:
        """The first row of each phase."""
        found: dict[Phase, int] = {}
        for i, row in enumerate(self.rows):
            found.setdefault(row.phase, i)
        return found

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
        return self._apart[1]

    @property
    def first(self) -> int | None:
        """The first row that is apart, of those that were compared."""
        return self._apart[2]

    @property
    def largest(self) -> int | None:
        """The row that is farthest of those that were compared, None where all are the same to the bit."""
        sizes = [gap.relative or 0.0 for gap in self._found]
        most = max(sizes, default=0.0)
        return sizes.index(most) if most else None

    @property
    def _apart(self) -> tuple[tuple[float, int], int, int | None]:
        """Tolerance and how many rows were compared; of those how many are apart, and which is the first."""
        found, last = self._found, self._tally
        key = self.tolerance.value, len(found)
        if last[0] != key:
            apart = [i for i in range(key[1]) if found[i].beyond(key[0])]
            self._tally = last = key, len(apart), apart[0] if apart else None
        return last

    def place(self, row: Row, side: int) -> int | None:
        """The place of a row in the timeline of a run (0: the first, 1: the other); None where that has none."""
        run, call = (self.a, self.b)[side].recording, row.pair[side]
        if row.phase == "update":
            node = next((nodes[side] for nodes in row.nodes), None)
            if node is None:
                mine = row.missing == f"only in {'ab'[side]}"
                named = run.graph.by_name.get(row.module) if mine else None
                node = None if named is None else named.id
            places = () if node is None else run.timeline.places("update", node)
            return places[row.turn] if row.turn < len(places) else None
        if row.pair == NOBODY:
            return run.timeline.seed_at if run.timeline.seed_at < run.timeline.length else None
        if row.phase == "backward":  # where the last of its gradients is complete
            return max((each.place for nodes in row.nodes for each in run.timeline.arrivals(nodes[side])), default=None)
        found = () if call is None else [p for node in call.nodes for p in run.timeline.places("forward", node)]
        return max(found, default=None)
