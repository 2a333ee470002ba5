"""The settings of the playground: a row each. A setting reads a Setup and writes another one; each is a key's and a
line's: `rate 0.03`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.source.initializers import INITIALIZERS
from bptui.model.source.layers import activations
from bptui.model.source.plane import FEATURES, SURFACES
from bptui.teach.play import setup as bounds
from bptui.teach.play.output import DISTANCES, DISTRIBUTIONS, LOSSES, usual_loss
from bptui.teach.play.setup import Setup

DATA: Mapping[str, str] = {"xor": "quadrants"}
"""What the playground calls a data set → what a network file calls it, where that is another name."""
CALLED = {file: name for name, file in DATA.items()}
SETS = ("circle", "xor", "gauss", "spiral", "moons", "plane", "hills")
NOISES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
SAMPLES = (20, 50, 100, 120, 200, 300, 500, 1_000, 2_000)
BATCHES = (1, 2, 5, 10, 15, 20, 30, 50, 100)
RATES = (1e-05, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
DECAYS = (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CLIPS = (None, 10.0, 5.0, 1.0, 0.5, 0.1)
CHOICES_OF_FEATURES = (
    ("x1", "x2"), ("x1", "x2", "x1**2", "x2**2"), ("x1", "x2", "x1*x2"), ("x1", "x2", "sin(x1)", "sin(x2)"),
    ("x1**2", "x2**2"), ("x1*x2",), tuple(FEATURES),
)  # fmt: skip
"""What the arrows go through; a line takes any."""

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Setting:
    """name   as a line and the screen call it;  short  where there is little room
    about   one line;  anew  training starts again: it changes the data, the shapes or the first numbers
    read    its value, None where the network has none;  write  another one (UserError or ValueError where it cannot be)
    steps   the values that the arrows go through;  parse  the words of a line → a value
    """

    name: str
    about: str
    anew: bool
    read: Callable[[Setup], Any]
    write: Callable[[Setup, Any], Setup]
    steps: Callable[[Setup], Sequence[Any]]
    parse: Callable[[Sequence[str]], Any]
    short: str = ""

    def text(self, setup: Setup) -> str:
        """Its value in a few words."""
        value = self.read(setup)
        return NOTHING.get(self.name, "·") if value is None else written(value)

    def next(self, setup: Setup, by: int) -> Setup:
        """With the value that stands `by` places after this one; UserError at the ends."""
        known, now = list(self.steps(setup)), self.read(setup)
        if now in known:
            at = known.index(now) + by
        elif isinstance(now, int | float) and all(isinstance(each, int | float) for each in known):
            above = [k for k, each in enumerate(known) if each > now] or [len(known)]
            at = above[0] + by - (by > 0)
        else:
            at = 0
        if not 0 <= at < len(known):
            end = "the first" if by < 0 else "the last"
            raise UserError(self.name, f"{self.text(setup)} is {end} here", f":{self.name} takes others")
        return self.write(setup, known[at])

    def said(self, setup: Setup, words: Sequence[str]) -> Setup:
        """With what a line says: `rate 0.03`."""
        if not words:
            raise UserError(self.name, f"is {self.text(setup)}", f"{self.name} {written(self.steps(setup)[0])}")
        try:
            return self.write(setup, self.parse(words))
        except ValueError as problem:
            raise UserError(self.name, str(problem)) from None


NOTHING = {"batch": "all", "clip": "off"}
"""What no value means; elsewhere, that there is none."""


def written(value: Any) -> str:
    """A value as a line takes it."""
    if value is None:
        return "·"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return str(value.get("kind"))
    return f"{value:g}" if isinstance(value, float) else str(value)


# ------------------------------------------------------------------------------------------------ words of a line


def _one(words: Sequence[str]) -> str:
    if len(words) != 1:
        raise ValueError(f"found {len(words)} words, one is expected")
    return words[0]


def _number(low: float, high: float, off: bool = False) -> Callable[[Sequence[str]], float | None]:
    def parse(words: Sequence[str]) -> float | None:
        word = _one(words)
        if off and word in ("off", "none"):
            return None
        try:
            found = float(word)
        except ValueError:
            raise ValueError(f"'{word[:40]}' is not a number (from {low:g} to {high:g})") from None
        if not low <= found <= high:
            raise ValueError(f"found {word[:40]} (from {low:g} to {high:g})")
        return found

    return parse


def number(words: Sequence[str], low: float, high: float, where: str) -> float:
    """The one number of a line; UserError for anything else."""
    try:
        return _number(low, high)(words) or 0.0
    except ValueError as problem:
        raise UserError(where, str(problem)) from None


def _whole(low: int, high: int, off: str = "") -> Callable[[Sequence[str]], int | None]:
    def parse(words: Sequence[str]) -> int | None:
        word = _one(words)
        if off and word == off:
            return None
        if not word.lstrip("-").isdecimal() or len(word) > 20 or not low <= int(word) <= high:
            raise ValueError(f"found '{word[:40]}' (a whole number from {low} to {high})")
        return int(word)

    return parse


def _word(known: Callable[[], Sequence[str]]) -> Callable[[Sequence[str]], str]:
    def parse(words: Sequence[str]) -> str:
        word = _one(words)
        if word not in known():
            raise ValueError(f"unknown '{word[:40]}' ({did_you_mean(word, known(), ', '.join(known()))})")
        return word

    return parse


def _units(words: Sequence[str]) -> tuple[int, ...]:
    if list(words) in (["none"], ["0"]):
        return ()
    if len(words) > bounds.MAX_LAYERS:
        raise ValueError(f"{len(words)} layers, at most {bounds.MAX_LAYERS}")
    one = _whole(1, bounds.MAX_UNITS)
    return tuple(one([word]) or 1 for word in words)


def _features(words: Sequence[str]) -> tuple[str, ...]:
    spelled = {"x1^2": "x1**2", "x2^2": "x2**2", "x1²": "x1**2", "x2²": "x2**2", "x1x2": "x1*x2", "x1·x2": "x1*x2"}
    return tuple("all" if word == "all" else spelled.get(word, word) for word in words)


def _defined(words: Sequence[str]) -> str | tuple[str, str]:
    """A name, or `NAME = DEFINITION`: an operation of one's own."""
    name, equals, text = " ".join(words).partition("=")
    if not equals:
        return _one(words)
    name, text = name.strip(), text.strip()
    if not name.isidentifier() or not text:
        raise ValueError("an own one is NAME = DEFINITION (swoosh = x/(1 + exp(-x)))")
    return name, text if text.startswith(("y =", "y=")) else f"y = {text}"


