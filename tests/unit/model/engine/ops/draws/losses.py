"""Losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.unit.model.engine.ops.draws.base import Case, Random, chance, numbers, pick, positive, shape_of


def compared(op: str, call: str, names: tuple[str, str], draw: Callable[..., Any] = numbers, **more: Any) -> Any:
    """A loss of two tensors of one shape."""

    def make(random: Random) -> Case:
        shape = shape_of(random)
        first, second = (draw(random, shape), draw(random, shape))
        given = {name: value(random) for name, value in more.items() if chance(random)}
        if chance(random, 0.8):
            given["reduction"] = pick(random, "mean", "sum", "none")
        return Case(op, dict(zip(names, (first, second), strict=True)),
                    lambda torch, p, t: getattr(torch.nn.functional, call)(p, t, **given), given)  # fmt: skip

    return make


def weighed(op: str, call: str, names: tuple[str, str], low: float, high: float, *weights: str) -> Any:
    """A loss of two tensors, and of weights that have the shape of their last axes."""

    def make(random: Random) -> Case:
        made = compared(op, call, names, lambda r, s: r.uniform(low, high, s))(random)
        first, target = made.inputs.values()
        inputs = {names[0]: first, names[1]: np.round(target) if chance(random, 0.3) else target}
        for name in weights[: int(random.integers(len(weights) + 1))]:
            inputs[name] = positive(random, np.shape(first)[int(random.integers(np.ndim(first) + 1)) :])

        def run(torch: Any, p: Any, t: Any, *others: Any) -> Any:
            more = {name: other.detach() for name, other in zip(weights, others, strict=False)}
            return getattr(torch.nn.functional, call)(p, t, **more, **made.given)

        return Case(op, inputs, run, made.given)

    return make


def kl_div(random: Random) -> Case:
    made = compared("kl_div", "kl_div", ("log_probs", "target"), lambda r, s: r.uniform(0.05, 1, s),
                    log_target=chance)(random)  # fmt: skip
    if np.ndim(made.inputs["target"]) and chance(random, 0.3):
        made.given["reduction"] = "batchmean"
    return made


def hinge(random: Random) -> Case:
    shape, reduction = shape_of(random), pick(random, "mean", "sum", "none")
    inputs = {"scores": numbers(random, shape), "target": random.choice([-1.0, 1.0], shape)}

    def call(torch: Any, s: Any, t: Any) -> Any:
        term = torch.relu(1 - t * s)
        return term if reduction == "none" else getattr(term, reduction)()

    return Case("hinge", inputs, call, {"reduction": reduction})


def soft_margin(random: Random) -> Case:
    made = compared("soft_margin", "soft_margin_loss", ("scores", "target"))(random)
    return Case("soft_margin", made.inputs, lambda torch, s, t: made.torch(torch, s, t.detach()), made.given)


def classes(op: str, call: str, name: str, **more: Callable[[Random], Any]) -> Callable[[Random], Case]:
    """A loss over classes, which are axis 1 (of a vector: the only one)."""

    def make(random: Random) -> Case:
        flat, weighable = op == "multi_margin", op != "multi_margin" or chance(random)
        shape = shape_of(random, 1, 2 if flat else 4, empty=False)
        at = min(1, len(shape) - 1)
        labels = random.integers(0, shape[at], shape[:at] + shape[at + 1 :])
        given = {key: value(random) for key, value in more.items() if chance(random)}
        if chance(random, 0.8):
            given["reduction"] = pick(random, "mean", "sum", "none")
        inputs = {name: numbers(random, shape) * pick(random, 1, 1, 1 if flat else 30), "labels": labels}
        if weighable and chance(random, 0.4):
            inputs["weight"] = positive(random, shape[at])
        if not flat and labels.ndim and chance(random, 0.4):
            given["ignore_index"] = pick(random, -100, -1, 0, shape[at] - 1) if shape[at] > 1 else -100
            labels[random.random(labels.shape) < 0.3] = given["ignore_index"]
            labels.flat[0] = (max(-1, given["ignore_index"]) + 1) % shape[at]  # of none the mean is nan

        def run(torch: Any, x: Any, y: Any, weight: Any = None) -> Any:
            weights = {} if weight is None else {"weight": weight.detach()}
            return getattr(torch.nn.functional, call)(x, y, **weights, **given)

        return Case(op, inputs, run, given)

    return make


def signed(op: str, call: str, names: tuple[str, ...], margin: tuple[float, ...]) -> Callable[[Random], Case]:
    """A loss whose last input is -1 or 1."""

    def make(random: Random) -> Case:
        shape = shape_of(random)
        inputs = {name: numbers(random, shape) for name in names}
        given = {"margin": pick(random, *margin)} if chance(random) else {}
        if chance(random, 0.8):
            given["reduction"] = pick(random, "mean", "sum", "none")
        inputs["target"] = random.choice([-1.0, 1.0], shape)
        return Case(op, inputs, lambda torch, *x: getattr(torch.nn.functional, call)(*x, **given), given)

    return make


def terms(op: str, names: tuple[str, str], one: Callable[..., Any], draw: Any = numbers, **more: Any) -> Any:
    """A loss that PyTorch has not: the mean, the sum or each of one(torch, prediction, target, **settings)."""

    def make(random: Random) -> Case:
        shape, reduction = shape_of(random), pick(random, "mean", "sum", "none")
        given = {name: value(random) for name, value in more.items()}

        def call(torch: Any, p: Any, t: Any) -> Any:
            each = one(torch, p, t, **given)
            return each if reduction == "none" else getattr(each, reduction)()

        inputs = dict(zip(names, (draw(random, shape), draw(random, shape)), strict=True))
        return Case(op, inputs, call, {**given, "reduction": reduction})

    return make


def embeddings(op: str, call: str, names: tuple[str, ...], **more: Any) -> Callable[[Random], Case]:
    """A loss of embeddings, which are the last axis; with a target of -1 or 1 for each where it has one."""

    def make(random: Random) -> Case:
        shape = shape_of(random, 1, 2, empty=False)
        inputs = {name: random.uniform(-2, 2, shape[:-1] if name == "target" else shape) for name in names}
        if "target" in inputs:
            inputs["target"] = random.choice([-1.0, 1.0], shape[:-1])
        given = {name: value(random) for name, value in more.items() if chance(random)}
        if "loss" in call:
            given["reduction"] = pick(random, "mean", "sum", "none")

        def run(torch: Any, *x: Any) -> Any:
            named = {{"keepdims": "keepdim"}.get(name, name): value for name, value in given.items()}
            return getattr(torch.nn.functional, call)(*x, **named)

        return Case(op, inputs, run, given)

    return make


def gaussian_nll(random: Random) -> Case:
    shape = shape_of(random, 1, 3, empty=False)
    inputs = {"prediction": numbers(random, shape), "target": numbers(random, shape)}
    inputs["var"] = positive(random, pick(random, shape, shape[:-1], (*shape[:-1], 1), ()))
    given = {"full": chance(random), "eps": pick(random, 1e-6, 0.5), "reduction": pick(random, "mean", "sum", "none")}

    def run(torch: Any, p: Any, t: Any, var: Any) -> Any:
        return torch.nn.functional.gaussian_nll_loss(p, t, var if var.ndim else var.expand(p.shape), **given)

    return Case("gaussian_nll", inputs, run, given)


def multilabel_soft_margin(random: Random) -> Case:
    shape = shape_of(random, 1, 3, empty=False)
    inputs = {"logits": numbers(random, shape) * 5, "target": random.uniform(0, 1, shape)}
    if chance(random):
        inputs["weight"] = positive(random, shape[-1])
    given = {"reduction": pick(random, "mean", "sum", "none")}

    def run(torch: Any, x: Any, t: Any, *weight: Any) -> Any:
        return torch.nn.functional.multilabel_soft_margin_loss(x, t, *(w.detach() for w in weight), **given)

    return Case("multilabel_soft_margin", inputs, run, given)


def multilabel_margin(random: Random) -> Case:
    shape = shape_of(random, 1, 2, empty=False)
    given = {"reduction": pick(random, "mean", "sum", "none")}
    inputs = {"scores": numbers(random, shape), "labels": random.integers(-1, shape[-1], shape)}
    return Case("multilabel_margin", inputs, lambda torch, x, y: torch.nn.functional.multilabel_margin_loss(
        x, y, **given), given)  # fmt: skip


def ctc(random: Random) -> Case:
    """Of what a log_softmax made, which is a part of the case: PyTorch's gradient is right for that alone."""
    samples, classes, most = (int(random.integers(low, 4)) for low in (1, 2, 1))
    moments, blank = int(random.integers(2 * most, 8)), int(random.integers(classes))
    kinds = [n for n in range(classes) if n != blank]
    labels, x = random.choice(kinds, (samples, most)), random.normal(size=(moments, samples, classes))
    given = {"blank": blank, "reduction": pick(random, "mean", "sum", "none")}
    inputs = {"log_probs": x - np.log(np.exp(x).sum(-1, keepdims=True)), "labels": labels}
    lasting, counts = np.full(samples, moments), np.full(samples, most)
    if chance(random):
        lasting, counts = random.integers(2 * most, moments + 1, samples), random.integers(0, most + 1, samples)
        inputs |= {"input_lengths": lasting.astype(float), "target_lengths": counts}

    def call(torch: Any, logs: Any, labels: Any, *lengths: Any) -> Any:
        likely = logs.exp() * (torch.arange(moments)[:, None, None] < torch.tensor(lasting)[:, None])
        less = (likely - likely.detach()).sum((0, 2))  # PyTorch's gradient is that with exp(log_probs) added
        each = torch.nn.functional.ctc_loss(logs, labels, torch.tensor(lasting), torch.tensor(counts), blank, "none")
        each = each - less
        each = each / torch.tensor(counts).clamp_min(1) if given["reduction"] == "mean" else each
        return each if given["reduction"] == "none" else getattr(each, given["reduction"])()

    return Case("ctc", inputs, call, given)


