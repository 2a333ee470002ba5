"""Uses of what reads and writes parts of a tensor."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.model.engine.ops.use import Use

REDUCTIONS = ("sum", "mean", "prod", "amax", "amin")


def uses() -> Iterator[Use]:
    for shape, given in (
        ((5, 3), {"size": 2, "part": 1}),
        ((5, 3), {"size": 2, "part": -1}),
        ((2, 7), {"size": (3, 0, 4), "axis": 1, "part": 2}),
        ((2, 7), {"size": (3, 4), "axis": -1, "part": -2}),
        ((3,), {"size": 4}),
    ):
        yield Use("split", (shape,), given)
    for shape, given in (
        ((7, 2), {"chunks": 3, "part": 1}),
        ((7, 2), {"chunks": 3, "part": 2}),
        ((2, 6), {"chunks": 4, "axis": 1, "part": -1}),
        ((2, 3), {"chunks": 1}),
        ((5,), {"chunks": 2, "part": 0}),
    ):
        yield Use("chunk", (shape,), given)
    for shape, given in (((3, 4), {"part": 2}), ((3, 4, 2), {"axis": -2, "part": -1}), ((1,), {})):
        yield Use("unbind", (shape,), given)
    for shape, index in (
        ((3, 4), "[:, None]"),
        ((3, 4), "[None, 1, None, ::2]"),
        ((), "[None]"),
        ((5, 2), "[..., None, 1]"),
    ):
        yield Use("slice", (shape,), {"index": index})
    for x, i, count, index in (
        ((3, 4), (5,), 2, None),
        ((3, 4), (5,), 1, "[1:, i]"),
        ((3, 4, 2), (5,), 2, "[i, :, i2]"),
        ((3, 4, 2), (2, 3), 2, "[:, i, i2]"),
        ((3, 4, 2), (3,), 1, "[0, ..., i, None]"),
        ((2, 3, 4), (), 2, "[..., i, i2]"),
        ((3, 4), (0,), 2, "[i, i2]"),
    ):
        yield Use("index", (x, *(i,) * count), {"index": index})
    for x, src, i, index in (
        ((3, 4), (5,), (5,), "[i, i2]"),
        ((3, 4), (5, 4), (5,), None),
        ((3, 4), (2, 5), (5,), "[1:, i]"),
        ((3, 4, 2), (5, 4), (5,), "[i, :, i2]"),
        ((3, 4, 2), (3, 2, 3), (2, 3), "[:, i, i2]"),
    ):
        for accumulate in (False, True):
            lists = (i,) * (2 if "i2" in str(index) else 1)
            yield Use("index_put", (x, src, *lists), {"index": index, "accumulate": accumulate})
    yield Use("index_put", ((4, 3, 2), (5, 2), (5,)), {"index": "[i, ::2, -1]"})
    for x, i, axis in (((3, 4), (5, 2), 0), ((3, 4), (2, 2), -1), ((2, 3, 4), (1, 5, 3), 1)):
        yield Use("gather", (x, i), {"axis": axis})
        yield Use("scatter_add", (x, i, i), {"axis": axis})
    for x, i, axis in (((3, 4), (5, 4), 0), ((3, 4), (2, 3), -1), ((2, 3, 4), (2, 5, 3), 1), ((4,), (6,), 0)):
        yield Use("scatter", (x, i, i), {"axis": axis})
    for reduce in REDUCTIONS:
        for own in (True, False):
            yield Use("scatter_reduce", ((3, 4), (4, 3), (4, 3)), {"reduce": reduce, "include_self": own})
        yield Use("scatter_reduce", ((2, 3), (2, 5), (2, 5)), {"axis": -1, "reduce": reduce})
    for shape, given in (
        ((2, 3, 5, 4), {"kernel_size": (2, 3)}),
        ((1, 2, 5, 6), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "dilation": (1, 2)}),
        ((2, 4, 5), {"kernel_size": 2, "padding": 1}),
    ):
        yield Use("unfold", (shape,), given)
    for shape, given in (
        ((2, 18, 8), {"output_size": (5, 4), "kernel_size": (2, 3)}),
        (
            (1, 12, 6),
            {"output_size": (5, 6), "kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 1), "dilation": (1, 2)},
        ),
        ((8, 20), {"output_size": (3, 4), "kernel_size": 2, "padding": 1}),
    ):
        yield Use("fold", (shape,), given)
    for mode in ("reflect", "replicate", "circular"):
        for shape, width in (((3, 4), ((0, 1), (2, 3))), ((5,), (2, 0)), ((2, 3, 4), ((0, 0), (1, 1), (0, 2)))):
            yield Use("pad", (shape,), {"pad_width": width, "mode": mode})
    yield Use("pad", ((2, 3),), {"pad_width": ((3, 2), (1, 5)), "mode": "replicate"})
    for equation, *shapes in (
        ("ij,jk->ik", (3, 1), (4, 2)),
        ("...i,...i->...", (2, 1, 3), (4, 1)),
        ("ii,ij->j", (1, 1), (3, 2)),
        ("ij,ij,ji->i", (1, 4), (3, 1), (4, 3)),
        ("ij,jk->ik", (3, 1), (0, 2)),
    ):
        yield Use("einsum", tuple(shapes), {"equation": equation})
