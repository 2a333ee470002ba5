"""Keras models: `model.to_json()`, the `config.json` of a .keras archive, and programs with `Sequential([…])` or
`model.add(…)`. Nothing is evaluated.

Keras has channels last, bptui and PyTorch have them behind the samples: shapes of images are turned, and said to be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.engine.optimizers import OPTIMIZERS as RULES
from bptui.model.source.convert import keras_axes
from bptui.model.source.convert.keras_rows import LAYERS, class_of, piece_of
from bptui.model.source.convert.piece import POSITIONS, Foreign, Piece, Unknown, dotted, text, value

MODELS = ("Sequential", "Functional", "Model")
MAX_LAYERS = 1_000
COMPILED = ("loss", "optimizer")
CHANNELS = "Keras has the channels last, here they stand behind the samples: (samples, channels, height, width)"
LOSSES: Mapping[str, str] = {
    "mse": "mse", "mean_squared_error": "mse", "mae": "mae", "mean_absolute_error": "mae", "huber": "huber",
    "huber_loss": "huber", "binary_crossentropy": "bce", "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy", "hinge": "hinge", "kl_divergence": "kl_div",
    "log_cosh": "log_cosh", "dice": "dice",
}  # fmt: skip
OPTIMIZERS: Mapping[str, tuple[str, float, Mapping[str, Any]]] = {
    "sgd": ("sgd", 0.01, {}), "adam": ("adam", 1e-3, {"eps": 1e-7}), "rmsprop": ("rmsprop", 1e-3, {"alpha": 0.9,
    "eps": 1e-7}), "adagrad": ("adagrad", 1e-3, {"eps": 1e-7}),
    "adamw": ("adamw", 1e-3, {"eps": 1e-7, "weight_decay": 0.004}),
    "adadelta": ("adadelta", 1e-3, {"rho": 0.95, "eps": 1e-7}), "nadam": ("nadam", 1e-3, {"eps": 1e-7}),
    "adamax": ("adamax", 1e-3, {"eps": 1e-7}), "lion": ("lion", 1e-3, {}),
}  # fmt: skip
"""Kind, learning rate and what else is not as here, where nothing is said (https://keras.io/api/optimizers/)."""
OPTIONS: Mapping[str, str] = {
    "learning_rate": "learning_rate", "momentum": "momentum", "nesterov": "nesterov", "beta_1": "beta1",
    "beta_2": "beta2", "epsilon": "eps", "rho": "alpha", "weight_decay": "weight_decay", "clipnorm": "",
    "clipvalue": "clip_value", "global_clipnorm": "clip_norm",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------ configurations
def is_config(content: Any) -> bool:
    """Is it what `model.to_json()` writes?"""
    return isinstance(content, Mapping) and content.get("class_name") in MODELS and "config" in content


def config(content: Mapping[str, Any], where: str) -> Foreign:
    """The model of a configuration."""
    inner = content["config"]
    rows = inner.get("layers") if isinstance(inner, Mapping) else inner
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows) or len(rows) > MAX_LAYERS:
        raise UserError(where, "is a Keras model without its list of layers", f"at most {MAX_LAYERS:,}")
    found = Foreign(f"a Keras model ({content['class_name']})", [])
    order: list[str] = []
    axes: int | None = None
    for row in rows:
        settings = row.get("config")
        settings = settings if isinstance(settings, Mapping) else {}
        name = str(row.get("name") or settings.get("name") or "")
        shape = settings.get("batch_shape") or settings.get("batch_input_shape")
        if axes is None and isinstance(shape, list):
            axes, found.shape = len(shape) - 1, _shape(shape[1:])
        before = list(_inbound(row.get("inbound_nodes")))
        if content["class_name"] != "Sequential" and (len(before) > 1 or (before and before[0] != order[-1:][0])):
            said = f"{str(row.get('class_name'))[:40]} reads {', '.join(before[:4])}"
            found.pieces.append(Piece(one_line(said, 80), why="is not one layer after another"))
        elif row.get("class_name") != "InputLayer":
            found.pieces.append(piece_of(row))
        order.append(name)
    _turned(found, axes)
    compiled = content.get("compile_config")
    if isinstance(compiled, Mapping):
        _compiled(found, compiled.get("loss"), compiled.get("optimizer"))
    return found


def _shape(sizes: Sequence[Any]) -> tuple[int, ...] | None:
    """The shape of one input, channels first; a sequence may be of any length."""
    if len(sizes) == 2 and sizes[0] is None:
        sizes = [POSITIONS, sizes[1]]
    return channels_first(sizes) if sizes and all(type(n) is int and 0 < n < 2**20 for n in sizes) else None


def channels_first(sizes: Sequence[int]) -> tuple[int, ...]:
    """(channels, height, width) of (height, width, channels)."""
    return (sizes[-1], *sizes[:-1]) if len(sizes) > 2 else tuple(sizes)


def _inbound(nodes: Any, depth: int = 0) -> Iterator[str]:
    """The names of the layers that one reads, in the configurations of Keras 2 and 3."""
    if isinstance(nodes, Mapping):
        history = nodes.get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            yield history[0]
            return
        for item in nodes.values():
            yield from _inbound(item, depth + 1)
    elif isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            yield nodes[0]
            return
        for item in nodes:
            yield from _inbound(item, depth + 1)


def _turned(found: Foreign, axes: int | None) -> None:
    """Its layers as those of an input of so many axes, channels first."""
    found.pieces = keras_axes.turned(found.pieces, axes, found.shape)
    if found.shape and len(found.shape) > 2:
        found.notes.append(CHANNELS)


def _compiled(found: Foreign, loss: Any, made: Any) -> None:
    """The loss and the optimizer of `model.compile(…)`."""
    word, settings = _said(loss)
    if word in LOSSES:
        found.loss = {"kind": LOSSES[word]}
        if settings.get("from_logits") and word == "binary_crossentropy":
            found.loss = {"kind": "bce_with_logits"}
        if word == "categorical_crossentropy":
            found.notes.append("targets of categorical_crossentropy are 0 and 1 for each class; class numbers do, too")
        if word.endswith("categorical_crossentropy") and not settings.get("from_logits"):
            _without_softmax(found)
    elif word:
        found.notes.append(f"the loss {one_line(word, 40)} is not known")
    word, settings = _said(made)
    if word in OPTIMIZERS:
        kind, rate, more = OPTIMIZERS[word]
        given = {
            key if key in RULES[kind].options else own: settings[key]
            for key, own in OPTIONS.items()
            if own and isinstance(settings.get(key), int | float)
        }
        taken = {"learning_rate", "clip_norm", "clip_value", *RULES[kind].options}
        if odd := [key for key, item in given.items() if key not in taken and item]:
            found.notes.append(f"{kind} has no {', '.join(odd)} here: left out")
        kept = {key: item for key, item in given.items() if key in taken}
        found.optimizer = {"kind": kind, "learning_rate": rate, **more, **kept}
        if isinstance(settings.get("learning_rate"), Mapping):
            found.notes.append("the optimizer's schedule of learning rates is not converted")
    elif word:
        found.notes.append(f"the optimizer {one_line(word, 40)} is not known")


def _said(found: Any) -> tuple[str, Mapping[str, Any]]:
    """`adam` and its settings of a configuration, in the spelling of its functions: MeanSquaredError is the same as
    mean_squared_error."""
    settings = found.get("config", {}) if isinstance(found, Mapping) else {}
    word = class_of(found)
    if not isinstance(word, str):
        return "", {}
    snake = "".join(f"_{c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(word))
    word = word.lower() if word.lower() in OPTIMIZERS else snake
    return word, settings if isinstance(settings, Mapping) else {}


def _without_softmax(found: Foreign) -> None:
    """cross_entropy takes what comes before a softmax."""
    if not found.pieces or not found.pieces[-1].layers:
        return
    last = found.pieces[-1]
    *rest, end = last.layers
    if end.get("activation") != "softmax":
        return
    kept = [] if end["kind"] == "activation" else [{key: item for key, item in end.items() if key != "activation"}]
    found.pieces[-1] = Piece(last.said, (*rest, *kept), last.why, last.name, last.reads)
    found.notes.append("the last softmax is part of cross_entropy here, and left out of the layers")


# ------------------------------------------------------------------------------------------------------------ programs
def program(tree: ast.Module, known: Mapping[str, Any], where: str) -> Foreign:
    """The model of `Sequential([…])` or of `model.add(…)`, and of `compile`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    models = [call for call in calls if dotted(call.func).endswith("Sequential")]
    right = "Sequential([…]); of any model: model.to_json() written to a file"
    if len(models) != 1:
        raise UserError(where, f"{len(models) or 'no'} Keras models are defined by Sequential in it", right)
    given = models[0].args[0] if models[0].args else None
    items = list(given.elts) if isinstance(given, ast.List | ast.Tuple) else []
    items += [call.args[0] for call in calls if dotted(call.func).endswith(".add") and call.args]
    if not items:
        raise UserError(where, "no layers stand in its Sequential", right)
    found = Foreign("a Keras program's model", [])
    axes: int | None = None
    for item in items:
        kind = dotted(item.func).rpartition(".")[2] if isinstance(item, ast.Call) else ""
        settings = _settings(item, known) if isinstance(item, ast.Call) else {}
        if axes is None and isinstance(settings, Mapping):
            shape = settings.get("shape", settings.get("input_shape", settings.get("input_dim")))
            sizes = [shape] if isinstance(shape, int) and kind != "Embedding" else shape
            if isinstance(sizes, list):
                axes, found.shape = len(sizes), _shape(sizes)
        if kind in ("Input", "InputLayer"):
            continue
        if isinstance(settings, str):
            found.pieces.append(Piece(text(item), why=settings))
        elif kind in LAYERS:
            found.pieces.append(LAYERS[kind].piece(text(item), str(settings.get("name", "")), (), settings))
        else:
            found.pieces.append(Piece(text(item), why="is no kind of layer here"))
    _turned(found, axes)
    for call in calls:
        if dotted(call.func).endswith(".compile"):
            said = {item.arg: item.value for item in call.keywords if item.arg in COMPILED}
            try:
                _compiled(found, *(_object(said[key], known) if key in said else None for key in COMPILED))
            except (Unknown, RecursionError) as problem:
                found.notes.append(f"compile: {problem}")
    return found


def _settings(call: ast.Call, known: Mapping[str, Any]) -> dict[str, Any] | str:
    """The arguments of a layer by name; why not, where one is no value."""
    kind = dotted(call.func).rpartition(".")[2]
    order = LAYERS[kind].arguments if kind in LAYERS else ("shape",)
    try:
        made = {name: _object(item, known) for name, item in zip(order, call.args, strict=False)}
        return made | {item.arg: _object(item.value, known) for item in call.keywords if item.arg}
    except (Unknown, RecursionError) as problem:
        return str(problem)


def _object(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """A value of a program; a call, such as `Adam(0.01)` or `LSTM(8)`, as a configuration has it."""
    if not isinstance(node, ast.Call):
        return value(node, known)
    kind = dotted(node.func).rpartition(".")[2]
    first = kind.lower() if kind.lower() in ("l1", "l2") else "learning_rate"  # of a regularizer, an optimizer
    order = LAYERS[kind].arguments if kind in LAYERS else (first,)
    given = {name: _object(item, known) for name, item in zip(order, node.args, strict=False)}
    given |= {item.arg: _object(item.value, known) for item in node.keywords if item.arg}
    return {"class_name": kind, "config": given}
