"""Derivations: SymPy's traps (each was met once), closed forms, guards, sizes; every Jacobian against differences."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.notation import Sum, bound, element, index, size
from tests.unit.symbolic.own import bound as bind
from tests.unit.symbolic.own import differences, gradient, jacobian, op, run

RNG = np.random.default_rng(7)


def of(row, wrt="x", shapes=((3, 4),), **attributes):
    given = {name: attributes.get(name, a.default) for name, a in row.attributes.items()}
    return derive(row.signature(shapes, given), wrt, row)


def q(*axes):
    return tuple(index(f"q{axis}") for axis in axes)


G, X = sp.IndexedBase("G", real=True), sp.IndexedBase("x", real=True)


def rows(text, columns=None):
    """An operation on one matrix that gives one number per row, or as many as `columns(shape)`."""
    return op(text, out=lambda x: (x[0],) if columns is None else columns(x))


# ------------------------------------------------------------------------------------------------- SymPy's traps
def test_trap_a_bound_index_is_not_captured():
    """diff(Sum(x[k], k), x[k]) is n in SymPy where the bound index has the free one's name."""
    derived = of(op("y = sum(x[q0] for q0 in Q0)", out=lambda x: ()), shapes=((5,),))
    assert derived.raw == 1


def test_trap_nested_sums_stay_two_sums():
    """as_dummy merges them: Σ_a exp(Σ_b x[a,b]) became 2·exp(…)."""
    row = op("y = sum(exp(sum(x[i,j] for j in J)) for i in I)", out=lambda x: ())
    x = RNG.normal(size=(3, 2))
    assert run(row, x) == pytest.approx(np.exp(x.sum(1)).sum(), rel=1e-12)
    np.testing.assert_allclose(jacobian(row, "x", x), np.repeat(np.exp(x.sum(1))[:, None], 2, 1), rtol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_trap_guards_survive_a_stride(stride):
    """deltasummation without Piecewise reads G[(p - a)/2] for odd p, too."""
    row = op(
        f"y[i] = sum(x[{stride}*i + a]*w[a] for a in A)", ("x", "w"), out=lambda x, w: ((x[0] - w[0]) // stride + 1,)
    )
    x, w = RNG.normal(size=8), RNG.normal(size=3)
    upstream = RNG.normal(size=(8 - 3) // stride + 1)
    for wrt in ("x", "w"):
        expected = np.tensordot(upstream, differences(row, wrt, x, w), 1)
        np.testing.assert_allclose(gradient(row, wrt, upstream, x, w), expected, atol=1e-8)
    if stride > 1:
        assert of(row, "x", ((8,), (3,))).vjp.has(sp.Eq)


def test_trap_softmax_has_its_second_term():
    """Matrix calculus drops -y·yᵀ without an error."""
    row, x = ops.OPS["softmax"], RNG.normal(size=(2, 3))
    binding = bind(row, x, axis=-1)
    derived = derive(binding.definition.signature, "x", row)
    y = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    expected = np.zeros((2, 3, 2, 3))
    for i in range(2):
        expected[i, :, i, :] = np.diag(y[i]) - np.outer(y[i], y[i])
    from bptui.symbolic.calculus.evaluate import grid, value

    found = value(derived.raw, binding, grid((*binding.definition.out, *derived.q), (2, 3, 2, 3)))
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_trap_symbols_are_never_matched_by_text():
    """subs('x', …) does not match a real symbol, and runs the text. Here a name may be anything."""
    row = op("y = lambda_*x", parameters={"lambda_": 3.0}, elementwise=True)
    np.testing.assert_array_equal(run(row, [1.0, 2.0]), [3.0, 6.0])
    row = op("y = e + i*x", ("e", "i", "x"), elementwise=True)
    np.testing.assert_array_equal(run(row, [1.0], [2.0], [3.0]), [7.0])


def test_trap_the_derivative_of_abs_is_a_sign():
    """Without real symbols it is re, im and Derivative."""
    raw = of(op("y = abs(x)", elementwise=True)).raw
    assert raw == sp.sign(X[index("i"), index("j")]) * sp.KroneckerDelta(index("i"), q(0)[0]) * sp.KroneckerDelta(
        index("j"), q(1)[0]
    )
    assert of(op("y = sign(x)", elementwise=True)).raw == 0


def test_trap_the_authors_form_is_kept_for_display():
    """log(exp(x)) is x at once in SymPy; the text and its statements stay."""
    definition = define(
        op("y = log(exp(x)) - (x - x)", elementwise=True).signature([(3,)], {}),
        op("y = log(exp(x)) - (x - x)", elementwise=True),
    )
    assert definition.body == X[index("i")]
    assert "log" in str(definition.statements)
    assert definition.text == "y = log(exp(x)) - (x - x)"


def test_trap_a_power_has_a_derivative_at_zero():
    """a**b/a·b is nan at a = 0."""
    row = op("y = a**b", ("a", "b"), elementwise=True)
    np.testing.assert_array_equal(
        gradient(row, "a", [1.0, 1.0, 1.0], [0.0, 0.0, 2.0], [2.0, 1.0, 3.0]), [0.0, 1.0, 12.0]
    )


def test_trap_kinks_follow_the_text():
    """Max would give Heaviside with ½ at 0."""
    assert gradient(ops.OPS["relu"], "x", [1.0, 1.0, 1.0], [-1.0, 0.0, 1.0]).tolist() == [0.0, 0.0, 1.0]
    first = op("y = max(a, b)", ("a", "b"), elementwise=True)
    assert gradient(first, "a", [1.0], [2.0], [2.0]) == [1.0]
    assert gradient(first, "b", [1.0], [2.0], [2.0]) == [0.0]


def test_trap_a_condition_stays_inside_its_sum():
    """SymPy draws a Piecewise out of nested sums, and the bound index with it."""
    row = rows("y[i] = sum(sum(x[i,k] if k != j else 0 for k in K)/K for j in J if x[i,j] > 0)")
    x = RNG.normal(size=(3, 4))
    expected = [sum((x[i].sum() - x[i, j]) / 4 for j in range(4) if x[i, j] > 0) for i in range(3)]
    np.testing.assert_allclose(run(row, x), expected, rtol=1e-12)
    np.testing.assert_allclose(jacobian(row, "x", x), differences(row, "x", x), atol=1e-8)


def test_trap_an_equation_is_not_put_into_its_branch():
    """Piecewise.eval replaces k by 0 in the branch of k == 0; here every branch stays as written."""
    row = op("y[i] = x[i]*i if i == 1 else 2*x[i]", out=lambda x: x)
    np.testing.assert_array_equal(run(row, [5.0, 6.0, 7.0]), [10.0, 6.0, 14.0])


# ------------------------------------------------------------------------------------------------- closed forms
def closed(derived):
    """The backward rule with its bound indices named, to compare."""
    from bptui.symbolic.calculus.canon import rebind

    return rebind(derived.vjp)


def total(name, count, term):
    from bptui.symbolic.calculus.canon import rebind

    k = bound(name)
    return rebind(Sum(term(k), (k, 0, count - 1)))


def test_matmul_is_a_transposed_product():
    row = ops.OPS["matmul"]
    a, b = sp.IndexedBase("a", real=True), sp.IndexedBase("b", real=True)
    p, s = q(0, 1)
    assert closed(of(row, "b", ((3, 4), (4, 5)))) == total("i", size("I"), lambda k: a[k, p] * G[k, s])
    assert closed(of(row, "a", ((3, 4), (4, 5)))) == total("j", size("J"), lambda k: G[p, k] * b[s, k])


def test_broadcasting_is_undone_by_sums_that_nobody_wrote():
    row = ops.OPS["add"]
    p, s = q(0, 1)
    assert closed(of(row, "b", ((3, 4), (4,)))) == total("i", size("I"), lambda k: G[k, p])
    assert closed(of(row, "b", ((3, 4), (3, 1)))) == total("j", size("J"), lambda k: G[p, k])
    assert closed(of(row, "a", ((3, 4), (4,)))) == G[p, s]


def test_softmax_and_embedding():
    p, s = q(0, 1)
    y = sp.IndexedBase("y", real=True)
    k = bound("j")
    shown = of(ops.OPS["softmax"], axis=-1).vjp_shown
    from bptui.symbolic.calculus.canon import rebind

    assert rebind(shown) == rebind((G[p, s] - Sum(G[p, k] * y[p, k], (k, 0, size("J") - 1))) * y[p, s])
    found = gradient(ops.OPS["embedding"], "table", np.ones((4, 2)), np.zeros((3, 2)), [2, 0, 2, 2])
    assert found.tolist() == [[1, 1], [0, 0], [3, 3]]


def test_a_reshape_is_undone_by_quotient_and_remainder():
    row = ops.OPS["reshape"]
    vjp = of(row, shapes=((3, 4),), shape=(4, 3)).vjp
    assert not vjp.has(sp.Sum)
    pool = of(ops.OPS["max_pool2d"], shapes=((2, 6, 6),), kernel_size=(2, 2), stride=(2, 2))
    assert not pool.vjp.has(sp.Sum)


def test_a_part_of_a_stack_is_taken_out_again():
    first = of(ops.OPS["stack"], "a", ((3, 4), (3, 4)), axis=0)
    assert first.vjp == G[(0, *q(0, 1))]


def test_a_sum_that_is_zero_is_not_shown():
    """Σ(x - mean) is 0, which makes the derivative of the variance short."""
    row = rows("m[i] = sum(x[i,k] for k in K)/K; y[i] = sum((x[i,k] - m[i])**2 for k in K)/K")
    derived = of(row)
    assert derived.vjp.has(sp.Sum)
    assert not derived.vjp_shown.has(sp.Sum)
    assert not derived.shown.has(sp.Sum)


# ------------------------------------------------------------------------------------------ Jacobians, by differences
CASES = {
    "partial range": (op("y = sum(x[k]*x[k+1] for k in range(0, x.shape[0] - 1))", out=lambda x: ()), (5,)),
    "cumulative": (op("y[i] = sum(x[k]**2 for k in range(0, i + 1))", out=lambda x: x), (5,)),
    "both ends": (op("y[i] = sum(x[k] for k in range(i, i + 3) if k < x.shape[0])**2", out=lambda x: x), (5,)),
    "repeated": (op("y[i] = x[i,i]*x[0,i]", out=lambda x: (x[0],)), (4, 4)),
    "gram": (op("y[i,j] = sum(x[i,k]*x[j,k] for k in K)", out=lambda x: (x[0], x[0])), (3, 4)),
    "causal": (op("y[i,j] = sum(exp(x[i,k]) for k in K if k <= i)*x[i,j]", out=lambda x: x), (3, 4)),
    "helpers": (
        op(
            "m[i] = sum(x[i,k] for k in K)/K; v[i] = sum((x[i,k] - m[i])**2 for k in K)/K; "
            "y[i,j] = (x[i,j] - m[i])/sqrt(v[i] + 1e-3)",
            out=lambda x: x,
        ),
        (3, 4),
    ),
    "helper of all": (op("s = sum(x[i,j] for i in I for j in J); y[i,j] = x[i,j]/s", out=lambda x: x), (2, 3)),
    "helper of a helper": (op("u = exp(x); w = u/(1 + u); y = w*u", elementwise=True), (2, 3)),
    "product": (op("y[i] = prod(x[i,k] for k in K)", out=lambda x: (x[0],)), (3, 4)),
    "product over two": (op("y = prod(x[i,k] + 1 for i in I for k in K if k != i)", out=lambda x: ()), (2, 3)),
    "largest": (op("y[i] = max(x[i,k]**2 for k in K)", out=lambda x: (x[0],)), (3, 4)),
    "smallest of two": (op("y[j] = min(x[i,j] - i for i in I)*x[0,j]", out=lambda x: (x[1],)), (3, 4)),
    "largest inside a sum": (op("y = sum(max(x[i,k] for k in K) for i in I)", out=lambda x: ()), (3, 4)),
    "windows": (op("y[i] = max(x[2*i + a] for a in 3)", out=lambda x: ((x[0] - 3) // 2 + 1,)), (7,)),
    "tiles": (op("y[i] = sum(x[3*i + a] for a in 3)", out=lambda x: (x[0] // 3,)), (7,)),
    "backwards": (op("y[i] = x[x.shape[0] - 1 - i]*x[i]", out=lambda x: x), (5,)),
    "digits": (op("y[i,j] = x[(i*J + j)//x.shape[1], (i*J + j)%x.shape[1]]**2", out=lambda x: (x[1], x[0])), (3, 4)),
    "kept axis": (op("y[i,0] = sum(x[i,k]**2 for k in K)", out=lambda x: (x[0], 1)), (3, 4)),
    "0-d": (op("y = x**3", out=lambda x: (), elementwise=True), ()),
    "branches": (op("y = x if x > 1 else (x**2 if x > 0 else -x)", elementwise=True), (3, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_jacobian_and_backward_rule(name):
    row, shape = CASES[name]
    x = RNG.normal(size=shape)
    expected = differences(row, "x", x)
    np.testing.assert_allclose(jacobian(row, "x", x), expected, atol=1e-7, rtol=1e-6)
    upstream = RNG.normal(size=expected.shape[: expected.ndim - x.ndim])
    np.testing.assert_allclose(
        gradient(row, "x", upstream, x), np.tensordot(upstream, expected, upstream.ndim), atol=1e-7, rtol=1e-6
    )


def test_labels_that_repeat():
    row = op(
        "y = sum(x[i,labels[i]]*x[labels[i],0] for i in I)",
        ("x", "labels"),
        out=lambda x, labels: (),
        indices=("labels",),
    )
    x, labels = RNG.normal(size=(4, 4)), np.array([2, 0, 2, 2])
    np.testing.assert_allclose(jacobian(row, "x", x, labels), differences(row, "x", x, labels), atol=1e-8)
    np.testing.assert_allclose(gradient(row, "x", 1.0, x, labels), differences(row, "x", x, labels), atol=1e-8)


def test_a_product_with_a_zero_in_it():
    row, x = CASES["product"][0], np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]])
    assert gradient(row, "x", [1.0, 1.0], x).tolist() == [[0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]


# -------------------------------------------------------------------------------------------------- the record
def test_no_shape_is_ever_baked_in():
    row = ops.OPS["matmul"]
    small, large = row.signature([(3, 4), (4, 5)], {}), row.signature([(784, 128), (128, 10)], {})
    assert small == large
    assert str(derive(small, "a", row).vjp) == str(derive(large, "a", row).vjp)


def test_a_wrong_hint_is_never_shown():
    row = op("y = tanh(x)", elementwise=True, hint="1 + y**2")
    derived = of(row)
    assert not derived.shown.has(sp.IndexedBase("y", real=True).label)
    assert derived.shown == derived.raw
    named = of(op("t = tanh(x); y = t**2", elementwise=True, hint="2*t*(1 - y)"))
    assert named.proof.proved
    assert named.shown != named.raw
    good = of(op("y = tanh(x)", elementwise=True, hint="1 - y**2"))
    assert good.proof.proved
    assert good.shown != good.raw


def test_what_does_not_fit_is_told():
    with pytest.raises(UserError, match="the output has 1 indices, its tensor 2 axes"):
        of(op("y[i] = x[i,0]"))
    with pytest.raises(UserError, match="the size K is not known"):
        of(op("y[i,j] = x[i,j]*K"))
    with pytest.raises(KeyError):
        of(op("y = x", elementwise=True), "z")


def test_a_size_that_the_text_claims_must_be_true():
    row = op("y[i] = x[i]", out=lambda x: (x[0] - 1,))
    with pytest.raises(ValueError, match="says I is 4, the tensors say 5"):
        run(row, np.zeros(5))
    shorter = op("y[i] = x[0 + i]", out=lambda x: (x[0] - 1,))
    assert gradient(shorter, "x", np.ones(4), np.zeros(5)).tolist() == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("wrt", ["x", "weight"])
def test_a_derivation_takes_a_moment(wrt):
    """The slowest row, convolution: 0.2 s on two busy cores; the worker gives up after 2 s."""
    clear_cache()
    assert of(ops.OPS["correlate2d"], wrt, ((2, 3, 7, 6), (4, 3, 3, 2), (4,))).ms < 1000


def test_derivation_is_deterministic():
    row = ops.OPS["softmax"]
    first, again = of(row, axis=-1), of(row, axis=-1)
    assert str(first.vjp_shown) == str(again.vjp_shown)
    assert element("x", q(0)) == X[q(0)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shapes", [[(3, 4), (3, 4)], [(2, 3, 4), (4,)], [(3, 4)]])
def test_masked_softmax_has_the_form_of_softmax(shapes, causal):
    """Proved for each case of the conditions: what nobody looks at has weight 0, so that it drops out by itself."""
    row = ops.OPS["masked_softmax"]
    found = derive(row.signature(shapes, {"causal": causal}), "x", row)
    assert found.proof.proved
    assert not found.shown.has(sp.Piecewise)
    assert not found.vjp_shown.has(sp.Piecewise)
    assert found.raw.has(sp.Piecewise) or (len(shapes) == 1 and not causal)
