"""Uses of losses."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.model.engine.ops.use import POSITIVE, Use

POINTWISE = [
    "mse", "half_mse", "half_sse", "mae", "huber", "smooth_l1", "bce", "bce_with_logits", "kl_div", "hinge",
    "soft_margin", "log_cosh", "mape", "hinge_embedding", "poisson_nll", "tweedie", "sigmoid_focal",
]  # fmt: skip
CLASSES = ["cross_entropy", "nll", "multi_margin", "focal"]


def uses() -> Iterator[Use]:
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
