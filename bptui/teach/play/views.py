"""What a setting reads of a Setup, and the Setup that it writes: each a view of the network's document."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base import syntax
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.source import layers
from bptui.model.source.initializers import INITIALIZERS
from bptui.model.source.plane import FEATURES, SURFACES
from bptui.teach.play.output import DISTANCES, DISTRIBUTIONS, LOSSES, usual_loss
from bptui.teach.play.setup import MAX_LAYERS, MAX_UNITS, Setup

DATA: Mapping[str, str] = {"xor": "quadrants"}
"""What the playground calls a data set → what a network file calls it, where that is another name."""
CALLED = {file: name for name, file in DATA.items()}
BATCHES = (1, 2, 5, 10, 15, 20, 30, 50, 100)


def at(*path: str | int, default: Any = None) -> Callable[[Setup], Any]:
    def read(setup: Setup) -> Any:
        found = setup.value(*path)
        return default if found is None else found

    return read


def put(*path: str | int) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: setup.changed(path, value)


def drawn(key: str) -> Callable[[Setup, Any], Setup]:
    """Of points that are drawn."""

    def write(setup: Setup, value: Any) -> Setup:
        if setup.dataset is None:
            raise UserError(key, "the file gives its points", "data circle draws others")
        made = setup.changed(("data", key), value)
        size = setup.value("data", "batch_size")
        if key == "samples" and size is not None and size > value:
            made = made.changed(("data", "batch_size"), value)
        return made

    return write


def dataset(setup: Setup) -> str:
    name = setup.dataset
    return "file" if name is None else CALLED.get(name, name)


def to_dataset(setup: Setup, name: str) -> Setup:
    """Another data set; where it is another kind of problem, or the file gave its points, another loss, too."""
    known = DATA.get(name, name)
    old = setup.value("data") or {}
    table: dict[str, Any] = {
        "dataset": known,
        "samples": setup.samples or 120,
        "noise": 0.2 if setup.noise is None else setup.noise,
    }
    if known == "moons":
        table["noise"] = min(table["noise"], 0.2)
    table |= {key: old[key] for key in ("features", "batch_size") if key in old}
    table["batch_size"] = min(table.get("batch_size") or 10, table["samples"])
    made = setup.changed(("data",), table)
    if (known in SURFACES) != (setup.dataset in SURFACES) or setup.dataset is None:
        made = made.changed(("loss",), {"kind": usual_loss(known)})
    return made.fitted()


def problem(setup: Setup) -> str:
    return "regression" if setup.dataset in SURFACES else "classes"


def to_problem(setup: Setup, name: str) -> Setup:
    if name == problem(setup):
        return setup
    return to_dataset(setup, "plane" if name == "regression" else "circle")


def features_now(setup: Setup) -> tuple[str, ...]:
    return tuple(setup.value("data", "features") or ("x1", "x2"))


def to_features(setup: Setup, names: tuple[str, ...]) -> Setup:
    names = tuple(FEATURES) if "all" in names else names
    first = {key: value for key, value in setup.layers[0].items() if key not in ("weight", "bias")}
    return setup.changed(("data", "features"), list(names)).changed(("layers", 0), first)


def hidden(setup: Setup) -> tuple[int, ...]:
    return tuple(int(table["units"]) for table in setup.layers[:-1])


def to_hidden(setup: Setup, units: tuple[int, ...]) -> Setup:
    """Hidden layers of these sizes: each as the one in its place was, further ones as the last."""
    *hidden, last = setup.layers
    plain = {"kind": "dense", "activation": "tanh"}
    if "init" in last:
        plain["init"] = last["init"]
    made = []
    for number, count in enumerate(units):
        source = hidden[number] if number < len(hidden) else hidden[-1] if hidden else plain
        made.append({key: item for key, item in source.items() if key not in GIVEN} | {"units": count})
    end = {key: item for key, item in last.items() if key not in GIVEN}
    return setup.changed(("layers",), [*made, end])


GIVEN = ("weight", "bias", "name")
"""Keys of a layer that go with its shape or its place."""


def wider(setup: Setup) -> Sequence[tuple[int, ...]]:
    """The last hidden layer with fewer and with more neurons."""
    *rest, last = hidden(setup) or (0,)
    return [(*rest, count) for count in range(1, MAX_UNITS + 1)] if last else [(), (4,)]


def deeper(setup: Setup) -> Sequence[int]:
    return range(MAX_LAYERS + 1)


def to_depth(setup: Setup, count: int) -> Setup:
    units = hidden(setup)
    return to_hidden(setup, (*units, *[units[-1] if units else 4] * count)[:count])


def activation(setup: Setup) -> Any:
    found = [table.get("activation", "linear") for table in setup.layers[:-1]]
    return None if not found else found[0] if all(each == found[0] for each in found) else "mixed"


def with_own(setup: Setup, name: str, text: str) -> Setup:
    """With an operation of one's own."""
    return setup.changed(("ops", name), {"definition": text})


