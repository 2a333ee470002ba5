"""Laws of the whole registry: every row is complete and defined, and its vjp is the derivative of its forward."""

import ast
import re

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.ops.base import Op
from tests.forgotten import same_rows
from tests.unit.model.engine.ops.executor import arrays_of, attributes_of, forward, run
from tests.unit.model.engine.ops.samples import uses
from tests.unit.model.engine.ops.use import Use

USES = list(uses())


@pytest.mark.parametrize("row", [*ops.OPS.values(), *ops.COMPOSITES.values()], ids=lambda row: row.name)
def test_row_is_complete(row):
    assert row.doc.endswith(".")
    assert len(set(row.input_names)) == len(row.inputs)
    assert set(row.fixed) | set(row.indices) <= set(row.input_names)
    optional = [name.endswith("?") for name in row.inputs]
    assert optional == sorted(optional), "inputs that may be left out are the last ones"
    for attribute in row.attributes.values():
        if not attribute.required:
            assert attribute.check(attribute.default) == attribute.default
            hash(attribute.default)
    if isinstance(row, Op):
        assert (row.bounds is not None) == bool(row.indices)


def test_every_row_is_used_here():
    used = {use.row.name for use in USES}
    same_rows(used, ops.OPS, "a use in samples.py here, yield Use(name, shapes); of a reduction a word of REDUCTIONS")


def test_names_do_not_collide():
    assert not set(ops.OPS) & set(ops.COMPOSITES)


def test_get():
    assert ops.get("sigmoid") is ops.OPS["sigmoid"]
    assert ops.get("linear") is ops.COMPOSITES["linear"]
    with pytest.raises(UserError, match="did you mean 'sigmoid'"):
        ops.get("sigmiod")


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", USES, ids=str)
def test_definition_is_text_without_sizes(use):
    row = use.row
    attributes = attributes_of(row, use.attributes)
    signature = row.signature(use.shapes, attributes)
    text = row.define(signature)
    hash(signature)
    assert len(text) <= 2000
    statements = ast.parse(text.replace("; ", "\n")).body
    last = statements[-1].targets[0]
    assert (last.value if isinstance(last, ast.Subscript) else last).id == "y"
    names = {node.id for node in ast.walk(ast.parse(text.replace("; ", "\n"))) if isinstance(node, ast.Name)}
    assert set(row.input_names[: len(use.shapes)]) <= names
    for name in row.input_names:
        hint = row.hint_for(signature, name)
        assert hint is None or ast.parse(hint, mode="eval")
    # other sizes, same ranks: the same derivation
    doubled = [tuple(2 * n if n > 1 else n for n in shape) for shape in use.shapes]
    try:
        other = row.signature(doubled, attributes)
    except ValueError:
        return
    assert row.define(other) == text


