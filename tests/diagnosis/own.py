"""Healthy networks of many kinds, drawn anew for each seed, and faults that are planted in them one at a time.

The limits of the rules were set from published pairs and healthy networks; these were made afterwards, so that they
say how far that carries: other widths, data, losses, optimizers, dtypes, layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from bptui.model.source.network import Network, from_mapping
from tests.diagnosis.judge import Truth

Content = dict[str, Any]
Layers = list[dict[str, Any]]

OUTPUT = ("output-activation", "loss-pairing", "output-range")
HARD = {
    "a hundredth of the rate": "with momentum, or many units, half is learnt all the same",
    "ten thousand times the rate": "one giant step tells the classes apart, and the loss is 0 from then on",
    "biases of 8": "batches of two samples do not tell how far a layer spreads",
}
"""Planted faults that may be missed, and why."""
SWOLLEN = ("learning-rate-high", "exploding", "numeric", "dead-units")


def network(content: Mapping[str, Any]) -> Network:
    """The network of a file's table."""
    return from_mapping(content, "own")


def dense(units: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **more}


def conv(channels: int, size: int = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "conv2d", "channels": channels, "kernel_size": size, **more}


def embedding(units: int) -> dict[str, Any]:
    return {"kind": "embedding", "size": 30, "units": units}


FLATTEN, NORM, RELU = {"kind": "flatten"}, {"kind": "batch_norm"}, {"kind": "activation", "activation": "relu"}


class Drawn:
    """Data of one seed: rings, blobs, numbers, pictures, waves, bits, words."""

    def __init__(self, seed: int, count: int = 200) -> None:
        draw = np.random.default_rng(seed)
        self.ring = np.arange(count) % 2
        angle, radius = draw.uniform(0, 2 * np.pi, count), np.where(self.ring, 1.0, 2.0)
        self.points = np.c_[radius * np.cos(angle), radius * np.sin(angle)] + 0.1 * draw.normal(size=(count, 2))
        self.kind = np.arange(count) % 5
        blobs = 1.5 * draw.normal(size=(5, 10))[self.kind] + draw.normal(size=(count, 10))
        self.blobs = (blobs - blobs.mean(0)) / blobs.std(0)
        numbers = self.blobs @ draw.normal(size=(10, 1)) + 0.1 * draw.normal(size=(count, 1))
        self.numbers = numbers / numbers.std()
        self.picture = np.arange(160) % 4
        shapes = (draw.random((4, 8, 8)) > 0.6)[self.picture] * draw.uniform(0.5, 1, (160, 1, 1))
        self.pictures = np.clip(shapes + 0.15 * draw.normal(size=shapes.shape), 0, 1)[:, None]
        self.waves = np.sin(draw.uniform(0, 6, (120, 1)) + 0.7 * np.arange(10))[:, :, None]
        self.bits = draw.integers(0, 2, (128, 6))
        self.words = draw.integers(0, 30, (160, 8))
        self.mood = (draw.normal(size=30)[self.words].sum(1) > 0)[:, None].astype(float)