def to_activation(setup: Setup, value: Any) -> Setup:
    if not setup.layers[:-1]:
        raise UserError("activation", "there is no hidden layer", "layers 4")
    if isinstance(value, tuple):
        setup, value = with_own(setup, *value), value[0]
    *hidden, last = setup.layers
    return setup.changed(("layers",), [*({**table, "activation": value} for table in hidden), last])


def activations(setup: Setup) -> Sequence[str]:
    own = [name for name, table in (setup.value("ops") or {}).items() if inputs(table) == 1]
    known = [name for name in layers.activations() if name not in (*USUAL, "none", "identity")]
    return [*USUAL, *own, *known]


USUAL = ("tanh", "relu", "sigmoid", "linear", "leaky_relu", "elu", "gelu", "silu", "softplus", "sin")
"""The activations that the arrows come to first."""


def inputs(table: Any) -> int:
    """1 for an activation of one's own, 2 for a loss: which reads a prediction and a target."""
    try:
        tree = syntax.parse(str(table.get("definition", "")))
    except syntax.Unreadable:
        return 0
    read = {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    }
    return 2 if len(read) >= 2 else 1


def init(setup: Setup) -> Any:
    found = ["given" if "weight" in table else table.get("init", "default") for table in setup.layers]
    return found[0] if all(each == found[0] for each in found) else "mixed"


def to_init(setup: Setup, name: str) -> Setup:
    tables = ({key: item for key, item in table.items() if key not in ("weight", "bias")} for table in setup.layers)
    return setup.changed(("layers",), [{**table, "init": name} for table in tables])


def inits() -> Sequence[str]:
    return [name for name, row in INITIALIZERS.items() if not any(each.required for each in row.parameters.values())]


def losses(setup: Setup) -> Sequence[str]:
    own = [name for name, table in (setup.value("ops") or {}).items() if inputs(table) == 2]
    return [*DISTANCES, *(LOSSES if setup.dataset not in SURFACES else ()), *own]


def to_loss(setup: Setup, value: Any) -> Setup:
    if isinstance(value, tuple):
        setup, value = with_own(setup, *value), value[0]
    if value in DISTRIBUTIONS:
        raise UserError("loss", f"{value} takes distributions as targets", "the points have classes or numbers")
    if value in LOSSES and setup.dataset in SURFACES:
        raise UserError("loss", f"{value} tells classes apart, {dataset(setup)} is a regression", ", ".join(DISTANCES))
    known = [*losses(setup), *LOSSES]
    if value not in known:
        raise UserError("loss", f"unknown '{value[:40]}'", did_you_mean(value, known, ", ".join(known)))
    return setup.changed(("loss",), {"kind": value}).fitted()


def option(name: str) -> tuple[Callable[[Setup], Any], Callable[[Setup, Any], Setup]]:
    """A setting of the optimizer: what its kind starts with where nothing is said."""

    def read(setup: Setup) -> Any:
        kind = str(setup.value("optimizer", "kind") or "sgd")
        found = setup.value("optimizer", name)
        return OPTIMIZERS[kind].options.get(name) if found is None else found

    def write(setup: Setup, value: Any) -> Setup:
        kind = str(setup.value("optimizer", "kind") or "sgd")
        if name not in OPTIMIZERS[kind].options:
            raise UserError(name, f"{kind} has none", "it has " + ", ".join(OPTIMIZERS[kind].options))
        return setup.changed(("optimizer", name), value)

    return read, write


def to_optimizer(setup: Setup, kind: str) -> Setup:
    """Another kind, with the settings that it takes, too."""
    old = setup.value("optimizer") or {}
    clips = () if OPTIMIZERS[kind].room is not None else ("clip_norm", "clip_value")
    kept = ("learning_rate", *clips, *OPTIMIZERS[kind].options)
    table = {"kind": kind, **{key: value for key, value in old.items() if key in kept}}
    if table.get("nesterov") and not table.get("momentum"):
        del table["nesterov"]
    return setup.changed(("optimizer",), table)


decay, to_decay = option("weight_decay")
momentum, to_momentum = option("momentum")
l1, to_l1 = option("l1")


def to_batch(setup: Setup, value: int | None) -> Setup:
    samples = setup.samples
    if value is not None and samples is not None and value > samples:
        raise UserError("batch", f"{value} of {samples} samples", f"1 to {samples}, or all")
    return setup.changed(("data", "batch_size"), value)


def batches(setup: Setup) -> Sequence[int | None]:
    samples = setup.samples or len(setup.value("data", "inputs") or ()) or 10**6
    return [*(each for each in BATCHES if each < samples), *([samples] if samples < 10**6 else [])]
