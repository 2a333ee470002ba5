"""Uses of what slides a window: convolutions and pools."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.model.engine.ops.use import Use


def uses() -> Iterator[Use]:
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