# ----------------------------------------------------------------------------------------- what is read and written


def _at(*path: str | int, default: Any = None) -> Callable[[Setup], Any]:
    def read(setup: Setup) -> Any:
        found = setup.value(*path)
        return default if found is None else found

    return read


def _put(*path: str | int) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: setup.changed(path, value)


def _drawn(key: str) -> Callable[[Setup, Any], Setup]:
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


def _dataset(setup: Setup) -> str:
    name = setup.dataset
    return "file" if name is None else CALLED.get(name, name)


def _to_dataset(setup: Setup, name: str) -> Setup:
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


def _problem(setup: Setup) -> str:
    return "regression" if setup.dataset in SURFACES else "classes"


def _to_problem(setup: Setup, name: str) -> Setup:
    if name == _problem(setup):
        return setup
    return _to_dataset(setup, "plane" if name == "regression" else "circle")


def _features_now(setup: Setup) -> tuple[str, ...]:
    return tuple(setup.value("data", "features") or ("x1", "x2"))


def _to_features(setup: Setup, names: tuple[str, ...]) -> Setup:
    names = tuple(FEATURES) if "all" in names else names
    first = {key: value for key, value in setup.layers[0].items() if key not in ("weight", "bias")}
    return setup.changed(("data", "features"), list(names)).changed(("layers", 0), first)


def _hidden(setup: Setup) -> tuple[int, ...]:
    return tuple(int(table["units"]) for table in setup.layers[:-1])


def _to_hidden(setup: Setup, units: tuple[int, ...]) -> Setup:
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


def _wider(setup: Setup) -> Sequence[tuple[int, ...]]:
    """The last hidden layer with fewer and with more neurons."""
    *rest, last = _hidden(setup) or (0,)
    return [(*rest, count) for count in range(1, bounds.MAX_UNITS + 1)] if last else [(), (4,)]


def _deeper(setup: Setup) -> Sequence[int]:
    return range(bounds.MAX_LAYERS + 1)


def _to_depth(setup: Setup, count: int) -> Setup:
    units = _hidden(setup)
    return _to_hidden(setup, (*units, *[units[-1] if units else 4] * count)[:count])


