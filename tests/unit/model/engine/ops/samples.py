"""Uses of every operation, in shapes that tell mistakes apart: all sizes distinct, both signs, broadcasting, size 1,
0-d, empty, negative axes. The reference has PyTorch's numbers for some; these are for laws."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from bptui.model.engine import ops


@dataclass(frozen=True)
class Use:
    """One use of an operation: shapes of its inputs, attributes. `positive` keeps inputs above 0.2."""

    op: str
    shapes: tuple
    attributes: dict = field(default_factory=dict)
    positive: bool = False

    def __str__(self):
        told = ",".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.op}{self.shapes}{told}".replace(" ", "")

    @property
    def row(self):
        row = ops.OPS[self.op]
        attributes = {
            n: a.check(self.attributes[n]) if n in self.attributes else a.default for n, a in row.attributes.items()
        }
        other = row.dispatch and row.dispatch(self.shapes, attributes)
        return ops.OPS[other] if other else row

    def inputs(self):
        """The same numbers for the same use, always."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        row = self.row
        found = []
        for name, shape in zip(row.input_names, self.shapes, strict=False):
            if name in row.indices:
                attributes = {n: self.attributes.get(n, a.default) for n, a in row.attributes.items()}
                low, high, *ignored = row.bounds(self.shapes, attributes)[name]
                labels = rng.integers(low, max(high, 1), shape)
                if ignored and labels.size:
                    labels.reshape(-1)[:: labels.shape[-1] - 1] = ignored[0]
                    labels.reshape(-1)[1] = 0
                found.append(labels)
            elif name in ("weight", "pos_weight") and name in row.fixed:
                found.append(rng.uniform(0.2, 1.8, shape))
            elif row.name == "one_hot":
                found.append(rng.integers(-1, self.attributes["classes"] + 1, shape).astype(float))
            elif row.name in ("hinge_embedding", "margin_ranking") and name == "target":
                found.append(rng.choice([-1.0, 1.0], shape))
            elif name in row.fixed and (row.name not in WITHOUT or row.name.startswith("logical")):
                found.append(rng.integers(0, 2, shape).astype(float))
            elif name == "probs" or (self.op == "soft_cross_entropy" and name == "target"):
                found.append(rng.uniform(0.1, 0.9, shape))
            elif name == "a" and self.op in SQUARE:  # far from singular, of the sign that the operation takes
                signs = rng.choice([-1, 1], shape[-1]) if self.op in ("inv", "det", "slogdet", "solve") else 1.0
                found.append(rng.uniform(-0.6, 0.6, shape) + 2 * signs * np.eye(shape[-1]))
            else:
                values = rng.uniform(0.2, 1.8, shape) / (2 if self.op in WITHIN_1 else 1)
                found.append(values if self.positive else values * rng.choice([-1, 1], shape))
        return found


