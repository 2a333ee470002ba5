"""The settings of the playground: a row each. A setting reads a Setup and writes another one; each is a key's and a
line's: `rate 0.03`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.source.plane import FEATURES
from bptui.teach.play import setup as bounds
from bptui.teach.play import views, words
from bptui.teach.play.setup import Setup

SETS = ("circle", "xor", "gauss", "spiral", "moons", "plane", "hills")
NOISES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
SAMPLES = (20, 50, 100, 120, 200, 300, 500, 1_000, 2_000)
RATES = (1e-05, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
DECAYS = (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CLIPS = (None, 10.0, 5.0, 1.0, 0.5, 0.1)
SWITCH = ("off", "on")
CHOICES_OF_FEATURES = (
    ("x1", "x2"), ("x1", "x2", "x1**2", "x2**2"), ("x1", "x2", "x1*x2"), ("x1", "x2", "sin(x1)", "sin(x2)"),
    ("x1**2", "x2**2"), ("x1*x2",), tuple(FEATURES),
)  # fmt: skip
"""What the arrows go through; a line takes any."""


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

    def said(self, setup: Setup, rest: Sequence[str]) -> Setup:
        """With what a line says: `rate 0.03`."""
        if not rest:
            raise UserError(self.name, f"is {self.text(setup)}", f"{self.name} {written(self.steps(setup)[0])}")
        try:
            return self.write(setup, self.parse(rest))
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
    return significant(value) if isinstance(value, float) else str(value)


SETTINGS: tuple[Setting, ...] = (
    Setting("data", "which points; plane and hills are regressions", True, views.dataset, views.to_dataset,
            lambda setup: SETS, words.one_of(lambda: SETS)),
    Setting("noise", "the standard deviation of what is added to each point", True, lambda setup: setup.noise,
            views.drawn("noise"), lambda setup: NOISES, words.between(0, 10)),
    Setting("batch", "samples of one training step", True, views.at("data", "batch_size"), views.to_batch,
            views.batches, words.whole(1, bounds.MAX_SAMPLES, "all")),
    Setting("seed", "of points, first weights and batches", True, views.at("seed", default=0), views.put("seed"),
            lambda setup: range(_seed(setup), _seed(setup) + 1000), words.whole(0, 2**63 - 1)),
    Setting("samples", "how many points are trained with", True, lambda setup: setup.samples, views.drawn("samples"),
            lambda setup: SAMPLES, words.whole(2, bounds.MAX_SAMPLES)),
    Setting("test", "test points, in percent of all points; they are drawn with the next seed", False,
            lambda setup: setup.share if setup.dataset else None, lambda setup, value: replace(setup, share=value),
            lambda setup: bounds.SHARES, words.whole(1, 95)),
    Setting("points", "which points are drawn on the output; wrong ones are marked", False, lambda setup: setup.points,
            lambda setup, value: replace(setup, points=value), lambda setup: bounds.POINTS,
            words.one_of(lambda: bounds.POINTS)),
    Setting("discretize", "the output's map in two levels: on which side of the boundary a place lies", False,
            lambda setup: "on" if setup.discretize else "off",
            lambda setup, value: replace(setup, discretize=value == "on"), lambda setup: SWITCH,
            words.one_of(lambda: SWITCH), "discr"),
    Setting("problem", "classes or a regression", True, views.problem, views.to_problem,
            lambda setup: ("classes", "regression"), words.one_of(lambda: ("classes", "regression"))),
    Setting("layers", "neurons of each hidden layer; the arrows change the last one", True, views.hidden,
            views.to_hidden, views.wider, words.units),
    Setting("activation", "of the hidden layers; a line takes one of your own: activation swoosh = x/(1 + exp(-x))",
            False, views.activation, views.to_activation, views.activations, words.defined, "active"),
    Setting("init", "how the first weights are drawn", True, views.init, views.to_init,
            lambda setup: views.inits(), words.one_of(views.inits)),
    Setting("loss", "what is to become small; a line takes one of your own", False, views.at("loss", "kind"),
            views.to_loss, views.losses, words.defined),
    Setting("depth", "how many hidden layers", True, lambda setup: len(setup.layers) - 1, views.to_depth, views.deeper,
            words.whole(0, bounds.MAX_LAYERS)),
    Setting("features", "what the network is shown of a point: a line takes any of " + " ".join(FEATURES), True,
            views.features_now, views.to_features, lambda setup: CHOICES_OF_FEATURES, words.features, "inputs"),
    Setting("optimizer", "how a weight follows its gradient", False, views.at("optimizer", "kind", default="sgd"),
            views.to_optimizer, lambda setup: tuple(OPTIMIZERS), words.one_of(lambda: tuple(OPTIMIZERS)), "optim"),
    Setting("rate", "how far each step goes", False, views.at("optimizer", "learning_rate", default=0.01),
            views.put("optimizer", "learning_rate"), lambda setup: RATES, words.between(0, 1000)),
    Setting("decay", "L2: each update pulls a weight towards 0 by so much of it", False, views.decay, views.to_decay,
            lambda setup: DECAYS, words.between(0, 100)),
    Setting("l1", "L1: each update pulls a weight towards 0 by so much, whatever its size", False, views.l1,
            views.to_l1, lambda setup: DECAYS, words.between(0, 100)),
    Setting("stride", "training steps of > and <", False, lambda setup: setup.stride,
            lambda setup, value: replace(setup, stride=value), lambda setup: bounds.STRIDES, words.whole(1, 100_000)),
    Setting("clip", "the gradient is made no longer than this", False, views.at("optimizer", "clip_norm"),
            views.put("optimizer", "clip_norm"), lambda setup: CLIPS, words.between(1e-6, 1e6, off=True)),
    Setting("momentum", "of sgd: so much of the step before is kept", False, views.momentum, views.to_momentum,
            lambda setup: (0.0, 0.5, 0.8, 0.9, 0.95, 0.99), words.between(0, 1), "moment"),
)  # fmt: skip
OWN = ("test", "points", "discretize", "stride")
"""The settings that are the playground's alone: no network file has them, and nothing is trained otherwise."""
BY_NAME: Mapping[str, Setting] = {row.name: row for row in SETTINGS}


def _seed(setup: Setup) -> int:
    return max(0, int(setup.value("seed") or 0) - 1)


def said(setup: Setup, text: str) -> tuple[Setting, Setup]:
    """A line that sets something: its row, and what is played with then. UserError for any other line."""
    word, *rest = text.split() or [""]
    aliases = {row.short: row.name for row in SETTINGS if row.short} | {"lr": "rate", "learning_rate": "rate"}
    row = BY_NAME.get(aliases.get(word, word))
    if row is None:
        known = ", ".join(BY_NAME)
        raise UserError(word[:40] or ":", "is no setting", did_you_mean(word, BY_NAME, known))
    return row, row.said(setup, rest)
