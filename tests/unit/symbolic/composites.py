"""Uses of every composite: with and without what is optional, over ranks, groups, strides, masks, training and not."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.composites import composites

from .steps import graph_of, record


@dataclass(frozen=True)
class Use:
    """One use of a composite: shapes of its inputs, attributes."""

    op: str
    shapes: tuple
    attributes: dict = field(default_factory=dict, hash=False)
    positive = False

    def __str__(self):
        told = ",".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.op}{self.shapes}{told}".replace(" ", "")

    @property
    def row(self):
        return ops.COMPOSITES[self.op]

    def inputs(self):
        """The same numbers for the same use, always; a variance is above 0, a mask of zeros and ones."""
        random = np.random.default_rng(zlib.crc32(str(self).encode()))
        made = []
        for name, shape in zip(self.row.input_names, self.shapes, strict=False):
            x = random.uniform(0.2, 1.8, shape)
            if name in ("mask", "drop"):
                x = random.integers(0, 2, shape).astype(float)
            elif name == "target" and self.op == "cosine_embedding":
                x = random.choice([-1.0, 1.0], shape)
            elif name == "probs":
                x = x / 2
            elif name not in ("running_var", "var"):
                x = x * random.choice([-1, 1], shape)
            made.append(x)
        return made


CELL = {"rnn_cell": (1, 2), "lstm_cell": (4, 3), "gru_cell": (3, 2)}
"""Blocks of rows in the weights, and inputs before them."""


def cell(op, lead, features=3, hidden=2, biased=True, **attributes):
    blocks, states = CELL[op]
    shapes = [
        (*lead, features),
        *[(*lead, hidden)] * (states - 1),
        (blocks * hidden, features),
        (blocks * hidden, hidden),
    ]
    return Use(op, (*shapes, *([(blocks * hidden,)] * 2 if biased else [])), attributes)


def many_heads(lead, heads, biased=False, masks=(), end=6, kv_heads=None, **attributes):
    """A multi_head_attention of 3 queries and 5 keys; `biased` None: 0 stands in the place of each bias."""
    narrow = 4 // heads * (kv_heads or heads)
    weights = ((4, 4), (narrow, 7), (narrow, 3), (end, 4))
    biases = [(rows,) if biased else () for rows, _ in weights] if biased or masks else []
    sources = (*lead, 3, 4), (*lead, 5, 7), (*lead, 5, 3)
    given = {"heads": heads, **({"kv_heads": kv_heads} if kv_heads else {}), **attributes}
    return Use("multi_head_attention", (*sources, *weights, *biases, *masks), given)


def projected(lead, features=2, hidden=3, units=4, biased=True):
    """An lstm_cell whose h is a projection; without biases, 0 stands in their place."""
    weights = [(4 * units, features), (4 * units, hidden), *[(4 * units,) if biased else ()] * 2, (hidden, units)]
    return Use("lstm_cell", ((*lead, features), (*lead, hidden), (*lead, units), *weights))


def uses():
    """All of them."""
    for lead in ((), (3,), (2, 3)):
        yield Use("linear", ((*lead, 4), (5, 4), (5,)))
    yield Use("linear", ((3, 4), (5, 4)))
    for shape, own in (((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((5,), (5,)), ((2, 3, 4), (4,))):
        yield Use("layer_norm", (shape, own, own), {"eps": 1e-3})
        yield Use("rms_norm", (shape, own), {"eps": 1e-3})
    for op in ("layer_norm", "rms_norm"):
        yield Use(op, ((3, 4),))
    yield Use("layer_norm", ((3, 4), (4,)))
    for shape in ((5, 3), (4, 3, 2), (2, 3, 2, 4)):
        yield Use("batch_norm", (shape, (3,), (3,)))
        yield Use("batch_norm", (shape, (3,), (3,), (3,), (3,)), {"training": False})
    yield Use("batch_norm", ((5, 3),))
    yield Use("batch_norm", ((5, 3), (3,), (3,), (3,), (3,)))
    for groups in (1, 2, 4):
        yield Use("group_norm", ((2, 4, 3), (4,), (4,)), {"groups": groups})
    yield Use("group_norm", ((2, 4, 3, 2),), {"groups": 2})
    yield Use("group_norm", ((3, 4), (4,), (4,)), {"groups": 2, "eps": 1e-2})
    for lead in ((), (2,), (2, 3)):
        for causal in (False, True):
            yield Use("scaled_dot_product_attention", ((*lead, 3, 4), (*lead, 5, 4), (*lead, 5, 2)), {"causal": causal})
    yield Use("scaled_dot_product_attention", ((3, 4), (5, 4), (5, 2)), {"scale": 0.3})
    yield Use("scaled_dot_product_attention", ((3, 4), (5, 4), (5, 2), (3, 5)))
    yield Use("scaled_dot_product_attention", ((2, 3, 4), (5, 4), (5, 2), (2, 1, 5)), {"causal": True})
    yield Use("scaled_dot_product_attention", ((2, 1, 3, 4), (6, 1, 4), (1, 1, 2), (5 - 4,)))
    for mask in ((), (3, 5)):
        masks = (mask, (2, 3, 5))
        yield Use("scaled_dot_product_attention", ((2, 3, 4), (2, 5, 4), (2, 5, 2), *masks), {"dropout": 0.25})
    yield Use("scaled_dot_product_attention", ((1, 4), (5, 4), (5, 2), (5,)), {"causal": True})
    for q, k, v, *masks in (
        ((3, 4), (5, 4), (5, 2), (), (), (3, 5)),
        ((2, 3, 4), (2, 5, 4), (2, 5, 2), (3, 5), (), (2, 1, 5)),
        ((2, 3, 4), (5, 4), (5, 2), (), (), (5,)),
    ):
        yield Use("scaled_dot_product_attention", (q, k, v, *masks), {})
    masks = ((), (2, 3, 5), (2, 3, 5))
    yield Use("scaled_dot_product_attention", ((2, 3, 4), (2, 5, 4), (2, 5, 2), *masks), {"dropout": 0.25})
    for causal in (False, True):
        given = {"grouped": True, "causal": causal}
        yield Use("scaled_dot_product_attention", ((2, 4, 3, 5), (2, 2, 6, 5), (2, 2, 6, 3)), given)
    yield Use("scaled_dot_product_attention", ((6, 3, 5), (2, 4, 5), (3, 4, 2)), {"grouped": True})
    for given in (
        {"padding": 1},
        {"stride": 2, "padding": 1, "dilation": 2},
        {"groups": 2},
        {"groups": 2, "padding": 2},
    ):
        groups = given.get("groups", 1)
        yield Use("conv1d", ((2, 4, 9), (6, 4 // groups, 3), (6,)), given)
        yield Use("conv2d", ((2, 4, 7, 6), (6, 4 // groups, 3, 2), (6,)), given)
    yield Use("conv2d", ((2, 4, 7, 6), (8, 1, 3, 2)), {"groups": 4, "stride": (2, 1), "padding": (0, 1)})
    yield Use("conv_transpose2d", ((2, 4, 3, 4), (4, 3, 3, 2), (6,)), {"stride": 2, "padding": 1, "groups": 2})
    yield Use("conv_transpose2d", ((2, 4, 3, 4), (4, 1, 3, 2), (4,)), {"dilation": 2, "groups": 4})
    for shape, axis in (((3, 4), 1), ((3, 4), -2), ((2, 4, 3), 1), ((4,), 0)):
        yield Use("normalize", (shape,), {"axis": axis})
        yield Use("cosine_similarity", (shape, shape), {"axis": axis})
    for order in (1, "inf", -1, "-inf"):  # those by singular values are an operation of their own
        yield Use("matrix_norm", ((3, 4),), {"ord": order})
    yield Use("matrix_norm", ((2, 3, 4),), {"ord": 1, "keepdims": True})
    for p in (2, 1, "inf", 3, 0.5, 0):
        yield Use("cdist", ((3, 4), (5, 4)), {"p": p})
    yield Use("cdist", ((2, 1, 3, 4), (6, 2, 4)), {"p": 1.5})
    yield Use("cdist", ((3, 4), (2, 5, 4)))
    for lead in ((3,), (), (2, 3)):
        yield Use("bilinear", ((*lead, 4), (*lead, 2), (5, 4, 2), (5,)))
    for p in (1, 3, float("inf")):
        yield Use("normalize", ((3, 4),), {"axis": 1, "p": p})
    for op in ("bilinear_glu", "reglu", "geglu", "swiglu"):
        for shape, axis in (((3, 4), -1), ((2, 6, 3), 1)):
            yield Use(op, (shape,), {"axis": axis})
    for count, shape in ((1, (2, 3, 4)), (2, (2, 3, 4, 2)), (3, (3, 2, 4, 5))):
        mask = shape[:-count]
        yield Use(f"dropout{count}d", (shape, mask), {"p": 0.25})
    yield Use("feature_alpha_dropout", ((2, 3, 4), (2, 3)), {"p": 0.25})
    for v, g, axis in (((3, 4), (3, 1), 0), ((3, 4, 2), (1, 4, 1), -2), ((3, 4), (), None)):
        yield Use("weight_norm", (v, g), {"axis": axis})
    for shape, size in (((2, 5, 3), 3), ((2, 4, 3, 2), 2)):
        given = {"size": size, "alpha": 0.5, "beta": 0.7, "k": 1.5}
        yield Use("local_response_norm", (shape,), given)
    for count, shape, given in (
        (1, (2, 7), {"kernel_size": 3, "stride": 2}),
        (2, (2, 5, 6), {"kernel_size": (2, 3), "p": 3}),
        (2, (2, 5, 6), {"kernel_size": 2, "ceil_mode": True}),
        (3, (2, 4, 3, 2), {"kernel_size": (2, 3, 1)}),
    ):
        yield Use(f"lp_pool{count}d", (shape,), given)
    for shape in ((3, 2), (2,)):
        yield Use("angle", (shape,))
    yield Use("ceinsum", ((3, 4, 2), (4, 5, 2)), {"equation": "ij,jk->ik"})
    yield Use("ceinsum", ((2, 3, 4, 2), (3, 5, 4, 2)), {"equation": "bix,iox->box"})
    yield Use("ceinsum", ((3, 2), (4, 2)), {"equation": "i,j"})
    for name, shape in (("fft2", (3, 4, 2)), ("ifft2", (3, 4, 2)), ("rfft2", (3, 4)), ("irfft2", (3, 3, 2))):
        yield Use(name, (shape,))
        yield Use(name, (shape,), {"s": (2, 5), "norm": "ortho"})
    yield Use("fft2", ((3, 2, 4, 2),), {"axes": (0, 2), "norm": "forward"})
    yield Use("instance_norm", ((2, 4, 3), (4,), (4,)), {"eps": 1e-2})
    yield Use("instance_norm", ((2, 3, 2, 4),))
    for shape in ((3, 4), (2, 4, 3), (5, 4, 2, 3)):
        yield Use("prelu", (shape, (4,)))
        yield Use("prelu", (shape, (1,)))
    yield Use("conv1d", ((2, 4, 7), (4, 2, 4), (4,)), {"padding": "same", "groups": 2})
    yield Use("conv2d", ((2, 3, 5, 6), (4, 3, 3, 2), (4,)), {"padding": "same", "dilation": (2, 1)})
    yield Use("conv3d", ((2, 2, 3, 4, 3), (4, 1, 2, 3, 1), (4,)), {"padding": (0, 1, 0), "groups": 2})
    yield Use("conv_transpose1d", ((2, 4, 3), (4, 3, 3), (6,)), {"stride": 2, "padding": 1, "groups": 2})
    yield Use("conv_transpose3d", ((2, 2, 2, 3, 2), (2, 3, 2, 1, 2), (6,)), {"stride": (1, 2, 1), "groups": 2})
    for given in ({"padding": "same"}, {"padding": "same", "dilation": 2, "groups": 2}):
        yield Use("conv1d", ((2, 4, 9), (6, 4 // given.get("groups", 1), 4), (6,)), given)
    yield Use("conv3d", ((1, 2, 4, 3, 3), (4, 1, 2, 3, 2), (4,)), {"padding": (0, 1, 1), "groups": 2})
    yield Use("conv_transpose1d", ((2, 4, 5), (4, 2, 3), (4,)), {"stride": 3, "padding": 1, "groups": 2})
    yield Use("conv_transpose3d", ((1, 2, 2, 3, 2), (2, 1, 2, 2, 2)), {"stride": (2, 1, 1), "groups": 2})
    given_each = (
        {"p": 1.0},
        {"p": 3.0, "keepdims": True},
        {"p": float("inf"), "eps": 0.1},
        {"p": 0.5},
        {"keepdims": True},
    )
    for given in given_each:
        yield Use("pairwise_distance", ((3, 4), (3, 4)), given)
    yield Use("pairwise_distance", ((4,), (4,)))
    for given in (
        {},
        {"swap": True, "reduction": "none"},
        {"p": 1.0, "margin": 0.4, "reduction": "sum"},
        {"p": 3.0, "swap": True, "margin": 2.0},
    ):
        yield Use("triplet_margin", ((3, 4), (3, 4), (3, 4)), given)
    yield Use("triplet_margin", ((4,), (4,), (4,)))
    for given in ({}, {"margin": 0.3, "reduction": "none"}, {"margin": -0.2, "reduction": "sum"}):
        yield Use("cosine_embedding", ((5, 4), (5, 4), (5,)), given)
    yield Use("cosine_embedding", ((4,), (4,), ()))
    for var in ((3, 4), (3, 1), (3,), ()):
        yield Use("gaussian_nll", ((3, 4), (3, 4), var), {"full": True})
    yield Use("gaussian_nll", ((3, 4), (3, 4), (3, 4)), {"eps": 0.7, "reduction": "none"})
    yield Use("gaussian_nll", ((3,), (3,), (3,)), {"reduction": "sum"})
    yield Use("gaussian_nll", ((3, 4), (3, 4)), {"full": True})
    for given in ({}, {"reduction": "none"}, {"reduction": "sum"}):
        yield Use("multilabel_soft_margin", ((3, 4), (3, 4)), given)
        yield Use("multilabel_soft_margin", ((3, 4), (3, 4), (4,)), given)
        yield Use("dice", ((2, 3, 4), (2, 3, 4)), given)
    yield Use("multilabel_soft_margin", ((4,), (4,)))
    yield Use("dice", ((4,), (4,)), {"smooth": 0.1})
    for op in CELL:
        for lead in ((3,), ()):
            yield cell(op, lead)
        yield cell(op, (3,), biased=False)
    yield cell("rnn_cell", (3,), nonlinearity="relu")
    yield cell("rnn_cell", (2, 3))
    for q, k, *masks in (((3, 4), (5, 4)), ((2, 3, 4), (2, 5, 4), (3, 5)), ((2, 3, 4), (5, 4), (), (2, 1, 5))):
        for causal in (False, True):
            yield Use("attention_weights", (q, k, *masks), {"causal": causal})
    yield Use("attention_weights", ((2, 1, 3, 4), (6, 5, 4)), {"scale": 0.3})
    yield Use("attention_weights", ((3, 4), (5, 4)), {"scale": 0.0})
    yield many_heads((2,), 2)
    yield many_heads((), 2, True, causal=True)
    yield many_heads((2,), 2, None, ((2, 1, 1, 5),))
    yield many_heads((), 4, True, kv_heads=2)
    yield projected((3,))
    yield projected((), biased=False)


def whole_of(use, seed=0):
    """(recording, the composite) of a training step around one use."""
    recording = record(graph_of(use.row, use.inputs(), use.attributes, seed))
    return recording, next(iter(composites(recording.graph).values()))