def poisson_nll(random: Random) -> Case:
    made = compared("poisson_nll", "poisson_nll_loss", ("rate", "target"), positive, log_input=chance, full=chance)
    return made(random)


def _sigmoid_focal(torch: Any, x: Any, t: Any, alpha: float | None, gamma: float) -> Any:
    """As torchvision has it, but for its alpha below 0, which is None here."""
    p, t = torch.sigmoid(x), t.detach()
    each = torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    each = each * (1 - p * t - (1 - p) * (1 - t)) ** gamma
    return each if alpha is None else each * (alpha * t + (1 - alpha) * (1 - t))


def focal(random: Random) -> Case:
    made = classes("focal", "cross_entropy", "logits")(random)
    gamma, reduction = float(pick(random, 0.0, 1.0, 2.0, 3.5)), made.given.get("reduction", "mean")

    def run(torch: Any, x: Any, y: Any, weight: Any = None) -> Any:
        cross_entropy = torch.nn.functional.cross_entropy
        left_out = made.given.get("ignore_index", -100)
        each = cross_entropy(x, y, reduction="none", ignore_index=left_out)
        each = (1 - torch.exp(-each)) ** gamma * each
        weights = torch.ones(x.shape[min(1, x.ndim - 1)], dtype=x.dtype) if weight is None else weight.detach()
        weights = torch.where(y == left_out, 0, weights[torch.where(y == left_out, 0, y)])
        each = each * weights
        return each if reduction == "none" else each.sum() / (weights.sum() if reduction == "mean" else 1)

    return Case("focal", made.inputs, run, {**made.given, "gamma": gamma})


