"""Stand-ins: what is noted is what NumPy computes, each expression once; scratch is shared without harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.engine import trace, writing
from bptui.model.engine.calls import Backward, Calls
from bptui.model.engine.fill import BLOCK, MANY_BLOCKS, fill
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import Trace

RNG = np.random.default_rng(0)
X, W, V = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(5, 2)), RNG.normal(size=5)
ROWS = np.array([2, 0, 2, 1])

FUNCTIONS = [
    lambda x, w, v: x * v + 1,
    lambda x, w, v: np.where(x > 0, x, v),
    lambda x, w, v: np.where(x > 0, x, 0),
    lambda x, w, v: np.where(x > 0, 0, x),
    lambda x, w, v: np.sum(x, (0, 2)),
    lambda x, w, v: np.sum(x),
    lambda x, w, v: np.max(x, axis=1, keepdims=True) + x,
    lambda x, w, v: np.prod(x, -1),
    lambda x, w, v: np.add.reduce(x, 1, keepdims=True),
    lambda x, w, v: x.reshape(12, 5) @ w,
    lambda x, w, v: np.transpose(x, (2, 0, 1)) * 2,
    lambda x, w, v: x.T.reshape(5, 12),
    lambda x, w, v: np.swapaxes(x, 0, 1) - 1,
    lambda x, w, v: x[1:, ::2] * x[1:, 1::2],
    lambda x, w, v: x[0, :, None, 2],
    lambda x, w, v: x[ROWS % 3] + 0,
    lambda x, w, v: x[ROWS % 3, ROWS],
    lambda x, w, v: np.einsum("ijk,kl->jl", x, w),
    lambda x, w, v: np.tensordot(x, w, (2, 0)),
    lambda x, w, v: np.tensordot(x, w, 1),
    lambda x, w, v: np.dot(v, v),
    lambda x, w, v: np.dot(x[0], w),
    lambda x, w, v: np.dot(v, w) + np.dot(x[1], v)[:2],
    lambda x, w, v: np.take_along_axis(x, np.argmax(x, 1, keepdims=True), 1),
    lambda x, w, v: np.concatenate((x, x * x), 1),
    lambda x, w, v: np.broadcast_to(v, (4, 5)) * 3,
    lambda x, w, v: np.expand_dims(v, 1) * w,
    lambda x, w, v: x,
]


def computed(function, arrays, dtype=float):
    """(what the noted calls leave after two runs, the calls)."""
    emit = Calls(np.dtype(dtype))
    trace = Trace(emit)
    root = function(*(trace.given(array) for array in arrays))
    out = np.full(root.shape, 55, root.dtype)
    fill(trace, [(root, out)])
    with np.errstate(all="ignore"):
        for _ in range(2):
            for call in emit.calls:
                call()
    return out, emit.calls


@pytest.mark.parametrize("at", range(len(FUNCTIONS)))
def test_what_is_noted_is_what_numpy_computes(at):
    before = [array.copy() for array in (X, W, V)]
    found, _ = computed(FUNCTIONS[at], (X, W, V))
    np.testing.assert_allclose(found, FUNCTIONS[at](X, W, V), rtol=1e-14)
    for array, old in zip((X, W, V), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_anything_else_is_refused_when_the_plan_is_made():
    for function in (
        np.linalg.inv,
        np.sort,
        lambda x: np.divmod(x, 2),
        lambda x: x @ V,
        lambda x: np.dot(x, V),
        lambda x: x[X > 0],
    ):
        with pytest.raises(TypeError):
            computed(function, (X,))


def test_an_expression_written_twice_is_one_call():
    _, calls = computed(lambda x: np.exp(x) * np.exp(x) + np.exp(x), (X,))
    assert [call.func for call in calls] == [np.exp, np.multiply, np.add]


def test_what_a_vjp_reads_again_is_kept_and_nothing_else():
    rule = Rule(lambda x: np.sin(np.exp(x) + 1), lambda g, y, x: g * np.cos(np.exp(x) + 1) * np.exp(x))
    x, y, g, d = X, np.zeros(X.shape), RNG.normal(size=X.shape), np.zeros(X.shape)
    emit = Calls(np.dtype(float))
    saved = rule.forward(emit, [x], y, {})
    rule.vjp(emit, Backward(g, [x], y, {}, [d], saved))
    assert [call.func for call in emit.calls] == [np.exp, np.add, np.sin, np.cos, np.multiply, np.multiply]
    for call in emit.calls:
        call()
    np.testing.assert_allclose(d, g * np.cos(np.exp(x) + 1) * np.exp(x), rtol=1e-15)


def test_what_is_noted_apart_is_not_found_again():
    def function(x):
        trace, inside = x.trace, np.exp(x)
        with trace.apart():
            assert np.exp(x) is inside
            sine = np.sin(x)
        return inside * sine + np.sin(x)

    found, calls = computed(function, (X,))
    np.testing.assert_allclose(found, np.exp(X) * np.sin(X) + np.sin(X))
    assert [call.func for call in calls].count(np.sin) == 2


def after(rule, inputs, shapes):
    """Output and contributions, these of their own shapes, after a forward and a vjp."""
    emit, (y, *into) = Calls(np.dtype(float)), [np.zeros(shape) for shape in shapes]
    saved = rule.forward(emit, inputs, y, {})
    rule.vjp(emit, Backward(np.ones(y.shape), inputs, y, {}, into, saved))
    for call in emit.calls:
        call()
    return y, into


def test_what_is_copied_at_last_is_not_written_over_by_another_contribution():
    """The view of g·b is copied to a larger array after all calls: g·b must not lie where the second will."""
    rule = Rule(lambda a, b: np.sum(a * b), lambda g, y, a, b: (g * b)[None, :], lambda g, y, a, b: np.sum(a, 0) * g)
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=4)
    _, (da, db) = after(rule, [a, b], [(), (3, 4), (4,)])
    np.testing.assert_allclose(da, np.broadcast_to(b, (3, 4)))
    np.testing.assert_allclose(db, a.sum(0))


def test_a_value_that_stretches_to_the_output_is_read_again_in_its_own_shape():
    rule = Rule(lambda x: np.sqrt(np.exp(x)), lambda g, y, x: np.sqrt(np.exp(x)) * np.sum(g, 0))
    y, (dx,) = after(rule, [V], [(4, 5), (5,)])
    np.testing.assert_allclose(y, np.broadcast_to(np.exp(V / 2), (4, 5)))
    np.testing.assert_allclose(dx, np.exp(V / 2) * 4)


def test_a_contribution_that_is_there_is_handed_back():
    rule = Rule(np.add, lambda g, y, a, b: g, lambda g, y, a, b: -g)
    emit, g, y, into = Calls(np.dtype(float)), np.ones(3), np.zeros(3), [np.zeros(3), np.zeros(3)]
    ready = rule.vjp(emit, Backward(g, [V[:3], V[:3]], y, {}, into, rule.forward(emit, [V[:3], V[:3]], y, {})))
    assert ready[0] is g
    assert ready[1] is None


def test_vjps_asked_one_by_one_do_not_read_each_other():
    rule = Rule(lambda a, b: a * b, lambda g, y, a, b: g * y, lambda g, y, a, b: g * y * 3)
    a, b, y = RNG.normal(size=4), RNG.normal(size=4), np.zeros(4)
    emit = Calls(np.dtype(float))
    saved = rule.forward(emit, [a, b], y, {})
    results = []
    for position in (0, 1):
        g, into = np.full(4, 2.0 + position), [None, None]
        into[position] = np.zeros(4)
        rule.vjp(emit, Backward(g, [a, b], y, {}, into, saved))
        results.append(into[position])
    for call in emit.calls:
        call()
    np.testing.assert_allclose(results[0], 2 * a * b)
    np.testing.assert_allclose(results[1], 9 * a * b)


# ------------------------------------------------------------------------------------------------- a law of expressions
@st.composite
def expressions(draw):
    """A function of x and v from random calls on what is there already: shared parts, choices, reductions, views."""
    steps = draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=14)
    )

    def function(x, v):
        made = [x, v]
        for kind, first, second in steps:
            a, b = made[first % len(made)], made[second % len(made)]
            if a.shape != b.shape and a.shape != v.shape and b.shape != v.shape:
                b = a
            made.append(
                [
                    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: np.where(a > b, a, b),
                    lambda a, b: np.where(a > 0, a, 0), lambda a, b: np.where(b > 0.5, 0, a), lambda a, b: np.tanh(a),
                    lambda a, b: np.sum(a, -1, keepdims=True) * 0.1 + a, lambda a, b: np.maximum(a, 0.25),
                    lambda a, b: np.where(a == b, 1.0, b), lambda a, b: a - np.max(b),
                ][kind](a, b)
            )  # fmt: skip
        return made[-1] + 0 * made[len(made) // 2]

    return function


@settings(max_examples=150, deadline=None)
@given(expressions(), st.sampled_from([(5,), (3, 5), (130, 5), (MANY_BLOCKS * BLOCK // 5 + 7, 5)]))
def test_any_expression_is_computed_as_numpy_computes_it(function, shape):
    random = np.random.default_rng(1)
    x, v = random.normal(size=shape), random.normal(size=5)
    with np.errstate(all="ignore"):
        expected = function(x, v)
    found, _ = computed(function, (x, v))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(expressions(), expressions(), st.sampled_from([(3, 5), (130, 5), (MANY_BLOCKS * BLOCK // 5 + 7, 5)]))
def test_a_forward_and_two_vjps_share_without_harm(forward, backward, shape):
    random = np.random.default_rng(2)
    rule = Rule(
        lambda x, v: forward(x, v) + 0 * x,
        lambda g, y, x, v: g * backward(x, v) * y,
        lambda g, y, x, v: g - forward(x, v) * backward(x, v),
    )
    emit, uses = Calls(np.dtype(float)), []
    for _ in range(2):  # the second says again what was settled for the first
        x, v, g = random.normal(size=shape), random.normal(size=5), random.normal(size=shape)
        y, into = np.zeros(shape), [np.full(shape, 66.0), np.full(shape, 66.0)]
        uses.append((x, v, g, y, into, rule.forward(emit, [x, v], y, {})))
    for x, v, g, y, into, saved in reversed(uses):
        rule.vjp(emit, Backward(g, [x, v], y, {}, into, saved))
    with np.errstate(all="ignore"):
        for _ in range(2):
            for call in emit.calls:
                call()
        for x, v, g, y, into, _ in uses:
            f, b = forward(x, v) + 0 * x, backward(x, v)
            np.testing.assert_allclose(y, f, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(into[0], g * b * f, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(into[1], g - forward(x, v) * b + 0 * x, rtol=1e-9, atol=1e-9)


def test_two_uses_of_one_rule_in_a_plan_do_not_meet():
    """Both are noted once; the second runs forward before the first runs back, and has numbers of its own to keep."""
    rule = Rule(lambda x: np.sin(np.exp(x) + 1), lambda g, y, x: g * np.cos(np.exp(x) + 1) * np.exp(x))
    emit = Calls(np.dtype(float))
    xs, gs = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))
    ys, ds = np.zeros(xs.shape), np.zeros(xs.shape)
    saved = [rule.forward(emit, [x], y, {}) for x, y in zip(xs, ys, strict=True)]
    assert len(emit.noted) == 1
    for n in (1, 0):
        rule.vjp(emit, Backward(gs[n], [xs[n]], ys[n], {}, [ds[n]], saved[n]))
    for call in emit.calls:
        call()
    np.testing.assert_allclose(ys, np.sin(np.exp(xs) + 1), rtol=1e-15)
    np.testing.assert_allclose(ds, gs * np.cos(np.exp(xs) + 1) * np.exp(xs), rtol=1e-15)


@pytest.mark.parametrize("shape", [(6, 8), (MANY_BLOCKS, BLOCK)])
def test_a_call_has_one_view_of_an_array(shape):
    """NumPy looks at each call whether two views overlap, which takes as long as a call on few numbers."""
    x, y = np.ones(shape), np.zeros(shape)
    emit, rule = Calls(np.dtype(float)), Rule(lambda x: 1 / (np.exp(-x) + 1))
    rule.forward(emit, [x], y, {})
    calls = [c for call in emit.calls for c in (call.args[0] if call.func.__name__ == "run_all" else [call])]
    for call in calls:
        arrays = [a for a in call.args if isinstance(a, np.ndarray) and a.ndim]
        places = {(a.ctypes.data, a.size) for a in arrays}
        assert len({id(a) for a in arrays}) == len(places)


def test_scratch_of_a_page_starts_at_a_cache_line():
    emit = Calls(np.dtype(float))
    for shape in ((512,), (3, 1000), (70_000,)):
        array = emit.temp(shape)
        assert array.shape == shape
        assert not array.any()
        assert array.ctypes.data % 64 == 0


@pytest.mark.parametrize("function", [np.isnan, np.isinf, np.isfinite])
@pytest.mark.parametrize("size", [3, 8, 23, 600])
def test_what_is_not_finite_is_found_at_its_place(function, size):
    """NumPy 2.4.6 loses it where the output has gaps."""
    x = np.resize([0.0, 1, np.nan, -2, np.inf, -np.inf, 3], size)
    found, _ = computed(lambda x: np.where(function(x), 7, x), [x])
    np.testing.assert_array_equal(found, np.where(function(x), 7, x))


@given(st.floats(5e-324, 2), st.sampled_from([np.float32, np.float64]))
def test_a_multiple_unless_is_exact(factor, dtype):
    """`scaled_unless` of many elements multiplies by 1·(1 - factor) + factor, which has to be 1."""
    factor = dtype(factor)
    assert (dtype(1) - factor) + factor == 1


@pytest.mark.parametrize("size", [8, 600, 5000])
@pytest.mark.parametrize("factor", [0.01, 0.3, 1.0, 2.0, 2.5, 0.0, -0.5])
def test_a_choice_between_a_number_and_its_multiple(size, factor):
    x, g = (
        np.resize([1.0, -1.0, 0.0, -0.0, np.nan], size),
        np.resize([np.inf, -2.0, 1e-310, np.nan, -0.0, 3, 1e308], size),
    )
    found, _ = computed(lambda x, g: np.where(x > 0, g, g * factor), [x, g])
    with np.errstate(all="ignore"):
        expected = np.where(x > 0, g, g * factor)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("size", [8, 600])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (2.0, -2.0), (-np.inf, 0.5)])
def test_two_bounds_are_one_call(size, low, high):
    x = np.resize(np.array([np.nan, np.inf, -np.inf, -3, -1, -0.5, 0, 0.5, 1, 6, 7]), size)
    expected, calls = computed(lambda x: np.minimum(np.maximum(x, low), high), [x])
    np.testing.assert_array_equal(expected, np.minimum(np.maximum(x, low), high))
    assert len(calls) == 1
    between = np.minimum(np.maximum(x, low), high) + np.maximum(x, low)
    np.testing.assert_array_equal(
        computed(lambda x: np.minimum(np.maximum(x, low), high) + np.maximum(x, low), [x])[0], between
    )


def test_a_slope_that_reads_much_is_computed_with_the_value():
    """Of a large array: backward is one product then, and nothing else is kept."""
    rule = Rule(lambda x: x * np.tanh(x), lambda g, y, x: (np.tanh(x) + (1 - np.tanh(x) * np.tanh(x)) * x) * g)
    for size, calls in ((600, 5), (MANY_BLOCKS * BLOCK, 1)):
        emit, x, g = Calls(np.dtype(float)), *RNG.normal(size=(2, size))
        y, d = np.zeros(size), np.zeros(size)
        saved = rule.forward(emit, [x], y, {})
        before = len(emit.calls)
        rule.vjp(emit, Backward(g, [x], y, {}, [d], saved))
        assert len(emit.calls) - before == calls
        for call in emit.calls:
            call()
        t = np.tanh(x)
        np.testing.assert_array_equal(d, (t + (1 - t * t) * x) * g)


def test_two_bounds_are_the_same_without_the_ufunc_that_has_no_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy may take it away: np.clip stands in."""
    x = np.array([-2.0, -0.0, 0.3, 7.0, np.nan, np.inf, -np.inf])

    def planned() -> bytes:
        emit, out = Calls(np.dtype(np.float64)), np.empty_like(x)
        Rule(lambda x: np.minimum(np.maximum(x, 0.0), 6.0)).pair[0](emit, [x], out, {})
        for call in emit.calls:
            call()
        return out.tobytes()

    usual = planned()
    for module in (trace, writing):
        monkeypatch.setattr(module, "CLIP", np.clip)
    assert planned() == usual == np.clip(x, 0.0, 6.0).tobytes()
