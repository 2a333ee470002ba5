"""Uses of every operation, in shapes that tell mistakes apart: all sizes distinct, both signs, broadcasting, size 1,
0-d, empty, negative axes. The reference has PyTorch's numbers for some; these are for laws."""

from __future__ import annotations

from bptui.model.engine import ops
from tests.unit.model.engine.ops import index_samples, loss_samples, window_samples
from tests.unit.model.engine.ops.use import POSITIVE, Use

MAPS = [name for name, row in ops.OPS.items() if row.input_names == ("x",) and row.elementwise]
PAIRS = [name for name, row in ops.OPS.items() if row.input_names == ("a", "b") and row.elementwise]
REDUCTIONS = ["sum", "mean", "var", "std", "max", "min", "prod", "norm", "logsumexp"]


def uses():
    """All uses."""
    for name in MAPS:
        given = {"power": {"exponent": 3.0}, "cast": {"dtype": "bfloat16"}}.get(name, {})
        for shape in ((3, 4), (), (1,), (0, 3), (2, 1, 3)):
            yield Use(name, (shape,), given, name in POSITIVE)
    for exponent in (2, -1, 0.5, 0, 1):
        yield Use("power", ((3, 4),), {"exponent": exponent}, positive=True)
    yield Use("gelu", ((3, 4),), {"approximate": "tanh"})
    for given in ({"beta": 0.5}, {"beta": 3}, {"beta": 2, "threshold": 0.9}, {"threshold": -0.5}):
        yield Use("softplus", ((3, 4),), given)
    for dtype in ("float64", "float32", "float16"):
        yield Use("cast", ((3, 4),), {"dtype": dtype})
    for given in ({"min": -0.5}, {"max": 0.8}, {"min": -0.5, "max": 0.8}):
        yield Use("clip", ((3, 4),), given)
    for name in PAIRS:
        for shapes in (
            ((3, 4), (3, 4)),
            ((3, 4), (4,)),
            ((3, 1, 4), (1, 5, 1)),
            ((3, 4), ()),
            ((), (3, 4)),
            ((), ()),
            ((1,), (3, 1)),
            ((0, 3), (3,)),
            ((4,), (2, 3, 4)),
        ):
            yield Use(name, shapes, positive=name in POSITIVE)
    for shapes in (((3, 4), (3, 4), (4,)), ((3, 1), (1, 4), ()), ((4,), (2, 3, 4), (3, 1)), ((), (), ())):
        yield Use("where", shapes)
    for shapes in (((3, 4), (3, 4), ()), ((3, 1), (4,), ()), ((4,), (2, 3, 4), ()), ((), (), ()), ((0, 3), (3,), ())):
        yield Use("masked_fill", shapes)
    for name in ("argmax", "argmin"):
        for shape, given in (
            ((3, 4), {}),
            ((3, 4), {"axis": 1}),
            ((2, 3, 4), {"axis": -2, "keepdims": True}),
            ((2, 3), {"keepdims": True}),
            ((5,), {"axis": 0}),
            ((), {}),
            ((3, 1), {"axis": 1}),
        ):
            yield Use(name, (shape,), given)
    for shape, classes in (((3,), 4), ((2, 3), 2), ((), 3), ((0,), 2)):
        yield Use("one_hot", (shape,), {"classes": classes})
    yield Use("dropout", ((3, 4), (3, 4)), {"p": 0.25})
    yield Use("dropout", ((), ()))
    for shape in ((3, 4), ()):
        yield Use("alpha_dropout", (shape, shape), {"p": 0.25})

    for shapes in (
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((1, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((1, 4), (4, 1)),
        ((3, 1), (1, 5)),
        ((2, 3, 1), (1, 5)),
        ((2, 3, 1), (1, 1, 5)),
        ((1,), (1, 5)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
    ):
        yield Use("matmul", shapes)
    for lead in ((3,), (), (2, 3), (1,), (0,), (2, 1, 3)):
        yield Use("affine", ((*lead, 4), (4, 5), (5,)))

    for order in ("2", "-2", "nuc"):
        yield Use("singular_norm", ((3, 4),), {"ord": order})
    yield Use("singular_norm", ((2, 3, 2),), {"ord": "nuc", "keepdims": True})
    for name in ("inv", "det", "logdet", "slogdet", "cholesky"):
        for shape in ((3, 3), (2, 3, 3), (1, 1), (0, 2, 2), (0, 0)):
            yield Use(name, (shape,))
    yield Use("cholesky", ((3, 3),), {"upper": True})
    for shapes in (
        ((3, 3), (3, 2)),
        ((3, 3), (3,)),
        ((2, 3, 3), (2, 3, 4)),
        ((2, 3, 3), (3, 4)),
        ((3, 3), (2, 3, 4)),
        ((2, 3, 3), (3,)),
        ((2, 1, 3, 3), (4, 3, 2)),
        ((3, 3), (3, 0)),
    ):
        yield Use("solve", shapes)
        yield Use("solve_triangular", shapes, {"upper": len(shapes[0]) > 2})
    for given in ({"transposed": True}, {"unitriangular": True, "upper": True}, {"transposed": True, "upper": True}):
        yield Use("solve_triangular", ((3, 3), (3, 2)), given)
    yield Use("solve_triangular", ((2, 3, 3), (3,)), {"transposed": True, "unitriangular": True})

    for equation, *shapes in (
        ("ij,jk->ik", (3, 4), (4, 2)),
        ("bhqd,bhkd->bhqk", (2, 1, 3, 4), (2, 1, 5, 4)),
        ("ii->i", (3, 3)),
        ("ii", (3, 3)),
        ("i,j", (3,), (4,)),
        ("ij,ik->jk", (3, 4), (3, 2)),
        ("bij,bjk,bkl->bil", (2, 3, 4), (2, 4, 2), (2, 2, 5)),
        ("ij,k->k", (3, 4), (5,)),
        (",i->i", (), (4,)),
        ("yA,Aj->yj", (3, 2), (2, 4)),
        ("...ij,...jk->...ik", (2, 1, 3, 4), (1, 4, 2)),
        ("...d,d->...", (2, 3, 4), (4,)),
        ("ijij->ji", (2, 3, 2, 3)),
        ("ij,jk->ik", (0, 4), (4, 2)),
    ):
        yield Use("einsum", tuple(shapes), {"equation": equation})

    for name in REDUCTIONS:
        for shape, given in (
            ((3, 4), {}),
            ((3, 4), {"axis": 1}),
            ((3, 4), {"axis": 0, "keepdims": True}),
            ((3, 4, 2), {"axis": (0, -1)}),
            ((3, 4, 2), {"axis": (0, 2), "keepdims": True}),
            ((3, 4, 2), {"axis": -2}),
            ((3, 4), {"keepdims": True}),
            ((), {}),
            ((1,), {}),
            ((2, 1, 3), {"axis": 1}),
            ((0, 3), {"axis": 1}),
            ((3, 4), {"axis": ()}),
        ):
            if name != "std" or shape not in ((1,), (2, 1, 3)):  # of one number it is 0, where it has no derivative
                yield Use(name, (shape,), given)
    for name in ("var", "std"):
        for correction in (1, 1.5, -0.5):
            yield Use(name, ((3, 4),), {"axis": 1, "correction": correction})
    for p in (0, 1, 0.5, 1.5, 3, -1, float("inf"), float("-inf")):
        for shape, given in (((3, 4), {"axis": 1}), ((3, 4, 2), {"axis": (0, 2), "keepdims": True}), ((5,), {})):
            yield Use("norm", (shape,), {"p": p, **given})
    for shape, axis in (((3, 4), -1), ((4, 3), 0), ((2, 6, 3), 1), ((2,), 0)):
        yield Use("glu", (shape,), {"axis": axis})
    for name in ("softmax", "log_softmax"):
        for shape, axis in (((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((4,), 0), ((3, 1), -1), ((0, 3), -1)):
            yield Use(name, (shape,), {"axis": axis})

    for shape, to in (
        ((3, 4), (2, 6)),
        ((3, 4), (-1,)),
        ((2, 3, 4), (6, 4)),
        ((12,), (3, 4)),
        ((), (1, 1)),
        ((1,), ()),
    ):
        yield Use("reshape", (shape,), {"shape": to})
    for shape, axes in (((3, 4), None), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, -1, 1)), ((), None), ((3,), None)):
        yield Use("transpose", (shape,), {"axes": axes})
    for shape, index in (
        ((3, 4), "[1:, ::2]"),
        ((3, 4), "[-1]"),
        ((5, 4), "[::-1, 1]"),
        ((5, 4), "[-3:-1, ..., -2]"),
        ((2, 3, 4), "[..., 1:3]"),
        ((7,), "[5:1:-2]"),
        ((3,), "[3:]"),
        ((), "[]"),
    ):
        yield Use("slice", (shape,), {"index": index})
    for axis in (0, -1, None, (0, 1)):
        yield Use("flip", ((3, 4),), {"axis": axis})
    for shape, shift, axis in (((3, 4), 1, 1), ((5,), -7, None), ((3, 4), (1, -2), (0, 1)), ((3, 4), (1, 1), (1, -1))):
        yield Use("roll", (shape,), {"shift": shift, "axis": axis})
    for name in ("tril", "triu"):
        for shape, k in (((3, 4), 0), ((2, 4, 3), 1), ((3, 4), -1), ((3, 3), 5)):
            yield Use(name, (shape,), {"k": k})
    for shape, given in (
        ((3, 4), {}),
        ((4, 3), {"offset": 1}),
        ((2, 3, 4), {"offset": -1, "axis1": -2, "axis2": 2}),
        ((3, 2, 4), {"axis1": 2, "axis2": 0}),
        ((3, 4), {"offset": 4}),
    ):
        yield Use("diagonal", (shape,), given)
    for shape in ((3, 4), (4, 2), (1, 1)):
        yield Use("trace", (shape,))
    for shape, given in (
        ((4,), {}),
        ((3,), {"offset": 2}),
        ((2, 3), {"offset": -1}),
        ((2, 3), {"offset": 1, "axis1": 0, "axis2": 2}),
        ((2, 3, 4), {"axis1": -1, "axis2": 1}),
        ((0,), {"offset": 1}),
    ):
        yield Use("diag_embed", (shape,), given)
    yield Use("outer", ((3,), (4,)))
    for shape in ((3, 4), (), (2,)):
        yield Use("complex", (shape,))
        yield Use("complex", (shape, shape))
    for name in ("real", "imag", "conj"):
        for shape in ((3, 2), (2,), (3, 4, 2), (0, 2)):
            yield Use(name, (shape,))
    for shapes in (((3, 2), (3, 2)), ((3, 4, 2), (4, 2)), ((3, 1, 2), (1, 4, 2)), ((2,), (3, 2)), ((2,), (2,))):
        yield Use("cmul", shapes)
    for name, given in (
        ("fft", {}),
        ("fft", {"axis": 0, "norm": "ortho"}),
        ("fft", {"n": 3, "norm": "forward"}),
        ("ifft", {}),
        ("ifft", {"n": 6, "axis": 0}),
        ("irfft", {}),
        ("irfft", {"axis": 0, "norm": "ortho"}),
        ("irfft", {"n": 5}),
        ("irfft", {"n": 9, "norm": "forward"}),
    ):
        yield Use(name, ((3, 4, 2),), given)
    for given in ({}, {"n": 6}, {"n": 3}, {"axis": 0, "norm": "ortho"}):
        yield Use("rfft", ((3, 5),), given)
    yield Use("fft", ((1, 2),))
    yield Use("outer", ((1,), (0,)))
    for shape, repeats in (((3, 4), (2, 3)), ((3,), (2, 1)), ((2, 3), 2), ((), (3,)), ((2, 3), (0, 1)), ((2,), 1)):
        yield Use("repeat", (shape,), {"repeats": repeats})
    for shape, repeats, axis in (((3, 4), 2, 1), ((3, 4), 3, 0), ((2, 3, 2), 2, -2), ((4,), 1, 0)):
        yield Use("repeat_interleave", (shape,), {"repeats": repeats, "axis": axis})
    for shape, axis in (((3, 4), -1), ((4, 3), 0), ((2, 4, 3), 1), ((5,), 0), ((3, 1), 1), ((0, 3), 1)):
        for more in (False, True):
            yield Use("sort", (shape,), {"axis": axis, "descending": more})
            yield Use("topk", (shape,), {"axis": axis, "k": min(2, shape[axis]), "largest": more})
    for shape, factor in (((2, 8, 3, 2), 2), ((9, 2, 1), 3), ((2, 3, 4), 1)):
        yield Use("pixel_shuffle", (shape,), {"factor": factor})
    for shape, factor in (((2, 2, 6, 4), 2), ((1, 3, 6), 3)):
        yield Use("pixel_unshuffle", (shape,), {"factor": factor})
    for shape, size in (
        ((1, 2, 5), 7),
        ((2, 1, 3, 4), (5, 2)),
        ((1, 2, 3, 4), (3, 9)),
        ((1, 1, 2, 3, 2), (3, 3, 4)),
        ((2, 1, 4), 1),
    ):
        yield Use("interpolate", (shape,), {"size": size})
        for corners in (False, True):
            yield Use("interpolate", (shape,), {"size": size, "mode": "linear", "align_corners": corners})
    for shape, size in (((1, 2, 5), 7), ((2, 1, 3, 4), (5, 2)), ((2, 1, 4), 1), ((1, 1, 1), 3)):
        for corners in (False, True):
            yield Use("interpolate", (shape,), {"size": size, "mode": "cubic", "align_corners": corners})
    for name in ("running_mean", "running_var"):
        for shape in ((5, 3), (4, 3, 2), (1, 3)):
            yield Use(name, (shape, (3,)), {"momentum": 0.25})
    yield Use("concat", ((3, 4), (3, 5)), {"axis": 1})
    yield Use("concat", ((3, 4), (1, 4), (2, 4)), {"axis": -2})
    yield Use("concat", ((2,), (0,)))
    for axis in (0, 1, -1):
        yield Use("stack", ((3, 4), (3, 4)), {"axis": axis})
    yield Use("stack", ((), (), ()))
    for shape, width in (((3, 4), ((0, 1), (1, 2))), ((3,), 2), ((2, 3), (1, 0)), ((2, 3), 0)):
        yield Use("pad", (shape,), {"pad_width": width, "value": -0.75})
    for shape, to in (((4, 1), (3, 4, 5)), ((), (2, 3)), ((1, 3), (2, 3)), ((3,), (3,))):
        yield Use("broadcast_to", (shape,), {"shape": to})
    for shapes, axis in (((((3, 4), (5,))), 0), (((3, 4), (2, 3)), -1), (((3, 4), ()), 1), (((4,), (2,)), 0)):
        yield Use("take", shapes, {"axis": axis})
    for shapes, axis in ((((3, 4), (5, 4)), 0), (((3, 4), (3, 2)), -1), (((2, 3, 4), (2, 5, 4)), 1), (((4,), (6,)), 0)):
        yield Use("gather", shapes, {"axis": axis})
        yield Use("scatter_add", (*shapes, shapes[1]), {"axis": axis})
    for x, src, axis in (((3, 4), (5, 4), 0), ((3, 4), (3, 2), -1), ((2, 3, 4), (2, 5, 4), 1), ((4,), (6,), 0)):
        yield Use("index_add", (x, (src[axis],), src), {"axis": axis})
    for src, index in (
        ((2, 4), "[1:3]"),
        ((3,), "[::2, 1]"),
        ((2, 4), "[1:4:2, ::-1]"),
        ((2, 2), "[-2:, 1:3]"),
        ((5,), "[..., -1]"),
        ((3, 4), "[::-2]"),
        ((2, 4), "[3:0:-2]"),
        ((3, 4), "[:3]"),
        ((), "[2, 0]"),
    ):
        yield Use("put", ((5, 4), src), {"index": index})
    for name in ("cumsum", "cumprod", "logcumsumexp"):
        for shape, axis in (((3, 4), 1), ((3, 4), 0), ((2, 4, 3), -2), ((5,), 0), ((3, 1), 1), ((0, 3), 0)):
            yield Use(name, (shape,), {"axis": axis})
    for positions in ((2, 4), (), (3,), (0,)):
        yield Use("embedding", ((6, 5), positions))
    yield Use("embedding", ((3, 5), (2, 4)), {"padding_idx": 1})
    for given in ({"max_norm": 1.5}, {"max_norm": 2.0, "norm_type": 1}, {"scale_grad_by_freq": True, "padding_idx": 0}):
        yield Use("embedding", ((3, 5), (2, 4)), given)
    yield Use("embedding", ((3, 5), ()), {"scale_grad_by_freq": True, "max_norm": 1.0, "norm_type": "inf"})
    for mode in ("mean", "sum", "max"):
        for shapes in (((6, 3), (2, 4)), ((6, 3), (5,), (), (3,)), ((6, 3), (2, 4), ())):
            yield Use("embedding_bag", shapes, {"mode": mode})
    for shapes in (((6, 3), (2, 4), (2, 4)), ((6, 3), (5,), (5,), (2,))):
        yield Use("embedding_bag", shapes, {"mode": "sum"})
    for mode in ("mean", "sum", "max"):
        for shapes in (((3, 5), (2, 4)), ((3, 5), (6,), (), (3,))):
            yield Use("embedding_bag", shapes, {"mode": mode, "padding_idx": 1})
    yield Use("embedding_bag", ((3, 5), (2, 4), (2, 4)), {"mode": "sum", "scale_grad_by_freq": True, "max_norm": 1.0})
    yield Use("embedding_bag", ((3, 5), (6,), (), (3,)), {"scale_grad_by_freq": True, "padding_idx": 0})
    yield Use("embedding_bag", ((3, 5), (2, 4)), {"mode": "max", "max_norm": 1.5, "norm_type": 3})

    yield from loss_samples.uses()
    yield from window_samples.uses()
    for shape in ((3, 4), (2, 3, 3), (1, 1)):
        yield Use("causal_mask", (shape,))
        yield Use("masked_softmax", (shape,), {"causal": True})
    for shapes in (((4,), (4,)), ((3, 4), (3, 4)), ((2, 3, 4), (1, 4)), ((1, 4), (2, 3, 4)), ((3, 4), ())):
        yield Use("masked_softmax", shapes)
    yield Use("masked_softmax", ((2, 3, 3), (3, 1)), {"causal": True})
    yield Use("masked_softmax", ((3, 4),))
    yield from index_samples.uses()
