"""The items of the list of panel 1, by number, by row and by node; and a list in which a part is replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from bptui.model.engine.graph import Node


class Entry(NamedTuple):
    """One item of the list: a tensor, a layer's heading, or an empty row; with how many rows it takes."""

    node: Node | None
    scope: str
    rows: int


class Entries(Sequence[Entry]):
    """The items of a list, kept in three columns: 10,000 tuples would wake the garbage collector before the first
    frame, and few of them are in sight."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []
        self.scopes: list[str] = []
        self.rows: list[int] = []

    def add(self, node: Node | None, scope: str, rows: int) -> None:
        """One more."""
        self.nodes.append(node)
        self.scopes.append(scope)
        self.rows.append(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[n] for n in range(*i.indices(len(self)))]
        return Entry(self.nodes[i], self.scopes[i], self.rows[i])

    def starts(self, row: int = 0) -> list[int]:
        """The first row of each, where the first of them begins at `row`."""
        return list(accumulate(self.rows[:-1], initial=row)) if self.rows else []


class Index(NamedTuple):
    """The whole list for one size of panel: entries, the first row of each, entry by node id."""

    entries: Sequence[Entry]
    starts: Sequence[int]
    of_node: Mapping[int, int]
    total: int


class Spliced(Sequence[Any]):
    """A sequence with another in the place of what stands from `start` to `stop`; what comes after is `more` larger."""

    def __init__(self, base: Sequence[Any], start: int, stop: int, middle: Sequence[Any], more: int = 0) -> None:
        self._base, self._start, self._middle, self._more = base, start, middle, more
        self._shift = len(middle) - (stop - start)

    def __len__(self) -> int:
        return len(self._base) + self._shift

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[n] for n in range(*i.indices(len(self)))]
        if not 0 <= i < len(self):
            raise IndexError(i)
        if i < self._start:
            return self._base[i]
        if i < self._start + len(self._middle):
            return self._middle[i - self._start]
        after = self._base[i - self._shift]
        return after + self._more if self._more else after


class Moved(Mapping[int, int]):
    """Entries by node id after a splice: `own` inside of it, those from `stop` on further by `shift`."""

    def __init__(self, base: Mapping[int, int], own: Mapping[int, int], stop: int, shift: int) -> None:
        self._base, self._own, self._stop, self._shift = base, own, stop, shift

    def __len__(self) -> int:
        return len(self._base)

    def __iter__(self) -> Iterator[int]:
        return iter(self._base)

    def __getitem__(self, node: int) -> int:
        if node in self._own:
            return self._own[node]
        found = self._base[node]
        return found + self._shift if found >= self._stop else found