def cross_entropy(random: Random) -> Case:
    smooth = {"label_smoothing": lambda r: float(pick(r, 0.0, 0.1, 0.5, 1.0))}
    if chance(random, 0.6):
        return classes("cross_entropy", "cross_entropy", "logits", **smooth)(random)
    shape = shape_of(random, 1, 4, empty=False)
    given = {"reduction": pick(random, "mean", "sum", "none"), "label_smoothing": smooth["label_smoothing"](random)}
    inputs = {"logits": numbers(random, shape), "target": random.uniform(0, 1, shape)}
    if chance(random, 0.4):
        inputs["weight"] = positive(random, shape[min(1, len(shape) - 1)])
    return Case("cross_entropy", inputs, lambda torch, x, t, w=None: torch.nn.functional.cross_entropy(
        x, t, None if w is None else w.detach(), **given), given)  # fmt: skip


def _order(random: Random) -> float:
    return pick(random, 1.0, 2.0, 3.5)


_PAIR = ("prediction", "target")

DRAWS: Mapping[str, Callable[[Random], Case]] = {
    "mse": compared("mse", "mse_loss", _PAIR),
    "mae": compared("mae", "l1_loss", _PAIR),
    "huber": compared("huber", "huber_loss", _PAIR, delta=lambda r: float(pick(r, 0.5, 1.0, 1.5))),
    "smooth_l1": compared("smooth_l1", "smooth_l1_loss", _PAIR, beta=lambda r: float(pick(r, 0.5, 1.0, 1.5))),
    "bce": weighed("bce", "binary_cross_entropy", ("probs", "target"), 0, 1, "weight"),
    "bce_with_logits": weighed("bce_with_logits", "binary_cross_entropy_with_logits", ("logits", "target"), -30, 30,
                               "pos_weight", "weight"),
    "kl_div": kl_div,
    "hinge": hinge,
    "soft_margin": soft_margin,
    "cross_entropy": cross_entropy,
    "nll": classes("nll", "nll_loss", "log_probs"),
    "multi_margin": classes("multi_margin", "multi_margin_loss", "scores", margin=lambda r: float(pick(r, 0.5, 1, 2)),
                            p=lambda r: pick(r, 1, 2)),
    "poisson_nll": poisson_nll,
    "hinge_embedding": signed("hinge_embedding", "hinge_embedding_loss", ("distance",), (0.5, 1.0, 2.0)),
    "margin_ranking": signed("margin_ranking", "margin_ranking_loss", ("x1", "x2"), (0.0, 0.5, -0.5)),
    "log_cosh": terms("log_cosh", _PAIR, lambda torch, p, t: torch.log(torch.cosh(p - t))),
    "mape": terms("mape", _PAIR, lambda torch, p, t, eps: (p - t).abs() / t.abs().clamp_min(eps),
                  lambda r, s: r.uniform(-2, 2, s), eps=lambda r: pick(r, 0.1, 0.3, 1.0)),
    "tweedie": terms("tweedie", ("rate", "target"), lambda torch, p, t, power: p ** (2 - power) / (2 - power)
                     - t * p ** (1 - power) / (1 - power), positive, power=lambda r: pick(r, 1.1, 1.5, 1.9)),
    "sigmoid_focal": terms("sigmoid_focal", ("logits", "target"), _sigmoid_focal, lambda r, s: r.uniform(0, 1, s),
                           alpha=lambda r: pick(r, None, 0.25, 0.7), gamma=lambda r: pick(r, 0.0, 0.5, 2.0)),
    "focal": focal,
    "pairwise_distance": embeddings("pairwise_distance", "pairwise_distance", ("a", "b"), p=_order, keepdims=chance),
    "triplet_margin": embeddings("triplet_margin", "triplet_margin_loss", ("anchor", "positive", "negative"), p=_order,
                                 swap=chance, margin=lambda r: pick(r, 0.5, 2.0)),
    "cosine_embedding": embeddings("cosine_embedding", "cosine_embedding_loss", ("x1", "x2", "target"),
                                   margin=lambda r: pick(r, -0.5, 0.0, 0.3)),
    "gaussian_nll": gaussian_nll,
    "ctc": ctc,
    "multilabel_margin": multilabel_margin,
    "multilabel_soft_margin": multilabel_soft_margin,
}  # fmt: skip