def _activation(setup: Setup) -> Any:
    found = [table.get("activation", "linear") for table in setup.layers[:-1]]
    return None if not found else found[0] if all(each == found[0] for each in found) else "mixed"


def _own(setup: Setup, name: str, text: str) -> Setup:
    """With an operation of one's own."""
    return setup.changed(("ops", name), {"definition": text})


def _to_activation(setup: Setup, value: Any) -> Setup:
    if not setup.layers[:-1]:
        raise UserError("activation", "there is no hidden layer", "layers 4")
    if isinstance(value, tuple):
        setup, value = _own(setup, *value), value[0]
    *hidden, last = setup.layers
    return setup.changed(("layers",), [*({**table, "activation": value} for table in hidden), last])


def _activations(setup: Setup) -> Sequence[str]:
    own = [name for name, table in (setup.value("ops") or {}).items() if _inputs(table) == 1]
    known = [name for name in activations() if name not in (*USUAL, "none", "identity")]
    return [*USUAL, *own, *known]


USUAL = ("tanh", "relu", "sigmoid", "linear", "leaky_relu", "elu", "gelu", "silu", "softplus", "sin")
"""The activations that the arrows come to first."""


def _inputs(table: Any) -> int:
    """1 for an activation of one's own, 2 for a loss: which reads a prediction and a target."""
    import ast

    try:
        tree = ast.parse(str(table.get("definition", "")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    read = {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    }
    return 2 if len(read) >= 2 else 1


def _init(setup: Setup) -> Any:
    found = ["given" if "weight" in table else table.get("init", "default") for table in setup.layers]
    return found[0] if all(each == found[0] for each in found) else "mixed"


def _to_init(setup: Setup, name: str) -> Setup:
    tables = ({key: item for key, item in table.items() if key not in ("weight", "bias")} for table in setup.layers)
    return setup.changed(("layers",), [{**table, "init": name} for table in tables])


def _inits() -> Sequence[str]:
    return [name for name, row in INITIALIZERS.items() if not any(each.required for each in row.parameters.values())]


def _losses(setup: Setup) -> Sequence[str]:
    own = [name for name, table in (setup.value("ops") or {}).items() if _inputs(table) == 2]
    return [*DISTANCES, *(LOSSES if setup.dataset not in SURFACES else ()), *own]


def _to_loss(setup: Setup, value: Any) -> Setup:
    if isinstance(value, tuple):
        setup, value = _own(setup, *value), value[0]
    if value in DISTRIBUTIONS:
        raise UserError("loss", f"{value} takes distributions as targets", "the points have classes or numbers")
    if value in LOSSES and setup.dataset in SURFACES:
        raise UserError("loss", f"{value} tells classes apart, {_dataset(setup)} is a regression", ", ".join(DISTANCES))
    known = [*_losses(setup), *LOSSES]
    if value not in known:
        raise UserError("loss", f"unknown '{value[:40]}'", did_you_mean(value, known, ", ".join(known)))
    return setup.changed(("loss",), {"kind": value}).fitted()


def _option(name: str) -> tuple[Callable[[Setup], Any], Callable[[Setup, Any], Setup]]:
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


def _to_optimizer(setup: Setup, kind: str) -> Setup:
    """Another kind, with the settings that it takes, too."""
    old = setup.value("optimizer") or {}
    kept = ("learning_rate", "clip_norm", "clip_value", *OPTIMIZERS[kind].options)
    table = {"kind": kind, **{key: value for key, value in old.items() if key in kept}}
    if table.get("nesterov") and not table.get("momentum"):
        del table["nesterov"]
    return setup.changed(("optimizer",), table)


SEED_END = 2**63 - 1
_BATCH = _whole(1, bounds.MAX_SAMPLES, "all")
_decay, _to_decay = _option("weight_decay")
_momentum, _to_momentum = _option("momentum")
_l1, _to_l1 = _option("l1")


def _to_batch(setup: Setup, value: int | None) -> Setup:
    samples = setup.samples
    if value is not None and samples is not None and value > samples:
        raise UserError("batch", f"{value} of {samples} samples", f"1 to {samples}, or all")
    return setup.changed(("data", "batch_size"), value)


def _batches(setup: Setup) -> Sequence[int | None]:
    samples = setup.samples or len(setup.value("data", "inputs") or ()) or 10**6
    return [*(each for each in BATCHES if each < samples), *([samples] if samples < 10**6 else [])]


SETTINGS: tuple[Setting, ...] = (
    Setting("data", "which points; plane and hills are regressions", True, _dataset, _to_dataset,
            lambda setup: SETS, _word(lambda: SETS)),
    Setting("noise", "the standard deviation of what is added to each point", True, lambda setup: setup.noise,
            _drawn("noise"), lambda setup: NOISES, _number(0, 10)),
    Setting("batch", "samples of one training step", True, _at("data", "batch_size"), _to_batch, _batches, _BATCH),
    Setting("seed", "of points, first weights and batches", True, _at("seed", default=0), _put("seed"),
            lambda setup: range(_seed(setup), _seed(setup) + 1000), _whole(0, SEED_END)),
    Setting("samples", "how many points are trained with", True, lambda setup: setup.samples, _drawn("samples"),
            lambda setup: SAMPLES, _whole(2, bounds.MAX_SAMPLES)),
    Setting("test", "test points, in percent of all points; they are drawn with the next seed", False,
            lambda setup: setup.share if setup.dataset else None, lambda setup, value: replace(setup, share=value),
            lambda setup: bounds.SHARES, _whole(1, 95)),
    Setting("problem", "classes or a regression", True, _problem, _to_problem,
            lambda setup: ("classes", "regression"), _word(lambda: ("classes", "regression"))),
    Setting("layers", "neurons of each hidden layer; the arrows change the last one", True, _hidden, _to_hidden,
            _wider, _units),
    Setting("activation", "of the hidden layers; a line takes one of your own: activation swoosh = x/(1 + exp(-x))",
            False, _activation, _to_activation, _activations, _defined, "active"),
    Setting("init", "how the first weights are drawn", True, _init, _to_init, lambda setup: _inits(), _word(_inits)),
    Setting("loss", "what is to become small; a line takes one of your own", False, _at("loss", "kind"), _to_loss,
            _losses, _defined),
    Setting("depth", "how many hidden layers", True, lambda setup: len(setup.layers) - 1, _to_depth, _deeper,
            _whole(0, bounds.MAX_LAYERS)),
    Setting("features", "what the network is shown of a point: a line takes any of " + " ".join(FEATURES), True,
            _features_now, _to_features, lambda setup: CHOICES_OF_FEATURES, _features, "inputs"),
    Setting("optimizer", "how a weight follows its gradient", False, _at("optimizer", "kind", default="sgd"),
            _to_optimizer, lambda setup: tuple(OPTIMIZERS), _word(lambda: tuple(OPTIMIZERS)), "optim"),
    Setting("rate", "how far each step goes", False, _at("optimizer", "learning_rate", default=0.01),
            _put("optimizer", "learning_rate"), lambda setup: RATES, _number(0, 1000)),
    Setting("decay", "L2: each update pulls a weight towards 0 by so much of it", False, _decay, _to_decay,
            lambda setup: DECAYS, _number(0, 100)),
    Setting("l1", "L1: each update pulls a weight towards 0 by so much, whatever its size", False, _l1, _to_l1,
            lambda setup: DECAYS, _number(0, 100)),
    Setting("stride", "training steps of > and <", False, lambda setup: setup.stride,
            lambda setup, value: replace(setup, stride=value), lambda setup: bounds.STRIDES, _whole(1, 100_000)),
    Setting("clip", "the gradient is made no longer than this", False, _at("optimizer", "clip_norm"),
            _put("optimizer", "clip_norm"), lambda setup: CLIPS, _number(1e-6, 1e6, off=True)),
    Setting("momentum", "of sgd: so much of the step before is kept", False, _momentum, _to_momentum,
            lambda setup: (0.0, 0.5, 0.8, 0.9, 0.95, 0.99), _number(0, 1), "moment"),
)  # fmt: skip
BY_NAME: Mapping[str, Setting] = {row.name: row for row in SETTINGS}


def _seed(setup: Setup) -> int:
    return max(0, int(setup.value("seed") or 0) - 1)


def said(setup: Setup, text: str) -> tuple[Setting, Setup]:
    """A line that sets something: its row, and what is played with then. UserError for any other line."""
    word, *words = text.split()
    aliases = {row.short: row.name for row in SETTINGS if row.short} | {"lr": "rate", "learning_rate": "rate"}
    row = BY_NAME.get(aliases.get(word, word))
    if row is None:
        known = ", ".join(BY_NAME)
        raise UserError(word[:40], "is no setting", did_you_mean(word, BY_NAME, known))
    return row, row.said(setup, words)