def contraction(row, arrays, attributes, u, dtype=float):
    """Σ u·f(x), by forward alone."""
    _, _, out, _ = forward(row, arrays, attributes, dtype)
    return np.sum(out * u)


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", USES, ids=str)
def test_vjp_is_the_derivative(use):
    """Along a random direction: a complex step (1e-30) where the operation is analytic, else a central difference."""
    row, inputs = use.row, use.inputs()
    attributes = attributes_of(row, use.attributes)
    rng = np.random.default_rng(7)
    shape = row.shape(use.shapes, attributes)
    u = rng.normal(size=shape)
    _, gradients = run(row, inputs, use.attributes, u)
    for position in range(len(inputs)):
        if not row.differentiable(position):
            assert gradients[position] is None
            continue
        if row.straight_through and not row.elementwise:
            continue
        if row.straight_through:
            np.testing.assert_array_equal(gradients[position], u)
            continue
        v = rng.normal(size=use.shapes[position])
        expected = float(np.sum(gradients[position] * v))

        def at(step, position=position, v=v):
            moved = [x.astype(type(step)) + step * v if n == position else x for n, x in enumerate(inputs)]
            return contraction(row, moved, attributes, u, type(step))

        if row.analytic:
            found, tolerance = at(1e-30j).imag / 1e-30, 1e-12
        else:
            h = 1e-6
            found, tolerance = (at(h) - at(-h)) / (2 * h), 1e-8
        scale = max(1.0, float(np.sum(np.abs(gradients[position] * v))))
        assert abs(found - expected) <= tolerance * scale, (row.name, row.input_names[position])


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", USES, ids=str)
def test_each_gradient_alone(use):
    """What is wanted does not change what comes out."""
    row, inputs = use.row, use.inputs()
    u = np.random.default_rng(3).normal(size=row.shape(use.shapes, attributes_of(row, use.attributes)))
    _, together = run(row, inputs, use.attributes, u)
    for position in range(len(inputs)):
        _, alone = run(row, inputs, use.attributes, u, wanted={position})
        for n, gradient in enumerate(alone):
            if n != position:
                assert gradient is None
            elif gradient is not None:
                np.testing.assert_array_equal(gradient, together[n])


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", [use for use in USES if use.shapes[0]], ids=str)
def test_float32_stays_float32(use):
    row = use.row
    attributes = attributes_of(row, use.attributes)
    _, _, out, _ = forward(row, use.inputs(), attributes, "float32")
    assert out.dtype == np.float32
    wide = forward(row, use.inputs(), attributes)[2]
    np.testing.assert_allclose(out, wide, rtol=2e-4, atol=2e-5)


def test_inputs_are_not_written_to():
    for use in USES:
        row, inputs = use.row, use.inputs()
        before = [np.array(x) for x in inputs]
        _, arrays, _, _ = forward(row, inputs, attributes_of(row, use.attributes))
        for x, y in zip(arrays, arrays_of(row, before), strict=True):
            np.testing.assert_array_equal(x, y, err_msg=str(use))


