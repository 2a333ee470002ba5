"""Operations of one's own: the compiled definition and its derived rule against rows written by hand; what is told."""

from __future__ import annotations

import builtins
import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.calls import Backward, Calls, emit_sum_to
from bptui.model.engine.ops.base import Op
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.model.source.network import from_mapping, load
from bptui.symbolic.check import check_step
from bptui.symbolic.custom import evaluate, make

RANDOM = np.random.default_rng(5)


def numbers(*shape):
    return RANDOM.normal(size=shape)


def step(op: Op, inputs, attributes=(), upstream=None, dtype="float64"):
    """(output, contributions) of one use, planned twice over: the second run must not find anything of the first."""
    emit = Calls(np.dtype(dtype))
    given = [np.array(a, dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in inputs]
    settled = {name: attribute.default for name, attribute in op.attributes.items()} | dict(attributes)
    shapes = [a.shape for a in given]
    out = np.zeros(op.shape(shapes, settled), dtype)
    saved = op.forward(emit, given, out, settled)
    g = np.random.default_rng(3).normal(size=out.shape).astype(dtype) if upstream is None else upstream
    spread = [op.contribution(at, shapes, out.shape) for at, shape in enumerate(shapes)]
    into = [np.zeros(shape, dtype) if op.differentiable(at) else None for at, shape in enumerate(spread)]
    ready = op.vjp(emit, Backward(g, given, out, settled, into, saved)) or [None] * len(into)
    found = []
    for made, own, shape in zip(ready, into, shapes, strict=True):
        made = own if made is None else made
        if made is not None and made.shape != shape:
            summed = np.zeros(shape, dtype)
            emit_sum_to(emit, made, summed)
            made = summed
        found.append(made)
    with np.errstate(all="ignore"):
        for _ in range(2):
            for call in emit.calls:
                call()
    return out, found


BUILT_IN = [
    ("sigmoid", "y = 1/(1 + exp(-x))", [(4, 5)], {}),
    ("tanh", "y = tanh(x)", [(4, 5)], {}),
    ("relu", "y = x if x > 0 else 0", [(4, 5)], {}),
    ("relu", "y = max(x, 0)", [(90, 70)], {}),
    ("leaky_relu", "y = x if x > 0 else negative_slope*x", [(80, 90)], {}),
    ("silu", "y = x/(1 + exp(-x))", [(3, 4, 5)], {}),
    ("gelu", "y = x*(1 + erf(x/sqrt(2)))/2", [(4, 5)], {}),
    ("softplus", "y = log(1 + exp(x))", [(7,)], {}),
    ("exp", "y = exp(x)", [()], {}),
    ("add", "y = a + b", [(3, 4), (4,)], {}),
    ("mul", "y = a*b", [(3, 1), (2, 1, 4)], {}),
    ("div", "y = a/b", [(3, 4), ()], {}),
    ("matmul", "y[i,j] = sum(a[i,k]*b[k,j] for k in K)", [(3, 4), (4, 2)], {}),
    ("affine", "y[i,j] = sum(x[i,k]*w[k,j] for k in K) + b[j]", [(3, 4), (4, 2), (2,)], {}),
    ("sum", "y[i] = sum(x[i,k] for k in K)", [(3, 4)], {"axis": 1}),
    ("mean", "y[j] = sum(x[i,j] for i in I)/I", [(3, 4)], {"axis": 0}),
    ("max", "y[i] = max(x[i,k] for k in K)", [(3, 4)], {"axis": 1}),
    ("softmax", "y[i,j] = exp(x[i,j])/sum(exp(x[i,k]) for k in K)", [(3, 4)], {}),
    ("softmax", "m[i] = max(x[i,k] for k in K); e[i,j] = exp(x[i,j] - m[i]); y[i,j] = e[i,j]/sum(e[i,k] for k in K)",
     [(3, 4)], {}),
    ("log_softmax", "y[i,j] = x[i,j] - log(sum(exp(x[i,k]) for k in K))", [(3, 4)], {}),
    ("transpose", "y[j,i] = x[i,j]", [(3, 4)], {}),
    ("mse", "y = sum((p[i,j] - t[i,j])**2 for i in I for j in J)/(I*J)", [(3, 4), (3, 4)], {}),
    ("max_pool2d", "y[n,c,i,j] = max(x[n,c,2*i+k,2*j+l] for k in 2 for l in 2)", [(2, 3, 6, 4)],
     {"kernel_size": (2, 2), "stride": (2, 2)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "shapes", "attributes"), BUILT_IN, ids=lambda value: str(value)[:24])
def test_the_same_as_the_row_written_by_hand(name, text, shapes, attributes):
    row = ops.get(name)
    own = make("own", text, settings={"negative_slope": 0.01} if "negative_slope" in text else {})
    inputs = [numbers(*shape) for shape in shapes]
    (value, mine), (expected, theirs) = step(own, inputs), step(row, inputs, attributes)
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)
    for got, wanted in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


CHECKED = {
    "y[i] = prod(x[i,k] for k in K)": [(3, 4)],
    "y[i] = sum(x[k] for k in I if k <= i)": [(5,)],
    "y[i] = sum(x[k] for k in range(0, i + 1))*x[i]": [(5,)],
    "y[i] = x[i+1] - x[i] if i + 1 < x.shape[0] else 0": [(5,)],
    "y[i] = x[i//2] + x[I - 1 - i]*x[i]": [(5,)],
    "y[i] = sum(x[i+k]*w[k] for k in K)": [(6,), (3,)],
    "y[i] = max(x[2*i+k] for k in 3)": [(8,)],
    "y[i,j] = sum((a[i,k] - b[j,k])**2 for k in K)": [(3, 4), (2, 4)],
    "y[n,h,i,j] = sum(q[n,h,i,d]*k[n,h,j,d] for d in D)/sqrt(D)": [(2, 2, 3, 4), (2, 2, 5, 4)],
    "y[n,c,i,j] = sum(x[n,d,i+k,j+l]*w[c,d,k,l] for d in D for k in K for l in L)": [(2, 3, 5, 4), (2, 3, 3, 2)],
    "y = sum(x[i,i] for i in I)": [(3, 3)],
    "y = max(x[i,j] for i in I for j in range(1, x.shape[1]))": [(3, 4)],
    "y = max(x[k] if k < x.shape[0] else 0.1*k for k in 9)": [(5,)],
    "y[i] = max(x[j,i]*w[j] for j in J) + x[0,i]": [(3, 4), (3,)],
    "y[n,i] = max(x[n,k,i] - x[n,k,0] for k in K)**2": [(2, 3, 4)],
    "y[j] = min(x[i,j]*x[i,j] for i in I if i != j)": [(3, 3)],
    "y[0,j] = sum(x[i,j] for i in I)": [(3, 4)],
    "y[i,j] = x[i]*x[j]*i": [(4,)],
    "m = max(x, 0); y = m*m + abs(x)": [(3, 4)],
    "y = x*a + b": [(2, 3, 4), (3, 1), ()],
    "y[i,j] = a[i]*s if j < i else b[j]": [(3,), (3,)],
}


@pytest.mark.parametrize("text", CHECKED, ids=lambda text: text[:30])
def test_the_check_proves_it_like_any_other(text):
    settings = {"s": 2.5} if "*s " in text else {}
    own = make("own", text, settings=settings)
    values = {name: numbers(*shape) for name, shape in zip(own.input_names, CHECKED[text], strict=True)}
    graph = parse(f"L = sum(own({','.join(values)})**2)", values, operations={"own": own})
    report = check_step(Program(graph, Optimizer("sgd", 0.1)))
    assert report.ok
    assert {row.row for row in report.rows if row.node == "t1"} >= {"forward", "symbolic", "difference"}


def test_whole_numbers_may_index_and_gradients_of_equal_places_add_up():
    own = make("own", "y[i,j] = table[labels[i],j]")
    assert own.inputs == ("table", "labels")
    assert own.indices == ("labels",)
    table, labels = numbers(4, 3), np.array([2, 0, 2])
    value, (gradient, none) = step(own, [table, labels], upstream=np.ones((3, 3)))
    np.testing.assert_array_equal(value, table[labels])
    np.testing.assert_array_equal(gradient, [[1] * 3, [0] * 3, [2] * 3, [0] * 3])
    assert none is None
    loss = make("own", "y = sum(-log(p[i,labels[i]]) for i in I)/I")
    with pytest.raises(UserError, match=r"labels\[1\] is 4 \(expected 0 to 3\)"):
        parse("L = nll(p, labels)", {"p": np.ones((3, 4)), "labels": [0, 4, 1]}, operations={"nll": loss})


def test_settings_have_defaults_and_those_in_an_index_are_whole():
    own = make("shift", "y[i] = beta*x[i+s] if i + s < I else 0", settings={"beta": 2.0, "s": 1})
    assert own.attributes["s"].static
    assert not own.attributes["beta"].static
    np.testing.assert_array_equal(step(own, [[1.0, 2.0, 3.0]])[0], [4, 6, 0])
    np.testing.assert_array_equal(step(own, [[1.0, 2.0, 3.0]], {"beta": 1.0, "s": 2})[0], [3, 0, 0])
    with pytest.raises(UserError, match="beta='a'"):
        parse('f = op("y = beta*x", beta=1.0); L = f(x, beta="a")', {"x": 1.0})


def test_inputs_in_another_order():
    own = make("own", "y = a - 2*b", inputs=("b", "a"))
    np.testing.assert_array_equal(step(own, [1.0, 5.0])[0], 3)


def test_float32_and_large_numbers():
    own = make("own", "y = x/(1 + exp(-x))")
    x = np.array([-800, -95, -50, 0, 1, 95, 800], np.float64)
    value, (gradient,) = step(own, [x], upstream=np.ones(7, np.float32), dtype="float32")
    assert value.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(value, [0, 0, 0, 0, 0.7310586, 95, 800], atol=1e-6)
    np.testing.assert_allclose(gradient, [0, 0, 0, 0.5, 0.9276706, 1, 1], atol=1e-6)
    value, (gradient,) = step(make("own", "y = log(1 + exp(x))"), [x], upstream=np.ones(7))
    np.testing.assert_allclose(gradient, 0.5 + np.tanh(x / 2) / 2, rtol=1e-12, atol=1e-20)


def test_infinity_in_the_branch_that_is_not_taken_stays_there():
    x = np.full((80, 80), -np.inf)
    x[0, 0] = 2
    value, (gradient,) = step(make("own", "y = x*x if x > 0 else 0"), [x], upstream=np.ones((80, 80)))
    assert value.sum() == 4
    assert gradient.sum() == 4


def test_a_sum_in_blocks_is_the_same_sum(monkeypatch):
    own = make("own", "y[i,j] = sum(exp(a[i,k] - b[j,k])*c[k] for k in K)")
    inputs = [numbers(5, 13), numbers(4, 13), numbers(13)]
    expected, contributions = step(own, inputs)
    monkeypatch.setattr(evaluate, "BLOCK", 50)
    value, found = step(own, inputs)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for got, wanted in zip(found, contributions, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    monkeypatch.setattr(evaluate, "BLOCKS", 2)
    with pytest.raises(UserError, match="terms at once"):
        step(own, inputs)


@pytest.mark.parametrize("shape", [(0, 3), (3, 1), (1, 1)])
def test_empty_and_single(shape):
    for text in (
        "y = x/(1 + exp(-x))",
        "y[i,j] = exp(x[i,j])/sum(exp(x[i,k]) for k in K)",
        "y[j] = sum(x[i,j] for i in I)",
    ):
        own = make("own", text)
        x = numbers(*shape)
        value, (gradient,) = step(own, [x])
        assert value.shape == own.shape([shape], {})
        assert gradient.shape == shape
        assert np.isfinite(value).all()


PARTS = st.sampled_from(
    ["x", "w", "x*w", "exp(-x)", "tanh(w)", "1/(1 + exp(-x))", "x**2", "sqrt(1 + w*w)", "0.5", "abs(x)"]
)


@settings(max_examples=12, deadline=None)
@given(st.lists(PARTS, min_size=2, max_size=4), st.lists(st.sampled_from(["+", "-", "*"]), min_size=3, max_size=3))
def test_any_formula_of_elements_agrees_with_differences(parts, signs):
    text = (
        "y = 7*x*w + "  # more of it than the parts can take away
        + "".join(f"({part}) {sign} " for part, sign in zip(parts, itertools.cycle(signs), strict=False))
        + "x"
    )
    x, w, h = np.array([0.4, -1.1, 2.0]), np.array([1.3, 0.2, -0.7]), 1e-6
    own = make("own", text)
    values = {"x": x, "w": w}
    order = [values[name] for name in own.input_names]
    _, found = step(own, order, upstream=np.ones(3))
    for at, got in enumerate(found):
        up, down = ([a + d * (n == at) for n, a in enumerate(order)] for d in (h, -h))
        wanted = (step(own, up)[0] - step(own, down)[0]) / (2 * h)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


AXES = st.lists(st.sampled_from("ijkl"), min_size=1, max_size=3, unique=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(AXES, min_size=1, max_size=3), st.data())
def test_any_contraction_agrees_with_einsum(operands, data):
    letters = sorted({letter for axes in operands for letter in axes})
    out = data.draw(st.lists(st.sampled_from(letters), max_size=2, unique=True))
    summed = [letter for letter in letters if letter not in out]
    product = "*".join(f"{name}[{','.join(axes)}]" for name, axes in zip("abc", operands, strict=False))
    ranges = "".join(f" for {letter} in {letter.upper()}" for letter in summed)
    target = f"y[{','.join(out)}]" if out else "y"
    own = make("own", f"{target} = " + (f"sum({product}{ranges})" if summed else product))
    size = dict(zip("ijkl", (2, 3, 4, 5), strict=True))
    inputs = [numbers(*(size[letter] for letter in axes)) for axes in operands]
    upstream = numbers(*(size[letter] for letter in out))
    value, found = step(own, inputs, upstream=upstream)
    words = ["".join(axes) for axes in operands]
    np.testing.assert_allclose(value, np.einsum(f"{','.join(words)}->{''.join(out)}", *inputs), rtol=1e-12, atol=1e-12)
    for at, got in enumerate(found):
        others = [(word, array) for n, (word, array) in enumerate(zip(words, inputs, strict=True)) if n != at]
        given_ = [("".join(out), upstream), *others, *((letter, np.ones(size[letter])) for letter in words[at])]
        wanted = np.einsum(f"{','.join(w for w, _ in given_)}->{words[at]}", *(a for _, a in given_))
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


WRONG = [
    ("y = x +", "line 1, column 8: not a formula"),
    ("y[i] = x[i,k]", "line 1, column 12: the index 'k' is not bound"),
    ("y[i] = sum(a[i,k] for k in K) + b[k]", "line 1, column 35: the index 'k' is not bound"),
    ("y = floor(x)", "line 1, column 5: not differentiable: the derivative by x is 0"),
    ("y = 1 if x > 0 else 0", "line 1, column 5: not differentiable"),
    ("y[i] = x[x[i]]", "not differentiable: all its inputs are whole numbers"),
    ("y = 3", "there is no input in it"),
    ("y = x % 2", "line 1, column 5: // and % are for indices"),
    ("y = foo(x)", "line 1, column 5: unknown function 'foo'"),
    ("y[i] = x[i] + x[i,i]", "line 1, column 15: 'x' has 2 indices here and 1 before"),
    ("y[i] = t[2*labels[i]]", "line 1, column 12: a tensor in an index stands alone"),
    ("m[i] = x[i]; y[i] = x[m[i]]", "line 1, column 23: 'm' is computed and cannot be an index"),
    ("y[i] = x[i + n]", "'n' is not bound"),
    ("y[i] = x[i + shift]", "'shift' in an index is neither an index nor a setting"),
    ("y = x**999", "exponent 999"),
    ("y = sum(x[i+1] for i in range(1, J))", "line 1, column 34: the size J is not known"),
    ("y = " + "(" * 60 + "x" + ")" * 60, "nested deeper than 40"),
    ("y = " + "x + " * 600 + "x", "characters"),
    ("y = " + "max(" * 12 + "x" + ", 1)" * 12, "line 1, column 1: max and min are nested too deep"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=lambda value: value[:20])
def test_a_definition_that_is_none_says_where(text, message):
    with pytest.raises(UserError) as problem:
        make("own", text, "net.toml: ops.own.definition")
    assert message in str(problem.value)
    assert str(problem.value).startswith("net.toml: ops.own.definition")
    assert "\n" not in str(problem.value)


def test_wrong_settings():
    for wrong, message in (
        ({"gamma": 1.0}, "the setting 'gamma' is not in the definition"),
        ({"Beta": 1.0}, "'Beta' is not a name for a setting"),
        ({"beta": "1"}, "'beta' must be a number"),
        ({"beta": float("nan")}, "'beta' must be a finite number"),
        ({f"b{n}": 1.0 for n in range(20)}, "21 settings (at most 16)"),
    ):
        with pytest.raises(UserError) as problem:
            make("own", "y = beta*x", settings={"beta": 1.0} | wrong)
        assert message in str(problem.value)
    with pytest.raises(UserError, match=r"'s' stands in an index and is 0\.5"):
        make("own", "y[i] = x[i+s]", settings={"s": 0.5})
    with pytest.raises(UserError, match="'b' is an input"):
        make("own", "y = a*b", inputs=("a",))
    with pytest.raises(UserError, match="'c' is not in the definition"):
        make("own", "y = a*b", inputs=("a", "c"))


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ("y[i,j] = sum(a[i,k]*b[k,j] for k in K)", [(2, 3), (4, 5)], "b has shape (4, 5): K is 3 in one and 4"),
        ("y[i] = sum(a[i,k]*b[k,0] for k in K)", [(2, 3), (3,)], "b has shape (3,), and the definition reads it"),
        ("y = a*b", [(2, 3), (4,)], "the shapes of a (2, 3) and b (4,) do not broadcast"),
        ("y[i] = a[i+1] - a[i]*b", [(3,), ()], "a has shape (3,), and the definition reads place 3 of its axis 0"),
        ("y[i] = sum(a[i+k]*b[k] for k in K)", [(2,), (3,)], "no place is left for the output's index i"),
        ("y[i,j] = a[i]*b[i]", [(2,), (2,)], "the size of the output's index j is not known"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(text, shapes, message):
    values = {name: np.ones(shape) for name, shape in zip("ab", shapes, strict=True)}
    with pytest.raises(UserError) as problem:
        parse("L = sum(own(a, b))", values, operations={"own": make("own", text)})
    assert message in str(problem.value)
    assert "own(a, b)" in str(problem.value)


HOSTILE = [
    "__import__('os').system('true')",
    "y = __import__('os')",
    "y = x.__class__",
    "y = open(x)",
    "y = eval(x)",
    "y = (lambda: x)()",
    "y = [x for x in x]",
    "import os",
    "y = x if (z := x) else 0",
    "y = f'{x}'",
    "y = x[().__class__]",
    "y = sum(x[i] for i in open)",
    "y = x; del y",
    "def f(): pass",
    "y = 9**9**9**9*x",
    "y = x\x00",
    "y = exp(x, out=x)",
    "y = sum(x[i] for i in range(10**12))",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_never_run(text, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("it ran")

    monkeypatch.setattr(os, "system", never)
    monkeypatch.setattr(builtins, "eval", never)
    with pytest.raises(UserError):
        parse("L = sum(own(x))", {"x": [1.0]}, operations={"own": make("own", text)})


def test_in_a_file_as_activation_and_loss_in_a_formula_and_in_python():
    table = {
        "ops": {
            "swoosh": {"definition": "y = x/(1 + exp(-beta*x))", "beta": 1},
            "gap": {"definition": "y = sum(abs(p[i,j] - t[i,j]) for i in I for j in J)", "inputs": ["p", "t"]},
        },
        "data": {"inputs": [[0.2, 1.0], [1.5, -1.0]], "targets": [[1.0], [0.3]]},
        "layers": [
            {"kind": "dense", "units": 3, "activation": {"kind": "swoosh", "beta": 2.0}},
            {"kind": "dense", "units": 1, "activation": "swoosh"},
        ],
        "loss": {"kind": "gap"},
    }
    network = from_mapping(table, "net.toml")
    assert check_step(network).ok
    table["layers"][0]["activation"] = {"kind": "swoosh", "gamma": 2.0}
    with pytest.raises(UserError, match=r"swoosh has no setting 'gamma'"):
        from_mapping(table, "net.toml")
    text = 'swoosh = op("y = x/(1 + exp(-beta*x))", beta=1.0)\nL = sum(swoosh(x, beta=2.0))'
    one = Program(parse(text, {"x": [0.5, -1.0]}), Optimizer("sgd", 0.1)).record()
    swoosh = bptui.op("swoosh", "y = x/(1 + exp(-beta*x))", beta=1.0)
    two = bptui.network(bptui.sum(swoosh(bptui.param([0.5, -1.0]), beta=2.0))).program().record()
    assert one.loss == two.loss


def test_the_example_trains():
    program = load("swoosh").program()
    first = program.record().loss
    for _ in range(100):
        program.run()
    assert program.loss < first / 2


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("y[i] = max(x[i], w[i+1])", [(3,), (3,)]),
        ("y[i] = x[i+1] if i > 0 else 0", [(3,)]),
        ("y[i] = x[i]*(w[i+1] if x[i] > 0 else 0)", [(3,), (3,)]),
        ("y[i] = abs(min(w[i-1], x[i]))", [(3,), (3,)]),
        ("y[i] = x[i] + (x[i+1] if i + 1 < I or x[i] > 0 else 0)", [(3,)]),
        ("y[i] = sum(x[k+1] for k in I if k > 0) + x[i]", [(3,)]),
    ],
)
def test_what_lies_outside_is_refused_wherever_it_is_read(text, shapes):
    """A comparison of numbers guards no index; one of indices guards what it says, and no more."""
    with pytest.raises(ValueError, match="the definition reads place"):
        make("own", text).shape(shapes, {})


@pytest.mark.parametrize(
    ("text", "shapes", "out"),
    [
        ("y[i] = x[i]*(x[i+1] if i + 1 < I else 1)", [(3,)], (3,)),
        ("y[i] = x[i] + sum(x[i-k] for k in range(i + 1))", [(3,)], (3,)),
        ("y[i] = x[i] + sum(x[i+k] for k in K if i + k < K and x[k] > 0)", [(3,)], (3,)),
        ("y[i] = x[i+1] if not i + 1 >= I else x[0]", [(3,)], (3,)),
        ("y[i] = delta(i, 0)*x[i+1] + x[i]*delta(i, 1)", [(3,)], (3,)),
        ("y[i] = max(x[i], w[i+1] if i + 1 < I else 0)", [(3,), (3,)], (3,)),
    ],
)
def test_what_a_condition_on_indices_keeps_inside_is_read(text, shapes, out):
    assert make("own", text).shape(shapes, {}) == out


@pytest.mark.parametrize(
    "text", ["y = sqrt(-2)*x", "y = x + log(0)", "y = x if sqrt(-2) > 0 else 1", "y = max(log(-1), x)"]
)
def test_a_constant_without_a_real_value_is_refused(text):
    with pytest.raises(UserError, match="without a real value"):
        make("own", text)


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("y = max(lo, min(x, hi))", [[1.5], [1.0, 2.0, 3.0], [2.5]], [1.5, 2.0, 2.5]),
        ("y = abs(sqrt(x))", [[1.0, 4.0]], [1.0, 2.0]),
        ("y[i] = x[i+1,0]", [[[1.0, 2.0], [3.0, 4.0]]], [3.0]),
        ("y = min(sum(x[m] for m in 2 if m < 2), 1)", [[1.0, 2.0]], 1.0),
        ("y = x + sum(0 for l in 3)", [2.0], 2.0),
    ],
)
def test_choices_in_choices_and_roots_have_their_value(text, values, wanted):
    np.testing.assert_allclose(step(make("own", text), values)[0], wanted)
