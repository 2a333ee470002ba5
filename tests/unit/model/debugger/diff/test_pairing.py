"""Which call is which: everything has one place, the same sequence is paired as it is, an insertion is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bptui.model.debugger.diff import pairing
from bptui.model.debugger.diff.calls import Call
from bptui.model.debugger.diff.pairing import Pair, paired


def call(number: int, module: str, function: str, kind: str = "", moves: bool = False) -> Call:
    return Call(number, (number,), (number,), (), module, function, kind or function, moves)


def run(names: list[tuple[str, str]]) -> list[Call]:
    return [call(n, *name) for n, name in enumerate(names, 1)]


NAMES = st.lists(st.tuples(st.sampled_from("mno"), st.sampled_from(["f", "g", "h"])), min_size=1, max_size=12)


@given(NAMES)
def test_a_run_and_itself_are_paired_in_order(names: list[tuple[str, str]]) -> None:
    a, b = run(names), run(names)
    assert paired(a, b) == ((*map(Pair, a, b),), False)


@given(NAMES, NAMES, st.booleans())
def test_every_call_has_one_place_and_partners_are_alike(
    one: list[tuple[str, str]], other: list[tuple[str, str]], short: bool
) -> None:
    a, b = run(one), run(other)
    tried, pairing.TRIED = pairing.TRIED, 0 if short else pairing.TRIED
    try:
        found = paired(a, b)
    finally:
        pairing.TRIED = tried
    assert sorted(pair.a.number for pair in found.pairs if pair.a) == [each.number for each in a]
    assert sorted(pair.b.number for pair in found.pairs if pair.b) == [each.number for each in b]
    for pair in found.pairs:
        if pair.a is not None and pair.b is not None:
            assert pair.a.kind == pair.b.kind
            assert found.foreign or pair.a.module == pair.b.module


@given(NAMES, st.integers(0, 12))
def test_what_was_put_in_is_what_has_no_partner(names: list[tuple[str, str]], at: int) -> None:
    more = [*names[:at], ("m", "new"), *names[at:]]
    found = paired(run(names), run(more))
    alone = [pair for pair in found.pairs if not pair.both]
    assert [pair.b.function for pair in alone if pair.b] == ["new"]
    assert len(alone) == 1


def test_what_computes_the_same_in_the_same_module_is_paired() -> None:
    a = [call(1, "m", "linear"), call(2, "m", "__matmul__", "matmul"), call(3, "m", "relu")]
    b = [call(1, "m", "linear"), call(2, "m", "matmul"), call(3, "m", "tanh")]
    found = paired(a, b).pairs
    assert found[:2] == (Pair(a[0], b[0]), Pair(a[1], b[1]))
    assert found[2:] == (Pair(a[2], None), Pair(None, b[2]))


def test_where_no_module_is_the_same_what_is_computed_decides_and_views_are_left_out() -> None:
    a = [call(1, "fc1", "view", "reshape", True), call(2, "fc1", "linear", "affine"), call(3, "", "relu")]
    b = [call(1, "layer1", "affine"), call(2, "layer1", "relu")]
    found = paired(a, b)
    assert found.foreign
    assert found.pairs == (Pair(a[1], b[0]), Pair(a[2], b[1]))