def healthy(seed: int) -> Iterator[tuple[str, Content]]:
    """(name, content of the file) of networks that learn."""
    d = Drawn(seed)
    two = d.ring[:, None].astype(float)
    block = {"kind": "residual", "activation": "relu", "layers": [dense(24, "relu"), dense(24)]}
    drop = {"kind": "dropout", "p": 0.3}

    def made(x: Any, y: Any, layers: Layers, loss: Any, kind: str, rate: float, batch: int = 0, **more: Any) -> Content:
        top = {key: more.pop(key) for key in ("steps", "dtype") if key in more}
        data = {"inputs": x, "targets": y, **({"batch_size": batch} if batch else {})}
        loss = loss if isinstance(loss, dict) else {"kind": loss}
        optimizer = {"kind": kind, "learning_rate": rate, **more}
        return {"seed": seed, "steps": 150, **top, "data": data, "layers": layers, "loss": loss, "optimizer": optimizer}

    yield (
        "rings",
        made(d.points, two, [dense(16, "relu"), dense(16, "relu"), dense(1, "sigmoid")], "bce", "adam", 0.01, 40),
    )
    yield "one sigmoid", made(d.points, two, [dense(12, "sigmoid"), dense(1)], "bce_with_logits", "adam", 0.05)
    yield "five tanh", made(d.points, d.ring, [*[dense(12, "tanh")] * 5, dense(2)], "cross_entropy", "adam", 0.005)
    leaky = [dense(16, "leaky_relu"), dense(16, "leaky_relu"), dense(2)]
    yield "nesterov", made(d.points, d.ring, leaky, "cross_entropy", "sgd", 0.05, 32, momentum=0.9, nesterov=True)
    yield "blobs", made(d.blobs, d.kind, [dense(32, "relu"), dense(5)], "cross_entropy", "sgd", 0.2, 50)
    selu = [dense(24, "selu", init="lecun_normal"), dense(24, "selu", init="lecun_normal"), dense(5)]
    yield "selu", made(d.blobs, d.kind, selu, "cross_entropy", "adam", 0.003, dtype="float32")
    smooth = {"kind": "cross_entropy", "label_smoothing": 0.1}
    yield "smoothed", made(d.blobs, d.kind, [dense(24, "gelu"), dense(5)], smooth, "adamw", 0.01, 50)
    dropped = [dense(48, "relu"), drop, dense(24, "relu"), drop, dense(5)]
    yield "dropout", made(d.blobs, d.kind, dropped, "cross_entropy", "adamw", 0.01, 50)
    yield "pairs", made(d.blobs, d.kind, [dense(16, "relu"), dense(5)], "cross_entropy", "sgd", 0.02, 2)
    yield "nll", made(d.blobs, d.kind, [dense(16, "silu"), dense(5, "log_softmax")], "nll", "rmsprop", 0.005, 50)
    labels = (d.blobs[:, :3] > 0).astype(float)
    yield "three labels", made(d.blobs, labels, [dense(20, "relu"), dense(3, "sigmoid")], "bce", "adam", 0.02, 64)
    signs = np.where(d.blobs[:, :1] > 0, 1.0, -1.0)
    yield "hinge", made(d.blobs, signs, [dense(20, "relu"), dense(1)], "hinge", "sgd", 0.1, 40)
    normed = [NORM, dense(24, "relu"), NORM, dense(5)]
    yield "batch norm", made(30 * d.blobs + 100, d.kind, normed, "cross_entropy", "adam", 0.01, 50)
    yield "late", made(d.blobs, d.kind, [dense(32, "relu"), dense(5)], "cross_entropy", "adam", 0.02, steps=200)
    yield "linear", made(d.blobs, d.numbers, [dense(1)], "mse", "sgd", 0.1)
    bent = [dense(24, "tanh"), dense(12, "tanh"), dense(1)]
    yield "regression", made(d.blobs, np.sin(d.numbers), bent, "mse", "adam", 0.01, 50)
    squares = d.numbers + 0.5 * d.blobs[:, :1] ** 2
    yield "huber", made(d.blobs, squares, [dense(24, "relu"), dense(12, "relu"), dense(1)], "huber", "adam", 0.01, 50)
    yield "mae", made(d.blobs, d.numbers, [dense(16, "elu"), dense(1)], "mae", "adam", 0.01)
    bottle = [dense(8, "tanh"), dense(3), dense(8, "tanh"), dense(10)]
    yield "autoencoder", made(d.blobs, d.blobs, bottle, "mse", "adam", 0.01)
    flat = [FLATTEN, dense(32, "relu"), dense(4)]
    yield "pictures", made(d.pictures, d.picture, flat, "cross_entropy", "sgd", 0.2, 40, momentum=0.9)
    pooled = [conv(8, padding=1, activation="relu"), {"kind": "max_pool2d", "kernel_size": 2}, FLATTEN, dense(4)]
    yield "convolution", made(d.pictures, d.picture, pooled, "cross_entropy", "adam", 0.01, 40)
    only = [conv(8, padding=1, activation="relu"), conv(8, stride=2, activation="relu"), conv(4, 1)]
    yield (
        "all convolution",
        made(d.pictures, d.picture, [*only, {"kind": "global_avg_pool"}], "cross_entropy", "adam", 0.02, 40),
    )
    mixed = [
        conv(8, padding=1, use_bias=False),
        NORM,
        RELU,
        {"kind": "avg_pool2d", "kernel_size": 2},
        FLATTEN,
        drop,
        dense(4),
    ]
    yield "normed convolution", made(d.pictures, d.picture, mixed, "cross_entropy", "sgd", 0.05, 40, momentum=0.9)
    yield "gru", made(d.waves[:, :9], d.waves[:, 9], [{"kind": "gru", "units": 12}, dense(1)], "mse", "adam", 0.01, 30)
    parity = (d.bits.sum(1) % 2)[:, None].astype(float)
    lstm: Layers = [{"kind": "lstm", "units": 10}, dense(1)]
    yield "parity", made(d.bits[:, :, None].astype(float), parity, lstm, "bce_with_logits", "adam", 0.01, 32)
    words: Layers = [embedding(12), {"kind": "mean_positions"}, dense(8, "relu"), dense(1, "sigmoid")]
    yield "words", made(d.words, d.mood, words, "bce", "adam", 0.02, 40)
    look: Layers = [
        embedding(16),
        {"kind": "positional"},
        {"kind": "transformer", "heads": 2},
        {"kind": "mean_positions"},
    ]
    yield "transformer", made(d.words, d.words[:, 0] % 4, [*look, dense(4)], "cross_entropy", "adam", 0.003, 40)
    deep = [dense(24, "relu"), *[block] * 4, dense(5)]
    yield "residual", made(d.blobs, d.kind, deep, "cross_entropy", "adam", 0.003, 50)
    for width in (4, 128):
        wide = [dense(width, "relu"), dense(width, "relu"), dense(5)]
        yield f"width {width}", made(d.blobs, d.kind, wide, "cross_entropy", "adam", 0.005, 50)


