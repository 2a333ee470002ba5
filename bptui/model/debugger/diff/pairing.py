"""Which call of one run is which call of the other: by module path, function and order."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from bptui.model.debugger.diff.calls import Call

TRIED = 2_000_000
"""Pairs of equal names that an alignment looks at, at most: two runs of 10,000 calls whose names repeat 20 times."""

Calls = Sequence[Call]
Name = Callable[[Call], Hashable]


class Pair(NamedTuple):
    """A call of both runs, or of only one of them."""

    a: Call | None
    b: Call | None

    @property
    def both(self) -> bool:
        """Has it a call of each run?"""
        return self.a is not None and self.b is not None


class Pairing(NamedTuple):
    """pairs  in the order of the runs · foreign: by what they compute alone, because module paths have nothing in
    common; then calls that only move numbers are left out where they have no partner"""

    pairs: tuple[Pair, ...]
    foreign: bool


def paired(a: Calls, b: Calls) -> Pairing:
    """The calls of two runs: in the same module, the same function, or else what computes the same (`@`, `matmul`).
    Where fewer than half of the calls of the shorter run find a partner, what they compute decides alone (a capture
    against a network file, a wrapped model)."""
    found = tuple(_aligned(a, b, (lambda call: (call.module, call.function), lambda call: (call.module, call.kind))))
    if 2 * sum(pair.both for pair in found) >= min(len(a), len(b)):
        return Pairing(found, False)
    alike = _aligned(a, b, (lambda call: call.kind,))
    return Pairing(tuple(pair for pair in alike if pair.both or not (pair.a or pair.b or a[0]).moves), True)


def _aligned(a: Calls, b: Calls, names: Sequence[Name]) -> Iterator[Pair]:
    """By the first of the names; what finds no partner by that, between two that did, by the next. The longest common
    beginning and end are paired as they are; what lies between, by its longest common parts."""
    if not names:
        yield from (Pair(call, None) for call in a)
        yield from (Pair(None, call) for call in b)
        return
    one, other = list(map(names[0], a)), list(map(names[0], b))
    start, shorter = 0, min(len(a), len(b))
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    yield from map(Pair, a[:start], b[:start])
    inner, outer = slice(start, len(a) - end), slice(start, len(b) - end)
    if _tried(one[inner], other[outer]) <= TRIED:
        for tag, i, j, k, m in SequenceMatcher(None, one[inner], other[outer], autojunk=False).get_opcodes():
            first, second = a[inner][i:j], b[outer][k:m]
            yield from map(Pair, first, second) if tag == "equal" else _aligned(first, second, names[1:])
    else:
        yield from _in_turn(a[inner], b[outer], names[0])
    yield from map(Pair, a[len(a) - end :], b[len(b) - end :])


def _tried(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    counts = Counter(other)
    return sum(counts[name] for name in one)


def _in_turn(a: Calls, b: Calls, name: Name) -> Iterator[Pair]:
    """The k-th call of a name with the k-th of the other run: for runs that are too long and too different to align."""
    waiting: dict[Hashable, deque[Call]] = defaultdict(deque)
    for call in b:
        waiting[name(call)].append(call)
    for call in a:
        same = waiting[name(call)]
        yield Pair(call, same.popleft() if same else None)
    left = sorted((call for calls in waiting.values() for call in calls), key=lambda call: call.number)
    yield from (Pair(None, call) for call in left)
