"""Which call of one run is which call of the other: by module path, function and order."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from bptui.model.debugger.diff.calls import Call

TRIED = 2_000_000
"""Pairs of equal names that an alignment looks at, at most: two runs of 10,000 calls whose names repeat 20 times."""


class Pair(NamedTuple):
    """A call of both runs, or of only one of them."""

    a: Call | None
    b: Call | None


class Pairing(NamedTuple):
    """pairs  in the order of the runs · foreign: by what they compute alone, because module paths have nothing in
    common; then calls that only move numbers are left out where they have no partner"""

    pairs: tuple[Pair, ...]
    foreign: bool


def paired(a: Sequence[Call], b: Sequence[Call]) -> Pairing:
    """The calls of two runs. Where fewer than half of the calls of the shorter one have a partner of the same module
    path and function, what they compute decides alone (a capture against a network file, a wrapped model)."""
    found = list(_aligned(a, b, [(c.module, c.function) for c in a], [(c.module, c.function) for c in b]))
    if 2 * sum(both(pair) for pair in found) >= min(len(a), len(b)):
        return Pairing(tuple(found), False)
    alike = list(_aligned(a, b, [c.kind for c in a], [c.kind for c in b]))
    kept = [pair for pair in alike if both(pair) or not (pair.a or pair.b or a[0]).moves]
    return Pairing(tuple(kept), True)


def both(pair: Pair) -> bool:
    """Has it a call of each run?"""
    return pair.a is not None and pair.b is not None


def _aligned(
    a: Sequence[Call], b: Sequence[Call], names: Sequence[Hashable], others: Sequence[Hashable]
) -> Iterator[Pair]:
    """The longest common beginning and end are paired as they are; what lies between, by its longest common parts."""
    start, shorter = 0, min(len(a), len(b))
    while start < shorter and names[start] == others[start]:
        start += 1
    end = 0
    while end < shorter - start and names[-1 - end] == others[-1 - end]:
        end += 1
    yield from map(Pair, a[:start], b[:start])
    inner = slice(start, len(a) - end), slice(start, len(b) - end)
    between = _blocks if _tried(names[inner[0]], others[inner[1]]) <= TRIED else _in_turn
    yield from between(a[inner[0]], b[inner[1]], names[inner[0]], others[inner[1]])
    yield from map(Pair, a[len(a) - end :], b[len(b) - end :])


def _tried(names: Sequence[Hashable], others: Sequence[Hashable]) -> int:
    counts = Counter(others)
    return sum(counts[name] for name in names)


def _blocks(
    a: Sequence[Call], b: Sequence[Call], names: Sequence[Hashable], others: Sequence[Hashable]
) -> Iterator[Pair]:
    for tag, i, j, k, m in SequenceMatcher(None, names, others, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from map(Pair, a[i:j], b[k:m])
        else:
            yield from (Pair(call, None) for call in a[i:j])
            yield from (Pair(None, call) for call in b[k:m])


def _in_turn(
    a: Sequence[Call], b: Sequence[Call], names: Sequence[Hashable], others: Sequence[Hashable]
) -> Iterator[Pair]:
    """The k-th call of a name with the k-th of the other run: for runs that are too long and too different to align."""
    waiting: dict[Hashable, deque[Call]] = defaultdict(deque)
    for call, name in zip(b, others, strict=True):
        waiting[name].append(call)
    for call, name in zip(a, names, strict=True):
        yield Pair(call, waiting[name].popleft() if waiting[name] else None)
    left = sorted((call for calls in waiting.values() for call in calls), key=lambda call: call.number)
    yield from (Pair(None, call) for call in left)