# ------------------------------------------------------------------------------------------------------- faults
def planted(content: Content) -> Iterator[tuple[str, Content, tuple[Truth, ...]]]:
    """(fault, the file with it, the right answers) of every fault that this network can have."""
    for name, change, types in (*_outputs(content), *_data(content), *_steps(content), *_layers(content)):
        made = deepcopy(content)
        change(made)
        yield name, made, tuple(Truth(each) for each in types)


Fault = tuple[str, Any, tuple[str, ...]]


def weighted(content: Content) -> list[int]:
    """Which layers are dense or convolutions."""
    return [i for i, layer in enumerate(content["layers"]) if layer["kind"] in ("dense", "conv2d")]


def setting(places: list[int], **keys: Any) -> Any:
    """A change of some layers."""

    def change(made: Content) -> None:
        for place in places:
            made["layers"][place] = {**made["layers"][place], **keys}

    return change


def _outputs(content: Content) -> Iterator[Fault]:
    last, kind, y = weighted(content)[-1:], content["loss"]["kind"], np.asarray(content["data"]["targets"])

    def ends(activation: str, loss: str = "") -> Any:
        def change(made: Content) -> None:
            setting(last, activation=activation)(made)
            made["loss"] = {"kind": loss} if loss else made["loss"]

        return change

    if kind in ("bce", "bce_with_logits") and y.shape[-1] == 1:
        yield "softmax over one unit", ends("softmax", "bce"), OUTPUT
        for activation in ("linear", "relu", "tanh"):
            yield f"bce on {activation}", ends(activation, "bce"), (*OUTPUT, "numeric")
        yield "sigmoid twice", ends("sigmoid", "bce_with_logits"), OUTPUT
    if kind == "cross_entropy":
        for activation in ("softmax", "relu", "sigmoid"):
            yield f"cross_entropy on {activation}", ends(activation), OUTPUT
        yield "nll on linear", ends("linear", "nll"), (*OUTPUT, "unbounded-loss")
    if kind in ("mse", "huber", "mae"):
        for activation in ("sigmoid", "softmax", "relu"):
            yield f"{activation} in a regression", ends(activation), (*OUTPUT, "dead-units")