WRONG = [
    Use("add", ((3, 4), (5,))),
    Use("where", ((3,), (4,), (3,))),
    Use("masked_fill", ((3, 4), (3, 4), (4,))),
    Use("masked_fill", ((3, 4), (3,), ())),
    Use("argmax", ((3, 4),), {"axis": 2}),
    Use("argmin", ((3, 0),), {"axis": 1}),
    Use("matmul", ((3, 4), (5, 6))),
    Use("matmul", ((), (5, 6))),
    Use("matmul", ((2, 3, 4), (3, 4, 5))),
    Use("affine", ((3, 4), (5, 6), (6,))),
    Use("affine", ((3, 4), (4, 6), (4,))),
    Use("einsum", ((3, 4), (3, 4)), {"equation": "ij,jk->ik"}),
    Use("einsum", ((3, 4),), {"equation": "i->i"}),
    Use("einsum", ((3,),), {"equation": "ii->i"}),
    Use("sum", ((3, 4),), {"axis": 2}),
    Use("sum", ((3, 4),), {"axis": (0, -2)}),
    Use("max", ((3, 0),), {"axis": 1}),
    Use("softmax", ((3, 4),), {"axis": -3}),
    Use("softmax", ((),)),
    Use("reshape", ((3, 4),), {"shape": (5, 2)}),
    Use("reshape", ((3, 4),), {"shape": (-1, -1)}),
    Use("transpose", ((3, 4),), {"axes": (0, 0)}),
    Use("slice", ((3, 4),), {"index": "[3]"}),
    Use("slice", ((3, 4),), {"index": "[0, 0, 0]"}),
    Use("concat", ((3, 4), (2, 5)), {"axis": 1}),
    Use("stack", ((3, 4), (3, 5))),
    Use("pad", ((3, 4),), {"pad_width": ((1, 1), (1, 1), (1, 1))}),
    Use("broadcast_to", ((3, 4),), {"shape": (3, 5)}),
    Use("take", ((3, 4), (2,)), {"axis": 2}),
    Use("embedding", ((3,), (2,))),
    Use("flip", ((3, 4),), {"axis": 2}),
    Use("pixel_shuffle", ((6, 2, 2),), {"factor": 2}),
    Use("pixel_unshuffle", ((2, 3, 2),), {"factor": 2}),
    Use("interpolate", ((2, 3),), {"size": 4}),
    Use("interpolate", ((2, 3, 4, 5),), {"size": (4, 4, 4)}),
    Use("roll", ((3, 4),), {"shift": 1}),
    Use("roll", ((3, 4),), {"shift": (1, 2), "axis": 0}),
    Use("tril", ((3,),)),
    Use("diagonal", ((3, 4),), {"axis1": 0, "axis2": -2}),
    Use("diag_embed", ((),)),
    Use("diag_embed", ((3, 4),), {"axis1": 2}),
    Use("trace", ((3,),)),
    Use("complex", ((3,), (2,))),
    Use("real", ((2, 3),)),
    Use("imag", ((),)),
    Use("conj", ((3,),)),
    Use("cmul", ((3, 2), (4, 2))),
    Use("cmul", ((3, 2), (3,))),
    Use("fft", ((3, 4),)),
    Use("fft", ((3, 2),), {"axis": 1}),
    Use("ifft", ((2,),)),
    Use("rfft", ((),)),
    Use("irfft", ((1, 2),)),
    Use("inv", ((3, 4),)),
    Use("det", ((3,),)),
    Use("cholesky", ((),)),
    Use("solve", ((3, 3), (4, 3))),
    Use("solve", ((3, 3), ())),
    Use("solve", ((2, 3, 3), (4, 3, 2))),
    Use("solve_triangular", ((3, 4), (4,))),
    Use("outer", ((3, 4), (5,))),
    Use("repeat_interleave", ((3, 4),), {"repeats": 2, "axis": 2}),
    Use("topk", ((3, 4),), {"k": 5}),
    Use("sort", ((3, 4),), {"axis": 2}),
    Use("pad", ((3, 4),), {"pad_width": ((0, 0), (4, 0)), "mode": "reflect"}),
    Use("pad", ((3, 4),), {"pad_width": ((0, 4), (0, 0)), "mode": "circular"}),
    Use("unfold", ((3, 4),), {"kernel_size": 2}),
    Use("unfold", ((1, 2, 3, 4),), {"kernel_size": (4, 2)}),
    Use("fold", ((3, 8, 5),), {"output_size": 3, "kernel_size": 2}),
    Use("fold", ((6, 4),), {"output_size": 3, "kernel_size": 2}),
    Use("gather", ((3, 4), (2, 5))),
    Use("scatter_add", ((3, 4), (2, 4), (3, 4))),
    Use("scatter", ((3, 4), (2, 5), (2, 5))),
    Use("scatter_reduce", ((3, 4), (2, 4), (2, 3)), {"reduce": "sum"}),
    Use("split", ((3, 4),), {"size": 2}),
    Use("split", ((3, 4),), {"size": (1, 1), "part": 0}),
    Use("split", ((3, 4),), {"size": 2, "part": 2}),
    Use("chunk", ((3, 4),), {"chunks": 2, "axis": 2, "part": 0}),
    Use("unbind", ((3, 4),), {"part": -4}),
    Use("index", ((3, 4), (2,), (3,))),
    Use("index", ((3, 4), (2,)), {"index": "[i, i2]"}),
    Use("index", ((3, 4), (2,), (2,), (2,))),
    Use("index", ((3, 4), (2,)), {"index": "[3, i]"}),
    Use("index_put", ((3, 4), (4, 2), (2,))),
    Use("index_put", ((3, 4), (4,), ())),
    Use("index_put", ((3, 4), (1, 2, 4), (2,)), {"index": "[None, i]"}),
    Use("index_add", ((3, 4), (2,), (3, 4))),
    Use("index_add", ((3, 4), (2,), (2, 5))),
    Use("put", ((3, 4), (4,)), {"index": "[1:]"}),
    Use("put", ((3, 4), (4,)), {"index": "[3]"}),
    Use("cumsum", ((3, 4),), {"axis": 2}),
    Use("mse", ((4, 1), (4,))),
    Use("cross_entropy", ((3, 4), (4,))),
    Use("correlate2d", ((2, 3, 5, 6), (4, 2, 3, 3), (4,))),
    Use("correlate2d", ((2, 3, 2, 6), (4, 3, 3, 3), (4,))),
    Use("correlate2d", ((2, 3, 5, 6), (4, 3, 3, 3), (3,))),
    Use("correlate_transpose2d", ((2, 3, 5, 6), (2, 3, 3, 3))),
    Use("max_pool2d", ((2, 2),), {"kernel_size": 3}),
    Use("avg_pool2d", ((2,),), {"kernel_size": 2}),
    Use("avg_pool2d", ((6, 6),), {"kernel_size": 2, "padding": 2}),
    Use("causal_mask", ((3,),)),
]


