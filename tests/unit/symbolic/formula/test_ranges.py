"""What is certain of an index expression holds for each of its values."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.ranges import Interval, bounds, decided

SPANS = {"i": (0, 4), "j": (-2, 3), "k": (5, 5)}
RANGES = {name: Interval(*span) for name, span in SPANS.items()}
LEAVES = st.sampled_from([*map(t.Name, SPANS), *map(t.integer, (-2, 0, 1, 3))])


def _larger(inner: st.SearchStrategy[t.Tree]) -> st.SearchStrategy[t.Tree]:
    pairs = st.tuples(inner, inner)
    by = st.tuples(inner, st.sampled_from([t.integer(1), t.integer(2), t.Name("k")]))
    return st.one_of(
        st.builds(lambda two, minus: t.Add(two, (False, minus)), pairs, st.booleans()),
        st.builds(t.Mul, pairs),
        st.builds(t.Neg, inner),
        st.builds(lambda two: t.Div(*two, floor=True), by),
        st.builds(lambda two: t.Mod(*two), by),
    )


INDICES = st.recursive(LEAVES, _larger, max_leaves=6)


def values(tree: t.Tree) -> list[int]:
    """The number for each value of the indices."""
    spans = [range(low, high + 1) for low, high in SPANS.values()]
    return [int(evaluate(tree, {}, dict(zip(SPANS, place, strict=True)))) for place in product(*spans)]


@given(INDICES)
def test_bounds_are_never_too_narrow(tree):
    found, all_of_it = bounds(tree, RANGES), values(tree)
    assert found.low is not None
    assert found.low <= min(all_of_it)
    assert max(all_of_it) <= found.high


@given(INDICES, INDICES, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
def test_what_is_decided_holds_everywhere(left, right, sign):
    said = decided(sign, bounds(left, RANGES), bounds(right, RANGES))
    assert said is None or set(_compared(sign, left, right)) == {said}


def _compared(sign: str, left: t.Tree, right: t.Tree) -> list[bool]:
    pairs = zip(values(left), values(right), strict=True)
    return [bool(evaluate(t.Compare(sign, t.integer(a), t.integer(b)), {}, {})) for a, b in pairs]