def _data(content: Content) -> Iterator[Fault]:
    x, y = np.asarray(content["data"]["inputs"]), np.asarray(content["data"]["targets"])
    first, kind = content["layers"][0]["kind"], content["loss"]["kind"]

    def inputs(values: Any) -> Any:
        return lambda made: made["data"].update(inputs=values)

    if first not in ("embedding", "batch_norm", "gru", "lstm"):
        yield "inputs of hundreds", inputs(200 * x), ("input-scale",)
        yield "inputs around fifty", inputs(20 * x + 50), ("input-scale",)
        yield "inputs of thousandths", inputs(x / 1000), ("input-scale",)
        if x.ndim == 2:
            yield "a column of thousands", inputs(x * np.r_[1000.0, np.ones(x.shape[1] - 1)]), ("input-scale",)
    if first == "batch_norm":
        yield "evaluation mode", setting([0], training=False), ("batch-norm", "input-scale")
    if kind in ("mse", "huber", "mae"):
        types = ("target-scale", "learning-rate-high", "exploding", "learning-rate-low")
        yield "targets of thousands", lambda made: made["data"].update(targets=1000 * y + 3000), types


def _steps(content: Content) -> Iterator[Fault]:
    optimizer, layers = content["optimizer"], content["layers"]
    rate, plain = optimizer["learning_rate"], optimizer["kind"] == "sgd"

    def steps(**keys: Any) -> Any:
        return lambda made: made["optimizer"].update(keys)

    yield "a rate far too low", steps(learning_rate=rate / 3000), ("learning-rate-low",)
    yield "a hundredth of the rate", steps(learning_rate=rate / 100), ("learning-rate-low",)
    yield "ten thousand times the rate", steps(learning_rate=1e4 * rate), SWOLLEN
    if plain:
        yield "clipped to nothing", steps(clip_norm=1e-5), ("clipping", "learning-rate-low")
        yield "momentum 0.999", steps(momentum=0.999), ("optimizer", "learning-rate-high")
    if optimizer["kind"] == "adam":
        yield "eps 1", steps(eps=1.0), ("optimizer", "learning-rate-low")
        if len(layers) > 1:
            yield "weight decay 1", steps(weight_decay=1.0), ("regularisation",)
    if content["loss"]["kind"] not in ("nll", "bce"):
        end = {"kind": "dropout", "p": 0.3}
        yield "dropout on the outputs", lambda made: made["layers"].append(end), ("regularisation",)


def _layers(content: Content) -> Iterator[Fault]:
    layers, places = content["layers"], weighted(content)
    hidden = places[:-1]
    if not hidden:
        return
    kinds = {layer["kind"] for layer in layers}
    yield "frozen", setting(hidden, train=[]), ("frozen",)
    if not kinds & {"batch_norm", "transformer", "residual"}:
        equal = {"kind": "constant", "value": 0.05}
        yield "all weights 0.05", setting(places, init=equal), ("init", "symmetry")
        yield "all weights 0", setting(places, init="zeros"), ("init", "symmetry", "no-gradient", "dead-units")
        yield "weights of 3", setting(places, init={"kind": "normal", "std": 3.0}), ("init",)
        small = {"kind": "normal", "std": 0.003}
        yield "weights of thousandths", setting(places, init=small), ("init", "vanishing", "constant-output")
        high = {"kind": "constant", "value": 8.0}
        yield "biases of 8", setting(hidden, bias_init=high), ("init", "saturated-units")
        relus = [place for place in hidden if layers[place].get("activation") == "relu"]
        if relus:
            low = {"kind": "constant", "value": -8.0}
            yield "biases of -8", setting(relus, bias_init=low), ("dead-units", "init")
    if kinds <= {"dense", "conv2d", "flatten", "dropout", "avg_pool2d", "global_avg_pool"}:
        yield "no activation", setting(hidden, activation="linear"), ("missing-activation",)
    if kinds == {"dense"} and content["loss"]["kind"] == "cross_entropy":
        deep = [*[dense(12, "sigmoid")] * 6, dense(layers[-1]["units"])]
        yield "six sigmoids", lambda made: made.update(layers=deep), ("vanishing", "hidden-activation")