@pytest.mark.parametrize("use", WRONG, ids=str)
def test_shapes_that_do_not_fit(use):
    """The message names an argument and says a shape; where two shapes disagree, both."""
    row = ops.OPS[use.op]
    with pytest.raises(ValueError, match=r".") as told:
        row.shape(use.shapes, attributes_of(row, use.attributes))
    text = str(told.value)
    assert "\n" not in text
    assert any(re.search(rf"\b{name}\b", text) for name in [*row.input_names, *row.attributes]), text
    assert re.search(r"\(\d|\(\)|axis|axes", text), text


@pytest.mark.parametrize(
    ("op", "name", "value"),
    [
        ("sum", "axis", "x"),
        ("sum", "axis", 1.5),
        ("sum", "keepdims", 1),
        ("argmax", "axis", (0, 1)),
        ("one_hot", "classes", 0),
        ("softmax", "axis", None),
        ("power", "exponent", "two"),
        ("power", "exponent", float("nan")),
        ("power", "exponent", True),
        ("gelu", "approximate", "erf"),
        ("dropout", "p", 1.0),
        ("dropout", "p", -0.1),
        ("mse", "reduction", "average"),
        ("cross_entropy", "label_smoothing", 1.5),
        ("correlate2d", "stride", 0),
        ("correlate2d", "stride", (1, 1, 1)),
        ("correlate2d", "dilation", (1, 0)),
        ("max_pool2d", "kernel_size", 0),
        ("max_pool2d", "padding", -1),
        ("slice", "index", "[a]"),
        ("slice", "index", "[::0]"),
        ("slice", "index", "[::99999999999999999999]"),
        ("slice", "index", "[..., ...]"),
        ("put", "index", "[None, 1]"),
        ("index", "index", "[1:, ::2]"),
        ("index", "index", "[i2, i]"),
        ("split", "size", 0),
        ("split", "size", (1, -1)),
        ("scatter_reduce", "reduce", "max"),
        ("pad", "pad_width", ((1,), (2,))),
        ("pad", "pad_width", -1),
        ("pad", "mode", "edge"),
        ("unfold", "stride", 0),
        ("reshape", "shape", (2, -2)),
        ("huber", "delta", -1),
        ("transpose", "axes", "ab"),
        ("cast", "dtype", "int8"),
        ("softplus", "beta", 0),
        ("interpolate", "size", 0),
        ("interpolate", "mode", "area"),
        ("pixel_shuffle", "factor", 0),
        ("einsum", "equation", "ij,jk->ii"),
        ("einsum", "equation", "ij->k"),
        ("einsum", "equation", "i;j"),
        ("einsum", "equation", "ij->..."),
        ("einsum", "equation", ",".join("abcdefghi")),
        ("einsum", "equation", 3),
    ],
)
def test_attributes_that_do_not_fit(op, name, value):
    with pytest.raises(ValueError, match=r"must|is too long|at most"):
        ops.OPS[op].attributes[name].check(value)