WITHOUT = {name for name, row in ops.OPS.items() if not any(map(row.differentiable, range(len(row.inputs))))}
"""Operations that no gradient passes."""
MAPS = [name for name, row in ops.OPS.items() if row.input_names == ("x",) and row.elementwise]
PAIRS = [name for name, row in ops.OPS.items() if row.input_names == ("a", "b") and row.elementwise]
POINTWISE = [
    "mse", "half_mse", "half_sse", "mae", "huber", "smooth_l1", "bce", "bce_with_logits", "kl_div", "hinge",
    "soft_margin", "log_cosh", "mape", "hinge_embedding", "poisson_nll", "tweedie", "sigmoid_focal",
]  # fmt: skip
SQUARE = {"inv", "solve", "solve_triangular", "det", "logdet", "slogdet", "cholesky"}
WITHIN_1 = {"asin", "acos"}
POSITIVE = {"xlogy", "log", "log1p", "sqrt", "rsqrt", "pow", "kl_div", "tweedie"}
CLASSES = ["cross_entropy", "nll", "multi_margin", "focal"]
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

    for name in POINTWISE:
        for reduction in ("mean", "sum", "none"):
            yield Use(name, ((3, 4), (3, 4)), {"reduction": reduction}, name in POSITIVE)
        yield Use(name, ((), ()), {}, name in POSITIVE)
        yield Use(name, ((5,), (5,)), {}, name in POSITIVE)
    yield Use("huber", ((3, 4), (3, 4)), {"delta": 0.7})
    yield Use("smooth_l1", ((3, 4), (3, 4)), {"beta": 0.7})
    yield Use("hinge_embedding", ((3, 4), (3, 4)), {"margin": 0.6})
    for given in ({"full": True}, {"log_input": False}, {"log_input": False, "full": True, "reduction": "none"}):
        yield Use("poisson_nll", ((3, 4), (3, 4)), given, positive=True)
    for given in ({"alpha": None}, {"gamma": 0.5, "reduction": "none"}, {"alpha": 0.7, "gamma": 0.0}):
        yield Use("sigmoid_focal", ((3, 4), (3, 4)), given)
    for given in ({}, {"margin": 0.6, "reduction": "none"}, {"margin": 0.3, "reduction": "sum"}):
        yield Use("margin_ranking", ((3, 4), (3, 4), (3, 4)), given)
    yield Use("margin_ranking", ((5,), (5,), (5,)))
    yield Use("kl_div", ((3, 4), (3, 4)), {"reduction": "batchmean"}, positive=True)
    for reduction in ("mean", "none", "batchmean"):
        yield Use("kl_div", ((3, 4), (3, 4)), {"reduction": reduction, "log_target": True})
    for reduction in ("mean", "none"):
        yield Use("bce", ((2, 3, 4), (2, 3, 4), (3, 4)), {"reduction": reduction})
        yield Use("bce_with_logits", ((3, 4), (3, 4), (4,)), {"reduction": reduction})
        yield Use("bce_with_logits", ((3, 4), (3, 4), (), (3, 4)), {"reduction": reduction})
    for name in CLASSES:
        for shape, labels, given in (
            ((3, 4), (3,), {}),
            ((3, 4), (3,), {"reduction": "sum"}),
            ((3, 4), (3,), {"reduction": "none"}),
            ((2, 4, 3), (2, 3), {}),
            ((2, 4, 3), (2, 3), {"reduction": "none"}),
            ((2, 3, 4), (2, 3), {"axis": -1}),
            ((4,), (), {}),
            ((3, 1), (3,), {}),
        ):
            yield Use(name, (shape, labels), given)
    yield Use("multi_margin", ((3, 4), (3,)), {"margin": 0.6})
    for given in ({"p": 2}, {"p": 2, "reduction": "none", "margin": 0.6}, {"reduction": "sum"}):
        yield Use("multi_margin", ((3, 4), (3,), (4,)), given)
    for labels, classes, blank in (((3, 2), 4, 0), ((2, 3), 2, 1), ((2,), 3, 0)):
        yield Use("ctc_step", ((*labels[:-1], 2 * labels[-1] + 1), (*labels[:-1], classes), labels), {"blank": blank})
    for lead in ((3,), ()):
        yield Use("ctc_end", ((*lead, 5), lead))
    yield Use("ctc_end", ((3, 5), (3,)), {"by_length": True})
    for given in ({}, {"reduction": "sum"}, {"reduction": "none"}):
        yield Use("multilabel_margin", ((3, 4), (3, 4)), given)
    yield Use("multilabel_margin", ((4,), (4,)))
    for given in ({"gamma": 0.0}, {"gamma": 0.5, "reduction": "none"}):
        yield Use("focal", ((3, 4), (3,)), given)
    for given in ({}, {"reduction": "sum"}, {"reduction": "none"}):
        yield Use("focal", ((5, 4), (5,)), {**given, "ignore_index": -1})
        yield Use("focal", ((5, 4), (5,), (4,)), {**given, "ignore_index": 2})
    for name in ("cross_entropy", "nll"):
        for given in ({}, {"reduction": "sum"}, {"reduction": "none"}):
            left_out = {**given, "ignore_index": -1}
            yield Use(name, ((3, 4), (3,), (4,)), given)
            yield Use(name, ((5, 4), (5,)), left_out)
            yield Use(name, ((5, 4), (5,), (4,)), {**given, "ignore_index": 2})
            yield Use(name, ((2, 4, 3), (2, 3), (4,)), left_out)
        yield Use(name, ((4,), (), (4,)))
    for given in ({}, {"reduction": "none"}, {"ignore_index": -1}):
        yield Use("cross_entropy", ((3, 4), (3,), (4,)), {"label_smoothing": 0.1, **given})
    yield Use("soft_cross_entropy", ((3, 4), (3, 4)))
    for given in ({"label_smoothing": 0.1}, {"label_smoothing": 0.1, "reduction": "none"}):
        yield Use("cross_entropy", ((3, 4), (3,)), given)
        yield Use("cross_entropy", ((2, 4, 3), (2, 3)), given)
        yield Use("soft_cross_entropy", ((3, 4), (3, 4)), given)
    for shape, given in (((2, 4, 3), {"reduction": "none"}), ((2, 3, 4), {"axis": -1}), ((4,), {})):
        yield Use("soft_cross_entropy", (shape, shape), given)
    yield Use("cross_entropy", ((3, 4), (3, 4)))
    yield Use("soft_cross_entropy", ((3, 4), (3, 4), (4,)), {"label_smoothing": 0.1})
    yield Use("soft_cross_entropy", ((2, 4, 3), (2, 4, 3), (4,)), {"reduction": "none"})

    for stride, dilation in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2)):
        given = {"stride": stride, "dilation": dilation}
        yield Use("correlate1d", ((2, 3, 9), (4, 3, 2), (4,)), given)
        yield Use("correlate2d", ((2, 3, 7, 6), (4, 3, 3, 2), (4,)), given)
    yield Use("correlate2d", ((2, 3, 5, 6), (4, 3, 3, 2)), {"stride": (2, 1)})
    yield Use("correlate2d", ((2, 2, 3, 5, 6), (2, 4, 3, 3, 2), (2, 4)))
    yield Use("correlate1d", ((2, 2, 3, 6), (2, 4, 3, 2)))
    for given in (
        {},
        {"stride": 2, "padding": 1},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": (3, 1), "dilation": 2},
        {"dilation": (1, 2), "padding": (0, 2)},
    ):
        yield Use("correlate_transpose2d", ((2, 3, 4, 3), (3, 2, 3, 2), (2,)), given)
    yield Use("correlate_transpose2d", ((2, 2, 3, 4, 3), (2, 3, 1, 3, 2)), {"stride": 2})
    for given in ({"stride": 2, "padding": 1}, {"dilation": 2}):
        yield Use("correlate_transpose1d", ((2, 3, 4), (3, 2, 3), (2,)), given)
    yield Use("correlate_transpose3d", ((2, 2, 2, 3, 2), (2, 3, 2, 1, 2)), {"stride": (1, 2, 1)})
    yield Use("correlate3d", ((2, 3, 4, 5, 3), (2, 3, 2, 3, 1), (2,)), {"stride": (1, 2, 1)})
    for name in ("max_pool2d", "avg_pool2d"):
        for shape, given in (
            ((2, 2, 6, 6), {"kernel_size": 2}),
            ((2, 2, 6, 5), {"kernel_size": (3, 2), "stride": (1, 2)}),
            ((2, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
            ((4, 5), {"kernel_size": (4, 5)}),
            ((1, 1, 3, 3), {"kernel_size": 1}),
        ):
            yield Use(name, (shape,), given)
    yield Use("avg_pool2d", ((2, 5, 6),), {"kernel_size": 3, "padding": 1, "count_include_pad": False})
    yield Use("avg_pool2d", ((2, 5, 6),), {"kernel_size": (2, 3), "padding": 1, "divisor_override": 5})
    yield Use("avg_pool2d", ((2, 5, 3),), {"kernel_size": 2, "ceil_mode": True, "divisor_override": -3})
    for kind in ("max", "avg"):
        for shape, given in (
            ((2, 8), {"kernel_size": 2}),
            ((2, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
            ((2, 3, 8), {"kernel_size": 2, "ceil_mode": True}),
            ((2, 3, 7), {"kernel_size": 2, "ceil_mode": True}),
        ):
            yield Use(f"{kind}_pool1d", (shape,), given)
        yield Use(f"{kind}_pool2d", ((2, 5, 6),), {"kernel_size": (2, 3), "stride": 3, "padding": 1, "ceil_mode": True})
        yield Use(f"{kind}_pool3d", ((2, 4, 5, 3),), {"kernel_size": (2, 2, 1), "stride": (2, 1, 1)})
    yield Use("max_pool1d", ((2, 9),), {"kernel_size": 3, "stride": 1, "dilation": 2, "padding": 1})
    yield Use("max_pool2d", ((2, 7, 6),), {"kernel_size": 2, "stride": 2, "dilation": (3, 1)})
    yield Use("avg_pool1d", ((2, 7),), {"kernel_size": 4, "stride": 3, "padding": 2, "count_include_pad": False})
    for given in ({"padding": 1}, {"padding": 1, "count_include_pad": False}, {"count_include_pad": False}):
        yield Use("avg_pool2d", ((2, 6, 5),), {"kernel_size": 3, "stride": 2, "ceil_mode": True, **given})
    for wanted in (1, 3, 4, 8):
        yield Use("adaptive_avg_pool1d", ((2, 8),), {"output_size": wanted})
    for wanted in (1, (2, 3), (None, 2), (3, 1)):
        yield Use("adaptive_avg_pool2d", ((2, 3, 5, 6),), {"output_size": wanted})
    yield Use("adaptive_avg_pool3d", ((2, 4, 3, 2),), {"output_size": (2, 2, 1)})
    for wanted in (1, 3, 8):
        yield Use("adaptive_max_pool1d", ((2, 8),), {"output_size": wanted})
    for wanted in ((2, 3), (None, 2)):
        yield Use("adaptive_max_pool2d", ((2, 3, 5, 6),), {"output_size": wanted})
    yield Use("adaptive_max_pool3d", ((2, 4, 3, 2),), {"output_size": (2, 2, 1)})
    for shape in ((3, 4), (2, 3, 3), (1, 1)):
        yield Use("causal_mask", (shape,))
        yield Use("masked_softmax", (shape,), {"causal": True})
    for shapes in (((4,), (4,)), ((3, 4), (3, 4)), ((2, 3, 4), (1, 4)), ((1, 4), (2, 3, 4)), ((3, 4), ())):
        yield Use("masked_softmax", shapes)
    yield Use("masked_softmax", ((2, 3, 3), (3, 1)), {"causal": True})
    yield Use("masked_softmax", ((3, 4),))

    from tests.unit.model.engine.ops import index_samples  # which has its Use from here

    yield from index_samples.uses()
